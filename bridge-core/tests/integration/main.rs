//! Sessions with real processes. The children are `echo.py`, which speaks the protocol and runs a toy language, so
//! that every fault can be brought about; `real` runs Python and Elixir themselves.
#![cfg(feature = "host")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod rig;

mod cells;
mod ends;
mod faults;
mod interrupts;
mod questions;
mod real;
mod records;
mod subshells;

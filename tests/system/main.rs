//! The whole system through its command line: the real binary, the user's python3, a real BEAM.
//! What needs a terminal is tested in `repl/`.

mod cells;
mod exports;
mod faults;
mod files;
mod harness;
mod introspect;
mod kernel;
mod names;
mod notebooks;
mod pythons;

//! The prompt in a real terminal: the built program on a pseudo-terminal, its screen kept by an emulator.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod bench;
mod cells;
mod commands;
mod configuration;
mod editing;
mod fuzz;
mod keys;
mod looks;
mod menu;
mod screen;
mod shown;
mod themes;

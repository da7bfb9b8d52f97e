//! The prompt in a real terminal: the built program on a pseudo-terminal, its screen kept by an emulator.

mod cells;
mod editing;
mod looks;
mod screen;

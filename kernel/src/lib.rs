//! The Jupyter kernel: one session of Elixir and Python cells for every Jupyter client.
//!
//! It translates: requests of clients become cells and questions of a [`bridge_core::session::Session`], and what
//! cells do becomes messages. It runs no code itself.

pub mod codepoints;
pub mod connection;
pub mod error;
pub mod message;

pub mod kernelspec;
pub mod labextension;

mod cell;
mod comm;
mod control;
mod debugger;
mod history;
mod info;
mod iopub;
mod kernel;
mod language;
mod outbox;
mod questions;
mod restart;
mod shell;
mod sockets;
mod subshells;
mod usage;
mod variables;
mod zmtp;

pub use kernel::{Options, run};

/// A line for the log: Jupyter shows what kernels write there.
fn tell(text: &str) {
    use std::io::Write;
    // Nobody may be listening any more.
    let _ = writeln!(std::io::stderr(), "snakebridge kernel: {text}");
}

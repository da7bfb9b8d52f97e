//! The shared crate of SnakeBridge, in three layers, each depending only on those above it.
//!
//! 1. [`term`], [`wire`]: bytes and terms only. No I/O, no threads, no clock.
//! 2. `refs`, `marshal`, `steps`, `exception`: Python objects, behind the `python` feature; runs in the worker.
//! 3. `session`, `runtime`, `record`, `notebook`, `language`, `ansi`: behind the `host` feature; runs in the front ends.
//!
//! It knows nothing of terminals and nothing of Jupyter.
#![warn(missing_docs)]

pub mod term;
pub mod wire;

#[cfg(feature = "python")]
pub mod exception;
#[cfg(feature = "python")]
mod import;
#[cfg(feature = "python")]
pub mod marshal;
#[cfg(feature = "python")]
pub mod refs;
#[cfg(feature = "python")]
pub mod steps;

#[cfg(feature = "host")]
pub mod ansi;
pub mod error;
#[cfg(feature = "host")]
pub mod language;
#[cfg(feature = "host")]
pub mod notebook;
#[cfg(feature = "host")]
pub mod record;
#[cfg(feature = "host")]
pub mod runtime;
#[cfg(feature = "host")]
pub mod session;

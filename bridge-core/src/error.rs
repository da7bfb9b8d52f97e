//! The `hint:` that goes with an error, and the errors of the host layer.
//!
//! Errors of the pure layers live beside them (`term`, `wire`); a failing cell is no error here but an event.

#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
pub use host::{Error, Result};

/// What to do about an error, where there is something to do.
///
/// The error itself says what happened and where; front ends print the hint on a line of its own.
pub trait Hint {
    /// A sentence or a command, without the word `hint`.
    fn hint(&self) -> Option<String>;
}

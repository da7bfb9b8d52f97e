//! Python objects to terms and back, straight from one to the other: no tree in between.
//!
//! By exact type, so that nothing is lost: a subclass, a cyclic structure, and every object that has no counterpart
//! becomes a ref. Both directions keep their own stack on the heap, so nesting cannot overflow a thread's. Nothing
//! here knows sockets or threads; a callable from Elixir reaches them through [`Elixir`].

mod array;
mod buffer;
mod callable;
mod decoders;
mod describe;
mod from_python;
mod function;
mod numpy;
mod opaque;
pub mod pin;
mod plain;
mod structs;
mod to_python;
mod types;

use std::borrow::Cow;

use pyo3::PyErr;

pub use callable::encode_argument;
pub use decoders::set_decoders;
pub use describe::{kind, lossy_text, type_name};
pub use from_python::{Encoding, digest, encode_value, encode_value_as};
pub use opaque::{Elixir, ElixirFunction, ElixirTerm, set_elixir};
pub use plain::encode_plain;
pub use to_python::{Decoder, decode_value};
pub(crate) use types::{is_method, is_python_function};

use crate::term;

/// How deep lists, tuples, maps and sets may nest, in both directions. Far above what data needs, and low enough
/// that Python itself can still take such an object apart.
pub const MAX_DEPTH: usize = 10_000;

/// The most bytes that the absolute value of an integer may take, in both directions: what every BEAM reads.
pub const MAX_INTEGER_BYTES: usize = term::Writer::MAX_INTEGER_BYTES;

/// Why a conversion, or a request, failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// Python code raised.
    Python(PyErr),
    /// The bridge refuses.
    Bridge(Refusal),
}

/// A refusal of the bridge, with the protocol's reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One of the protocol's reasons, for example `not_convertible`.
    pub reason: &'static str,
    /// What happened, and where.
    pub message: Cow<'static, str>,
    /// What to do about it.
    pub hint: Option<Cow<'static, str>>,
}

/// The result of what may run Python code.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A refusal.
    pub fn refuse(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Failure::Bridge(Refusal {
            reason,
            message: message.into(),
            hint: None,
        })
    }

    /// A refusal of a value that has no counterpart on the other side.
    pub fn not_convertible(message: impl Into<Cow<'static, str>>) -> Self {
        Failure::refuse("not_convertible", message)
    }

    /// The same failure with a hint, where it is the bridge's own.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        if let Failure::Bridge(refusal) = &mut self {
            refusal.hint = Some(hint.into());
        }
        self
    }

    fn too_deep() -> Self {
        Failure::refuse(
            "too_deep",
            format!("the value is nested deeper than {MAX_DEPTH} levels"),
        )
        .with_hint("send a flatter value, or keep it where it is and send a ref")
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Failure::Python(error)
    }
}

impl From<term::Error> for Failure {
    fn from(error: term::Error) -> Self {
        match error {
            term::Error::TooLong { .. } => Failure::not_convertible(error.to_string()),
            other => Failure::refuse("bad_message", other.to_string()),
        }
    }
}

//! The External Term Format: the bytes in which BEAM writes terms, read and written.
//!
//! Two levels.
//! [`Reader`] and [`Writer`] work token by token and build nothing: who turns terms into something else (the
//! worker's Python objects) stands on them.
//! [`Term`] is an owned tree, for code that wants to hold a term, look into it and compare it.
//!
//! What a peer sends is not trusted. Reading never panics, never recurses, believes no count that the input cannot
//! hold, and so never allocates more than a constant times the input. Every tag that BEAM writes on OTP 25 to 29 is
//! read, and the older ones that BEAM itself still reads. Identifiers, funs and native records are opaque: their
//! encoded bytes are kept and written back as they came.
//!
//! This module is not the distribution protocol (no atom cache, no fragments), and it does no I/O: it gets a whole
//! term as bytes. Framing is the business of `wire`.
//!
//! ```
//! use bridge_core::term::{Reader, Term, Token, Writer};
//!
//! let reply = Term::tuple([Term::atom("ok"), Term::from(42)]);
//! let bytes = reply.encode()?;
//! assert_eq!(Term::decode(&bytes)?, reply);
//!
//! // The same bytes, token by token.
//! let mut reader = Reader::new(&bytes)?;
//! assert_eq!(reader.token()?, Token::Tuple(2));
//! assert_eq!(reader.token()?, Token::Atom("ok".into()));
//! assert_eq!(reader.token()?, Token::Int(42));
//! reader.finish()?;
//!
//! let mut writer = Writer::new();
//! writer.tuple_header(2)?;
//! writer.atom("ok")?;
//! writer.int(42);
//! assert_eq!(writer.into_bytes(), bytes);
//! # Ok::<(), bridge_core::term::Error>(())
//! ```

mod reader;
mod token;
mod writer;

mod tree;

mod decode;
mod encode;

mod display;
mod identity;

mod inflate;

mod error;
mod tag;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use inflate::inflate;
pub use reader::Reader;
pub use token::{OpaqueKind, Token};
pub use tree::{Map, Term, Terms};
pub use writer::Writer;

/// How much a term may ask for beyond its own bytes.
///
/// ```
/// use bridge_core::term::{Limits, Term};
///
/// let nested = Term::tuple([Term::tuple([Term::tuple([1])])]).encode()?;
/// let limits = Limits { max_depth: 2, ..Limits::default() };
/// let error = Term::decode_with(&nested, &limits).unwrap_err();
/// assert!(error.to_string().contains("nested deeper than 2"));
/// # Ok::<(), bridge_core::term::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that a compressed term may inflate to. One gibibyte by default.
    pub max_inflated: usize,
    /// How deep lists, tuples and maps of a [`Term`] may nest. A million by default: no term that a program writes
    /// by intention comes near, and the decoder needs no stack for it.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_inflated: 1 << 30,
            max_depth: 1_000_000,
        }
    }
}

//! What a [`Reader`](super::Reader) reads.

use std::borrow::Cow;

/// One step of a term: a whole leaf, or the head of a container.
///
/// After a head its parts follow as tokens of their own: the `n` elements **and then the tail** of a `List(n)`, the
/// elements of a `Tuple`, key and value in turn of a `Map`.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'a> {
    /// An integer that fits 64 bits, however it was encoded.
    Int(i64),
    /// An integer outside of `i64`.
    BigInt {
        /// Whether it is below zero.
        negative: bool,
        /// The absolute value, least significant byte first; the last byte is not zero.
        magnitude: &'a [u8],
    },
    /// A float, always finite.
    Float(f64),
    /// An atom; borrowed unless it came as Latin-1 with characters beyond ASCII.
    Atom(Cow<'a, str>),
    /// A binary.
    Binary(&'a [u8]),
    /// A bit string that does not end at a byte's end.
    BitBinary {
        /// The bytes, at least one.
        bytes: &'a [u8],
        /// How many bits of the last byte count, from the most significant: 1 to 7. The others can be anything.
        last_bits: u8,
    },
    /// The empty list; not Elixir's `nil`, which is an atom.
    Nil,
    /// A list of integers 0 to 255, whole, tail included; never empty. A charlist arrives so.
    String(&'a [u8]),
    /// A list of so many elements, at least one. The tail follows the elements: [`Nil`](Token::Nil) for a proper
    /// list (see [`Reader::end_list`](super::Reader::end_list)); a `List` or `String` there goes on with the same list; any other term makes
    /// the list improper. BEAM writes no list in pieces, but reads it.
    List(usize),
    /// A tuple of so many elements.
    Tuple(usize),
    /// A map of so many pairs.
    Map(usize),
    /// An identifier, fun or native record, whole: its encoded bytes without a version byte, as
    /// [`Writer::raw`](super::Writer::raw) takes them.
    Opaque(OpaqueKind, &'a [u8]),
}

/// What an opaque term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpaqueKind {
    /// A process.
    Pid,
    /// A port.
    Port,
    /// A reference.
    Reference,
    /// A closure, `fn x -> x end`.
    Fun,
    /// A named function, `&Enum.map/2`.
    Export,
    /// A native record of OTP 29.
    Record,
}

impl Token<'_> {
    /// What the token is, in words, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Token::Int(_) | Token::BigInt { .. } => "an integer",
            Token::Float(_) => "a float",
            Token::Atom(_) => "an atom",
            Token::Binary(_) => "a binary",
            Token::BitBinary { .. } => "a bit string",
            Token::Nil | Token::String(_) | Token::List(_) => "a list",
            Token::Tuple(_) => "a tuple",
            Token::Map(_) => "a map",
            Token::Opaque(kind, _) => kind.name(),
        }
    }
}

impl OpaqueKind {
    /// What it is, in words, for messages.
    pub fn name(self) -> &'static str {
        match self {
            OpaqueKind::Pid => "a pid",
            OpaqueKind::Port => "a port",
            OpaqueKind::Reference => "a reference",
            OpaqueKind::Fun | OpaqueKind::Export => "a function",
            OpaqueKind::Record => "a native record",
        }
    }
}

//! What can be wrong with bytes that claim to be a term, or with a term that is to become bytes.

/// Why a term could not be read or written.
///
/// Offsets count bytes from the start of what was given to the reader; inside a compressed term, from the start of
/// the inflated bytes.
///
/// ```
/// use bridge_core::term::Term;
///
/// let error = Term::decode(&[131, 104, 3, 97, 1]).unwrap_err();
/// assert_eq!(error.to_string(), "byte 1: a tuple claims 3 more terms, which the 2 bytes left cannot hold");
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first byte is not the format's version.
    #[error("not an Erlang term: it starts with byte {byte} where every term starts with 131")]
    NotATerm {
        /// The byte found.
        byte: u8,
    },
    /// The input ends inside a term.
    #[error("byte {offset}: the input ends inside {what}; it was cut short on its way")]
    Truncated {
        /// Where the input ended.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// A container claims more elements than there are bytes left.
    #[error("byte {offset}: {what} claims {count} more terms, which the {left} bytes left cannot hold")]
    Count {
        /// Where the container starts.
        offset: usize,
        /// Which container.
        what: &'static str,
        /// How many terms it claims, keys and values counted each.
        count: u64,
        /// How many bytes are left for them.
        left: usize,
    },
    /// A tag that is none of the format's.
    #[error("byte {offset}: no kind of term has the tag {tag}; the bytes are damaged or not a term")]
    UnknownTag {
        /// Where the tag is.
        offset: usize,
        /// The tag.
        tag: u8,
    },
    /// A tag that only another decoder can read.
    #[error("byte {offset}: {what}, which cannot be read here")]
    Unsupported {
        /// Where the tag is.
        offset: usize,
        /// What the tag means, and where it comes from.
        what: &'static str,
    },
    /// A tag whose content breaks the format's rules.
    #[error("byte {offset}: {what}")]
    Malformed {
        /// Where the tag is.
        offset: usize,
        /// The rule that is broken.
        what: &'static str,
    },
    /// A map with the same key twice.
    #[error("byte {offset}: a map has the same key twice")]
    DuplicateKey {
        /// Where the map ends.
        offset: usize,
    },
    /// Lists, tuples and maps nest deeper than the caller allows.
    #[error("byte {offset}: the term is nested deeper than {limit}, the limit set for it")]
    TooDeep {
        /// Where the limit was passed.
        offset: usize,
        /// The limit.
        limit: usize,
    },
    /// Bytes follow the term.
    #[error("byte {offset}: the term ends here, but {count} more bytes follow")]
    TrailingBytes {
        /// Where the term ended.
        offset: usize,
        /// How many bytes follow.
        count: usize,
    },
    /// The caller stopped reading inside a term.
    #[error("byte {offset}: {owed} parts of the term have not been read")]
    Unread {
        /// Where reading stopped.
        offset: usize,
        /// How many elements of open containers, and tails of lists, are left.
        owed: u64,
    },
    /// The caller read on after the end of the term.
    #[error("byte {offset}: the term is complete, there is no further part to read")]
    PastEnd {
        /// Where the term ended.
        offset: usize,
    },
    /// A term of one kind where the caller needs another.
    #[error("byte {offset}: expected {expected}, found {found}")]
    Unexpected {
        /// Where the term starts.
        offset: usize,
        /// What the caller needs.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A tuple of another size than the caller needs.
    #[error("byte {offset}: expected a tuple of {expected}, found one of {found}")]
    Arity {
        /// Where the tuple starts.
        offset: usize,
        /// The size that the caller needs.
        expected: usize,
        /// The size found.
        found: usize,
    },
    /// A compressed term given to a [`Reader`](super::Reader), which borrows its input.
    #[error("the term is compressed; inflate it before reading")]
    Compressed,
    /// A compressed term that would become larger than the caller allows.
    #[error("the compressed term inflates to {size} bytes, more than the limit of {limit}")]
    InflatedTooLarge {
        /// The size that the term claims.
        size: u64,
        /// The limit.
        limit: usize,
    },
    /// A compressed term whose content does not inflate to what it claims.
    #[error("the compressed term is damaged: {what}")]
    Inflate {
        /// What went wrong.
        what: &'static str,
    },
    /// A float that BEAM has no term for.
    #[error("{value} is no Erlang float; BEAM has neither infinities nor NaN")]
    NotFinite {
        /// The float.
        value: f64,
    },
    /// A term too large for the format, or for BEAM.
    #[error("the number of {what} is {length}, and BEAM takes at most {limit}")]
    TooLong {
        /// The number of what.
        what: &'static str,
        /// How many there are.
        length: u64,
        /// How many there can be.
        limit: u64,
    },
}

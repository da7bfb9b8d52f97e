//! Reading a term token by token from a byte slice: no tree, no recursion, no copy.
//!
//! It does not inflate (see [`inflate`](super::inflate)) and does not look for duplicate keys: both need memory.

use std::borrow::Cow;

use super::{Error, OpaqueKind, Token, tag};

/// A cursor over the bytes of one term.
///
/// It counts the terms still owed by the containers it has opened, each of which takes at least a byte, and refuses
/// a count that the bytes left cannot hold. So a caller may allocate by the counts it is given: all of them together
/// never exceed the input's length. After an error the reader stands somewhere inside the term.
///
/// ```
/// use bridge_core::term::{Reader, Token};
///
/// // [1, 300 | :x]
/// let bytes = [131, 108, 0, 0, 0, 2, 97, 1, 98, 0, 0, 1, 44, 119, 1, b'x'];
/// let mut reader = Reader::new(&bytes)?;
/// assert_eq!(reader.token()?, Token::List(2));
/// assert_eq!(reader.token()?, Token::Int(1));
/// assert_eq!(reader.token()?, Token::Int(300));
/// assert!(!reader.end_list());
/// assert_eq!(reader.token()?, Token::Atom("x".into()));
/// reader.finish()?;
/// # Ok::<(), bridge_core::term::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: &'a [u8],
    rest: &'a [u8],
    /// How many terms must still come for the outermost one to be whole.
    owed: u64,
}

impl<'a> Reader<'a> {
    /// Reads a whole term, which starts with the version byte 131.
    pub fn new(input: &'a [u8]) -> Result<Self, Error> {
        match input {
            [tag::VERSION, tag::COMPRESSED, ..] => Err(Error::Compressed),
            [tag::VERSION, rest @ ..] => Ok(Reader { input, rest, owed: 1 }),
            [byte, ..] => Err(Error::NotATerm { byte: *byte }),
            [] => Err(Error::Truncated {
                offset: 0,
                what: "the term's first byte",
            }),
        }
    }

    /// Reads a term without a version byte, as [`skip`](Reader::skip) and opaque tokens give it.
    pub fn fragment(input: &'a [u8]) -> Self {
        Reader {
            input,
            rest: input,
            owed: 1,
        }
    }

    /// How many bytes have been read.
    #[inline]
    pub fn offset(&self) -> usize {
        self.input.len() - self.rest.len()
    }

    /// The bytes that have not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next token. Cost: constant for every kind but atoms (which are checked to be text) and opaque terms
    /// (whose extent must be found).
    #[inline]
    pub fn token(&mut self) -> Result<Token<'a>, Error> {
        // The two tags that long lists of numbers consist of, small enough to be inlined into the caller's loop.
        if self.owed > 0 {
            if let [tag::SMALL_INTEGER, value, rest @ ..] = self.rest {
                self.owed -= 1;
                self.rest = rest;
                return Ok(Token::Int(i64::from(*value)));
            }
            if let [tag::INTEGER, a, b, c, d, rest @ ..] = self.rest {
                self.owed -= 1;
                self.rest = rest;
                return Ok(Token::Int(i64::from(i32::from_be_bytes([*a, *b, *c, *d]))));
            }
        }
        self.any_token()
    }

    /// After the last element of a [`List`](Token::List): whether the list ends here. If not, its tail is the next
    /// term.
    #[inline]
    pub fn end_list(&mut self) -> bool {
        match self.rest {
            [tag::NIL, rest @ ..] if self.owed > 0 => {
                self.owed -= 1;
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Passes over the next term and returns its bytes, without a version byte. It is checked as it is passed.
    ///
    /// ```
    /// use bridge_core::term::{Reader, Term};
    ///
    /// let bytes = Term::tuple([Term::from("args"), Term::list([1, 2])]).encode()?;
    /// let mut reader = Reader::new(&bytes)?;
    /// reader.expect_tuple(2)?;
    /// assert_eq!(reader.expect_str()?, "args");
    /// let args = reader.skip()?;
    /// assert_eq!(Term::read(&mut Reader::fragment(args))?, Term::list([1, 2]));
    /// # Ok::<(), bridge_core::term::Error>(())
    /// ```
    pub fn skip(&mut self) -> Result<&'a [u8], Error> {
        let start = self.rest;
        if self.owed == 0 {
            return Err(Error::PastEnd {
                offset: self.offset(),
            });
        }
        self.settle(self.owed - 1)?;
        Ok(&start[..start.len() - self.rest.len()])
    }

    /// Checks that the term has been read to its end and nothing follows.
    pub fn finish(&self) -> Result<(), Error> {
        let offset = self.offset();
        if self.owed > 0 {
            return Err(Error::Unread {
                offset,
                owed: self.owed,
            });
        }
        match self.rest.len() {
            0 => Ok(()),
            count => Err(Error::TrailingBytes { offset, count }),
        }
    }

    /// The next token, which must be the head of a tuple of this arity.
    pub fn expect_tuple(&mut self, arity: usize) -> Result<(), Error> {
        let offset = self.offset();
        match self.token()? {
            Token::Tuple(n) if n == arity => Ok(()),
            Token::Tuple(found) => Err(Error::Arity {
                offset,
                expected: arity,
                found,
            }),
            other => Err(Error::Unexpected {
                offset,
                expected: "a tuple",
                found: other.kind(),
            }),
        }
    }

    /// The next token, which must be an atom.
    pub fn expect_atom(&mut self) -> Result<Cow<'a, str>, Error> {
        let offset = self.offset();
        match self.token()? {
            Token::Atom(name) => Ok(name),
            other => Err(Error::Unexpected {
                offset,
                expected: "an atom",
                found: other.kind(),
            }),
        }
    }

    /// The next token, which must be an integer of at most 64 bits.
    pub fn expect_int(&mut self) -> Result<i64, Error> {
        let offset = self.offset();
        match self.token()? {
            Token::Int(value) => Ok(value),
            Token::BigInt { .. } => Err(Error::Unexpected {
                offset,
                expected: "an integer of 64 bits",
                found: "a larger one",
            }),
            other => Err(Error::Unexpected {
                offset,
                expected: "an integer",
                found: other.kind(),
            }),
        }
    }

    /// The next token, which must be a binary.
    pub fn expect_binary(&mut self) -> Result<&'a [u8], Error> {
        let offset = self.offset();
        match self.token()? {
            Token::Binary(bytes) => Ok(bytes),
            other => Err(Error::Unexpected {
                offset,
                expected: "a binary",
                found: other.kind(),
            }),
        }
    }

    /// The next token, which must be a binary that holds UTF-8: an Elixir string.
    pub fn expect_str(&mut self) -> Result<&'a str, Error> {
        let offset = self.offset();
        std::str::from_utf8(self.expect_binary()?).map_err(|_| Error::Unexpected {
            offset,
            expected: "a string",
            found: "a binary that is not UTF-8",
        })
    }

    #[inline(never)]
    fn any_token(&mut self) -> Result<Token<'a>, Error> {
        let start = self.rest;
        let owed = self.owed;
        match self.step()? {
            Token::Opaque(kind, _) => {
                self.settle(owed - 1)?;
                Ok(Token::Opaque(kind, &start[..start.len() - self.rest.len()]))
            }
            token => Ok(token),
        }
    }

    /// Reads on until only so many terms are owed. The count stands in for the stack that nesting would need.
    fn settle(&mut self, owed: u64) -> Result<(), Error> {
        while self.owed > owed {
            self.step()?;
        }
        Ok(())
    }

    /// Reads one leaf or one head. Of an opaque term only the head: what its free variables or fields owe is left.
    fn step(&mut self) -> Result<Token<'a>, Error> {
        let offset = self.offset();
        self.owed = self.owed.checked_sub(1).ok_or(Error::PastEnd { offset })?;
        loop {
            let offset = self.offset();
            let malformed = |what| Error::Malformed { offset, what };
            let unsupported = |what| Error::Unsupported { offset, what };
            let tag = self.u8("a term")?;
            return Ok(match tag {
                tag::SMALL_INTEGER => Token::Int(i64::from(self.u8("an integer")?)),
                tag::INTEGER => Token::Int(i64::from(i32::from_be_bytes(*self.array("an integer")?))),
                tag::SMALL_BIG => {
                    let length = usize::from(self.u8("an integer")?);
                    self.big(length)?
                }
                tag::LARGE_BIG => {
                    let length = self.length("an integer")?;
                    self.big(length)?
                }
                tag::NEW_FLOAT => {
                    let value = f64::from_be_bytes(*self.array("a float")?);
                    match value.is_finite() {
                        true => Token::Float(value),
                        false => return Err(malformed("a float is infinite or NaN, which BEAM has not")),
                    }
                }
                tag::FLOAT => match float_from_text(self.array::<31>("a float")?) {
                    Some(value) => Token::Float(value),
                    None => return Err(malformed("the text of a float is not a finite number")),
                },
                tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::SMALL_ATOM | tag::ATOM => {
                    Token::Atom(self.atom_text(tag, offset)?)
                }
                tag::BINARY => {
                    let length = self.length("a binary")?;
                    Token::Binary(self.bytes(length, "a binary")?)
                }
                tag::BIT_BINARY => {
                    let length = self.length("a bit string")?;
                    let last_bits = self.u8("a bit string")?;
                    let bytes = self.bytes(length, "a bit string")?;
                    match (length, last_bits) {
                        (1.., 8) => Token::Binary(bytes),
                        (1.., 1..=7) => Token::BitBinary { bytes, last_bits },
                        _ => {
                            return Err(malformed(
                                "a bit string gives a wrong number of bits for its last byte",
                            ));
                        }
                    }
                }
                tag::NIL => Token::Nil,
                tag::STRING => {
                    let length = usize::from(self.u16("a list")?);
                    match self.bytes(length, "a list")? {
                        [] => Token::Nil,
                        bytes => Token::String(bytes),
                    }
                }
                tag::LIST => match self.length("a list")? {
                    // A list of no elements is its tail, as in BEAM.
                    0 => continue,
                    length => {
                        self.owe(length as u64 + 1, "a list", offset)?;
                        Token::List(length)
                    }
                },
                tag::SMALL_TUPLE => {
                    let arity = usize::from(self.u8("a tuple")?);
                    self.owe(arity as u64, "a tuple", offset)?;
                    Token::Tuple(arity)
                }
                tag::LARGE_TUPLE => {
                    let arity = self.length("a tuple")?;
                    self.owe(arity as u64, "a tuple", offset)?;
                    Token::Tuple(arity)
                }
                tag::MAP => {
                    let pairs = self.length("a map")?;
                    self.owe(2 * pairs as u64, "a map", offset)?;
                    Token::Map(pairs)
                }
                tag::PID | tag::NEW_PID => {
                    self.pid(tag)?;
                    self.opaque(OpaqueKind::Pid)
                }
                tag::PORT | tag::NEW_PORT | tag::V4_PORT => {
                    self.atom("a port")?;
                    let id_and_creation = match tag {
                        tag::PORT => 5,
                        tag::NEW_PORT => 8,
                        _ => 12,
                    };
                    self.bytes(id_and_creation, "a port")?;
                    self.opaque(OpaqueKind::Port)
                }
                tag::REFERENCE => {
                    self.atom("a reference")?;
                    self.bytes(5, "a reference")?;
                    self.opaque(OpaqueKind::Reference)
                }
                tag::NEW_REFERENCE | tag::NEWER_REFERENCE => {
                    let words = usize::from(self.u16("a reference")?);
                    if !(1..=5).contains(&words) {
                        return Err(malformed("a reference has not 1 to 5 words"));
                    }
                    self.atom("a reference")?;
                    let creation = if tag == tag::NEW_REFERENCE { 1 } else { 4 };
                    self.bytes(creation + 4 * words, "a reference")?;
                    self.opaque(OpaqueKind::Reference)
                }
                tag::NEW_FUN => {
                    // Size, arity, module checksum, index; the size adds nothing to what the parts say.
                    self.bytes(4 + 1 + 16 + 4, "a function")?;
                    let free = self.length("a function")?;
                    if free > 255 {
                        return Err(malformed("a function has more than 255 free variables"));
                    }
                    self.atom("a function")?;
                    self.small_int("a function")?;
                    self.small_int("a function")?;
                    let offset = self.offset();
                    match self.u8("a function")? {
                        tag @ (tag::PID | tag::NEW_PID) => self.pid(tag)?,
                        _ => {
                            return Err(Error::Malformed {
                                offset,
                                what: "a function's process is not a pid",
                            });
                        }
                    }
                    self.owe(free as u64, "a function", offset)?;
                    self.opaque(OpaqueKind::Fun)
                }
                tag::EXPORT => {
                    self.atom("a function")?;
                    self.atom("a function")?;
                    match self.array("a function")? {
                        [tag::SMALL_INTEGER, _arity] => self.opaque(OpaqueKind::Export),
                        _ => return Err(malformed("a function's arity is not a small integer")),
                    }
                }
                tag::RECORD => {
                    let fields = self.length("a native record")?;
                    if self.u8("a native record")? > 1 {
                        return Err(malformed("a native record has unknown flags"));
                    }
                    self.atom("a native record")?;
                    self.atom("a native record")?;
                    for _ in 0..fields {
                        self.atom("a native record")?;
                    }
                    self.owe(fields as u64, "a native record", offset)?;
                    self.opaque(OpaqueKind::Record)
                }
                tag::LOCAL => {
                    return Err(unsupported(
                        "a term of term_to_binary(Term, [local]), readable only by the BEAM that wrote it",
                    ));
                }
                tag::ATOM_CACHE_REF => {
                    return Err(unsupported(
                        "a reference to the atom cache of a connection between BEAM nodes",
                    ));
                }
                tag::DIST_HEADER | tag::DIST_FRAGMENT => {
                    return Err(unsupported("the header of a message between BEAM nodes"));
                }
                tag::FUN => return Err(unsupported("a function written before OTP R8")),
                tag::COMPRESSED => return Err(malformed("a compressed term stands inside of a term")),
                tag::VERSION => return Err(malformed("a second version byte stands inside of a term")),
                tag => return Err(Error::UnknownTag { offset, tag }),
            });
        }
    }

    /// Takes note of terms to come, having made sure that the bytes left can hold them.
    fn owe(&mut self, count: u64, what: &'static str, offset: usize) -> Result<(), Error> {
        let owed = self.owed + count;
        if owed > self.rest.len() as u64 {
            return Err(Error::Count {
                offset,
                what,
                count,
                left: self.rest.len(),
            });
        }
        self.owed = owed;
        Ok(())
    }

    /// Marks an opaque term; its bytes are known only when its end is (see `any_token`).
    fn opaque(&self, kind: OpaqueKind) -> Token<'a> {
        Token::Opaque(kind, &[])
    }

    fn big(&mut self, length: usize) -> Result<Token<'a>, Error> {
        let negative = self.u8("an integer")? != 0;
        let digits = self.bytes(length, "an integer")?;
        let significant = digits
            .iter()
            .rposition(|&digit| digit != 0)
            .map_or(0, |last| last + 1);
        let magnitude = &digits[..significant];
        if significant <= 8 {
            let mut word = [0; 8];
            word[..significant].copy_from_slice(magnitude);
            let word = i128::from(u64::from_le_bytes(word));
            if let Ok(value) = i64::try_from(if negative { -word } else { word }) {
                return Ok(Token::Int(value));
            }
        }
        Ok(Token::BigInt { negative, magnitude })
    }

    fn atom(&mut self, what: &'static str) -> Result<Cow<'a, str>, Error> {
        let offset = self.offset();
        match self.u8(what)? {
            tag @ (tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::SMALL_ATOM | tag::ATOM) => {
                self.atom_text(tag, offset)
            }
            tag::ATOM_CACHE_REF => Err(Error::Unsupported {
                offset,
                what: "a reference to the atom cache of a connection between BEAM nodes",
            }),
            _ => Err(Error::Malformed {
                offset,
                what: "an atom was expected here",
            }),
        }
    }

    fn atom_text(&mut self, tag: u8, offset: usize) -> Result<Cow<'a, str>, Error> {
        const WHAT: &str = "an atom";
        let length = match tag {
            tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM => usize::from(self.u8(WHAT)?),
            _ => usize::from(self.u16(WHAT)?),
        };
        let bytes = self.bytes(length, WHAT)?;
        let text = match tag {
            tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 => {
                Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| Error::Malformed {
                    offset,
                    what: "the text of an atom is not UTF-8",
                })?)
            }
            _ => match std::str::from_utf8(bytes) {
                Ok(ascii) if bytes.is_ascii() => Cow::Borrowed(ascii),
                _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
            },
        };
        match length > 255 && text.chars().count() > 255 {
            true => Err(Error::Malformed {
                offset,
                what: "an atom has more than 255 characters",
            }),
            false => Ok(text),
        }
    }

    fn pid(&mut self, tag: u8) -> Result<(), Error> {
        self.atom("a pid")?;
        let id_serial_creation = if tag == tag::PID { 9 } else { 12 };
        self.bytes(id_serial_creation, "a pid").map(|_| ())
    }

    fn small_int(&mut self, what: &'static str) -> Result<(), Error> {
        let offset = self.offset();
        match self.u8(what)? {
            tag::SMALL_INTEGER => self.bytes(1, what).map(|_| ()),
            tag::INTEGER => self.bytes(4, what).map(|_| ()),
            _ => Err(Error::Malformed {
                offset,
                what: "an integer was expected here",
            }),
        }
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, Error> {
        self.array(what).map(|&[byte]| byte)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, Error> {
        self.array(what).copied().map(u16::from_be_bytes)
    }

    fn length(&mut self, what: &'static str) -> Result<usize, Error> {
        // BEAM's hosts have at least 32 bits.
        self.array(what)
            .copied()
            .map(|bytes| u32::from_be_bytes(bytes) as usize)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<&'a [u8; N], Error> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| self.truncated(what))?;
        self.rest = rest;
        Ok(head)
    }

    fn bytes(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| self.truncated(what))?;
        self.rest = rest;
        Ok(head)
    }

    fn truncated(&self, what: &'static str) -> Error {
        Error::Truncated {
            offset: self.input.len(),
            what,
        }
    }
}

/// Reads what `sprintf("%.20e")` writes, padded with zero bytes. Rust also reads `inf`, `15` and `1e3`; BEAM does not.
fn float_from_text(bytes: &[u8; 31]) -> Option<f64> {
    let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..length]).ok()?;
    let (whole, rest) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole.strip_prefix(['+', '-']).unwrap_or(whole))
        || !rest.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

//! Writing a term token by token, in the encodings that BEAM itself would choose.
//!
//! It does not check that a container gets as many elements as its header promised: that is the caller's.

use num_bigint::{BigInt, Sign};

use super::tag;
use super::{Error, Term};

/// Appends a term to a buffer.
///
/// ```
/// use bridge_core::term::{Term, Writer};
///
/// let mut writer = Writer::new();
/// writer.map_header(1)?;
/// writer.atom("xs")?;
/// writer.list_header(2)?;
/// writer.int(1);
/// writer.float(0.5)?;
/// writer.nil(); // the list's tail
/// let xs = Term::list([Term::from(1), Term::from(0.5)]);
/// assert_eq!(Term::decode(writer.as_bytes())?, Term::map([(Term::atom("xs"), xs)]));
/// # Ok::<(), bridge_core::term::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// The most bytes of an integer that every BEAM from OTP 25 to 29 reads; one more, and newer ones refuse the
    /// whole term that it is in.
    pub const MAX_INTEGER_BYTES: usize = 524_280;

    /// The most elements of a tuple that every BEAM from OTP 25 to 29 reads.
    pub const MAX_TUPLE_ARITY: usize = (1 << 24) - 1;

    /// Starts a whole term, with its version byte.
    pub fn new() -> Self {
        Writer {
            out: vec![tag::VERSION],
        }
    }

    /// Starts a term without a version byte, as [`raw`](Writer::raw) takes it.
    pub fn fragment() -> Self {
        Writer::default()
    }

    /// Starts a whole term after what the buffer already holds, such as room for a frame's header.
    pub fn append_to(mut out: Vec<u8>) -> Self {
        out.push(tag::VERSION);
        Writer { out }
    }

    /// What has been written, from the buffer's start.
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// The buffer.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// The length of what has been written: a place to which [`rewind`](Writer::rewind) can go back.
    #[inline]
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Forgets all that was written after `position`, for a value that turned out to have no term.
    pub fn rewind(&mut self, position: usize) {
        self.out.truncate(position);
    }

    /// Puts encoded bytes before what was written from `position` on, for a value that turns out to need a wrapper.
    /// Moves all that follows.
    pub fn insert(&mut self, position: usize, encoded: &[u8]) {
        self.out.splice(position..position, encoded.iter().copied());
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        if let Ok(byte) = u8::try_from(value) {
            self.out.extend_from_slice(&[tag::SMALL_INTEGER, byte]);
        } else if let Ok(word) = i32::try_from(value) {
            let [a, b, c, d] = word.to_be_bytes();
            self.out.extend_from_slice(&[tag::INTEGER, a, b, c, d]);
        } else {
            self.small_big(value < 0, value.unsigned_abs());
        }
    }

    /// An integer that may be above the range of [`int`](Writer::int).
    pub fn u64(&mut self, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.int(value),
            Err(_) => self.small_big(false, value),
        }
    }

    /// An integer by its absolute value, least significant byte first; at most
    /// [`MAX_INTEGER_BYTES`](Writer::MAX_INTEGER_BYTES).
    pub fn big(&mut self, negative: bool, magnitude: &[u8]) -> Result<(), Error> {
        let length = magnitude
            .iter()
            .rposition(|&digit| digit != 0)
            .map_or(0, |last| last + 1);
        let digits = &magnitude[..length];
        if length <= 8 {
            let mut word = [0; 8];
            word[..length].copy_from_slice(digits);
            let word = u64::from_le_bytes(word);
            let value = if negative {
                -i128::from(word)
            } else {
                i128::from(word)
            };
            match i64::try_from(value) {
                Ok(value) => self.int(value),
                Err(_) => self.small_big(negative, word),
            }
            return Ok(());
        }
        let what = "bytes of an integer";
        within(what, length, Self::MAX_INTEGER_BYTES)?;
        match u8::try_from(length) {
            Ok(length) => self.out.extend_from_slice(&[tag::SMALL_BIG, length]),
            Err(_) => self.counted(tag::LARGE_BIG, length, what)?,
        }
        self.out.push(u8::from(negative));
        self.out.extend_from_slice(digits);
        Ok(())
    }

    /// An integer of at most [`MAX_INTEGER_BYTES`](Writer::MAX_INTEGER_BYTES).
    pub fn bigint(&mut self, value: &BigInt) -> Result<(), Error> {
        let (sign, magnitude) = value.to_bytes_le();
        self.big(sign == Sign::Minus, &magnitude)
    }

    /// A float; infinities and NaN are an error.
    #[inline]
    pub fn float(&mut self, value: f64) -> Result<(), Error> {
        if !value.is_finite() {
            return Err(Error::NotFinite { value });
        }
        self.out.push(tag::NEW_FLOAT);
        self.out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    /// An atom of at most 255 characters.
    pub fn atom(&mut self, name: &str) -> Result<(), Error> {
        if let Ok(length) = u8::try_from(name.len()) {
            self.out.extend_from_slice(&[tag::SMALL_ATOM_UTF8, length]);
        } else {
            within("characters of an atom", name.chars().count(), 255)?;
            // At most four bytes each.
            let length = name.len() as u16;
            self.out.push(tag::ATOM_UTF8);
            self.out.extend_from_slice(&length.to_be_bytes());
        }
        self.out.extend_from_slice(name.as_bytes());
        Ok(())
    }

    /// The atom `true` or `false`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        const TRUE: &[u8] = &[tag::SMALL_ATOM_UTF8, 4, b't', b'r', b'u', b'e'];
        const FALSE: &[u8] = &[tag::SMALL_ATOM_UTF8, 5, b'f', b'a', b'l', b's', b'e'];
        self.out.extend_from_slice(if value { TRUE } else { FALSE });
    }

    /// A binary; an Elixir string is one that holds UTF-8.
    pub fn binary(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.binary_header(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// The head of a binary whose bytes follow by [`raw`](Writer::raw), in one or more pieces.
    pub fn binary_header(&mut self, length: usize) -> Result<(), Error> {
        self.counted(tag::BINARY, length, "bytes of a binary")
    }

    /// So many zeros, to be written over: what follows [`binary_header`](Writer::binary_header) and is not at hand as
    /// a slice.
    pub fn zeros(&mut self, length: usize) -> &mut [u8] {
        let start = self.out.len();
        self.out.resize(start + length, 0);
        self.since(start)
    }

    /// What was written from `position` on, to be changed in place.
    pub fn since(&mut self, position: usize) -> &mut [u8] {
        &mut self.out[position..]
    }

    /// A bit string, of whose last byte the `last_bits` most significant count, 1 to 7. With any
    /// other number it is a binary.
    pub fn bit_binary(&mut self, bytes: &[u8], last_bits: u8) -> Result<(), Error> {
        let Some((last, head)) = bytes.split_last() else {
            return self.binary(bytes);
        };
        if !(1..8).contains(&last_bits) {
            return self.binary(bytes);
        }
        self.counted(tag::BIT_BINARY, bytes.len(), "bytes of a bit string")?;
        self.out.push(last_bits);
        self.out.extend_from_slice(head);
        self.out.push(last & !(0xff_u8 >> last_bits));
        Ok(())
    }

    /// The empty list, and the tail of a proper one.
    #[inline]
    pub fn nil(&mut self) {
        self.out.push(tag::NIL);
    }

    /// The head of a list of so many elements. After them comes the tail: [`nil`](Writer::nil) for a proper list,
    /// also for one of no elements.
    pub fn list_header(&mut self, length: usize) -> Result<(), Error> {
        match length {
            // A list of no elements is its tail.
            0 => Ok(()),
            length => self.counted(tag::LIST, length, "elements of a list"),
        }
    }

    /// A whole list of integers 0 to 255, in the short encoding where it is short enough for that.
    pub fn byte_list(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match u16::try_from(bytes.len()) {
            Ok(0) => self.nil(),
            Ok(length) => {
                self.out.push(tag::STRING);
                self.out.extend_from_slice(&length.to_be_bytes());
                self.out.extend_from_slice(bytes);
            }
            Err(_) => {
                self.list_header(bytes.len())?;
                for &byte in bytes {
                    self.int(i64::from(byte));
                }
                self.nil();
            }
        }
        Ok(())
    }

    /// The head of a tuple of so many elements, at most [`MAX_TUPLE_ARITY`](Writer::MAX_TUPLE_ARITY).
    pub fn tuple_header(&mut self, arity: usize) -> Result<(), Error> {
        let what = "elements of a tuple";
        within(what, arity, Self::MAX_TUPLE_ARITY)?;
        match u8::try_from(arity) {
            Ok(arity) => self.out.extend_from_slice(&[tag::SMALL_TUPLE, arity]),
            Err(_) => self.counted(tag::LARGE_TUPLE, arity, what)?,
        }
        Ok(())
    }

    /// The head of a map of so many pairs. No key may come twice: BEAM refuses such a map.
    pub fn map_header(&mut self, pairs: usize) -> Result<(), Error> {
        self.counted(tag::MAP, pairs, "pairs of a map")
    }

    /// A term that is already encoded, without its version byte: from [`Reader::skip`](super::Reader::skip), an
    /// opaque token, or another writer. It is not checked.
    #[inline]
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    /// A whole tree.
    pub fn term(&mut self, term: &Term) -> Result<(), Error> {
        super::encode::write(term, self)
    }

    #[inline(never)]
    fn small_big(&mut self, negative: bool, magnitude: u64) {
        let length = (8 - magnitude.leading_zeros() / 8) as u8;
        self.out
            .extend_from_slice(&[tag::SMALL_BIG, length, u8::from(negative)]);
        self.out
            .extend_from_slice(&magnitude.to_le_bytes()[..usize::from(length)]);
    }

    fn counted(&mut self, tag: u8, length: usize, what: &'static str) -> Result<(), Error> {
        within(what, length, u32::MAX as usize)?;
        let [a, b, c, d] = (length as u32).to_be_bytes();
        self.out.extend_from_slice(&[tag, a, b, c, d]);
        Ok(())
    }
}

fn within(what: &'static str, length: usize, limit: usize) -> Result<(), Error> {
    match length <= limit {
        true => Ok(()),
        false => Err(Error::TooLong {
            what,
            length: length as u64,
            limit: limit as u64,
        }),
    }
}

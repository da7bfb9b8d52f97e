//! Bytes to trees, on [`Reader`]'s tokens and a stack on the heap.

use num_bigint::{BigInt, Sign};

use super::identity::{self, MAX_KEY_DEPTH};
use super::{Error, Limits, Map, Reader, Term, Token, inflate};

impl Term {
    /// Reads a whole term, compressed or not, under the default [`Limits`].
    ///
    /// ```
    /// use bridge_core::term::Term;
    ///
    /// // term_to_binary(~c"hi")
    /// let charlist = Term::decode(&[131, 107, 0, 2, b'h', b'i'])?;
    /// assert_eq!(charlist, Term::list([104, 105]));
    /// # Ok::<(), bridge_core::term::Error>(())
    /// ```
    pub fn decode(bytes: &[u8]) -> Result<Term, Error> {
        Term::decode_with(bytes, &Limits::default())
    }

    /// Reads a whole term, compressed or not.
    pub fn decode_with(bytes: &[u8], limits: &Limits) -> Result<Term, Error> {
        let bytes = inflate(bytes, limits)?;
        let mut reader = Reader::new(&bytes)?;
        let term = read(&mut reader, limits)?;
        reader.finish()?;
        Ok(term)
    }

    /// Reads the next term of a reader, under the default [`Limits`], and leaves what follows it.
    pub fn read(reader: &mut Reader<'_>) -> Result<Term, Error> {
        read(reader, &Limits::default())
    }
}

/// A container of which a part has been read.
struct Frame {
    shape: Shape,
    items: Vec<Term>,
    /// How many items are to come. Only a list stays open without any: its tail comes after them.
    left: usize,
    /// In how many keys of maps the container stands.
    key_depth: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    List,
    Tuple,
    /// Keys and values count as items each.
    Map,
}

fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Term, Error> {
    let mut stack = Vec::new();
    loop {
        let offset = reader.offset();
        let at_tail = matches!(stack.last(), Some(Frame { left: 0, .. }));
        let term = match reader.token()? {
            // A list in the place of a list's tail goes on with that list.
            Token::List(length) if at_tail => {
                extend(&mut stack, length);
                continue;
            }
            Token::String(bytes) if at_tail => end_list(&mut stack, bytes),
            Token::Nil if at_tail => end_list(&mut stack, &[]),
            Token::List(length) => {
                open(&mut stack, Shape::List, length, offset, limits)?;
                continue;
            }
            Token::Tuple(arity @ 1..) => {
                open(&mut stack, Shape::Tuple, arity, offset, limits)?;
                continue;
            }
            Token::Map(pairs @ 1..) => {
                open(&mut stack, Shape::Map, 2 * pairs, offset, limits)?;
                continue;
            }
            leaf => leaf_term(leaf),
        };
        if let Some(whole) = put(&mut stack, term, reader)? {
            return Ok(whole);
        }
    }
}

fn open(
    stack: &mut Vec<Frame>,
    shape: Shape,
    items: usize,
    offset: usize,
    limits: &Limits,
) -> Result<(), Error> {
    if stack.len() >= limits.max_depth {
        return Err(Error::TooDeep {
            offset,
            limit: limits.max_depth,
        });
    }
    let key_depth = stack.last().map_or(0, |frame| {
        let is_key = frame.shape == Shape::Map && frame.left % 2 == 0;
        frame.key_depth + usize::from(is_key)
    });
    if key_depth > MAX_KEY_DEPTH && shape == Shape::Map {
        return Err(Error::Malformed {
            offset,
            what: "maps are nested in keys of maps more than 16 deep",
        });
    }
    // The reader has made sure that the input can hold them all.
    stack.push(Frame {
        shape,
        items: Vec::with_capacity(items),
        left: items,
        key_depth,
    });
    Ok(())
}

fn extend(stack: &mut [Frame], length: usize) {
    if let Some(frame) = stack.last_mut() {
        frame.items.reserve(length);
        frame.left = length;
    }
}

fn end_list(stack: &mut Vec<Frame>, tail: &[u8]) -> Term {
    let mut items = stack.pop().map(|frame| frame.items).unwrap_or_default();
    items.extend(tail.iter().map(|&byte| Term::from(byte)));
    Term::List(items.into())
}

/// Puts a whole term where it belongs, and closes the containers which that completes. Returns the outermost term
/// when it is whole.
fn put(stack: &mut Vec<Frame>, mut term: Term, reader: &mut Reader<'_>) -> Result<Option<Term>, Error> {
    loop {
        let Some(frame) = stack.last_mut() else {
            return Ok(Some(term));
        };
        frame.items.push(term);
        let is_tail = frame.left == 0;
        frame.left = frame.left.saturating_sub(1);
        if frame.left > 0 || frame.shape == Shape::List && !is_tail && !reader.end_list() {
            return Ok(None);
        }
        let (shape, items) = (frame.shape, std::mem::take(&mut frame.items));
        stack.pop();
        term = match shape {
            Shape::List if is_tail => Term::ImproperList(items.into()),
            Shape::List => Term::List(items.into()),
            Shape::Tuple => Term::Tuple(items.into()),
            Shape::Map if identity::has_duplicates(&items) => {
                return Err(Error::DuplicateKey {
                    offset: reader.offset(),
                });
            }
            Shape::Map => Term::Map(Map::from_flat(items)),
        };
    }
}

fn leaf_term(token: Token<'_>) -> Term {
    match token {
        Token::Int(value) => Term::Int(value),
        Token::BigInt { negative, magnitude } => {
            let sign = if negative { Sign::Minus } else { Sign::Plus };
            BigInt::from_bytes_le(sign, magnitude).into()
        }
        Token::Float(value) => Term::Float(value),
        Token::Atom(name) => Term::Atom(name.into_owned()),
        Token::Binary(bytes) => Term::Binary(bytes.to_vec()),
        Token::BitBinary { bytes, last_bits } => Term::bit_string(bytes, last_bits),
        Token::String(bytes) => Term::list(bytes.iter().copied()),
        Token::Nil | Token::List(_) => Term::List(Vec::new().into()),
        Token::Tuple(_) => Term::Tuple(Vec::new().into()),
        Token::Map(_) => Term::Map(Map::default()),
        Token::Opaque(kind, bytes) => Term::Opaque(kind, bytes.to_vec()),
    }
}

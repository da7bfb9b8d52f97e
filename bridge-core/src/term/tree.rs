//! A term as an owned tree: what host code holds, builds and takes apart.
//!
//! Building, copying, comparing and dropping it use no stack, however deep it is.

use num_bigint::BigInt;

use super::{Error, OpaqueKind};

/// A term.
///
/// Equality is exact, as `===` in Elixir: `1` and `1.0` differ, so do `0.0` and `-0.0`, and maps are equal whatever
/// the order of their pairs.
///
/// ```
/// use bridge_core::term::Term;
///
/// let message = Term::map([("id", Term::from(7)), ("name", Term::from("df"))]);
/// assert_eq!(message.get("id").and_then(Term::as_i64), Some(7));
/// assert_eq!(message.get("name").and_then(Term::as_str), Some("df"));
/// assert_eq!(message.to_string(), r#"%{"id" => 7, "name" => "df"}"#);
/// ```
#[derive(Clone)]
pub enum Term {
    /// An integer of at most 64 bits.
    Int(i64),
    /// A larger integer. One that fits `i64` is equal to, and written as, an [`Int`](Term::Int).
    /// Boxed, so that a term takes 32 bytes instead of 40.
    BigInt(Box<BigInt>),
    /// A float. Infinities and NaN can be held, but not encoded.
    Float(f64),
    /// An atom; `nil`, `true` and `false` are atoms.
    Atom(String),
    /// A binary; an Elixir string is one that holds UTF-8.
    Binary(Vec<u8>),
    /// A bit string that does not end at a byte's end.
    BitString {
        /// The bytes.
        bytes: Vec<u8>,
        /// How many bits of the last byte count, from the most significant; the others are zero.
        last_bits: u8,
    },
    /// A proper list.
    List(Terms),
    /// A list that does not end in `[]`: its elements, and last its tail.
    ImproperList(Terms),
    /// A tuple.
    Tuple(Terms),
    /// A map.
    Map(Map),
    /// An identifier, fun or native record: its encoded bytes, kept as they came.
    Opaque(OpaqueKind, Vec<u8>),
}

/// The elements of a list or tuple: a `Vec` that drops and copies without recursion.
///
/// ```
/// use bridge_core::term::{Term, Terms};
///
/// let Term::List(items) = Term::list([1, 2, 3]) else { unreachable!() };
/// assert_eq!(items.len(), 3);
/// let items: Vec<Term> = items.into();
/// # let _ = items;
/// ```
#[derive(Debug, Default)]
pub struct Terms(Vec<Term>);

/// The pairs of a map, in the order in which they were written. Keys are compared exactly: `1` and `1.0` are two.
///
/// ```
/// use bridge_core::term::{Map, Term};
///
/// let mut map = Map::default();
/// map.insert(1, Term::atom("a"));
/// map.insert(1.0, Term::atom("b"));
/// assert_eq!(map.len(), 2);
/// assert_eq!(map.insert(1, Term::atom("c")), Some(Term::atom("a")));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// Key, value, key, value.
    flat: Terms,
}

impl Term {
    /// An atom.
    pub fn atom(name: impl Into<String>) -> Self {
        Term::Atom(name.into())
    }

    /// Elixir's `nil`.
    pub fn nil() -> Self {
        Term::atom("nil")
    }

    /// A binary. A `&str` or `String` becomes one by `From`.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Term::Binary(bytes.into())
    }

    /// A bit string, of whose last byte the `last_bits` most significant count, 1 to 7. With any other number, or no
    /// bytes, it is a binary.
    pub fn bit_string(bytes: impl Into<Vec<u8>>, last_bits: u8) -> Self {
        let mut bytes = bytes.into();
        match bytes.last_mut() {
            Some(last) if (1..8).contains(&last_bits) => {
                *last &= !(0xff >> last_bits);
                Term::BitString { bytes, last_bits }
            }
            _ => Term::Binary(bytes),
        }
    }

    /// A proper list.
    pub fn list<T: Into<Term>>(items: impl IntoIterator<Item = T>) -> Self {
        Term::List(items.into_iter().map(Into::into).collect())
    }

    /// `[items | tail]`: a proper list when the tail is one.
    pub fn list_with_tail<T: Into<Term>>(items: impl IntoIterator<Item = T>, tail: impl Into<Term>) -> Self {
        let mut items: Vec<Term> = items.into_iter().map(Into::into).collect();
        match tail.into() {
            Term::List(more) => {
                items.extend(more);
                Term::List(items.into())
            }
            Term::ImproperList(more) => {
                items.extend(more);
                Term::ImproperList(items.into())
            }
            tail if items.is_empty() => tail,
            tail => {
                items.push(tail);
                Term::ImproperList(items.into())
            }
        }
    }

    /// A tuple.
    pub fn tuple<T: Into<Term>>(items: impl IntoIterator<Item = T>) -> Self {
        Term::Tuple(items.into_iter().map(Into::into).collect())
    }

    /// A map. Of pairs with the same key the last one counts, in the place of the first.
    pub fn map<K: Into<Term>, V: Into<Term>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Term::Map(pairs.into_iter().collect())
    }

    /// Whether it is Elixir's `nil`.
    pub fn is_nil(&self) -> bool {
        self.as_atom() == Some("nil")
    }

    /// The integer, if it is one of at most 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Term::Int(value) => Some(*value),
            Term::BigInt(value) => i64::try_from(value.as_ref()).ok(),
            _ => None,
        }
    }

    /// The integer, if it is one in the range of `u64`.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Term::Int(value) => u64::try_from(*value).ok(),
            Term::BigInt(value) => u64::try_from(value.as_ref()).ok(),
            _ => None,
        }
    }

    /// The float, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Term::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The atom's name, if it is one.
    pub fn as_atom(&self) -> Option<&str> {
        match self {
            Term::Atom(name) => Some(name),
            _ => None,
        }
    }

    /// The truth value, if it is the atom `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_atom()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The bytes, if it is a binary.
    pub fn as_binary(&self) -> Option<&[u8]> {
        match self {
            Term::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if it is a binary that holds UTF-8. An atom is no text.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_binary()?).ok()
    }

    /// The elements, if it is a proper list.
    pub fn as_list(&self) -> Option<&[Term]> {
        match self {
            Term::List(items) => Some(items),
            _ => None,
        }
    }

    /// The elements, if it is a tuple.
    ///
    /// ```
    /// use bridge_core::term::Term;
    ///
    /// let reply = Term::tuple([Term::atom("ok"), Term::from(1)]);
    /// match reply.as_tuple() {
    ///     Some([tag, value]) if tag.as_atom() == Some("ok") => assert_eq!(value.as_i64(), Some(1)),
    ///     _ => unreachable!(),
    /// }
    /// ```
    pub fn as_tuple(&self) -> Option<&[Term]> {
        match self {
            Term::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs, if it is a map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Term::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value under an atom or a string of this name, if it is a map that has one.
    pub fn get(&self, name: &str) -> Option<&Term> {
        self.as_map()?.get(name)
    }

    /// The whole term as bytes, with its version byte.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut writer = super::Writer::new();
        writer.term(self)?;
        Ok(writer.into_bytes())
    }

    /// What the term contains, the tail of an improper list last, keys and values in turn.
    pub(super) fn children(&self) -> &[Term] {
        match self {
            Term::List(items) | Term::ImproperList(items) | Term::Tuple(items) => items,
            Term::Map(map) => &map.flat,
            _ => &[],
        }
    }

    fn take_children(&mut self) -> Vec<Term> {
        match self {
            Term::List(items) | Term::ImproperList(items) | Term::Tuple(items) => {
                std::mem::take(&mut items.0)
            }
            Term::Map(map) => std::mem::take(&mut map.flat.0),
            _ => Vec::new(),
        }
    }
}

impl Map {
    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.flat.len() / 2
    }

    /// Whether it has no pairs.
    pub fn is_empty(&self) -> bool {
        self.flat.is_empty()
    }

    /// The pairs, in the order in which they were written.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Term, &Term)> + ExactSizeIterator {
        self.flat.as_chunks().0.iter().map(|[key, value]| (key, value))
    }

    /// The value under an atom or a string of this name. Cost: a walk over the pairs.
    pub fn get(&self, name: &str) -> Option<&Term> {
        let named = |key: &Term| match key {
            Term::Atom(atom) => atom == name,
            Term::Binary(bytes) => bytes == name.as_bytes(),
            _ => false,
        };
        self.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
    }

    /// The value under this key. Cost: a walk over the pairs.
    pub fn get_term(&self, key: &Term) -> Option<&Term> {
        self.iter()
            .find(|(other, _)| *other == key)
            .map(|(_, value)| value)
    }

    /// Sets the value under a key, and returns the one that was there. Cost: a walk over the pairs.
    pub fn insert(&mut self, key: impl Into<Term>, value: impl Into<Term>) -> Option<Term> {
        let (key, value) = (key.into(), value.into());
        match self
            .flat
            .0
            .as_chunks_mut()
            .0
            .iter_mut()
            .find(|[other, _]| *other == key)
        {
            Some([_, old]) => Some(std::mem::replace(old, value)),
            None => {
                self.flat.0.extend([key, value]);
                None
            }
        }
    }

    /// Pairs that are known to have no key twice, as key, value, key, value.
    pub(super) fn from_flat(flat: Vec<Term>) -> Self {
        Map { flat: flat.into() }
    }
}

impl<K: Into<Term>, V: Into<Term>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let flat = pairs
            .into_iter()
            .flat_map(|(key, value)| [key.into(), value.into()])
            .collect();
        Map::from_flat(super::identity::without_duplicates(flat))
    }
}

impl IntoIterator for Map {
    type Item = (Term, Term);
    type IntoIter = std::vec::IntoIter<(Term, Term)>;

    fn into_iter(self) -> Self::IntoIter {
        let mut flat = self.flat.into_iter();
        let mut pairs = Vec::with_capacity(flat.len() / 2);
        while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
            pairs.push((key, value));
        }
        pairs.into_iter()
    }
}

impl std::ops::Deref for Terms {
    type Target = Vec<Term>;

    fn deref(&self) -> &Vec<Term> {
        &self.0
    }
}

impl std::ops::DerefMut for Terms {
    fn deref_mut(&mut self) -> &mut Vec<Term> {
        &mut self.0
    }
}

impl From<Vec<Term>> for Terms {
    fn from(items: Vec<Term>) -> Self {
        Terms(items)
    }
}

impl From<Terms> for Vec<Term> {
    fn from(mut items: Terms) -> Self {
        std::mem::take(&mut items.0)
    }
}

impl FromIterator<Term> for Terms {
    fn from_iter<I: IntoIterator<Item = Term>>(items: I) -> Self {
        Terms(items.into_iter().collect())
    }
}

impl IntoIterator for Terms {
    type Item = Term;
    type IntoIter = std::vec::IntoIter<Term>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(self).into_iter()
    }
}

impl<'a> IntoIterator for &'a Terms {
    type Item = &'a Term;
    type IntoIter = std::slice::Iter<'a, Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Drop for Terms {
    fn drop(&mut self) {
        // Take containers apart onto one heap-held stack, so that none drops inside of another.
        if self.0.iter().all(|term| term.children().is_empty()) {
            return;
        }
        let mut pending = std::mem::take(&mut self.0);
        while let Some(mut term) = pending.pop() {
            pending.append(&mut term.take_children());
        }
    }
}

impl Clone for Terms {
    fn clone(&self) -> Self {
        /// A container half copied: what is left of it, and the copies so far.
        struct Copy<'a> {
            of: Option<&'a Term>,
            left: std::slice::Iter<'a, Term>,
            made: Vec<Term>,
        }
        let mut stack = Vec::new();
        let mut top = Copy {
            of: None,
            left: self.0.iter(),
            made: Vec::with_capacity(self.0.len()),
        };
        loop {
            match top.left.next() {
                Some(term) if term.children().is_empty() => top.made.push(term.clone()),
                Some(term) => {
                    let children = term.children();
                    let below = Copy {
                        of: Some(term),
                        left: children.iter(),
                        made: Vec::with_capacity(children.len()),
                    };
                    stack.push(std::mem::replace(&mut top, below));
                }
                None => {
                    let made = Terms(top.made);
                    let whole = match top.of {
                        Some(Term::List(_)) => Term::List(made),
                        Some(Term::ImproperList(_)) => Term::ImproperList(made),
                        Some(Term::Map(_)) => Term::Map(Map { flat: made }),
                        Some(_) => Term::Tuple(made),
                        None => return made,
                    };
                    match stack.pop() {
                        Some(above) => top = above,
                        None => return Terms(vec![whole]),
                    }
                    top.made.push(whole);
                }
            }
        }
    }
}

impl From<BigInt> for Term {
    fn from(value: BigInt) -> Self {
        match i64::try_from(&value) {
            Ok(value) => Term::Int(value),
            Err(_) => Term::BigInt(Box::new(value)),
        }
    }
}

macro_rules! from {
    ($($from:ty, $value:ident => $term:expr;)*) => {$(
        impl From<$from> for Term {
            fn from($value: $from) -> Self {
                $term
            }
        }
    )*};
}

from! {
    i64, value => Term::Int(value);
    i32, value => Term::Int(value.into());
    u8, value => Term::Int(value.into());
    u16, value => Term::Int(value.into());
    u32, value => Term::Int(value.into());
    u64, value => BigInt::from(value).into();
    usize, value => BigInt::from(value).into();
    f64, value => Term::Float(value);
    bool, value => Term::atom(if value { "true" } else { "false" });
    &str, value => Term::binary(value);
    String, value => Term::binary(value);
    &String, value => Term::binary(value.as_bytes());
    Vec<Term>, value => Term::List(value.into());
    Map, value => Term::Map(value);
}

/// `None` is Elixir's `nil`.
impl<T: Into<Term>> From<Option<T>> for Term {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(Term::nil, Into::into)
    }
}

//! Reading the bodies of messages: maps with atom keys, of which some may be absent or nil.

use super::Error;
use crate::term::{Map, Term};

/// The fields of one body. Every reading function says which field is wrong, and of what.
///
/// ```
/// use bridge_core::term::Term;
/// use bridge_core::wire::Fields;
///
/// let body = Term::map([(Term::atom("from"), Term::from(3)), (Term::atom("doc"), Term::nil())]);
/// let fields = Fields::of("complete", &body)?;
/// assert_eq!(fields.u64("from")?, 3);
/// assert_eq!(fields.optional_text("doc")?, None);
/// assert_eq!(fields.u64("to").unwrap_err().to_string(), "complete: `to` is missing");
/// # Ok::<(), bridge_core::wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    what: &'static str,
    map: &'a Map,
}

impl<'a> Fields<'a> {
    /// The fields of that term; `what` names the message in errors.
    ///
    /// # Errors
    /// When it is no map. All others likewise: when the field is missing or of another kind.
    pub fn of(what: &'static str, term: &'a Term) -> Result<Fields<'a>, Error> {
        match term.as_map() {
            Some(map) => Ok(Fields { what, map }),
            None => Err(wrong(what, "a map", term)),
        }
    }

    /// The field, absent or not.
    pub fn get(&self, name: &str) -> Option<&'a Term> {
        self.map.get(name).filter(|term| !term.is_nil())
    }

    /// The field.
    pub fn required(&self, name: &str) -> Result<&'a Term, Error> {
        self.get(name).ok_or_else(|| Error::Body {
            what: self.what,
            reason: format!("`{name}` is missing"),
        })
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        self.required(name).and_then(|term| self.text_of(name, term))
    }

    /// A text, or nothing.
    pub fn optional_text(&self, name: &str) -> Result<Option<String>, Error> {
        self.get(name).map(|term| self.text_of(name, term)).transpose()
    }

    /// An atom.
    pub fn atom(&self, name: &str) -> Result<&'a str, Error> {
        let term = self.required(name)?;
        term.as_atom().ok_or_else(|| self.wrong(name, "an atom", term))
    }

    /// An integer from 0.
    pub fn u64(&self, name: &str) -> Result<u64, Error> {
        let term = self.required(name)?;
        term.as_u64()
            .ok_or_else(|| self.wrong(name, "an integer from 0", term))
    }

    /// An integer from 0, or nothing.
    pub fn optional_u64(&self, name: &str) -> Result<Option<u64>, Error> {
        self.get(name).map(|_| self.u64(name)).transpose()
    }

    /// A truth value; absent is false.
    pub fn bool(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None => Ok(false),
            Some(term) => term
                .as_bool()
                .ok_or_else(|| self.wrong(name, "true or false", term)),
        }
    }

    /// A list; absent is empty.
    pub fn list(&self, name: &str) -> Result<&'a [Term], Error> {
        match self.get(name) {
            None => Ok(&[]),
            Some(term) => term.as_list().ok_or_else(|| self.wrong(name, "a list", term)),
        }
    }

    /// A list of texts; absent is empty.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        self.list(name)?
            .iter()
            .map(|term| self.text_of(name, term))
            .collect()
    }

    /// A map from text to bytes, such as a mime bundle; absent is empty.
    pub fn bytes_by_name(&self, name: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let Some(term) = self.get(name) else {
            return Ok(Vec::new());
        };
        let map = term.as_map().ok_or_else(|| self.wrong(name, "a map", term))?;
        let pair = |(key, value): (&Term, &Term)| match value.as_binary() {
            Some(bytes) => Ok((self.text_of(name, key)?, bytes.to_vec())),
            None => Err(self.wrong(name, "a map to binaries", value)),
        };
        map.iter().map(pair).collect()
    }

    fn text_of(self, name: &str, term: &Term) -> Result<String, Error> {
        term.as_str()
            .map(str::to_owned)
            .ok_or_else(|| self.wrong(name, "text", term))
    }

    fn wrong(&self, name: &str, wanted: &str, found: &Term) -> Error {
        Error::Body {
            what: self.what,
            reason: format!("`{name}` must be {wanted}, and is {found:.100}"),
        }
    }
}

/// A body that is not of the kind that it has to be.
pub(super) fn wrong(what: &'static str, wanted: &str, found: &Term) -> Error {
    Error::Body {
        what,
        reason: format!("{wanted} is needed, not {found:.100}"),
    }
}

/// A body written as a map with atom keys.
pub(super) fn body<'a>(pairs: impl IntoIterator<Item = (&'a str, Term)>) -> Term {
    Term::map(pairs.into_iter().map(|(name, value)| (Term::atom(name), value)))
}

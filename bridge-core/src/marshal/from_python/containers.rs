//! Lists, tuples, dicts and sets: a stack of what is being written, so that depth costs no thread's stack; cycles; and
//! keys that would become one on the other side.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyIterator, PyList, PySet, PyTuple};
use pyo3::{PyTypeInfo, ffi};

use super::{Encoder, Encoding};
use crate::marshal::{Failure, MAX_DEPTH, Result};
use crate::term::{Reader, Token};

/// Up to this depth a cycle is looked for among the open containers one by one; below, in a set.
const SHALLOW: usize = 24;

/// A container that is being written.
pub(super) struct Frame<'py> {
    pub(super) object: Bound<'py, PyAny>,
    /// Where it starts in the output: what is written of it may have to be taken back.
    pub(super) start: usize,
    parts: Parts<'py>,
}

enum Parts<'py> {
    List {
        list: Bound<'py, PyList>,
        at: usize,
        length: usize,
    },
    Tuple {
        tuple: Bound<'py, PyTuple>,
        at: usize,
        length: usize,
    },
    Dict(DictParts<'py>),
    Set {
        items: Bound<'py, PyIterator>,
        left: usize,
        length: usize,
        /// The encoder's count when the set began.
        before: Ambiguous,
    },
}

struct DictParts<'py> {
    dict: Bound<'py, PyDict>,
    position: ffi::Py_ssize_t,
    left: usize,
    length: usize,
    /// The value of the key that is being written.
    value: Option<Bound<'py, PyAny>>,
    /// The encoder's count when the current key began.
    before_key: Ambiguous,
    /// What of it was in keys.
    in_keys: Ambiguous,
}

/// How much was written that keys of a map, or items of a set, cannot hold without a second look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ambiguous {
    /// Leaves that can make different keys the same on the other side: bytes (like text) and NaN.
    pub(super) leaves: u64,
    /// Refs: no two are the same, also of one object, so that a key which is one is never found again.
    pub(super) refs: u64,
}

impl Ambiguous {
    fn since(self, before: Ambiguous) -> Ambiguous {
        Ambiguous {
            leaves: self.leaves - before.leaves,
            refs: self.refs - before.refs,
        }
    }
}

impl<'py> Encoder<'_, 'py> {
    #[inline(never)]
    pub(super) fn compound(
        &mut self,
        object: &Bound<'py, PyAny>,
        class: *mut ffi::PyTypeObject,
    ) -> Result<Option<Frame<'py>>> {
        let py = object.py();
        let start = self.out.position();
        let parts = if class == PyList::type_object_raw(py) {
            let list = object.cast::<PyList>().map_err(PyErr::from)?.clone();
            let length = list.len();
            self.out.list_header(length)?;
            Parts::List { list, at: 0, length }
        } else if class == PyTuple::type_object_raw(py) {
            let tuple = object.cast::<PyTuple>().map_err(PyErr::from)?.clone();
            let length = tuple.len();
            self.out.tuple_header(length)?;
            Parts::Tuple { tuple, at: 0, length }
        } else if class == PyDict::type_object_raw(py) {
            let dict = object.cast::<PyDict>().map_err(PyErr::from)?.clone();
            let length = dict.len();
            self.out.map_header(length)?;
            let (position, value) = (0, None);
            Parts::Dict(DictParts {
                dict,
                position,
                left: length,
                length,
                value,
                before_key: Ambiguous::default(),
                in_keys: Ambiguous::default(),
            })
        } else if class == PySet::type_object_raw(py) || class == PyFrozenSet::type_object_raw(py) {
            let length = object.len()?;
            self.tag("$set", 1)?;
            self.out.list_header(length)?;
            Parts::Set {
                items: object.try_iter()?,
                left: length,
                length,
                before: self.ambiguous,
            }
        } else {
            return self.leaf(object, class);
        };
        Ok(Some(Frame {
            object: object.clone(),
            start,
            parts,
        }))
    }

    /// Opens a container, unless it is open already: then the outer occurrence becomes a ref.
    pub(super) fn push(&mut self, frame: Frame<'py>) -> Result<()> {
        let address = frame.object.as_ptr() as usize;
        let open = match self.stack.len() <= SHALLOW {
            true => self
                .stack
                .iter()
                .any(|outer| outer.object.as_ptr() as usize == address),
            false => self.deep.contains(&address),
        };
        if open {
            let outer = self
                .stack
                .iter()
                .position(|outer| outer.object.as_ptr() as usize == address);
            let frame = outer
                .and_then(|outer| self.stack.drain(outer..).next())
                .unwrap_or(frame);
            self.deep.clear();
            self.note_deep();
            self.rewind(frame.start);
            return self.reference(&frame.object);
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(Failure::too_deep());
        }
        self.stack.push(frame);
        match self.stack.len() {
            depth if depth == SHALLOW + 1 => self.note_deep(),
            depth if depth > SHALLOW => {
                self.deep.insert(address);
            }
            _ => {}
        }
        Ok(())
    }

    fn note_deep(&mut self) {
        if self.stack.len() > SHALLOW {
            self.deep
                .extend(self.stack.iter().map(|frame| frame.object.as_ptr() as usize));
        }
    }

    /// Writes parts of a container up to the first that is a container itself.
    pub(super) fn advance(&mut self, frame: &mut Frame<'py>) -> Result<Option<Frame<'py>>> {
        match &mut frame.parts {
            Parts::List { list, at, length } => {
                while *at < *length {
                    // Fails only if other code has shortened the list since its length was written.
                    let item = list.get_item(*at).map_err(|_| changed())?;
                    *at += 1;
                    if let Some(child) = self.item(&item)? {
                        return Ok(Some(child));
                    }
                }
            }
            Parts::Tuple { tuple, at, length } => {
                while *at < *length {
                    let item = tuple.get_item(*at)?;
                    *at += 1;
                    if let Some(child) = self.item(&item)? {
                        return Ok(Some(child));
                    }
                }
            }
            Parts::Set { items, left, .. } => {
                for item in items.by_ref() {
                    *left = left.checked_sub(1).ok_or_else(changed)?;
                    if let Some(child) = self.item(&item.map_err(|_| changed())?)? {
                        return Ok(Some(child));
                    }
                }
                if *left > 0 {
                    return Err(changed());
                }
            }
            Parts::Dict(parts) => return self.advance_dict(parts),
        }
        Ok(None)
    }

    fn advance_dict(&mut self, parts: &mut DictParts<'py>) -> Result<Option<Frame<'py>>> {
        loop {
            if let Some(value) = parts.value.take() {
                let in_key = self.ambiguous.since(parts.before_key);
                parts.in_keys.leaves += in_key.leaves;
                parts.in_keys.refs += in_key.refs;
                if let Some(child) = self.item(&value)? {
                    return Ok(Some(child));
                }
            }
            let Some((key, value)) = next_pair(&parts.dict, &mut parts.position) else {
                return match parts.left {
                    0 => Ok(None),
                    _ => Err(changed()),
                };
            };
            parts.left = parts.left.checked_sub(1).ok_or_else(changed)?;
            parts.value = Some(value);
            parts.before_key = self.ambiguous;
            if let Some(child) = self.item(&key)? {
                return Ok(Some(child));
            }
        }
    }

    pub(super) fn close(&mut self, frame: Frame<'py>) -> Result<()> {
        if self.stack.len() >= SHALLOW {
            self.deep.remove(&(frame.object.as_ptr() as usize));
        }
        match frame.parts {
            Parts::List { .. } => self.out.nil(),
            Parts::Tuple { .. } => {}
            Parts::Set { length, before, .. } => {
                self.out.nil();
                if !self.differ(frame.start, length, self.ambiguous.since(before), true)? {
                    self.rewind(frame.start);
                    self.reference(&frame.object)?;
                }
            }
            Parts::Dict(parts) => {
                if !self.differ(frame.start, parts.length, parts.in_keys, false)? {
                    self.rewind(frame.start);
                    self.reference(&frame.object)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the keys of the map, or the items of the set, written at `start` are all different on the other side,
    /// and can be found there.
    fn differ(&self, start: usize, length: usize, inside: Ambiguous, set: bool) -> Result<bool> {
        // The caller's wish is for the value itself; what is in it is as of `Auto`.
        let wished = self.encoding != Encoding::Auto && self.stack.is_empty();
        if inside.refs > 0 && !wished {
            return Ok(false);
        }
        if inside.leaves == 0 || length < 2 {
            return Ok(true);
        }
        let mut reader = Reader::fragment(&self.out.as_bytes()[start..]);
        let mut keys = HashSet::with_capacity(length);
        reader.token()?;
        if set {
            // The tag, and the list's head.
            reader.skip()?;
            reader.token()?;
        }
        for _ in 0..length {
            let mut key = Vec::new();
            if !canonical(&mut reader, &mut key, 0)? || !keys.insert(key) {
                return Ok(false);
            }
            if !set {
                reader.skip()?;
            }
        }
        Ok(true)
    }
}

/// Writes a key such that two are the same bytes when they are one key on the other side: the items of sets in order,
/// and zeros without a sign, which does not count before OTP 27. False for one that is too deep to tell.
fn canonical(reader: &mut Reader<'_>, out: &mut Vec<u8>, depth: usize) -> Result<bool> {
    const DEPTH: usize = 64;
    if depth > DEPTH {
        return Ok(false);
    }
    let mut ahead = reader.clone();
    match ahead.token()? {
        Token::Tuple(length) => {
            let mut inside = ahead.clone();
            if length == 2 && matches!(inside.token()?, Token::Atom(tag) if tag == "$set") {
                let count = match inside.token()? {
                    Token::List(count) => count,
                    _ => 0,
                };
                let mut items = Vec::new();
                for _ in 0..count {
                    let mut item = Vec::new();
                    if !canonical(&mut inside, &mut item, depth + 1)? {
                        return Ok(false);
                    }
                    items.push(item);
                }
                items.sort_unstable();
                out.extend(b"set");
                out.extend(count.to_be_bytes());
                out.extend(items.into_iter().flatten());
                reader.skip()?;
                return Ok(true);
            }
            *reader = ahead;
            out.extend(b"tuple");
            out.extend(length.to_be_bytes());
            for _ in 0..length {
                if !canonical(reader, out, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        // Minus zero too.
        Token::Float(0.0) => {
            *reader = ahead;
            out.extend(b"zero");
            Ok(true)
        }
        _ => {
            out.extend(reader.skip()?);
            Ok(true)
        }
    }
}

fn changed() -> Failure {
    Failure::not_convertible("the object was changed by other code while it was being converted")
        .with_hint("send a copy of it")
}

/// The next pair of a dict, without the panic that a dict changed in between would bring.
fn next_pair<'py>(
    dict: &Bound<'py, PyDict>,
    position: &mut ffi::Py_ssize_t,
) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the dict is alive and the interpreter attached. `PyDict_Next` checks the position against the dict as
    // it is now; the pair it gives is borrowed from the dict, and made our own before any other code can run.
    unsafe {
        if ffi::PyDict_Next(dict.as_ptr(), position, &raw mut key, &raw mut value) == 0 {
            return None;
        }
        Some((
            Bound::from_borrowed_ptr(dict.py(), key),
            Bound::from_borrowed_ptr(dict.py(), value),
        ))
    }
}

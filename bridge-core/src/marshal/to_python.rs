//! Terms to Python objects, as PROTOCOL.md's "From Elixir" says.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};
use pyo3::{PyTypeInfo, ffi};

use super::opaque::{ElixirFunction, ElixirTerm};
use super::pin::Pin;
use super::structs::{self, Counterpart, special_float};
use super::{Failure, MAX_DEPTH, MAX_INTEGER_BYTES, Result, decoders};
use crate::import;
use crate::refs::Refs;
use crate::term::{OpaqueKind, Reader, Token};

/// Reads the next term as an object.
pub fn decode_value<'py>(py: Python<'py>, refs: &Refs, reader: &mut Reader<'_>) -> Result<Bound<'py, PyAny>> {
    Decoder::new(py, refs).value(reader)
}

/// Reads terms as objects.
#[derive(Clone, Copy)]
pub struct Decoder<'a, 'py> {
    py: Python<'py>,
    refs: &'a Refs,
    /// What keeps whole the term that the terms are parts of.
    pin: Option<&'a Arc<Pin>>,
}

/// A container that is being filled.
enum Frame<'a, 'py> {
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
    Map {
        dict: Bound<'py, PyDict>,
        length: usize,
        left: usize,
        key: Option<Bound<'py, PyAny>>,
    },
    /// The arguments of a call, first the list of them, then the dict of those that have names; `outer` reads on behind.
    Make {
        path: &'a str,
        args: Option<Bound<'py, PyAny>>,
        kwargs: &'a [u8],
        outer: Reader<'a>,
    },
    /// Items are the keys of an inner map; `outer` reads on behind the set.
    Set {
        set: Bound<'py, PySet>,
        length: usize,
        left: usize,
        outer: Reader<'a>,
    },
    /// What keeps the one term in it whole; `outer` reads on behind.
    Pinned { pin: Arc<Pin>, outer: Reader<'a> },
}

enum Step<'a, 'py> {
    Value(Bound<'py, PyAny>),
    Open(Frame<'a, 'py>),
    /// Terms that stay what they are.
    Function(&'a [u8]),
    Term(&'a [u8]),
}

impl<'a, 'py> Decoder<'a, 'py> {
    /// A decoder that finds refs in a table.
    pub fn new(py: Python<'py>, refs: &'a Refs) -> Self {
        Decoder { py, refs, pin: None }
    }

    /// The same for parts of a pinned term.
    #[must_use]
    pub fn pinned(self, pin: Option<&'a Arc<Pin>>) -> Self {
        Decoder { pin, ..self }
    }

    /// Reads the next term as an object.
    pub fn value(self, reader: &mut Reader<'_>) -> Result<Bound<'py, PyAny>> {
        let mut stack: Vec<Frame<'_, 'py>> = Vec::new();
        loop {
            let pin = || {
                let innermost = stack.iter().rev().find_map(|frame| match frame {
                    Frame::Pinned { pin, .. } => Some(pin),
                    _ => None,
                });
                innermost.or(self.pin).cloned()
            };
            let mut value = match self.step(reader)? {
                Step::Value(value) => value,
                Step::Function(term) => Bound::new(self.py, ElixirFunction::new(term, pin()))?.into_any(),
                Step::Term(term) => Bound::new(self.py, ElixirTerm::new(term, pin()))?.into_any(),
                Step::Open(frame) => {
                    if stack.len() >= MAX_DEPTH {
                        return Err(Failure::too_deep());
                    }
                    stack.push(frame);
                    continue;
                }
            };
            // Hand it to the containers that it completes.
            loop {
                let Some(frame) = stack.last_mut() else {
                    return Ok(value);
                };
                let Some(whole) = self.fill(frame, value, reader)? else {
                    break;
                };
                stack.pop();
                value = whole;
            }
        }
    }

    /// Reads a list of values into a tuple, as the arguments of a call.
    pub fn arguments(self, reader: &mut Reader<'_>) -> Result<Bound<'py, PyTuple>> {
        match reader.token()? {
            Token::Nil => Ok(PyTuple::empty(self.py)),
            Token::String(bytes) => Ok(PyTuple::new(self.py, bytes)?),
            Token::List(length) => {
                let tuple = new_tuple(self.py, length)?;
                for index in 0..length {
                    set_in_tuple(&tuple, index, self.value(reader)?)?;
                }
                match reader.end_list() {
                    true => Ok(tuple),
                    false => Err(Failure::refuse(
                        "bad_message",
                        "the arguments of a call are no proper list",
                    )),
                }
            }
            other => Err(Failure::refuse(
                "bad_message",
                format!("{} stands where arguments should", other.kind()),
            )),
        }
    }

    /// Adds a part to a container; returns the container once it is whole.
    fn fill<'r>(
        self,
        frame: &mut Frame<'r, 'py>,
        part: Bound<'py, PyAny>,
        reader: &mut Reader<'r>,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        match frame {
            Frame::List { list, at, length } => {
                set_in_list(list, *at, part)?;
                *at += 1;
                // Long lists are mostly leaves: they are filled here, without a look at the stack.
                while *at < *length {
                    let Some(leaf) = self.number(reader)? else {
                        return Ok(None);
                    };
                    set_in_list(list, *at, leaf)?;
                    *at += 1;
                }
                if !reader.end_list() {
                    self.tail(list, reader)?;
                }
                Ok(Some(list.clone().into_any()))
            }
            Frame::Tuple { tuple, at, length } => {
                set_in_tuple(tuple, *at, part)?;
                *at += 1;
                Ok((*at == *length).then(|| tuple.clone().into_any()))
            }
            Frame::Map {
                dict,
                length,
                left,
                key,
            } => {
                let Some(name) = key.take() else {
                    *key = Some(part);
                    return Ok(None);
                };
                dict.set_item(&name, &part)
                    .or_else(|error| dict.set_item(frozen(&name, error)?, &part))
                    .map_err(|error| unhashable(error, &name))?;
                *left -= 1;
                if *left > 0 {
                    return Ok(None);
                }
                match dict.len() == *length {
                    true => Ok(Some(dict.clone().into_any())),
                    false => Err(collision("two keys of a map")),
                }
            }
            Frame::Make {
                path,
                args,
                kwargs,
                outer,
            } => {
                let Some(positional) = args.take() else {
                    *args = Some(part);
                    *reader = Reader::fragment(kwargs);
                    return Ok(None);
                };
                *reader = outer.clone();
                Ok(Some(make(path, &positional, &part)?))
            }
            Frame::Pinned { outer, .. } => {
                *reader = outer.clone();
                Ok(Some(part))
            }
            Frame::Set {
                set,
                length,
                left,
                outer,
            } => {
                // The value of the inner map means nothing.
                reader.skip()?;
                set.add(&part)
                    .or_else(|error| set.add(frozen(&part, error)?))
                    .map_err(|error| unhashable(error, &part))?;
                *left -= 1;
                if *left > 0 {
                    return Ok(None);
                }
                *reader = outer.clone();
                match set.len() == *length {
                    true => Ok(Some(set.clone().into_any())),
                    false => Err(collision("two items of a set")),
                }
            }
        }
    }

    /// The rest of a list that does not end after the elements that its head promised: BEAM writes none, but reads it.
    fn tail(self, list: &Bound<'py, PyList>, reader: &mut Reader<'_>) -> Result<()> {
        match reader.token()? {
            Token::Nil => Ok(()),
            Token::String(bytes) => {
                for byte in bytes {
                    list.append(byte)?;
                }
                Ok(())
            }
            Token::List(_) => Err(Failure::not_convertible(
                "a list written in pieces cannot be read here",
            )),
            _ => Err(
                Failure::not_convertible("Python has no improper lists such as [1 | 2]")
                    .with_hint("send a proper list, or a tuple"),
            ),
        }
    }

    /// The next term if it is an integer of 64 bits; nothing is read otherwise.
    #[inline]
    fn number(self, reader: &mut Reader<'_>) -> Result<Option<Bound<'py, PyAny>>> {
        let before = reader.clone();
        match reader.token()? {
            Token::Int(value) => Ok(Some(int(self.py, value))),
            Token::Float(value) => Ok(Some(PyFloat::new(self.py, value).into_any())),
            _ => {
                *reader = before;
                Ok(None)
            }
        }
    }

    #[inline]
    fn step<'r>(self, reader: &mut Reader<'r>) -> Result<Step<'r, 'py>> {
        let py = self.py;
        let before = reader.clone();
        Ok(Step::Value(match reader.token()? {
            Token::Int(value) => int(py, value),
            Token::Binary(bytes) => text_or_bytes(py, bytes),
            Token::Atom(name) => atom(py, &name),
            Token::Float(value) => PyFloat::new(py, value).into_any(),
            Token::BigInt { negative, magnitude } => big(py, negative, magnitude)?,
            Token::Nil => PyList::empty(py).into_any(),
            Token::String(bytes) => PyList::new(py, bytes)?.into_any(),
            Token::List(length) => {
                return Ok(Step::Open(Frame::List {
                    list: new_list(py, length)?,
                    at: 0,
                    length,
                }));
            }
            Token::Tuple(0) => PyTuple::empty(py).into_any(),
            Token::Tuple(length) => {
                return Ok(Step::Open(Frame::Tuple {
                    tuple: new_tuple(py, length)?,
                    at: 0,
                    length,
                }));
            }
            Token::Map(pairs) => return self.map(reader, pairs, before),
            Token::BitBinary { .. } => {
                return Err(Failure::not_convertible(
                    "Python has no bit strings whose length is no multiple of 8",
                )
                .with_hint("pad it to whole bytes"));
            }
            Token::Opaque(OpaqueKind::Fun | OpaqueKind::Export, term) => {
                return Ok(Step::Function(term));
            }
            Token::Opaque(_, term) => return Ok(Step::Term(term)),
        }))
    }

    fn map<'r>(self, reader: &mut Reader<'r>, pairs: usize, mut before: Reader<'r>) -> Result<Step<'r, 'py>> {
        let py = self.py;
        let Some(fields) = structs::fields(reader, pairs) else {
            let dict = PyDict::new(py);
            return Ok(match pairs {
                0 => Step::Value(dict.into_any()),
                length => Step::Open(Frame::Map {
                    dict,
                    length,
                    left: length,
                    key: None,
                }),
            });
        };
        match fields.counterpart(py, self.refs)? {
            Counterpart::Object(object) => Ok(Step::Value(object)),
            Counterpart::None => Ok(Step::Term(before.skip()?)),
            Counterpart::Pinned(id, term) => {
                let outer = std::mem::replace(reader, Reader::fragment(term));
                let pin = Pin::new(id);
                Ok(Step::Open(Frame::Pinned { pin, outer }))
            }
            Counterpart::Make(call) => {
                let outer = std::mem::replace(reader, Reader::fragment(call.args));
                Ok(Step::Open(Frame::Make {
                    path: call.path,
                    args: None,
                    kwargs: call.kwargs,
                    outer,
                }))
            }
            Counterpart::Set(map) => {
                let mut inner = Reader::fragment(map);
                let set = PySet::empty(py)?;
                match inner.token()? {
                    Token::Map(0) => Ok(Step::Value(set.into_any())),
                    Token::Map(length) => {
                        let outer = std::mem::replace(reader, inner);
                        let left = length;
                        Ok(Step::Open(Frame::Set {
                            set,
                            length,
                            left,
                            outer,
                        }))
                    }
                    other => Err(Failure::not_convertible(format!(
                        "a MapSet holds {} instead of a map",
                        other.kind()
                    ))),
                }
            }
        }
    }
}

#[inline]
fn int(py: Python<'_>, value: i64) -> Bound<'_, PyAny> {
    PyInt::new(py, value).into_any()
}

/// Text where it is UTF-8, else bytes.
fn text_or_bytes<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyAny> {
    match std::str::from_utf8(bytes) {
        Ok(text) => PyString::new(py, text).into_any(),
        Err(_) => PyBytes::new(py, bytes).into_any(),
    }
}

fn atom<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyAny> {
    match name {
        "nil" => py.None().into_bound(py),
        "true" => pyo3::types::PyBool::new(py, true).to_owned().into_any(),
        "false" => pyo3::types::PyBool::new(py, false).to_owned().into_any(),
        name => match special_float(name) {
            Some(value) => PyFloat::new(py, value).into_any(),
            // Interned: an atom is most often a key or a name.
            None => PyString::intern(py, name).into_any(),
        },
    }
}

fn big<'py>(py: Python<'py>, negative: bool, magnitude: &[u8]) -> Result<Bound<'py, PyAny>> {
    if magnitude.len() > MAX_INTEGER_BYTES {
        return Err(Failure::not_convertible(format!(
            "an integer of {} bytes is too large",
            magnitude.len()
        )));
    }
    let value = PyInt::type_object(py).call_method1("from_bytes", (PyBytes::new(py, magnitude), "little"))?;
    Ok(if negative { value.neg()? } else { value })
}

/// Calls what a path names.
fn make<'py>(path: &str, args: &Bound<'py, PyAny>, kwargs: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let py = args.py();
    let (Ok(args), Ok(kwargs)) = (args.cast::<PyList>(), kwargs.cast::<PyDict>()) else {
        return Err(Failure::refuse(
            "bad_message",
            "the args of a SnakeBridge.Make are no list, or its kwargs no map",
        ));
    };
    let made = import::path(py, path).and_then(|callable| callable.call(args.to_tuple(), Some(kwargs)));
    made.map_err(|error| {
        decoders::noted(
            py,
            error,
            &format!("raised by {path}, called for an argument that Elixir had encoded so"),
        )
        .into()
    })
}

/// What can be a key in the place of one that cannot: sets as frozensets, also inside of tuples. Else the error that
/// said so.
fn frozen<'py>(key: &Bound<'py, PyAny>, error: PyErr) -> PyResult<Bound<'py, PyAny>> {
    const DEPTH: usize = 100;
    fn freeze<'py>(key: &Bound<'py, PyAny>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        match key.cast_exact::<PyTuple>() {
            Ok(tuple) if depth < DEPTH => {
                let items: PyResult<Vec<_>> = tuple
                    .iter_borrowed()
                    .map(|item| freeze(&item, depth + 1))
                    .collect();
                Ok(PyTuple::new(py, items?)?.into_any())
            }
            _ if key.is_exact_instance_of::<PySet>() => PyFrozenSet::type_object(py).call1((key,)),
            _ => Ok(key.clone()),
        }
    }
    match error.is_instance_of::<PyTypeError>(key.py()) {
        true => freeze(key, 0),
        false => Err(error),
    }
}

fn unhashable(error: PyErr, key: &Bound<'_, PyAny>) -> Failure {
    match error.is_instance_of::<PyTypeError>(key.py()) {
        true => Failure::not_convertible(format!(
            "a map or set has a key that Python's dict and set cannot hold: a {}",
            super::type_name(key.get_type().as_any())
        ))
        .with_hint("use text, numbers or tuples of them as keys"),
        false => Failure::Python(error),
    }
}

fn collision(what: &str) -> Failure {
    Failure::not_convertible(format!(
        "{what} become the same in Python (as :a and \"a\", or 1 and 1.0)"
    ))
    .with_hint("rename one of them")
}

/// A list whose items are still to be set.
fn new_list(py: Python<'_>, length: usize) -> PyResult<Bound<'_, PyList>> {
    // SAFETY: a new list, or null with an error set. Its empty slots are safe for the collector, and no other code
    // gets the list before all of them are set.
    unsafe {
        let list = Bound::from_owned_ptr_or_err(py, ffi::PyList_New(length as ffi::Py_ssize_t))?;
        Ok(list.cast_into_unchecked())
    }
}

#[inline]
fn set_in_list(list: &Bound<'_, PyList>, index: usize, item: Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: `PyList_SetItem` checks the index and takes over the reference to the item, also when it fails.
    match unsafe { ffi::PyList_SetItem(list.as_ptr(), index as ffi::Py_ssize_t, item.into_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(list.py())),
    }
}

/// A tuple whose items are still to be set.
fn new_tuple(py: Python<'_>, length: usize) -> PyResult<Bound<'_, PyTuple>> {
    // SAFETY: as in `new_list`.
    unsafe {
        let tuple = Bound::from_owned_ptr_or_err(py, ffi::PyTuple_New(length as ffi::Py_ssize_t))?;
        Ok(tuple.cast_into_unchecked())
    }
}

fn set_in_tuple(tuple: &Bound<'_, PyTuple>, index: usize, item: Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: `PyTuple_SetItem` checks the index and that no one else holds the tuple, and takes over the reference.
    match unsafe { ffi::PyTuple_SetItem(tuple.as_ptr(), index as ffi::Py_ssize_t, item.into_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(tuple.py())),
    }
}

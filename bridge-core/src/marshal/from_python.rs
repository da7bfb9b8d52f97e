//! Python objects to terms, as PROTOCOL.md's "From Python" says.

mod containers;
mod forced;
pub(super) mod leaves;

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyComplex, PyFloat, PyInt, PyString, PyType};
use pyo3::{PyTypeInfo, ffi};

use self::containers::{Ambiguous, Frame};
use super::buffer::Buffer;
use super::describe::type_name;
use super::opaque::{ElixirFunction, ElixirTerm};
use super::types::Types;
use super::{Result, array, decoders, numpy};
use crate::refs::Refs;
use crate::term::Writer;

/// `{'$tagged', _}`, up to its second element.
pub(super) const TAGGED: &[u8] = &[104, 2, 119, 7, b'$', b't', b'a', b'g', b'g', b'e', b'd'];

/// What the caller wants an object to become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// A value where the conversion table has one for its exact type, else a ref.
    #[default]
    Auto,
    /// A ref, whatever it is.
    Ref,
    /// A value; an object that has none is refused. Subclasses go as what they extend.
    Value,
    /// What `list()` gives for it. Its items are as of `Auto`, here and in the next two.
    List,
    /// What `dict()` gives for it.
    Map,
    /// What `set()` gives for it.
    Set,
    /// What `str()` gives for it.
    Text,
    /// What is in its buffer.
    Bytes,
    /// An array: its memory in one piece.
    Array,
    /// A table, as Arrow's IPC stream.
    Arrow,
}

impl Encoding {
    const NAMES: [(&str, Encoding); 10] = [
        ("auto", Encoding::Auto),
        ("ref", Encoding::Ref),
        ("value", Encoding::Value),
        ("list", Encoding::List),
        ("map", Encoding::Map),
        ("set", Encoding::Set),
        ("text", Encoding::Text),
        ("bytes", Encoding::Bytes),
        ("array", Encoding::Array),
        ("arrow", Encoding::Arrow),
    ];

    /// The encoding that the option `as` calls so.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, encoding)| *encoding)
    }

    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == self)
            .map_or("auto", |(name, _)| name)
    }

    /// All names that the option `as` knows.
    pub fn names() -> String {
        Self::NAMES.map(|(name, _)| name).join(", ")
    }
}

/// Writes an object as a value of the protocol. What was written before a failure is taken back.
pub fn encode_value(object: &Bound<'_, PyAny>, refs: &Refs, out: &mut Writer) -> Result<()> {
    encode_value_as(object, Encoding::Auto, refs, out)
}

/// [`encode_value`], as the caller wishes.
pub fn encode_value_as(
    object: &Bound<'_, PyAny>,
    encoding: Encoding,
    refs: &Refs,
    out: &mut Writer,
) -> Result<()> {
    encode_with(object, encoding, false, refs, out)
}

fn encode_with(
    object: &Bound<'_, PyAny>,
    encoding: Encoding,
    by_identity: bool,
    refs: &Refs,
    out: &mut Writer,
) -> Result<()> {
    let start = out.position();
    let types = Types::get(object.py())?;
    let mut encoder = Encoder {
        encoding,
        forcing: false,
        by_identity,
        types,
        refs,
        out,
        stack: Vec::new(),
        deep: HashSet::new(),
        held: Vec::new(),
        tagged: false,
        ambiguous: Ambiguous::default(),
    };
    let outcome = match encoding {
        Encoding::Ref => encoder.reference(object),
        Encoding::Auto | Encoding::Value => encoder.run(object),
        Encoding::Array => array::encode(object, encoder.out),
        Encoding::Arrow => array::encode_table(object, encoder.out),
        _ => forced::made(object, encoding).and_then(|made| {
            encoder.run(&made)?;
            match encoder.held.first() {
                Some((at, _)) if *at == start => Err(forced::no_counterpart(&made, encoding)),
                _ => Ok(()),
            }
        }),
    };
    match outcome {
        Ok(()) => {
            if encoder.tagged {
                out.insert(start, TAGGED);
            }
            Ok(())
        }
        Err(failure) => {
            encoder.rewind(start);
            Err(failure)
        }
    }
}

/// A number for what is in an object now: the same as long as nothing in it has changed. Objects that have no value
/// count by identity.
pub fn digest(object: &Bound<'_, PyAny>) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let refs = Refs::new(0);
    let mut out = Writer::fragment();
    let mut hasher = DefaultHasher::new();
    match encode_with(object, Encoding::Auto, true, &refs, &mut out) {
        Ok(()) => hasher.write(out.as_bytes()),
        // It has no value: it is itself.
        Err(_) => hasher.write_usize(object.as_ptr() as usize),
    }
    hasher.finish()
}

struct Encoder<'a, 'py> {
    encoding: Encoding,
    /// What is written now is what an object gave for itself.
    forcing: bool,
    /// Objects without a value are written as their addresses: nothing is held, and nothing is sent.
    by_identity: bool,
    types: &'a Types,
    refs: &'a Refs,
    out: &'a mut Writer,
    stack: Vec<Frame<'py>>,
    /// The addresses of the open containers, once there are more than `SHALLOW`.
    deep: HashSet<usize>,
    /// Refs made for this value, and where each stands.
    held: Vec<(usize, u64)>,
    tagged: bool,
    ambiguous: Ambiguous,
}

impl<'py> Encoder<'_, 'py> {
    fn run(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        if let Some(frame) = self.item(object)? {
            self.push(frame)?;
        }
        while let Some(mut frame) = self.stack.pop() {
            match self.advance(&mut frame)? {
                Some(child) => {
                    self.stack.push(frame);
                    self.push(child)?;
                }
                None => self.close(frame)?,
            }
        }
        Ok(())
    }

    /// Writes a leaf, or the head of a container whose parts are to follow.
    #[inline]
    fn item(&mut self, object: &Bound<'py, PyAny>) -> Result<Option<Frame<'py>>> {
        let py = object.py();
        let class = object.get_type_ptr();
        if class == PyInt::type_object_raw(py) {
            self.int(object)?;
        } else if class == PyString::type_object_raw(py) {
            self.text(object)?;
        } else if class == PyFloat::type_object_raw(py) {
            // SAFETY: `object` is alive and its exact type is float.
            self.float(unsafe { ffi::PyFloat_AsDouble(object.as_ptr()) })?;
        } else if object.is_none() {
            self.out.raw(&[119, 3, b'n', b'i', b'l']);
        } else if class == PyBool::type_object_raw(py) {
            self.out.bool(object.is_truthy()?);
        } else {
            return self.compound(object, class);
        }
        Ok(None)
    }

    fn leaf(
        &mut self,
        object: &Bound<'py, PyAny>,
        class: *mut ffi::PyTypeObject,
    ) -> Result<Option<Frame<'py>>> {
        let py = object.py();
        let is = |known: &Py<PyType>| known.as_ptr() == class.cast();
        if class == PyBytes::type_object_raw(py) {
            self.bytes(object)?;
        } else if class == PyByteArray::type_object_raw(py) || is(&self.types.memoryview) {
            self.ambiguous.leaves += 1;
            match Buffer::of(object) {
                Ok(Some(buffer)) => buffer.write(self.out)?,
                _released => self.reference(object)?,
            }
        } else if class == PyComplex::type_object_raw(py) {
            self.complex(object)?;
        } else if is(&self.types.range) {
            return self.range(object).map(|()| None);
        } else if let Some(moment) = self.types.moment(is) {
            self.moment(object, moment)?;
        } else if let Ok(term) = object.cast_exact::<ElixirTerm>() {
            self.tag("$term", 1)?;
            self.out.raw(term.get().term());
        } else if let Ok(function) = object.cast_exact::<ElixirFunction>() {
            self.tag("$term", 1)?;
            self.out.raw(function.get().term());
        } else if let Some(scalar) = numpy::scalar(py, class) {
            self.scalar(object, scalar)?;
        } else {
            return self.other(object);
        }
        Ok(None)
    }

    /// An object that the conversion table does not know.
    fn other(&mut self, object: &Bound<'py, PyAny>) -> Result<Option<Frame<'py>>> {
        // What counts by identity is not asked for a value: that would run code of others.
        if self.by_identity {
            return self.reference(object).map(|()| None);
        }
        let class = type_name(object.get_type().as_any());
        match (decoders::path(&class), self.encoding) {
            (Some(path), _) => self.custom(object, &class, &path),
            (None, Encoding::Value) => self.forced(object),
            (None, _) => self.reference_named(object, &class).map(|()| None),
        }
    }

    /// An object whose class has a decoder: what the decoder's callable gives for it.
    fn custom(&mut self, object: &Bound<'py, PyAny>, class: &str, path: &str) -> Result<Option<Frame<'py>>> {
        let value = decoders::call(object, class, path)?;
        self.tag("$custom", 2)?;
        self.out.binary(class.as_bytes())?;
        self.item(&value)
    }

    fn reference(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        if self.encoding == Encoding::Value {
            return Err(forced::no_counterpart(object, self.encoding));
        }
        if self.by_identity {
            self.tag("$ref", 2)?;
            self.out.u64(object.as_ptr() as u64);
            self.out.nil();
            return Ok(());
        }
        self.reference_named(object, &type_name(object.get_type().as_any()))
    }

    fn reference_named(&mut self, object: &Bound<'py, PyAny>, class: &str) -> Result<()> {
        let start = self.out.position();
        self.tag("$ref", 2)?;
        let id = self.refs.hold(object);
        self.held.push((start, id));
        self.ambiguous.refs += 1;
        self.out.u64(id);
        Ok(self.out.binary(class.as_bytes())?)
    }

    fn tag(&mut self, name: &str, fields: usize) -> Result<()> {
        self.tagged = true;
        self.out.tuple_header(fields + 1)?;
        Ok(self.out.atom(name)?)
    }

    /// Takes back what was written from `position` on, and the refs in it.
    fn rewind(&mut self, position: usize) {
        self.out.rewind(position);
        let kept = self
            .held
            .iter()
            .position(|(start, _)| *start >= position)
            .unwrap_or(self.held.len());
        drop(self.refs.release(self.held.drain(kept..).map(|(_, id)| id)));
    }
}

fn exactly<'py, T: PyTypeInfo>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    T::type_object(object.py()).call1((object,))
}

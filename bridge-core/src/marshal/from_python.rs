//! Python objects to terms, as PROTOCOL.md's "From Python" says.

use std::collections::HashSet;

use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyIterator, PyList, PySet,
    PyString, PyTuple, PyType,
};
use pyo3::{PyTypeInfo, ffi, intern};

use super::describe::type_name;
use super::numpy::{self, Scalar};
use super::opaque::{ElixirFunction, ElixirTerm};
use super::types::Types;
use super::{Failure, MAX_DEPTH, MAX_INTEGER_BYTES, Result};
use crate::refs::Refs;
use crate::term::{Reader, Writer};

/// `{'$tagged', _}`, up to its second element.
pub(super) const TAGGED: &[u8] = &[104, 2, 119, 7, b'$', b't', b'a', b'g', b'g', b'e', b'd'];

/// Up to this depth a cycle is looked for among the open containers one by one; below, in a set.
const SHALLOW: usize = 24;

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

/// A container that is being written.
struct Frame<'py> {
    object: Bound<'py, PyAny>,
    /// Where it starts in the output: what is written of it may have to be taken back.
    start: usize,
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
    /// What was ambiguous in keys.
    in_keys: Ambiguous,
}

/// How much was written that can make different keys, or items of a set, the same on the other side.
#[derive(Debug, Clone, Copy, Default)]
struct Ambiguous {
    /// Bytes (like text) and NaN.
    leaves: u64,
    /// Sets with such leaves: their bytes differ by their order too.
    sets: u64,
}

impl Ambiguous {
    fn since(self, before: Ambiguous) -> Ambiguous {
        Ambiguous {
            leaves: self.leaves - before.leaves,
            sets: self.sets - before.sets,
        }
    }
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

    /// Opens a container, unless it is open already: then the outer occurrence becomes a ref.
    fn push(&mut self, frame: Frame<'py>) -> Result<()> {
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
    fn advance(&mut self, frame: &mut Frame<'py>) -> Result<Option<Frame<'py>>> {
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
                parts.in_keys.sets += in_key.sets;
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

    fn close(&mut self, frame: Frame<'py>) -> Result<()> {
        if self.stack.len() >= SHALLOW {
            self.deep.remove(&(frame.object.as_ptr() as usize));
        }
        match frame.parts {
            Parts::List { .. } => self.out.nil(),
            Parts::Tuple { .. } => {}
            Parts::Set { length, before, .. } => {
                self.out.nil();
                let inside = self.ambiguous.since(before);
                if !self.differ(frame.start, length, inside, true)? {
                    self.rewind(frame.start);
                    self.reference(&frame.object)?;
                } else if inside.leaves > 0 {
                    self.ambiguous.sets += 1;
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

    /// Whether the keys of the map, or the items of the set, written at `start` are all different on the other side.
    fn differ(&self, start: usize, length: usize, inside: Ambiguous, set: bool) -> Result<bool> {
        if inside.leaves == 0 || length < 2 {
            return Ok(true);
        }
        if inside.sets > 0 {
            return Ok(false);
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
            if !keys.insert(reader.skip()?) {
                return Ok(false);
            }
            if !set {
                reader.skip()?;
            }
        }
        Ok(true)
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

    #[inline(never)]
    fn compound(
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

    fn leaf(
        &mut self,
        object: &Bound<'py, PyAny>,
        class: *mut ffi::PyTypeObject,
    ) -> Result<Option<Frame<'py>>> {
        let py = object.py();
        let is = |known: &Py<PyType>| known.as_ptr() == class.cast();
        if class == PyBytes::type_object_raw(py) {
            self.bytes(object)?;
        } else if class == PyByteArray::type_object_raw(py) {
            self.out
                .binary(&object.cast::<PyByteArray>().map_err(PyErr::from)?.to_vec())?;
        } else if is(&self.types.memoryview) {
            self.ambiguous.leaves += 1;
            // Also gathers a view that is not contiguous.
            match object.call_method0(intern!(py, "tobytes")) {
                Ok(bytes) => self
                    .out
                    .binary(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes())?,
                Err(_released) => self.reference(object)?,
            }
        } else if class == PyComplex::type_object_raw(py) {
            self.complex(object)?;
        } else if is(&self.types.range) {
            return self.range(object).map(|()| None);
        } else if is(&self.types.date) {
            self.tag("$date", 3)?;
            self.fields(object, &["year", "month", "day"])?;
        } else if is(&self.types.time) && object.getattr(intern!(py, "tzinfo"))?.is_none() {
            self.tag("$time", 4)?;
            self.fields(object, &["hour", "minute", "second", "microsecond"])?;
        } else if is(&self.types.datetime) {
            self.datetime(object)?;
        } else if is(&self.types.timedelta) {
            self.tag("$timedelta", 3)?;
            self.fields(object, &["days", "seconds", "microseconds"])?;
        } else if let Ok(term) = object.cast_exact::<ElixirTerm>() {
            self.tag("$term", 1)?;
            self.out.raw(term.get().term());
        } else if let Ok(function) = object.cast_exact::<ElixirFunction>() {
            self.tag("$term", 1)?;
            self.out.raw(function.get().term());
        } else if let Some(scalar) = numpy::scalar(py, class) {
            self.scalar(object, scalar)?;
        } else if self.encoding == Encoding::Value {
            return self.forced(object);
        } else {
            self.reference(object)?;
        }
        Ok(None)
    }

    fn int(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let mut overflow = 0;
        // SAFETY: `object` is alive and its exact type is int, for which this cannot raise.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &raw mut overflow) };
        match overflow {
            0 => self.out.int(value),
            _ => big(object, self.out)?,
        }
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<()> {
        self.ambiguous.leaves += u64::from(value.is_nan());
        float(value, self.out)
    }

    fn text(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let text = object.cast::<PyString>().map_err(PyErr::from)?;
        match text.to_str() {
            Ok(text) => Ok(self.out.binary(text.as_bytes())?),
            // A lone surrogate has no UTF-8, so the object stays where it is.
            Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(object.py()) => self.reference(object),
            Err(error) => Err(error.into()),
        }
    }

    fn bytes(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        self.ambiguous.leaves += 1;
        let bytes = object.cast::<PyBytes>().map_err(PyErr::from)?;
        Ok(self.out.binary(bytes.as_bytes())?)
    }

    fn complex(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let py = object.py();
        let attribute = |name| object.getattr(name)?.extract::<f64>();
        let (re, im) = (attribute(intern!(py, "real"))?, attribute(intern!(py, "imag"))?);
        self.tag("$complex", 2)?;
        self.float(re)?;
        self.float(im)
    }

    fn scalar(&mut self, object: &Bound<'py, PyAny>, scalar: Scalar) -> Result<()> {
        match scalar {
            Scalar::Bool => self.out.bool(object.is_truthy()?),
            Scalar::Int => self.int(&exactly::<PyInt>(object)?)?,
            Scalar::Float => self.float(object.extract()?)?,
            Scalar::Complex => self.complex(object)?,
            Scalar::Text => self.text(object)?,
            Scalar::Bytes => self.bytes(object)?,
        }
        Ok(())
    }

    fn range(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let py = object.py();
        let [start, stop, step] =
            [intern!(py, "start"), intern!(py, "stop"), intern!(py, "step")].map(|name| object.getattr(name));
        let (start, stop, step) = (start?, stop?, step?);
        let numbers = (
            start.extract::<i64>(),
            stop.extract::<i64>(),
            step.extract::<i64>(),
        );
        self.tag("$range", 3)?;
        match numbers {
            (Ok(start), Ok(stop), Ok(step)) => {
                self.out.int(start);
                // Elixir's last item is inclusive, Python's stop is not. One less than `i64::MIN` is not writable
                // here, but no range starts below it either.
                self.out.int(stop.saturating_sub(step.signum()));
                self.out.int(step);
            }
            _ => {
                let last = match step.gt(0)? {
                    true => stop.sub(1)?,
                    false => stop.add(1)?,
                };
                for number in [start, last, step] {
                    self.int(&number)?;
                }
            }
        }
        Ok(())
    }

    fn datetime(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        const FIELDS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "microsecond"];
        let py = object.py();
        let zone = object.getattr(intern!(py, "tzinfo"))?;
        if zone.is_none() {
            self.tag("$naive", 7)?;
            return self.fields(object, &FIELDS);
        }
        // A zone may be any code: what does not answer with whole seconds keeps the object where it is.
        let Some(offset) = object
            .call_method0(intern!(py, "utcoffset"))
            .ok()
            .and_then(|offset| whole_seconds(&offset))
        else {
            return self.reference(object);
        };
        let name = match zone.is(&self.types.utc) {
            true => Some("Etc/UTC".to_owned()),
            false => zone
                .getattr_opt(intern!(py, "key"))
                .ok()
                .flatten()
                .and_then(|key| key.extract::<String>().ok()),
        };
        self.tag("$aware", 9)?;
        self.fields(object, &FIELDS)?;
        self.out.int(offset);
        match name {
            Some(name) => self.out.binary(name.as_bytes())?,
            None => self.out.atom("nil")?,
        }
        Ok(())
    }

    fn fields(&mut self, object: &Bound<'py, PyAny>, names: &[&str]) -> Result<()> {
        for name in names {
            let value = object
                .getattr(PyString::intern(object.py(), name))?
                .extract::<i64>()?;
            self.out.int(value);
        }
        Ok(())
    }

    /// The value of an object that has none by its exact type, for a caller who insists.
    fn forced(&mut self, object: &Bound<'py, PyAny>) -> Result<Option<Frame<'py>>> {
        let py = object.py();
        let plain = if self.forcing {
            // What gives something for itself that has no value either (a mock) could go on so for ever.
            None
        } else if object.is_instance_of::<PyInt>() {
            Some(exactly::<PyInt>(object)?)
        } else if object.is_instance_of::<PyFloat>() {
            Some(exactly::<PyFloat>(object)?)
        } else if object.is_instance_of::<PyString>() {
            Some(exactly::<PyString>(object)?)
        } else if object.is_instance_of::<PyBytes>() {
            Some(exactly::<PyBytes>(object)?)
        } else if object.is_instance_of::<PyList>() {
            Some(exactly::<PyList>(object)?)
        } else if object.is_instance_of::<PyTuple>() {
            Some(exactly::<PyTuple>(object)?)
        } else if object.is_instance_of::<PyDict>() {
            Some(exactly::<PyDict>(object)?)
        } else if object.is_instance_of::<PySet>() || object.is_instance_of::<PyFrozenSet>() {
            Some(exactly::<PySet>(object)?)
        } else {
            // Arrays and their scalars, series, and what imitates them.
            object
                .getattr_opt(intern!(py, "tolist"))?
                .map(|method| method.call0())
                .transpose()?
        };
        match plain {
            Some(plain) => {
                self.forcing = true;
                let written = self.item(&plain);
                self.forcing = false;
                written
            }
            None => Err(Failure::not_convertible(format!(
                "a {} has no counterpart in Elixir",
                type_name(object.get_type().as_any())
            ))
            .with_hint("leave `as: :value` out, and it arrives as a ref")),
        }
    }

    fn reference(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let start = self.out.position();
        self.tag("$ref", 2)?;
        if self.by_identity {
            self.out.u64(object.as_ptr() as u64);
            self.out.nil();
            return Ok(());
        }
        let id = self.refs.hold(object);
        self.held.push((start, id));
        self.out.u64(id);
        self.out
            .binary(type_name(object.get_type().as_any()).as_bytes())?;
        Ok(())
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

pub(super) fn float(value: f64, out: &mut Writer) -> Result<()> {
    match value {
        value if value.is_finite() => out.float(value)?,
        value if value.is_nan() => out.atom("nan")?,
        value if value > 0.0 => out.atom("infinity")?,
        _ => out.atom("neg_infinity")?,
    }
    Ok(())
}

/// An integer above 64 bits.
pub(super) fn big(object: &Bound<'_, PyAny>, out: &mut Writer) -> Result<()> {
    static INT_BIT_LENGTH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static INT_TO_BYTES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    // The methods of int itself: `encode_plain` comes here with subclasses too.
    let method = |cell: &'static PyOnceLock<Py<PyAny>>, name: &str| -> PyResult<Bound<'_, PyAny>> {
        let method = cell.get_or_try_init(py, || PyInt::type_object(py).getattr(name).map(Bound::unbind))?;
        Ok(method.bind(py).clone())
    };
    let negative = object.lt(0)?;
    let magnitude = if negative { object.neg()? } else { object.clone() };
    let bits: usize = method(&INT_BIT_LENGTH, "bit_length")?
        .call1((&magnitude,))?
        .extract()?;
    let length = bits.div_ceil(8);
    if length > MAX_INTEGER_BYTES {
        return Err(Failure::not_convertible(format!(
            "an integer of {bits} bits is larger than BEAM can hold"
        ))
        .with_hint("send it as text: str(n), or hex(n)"));
    }
    let bytes = method(&INT_TO_BYTES, "to_bytes")?.call1((&magnitude, length, intern!(py, "little")))?;
    Ok(out.big(negative, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes())?)
}

/// The seconds of a timedelta, if it has no fraction.
fn whole_seconds(offset: &Bound<'_, PyAny>) -> Option<i64> {
    let py = offset.py();
    let field = |name| offset.getattr(name).ok()?.extract::<i64>().ok();
    match field(intern!(py, "microseconds"))? {
        0 => Some(field(intern!(py, "days"))? * 86_400 + field(intern!(py, "seconds"))?),
        _ => None,
    }
}

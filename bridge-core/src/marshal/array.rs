//! Arrays as one piece of memory: what exports the buffer protocol as `'$array'`, and `SnakeBridge.Array` as an array
//! of numpy, or a memoryview where there is none. Tables of Arrow likewise, as a stream.
//!
//! Items are never touched one by one, but to exchange the bytes of those in foreign byte order.

use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyTuple};
use pyo3::{ffi, intern};

use super::buffer::Buffer;
use super::describe::{lossy_text, type_name};
use super::from_python::TAGGED;
use super::{Failure, Result};
use crate::term::{Reader, Token, Writer};

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dtype {
    /// Its name in the protocol.
    name: &'static str,
    /// Its bytes.
    size: usize,
    /// As numpy spells it; none for what numpy has not by itself.
    numpy: Option<&'static str>,
    /// As a memoryview's `cast` spells it; none for what it does not know.
    memoryview: Option<&'static str>,
}

const fn dtype(
    name: &'static str,
    size: usize,
    numpy: Option<&'static str>,
    memoryview: Option<&'static str>,
) -> Dtype {
    Dtype {
        name,
        size,
        numpy,
        memoryview,
    }
}

const BF16: Dtype = dtype("bf16", 2, None, None);

const DTYPES: [Dtype; 15] = [
    dtype("bool", 1, Some("?"), Some("?")),
    dtype("s8", 1, Some("i1"), Some("b")),
    dtype("s16", 2, Some("i2"), Some("h")),
    dtype("s32", 4, Some("i4"), Some("i")),
    dtype("s64", 8, Some("i8"), Some("q")),
    dtype("u8", 1, Some("u1"), Some("B")),
    dtype("u16", 2, Some("u2"), Some("H")),
    dtype("u32", 4, Some("u4"), Some("I")),
    dtype("u64", 8, Some("u8"), Some("Q")),
    dtype("f16", 2, Some("f2"), None),
    dtype("f32", 4, Some("f4"), Some("f")),
    dtype("f64", 8, Some("f8"), Some("d")),
    dtype("c64", 8, Some("c8"), None),
    dtype("c128", 16, Some("c16"), None),
    BF16,
];

impl Dtype {
    fn named(name: &str) -> Option<Dtype> {
        DTYPES.into_iter().find(|dtype| dtype.name == name)
    }

    /// The type of items of a format of the module `struct`, and whether their bytes are to be exchanged.
    ///
    /// The size is the exporter's word: what the letters take differs between platforms and byte orders.
    fn of_format(format: &str, size: usize) -> Option<(Dtype, bool)> {
        let (letters, foreign) = match format.as_bytes().first()? {
            b'@' | b'=' => (&format[1..], false),
            b'<' => (&format[1..], cfg!(target_endian = "big")),
            b'>' | b'!' => (&format[1..], cfg!(target_endian = "little")),
            _ => (format, false),
        };
        let kind = match letters {
            "?" => "bool",
            "b" | "h" | "i" | "l" | "q" | "n" => "s",
            "B" | "H" | "I" | "L" | "Q" | "N" | "c" => "u",
            "e" | "f" | "d" => "f",
            "Zf" | "Zd" | "F" | "D" => "c",
            _ => return None,
        };
        let found = DTYPES.into_iter().find(|dtype| {
            dtype.size == size && dtype.name.trim_end_matches(|c: char| c.is_ascii_digit()) == kind
        })?;
        Some((found, foreign && size > 1))
    }

    /// The bytes of what has a byte order: the halves of a complex number have their own.
    fn word(self) -> usize {
        match self.name {
            "c64" | "c128" => self.size / 2,
            _ => self.size,
        }
    }
}

/// Writes an object as an array, in its wrapper.
pub(super) fn encode(object: &Bound<'_, PyAny>, out: &mut Writer) -> Result<()> {
    let (dtype, foreign, buffer) = open(object)?;
    let shape = buffer.shape();
    out.raw(TAGGED);
    out.tuple_header(4)?;
    out.atom("$array")?;
    out.atom(dtype.name)?;
    out.tuple_header(shape.len())?;
    for length in shape {
        out.u64(length as u64);
    }
    buffer.write(out)?;
    if foreign {
        let start = out.position() - buffer.len();
        for word in out.since(start).chunks_exact_mut(dtype.word()) {
            word.reverse();
        }
    }
    Ok(())
}

/// The memory of an object, and what it holds.
fn open<'py>(object: &Bound<'py, PyAny>) -> Result<(Dtype, bool, Buffer<'py>)> {
    let py = object.py();
    if is_masked(object)? {
        return Err(
            Failure::not_convertible("a masked array would lose its mask").with_hint(
                "give the masked items a value before, with its `filled(value)`, and send the mask by itself",
            ),
        );
    }
    let array = match Buffer::of(object) {
        Ok(Some(_)) => object.clone(),
        Ok(None) => as_numpy(object)?.ok_or_else(|| no_array(object))?,
        Err(error) => as_numpy(object)?.ok_or(error)?,
    };
    // numpy knows it as an extension, and does not export it under a name.
    if dtype_name(&array).as_deref() == Some("bfloat16") {
        let words = array.call_method1(intern!(py, "view"), (intern!(py, "uint16"),))?;
        return match Buffer::of(&words)? {
            Some(buffer) => Ok((BF16, false, buffer)),
            None => Err(no_array(object)),
        };
    }
    match Buffer::of(&array) {
        Ok(Some(buffer)) => match Dtype::of_format(&buffer.format(), buffer.item_size()) {
            Some((dtype, foreign)) => Ok((dtype, foreign, buffer)),
            None => Err(no_items(object, &array, &buffer.format())),
        },
        Ok(None) => Err(no_array(object)),
        // Of arrays that is how numpy says that the protocol has no name for their items.
        Err(_) if dtype_name(&array).is_some() => Err(no_items(object, &array, "")),
        Err(error) => Err(error.into()),
    }
}

/// An array of numpy over what says of itself that it is one in other words: tensors, series, images.
fn as_numpy<'py>(object: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyAny>>> {
    let py = object.py();
    let has = |name| object.get_type().hasattr(name);
    let function = if has(intern!(py, "__array__"))? || object.hasattr(intern!(py, "__array_interface__"))? {
        intern!(py, "asarray")
    } else if has(intern!(py, "__dlpack__"))? {
        intern!(py, "from_dlpack")
    } else {
        return Ok(None);
    };
    match numpy(py)? {
        Some(numpy) => Ok(Some(numpy.call_method1(function, (object,))?)),
        None => Err(Failure::not_convertible(format!(
            "a {} becomes an array by way of numpy, which is not installed",
            type_name(object.get_type().as_any())
        ))
        .with_hint("install numpy into the worker's environment")),
    }
}

/// Whether some items of an array are hidden: its memory does not say which.
fn is_masked(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let class = object.get_type();
    Ok(class.name()?.to_cow()?.as_ref() == "MaskedArray" && class.hasattr(intern!(object.py(), "filled"))?)
}

/// The name of the type of an array's items.
fn dtype_name(array: &Bound<'_, PyAny>) -> Option<String> {
    let dtype = array.getattr(intern!(array.py(), "dtype")).ok()?;
    lossy_text(&dtype.str().ok()?).ok()
}

fn no_array(object: &Bound<'_, PyAny>) -> Failure {
    Failure::not_convertible(format!(
        "a {} is no array: it exports no memory",
        type_name(object.get_type().as_any())
    ))
    .with_hint("numpy.asarray(x) makes one; `as: :list` gives the items themselves")
}

fn no_items(object: &Bound<'_, PyAny>, array: &Bound<'_, PyAny>, format: &str) -> Failure {
    let what = dtype_name(array).unwrap_or_else(|| format!("the format {format:?}"));
    Failure::not_convertible(format!(
        "a {} with items of {what} has no counterpart: arrays hold booleans, integers of 8 to 64 bits, floats of 16 to \
         64 and complex numbers of 64 or 128",
        type_name(object.get_type().as_any())
    ))
    .with_hint(
        "convert it first (`astype(\"float64\")`, `view(\"int64\")` for times, one field of a record), or ask for \
         `as: :list`",
    )
}

/// The array that a `SnakeBridge.Array` stands for, by its fields.
pub(super) fn decode<'py>(
    py: Python<'py>,
    dtype: Option<&[u8]>,
    shape: Option<&[u8]>,
    data: Option<&[u8]>,
) -> Result<Bound<'py, PyAny>> {
    let malformed = |what: &str| {
        Failure::not_convertible(format!("a SnakeBridge.Array whose {what}"))
            .with_hint("SnakeBridge.Array.new/3 checks what it makes")
    };
    let name = dtype.and_then(|term| Reader::fragment(term).expect_atom().ok());
    let name = name.ok_or_else(|| malformed("dtype is no atom"))?;
    let dtype = Dtype::named(&name).ok_or_else(|| malformed(&format!("dtype {name} is unknown")))?;
    let shape = shape
        .and_then(lengths)
        .ok_or_else(|| malformed("shape is no tuple of lengths"))?;
    let data = match data.map(|term| Reader::fragment(term).token()) {
        Some(Ok(Token::Binary(data))) => data,
        _ => return Err(malformed("data is no binary")),
    };
    let bytes = shape
        .iter()
        .try_fold(dtype.size, |product, &length| product.checked_mul(length));
    if bytes != Some(data.len()) {
        return Err(malformed(&format!(
            "shape {shape:?} of {name} does not fit its {} bytes",
            data.len()
        )));
    }
    let shape = PyTuple::new(py, shape)?;
    match numpy(py)? {
        Some(numpy) => {
            let memory = PyByteArray::new(py, data);
            let items = match dtype.numpy {
                Some(spelling) => spelling.into_pyobject(py).map_err(PyErr::from)?.into_any(),
                None => bfloat16(py)?,
            };
            Ok(numpy.call_method1(intern!(py, "ndarray"), (shape, items, memory))?)
        }
        None => view(py, dtype, &shape, data),
    }
}

/// A memoryview, where there is no numpy.
fn view<'py>(
    py: Python<'py>,
    dtype: Dtype,
    shape: &Bound<'py, PyTuple>,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let needs_numpy = |what: String| {
        Failure::not_convertible(format!("{what} needs numpy, which is not installed"))
            .with_hint("install numpy into the worker's environment")
    };
    let Some(format) = dtype.memoryview else {
        return Err(needs_numpy(format!("an array of {}", dtype.name)));
    };
    let flat = if data.is_empty() && shape.len() == 1 {
        // `cast` takes no empty memory.
        let typed = if format == "?" { "B" } else { format };
        let array = py.import("array")?.getattr("array")?.call1((typed,))?;
        return Ok(memoryview(&array)?);
    } else if data.is_empty() {
        return Err(needs_numpy(format!(
            "an empty array of {} dimensions",
            shape.len()
        )));
    } else {
        memoryview(PyByteArray::new(py, data).as_any())?
    };
    let kwargs = PyDict::new(py);
    kwargs.set_item("shape", shape)?;
    Ok(flat.call_method("cast", (format,), Some(&kwargs))?)
}

fn memoryview<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the object is alive and the interpreter attached; a new object, or null with an error set.
    unsafe { Bound::from_owned_ptr_or_err(object.py(), ffi::PyMemoryView_FromObject(object.as_ptr())) }
}

fn lengths(term: &[u8]) -> Option<Vec<usize>> {
    let mut reader = Reader::fragment(term);
    let Token::Tuple(dimensions) = reader.token().ok()? else {
        return None;
    };
    (0..dimensions)
        .map(|_| reader.expect_int().ok()?.try_into().ok())
        .collect()
}

/// The module numpy, unless it is not installed.
fn numpy(py: Python<'_>) -> PyResult<Option<Bound<'_, PyModule>>> {
    match py.import(intern!(py, "numpy")) {
        Ok(numpy) => Ok(Some(numpy)),
        Err(error) if error.is_instance_of::<PyModuleNotFoundError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

fn bfloat16(py: Python<'_>) -> Result<Bound<'_, PyAny>> {
    match py.import("ml_dtypes") {
        Ok(module) => Ok(module.getattr("bfloat16")?),
        Err(_) => Err(Failure::not_convertible(
            "numpy has no bfloat16 without the package ml_dtypes, which is not installed",
        )
        .with_hint("install ml_dtypes into the worker's environment, or send f32")),
    }
}

/// Writes a table as Arrow's IPC stream, in its wrapper.
pub(super) fn encode_table(object: &Bound<'_, PyAny>, out: &mut Writer) -> Result<()> {
    let py = object.py();
    let stream = with_arrow(py, "dump", object)?;
    let buffer = match Buffer::of(&stream)? {
        Some(buffer) if !stream.is_none() => buffer,
        _ => {
            return Err(Failure::not_convertible(format!(
                "a {} is no table: it has no Arrow interface",
                type_name(object.get_type().as_any())
            ))
            .with_hint("pandas.DataFrame(x), polars.DataFrame(x) and pyarrow.table(x) make one"));
        }
    };
    out.raw(TAGGED);
    out.tuple_header(2)?;
    out.atom("$arrow")?;
    buffer.write(out)
}

/// The table that a `SnakeBridge.Arrow` stands for.
pub(super) fn decode_table<'py>(py: Python<'py>, data: Option<&[u8]>) -> Result<Bound<'py, PyAny>> {
    match data.map(|term| Reader::fragment(term).token()) {
        Some(Ok(Token::Binary(data))) => with_arrow(py, "load", PyBytes::new(py, data).as_any()),
        _ => Err(Failure::not_convertible(
            "a SnakeBridge.Arrow whose data is no binary",
        )),
    }
}

/// What a function of the Python half gives: it knows the libraries.
fn with_arrow<'py>(py: Python<'py>, function: &str, object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    py.import(intern!(py, "snakebridge.arrow"))?
        .call_method1(function, (object,))
        .map_err(|error| match error.is_instance_of::<PyModuleNotFoundError>(py) {
            true => Failure::not_convertible("tables need pyarrow or polars, and neither is installed")
                .with_hint("install pyarrow into the worker's environment"),
            false => error.into(),
        })
}

//! What the worker itself says: bodies of events, answers of hooks. Names of fields become atoms, nothing becomes a
//! ref.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::describe::{lossy_text, type_name};
use super::from_python::leaves::{big, float};
use super::{Failure, Result};
use crate::term::Writer;

/// Writes what the worker itself says (bodies of events, answers of hooks): text and bytes as binaries, lists,
/// tuples, numbers, and dicts whose text keys become atoms where the protocol knows them.
pub fn encode_plain(object: &Bound<'_, PyAny>, known: &dyn Fn(&str) -> bool, out: &mut Writer) -> Result<()> {
    plain(object, known, out, 0)
}

fn plain(
    object: &Bound<'_, PyAny>,
    known: &dyn Fn(&str) -> bool,
    out: &mut Writer,
    depth: usize,
) -> Result<()> {
    // Bodies are a few levels deep; this one recurses, so it says no early.
    if depth > 64 {
        return Err(Failure::too_deep());
    }
    if object.is_none() {
        out.atom("nil")?;
    } else if let Ok(value) = object.cast::<PyBool>() {
        out.bool(value.is_true());
    } else if let Ok(value) = object.cast::<PyInt>() {
        match value.extract::<i64>() {
            Ok(value) => out.int(value),
            Err(_) => big(value.as_any(), out)?,
        }
    } else if let Ok(value) = object.cast::<PyFloat>() {
        float(value.extract::<f64>()?, out)?;
    } else if let Ok(value) = object.cast::<PyString>() {
        out.binary(lossy_text(value)?.as_bytes())?;
    } else if let Ok(value) = object.cast::<PyBytes>() {
        out.binary(value.as_bytes())?;
    } else if let Ok(value) = object.cast::<PyList>() {
        let length = value.len();
        out.list_header(length)?;
        for index in 0..length {
            plain(&value.get_item(index)?, known, out, depth + 1)?;
        }
        out.nil();
    } else if let Ok(value) = object.cast::<PyTuple>() {
        out.tuple_header(value.len())?;
        for item in value.iter_borrowed() {
            plain(&item, known, out, depth + 1)?;
        }
    } else if let Ok(value) = object.cast::<PyDict>() {
        let items = value.items();
        out.map_header(items.len())?;
        for index in 0..items.len() {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = items.get_item(index)?.extract()?;
            let key = lossy_text(key.cast::<PyString>().map_err(PyErr::from)?)?;
            match known(&key) {
                true => out.atom(&key)?,
                false => out.binary(key.as_bytes())?,
            }
            match (key.as_str(), value.cast::<PyString>()) {
                ("status", Ok(status)) => out.atom(&lossy_text(status)?)?,
                _ => plain(&value, known, out, depth + 1)?,
            }
        }
    } else {
        return Err(Failure::not_convertible(format!(
            "a {} stands in a message of the worker",
            type_name(object.get_type().as_any())
        )));
    }
    Ok(())
}

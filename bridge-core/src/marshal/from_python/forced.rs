//! What a caller asked for (`as:`), of objects that have no value by their exact type.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};
use pyo3::{PyTypeInfo, intern};

use super::containers::Frame;
use super::{Encoder, Encoding, exactly};
use crate::marshal::describe::type_name;
use crate::marshal::types::Types;
use crate::marshal::{Failure, Result};

impl<'py> Encoder<'_, 'py> {
    /// The value of an object that has none by its exact type, for a caller who insists.
    pub(super) fn forced(&mut self, object: &Bound<'py, PyAny>) -> Result<Option<Frame<'py>>> {
        let py = object.py();
        let extends = |known: &Py<PyType>| object.is_instance(known.bind(py)).unwrap_or(false);
        if let Some(moment) = self.types.moment(extends) {
            // Some are no moment, as pandas' NaT: its fields are no numbers.
            let written = self.moment(object, moment);
            return written
                .map(|()| None)
                .map_err(|_| no_counterpart(object, self.encoding));
        }
        let plain = if self.forcing {
            // What gives something for itself that has no value either (a mock) could go on so for ever.
            None
        } else if object.is_instance_of::<PyInt>() {
            Some(exactly::<PyInt>(object)?)
        } else if object.is_instance_of::<PyFloat>() {
            Some(exactly::<PyFloat>(object)?)
        } else if object.is_instance_of::<PyString>() {
            // Not `str()`: that of a member of an enumeration is its name.
            let text = py.get_type::<PyString>();
            Some(text.call_method1(intern!(py, "__str__"), (object,))?)
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
            None => Err(no_counterpart(object, self.encoding)),
        }
    }
}

/// What an object becomes in Python, before it is written, for a caller who asked for that.
pub(super) fn made<'py>(object: &Bound<'py, PyAny>, encoding: Encoding) -> Result<Bound<'py, PyAny>> {
    fn exact_or_made<'py, T: PyTypeInfo>(object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        match T::is_exact_type_of(object) {
            true => Ok(object.clone()),
            false => Ok(exactly::<T>(object)?),
        }
    }
    match encoding {
        Encoding::List => exact_or_made::<PyList>(object),
        Encoding::Map => exact_or_made::<PyDict>(object),
        Encoding::Set => exact_or_made::<PySet>(object),
        Encoding::Text => exact_or_made::<PyString>(object),
        Encoding::Bytes => bytes(object),
        _ => Ok(object.clone()),
    }
}

/// A view of what is in an object's buffer.
fn bytes<'py>(object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let py = object.py();
    if PyBytes::is_exact_type_of(object) {
        return Ok(object.clone());
    }
    let class = || type_name(object.get_type().as_any());
    let view = match Types::get(py)?.memoryview.bind(py).call1((object,)) {
        Ok(view) => view,
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            let hint = match object.is_instance_of::<PyString>() {
                true => "leave `as: :bytes` out: text arrives as a binary, which holds its UTF-8",
                false => "leave `as: :bytes` out, and it arrives as a ref",
            };
            return Err(
                Failure::not_convertible(format!("a {} has no buffer to take bytes from", class()))
                    .with_hint(hint),
            );
        }
        Err(error) => return Err(error.into()),
    };
    // Of these the buffer holds addresses.
    if view
        .getattr(intern!(py, "format"))?
        .str()?
        .to_str()?
        .contains('O')
    {
        return Err(Failure::not_convertible(format!(
            "the buffer of this {} holds Python objects, not bytes",
            class()
        ))
        .with_hint("`as: :list` gives them"));
    }
    Ok(view)
}

/// The refusal of an object, for a caller who asked for a value.
pub(super) fn no_counterpart(object: &Bound<'_, PyAny>, encoding: Encoding) -> Failure {
    let why = match object {
        text if text.is_instance_of::<PyString>() => ": it holds a lone surrogate, which UTF-8 has not",
        list if list.is_instance_of::<PyList>() || list.is_instance_of::<PyTuple>() => ": it contains itself",
        dict if dict.is_instance_of::<PyDict>() => ": it contains itself, or keys that become one in Elixir",
        set if set.is_instance_of::<PySet>() || set.is_instance_of::<PyFrozenSet>() => {
            ": items of it become one in Elixir"
        }
        _ => "",
    };
    Failure::not_convertible(format!(
        "a {} has no counterpart in Elixir{why}",
        type_name(object.get_type().as_any())
    ))
    .with_hint(format!(
        "leave `as: :{}` out, and it arrives as a ref",
        encoding.name()
    ))
}

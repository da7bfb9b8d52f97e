//! What a caller asked for (`as:`), of objects that have no value by their exact type.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};

use super::containers::Frame;
use super::{Encoder, exactly};
use crate::marshal::describe::type_name;
use crate::marshal::{Failure, Result};

impl<'py> Encoder<'_, 'py> {
    /// The value of an object that has none by its exact type, for a caller who insists.
    pub(super) fn forced(&mut self, object: &Bound<'py, PyAny>) -> Result<Option<Frame<'py>>> {
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
}

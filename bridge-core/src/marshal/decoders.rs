//! The decoders that Elixir has registered: which objects go as what a callable gives for them, to become a value of
//! Elixir's own choice there.
//!
//! The table holds names. It is looked at where an object would become a ref, whose class is to be named anyway; so it
//! costs a look by that name, and classes need not exist before they are met.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::{Failure, Result};
use crate::import;

/// Class => the path of its callable.
type Table = BTreeMap<String, String>;

static TABLE: RwLock<Table> = RwLock::new(Table::new());

/// Takes the decoders, pairs of a class and the path of a callable, in place of all earlier ones.
pub fn set_decoders(decoders: impl IntoIterator<Item = (String, String)>) {
    *TABLE.write().unwrap_or_else(PoisonError::into_inner) = decoders.into_iter().collect();
}

/// The path of the callable for objects of a class.
pub(super) fn path(class: &str) -> Option<String> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    table.get(class).cloned()
}

/// What the callable gives for an object.
pub(super) fn call<'py>(object: &Bound<'py, PyAny>, class: &str, path: &str) -> Result<Bound<'py, PyAny>> {
    let py = object.py();
    let value = import::path(py, path)
        .and_then(|callable| callable.call1((object,)))
        .map_err(|error| {
            let note =
                format!("raised by {path}, the decoder of {class}; `as: :ref` gives the object itself");
            noted(py, error, &note)
        })?;
    match value.get_type().is(object.get_type()) {
        true => Err(Failure::not_convertible(format!(
            "{path}, the decoder of {class}, gives another {class}"
        ))
        .with_hint("name a callable that gives text, numbers, or lists, tuples and dicts of them")),
        false => Ok(value),
    }
}

/// The exception with a note on it, as `add_note` puts it there (which Python 3.10 has not). What is no error (an
/// interrupt) stays as it is.
pub(super) fn noted(py: Python<'_>, error: PyErr, note: &str) -> PyErr {
    let value = error.value(py);
    let add = || -> PyResult<()> {
        let name = intern!(py, "__notes__");
        match value.getattr_opt(name)? {
            Some(notes) => notes.call_method1(intern!(py, "append"), (note,)).map(|_| ()),
            None => value.setattr(name, PyList::new(py, [note])?),
        }
    };
    if error.is_instance_of::<PyException>(py) {
        // The exception is what matters; one that takes no notes goes without.
        let _ = add();
    }
    error
}

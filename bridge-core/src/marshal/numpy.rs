//! The scalar types of numpy, which are found only once a program has imported it.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use pyo3::{ffi, intern};

/// What a scalar of numpy is to Elixir.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Int,
    Float,
    Complex,
    Text,
    Bytes,
}

/// The scalar types that have a counterpart, under names that every numpy has. Some are two names of one type; which
/// ones depends on the platform.
const TYPES: [(&str, Scalar); 20] = [
    ("bool_", Scalar::Bool),
    ("byte", Scalar::Int),
    ("ubyte", Scalar::Int),
    ("short", Scalar::Int),
    ("ushort", Scalar::Int),
    ("intc", Scalar::Int),
    ("uintc", Scalar::Int),
    ("int_", Scalar::Int),
    ("uint", Scalar::Int),
    ("int64", Scalar::Int),
    ("uint64", Scalar::Int),
    ("longlong", Scalar::Int),
    ("ulonglong", Scalar::Int),
    ("half", Scalar::Float),
    ("single", Scalar::Float),
    ("double", Scalar::Float),
    ("csingle", Scalar::Complex),
    ("cdouble", Scalar::Complex),
    ("str_", Scalar::Text),
    ("bytes_", Scalar::Bytes),
];

/// What the objects of a class are, if it is one of numpy's scalar types.
pub(super) fn scalar(py: Python<'_>, class: *mut ffi::PyTypeObject) -> Option<Scalar> {
    /// By the type's address, for the type is kept alive beside it.
    type Known = HashMap<usize, (Py<PyType>, Scalar)>;
    static KNOWN: PyOnceLock<Known> = PyOnceLock::new();
    let known = match KNOWN.get(py) {
        Some(known) => known,
        None => {
            // One that is being imported right now lacks some: it is asked again next time.
            let numpy = imported(py)?;
            let mut found = Known::with_capacity(TYPES.len());
            for (name, scalar) in TYPES {
                let class = numpy.getattr(name).ok()?.cast_into::<PyType>().ok()?;
                found.insert(class.as_ptr() as usize, (class.unbind(), scalar));
            }
            KNOWN.get_or_init(py, || found)
        }
    };
    known.get(&(class as usize)).map(|(_, scalar)| *scalar)
}

fn imported(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: a borrowed dict that lives as long as the interpreter, which is attached; or null without an error.
    let modules = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyImport_GetModuleDict()) }?;
    let modules = modules.cast_into::<PyDict>().ok()?;
    modules.get_item(intern!(py, "numpy")).ok().flatten()
}

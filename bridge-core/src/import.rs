//! Modules and what is in them, by name: imported where nobody has done so yet.
//!
//! It finds things; what is done with them is the caller's.

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyModule, PyString};
use pyo3::{ffi, intern};

/// Imports a module, or finds it imported.
pub(crate) fn module<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let key = PyString::intern(py, name);
    let null = std::ptr::null_mut();
    // SAFETY: the name is a live str and the interpreter attached; absent arguments may be null.
    // The first call waits for an import that another thread is in the middle of, and gives the topmost package.
    // The second gives the module itself, or null without an error when there is none.
    unsafe {
        let top = ffi::PyImport_ImportModuleLevelObject(key.as_ptr(), null, null, null, 0);
        let top = Bound::from_owned_ptr_or_err(py, top)?;
        if !name.contains('.') {
            return Ok(top);
        }
        match Bound::from_owned_ptr_or_opt(py, ffi::PyImport_GetModule(key.as_ptr())) {
            Some(module) => Ok(module),
            None => match PyErr::take(py) {
                Some(error) => Err(error),
                None => Ok(PyModule::import(py, key)?.into_any()),
            },
        }
    }
}

/// `value.name`. A submodule that nobody has imported yet is imported.
pub(crate) fn attribute<'py>(
    value: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let error = match value.getattr(name) {
        Ok(attribute) => return Ok(attribute),
        Err(error) => error,
    };
    if !error.is_instance_of::<PyAttributeError>(py)
        || !value.hasattr(intern!(py, "__path__")).unwrap_or(false)
    {
        return Err(error);
    }
    let Ok(package) = value
        .cast::<PyModule>()
        .map_err(PyErr::from)
        .and_then(|package| package.name())
    else {
        return Err(error);
    };
    let submodule = format!("{package}.{name}");
    match module(py, &submodule) {
        Ok(module) => Ok(module),
        // No such submodule: the attribute is what is missing. Any other error is the submodule's own.
        Err(missing)
            if missing.is_instance_of::<pyo3::exceptions::PyModuleNotFoundError>(py)
                && missing.value(py).getattr(intern!(py, "name"))?.eq(&submodule)? =>
        {
            Err(error)
        }
        Err(own) => Err(own),
    }
}

/// What a dotted path names: a module, then attributes. Without a dot it is a builtin.
pub(crate) fn path<'py>(py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyAny>> {
    let Some((first, rest)) = path.split_once('.') else {
        return module(py, "builtins")?.getattr(PyString::intern(py, path));
    };
    rest.split('.').try_fold(module(py, first)?, |value, name| {
        attribute(&value, &PyString::intern(py, name))
    })
}

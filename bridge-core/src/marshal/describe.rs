//! Objects in words, for messages and records. Nothing here fails: what is described may be as odd as it likes.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{PyTypeInfo, intern};

/// Text for people: what UTF-8 cannot carry is written as an escape.
pub fn lossy_text(text: &Bound<'_, PyString>) -> PyResult<String> {
    if let Ok(text) = text.to_str() {
        return Ok(text.to_owned());
    }
    let py = text.py();
    let bytes = text.call_method1(
        intern!(py, "encode"),
        (intern!(py, "utf-8"), intern!(py, "backslashreplace")),
    )?;
    Ok(String::from_utf8_lossy(bytes.cast::<PyBytes>()?.as_bytes()).into_owned())
}

/// `module.qualname` of a class; never fails, for a class may be as odd as it likes.
pub fn type_name(class: &Bound<'_, PyAny>) -> String {
    let py = class.py();
    let text = |name: &Bound<'_, PyString>| -> Option<String> {
        let value = class.getattr(name).ok()?;
        lossy_text(value.cast::<PyString>().ok()?).ok()
    };
    let name = text(intern!(py, "__qualname__")).unwrap_or_else(|| "?".to_owned());
    match text(intern!(py, "__module__")) {
        Some(module) => format!("{module}.{name}"),
        None => name,
    }
}

/// The class of an object, for the record of calls: a builtin's name without its module.
pub fn kind(object: &Bound<'_, PyAny>) -> String {
    let py = object.py();
    let class = object.get_type_ptr();
    // What nearly every call consists of is not looked up.
    let common = [
        (PyInt::type_object_raw(py), "int"),
        (PyFloat::type_object_raw(py), "float"),
        (PyString::type_object_raw(py), "str"),
        (PyBool::type_object_raw(py), "bool"),
        (PyList::type_object_raw(py), "list"),
        (PyTuple::type_object_raw(py), "tuple"),
        (PyDict::type_object_raw(py), "dict"),
    ];
    if let Some((_, name)) = common.iter().find(|(common, _)| *common == class) {
        return (*name).to_owned();
    }
    let name = type_name(object.get_type().as_any());
    match name.strip_prefix("builtins.") {
        Some(builtin) => builtin.to_owned(),
        None => name,
    }
}

//! Terms of Elixir that Python can hold, call and hand back, but not look through: functions, and all that has no
//! counterpart. They keep the term's bytes, and are sent back as those bytes.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::function::Function;
use super::pin::Pin;
use super::structs::{self, Struct};
use crate::term::{Reader, Term, Token};

/// How long a term's text in a `repr` may become.
const REPR_CHARACTERS: usize = 200;

/// The way to Elixir, which the worker provides.
pub trait Elixir: Send + Sync {
    /// Calls a function of Elixir, given by its term, and waits for the result.
    fn apply(
        &self,
        function: &Bound<'_, ElixirFunction>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>>;

    /// Turns a field of a struct into an object. The pin is the struct's.
    fn decode(&self, py: Python<'_>, term: &[u8], pin: Option<&Arc<Pin>>) -> PyResult<Py<PyAny>>;

    /// Tells Elixir that nothing here keeps a pinned term any more. May be called with or without the interpreter.
    fn unpin(&self, id: u64);
}

static ELIXIR: OnceLock<Box<dyn Elixir>> = OnceLock::new();

/// Sets the way to Elixir, once per process.
pub fn set_elixir(elixir: Box<dyn Elixir>) {
    // A second worker in one process does not exist; the first one's way stays.
    let _ = ELIXIR.set(elixir);
}

fn elixir() -> PyResult<&'static dyn Elixir> {
    ELIXIR.get().map(Box::as_ref).ok_or_else(|| {
        pyo3::exceptions::PyRuntimeError::new_err(
            "Elixir is not connected: this process is no worker of a session",
        )
    })
}

/// Tells Elixir, if it is there.
pub(super) fn unpin(id: u64) {
    if let Some(elixir) = ELIXIR.get() {
        elixir.unpin(id);
    }
}

/// A pid, port, reference, struct or other term of Elixir. Equal to another that is the same term.
#[pyclass(frozen, module = "snakebridge")]
#[derive(Debug)]
pub struct ElixirTerm {
    term: Box<[u8]>,
    pin: Option<Arc<Pin>>,
}

impl ElixirTerm {
    /// Keeps an encoded term (without a version byte), and what keeps it whole.
    pub fn new(term: &[u8], pin: Option<Arc<Pin>>) -> Self {
        let term = term.into();
        ElixirTerm { term, pin }
    }

    /// The encoded term, without a version byte.
    pub fn term(&self) -> &[u8] {
        &self.term
    }

    /// The encoded field of a struct.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.as_struct()?.get(name)
    }

    fn as_struct(&self) -> Option<Struct<'_>> {
        let mut reader = Reader::fragment(&self.term);
        match reader.token() {
            Ok(Token::Map(pairs)) => structs::fields(&mut reader, pairs),
            _ => None,
        }
    }
}

#[pymethods]
impl ElixirTerm {
    fn __repr__(&self) -> String {
        format!("<Elixir {}>", text(&self.term))
    }

    fn __hash__(&self) -> u64 {
        hash(&self.term)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast_exact::<ElixirTerm>()
            .is_ok_and(|other| other.get().term == self.term)
    }

    /// The field of a struct.
    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        let found = match name.starts_with("__") {
            true => None,
            false => self.as_struct().and_then(|fields| fields.get(name)),
        };
        match found {
            Some(field) => elixir()?.decode(py, field, self.pin.as_ref()),
            None => Err(PyAttributeError::new_err(format!(
                "{} has no field {name:?}",
                self.__repr__()
            ))),
        }
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    fn __dir__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let py = slf.py();
        let names = PyList::empty(py);
        for name in slf
            .get_type()
            .call_method0("mro")?
            .try_iter()?
            .flat_map(|class| class.and_then(|c| c.dir()))
        {
            names.call_method1("extend", (name,))?;
        }
        if let Some(fields) = slf.get().as_struct() {
            for name in fields.names() {
                names.append(name)?;
            }
        }
        Ok(names)
    }
}

/// A function of Elixir. Calling it runs it in Elixir and waits for the result; keyword arguments are appended as a
/// keyword list.
///
/// Like a function of Python it takes attributes and weak references, and is a method where a class has it.
#[pyclass(frozen, dict, weakref, module = "snakebridge")]
#[derive(Debug)]
pub struct ElixirFunction {
    term: Box<[u8]>,
    /// Keeps what the function has captured alive in Elixir.
    _pin: Option<Arc<Pin>>,
}

impl ElixirFunction {
    /// Keeps an encoded function (without a version byte), and what keeps it whole.
    pub fn new(term: &[u8], pin: Option<Arc<Pin>>) -> Self {
        let term = term.into();
        ElixirFunction { term, _pin: pin }
    }

    /// The encoded function, without a version byte.
    pub fn term(&self) -> &[u8] {
        &self.term
    }
}

#[pymethods]
impl ElixirFunction {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        elixir()?.apply(slf, args, kwargs)
    }

    /// What a function has, unless it was given another: a name for libraries to show, a signature to look at.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let function = Function::of(&slf.get().term);
        match name {
            "__name__" | "__qualname__" => Ok(PyString::new(slf.py(), &function.name).into_any()),
            "__signature__" => function.signature(slf.py()),
            _ => Err(PyAttributeError::new_err(format!(
                "{} has no attribute {name:?}",
                slf.get().__repr__()
            ))),
        }
    }

    fn __get__<'py>(
        slf: Bound<'py, Self>,
        instance: Option<Bound<'py, PyAny>>,
        _class: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match instance {
            Some(instance) => py
                .import(intern!(py, "types"))?
                .getattr(intern!(py, "MethodType"))?
                .call1((slf, instance)),
            None => Ok(slf.into_any()),
        }
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(format!(
            "cannot pickle {}: a function of Elixir can be called in this process only",
            self.__repr__()
        )))
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    fn __repr__(&self) -> String {
        format!("<Elixir {}>", Function::of(&self.term).name)
    }

    fn __hash__(&self) -> u64 {
        hash(&self.term)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast_exact::<ElixirFunction>()
            .is_ok_and(|other| other.get().term == self.term)
    }
}

fn hash(term: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish()
}

/// The term as Elixir would show it, up to a length.
fn text(encoded: &[u8]) -> String {
    match Term::read(&mut Reader::fragment(encoded)) {
        Ok(term) => format!("{term:.REPR_CHARACTERS$}"),
        Err(_) => "term".to_owned(),
    }
}

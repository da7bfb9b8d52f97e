//! Terms of Elixir that Python can hold, call and hand back, but not look through: functions, and all that has no
//! counterpart. They keep the term's bytes, and are sent back as those bytes.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::structs::{self, Struct};
use crate::term::{OpaqueKind, Reader, Term, Token};

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

    /// Turns a field of a struct into an object.
    fn decode(&self, py: Python<'_>, term: &[u8]) -> PyResult<Py<PyAny>>;
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

/// A pid, port, reference, struct or other term of Elixir. Equal to another that is the same term.
#[pyclass(frozen, module = "snakebridge")]
#[derive(Debug)]
pub struct ElixirTerm {
    term: Box<[u8]>,
}

impl ElixirTerm {
    /// Keeps an encoded term (without a version byte).
    pub fn new(term: &[u8]) -> Self {
        ElixirTerm { term: term.into() }
    }

    /// The encoded term, without a version byte.
    pub fn term(&self) -> &[u8] {
        &self.term
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
            Some(field) => elixir()?.decode(py, field),
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
#[pyclass(frozen, module = "snakebridge")]
#[derive(Debug)]
pub struct ElixirFunction {
    term: Box<[u8]>,
}

impl ElixirFunction {
    /// Keeps an encoded function (without a version byte).
    pub fn new(term: &[u8]) -> Self {
        ElixirFunction { term: term.into() }
    }

    /// The encoded function, without a version byte.
    pub fn term(&self) -> &[u8] {
        &self.term
    }

    fn arity(&self) -> Option<u8> {
        match (Reader::fragment(&self.term).token(), &*self.term) {
            // A tag, the size in four bytes, the arity.
            (Ok(Token::Opaque(OpaqueKind::Fun, _)), &[_, _, _, _, _, arity, ..])
            | (Ok(Token::Opaque(OpaqueKind::Export, _)), &[.., arity]) => Some(arity),
            _ => None,
        }
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

    /// Libraries show a function by its name.
    #[getter]
    fn __name__(&self) -> String {
        text(&self.term)
    }

    /// Libraries ask how many arguments a function takes, and whether it takes keyword arguments.
    #[getter]
    fn __signature__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let inspect = py.import(intern!(py, "inspect"))?;
        let parameter = inspect.getattr(intern!(py, "Parameter"))?;
        let arity = self
            .arity()
            .ok_or_else(|| PyAttributeError::new_err("the arity of this function is unknown"))?;
        let mut parameters = Vec::new();
        let positional = parameter.getattr(intern!(py, "POSITIONAL_ONLY"))?;
        for number in 1..=arity {
            parameters.push(parameter.call1((format!("arg{number}"), &positional))?);
        }
        parameters.push(parameter.call1(("options", parameter.getattr(intern!(py, "VAR_KEYWORD"))?))?);
        inspect.call_method1(intern!(py, "Signature"), (parameters,))
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    fn __repr__(&self) -> String {
        format!("<Elixir {}>", text(&self.term))
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
    if let Some(name) = named_function(encoded) {
        return name;
    }
    match Term::read(&mut Reader::fragment(encoded)) {
        Ok(term) => format!("{term:.REPR_CHARACTERS$}"),
        Err(_) => "term".to_owned(),
    }
}

/// `&Module.function/arity`, where the term is one: its parts follow its tag.
fn named_function(encoded: &[u8]) -> Option<String> {
    let Ok(Token::Opaque(OpaqueKind::Export, [_tag, parts @ ..])) = Reader::fragment(encoded).token() else {
        return None;
    };
    let mut rest = parts;
    let mut part = || {
        let mut reader = Reader::fragment(rest);
        let token = reader.token().ok()?;
        rest = &rest[reader.offset()..];
        Some(token)
    };
    match (part()?, part()?, part()?) {
        (Token::Atom(module), Token::Atom(function), Token::Int(arity)) => {
            let module = match module.strip_prefix("Elixir.") {
                Some(name) => name.to_owned(),
                None => format!(":{module}"),
            };
            Some(format!("&{module}.{function}/{arity}"))
        }
        _ => None,
    }
}

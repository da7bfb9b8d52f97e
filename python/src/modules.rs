//! `ex`: Elixir's modules and their functions, as Python sees them.

use bridge_core::marshal;
use bridge_core::steps::Shape;
use bridge_core::wire::op;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::callback::{arguments, call, is_there};
use crate::{calls, threads};

/// Elixir's modules, as attributes: `ex.Enum.map(xs, f)`, `ex.erlang.system_info("otp_release")`.
#[pyclass(frozen, module = "snakebridge")]
pub(crate) struct ElixirModule {
    /// `Enum` or `MyApp.Pricing` for Elixir's, `erlang` for Erlang's; none for `ex` itself.
    name: Option<String>,
}

#[pymethods]
impl ElixirModule {
    fn __getattr__(&self, name: &str) -> PyResult<ElixirName> {
        // What Python and its tools look for on every object is not looked for in Elixir.
        if name.starts_with('_') {
            return Err(PyAttributeError::new_err(format!(
                "{} has no attribute {name}",
                self.text()
            )));
        }
        let is_module = name.starts_with(char::is_uppercase);
        Ok(match (&self.name, is_module) {
            (None, true) => ElixirName::Module(ElixirModule {
                name: Some(name.to_owned()),
            }),
            (None, false) => ElixirName::Module(ElixirModule {
                name: Some(name.to_owned()),
            }),
            (Some(module), true) => ElixirName::Module(ElixirModule {
                name: Some(format!("{module}.{name}")),
            }),
            (Some(module), false) => ElixirName::Function(ModuleFunction {
                module: module.clone(),
                function: name.to_owned(),
            }),
        })
    }

    fn __dir__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        exports(slf.py(), slf)
    }

    fn __repr__(&self) -> String {
        self.text()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast_exact::<ElixirModule>()
            .is_ok_and(|other| other.get().name == self.name)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        PyString::new(py, &self.text()).hash()
    }
}

impl ElixirModule {
    pub(crate) fn root() -> Self {
        ElixirModule { name: None }
    }

    fn text(&self) -> String {
        match &self.name {
            Some(name) => format!("<Elixir module {name}>"),
            None => "<Elixir modules>".to_owned(),
        }
    }
}

/// What an attribute of `ex` is.
#[derive(IntoPyObject)]
pub(crate) enum ElixirName {
    Module(ElixirModule),
    Function(ModuleFunction),
}

/// A function of an Elixir module.
#[pyclass(frozen, module = "snakebridge")]
pub(crate) struct ModuleFunction {
    module: String,
    function: String,
}

#[pymethods]
impl ModuleFunction {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        call_mfa(py, &self.module, &self.function, args, kwargs)
    }

    fn __repr__(&self) -> String {
        format!("<Elixir function {}.{}>", self.module, self.function)
    }

    #[getter]
    fn __name__(&self) -> &str {
        &self.function
    }
}

/// Calls `Module.function(args)` in Elixir.
fn call_mfa<'py>(
    py: Python<'py>,
    module: &str,
    function: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let result = call(py, op::MFA, |worker, out| {
        out.tuple_header(4)?;
        out.binary(module.as_bytes())?;
        out.binary(function.as_bytes())?;
        arguments(worker, args, kwargs, out)
    })?;
    if let Some(cell) = threads::current_cell(py) {
        let args = args.iter().map(|arg| marshal::kind(&arg)).collect();
        let shape = Shape {
            module: module.to_owned(),
            name: function.to_owned(),
            args,
        };
        calls::count(calls::Caller::Cell(cell), shape, marshal::kind(&result));
    }
    Ok(result)
}

/// The names of a module's functions and of the modules below it. Nothing where Elixir is not there at once: this
/// is for completion, which does not wait for it.
#[pyfunction]
pub(crate) fn exports<'py>(
    py: Python<'py>,
    module: &Bound<'py, ElixirModule>,
) -> PyResult<Bound<'py, PyAny>> {
    if !is_there() {
        return Ok(PyList::empty(py).into_any());
    }
    call(py, op::EXPORTS, |_, out| {
        match &module.get().name {
            Some(module) => out.binary(module.as_bytes())?,
            None => out.atom("nil")?,
        }
        Ok(())
    })
}

/// How Elixir writes a module or function that `ex` has given: `Enum.map`, `:lists.seq`. None for anything else.
#[pyfunction]
pub(crate) fn written(value: &Bound<'_, PyAny>) -> Option<String> {
    let (module, function) = if let Ok(function) = value.cast_exact::<ModuleFunction>() {
        let ModuleFunction { module, function } = function.get();
        (module, format!(".{function}"))
    } else {
        let module = value.cast_exact::<ElixirModule>().ok()?;
        (module.get().name.as_ref()?, String::new())
    };
    let colon = if module.starts_with(char::is_uppercase) {
        ""
    } else {
        ":"
    };
    Some(format!("{colon}{module}{function}"))
}

/// What Elixir knows of a name of its own: texts by their mime types, or nothing. It is not waited for either.
#[pyfunction]
pub(crate) fn inspect<'py>(py: Python<'py>, name: &str, detail: u8) -> PyResult<Bound<'py, PyAny>> {
    if !is_there() {
        return Ok(PyDict::new(py).into_any());
    }
    call(py, op::INSPECT, |_, out| {
        out.tuple_header(2)?;
        out.binary(name.as_bytes())?;
        out.int(i64::from(detail));
        Ok(())
    })
}

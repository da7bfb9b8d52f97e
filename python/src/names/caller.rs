//! The frame that Elixir's calls are made from.
//!
//! Without one, what looks at its caller (`DataFrame.query` for `@name`, `warnings.warn`, `eval`) would find the
//! bridge's own frames, or none. This one is like a cell's: its globals are the session's, and so are its locals. It
//! can therefore hold nothing itself: what to call is handed to it beside it.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::worker::Worker;

/// The file that the frame claims to be of. The package's tracebacks leave it out.
const FILE: &str = "<elixir>";

/// A call that is to be made from the frame.
struct Call {
    function: Py<PyAny>,
    args: Py<PyTuple>,
    kwargs: Option<Py<PyDict>>,
}

thread_local! {
    static NEXT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// What the frame's code calls: it stands among the code's constants, for a name could be rebound.
#[pyclass(frozen)]
struct Caller;

#[pymethods]
impl Caller {
    fn call<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let next = NEXT.try_with(|next| next.borrow_mut().take()).ok().flatten();
        let Some(Call {
            function,
            args,
            kwargs,
        }) = next
        else {
            return Err(pyo3::exceptions::PyRuntimeError::new_err(
                "there is nothing to call: this is the bridge's own",
            ));
        };
        function
            .bind(py)
            .call(args.bind(py), kwargs.as_ref().map(|kwargs| kwargs.bind(py)))
    }
}

/// Calls a function, from a frame of the session.
pub(super) fn call<'py>(
    worker: &Worker,
    function: Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let frame = frame(py, worker)?;
    let call = Call {
        function: function.unbind(),
        args: args.unbind(),
        kwargs: kwargs.map(Bound::unbind),
    };
    // What stood there was never called: something ended the frame before it began.
    let stale = NEXT.try_with(|next| next.borrow_mut().replace(call)).ok();
    drop(stale);
    Ok(frame.call0(py)?.into_bound(py))
}

/// The code of a cell that makes the call, as a function of the session.
fn frame(py: Python<'_>, worker: &Worker) -> PyResult<&'static Py<PyAny>> {
    static FRAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FRAME.get_or_try_init(py, || {
        let code = py
            .import("builtins")?
            .call_method1("compile", ("'caller'.call()", FILE, "eval"))?;
        let constants: Vec<Bound<'_, PyAny>> = code
            .getattr("co_consts")?
            .try_iter()?
            .map(|constant| match constant {
                Ok(constant) if constant.eq("caller")? => Ok(Bound::new(py, Caller)?.into_any()),
                other => other,
            })
            .collect::<PyResult<_>>()?;
        let replaced = PyDict::new(py);
        replaced.set_item("co_consts", PyTuple::new(py, constants)?)?;
        let code = code.call_method("replace", (), Some(&replaced))?;
        let function = py.import("types")?.getattr("FunctionType")?;
        Ok(function.call1((code, &worker.globals))?.unbind())
    })
}

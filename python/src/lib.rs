//! The worker's extension module, `snakebridge._native`: sockets, lanes, output, interrupts, calls to Elixir.
//!
//! It runs no cells: that is the `snakebridge` package's, which starts it and is called by it through hooks. The
//! conversion of values is bridge-core's.

mod message;
mod wake;

mod conn;
mod descriptors;

mod capture;
mod output;

mod io;
mod lane;
mod lanes;
mod lifetime;
mod main_thread;
mod newcomers;

mod awaiting;
mod bindings;
mod callback;
mod calls;
mod interrupt;
mod modules;
mod names;
mod requests;
mod shells;
mod stack;
mod threads;

mod worker;

use bridge_core::exception::{BridgeError, ElixirError};
use bridge_core::marshal::{ElixirFunction, ElixirTerm, decode_value, encode_plain, encode_value};
use bridge_core::refs::Refs;
use bridge_core::term::{Limits, Reader, Writer, inflate};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("ElixirError", py.get_type::<ElixirError>())?;
    module.add("BridgeError", py.get_type::<BridgeError>())?;
    module.add_class::<ElixirFunction>()?;
    module.add_class::<ElixirTerm>()?;
    module.add_class::<modules::ElixirModule>()?;
    module.add("ex", modules::ElixirModule::root())?;
    module.add_class::<output::TextStream>()?;
    module.add_class::<bindings::Bindings>()?;
    module.add_function(wrap_pyfunction!(worker::start, module)?)?;
    module.add_function(wrap_pyfunction!(main_thread::poll, module)?)?;
    module.add_function(wrap_pyfunction!(interrupt::take_interrupt, module)?)?;
    module.add_function(wrap_pyfunction!(interrupt::heard_interrupt, module)?)?;
    module.add_function(wrap_pyfunction!(callback::input, module)?)?;
    module.add_function(wrap_pyfunction!(callback::exception, module)?)?;
    module.add_function(wrap_pyfunction!(modules::exports, module)?)?;
    module.add_function(wrap_pyfunction!(modules::inspect, module)?)?;
    module.add_function(wrap_pyfunction!(modules::written, module)?)?;
    module.add_function(wrap_pyfunction!(current_cell, module)?)?;
    module.add_function(wrap_pyfunction!(current_lane, module)?)?;
    module.add_function(wrap_pyfunction!(main_runs, module)?)?;
    module.add_function(wrap_pyfunction!(hold_errors, module)?)?;
    module.add_function(wrap_pyfunction!(set_cell, module)?)?;
    module.add_function(wrap_pyfunction!(drain, module)?)?;
    module.add_function(wrap_pyfunction!(emit, module)?)?;
    module.add_function(wrap_pyfunction!(elixir_names, module)?)?;
    module.add_function(wrap_pyfunction!(names_to_come, module)?)?;
    module.add_function(wrap_pyfunction!(is_of_elixir, module)?)?;
    module.add_function(wrap_pyfunction!(held, module)?)?;
    module.add_function(wrap_pyfunction!(encode, module)?)?;
    module.add_function(wrap_pyfunction!(decode, module)?)?;
    Ok(())
}

/// The cell that the calling code belongs to.
#[pyfunction]
fn current_cell(py: Python<'_>) -> Option<u64> {
    threads::current_cell(py)
}

/// The number of the lane that the calling code runs for, if any.
#[pyfunction]
fn current_lane(py: Python<'_>) -> Option<u64> {
    threads::served_lane(py).map(|(lane, _)| lane.conn.id)
}

/// Whether the main shell runs a cell of Python.
#[pyfunction]
fn main_runs() -> bool {
    main_thread::running_cell().is_some()
}

/// Begins or ends a block of Elixir, of the caller that the calling code runs for: errors may come back from it.
#[pyfunction]
fn hold_errors(py: Python<'_>, hold: bool) {
    if let Some((lane, _)) = threads::served_lane(py) {
        lane.hold_errors(hold);
    }
}

/// Makes the calling code, and what it starts, belong to a cell.
#[pyfunction]
fn set_cell(py: Python<'_>, cell: Option<u64>) -> PyResult<()> {
    threads::set_cell(py, cell)
}

/// Sends all output so far, C's and that of child processes too.
#[pyfunction]
fn drain(py: Python<'_>) -> PyResult<()> {
    capture::drain(py, true)?;
    if let Some((conn, _)) = threads::destination(py) {
        conn.flush();
    }
    Ok(())
}

/// Sends an event to where the output of the calling thread goes, behind that output. A dict gets its `cell`, a tuple
/// its first part.
#[pyfunction]
fn emit(py: Python<'_>, op: &str, body: &Bound<'_, PyAny>) -> PyResult<()> {
    capture::drain(py, true)?;
    let Some((conn, cell)) = threads::destination(py) else {
        return Ok(());
    };
    let body = with_cell(body, cell)?;
    let body = &body;
    let mut out = conn::frame(256);
    out.raw(&[104, 3, 119, 2, b'e', b'v']);
    out.atom(op)
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    encode_plain(body, &worker::protocol_key, &mut out).map_err(|failure| failure.into_pyerr(py))?;
    let mut event = out.into_bytes();
    if !conn.send(&mut event) {
        io::wake();
        while conn.is_full() && !conn.is_closed() {
            py.detach(|| conn.wait_to_send(std::time::Duration::from_millis(50)));
            py.check_signals()?;
        }
    }
    Ok(())
}

fn with_cell<'py>(body: &Bound<'py, PyAny>, cell: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(body) = body.cast::<PyDict>() {
        let body = body.copy()?;
        body.set_item("cell", cell)?;
        return Ok(body.into_any());
    }
    let parts: Vec<Bound<'_, PyAny>> = body.extract()?;
    let cell = cell.into_pyobject(body.py())?;
    let parts = std::iter::once(cell).chain(parts.into_iter().skip(1));
    Ok(PyTuple::new(body.py(), parts.collect::<Vec<_>>())?.into_any())
}

/// The names among the session's globals that are Elixir's.
#[pyfunction]
fn elixir_names(py: Python<'_>) -> PyResult<Vec<String>> {
    match worker::worker() {
        Some(worker) => names::owned_by_elixir(py, worker),
        None => Ok(Vec::new()),
    }
}

/// The names that Elixir has written and that the session's globals will have when a cell needs them.
#[pyfunction]
fn names_to_come() -> Vec<String> {
    names::to_come()
}

/// The types of the objects that Elixir holds, one for each object.
#[pyfunction]
fn held(py: Python<'_>) -> Vec<Bound<'_, PyType>> {
    worker::worker().map_or_else(Vec::new, |worker| worker.refs.types(py))
}

/// Whether a name of the session's is Elixir's.
#[pyfunction]
fn is_of_elixir(py: Python<'_>, name: &str) -> PyResult<bool> {
    match worker::worker() {
        Some(worker) => names::is_of_elixir(py, worker, name),
        None => Ok(false),
    }
}

/// An object as the bytes of a term.
#[pyfunction]
fn encode<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = object.py();
    let own = Refs::new(0);
    let refs = worker::worker().map_or(&own, |worker| &worker.refs);
    let mut out = Writer::new();
    encode_value(object, refs, &mut out).map_err(|failure| failure.into_pyerr(py))?;
    Ok(PyBytes::new(py, out.as_bytes()))
}

/// The object that the bytes of a term stand for.
#[pyfunction]
fn decode<'py>(py: Python<'py>, term: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let own = Refs::new(0);
    let refs = worker::worker().map_or(&own, |worker| &worker.refs);
    let value_error = |error: bridge_core::term::Error| PyValueError::new_err(error.to_string());
    let term = inflate(term, &Limits::default()).map_err(value_error)?;
    let mut reader = Reader::new(&term).map_err(value_error)?;
    let value = decode_value(py, refs, &mut reader).map_err(|failure| failure.into_pyerr(py))?;
    reader.finish().map_err(value_error)?;
    Ok(value)
}

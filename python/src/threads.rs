//! What a thread of Python is doing for whom: the lanes that it serves, the lane that it keeps for its own calls to
//! Elixir, and the cell that its code belongs to.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::awaiting::Awaiting;
use crate::conn::Conn;
use crate::lane::{Kind, Lane};
use crate::worker::worker;
use crate::{main_thread, shells};

/// The cell that was started last, which late output of unknown origin is counted to. 0: none yet.
pub(crate) static LAST_CELL: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static STATE: State = const {
        State { serving: RefCell::new(Vec::new()), callback: RefCell::new(None) }
    };
}

struct State {
    /// Requests being served by this thread, innermost last.
    serving: RefCell<Vec<(Arc<Lane>, Option<u64>)>>,
    /// The lane of this thread's own calls to Elixir, once it has made one.
    callback: RefCell<Option<Arc<Lane>>>,
}

/// Says, while it lives, that this thread serves a request.
pub(crate) struct Serving;

impl Serving {
    pub(crate) fn enter(lane: &Arc<Lane>, cell: Option<u64>) -> Self {
        let _ = STATE.try_with(|state| state.serving.borrow_mut().push((lane.clone(), cell)));
        Serving
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = STATE.try_with(|state| state.serving.borrow_mut().pop());
    }
}

/// The lane by which this thread reaches Elixir without opening one.
pub(crate) fn lane_to_elixir(py: Python<'_>) -> Option<Arc<Lane>> {
    served_lane(py)
        .map(|(lane, _)| lane)
        .or_else(|| {
            STATE
                .try_with(|state| state.callback.borrow().clone())
                .ok()
                .flatten()
        })
        .filter(|lane| !lane.is_over())
}

/// Keeps a lane for this thread's calls to Elixir, for as long as the thread lives.
pub(crate) fn keep_callback_lane(lane: Arc<Lane>) {
    let _ = STATE.try_with(|state| *state.callback.borrow_mut() = Some(lane));
}

/// Where the output of this thread goes, and the cell that it belongs to.
pub(crate) fn destination(py: Python<'_>) -> Option<(Arc<Conn>, Option<u64>)> {
    let served = STATE.try_with(|state| {
        let serving = state.serving.borrow();
        // A callback lane belongs to what this thread does anyway: its output goes where that goes.
        let (lane, cell) = serving
            .iter()
            .rev()
            .find(|(lane, _)| lane.kind != Kind::Callback)?;
        Some((lane.conn.clone(), *cell))
    });
    if let Ok(Some(served)) = served {
        return Some(served);
    }
    let context = context(py);
    match context.as_ref().map(|context| context.cast_exact::<Awaiting>()) {
        Some(Ok(awaiting)) => awaiting.get().destination(),
        _ => destination_of_cell(context.and_then(|cell| cell.extract().ok())),
    }
}

/// Where output of a cell goes: to the host, on the lane of its shell while that very cell runs, else on control.
pub(crate) fn destination_of_cell(cell: Option<u64>) -> Option<(Arc<Conn>, Option<u64>)> {
    let running = main_thread::running_cell();
    if let (Some(running), true) = (running, cell.is_none() || cell == running)
        && let Some(shell) = main_thread::shell()
    {
        return Some((shell.lane.conn.clone(), Some(running)));
    }
    if let Some(lane) = cell.and_then(shells::lane_of) {
        return Some((lane.conn.clone(), cell));
    }
    let cell = cell.or(match LAST_CELL.load(Ordering::Relaxed) {
        0 => None,
        cell => Some(cell),
    });
    Some((worker()?.host.clone(), cell))
}

/// The cell that this thread's code belongs to.
pub(crate) fn current_cell(py: Python<'_>) -> Option<u64> {
    let served = STATE.try_with(|state| state.serving.borrow().last().map(|(_, cell)| *cell));
    match served {
        Ok(Some(cell)) => cell,
        _ => cell_of_context(py),
    }
}

/// Whether this thread serves a request of Elixir, and on which lane. Of a task that is awaited for a request, the
/// caller's lane: the thread that serves it waits, so it can be used here, on the one thread that runs tasks.
pub(crate) fn served_lane(py: Python<'_>) -> Option<(Arc<Lane>, Option<u64>)> {
    let served = STATE.try_with(|state| state.serving.borrow().last().cloned());
    if let Ok(Some(served)) = served {
        return Some(served);
    }
    let awaiting = main_thread::is_this()
        .then(|| awaiting_of_context(py))
        .flatten()?;
    let awaiting = awaiting.get();
    awaiting.awaiting_lane().map(|lane| (lane, awaiting.cell))
}

/// The context variable that says which cell code belongs to, or which call waits for it: tasks inherit it.
fn context_variable(py: Python<'_>) -> PyResult<&'static (Py<PyAny>, Py<PyAny>)> {
    static VARIABLE: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    VARIABLE.get_or_try_init(py, || {
        let variable = py
            .import("contextvars")?
            .getattr("ContextVar")?
            .call1(("snakebridge_cell",))?;
        variable.call_method1("set", (py.None(),))?;
        let get = variable.getattr("get")?;
        Ok((variable.unbind(), get.unbind()))
    })
}

fn context(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let (_, get) = context_variable(py).ok()?;
    // A thread has a context of its own, in which nothing is set.
    get.bind(py).call1((py.None(),)).ok()
}

fn cell_of_context(py: Python<'_>) -> Option<u64> {
    let context = context(py)?;
    match context.cast_exact::<Awaiting>() {
        Ok(awaiting) => awaiting.get().cell,
        Err(_) => context.extract().ok(),
    }
}

/// The call that the calling code runs for, where that is a task's.
pub(crate) fn awaiting_of_context(py: Python<'_>) -> Option<Bound<'_, Awaiting>> {
    context(py)?.cast_into_exact::<Awaiting>().ok()
}

/// Makes what runs from here on in this context belong to a cell or a call.
pub(crate) fn set_context(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let (variable, _) = context_variable(py)?;
    variable.bind(py).call_method1(intern!(py, "set"), (value,))?;
    Ok(())
}

/// Makes what runs from here on in this context belong to a cell.
pub(crate) fn set_cell(py: Python<'_>, cell: Option<u64>) -> PyResult<()> {
    set_context(py, &cell.into_pyobject(py)?)
}

/// Python's number of this thread.
pub(crate) fn ident(py: Python<'_>) -> u64 {
    thread_local! {
        static IDENT: Cell<u64> = const { Cell::new(0) };
    }
    let known = IDENT.try_with(Cell::get).unwrap_or(0);
    if known != 0 {
        return known;
    }
    let ident = py
        .import(intern!(py, "threading"))
        .and_then(|threading| threading.call_method0(intern!(py, "get_ident"))?.extract())
        .unwrap_or(0);
    let _ = IDENT.try_with(|cell| cell.set(ident));
    ident
}

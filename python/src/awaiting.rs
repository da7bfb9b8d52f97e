//! Awaitables that calls of Elixir wait for. The package makes each a task of the main thread's loop; here is whose call
//! it is: where its output goes, on which lane it calls Elixir, and what stops it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bridge_core::marshal::Failure;
use pyo3::intern;
use pyo3::prelude::*;

use crate::conn::Conn;
use crate::interrupt::Activity;
use crate::lane::{Kind, Lane};
use crate::requests::Suspended;
use crate::worker::Worker;
use crate::{lanes, main_thread, threads};

/// Requests whose tasks are done, each with what gives the task's outcome.
static DONE: Mutex<VecDeque<(Suspended, Py<PyAny>)>> = Mutex::new(VecDeque::new());

/// A call that waits for a task. It is in the context of all that the task runs.
#[pyclass(frozen, module = "snakebridge._native")]
pub(crate) struct Awaiting {
    /// The number of its activity.
    #[pyo3(get)]
    serial: u64,
    /// Weak, because tasks may live on with their contexts when the caller is long gone.
    lane: Weak<Lane>,
    lane_id: u64,
    conn: Weak<Conn>,
    pub(crate) cell: Option<u64>,
    activity: Mutex<Option<Activity>>,
    /// The request that is answered when the task is done, where no thread waits for it.
    request: Mutex<Option<Suspended>>,
}

#[pymethods]
impl Awaiting {
    /// Whether the calling code runs for the same caller.
    fn is_current(&self, py: Python<'_>) -> bool {
        threads::awaiting_of_context(py).is_some_and(|current| current.get().lane_id == self.lane_id)
    }

    /// Whether the caller has hung up.
    fn is_gone(&self) -> bool {
        self.lane.upgrade().is_none_or(|lane| lane.is_over())
    }

    /// Makes what runs from here on in this context belong to the call.
    fn enter(slf: Bound<'_, Self>) -> PyResult<()> {
        threads::set_context(slf.py(), slf.as_any())
    }

    /// Says that the task is done. `outcome` gives its result or raises; it is called where the request goes on.
    fn finish(&self, outcome: Py<PyAny>) {
        self.end();
        let request = self.request.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(request) = request {
            let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
            done.push_back((request, outcome));
            drop(done);
            main_thread::wake();
        }
    }
}

impl Awaiting {
    /// Where the task's output goes: to the caller while it waits; what comes later is late output of the cell.
    pub(crate) fn destination(&self) -> Option<(Arc<Conn>, Option<u64>)> {
        match self.awaiting_lane().and(self.conn.upgrade()) {
            Some(conn) => Some((conn, self.cell)),
            None => threads::destination_of_cell(self.cell),
        }
    }

    /// The caller's lane, while it waits: for this task or for a later one.
    pub(crate) fn awaiting_lane(&self) -> Option<Arc<Lane>> {
        let lane = self.lane.upgrade()?;
        (lane.awaiting.load(Ordering::SeqCst) > 0 && !lane.is_over()).then_some(lane)
    }

    fn begin<'py>(
        py: Python<'py>,
        lane: &Arc<Lane>,
        cell: Option<u64>,
        request: Option<Suspended>,
    ) -> Result<Bound<'py, Self>, Failure> {
        let (conn, cell) = match lane.kind {
            Kind::Callback => threads::destination(py).unwrap_or_else(|| (lane.conn.clone(), cell)),
            _ => (lane.conn.clone(), cell),
        };
        lane.awaiting.fetch_add(1, Ordering::SeqCst);
        let activity = Activity::task(lane, conn.clone(), cell);
        let awaiting = Awaiting {
            serial: activity.serial(),
            lane: Arc::downgrade(lane),
            lane_id: lane.conn.id,
            conn: Arc::downgrade(&conn),
            cell,
            activity: Mutex::new(Some(activity)),
            request: Mutex::new(request),
        };
        Ok(Bound::new(py, awaiting)?)
    }

    fn end(&self) {
        let activity = self
            .activity
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let (Some(_), Some(lane)) = (activity, self.lane.upgrade()) {
            lane.awaiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Waits for what comes of an awaitable, on the calling thread.
pub(crate) fn here<'py>(
    py: Python<'py>,
    worker: &Worker,
    lane: &Arc<Lane>,
    cell: Option<u64>,
    awaitable: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, Failure> {
    let awaiting = Awaiting::begin(py, lane, cell, None)?;
    // The main thread's loop cannot turn while something on it waits here.
    let hook = match main_thread::is_this() {
        true => intern!(py, "await_aside"),
        false => intern!(py, "await_here"),
    };
    let outcome = worker.hooks.bind(py).call_method1(hook, (awaitable, &awaiting));
    awaiting.get().end();
    Ok(outcome?)
}

/// Has a request go on when an awaitable is done. For the main thread, whose loop turns meanwhile.
pub(crate) fn later(
    py: Python<'_>,
    worker: &Worker,
    request: Suspended,
    cell: Option<u64>,
    awaitable: &Bound<'_, PyAny>,
) -> Result<(), Failure> {
    let lane = request.lane.clone();
    let awaiting = Awaiting::begin(py, &lane, cell, Some(request))?;
    let begun = worker
        .hooks
        .bind(py)
        .call_method1(intern!(py, "await_later"), (awaitable, &awaiting));
    if begun.is_err() {
        awaiting.get().end();
    }
    begun?;
    Ok(())
}

/// Goes on with the requests whose tasks are done; whether there were any.
pub(crate) fn resume(py: Python<'_>, worker: &Worker) -> bool {
    let mut any = false;
    loop {
        let done = DONE.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some((request, outcome)) = done else {
            return any;
        };
        any = true;
        let lane = request.lane.clone();
        if lane.is_over() {
            continue;
        }
        let mut answer = request.resume(py, worker, outcome.bind(py).call0());
        lanes::end_forked_child(py);
        if !answer.is_empty() {
            py.detach(|| lane.send(&mut answer));
        }
    }
}

//! Where cells run one after the other: the main shell on the main thread, and subshells beside it, each on a thread of
//! its own. A subshell begins when the host asks for its lane, and ends with the lane.
//!
//! How a cell runs is the package's business; here is which one runs where, its beginning and its end.

use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::exception::write_failure;
use bridge_core::marshal::{Failure, encode_plain, pin};
use bridge_core::term::Reader;
use bridge_core::wire::{Frame, op};
use pyo3::exceptions::{PyEOFError, PyKeyboardInterrupt};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::interrupt::{self, Activity};
use crate::lane::{Lane, Received, Wait};
use crate::message::{self, Head};
use crate::wake::Wake;
use crate::worker::{self, Worker, plain_dict, protocol_key};
use crate::{calls, capture, descriptors, io, lanes, main_thread, names, output, threads};

/// The subshells that are open, and how many.
static SUBSHELLS: Mutex<Vec<Arc<Shell>>> = Mutex::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The subshell whose thread this is.
    static HERE: RefCell<Option<Arc<Shell>>> = const { RefCell::new(None) };
}

/// One place where cells run.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) lane: Arc<Lane>,
    /// The cell that runs, or 0.
    running: AtomicU64,
    /// Whether a cell has come that the package does not know yet.
    starting: AtomicBool,
    /// Of a subshell: wakes its thread where that waits for an answer.
    wake: Option<Wake>,
    /// Of a subshell: whether its thread is in the extension, where it may wait.
    inside: AtomicBool,
    /// Its cell was interrupted meanwhile, which is to be raised there.
    interrupted: AtomicBool,
}

/// The subshell whose thread is the calling one.
pub(crate) fn here() -> Option<Arc<Shell>> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    HERE.try_with(|here| here.borrow().clone()).ok().flatten()
}

/// The shell whose thread is the calling one.
pub(crate) fn of_this_thread() -> Option<Arc<Shell>> {
    match main_thread::is_this() {
        true => main_thread::shell().cloned(),
        false => here(),
    }
}

/// The lane of the subshell in which that cell runs.
pub(crate) fn lane_of(cell: u64) -> Option<Arc<Lane>> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let subshells = subshells();
    let found = subshells.iter().find(|shell| shell.running_cell() == Some(cell));
    found.map(|shell| shell.lane.clone())
}

/// The subshell that is served on that lane.
pub(crate) fn of_lane(lane: u64) -> Option<Arc<Shell>> {
    let subshells = subshells();
    let found = subshells.iter().find(|shell| shell.lane.conn.id == lane);
    found.cloned()
}

/// Looks for signals, and for an interrupt of this thread's subshell. What their handlers raise ends what waits here.
pub(crate) fn check_signals(py: Python<'_>) -> PyResult<()> {
    py.check_signals()?;
    match here() {
        Some(shell) if shell.interrupted.swap(false, Ordering::SeqCst) => {
            Err(PyKeyboardInterrupt::new_err(()))
        }
        _ => Ok(()),
    }
}

/// Says, while it lives, that code of the extension runs which may wait (or, with false, that code of Python runs again).
///
/// An exception that is set from outside reaches a thread in code of Python only. In a subshell's thread that waits here,
/// an interrupt ends the wait, by [`Shell::wake`] and [`check_signals`]; what comes too late for that is raised behind it.
/// Made and dropped with the interpreter: who interrupts has it too, and so sees which way reaches the thread.
#[derive(Debug)]
pub(crate) struct Inside(Option<(Arc<Shell>, bool)>);

impl Inside {
    pub(crate) fn enter(_py: Python<'_>, inside: bool) -> Self {
        Inside(here().map(|shell| {
            let before = shell.inside.swap(inside, Ordering::SeqCst);
            (shell, before)
        }))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let Some((shell, before)) = &self.0 else { return };
        shell.inside.store(*before, Ordering::SeqCst);
        if !before && shell.interrupted.swap(false, Ordering::SeqCst) {
            Python::attach(|py| interrupt::interrupt_thread(py, &shell.lane));
        }
    }
}

fn subshells() -> MutexGuard<'static, Vec<Arc<Shell>>> {
    SUBSHELLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `time.sleep`, which ends early in a subshell whose cell is interrupted: an exception that is set from outside waits for
/// the thread to come back from the system.
#[pyfunction]
fn sleep(py: Python<'_>, seconds: &Bound<'_, PyAny>) -> PyResult<()> {
    let shell = here().filter(|_| !descriptors::forked());
    let time = seconds
        .extract::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let (Some(shell), Some(time)) = (shell, time) else {
        // It also knows what to say of a wrong argument.
        return match SLEEP.get(py) {
            Some(sleep) => sleep.call1(py, (seconds,)).map(drop),
            None => Ok(()),
        };
    };
    let until = Instant::now() + time;
    let _inside = Inside::enter(py, true);
    loop {
        py.detach(|| shell.wake.iter().for_each(|wake| wake.wait_until(until)));
        // It may have been woken for something that is over.
        check_signals(py)?;
        if Instant::now() >= until {
            return Ok(());
        }
    }
}

static SLEEP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Puts ours in the place of Python's, under its name.
fn replace_sleep(py: Python<'_>) -> PyResult<()> {
    if SLEEP.get(py).is_some() {
        return Ok(());
    }
    let time = py.import("time")?;
    let original = time.getattr("sleep")?.unbind();
    if SLEEP.set(py, original).is_ok() {
        time.setattr("sleep", wrap_pyfunction!(sleep, &time)?)?;
    }
    Ok(())
}

/// Runs a subshell on the calling thread, which is its own, until its lane ends.
pub(crate) fn run(py: Python<'_>, worker: &Worker, token: u64) -> PyResult<()> {
    replace_sleep(py)?;
    let lane = worker::open_lane(py, worker, token)?;
    let shell = Arc::new(Shell::new(lane.clone(), Some(Wake::new()?)));
    HERE.with(|here| *here.borrow_mut() = Some(shell.clone()));
    subshells().push(shell.clone());
    COUNT.fetch_add(1, Ordering::Relaxed);
    lanes::watch(&lane);
    let handle = Bound::new(py, Subshell { shell: shell.clone() })?;
    let outcome = worker
        .hooks
        .bind(py)
        .call_method1(intern!(py, "subshell"), (handle,));
    lane.conn.close();
    subshells().retain(|other| !Arc::ptr_eq(other, &shell));
    COUNT.fetch_sub(1, Ordering::Relaxed);
    outcome.map(|_| ())
}

impl Shell {
    pub(crate) fn new(lane: Arc<Lane>, wake: Option<Wake>) -> Self {
        Shell {
            lane,
            running: AtomicU64::new(0),
            starting: AtomicBool::new(false),
            wake,
            inside: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
        }
    }

    /// The cell that runs.
    pub(crate) fn running_cell(&self) -> Option<u64> {
        match self.running.load(Ordering::Relaxed) {
            0 => None,
            cell => Some(cell),
        }
    }

    pub(crate) fn is_starting(&self) -> bool {
        self.starting.load(Ordering::Relaxed)
    }

    pub(crate) fn wake(&self) -> Option<&Wake> {
        self.wake.as_ref()
    }

    /// Interrupts a cell of a subshell, or what runs there when its lane has ended. From another thread; false: not now.
    pub(crate) fn interrupt(&self, py: Python<'_>, worker: &Worker, cell: Option<u64>) -> bool {
        let Some(running) = self.running_cell() else {
            return true;
        };
        if cell.is_some_and(|cell| cell != running) {
            return true;
        }
        // What it does first is over soon, or waits for Elixir.
        if self.is_starting() {
            self.wake_interrupted();
            return false;
        }
        let asked = worker
            .hooks
            .bind(py)
            .call_method1(intern!(py, "interrupt_subshell"), (self.lane.conn.id, running));
        match asked.and_then(|how| how.extract::<Option<bool>>()) {
            Ok(None) => false,
            Ok(Some(false)) => true,
            Ok(Some(true)) => self.wake_interrupted() || interrupt::interrupt_thread(py, &self.lane),
            Err(error) => {
                error.write_unraisable(py, None);
                true
            }
        }
    }

    /// Ends the wait of this subshell's thread, if it may wait.
    fn wake_interrupted(&self) -> bool {
        let inside = self.inside.load(Ordering::SeqCst);
        if inside {
            self.interrupted.store(true, Ordering::SeqCst);
            self.wake.iter().for_each(Wake::wake);
        }
        inside
    }

    /// From here on an interrupt of this thread's cell hits nothing.
    fn settle(&self, py: Python<'_>) {
        self.interrupted.store(false, Ordering::SeqCst);
        interrupt::take_back(py);
    }

    /// Starts a cell, which `target` runs; false if that failed, which is answered.
    pub(crate) fn execute(
        self: &Arc<Self>,
        py: Python<'_>,
        worker: &Worker,
        target: &Bound<'_, PyAny>,
        frame: &Frame,
    ) -> bool {
        let lane = &self.lane;
        message::read(frame, |message| {
            let mut answer = match message {
                Ok((Head::Request { id, op }, mut reader)) if op == op::EXECUTE => {
                    match self.begin(py, worker, target, id, &mut reader) {
                        Ok(()) => return true,
                        Err(failure) => {
                            self.running.store(0, Ordering::Relaxed);
                            fail(py, lane, id, &failure);
                            return false;
                        }
                    }
                }
                Ok((Head::Request { id, op }, _)) => {
                    let text = format!("the lane of cells serves no operation {op:?}");
                    message::refusal(id, "unknown_op", &text, None)
                }
                Ok((Head::Ok { id } | Head::Error { id }, mut reader)) if lane.was_given_up(id) => {
                    pin::abandon(&mut reader);
                    Vec::new()
                }
                Ok(_) => {
                    io::fault("something that is no request, on the lane of cells");
                    Vec::new()
                }
                Err(malformed) => malformed.answer(),
            };
            if !answer.is_empty() {
                lane.conn.send(&mut answer);
            }
            false
        })
    }

    fn begin(
        self: &Arc<Self>,
        py: Python<'_>,
        worker: &Worker,
        target: &Bound<'_, PyAny>,
        id: i64,
        reader: &mut Reader<'_>,
    ) -> Result<(), Failure> {
        let body = plain_dict(py, reader)?;
        let missing = |name: &str| Failure::refuse("bad_message", format!("execute without its {name}"));
        let cell: u64 = body
            .get_item("cell")?
            .and_then(|cell| cell.extract().ok())
            .ok_or_else(|| missing("cell"))?;
        let source: String = body
            .get_item("source")?
            .and_then(|source| source.extract().ok())
            .ok_or_else(|| missing("source"))?;
        self.starting.store(true, Ordering::Relaxed);
        let activity = match self.wake {
            None => Activity::cell(self.lane.conn.clone(), cell),
            Some(_) => Activity::cell_of_subshell(py, &self.lane, cell),
        };
        self.running.store(cell, Ordering::Relaxed);
        threads::LAST_CELL.store(cell, Ordering::Relaxed);
        let applied = names::apply(py, worker, &source);
        self.starting.store(false, Ordering::Relaxed);
        // The package tells it as the error of the cell, which it is.
        let error = applied.err().map(|error| error.into_value(py));
        let done = Bound::new(
            py,
            Done {
                shell: self.clone(),
                id,
                cell,
                activity: Mutex::new(Some(activity)),
            },
        )?;
        target.call_method1(intern!(py, "execute"), (body, done, error))?;
        Ok(())
    }
}

/// A subshell, as the package sees it.
#[pyclass(frozen, module = "snakebridge._native")]
pub(crate) struct Subshell {
    shell: Arc<Shell>,
}

#[pymethods]
impl Subshell {
    /// Its number, by which interrupts name it.
    #[getter]
    fn number(&self) -> u64 {
        self.shell.lane.conn.id
    }

    /// What to wait for between cells.
    fn fileno(&self) -> i32 {
        use std::os::fd::AsFd;
        self.shell.lane.conn.as_fd().as_raw_fd()
    }

    /// Takes in what has arrived; whether a cell has begun, which was given to `target.execute`. EOFError: no more will come.
    fn receive(&self, py: Python<'_>, target: &Bound<'_, PyAny>) -> PyResult<bool> {
        let lane = &self.shell.lane;
        let Some(worker) = worker::worker() else {
            return Err(PyEOFError::new_err(()));
        };
        loop {
            match lane.receive(Wait::No) {
                Received::Frame(frame) => {
                    let begun = self.shell.execute(py, worker, target, &frame);
                    lane.reuse(frame);
                    if begun {
                        return Ok(true);
                    }
                }
                Received::Nothing => return Ok(false),
                Received::Woken => {}
                Received::Ended => return Err(PyEOFError::new_err(())),
            }
        }
    }

    /// From here on an interrupt of the cell hits nothing.
    fn settle(&self, py: Python<'_>) {
        self.shell.settle(py);
    }
}

/// What the package calls when a cell has ended: sends the answer, behind all output of the cell.
#[pyclass(frozen)]
struct Done {
    shell: Arc<Shell>,
    id: i64,
    cell: u64,
    activity: Mutex<Option<Activity>>,
}

#[pymethods]
impl Done {
    fn __call__(&self, py: Python<'_>, answer: &Bound<'_, PyAny>) -> PyResult<()> {
        lanes::end_forked_child(py);
        // The cell is over: what an interrupt would raise here has nobody to hit.
        let _ = capture::drain(py, true).and_then(|()| output::finish(py));
        capture::finish();
        // From here on an interrupt of this cell hits nothing, and what is still printed is late.
        let Some(activity) = self
            .activity
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        else {
            return Err(pyo3::exceptions::PyRuntimeError::new_err(
                "the cell has been answered already",
            ));
        };
        drop(activity);
        if self.shell.wake.is_some() {
            self.shell.settle(py);
        }
        self.shell.running.store(0, Ordering::Relaxed);
        let lane = &self.shell.lane;
        let mut out = message::ok(Vec::new(), self.id);
        let written = (|| {
            let answer = answer.cast::<PyDict>().map_err(PyErr::from)?;
            answer.set_item("calls", calls::of_cell(py, self.cell, None)?)?;
            encode_plain(answer.as_any(), &protocol_key, &mut out)
        })();
        match written {
            Ok(()) => {
                let mut answer = out.into_bytes();
                py.detach(|| lane.send(&mut answer));
            }
            Err(failure) => fail(py, lane, self.id, &failure),
        }
        Ok(())
    }
}

fn fail(py: Python<'_>, lane: &Arc<Lane>, id: i64, failure: &Failure) {
    let mut out = message::error(Vec::new(), id);
    let mut answer = match write_failure(py, failure, None, worker::teller(None), &mut out) {
        Ok(()) => out.into_bytes(),
        Err(_) => message::refusal(
            id,
            "unavailable",
            "the error of this request cannot be described",
            None,
        ),
    };
    py.detach(|| lane.send(&mut answer));
}

//! What runs now, and stopping it: an interrupt names what it is meant for, so a late one hits nothing.
//!
//! The main thread is stopped by SIGINT, whose handler (the package's) asks here whether what it was sent for still
//! runs. Other threads are stopped by an exception set from outside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::conn::Conn;
use crate::lane::{Kind, Lane};
use crate::{lanes, main_thread, shells, threads};

/// What runs, in the order in which it began.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// Two signals may become one; what is owed from then is forgotten after so long.
const OWED: Duration = Duration::from_secs(1);

/// What SIGINT was sent for and has not been looked at.
static MEANT: Mutex<Meant> = Mutex::new(Meant {
    serials: Vec::new(),
    owed: 0,
    sent: None,
});

#[derive(Debug)]
struct Meant {
    serials: Vec<u64>,
    /// How many signals were sent for which the handler has not been called yet, and when the last was.
    owed: usize,
    sent: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    serial: u64,
    /// On the main thread.
    main: bool,
    /// The connection of the lane that asked for it.
    lane: Option<u64>,
    /// Where its output goes.
    conn: Arc<Conn>,
    cell: Option<u64>,
    what: What,
    /// The package says that its code has been given an interrupt.
    heard: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A cell of Python.
    Cell,
    /// A request, while it is being served.
    Request,
    /// A task of the loop, while a request waits for it.
    Task,
}

/// Says, while it lives, that something runs which can be interrupted.
#[derive(Debug)]
pub(crate) struct Activity {
    serial: u64,
    /// The lane that this thread serves, and what its `busy` was before.
    busy: Option<(Arc<Lane>, u64)>,
}

fn running() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn meant() -> MutexGuard<'static, Meant> {
    MEANT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Activity {
    /// A request on a lane.
    pub(crate) fn lane(py: Python<'_>, lane: &Arc<Lane>, cell: Option<u64>) -> Self {
        let main = main_thread::is_this();
        let busy = (!main).then(|| {
            let before = lane.busy.swap(threads::ident(py), Ordering::SeqCst);
            (lane.clone(), before)
        });
        // The lane that was opened for a thread's own calls is not where that thread's output goes.
        let (conn, cell) = match lane.kind {
            Kind::Callback => threads::destination(py).unwrap_or_else(|| (lane.conn.clone(), cell)),
            _ => (lane.conn.clone(), cell),
        };
        let mut activity = Activity::begin(main, Some(lane.conn.id), conn, cell, What::Request);
        activity.busy = busy;
        activity
    }

    /// A cell of Python.
    pub(crate) fn cell(conn: Arc<Conn>, cell: u64) -> Self {
        Activity::begin(true, None, conn, Some(cell), What::Cell)
    }

    /// A cell of Python in a subshell, whose thread is the calling one.
    pub(crate) fn cell_of_subshell(py: Python<'_>, lane: &Arc<Lane>, cell: u64) -> Self {
        let before = lane.busy.swap(threads::ident(py), Ordering::SeqCst);
        let id = Some(lane.conn.id);
        let mut activity = Activity::begin(false, id, lane.conn.clone(), Some(cell), What::Cell);
        activity.busy = Some((lane.clone(), before));
        activity
    }

    /// A task that a request on a lane waits for.
    pub(crate) fn task(lane: &Lane, conn: Arc<Conn>, cell: Option<u64>) -> Self {
        Activity::begin(true, Some(lane.conn.id), conn, cell, What::Task)
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    fn begin(main: bool, lane: Option<u64>, conn: Arc<Conn>, cell: Option<u64>, what: What) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        running().push(Running {
            serial,
            main,
            lane,
            conn,
            cell,
            what,
            heard: false,
        });
        Activity { serial, busy: None }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        running().retain(|running| running.serial != self.serial);
        if let Some((lane, before)) = &self.busy {
            lane.busy.store(*before, Ordering::SeqCst);
            // Around a nested call another one of the same caller runs, and is to be stopped with it.
            if *before != 0 || !lane.is_hung() {
                return;
            }
            // What was set for this request must not hit what this thread does next.
            Python::attach(take_back);
        }
    }
}

/// Where the output of C code and child processes goes: to what the main thread does, else to what began last.
pub(crate) fn foreground() -> Option<(Arc<Conn>, Option<u64>)> {
    let running = running();
    let of = |running: &Running| (running.conn.clone(), running.cell);
    running
        .iter()
        .rev()
        .find(|running| running.main && running.what != What::Task)
        .or(running.last())
        .map(of)
}

/// The connections of the lanes for which something runs.
pub(crate) fn running_lanes() -> Vec<u64> {
    running().iter().filter_map(|running| running.lane).collect()
}

/// Interrupts a cell; whether it runs. Called without the interpreter.
pub(crate) fn interrupt_cell(cell: u64) -> bool {
    let found = running()
        .iter()
        .find(|running| running.what == What::Cell && running.cell == Some(cell))
        .map(|running| (running.main, running.serial, running.lane));
    match found {
        None => false,
        Some((true, serial, _)) => {
            signal_main(serial);
            true
        }
        Some((false, _, lane)) => {
            let shell = lane.and_then(shells::of_lane);
            shell
                .inspect(|shell| lanes::interrupt_cell(shell.clone(), Some(cell)))
                .is_some()
        }
    }
}

/// Takes down that the code of a cell has been given an interrupt.
#[pyfunction]
pub(crate) fn heard_interrupt(cell: u64) {
    for running in running().iter_mut().filter(|running| running.cell == Some(cell)) {
        running.heard = true;
    }
}

/// Whether a cell that runs on the main thread has been given an interrupt. Called without the interpreter.
pub(crate) fn has_heard(cell: u64) -> bool {
    running()
        .iter()
        .any(|running| running.what == What::Cell && running.cell == Some(cell) && running.heard)
}

/// Interrupts what the main thread does for a lane whose peer is gone; whether there is such a thing. Called without
/// the interpreter.
pub(crate) fn interrupt_main_lane(lane: u64) -> bool {
    // Held until it is sent: see `has_seen`.
    let running = running();
    let serial = running
        .iter()
        .find(|running| running.main && running.lane == Some(lane))
        .map(|r| r.serial);
    serial.inspect(|&serial| signal_main(serial)).is_some()
}

/// Interrupts whatever the main thread does.
pub(crate) fn interrupt_all() {
    let serials: Vec<u64> = running()
        .iter()
        .filter(|running| running.main)
        .map(|r| r.serial)
        .collect();
    serials.into_iter().for_each(signal_main);
}

fn signal_main(serial: u64) {
    let mut meant = meant();
    meant.serials.push(serial);
    meant.owed += 1;
    meant.sent = Some(Instant::now());
    drop(meant);
    main_thread::signal();
}

/// Stops a thread that serves a lane whose peer is gone.
/// False: not now. Looking and setting happen in one holding of the interpreter's lock.
pub(crate) fn interrupt_thread(py: Python<'_>, lane: &Lane) -> bool {
    let ident = lane.busy.load(Ordering::SeqCst);
    if ident != 0 && !lane.seen.load(Ordering::Relaxed) {
        if is_delicate(py, ident).unwrap_or(false) {
            return false;
        }
        let exception = py.get_type::<PyKeyboardInterrupt>();
        // SAFETY: the interpreter is attached and the exception a live class; an unknown thread is no error.
        unsafe { ffi::PyThreadState_SetAsyncExc(ident as std::ffi::c_long, exception.as_ptr()) };
    }
    true
}

/// Whether a thread is where an exception from outside could block others for ever:
///
/// * inside of the import system itself, rather than in a module's code: it could keep a lock there, and with it every
///   import of the process
/// * starting a thread: before Python 3.12 the new one carries its creator's number until it runs, and would be hit in
///   its place, before it can say that it has started
fn is_delicate(py: Python<'_>, ident: u64) -> PyResult<bool> {
    let frames = py.import("sys")?.call_method0("_current_frames")?;
    let mut frame = frames.get_item(ident)?;
    let threading = py.import("threading")?.getattr("__file__")?;
    let mut innermost = true;
    // `start` waits by means of other functions of its module.
    while !frame.is_none() {
        let code = frame.getattr("f_code")?;
        let file = code.getattr("co_filename")?;
        if innermost && file.extract::<&str>()?.starts_with("<frozen importlib") {
            return Ok(true);
        }
        if !file.eq(&threading)? {
            return Ok(false);
        }
        if code.getattr("co_name")?.eq("start")? {
            let thread = frame.getattr("f_locals")?.get_item("self")?;
            return Ok(thread.getattr("ident")?.is_none());
        }
        innermost = false;
        frame = frame.getattr("f_back")?;
    }
    Ok(false)
}

/// This thread has seen the end of its lane while it waited for an answer there, and raises that by itself: another
/// exception would hit the code that cleans up.
pub(crate) fn has_seen(py: Python<'_>, lane: &Lane) {
    // Both under the interpreter's lock, as what sets an exception from outside.
    lane.seen.store(true, Ordering::Relaxed);
    if main_thread::is_this() {
        let mut running = running();
        for running in running.iter_mut().filter(|r| r.lane == Some(lane.conn.id)) {
            running.lane = None;
            // It may have been sent already.
            meant().serials.retain(|&serial| serial != running.serial);
        }
    } else {
        take_back(py);
    }
}

/// Takes back what was set for this thread and has not been raised yet.
pub(crate) fn take_back(py: Python<'_>) {
    // SAFETY: as above; null means none.
    unsafe { ffi::PyThreadState_SetAsyncExc(threads::ident(py) as std::ffi::c_long, std::ptr::null_mut()) };
}

/// What SIGINT was sent for; nothing where it came from elsewhere. None where it is one of ours whose meaning another
/// one has taken along.
fn take_meant() -> Option<Vec<u64>> {
    let mut meant = meant();
    let is_owed = meant.owed > 0 && meant.sent.is_some_and(|sent| sent.elapsed() < OWED);
    meant.owed = if is_owed { meant.owed - 1 } else { 0 };
    let serials = std::mem::take(&mut meant.serials);
    (!serials.is_empty() || !is_owed).then_some(serials)
}

/// What SIGINT was meant for and still runs: of tasks all that it was sent for, of cells and requests the innermost. To be
/// asked by the signal's handler, once. `("cell", number)`, `("request", serial)` or `("task", serial)` each.
#[pyfunction]
pub(crate) fn take_interrupt() -> Vec<(&'static str, u64)> {
    let Some(meant) = take_meant() else {
        return Vec::new();
    };
    let running = running();
    let describe = |hit: &Running| match (hit.what, hit.cell) {
        (What::Task, _) => ("task", hit.serial),
        // One that is not with the package yet is stopped where it is.
        (What::Cell, Some(cell)) if !main_thread::is_starting() => ("cell", cell),
        _ => ("request", hit.serial),
    };
    // A signal that nobody here has sent (`os.kill`, a terminal) is meant for what runs.
    let (tasks, others): (Vec<_>, Vec<_>) = running
        .iter()
        .rev()
        .filter(|running| running.main && (meant.is_empty() || meant.contains(&running.serial)))
        .partition(|running| running.what == What::Task);
    let innermost = others.into_iter().take(1);
    match meant.is_empty() {
        true => innermost.chain(tasks).take(1).map(describe).collect(),
        false => tasks.into_iter().chain(innermost).map(describe).collect(),
    }
}

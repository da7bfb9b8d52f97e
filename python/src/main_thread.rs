//! The main thread: it waits for its event loop and its lanes at once, serves calls on the spot, and hands
//! cells to the package, which runs them on the loop.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pyo3::intern;
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll as poll_fds};

use crate::lane::{self, Lane, Received, Wait};
use crate::requests::Awaits;
use crate::shells::Shell;
use crate::wake::Wake;
use crate::worker::{Worker, worker};
use crate::{awaiting, lanes};

static WAKE: OnceLock<Wake> = OnceLock::new();
static THREAD: OnceLock<libc::pthread_t> = OnceLock::new();
static CELLS: OnceLock<Arc<Shell>> = OnceLock::new();
/// Lanes of the BEAM that this thread serves.
static LANES: Mutex<Vec<Arc<Lane>>> = Mutex::new(Vec::new());
static SHUT_DOWN: AtomicBool = AtomicBool::new(false);
/// How often this thread was woken.
static WAKINGS: AtomicU64 = AtomicU64::new(0);

/// Makes the calling thread the main one.
pub(crate) fn set_up(cells: Option<Arc<Lane>>) -> std::io::Result<()> {
    let _ = WAKE.set(Wake::new()?);
    // SAFETY: a plain call.
    let _ = THREAD.set(unsafe { libc::pthread_self() });
    if let Some(lane) = cells {
        lanes::watch(&lane);
        let _ = CELLS.set(Arc::new(Shell::new(lane, None)));
    }
    Ok(())
}

/// Whether the calling thread is the main one.
pub(crate) fn is_this() -> bool {
    // SAFETY: plain calls on threads that live.
    THREAD
        .get()
        .is_some_and(|main| unsafe { libc::pthread_equal(*main, libc::pthread_self()) != 0 })
}

/// What wakes the main thread from waiting.
pub(crate) fn waker() -> Option<&'static Wake> {
    WAKE.get()
}

/// Wakes the main thread from waiting.
pub(crate) fn wake() {
    WAKINGS.fetch_add(1, Ordering::AcqRel);
    if let Some(wake) = WAKE.get() {
        wake.wake();
    }
}

/// Sends the main thread the signal of an interrupt. The waking closes the gap between its last look for signals and
/// the wait itself.
pub(crate) fn signal() {
    if let Some(&main) = THREAD.get() {
        // SAFETY: the main thread lives as long as the process.
        unsafe { libc::pthread_kill(main, libc::SIGINT) };
        wake();
    }
}

/// Has the main thread end the session once it comes back to its loop.
pub(crate) fn shut_down() {
    SHUT_DOWN.store(true, Ordering::Release);
    wake();
}

/// Gives the main thread one more lane to serve.
pub(crate) fn add_lane(lane: Arc<Lane>) {
    LANES.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
    wake();
}

/// The main shell, if this worker runs cells.
pub(crate) fn shell() -> Option<&'static Arc<Shell>> {
    CELLS.get()
}

/// The cell of Python that runs here now.
pub(crate) fn running_cell() -> Option<u64> {
    shell()?.running_cell()
}

/// Whether a cell has come that the package does not know yet.
pub(crate) fn is_starting() -> bool {
    shell().is_some_and(|shell| shell.is_starting())
}

/// Waits for the event loop's descriptor, at most `timeout` seconds, and serves lanes meanwhile. Returns whether the
/// loop has events; it returns also when the loop has a new task.
#[pyfunction]
#[pyo3(signature = (fd, timeout))]
pub(crate) fn poll(py: Python<'_>, fd: i32, timeout: Option<f64>) -> PyResult<bool> {
    lanes::end_forked_child(py);
    if fd < 0 {
        return Err(pyo3::exceptions::PyValueError::new_err(format!(
            "{fd} is no file descriptor"
        )));
    }
    let Some((worker, wake)) = worker().zip(WAKE.get()) else {
        return Err(pyo3::exceptions::PyRuntimeError::new_err(
            "the worker has not been started",
        ));
    };
    static FIRST: Once = Once::new();
    FIRST.call_once(lanes::set_ready);
    let deadline = timeout
        .and_then(|seconds| Instant::now().checked_add(Duration::try_from_secs_f64(seconds.max(0.0)).ok()?));
    let work = LoopWork::of_running_loop(py);
    // One that comes or goes meanwhile ends this wait. A wait inside of a call that is served here may take the waking.
    let wakings = WAKINGS.load(Ordering::Acquire);
    let (lanes, ended) = current_lanes(py, worker);
    // What a caller has left open may be closed by a task, which the loop would not look for by itself.
    if ended && work.as_ref().is_none_or(|work| work.has_grown(py)) {
        return Ok(false);
    }
    // Frames that came together with others are not told by the sockets.
    let mut ready: Vec<usize> = (0..lanes.len())
        .filter(|&index| lanes[index].has_frame())
        .collect();
    let mut buffer = Vec::new();
    loop {
        // Looked for before each wait: what has set it may have woken this thread from another.
        if SHUT_DOWN.swap(false, Ordering::AcqRel) {
            worker.hooks.bind(py).call_method0(intern!(py, "shutdown"))?;
            return Ok(false);
        }
        let mut turn = Turn::default();
        let resumed = awaiting::resume(py, worker);
        if ready.is_empty() && !resumed {
            turn = py.detach(|| wait(fd, wake, &lanes, deadline, &mut ready));
        }
        py.check_signals()?;
        let served = resumed || !ready.is_empty();
        for index in ready.drain(..) {
            match serve(py, worker, &lanes[index], &mut buffer)? {
                Served::All => {}
                Served::Cell | Served::Ended => turn.woken = true,
            }
        }
        // After a signal or a waking the loop looks whether its handler, or the end of a cell, left it something.
        if turn.event_loop
            || turn.woken
            || WAKINGS.load(Ordering::Acquire) != wakings
            || (served && work.as_ref().is_none_or(|work| work.has_grown(py)))
            || deadline.is_some_and(|deadline| deadline <= Instant::now())
        {
            return Ok(turn.event_loop);
        }
    }
}

/// What the event loop has to do, to see whether a request that was served gave it more: it would not look by itself.
struct LoopWork {
    ready: Py<PyAny>,
    scheduled: Py<PyAny>,
    timers: usize,
}

impl LoopWork {
    /// None where the loop does not tell; then it is given a turn after each request.
    fn of_running_loop(py: Python<'_>) -> Option<Self> {
        let event_loop = py
            .import(intern!(py, "asyncio"))
            .ok()?
            .call_method0(intern!(py, "get_running_loop"))
            .ok()?;
        let scheduled = event_loop.getattr(intern!(py, "_scheduled")).ok()?;
        let timers = scheduled.len().ok()?;
        let ready = event_loop.getattr(intern!(py, "_ready")).ok()?.unbind();
        Some(LoopWork {
            ready,
            scheduled: scheduled.unbind(),
            timers,
        })
    }

    fn has_grown(&self, py: Python<'_>) -> bool {
        self.ready.bind(py).is_truthy().unwrap_or(true)
            || self
                .scheduled
                .bind(py)
                .len()
                .map_or(true, |timers| timers != self.timers)
    }
}

/// Why the loop gets its turn.
#[derive(Debug, Default)]
struct Turn {
    /// It has events.
    event_loop: bool,
    /// By a signal, by another thread, or because the lanes are not what they were.
    woken: bool,
}

/// What came of looking at a lane.
enum Served {
    /// All that has arrived is served.
    All,
    /// The package has a cell to run.
    Cell,
    /// The lane is over.
    Ended,
}

/// The lanes that are served here, and whether some have ended.
fn current_lanes(py: Python<'_>, worker: &Worker) -> (Vec<Arc<Lane>>, bool) {
    let mut lanes = LANES.lock().unwrap_or_else(PoisonError::into_inner);
    // One whose peer has hung up stays until its end was read.
    let (over, going_on): (Vec<_>, Vec<_>) = lanes.drain(..).partition(|lane| lane.conn.is_closed());
    lanes.extend(going_on);
    let mut all = lanes.clone();
    drop(lanes);
    for lane in &over {
        lanes::ended(py, worker, lane);
    }
    // While a cell runs, what arrives on its lane is an answer to what the cell has asked, or nothing.
    all.extend(
        CELLS
            .get()
            .map(|shell| &shell.lane)
            .filter(|lane| running_cell().is_none() && !lane.is_over())
            .cloned(),
    );
    (all, !over.is_empty())
}

/// Waits, without the interpreter; `ready` gets the lanes on which something has arrived.
fn wait(
    fd: i32,
    wake: &Wake,
    lanes: &[Arc<Lane>],
    deadline: Option<Instant>,
    ready: &mut Vec<usize>,
) -> Turn {
    // SAFETY: the event loop keeps its descriptor open while it waits for it, which is now.
    let event_loop = unsafe { BorrowedFd::borrow_raw(fd) };
    let mut fds = Vec::with_capacity(lanes.len() + 2);
    fds.push(PollFd::new(&event_loop, PollFlags::IN));
    fds.push(PollFd::new(wake, PollFlags::IN));
    fds.extend(lanes.iter().map(|lane| PollFd::new(&*lane.conn, PollFlags::IN)));
    let time = deadline.map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        Timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos() as _,
        }
    });
    if poll_fds(&mut fds, time.as_ref()).is_err() {
        return Turn {
            event_loop: false,
            woken: true,
        };
    }
    let has_come = |fd: &PollFd<'_>| !fd.revents().is_empty();
    ready.extend((0..lanes.len()).filter(|&index| has_come(&fds[index + 2])));
    let woken = has_come(&fds[1]);
    if woken {
        wake.clear();
    }
    Turn {
        event_loop: has_come(&fds[0]),
        woken,
    }
}

/// Serves what has arrived on a lane.
fn serve(py: Python<'_>, worker: &Worker, lane: &Arc<Lane>, buffer: &mut Vec<u8>) -> PyResult<Served> {
    loop {
        match lane.receive(Wait::No) {
            Received::Frame(frame) if lane.kind == lane::Kind::Cells => {
                let started =
                    shell().is_some_and(|shell| shell.execute(py, worker, worker.hooks.bind(py), &frame));
                lane.reuse(frame);
                if started {
                    return Ok(Served::Cell);
                }
            }
            Received::Frame(frame) => {
                let mut answer =
                    lane::serve_frame(py, worker, lane, &frame, std::mem::take(buffer), Awaits::Later);
                lane.reuse(frame);
                lanes::end_forked_child(py);
                if !answer.is_empty() && !lane.conn.send(&mut answer) {
                    py.detach(|| lane.finish_sending());
                }
                *buffer = answer;
                if !lane.has_frame() {
                    return Ok(Served::All);
                }
            }
            Received::Nothing => return Ok(Served::All),
            Received::Woken => py.check_signals()?,
            Received::Ended => {
                lane.conn.close();
                return Ok(Served::Ended);
            }
        }
    }
}

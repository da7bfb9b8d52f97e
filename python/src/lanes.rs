//! The lanes of other threads than the main one: their threads, what happens when a peer hangs up, and what the peers
//! have released. What needs the interpreter here is done by attendant threads.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use crate::lane::{self, Kind, Lane};
use crate::shells::{self, Shell};
use crate::worker::{Worker, worker};
use crate::{interrupt, io, main_thread};

static LANES: Mutex<Vec<Weak<Lane>>> = Mutex::new(Vec::new());
static ATTENDANT: OnceLock<Sender<Errand>> = OnceLock::new();
/// Drops have an attendant of their own: a destructor is user code, and may take as long as it likes.
static DROPS: OnceLock<Sender<Errand>> = OnceLock::new();

/// After so many dropped objects the system gets back what the allocator keeps: it does not do so by itself in the
/// middle of its memory.
const TRIMMED_AFTER: usize = 100_000;

/// How long after the last of them: what it costs is paid once.
const TRIM_DELAY: Duration = Duration::from_millis(50);

/// A thread that cannot be interrupted just now is tried again after so long.
const RETRY_DELAY: Duration = Duration::from_millis(1);

/// So many objects are dropped before another thread has its turn.
const DROPPED_AT_ONCE: usize = 2_000;

/// Whether the package has prepared the process for user code, and who waits for that.
static READY: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Lets lanes be served from now on.
pub(crate) fn set_ready() {
    *READY.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    READY.1.notify_all();
}

fn wait_until_ready() {
    let ready = READY.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(READY.1.wait_while(ready, |ready| !*ready));
}

/// What the attendant does.
enum Errand {
    Start(Arc<Lane>),
    /// A subshell, which asks the host for the lane with that token.
    StartSubshell(u64),
    Interrupt(Arc<Lane>),
    /// A cell of a subshell, or whatever it runs.
    InterruptCell(Arc<Shell>, Option<u64>),
    Drop(Vec<Py<PyAny>>),
}

fn lanes() -> std::sync::MutexGuard<'static, Vec<Weak<Lane>>> {
    LANES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the I/O thread notice when a lane's peer hangs up.
pub(crate) fn watch(lane: &Arc<Lane>) {
    lanes().push(Arc::downgrade(lane));
    io::wake();
}

/// The lanes whose peers may still hang up. Also those on which sending has failed already: what still runs for them is
/// to be stopped no less.
pub(crate) fn watched() -> Vec<Arc<Lane>> {
    let mut lanes = lanes();
    lanes.retain(|lane| lane.strong_count() > 0);
    lanes
        .iter()
        .filter_map(Weak::upgrade)
        .filter(|lane| !lane.is_hung())
        .collect()
}

/// How many lanes of Elixir processes there are.
pub(crate) fn count() -> usize {
    lanes()
        .iter()
        .filter_map(Weak::upgrade)
        .filter(|lane| !matches!(lane.kind, Kind::Cells | Kind::Subshell))
        .count()
}

/// How many lanes whose peer is gone still run what it asked, and how long the first of them has been so.
pub(crate) fn abandoned() -> (usize, Duration) {
    let lanes: Vec<Arc<Lane>> = lanes().iter().filter_map(Weak::upgrade).collect();
    let running = interrupt::running_lanes();
    let times = lanes
        .iter()
        .filter(|lane| running.contains(&lane.conn.id))
        .filter_map(|lane| lane.hung_for());
    times.fold((0, Duration::ZERO), |(count, longest), time| {
        (count + 1, longest.max(time))
    })
}

/// A lane's peer is gone: what still runs for it is stopped. Without the interpreter.
pub(crate) fn hung_up(lane: &Arc<Lane>) {
    lane.hang_up();
    if interrupt::interrupt_main_lane(lane.conn.id) || matches!(lane.kind, Kind::BeamMain | Kind::Cells) {
        main_thread::wake();
    } else if let Some(shell) = shells::of_lane(lane.conn.id) {
        interrupt_cell(shell, None);
    } else {
        send(Errand::Interrupt(lane.clone()));
    }
}

/// Interrupts a cell of a subshell, or whatever that runs.
pub(crate) fn interrupt_cell(shell: Arc<Shell>, cell: Option<u64>) {
    send(Errand::InterruptCell(shell, cell));
}

/// Starts the thread of a subshell.
pub(crate) fn start_subshell(token: u64) {
    send(Errand::StartSubshell(token));
}

/// Starts the thread that serves a lane.
pub(crate) fn start_thread(lane: Arc<Lane>) {
    send(Errand::Start(lane));
}

/// Lets go of objects that the peer does not hold any more.
pub(crate) fn release(ids: Vec<u64>) {
    if let Some(worker) = worker() {
        drop_later(worker.refs.release(ids));
    }
}

/// Lets go of all objects: the peer is gone.
pub(crate) fn release_all() {
    if let Some(worker) = worker() {
        drop_later(worker.refs.release_all());
    }
}

fn drop_later(objects: Vec<Py<PyAny>>) {
    if !objects.is_empty() {
        send_to(&DROPS, Errand::Drop(objects));
    }
}

fn send(errand: Errand) {
    send_to(&ATTENDANT, errand);
}

fn send_to(attendant: &OnceLock<Sender<Errand>>, errand: Errand) {
    if let Some(attendant) = attendant.get() {
        // The attendant lives as long as the process.
        let _ = attendant.send(errand);
    }
}

/// Starts the attendants.
pub(crate) fn start_attendants(py: Python<'_>) -> PyResult<()> {
    start_attendant(py, "snakebridge-attendant", &ATTENDANT)?;
    start_attendant(py, "snakebridge-drops", &DROPS)
}

fn start_attendant(py: Python<'_>, name: &str, way: &OnceLock<Sender<Errand>>) -> PyResult<()> {
    let (sender, receiver) = channel();
    if way.set(sender).is_ok() {
        let attendant = Bound::new(
            py,
            Attendant {
                errands: Mutex::new(receiver),
            },
        )?;
        thread(py, name, attendant.getattr("run")?, ())?;
    }
    Ok(())
}

#[pyclass(frozen)]
struct Attendant {
    errands: Mutex<Receiver<Errand>>,
}

#[pymethods]
impl Attendant {
    fn run(&self, py: Python<'_>) {
        io::block_signals(Some(libc::SIGINT));
        let mut dropped = 0;
        let mut interrupts: Vec<Arc<Lane>> = Vec::new();
        let mut cells: Vec<(Arc<Shell>, Option<u64>)> = Vec::new();
        loop {
            let patience = match dropped > TRIMMED_AFTER {
                _ if !interrupts.is_empty() || !cells.is_empty() => Some(RETRY_DELAY),
                true => Some(TRIM_DELAY),
                false => None,
            };
            let first = match py.detach(|| self.next(patience)) {
                Err(RecvTimeoutError::Timeout) if interrupts.is_empty() && cells.is_empty() => {
                    py.detach(trim);
                    dropped = 0;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
                first => first.ok(),
            };
            // Where many threads want the interpreter it is long in coming: what has arrived meanwhile is done at once,
            // the interrupts first, so that there are fewer.
            let (mut starts, mut drops) = (Vec::new(), Vec::new());
            for errand in first.into_iter().chain(self.pending()) {
                match errand {
                    Errand::Interrupt(lane) => interrupts.push(lane),
                    Errand::InterruptCell(shell, cell) => cells.push((shell, cell)),
                    Errand::StartSubshell(token) => {
                        if let Err(error) = start_thread_of_subshell(py, token) {
                            io::fault(&format!("no thread could be started for a subshell: {error}"));
                        }
                    }
                    Errand::Start(lane) => starts.push(lane),
                    Errand::Drop(objects) => drops.push(objects),
                }
            }
            interrupts.retain(|lane| !interrupt::interrupt_thread(py, lane));
            if let Some(worker) = worker() {
                cells.retain(|(shell, cell)| !shell.interrupt(py, worker, *cell));
            }
            for lane in starts {
                if let Err(error) = start(py, &lane) {
                    io::fault(&format!("no thread could be started for a lane: {error}"));
                    lane.conn.close();
                }
            }
            for mut objects in drops {
                dropped += objects.len();
                // Other threads want the interpreter too.
                while !objects.is_empty() {
                    objects.truncate(objects.len().saturating_sub(DROPPED_AT_ONCE));
                    py.detach(|| {});
                }
            }
        }
    }
}

impl Attendant {
    /// The next errand; not for ever, if something is to be done when none comes.
    fn next(&self, patience: Option<Duration>) -> Result<Errand, RecvTimeoutError> {
        let errands = self.errands.lock().unwrap_or_else(PoisonError::into_inner);
        match patience {
            Some(patience) => errands.recv_timeout(patience),
            None => errands.recv().map_err(RecvTimeoutError::from),
        }
    }

    /// The errands that have arrived.
    fn pending(&self) -> Vec<Errand> {
        let errands = self.errands.lock().unwrap_or_else(PoisonError::into_inner);
        errands.try_iter().collect()
    }
}

fn trim() {
    // SAFETY: a plain call.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

fn start(py: Python<'_>, lane: &Arc<Lane>) -> PyResult<()> {
    let name = match lane.kind {
        Kind::Questions => "snakebridge-questions".to_owned(),
        _ => format!("snakebridge-lane-{}", lane.conn.id),
    };
    let serving = Bound::new(py, LaneThread { lane: lane.clone() })?;
    thread(py, &name, serving.getattr("run")?, ())
}

fn start_thread_of_subshell(py: Python<'_>, token: u64) -> PyResult<()> {
    let serving = Bound::new(py, SubshellThread { token })?;
    thread(
        py,
        &format!("snakebridge-subshell-{token}"),
        serving.getattr("run")?,
        (),
    )
}

/// A daemon thread of Python: unlike one that only borrows the interpreter, it keeps its thread-locals and its
/// context for as long as it runs, and the `threading` module knows it.
fn thread<'py>(
    py: Python<'py>,
    name: &str,
    target: Bound<'py, PyAny>,
    args: impl IntoPyObject<'py>,
) -> PyResult<()> {
    let kwargs = PyDict::new(py);
    kwargs.set_item("name", name)?;
    kwargs.set_item("target", target)?;
    kwargs.set_item("args", args)?;
    kwargs.set_item("daemon", true)?;
    let thread = py
        .import("threading")?
        .getattr("Thread")?
        .call((), Some(&kwargs))?;
    // `start` would wait until the new thread has had the interpreter, and then for its own turn.
    if let Ok(started) = thread.getattr("_started") {
        let _ = started.setattr("wait", py.get_type::<PyBool>());
    }
    thread.call_method0("start")?;
    Ok(())
}

#[pyclass(frozen)]
struct LaneThread {
    lane: Arc<Lane>,
}

#[pymethods]
impl LaneThread {
    fn run(&self, py: Python<'_>) {
        io::block_signals(Some(libc::SIGINT));
        let Some(worker) = worker() else { return };
        py.detach(wait_until_ready);
        serve(py, worker, &self.lane);
    }
}

#[pyclass(frozen)]
struct SubshellThread {
    token: u64,
}

#[pymethods]
impl SubshellThread {
    fn run(&self, py: Python<'_>) {
        io::block_signals(Some(libc::SIGINT));
        let Some(worker) = worker() else { return };
        py.detach(wait_until_ready);
        let outcome = shells::run(py, worker, self.token);
        end_forked_child(py);
        if let Err(error) = outcome {
            io::fault(&format!("a subshell of Python has ended: {error}"));
        }
    }
}

fn serve(py: Python<'_>, worker: &Worker, lane: &Arc<Lane>) {
    lane::serve(py, worker, lane);
    end_forked_child(py);
    lane.conn.close();
    ended(py, worker, lane);
}

/// A lane is over: what its caller has left open is closed, on the thread that served it.
pub(crate) fn ended(py: Python<'_>, worker: &Worker, lane: &Lane) {
    if let Err(error) = worker
        .hooks
        .bind(py)
        .call_method1(intern!(py, "lane_ended"), (lane.conn.id,))
    {
        error.write_unraisable(py, None);
    }
}

/// A forked child that comes back out of user code has no business here.
pub(crate) fn end_forked_child(py: Python<'_>) {
    if crate::descriptors::forked() {
        for name in ["stdout", "stderr"] {
            let _ = py
                .import("sys")
                .and_then(|sys| sys.getattr(name)?.call_method0("flush"));
        }
        // SAFETY: a plain call; the child's buffers have been written.
        unsafe { libc::_exit(0) }
    }
}

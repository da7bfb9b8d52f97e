//! The kernel as a whole: what its tasks share, its start and its end.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::record::Records;
use bridge_core::session::{Config, Session};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::connection::ConnectionInfo;
use crate::debugger::Debugger;
use crate::error::Result;
use crate::history::History;
use crate::info::Found;
use crate::iopub::{IoPub, State};
use crate::message::{Parent, Signer};
use crate::sockets::{self, Sockets};
use crate::subshells::{self, Subshells};
use crate::variables::Variables;
use crate::{cell, comm, control, shell, variables};

/// How many cells' requests are remembered, for output that comes after the cell's end.
const REMEMBERED_CELLS: usize = 10_000;

/// How long the end of the kernel waits for clients that still have something to read.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How a kernel is run.
#[derive(Debug)]
pub struct Options {
    /// The connection file.
    pub connection_file: PathBuf,
    /// The language of cells that say nothing else.
    pub language: Language,
    /// How the session is run.
    pub session: Config,
}

/// What the kernel's tasks share.
pub(crate) struct Kernel {
    pub(crate) session: Session,
    pub(crate) language: Language,
    pub(crate) iopub: IoPub,
    /// The number of the last cell that clients see.
    pub(crate) count: AtomicU64,
    pub(crate) subshells: Subshells,
    /// The cells that run, and their requests.
    pub(crate) running: Mutex<Vec<cell::Running>>,
    /// The languages' versions, as far as they are known before the languages are up.
    pub(crate) found: Found,
    pub(crate) history: History,
    pub(crate) debugger: Debugger,
    /// The comms that are open, with the names of their targets.
    comms: Mutex<BTreeMap<String, String>>,
    pub(crate) variables: Variables,
    cells: Mutex<VecDeque<(u64, Parent)>>,
    ending: watch::Sender<bool>,
}

impl Kernel {
    /// Remembers which request a cell came from.
    pub(crate) fn remember(&self, cell: u64, parent: &Parent) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() == REMEMBERED_CELLS {
            cells.pop_front();
        }
        cells.push_back((cell, parent.clone()));
    }

    /// The request that a cell came from; that of the last cell where this one is not known.
    pub(crate) fn parent_of(&self, cell: Option<u64>) -> Parent {
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells
            .iter()
            .rev()
            .find(|(number, _)| Some(*number) == cell)
            .or(cells.back())
            .map_or_else(Parent::default, |(_, parent)| parent.clone())
    }

    /// The comms that are open, with the names of their targets.
    pub(crate) fn comms(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.comms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cells that run.
    pub(crate) fn running(&self) -> MutexGuard<'_, Vec<cell::Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the kernel end.
    pub(crate) fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Whether it has begun to end.
    pub(crate) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }
}

/// Runs a kernel until a client ends it, its parent process goes away, or a signal comes.
///
/// # Errors
/// When the connection file, the sockets or the session cannot be had. Nothing that a client sends is an error.
pub fn run(options: Options) -> Result<()> {
    let info = ConnectionInfo::read(&options.connection_file)?;
    // One thread: what a message sets off is little, and waking another thread for it would take longer.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(info, options));
    // Whoever still reads a file (a long history, say) does so for nobody.
    runtime.shutdown_background();
    served
}

async fn serve(info: ConnectionInfo, options: Options) -> Result<()> {
    // First, so that clients that are quick find somebody: languages take longer to start.
    let sockets = Sockets::bind(&info).await?;
    let signer = Arc::new(Signer::new(&info.key));
    let iopub = IoPub::start(sockets.iopub, Arc::clone(&signer));
    tokio::spawn(sockets::beat(sockets.heartbeat));
    let found = Found::of(&options.session);
    let records = match &options.session.records {
        Some(place) => Some(Records::at(place)),
        None => Records::of_user().ok(),
    };
    let (session, late) = Session::start(Config {
        notebook: true,
        ..options.session
    })?;
    let (ending, mut end) = watch::channel(false);
    let (stdin, answers) = sockets::channel("stdin", sockets.stdin, &signer);
    let (shell, requests) = sockets::channel("shell", sockets.shell, &signer);
    let (control, orders) = sockets::channel("control", sockets.control, &signer);
    let sending = [shell.clone(), control.clone(), stdin.clone()];
    let history = History::new(options.language, records, session.name());
    let kernel = Arc::new(Kernel {
        session,
        language: options.language,
        iopub,
        count: AtomicU64::new(0),
        subshells: Subshells::new(shell.clone(), stdin),
        running: Mutex::default(),
        debugger: Debugger::new(),
        found,
        history,
        comms: Mutex::default(),
        variables: Variables::default(),
        cells: Mutex::default(),
        ending,
    });
    kernel.iopub.state(&Parent::default(), State::Starting);

    tokio::spawn(cell::answers(Arc::clone(&kernel), answers));
    tokio::spawn(variables::serve(Arc::clone(&kernel)));
    tokio::spawn(comm::close_with_python(Arc::clone(&kernel)));
    tokio::spawn(cell::late(Arc::clone(&kernel), late));
    subshells::start(&kernel);
    tokio::spawn(shell::serve(Arc::clone(&kernel), shell, requests));
    tokio::spawn(control::serve(Arc::clone(&kernel), control, orders));
    watch_signals(&kernel)?;
    watch_parent(&kernel);

    // The sender is the kernel's own, so this ends in no other way.
    let _ = end.wait_for(|ended| *ended).await;
    let _ = kernel.session.shutdown().await;
    // What cells still had to say must leave the process before it does.
    let _ = tokio::time::timeout(LAST_WORDS, async {
        kernel.iopub.flush().await;
        for channel in &sending {
            channel.flush().await;
        }
    })
    .await;
    sockets::remove_files(&info);
    Ok(())
}

/// SIGINT interrupts, as a client's request does: `signal` clients send it. SIGTERM ends.
fn watch_signals(kernel: &Arc<Kernel>) -> Result<()> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut ends = signal(SignalKind::terminate())?;
    let kernel = Arc::clone(kernel);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupts.recv() => kernel.session.interrupt(),
                _ = ends.recv() => kernel.end(),
            }
        }
    });
    Ok(())
}

/// Jupyter says which process starts the kernel; when that one is gone, nobody will end it.
fn watch_parent(kernel: &Arc<Kernel>) {
    let parent = std::env::var("JPY_PARENT_PID")
        .ok()
        .and_then(|pid| pid.parse::<i32>().ok())
        .filter(|pid| *pid > 1)
        .and_then(rustix::process::Pid::from_raw);
    let Some(parent) = parent else { return };
    // One that nobody waits for is still there, but no longer anybody's parent.
    let is_child = rustix::process::getppid() == Some(parent);
    let kernel = Arc::clone(kernel);
    tokio::spawn(async move {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            let gone = rustix::process::test_kill_process(parent)
                .is_err_and(|error| error == rustix::io::Errno::SRCH);
            if gone || is_child && rustix::process::getppid() != Some(parent) {
                return kernel.end();
            }
        }
    });
}

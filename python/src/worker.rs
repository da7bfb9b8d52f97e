//! The worker as one thing: what it was started with, and its start.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bridge_core::exception::{Rendered, Teller};
use bridge_core::marshal::{Failure, decode_value, set_elixir};
use bridge_core::refs::Refs;
use bridge_core::term::Reader;
use bridge_core::wire::{FrameReader, Hello, Message, Peer, Role, ThreadKind};
use pyo3::exceptions::{PyConnectionError, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};

use crate::conn::Conn;
use crate::descriptors::Descriptor;
use crate::io;
use crate::lane::{Kind, Lane};
use crate::newcomers::Listener;
use crate::{callback, capture, descriptors, lanes, lifetime, main_thread};

/// How long the host may take to answer a hello.
const HELLO_TIME: Duration = Duration::from_secs(10);

static WORKER: OnceLock<Worker> = OnceLock::new();

/// What the worker works with.
pub(crate) struct Worker {
    pub(crate) refs: Refs,
    /// Where the host listens.
    path: String,
    /// The host's control connection.
    pub(crate) host: Arc<Conn>,
    /// The host is the BEAM itself: there is no front end.
    pub(crate) host_is_beam: bool,
    /// The names of the session.
    pub(crate) globals: Py<PyDict>,
    /// What the Python package does for the worker.
    pub(crate) hooks: Py<PyAny>,
}

/// The worker, once it was started.
pub(crate) fn worker() -> Option<&'static Worker> {
    WORKER.get()
}

/// Connects to the host and starts the threads. `cells`: whether cells are to run here.
#[pyfunction]
#[pyo3(signature = (*, host, listen = None, generation = 1, cells = false, globals, hooks, versions = None))]
#[expect(
    clippy::too_many_arguments,
    reason = "keyword arguments, each a setting of its own"
)]
pub(crate) fn start(
    py: Python<'_>,
    host: &str,
    listen: Option<&str>,
    generation: u64,
    cells: bool,
    globals: Bound<'_, PyDict>,
    hooks: Bound<'_, PyAny>,
    versions: Option<BTreeMap<String, String>>,
) -> PyResult<()> {
    if worker().is_some() {
        return Err(PyRuntimeError::new_err("the worker is running already"));
    }
    // A group of its own: what ends the worker ends what it has started, and Ctrl-C in a terminal is the host's.
    // Fails only for a process that leads a session, which has such a group.
    let _ = rustix::process::setpgid(None, None);
    descriptors::watch_forks();
    let listener = listen.map(Listener::bind).transpose()?;
    let hello = |role| {
        let mut hello = Hello::new(Peer::Worker, role, std::process::id());
        hello.generation = Some(generation);
        hello
    };
    let mut control = hello(Role::Control);
    control.socket = listen.map(str::to_owned);
    control.versions = versions.unwrap_or_default();
    control.executable = py.import("sys")?.getattr("executable")?.extract().ok();
    let (host_conn, host_reader, peer) = connect(py, host, control, true)?;
    let lane = |kind, thread| -> PyResult<Arc<Lane>> {
        let (conn, reader, _) = connect(py, host, hello(Role::Lane(thread)), false)?;
        io::watch(&conn);
        Ok(Arc::new(Lane::new(conn, kind, None, reader)))
    };
    let own = cells
        .then(|| lane(Kind::Questions, ThreadKind::Own))
        .transpose()?;
    let main = cells.then(|| lane(Kind::Cells, ThreadKind::Main)).transpose()?;

    main_thread::set_up(main)?;
    capture::install()?;
    let worker = WORKER.get_or_init(|| Worker {
        refs: Refs::new(generation),
        path: host.to_owned(),
        host: host_conn,
        host_is_beam: peer == Peer::Beam,
        globals: globals.unbind(),
        hooks: hooks.unbind(),
    });
    set_elixir(Box::new(callback::Way));
    // First: the host may have asked for the lane of a subshell already.
    lanes::start_attendants(py)?;
    io::start(worker, listener, host_reader)?;
    if let Some(own) = own {
        lanes::start_thread(own);
    }
    Ok(())
}

/// Connects the lane of a subshell, which the host has asked for.
pub(crate) fn open_lane(py: Python<'_>, worker: &Worker, token: u64) -> PyResult<Arc<Lane>> {
    let mut hello = Hello::new(Peer::Worker, Role::Lane(ThreadKind::Own), std::process::id());
    hello.generation = Some(worker.refs.generation());
    hello.token = Some(token);
    let (conn, reader, _) = connect(py, &worker.path, hello, false)?;
    io::watch(&conn);
    Ok(Arc::new(Lane::new(conn, Kind::Subshell, None, reader)))
}

/// Connects, says hello and hears the answer.
fn connect(
    py: Python<'_>,
    path: &str,
    hello: Hello,
    control: bool,
) -> PyResult<(Arc<Conn>, FrameReader, Peer)> {
    py.detach(|| -> Result<_, String> {
        let socket = UnixStream::connect(path).map_err(|error| format!("{path}: {error}"))?;
        let text = |error: std::io::Error| format!("{path}: {error}");
        socket.set_read_timeout(Some(HELLO_TIME)).map_err(text)?;
        let frame = Message::Hello(hello)
            .to_frame()
            .map_err(|error| error.to_string())?;
        std::io::Write::write_all(&mut &socket, &frame).map_err(text)?;
        let mut reader = FrameReader::default();
        let answer = loop {
            match reader.next_frame().map_err(|error| error.to_string())? {
                Some(frame) => break Message::decode(frame).map_err(|error| error.to_string())?,
                None => match recv(&socket, spare_capacity(reader.buffer()), RecvFlags::empty()) {
                    Ok((_, 0)) => return Err(format!("{path}: the host hung up")),
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(rustix::io::Errno::AGAIN) => return Err(format!("{path}: the host did not answer")),
                    Err(error) => return Err(format!("{path}: {error}")),
                },
            }
        };
        let peer = match answer {
            Message::Hello(hello) => {
                hello.check_version().map_err(|error| error.to_string())?;
                hello.peer
            }
            other => {
                return Err(format!(
                    "{path}: the host answered with {other:?} instead of hello"
                ));
            }
        };
        socket.set_read_timeout(None).map_err(text)?;
        socket.set_nonblocking(control).map_err(text)?;
        Ok((Arc::new(Conn::new(Descriptor::new(socket.into()))), reader, peer))
    })
    .map_err(|error| PyConnectionError::new_err(format!("no connection to the host: {error}")))
}

/// The body of a request, for a hook: a dict with text keys.
pub(crate) fn plain_dict<'py>(
    py: Python<'py>,
    reader: &mut Reader<'_>,
) -> Result<Bound<'py, PyDict>, Failure> {
    let refs = Refs::new(0);
    let body = decode_value(py, &refs, reader)?;
    body.cast_into::<PyDict>()
        .map_err(|_| Failure::refuse("bad_message", "the body of this request is no map"))
}

/// How exceptions are told on a lane, or to the host.
pub(crate) fn teller(lane: Option<&Lane>) -> Teller<'static> {
    let collects = lane.is_some_and(|lane| lane.is_of_beam() && lifetime::collects());
    Teller {
        render: &render,
        refs: worker().filter(|_| collects).map(|worker| &worker.refs),
    }
}

/// An exception, as the package renders it.
fn render<'py>(exception: &Bound<'py, PyAny>) -> Option<Rendered<'py>> {
    let py = exception.py();
    let rendered = worker()?
        .hooks
        .bind(py)
        .call_method1(intern!(py, "traceback"), (exception,))
        .ok()?;
    rendered.extract().ok()
}

/// The keys that are atoms in what the worker says.
pub(crate) fn protocol_key(key: &str) -> bool {
    matches!(
        key,
        "args"
            | "buffers"
            | "calls"
            | "cell"
            | "class"
            | "comm"
            | "count"
            | "data"
            | "deletes"
            | "detail"
            | "display_id"
            | "doc"
            | "duration_us"
            | "expressions"
            | "file"
            | "found"
            | "from"
            | "hint"
            | "id"
            | "indent"
            | "items"
            | "kind"
            | "line"
            | "message"
            | "metadata"
            | "module"
            | "name"
            | "reads"
            | "returns"
            | "size"
            | "source"
            | "status"
            | "target"
            | "text"
            | "to"
            | "traceback"
            | "type"
            | "update"
            | "value"
            | "writes"
    )
}

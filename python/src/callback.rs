//! Calls from Python to Elixir.
//!
//! A thread that serves a lane of Elixir calls back on that lane; any other asks for one of its own and keeps it. While
//! it waits it serves, on that lane, what Elixir asks meanwhile; the interpreter is free, and signals are seen.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::exception::{bridge_error, elixir_error, message as message_of};
use bridge_core::marshal::pin::{self, Pin};
use bridge_core::marshal::{
    self, Decoder, ElixirFunction, Failure, decode_value, encode_argument, encode_value,
};
use bridge_core::term::{Reader, Term, Writer};
use bridge_core::wire::op;
use pyo3::exceptions::{PyBaseException, PyEOFError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::conn::{Conn, frame};
use crate::lane::{self, Kind, Lane, Received, Wait};
use crate::message::{self, Head};
use crate::requests::Awaits;
use crate::worker::{Worker, worker};
use crate::{interrupt, io, lanes, lifetime, main_thread, stack, threads};

/// How long Elixir may take to start, or to open a lane.
const OPEN_TIME: Duration = Duration::from_secs(30);

/// How often a wait without a descriptor looks for signals.
const LOOK: Duration = Duration::from_millis(50);

static BEAM: Mutex<Option<Arc<Conn>>> = Mutex::new(None);
static BEAM_CAME: Condvar = Condvar::new();
static OPENING: Mutex<Option<HashMap<u64, Sender<Arc<Lane>>>>> = Mutex::new(None);
static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

const UNKNOWN: u8 = 0;
const DOWN: u8 = 1;
const MISSING: u8 = 2;

fn beam() -> MutexGuard<'static, Option<Arc<Conn>>> {
    BEAM.lock().unwrap_or_else(PoisonError::into_inner)
}

fn opening() -> MutexGuard<'static, Option<HashMap<u64, Sender<Arc<Lane>>>>> {
    OPENING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether Elixir can be called without waiting for its start.
pub(crate) fn is_there() -> bool {
    beam().is_some() || worker().is_some_and(|worker| worker.host_is_beam)
}

/// The BEAM's control connection is there.
pub(crate) fn set_beam(conn: Arc<Conn>) {
    if beam().replace(conn).is_some() {
        lifetime::beam_gone();
    }
    BEAM_CAME.notify_all();
}

/// The BEAM's control connection.
pub(crate) fn connected() -> Option<Arc<Conn>> {
    beam().clone()
}

/// A control connection of the BEAM has ended.
pub(crate) fn beam_gone(conn: &Arc<Conn>) {
    let mut beam = beam();
    if beam.as_ref().is_some_and(|current| current.id == conn.id) {
        *beam = None;
        drop(beam);
        // Nobody will answer to these.
        *opening() = None;
        lifetime::beam_gone();
    }
}

/// What the host says of Elixir.
pub(crate) fn set_elixir_state(state: &str) {
    let state = match state {
        "down" => DOWN,
        "missing" => MISSING,
        _ => UNKNOWN,
    };
    STATE.store(state, Ordering::Relaxed);
    BEAM_CAME.notify_all();
}

/// A lane that was asked for.
pub(crate) fn lane_opened(token: u64, lane: Arc<Lane>) {
    let asked = opening().as_mut().and_then(|opening| opening.remove(&token));
    // Who asked may have been interrupted: then the lane ends here, and Elixir sees it.
    if let Some(asked) = asked {
        lanes::watch(&lane);
        let _ = asked.send(lane);
    }
}

/// The way to Elixir, as marshal wants it.
pub(crate) struct Way;

impl marshal::Elixir for Way {
    fn apply(
        &self,
        function: &Bound<'_, ElixirFunction>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let result = call(function.py(), op::APPLY, |worker, out| {
            out.tuple_header(3)?;
            out.raw(function.get().term());
            arguments(worker, args, kwargs, out)
        })?;
        Ok(result.unbind())
    }

    fn decode(&self, py: Python<'_>, term: &[u8], pin: Option<&Arc<Pin>>) -> PyResult<Py<PyAny>> {
        let worker = started()?;
        let decoder = Decoder::new(py, &worker.refs).pinned(pin);
        let value = decoder
            .value(&mut Reader::fragment(term))
            .map_err(|f| f.into_pyerr(py))?;
        Ok(value.unbind())
    }

    fn unpin(&self, id: u64) {
        lifetime::unpin(id);
    }
}

/// The values of names that Elixir owns.
pub(crate) fn read_names<'py>(py: Python<'py>, names: &[String]) -> PyResult<Bound<'py, PyAny>> {
    call(py, op::READ, |_, out| {
        out.list_header(names.len())?;
        for name in names {
            out.binary(name.as_bytes())?;
        }
        out.nil();
        Ok(())
    })
}

/// Writes arguments as a list, and keyword arguments as a list of pairs.
pub(crate) fn arguments(
    worker: &Worker,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
    out: &mut Writer,
) -> marshal::Result<()> {
    out.list_header(args.len())?;
    for arg in args.iter() {
        encode_argument(&arg, &worker.refs, out)?;
    }
    out.nil();
    let items = kwargs.map(|kwargs| kwargs.items());
    out.list_header(items.as_ref().map_or(0, |items| items.len()))?;
    for item in items.iter().flat_map(|items| items.iter()) {
        let (name, value): (Bound<'_, PyString>, Bound<'_, PyAny>) = item.extract()?;
        out.tuple_header(2)?;
        out.binary(name.to_str()?.as_bytes())?;
        encode_value(&value, &worker.refs, out)?;
    }
    out.nil();
    Ok(())
}

fn started() -> PyResult<&'static Worker> {
    worker()
        .ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("this process is no worker of a session"))
}

/// Makes a request of Elixir and waits for the answer.
pub(crate) fn call<'py>(
    py: Python<'py>,
    op: &str,
    body: impl FnOnce(&Worker, &mut Writer) -> marshal::Result<()>,
) -> PyResult<Bound<'py, PyAny>> {
    let worker = started()?;
    if crate::descriptors::forked() {
        return Err(unavailable(
            py,
            "Elixir cannot be called from a forked process",
            "call it in the session's own process, and hand the result over",
        ));
    }
    let lane = match threads::lane_to_elixir(py) {
        Some(lane) => lane,
        None => open(py, worker)?,
    };
    let id = lane.next_id();
    let mut out = frame(256);
    // `{req, Id, Op, _}`
    out.raw(&[104, 4, 119, 3, b'r', b'e', b'q']);
    out.int(id);
    let sending = lane.sending();
    let written = out
        .atom(op)
        .map_err(Failure::from)
        .and_then(|()| body(worker, &mut out));
    drop(sending);
    written.map_err(|failure| failure.into_pyerr(py))?;
    if !message::fits(&out) {
        return Err(
            Failure::not_convertible("the arguments take more bytes than a message can hold").into_pyerr(py),
        );
    }
    let mut request = out.into_bytes();
    stack::check(py)?;
    py.detach(|| lane.send(&mut request));
    wait(py, worker, &lane, id)
}

/// Waits for an answer, and serves what the other side asks meanwhile.
pub(crate) fn wait<'py>(
    py: Python<'py>,
    worker: &Worker,
    lane: &Arc<Lane>,
    id: i64,
) -> PyResult<Bound<'py, PyAny>> {
    let main = main_thread::is_this();
    let _waiting = lane.waiting(py);
    loop {
        let received = py.detach(|| match main_thread::waker().filter(|_| main) {
            Some(wake) => lane.receive(Wait::Unless(wake)),
            None => lane.receive(Wait::Forever),
        });
        match received {
            Received::Frame(frame) => {
                let answer = take(py, worker, lane, id, &frame);
                lane.reuse(frame);
                if let Some(answer) = answer {
                    return answer;
                }
                // The waking may have come together with the frame.
                signals(py, lane, id)?;
            }
            Received::Nothing => {}
            Received::Woken => signals(py, lane, id)?,
            Received::Ended => {
                lane.conn.close();
                signals(py, lane, id)?;
                interrupt::has_seen(py, lane);
                // A lane of a caller's own ends where it is served.
                if lane.kind == Kind::Callback {
                    lanes::ended(py, worker, lane);
                }
                return Err(gone(py, lane));
            }
        }
    }
}

/// What a wait ends with when its lane does. Who runs for a process of Elixir that has ended is to end too, and so hears
/// what it would hear outside of a callback.
fn gone(py: Python<'_>, lane: &Lane) -> PyErr {
    match lane.kind {
        Kind::BeamMain | Kind::BeamOwn => pyo3::exceptions::PyKeyboardInterrupt::new_err(
            "the Elixir process that this ran for has ended, or does not wait any more",
        ),
        _ => unavailable(
            py,
            "Elixir went away while Python waited for it",
            "the process that served this call has ended, or the BEAM has",
        ),
    }
}

/// Looks for signals during a wait. What their handlers raise ends it.
fn signals(py: Python<'_>, lane: &Arc<Lane>, id: i64) -> PyResult<()> {
    py.check_signals().inspect_err(|_| cancel(lane, id))
}

/// Tells the other side that an answer is not wanted any more. The lane ends with it. The host serves no callbacks: what
/// it was asked for the cell ends with the cell.
fn cancel(lane: &Arc<Lane>, id: i64) {
    if lane.kind == Kind::Cells {
        lane.give_up(id);
        return;
    }
    if let Ok(mut event) = message::event(op::CANCEL, |out| {
        out.int(id);
        Ok(())
    }) {
        lane.conn.send(&mut event);
    }
    if lane.kind == Kind::Callback {
        lane.hang_up();
    }
}

/// Takes a message in while an answer is waited for; returns the answer when it is that.
fn take<'py>(
    py: Python<'py>,
    worker: &Worker,
    lane: &Arc<Lane>,
    id: i64,
    frame: &[u8],
) -> Option<PyResult<Bound<'py, PyAny>>> {
    message::read(frame, |message| {
        match message {
            Ok((Head::Ok { id: of }, mut reader)) if of == id => {
                let value = decode_value(py, &worker.refs, &mut reader);
                return Some(value.map_err(|failure| failure.into_pyerr(py)));
            }
            Ok((Head::Error { id: of }, mut reader)) if of == id => {
                return Some(Err(raised(py, worker, lane, &mut reader)));
            }
            Ok((Head::Request { id, op }, mut reader)) => {
                let mut answer = match op.as_ref() {
                    op::INPUT => ask(py, id, &mut reader),
                    op => {
                        let (buffer, here) = (Vec::new(), Awaits::Here);
                        lane::serve_request(py, worker, lane, id, op, &mut reader, buffer, here)
                    }
                };
                lanes::end_forked_child(py);
                py.detach(|| lane.send(&mut answer));
            }
            Ok((Head::Event { op }, mut reader)) if op == op::STREAM => {
                if let Err(error) = print(py, &mut reader) {
                    return Some(Err(error));
                }
            }
            Ok((Head::Event { .. }, _)) => {}
            Ok((Head::Ok { id } | Head::Error { id }, _)) if lane.was_given_up(id) => {}
            Ok((Head::Ok { id } | Head::Error { id }, _)) => {
                io::fault(&format!("an answer to request {id}, which is not waited for"));
            }
            Err(malformed) => {
                let mut answer = malformed.answer();
                if !answer.is_empty() {
                    lane.conn.send(&mut answer);
                }
            }
        }
        None
    })
}

/// The exception that an error of Elixir is in Python. It comes as the field `error` of a struct, like any argument.
#[pyfunction]
pub(crate) fn exception(py: Python<'_>, carrier: &Bound<'_, marshal::ElixirTerm>) -> PyResult<Py<PyAny>> {
    let worker = started()?;
    let lane = threads::served_lane(py).map(|(lane, _)| lane);
    let error = carrier.get().field("error");
    let raised = error
        .zip(lane)
        .map(|(error, lane)| raised(py, worker, &lane, &mut Reader::fragment(error)));
    match raised {
        Some(error) => Ok(error.into_value(py).into_any()),
        None => Err(pyo3::exceptions::PyValueError::new_err(
            "this is no error of a caller",
        )),
    }
}

/// What an error answer raises in Python.
fn raised(py: Python<'_>, worker: &Worker, lane: &Lane, reader: &mut Reader<'_>) -> PyErr {
    let Ok(raw) = reader.skip() else {
        return unavailable(py, "Elixir answered with an error that cannot be read", "");
    };
    let (raw, pin) = unpinned(raw);
    let Ok(error) = Term::read(&mut Reader::fragment(&raw)) else {
        return unavailable(py, "Elixir answered with an error that cannot be read", "");
    };
    let text = |term: &Term| {
        term.as_str()
            .map(str::to_owned)
            .unwrap_or_else(|| format!("{term:.500}"))
    };
    match error.as_tuple() {
        Some([tag, kind, _, message]) if tag.as_atom() == Some("elixir") => {
            let reason = reason(py, worker, &raw, pin.as_ref()).unwrap_or_else(|| py.None().into_bound(py));
            let kind = kind.as_atom().unwrap_or("error");
            elixir_error(py, &raw, pin, kind, reason, &text(message))
        }
        Some([tag, reason, message, hint]) if tag.as_atom() == Some("bridge") => {
            let reason = reason.as_atom().unwrap_or("unavailable");
            match reason {
                "eof" => PyEOFError::new_err(text(message)),
                "interrupted" => pyo3::exceptions::PyKeyboardInterrupt::new_err(()),
                reason => bridge_error(py, reason, &text(message), hint.as_str()),
            }
        }
        Some([tag, exception]) if tag.as_atom() == Some("python") => {
            python_error(py, worker, lane, exception)
        }
        _ => unavailable(
            py,
            &format!("Elixir answered with an error of no known kind: {error:.200}"),
            "",
        ),
    }
}

/// `{elixir, Kind, Reason, Text}` with the reason itself where that is pinned, and its pin. Other errors as they are.
fn unpinned(raw: &[u8]) -> (Cow<'_, [u8]>, Option<Arc<Pin>>) {
    let rewritten = || {
        let [tag, kind, reason, text] = parts(raw)?;
        let (reason, Some(pin)) = pin::unwrap(reason) else {
            return None;
        };
        let mut out = Writer::fragment();
        out.tuple_header(4).ok()?;
        for part in [tag, kind, reason, text] {
            out.raw(part);
        }
        Some((out.into_bytes(), pin))
    };
    match rewritten() {
        Some((bytes, pin)) => (Cow::Owned(bytes), Some(pin)),
        None => (Cow::Borrowed(raw), None),
    }
}

fn parts(raw: &[u8]) -> Option<[&[u8]; 4]> {
    let mut reader = Reader::fragment(raw);
    reader.expect_tuple(4).ok()?;
    let mut part = || reader.skip().ok();
    Some([part()?, part()?, part()?, part()?])
}

/// The third part of `{elixir, Kind, Reason, Text}`, as Python sees it.
fn reason<'py>(
    py: Python<'py>,
    worker: &Worker,
    raw: &[u8],
    pin: Option<&Arc<Pin>>,
) -> Option<Bound<'py, PyAny>> {
    let [_, _, encoded, _] = parts(raw)?;
    let decoder = Decoder::new(py, &worker.refs).pinned(pin);
    let value = decoder.value(&mut Reader::fragment(encoded));
    Some(value.unwrap_or_else(|_| {
        Bound::new(py, marshal::ElixirTerm::new(encoded, pin.cloned()))
            .map_or_else(|_| py.None().into_bound(py), Bound::into_any)
    }))
}

/// An exception of Python that went through Elixir: the very object that its ref holds, or that this wait has seen
/// leave; else one of the nearest builtin class.
fn python_error(py: Python<'_>, worker: &Worker, lane: &Lane, exception: &Term) -> PyErr {
    let field = |name: &str| exception.get(name).and_then(Term::as_str).unwrap_or_default();
    if let Some(value) = exception
        .get("ref")
        .and_then(|term| held(py, worker, term))
        .filter(|value| value.is_instance_of::<PyBaseException>())
    {
        return PyErr::from_value(value);
    }
    let (class, text) = (field("class"), field("message"));
    if let Some(left) = lane.left(py) {
        let value = left.value(py);
        let same_class = value.get_type().qualname().is_ok_and(|name| name == class);
        if same_class && message_of(value) == text {
            return left;
        }
    }
    let message = match field("module") {
        "builtins" | "" => text.to_owned(),
        module => format!("{module}.{class}: {text}"),
    };
    let bases = exception.get("mro").and_then(Term::as_list).unwrap_or_default();
    let builtin = |name: &str| {
        let class = py.import("builtins").ok()?.getattr(name).ok()?;
        let class = class.cast_into::<PyType>().ok()?;
        if !class.is_subclass_of::<PyBaseException>().ok()? {
            return None;
        }
        // Some want more than a message.
        Some(PyErr::from_value(class.call1((&message,)).ok()?))
    };
    bases
        .iter()
        .filter_map(|base| builtin(base.as_str()?.strip_prefix("builtins.")?))
        .next()
        .unwrap_or_else(|| pyo3::exceptions::PyRuntimeError::new_err(message.clone()))
}

/// The object of a ref, if it is held.
fn held<'py>(py: Python<'py>, worker: &Worker, term: &Term) -> Option<Bound<'py, PyAny>> {
    let number = |name| term.get(name)?.as_u64();
    if number("worker")? != worker.refs.generation() {
        return None;
    }
    worker.refs.get(py, number("id")?)
}

/// What Elixir prints while it serves a call of this thread.
fn print(py: Python<'_>, reader: &mut Reader<'_>) -> PyResult<()> {
    let mut read = || -> Result<(bool, String), bridge_core::term::Error> {
        reader.expect_tuple(3)?;
        reader.skip()?;
        let is_error = reader.expect_atom()? == "stderr";
        Ok((
            is_error,
            String::from_utf8_lossy(reader.expect_binary()?).into_owned(),
        ))
    };
    match read() {
        Ok((is_error, text)) => {
            let name = if is_error {
                intern!(py, "stderr")
            } else {
                intern!(py, "stdout")
            };
            py.import(intern!(py, "sys"))?
                .getattr(name)?
                .call_method1(intern!(py, "write"), (text,))?;
        }
        Err(error) => io::fault(&format!("a stream event of Elixir: {error}")),
    }
    Ok(())
}

/// What Elixir asks while it serves a call of this thread: answered by this thread's own `input`.
fn ask(py: Python<'_>, id: i64, reader: &mut Reader<'_>) -> Vec<u8> {
    let mut read = || -> Result<(String, bool), bridge_core::term::Error> {
        reader.expect_tuple(3)?;
        reader.skip()?;
        Ok((reader.expect_str()?.to_owned(), reader.expect_atom()? == "true"))
    };
    let (prompt, password) = match read() {
        Ok(read) => read,
        Err(error) => return message::refusal(id, "bad_message", &error.to_string(), None),
    };
    match input(py, &prompt, password) {
        Ok(line) => {
            let mut out = message::ok(Vec::new(), id);
            match out.binary(line.as_bytes()) {
                Ok(()) => out.into_bytes(),
                Err(error) => message::refusal(id, "not_convertible", &error.to_string(), None),
            }
        }
        Err(error) if error.is_instance_of::<PyEOFError>(py) => {
            message::refusal(id, "eof", "no more input", None)
        }
        Err(error) => {
            // What it is belongs to this thread: it is raised where the call to Elixir was made.
            let interrupted = error.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py);
            let reason = if interrupted { "interrupted" } else { "unavailable" };
            message::refusal(id, reason, &error.to_string(), None)
        }
    }
}

/// Asks the user for a line: on the lane that this thread serves, or on that of cells.
#[pyfunction]
#[pyo3(signature = (prompt = "", password = false))]
pub(crate) fn input(py: Python<'_>, prompt: &str, password: bool) -> PyResult<String> {
    let worker = started()?;
    let (lane, cell) = match threads::served_lane(py) {
        Some((lane, cell)) => (lane, cell),
        None => match (main_thread::cells_lane(), main_thread::running_cell()) {
            (Some(lane), Some(cell)) if main_thread::is_this() => (lane.clone(), Some(cell)),
            _ => {
                return Err(pyo3::exceptions::PyRuntimeError::new_err(
                    "input() works where a cell or a call of Elixir runs, not in other threads or after its end",
                ));
            }
        },
    };
    crate::capture::drain(py, true)?;
    let id = lane.next_id();
    let mut out = frame(64 + prompt.len());
    out.raw(&[104, 4, 119, 3, b'r', b'e', b'q']);
    out.int(id);
    let written = (|| {
        out.atom(op::INPUT)?;
        out.tuple_header(3)?;
        match cell {
            Some(cell) => out.u64(cell),
            None => out.atom("nil")?,
        }
        out.binary(prompt.as_bytes())?;
        out.bool(password);
        Ok::<_, bridge_core::term::Error>(())
    })();
    written.map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
    let mut request = out.into_bytes();
    py.detach(|| lane.send(&mut request));
    let line = wait(py, worker, &lane, id)?;
    line.extract()
}

/// Opens a lane for the calls of this thread.
fn open(py: Python<'_>, worker: &Worker) -> PyResult<Arc<Lane>> {
    static TOKENS: AtomicU64 = AtomicU64::new(1);
    let until = Instant::now() + OPEN_TIME;
    let conn = control(py, worker, until)?;
    let token = TOKENS.fetch_add(1, Ordering::Relaxed);
    let (sender, receiver) = channel();
    opening().get_or_insert_default().insert(token, sender);
    if let Ok(mut event) = message::event(op::OPEN_LANE, |out| {
        out.u64(token);
        Ok(())
    }) {
        conn.send(&mut event);
    }
    let lane = wait_for_lane(py, receiver, &conn, until);
    opening().get_or_insert_default().remove(&token);
    let lane = lane?;
    threads::keep_callback_lane(lane.clone());
    Ok(lane)
}

fn wait_for_lane(
    py: Python<'_>,
    receiver: Receiver<Arc<Lane>>,
    conn: &Conn,
    until: Instant,
) -> PyResult<Arc<Lane>> {
    let gone = |py| {
        unavailable(
            py,
            "Elixir went away before it could be called",
            "run the cell again",
        )
    };
    // A receiver can be used by one thread at a time; the lock says so to the compiler.
    let receiver = Mutex::new(receiver);
    loop {
        let received = py.detach(|| {
            receiver
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv_timeout(LOOK)
        });
        match received {
            Ok(lane) => return Ok(lane),
            Err(RecvTimeoutError::Disconnected) => return Err(gone(py)),
            // It may have gone before it was asked, with nobody left to take the question back.
            Err(RecvTimeoutError::Timeout) if conn.is_closed() => return Err(gone(py)),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
        }
        if Instant::now() > until {
            let message = format!("Elixir opened no connection within {} s", OPEN_TIME.as_secs());
            return Err(unavailable(py, &message, "look whether the BEAM is overloaded"));
        }
    }
}

/// The connection on which the BEAM can be asked for a lane: waits while it is being started.
fn control(py: Python<'_>, worker: &Worker, until: Instant) -> PyResult<Arc<Conn>> {
    if worker.host_is_beam {
        return Ok(worker.host.clone());
    }
    loop {
        let found = py.detach(|| {
            let beam = beam();
            if beam.is_none() && STATE.load(Ordering::Relaxed) == UNKNOWN {
                let waited = BEAM_CAME.wait_timeout(beam, LOOK);
                return waited.map_or_else(|error| error.into_inner().0.clone(), |(beam, _)| beam.clone());
            }
            beam.clone()
        });
        if let Some(conn) = found {
            return Ok(conn);
        }
        py.check_signals()?;
        match STATE.load(Ordering::Relaxed) {
            MISSING => {
                let hint = "install Elixir, or name it by `--elixir PATH`";
                return Err(unavailable(py, "this session has no Elixir", hint));
            }
            DOWN => {
                return Err(unavailable(
                    py,
                    "Elixir is down",
                    "run an Elixir cell: it starts Elixir again",
                ));
            }
            _ if Instant::now() > until => {
                return Err(unavailable(
                    py,
                    "Elixir is not there",
                    "run an Elixir cell: it starts Elixir",
                ));
            }
            _ => {}
        }
    }
}

fn unavailable(py: Python<'_>, message: &str, hint: &str) -> PyErr {
    bridge_error(
        py,
        "unavailable",
        message,
        Some(hint).filter(|hint| !hint.is_empty()),
    )
}

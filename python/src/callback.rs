//! Calls from Python to Elixir.
//!
//! A thread that serves a lane of Elixir calls back on that lane; any other asks for one of its own and keeps it. While
//! it waits it serves, on that lane, what Elixir asks meanwhile; the interpreter is free, and signals are seen.

mod console;
mod errors;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::marshal::pin::{self, Pin};
use bridge_core::marshal::{
    self, Decoder, ElixirFunction, Failure, decode_value, encode_argument, encode_value,
};
use bridge_core::term::{Reader, Writer};
use bridge_core::wire::op;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

pub(crate) use self::console::input;
pub(crate) use self::errors::exception;
use self::errors::{raised, unavailable};
use crate::conn::{Conn, frame};
use crate::lane::{self, Kind, Lane, Received, Wait};
use crate::message::{self, Head};
use crate::requests::Awaits;
use crate::worker::{Worker, worker};
use crate::{interrupt, io, lanes, lifetime, main_thread, shells, stack, threads};

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
    let _inside = shells::Inside::enter(py, true);
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
    let subshell = shells::here();
    let wake = match main_thread::is_this() {
        true => main_thread::waker(),
        false => subshell.as_ref().and_then(|shell| shell.wake()),
    };
    let _waiting = lane.waiting(py);
    loop {
        let received = py.detach(|| match wake {
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
        Kind::BeamMain | Kind::BeamOwn | Kind::Subshell => pyo3::exceptions::PyKeyboardInterrupt::new_err(
            "who this ran for has ended, or does not wait any more",
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
    shells::check_signals(py).inspect_err(|_| cancel(lane, id))
}

/// Tells the other side that an answer is not wanted any more. The lane ends with it. The host serves no callbacks: what
/// it was asked for the cell ends with the cell.
fn cancel(lane: &Arc<Lane>, id: i64) {
    lane.give_up(id);
    if matches!(lane.kind, Kind::Cells | Kind::Subshell) {
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
                let _outside = shells::Inside::enter(py, false);
                let mut answer = match op.as_ref() {
                    op::INPUT => console::ask(py, id, &mut reader),
                    op => {
                        let (buffer, here) = (Vec::new(), Awaits::Here);
                        lane::serve_request(py, worker, lane, id, op, &mut reader, buffer, here)
                    }
                };
                lanes::end_forked_child(py);
                py.detach(|| lane.send(&mut answer));
            }
            Ok((Head::Event { op }, mut reader)) if op == op::STREAM => {
                if let Err(error) = console::print(py, &mut reader) {
                    return Some(Err(error));
                }
            }
            Ok((Head::Event { .. }, _)) => {}
            Ok((Head::Ok { id } | Head::Error { id }, mut reader)) if lane.was_given_up(id) => {
                pin::abandon(&mut reader);
            }
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
            Err(RecvTimeoutError::Timeout) => shells::check_signals(py)?,
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
        shells::check_signals(py)?;
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

//! A lane: one connection, served by one thread.
//!
//! Receiving happens without the interpreter; what arrives is served with it. While the thread waits for an answer of
//! the other side it serves, on the same lane, the requests that the other side makes meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::exception::{is_interrupt, write_failure};
use bridge_core::marshal::{Failure, decode_value, encode_plain, pin};
use bridge_core::refs::Recording;
use bridge_core::steps;
use bridge_core::term::{Reader, Writer};
use bridge_core::wire::{Frame, FrameReader, op};
use pyo3::prelude::*;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::conn::Conn;
use crate::message::{self, Head};
use crate::requests::{self, Awaits};
use crate::worker::{Worker, plain_dict, protocol_key, teller};
use crate::{calls, lifetime, names};

/// Who made a lane, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Cells, from the host.
    Cells,
    /// Cells of a subshell, from the host.
    Subshell,
    /// Completion and inspection, from the host.
    Questions,
    /// Calls of an Elixir process, served by the main thread.
    BeamMain,
    /// Calls of an Elixir process, served by a thread of its own.
    BeamOwn,
    /// Opened at the wish of a thread of Python, for its calls to Elixir.
    Callback,
}

/// An answer's buffer above this is not kept without a reason.
const LARGE_BYTES: usize = 1 << 20;

/// After so long without a request a lane is idle.
const IDLE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) conn: Arc<Conn>,
    pub(crate) kind: Kind,
    /// The cell that the lane belonged to at its start.
    pub(crate) cell: Option<u64>,
    reader: Mutex<FrameReader>,
    next_id: AtomicI64,
    /// The thread (Python's number) that is serving a request now, or 0.
    pub(crate) busy: AtomicU64,
    /// When the peer was seen to have hung up.
    hung: OnceLock<Instant>,
    /// The lane's thread has seen that, and needs no interrupt.
    pub(crate) seen: AtomicBool,
    /// How many tasks of the loop requests of this lane wait for.
    pub(crate) awaiting: AtomicUsize,
    waits: Mutex<Waits>,
    /// The requests whose answers may still come, but nobody waits for.
    given_up: Mutex<Vec<i64>>,
    /// The refs that were sent since the last frame that came. What has come since shows that they arrived.
    sent: Mutex<Vec<u64>>,
}

/// What a lane's thread is waiting for.
#[derive(Debug, Default)]
struct Waits {
    depth: usize,
    /// The last exception that left on this lane while an answer was waited for. It may come back.
    left: Option<PyErr>,
}

/// Says, while it lives, that the lane's thread waits for an answer.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a Lane);

/// See [`Lane::sending`].
#[derive(Debug)]
pub(crate) struct Sending<'a> {
    lane: &'a Lane,
    recording: Recording,
}

/// What comes of waiting for a frame.
#[derive(Debug)]
pub(crate) enum Received {
    Frame(Frame),
    /// A signal arrived, or the thread was woken.
    Woken,
    /// Nothing is there (only when asked not to wait).
    Nothing,
    /// The connection is over.
    Ended,
}

/// How long to wait for a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait<'a> {
    No,
    /// Until one comes, or the connection ends.
    Forever,
    /// The same, or until this descriptor is readable, or a signal arrives.
    Unless(&'a crate::wake::Wake),
}

impl Lane {
    pub(crate) fn new(conn: Arc<Conn>, kind: Kind, cell: Option<u64>, reader: FrameReader) -> Self {
        Lane {
            conn,
            kind,
            cell,
            reader: Mutex::new(reader),
            next_id: AtomicI64::new(1),
            busy: AtomicU64::new(0),
            hung: OnceLock::new(),
            seen: AtomicBool::new(false),
            awaiting: AtomicUsize::new(0),
            waits: Mutex::default(),
            given_up: Mutex::default(),
            sent: Mutex::default(),
        }
    }

    pub(crate) fn next_id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether Elixir is on the other side.
    pub(crate) fn is_of_beam(&self) -> bool {
        !matches!(self.kind, Kind::Cells | Kind::Subshell | Kind::Questions)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_hung() || self.conn.is_closed()
    }

    /// The peer has hung up.
    pub(crate) fn hang_up(&self) {
        self.hung.get_or_init(Instant::now);
    }

    pub(crate) fn is_hung(&self) -> bool {
        self.hung.get().is_some()
    }

    /// For how long the peer has been gone.
    pub(crate) fn hung_for(&self) -> Option<Duration> {
        self.hung.get().map(Instant::elapsed)
    }

    /// Whether a frame is here already: the socket would not tell.
    pub(crate) fn has_frame(&self) -> bool {
        self.reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_ready()
    }

    /// The next frame.
    pub(crate) fn receive(&self, wait: Wait<'_>) -> Received {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match reader.take_frame() {
                Ok(Some(frame)) => {
                    self.take_sent();
                    return Received::Frame(frame);
                }
                Ok(None) => {}
                Err(error) => return self.broken(&error.to_string()),
            }
            let mut flags = RecvFlags::empty();
            match wait {
                Wait::No => flags = RecvFlags::DONTWAIT,
                Wait::Forever => {}
                Wait::Unless(wake) => {
                    let mut fds = [
                        PollFd::new(&*self.conn, PollFlags::IN),
                        PollFd::new(wake, PollFlags::IN),
                    ];
                    match poll(&mut fds, None) {
                        Err(Errno::INTR) => return Received::Woken,
                        Err(_) => return Received::Ended,
                        Ok(_) => {}
                    }
                    let [conn, woken] = fds.map(|fd| !fd.revents().is_empty());
                    if woken {
                        wake.clear();
                        if !conn {
                            return Received::Woken;
                        }
                    }
                    flags = RecvFlags::DONTWAIT;
                }
            }
            match recv(&*self.conn, spare_capacity(reader.buffer()), flags) {
                Ok((_, 0)) => {
                    if let Err(error) = reader.finish() {
                        return self.broken(&error.to_string());
                    }
                    return Received::Ended;
                }
                Ok(_) => {}
                Err(Errno::INTR) => return Received::Woken,
                Err(Errno::AGAIN) if matches!(wait, Wait::No) => return Received::Nothing,
                Err(Errno::AGAIN) => {}
                Err(_) => return Received::Ended,
            }
        }
    }

    fn broken(&self, reason: &str) -> Received {
        crate::io::fault(reason);
        self.conn.close();
        Received::Ended
    }

    /// Begins a wait for an answer.
    pub(crate) fn waiting(&self, _py: Python<'_>) -> Waiting<'_> {
        self.hold_errors(true);
        Waiting(self)
    }

    /// The last exception that left on this lane during the wait.
    pub(crate) fn left(&self, py: Python<'_>) -> Option<PyErr> {
        self.waits().left.as_ref().map(|error| error.clone_ref(py))
    }

    /// Remembers what leaves, for as long as it may come back.
    pub(crate) fn leaves(&self, py: Python<'_>, failure: &Failure) {
        let Failure::Python(error) = failure else { return };
        let mut waits = self.waits();
        let before = match waits.depth {
            0 => None,
            _ => waits.left.replace(error.clone_ref(py)),
        };
        drop(waits);
        drop(before);
    }

    /// Has what leaves be remembered, or no longer: a block of Elixir began or ended that errors may come back from.
    pub(crate) fn hold_errors(&self, hold: bool) {
        let mut waits = self.waits();
        waits.depth = match hold {
            true => waits.depth + 1,
            false => waits.depth.saturating_sub(1),
        };
        let left = if waits.depth == 0 { waits.left.take() } else { None };
        drop(waits);
        drop(left);
    }

    fn waits(&self) -> std::sync::MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer is not waited for any more.
    pub(crate) fn give_up(&self, id: i64) {
        self.given_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(id);
    }

    /// Whether this answer was given up. It comes once at most.
    pub(crate) fn was_given_up(&self, id: i64) -> bool {
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        let before = given_up.len();
        given_up.retain(|other| *other != id);
        given_up.len() < before
    }

    /// While it lives, the refs that this thread writes are sent on this lane.
    pub(crate) fn sending(&self) -> Sending<'_> {
        Sending {
            lane: self,
            recording: Recording::begin(),
        }
    }

    fn take_sent(&self) -> Vec<u64> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives a frame's buffer back, to receive the next one into.
    pub(crate) fn reuse(&self, frame: Frame) {
        self.reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reuse(frame);
    }

    /// Gives the buffer of a served request back, and keeps that of its answer, as [`reuse`](Lane::reuse) does; large
    /// ones only if the next request comes soon.
    ///
    /// Memory that is new to the process costs more than the bytes that go into it. So what one large message took
    /// serves the next, but an idle lane holds nothing.
    fn settle(&self, frame: Frame, answer: &mut Vec<u8>) {
        if !frame.is_large() && answer.capacity() <= LARGE_BYTES {
            return self.reuse(frame);
        }
        let mut fds = [PollFd::new(&*self.conn, PollFlags::IN)];
        if !self.has_frame() && matches!(poll(&mut fds, Some(&IDLE)), Ok(0)) {
            *answer = Vec::new();
        } else {
            self.reader
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .reuse_large(frame);
        }
    }

    /// Sends a message and waits until the socket has taken it. Its buffer is left empty, for the next one.
    pub(crate) fn send(&self, message: &mut Vec<u8>) {
        if !self.conn.begin(message) {
            self.finish_sending();
            *message = self.conn.sent();
        }
    }

    /// Waits until the socket has taken all that was sent.
    pub(crate) fn finish_sending(&self) {
        while self.conn.is_stuck() && !self.conn.is_closed() {
            self.conn.wait_to_send(Duration::from_millis(200));
        }
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        let ids = self.recording.take();
        if !ids.is_empty() {
            let mut sent = self.lane.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.extend(ids);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        lifetime::strays(self.take_sent());
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.hold_errors(false);
    }
}

/// Serves a lane until its end. The thread is its own.
pub(crate) fn serve(py: Python<'_>, worker: &Worker, lane: &Arc<Lane>) {
    let mut answer = Vec::new();
    let mut served = None;
    loop {
        let received = py.detach(|| {
            if !answer.is_empty() {
                lane.send(&mut answer);
            }
            if let Some(frame) = served.take() {
                lane.settle(frame, &mut answer);
            }
            lane.receive(Wait::Forever)
        });
        match received {
            Received::Frame(frame) => {
                let buffer = std::mem::take(&mut answer);
                answer = serve_frame(py, worker, lane, &frame, buffer, Awaits::Here);
                served = Some(frame);
                if lane.is_over() {
                    return;
                }
            }
            Received::Woken | Received::Nothing => {}
            Received::Ended => return,
        }
    }
}

/// Serves a message that is expected to be a request; returns the answer, empty if none is due now.
pub(crate) fn serve_frame(
    py: Python<'_>,
    worker: &Worker,
    lane: &Arc<Lane>,
    frame: &[u8],
    buffer: Vec<u8>,
    awaits: Awaits,
) -> Vec<u8> {
    message::read(frame, |message| match message {
        Ok((Head::Request { id, op }, mut reader)) => {
            serve_request(py, worker, lane, id, &op, &mut reader, buffer, awaits)
        }
        // It was on its way already when this side gave it up.
        Ok((Head::Ok { id } | Head::Error { id }, mut reader)) if lane.was_given_up(id) => {
            pin::abandon(&mut reader);
            Vec::new()
        }
        Ok((Head::Ok { id } | Head::Error { id }, _)) => {
            crate::io::fault(&format!("an answer to request {id}, which was not made"));
            Vec::new()
        }
        Ok((Head::Event { op }, _)) => {
            crate::io::fault(&format!("an event {op}, which a lane does not take now"));
            Vec::new()
        }
        Err(malformed) => malformed.answer(),
    })
}

/// Serves a request whose body the reader has before it. Whatever happens, there is an answer; it is empty if it comes
/// later.
#[expect(
    clippy::too_many_arguments,
    reason = "what a request is, and how it is served"
)]
pub(crate) fn serve_request(
    py: Python<'_>,
    worker: &Worker,
    lane: &Arc<Lane>,
    id: i64,
    op: &str,
    reader: &mut Reader<'_>,
    buffer: Vec<u8>,
    awaits: Awaits,
) -> Vec<u8> {
    use Kind::{BeamMain, BeamOwn, Callback};
    let _sending = lane.sending();
    if matches!(op, op::DO | op::BATCH) && matches!(lane.kind, BeamMain | BeamOwn | Callback) {
        return requests::serve(py, worker, lane, id, op, reader, buffer, awaits);
    }
    let mut out = message::ok(buffer, id);
    let value = out.position();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        perform(py, worker, lane, op, reader, &mut out).and_then(|()| Ok(reader.finish()?))
    }));
    conclude(py, lane, id, out, value, outcome, None)
}

/// The answer to a request: what was written, or the error of what came of it. The value begins at `value`; `step` is
/// the step that failed.
pub(crate) fn conclude(
    py: Python<'_>,
    lane: &Lane,
    id: i64,
    out: Writer,
    value: usize,
    outcome: std::thread::Result<Result<(), Failure>>,
    step: Option<usize>,
) -> Vec<u8> {
    let failure = match outcome {
        Ok(Ok(())) if message::fits(&out) => return out.into_bytes(),
        Ok(Ok(())) => {
            let size = out.position() - value;
            Failure::not_convertible(format!(
                "the result takes {size} bytes, more than a message can hold"
            ))
            .with_hint("ask for it in parts, or keep it in Python and ask for a ref")
        }
        Ok(Err(failure)) => failure,
        Err(_panic) => Failure::refuse(
            "unavailable",
            "the worker failed inside while it served this request",
        )
        .with_hint("please report this, with the lines that it printed"),
    };
    lane.leaves(py, &failure);
    let mut out = message::error(Vec::new(), id);
    let start = out.position();
    let written = catch_unwind(AssertUnwindSafe(|| {
        if is_interrupt(py, &failure) && lane.is_over() {
            return bridge_core::exception::write_refusal("interrupted", "interrupted", None, &mut out);
        }
        write_failure(py, &failure, step, teller(Some(lane)), &mut out)
    }));
    match written {
        Ok(Ok(())) if message::fits(&out) => out.into_bytes(),
        _ => {
            out.rewind(start);
            message::refusal(
                id,
                "unavailable",
                "the error of this request cannot be described",
                None,
            )
        }
    }
}

fn perform(
    py: Python<'_>,
    worker: &Worker,
    lane: &Arc<Lane>,
    op: &str,
    reader: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), Failure> {
    use Kind::{BeamMain, BeamOwn, Callback, Questions};
    match (op, lane.kind) {
        (op::READ, BeamMain | BeamOwn | Callback) => names::read(py, worker, reader, out),
        (op::MEMBERS, BeamMain | BeamOwn | Callback) => {
            reader.expect_tuple(3)?;
            let value = steps::target(py, &worker.refs, &names::Globals(worker), reader)?;
            let steps = decode_value(py, &worker.refs, reader)?;
            let asked = decode_value(py, &worker.refs, reader)?;
            let members = worker
                .hooks
                .bind(py)
                .call_method1(op::MEMBERS, (value, steps, asked))?;
            encode_plain(&members, &protocol_key, out)
        }
        (op::CALLS, BeamMain | BeamOwn | Callback) => {
            let cell = u64::try_from(reader.expect_int()?).unwrap_or(0);
            encode_plain(calls::of_cell(py, cell, Some(lane))?.as_any(), &protocol_key, out)
        }
        (op::PING, _) => {
            out.raw(reader.skip()?);
            Ok(())
        }
        (op::COMPLETE | op::INSPECT | op::IS_COMPLETE, Questions) => {
            let body = plain_dict(py, reader)?;
            let answer = worker.hooks.bind(py).call_method1(op, (body,))?;
            encode_plain(&answer, &protocol_key, out)
        }
        (op::NAMES, Questions) => {
            reader.skip()?;
            let answer = worker.hooks.bind(py).call_method0(op)?;
            encode_plain(&answer, &protocol_key, out)
        }
        (other, _) => Err(Failure::refuse(
            "unknown_op",
            format!("this lane serves no operation {other:?}"),
        )),
    }
}

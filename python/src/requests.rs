//! The requests that run steps, `do` and `batch`. They may have to wait in between, for what is to be awaited: in place,
//! or, where the waiting thread is the one whose loop would have to turn, by being put aside and answered later.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bridge_core::exception::{is_interrupt, write_failure};
use bridge_core::marshal::{Failure, encode_value_as, pin};
use bridge_core::steps::{Do, Progress, Shape};
use bridge_core::term::{Reader, Token, Writer};
use bridge_core::wire::op;
use pyo3::prelude::*;

use crate::interrupt::Activity;
use crate::lane::{self, Lane};
use crate::worker::{Worker, teller};
use crate::{awaiting, calls, capture, message, names, threads};

/// How a request waits for what is to be awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// The serving thread waits.
    Here,
    /// The request is put aside, and the thread goes on serving.
    Later,
}

/// A request that waits for a task of the loop: it is answered when that is done.
pub(crate) struct Suspended {
    pub(crate) lane: Arc<Lane>,
    id: i64,
    batch: bool,
    body: Vec<u8>,
    out: Writer,
    at: At,
}

/// Where a request stands.
#[derive(Debug, Default)]
struct At {
    /// Of a batch: the call that is being made, and where in the answer its result begins.
    call: usize,
    result: usize,
    /// Where in the answer its value begins.
    value: usize,
    /// The step to go on from, and the one that was taken last.
    next: usize,
    step: Option<usize>,
    shape: Option<Shape>,
    cell: Option<u64>,
}

/// What comes of going on with a request.
enum Outcome<'py> {
    Done,
    Awaits(Bound<'py, PyAny>),
}

type Given<'py> = Option<PyResult<Bound<'py, PyAny>>>;

/// Serves a request whose body the reader has before it; returns the answer, empty if it comes later.
#[expect(
    clippy::too_many_arguments,
    reason = "what a request is, and how it is served"
)]
pub(crate) fn serve(
    py: Python<'_>,
    worker: &Worker,
    lane: &Arc<Lane>,
    id: i64,
    op: &str,
    reader: &Reader<'_>,
    buffer: Vec<u8>,
    awaits: Awaits,
) -> Vec<u8> {
    let out = message::ok(buffer, id);
    let at = At {
        value: out.position(),
        ..At::default()
    };
    let request = Request {
        lane,
        id,
        batch: op == op::BATCH,
        // The last part of the message: what comes behind it is found when it is read.
        body: reader.rest(),
        awaits,
    };
    request.go_on(py, worker, at, out, None)
}

impl Suspended {
    /// Goes on with what has come of the task; returns the answer, empty if it comes later still.
    pub(crate) fn resume(
        self,
        py: Python<'_>,
        worker: &Worker,
        given: PyResult<Bound<'_, PyAny>>,
    ) -> Vec<u8> {
        let _sending = self.lane.sending();
        let request = Request {
            lane: &self.lane,
            id: self.id,
            batch: self.batch,
            body: &self.body,
            awaits: Awaits::Later,
        };
        request.go_on(py, worker, self.at, self.out, Some(given))
    }
}

/// A call, whole.
fn read(body: &[u8]) -> Result<Do<'_>, Failure> {
    let mut reader = Reader::fragment(body);
    let call = Do::read(&mut reader)?;
    reader.finish()?;
    Ok(call)
}

struct Request<'a> {
    lane: &'a Arc<Lane>,
    id: i64,
    batch: bool,
    body: &'a [u8],
    awaits: Awaits,
}

impl Request<'_> {
    fn go_on(
        &self,
        py: Python<'_>,
        worker: &Worker,
        mut at: At,
        mut out: Writer,
        given: Given<'_>,
    ) -> Vec<u8> {
        let outcome = catch_unwind(AssertUnwindSafe(|| match self.batch {
            false => read(self.body).and_then(|call| self.call(py, worker, &call, &mut at, given, &mut out)),
            true => self.calls(py, worker, &mut at, given, &mut out),
        }));
        let (value, step) = (at.value, at.step.filter(|_| !self.batch));
        let outcome = match outcome {
            Ok(Ok(Outcome::Awaits(awaitable))) => {
                let cell = at.cell;
                let suspended = Suspended {
                    lane: self.lane.clone(),
                    id: self.id,
                    batch: self.batch,
                    body: self.body.to_vec(),
                    out,
                    at,
                };
                match awaiting::later(py, worker, suspended, cell, &awaitable) {
                    Ok(()) => return Vec::new(),
                    Err(failure) => {
                        let out = message::ok(Vec::new(), self.id);
                        return lane::conclude(py, self.lane, self.id, out, value, Ok(Err(failure)), step);
                    }
                }
            }
            Ok(Ok(Outcome::Done)) => Ok(Ok(())),
            Ok(Err(failure)) => {
                pin::abandon(&mut Reader::fragment(self.body));
                Ok(Err(failure))
            }
            Err(panic) => Err(panic),
        };
        lane::conclude(py, self.lane, self.id, out, value, outcome, step)
    }

    /// The calls of a batch, from the one on at which it stands. One that fails leaves the others alone.
    fn calls<'py>(
        &self,
        py: Python<'py>,
        worker: &Worker,
        at: &mut At,
        mut given: Given<'py>,
        out: &mut Writer,
    ) -> Result<Outcome<'py>, Failure> {
        let mut reader = Reader::fragment(self.body);
        let count = match reader.token()? {
            Token::Nil => 0,
            Token::List(count) => count,
            other => {
                let text = format!("a batch is a list of calls, not {}", other.kind());
                return Err(Failure::refuse("bad_message", text));
            }
        };
        if given.is_none() {
            out.list_header(count)?;
        }
        for index in 0..count {
            let body = reader.skip()?;
            if index < at.call {
                continue;
            }
            if given.is_none() {
                *at = At {
                    call: index,
                    result: out.position(),
                    value: at.value,
                    ..At::default()
                };
                out.tuple_header(2)?;
                out.atom("ok")?;
            }
            let outcome = read(body).and_then(|call| self.call(py, worker, &call, at, given.take(), out));
            match outcome {
                Ok(Outcome::Done) => {}
                Ok(awaits) => return Ok(awaits),
                // The caller is gone: nobody wants the rest.
                Err(failure) if is_interrupt(py, &failure) && self.lane.is_over() => return Err(failure),
                Err(failure) => {
                    self.lane.leaves(py, &failure);
                    pin::abandon(&mut Reader::fragment(body));
                    out.rewind(at.result);
                    out.tuple_header(2)?;
                    out.atom("error")?;
                    write_failure(py, &failure, at.step, teller(Some(self.lane)), out)?;
                }
            }
        }
        out.nil();
        if count > 0 && !reader.end_list() {
            return Err(Failure::refuse("bad_message", "a batch is no proper list"));
        }
        reader.finish()?;
        Ok(Outcome::Done)
    }

    /// One call, from the step on at which it stands.
    fn call<'py>(
        &self,
        py: Python<'py>,
        worker: &Worker,
        call: &Do<'_>,
        at: &mut At,
        given: Given<'py>,
        out: &mut Writer,
    ) -> Result<Outcome<'py>, Failure> {
        let lane = self.lane;
        let cell = call.cell.or(lane.cell);
        at.cell = cell;
        let counted = calls::Caller::of(lane, cell);
        let _serving = threads::Serving::enter(lane, cell);
        let _activity = Activity::lane(py, lane, cell);
        // From here on the end of the caller interrupts this thread; one that came before would not.
        if lane.is_over() {
            return Err(Failure::refuse("interrupted", "the caller is gone"));
        }
        let mut step = at.step.unwrap_or(0);
        let mut shape = at.shape.take().or_else(|| counted.map(|_| Shape::default()));
        let globals = names::Globals(worker);
        let outcome = (|| {
            let mut value = match given {
                None => call.start(py, &worker.refs, &globals, shape.as_mut())?,
                Some(given) => given?,
            };
            loop {
                match call.proceed(&worker.refs, &globals, value, at.next, &mut step, shape.as_mut())? {
                    Progress::Await { awaitable, next } => {
                        at.next = next;
                        if self.awaits == Awaits::Later {
                            return Ok(Outcome::Awaits(awaitable));
                        }
                        value = awaiting::here(py, worker, lane, cell, &awaitable)?;
                    }
                    Progress::Done(value) => {
                        if let (Some(caller), Some(shape)) = (counted, shape.take()) {
                            calls::count(caller, shape, bridge_core::marshal::kind(&value));
                        }
                        encode_value_as(&value, call.encoding, &worker.refs, out)?;
                        return Ok(Outcome::Done);
                    }
                }
            }
        })();
        at.step = Some(step);
        at.shape = shape;
        capture::drain(py, false)?;
        outcome
    }
}

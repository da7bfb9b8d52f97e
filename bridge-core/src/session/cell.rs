//! Running one cell: from the queue to its last event, whatever becomes of the child meanwhile.

mod stop;

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::child::{Ending, LAST_WORDS, Live, Order};
use super::control::{misunderstanding, process, title, unknown};
use super::event::Heard;
use super::lanes::Lane;
use super::shared::{Current, Inbox, Shared};
use super::sink::Sink;
use super::{CellRequest, Event, LateEvent, Loss};
use crate::error::{Error, Hint};
use crate::language::Language;
use crate::runtime::{MessageReader, MessageWriter};
use crate::term::Term;
use crate::wire::{CellEvent, Execute, Failure, InputRequest, Message, Status, Summary, op};
use stop::{Stop, interruption};

/// A cell that was handed in.
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) request: CellRequest,
    pub(super) events: mpsc::Sender<Event>,
}

/// Runs a cell to its end. `interrupted` says that the user has called it off already. Gives the events that are still
/// to be handed over: who reads slowly holds up those, not the next cell.
pub(super) async fn run(shared: &Rc<Shared>, job: Job, interrupted: bool) -> Sink {
    let Job {
        number,
        request,
        events,
    } = job;
    let (inbox, received) = mpsc::unbounded_channel();
    let language = request.language;
    let current = Rc::new(Current {
        cell: number,
        subshell: request.subshell,
        language,
        inbox,
        events: events.clone(),
        finished: Cell::new(false),
    });
    shared.begin(current.clone());
    if interrupted {
        let _ = current.inbox.send(Inbox::Interrupt);
    }
    shared.recorder.borrow_mut().started(number, &request);
    let begun = Instant::now();
    // The channel of a cell that has not started is empty.
    let _ = events.try_send(Event::Started {
        cell: number,
        language,
    });
    let mut running = Running {
        shared,
        number,
        request: &request,
        current: &current,
        inbox: received,
        sink: Sink::new(number, events),
        input: None,
        stop: Stop::No,
    };
    let end = running.run().await;
    let Running {
        inbox: mut received,
        mut sink,
        ..
    } = running;

    current.finished.set(true);
    while let Ok(late) = received.try_recv() {
        if let Inbox::Notice(text) = late {
            sink.push(shared, Event::Notice { text });
        }
    }
    if let Some(error) = end.error {
        sink.push(shared, error);
    }
    let duration_us = match &end.summary {
        Some(summary) => summary.duration_us,
        None => u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    if let Some(summary) = &end.summary {
        shared.names.borrow_mut().update(language, summary);
        if !summary.expressions.is_empty() {
            let values = summary.expressions.iter().cloned();
            let values = values.map(|(name, event)| (name, Heard::from(event).event));
            sink.push(
                shared,
                Event::Expressions {
                    values: values.collect(),
                },
            );
        }
    }
    let problem =
        shared
            .recorder
            .borrow_mut()
            .finished(number, end.status, duration_us, end.summary.as_ref());
    if let Some(text) = problem {
        sink.push(shared, Event::Notice { text });
    }
    sink.push(
        shared,
        Event::Finished {
            status: end.status,
            duration_us,
        },
    );
    shared.end(number);
    sink
}

/// Ends a cell of which the task has failed, which is a mistake of ours. Its child is started again: it may be in the
/// middle of anything, and its lane is lost. No cell may run before that.
pub(super) fn fail(
    shared: &Rc<Shared>,
    number: u64,
    language: Language,
    events: mpsc::Sender<Event>,
) -> (Sink, oneshot::Receiver<Result<Loss, Error>>) {
    shared.end(number);
    let mut sink = Sink::new(number, events);
    let error = Error::Unavailable {
        language,
        reason: "the session failed at this cell, and starts it again".into(),
    };
    sink.push(shared, error_event("BridgeError", &error));
    let status = Status::Error;
    let problem = shared.recorder.borrow_mut().finished(number, status, 0, None);
    if let Some(text) = problem {
        sink.push(shared, Event::Notice { text });
    }
    sink.push(
        shared,
        Event::Finished {
            status,
            duration_us: 0,
        },
    );
    let (done, restarted) = oneshot::channel();
    shared.slot(language).order(Order::Restart(done));
    (sink, restarted)
}

/// Ends a cell that cannot be run any more.
pub(super) fn refuse(job: Job, because: &Error) {
    let Job {
        number,
        request,
        events,
    } = job;
    let started = Event::Started {
        cell: number,
        language: request.language,
    };
    let finished = Event::Finished {
        status: Status::Error,
        duration_us: 0,
    };
    let class = match because {
        Error::Ended => "SessionEnded",
        _ => "UnknownSubshell",
    };
    for event in [started, error_event(class, because), finished] {
        // The channel of a cell that has not started is empty.
        let _ = events.try_send(event);
    }
}

struct Running<'a> {
    shared: &'a Rc<Shared>,
    number: u64,
    request: &'a CellRequest,
    current: &'a Rc<Current>,
    inbox: mpsc::UnboundedReceiver<Inbox>,
    sink: Sink,
    /// The question that waits for an answer: its request's id, and whether it is for a password.
    input: Option<(i64, bool)>,
    stop: Stop,
}

/// How a cell ended.
struct End {
    status: Status,
    error: Option<Event>,
    summary: Option<Summary>,
}

impl End {
    fn failed(class: &str, error: &Error) -> End {
        End {
            status: Status::Error,
            error: Some(error_event(class, error)),
            summary: None,
        }
    }

    fn interrupted() -> End {
        End {
            status: Status::Interrupted,
            error: None,
            summary: None,
        }
    }
}

fn error_event(class: &str, error: &Error) -> Event {
    Event::Error {
        class: class.to_owned(),
        message: error.to_string(),
        traceback: Vec::new(),
        hint: error.hint(),
    }
}

impl Running<'_> {
    async fn run(&mut self) -> End {
        let (live, (mut reader, writer)) = match self.child().await {
            Ok(ready) => ready,
            Err(end) => return end,
        };
        let id = i64::try_from(self.number).unwrap_or(i64::MAX);
        if self.request.language == Language::Python {
            self.shared.python_used.set(true);
        }
        let request = Message::Req {
            id,
            op: op::EXECUTE.into(),
            body: self.execute().to_term(),
        };
        if let Err(error) = writer.send(&request) {
            live.lanes.give_back(self.request.subshell, (reader, writer));
            return End::failed("BridgeError", &live.control.refused(op::EXECUTE, &error));
        }
        live.served.set(true);
        let end = self.attend(&live, id, &mut reader, &writer).await;
        if !matches!(self.stop, Stop::GivenUp) {
            live.lanes.give_back(self.request.subshell, (reader, writer));
        }
        end
    }

    fn execute(&self) -> Execute {
        let read = (self.request.language == Language::Elixir).then(|| self.shared.python_used.get());
        Execute {
            cell: self.number,
            source: self.request.source.clone(),
            store_history: self.request.store_history,
            silent: self.request.silent,
            read,
            width: self.request.width,
            colors: self.request.colors,
            parent: self.request.parent.clone(),
            comm: self.request.comm.clone(),
            expressions: self.request.expressions.clone(),
        }
    }

    /// The child that the cell needs, once it is up and knows the other language's names, and the lane to run on.
    async fn child(&mut self) -> Result<(Rc<Live>, Lane), End> {
        let shared = self.shared;
        let language = self.request.language;
        let subshell = self.request.subshell;
        let ready = async {
            let live = shared.slot(language).ready().await?;
            if language == Language::Python {
                shared.joined().await;
            }
            let mut ended = live.ended.subscribe();
            let time = shared.config.start_timeout;
            let lane = tokio::select! {
                lane = live.lanes.take(subshell, &live.control, time) => lane,
                () = some(&mut ended) => Err("it has ended".into()),
            };
            match lane {
                Ok(lane) => Ok((live, lane)),
                Err(reason) => Err(Error::Unavailable { language, reason }),
            }
        };
        tokio::pin!(ready);
        loop {
            tokio::select! {
                ready = &mut ready => return ready.map_err(|error| End::failed("StartError", &error)),
                message = self.inbox.recv() => match message {
                    Some(Inbox::Interrupt | Inbox::Insist) => return Err(End::interrupted()),
                    Some(Inbox::Notice(text)) => self.sink.push(shared, Event::Notice { text }),
                    Some(Inbox::Answer(_)) => {}
                    Some(Inbox::End) | None => return Err(End::failed("SessionEnded", &Error::Ended)),
                },
                () = self.sink.flush(self.shared), if !self.sink.is_empty() => {}
            }
        }
    }

    /// Sees the cell through on a child that has been told to run it.
    async fn attend(
        &mut self,
        live: &Rc<Live>,
        id: i64,
        reader: &mut MessageReader,
        writer: &MessageWriter,
    ) -> End {
        let mut ended = live.ended.subscribe();
        let mut connected = true;
        loop {
            let patience = async {
                match self.stop {
                    Stop::Asked {
                        deadline: Some(deadline),
                        ..
                    } => sleep_until(deadline).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = some(&mut ended) => {
                    let ending = live.ended.borrow().clone();
                    // What it had sent before it died comes first, even its answer.
                    while connected && let Ok(Ok(message)) = timeout(LAST_WORDS, reader.next()).await {
                        if let Some(end) = self.take(live, id, message, writer) {
                            return end;
                        }
                    }
                    return self.died(live.language, ending);
                }
                message = self.inbox.recv() => match message {
                    Some(Inbox::Interrupt) => self.interrupt(live),
                    Some(Inbox::Insist) => {
                        if let Some(end) = self.insist(live).await {
                            return end;
                        }
                    }
                    Some(Inbox::Notice(text)) => self.emit(Event::Notice { text }),
                    Some(Inbox::Answer(text)) => self.answer(writer, text),
                    Some(Inbox::End) | None => return End::failed("SessionEnded", &Error::Ended),
                },
                () = patience => {
                    if let Some(end) = self.lose_patience(live).await {
                        return end;
                    }
                }
                () = self.sink.flush(self.shared), if !self.sink.is_empty() => {}
                message = reader.next(), if connected && self.sink.is_empty() => match message {
                    Ok(message) => {
                        if let Some(end) = self.take(live, id, message, writer) {
                            return end;
                        }
                    }
                    Err(lost) => {
                        connected = false;
                        let because = lost.to_string();
                        let generation = live.generation;
                        self.shared.slot(live.language).order(Order::Broken { generation, because });
                    }
                },
            }
        }
    }

    /// Takes a message of the child; gives the end if it is that.
    fn take(
        &mut self,
        live: &Live,
        id: i64,
        message: Result<Message, crate::wire::Malformed>,
        writer: &MessageWriter,
    ) -> Option<End> {
        let language = live.language;
        match message {
            Ok(Message::Ok { id: theirs, value }) if theirs == id => Some(match Summary::from_term(&value) {
                Ok(summary) => End {
                    status: summary.status,
                    error: None,
                    summary: Some(summary),
                },
                Err(error) => End::failed("BridgeError", &live.control.refused(op::EXECUTE, &error)),
            }),
            Ok(Message::Error { id: theirs, failure }) if theirs == id => {
                let message = failure.to_string();
                let hint = failure.hint().map(str::to_owned);
                Some(End::failed(
                    "BridgeError",
                    &Error::Refused {
                        language,
                        operation: op::EXECUTE,
                        message,
                        hint,
                    },
                ))
            }
            // An answer to what is no longer asked.
            Ok(Message::Ok { .. } | Message::Error { .. }) => None,
            Ok(Message::Ev { op, body }) => {
                self.event(language, &op, &body);
                None
            }
            Ok(Message::Req { id, op, body }) => {
                self.request(language, id, &op, &body, writer);
                None
            }
            Ok(Message::Hello(_)) => {
                self.fault(language, "a second hello");
                None
            }
            Err(malformed) => {
                match malformed.id {
                    Some(id) => send_error(writer, id, Failure::bridge("bad_message", malformed.to_string())),
                    None => self.fault(language, &malformed.to_string()),
                }
                None
            }
        }
    }

    fn event(&mut self, language: Language, name: &str, body: &Term) {
        match CellEvent::from_term(name, body) {
            Ok(Some(event)) => {
                let cell = event.cell();
                let Heard { event, problem } = event.into();
                if cell.is_some_and(|cell| cell != self.number) {
                    self.sink.push_late(self.shared, LateEvent { cell, event });
                } else {
                    self.emit(event);
                }
                if let Some(problem) = problem {
                    self.fault(language, &problem);
                }
            }
            Ok(None) => self.fault(language, &format!("an unknown event `{name}`")),
            Err(error) => self.fault(language, &error.to_string()),
        }
    }

    fn request(&mut self, language: Language, id: i64, operation: &str, body: &Term, writer: &MessageWriter) {
        match operation {
            op::INPUT => match InputRequest::from_term(body) {
                Ok(_) if !self.request.allow_input => {
                    send_error(writer, id, Failure::bridge("eof", "nobody is there to answer"));
                }
                Ok(InputRequest { prompt, password, .. }) => {
                    // A child asks one question at a time; an older one has been given up.
                    self.input = Some((id, password));
                    self.emit(Event::Input { prompt, password });
                }
                Err(error) => send_error(writer, id, Failure::bridge("bad_message", error.to_string())),
            },
            op::PING => {
                let _ = writer.send(&Message::Ok {
                    id,
                    value: body.clone(),
                });
            }
            _ => {
                send_error(writer, id, unknown(operation));
                self.fault(language, &format!("an unknown request `{operation}`"));
            }
        }
    }

    fn answer(&mut self, writer: &MessageWriter, text: Option<String>) {
        let Some((id, password)) = self.input.take() else {
            return;
        };
        if !password {
            self.shared
                .recorder
                .borrow_mut()
                .answered(self.number, text.as_deref());
        }
        match text {
            Some(text) => {
                let _ = writer.send(&Message::Ok {
                    id,
                    value: Term::from(text),
                });
            }
            None => send_error(writer, id, Failure::bridge("eof", "end of file")),
        }
    }

    fn died(&mut self, language: Language, ending: Option<Ending>) -> End {
        if let Stop::Killed(because) = &self.stop {
            return End {
                error: Some(interruption(because)),
                ..End::interrupted()
            };
        }
        let class = match language {
            Language::Python => "WorkerDied",
            Language::Elixir => "BeamDied",
        };
        let who = process(language);
        let reason = ending.as_ref().map_or("unknown", |ending| ending.reason.as_str());
        let hint = match ending.as_ref().and_then(|ending| ending.death.signal()) {
            Some(libc::SIGSEGV | libc::SIGABRT | libc::SIGBUS | libc::SIGILL | libc::SIGFPE) => {
                "native code crashed: the library that the cell called, or one that it uses"
            }
            Some(libc::SIGKILL) => "something outside killed it; when memory runs out, the system does",
            _ => "the cell, or code that it called, ended the whole process",
        };
        let error = Event::Error {
            class: class.into(),
            message: format!("{who} ended while the cell ran: {reason}"),
            traceback: Vec::new(),
            hint: Some(format!(
                "{hint}; the next {} cell finds a new one",
                title(language)
            )),
        };
        End {
            status: Status::Error,
            error: Some(error),
            summary: None,
        }
    }

    fn fault(&mut self, language: Language, text: &str) {
        self.emit(Event::Notice {
            text: misunderstanding(language, text),
        });
    }

    fn emit(&mut self, event: Event) {
        self.sink.push(self.shared, event);
    }
}

async fn some(ended: &mut watch::Receiver<Option<Ending>>) {
    let _ = ended.wait_for(Option::is_some).await;
}

fn send_error(writer: &MessageWriter, id: i64, failure: Failure) {
    // What the host itself says can be encoded.
    let _ = writer.send(&Message::Error { id, failure });
}

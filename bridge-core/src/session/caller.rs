//! Requests to a child, and the answers that come back for them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Result};
use crate::language::Language;
use crate::runtime::MessageWriter;
use crate::term::Term;
use crate::wire::{self, Failure, Message};

type Answer = Result<Term, Failure>;

/// Asks on one connection. Whoever reads from it hands the answers in.
#[derive(Debug)]
pub(super) struct Caller {
    language: Language,
    writer: MessageWriter,
    /// `None` once the connection is lost.
    waiting: RefCell<Option<HashMap<i64, oneshot::Sender<Answer>>>>,
    next: Cell<i64>,
}

impl Caller {
    pub(super) fn new(language: Language, writer: MessageWriter) -> Caller {
        Caller {
            language,
            writer,
            waiting: RefCell::new(Some(HashMap::new())),
            next: Cell::new(1),
        }
    }

    /// Asks, and waits for the answer at most that long.
    pub(super) async fn ask(&self, operation: &'static str, body: Term, time: Duration) -> Result<Term> {
        let (id, answer) = self.request(operation, body)?;
        let answer = timeout_at(Instant::now() + time, answer).await;
        if answer.is_err() {
            self.with_waiting(|waiting| waiting.remove(&id));
        }
        self.understand(
            operation,
            time,
            answer.map(std::result::Result::ok).map_err(|_| ()),
        )
    }

    /// Asks, and does not wait for the answer.
    pub(super) fn post(&self, operation: &'static str, body: Term) {
        // A request of ours can be encoded.
        let _ = self.request(operation, body);
    }

    /// Tells something that needs no answer.
    pub(super) fn tell(&self, operation: &str, body: Term) {
        self.send(&Message::Ev {
            op: operation.to_owned(),
            body,
        });
    }

    /// Sends an answer to the child's own request.
    pub(super) fn answer(&self, id: i64, answer: Answer) {
        self.send(&match answer {
            Ok(value) => Message::Ok { id, value },
            Err(failure) => Message::Error { id, failure },
        });
    }

    /// Takes an answer in. One that nobody waits for any more is dropped.
    pub(super) fn answered(&self, id: i64, answer: Answer) {
        if let Some(waiting) = self.with_waiting(|waiting| waiting.remove(&id)).flatten() {
            let _ = waiting.send(answer);
        }
    }

    /// The connection has ended: nobody waits in vain.
    pub(super) fn lose(&self) {
        self.waiting.borrow_mut().take();
    }

    fn request(&self, operation: &'static str, body: Term) -> Result<(i64, oneshot::Receiver<Answer>)> {
        let id = self.next.replace(self.next.get() + 1);
        let (sender, answer) = oneshot::channel();
        self.with_waiting(|waiting| waiting.insert(id, sender));
        let message = Message::Req {
            id,
            op: operation.to_owned(),
            body,
        };
        self.writer
            .send(&message)
            .map_err(|error| self.refused(operation, &error))?;
        Ok((id, answer))
    }

    fn understand(
        &self,
        operation: &'static str,
        time: Duration,
        answer: std::result::Result<Option<Answer>, ()>,
    ) -> Result<Term> {
        match answer {
            Ok(Some(Ok(value))) => Ok(value),
            Ok(Some(Err(failure))) => Err(Error::Refused {
                language: self.language,
                operation,
                message: failure.to_string(),
                hint: failure.hint().map(str::to_owned),
            }),
            Ok(None) => Err(Error::Unavailable {
                language: self.language,
                reason: "it has ended".into(),
            }),
            Err(()) => Err(Error::Timeout {
                language: self.language,
                operation,
                milliseconds: time.as_millis(),
            }),
        }
    }

    /// An answer or a request that makes no sense.
    pub(super) fn refused(&self, operation: &'static str, error: &wire::Error) -> Error {
        Error::Refused {
            language: self.language,
            operation,
            message: error.to_string(),
            hint: None,
        }
    }

    fn with_waiting<T>(
        &self,
        act: impl FnOnce(&mut HashMap<i64, oneshot::Sender<Answer>>) -> T,
    ) -> Option<T> {
        self.waiting.borrow_mut().as_mut().map(act)
    }

    fn send(&self, message: &Message) {
        // What the host itself says is small and always a term; a term that came from the child can be sent back.
        let _ = self.writer.send(message);
    }
}

/// Asks on a lane, where one request is served at a time. One that takes too long holds up those after it only until
/// their own time is over, and they are not sent meanwhile: the child never has more than one to do.
#[derive(Debug)]
pub(super) struct Questions {
    pub(super) caller: std::rc::Rc<Caller>,
    turn: Arc<Mutex<()>>,
}

impl Questions {
    pub(super) fn new(caller: std::rc::Rc<Caller>) -> Questions {
        Questions {
            caller,
            turn: Arc::default(),
        }
    }

    /// Asks, and waits for the answer at most that long, turn included. Dropped before its turn, it asks nothing.
    pub(super) async fn ask(&self, operation: &'static str, body: Term, time: Duration) -> Result<Term> {
        let deadline = Instant::now() + time;
        let Ok(turn) = timeout_at(deadline, self.turn.clone().lock_owned()).await else {
            return self.caller.understand(operation, time, Err(()));
        };
        let (_, answer) = self.caller.request(operation, body)?;
        let (sender, in_time) = oneshot::channel();
        spawn_local(async move {
            let answer = answer.await.ok();
            drop(turn);
            let _ = sender.send(answer);
        });
        let answer = timeout_at(deadline, in_time).await;
        self.caller.understand(
            operation,
            time,
            answer.map(|answer| answer.ok().flatten()).map_err(|_| ()),
        )
    }
}

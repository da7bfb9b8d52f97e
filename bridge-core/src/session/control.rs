//! Reading from a child's control connection and its own lane: answers, late output, and what the child asks.

use std::rc::Rc;

use tokio::task::spawn_local;
use tokio::time::sleep;

use super::Event;
use super::caller::Caller;
use super::child::{DYING_TIME, Order};
use super::event::Heard;
use super::shared::Shared;
use crate::error::{Error, Hint};
use crate::language::Language;
use crate::runtime::MessageReader;
use crate::term::Term;
use crate::wire::{Broken, CellEvent, Failure, Malformed, Message, op};

/// What a connection belongs to.
pub(super) struct Serving {
    pub(super) shared: Rc<Shared>,
    pub(super) language: Language,
    pub(super) generation: u64,
    pub(super) caller: Rc<Caller>,
    pub(super) connection: Kind,
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Control,
    Own,
}

/// Reads until the connection ends. Output that nobody takes holds up what comes after it, and so the child.
pub(super) async fn serve(serving: Serving, mut reader: MessageReader) {
    let lost = loop {
        match reader.next().await {
            Ok(Ok(message)) => serving.take(message).await,
            Ok(Err(malformed)) => serving.refuse(&malformed).await,
            Err(lost) => break lost,
        }
    };
    serving.caller.lose();
    let Serving {
        shared,
        language,
        generation,
        connection,
        ..
    } = &serving;
    match connection {
        Kind::Control => {
            shared.slot(*language).order(Order::Broken {
                generation: *generation,
                because: lost.to_string(),
            });
        }
        // Its cells can go on.
        Kind::Own => {
            // Unless they died with it: then its control connection has ended too, and it is gone by then.
            sleep(DYING_TIME * 2).await;
            if shared
                .slot(*language)
                .live()
                .is_some_and(|live| live.generation == *generation)
            {
                let who = title(*language);
                shared.notice(format!(
                    "{who} answers no questions until it is restarted: {lost}"
                ));
            }
        }
    }
}

impl Serving {
    async fn take(&self, message: Message) {
        match message {
            Message::Ok { id, value } => self.caller.answered(id, Ok(value)),
            Message::Error { id, failure } => self.caller.answered(id, Err(failure)),
            Message::Ev { op, body } => self.event(&op, &body).await,
            Message::Req { id, op, body } => self.request(id, &op, body),
            Message::Hello(_) => self.fault("a second hello").await,
        }
    }

    async fn event(&self, name: &str, body: &Term) {
        if name == op::FAULT {
            return self
                .fault(
                    &body
                        .as_str()
                        .map_or_else(|| format!("{body:.200}"), str::to_owned),
                )
                .await;
        }
        match CellEvent::from_term(name, body) {
            Ok(Some(event)) => {
                let cell = event.cell();
                let Heard { event, problem } = event.into();
                self.shared.deliver(cell, event).await;
                if let Some(problem) = problem {
                    self.fault(&problem).await;
                }
            }
            Ok(None) => self.fault(&format!("an unknown event `{name}`")).await,
            Err(error) => self.fault(&error.to_string()).await,
        }
    }

    fn request(&self, id: i64, operation: &str, body: Term) {
        match operation {
            op::PING => self.caller.answer(id, Ok(body)),
            op::WORKER if self.language == Language::Elixir => {
                let (shared, caller) = (self.shared.clone(), self.caller.clone());
                // The worker may take seconds to start.
                spawn_local(async move {
                    let answer = shared.worker().await.map(|attach| attach.to_term());
                    caller.answer(id, answer.map_err(|error| unavailable(&error)));
                });
            }
            op::BROKEN if self.language == Language::Elixir => match Broken::from_term(&body) {
                Ok(broken) => {
                    let (shared, caller) = (self.shared.clone(), self.caller.clone());
                    // Whoever hears the answer may ask for the next worker.
                    spawn_local(async move {
                        shared.broken(broken).await;
                        caller.answer(id, Ok(Term::from(true)));
                    });
                }
                Err(error) => self
                    .caller
                    .answer(id, Err(Failure::bridge("bad_message", error.to_string()))),
            },
            op::INPUT => self
                .caller
                .answer(id, Err(Failure::bridge("eof", "only a running cell can ask"))),
            _ => self.caller.answer(id, Err(unknown(operation))),
        }
    }

    async fn refuse(&self, malformed: &Malformed) {
        match malformed.id {
            Some(id) => self
                .caller
                .answer(id, Err(Failure::bridge("bad_message", malformed.to_string()))),
            None => self.fault(&malformed.to_string()).await,
        }
    }

    async fn fault(&self, text: &str) {
        let cell = self.shared.foreground(|_| true).map(|current| current.cell);
        self.shared
            .deliver(
                cell,
                Event::Notice {
                    text: misunderstanding(self.language, text),
                },
            )
            .await;
    }
}

/// The language's name in a sentence.
pub(super) fn title(language: Language) -> &'static str {
    match language {
        Language::Python => "Python",
        Language::Elixir => "Elixir",
    }
}

/// The language's process, at the start of a sentence.
pub(super) fn process(language: Language) -> &'static str {
    match language {
        Language::Python => "Python's worker",
        Language::Elixir => "The BEAM",
    }
}

/// What a user is told of a message that makes no sense.
pub(super) fn misunderstanding(language: Language, text: &str) -> String {
    format!("{} sent something that makes no sense: {text}", title(language))
}

/// The refusal of an operation that nobody knows.
pub(super) fn unknown(operation: &str) -> Failure {
    Failure::bridge(
        "unknown_op",
        format!("the host serves no operation `{}` here", operation.escape_debug()),
    )
}

fn unavailable(error: &Error) -> Failure {
    Failure::Bridge {
        reason: "unavailable".into(),
        message: error.to_string(),
        hint: error.hint(),
    }
}

//! What is looked up while somebody types: the documentation of the candidate that is selected in the menu, and the
//! signature of the call around the cursor.
//!
//! Nobody waits for it. Whoever paints says what the screen lacks; the answer is asked for when that has been lacking
//! for a moment, and another paint shows it. The editor polls, so there is no thread. It never runs code of the
//! user's: the languages' `inspect` does not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::language::Language;
use bridge_core::session::{ChildState, Inspection, Reply, Session};

/// How long a selection must rest before it is asked about: who runs down a list asks nothing.
const REST: Duration = Duration::from_millis(60);

/// How many answers are kept.
const KEPT: usize = 200;

/// What can be looked up: the name at the end of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) language: Language,
    pub(crate) source: String,
}

/// Who asks. Each has one question at a time.
#[derive(Clone, Copy)]
pub(crate) enum Asker {
    Menu,
    Call,
}

/// The answers; clones are the same.
#[derive(Clone)]
pub(crate) struct Lookup(Arc<Mutex<State>>);

struct State {
    session: Session,
    repaint: Box<dyn Fn() + Send>,
    known: HashMap<Subject, Option<Arc<str>>>,
    questions: [Option<Question>; 2],
}

struct Question {
    subject: Subject,
    since: Instant,
    reply: Option<Reply<Inspection>>,
}

impl Lookup {
    /// `repaint` asks the editor for another paint.
    pub(crate) fn new(session: Session, repaint: impl Fn() + Send + 'static) -> Lookup {
        Lookup(Arc::new(Mutex::new(State {
            session,
            repaint: Box::new(repaint),
            known: HashMap::new(),
            questions: [None, None],
        })))
    }

    /// What is known of it so far. If nothing is, it is asked for.
    pub(crate) fn find(&self, asker: Asker, subject: &Subject) -> Option<Arc<str>> {
        let mut state = self.state();
        if let Some(answer) = state.known.get(subject) {
            return answer.clone();
        }
        let question = &mut state.questions[asker as usize];
        if question.as_ref().is_none_or(|asked| asked.subject != *subject) {
            *question = Some(Question {
                subject: subject.clone(),
                since: Instant::now(),
                reply: None,
            });
        }
        None
    }

    /// Asks what is to be asked, and takes what has been answered. Never waits.
    pub(crate) fn poll(&self) {
        let mut state = self.state();
        for asker in 0..state.questions.len() {
            state.go_on(asker);
        }
    }

    /// Names may stand for something else now.
    pub(crate) fn forget(&self) {
        let mut state = self.state();
        state.known.clear();
        state.questions = [None, None];
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn go_on(&mut self, asker: usize) {
        let Some(question) = &mut self.questions[asker] else {
            return;
        };
        let Subject { language, source } = &question.subject;
        match &mut question.reply {
            None if question.since.elapsed() < REST => {}
            None => {
                // Looking must not be what starts a language.
                if let ChildState::Up { .. } = self.session.children().borrow().of(*language) {
                    question.reply = Some(self.session.inspect(*language, source, source.len(), 0));
                }
            }
            Some(reply) => {
                if let Some(answer) = reply.try_take() {
                    let text = answer.ok().filter(|answer| answer.found).and_then(text_of);
                    if self.known.len() >= KEPT {
                        self.known.clear();
                    }
                    self.known.insert(question.subject.clone(), text);
                    self.questions[asker] = None;
                    (self.repaint)();
                }
            }
        }
    }
}

fn text_of(answer: Inspection) -> Option<Arc<str>> {
    let text = answer.data.text("text/plain")?.trim_end();
    (!text.is_empty()).then(|| text.into())
}

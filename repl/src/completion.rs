//! Completion: what the languages know of the name at the cursor, for reedline's menus.
//!
//! The question goes to the session's thread: [`LineCompleter`] says `Pending`, and the engine asks again when the
//! answer is there. Only an answer that comes within a few milliseconds is waited for, so that the menu mostly opens
//! with the paint of its key; no key waits for a language longer than that, nor at all for one that is starting.

use std::time::{Duration, Instant};

use bridge_core::language::Language;
use bridge_core::session::{ChildState, Completion, CompletionItem, Reply, Session};
use reedline::{Completer, CompletionResult, CompletionStatus, Span, Suggestion, Suggestions};

use crate::command;
use crate::entry::Entry;
use crate::line::Line;
use crate::lookup::Lookup;

/// How long an answer is waited for before the engine goes on without it.
const BLINK: Duration = Duration::from_millis(6);

/// How long an answer holds for the same text: what names stand for changes behind the prompt's back.
const HOLDS: Duration = Duration::from_secs(1);

/// How many suggestions a menu holds. Nobody reads more, and measuring each is the engine's work at every paint.
pub(crate) const SHOWN: usize = 1000;

/// The completer of the line.
pub(crate) struct LineCompleter {
    session: Session,
    line: Line,
    lookup: Lookup,
    /// The question that was put last, and what became of it.
    question: Option<Question>,
}

struct Question {
    text: String,
    position: usize,
    /// What needs no language: commands.
    own: Vec<Suggestion>,
    /// Where the language's source starts in the text.
    offset: usize,
    /// Whether the language could not answer; then it is asked again next time.
    failed: bool,
    asked: Instant,
    state: State,
}

enum State {
    /// The language is starting; it is asked as soon as it is up.
    Waiting(Language),
    Asked(Reply<Completion>),
    /// Answered, but the engine has not been told.
    Arrived(Suggestions),
    Known(Suggestions),
}

impl LineCompleter {
    pub(crate) fn new(session: Session, line: Line, lookup: Lookup) -> LineCompleter {
        LineCompleter {
            session,
            line,
            lookup,
            question: None,
        }
    }

    fn question(&self, text: &str, position: usize) -> Question {
        let own = command::suggestions(text, position);
        let language = self.line.language();
        let (offset, state) = match Entry::parse(text, language) {
            Entry::Code { language, offset, .. } if position >= offset => (offset, State::Waiting(language)),
            Entry::Blank => (0, State::Waiting(language)),
            _ => (0, State::Known(own.clone().into())),
        };
        Question {
            text: text.to_owned(),
            position,
            own,
            offset,
            failed: false,
            asked: Instant::now(),
            state,
        }
    }

    /// Goes on with the question as far as is possible within that time.
    fn settle(&mut self, time: Duration) {
        let Some(question) = &mut self.question else {
            return;
        };
        if let State::Waiting(language) = question.state {
            if let ChildState::Starting = self.session.children().borrow().of(language) {
                return;
            }
            let source = &question.text[question.offset..];
            let reply = self
                .session
                .complete(language, source, question.position - question.offset);
            question.state = State::Asked(reply);
        }
        if let State::Asked(reply) = &mut question.state
            && let Some(answer) = reply.wait_for(time)
        {
            let mut all = std::mem::take(&mut question.own);
            question.failed = answer.is_err();
            // A language that cannot answer (it has died) has nothing to suggest; the prompt is not the place to say
            // why.
            all.extend(suggestions(
                answer.unwrap_or_default(),
                question.offset,
                &question.text,
            ));
            question.state = State::Arrived(all.into());
        }
    }
}

impl Completer for LineCompleter {
    fn complete(&mut self, text: &str, position: usize) -> CompletionResult {
        let same = self.question.as_ref().is_some_and(|asked| {
            let holds = !matches!(asked.state, State::Known(_)) || asked.asked.elapsed() < HOLDS;
            holds && asked.text == text && asked.position == position
        });
        if !same {
            self.question = Some(self.question(text, position));
            self.settle(BLINK);
        }
        let Some(question) = &mut self.question else {
            return CompletionResult::fresh(Vec::new());
        };
        let found = match &question.state {
            State::Waiting(_) | State::Asked(_) => return CompletionResult::Pending,
            State::Arrived(found) | State::Known(found) => found.clone(),
        };
        if question.failed {
            self.question = None;
        } else {
            question.state = State::Known(found.clone());
        }
        CompletionResult::fresh(found)
    }

    fn poll_completion(&mut self) -> CompletionStatus {
        self.line.turn();
        self.lookup.poll();
        self.settle(Duration::ZERO);
        match self.question.as_ref().map(|question| &question.state) {
            Some(State::Waiting(_) | State::Asked(_)) => CompletionStatus::Pending,
            Some(State::Arrived(_)) => CompletionStatus::Ready,
            Some(State::Known(_)) | None => CompletionStatus::Idle,
        }
    }
}

/// The language's answer as suggestions for the whole text.
fn suggestions(completion: Completion, offset: usize, text: &str) -> Vec<Suggestion> {
    // Ends that are none of the text's would bring the editor down.
    let from = (completion.from + offset).min(text.len());
    let to = (completion.to + offset).clamp(from, text.len());
    if !text.is_char_boundary(from) || !text.is_char_boundary(to) {
        return Vec::new();
    }
    let span = Span::new(from, to);
    completion
        .items
        .into_iter()
        .take(SHOWN)
        .map(|item| suggestion(item, span))
        .collect()
}

/// `extra` is what the menu shows beside the name: the kind, the signature or type, how the documentation begins.
fn suggestion(item: CompletionItem, span: Span) -> Suggestion {
    let detail = item.detail.unwrap_or_default();
    let doc = item.doc.unwrap_or_default();
    Suggestion {
        value: item.text,
        extra: Some(vec![item.kind, detail, doc]),
        span,
        ..Suggestion::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(from: usize, to: usize) -> Completion {
        let item = CompletionItem {
            text: "columns".into(),
            kind: "property".into(),
            detail: Some("Index".into()),
            doc: Some("The column labels\nof the frame.\n\nMore.".into()),
        };
        Completion {
            from,
            to,
            items: vec![item],
        }
    }

    #[test]
    fn an_answer_is_placed_where_its_source_stands() {
        let found = suggestions(completion(3, 6), 4, ":py df.col");
        assert_eq!(found[0].span, Span::new(7, 10));
        assert_eq!(found[0].value, "columns");
        assert_eq!(
            found[0].extra.as_deref().unwrap(),
            ["property", "Index", "The column labels\nof the frame.\n\nMore."]
        );
    }

    #[test]
    fn ends_outside_the_text_do_no_harm() {
        assert_eq!(suggestions(completion(5, 2), 0, "abc")[0].span, Span::new(3, 3));
        assert_eq!(suggestions(completion(1, 99), 0, "abc")[0].span, Span::new(1, 3));
        assert!(suggestions(completion(1, 2), 0, "日本").is_empty());
    }
}

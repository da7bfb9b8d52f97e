//! What the parts of the line editor share: the language of the prompt, and the text as it was last painted.
//!
//! reedline shows an edit mode the keys but not the text, and a history the queries but not what becomes of the
//! answers. Its highlighter, though, sees the text at every paint, its completer is polled once per turn of the
//! event loop, and both are ours. So the highlighter leaves the text here ([`Line::painted`]), and a key may trust
//! it when it is the first since that turn began ([`Line::settled`]): keys that arrive together (a paste into a
//! terminal without bracketed paste, a test) are parsed before the first of them is applied.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bridge_core::language::Language;

use crate::entry::Entry;
use crate::lookup::Subject;

/// The line being edited; clones are the same one.
#[derive(Clone)]
pub(crate) struct Line(Arc<Mutex<State>>);

struct State {
    language: Language,
    /// What history brought up last: when it stands in the line, the line has its language.
    recalled: Option<(String, Language)>,
    /// The language before history changed it.
    typed_in: Option<Language>,
    text: String,
    cursor: usize,
    settled: bool,
    /// How many keys came since the turn began.
    keys: usize,
    /// What was typed behind a key that ends the line before the editor looked.
    behind: Option<String>,
    /// Ctrl-R's prompt shows another text than the line's.
    searching: bool,
}

/// The line as a key finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) language: Language,
    pub(crate) text: String,
    pub(crate) cursor: usize,
    /// Whether the text stands as history brought it up.
    pub(crate) recalled: bool,
}

impl Line {
    pub(crate) fn new(language: Language) -> Line {
        Line(Arc::new(Mutex::new(State {
            language,
            recalled: None,
            typed_in: None,
            text: String::new(),
            cursor: 0,
            settled: false,
            keys: 0,
            behind: None,
            searching: false,
        })))
    }

    /// The language of what is being typed.
    pub(crate) fn language(&self) -> Language {
        self.state().language
    }

    /// The language of what the prompt shows: in a search, that of what was found.
    pub(crate) fn shown_language(&self) -> Language {
        let state = self.state();
        match &state.recalled {
            Some((_, language)) if state.searching => *language,
            _ => state.language,
        }
    }

    /// Whether the keys since the turn began are this one alone.
    pub(crate) fn is_one_key(&self) -> bool {
        self.state().keys == 1
    }

    /// Switches by the user's will.
    pub(crate) fn set_language(&self, language: Language) {
        let mut state = self.state();
        state.language = language;
        state.recalled = None;
        state.typed_in = None;
    }

    /// The other one.
    pub(crate) fn switch(&self) {
        let other = match self.language() {
            Language::Elixir => Language::Python,
            Language::Python => Language::Elixir,
        };
        self.set_language(other);
    }

    /// The engine paints this text; from the highlighter.
    pub(crate) fn painted(&self, text: &str, cursor: usize) {
        let mut state = self.state();
        state.searching = false;
        state.cursor = cursor;
        if state.text != text {
            state.text.clear();
            state.text.push_str(text);
        }
        state.take_up(text);
    }

    /// The engine asks whether this text is complete, which may come before it is painted.
    pub(crate) fn validated(&self, text: &str) {
        self.state().take_up(text);
    }

    /// A turn of the engine's loop begins; from the completer.
    pub(crate) fn turn(&self) {
        let mut state = self.state();
        state.settled = true;
        state.keys = 0;
        // The line did not end after all: a search or a menu took the key.
        state.behind = None;
    }

    /// The line, if this is the first key of the turn. Asking makes the next key the second.
    pub(crate) fn settled(&self) -> Option<Snapshot> {
        let mut state = self.state();
        state.keys += 1;
        let settled = std::mem::take(&mut state.settled) && !state.searching;
        settled.then(|| Snapshot {
            language: state.language,
            recalled: state
                .recalled
                .as_ref()
                .is_some_and(|(text, _)| *text == state.text),
            text: state.text.clone(),
            cursor: state.cursor,
        })
    }

    /// A key ends the line: the engine loses the keys that came together with it.
    pub(crate) fn ends(&self) {
        self.state().behind = Some(String::new());
    }

    /// Keeps that for the next line, if it comes behind a key that ends this one.
    pub(crate) fn keep(&self, text: &str) -> bool {
        match &mut self.state().behind {
            Some(behind) => {
                behind.push_str(text);
                true
            }
            None => false,
        }
    }

    /// What was typed behind the end of the last line; `\n` where it was Enter.
    pub(crate) fn take_behind(&self) -> String {
        self.state().behind.take().unwrap_or_default()
    }

    /// The source up to that byte of the line, with a name behind it; none in a command.
    pub(crate) fn subject(&self, start: usize, name: &str) -> Option<Subject> {
        let state = self.state();
        match Entry::parse(&state.text, state.language) {
            Entry::Code { language, offset, .. } => {
                let before = state.text.get(offset..start)?;
                let name = name.trim_end_matches(['(', '=']).trim_end_matches('.');
                Some(Subject {
                    language,
                    source: format!("{before}{name}"),
                })
            }
            _ => None,
        }
    }

    /// Ctrl-R was pressed.
    pub(crate) fn search_begins(&self) {
        let mut state = self.state();
        state.searching = true;
        state.recalled = None;
    }

    /// History found this.
    pub(crate) fn recall(&self, text: &str, language: Language) {
        self.state().recalled = Some((text.to_owned(), language));
    }

    /// History found nothing. A search shows that, elsewhere the line stays as it is.
    pub(crate) fn recall_failed(&self) {
        let mut state = self.state();
        if state.searching {
            state.recalled = None;
        }
    }

    /// History was left at its near end: what had been typed stands there again.
    pub(crate) fn recall_ended(&self) {
        let mut state = self.state();
        state.recalled = None;
        if let Some(language) = state.typed_in.take() {
            state.language = language;
        }
    }

    /// The line was given up: the language is again what the user chose.
    pub(crate) fn dropped(&self) {
        self.recall_ended();
    }

    /// The line was run: the language stays.
    pub(crate) fn submitted(&self) {
        let mut state = self.state();
        state.recalled = None;
        state.typed_in = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_up(&mut self, text: &str) {
        match &self.recalled {
            Some((recalled, language)) if recalled == text => {
                let language = *language;
                if language != self.language {
                    self.typed_in.get_or_insert(self.language);
                    self.language = language;
                }
            }
            // It was looked at and left, or has been edited since.
            Some(_) => self.recalled = None,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Elixir, Python};

    #[test]
    fn a_recalled_cell_brings_its_language_and_leaving_history_takes_it_away() {
        let line = Line::new(Elixir);
        line.recall("x = 1", Python);
        assert_eq!(line.language(), Elixir, "found, but not yet in the line");
        line.painted("x = 1", 5);
        assert_eq!(line.language(), Python);
        line.recall("y", Elixir);
        line.painted("y", 1);
        assert_eq!(line.language(), Elixir);
        line.recall("z", Python);
        line.painted("z", 1);
        line.recall_ended();
        line.painted("", 0);
        assert_eq!(line.language(), Elixir);
    }

    #[test]
    fn a_recalled_cell_that_is_edited_or_run_keeps_its_language() {
        let line = Line::new(Elixir);
        line.recall("x = 1", Python);
        line.painted("x = 1", 5);
        line.painted("x = 12", 6);
        assert_eq!(line.language(), Python);
        line.submitted();
        line.dropped();
        assert_eq!(line.language(), Python);
    }

    #[test]
    fn a_search_that_was_left_changes_nothing() {
        let line = Line::new(Elixir);
        line.recall("x = 1", Python);
        line.painted("", 0);
        line.painted("x = 1", 5);
        assert_eq!(line.language(), Elixir);
    }

    #[test]
    fn only_the_first_key_of_a_turn_may_trust_the_text() {
        let line = Line::new(Elixir);
        line.painted("ab", 2);
        assert_eq!(line.settled(), None);
        line.turn();
        assert_eq!(line.settled().map(|found| found.text), Some("ab".into()));
        assert_eq!(line.settled(), None);
        line.turn();
        line.search_begins();
        assert_eq!(line.settled(), None);
        line.painted("ab", 2);
        line.turn();
        assert!(line.settled().is_some());
    }

    #[test]
    fn giving_a_recalled_line_up_gives_its_language_up() {
        let line = Line::new(Elixir);
        line.recall("x = 1", Python);
        line.painted("x = 1", 5);
        line.dropped();
        assert_eq!(line.language(), Elixir);
    }
}

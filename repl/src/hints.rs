//! What stands dimmed behind and below the line: how an earlier cell of the same language went on, the way out of what
//! was left open, and the signature of the call that is being written.
//!
//! Only the first of them can be taken into the line. It is a line of an earlier cell at most: taken line by line, a
//! long cell comes back without moving the screen before it is wanted.

use bridge_core::language::Language;
use nu_ansi_term::Style;
use reedline::{Hinter, History};
use unicode_width::UnicodeWidthStr;

use crate::entry::Entry;
use crate::history::Earlier;
use crate::line::Line;
use crate::lookup::{Asker, Lookup, Subject};
use crate::scan;
use crate::signature;
use crate::tty;
use crate::validate::way_out;

/// The hints of the line.
pub(crate) struct Hints {
    line: Line,
    lookup: Lookup,
    /// Earlier cells, if they are wanted.
    earlier: Option<Earlier>,
    /// How the line could go on.
    rest: String,
}

impl Hints {
    pub(crate) fn new(line: Line, lookup: Lookup, earlier: Option<Earlier>) -> Hints {
        Hints {
            line,
            lookup,
            earlier,
            rest: String::new(),
        }
    }

    /// The line with the signature of the call around the cursor.
    fn signature(&self, text: &str, position: usize, language: Language) -> Option<String> {
        let Entry::Code {
            language,
            source,
            offset,
            ..
        } = Entry::parse(text, language)
        else {
            return None;
        };
        let before = source.get(..position.checked_sub(offset)?)?;
        let call = scan::scan(language, before).call?;
        let subject = Subject {
            language,
            source: before[..call.name_end].to_owned(),
        };
        let found = self.lookup.find(Asker::Call, &subject)?;
        let (rows, columns) = tty::size();
        // What does not fit would scroll the screen at every key.
        let lines = text
            .lines()
            .map(|line| 1 + (line.width() + 10) / columns)
            .sum::<usize>();
        (lines + 2 < rows).then(|| signature::line(&found, &call, columns))?
    }
}

impl Hinter for Hints {
    fn handle(&mut self, text: &str, position: usize, _: &dyn History, colours: bool, _: &str) -> String {
        let language = self.line.language();
        self.rest.clear();
        // Without colours it would read like text of the cell.
        if !colours {
            return String::new();
        }
        let mut hint = String::new();
        if position == text.len() {
            if let Some(way_out) = way_out(text, language) {
                return Style::new().dimmed().paint(way_out).to_string();
            }
            if let Some(earlier) = &mut self.earlier {
                self.rest = earlier.rest(text, language).unwrap_or_default();
            }
            if !self.rest.is_empty() {
                hint = Style::new().dimmed().paint(&self.rest).to_string();
            }
        }
        if let Some(signature) = self.signature(text, position, language) {
            hint.push('\n');
            hint.push_str(&signature);
        }
        hint
    }

    fn complete_hint(&self) -> String {
        self.rest.clone()
    }

    /// A word, with what stands before it.
    fn next_hint_token(&self) -> String {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let start = self.rest.find(is_word).unwrap_or(self.rest.len());
        let end = self.rest[start..]
            .find(|c| !is_word(c))
            .map_or(self.rest.len(), |end| start + end);
        self.rest[..end].to_owned()
    }
}

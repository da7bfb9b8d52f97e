//! The cursor's position, where it comes just behind an Esc that somebody types.
//!
//! The editor asks the terminal for it. The two escapes are then read as one Esc, and the rest, `[12;16R`, as if it were
//! typed: [`Report`] takes it out again. Nobody types that in one go.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use crate::theme::Taken;

/// No screen has more digits of rows and columns.
const LONGEST: usize = 12;

/// Looks for a report among the keys.
#[derive(Default)]
pub(crate) struct Report {
    /// The last key was Esc.
    escaped: bool,
    /// What there is of a report that has begun.
    begun: Option<String>,
}

impl Report {
    /// Looks at what has come; `first`, if nothing came together with it before.
    pub(crate) fn take(&mut self, event: &Event, first: bool) -> Taken {
        let escaped = std::mem::take(&mut self.escaped) && !first;
        let begun = self.begun.take();
        let key = match event {
            Event::Key(KeyEvent {
                code,
                modifiers: KeyModifiers::NONE | KeyModifiers::SHIFT,
                ..
            }) => Some(*code),
            _ => None,
        };
        self.escaped = key == Some(KeyCode::Esc);
        match (begun, key) {
            (None, Some(KeyCode::Char('['))) if escaped => {
                self.begun = Some("[".to_owned());
                Taken::Part
            }
            (None, _) => Taken::Key,
            (Some(begun), Some(KeyCode::Char('R'))) if !first && is_position(&begun) => Taken::Last(false),
            (Some(begun), Some(KeyCode::Char(c @ ('0'..='9' | ';')))) if !first && begun.len() < LONGEST => {
                self.begun = Some(format!("{begun}{c}"));
                Taken::Part
            }
            (Some(begun), _) => Taken::Typed(begun),
        }
    }
}

/// Whether it is `[12;16`.
fn is_position(text: &str) -> bool {
    let parts = text.strip_prefix('[').and_then(|rest| rest.split_once(';'));
    parts.is_some_and(|(row, column)| row.parse::<u16>().is_ok() && column.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of keys that come in parts, each of them at once; `^` is Esc.
    fn left(parts: &[&str]) -> String {
        let mut report = Report::default();
        let mut left = String::new();
        for part in parts {
            for (at, c) in part.chars().enumerate() {
                let code = if c == '^' { KeyCode::Esc } else { KeyCode::Char(c) };
                let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
                match report.take(&event, at == 0) {
                    Taken::Key => left.push(c),
                    Taken::Typed(typed) => {
                        left.push_str(&typed);
                        left.push(c);
                    }
                    Taken::Part | Taken::Last(_) => {}
                }
            }
        }
        left
    }

    #[test]
    fn a_report_is_taken_out_of_what_is_typed() {
        assert_eq!(left(&["^[12;16R"]), "^");
        assert_eq!(left(&["ab^[1;1Rcd"]), "ab^cd");
        assert_eq!(left(&["^[1;x"]), "^[1;x");
        assert_eq!(left(&["^[1R^[R"]), "^[1R^[R");
        assert_eq!(left(&["[12;16R"]), "[12;16R");
        assert_eq!(left(&["^", "[12;16R"]), "^[12;16R");
        assert_eq!(left(&["^[12", ";16R"]), "^[12;16R");
    }
}

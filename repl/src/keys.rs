//! The keys of the prompt: reedline's Emacs bindings, and what depends on the text.
//!
//! Tab at an empty prompt switches the language. Every terminal delivers it and none keeps it for itself (browsers
//! close tabs on Ctrl-W and open them on Ctrl-T, IPython's users have Ctrl-O under their fingers, function keys are
//! the terminal's or need a second key), and neither IPython nor a user of IEx has a use for it there: in IPython it
//! indents nothing, in IEx it lists every module.
//!
//! The text is read through [`Line::settled`]; where it cannot be trusted, keys mean what they always mean.

use bridge_core::language::Language;
use bridge_core::session::Session;
use crossterm::event::{Event, KeyEvent};
use reedline::{
    EditCommand, EditMode, Emacs, KeyCode, KeyModifiers, PromptEditMode, ReedlineEvent, ReedlineRawEvent,
    default_emacs_keybindings,
};

use crate::editor::is_complete;
use crate::entry::Entry;
use crate::line::{Line, Snapshot};
use crate::menu::COMPLETION;
use crate::scan;
use crate::validate::{Verdict, verdict};

/// The name of the key that switches the language, for people.
pub(crate) const SWITCH: &str = "Tab at an empty prompt";

/// The host command of Ctrl-Z.
pub(crate) const SUSPEND: &str = "suspend";

/// The edit mode of the prompt.
pub(crate) struct Keys {
    emacs: Emacs,
    line: Line,
    session: Session,
}

impl Keys {
    pub(crate) fn new(line: Line, session: Session) -> Keys {
        Keys {
            emacs: Emacs::new(bindings()),
            line,
            session,
        }
    }

    fn tab(&self, at: &Snapshot) -> Option<ReedlineEvent> {
        if at.text.is_empty() {
            self.line.switch();
            return Some(ReedlineEvent::Repaint);
        }
        let before = line_before(at);
        before.trim().is_empty().then(|| {
            let step = scan::step(self.language_of(at));
            insert(" ".repeat(step - before.chars().count() % step))
        })
    }

    /// Enter: a new line inside a cell of many lines, else what the validator would do, and indented.
    fn enter(&self, at: &Snapshot) -> Option<ReedlineEvent> {
        let last_line = !at.text[at.cursor..].contains('\n');
        if !last_line && !at.recalled {
            let indent: String = line_before(at)
                .chars()
                .take_while(|c| c.is_whitespace())
                .collect();
            return Some(accept_or(insert(format!("\n{indent}"))));
        }
        match verdict(&at.text, at.language, |language, source| {
            is_complete(&self.session, language, source)
        }) {
            Verdict::Run => None,
            Verdict::More(indent) => Some(accept_or(insert(format!("\n{indent}")))),
        }
    }

    /// Backspace in the indentation takes a step of it.
    fn backspace(&self, at: &Snapshot) -> Option<ReedlineEvent> {
        let before = line_before(at);
        let step = scan::step(self.language_of(at));
        let spaces = before.len();
        let taken = if spaces.is_multiple_of(step) {
            step
        } else {
            spaces % step
        };
        let indented = at.text[..at.cursor].contains('\n') && taken > 1 && spaces >= taken;
        (indented && before.bytes().all(|byte| byte == b' '))
            .then(|| ReedlineEvent::Edit(vec![EditCommand::Backspace; taken]))
    }

    /// The last character of what closes a block moves the line under the line that opened it.
    fn closer(&self, at: &Snapshot, typed: char) -> Option<ReedlineEvent> {
        let before = line_before(at);
        let language = self.language_of(at);
        let word = format!("{}{typed}", before.trim_start());
        let closes = matches!(word.as_str(), ")" | "]" | "}")
            || (language == Language::Elixir && matches!(word.as_str(), "end" | "else" | "rescue" | "catch"));
        let at_end = at.cursor == at.text.len() && before.len() < at.cursor;
        if !closes || !at_end {
            return None;
        }
        let Entry::Code { source, .. } = Entry::parse(&at.text, at.language) else {
            return None;
        };
        let closing = scan::scan(language, source).closing;
        let spaces = scan::indentation(before);
        (closing < spaces).then(|| {
            let mut edits = vec![EditCommand::Backspace; before.chars().count()];
            edits.push(EditCommand::InsertString(format!(
                "{}{word}",
                " ".repeat(closing)
            )));
            ReedlineEvent::Edit(edits)
        })
    }

    /// The language of the source, which after `:py` is not that of the prompt.
    fn language_of(&self, at: &Snapshot) -> Language {
        match Entry::parse(&at.text, at.language) {
            Entry::Code { language, .. } => language,
            _ => at.language,
        }
    }
}

impl EditMode for Keys {
    fn parse_event(&mut self, event: ReedlineRawEvent) -> ReedlineEvent {
        let event = Event::from(event);
        let at = self.line.settled();
        let special = match (&at, &event) {
            (
                Some(at),
                Event::Key(KeyEvent {
                    code,
                    modifiers: KeyModifiers::NONE,
                    ..
                }),
            ) => match code {
                KeyCode::Tab => self.tab(at),
                KeyCode::Enter => self.enter(at),
                KeyCode::Backspace => self.backspace(at),
                KeyCode::Char(typed) => self.closer(at, *typed),
                _ => None,
            },
            _ => None,
        };
        let event = match (special, ReedlineRawEvent::try_from(event)) {
            (Some(special), _) => special,
            (None, Ok(event)) => self.emacs.parse_event(event),
            (None, Err(())) => ReedlineEvent::None,
        };
        if event == ReedlineEvent::SearchHistory {
            self.line.search_begins();
        }
        event
    }

    fn edit_mode(&self) -> PromptEditMode {
        self.emacs.edit_mode()
    }
}

fn bindings() -> reedline::Keybindings {
    let mut keys = default_emacs_keybindings();
    let complete = ReedlineEvent::UntilFound(vec![
        ReedlineEvent::Menu(COMPLETION.into()),
        ReedlineEvent::MenuNext,
    ]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
    for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
        keys.add_binding(modifiers, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    }
    // As in IPython: Alt-Enter runs what stands there, Ctrl-O opens a line.
    keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, ReedlineEvent::Submit);
    let newline = ReedlineEvent::Edit(vec![EditCommand::InsertNewline]);
    keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('o'), newline);
    // As in every shell; undo keeps its other name, Ctrl-_, which arrives as Ctrl-7.
    keys.add_binding(
        KeyModifiers::CONTROL,
        KeyCode::Char('z'),
        ReedlineEvent::ExecuteHostCommand(SUSPEND.into()),
    );
    for undo in ['_', '7'] {
        keys.add_binding(
            KeyModifiers::CONTROL,
            KeyCode::Char(undo),
            ReedlineEvent::Edit(vec![EditCommand::Undo]),
        );
    }
    keys
}

fn insert(text: String) -> ReedlineEvent {
    ReedlineEvent::Edit(vec![EditCommand::InsertString(text)])
}

/// An open menu has the first claim on Enter.
fn accept_or(event: ReedlineEvent) -> ReedlineEvent {
    ReedlineEvent::UntilFound(vec![ReedlineEvent::MenuAccept, event])
}

/// The cursor's line up to the cursor.
fn line_before(at: &Snapshot) -> &str {
    let before = &at.text[..at.cursor];
    &before[before.rfind('\n').map_or(0, |newline| newline + 1)..]
}

/// The keys that help names. reedline's other bindings are Emacs's.
pub(crate) const HELP: [(&str, &str); 10] = [
    (SWITCH, "switch between Elixir and Python"),
    ("Tab", "complete; in an indentation, indent"),
    ("Enter", "run, or go on where the cell is not complete"),
    ("Alt-Enter", "run as it is"),
    ("Ctrl-O", "start a new line"),
    ("Up, Ctrl-R", "earlier entries of both languages; search them"),
    ("Ctrl-C", "drop the entry; stop the running cell"),
    ("Ctrl-D", "at an empty prompt: leave"),
    ("Ctrl-L", "clear the screen"),
    ("Ctrl-_", "undo"),
];

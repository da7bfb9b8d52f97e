//! The keys of the prompt: reedline's bindings, of Emacs or of vi, and what depends on the text.
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
    EditCommand, EditMode, Emacs, KeyCode, KeyModifiers, Keybindings, PromptEditMode, PromptViMode,
    ReedlineEvent, ReedlineRawEvent, Vi, default_emacs_keybindings, default_vi_insert_keybindings,
    default_vi_normal_keybindings, default_vi_visual_keybindings,
};

use crate::config;
use crate::editor::is_complete;
use crate::entry::Entry;
use crate::line::{Line, Snapshot};
use crate::menu::COMPLETION;
use crate::paste::pasted;
use crate::report::Report;
use crate::scan;
use crate::theme::{Answer, Taken};
use crate::validate::{Verdict, verdict};

/// The name of the key that switches the language, for people.
pub(crate) const SWITCH: &str = "Tab at an empty prompt";

/// The host command of Ctrl-Z.
pub(crate) const SUSPEND: &str = "suspend";

/// The host command of a line's end among keys that came together: what there is has to be looked at line by line.
pub(crate) const LINES: &str = "lines";

/// The edit mode of the prompt.
pub(crate) struct Keys {
    mode: Box<dyn EditMode>,
    line: Line,
    session: Session,
    /// Ctrl-X was pressed: the next key says what is wanted.
    prefix: bool,
    /// vi waits for the rest of a command.
    unfinished: bool,
    /// What the terminal says of its background.
    answer: Answer,
    /// And of its cursor, where that is cut by an Esc.
    report: Report,
}

impl Keys {
    pub(crate) fn new(line: Line, session: Session, keys: config::Keys) -> Keys {
        let mode: Box<dyn EditMode> = match keys {
            config::Keys::Emacs => Box::new(Emacs::new(with_ours(default_emacs_keybindings()))),
            config::Keys::Vi => Box::new(Vi::new(
                with_ours(default_vi_insert_keybindings()),
                default_vi_normal_keybindings(),
                default_vi_visual_keybindings(),
            )),
        };
        Keys {
            mode,
            line,
            session,
            prefix: false,
            unfinished: false,
            answer: Answer::default(),
            report: Report::default(),
        }
    }

    /// What a key means because of the text, where keys insert.
    fn special(&self, at: &Snapshot, key: KeyEvent) -> Option<ReedlineEvent> {
        match (key.code, key.modifiers) {
            (KeyCode::Tab, KeyModifiers::NONE) => self.tab(at),
            (KeyCode::Enter, KeyModifiers::NONE) => self.enter(at),
            (KeyCode::Backspace, KeyModifiers::NONE) => self.backspace(at),
            (KeyCode::Char(typed), KeyModifiers::NONE) => self.closer(at, typed),
            _ => None,
        }
    }

    /// Keys that open the cell in the user's editor: Ctrl-X Ctrl-E, and `v` in vi's normal mode, as in shells.
    fn opens_editor(&mut self, key: KeyEvent, mode: &PromptEditMode) -> Option<ReedlineEvent> {
        let control = key.modifiers == KeyModifiers::CONTROL;
        if std::mem::take(&mut self.prefix) && control && key.code == KeyCode::Char('e') {
            return Some(ReedlineEvent::OpenEditor);
        }
        let normal = matches!(mode, PromptEditMode::Vi(PromptViMode::Normal));
        match key.code {
            KeyCode::Char('x') if control => {
                self.prefix = true;
                Some(ReedlineEvent::None)
            }
            KeyCode::Char('v') if normal && !self.unfinished && key.modifiers.is_empty() => {
                Some(ReedlineEvent::OpenEditor)
            }
            _ => None,
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

    /// Enter: a new line inside a cell of many lines or between brackets that were just opened, else what the validator
    /// would do, and indented.
    fn enter(&self, at: &Snapshot) -> Option<ReedlineEvent> {
        if let Some(between) = self.between_brackets(at) {
            return Some(accept_or(between));
        }
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

    /// Behind an opening bracket whose closing one follows: an indented line for what comes, and one for the rest.
    fn between_brackets(&self, at: &Snapshot) -> Option<ReedlineEvent> {
        let (before, after) = at.text.split_at(at.cursor);
        let pair = (before.chars().next_back()?, after.chars().next()?);
        if !matches!(pair, ('(', ')') | ('[', ']') | ('{', '}')) {
            return None;
        }
        let Entry::Code { language, source, .. } = Entry::parse(before, at.language) else {
            return None;
        };
        let found = scan::scan(language, source);
        if found.is_text {
            return None;
        }
        let (inner, outer) = (" ".repeat(found.indent), " ".repeat(found.closing));
        let mut edits = vec![EditCommand::InsertString(format!("\n{inner}\n{outer}"))];
        edits.extend(vec![EditCommand::MoveLeft { select: false }; found.closing + 1]);
        Some(ReedlineEvent::Edit(edits))
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
        let bracket = matches!(word.as_str(), ")" | "]" | "}");
        let closes = bracket
            || match language {
                Language::Elixir => {
                    matches!(word.as_str(), "end" | "else" | "rescue" | "catch" | "after")
                }
                Language::Python => scan::is_clause(&word),
            };
        let at_end = at.cursor == at.text.len() && before.len() < at.cursor;
        if !closes || !at_end {
            return None;
        }
        let Entry::Code { source, .. } = Entry::parse(&at.text, at.language) else {
            return None;
        };
        let found = scan::scan(language, source);
        if found.is_text {
            return None;
        }
        let spaces = scan::indentation(before);
        let closing = if bracket || language == Language::Elixir {
            found.closing
        } else {
            scan::clause(source, &word)?
        };
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
        let first = self.line.is_one_key();
        let taken = match self.answer.take(&event) {
            Taken::Key => self.report.take(&event, first),
            taken => taken,
        };
        match taken {
            Taken::Key => self.key(event, at),
            Taken::Part | Taken::Last(false) => ReedlineEvent::None,
            Taken::Last(true) => ReedlineEvent::Repaint,
            Taken::Typed(text) => {
                let typed = text.chars().map(|c| KeyEvent::from(KeyCode::Char(c)));
                let mut events: Vec<ReedlineEvent> =
                    typed.map(|key| self.key(Event::Key(key), None)).collect();
                let last = self.key(event, None);
                // A search takes single keys alone.
                if events.is_empty() {
                    return last;
                }
                events.push(last);
                ReedlineEvent::Multiple(events)
            }
        }
    }

    fn edit_mode(&self) -> PromptEditMode {
        self.mode.edit_mode()
    }
}

impl Keys {
    /// What a key means; `at` is the line, if it can be trusted.
    fn key(&mut self, event: Event, at: Option<Snapshot>) -> ReedlineEvent {
        if self.line.keep(&text_of(&event)) {
            if is_control(&event, 'c') {
                self.line.ends();
            }
            return ReedlineEvent::None;
        }
        // Ctrl-J is Enter, which ends a batch of keys; it does not, and what follows it would be lost.
        let event = match event {
            event if !is_control(&event, 'j') => event,
            _ if at.is_some() => Event::Key(KeyEvent::from(KeyCode::Enter)),
            _ => {
                self.line.ends();
                self.line.keep("\n");
                return ReedlineEvent::ExecuteHostCommand(LINES.into());
            }
        };
        let mode = self.mode.edit_mode();
        if let Event::Paste(text) = &event {
            let language = match &at {
                Some(at) => self.language_of(at),
                None => self.line.language(),
            };
            return insert(pasted(text, language));
        }
        let inserts = matches!(
            mode,
            PromptEditMode::Emacs | PromptEditMode::Vi(PromptViMode::Insert)
        );
        let special = match (&at, &event) {
            (_, Event::Key(key)) if let Some(event) = self.opens_editor(*key, &mode) => Some(event),
            (Some(at), Event::Key(key)) if inserts => self.special(at, *key),
            _ => None,
        };
        let event = match (special, ReedlineRawEvent::try_from(event)) {
            (Some(special), _) => special,
            (None, Ok(event)) => {
                let event = self.mode.parse_event(event);
                self.unfinished = event == ReedlineEvent::None;
                event
            }
            (None, Err(())) => ReedlineEvent::None,
        };
        match event {
            ReedlineEvent::SearchHistory => self.line.search_begins(),
            // What comes next is typed, whatever vi was about to do.
            ReedlineEvent::Submit | ReedlineEvent::ExecuteHostCommand(_) => self.line.ends(),
            ReedlineEvent::CtrlC => {
                self.line.ends();
                let insert = PromptEditMode::Vi(PromptViMode::Insert);
                let _ = self
                    .mode
                    .handle_mode_specific_event(ReedlineEvent::SwitchMode(insert));
            }
            _ => {}
        }
        event
    }
}

/// The bindings with those that are ours.
fn with_ours(mut keys: Keybindings) -> Keybindings {
    let complete = ReedlineEvent::UntilFound(vec![
        ReedlineEvent::Menu(COMPLETION.into()),
        ReedlineEvent::MenuNext,
    ]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
    for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
        keys.add_binding(modifiers, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    }
    for (code, page) in [
        (KeyCode::PageDown, ReedlineEvent::MenuPageNext),
        (KeyCode::PageUp, ReedlineEvent::MenuPagePrevious),
    ] {
        keys.add_binding(KeyModifiers::NONE, code, page);
    }
    // vi's insert mode has them under Esc; where they insert, Emacs's are at hand as in every shell.
    keys.add_binding(KeyModifiers::NONE, KeyCode::Enter, ReedlineEvent::Enter);
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

fn is_control(event: &Event, letter: char) -> bool {
    matches!(event, Event::Key(key) if key.code == KeyCode::Char(letter) && key.modifiers == KeyModifiers::CONTROL)
}

/// What an event types; Enter is a line's end.
fn text_of(event: &Event) -> String {
    match event {
        event if is_control(event, 'j') => "\n".to_owned(),
        Event::Paste(text) => text.replace("\r\n", "\n").replace('\r', "\n"),
        Event::Key(KeyEvent { code, modifiers, .. }) if (*modifiers - KeyModifiers::SHIFT).is_empty() => {
            match code {
                KeyCode::Char(typed) => typed.to_string(),
                KeyCode::Enter => "\n".to_owned(),
                _ => String::new(),
            }
        }
        _ => String::new(),
    }
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

/// The keys that help names. reedline's other bindings are Emacs's or vi's.
pub(crate) const HELP: [(&str, &str); 16] = [
    (SWITCH, "switch between Elixir and Python"),
    ("Tab", "complete; in an indentation, indent"),
    ("Enter", "run, or go on below; in the menu: take"),
    ("Alt-Enter", "run as it is"),
    ("Ctrl-O", "start a new line"),
    ("Up, Down", "lines; then earlier entries that begin as typed"),
    ("Ctrl-R", "search the entries of both languages"),
    ("Right, End", "take the dimmed hint; Ctrl-Right: a word of it"),
    ("PageUp, PageDown", "turn the pages of the menu"),
    ("Esc", "close the menu; vi's keys: leave insert mode"),
    ("Ctrl-X Ctrl-E", "edit in $VISUAL or $EDITOR; vi's keys: v too"),
    ("Ctrl-_, Ctrl-G", "undo, redo"),
    ("Ctrl-C", "drop the entry; stop the running cell"),
    ("Ctrl-D", "at an empty prompt: leave"),
    ("Ctrl-L", "clear the screen"),
    ("Ctrl-Z", "suspend"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_lists_the_keys_of_help() {
        let guide = include_str!("../../docs/repl.md");
        let rows: String = HELP
            .iter()
            .map(|(key, what)| format!("| {key} | {what} |\n"))
            .collect();
        assert!(guide.contains(&rows), "docs/repl.md should have:\n{rows}");
    }
}

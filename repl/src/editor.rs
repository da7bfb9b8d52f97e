//! Reading an entry: reedline in a terminal, whole lines where the terminal is dumb.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::session::{Completeness, Session};
use nu_ansi_term::Style;
use reedline::{
    ExternalPrinter, Hinter, History, Reedline, ReedlineMenu, Signal, ValidationResult, Validator,
};

use crate::completion::LineCompleter;
use crate::highlight::CellHighlighter;
use crate::history::CellHistory;
use crate::keys::{self, Keys};
use crate::line::Line;
use crate::menu::CompletionMenu;
use crate::plain::PlainReader;
use crate::prompt::LanguagePrompt;
use crate::render::Look;
use crate::validate::{Verdict, verdict, way_out};

/// How often reedline looks for late output and completions while no key is pressed.
const POLL: Duration = Duration::from_millis(30);

/// How long Enter waits for the language's parser.
const PARSER: Duration = Duration::from_millis(50);

/// How many pieces of late output may wait for the engine, which shows them all before it looks at the next key. Then
/// who prints waits, not who types.
pub(crate) const PRINTED: usize = 4;

/// What reading gave.
#[derive(Debug)]
pub(crate) enum Reading {
    /// An entry.
    Entry(String),
    /// Ctrl-C: the entry was dropped.
    Dropped,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-D, or the terminal has gone.
    End,
}

/// Reads entries.
pub(crate) enum Editor {
    Full(Box<Reedline>),
    Plain(PlainReader),
}

impl Editor {
    /// The line editor, and where to put lines that shall appear above the prompt.
    pub(crate) fn full(
        session: &Session,
        line: &Line,
        history: CellHistory,
        look: Look,
    ) -> (Editor, SyncSender<String>) {
        let printer = ExternalPrinter::new(PRINTED);
        let sender = printer.sender();
        let mut editor = Reedline::create();
        let repaint = editor.repaint_signal();
        let highlighter = CellHighlighter::new(line.clone(), move || repaint.request_repaint());
        let editor = editor
            .with_history(Box::new(history))
            .with_highlighter(Box::new(highlighter))
            .with_validator(Box::new(Parser {
                session: session.clone(),
                line: line.clone(),
            }))
            .with_completer(Box::new(LineCompleter::new(session.clone(), line.clone())))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(CompletionMenu::new())))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_hinter(Box::new(WayOut { line: line.clone() }))
            .with_edit_mode(Box::new(Keys::new(line.clone(), session.clone())))
            .with_external_printer(printer)
            .with_poll_interval(POLL)
            .with_ansi_colors(look.colours)
            .use_bracketed_paste(true);
        (Editor::Full(Box::new(editor)), sender)
    }

    /// Reads the next entry.
    pub(crate) fn read(&mut self, line: &Line, session: &Session) -> Reading {
        match self {
            Editor::Full(editor) => read_full(editor, line),
            Editor::Plain(reader) => reader.read(line, session),
        }
    }
}

fn read_full(editor: &mut Reedline, line: &Line) -> Reading {
    match editor.read_line(&LanguagePrompt(line.clone())) {
        Ok(Signal::Success(text)) => Reading::Entry(text),
        Ok(Signal::HostCommand(command)) if command == keys::SUSPEND => Reading::Suspend,
        Ok(Signal::CtrlD) => Reading::End,
        Ok(_) => {
            line.dropped();
            Reading::Dropped
        }
        // The terminal has gone, or was taken away.
        Err(_) => Reading::End,
    }
}

/// What the language's own parser says, if it says it at once.
pub(crate) fn is_complete(session: &Session, language: Language, source: &str) -> Option<Completeness> {
    session.is_complete(language, source).wait_for(PARSER)?.ok()
}

/// Decides on Enter when keys came together; else [`Keys`] has.
struct Parser {
    session: Session,
    line: Line,
}

impl Validator for Parser {
    fn validate(&self, text: &str) -> ValidationResult {
        self.line.validated(text);
        let ask = |language, source: &str| is_complete(&self.session, language, source);
        match verdict(text, self.line.language(), ask) {
            Verdict::Run => ValidationResult::Complete,
            Verdict::More(_) => ValidationResult::Incomplete,
        }
    }
}

/// Shows the way out of what was left open, behind the cursor. Nothing of it can be taken into the line.
struct WayOut {
    line: Line,
}

impl Hinter for WayOut {
    fn handle(&mut self, text: &str, position: usize, _: &dyn History, colours: bool, _: &str) -> String {
        if position < text.len() {
            return String::new();
        }
        match way_out(text, self.line.language()) {
            Some(hint) if colours => Style::new().dimmed().paint(hint).to_string(),
            // Without colours it would read like text of the cell.
            _ => String::new(),
        }
    }

    fn complete_hint(&self) -> String {
        String::new()
    }

    fn next_hint_token(&self) -> String {
        String::new()
    }
}

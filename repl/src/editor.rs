//! Reading an entry: reedline in a terminal, whole lines where the terminal is dumb.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::session::{Completeness, Session};
use reedline::{EditCommand, ExternalPrinter, Reedline, ReedlineMenu, Signal, ValidationResult, Validator};

use crate::completion::LineCompleter;
use crate::config::Config;
use crate::highlight::CellHighlighter;
use crate::hints::Hints;
use crate::history::{self, CellHistory};
use crate::keys::{self, Keys};
use crate::line::Line;
use crate::lookup::Lookup;
use crate::menu::CompletionMenu;
use crate::pairs::pairs;
use crate::plain::PlainReader;
use crate::prompt::LanguagePrompt;
use crate::render::Look;
use crate::validate::{Verdict, verdict};

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
    Full(Box<FullEditor>),
    Plain(PlainReader),
}

/// reedline, and what it shows of what the languages know.
pub(crate) struct FullEditor {
    /// There but while it is rebuilt.
    engine: Option<Reedline>,
    session: Session,
    /// What was typed for the lines after the next.
    rest: String,
    lookup: Lookup,
    /// Where the cell is while another program edits it.
    file: PathBuf,
}

impl Editor {
    /// The line editor, and where to put lines that shall appear above the prompt.
    pub(crate) fn full(
        session: &Session,
        line: &Line,
        history: CellHistory,
        look: Look,
        config: &Config,
    ) -> (Editor, SyncSender<String>) {
        let printer = ExternalPrinter::new(PRINTED);
        let sender = printer.sender();
        let mut editor = Reedline::create();
        let (repaint, again) = (editor.repaint_signal(), editor.repaint_signal());
        let highlighter = CellHighlighter::new(line.clone(), move || repaint.request_repaint());
        let lookup = Lookup::new(session.clone(), move || again.request_repaint());
        let hints = Hints::new(
            line.clone(),
            lookup.clone(),
            config.hints.then(|| history.earlier()),
        );
        let completer = LineCompleter::new(session.clone(), line.clone(), lookup.clone());
        let menu = CompletionMenu::new(line.clone(), lookup.clone());
        let file = history::path()
            .and_then(|path| Some(path.parent()?.to_owned()))
            .unwrap_or_else(std::env::temp_dir)
            .join(format!("cell-{}.txt", std::process::id()));
        let mut engine = editor
            .with_history(Box::new(history))
            .with_highlighter(Box::new(highlighter))
            .with_validator(Box::new(Parser {
                session: session.clone(),
                line: line.clone(),
            }))
            .with_completer(Box::new(completer))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_hinter(Box::new(hints))
            .with_edit_mode(Box::new(Keys::new(line.clone(), session.clone(), config.keys)))
            .with_buffer_editor(program(), file.clone())
            .with_external_printer(printer)
            .with_poll_interval(POLL)
            .with_ansi_colors(look.colours)
            .use_bracketed_paste(true);
        if config.pairs {
            engine = engine.with_auto_pairs(pairs());
        }
        (
            Editor::Full(Box::new(FullEditor {
                engine: Some(engine),
                session: session.clone(),
                rest: String::new(),
                lookup,
                file,
            })),
            sender,
        )
    }

    /// Reads the next entry.
    pub(crate) fn read(&mut self, line: &Line, session: &Session) -> Reading {
        match self {
            Editor::Full(editor) => editor.read(line, session.next_cell()),
            Editor::Plain(reader) => reader.read(line, session),
        }
    }
}

impl FullEditor {
    fn read(&mut self, line: &Line, number: u64) -> Reading {
        self.lookup.forget();
        let Some(mut engine) = self.engine.take() else {
            return Reading::End;
        };
        loop {
            // What was typed behind the end of the last line is typed now: as far as an Enter that runs it, and the rest
            // the next time.
            let typed = std::mem::take(&mut self.rest) + &line.take_behind();
            let runs = typed.match_indices('\n').map(|(at, _)| at).find(|at| {
                let ask = |language, source: &str| is_complete(&self.session, language, source);
                verdict(&typed[..*at], line.language(), ask) == Verdict::Run
            });
            let (now, rest) = typed.split_at(runs.unwrap_or(typed.len()));
            if !now.is_empty() {
                engine.run_edit_commands(&[EditCommand::InsertString(now.to_owned())]);
            }
            rest.strip_prefix('\n').unwrap_or(rest).clone_into(&mut self.rest);
            engine = engine.with_immediately_accept(runs.is_some());
            let prompt = LanguagePrompt {
                line: line.clone(),
                number,
            };
            let read = engine.read_line(&prompt);
            let reading = match read {
                Ok(Signal::HostCommand(command)) if command == keys::LINES => {
                    engine.current_buffer_contents().clone_into(&mut self.rest);
                    engine.run_edit_commands(&[EditCommand::Clear]);
                    continue;
                }
                Ok(Signal::Success(text)) => Reading::Entry(text),
                Ok(Signal::HostCommand(command)) if command == keys::SUSPEND => Reading::Suspend,
                Ok(Signal::CtrlD) => Reading::End,
                Ok(_) => {
                    line.dropped();
                    // A search that is given up leaves what stood there before it.
                    engine.run_edit_commands(&[EditCommand::Clear]);
                    Reading::Dropped
                }
                // The terminal has gone, or was taken away.
                Err(_) => Reading::End,
            };
            self.engine = Some(engine.with_immediately_accept(false));
            return reading;
        }
    }
}

impl Drop for FullEditor {
    fn drop(&mut self) {
        // It is there only if a cell was edited so.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The user's editor, as a shell would start it.
fn program() -> Command {
    let named = |name| {
        std::env::var(name)
            .ok()
            .filter(|editor| !editor.trim().is_empty())
    };
    let editor = named("VISUAL")
        .or_else(|| named("EDITOR"))
        .unwrap_or_else(|| "vi".into());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("{editor} \"$1\""), "sh"]);
    command
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

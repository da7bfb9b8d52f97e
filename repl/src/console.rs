//! The loop of the prompt: reads an entry, runs it, shows what it does.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use bridge_core::language::Language;
use bridge_core::record::RecordedCell;
use bridge_core::session::{CellRequest, LateEvents, Session, Status};

use crate::command::{Way, command_line};
use crate::completion::SHOWN;
use crate::config::Config;
use crate::editor::{Editor, Reading};
use crate::entry::{Entry, cells, is_farewell, runnable};
use crate::help::{self, Help};
use crate::history::{self, CellHistory};
use crate::images::Images;
use crate::keys;
use crate::line::Line;
use crate::plain::{Message, PlainReader};
use crate::render::{Look, can_edit, columns, dim, hint_line};
use crate::stage::{Now, Stage};
use crate::tty::Tty;
use crate::{Start, banner, images, late, pager, prompt, signals, startup, theme};

/// What follows an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Read,
    Leave,
}

/// The prompt and what belongs to it.
pub(crate) struct Console {
    session: Session,
    line: Line,
    editor: Editor,
    stage: Arc<Stage>,
    /// Where the editor takes lines that shall appear above it.
    printer: Option<std::sync::mpsc::SyncSender<String>>,
    /// Where a dumb terminal's reader is told to stop.
    plain: Option<Sender<Message>>,
    tty: Option<Tty>,
    /// How the last cell ended.
    pub(crate) status: Status,
    config: Config,
    /// Where Python was found.
    python: Option<PathBuf>,
    /// What was answered to the cell that is replayed.
    answers: VecDeque<Option<String>>,
}

/// Runs the prompt until the user leaves.
pub(crate) fn run(session: Session, late: LateEvents, start: &Start<'_>) -> anyhow::Result<()> {
    session.set_harmless(&start.config.harmless);
    session.set_most_items(SHOWN);
    let mut console = Console::new(session, start)?;
    console.greet(start)?;
    for problem in start.problems {
        console.note(problem)?;
    }
    console.tell_of_continuing(start)?;
    late::watch(late, &console.session, Arc::clone(&console.stage));
    startup::run(&start.config.startup, &console.session, &console.stage);
    let left = console.replay(start.replay).and_then(|next| match next {
        Next::Read => console.converse(),
        Next::Leave => Ok(()),
    });
    console.stage.set(Now::Busy);
    let tidied = console.stage.renderer().fresh_line();
    let ended = console.session.shutdown().wait();
    left.and(tidied)?;
    Ok(ended?)
}

impl Console {
    fn new(session: Session, start: &Start<'_>) -> anyhow::Result<Console> {
        let config = start.config.clone();
        let look = Look::detect();
        let line = Line::new(config.language);
        let stage = Arc::new(Stage::new(look));
        let tty = can_edit().then(Tty::set_up);
        let (editor, printer, plain) = if tty.is_none() {
            let (reader, sender) = PlainReader::new();
            (Editor::Plain(reader), None, Some(sender))
        } else {
            let (editor, printer) = full_editor(&session, &line, &stage, &config)?;
            (editor, Some(printer), None)
        };
        let found = tty.as_ref().and_then(Tty::found);
        signals::watch(session.clone(), Arc::clone(&stage), plain.clone(), found)?;
        let console = Console {
            session,
            line,
            editor,
            stage,
            printer,
            plain,
            tty,
            status: Status::Ok,
            config,
            python: start.python.as_ref().map(|python| python.path.clone()),
            answers: VecDeque::new(),
        };
        images::save_in(console.session.directory().join("shown"));
        console.configure_display()?;
        Ok(console)
    }

    /// Shows pictures and colours as the configuration says.
    fn configure_display(&self) -> io::Result<()> {
        if self.tty.is_none() {
            return Ok(());
        }
        let mut renderer = self.stage.renderer();
        let images = if self.config.images && renderer.look().colours {
            images::detect()
        } else {
            Images::Saved
        };
        renderer.set_images(images);
        theme::begin(self.config.theme)
    }

    fn greet(&self, start: &Start<'_>) -> io::Result<()> {
        let switch = match &self.editor {
            Editor::Full(_) => format!("{} switches", keys::SWITCH),
            Editor::Plain(_) => ":ex and :py switch".to_owned(),
        };
        let greeting = format!(
            "{}\n{switch} the language, :help tells more, Ctrl-D leaves",
            banner::versions(start, self.width())
        );
        match &self.editor {
            Editor::Full(_) => self.say(&greeting),
            Editor::Plain(reader) => reader.show(&(greeting + "\n")),
        }
    }

    /// A name that was there before says so: its cells have numbers, but what they made is gone.
    fn tell_of_continuing(&self, start: &Start<'_>) -> io::Result<()> {
        let (last, name) = (self.session.next_cell() - 1, self.session.name());
        match name.filter(|_| last > 0 && start.replay.is_empty()) {
            Some(name) => {
                self.note(&format!("the record of `{name}` is continued after cell {last}"))?;
                self.hint(&format!(
                    "what its cells made is not here; `snakebridge sessions resume {name}` runs them again"
                ))
            }
            None => Ok(()),
        }
    }

    /// Runs recorded cells as if they were typed again, with the answers that were given then.
    fn replay(&mut self, cells: &[RecordedCell]) -> io::Result<Next> {
        for cell in cells {
            self.stage.renderer().fresh_line()?;
            self.show_entry_as(cell.language, cell.number, &cell.source)?;
            let request = CellRequest {
                number: Some(cell.number),
                ..CellRequest::new(cell.language, cell.source.as_str())
            };
            self.answers = cell.answers.iter().cloned().collect();
            let next = self.run(request)?;
            self.answers.clear();
            if next == Next::Leave {
                return Ok(Next::Leave);
            }
        }
        Ok(Next::Read)
    }

    /// Shows a cell that nobody types, as if it were typed.
    pub(crate) fn show_entry(&self, language: Language, source: &str) -> io::Result<()> {
        self.show_entry_as(language, self.session.next_cell(), source)
    }

    fn show_entry_as(&self, language: Language, number: u64, source: &str) -> io::Result<()> {
        let mut lines = source.lines();
        let first = prompt::first(language, number) + lines.next().unwrap_or_default();
        let further = prompt::continuation(language, number);
        let rest = lines.map(|line| format!("\n{further}{line}"));
        self.say(&(first + &rest.collect::<String>()))
    }

    /// The next answer of the cell that is replayed.
    pub(crate) fn recorded_answer(&mut self) -> Option<Option<String>> {
        self.answers.pop_front()
    }

    fn converse(&mut self) -> io::Result<()> {
        loop {
            self.stage.renderer().fresh_line()?;
            self.stage.set(Now::Editing(self.printer.clone()));
            let reading = self.editor.read(&self.line, &self.session);
            self.stage.set(Now::Busy);
            match reading {
                Reading::Dropped => {}
                Reading::Suspend => {
                    if let Some(tty) = &self.tty {
                        tty.lend(suspend);
                    }
                }
                Reading::End => {
                    return match &self.editor {
                        Editor::Full(_) => self.say(""),
                        Editor::Plain(reader) => reader.show("\n"),
                    };
                }
                Reading::Entry(text) => {
                    let language = self.line.language();
                    self.line.submitted();
                    if self.entry(&text, language)? == Next::Leave {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn entry(&mut self, text: &str, typed_in: Language) -> io::Result<Next> {
        match Entry::parse(text, typed_in) {
            Entry::Blank => Ok(Next::Read),
            Entry::Command { command, arguments } => (command.run)(self, arguments),
            Entry::Code {
                language,
                source,
                offset,
                way,
            } => {
                if way == Way::Plain && is_farewell(language, source) {
                    return Ok(Next::Leave);
                }
                if text.starts_with(':') && offset > 0 {
                    return self.code(language, source, way);
                }
                for cell in cells(text, typed_in) {
                    if self.code(cell.language, cell.source, Way::Plain)? == Next::Leave {
                        return Ok(Next::Leave);
                    }
                    if self.status != Status::Ok {
                        break;
                    }
                }
                Ok(Next::Read)
            }
        }
    }

    fn code(&mut self, language: Language, source: &str, way: Way) -> io::Result<Next> {
        if language == Language::Python
            && way == Way::Plain
            && let Some(command) = command_line(source)
        {
            return self.shell(command);
        }
        let source = runnable(language, source);
        if way == Way::Plain
            && let Some(question) = Help::parse(language, &source)
        {
            self.status = Status::Ok;
            help::show(self, question)?;
            return Ok(Next::Read);
        }
        match way {
            _ if source.is_empty() => Ok(Next::Read),
            Way::Plain => self.run(CellRequest::new(language, source)),
            Way::Timed => self.time(CellRequest::new(language, source)),
            Way::Repeated => self.timeit(language, &source),
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Has settings take effect.
    pub(crate) fn configure(&mut self, config: Config) -> io::Result<()> {
        self.config = config;
        self.session.set_harmless(&self.config.harmless);
        if let Editor::Full(_) = self.editor {
            let (editor, printer) = full_editor(&self.session, &self.line, &self.stage, &self.config)?;
            (self.editor, self.printer) = (editor, Some(printer));
        }
        self.configure_display()
    }

    /// Where Python was found.
    pub(crate) fn found_python(&self) -> Option<&Path> {
        self.python.as_deref()
    }

    /// Does something while the terminal is as it was found.
    pub(crate) fn with_terminal<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.tty {
            Some(tty) => tty.lend(act),
            None => act(),
        }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn stage(&self) -> &Arc<Stage> {
        &self.stage
    }

    pub(crate) fn plain(&self) -> Option<&Sender<Message>> {
        self.plain.as_ref()
    }

    pub(crate) fn editor(&mut self) -> &mut Editor {
        &mut self.editor
    }

    /// Makes the following entries cells of that language.
    pub(crate) fn switch(&mut self, language: Language) -> io::Result<Next> {
        self.line.set_language(language);
        Ok(Next::Read)
    }

    /// The terminal's width in columns.
    pub(crate) fn width(&self) -> usize {
        columns().map_or(80, |columns| columns as usize)
    }

    /// Shows a text, in a pager where it is longer than the screen.
    pub(crate) fn page(&self, text: &str) -> io::Result<()> {
        match &self.tty {
            Some(tty) if self.config.pager && pager::is_long(text, pager::screen()) => {
                let mut renderer = self.stage.renderer();
                renderer.fresh_line()?;
                let mut paged = Ok(());
                // What others print meanwhile waits for the renderer.
                tty.lend(|| paged = pager::page(text));
                paged
            }
            _ => self.say(text),
        }
    }

    pub(crate) fn say(&self, text: &str) -> io::Result<()> {
        self.stage.renderer().block(text)
    }

    pub(crate) fn note(&self, text: &str) -> io::Result<()> {
        self.stage.renderer().note(text)
    }

    pub(crate) fn fail(&self, error: &bridge_core::error::Error) -> io::Result<()> {
        self.stage.renderer().failure(error)
    }

    pub(crate) fn complain(&self, what: &str, hint: &str) -> io::Result<()> {
        self.note(what)?;
        self.hint(hint)
    }

    /// Something that is good to know and never in the way; said in a terminal alone.
    pub(crate) fn aside(&self, text: &str) -> io::Result<()> {
        let look = self.stage.renderer().look();
        if look.terminal {
            self.say(&dim(text, look))?;
        }
        Ok(())
    }

    pub(crate) fn hint(&self, hint: &str) -> io::Result<()> {
        let mut renderer = self.stage.renderer();
        let line = hint_line(hint, renderer.look());
        renderer.block(&line)
    }
}

/// The editor as it is configured, and where lines go that shall appear above it.
fn full_editor(
    session: &Session,
    line: &Line,
    stage: &Stage,
    config: &Config,
) -> io::Result<(Editor, std::sync::mpsc::SyncSender<String>)> {
    let (history, trouble) = CellHistory::open(history::path(), config.history_size, line.clone());
    let look = stage.renderer().look();
    if let Some(trouble) = trouble {
        stage.renderer().note(&trouble)?;
    }
    Ok(Editor::full(session, line, history, look, config))
}

/// Ctrl-Z: as a shell expects of whom it started.
fn suspend() {
    // Where there is no job control the system ignores it.
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}

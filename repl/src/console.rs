//! The loop of the prompt: reads an entry, runs it, shows what it does.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::record::RecordedCell;
use bridge_core::session::{Cell, CellRequest, ChildState, Event, NotYet, Session, Status};

use crate::config::Config;
use crate::editor::{Editor, Reading};
use crate::entry::{Entry, cells, is_farewell, runnable};
use crate::flood::Flood;
use crate::help::{self, Help};
use crate::history::{self, CellHistory};
use crate::images::Images;
use crate::keys;
use crate::line::Line;
use crate::plain::{Message, PlainReader};
use crate::prompt::{CONTINUATION, INDICATOR};
use crate::question;
use crate::render::{Look, can_edit, columns, hint_line};
use crate::stage::{Now, Stage};
use crate::tty::Tty;
use crate::{images, late, pager, signals, startup, theme};

/// How long a cell may wait for its language to start before the user is told.
const START: Duration = Duration::from_millis(700);

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
    status: Status,
    /// Whether text that is longer than the screen is paged.
    pages: bool,
}

/// Runs the prompt until the user leaves.
pub(crate) fn run(
    session: Session,
    late: bridge_core::session::LateEvents,
    config: &Config,
    problems: &[String],
    replay: &[RecordedCell],
) -> anyhow::Result<()> {
    session.set_harmless(&config.harmless);
    let mut console = Console::new(session, config)?;
    console.greet()?;
    for problem in problems {
        console.note(problem)?;
    }
    late::watch(late, &console.session, Arc::clone(&console.stage));
    startup::run(&config.startup, &console.session, &console.stage);
    let left = console.replay(replay).and_then(|next| match next {
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
    fn new(session: Session, config: &Config) -> anyhow::Result<Console> {
        let look = Look::detect();
        let line = Line::new(config.language);
        let stage = Arc::new(Stage::new(look));
        let tty = can_edit().then(Tty::set_up);
        let (editor, printer, plain) = if tty.is_none() {
            let (reader, sender) = PlainReader::new();
            (Editor::Plain(reader), None, Some(sender))
        } else {
            let (history, trouble) = CellHistory::open(history::path(), config.history_size, line.clone());
            if let Some(trouble) = trouble {
                stage.renderer().note(&trouble)?;
            }
            let (editor, printer) = Editor::full(&session, &line, history, look, config);
            (editor, Some(printer), None)
        };
        let found = tty.as_ref().and_then(Tty::found);
        signals::watch(session.clone(), Arc::clone(&stage), plain.clone(), found)?;
        let mut console = Console {
            session,
            line,
            editor,
            stage,
            printer,
            plain,
            tty,
            status: Status::Ok,
            pages: config.pager,
        };
        images::save_in(console.session.directory().join("shown"));
        console.configure_display(config)?;
        Ok(console)
    }

    /// Shows things as the configuration says from now on.
    pub(crate) fn configure_display(&mut self, config: &Config) -> io::Result<()> {
        self.pages = config.pager;
        if self.tty.is_none() {
            return Ok(());
        }
        let mut renderer = self.stage.renderer();
        let images = if config.images && renderer.look().colours {
            images::detect()
        } else {
            Images::Saved
        };
        renderer.set_images(images);
        theme::begin(config.theme)
    }

    fn greet(&self) -> io::Result<()> {
        let greeting = |switch: &str| {
            let version = env!("CARGO_PKG_VERSION");
            let what = "Elixir and Python in one session";
            format!("SnakeBridge {version}: {what}\n{switch} the language, :help tells more, Ctrl-D leaves")
        };
        match &self.editor {
            Editor::Full(_) => self.say(&greeting(&format!("{} switches", keys::SWITCH))),
            Editor::Plain(reader) => reader.show(&(greeting(":ex and :py switch") + "\n")),
        }
    }

    /// Runs recorded cells as if they were typed again.
    fn replay(&mut self, cells: &[RecordedCell]) -> io::Result<Next> {
        for cell in cells {
            let mut lines = cell.source.lines();
            let first = format!("{}{INDICATOR}{}", cell.language, lines.next().unwrap_or_default());
            let rest = lines.map(|line| format!("\n{CONTINUATION}{line}"));
            self.stage
                .renderer()
                .block(&(first + &rest.collect::<String>()))?;
            let request = CellRequest {
                number: Some(cell.number),
                ..CellRequest::new(cell.language, cell.source.as_str())
            };
            if self.run(request)? == Next::Leave {
                return Ok(Next::Leave);
            }
        }
        Ok(Next::Read)
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

    fn entry(&mut self, text: &str, language: Language) -> io::Result<Next> {
        match Entry::parse(text, language) {
            Entry::Blank => Ok(Next::Read),
            Entry::Command { command, arguments } => (command.run)(self, arguments),
            Entry::Code {
                language,
                source,
                offset,
            } => {
                if is_farewell(language, source) {
                    return Ok(Next::Leave);
                }
                if text.starts_with(':') && offset > 0 {
                    return self.ask_or_run(language, &runnable(language, source));
                }
                for cell in cells(text, language) {
                    let source = runnable(cell.language, cell.source);
                    if source.is_empty() {
                        continue;
                    }
                    if self.ask_or_run(cell.language, &source)? == Next::Leave {
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

    /// Answers a question about a name, or runs a cell.
    fn ask_or_run(&mut self, language: Language, source: &str) -> io::Result<Next> {
        match Help::parse(language, source) {
            Some(question) => {
                self.status = Status::Ok;
                help::show(self, question)?;
                Ok(Next::Read)
            }
            None => self.run(CellRequest::new(language, source)),
        }
    }

    fn run(&mut self, mut request: CellRequest) -> io::Result<Next> {
        request.width = columns();
        let (language, source) = (request.language, request.source.clone());
        let mut cell = match self.session.execute(request) {
            Ok(cell) => cell,
            Err(error) => {
                self.fail(&error)?;
                return Ok(Next::Leave);
            }
        };
        self.stage.set(Now::Running(cell.number));
        let shown = self.show(&mut cell, language, &source);
        self.stage.set(Now::Busy);
        shown
    }

    /// Shows the cell's events to the last.
    fn show(&mut self, cell: &mut Cell, language: Language, source: &str) -> io::Result<Next> {
        let mut waited = !self.is_starting(language);
        let mut failed = false;
        let mut meanwhile = None;
        let mut flood = Flood::default();
        loop {
            let event = match meanwhile.take() {
                Some(event) => Some(event),
                None if waited => cell.events.wait(),
                None => match cell.events.wait_for(START) {
                    Ok(event) => event,
                    Err(NotYet) => {
                        waited = true;
                        if self.is_starting(language) {
                            self.note(&format!("{language} is starting; the cell runs when it is up"))?;
                        }
                        continue;
                    }
                },
            };
            let event = match event {
                Some(event) if self.stage.was_interrupted(cell.number) => match flood.hold(event) {
                    Some(event) => Some(event),
                    None => continue,
                },
                event => event,
            };
            if !matches!(event, Some(Event::Stream { .. }))
                && let Some((note, end)) = flood.ebb()
            {
                self.note(&note)?;
                self.stage.renderer().raw(&end)?;
            }
            match event {
                Some(Event::Input { prompt, password }) => {
                    meanwhile = question::ask(self, cell, &prompt, password)?;
                }
                Some(Event::Finished { status, .. }) => {
                    self.status = status;
                    if status == Status::Interrupted && !failed {
                        self.note("interrupted")?;
                    }
                    return Ok(Next::Read);
                }
                Some(event) => {
                    self.stage.renderer().event(&event)?;
                    if let Event::Error { .. } = event {
                        failed = true;
                        if language == Language::Python && looks_like_a_command(source) {
                            self.hint(":help lists the commands that there are")?;
                        }
                    }
                }
                None => {
                    self.fail(&bridge_core::error::Error::Ended)?;
                    return Ok(Next::Leave);
                }
            }
        }
    }

    fn is_starting(&self, language: Language) -> bool {
        matches!(
            self.session.children().borrow().of(language),
            ChildState::Starting
        )
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
            Some(tty) if self.pages && pager::is_long(text, pager::screen()) => {
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

    fn hint(&self, hint: &str) -> io::Result<()> {
        let mut renderer = self.stage.renderer();
        let line = hint_line(hint, renderer.look());
        renderer.block(&line)
    }
}

/// Ctrl-Z: as a shell expects of whom it started.
fn suspend() {
    // Where there is no job control the system ignores it.
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}

/// In Python no code starts with a colon and a letter; who types it means a command.
fn looks_like_a_command(source: &str) -> bool {
    source
        .strip_prefix(':')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
}

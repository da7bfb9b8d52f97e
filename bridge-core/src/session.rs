//! A session: cells of two languages, told as events. They run one after the other, unless subshells are opened for
//! them.
//!
//! [`Session`] is a handle on an engine that runs on a thread of its own and owns the children (Python's worker and
//! the BEAM), their sockets and the record. Nothing here evaluates anything, and nothing knows a terminal or Jupyter.

mod event;
mod mime;
mod reply;

mod caller;
mod cell;
mod child;
mod control;
mod engine;
mod lanes;
mod names;
mod queue;
mod shared;
mod sink;
mod start;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use crate::language::Language;
pub use crate::wire::{
    CallShape, Comm, CommKind, Completeness, Completion, CompletionItem, Status, StreamName,
};
pub use event::{ChildState, Event, Inspection, LateEvent, Name, error_lines};
pub use mime::{Bundle, Data};
pub use names::Loss;
pub use reply::{Events, LateEvents, NotYet, Reply, Stream};

use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Error, Result};
use crate::record::Recorder;
use crate::runtime::{self, Directory, Program};
use crate::wire;
use engine::Prepared;

/// How a session is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The Python interpreter; `None` looks for one.
    pub python: Option<PathBuf>,
    /// The `elixir` program; `None` looks for one.
    pub elixir: Option<PathBuf>,
    /// Start the BEAM in the Mix project around [`Config::directory`].
    pub mix: bool,
    /// Where the children run.
    pub directory: PathBuf,
    /// What is kept.
    pub recording: Recording,
    /// How long an interrupted cell may go on before its process is killed.
    pub grace: Duration,
    /// How long a child may take to start.
    pub start_timeout: Duration,
    /// How long completion, inspection and their like may take.
    pub answer_timeout: Duration,
    /// Where records are kept, if not in the user's own place.
    pub records: Option<PathBuf>,
    /// Whether the front end is a notebook: libraries of Python then find what they look for in one, and progress is
    /// shown as HTML.
    pub notebook: bool,
    /// Run this as the worker, whatever Python is found.
    pub worker: Option<Program>,
    /// Run this as the BEAM, whatever Elixir is found.
    pub beam: Option<Program>,
}

impl Config {
    /// A session in that directory, with everything else as usual.
    pub fn new(directory: impl Into<PathBuf>) -> Config {
        Config {
            python: None,
            elixir: None,
            mix: false,
            directory: directory.into(),
            recording: Recording::Generated,
            grace: Duration::from_secs(3),
            start_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(5),
            records: None,
            notebook: false,
            worker: None,
            beam: None,
        }
    }
}

/// What is kept of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Nothing.
    Off,
    /// A record under a name made from date and time.
    #[default]
    Generated,
    /// A record of that name; one that exists is continued, with the cell numbers after its own.
    Named(String),
}

/// A cell to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellRequest {
    /// Its language.
    pub language: Language,
    /// Its source, without the line that names the language.
    pub source: String,
    /// Show no result and keep nothing of it, as in Jupyter.
    pub silent: bool,
    /// Whether the cell enters the language's own history (IPython's `In` and `Out`).
    pub store_history: bool,
    /// Whether somebody can answer questions; if not, reading from standard input is an end of file.
    pub allow_input: bool,
    /// How many columns the terminal has that shows it; `None` where there is none, or nobody knows.
    pub width: Option<u64>,
    /// Whether what it shows may be coloured; `None` leaves that to the language.
    pub colors: Option<bool>,
    /// Its number; `None` takes the next one. Replaying a record gives the cells their numbers back.
    pub number: Option<u64>,
    /// The header of the Jupyter message that it came with, as JSON text: some libraries of Python ask for it.
    pub parent: Option<String>,
    /// For Python: a message of a comm, which is delivered in the place of the source.
    pub comm: Option<Comm>,
    /// Names and sources of expressions to evaluate after it, if it goes well: [`Event::Expressions`].
    pub expressions: Vec<(String, String)>,
    /// Where it runs: [`MAIN`], or what [`Session::open_subshell`] gave.
    pub subshell: u64,
}

/// The subshell that is always there. Cells of one subshell run one after the other, beside those of the others.
pub const MAIN: u64 = 0;

impl CellRequest {
    /// An ordinary cell.
    pub fn new(language: Language, source: impl Into<String>) -> CellRequest {
        CellRequest {
            language,
            source: source.into(),
            silent: false,
            store_history: true,
            allow_input: true,
            width: None,
            colors: None,
            number: None,
            parent: None,
            comm: None,
            expressions: Vec::new(),
            subshell: MAIN,
        }
    }

    /// The delivery of a message of a comm, which is no cell of the user's: it is not recorded.
    pub fn comm(comm: Comm) -> CellRequest {
        CellRequest {
            silent: true,
            store_history: false,
            allow_input: false,
            comm: Some(comm),
            ..CellRequest::new(Language::Python, "")
        }
    }
}

/// A cell that was handed in: its number and its events.
#[derive(Debug)]
pub struct Cell {
    /// Unique in the session, from 1.
    pub number: u64,
    /// What it does.
    pub events: Events,
}

/// Both children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Children {
    /// Python's worker.
    pub python: ChildState,
    /// The BEAM.
    pub elixir: ChildState,
}

impl Children {
    /// The child that runs this language.
    pub fn of(&self, language: Language) -> &ChildState {
        match language {
            Language::Python => &self.python,
            Language::Elixir => &self.elixir,
        }
    }
}

/// A handle on a running session; clones are handles on the same one. The session ends with [`Session::shutdown`],
/// or when the last handle is dropped.
///
/// ```no_run
/// use bridge_core::session::{CellRequest, Config, Event, Language, Session};
///
/// let (session, _late) = Session::start(Config::new("."))?;
/// session.execute(CellRequest::new(Language::Elixir, "xs = [1, 2, 3]"))?;
/// let mut cell = session.execute(CellRequest::new(Language::Python, "sum(xs)"))?;
/// while let Some(event) = cell.events.wait() {
///     if let Event::Result { data, .. } = event {
///         assert_eq!(data.text("text/plain"), Some("6"));
///     }
/// }
/// session.shutdown().wait()?;
/// # Ok::<(), bridge_core::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Session {
    commands: mpsc::UnboundedSender<Command>,
    children: watch::Receiver<Children>,
    last_cell: Arc<Mutex<Last>>,
    /// What each question takes from here, its source aside.
    questions: Arc<Mutex<wire::Question>>,
    name: Option<String>,
    directory: PathBuf,
}

/// Silent cells are counted from here on, apart from those that a user sees.
const SILENT: u64 = 1 << 40;

/// How many events may wait for who reads them; then the child waits.
const EVENTS_HELD: usize = 256;

/// The numbers that were given last: to a cell, to a silent one, to a subshell.
#[derive(Debug)]
struct Last {
    cell: u64,
    silent: u64,
    subshell: u64,
}

#[derive(Debug)]
enum Command {
    Execute(u64, Box<CellRequest>, mpsc::Sender<Event>),
    Interrupt(Option<u64>),
    Insist,
    OpenSubshell(u64),
    CloseSubshell(u64),
    Answer(u64, Option<String>),
    Restart(Vec<Language>, oneshot::Sender<Result<Vec<Loss>>>),
    Complete(Language, wire::Question, oneshot::Sender<Result<Completion>>),
    Inspect(Language, wire::Question, u8, oneshot::Sender<Result<Inspection>>),
    IsComplete(Language, String, oneshot::Sender<Result<Completeness>>),
    Names(oneshot::Sender<Result<Vec<Name>>>),
    NamesOf(Language, oneshot::Sender<Result<Vec<Name>>>),
    Shutdown(oneshot::Sender<Result<()>>),
}

impl Session {
    /// Starts a session. Returns at once: both children start in the background, and cells wait for theirs.
    /// The stream tells what happens outside running cells.
    ///
    /// # Errors
    /// When the session's directory or its record cannot be made. A child that cannot be started is no error here:
    /// [`Session::children`] and the first cell that needs it say so.
    pub fn start(config: Config) -> Result<(Session, LateEvents)> {
        let directory = Directory::create()?;
        let listener = runtime::bind(&directory)?;
        let recorder = Recorder::open(&config.recording, config.records.as_deref(), &config.directory)?;
        let (name, last_cell) = (recorder.name().map(str::to_owned), recorder.last_cell());
        let (commands, received) = mpsc::unbounded_channel();
        let (late, late_events) = mpsc::channel(EVENTS_HELD);
        let starting = Children {
            python: ChildState::Starting,
            elixir: ChildState::Starting,
        };
        let (children, watched) = watch::channel(starting);
        let place = config.directory.clone();
        let own = directory.path().to_owned();
        engine::spawn(Prepared {
            config,
            directory,
            listener,
            recorder,
            commands: received,
            late,
            children,
        })
        .map_err(|error| Error::file("cannot start a session in", place, error))?;
        let last_cell = Arc::new(Mutex::new(Last {
            cell: last_cell,
            silent: SILENT,
            subshell: MAIN,
        }));
        Ok((
            Session {
                commands,
                children: watched,
                last_cell,
                questions: Arc::default(),
                name,
                directory: own,
            },
            Stream(late_events),
        ))
    }

    /// The record's name; `None` when nothing is kept.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The session's own directory, for what goes when the session ends.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// The number that the next cell has, if its request names none.
    pub fn next_cell(&self) -> u64 {
        self.last_cell.lock().unwrap_or_else(PoisonError::into_inner).cell + 1
    }

    /// Hands a cell in. It runs when those before it, in its subshell, have finished.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn execute(&self, request: CellRequest) -> Result<Cell> {
        let (sender, events) = mpsc::channel(EVENTS_HELD);
        // The lock also keeps the queue in the order of the numbers.
        let mut last = self.last_cell.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = request.silent;
        let number = request.number.unwrap_or(match silent {
            true => last.silent + 1,
            false => last.cell + 1,
        });
        self.commands
            .send(Command::Execute(number, Box::new(request), sender))
            .map_err(|_| Error::Ended)?;
        let counter = if silent { &mut last.silent } else { &mut last.cell };
        *counter = number.max(*counter);
        Ok(Cell {
            number,
            events: Stream(events),
        })
    }

    /// Stops the cells that run, in all subshells: politely first; after the grace time by ending the process of the
    /// main shell's, and by leaving those of other subshells to themselves.
    /// Code of Python that has been given the `KeyboardInterrupt` and still runs (it cleans up, or saves what it has) is
    /// left in peace, and the user told; the grace time then begins with the next call.
    /// Does nothing when no cell runs. Calls within a second are one.
    pub fn interrupt(&self) {
        let _ = self.commands.send(Command::Interrupt(None));
    }

    /// The same for a user who has interrupted already, and was told what comes next: the grace time is over, but for
    /// code that has been given a `KeyboardInterrupt` once only.
    pub fn insist(&self) {
        let _ = self.commands.send(Command::Insist);
    }

    /// The same for the cell that runs in that subshell.
    pub fn interrupt_in(&self, subshell: u64) {
        let _ = self.commands.send(Command::Interrupt(Some(subshell)));
    }

    /// Opens a subshell, for cells that run beside those of the main shell ([`CellRequest::subshell`]): in Python on a
    /// thread of its own, in Elixir in a process of its own, over the same names.
    pub fn open_subshell(&self) -> u64 {
        let mut last = self.last_cell.lock().unwrap_or_else(PoisonError::into_inner);
        last.subshell += 1;
        let _ = self.commands.send(Command::OpenSubshell(last.subshell));
        last.subshell
    }

    /// Closes a subshell. The cell that runs there is stopped, and those that wait end with an error.
    pub fn close_subshell(&self, subshell: u64) {
        let _ = self.commands.send(Command::CloseSubshell(subshell));
    }

    /// Answers the question that cell asked last; `None` is an end of file.
    pub fn answer_input(&self, cell: u64, text: Option<String>) {
        let _ = self.commands.send(Command::Answer(cell, text));
    }

    /// Ends the children of these languages and starts new ones, whatever they are doing. Tells what is lost with each.
    pub fn restart(&self, languages: &[Language]) -> Reply<Vec<Loss>> {
        self.ask(|answer| Command::Restart(languages.to_vec(), answer))
    }

    /// Ways to finish the name at that byte.
    pub fn complete(&self, language: Language, source: &str, cursor: usize) -> Reply<Completion> {
        let question = self.question(source, cursor);
        self.ask(|answer| Command::Complete(language, question, answer))
    }

    /// What is known of the name at that byte. `detail` 0 is documentation, 1 is source too.
    pub fn inspect(&self, language: Language, source: &str, cursor: usize, detail: u8) -> Reply<Inspection> {
        let question = self.question(source, cursor);
        self.ask(|answer| Command::Inspect(language, question, detail, answer))
    }

    /// Sets the types of Python, as `module.Class`, whose attributes and items completion and inspection may evaluate.
    pub fn set_harmless(&self, types: &[String]) {
        self.questions().harmless = types.to_vec();
    }

    /// Has completions bring that many items at most: a menu that shows no more has its answer sooner.
    pub fn set_most_items(&self, most: usize) {
        self.questions().most = u64::try_from(most).ok();
    }

    fn questions(&self) -> MutexGuard<'_, wire::Question> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn question(&self, source: &str, cursor: usize) -> wire::Question {
        wire::Question {
            source: source.to_owned(),
            cursor,
            ..self.questions().clone()
        }
    }

    /// Whether a source can be run as it stands.
    pub fn is_complete(&self, language: Language, source: &str) -> Reply<Completeness> {
        self.ask(|answer| Command::IsComplete(language, source.to_owned(), answer))
    }

    /// All names of the session, of those languages that are up.
    pub fn names(&self) -> Reply<Vec<Name>> {
        self.ask(Command::Names)
    }

    /// The names of one language; an error where it does not answer.
    pub fn names_of(&self, language: Language) -> Reply<Vec<Name>> {
        self.ask(|answer| Command::NamesOf(language, answer))
    }

    /// Both children as they are now, and as they change: a [`watch::Receiver`] has `borrow`, `changed` and `wait_for`.
    pub fn children(&self) -> watch::Receiver<Children> {
        self.children.clone()
    }

    /// Ends the children and the session. Cells that have not finished end with an error.
    pub fn shutdown(&self) -> Reply<()> {
        self.ask(Command::Shutdown)
    }

    fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command) -> Reply<T> {
        let (answer, reply) = oneshot::channel();
        // When the engine is gone, the sender is dropped here and the reply says that the session has ended.
        let _ = self.commands.send(command(answer));
        Reply(reply)
    }
}

//! A session with toy children, and how to look at what it does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bridge_core::runtime::Program;
use bridge_core::session::Language::{Elixir, Python};
use bridge_core::session::{
    Cell, CellRequest, ChildState, Config, Event, Language, LateEvents, Recording, Session, Status,
    StreamName,
};

/// Nothing in these tests takes so long, however slow the machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) late: LateEvents,
    pub(crate) home: tempfile::TempDir,
}

/// The toy child; `start` makes it start badly.
pub(crate) fn echo(start: &str) -> Program {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/echo.py");
    Program {
        path: "python3".into(),
        args: vec![script.into()],
        env: vec![
            ("ECHO_START".into(), start.into()),
            ("PYTHONDONTWRITEBYTECODE".into(), "1".into()),
        ],
    }
}

pub(crate) fn config(home: &Path) -> Config {
    Config {
        worker: Some(echo("")),
        beam: Some(echo("")),
        recording: Recording::Off,
        records: Some(home.join("records")),
        ..Config::new(home)
    }
}

impl Rig {
    pub(crate) fn new() -> Rig {
        Rig::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Rig {
        let home = tempfile::tempdir().unwrap();
        let mut config = config(home.path());
        change(&mut config);
        let (session, late) = Session::start(config).unwrap();
        Rig { session, late, home }
    }

    pub(crate) fn submit(&self, language: Language, source: &str) -> Cell {
        let request = CellRequest {
            colors: Some(false),
            ..CellRequest::new(language, source)
        };
        self.session.execute(request).unwrap()
    }

    /// Hands a cell of a subshell in.
    pub(crate) fn submit_in(&self, subshell: u64, language: Language, source: &str) -> Cell {
        let request = CellRequest {
            subshell,
            ..CellRequest::new(language, source)
        };
        self.session.execute(request).unwrap()
    }

    /// Runs a cell to its end.
    pub(crate) fn run(&self, language: Language, source: &str) -> Ran {
        rest(self.submit(language, source))
    }

    pub(crate) fn python(&self, source: &str) -> Ran {
        self.run(Python, source)
    }

    pub(crate) fn elixir(&self, source: &str) -> Ran {
        self.run(Elixir, source)
    }

    /// Waits until that child is in such a state.
    pub(crate) fn until(&self, language: Language, wanted: impl Fn(&ChildState) -> bool) -> ChildState {
        let children = self.session.children();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let state = children.borrow().of(language).clone();
            if wanted(&state) {
                return state;
            }
            assert!(Instant::now() < deadline, "{language} stays {state:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn up(&self, language: Language) -> u32 {
        match self.until(language, |state| matches!(state, ChildState::Up { .. })) {
            ChildState::Up { pid, .. } => pid,
            _ => unreachable!(),
        }
    }

    /// The next late event's text.
    pub(crate) fn late_text(&mut self) -> String {
        let late = self.late.wait_for(DEADLINE).expect("a late event comes").unwrap();
        match late.event {
            Event::Stream { text, .. } | Event::Notice { text } => text,
            other => panic!("{other:?}"),
        }
    }
}

/// What a cell did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) number: u64,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn rest(mut cell: Cell) -> Ran {
    let mut events = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match cell.events.wait_for(left) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => break,
            Err(_) => panic!("the cell does not end; it did {events:#?}"),
        }
    }
    let ran = Ran {
        number: cell.number,
        events,
    };
    assert!(
        matches!(ran.events.first(), Some(Event::Started { cell, .. }) if *cell == ran.number),
        "{ran:?}"
    );
    let finished = ran
        .events
        .iter()
        .filter(|event| matches!(event, Event::Finished { .. }))
        .count();
    assert!(
        finished == 1 && matches!(ran.events.last(), Some(Event::Finished { .. })),
        "{ran:?}"
    );
    ran
}

/// Waits for the next event that fits.
pub(crate) fn next(cell: &mut Cell, wanted: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = cell
            .events
            .wait_for(DEADLINE)
            .expect("an event comes")
            .expect("the cell goes on");
        if wanted(&event) {
            return event;
        }
    }
}

impl Ran {
    pub(crate) fn status(&self) -> Status {
        match self.events.last() {
            Some(Event::Finished { status, .. }) => *status,
            _ => unreachable!("`rest` has looked"),
        }
    }

    pub(crate) fn out(&self) -> String {
        self.stream(StreamName::Stdout)
    }

    pub(crate) fn err(&self) -> String {
        self.stream(StreamName::Stderr)
    }

    fn stream(&self, wanted: StreamName) -> String {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::Stream { name, text } if *name == wanted => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    pub(crate) fn notices(&self) -> String {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::Notice { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Class, message and hint of the error.
    pub(crate) fn error(&self) -> (String, String, String) {
        let errors = self.events.iter().filter_map(|event| match event {
            Event::Error {
                class, message, hint, ..
            } => Some((class.clone(), message.clone(), hint.clone().unwrap_or_default())),
            _ => None,
        });
        let errors: Vec<_> = errors.collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        errors.into_iter().next().unwrap()
    }
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    ps("stat=", pid).is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// What `ps` says of a process; it is the same on every system.
pub(crate) fn ps(column: &str, pid: u32) -> Option<String> {
    let output = std::process::Command::new("ps")
        .args(["-o", column, "-p", &pid.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    (!text.is_empty()).then_some(text)
}

pub(crate) fn gone(pid: u32) {
    let deadline = Instant::now() + DEADLINE;
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "process {pid} lives on");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn signal(pid: u32, signal: i32) {
    let pid = i32::try_from(pid).unwrap();
    // SAFETY: kill touches no memory; the process is a child of this test.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// The socket directories of this process.
pub(crate) fn directories() -> Vec<PathBuf> {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let mine = format!("snakebridge-{}-", std::process::id());
    let entries = std::fs::read_dir(base).unwrap().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(&mine))
        .collect()
}

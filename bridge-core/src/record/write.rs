//! Adding to a record while its session runs.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::bounded::{Events, Late};
use super::packages::packages;
use super::time::timestamp;
use super::{Records, VERSION, read};
use crate::error::{Error, Result};
use crate::language::Language;
use crate::session::{CellRequest, Event, Recording};
use crate::wire::{Hello, Status, Summary};

/// The record of a running session. Without a file it keeps nothing.
#[derive(Debug)]
pub(crate) struct Recorder {
    name: Option<String>,
    file: Option<File>,
    /// The cells that run, by number.
    cells: BTreeMap<u64, Running>,
    late: BTreeMap<u64, Late>,
    last_cell: u64,
    problem: Option<String>,
}

/// A cell that runs.
#[derive(Debug, Default)]
struct Running {
    events: Events,
    answers: Vec<Option<String>>,
}

impl Recorder {
    /// Opens or begins a record, or none.
    pub(crate) fn open(recording: &Recording, records: Option<&Path>, directory: &Path) -> Result<Recorder> {
        let name = match recording {
            Recording::Off => return Ok(Recorder::of(None, None, 0)),
            Recording::Named(name) => name.clone(),
            Recording::Generated => generated_name(),
        };
        let records = match records {
            Some(place) => Records::at(place),
            None => Records::of_user()?,
        };
        let mut file = records.open(&name)?;
        let path = records.path(&name)?;
        let failed = |error: io::Error| Error::file("cannot write", &path, error);
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let last_cell = if length > 0 {
            read::load(&path, &name)?.last_number()
        } else {
            0
        };
        if length > 0 && !ends_with_newline(&mut file, length).map_err(failed)? {
            // What wrote it was killed within a line. The line stays alone, and readers pass over it.
            file.write_all(b"\n").map_err(failed)?;
        }
        let mut recorder = Recorder::of(Some(name.clone()), Some(file), last_cell);
        recorder.line(&json!({
            "type": "session",
            "version": VERSION,
            "session": name,
            "at": timestamp(SystemTime::now()),
            "directory": directory,
            "snakebridge": env!("CARGO_PKG_VERSION"),
        }));
        match recorder.problem.take() {
            Some(problem) => Err(Error::file("cannot write", path, problem)),
            None => Ok(recorder),
        }
    }

    fn of(name: Option<String>, file: Option<File>, last_cell: u64) -> Recorder {
        Recorder {
            name,
            file,
            cells: BTreeMap::new(),
            late: BTreeMap::new(),
            last_cell,
            problem: None,
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Keeps nothing from now on, and lets others have the file.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// The highest number of a cell in it.
    pub(crate) fn last_cell(&self) -> u64 {
        self.last_cell
    }

    /// A child is up.
    pub(crate) fn child(&mut self, language: Language, hello: &Hello) {
        if self.file.is_none() {
            return;
        }
        let executable = hello.executable.as_deref().unwrap_or_default();
        let version = hello
            .versions
            .get("python")
            .filter(|_| language == Language::Python);
        let packages = version.map(|version| packages(Path::new(executable), version));
        self.line(&json!({
            "type": "child",
            "language": language,
            "executable": executable,
            "versions": hello.versions,
            "packages": packages.unwrap_or_default(),
        }));
    }

    /// A cell is about to run. Silent ones are not kept.
    pub(crate) fn started(&mut self, number: u64, request: &CellRequest) {
        if self.file.is_none() || request.silent {
            return;
        }
        self.cells.insert(number, Running::default());
        let mut line = json!({
            "type": "started",
            "cell": number,
            "language": request.language,
            "source": request.source,
            "at": timestamp(SystemTime::now()),
        });
        if !request.store_history {
            line["store_history"] = false.into();
        }
        self.line(&line);
    }

    /// A running cell did something.
    pub(crate) fn event(&mut self, number: u64, event: &Event) {
        if let Some(cell) = self.cells.get_mut(&number) {
            cell.events.take(event);
        }
    }

    /// A running cell got an answer, which was no password.
    pub(crate) fn answered(&mut self, number: u64, text: Option<&str>) {
        if let Some(cell) = self.cells.get_mut(&number) {
            cell.answers.push(text.map(str::to_owned));
        }
    }

    /// A running cell has ended. Gives what keeps the record from being written, once.
    pub(crate) fn finished(
        &mut self,
        number: u64,
        status: Status,
        duration_us: u64,
        summary: Option<&Summary>,
    ) -> Option<String> {
        if let Some(cell) = self.cells.remove(&number) {
            let names = |of: fn(&Summary) -> &Vec<String>| summary.map(of).cloned().unwrap_or_default();
            let mut line = json!({
                "type": "finished",
                "cell": number,
                "status": status,
                "duration_us": duration_us,
                "events": cell.events.finish(),
                "reads": names(|summary| &summary.reads),
                "writes": names(|summary| &summary.writes),
                "deletes": names(|summary| &summary.deletes),
                "calls": summary.map(|summary| &summary.calls[..]).unwrap_or_default(),
            });
            if !cell.answers.is_empty() {
                line["answers"] = json!(cell.answers);
            }
            self.line(&line);
        }
        let problem = self.problem.take()?;
        Some(format!("This session is not recorded any further: {problem}."))
    }

    /// Something happened outside the running cell.
    pub(crate) fn late(&mut self, cell: Option<u64>, event: &Event) {
        if self.file.is_none() {
            return;
        }
        if let Some(number) = cell {
            for event in self.late.entry(number).or_default().take(event) {
                self.line(&json!({"type": "late", "cell": cell, "event": event}));
            }
        }
    }

    /// Writes a line as one piece. After a failure nothing more is written.
    fn line(&mut self, line: &Value) {
        let Some(file) = &mut self.file else { return };
        let mut text = line.to_string();
        text.push('\n');
        if let Err(error) = file.write_all(text.as_bytes()) {
            self.problem = Some(error.to_string());
            self.file = None;
        }
    }
}

fn ends_with_newline(file: &mut File, length: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(length - 1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Date and time, and what tells apart two sessions of one second.
fn generated_name() -> String {
    let now = timestamp(SystemTime::now());
    let now = now
        .split('.')
        .next()
        .unwrap_or_default()
        .replace('T', "-")
        .replace(':', "");
    let random = RandomState::new().build_hasher().finish();
    format!("{now}-{:04x}", random & 0xffff)
}

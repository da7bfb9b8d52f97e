//! Reading records back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use super::{VERSION, open_error};
use crate::error::{Error, Result};
use crate::language::Language;
use crate::session::Event;
use crate::wire::{CallShape, Status};

/// A record, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The session's name.
    pub name: String,
    /// When it began: `2026-11-20T08:40:19.052Z`.
    pub started: String,
    /// When it changed last.
    pub changed: SystemTime,
    /// How many cells have finished.
    pub cells: usize,
    /// The file's size.
    pub size_bytes: u64,
}

/// The whole record of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The session's name.
    pub name: String,
    /// When it began.
    pub started: String,
    /// Where it ran, the last time.
    pub directory: String,
    /// The processes that ran its cells, in their order.
    pub children: Vec<Child>,
    /// The cells, by number.
    pub cells: Vec<RecordedCell>,
    /// Lines that could not be read: one where the program was killed while it wrote, more where a disk failed.
    pub damaged_lines: usize,
}

/// A process that ran cells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Child {
    /// Of which language.
    pub language: Language,
    /// The interpreter.
    #[serde(default)]
    pub executable: String,
    /// Of the interpreter and what matters beside it.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// `name==version` of the environment's packages.
    #[serde(default)]
    pub packages: Vec<String>,
}

/// A cell of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCell {
    /// Its number.
    pub number: u64,
    /// Its language.
    pub language: Language,
    /// Its source.
    pub source: String,
    /// How it ended; `None` if the session ended first.
    pub status: Option<Status>,
    /// Time in the child, in microseconds.
    pub duration_us: u64,
    /// What it did, of bounded size, late output last.
    pub events: Vec<Event>,
    /// What was answered when it asked, passwords left out; `None` for an end of file.
    pub answers: Vec<Option<String>>,
    /// Names of the session that it read.
    pub reads: Vec<String>,
    /// Names that it bound.
    pub writes: Vec<String>,
    /// Names that it unbound.
    pub deletes: Vec<String>,
    /// Its calls over the bridge.
    pub calls: Vec<CallShape>,
}

impl Record {
    pub(super) fn last_number(&self) -> u64 {
        self.cells.last().map_or(0, |cell| cell.number)
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Session {
        version: u64,
        at: String,
        directory: String,
    },
    Child(Child),
    Started {
        cell: u64,
        language: Language,
        source: String,
    },
    Finished(Box<Finished>),
    Late {
        cell: u64,
        event: Event,
    },
}

#[derive(Deserialize)]
struct Finished {
    cell: u64,
    status: Status,
    duration_us: u64,
    events: Vec<Event>,
    #[serde(default)]
    answers: Vec<Option<String>>,
    #[serde(default)]
    reads: Vec<String>,
    #[serde(default)]
    writes: Vec<String>,
    #[serde(default)]
    deletes: Vec<String>,
    #[serde(default)]
    calls: Vec<CallShape>,
}

pub(super) fn load(path: &Path, name: &str) -> Result<Record> {
    let file = File::open(path).map_err(|error| open_error(name, path, &error))?;
    let mut record = Record {
        name: name.to_owned(),
        started: String::new(),
        directory: String::new(),
        children: Vec::new(),
        cells: Vec::new(),
        damaged_lines: 0,
    };
    let mut cells: BTreeMap<u64, RecordedCell> = BTreeMap::new();
    let mut begun: BTreeMap<u64, RecordedCell> = BTreeMap::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| Error::file("cannot read", path, error))?;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(Line::Session { version, .. }) if version > VERSION => {
                let message = format!("it is of version {version}, and this program knows {VERSION}");
                return Err(Error::BadRecord {
                    path: path.to_owned(),
                    message,
                });
            }
            Ok(Line::Session { at, directory, .. }) => {
                if record.started.is_empty() {
                    record.started = at;
                }
                record.directory = directory;
            }
            Ok(Line::Child(child)) => record.children.push(child),
            Ok(Line::Started {
                cell,
                language,
                source,
            }) => {
                begun.insert(cell, RecordedCell::started(cell, language, source));
            }
            Ok(Line::Finished(finished)) => match begun.remove(&finished.cell) {
                Some(mut cell) => {
                    cell.finish(*finished);
                    cells.insert(cell.number, cell);
                }
                None => record.damaged_lines += 1,
            },
            Ok(Line::Late { cell, event }) => {
                if let Some(cell) = cells.get_mut(&cell) {
                    cell.events.push(event);
                }
            }
            Err(_) => record.damaged_lines += 1,
        }
    }
    // A replay that was cut short leaves what the cell had come to before.
    for (number, cell) in begun {
        cells.entry(number).or_insert(cell);
    }
    record.cells = cells.into_values().collect();
    Ok(record)
}

impl RecordedCell {
    fn started(number: u64, language: Language, source: String) -> RecordedCell {
        RecordedCell {
            number,
            language,
            source,
            status: None,
            duration_us: 0,
            events: Vec::new(),
            answers: Vec::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            deletes: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn finish(&mut self, finished: Finished) {
        let Finished {
            status,
            duration_us,
            events,
            answers,
            reads,
            writes,
            deletes,
            calls,
            ..
        } = finished;
        self.status = Some(status);
        self.duration_us = duration_us;
        (self.events, self.answers) = (events, answers);
        (self.reads, self.writes, self.deletes, self.calls) = (reads, writes, deletes, calls);
    }
}

/// When a record was begun, as its first line that can be read says; `None` where there is no such line.
pub(super) fn started(path: &Path) -> std::io::Result<Option<String>> {
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        if let Ok(Line::Session { at, .. }) = serde_json::from_slice(&line?) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Looks through a record without taking its lines apart: a list of many stays quick.
pub(super) fn listed(path: &Path, name: String) -> std::io::Result<Listed> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut listed = Listed {
        name,
        started: String::new(),
        changed: metadata.modified()?,
        cells: 0,
        size_bytes: metadata.len(),
    };
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        if line.starts_with(br#"{"type":"finished""#) {
            listed.cells += 1;
        } else if listed.started.is_empty()
            && let Ok(Line::Session { at, .. }) = serde_json::from_slice(&line)
        {
            listed.started = at;
        }
    }
    if listed.started.is_empty() {
        Err(std::io::ErrorKind::InvalidData.into())
    } else {
        Ok(listed)
    }
}

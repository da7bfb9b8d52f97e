//! What cells a record holds, without all that they did: histories ask for it, of many records, while a user waits.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Records, open_error};
use crate::error::Result;
use crate::language::Language;
use crate::session::Event;

/// A cell that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its number.
    pub number: u64,
    /// Its language.
    pub language: Language,
    /// Its source.
    pub source: String,
    /// Its value as text, if that was asked for and it had one.
    pub value: Option<String>,
}

/// The lines of a record.
#[derive(Clone, Debug)]
pub struct Sources(Vec<u8>);

/// What lines begin with. The program writes them so, and what begins otherwise need not be taken apart.
const STARTED: &[u8] = br#"{"type":"started""#;
const FINISHED: &[u8] = br#"{"type":"finished""#;

#[derive(Deserialize)]
struct Started {
    cell: u64,
    language: Language,
    source: String,
    #[serde(default = "yes")]
    store_history: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Finished {
    cell: u64,
    events: Vec<Event>,
}

impl Records {
    /// The cells of a record.
    ///
    /// # Errors
    /// [`crate::error::Error::NoRecord`], or that it cannot be read.
    pub fn sources(&self, name: &str) -> Result<Sources> {
        let path = self.path(name)?;
        let lines = std::fs::read(&path).map_err(|error| open_error(name, &path, &error))?;
        Ok(Sources(lines))
    }
}

impl Sources {
    /// The cells, the last one first; with their values, if wanted. Those that were to leave no trace in the history
    /// are passed over, as are damaged lines. Of a number that occurs again the last cell counts.
    pub fn newest_first(&self, values: bool) -> impl Iterator<Item = Ran> {
        let mut known = BTreeSet::new();
        let mut finished: BTreeMap<u64, Option<String>> = BTreeMap::new();
        self.0.rsplit(|byte| *byte == b'\n').filter_map(move |line| {
            if values && line.starts_with(FINISHED) {
                let Finished { cell, events } = serde_json::from_slice(line).ok()?;
                finished.entry(cell).or_insert_with(|| value(&events));
            } else if line.starts_with(STARTED) {
                let started: Started = serde_json::from_slice(line).ok()?;
                if known.insert(started.cell) && started.store_history {
                    return Some(Ran {
                        number: started.cell,
                        language: started.language,
                        source: started.source,
                        value: finished.remove(&started.cell).flatten(),
                    });
                }
            }
            None
        })
    }
}

/// The text of the result.
fn value(events: &[Event]) -> Option<String> {
    events.iter().find_map(|event| match event {
        Event::Result { data, .. } => data.text("text/plain").map(str::to_owned),
        _ => None,
    })
}

//! What a cell does, as a stream of events, and what the languages answer to questions.
//!
//! The same types reach every front end; their JSON is the shape of `--json` and of the record.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::mime::{Bundle, Data};
use crate::language::Language;
use crate::wire::{self, CellEvent, Comm, NameInfo, Status, StreamName};

/// One thing that a cell did. [`Event::Started`] comes first and [`Event::Finished`] last, each exactly once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The cell left the queue.
    Started {
        /// Its number.
        cell: u64,
        /// Its language.
        language: Language,
    },
    /// Text on a stream: whole characters, not necessarily whole lines.
    Stream {
        /// Which stream.
        name: StreamName,
        /// The text.
        text: String,
    },
    /// Something to show.
    Display {
        /// The thing, in one or more forms.
        data: Bundle,
        /// Keyed by mime type, as in Jupyter.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
        /// The name under which it can be replaced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_id: Option<String>,
        /// Whether it replaces what was shown under `display_id`.
        #[serde(default, skip_serializing_if = "is_false")]
        update: bool,
    },
    /// Remove what the cell has shown so far.
    Clear {
        /// Only once the next output comes.
        wait: bool,
    },
    /// The value of the cell.
    Result {
        /// The value, in one or more forms.
        data: Bundle,
        /// Keyed by mime type, as in Jupyter.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
    },
    /// The cell failed.
    Error {
        /// The exception's class.
        class: String,
        /// Its message.
        message: String,
        /// Lines, coloured with ANSI sequences.
        #[serde(default)]
        traceback: Vec<String>,
        /// What to do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// The cell waits for [`Session::answer_input`](super::Session::answer_input).
    Input {
        /// What to show before the answer.
        prompt: String,
        /// Whether the answer must not be shown or kept.
        password: bool,
    },
    /// The engine's own words: a worker died or was restarted, names were lost.
    Notice {
        /// One or more lines.
        text: String,
    },
    /// What the request's expressions came to: a result or an error each, by name.
    Expressions {
        /// [`Event::Result`] or [`Event::Error`].
        values: std::collections::BTreeMap<String, Event>,
    },
    /// A message of a comm, for the views of the front end.
    Comm {
        /// The message.
        comm: Comm,
    },
    /// The last event.
    Finished {
        /// How it ended.
        status: Status,
        /// Time in the child, in microseconds.
        duration_us: u64,
    },
}

impl Event {
    /// How large it is, about: what can be large in it.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Event::Stream { text, .. } => text.len(),
            Event::Display { data, .. } | Event::Result { data, .. } => data.bytes(),
            Event::Comm { comm } => comm.data.len() + comm.buffers.iter().map(Vec::len).sum::<usize>(),
            _ => 0,
        }
    }
}

/// An error's lines as notebooks keep them, which show nothing else of it: the traceback, or what the error says where it
/// has none; then the hint.
pub fn error_lines(
    class: &str,
    message: &str,
    mut traceback: Vec<String>,
    hint: Option<String>,
) -> Vec<String> {
    if traceback.is_empty() {
        traceback.push(format!("{class}: {message}"));
    }
    traceback.extend(hint.map(|hint| format!("hint: {hint}")));
    traceback
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde wants a function of a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// An event outside any running cell: late output of a cell's threads, and notices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LateEvent {
    /// The cell that started what caused it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<u64>,
    /// The event: a stream, a display or a notice.
    #[serde(flatten)]
    pub event: Event,
}

/// What is known of the name at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Whether anything is known.
    pub found: bool,
    /// Documentation in one or more forms.
    pub data: Bundle,
}

/// A name of the session, told by the language that owns it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Name {
    /// The name.
    pub name: String,
    /// Who owns it.
    pub language: Language,
    /// The value's type, for people.
    pub r#type: String,
    /// The size, for people: a length or a shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// A short text of the value.
    pub value: String,
}

/// The state of one child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// Not started, or ended; the next use starts it.
    Down {
        /// How the last one ended.
        reason: Option<String>,
    },
    /// Started, not yet ready.
    Starting,
    /// Ready.
    Up {
        /// Its process.
        pid: u32,
        /// Counted from 1; grows with each restart.
        generation: u64,
        /// The interpreter.
        executable: String,
        /// For example `python` and `ipython`, or `elixir` and `otp`.
        versions: std::collections::BTreeMap<String, String>,
    },
    /// It cannot be started; the message says why, the hint what to do.
    Failed {
        /// Why.
        error: crate::error::Error,
    },
}

/// An event as a child sent it, and what was wrong with a part of it: the rest is shown all the same.
pub(super) struct Heard {
    pub(super) event: Event,
    pub(super) problem: Option<String>,
}

impl From<CellEvent> for Heard {
    fn from(event: CellEvent) -> Heard {
        let mut problem = None;
        let event = match event {
            CellEvent::Stream { name, text, .. } => Event::Stream { name, text },
            CellEvent::Display {
                data,
                metadata,
                display_id,
                update,
                ..
            } => Event::Display {
                data: bundle(data, &mut problem),
                metadata: json(&metadata, &mut problem),
                display_id,
                update,
            },
            CellEvent::Clear { wait, .. } => Event::Clear { wait },
            CellEvent::Result { data, metadata, .. } => Event::Result {
                data: bundle(data, &mut problem),
                metadata: json(&metadata, &mut problem),
            },
            CellEvent::Error {
                class,
                message,
                traceback,
                hint,
                ..
            } => Event::Error {
                class,
                message,
                traceback,
                hint,
            },
            CellEvent::Comm { comm, .. } => Event::Comm { comm },
        };
        Heard { event, problem }
    }
}

impl From<wire::Inspection> for Inspection {
    fn from(inspection: wire::Inspection) -> Inspection {
        Inspection {
            found: inspection.found,
            data: bundle(inspection.data, &mut None),
        }
    }
}

impl Name {
    /// The names of both languages, each once: Python lists what is its own and nothing of Elixir's, and Elixir still has
    /// what it had under a name that Python has written since.
    pub fn of_both(python: Vec<Name>, mut elixir: Vec<Name>) -> Vec<Name> {
        let written: HashSet<&str> = python.iter().map(|name| name.name.as_str()).collect();
        elixir.retain(|name| !written.contains(name.name.as_str()));
        python.into_iter().chain(elixir).collect()
    }

    pub(super) fn of(language: Language, info: NameInfo) -> Name {
        let NameInfo {
            name,
            r#type,
            size,
            value,
        } = info;
        Name {
            name,
            language,
            r#type,
            size,
            value,
        }
    }
}

/// Forms that are not what their type says are left out.
fn bundle(data: Vec<(String, Vec<u8>)>, problem: &mut Option<String>) -> Bundle {
    let mut forms = Bundle::default();
    for (mime, bytes) in data {
        match Data::from_bytes(&mime, bytes) {
            Ok(data) => {
                forms.0.insert(mime, data);
            }
            Err(error) => *problem = Some(error),
        }
    }
    forms
}

fn json(text: &str, problem: &mut Option<String>) -> Map<String, Value> {
    if text.is_empty() {
        return Map::new();
    }
    serde_json::from_str(text).unwrap_or_else(|error| {
        *problem = Some(format!("metadata is no JSON object: {error}"));
        Map::new()
    })
}

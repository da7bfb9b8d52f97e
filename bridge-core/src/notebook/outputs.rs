//! What a cell puts out, from its events to what a notebook keeps.

use serde_json::{Map, Value};

use super::{CellOutputs, Output};
use crate::session::{Bundle, Event, StreamName, error_lines};

/// How many bytes of one stream a notebook keeps, about: no program opens one with more.
const LONGEST_STREAM: usize = 16 << 20;

/// Gathers a cell's events as a notebook keeps them.
#[derive(Debug)]
pub struct Outputs {
    /// What has been gathered.
    pub cell: CellOutputs,
    /// A `clear` that waits for the next output.
    clear: bool,
}

impl Outputs {
    /// None yet, of the cell of that number.
    pub fn of_cell(number: u64) -> Self {
        Outputs {
            cell: CellOutputs {
                execution_count: Some(number),
                outputs: Vec::new(),
            },
            clear: false,
        }
    }

    /// Takes an event in.
    pub fn add(&mut self, event: Event) {
        let outputs = &mut self.cell.outputs;
        let output = match event {
            Event::Started { .. }
            | Event::Input { .. }
            | Event::Finished { .. }
            | Event::Expressions { .. }
            | Event::Comm { .. } => return,
            Event::Clear { wait: true } => {
                self.clear = true;
                return;
            }
            Event::Clear { wait: false } => {
                outputs.clear();
                return;
            }
            Event::Stream { name, text } => stream(stream_name(name), text),
            Event::Notice { text } => stream("stderr", format!("{}\n", text.trim_end_matches('\n'))),
            Event::Display {
                data,
                metadata,
                display_id,
                update,
            } => {
                let shown = Output::Display {
                    data: json_map(&data),
                    metadata,
                    display_id,
                };
                if update {
                    replace(outputs, &shown);
                    return;
                }
                shown
            }
            Event::Result { data, metadata } => Output::Result {
                data: json_map(&data),
                metadata,
            },
            Event::Error {
                class,
                message,
                traceback,
                hint,
            } => Output::Error {
                traceback: error_lines(&class, &message, traceback, hint),
                class,
                message,
            },
        };
        if std::mem::take(&mut self.clear) {
            outputs.clear();
        }
        match (outputs.last_mut(), output) {
            (Some(Output::Stream { name: last, text }), Output::Stream { name, text: more })
                if *last == name =>
            {
                if text.len() < LONGEST_STREAM {
                    text.push_str(&more);
                    if text.len() >= LONGEST_STREAM {
                        text.push_str("\n[the rest was printed, but is not kept in the notebook]\n");
                    }
                }
            }
            (_, output) => outputs.push(output),
        }
    }
}

fn stream(name: &str, text: String) -> Output {
    Output::Stream {
        name: name.to_owned(),
        text,
    }
}

fn stream_name(name: StreamName) -> &'static str {
    match name {
        StreamName::Stdout => "stdout",
        StreamName::Stderr => "stderr",
    }
}

/// An update stands wherever its id was displayed before.
fn replace(outputs: &mut [Output], new: &Output) {
    let Output::Display {
        display_id: Some(wanted),
        ..
    } = new
    else {
        return;
    };
    for old in outputs {
        if matches!(old, Output::Display { display_id: Some(id), .. } if id == wanted) {
            *old = new.clone();
        }
    }
}

/// A bundle as Jupyter writes it.
fn json_map(data: &Bundle) -> Map<String, Value> {
    match serde_json::to_value(data) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

//! The events of one cell as the record keeps them: what was shown in the end, of bounded size.

use crate::session::{Bundle, Data, Event};

/// How much text of a cell's streams is kept.
const STREAM_BYTES: usize = 256 * 1024;
/// How much data of a cell's displays and results is kept.
const DATA_BYTES: usize = 16 * 1024 * 1024;
/// How many events of a cell are kept.
const EVENTS: usize = 10_000;

/// The events of one cell.
#[derive(Debug, Default)]
pub(super) struct Events {
    events: Vec<Event>,
    stream_bytes: usize,
    data_bytes: usize,
    data_is_full: bool,
    clear_at_next: bool,
    /// Bytes of streams, and events, that were left out.
    omitted: (usize, usize),
}

impl Events {
    /// Takes an event in. Questions are not kept: their answers are, where they may be.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Started { .. }
            | Event::Finished { .. }
            | Event::Input { .. }
            | Event::Expressions { .. }
            | Event::Comm { .. } => return,
            Event::Clear { wait: true } => {
                self.clear_at_next = true;
                return;
            }
            Event::Clear { wait: false } => return self.clear(),
            _ if self.clear_at_next => self.clear(),
            _ => {}
        }
        match event {
            Event::Stream { name, text } => {
                let kept = kept(text, STREAM_BYTES.saturating_sub(self.stream_bytes));
                self.stream_bytes += kept.len();
                self.omitted.0 += text.len() - kept.len();
                match self.events.last_mut() {
                    Some(Event::Stream { name: last, text }) if last == name => text.push_str(kept),
                    _ if kept.is_empty() => {}
                    _ => self.add(Event::Stream {
                        name: *name,
                        text: kept.to_owned(),
                    }),
                }
            }
            Event::Display {
                data,
                metadata,
                display_id,
                update: true,
            } => {
                let data = self.bounded(data);
                let shown = self.events.iter_mut().filter_map(|event| match event {
                    Event::Display {
                        data,
                        metadata,
                        display_id: id,
                        ..
                    } if id == display_id => Some((data, metadata)),
                    _ => None,
                });
                // What it replaces may have been shown by another cell.
                let mut replaced = false;
                for (old, old_metadata) in shown {
                    (*old, *old_metadata, replaced) = (data.clone(), metadata.clone(), true);
                }
                if !replaced {
                    let (metadata, display_id) = (metadata.clone(), display_id.clone());
                    self.add(Event::Display {
                        data,
                        metadata,
                        display_id,
                        update: true,
                    });
                }
            }
            Event::Display {
                data,
                metadata,
                display_id,
                update: false,
            } => {
                let (data, metadata, display_id) = (self.bounded(data), metadata.clone(), display_id.clone());
                self.add(Event::Display {
                    data,
                    metadata,
                    display_id,
                    update: false,
                });
            }
            Event::Result { data, metadata } => {
                let (data, metadata) = (self.bounded(data), metadata.clone());
                self.add(Event::Result { data, metadata });
            }
            other => self.add(other.clone()),
        }
    }

    /// All of them, and a notice where something was left out.
    pub(super) fn finish(mut self) -> Vec<Event> {
        let (bytes, events) = self.omitted;
        if bytes > 0 {
            self.events.push(Event::Notice {
                text: format!("[{bytes} bytes of output are not in the record]"),
            });
        }
        if events > 0 {
            self.events.push(Event::Notice {
                text: format!("[{events} events are not in the record]"),
            });
        }
        self.events
    }

    fn add(&mut self, event: Event) {
        if self.events.len() < EVENTS {
            self.events.push(event)
        } else {
            self.omitted.1 += 1
        }
    }

    fn clear(&mut self) {
        *self = Events::default();
    }

    fn bounded(&mut self, data: &Bundle) -> Bundle {
        let size: usize = data.0.iter().map(|(mime, data)| mime.len() + bytes(data)).sum();
        if self.data_bytes + size <= DATA_BYTES {
            self.data_bytes += size;
            return data.clone();
        }
        self.data_is_full = true;
        let types: Vec<&str> = data.0.keys().map(String::as_str).collect();
        Bundle::plain(format!(
            "[{} of {size} bytes, not in the record]",
            types.join(", ")
        ))
    }
}

/// What the output of a cell after its end may still fill: as much as before it, in all.
#[derive(Debug, Default)]
pub(super) struct Late {
    events: Events,
    count: usize,
    full: bool,
}

impl Late {
    /// What the record gets of an event. It is written at once, so nothing is merged or cleared, and what is left out
    /// is told where that begins.
    pub(super) fn take(&mut self, event: &Event) -> Vec<Event> {
        if self.full || matches!(event, Event::Clear { .. }) {
            return Vec::new();
        }
        self.events.take(event);
        let mut kept = std::mem::take(&mut self.events.events);
        self.count += kept.len();
        self.full = self.events.omitted.0 > 0 || self.events.data_is_full || self.count >= EVENTS;
        if self.full {
            kept.push(Event::Notice {
                text: "[what the cell put out from here on is not in the record]".into(),
            });
        }
        kept
    }
}

fn bytes(data: &Data) -> usize {
    match data {
        Data::Text(text) => text.len(),
        Data::Bytes(bytes) => bytes.len() / 3 * 4,
        Data::Json(value) => value.to_string().len(),
    }
}

/// As much of the text as fits, whole characters.
fn kept(text: &str, room: usize) -> &str {
    &text[..text.floor_char_boundary(room)]
}

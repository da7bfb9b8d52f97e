//! What was run before: of this session from memory, of earlier ones from their records.
//!
//! Jupyter numbers sessions; ours have names. The record that was changed first is session 1, and this session comes
//! after all of them.

use std::sync::{Mutex, PoisonError};

use bridge_core::record::Records;
use bridge_core::session::Event;
use serde::Deserialize;
use serde_json::{Value, json};

/// A cell that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    session: u64,
    number: u64,
    source: String,
    /// Its value as text, if it had one.
    output: Option<String>,
}

/// A client's question.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    output: bool,
    hist_access_type: Access,
    /// Of a range: 0 is this session, less than 0 is counted back from it.
    session: i64,
    start: u64,
    stop: Option<u64>,
    /// Of a tail or a search: how many at most, the last ones.
    n: Option<usize>,
    /// Of a search, with `*` and `?`.
    pattern: String,
    unique: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Access {
    Range,
    Tail,
    Search,
}

impl Default for Wanted {
    fn default() -> Self {
        Wanted {
            output: false,
            hist_access_type: Access::Tail,
            session: 0,
            start: 1,
            stop: None,
            n: None,
            pattern: "*".to_owned(),
            unique: false,
        }
    }
}

/// The cells of this session.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<Vec<Entry>>);

impl History {
    /// A cell is run.
    pub(crate) fn add(&self, number: u64, source: &str) {
        let entry = Entry {
            session: 0,
            number,
            source: source.to_owned(),
            output: None,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// The last cell has a value.
    pub(crate) fn value(&self, text: &str) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = entries.last_mut() {
            last.output = Some(text.to_owned());
        }
    }

    /// The content of the answer. Reads files: not for a task that others wait for. `own` is this session's record.
    pub(crate) fn answer(&self, wanted: &Wanted, own: Option<&str>) -> Value {
        let here = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = match wanted.hist_access_type {
            Access::Range => range(wanted, own, here),
            Access::Tail => last(wanted, own, here, |_| true),
            Access::Search => last(wanted, own, here, |entry| matches(&wanted.pattern, &entry.source)),
        };
        let shown = found.into_iter().map(|entry| match wanted.output {
            true => json!([entry.session, entry.number, [entry.source, entry.output]]),
            false => json!([entry.session, entry.number, entry.source]),
        });
        json!({"status": "ok", "history": shown.collect::<Vec<_>>()})
    }
}

/// The names of the earlier sessions' records, the oldest first.
fn earlier(own: Option<&str>) -> Vec<String> {
    let listed = Records::of_user().and_then(|records| records.list());
    let names = listed
        .unwrap_or_default()
        .into_iter()
        .rev()
        .map(|record| record.name);
    names.filter(|name| Some(name.as_str()) != own).collect()
}

fn load(name: &str, session: u64) -> Vec<Entry> {
    let Ok(record) = Records::of_user().and_then(|records| records.load(name)) else {
        return Vec::new();
    };
    let entry = |cell: bridge_core::record::RecordedCell| Entry {
        session,
        number: cell.number,
        source: cell.source,
        output: cell.events.iter().find_map(|event| match event {
            Event::Result { data, .. } => data.text("text/plain").map(str::to_owned),
            _ => None,
        }),
    };
    record.cells.into_iter().map(entry).collect()
}

fn range(wanted: &Wanted, own: Option<&str>, here: Vec<Entry>) -> Vec<Entry> {
    let names = earlier(own);
    let count = i64::try_from(names.len()).unwrap_or(i64::MAX);
    // Counted from 1; this session is the one after the last.
    let session = if wanted.session <= 0 {
        count + 1 + wanted.session
    } else {
        wanted.session
    };
    let entries = match usize::try_from(session - 1).ok() {
        _ if session == count + 1 => here,
        Some(at) if at < names.len() => load(&names[at], session.unsigned_abs()),
        _ => Vec::new(),
    };
    let inside =
        |entry: &Entry| entry.number >= wanted.start && wanted.stop.is_none_or(|stop| entry.number < stop);
    entries.into_iter().filter(inside).collect()
}

/// The last entries that are wanted, in the order in which they were run.
fn last(wanted: &Wanted, own: Option<&str>, here: Vec<Entry>, is: impl Fn(&Entry) -> bool) -> Vec<Entry> {
    let most = wanted.n.unwrap_or(usize::MAX);
    let mut found: Vec<Entry> = Vec::new();
    let take = |entries: Vec<Entry>, found: &mut Vec<Entry>| {
        for entry in entries.into_iter().rev().filter(|entry| is(entry)) {
            let known = wanted.unique && found.iter().any(|other| other.source == entry.source);
            if !known && found.len() < most {
                found.push(entry);
            }
        }
    };
    take(here, &mut found);
    if found.len() < most {
        for (at, name) in earlier(own).iter().enumerate().rev() {
            take(load(name, at as u64 + 1), &mut found);
            if found.len() >= most {
                break;
            }
        }
    }
    found.reverse();
    found
}

/// Whether a text is as the pattern says: `*` stands for anything, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The last star, and where in the text what follows it was tried.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, tried)) = star {
            star = Some((at, tried + 1));
            p = at + 1;
            t = tried + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*sum*", "total = sum(xs)", true),
            ("sum*", "total = sum(xs)", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("?", "é", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn this_session_in_ranges_and_tails() {
        let history = History::default();
        for (number, source) in [(1, "a"), (2, "b"), (3, "a"), (4, "c")] {
            history.add(number, source);
        }
        history.value("4");
        let ask = |question: Value| {
            let wanted: Wanted = serde_json::from_value(question).unwrap();
            history.answer(&wanted, None)["history"].clone()
        };
        let sources = |answer: &Value| -> Vec<String> {
            let entries = answer.as_array().unwrap().iter();
            entries
                .map(|entry| entry[2].as_str().unwrap_or("?").to_owned())
                .collect()
        };
        let range = ask(json!({"hist_access_type": "range", "session": 0, "start": 2, "stop": 4}));
        assert_eq!(sources(&range), ["b", "a"]);
        assert_eq!(
            sources(&ask(json!({"hist_access_type": "tail", "n": 2}))),
            ["a", "c"]
        );
        let unique = ask(json!({"hist_access_type": "search", "pattern": "[ab?]", "n": 0}));
        assert_eq!(sources(&unique), [""; 0]);
        let unique = ask(json!({"hist_access_type": "search", "pattern": "?", "n": 3, "unique": true}));
        assert_eq!(sources(&unique), ["b", "a", "c"]);
        let output = ask(json!({"hist_access_type": "tail", "n": 1, "output": true}));
        assert_eq!(output, json!([[0, 4, ["c", "4"]]]));
    }
}

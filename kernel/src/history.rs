//! What was run before: of this session from memory, of earlier ones from their records.
//!
//! Jupyter numbers sessions; ours have names. The session that was begun first is number 1. Entries of this session say
//! 0, which means it in a request too.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bridge_core::language::Language;
use bridge_core::record::{Ran, Records};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// A cell that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    session: u64,
    number: u64,
    source: String,
    /// Its value as text, if it had one.
    output: Option<String>,
}

/// A client's question. What it leaves out, or leaves empty, is as usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    #[serde(deserialize_with = "or_default")]
    output: bool,
    #[serde(deserialize_with = "or_default")]
    hist_access_type: Access,
    /// Of a range: 0 is this session, less than 0 is counted back from it.
    #[serde(deserialize_with = "or_default")]
    session: i64,
    #[serde(deserialize_with = "or_default")]
    start: u64,
    stop: Option<u64>,
    /// Of a tail or a search: how many at most, the last ones.
    n: Option<usize>,
    /// Of a search, with `*` and `?`.
    pattern: Option<String>,
    #[serde(deserialize_with = "or_default")]
    unique: bool,
}

fn or_default<'a, T: Deserialize<'a> + Default, D: Deserializer<'a>>(value: D) -> Result<T, D::Error> {
    Option::deserialize(value).map(Option::unwrap_or_default)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Access {
    Range,
    #[default]
    Tail,
    Search,
}

/// The cells of this session, and where those of others are.
#[derive(Debug)]
pub(crate) struct History {
    /// The language of cells that say nothing else: cells of the other one are told with a marker.
    language: Language,
    cells: Mutex<Vec<Entry>>,
    /// `None` where the user has no place for records.
    records: Option<Records>,
    /// The name of this session's own record.
    own: Option<String>,
}

impl History {
    /// The history of a session that is recorded under that name, or not at all.
    pub(crate) fn new(language: Language, records: Option<Records>, own: Option<&str>) -> History {
        History {
            language,
            cells: Mutex::default(),
            records,
            own: own.map(str::to_owned),
        }
    }

    /// A cell is run.
    pub(crate) fn add(&self, number: u64, language: Language, source: &str) {
        let entry = Entry {
            session: 0,
            number,
            source: language.join_marker(source, self.language),
            output: None,
        };
        self.cells
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
    }

    /// A cell has a value.
    pub(crate) fn value(&self, number: u64, text: &str) {
        let mut entries = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.iter_mut().rev().find(|entry| entry.number == number) {
            entry.output = Some(text.to_owned());
        }
    }

    /// The content of the answer. Reads files: not for a task that others wait for.
    pub(crate) fn answer(&self, wanted: &Wanted) -> Value {
        let found = match wanted.hist_access_type {
            Access::Range => self.range(wanted),
            Access::Tail => self.last(wanted, |_| true),
            Access::Search => {
                let pattern = wanted.pattern.as_deref().unwrap_or("*");
                self.last(wanted, |entry| matches(pattern, &entry.source))
            }
        };
        let shown = found.into_iter().map(|entry| match wanted.output {
            true => json!([entry.session, entry.number, [entry.source, entry.output]]),
            false => json!([entry.session, entry.number, entry.source]),
        });
        json!({"status": "ok", "history": shown.collect::<Vec<_>>()})
    }

    fn range(&self, wanted: &Wanted) -> Vec<Entry> {
        let (names, own) = self.names();
        // Counted from 1.
        let at = match wanted.session {
            ..=0 => i64::try_from(own)
                .unwrap_or(i64::MAX)
                .saturating_add(wanted.session),
            session => session - 1,
        };
        let inside = |entry: &Entry| {
            entry.number >= wanted.start && wanted.stop.is_none_or(|stop| entry.number < stop)
        };
        let mut found = Vec::new();
        let mut take = |entry: Entry| {
            if inside(&entry) {
                found.push(entry);
            }
            true
        };
        match usize::try_from(at) {
            Ok(at) if at == own => self.here(wanted.output, &mut take),
            Ok(at) if at < names.len() => self.recorded(&names[at], at as u64 + 1, wanted.output, &mut take),
            _ => false,
        };
        found.reverse();
        found
    }

    /// The last entries that are wanted, in the order in which they were run.
    fn last(&self, wanted: &Wanted, is: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let most = wanted.n.unwrap_or(usize::MAX);
        let mut found: Vec<Entry> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
        let mut take = |entry: Entry| {
            if found.len() < most && is(&entry) && (!wanted.unique || known.insert(entry.source.clone())) {
                found.push(entry);
            }
            found.len() < most
        };
        if most > 0 && self.here(wanted.output, &mut take) {
            let (names, own) = self.names();
            for (at, name) in names.iter().enumerate().rev().filter(|(at, _)| *at != own) {
                if !self.recorded(name, at as u64 + 1, wanted.output, &mut take) {
                    break;
                }
            }
        }
        found.reverse();
        found
    }

    /// The names of all records, the one that was begun first first, and this session's place among them.
    fn names(&self) -> (Vec<String>, usize) {
        let names = self.records.as_ref().and_then(|records| records.names().ok());
        let names = names.unwrap_or_default();
        let own = names.iter().position(|name| Some(name) == self.own.as_ref());
        let own = own.unwrap_or(names.len());
        (names, own)
    }

    /// Hands over the cells of this session, the last one first, until `take` says that it has enough: then false.
    /// A session that continues a record has the cells in it too.
    fn here(&self, output: bool, take: &mut impl FnMut(Entry) -> bool) -> bool {
        let first = {
            let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in cells.iter().rev() {
                if !take(entry.clone()) {
                    return false;
                }
            }
            cells.first().map_or(u64::MAX, |entry| entry.number)
        };
        let mut earlier = |entry: Entry| entry.number >= first || take(entry);
        self.own
            .as_ref()
            .is_none_or(|own| self.recorded(own, 0, output, &mut earlier))
    }

    /// The same with the cells of a record. One that cannot be read has none.
    fn recorded(&self, name: &str, session: u64, output: bool, take: &mut impl FnMut(Entry) -> bool) -> bool {
        let sources = self.records.as_ref().map(|records| records.sources(name));
        let Some(Ok(sources)) = sources else { return true };
        let entry = |ran: Ran| Entry {
            session,
            number: ran.number,
            source: ran.language.join_marker(&ran.source, self.language),
            output: ran.value,
        };
        sources.newest_first(output).map(entry).all(take)
    }
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
        let history = History::new(Language::Elixir, None, None);
        for (number, source) in [(1, "a"), (2, "b"), (3, "a"), (4, "c")] {
            history.add(number, Language::Elixir, source);
        }
        history.value(4, "4");
        let ask = |question: Value| {
            let wanted: Wanted = serde_json::from_value(question).unwrap();
            history.answer(&wanted)["history"].clone()
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
        let empty =
            json!({"hist_access_type": null, "n": null, "session": null, "pattern": null, "stop": null});
        assert_eq!(sources(&ask(empty)), ["a", "b", "a", "c"]);
        assert_eq!(
            sources(&ask(json!({"hist_access_type": "range", "session": -1}))),
            [""; 0]
        );
        assert_eq!(
            sources(&ask(json!({"hist_access_type": "range", "session": i64::MIN}))),
            [""; 0]
        );
    }

    #[test]
    fn cells_of_the_other_language_are_told_with_a_marker() {
        let history = History::new(Language::Elixir, None, None);
        history.add(1, Language::Python, "x = 1");
        history.add(2, Language::Python, "# %%python\nx = 2");
        history.add(3, Language::Elixir, "x");
        let wanted: Wanted = serde_json::from_value(json!({"unique": true})).unwrap();
        let told = history.answer(&wanted)["history"].clone();
        assert_eq!(
            told,
            json!([[0, 1, "%%python\nx = 1"], [0, 2, "%%python\nx = 2"], [0, 3, "x"]])
        );
    }
}

//! The history: one for both languages, kept across sessions.
//!
//! A file of JSON lines in the state directory, an entry per line, so that a damaged line costs one entry and two
//! sessions can append at once; searched in memory. Nothing here can stop the prompt: a history that cannot be read
//! starts empty, and one that cannot be written lives as long as the session.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bridge_core::language::Language;
use reedline::{
    CommandLineSearch, History, HistoryItem, HistoryItemId, HistorySessionId, ReedlineError,
    ReedlineErrorVariants, Result, SearchDirection, SearchQuery,
};
use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::line::Line;

/// One entry: a cell or a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) language: Language,
    pub(crate) source: String,
    /// Seconds since 1970.
    pub(crate) at: u64,
}

/// The history of the prompt.
pub(crate) struct CellHistory {
    records: Records,
    file: Option<PathBuf>,
    line: Line,
}

/// The entries, oldest first; clones are the same.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<Record>>>);

impl Records {
    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How earlier entries went on, for hints. What was found is where the next search begins, as the text mostly grows.
pub(crate) struct Earlier {
    records: Records,
    text: String,
    language: Language,
    count: usize,
    /// The entry that the text is the beginning of.
    found: Option<usize>,
}

impl Earlier {
    /// How the last entry of that language that begins so went on, to the end of its line.
    pub(crate) fn rest(&mut self, text: &str, language: Language) -> Option<String> {
        if text.trim().is_empty() {
            return None;
        }
        let records = self.records.lock();
        let grows = !self.text.is_empty()
            && text.starts_with(&self.text)
            && self.language == language
            && self.count == records.len();
        let end = match (grows, self.found) {
            (false, _) => records.len(),
            (true, None) => 0,
            (true, Some(found)) => found + 1,
        };
        self.found = (0..end).rev().find(|index| {
            let record = &records[*index];
            record.language == language && record.source.len() > text.len() && record.source.starts_with(text)
        });
        text.clone_into(&mut self.text);
        self.language = language;
        self.count = records.len();
        let rest = &records[self.found?].source[text.len()..];
        let line = rest.lines().next().unwrap_or_default();
        (!line.is_empty()).then(|| line.to_owned())
    }
}

/// Where the history is kept.
pub(crate) fn path() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let directories = etcetera::base_strategy::Xdg::new().ok()?;
    Some(directories.state_dir()?.join("snakebridge").join("history.jsonl"))
}

impl CellHistory {
    /// Reads that file; without one, or when it cannot be used, the history lasts as long as the session. Says why.
    /// `kept` entries are kept; the file may grow to twice that before it is cut.
    pub(crate) fn open(file: Option<PathBuf>, kept: usize, line: Line) -> (CellHistory, Option<String>) {
        let (records, trouble) = match file.as_deref().map(|file| load(file, kept)) {
            None => (Vec::new(), None),
            Some(Ok(records)) => (records, None),
            Some(Err(error)) => (Vec::new(), Some(error.to_string())),
        };
        let said = trouble.map(|trouble| {
            let name = file.as_deref().unwrap_or(Path::new("")).display();
            format!(
                "the history {name} cannot be used: {trouble}; this session's cells are forgotten at its end"
            )
        });
        let file = file.filter(|_| said.is_none());
        let records = Records(Arc::new(Mutex::new(records)));
        (CellHistory { records, file, line }, said)
    }

    /// For hints.
    pub(crate) fn earlier(&self) -> Earlier {
        Earlier {
            records: self.records.clone(),
            text: String::new(),
            language: Language::Elixir,
            count: 0,
            found: None,
        }
    }

    fn remember(&mut self, source: &str) -> HistoryItemId {
        let record = Record {
            language: self.line.language(),
            source: source.trim_end().to_owned(),
            at: now(),
        };
        let mut records = self.records.lock();
        // Nobody looks for what the key that switches does too.
        let switches = match Entry::parse(&record.source, record.language) {
            Entry::Blank => true,
            Entry::Command { command, .. } => command.code.is_some_and(|(own, _)| own.is_some()),
            Entry::Code { .. } => false,
        };
        let repeated = records
            .last()
            .is_some_and(|last| last.source == record.source && last.language == record.language);
        if !repeated && !switches {
            // A disk that is full must not cost the cell: the entry stays in memory.
            if let Some(file) = &self.file {
                let _ = append(file, &record);
            }
            records.push(record);
        }
        HistoryItemId::new(records.len() as i64 - 1)
    }

    fn item(&self, index: usize) -> HistoryItem {
        let mut item = HistoryItem::from_command_line(&self.records.lock()[index].source);
        item.id = Some(HistoryItemId::new(index as i64));
        item
    }

    /// The records that a query means, nearest first.
    fn find(&self, query: &SearchQuery) -> Vec<usize> {
        let records = self.records.lock();
        let backward = matches!(query.direction, SearchDirection::Backward);
        let start = query.start_id.and_then(|id| usize::try_from(id.0).ok());
        // The engine asks for the next entry from the one it shows; showing the same text again would look stuck.
        let shown = start
            .and_then(|start| records.get(start))
            .map(|record| record.source.as_str());
        let wanted = |index: &usize| {
            let source = records[*index].source.as_str();
            shown != Some(source)
                && match &query.filter.command_line {
                    None => true,
                    Some(CommandLineSearch::Prefix(prefix)) => source.starts_with(prefix.as_str()),
                    Some(CommandLineSearch::Substring(part)) => source.contains(part.as_str()),
                    Some(CommandLineSearch::Exact(whole)) => source == whole,
                }
        };
        let limit = query
            .limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX);
        if backward {
            let end = start.unwrap_or(records.len()).min(records.len());
            (0..end).rev().filter(wanted).take(limit).collect()
        } else {
            let begin = start.map_or(0, |start| start + 1);
            (begin..records.len()).filter(wanted).take(limit).collect()
        }
    }
}

impl History for CellHistory {
    fn save(&mut self, mut item: HistoryItem) -> Result<HistoryItem> {
        item.id = Some(self.remember(&item.command_line));
        Ok(item)
    }

    fn load(&self, id: HistoryItemId) -> Result<HistoryItem> {
        let index = usize::try_from(id.0)
            .ok()
            .filter(|index| *index < self.records.lock().len());
        index
            .map(|index| self.item(index))
            .ok_or(unsupported("an entry that is not there"))
    }

    fn count(&self, query: SearchQuery) -> Result<i64> {
        Ok(self.find(&query).len() as i64)
    }

    /// What the engine finds one by one goes into the line, so the line is told its language.
    fn search(&self, query: SearchQuery) -> Result<Vec<HistoryItem>> {
        let found = self.find(&query);
        if query.limit == Some(1) {
            match found.first() {
                Some(index) => {
                    let record = &self.records.lock()[*index];
                    self.line.recall(&record.source, record.language);
                }
                None if matches!(query.direction, SearchDirection::Forward) => self.line.recall_ended(),
                None => self.line.recall_failed(),
            }
        }
        Ok(found.into_iter().map(|index| self.item(index)).collect())
    }

    fn update(&mut self, _: HistoryItemId, _: &dyn Fn(HistoryItem) -> HistoryItem) -> Result<()> {
        Err(unsupported("updating entries"))
    }

    fn clear(&mut self) -> Result<()> {
        self.records.lock().clear();
        match &self.file {
            Some(file) => Ok(fs::remove_file(file)?),
            None => Ok(()),
        }
    }

    fn delete(&mut self, _: HistoryItemId) -> Result<()> {
        Err(unsupported("removing entries"))
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn session(&self) -> Option<HistorySessionId> {
        None
    }
}

fn unsupported(feature: &'static str) -> ReedlineError {
    ReedlineError(ReedlineErrorVariants::HistoryFeatureUnsupported {
        history: "CellHistory",
        feature,
    })
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Reads the file, makes it if there is none, and cuts it when it has grown too long.
/// The entries of the user's history, the oldest first, and what hinders it.
pub(crate) fn read(kept: usize) -> (Vec<Record>, Option<String>) {
    let (history, trouble) = CellHistory::open(path(), kept, Line::new(Language::Elixir));
    (history.records.lock().clone(), trouble)
}

fn load(path: &Path, kept: usize) -> io::Result<Vec<Record>> {
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut bytes = Vec::new();
    // Opened as it will be written, so that a file that refuses is known now.
    options().read(true).open(path)?.read_to_end(&mut bytes)?;
    let mut records: Vec<Record> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    if records.len() > 2 * kept {
        records.drain(..records.len() - kept);
        let _ = rewrite(path, &records);
    }
    Ok(records)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options
}

/// One write, so that entries of two sessions never mix.
fn append(path: &Path, record: &Record) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    options().open(path)?.write_all(&line)
}

fn rewrite(path: &Path, records: &[Record]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record)?;
        text.push(b'\n');
    }
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&text)?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: usize = 100;
    use Language::{Elixir, Python};
    use reedline::SearchFilter;

    fn history(entries: &[(Language, &str)]) -> CellHistory {
        let line = Line::new(Elixir);
        let mut history = CellHistory::open(None, KEPT, line.clone()).0;
        for (language, source) in entries {
            line.set_language(*language);
            history.remember(source);
        }
        line.set_language(Elixir);
        history
    }

    fn step(
        history: &CellHistory,
        direction: SearchDirection,
        from: Option<i64>,
        prefix: &str,
    ) -> Option<(i64, String)> {
        let query = SearchQuery {
            direction,
            start_id: from.map(HistoryItemId::new),
            limit: Some(1),
            ..SearchQuery::last_with_search(SearchFilter::from_text_search(
                CommandLineSearch::Prefix(prefix.into()),
                None,
            ))
        };
        let item = history.search(query).unwrap().into_iter().next()?;
        Some((item.id.unwrap().0, item.command_line))
    }

    #[test]
    fn walking_back_and_forth_shows_each_text_and_tells_its_language() {
        let history = history(&[(Elixir, "a"), (Python, "b = 1"), (Elixir, "c"), (Python, "c")]);
        let found = step(&history, SearchDirection::Backward, None, "");
        assert_eq!(found, Some((3, "c".into())));
        history.line.painted("c", 1);
        assert_eq!(history.line.language(), Python);
        assert_eq!(
            step(&history, SearchDirection::Backward, Some(3), ""),
            Some((1, "b = 1".into()))
        );
        assert_eq!(
            step(&history, SearchDirection::Forward, Some(1), ""),
            Some((2, "c".into()))
        );
        assert_eq!(step(&history, SearchDirection::Backward, Some(0), ""), None);
        assert_eq!(step(&history, SearchDirection::Forward, Some(3), ""), None);
        assert_eq!(history.line.language(), Elixir);
    }

    #[test]
    fn typing_a_beginning_finds_what_begins_so() {
        let history = history(&[(Elixir, "x = 1"), (Python, "y = 2"), (Python, "x = 3")]);
        assert_eq!(
            step(&history, SearchDirection::Backward, None, "x"),
            Some((2, "x = 3".into()))
        );
        assert_eq!(
            step(&history, SearchDirection::Backward, Some(2), "x"),
            Some((0, "x = 1".into()))
        );
    }

    #[test]
    fn a_repeated_cell_is_one_entry_and_a_cell_of_many_lines_too() {
        let history = history(&[(Elixir, "a\n  b\n"), (Elixir, "a\n  b"), (Python, "a\n  b")]);
        assert_eq!(history.records.lock().len(), 2);
        assert_eq!(history.records.lock()[0].source, "a\n  b");
    }

    #[test]
    fn commands_that_switch_are_not_kept() {
        let history = history(&[
            (Elixir, ":py"),
            (Python, ":ex"),
            (Elixir, ":py x = 1"),
            (Elixir, ":help"),
        ]);
        let sources: Vec<String> = history
            .records
            .lock()
            .iter()
            .map(|record| record.source.clone())
            .collect();
        assert_eq!(sources, [":py x = 1", ":help"]);
    }

    #[test]
    fn a_hint_is_how_an_entry_of_the_same_language_went_on() {
        let mut history = history(&[
            (Python, "import os"),
            (Python, "def f(x):\n    return x"),
            (Elixir, "import Enum"),
        ]);
        let mut earlier = history.earlier();
        let mut check = |text: &str, language, expect: Option<&str>| {
            assert_eq!(earlier.rest(text, language).as_deref(), expect, "{text:?}");
        };
        check("", Python, None);
        check("i", Python, Some("mport os"));
        check("im", Elixir, Some("port Enum"));
        check("import ", Python, Some("os"));
        check("import x", Python, None);
        check("import xy", Python, None);
        check("import", Python, Some(" os"));
        check("import os", Python, None);
        // Line by line.
        check("def f", Python, Some("(x):"));
        check("def f(x):", Python, None);
        check("def f(x):\n    ", Python, Some("return x"));
        history.line.set_language(Python);
        history.remember("import os.path");
        check("import os", Python, Some(".path"));
    }

    #[test]
    fn what_was_typed_is_there_in_the_next_session_and_damage_costs_one_entry() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/history.jsonl");
        let line = Line::new(Python);
        CellHistory::open(Some(path.clone()), KEPT, line.clone())
            .0
            .remember("x = '日本'\ny");
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"language\":\"pyth\n\xff\xfe\n")
            .unwrap();
        CellHistory::open(Some(path.clone()), KEPT, line.clone())
            .0
            .remember("z");
        let sources: Vec<String> = CellHistory::open(Some(path.clone()), KEPT, line)
            .0
            .records
            .lock()
            .iter()
            .map(|record| record.source.clone())
            .collect();
        assert_eq!(sources, ["x = '日本'\ny", "z"]);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_history_that_cannot_be_used_is_said_and_lasts_for_the_session() {
        let directory = tempfile::tempdir().unwrap();
        let (mut history, said) =
            CellHistory::open(Some(directory.path().to_owned()), KEPT, Line::new(Elixir));
        assert!(said.unwrap().contains("cannot be used"));
        history.remember("a");
        assert_eq!(
            step(&history, SearchDirection::Backward, None, ""),
            Some((0, "a".into()))
        );
    }

    #[test]
    fn a_file_that_has_grown_too_long_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        let records: Vec<Record> = (0..2 * KEPT as u64 + 1)
            .map(|at| Record {
                language: Elixir,
                source: at.to_string(),
                at,
            })
            .collect();
        rewrite(&path, &records).unwrap();
        assert_eq!(load(&path, KEPT).unwrap().len(), KEPT);
        assert_eq!(load(&path, KEPT).unwrap().last(), records.last());
    }
}

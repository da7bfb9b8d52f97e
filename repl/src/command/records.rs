//! `:sessions` and `:history`: what has been done before.

use std::fmt::Write;
use std::io;

use bridge_core::record::{Listed, Records};

use crate::console::{Console, Next};
use crate::history::{self, Record};

/// How many entries `:history` shows.
const LAST: usize = 20;

/// `:sessions`.
pub(super) fn sessions(console: &mut Console, _: &str) -> io::Result<Next> {
    match Records::of_user().and_then(|records| records.list()) {
        Ok(sessions) if sessions.is_empty() => console.say("no sessions are recorded")?,
        Ok(sessions) => {
            console.say(&table(&sessions))?;
            console.hint(
                "`snakebridge sessions resume NAME` runs the cells of one again and goes on from there",
            )?;
        }
        Err(error) => console.fail(&error)?,
    }
    Ok(Next::Read)
}

/// The records as a table, for people.
pub fn table(sessions: &[Listed]) -> String {
    let width = sessions
        .iter()
        .map(|session| session.name.len())
        .max()
        .unwrap_or(0)
        .max("session".len());
    let mut text = format!(
        "{:width$}  {:20}  {:>6}  {:>9}\n",
        "session", "started", "cells", "size"
    );
    for session in sessions {
        let size = session.size_bytes.div_ceil(1024);
        let _ = writeln!(
            text,
            "{:width$}  {:20}  {:>6}  {size:>6} kB",
            session.name,
            time(&session.started),
            session.cells
        );
    }
    text
}

/// A record's time without the part that only orders records.
pub fn time(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

/// `:history [PATTERN|N]`.
pub(super) fn history(console: &mut Console, which: &str) -> io::Result<Next> {
    let (mut history, trouble) = history::read(console.config().history_size);
    // The command itself.
    history.pop();
    if let Some(trouble) = trouble {
        console.note(&trouble)?;
        return Ok(Next::Read);
    }
    let text = listing(&history, which);
    if text.is_empty() {
        console.note("no entry is like that")?;
    } else {
        console.say(&text)?;
    }
    Ok(Next::Read)
}

/// The entries that were asked for, numbered from the oldest.
fn listing(history: &[Record], which: &str) -> String {
    let wanted = which.to_lowercase();
    let (last, wanted) = match which.parse() {
        Ok(last) => (last, ""),
        Err(_) if which.is_empty() => (LAST, ""),
        Err(_) => (usize::MAX, wanted.as_str()),
    };
    let mut found: Vec<(usize, &Record)> = history
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, record)| record.source.to_lowercase().contains(wanted))
        .take(last)
        .collect();
    found.reverse();
    let mut text = String::new();
    for (index, record) in found {
        let number = index + 1;
        let mut lines = record.source.lines();
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(text, "{number:>6}  {:6}  {first}", record.language.name());
        for line in lines {
            let _ = writeln!(text, "{:16}{line}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use bridge_core::language::Language;

    #[test]
    fn entries_are_listed_by_number_or_by_what_they_contain() {
        let record = |language, source: &str| Record {
            language,
            source: source.into(),
            at: 0,
        };
        let history = [
            record(Language::Python, "def f():\n    return 1"),
            record(Language::Elixir, "Enum.map(xs, & &1)"),
            record(Language::Elixir, ":py f()"),
        ];
        insta::assert_snapshot!(listing(&history, ""), @r"
             1  python  def f():
                            return 1
             2  elixir  Enum.map(xs, & &1)
             3  elixir  :py f()
        ");
        assert_eq!(listing(&history, "1").lines().count(), 1);
        assert!(listing(&history, "ENUM").starts_with("     2"));
        assert_eq!(listing(&history, "nothing"), "");
    }
}

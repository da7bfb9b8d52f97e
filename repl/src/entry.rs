//! What a typed entry is: a command, or a cell in a language.
//!
//! `:word` is a command only when a command of that name is registered, so atoms stay atoms; a leading space makes
//! anything code. A line `%%python` or `%%elixir` makes what follows it a cell of that language; an entry may hold
//! several, which run one after the other.

use std::borrow::Cow;

use bridge_core::language::Language;

use crate::command::{self, Command, Way};

/// A typed entry.
#[derive(Clone, Copy)]
pub(crate) enum Entry<'a> {
    /// Nothing but white space.
    Blank,
    /// A command and what follows its name.
    Command {
        command: &'static Command,
        arguments: &'a str,
    },
    /// A cell. `offset` is where its source starts in the entry: not at 0 after `:py`, `:ex` and `%%python`. Of several
    /// it is the last, where typing goes on.
    Code {
        language: Language,
        source: &'a str,
        offset: usize,
        way: Way,
    },
}

impl<'a> Entry<'a> {
    /// Reads an entry that was typed at the prompt of that language.
    pub(crate) fn parse(text: &'a str, language: Language) -> Entry<'a> {
        if text.trim().is_empty() {
            return Entry::Blank;
        }
        let Some((command, rest)) = command_of(text) else {
            let last = cells(text, language).pop();
            let (language, offset) = last.map_or((language, 0), |cell| (cell.language, cell.offset));
            return Entry::Code {
                language,
                source: &text[offset..],
                offset,
                way: Way::Plain,
            };
        };
        let arguments = rest.trim();
        let source = rest.trim_start();
        match command.code {
            _ if arguments.is_empty() => Entry::Command { command, arguments },
            Some((own, way)) => Entry::Code {
                language: own.unwrap_or(language),
                source,
                offset: text.len() - source.len(),
                way,
            },
            None => Entry::Command { command, arguments },
        }
    }
}

/// One of the cells of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) language: Language,
    pub(crate) source: &'a str,
    /// Where it starts in the entry.
    pub(crate) offset: usize,
}

/// The cells of an entry that is no command. What stands before the first line that names a language is a cell of that
/// of the prompt, if it holds anything.
pub(crate) fn cells(text: &str, language: Language) -> Vec<Part<'_>> {
    let mut cells: Vec<Part<'_>> = Vec::new();
    let (mut current, mut start) = (language, 0);
    let mut end = |current, start: usize, end: usize, is_last: bool| {
        let source = &text[start..end];
        if is_last || !source.trim().is_empty() {
            cells.push(Part {
                language: current,
                source,
                offset: start,
            });
        }
    };
    if text.contains("%%") {
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let next = at + line.len();
            if let Some(language) = Language::from_marker(line) {
                end(current, start, at, false);
                (current, start) = (language, next);
            }
            at = next;
        }
    }
    end(current, start, text.len(), true);
    cells
}

fn command_of(text: &str) -> Option<(&'static Command, &str)> {
    let rest = text.strip_prefix(':')?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    Some((command::find(&rest[..end])?, &rest[end..]))
}

/// Whether that is what people type to leave a prompt of Python.
pub(crate) fn is_farewell(language: Language, source: &str) -> bool {
    language == Language::Python && matches!(source.trim(), "exit" | "quit" | "exit()" | "quit()")
}

/// The source as it is handed in: without blank lines at its end and, in Python, without the indentation that all
/// of it has (a leading space forces code; a pasted block may be indented as a whole).
pub(crate) fn runnable(language: Language, source: &str) -> Cow<'_, str> {
    let source = source.trim_end();
    let first = source.trim_start_matches('\n');
    let margin = &first[..first.len() - first.trim_start_matches([' ', '\t']).len()];
    match language {
        Language::Elixir => Cow::Borrowed(source),
        Language::Python if margin.is_empty() => Cow::Borrowed(source),
        Language::Python => {
            let lines: Option<Vec<&str>> = source
                .split('\n')
                .map(|line| {
                    if line.trim().is_empty() {
                        Some("")
                    } else {
                        line.strip_prefix(margin)
                    }
                })
                .collect();
            lines.map_or(Cow::Borrowed(source), |lines| Cow::Owned(lines.join("\n")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = match Entry::parse(text, Language::Elixir) {
            Entry::Blank => "blank".to_owned(),
            Entry::Command { command, arguments } => format!("{} [{arguments}]", command.name),
            Entry::Code {
                language,
                source,
                offset,
                ..
            } => {
                assert_eq!(&text[offset..], source);
                format!("{language} {source:?}")
            }
        };
        assert_eq!(found, expect, "{text:?}");
    }

    #[test]
    fn a_registered_word_after_a_colon_is_a_command() {
        check(":help", "help []");
        check(":help py ", "help [py]");
        check(":restart python", "restart [python]");
        check(":py", "py []");
        check(":ex  ", "ex []");
        check(":py x = 1", "python \"x = 1\"");
        check(":py for x in y:\n    x", "python \"for x in y:\\n    x\"");
        check(":time f(x)", "elixir \"f(x)\"");
        check(":timeit", "timeit []");
        check("%%python\nx = 1", "python \"x = 1\"");
        check("%%python", "python \"\"");
        check("%%python x", "elixir \"%%python x\"");
    }

    #[test]
    fn everything_else_is_code() {
        check("", "blank");
        check("  \n", "blank");
        check(":ok", "elixir \":ok\"");
        check(":helpful", "elixir \":helpful\"");
        check(":lists.reverse([1])", "elixir \":lists.reverse([1])\"");
        check(":help.me", "elixir \":help.me\"");
        check(" :help", "elixir \" :help\"");
        check("x = :help", "elixir \"x = :help\"");
        check("::", "elixir \"::\"");
        check(":", "elixir \":\"");
    }

    #[test]
    fn lines_that_name_a_language_part_an_entry() {
        check("%%python\nx = 1", "python \"x = 1\"");
        check("%%python", "python \"\"");
        check("%%python --bg\nx", "elixir \"%%python --bg\\nx\"");
        check("x\n%%python\ny\n%%elixir\nz", "elixir \"z\"");
        let found = |text| -> Vec<(Language, &str)> {
            cells(text, Language::Elixir)
                .into_iter()
                .map(|cell| (cell.language, cell.source))
                .collect()
        };
        assert_eq!(found("x = 1"), [(Language::Elixir, "x = 1")]);
        assert_eq!(found("%%python\ny\n"), [(Language::Python, "y\n")]);
        assert_eq!(
            found("x\n%%python\ny\n%%elixir\nz"),
            [
                (Language::Elixir, "x\n"),
                (Language::Python, "y\n"),
                (Language::Elixir, "z")
            ]
        );
    }

    #[test]
    fn what_runs_has_no_margin() {
        let check = |language, source, expect: &str| assert_eq!(runnable(language, source), expect);
        check(Language::Python, " x = 1\n", "x = 1");
        check(
            Language::Python,
            "    if x:\n        y\n\n    z\n    ",
            "if x:\n    y\n\nz",
        );
        check(Language::Python, "  x\ny", "  x\ny");
        check(Language::Elixir, " :help\n\n", " :help");
        check(Language::Python, "if x:\n    y\n    ", "if x:\n    y");
    }
}

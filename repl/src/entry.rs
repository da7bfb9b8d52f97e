//! What a typed entry is: a command, or a cell in a language.
//!
//! `:word` is a command only when a command of that name is registered, so atoms stay atoms; a leading space makes
//! anything code.

use std::borrow::Cow;

use bridge_core::language::Language;

use crate::command::{self, Command};

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
    /// A cell. `offset` is where its source starts in the entry: not at 0 after `:py` and `:ex`.
    Code {
        language: Language,
        source: &'a str,
        offset: usize,
    },
}

impl<'a> Entry<'a> {
    /// Reads an entry that was typed at the prompt of that language.
    pub(crate) fn parse(text: &'a str, language: Language) -> Entry<'a> {
        if text.trim().is_empty() {
            return Entry::Blank;
        }
        let code = Entry::Code {
            language,
            source: text,
            offset: 0,
        };
        let Some((command, rest)) = command_of(text) else {
            return code;
        };
        let arguments = rest.trim();
        match command.language {
            Some(language) if !arguments.is_empty() => {
                let source = rest.trim_start();
                Entry::Code {
                    language,
                    source,
                    offset: text.len() - source.len(),
                }
            }
            _ => Entry::Command { command, arguments },
        }
    }
}

fn command_of(text: &str) -> Option<(&'static Command, &str)> {
    let rest = text.strip_prefix(':')?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    Some((command::find(&rest[..end])?, &rest[end..]))
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

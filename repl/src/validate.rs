//! Whether Enter runs what has been typed, or starts another line.
//!
//! The language's own parser decides. While it cannot answer, a quick look at the source does ([`crate::scan`]).
//! Whoever is caught in something left open gets out without learning a trick: Enter on a blank line runs the cell
//! as it stands, and where blank lines belong to the text (in brackets, in a `do` block, in a heredoc) the second one
//! does.

use bridge_core::language::Language;
use bridge_core::session::Completeness;

use crate::entry::{Entry, runnable};
use crate::scan::{Open, Scan, scan};

/// What Enter does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The cell, or the command, runs.
    Run,
    /// A line follows that starts with these spaces.
    More(String),
}

/// Decides for an entry typed at the prompt of `language`. `ask` puts the question to the language; it may have no
/// answer in time.
pub(crate) fn verdict(
    text: &str,
    language: Language,
    ask: impl FnOnce(Language, &str) -> Option<Completeness>,
) -> Verdict {
    let Entry::Code { language, source, .. } = Entry::parse(text, language) else {
        return Verdict::Run;
    };
    let blank = blank_lines(source);
    // Below a line `%%python`.
    if source.trim().is_empty() {
        return if blank == 0 && !text.ends_with('\n') {
            Verdict::More(String::new())
        } else {
            Verdict::Run
        };
    }
    let found = scan(language, source);
    if blank >= blank_lines_that_force(found.open) {
        return Verdict::Run;
    }
    // To Python's grammar a block with one line is complete; to who types it, a blank line ends it.
    if found.open == Open::Indented && source.contains('\n') {
        return more(&found, "");
    }
    match ask(language, &runnable(language, source)) {
        Some(Completeness::Complete | Completeness::Invalid) => Verdict::Run,
        Some(Completeness::Incomplete { indent }) => more(&found, &indent),
        None if found.open == Open::Nothing => Verdict::Run,
        None => more(&found, ""),
    }
}

/// What to tell whoever stands on a blank line of something that reads like a trap.
pub(crate) fn way_out(text: &str, language: Language) -> Option<&'static str> {
    let Entry::Code { language, source, .. } = Entry::parse(text, language) else {
        return None;
    };
    let blank = blank_lines(source);
    if blank == 0 {
        return None; // asked at every paint
    }
    let open = scan(language, source).open;
    let trap = matches!(open, Open::Quote | Open::Text | Open::Block | Open::Bracket);
    (trap && blank >= blank_lines_that_force(open)).then_some("Enter runs it as it is, Ctrl-C drops it")
}

fn more(found: &Scan, indent: &str) -> Verdict {
    let spaces = found.indent.max(indent.chars().count());
    Verdict::More(" ".repeat(spaces))
}

/// How many lines without text stand at the end. The cursor is on the last of them.
fn blank_lines(source: &str) -> usize {
    source[source.trim_end().len()..].matches('\n').count()
}

fn blank_lines_that_force(open: Open) -> usize {
    match open {
        Open::Text | Open::Block | Open::Bracket => 2,
        Open::Nothing | Open::Quote | Open::Indented | Open::Continued => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Elixir, Python};

    fn more(spaces: usize) -> Verdict {
        Verdict::More(" ".repeat(spaces))
    }

    #[track_caller]
    fn check(language: Language, text: &str, answer: Option<Completeness>, expect: Verdict) {
        assert_eq!(verdict(text, language, |_, _| answer), expect, "{text:?}");
    }

    fn incomplete(indent: &str) -> Option<Completeness> {
        Some(Completeness::Incomplete {
            indent: indent.into(),
        })
    }

    #[test]
    fn the_language_decides() {
        check(Elixir, "1 + 1", Some(Completeness::Complete), Verdict::Run);
        check(Elixir, "foo(", incomplete(""), more(2));
        check(Elixir, "%%python", Some(Completeness::Complete), more(0));
        check(Elixir, "foo)", Some(Completeness::Invalid), Verdict::Run);
        // The quick look takes this for open.
        check(Elixir, "x = [", Some(Completeness::Complete), Verdict::Run);
        check(Python, "if x:", incomplete("    "), more(4));
    }

    #[test]
    fn the_quick_look_stands_in() {
        check(Elixir, "1 + 1", None, Verdict::Run);
        check(Elixir, "defmodule A do", None, more(2));
        check(Python, "def f():", None, more(4));
        check(Python, "x = 1", None, Verdict::Run);
    }

    #[test]
    fn commands_run_and_their_code_may_go_on() {
        check(Elixir, ":help", incomplete(""), Verdict::Run);
        check(Elixir, "  ", incomplete(""), Verdict::Run);
        let mut asked = None;
        verdict(":py f(1,", Elixir, |language, source| {
            asked = Some((language, source.to_owned()));
            None
        });
        assert_eq!(asked, Some((Python, "f(1,".to_owned())));
    }

    #[test]
    fn a_line_that_names_the_language_waits_for_a_cell() {
        check(Elixir, "%%python", None, more(0));
        check(Elixir, "%%python\n", None, Verdict::Run);
        check(Elixir, "%%python\nif x:", None, more(4));
        check(Python, "%%elixir\nif x do", None, more(2));
        check(Elixir, "x = 1\n%%python\nf(", None, more(4));
    }

    #[test]
    fn a_blank_line_ends_a_block_of_python() {
        check(
            Python,
            "for x in y:\n    print(x)",
            Some(Completeness::Complete),
            more(4),
        );
        check(
            Python,
            "for x in y:\n    print(x)\n    ",
            incomplete("    "),
            Verdict::Run,
        );
        check(
            Python,
            "def f():\n    return 1",
            Some(Completeness::Complete),
            more(0),
        );
    }

    #[test]
    fn blank_lines_lead_out_of_what_was_left_open() {
        check(Elixir, "[1, 2\n", incomplete(""), more(0));
        check(Elixir, "[1, 2\n\n", incomplete(""), Verdict::Run);
        check(Elixir, "\"abc\n", incomplete(""), Verdict::Run);
        check(Python, "f(1,\n", incomplete(""), more(0));
        check(Python, "f(1,\n\n", incomplete(""), Verdict::Run);
        check(Elixir, "defmodule A do\n", incomplete(""), more(2));
        check(Elixir, "defmodule A do\n  \n  ", incomplete(""), Verdict::Run);
        check(Elixir, "\"\"\"\ntext\n", incomplete(""), more(0));
        check(Elixir, "\"\"\"\ntext\n\n", incomplete(""), Verdict::Run);
    }

    #[test]
    fn the_way_out_is_told_where_it_is() {
        let told = |text: &str| way_out(text, Elixir).is_some();
        assert!(!told("\"abc"));
        assert!(told("\"abc\n"));
        assert!(!told("[1, 2\n"));
        assert!(told("[1, 2\n\n"));
        assert!(!told("defmodule A do\n  "));
        assert!(told("defmodule A do\n  \n  "));
        assert!(!told("1 + 1\n"));
        assert!(!told(":help"));
    }
}

//! When an opening bracket or quote brings its closing one.

use bridge_core::language::Language;
use reedline::{AutoPairAction, AutoPairContext, AutoPairs};

use crate::entry::Entry;
use crate::scan;

/// The pairs of both languages.
pub(crate) fn pairs() -> AutoPairs {
    AutoPairs::new([('(', ')'), ('[', ']'), ('{', '}'), ('"', '"'), ('\'', '\'')])
}

/// Whether what the editor would do is what is meant. `alone` says that the key came by itself: keys that come together
/// are a paste, and whole already.
pub(crate) fn wanted(context: &AutoPairContext<'_>, prompt: Language, alone: bool) -> bool {
    let (before, after) = context.buffer().split_at(context.insertion_point());
    let (open, close) = context.pair();
    match context.action() {
        AutoPairAction::Open => alone && opens(before, after, open, close, prompt),
        // `\"` is a part of the string.
        AutoPairAction::SkipExistingCloser => open != close || !before.ends_with('\\'),
        _ => true,
    }
}

fn opens(before: &str, after: &str, open: char, close: char, prompt: Language) -> bool {
    let next_is_free = after
        .chars()
        .next()
        .is_none_or(|next| next.is_whitespace() || ")]},;:".contains(next));
    if !next_is_free {
        return false;
    }
    let Entry::Code { language, source, .. } = Entry::parse(before, prompt) else {
        // The first key of an entry.
        return before.is_empty();
    };
    if scan::scan(language, source).is_text {
        return false;
    }
    open != close || quote_opens(before, open, language)
}

/// Not behind a word (`don't`), unless that is what a string starts with, nor behind another quote (`"""`) or Elixir's
/// `?`.
fn quote_opens(before: &str, quote: char, language: Language) -> bool {
    let word_at = before
        .rfind(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let word = &before[word_at..];
    let previous = before[..word_at].chars().next_back();
    if word.is_empty() {
        return previous != Some(quote) && !(language == Language::Elixir && previous == Some('?'));
    }
    match language {
        Language::Elixir => previous == Some('~'),
        Language::Python => {
            matches!(
                word.to_ascii_lowercase().as_str(),
                "r" | "b" | "f" | "u" | "t" | "rb" | "br" | "rf" | "fr" | "rt" | "tr"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Elixir, Python};

    #[track_caller]
    fn check(language: Language, before: &str, after: &str, open: char, expect: bool) {
        let close = match open {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            other => other,
        };
        assert_eq!(
            opens(before, after, open, close, language),
            expect,
            "{before:?} {open}"
        );
    }

    #[test]
    fn brackets_open_where_code_goes_on() {
        check(Elixir, "", "", '[', true);
        check(Elixir, "f", "", '(', true);
        check(Elixir, "f(", ")", '[', true);
        check(Elixir, "f", "x", '(', false);
        check(Elixir, "\"a ", "\"", '(', false);
        check(Elixir, "\"a #{", "}\"", '[', true);
        check(Elixir, "# it", "", '(', false);
        check(Python, "x = 'a", "'", '[', false);
        check(Python, "# x", "", '(', false);
    }

    #[test]
    fn quotes_open_only_where_a_string_begins() {
        check(Python, "x = ", "", '"', true);
        check(Python, "f", "", '"', true);
        check(Python, "x", "", '\'', false);
        check(Python, "x = rb", "", '\'', true);
        check(Python, "\"\"", "", '"', false);
        check(Elixir, "~s", "", '"', true);
        check(Elixir, "?", "", '"', false);
        check(Elixir, "don", "", '\'', false);
        check(Elixir, "\"it", "\"", '\'', false);
    }
}

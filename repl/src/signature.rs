//! The signature of the call that is being written, on one line, with the parameter that comes next marked.
//!
//! It is read off the beginning of what `inspect` says: both languages head it with `name(parameters)`, Elixir with one
//! for each arity.

use std::ops::Range;

use nu_ansi_term::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::scan::Call;

/// The line for a terminal of that width; `None` when nothing in the text is a signature.
pub(crate) fn line(text: &str, call: &Call, columns: usize) -> Option<String> {
    let all: Vec<Signature<'_>> = text
        .split("\n\n")
        .map(|heading| {
            heading
                .trim_start_matches("called as ")
                .trim_start_matches("class ")
        })
        .take(8)
        .filter_map(Signature::read)
        .collect();
    let needed = call.argument + 1 + usize::from(call.piped);
    let signature = all
        .iter()
        .find(|one| one.parameters.len() >= needed)
        .or(all.last())?;
    Some(painted(signature.text, signature.current(call), columns))
}

struct Signature<'a> {
    text: &'a str,
    /// Where its parameters stand.
    parameters: Vec<Range<usize>>,
}

impl<'a> Signature<'a> {
    fn read(text: &'a str) -> Option<Signature<'a>> {
        let text = text.trim();
        let open = text.find('(')?;
        let name = &text[..open];
        let is_name = !name.is_empty()
            && !text.contains('\n')
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || "_.:?![]'\"".contains(c));
        if !is_name {
            return None;
        }
        let mut parameters = Vec::new();
        let mut depth = 0usize;
        let mut quote = None;
        let mut start = open + 1;
        for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
            match (quote, c) {
                (Some(open), c) => quote = Some(open).filter(|open| *open != c),
                (None, '"' | '\'') => quote = Some(c),
                (None, '(' | '[' | '{') => depth += 1,
                (None, ')' | ']' | '}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        parameters.push(start..at);
                        break;
                    }
                }
                (None, ',') if depth == 1 => {
                    parameters.push(start..at);
                    start = at + 1;
                }
                _ => {}
            }
        }
        let parameters = parameters
            .into_iter()
            .map(|range| {
                let blank = text[range.clone()].len() - text[range.clone()].trim_start().len();
                range.start + blank..range.end
            })
            // Python's `/` and `*` are no parameters.
            .filter(|range| !matches!(text[range.clone()].trim(), "" | "/" | "*" | "..."))
            .collect();
        Some(Signature { text, parameters })
    }

    /// The parameter that is being given: by its name, else by its place; what is too many belongs to the last that
    /// takes any number.
    fn current(&self, call: &Call) -> Option<Range<usize>> {
        let name = |range: &Range<usize>| {
            let text = self.text[range.clone()].trim_start_matches('*');
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
            text[..end.unwrap_or(text.len())].to_owned()
        };
        let found = match &call.keyword {
            Some(keyword) => self.parameters.iter().find(|range| name(range) == *keyword),
            None => self.parameters.get(call.argument + usize::from(call.piped)),
        };
        let rest = |mark: &str| {
            self.parameters
                .iter()
                .find(|range| self.text[(*range).clone()].starts_with(mark))
        };
        let any = match call.keyword {
            Some(_) => self
                .parameters
                .iter()
                .find(|range| self.text[(*range).clone()].starts_with("**")),
            None => rest("*"),
        };
        let place = match (&call.keyword, rest("*")) {
            // Behind `*args` nothing is given by its place.
            (None, Some(star)) if found.is_some_and(|found| found.start > star.start) => Some(star),
            _ => found.or(any),
        };
        place.cloned()
    }
}

/// The text on one line of that width, dimmed, the range not; what does not fit is cut so that the range is seen.
fn painted(text: &str, range: Option<Range<usize>>, columns: usize) -> String {
    let width = columns.saturating_sub(5).max(10);
    let dim = Style::new().dimmed();
    let strong = Style::new().bold();
    let range = range.unwrap_or(0..0);
    let mut start = 0;
    let shown = text.ceil_char_boundary(range.end + 1);
    while text[start..shown.max(start)].width() >= width {
        start += text[start..].chars().next().map_or(1, char::len_utf8);
    }
    let mut taken = 0;
    let end = text[start..]
        .char_indices()
        .find(|(_, c)| {
            taken += c.width().unwrap_or(0);
            taken >= width
        })
        .map_or(text.len(), |(at, _)| start + at);
    let inside = |at: usize| at.clamp(start, end);
    let (from, to) = (inside(range.start), inside(range.end));
    let mut line = String::from("  ");
    let mut push = |style: Style, text: &str| {
        if !text.is_empty() {
            line.push_str(&style.paint(text).to_string());
        }
    };
    push(dim, if start > 0 { "…" } else { "" });
    push(dim, &text[start..from]);
    push(strong, &text[from..to]);
    push(dim, &text[to..end]);
    push(dim, if end < text.len() { "…" } else { "" });
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::without_escapes;

    fn call(argument: usize, keyword: Option<&str>, piped: bool) -> Call {
        Call {
            name_end: 0,
            argument,
            keyword: keyword.map(str::to_owned),
            piped,
        }
    }

    #[track_caller]
    fn check(text: &str, call: &Call, expect: &str) {
        let signature = Signature::read(text).unwrap();
        let found = signature.current(call).map(|range| &signature.text[range]);
        assert_eq!(found, Some(expect).filter(|expect| !expect.is_empty()));
    }

    #[test]
    fn the_parameter_that_comes_next_is_found() {
        let round = "round(number, ndigits=None)";
        check(round, &call(0, None, false), "number");
        check(round, &call(1, None, false), "ndigits=None");
        check(round, &call(2, None, false), "");
        check(round, &call(0, Some("ndigits"), false), "ndigits=None");
        let print = "print(*args, sep=' ', end='\\n', file=None, flush=False)";
        check(print, &call(3, None, false), "*args");
        check(print, &call(1, Some("sep"), false), "sep=' '");
        check(
            "f(a, /, b, *, c: dict[str, int] = {}, **rest)",
            &call(1, None, false),
            "b",
        );
        check(
            "f(a, /, b, *, c: dict[str, int] = {}, **rest)",
            &call(2, Some("c"), false),
            "c: dict[str, int] = {}",
        );
        check("f(a, **rest)", &call(1, Some("x"), false), "**rest");
        check("Enum.map(enumerable, fun)", &call(0, None, true), "fun");
        check("f()", &call(0, None, false), "");
    }

    #[test]
    fn the_arity_that_fits_is_shown() {
        let text =
            "Enum.reduce(enumerable, fun)\n\nEnum.reduce(enumerable, acc, fun)\n\nInvokes `fun` (again).";
        let shown = |argument, piped| {
            let line = line(text, &call(argument, None, piped), 80).unwrap();
            without_escapes(&line)
        };
        assert_eq!(shown(0, false), "  Enum.reduce(enumerable, fun)");
        assert_eq!(shown(1, true), "  Enum.reduce(enumerable, acc, fun)");
        assert_eq!(shown(7, false), "  Enum.reduce(enumerable, acc, fun)");
        assert_eq!(
            line(
                "x: int = 1\n\nAn integer (of any size).",
                &call(0, None, false),
                80
            ),
            None
        );
    }

    #[test]
    fn a_long_signature_shows_what_is_being_given() {
        let parameters: Vec<String> = (0..40).map(|index| format!("parameter_{index}")).collect();
        let text = format!("f({})", parameters.join(", "));
        for (argument, seen) in [(0, "parameter_0,"), (20, "parameter_20"), (39, "parameter_39)")] {
            let line = without_escapes(&line(&text, &call(argument, None, false), 60).unwrap());
            assert!(line.contains(seen), "{line}");
            assert!(line.width() < 60, "{line}");
        }
        line("f(日本語, x)", &call(0, None, false), 5).unwrap();
    }
}

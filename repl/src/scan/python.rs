//! The quick look at Python.

use super::{Bracket, Open, Scan, indentation, last_line};

const STEP: usize = 4;

pub(super) fn scan(source: &str) -> Scan {
    // Each open bracket with the indentation of its line.
    let mut brackets: Vec<(Bracket, usize)> = Vec::new();
    let mut text: Option<char> = None;
    let mut is_text = false;
    let mut backslash = false;
    // The last character of code, and the indentation of the logical line that holds it.
    let mut last_code = '\n';
    let mut logical_line = 0;
    let mut line = source.lines().next().map_or(0, indentation);
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if c == '\n' {
            line = indentation(&rest[1..]);
            rest = &rest[1..];
            continue;
        }
        let (taken, token) = token(rest, c);
        let at = source.len() - rest.len();
        is_text = matches!(token, Token::Comment | Token::Unclosed) && at + taken == source.len();
        match token {
            Token::Comment | Token::Space => {}
            Token::Text(quote) => {
                text = Some(quote);
                break;
            }
            Token::Continuation => backslash = rest[taken..].trim().is_empty(),
            Token::Code | Token::Unclosed => {
                if brackets.is_empty() && !backslash && is_first_of_its_line(source, at) {
                    logical_line = line;
                }
                backslash = false;
                match c {
                    '(' | '[' | '{' => brackets.push((Bracket::new(at, c), line)),
                    ',' => {
                        if let Some((bracket, _)) = brackets.last_mut() {
                            bracket.comma(at);
                        }
                    }
                    ')' | ']' | '}' => drop(brackets.pop()),
                    _ => {}
                }
                last_code = rest[..taken].chars().next_back().unwrap_or(c);
            }
        }
        rest = &rest[taken..];
    }
    let last = last_line(source);
    let open = if text.is_some() {
        Open::Text
    } else if !brackets.is_empty() {
        Open::Bracket
    } else if backslash {
        Open::Continued
    } else if last_code == ':' || logical_line > 0 || last.trim_start().starts_with('@') {
        Open::Indented
    } else {
        Open::Nothing
    };
    let indent = match open {
        Open::Nothing | Open::Text | Open::Quote => 0,
        _ if last_code == ':' || (open == Open::Bracket && matches!(last_code, '(' | '[' | '{')) => {
            indentation(last) + STEP
        }
        _ if open == Open::Indented && leaves(last) => indentation(last).saturating_sub(STEP),
        _ => indentation(last),
    };
    let closing = brackets
        .last()
        .map_or(indent.saturating_sub(STEP), |(_, indent)| *indent);
    Scan {
        open,
        indent,
        closing,
        is_text: is_text || text.is_some(),
        call: brackets
            .iter()
            .rev()
            .find_map(|(bracket, _)| bracket.call(source, '=')),
    }
}

/// Whether nothing can follow that line in its block.
fn leaves(line: &str) -> bool {
    let word = line.trim_start().split(|c: char| !c.is_alphanumeric()).next();
    matches!(word, Some("return" | "pass" | "break" | "continue" | "raise"))
}

fn is_first_of_its_line(source: &str, at: usize) -> bool {
    let start = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    source[start..at].trim().is_empty()
}

enum Token {
    Space,
    Comment,
    Code,
    /// A string of one line that does not end.
    Unclosed,
    /// A backslash at the end of its line.
    Continuation,
    /// A triple-quoted string that does not end.
    Text(char),
}

/// How many bytes the token takes, and what it is.
fn token(rest: &str, c: char) -> (usize, Token) {
    match c {
        '#' => (rest.find('\n').unwrap_or(rest.len()), Token::Comment),
        '"' | '\'' => string(rest, c),
        '\\' if rest[1..].trim_start_matches([' ', '\t']).starts_with('\n')
            || rest[1..].trim().is_empty() =>
        {
            (
                rest.find('\n').map_or(rest.len(), |newline| newline + 1),
                Token::Continuation,
            )
        }
        c if c.is_whitespace() => (c.len_utf8(), Token::Space),
        c => (c.len_utf8(), Token::Code),
    }
}

fn string(rest: &str, quote: char) -> (usize, Token) {
    let triple = rest.chars().take(3).filter(|c| *c == quote).count() == 3;
    let width = if triple { 3 } else { 1 };
    let mut chars = rest[width..].char_indices();
    while let Some((at, c)) = chars.next() {
        let here = &rest[width + at..];
        match c {
            '\\' => drop(chars.next()),
            // A one-line string ends with its line, closed or not: the language says what is wrong.
            '\n' if !triple => return (width + at, Token::Unclosed),
            c if c == quote && (!triple || here.chars().take(3).filter(|c| *c == quote).count() == 3) => {
                return (width + at + width, Token::Code);
            }
            _ => {}
        }
    }
    (
        rest.len(),
        if triple {
            Token::Text(quote)
        } else {
            Token::Unclosed
        },
    )
}

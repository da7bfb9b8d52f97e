//! The quick look at Elixir.

use super::{Bracket, Open, Scan, indentation, last_line};

const STEP: usize = 2;

/// Binary operators and words after which a line goes on.
const CONTINUING: [&str; 29] = [
    "|>", "=", "<>", "++", "--", "->", "<-", "=>", "|", "||", "&&", "|||", "&&&", "+", "-", "*", "/", "==",
    "!=", "<=", ">=", "=~", "\\\\", "::", "and", "or", "in", "when", "not",
];

enum Frame {
    Bracket(char, Bracket),
    Block,
    String(Delimiter),
}

#[derive(Clone, Copy)]
struct Delimiter {
    close: char,
    heredoc: bool,
    /// Whether `#{}` and escapes mean something: not in upper-case sigils.
    interpolates: bool,
}

pub(super) fn scan(source: &str) -> Scan {
    // Each frame with the indentation of the line that opened it.
    let mut stack: Vec<(Frame, usize)> = Vec::new();
    let mut tokens = Tokens {
        rest: source,
        line: source.lines().next().map_or(0, indentation),
        previous: ' ',
    };
    let mut comment = false;
    while let Some(c) = tokens.rest.chars().next() {
        let opened_at = tokens.line;
        let at = source.len() - tokens.rest.len();
        if let Some((Frame::String(delimiter), _)) = stack.last() {
            let delimiter = *delimiter;
            match tokens.in_string(delimiter, c) {
                InString::Text => {}
                InString::Closed => drop(stack.pop()),
                InString::Interpolation => {
                    let bracket = Bracket::new(at, '{');
                    stack.push((Frame::Bracket('}', bracket), opened_at));
                }
            }
            continue;
        }
        match tokens.in_code(c) {
            Token::Other => {}
            Token::Comma => {
                if let Some((Frame::Bracket(_, bracket), _)) = stack.last_mut() {
                    bracket.comma(at);
                }
            }
            Token::Comment => comment = tokens.rest.is_empty(),
            Token::Open(close) => stack.push((Frame::Bracket(close, Bracket::new(at, c)), opened_at)),
            Token::Close(close) => {
                // A bracket that matches nothing is the language's to complain about.
                if matches!(stack.last(), Some((Frame::Bracket(open, _), _)) if *open == close) {
                    stack.pop();
                }
            }
            Token::Block => stack.push((Frame::Block, opened_at)),
            Token::End => {
                if matches!(stack.last(), Some((Frame::Block, _))) {
                    stack.pop();
                }
            }
            Token::String(delimiter) => stack.push((Frame::String(delimiter), opened_at)),
        }
    }
    let is_text = comment || matches!(stack.last(), Some((Frame::String(_), _)));
    let call = stack.iter().rev().find_map(|(frame, _)| match frame {
        Frame::Bracket(_, bracket) => bracket.call(source, ':'),
        _ => None,
    });
    let open = match stack.last() {
        Some((Frame::Bracket(..), _)) => Open::Bracket,
        Some((Frame::Block, _)) => Open::Block,
        Some((Frame::String(delimiter), _)) if delimiter.heredoc => Open::Text,
        Some((Frame::String(_), _)) => Open::Quote,
        None if continues(last_line(source)) => Open::Continued,
        None => Open::Nothing,
    };
    let last = last_line(source);
    let deeper = ends_with_opener(last) && open != Open::Text && open != Open::Quote;
    let indent = match open {
        Open::Nothing => 0,
        _ => indentation(last) + if deeper { STEP } else { 0 },
    };
    Scan {
        open,
        indent,
        closing: stack.last().map_or(0, |(_, indent)| *indent),
        is_text,
        call,
    }
}

/// A line's code without a comment at its end. A `#` in a string is taken for a comment too: a rare wrong guess.
fn without_comment(line: &str) -> &str {
    let code = line.find(" #").map_or(line, |at| &line[..at]);
    if code.trim_start().starts_with('#') {
        ""
    } else {
        code.trim_end()
    }
}

fn continues(line: &str) -> bool {
    let code = without_comment(line);
    code.ends_with(',')
        || code
            .split_whitespace()
            .next_back()
            .is_some_and(|word| CONTINUING.contains(&word))
}

fn ends_with_opener(line: &str) -> bool {
    let code = without_comment(line);
    code.ends_with("->")
        || code.ends_with(['(', '[', '{'])
        || code.ends_with("<<")
        || code
            .split_whitespace()
            .next_back()
            .is_some_and(|word| word == "do" || word == "fn")
        || matches!(code.trim(), "else" | "rescue" | "catch" | "after")
}

enum Token {
    Open(char),
    Close(char),
    Block,
    End,
    String(Delimiter),
    Comma,
    Comment,
    Other,
}

enum InString {
    Text,
    Closed,
    Interpolation,
}

struct Tokens<'a> {
    rest: &'a str,
    /// The indentation of the line being read.
    line: usize,
    /// The character before the token.
    previous: char,
}

impl Tokens<'_> {
    /// Goes on by that many bytes.
    fn skip(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        if taken.contains('\n') {
            self.line = indentation(rest);
        }
        self.previous = taken.chars().next_back().unwrap_or(self.previous);
        self.rest = rest;
    }

    fn skip_char(&mut self) {
        self.skip(self.rest.chars().next().map_or(0, char::len_utf8));
    }

    fn in_string(&mut self, delimiter: Delimiter, c: char) -> InString {
        if c == '\\' {
            self.skip_char();
            self.skip_char();
            return InString::Text;
        }
        if delimiter.interpolates && self.rest.starts_with("#{") {
            self.skip(2);
            return InString::Interpolation;
        }
        if c == delimiter.close {
            if !delimiter.heredoc {
                self.skip_char();
                return InString::Closed;
            }
            let quotes = self.rest.chars().take_while(|other| *other == c).count();
            if quotes >= 3 {
                self.skip(3);
                return InString::Closed;
            }
        }
        self.skip_char();
        InString::Text
    }

    fn in_code(&mut self, c: char) -> Token {
        let previous = self.previous;
        match c {
            '#' => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.skip(end);
                Token::Comment
            }
            ',' => {
                self.skip_char();
                Token::Comma
            }
            '"' | '\'' => Token::String(self.quote(c, true)),
            '~' => self.sigil(),
            '?' if !is_word(previous) => {
                self.skip_char();
                if self.rest.starts_with('\\') {
                    self.skip_char();
                }
                self.skip_char();
                Token::Other
            }
            '(' | '[' | '{' => {
                self.skip_char();
                Token::Open(closing(c))
            }
            ')' | ']' | '}' => {
                self.skip_char();
                Token::Close(c)
            }
            // `<<` opens and `>>` closes a bitstring; `<<<` and its like are operators.
            '<' | '>' => {
                let run = self.rest.bytes().take_while(|byte| *byte == c as u8).count();
                self.skip(run);
                match (run, c, self.rest.starts_with('~')) {
                    (2, '<', false) => Token::Open('>'),
                    (2, '>', _) => Token::Close('>'),
                    _ => Token::Other,
                }
            }
            c if c.is_alphabetic() || c == '_' => self.word(previous),
            _ => {
                self.skip_char();
                Token::Other
            }
        }
    }

    fn word(&mut self, previous: char) -> Token {
        let end = self.rest.find(|c: char| !is_word(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        let after = &self.rest[end..];
        let is_key = after.starts_with(':') && !after.starts_with("::");
        let is_keyword =
            !is_key && !matches!(previous, '.' | ':' | '@' | '&') && !after.starts_with(['?', '!']);
        let token = match word {
            "do" | "fn" if is_keyword => Token::Block,
            "end" if is_keyword => Token::End,
            _ => Token::Other,
        };
        self.skip(end);
        token
    }

    fn sigil(&mut self) -> Token {
        self.skip_char();
        let name = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(self.rest.len());
        let upper = self.rest.starts_with(|c: char| c.is_ascii_uppercase());
        let opens = self.rest[name..].chars().next();
        let Some(open) = opens.filter(|c| name > 0 && "/|\"'([{<".contains(*c)) else {
            return Token::Other;
        };
        self.skip(name);
        Token::String(self.quote(open, !upper))
    }

    /// The delimiter that stands here, which may be that of a heredoc.
    fn quote(&mut self, open: char, interpolates: bool) -> Delimiter {
        let heredoc =
            matches!(open, '"' | '\'') && self.rest.chars().take(3).filter(|c| *c == open).count() == 3;
        self.skip(if heredoc { 3 } else { 1 });
        Delimiter {
            close: closing(open),
            heredoc,
            interpolates,
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        other => other,
    }
}

//! A quick look at a source: what is still open at its end, and how far the next line is indented.
//!
//! It is no parser. Whether a cell is complete is the language's to say; this answers while the language cannot,
//! tells a block from a stray quote, and indents.

mod elixir;
mod python;

use bridge_core::language::Language;

/// What a source leaves open at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// Nothing: it can be run.
    Nothing,
    /// A bracket.
    Bracket,
    /// A string between single delimiters.
    Quote,
    /// A heredoc or a triple-quoted string, in which blank lines are text.
    Text,
    /// `do` or `fn` without its `end`, in which blank lines are layout.
    Block,
    /// An indented block of Python, which a blank line ends.
    Indented,
    /// A line that goes on: a last operator, comma or backslash.
    Continued,
}

/// A call whose brackets are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The byte at which what is called ends.
    pub(crate) name_end: usize,
    /// How many arguments stand before the one that is being written.
    pub(crate) argument: usize,
    /// The name that the argument is given by.
    pub(crate) keyword: Option<String>,
    /// Whether a pipe gives it its first argument.
    pub(crate) piped: bool,
}

/// What [`scan`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// What is open.
    pub(crate) open: Open,
    /// How many spaces the next line starts with.
    pub(crate) indent: usize,
    /// How many spaces stand before what closes the innermost open construct.
    pub(crate) closing: usize,
    /// Whether the end is in a string or in a comment.
    pub(crate) is_text: bool,
    /// The innermost call whose arguments the end is in.
    pub(crate) call: Option<Call>,
}

/// Looks at a source.
pub(crate) fn scan(language: Language, source: &str) -> Scan {
    match language {
        Language::Elixir => elixir::scan(source),
        Language::Python => python::scan(source),
    }
}

/// The step of indentation.
pub(crate) fn step(language: Language) -> usize {
    match language {
        Language::Elixir => 2,
        Language::Python => 4,
    }
}

/// Whether these words of Python, at the start of a line, go on with a statement of many blocks.
pub(crate) fn is_clause(words: &str) -> bool {
    matches!(
        words,
        "else:" | "elif " | "except:" | "except " | "except*" | "finally:"
    )
}

/// How far the last line of a source of Python is indented where it begins with such words: as far as the statement
/// that they go on with, if there is one.
pub(crate) fn clause(source: &str, words: &str) -> Option<usize> {
    let openers: &[&str] = match words.trim_end_matches([' ', ':', '*']) {
        "else" => &["if", "elif", "for", "while", "try", "except", "async"],
        "elif" => &["if", "elif"],
        "except" => &["try", "except"],
        "finally" => &["try", "except", "else"],
        _ => return None,
    };
    let mut above = source.lines().rev();
    let spaces = indentation(above.next()?);
    let mut level = usize::MAX;
    for line in above.filter(|line| !line.trim().is_empty()) {
        let indent = indentation(line);
        if indent >= level {
            continue;
        }
        level = indent;
        let word = line.trim_start().split(|c: char| !c.is_alphanumeric()).next();
        if indent <= spaces && word.is_some_and(|word| openers.contains(&word)) {
            return Some(indent);
        }
    }
    None
}

/// The width of a line's leading white space.
pub(crate) fn indentation(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ' || *c == '\t').count()
}

/// A bracket that is open.
#[derive(Clone, Copy)]
struct Bracket {
    /// Its byte.
    at: usize,
    open: char,
    /// How many commas stand in it so far, and the byte behind the last.
    commas: usize,
    argument: usize,
}

impl Bracket {
    fn new(at: usize, open: char) -> Bracket {
        Bracket {
            at,
            open,
            commas: 0,
            argument: at + open.len_utf8(),
        }
    }

    fn comma(&mut self, at: usize) {
        self.commas += 1;
        self.argument = at + 1;
    }

    /// The call that it belongs to, if it stands behind a name.
    fn call(self, source: &str, keyword: char) -> Option<Call> {
        let before = source.get(..self.at)?;
        let name = before.strip_suffix('.').unwrap_or(before);
        let is_name = |c: char| c.is_alphanumeric() || "_?!".contains(c);
        if self.open != '(' || !name.ends_with(is_name) {
            return None;
        }
        let start = name
            .rfind(|c: char| !is_name(c) && c != '.' && c != ':')
            .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
        let argument = source.get(self.argument..)?.trim_start();
        let end = argument.find(|c: char| !is_name(c)).unwrap_or(argument.len());
        let behind = argument[end..].trim_start();
        let is_given = end > 0
            && behind
                .strip_prefix(keyword)
                .is_some_and(|rest| !rest.starts_with([keyword, '=']));
        Some(Call {
            name_end: name.len(),
            argument: self.commas,
            keyword: is_given.then(|| argument[..end].to_owned()),
            piped: name[..start].trim_end().ends_with("|>"),
        })
    }
}

/// The last line that holds something.
fn last_line(source: &str) -> &str {
    source
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("")
}

#[cfg(test)]
mod tests;

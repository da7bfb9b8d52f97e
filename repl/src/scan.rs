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

/// What [`scan`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// What is open.
    pub(crate) open: Open,
    /// How many spaces the next line starts with.
    pub(crate) indent: usize,
    /// How many spaces stand before what closes the innermost open construct.
    pub(crate) closing: usize,
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

/// The width of a line's leading white space.
pub(crate) fn indentation(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ' || *c == '\t').count()
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

//! The language of a cell, and how a cell says which one it is.
//!
//! It is decided by what is written, never guessed from the code: a first line `%%python` or `%%elixir`, else the
//! cell's metadata, else the notebook's, else the session's current language. This module knows the first two;
//! [`crate::notebook`] the third.

use std::fmt;

/// A language that cells are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Cells that the BEAM evaluates.
    Elixir,
    /// Cells that the worker runs.
    Python,
}

impl Language {
    /// The language's name: `elixir` or `python`.
    pub fn name(self) -> &'static str {
        match self {
            Language::Elixir => "elixir",
            Language::Python => "python",
        }
    }

    /// The language that `name` names, with the aliases that notebooks use.
    ///
    /// ```
    /// use bridge_core::language::Language;
    /// assert_eq!(Language::from_name("Python3"), Some(Language::Python));
    /// assert_eq!(Language::from_name("ruby"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "elixir" => Some(Language::Elixir),
            "python" | "python3" | "ipython" | "ipython3" => Some(Language::Python),
            _ => None,
        }
    }

    /// The language that a line `%%elixir` or `%%python` marks. A line with more on it is code
    /// (IPython's own `%%python --bg`, say).
    pub fn from_marker(line: &str) -> Option<Self> {
        match line.trim_end() {
            "%%elixir" => Some(Language::Elixir),
            "%%python" => Some(Language::Python),
            _ => None,
        }
    }

    /// Splits a cell's source into the language that its first line marks, and the code to run.
    ///
    /// The marker's line becomes a comment, so that line numbers in errors are those of the cell as written;
    /// before a cell magic of IPython, which must stand first, it is dropped.
    ///
    /// ```
    /// use bridge_core::language::Language;
    /// assert_eq!(Language::split_marker("%%python\nx = 1"), (Some(Language::Python), "# %%python\nx = 1".to_string()));
    /// assert_eq!(Language::split_marker("x = 1"), (None, "x = 1".to_string()));
    /// ```
    pub fn split_marker(source: &str) -> (Option<Self>, String) {
        let (first, rest) = source.split_once('\n').unwrap_or((source, ""));
        match Language::from_marker(first) {
            None => (None, source.to_string()),
            Some(language) if rest.starts_with("%%") || rest.is_empty() => (Some(language), rest.to_string()),
            Some(language) => (Some(language), format!("# {first}\n{rest}")),
        }
    }

    /// The other way round: the code of a cell of this language as it is written where cells without a marker are
    /// `default`.
    ///
    /// ```
    /// use bridge_core::language::Language::{Elixir, Python};
    /// assert_eq!(Python.join_marker("x = 1", Elixir), "%%python\nx = 1");
    /// assert_eq!(Python.join_marker("x = 1", Python), "x = 1");
    /// // What a marker was made of.
    /// assert_eq!(Python.join_marker("# %%python\nx = 1", Python), "%%python\nx = 1");
    /// ```
    pub fn join_marker(self, code: &str, default: Self) -> String {
        let marker = format!("%%{}\n", self.name());
        let marked = code.strip_prefix("# ").filter(|code| code.starts_with(&marker));
        match marked {
            Some(code) => code.to_owned(),
            None if self == default => code.to_owned(),
            None => marker + code,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

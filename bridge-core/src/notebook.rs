//! Files of cells: Jupyter and Livebook notebooks, percent-format Python, Elixir scripts and plain cell scripts.
//!
//! Reading gives a [`Notebook`], whatever the file was; writing gives `.ipynb`, with everything that the file held
//! besides cells' outputs kept as it was, `.livemd`, or a text of cells. Nothing here runs a cell.

mod compare;
mod ipynb;
mod livemd;
mod outputs;
mod script;

use std::path::Path;

use serde_json::{Map, Value};

use crate::language::Language;

pub use compare::{as_text, difference};
pub use ipynb::Output;
pub use livemd::{Livemd, Loss};
pub use outputs::Outputs;

/// Why a file is no notebook.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The JSON of an `.ipynb` does not parse.
    #[error("not a notebook: line {line}, column {column}: {reason}")]
    Json {
        /// Line in the file, from 1.
        line: usize,
        /// Column in the line, from 1.
        column: usize,
        /// What the parser said.
        reason: String,
    },
    /// The JSON parses, but a part of it is not what nbformat 4 says.
    #[error("not a notebook of format 4: {0}")]
    Shape(String),
    /// The notebook's cells are written in a language that does not run here.
    #[error("the notebook's language is {0}; cells of Elixir and Python run here")]
    Language(String),
    /// The file's extension names no format that is read here.
    #[error("cannot tell what kind of file this is: {0}")]
    UnknownFormat(String),
}

impl crate::error::Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Json { .. } => Some("open it in Jupyter, or compare it with a saved copy".into()),
            Error::Shape(_) => {
                Some("`jupyter nbconvert --to notebook --nbformat 4` rewrites older notebooks".into())
            }
            Error::Language(_) => {
                Some("change the notebook's kernel, if its cells are Elixir or Python after all".into())
            }
            Error::UnknownFormat(_) => Some("name it .ipynb, .livemd, .py, .exs or .cells".into()),
        }
    }
}

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Jupyter's JSON.
    Ipynb,
    /// Livebook's Markdown.
    Livemd,
    /// Python in percent format: a line `# %%` starts a cell.
    Percent,
    /// Elixir; the whole file is one cell unless it has marker lines.
    Exs,
    /// Lines `%%python` and `%%elixir` start a cell; what stands before the first is Elixir.
    Script,
}

impl Format {
    /// The format that a file's name says.
    pub fn of_path(path: &Path) -> Result<Self, Error> {
        match path
            .extension()
            .and_then(|e| e.to_str())
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("ipynb") => Ok(Format::Ipynb),
            Some("livemd") => Ok(Format::Livemd),
            Some("py") => Ok(Format::Percent),
            Some("exs" | "ex") => Ok(Format::Exs),
            Some("cells" | "txt") | None => Ok(Format::Script),
            Some(_) => Err(Error::UnknownFormat(path.display().to_string())),
        }
    }
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Code in a language.
    Code(Language),
    /// Prose; kept, not run.
    Markdown,
    /// Raw text; kept, not run.
    Raw,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What it holds.
    pub kind: CellKind,
    /// The source as the file has it, a marker line included.
    pub source: String,
    /// The code to run: the source with its marker line made a comment (see [`Language::split_marker`]).
    pub code: String,
    /// What it had put out when the file was written.
    pub outputs: Vec<Output>,
    /// The count that the file has before it.
    pub execution_count: Option<u64>,
    /// Livebook's own metadata of the cell.
    pub livebook: Map<String, Value>,
}

impl Cell {
    fn new(kind: CellKind, source: String, code: String) -> Self {
        Cell {
            kind,
            source,
            code,
            outputs: Vec::new(),
            execution_count: None,
            livebook: Map::new(),
        }
    }

    fn code(source: String, default: Language) -> Self {
        let (marked, code) = Language::split_marker(&source);
        Cell::new(CellKind::Code(marked.unwrap_or(default)), source, code)
    }

    fn prose(kind: CellKind, source: String) -> Self {
        let code = source.clone();
        Cell::new(kind, source, code)
    }

    /// Whether running it would do nothing.
    pub fn is_blank(&self) -> bool {
        !matches!(self.kind, CellKind::Code(_)) || self.code.trim().is_empty()
    }
}

/// A file's cells, in order.
#[derive(Debug, Clone)]
pub struct Notebook {
    /// The cells.
    pub cells: Vec<Cell>,
    /// The language of code that says nothing else.
    pub language: Language,
    /// What Livebook runs before the cells.
    pub setup: Option<Setup>,
    /// The `.ipynb` as it was read, where it was one: written back with new outputs only.
    document: Option<serde_json::Value>,
}

impl Notebook {
    /// Reads a file's text. A byte-order mark is skipped and CRLF read as LF.
    ///
    /// ```
    /// use bridge_core::{language::Language, notebook::{CellKind, Format, Notebook}};
    /// let notebook = Notebook::parse("x = 1\n%%python\nprint(x)\n", Format::Script).unwrap();
    /// assert_eq!(notebook.cells[1].kind, CellKind::Code(Language::Python));
    /// ```
    pub fn parse(text: &str, format: Format) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let unix;
        let text = if text.contains("\r\n") {
            unix = text.replace("\r\n", "\n");
            unix.as_str()
        } else {
            text
        };
        match format {
            Format::Ipynb => ipynb::parse(text),
            Format::Livemd => Ok(livemd::parse(text)),
            Format::Percent => Ok(script::percent(text)),
            Format::Exs | Format::Script => Ok(script::cells(text)),
        }
    }

    /// A notebook of these cells of code; its language is that of most.
    pub fn of_cells(cells: &[(Language, &str)]) -> Self {
        let python = cells.iter().filter(|(language, _)| *language == Language::Python);
        let language = match python.count() * 2 > cells.len() {
            true => Language::Python,
            false => Language::Elixir,
        };
        let cells = cells.iter().map(|(language, code)| {
            Cell::new(CellKind::Code(*language), (*code).to_owned(), (*code).to_owned())
        });
        Notebook {
            cells: cells.collect(),
            language,
            setup: None,
            document: None,
        }
    }

    /// Gives each cell what running it has left behind, in the order of the cells; `None`: it did not run, and loses what
    /// it had put out before.
    pub fn set_outputs(&mut self, results: Vec<Option<CellOutputs>>) {
        for (cell, result) in self.cells.iter_mut().zip(results) {
            let result = result.unwrap_or_default();
            (cell.execution_count, cell.outputs) = (result.execution_count, result.outputs);
        }
    }

    /// The notebook as a file of that format, and what the format cannot hold of it. `title` is what it is called where
    /// it has no heading of its own and needs one.
    ///
    /// Texts of cells ([`Format::Percent`], [`Format::Exs`], [`Format::Script`]) have the code alone. Read back they give
    /// the same cells, but for an `.exs` without Python, which is left free of markers, so that Elixir can run it: that is
    /// one cell.
    ///
    /// ```
    /// use bridge_core::{language::Language::{Elixir, Python}, notebook::{Format, Notebook}};
    /// let notebook = Notebook::of_cells(&[(Python, "x = 1"), (Elixir, "x + 1")]);
    /// assert_eq!(notebook.write(Format::Script, "sum").0, "%%python\nx = 1\n\n%%elixir\nx + 1\n");
    /// assert_eq!(notebook.write(Format::Percent, "sum").0, "# %%\nx = 1\n\n# %% [elixir]\n# x + 1\n");
    /// assert!(notebook.write(Format::Livemd, "sum").0.contains("# sum\n"));
    /// ```
    pub fn write(&self, format: Format, title: &str) -> (String, Vec<Loss>) {
        match format {
            Format::Ipynb => (ipynb::write(self), Vec::new()),
            Format::Livemd => Livemd::new(title).write(self),
            format => (script::write(self, format), Vec::new()),
        }
    }
}

/// What Livebook runs before a notebook's cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// Elixir: `Mix.install([...])`.
    pub elixir: Option<String>,
    /// The Python packages, as a `pyproject.toml`.
    pub pyproject: Option<String>,
    /// Whether a cell that imports this library stands before the others.
    pub imports: bool,
}

/// What running a cell left behind.
#[derive(Debug, Clone, Default)]
pub struct CellOutputs {
    /// The count that Jupyter shows before the cell.
    pub execution_count: Option<u64>,
    /// The outputs, in order.
    pub outputs: Vec<Output>,
}

#[cfg(test)]
mod tests;

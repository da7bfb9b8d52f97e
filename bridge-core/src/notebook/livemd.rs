//! Livebook's notebooks: Markdown in which fences of certain names are cells.
//!
//! | in the file | in the [`Notebook`] |
//! |---|---|
//! | the one `# heading` | its title: the first line of the first cell of prose, where there was one |
//! | the setup: an Elixir fence before the first `##`, and `pyproject.toml` after it | [`Notebook::setup`] |
//! | a fence `elixir` | a cell of Elixir, without the `py do ... end` around all of it; one that is a single `~PY` drop, a cell of Python |
//! | the first such fence, where it only imports what the others need | nothing |
//! | a fence `python` | a cell of Python |
//! | a fence after `<!-- livebook:{"output":true} -->` | text that the cell before it has put out |
//! | a fence `raw` | a raw cell |
//! | all else | prose |
//!
//! Livebook has no rich outputs in its files, and Markdown in which headings and some fences mean something: what
//! cannot be written as it was is said ([`Loss`]). Nothing here is a whole parser of Markdown: fences, headings and
//! comments are all that Livebook's own reading depends on.

mod drops;
mod plain;
mod write;

use serde_json::{Map, Value};

use super::{Cell, CellKind, Notebook, Output, Setup};
use crate::language::Language;

pub use write::{Livemd, Loss};

#[cfg(test)]
mod tests;

/// What stands before a fence of output; compared as text, as Livebook does.
const OUTPUT: &str = r#"<!-- livebook:{"output":true} -->"#;
/// What stands between two cells of prose.
const BREAK: &str = r#"<!-- livebook:{"break_markdown":true} -->"#;
/// What stands before a fence that is prose and would be a cell.
const FORCE: &str = r#"<!-- livebook:{"force_markdown":true} -->"#;
/// The section that Livebook makes where prose or code comes before the first one, and that is written so.
const SECTION: &str = "## Section";
/// The first cell of code: Elixir expands a whole cell before it installs what the setup says, so it cannot stand there.
const IMPORTS: &str = "import SnakeBridge, only: [py: 1, sigil_PY: 2]";
/// The key of the notebook's own metadata, and of cells', under which ours stand.
const OURS: &str = "snakebridge";

/// A fence that is open.
struct Fence<'a> {
    /// Backticks or tildes, as many as there are.
    mark: &'a str,
    info: &'a str,
}

impl<'a> Fence<'a> {
    fn opened(line: &'a str) -> Option<Self> {
        let rest = indented(line)?;
        let mark = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = rest.len() - rest.trim_start_matches(mark).len();
        let info = rest[length..].trim();
        let fence = length >= 3 && !(mark == '`' && info.contains('`'));
        fence.then_some(Fence {
            mark: &rest[..length],
            info,
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        indented(line).is_some_and(|rest| {
            let rest = rest.trim_end();
            rest.starts_with(self.mark) && rest.trim_start_matches(&self.mark[..1]).is_empty()
        })
    }
}

/// A line without the up to three spaces that change nothing.
fn indented(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(' ');
    (line.len() - rest.len() <= 3).then_some(rest)
}

/// The metadata in a comment of Livebook's on a line of its own.
fn metadata(line: &str) -> Option<Map<String, Value>> {
    let json = line
        .trim_end()
        .strip_prefix("<!-- livebook:")?
        .strip_suffix(" -->")?;
    serde_json::from_str(json).ok()
}

/// Reads the text; there is none that is no Livebook notebook.
pub(super) fn parse(text: &str) -> Notebook {
    let mut reader = Reader::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match Fence::opened(line) {
            Some(fence) => {
                let mut inside: Vec<&str> = Vec::new();
                for line in lines.by_ref() {
                    if fence.is_closed_by(line) {
                        break;
                    }
                    inside.push(line);
                }
                reader.fence(line, &fence, &inside);
            }
            None => reader.line(line),
        }
    }
    reader.finish()
}

/// Where the reader is in the file.
#[derive(Default, PartialEq, Clone, Copy)]
enum Place {
    /// Before the title.
    #[default]
    Head,
    /// Where the setup may stand.
    Setup,
    /// In the first section, where nothing has been read yet.
    First,
    Cells,
}

#[derive(Default)]
struct Reader {
    place: Place,
    title: Option<String>,
    about: Map<String, Value>,
    setup: Setup,
    cells: Vec<Cell>,
    prose: Vec<String>,
    /// What a comment has said of the next fence.
    next: Option<Next>,
    /// The prose that comes is no part of what stands before it.
    parted: bool,
}

enum Next {
    Output,
    Prose,
    Cell(Map<String, Value>),
}

impl Reader {
    fn line(&mut self, line: &str) {
        match line.trim_end() {
            OUTPUT => self.next = Some(Next::Output),
            FORCE => self.next = Some(Next::Prose),
            BREAK => {
                self.flush();
                self.parted = true;
            }
            comment if metadata(comment).is_some() => self.comment(&metadata(comment).unwrap_or_default()),
            _ => self.prose_line(line),
        }
    }

    fn comment(&mut self, found: &Map<String, Value>) {
        if self.place == Place::Head {
            self.about.extend(found.clone());
        } else if !found.contains_key("offset") && !found.contains_key("branch_parent_index") {
            self.flush();
            self.next = Some(Next::Cell(found.clone()));
        }
    }

    fn prose_line(&mut self, line: &str) {
        let title = line.strip_prefix("# ").map(str::trim);
        match (self.place, title) {
            (Place::Head, Some(title)) => {
                self.title = Some(title.to_owned());
                self.place = Place::Setup;
                // Text above the title is below it when Livebook writes the file again.
            }
            (Place::Setup, _) if line.trim().is_empty() => {}
            (Place::Setup, _) if line.trim_end() == SECTION && self.prose_is_blank() => {
                self.place = Place::First;
            }
            (Place::First, _) if line.trim().is_empty() => {}
            _ if line.trim().is_empty() && matches!(self.next, Some(Next::Prose)) => {}
            (Place::Setup | Place::First, _) => {
                self.place = Place::Cells;
                self.prose.push(unescaped(line));
            }
            _ => self.prose.push(unescaped(line)),
        }
    }

    fn fence(&mut self, opening: &str, fence: &Fence<'_>, inside: &[&str]) {
        let text = || inside.join("\n");
        let next = self.next.take();
        if let Some(Next::Output) = next
            && fence.info.is_empty()
            && self.prose_is_blank()
            && let Some(cell) = self.cells.last_mut()
        {
            cell.outputs.push(Output::Stream {
                name: "stdout".to_owned(),
                text: text() + "\n",
            });
            return;
        }
        let forced = matches!(next, Some(Next::Prose));
        let language = match fence.info {
            _ if forced => None,
            "elixir" => Some(Language::Elixir),
            "python" => Some(Language::Python),
            _ => None,
        };
        if self.place == Place::Setup && self.prose_is_blank() && !forced {
            match (fence.info, &self.setup) {
                ("elixir", Setup { elixir: None, .. }) => {
                    self.setup.elixir = Some(text());
                    return;
                }
                (
                    "pyproject.toml",
                    Setup {
                        elixir: Some(_),
                        pyproject: None,
                        ..
                    },
                ) => {
                    self.setup.pyproject = Some(text());
                    return;
                }
                _ => {}
            }
        }
        if matches!(self.place, Place::Setup | Place::First) {
            self.place = Place::Cells;
        }
        if let Some(language) = language {
            self.flush();
            let first = !self
                .cells
                .iter()
                .any(|cell| matches!(cell.kind, CellKind::Code(_)));
            if first && language == Language::Elixir && text() == IMPORTS {
                self.setup.imports = true;
                self.parted = !self.cells.is_empty();
                return;
            }
            let (language, source) = match drops::python(&text()).filter(|_| language == Language::Elixir) {
                Some(python) => (Language::Python, plain::python(&python)),
                None => (language, plain::elixir(text())),
            };
            // The fence says the language: a marker means nothing here.
            let mut cell = Cell::new(CellKind::Code(language), source.clone(), source);
            if let Some(Next::Cell(metadata)) = next {
                cell.livebook = metadata;
            }
            self.cells.push(cell);
            self.parted = false;
        } else if fence.info == "raw" && !forced {
            self.flush();
            self.cells.push(Cell::prose(CellKind::Raw, text()));
            self.parted = false;
        } else {
            // Inside of a fence nothing means anything, so its lines stay as they are.
            self.prose.push(opening.to_owned());
            self.prose.extend(inside.iter().map(|&line| line.to_owned()));
            self.prose.push(fence.mark.to_owned());
        }
    }

    fn prose_is_blank(&self) -> bool {
        self.prose.iter().all(|line| line.trim().is_empty())
    }

    /// Ends the cell of prose that has been begun.
    fn flush(&mut self) {
        let lines = std::mem::take(&mut self.prose);
        let text = lines.join("\n");
        let text = text.trim_matches('\n');
        let text = if text.trim().is_empty() { "" } else { text };
        // The title is a line of the first cell, where that is prose and nothing parts them.
        let titled = self.cells.is_empty().then(|| self.heading()).flatten();
        let text = match (titled, text) {
            (Some(title), "") => {
                self.title = None;
                title
            }
            (Some(title), text) if !self.parted => {
                self.title = None;
                format!("{title}\n\n{text}")
            }
            (Some(title), text) => {
                self.title = None;
                self.cells.push(Cell::prose(CellKind::Markdown, title));
                text.to_owned()
            }
            (None, "") => return,
            (None, text) => text.to_owned(),
        };
        self.cells.push(Cell::prose(CellKind::Markdown, text));
        self.parted = false;
    }

    /// The title as a line of prose, unless it was made up for the file.
    fn heading(&self) -> Option<String> {
        let made_up = self.about.get(OURS).and_then(|ours| ours.get("title")) == Some(&Value::Bool(false));
        self.title
            .as_ref()
            .filter(|_| !made_up)
            .map(|title| format!("# {title}"))
    }

    fn finish(mut self) -> Notebook {
        self.flush();
        let python = self.about.get(OURS).and_then(|ours| ours.get("language"));
        let language = match python.and_then(Value::as_str).and_then(Language::from_name) {
            Some(language) => language,
            None => Language::Elixir,
        };
        Notebook {
            cells: self.cells,
            language,
            setup: Some(self.setup).filter(|setup| *setup != Setup::default()),
            document: None,
        }
    }
}

/// A line of prose that means something to Livebook, as it is written: a second heading of the first level, which would
/// make all headings lower ones, as HTML; a comment of Livebook's as one that is none.
fn escaped(line: &str) -> String {
    if let Some(title) = line.strip_prefix("# ") {
        return format!("<h1>{title}</h1>");
    }
    match line.strip_prefix("<!-- livebook:") {
        Some(rest) => format!("<!--  livebook:{rest}"),
        None => line.to_owned(),
    }
}

/// The line that was written so.
fn unescaped(line: &str) -> String {
    if let Some(title) = line
        .strip_prefix("<h1>")
        .and_then(|rest| rest.strip_suffix("</h1>"))
    {
        return format!("# {title}");
    }
    match line.strip_prefix("<!--  livebook:") {
        Some(rest) => format!("<!-- livebook:{rest}"),
        None => line.to_owned(),
    }
}

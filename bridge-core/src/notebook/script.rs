//! Text files of cells: percent-format Python, and cell scripts with marker lines.

use super::{Cell, CellKind, Format, Notebook};
use crate::language::Language;

/// A plain cell script: marker lines start a cell, and what stands before the first marker is Elixir.
/// An Elixir script without markers is one cell.
pub(super) fn cells(text: &str) -> Notebook {
    let mut cells = Vec::new();
    let mut chunk: Option<Vec<&str>> = None;
    for line in text.lines() {
        if Language::from_marker(line).is_some() {
            cells.extend(chunk.take().and_then(finished));
            chunk = Some(vec![line]);
        } else {
            chunk.get_or_insert_default().push(line);
        }
    }
    cells.extend(chunk.and_then(finished));
    Notebook {
        cells,
        language: Language::Elixir,
        setup: None,
        document: None,
    }
}

/// The cell of a chunk of lines, unless it holds nothing. Blank lines at its end belong to the layout of the file.
fn finished(mut lines: Vec<&str>) -> Option<Cell> {
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let cell = Cell::code(lines.join("\n"), Language::Elixir);
    (!cell.is_blank()).then_some(cell)
}

/// The percent format that jupytext and VS Code read: `# %%` starts a cell, `# %% [markdown]` one of prose whose
/// lines are comments, and `# %% [elixir]` is how a cell of Elixir travels in it, commented out for Python's sake.
pub(super) fn percent(text: &str) -> Notebook {
    let mut cells = Vec::new();
    let mut tag = Tag::Code;
    let mut lines: Vec<&str> = Vec::new();
    for line in skip_header(text).lines() {
        if let Some(next) = Tag::of_line(line) {
            cells.extend(tag.finished(&lines));
            tag = next;
            lines.clear();
        } else {
            lines.push(line);
        }
    }
    cells.extend(tag.finished(&lines));
    Notebook {
        cells,
        language: Language::Python,
        setup: None,
        document: None,
    }
}

/// jupytext's YAML header, a comment block between `# ---` lines, is about the file and no cell of it.
fn skip_header(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("# ---\n") else {
        return text;
    };
    match rest.find("\n# ---\n") {
        Some(end) => &rest[end + "\n# ---\n".len()..],
        None => text,
    }
}

#[derive(Clone, Copy)]
enum Tag {
    Code,
    Elixir,
    Markdown,
    Raw,
}

impl Tag {
    /// What a line `# %% title [tag] key="value"` starts, if it is one.
    fn of_line(line: &str) -> Option<Self> {
        let rest = line.strip_prefix('#')?.trim_start().strip_prefix("%%")?;
        if rest.starts_with(|c: char| !c.is_whitespace()) {
            return None; // `# %%time` is a magic that was commented out
        }
        Some(if rest.contains("[markdown]") || rest.contains("[md]") {
            Tag::Markdown
        } else if rest.contains("[raw]") {
            Tag::Raw
        } else if rest.contains("[elixir]") {
            Tag::Elixir
        } else {
            Tag::Code
        })
    }

    fn finished(self, lines: &[&str]) -> Option<Cell> {
        let kept = match lines.iter().rposition(|line| !line.trim().is_empty()) {
            Some(last) => &lines[..=last],
            None => return None,
        };
        let commented = kept
            .iter()
            .all(|line| line.trim().is_empty() || line.starts_with('#'));
        let text = match self {
            Tag::Code => kept.join("\n"),
            _ if commented => kept
                .iter()
                .map(|line| uncomment(line))
                .collect::<Vec<_>>()
                .join("\n"),
            _ => kept.join("\n"),
        };
        let cell = match self {
            Tag::Code => Cell::code(text, Language::Python),
            Tag::Elixir => Cell::code(text, Language::Elixir),
            Tag::Markdown => Cell::prose(CellKind::Markdown, text),
            Tag::Raw => Cell::prose(CellKind::Raw, text),
        };
        (!matches!(cell.kind, CellKind::Code(_)) || !cell.is_blank()).then_some(cell)
    }
}

fn uncomment(line: &str) -> &str {
    match line.strip_prefix('#') {
        Some(rest) => rest.strip_prefix(' ').unwrap_or(rest),
        None => line,
    }
}

pub(super) fn write(notebook: &Notebook, format: Format) -> String {
    let code: Vec<(Language, &str)> = notebook
        .cells
        .iter()
        .filter_map(|cell| match cell.kind {
            CellKind::Code(language) => Some((language, cell.code.trim_matches('\n'))),
            CellKind::Markdown | CellKind::Raw => None,
        })
        .collect();
    let bare = format == Format::Exs && code.iter().all(|(language, _)| *language == Language::Elixir);
    let cells = code.into_iter().map(|(language, code)| match (format, language) {
        (Format::Percent, Language::Python) => format!("# %%\n{code}\n"),
        (Format::Percent, Language::Elixir) => {
            let lines = code
                .lines()
                .map(|line| format!("# {line}").trim_end().to_owned() + "\n");
            format!("# %% [elixir]\n{}", lines.collect::<String>())
        }
        _ if bare => format!("{code}\n"),
        (_, language) => {
            // A marker made a comment is the marker again.
            let code = Language::join_marker(language, code, language);
            match Language::split_marker(&code).0 {
                Some(_) => format!("{code}\n"),
                None => format!("%%{language}\n{code}\n"),
            }
        }
    });
    cells.collect::<Vec<_>>().join("\n")
}

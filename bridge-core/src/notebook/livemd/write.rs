//! Writing Livebook's notebooks.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{BREAK, FORCE, Fence, IMPORTS, OURS, OUTPUT, SECTION, drops, escaped};
use crate::ansi::without_escapes;
use crate::language::Language;
use crate::notebook::{Cell, CellKind, Notebook, Output, Setup};

/// How a notebook is written for Livebook.
#[derive(Clone, Debug)]
pub struct Livemd<'a> {
    /// What it is called where its first cell has no heading.
    pub title: &'a str,
    /// The setup where the notebook has none.
    pub setup: Setup,
    /// Whether cells of Python are Livebook's own, which Pythonx runs, and not drops, which run as they did here.
    pub pythonx: bool,
}

/// Something that Livebook's files cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The cell, from 1.
    pub cell: usize,
    /// What was there: a mime type, or words.
    pub what: String,
}

impl<'a> Livemd<'a> {
    /// With this library in the setup, and Python as drops.
    pub fn new(title: &'a str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let elixir =
            format!("Mix.install([\n  {{:snakebridge, \"~> {version}\"}},\n  {{:kino, \"~> 0.14\"}}\n])");
        Livemd {
            title,
            setup: Setup {
                elixir: Some(elixir),
                pyproject: None,
                imports: true,
            },
            pythonx: false,
        }
    }

    /// The file's text, and what of the notebook is not in it.
    pub fn write(&self, notebook: &Notebook) -> (String, Vec<Loss>) {
        let mut text = Text::default();
        let (title, rest) = match notebook.cells.first() {
            Some(cell) if cell.kind == CellKind::Markdown => heading(&cell.source),
            _ => (None, ""),
        };
        let mut ours = Map::new();
        if title.is_none() {
            ours.insert("title".to_owned(), Value::Bool(false));
        }
        if notebook.language == Language::Python {
            ours.insert("language".to_owned(), json!("python"));
        }
        let mut about = json!({ "persist_outputs": true });
        if !ours.is_empty() {
            about[OURS] = Value::Object(ours);
        }
        text.block(&comment(&about));
        text.block(&format!("# {}", title.unwrap_or(self.title).trim()));
        let setup = notebook.setup.as_ref().unwrap_or(&self.setup);
        text.fence("elixir", setup.elixir.as_deref().unwrap_or_default());
        if let Some(pyproject) = &setup.pyproject {
            text.fence("pyproject.toml", pyproject);
        }
        let first = match notebook.cells.as_slice() {
            [_, second, ..] if title.is_some() && rest.is_empty() => Some(second),
            _ => None,
        };
        let begins = first.filter(|cell| cell.kind == CellKind::Markdown);
        let begins = begins.map_or(rest, |cell| &cell.source);
        let line = begins.trim_start_matches('\n').lines().next().unwrap_or_default();
        if !line.starts_with("## ") || line.trim_end() == SECTION {
            text.block(SECTION);
        }
        let mut imported = !setup.imports;
        for (index, cell) in notebook.cells.iter().enumerate() {
            if !imported && matches!(cell.kind, CellKind::Code(_)) {
                text.fence("elixir", IMPORTS);
                imported = true;
            }
            match cell.kind {
                CellKind::Code(language) => self.code(&mut text, index, cell, language),
                CellKind::Markdown if index == 0 && title.is_some() => {
                    if rest.is_empty() {
                        text.after_prose = true;
                    } else {
                        text.prose(rest, index);
                    }
                }
                CellKind::Markdown => text.prose(&cell.source, index),
                CellKind::Raw => text.fence("raw", &cell.source),
            }
        }
        (text.written, text.losses)
    }

    fn code(&self, text: &mut Text, index: usize, cell: &Cell, language: Language) {
        if !cell.livebook.is_empty() {
            text.block(&comment(&Value::Object(cell.livebook.clone())));
        }
        // The fence says the language; a marker in it would be code.
        let source = match Language::split_marker(&cell.source).0 {
            Some(_) => cell.source.split_once('\n').map_or("", |(_, rest)| rest),
            None => &cell.source,
        };
        match language {
            Language::Python if self.pythonx => text.fence("python", source),
            Language::Python => match drops::elixir(source) {
                Some(drop) => text.fence("elixir", &drop),
                None => {
                    text.lose(
                        index,
                        "quotes that no drop can hold: written as a cell of Livebook's Python",
                    );
                    text.fence("python", source);
                }
            },
            Language::Elixir => text.fence("elixir", source),
        }
        for output in &cell.outputs {
            text.output(index, output);
        }
    }
}

/// The heading that a text begins with, and what follows it.
fn heading(text: &str) -> (Option<&str>, &str) {
    let text = text.trim_start_matches('\n');
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match first.strip_prefix("# ").map(str::trim) {
        Some(title) if !title.is_empty() => (Some(title), rest.trim_matches('\n')),
        _ => (None, text),
    }
}

fn comment(metadata: &Value) -> String {
    // serde_json's maps are sorted, as Livebook writes them.
    format!("<!-- livebook:{metadata} -->")
}

#[derive(Default)]
struct Text {
    written: String,
    losses: Vec<Loss>,
    /// Whether prose stands last, with which more prose would become one cell.
    after_prose: bool,
}

impl Text {
    /// Lines with a blank line before them.
    fn block(&mut self, lines: &str) {
        if !self.written.is_empty() {
            self.written.push('\n');
        }
        self.written.push_str(lines);
        self.written.push('\n');
        self.after_prose = false;
    }

    fn fence(&mut self, info: &str, text: &str) {
        let mark = fence_around(text);
        let mut fence = format!("{mark}{info}\n");
        // An empty fence has no line; one empty line is another text.
        if !text.is_empty() {
            let _ = writeln!(fence, "{text}");
        }
        self.block(&(fence + &mark));
    }

    fn prose(&mut self, source: &str, index: usize) {
        if self.after_prose {
            self.block(BREAK);
        }
        let source = source.trim_matches('\n');
        let mut lines: Vec<String> = Vec::new();
        let mut open: Option<Fence<'_>> = None;
        for line in source.lines() {
            match &open {
                Some(fence) if fence.is_closed_by(line) => open = None,
                Some(_) => {}
                None => {
                    open = Fence::opened(line);
                    let is_cell = |fence: &Fence<'_>| {
                        matches!(
                            fence.info,
                            "elixir" | "erlang" | "python" | "pyproject.toml" | "raw"
                        )
                    };
                    if open.as_ref().is_some_and(is_cell) {
                        lines.push(FORCE.to_owned());
                        lines.push(String::new());
                    }
                    if open.is_none() {
                        lines.push(escaped(line));
                        continue;
                    }
                }
            }
            lines.push(line.to_owned());
        }
        if let Some(fence) = open {
            lines.push(fence.mark.to_owned());
            self.lose(index, "prose whose last code block is not closed: closed");
        }
        self.block(&lines.join("\n"));
        self.after_prose = true;
    }

    fn output(&mut self, index: usize, output: &Output) {
        match output {
            Output::Stream { text, .. } => self.output_text(text),
            Output::Display { data, .. } | Output::Result { data, .. } => {
                for mime in data.keys().filter(|mime| *mime != "text/plain") {
                    self.lose(index, mime);
                }
                if let Some(Value::String(text)) = data.get("text/plain") {
                    self.output_text(text);
                }
            }
            Output::Error {
                class,
                message,
                traceback,
            } if traceback.is_empty() => {
                self.output_text(&format!("{class}: {message}"));
            }
            Output::Error { traceback, .. } => self.output_text(&traceback.join("\n")),
        }
    }

    fn output_text(&mut self, text: &str) {
        let plain = without_escapes(text);
        let plain = plain.strip_suffix('\n').unwrap_or(&plain);
        self.block(OUTPUT);
        self.fence("", plain);
    }

    fn lose(&mut self, index: usize, what: &str) {
        self.losses.push(Loss {
            cell: index + 1,
            what: what.to_owned(),
        });
    }
}

/// Backticks that no run of them in the text closes.
fn fence_around(text: &str) -> String {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(if longest < 3 { 3 } else { longest + 1 })
}

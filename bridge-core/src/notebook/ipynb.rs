//! Jupyter's notebook format, version 4.
//!
//! The document is kept as JSON and only cells' outputs and counts are replaced, so that metadata, attachments and
//! fields of later minor versions come back as they were.

use serde_json::{Map, Value, json};

use super::{Cell, CellKind, Error, Notebook, Setup};
use crate::language::Language;

/// One output of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Text printed to `stdout` or `stderr`.
    Stream {
        /// `stdout` or `stderr`.
        name: String,
        /// What was printed.
        text: String,
    },
    /// Something displayed on the way.
    Display {
        /// Mime type to content; images as base64 text, as Jupyter has them.
        data: Map<String, Value>,
        /// Jupyter's display metadata.
        metadata: Map<String, Value>,
        /// The name under which a later display replaces it; no part of the file.
        display_id: Option<String>,
    },
    /// The cell's value.
    Result {
        /// As in [`Output::Display`].
        data: Map<String, Value>,
        /// As in [`Output::Display`].
        metadata: Map<String, Value>,
    },
    /// The cell failed.
    Error {
        /// The exception's class.
        class: String,
        /// Its message.
        message: String,
        /// Lines, with ANSI colours.
        traceback: Vec<String>,
    },
}

pub(super) fn parse(text: &str) -> Result<Notebook, Error> {
    let document: Value = serde_json::from_str(text).map_err(|e| Error::Json {
        line: e.line(),
        column: e.column(),
        reason: e.to_string(),
    })?;
    let major = document.get("nbformat").and_then(Value::as_i64);
    if major != Some(4) {
        return Err(Error::Shape(match major {
            Some(n) => format!("it says format {n}"),
            None => "it has no \"nbformat\"".into(),
        }));
    }
    let language = notebook_language(&document)?;
    let cells = document
        .get("cells")
        .and_then(Value::as_array)
        .ok_or_else(|| Error::Shape("\"cells\" is no list".into()))?
        .iter()
        .enumerate()
        .map(|(i, cell)| {
            parse_cell(cell, language).map_err(|what| Error::Shape(format!("cell {}: {what}", i + 1)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Notebook {
        cells,
        language,
        setup: setup(&document),
        document: Some(document),
    })
}

/// Kernelspec first: `language_info` is rewritten by whichever kernel ran last. A notebook that names no language is
/// Elixir's, as a bare session is; one that names another is refused, for its cells would only fail one by one.
fn notebook_language(document: &Value) -> Result<Language, Error> {
    let named = |pointer| document.pointer(pointer).and_then(Value::as_str);
    // A kernel may be called anything, so its name counts only where it is a language of ours.
    let kernel = named("/metadata/kernelspec/name").filter(|name| Language::from_name(name).is_some());
    let name = named("/metadata/kernelspec/language")
        .or(kernel)
        .or_else(|| named("/metadata/language_info/name"));
    match name {
        None => Ok(Language::Elixir),
        Some(name) => Language::from_name(name).ok_or_else(|| Error::Language(name.to_owned())),
    }
}

/// The setup of the Livebook notebook that this one was made of.
fn setup(document: &Value) -> Option<Setup> {
    let setup = document.pointer("/metadata/snakebridge/setup")?;
    let text = |key| setup.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Setup {
        elixir: text("elixir"),
        pyproject: text("pyproject"),
        imports: setup.get("imports").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn parse_cell(cell: &Value, default: Language) -> Result<Cell, String> {
    let source = cell.get("source").ok_or("\"source\" is missing")?;
    let source = text(source).ok_or("\"source\" is no text")?;
    match cell.get("cell_type").and_then(Value::as_str) {
        Some("code") => {
            let named = ["/metadata/snakebridge/language", "/metadata/vscode/languageId"]
                .iter()
                .filter_map(|pointer| cell.pointer(pointer)?.as_str())
                .find_map(Language::from_name);
            let outputs = cell.get("outputs").and_then(Value::as_array);
            Ok(Cell {
                outputs: outputs.into_iter().flatten().filter_map(parse_output).collect(),
                execution_count: cell.get("execution_count").and_then(Value::as_u64),
                livebook: map(cell.pointer("/metadata/livebook")),
                ..Cell::code(source, named.unwrap_or(default))
            })
        }
        Some("markdown" | "heading") => Ok(Cell::prose(CellKind::Markdown, source)),
        Some("raw") => Ok(Cell::prose(CellKind::Raw, source)),
        other => Err(format!("unknown cell_type {other:?}")),
    }
}

/// nbformat's text: one, or a list of its lines.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn map(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// An output as the file has it; `None` for a kind that no version of the format has.
fn parse_output(output: &Value) -> Option<Output> {
    let word = |key| output.get(key).and_then(text).unwrap_or_default();
    let data = || {
        let data = map(output.get("data")).into_iter();
        let joined = data.map(|(mime, content)| match text(&content) {
            Some(text) if !mime.ends_with("json") => (mime, Value::String(text)),
            _ => (mime, content),
        });
        joined.collect()
    };
    match output.get("output_type")?.as_str()? {
        "stream" => Some(Output::Stream {
            name: word("name"),
            text: word("text"),
        }),
        "display_data" => Some(Output::Display {
            data: data(),
            metadata: map(output.get("metadata")),
            display_id: None,
        }),
        "execute_result" => Some(Output::Result {
            data: data(),
            metadata: map(output.get("metadata")),
        }),
        "error" => Some(Output::Error {
            class: word("ename"),
            message: word("evalue"),
            traceback: output
                .get("traceback")?
                .as_array()?
                .iter()
                .filter_map(text)
                .collect(),
        }),
        _ => None,
    }
}

pub(super) fn write(notebook: &Notebook) -> String {
    let mut document = notebook
        .document
        .clone()
        .unwrap_or_else(|| fresh_document(notebook));
    if let Some(cells) = document.get_mut("cells").and_then(Value::as_array_mut) {
        for (cell, ours) in cells.iter_mut().zip(&notebook.cells) {
            if let CellKind::Code(_) = ours.kind
                && let Some(cell) = cell.as_object_mut()
            {
                cell.insert("execution_count".into(), json!(ours.execution_count));
                let outputs = ours.outputs.iter().map(|o| output(o, ours.execution_count));
                cell.insert("outputs".into(), outputs.collect());
            }
        }
    }
    // One space of indentation, as nbformat writes, so that an unchanged cell makes no diff.
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(&document, &mut serializer).expect("a JSON value serialises into memory");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

fn fresh_document(notebook: &Notebook) -> Value {
    let cells: Vec<Value> = notebook
        .cells
        .iter()
        .enumerate()
        .map(|(i, cell)| fresh_cell(notebook, i, cell))
        .collect();
    let (extension, language) = match notebook.language {
        Language::Elixir => (".exs", "elixir"),
        Language::Python => (".py", "python"),
    };
    let mut metadata = json!({
        "kernelspec": { "display_name": "SnakeBridge", "language": language, "name": "snakebridge" },
        "language_info": { "name": language, "file_extension": extension },
    });
    if let Some(setup) = &notebook.setup {
        metadata["snakebridge"] = json!({ "setup": { "elixir": setup.elixir, "pyproject": setup.pyproject, "imports": setup.imports } });
    }
    json!({
        "cells": cells,
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    })
}

fn fresh_cell(notebook: &Notebook, index: usize, cell: &Cell) -> Value {
    let id = format!("cell-{}", index + 1);
    match cell.kind {
        CellKind::Code(language) => {
            let marked = Language::split_marker(&cell.source).0.is_some();
            let mut metadata = if language == notebook.language || marked {
                json!({})
            } else {
                json!({ "snakebridge": { "language": language }, "vscode": { "languageId": language } })
            };
            if !cell.livebook.is_empty() {
                metadata["livebook"] = Value::Object(cell.livebook.clone());
            }
            json!({ "cell_type": "code", "execution_count": null, "id": id, "metadata": metadata, "outputs": [], "source": lines(&cell.source) })
        }
        CellKind::Markdown => {
            json!({ "cell_type": "markdown", "id": id, "metadata": {}, "source": lines(&cell.source) })
        }
        CellKind::Raw => {
            json!({ "cell_type": "raw", "id": id, "metadata": {}, "source": lines(&cell.source) })
        }
    }
}

fn output(output: &Output, execution_count: Option<u64>) -> Value {
    match output {
        Output::Stream { name, text } => {
            json!({ "name": name, "output_type": "stream", "text": lines(text) })
        }
        Output::Display {
            data,
            metadata,
            display_id: _,
        } => {
            json!({ "data": bundle(data), "metadata": metadata, "output_type": "display_data" })
        }
        Output::Result { data, metadata } => json!({
            "data": bundle(data), "execution_count": execution_count, "metadata": metadata, "output_type": "execute_result",
        }),
        Output::Error {
            class,
            message,
            traceback,
        } => {
            json!({ "ename": class, "evalue": message, "output_type": "error", "traceback": traceback })
        }
    }
}

/// Text of a mime bundle is stored as a list of lines; JSON and base64 as they are.
fn bundle(data: &Map<String, Value>) -> Map<String, Value> {
    data.iter()
        .map(|(mime, content)| {
            let content = match content {
                Value::String(text) if mime.starts_with("text/") || mime == "image/svg+xml" => lines(text),
                other => other.clone(),
            };
            (mime.clone(), content)
        })
        .collect()
}

/// nbformat's multi-line text: a list of lines, each with its newline.
fn lines(text: &str) -> Value {
    Value::Array(
        text.split_inclusive('\n')
            .map(|line| Value::String(line.into()))
            .collect(),
    )
}

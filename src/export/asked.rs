//! What an export asks the languages: each reads its own code, in a session that keeps no record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use bridge_core::language::Language;
use bridge_core::notebook::{CellKind, Notebook, Output, Outputs, Setup, as_text};
use bridge_core::record::{Record, RecordedCell, Records};
use bridge_core::session::{CellRequest, Status};
use serde::Deserialize;
use serde_json::{Value, json};

use super::source::Source;
use super::{Made, code, preview, say};
use crate::cli::{Bridge, ExportArgs, SessionArgs};
use crate::run::{Options, Run};
use crate::start;

/// What Elixir says of the cells: how each is written where it is evaluated by itself.
#[derive(Deserialize)]
pub(super) struct Asked {
    /// The sources of the code cells, in order.
    #[serde(default)]
    pub(super) sources: Vec<String>,
    /// All of them as one script.
    #[serde(default)]
    script: String,
    /// What is lost or changes, for people.
    pub(super) notes: Vec<String>,
    /// The packages of Python, and its version, for Livebook's own Python.
    #[serde(default)]
    pyproject: Option<String>,
}

impl Asked {
    /// Cells that run without a session of ours around them.
    pub(super) fn plain(session: &SessionArgs, notebook: &Notebook) -> anyhow::Result<Asked> {
        let run = quiet(session)?;
        let file = Handed::over(&run, &json!({ "cells": cells(notebook) }))?;
        let asked = answer(
            &run,
            Language::Elixir,
            &format!("SnakeBridge.Export.Plain.run({})", file.text()),
        )?;
        run.end()?;
        Ok(asked)
    }

    /// What of the cells runs in Livebook's own Python.
    pub(super) fn pythonx(session: &SessionArgs, notebook: &Notebook) -> anyhow::Result<Asked> {
        let run = quiet(session)?;
        let file = Handed::over(&run, &json!({ "cells": cells(notebook) }))?;
        let ask = |what: &str| {
            format!(
                "__import__('snakebridge.exports').exports.{what}({})",
                file.text()
            )
        };
        let mut python: Asked = answer(&run, Language::Python, &ask("pythonx"))?;
        let elixir = format!("SnakeBridge.Export.Plain.natural({})", file.text());
        let mut elixir: Asked = answer(&run, Language::Elixir, &elixir)?;
        run.end()?;
        python.notes.append(&mut elixir.notes);
        Ok(python)
    }

    /// The script, named.
    pub(super) fn script(self, title: &str) -> Made {
        Made {
            text: self.script.replace("\u{0}", &module(title)),
            notes: self.notes,
        }
    }

    /// The setup of a notebook whose Python is Livebook's own.
    pub(super) fn setup(&self) -> Setup {
        Setup {
            elixir: Some(
                "Mix.install([\n  {:pythonx, \"~> 0.4.9\"},\n  {:kino_pythonx, \"~> 0.1.0\"}\n])".into(),
            ),
            pyproject: self.pyproject.clone(),
            imports: false,
        }
    }
}

/// A title as the name of a module: `price-model 2` is `PriceModel2`.
fn module(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric());
    let name: String = words
        .filter_map(|word| Some(word.get(..1)?.to_ascii_uppercase() + &word[1..]))
        .collect();
    match name.starts_with(|c: char| c.is_ascii_uppercase()) {
        true => name,
        false => format!("Notebook{name}"),
    }
}

/// The Python cells, with what they read of Elixir's names as literals.
pub(super) fn python(args: &ExportArgs, session: &SessionArgs, source: Source) -> anyhow::Result<Made> {
    let mut made = Made {
        text: String::new(),
        notes: Vec::new(),
    };
    let run = match args.no_run {
        true => {
            made.notes.push(
                "nothing was run: names of Elixir that cells of Python read are not defined".to_owned(),
            );
            None
        }
        false => {
            say("the cells are run, for the values of Elixir that those of Python read");
            Some(quiet(session)?)
        }
    };
    let mut elixir = Vec::new();
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for (index, cell) in source.notebook.cells.iter().enumerate() {
        let number = index + 1;
        let language = match cell.kind {
            CellKind::Markdown => {
                block(&mut made.text, "# %% [markdown]", &commented(&cell.source));
                continue;
            }
            CellKind::Raw => {
                block(&mut made.text, "# %% [raw]", &commented(&cell.source));
                continue;
            }
            CellKind::Code(_) if cell.is_blank() => continue,
            CellKind::Code(language) => language,
        };
        let mut text = String::new();
        if let Some(run) = &run {
            if language == Language::Python {
                for (name, line) in literals(run, source_of(&cell.code, language))? {
                    if told.get(&name) != Some(&line) {
                        text.push_str(&line);
                        text.push('\n');
                        told.insert(name, line);
                    }
                }
            }
            let mut request = CellRequest::new(language, cell.code.as_str());
            (request.allow_input, request.colors) = (false, Some(false));
            let (status, _) = run.cell(request, |_| Ok(None))?;
            if status != Status::Ok {
                made.notes.push(format!("cell {number} fails, and is left out"));
                continue;
            }
        }
        match language {
            Language::Python => block(
                &mut made.text,
                "# %%",
                &(text + &without_magics(source_of(&cell.code, language))),
            ),
            Language::Elixir => elixir.push(number.to_string()),
        }
    }
    if !elixir.is_empty() {
        made.notes
            .push(format!("left out, for it is Elixir: cell {}", elixir.join(", ")));
    }
    if let Some(run) = run {
        run.end()?;
    }
    Ok(made)
}

fn block(text: &mut String, head: &str, lines: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("{head}\n{}\n", lines.trim_matches('\n')));
}

fn commented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("# {line}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// Magics and commands of the shell as comments, which is how jupytext writes them.
fn without_magics(code: &str) -> String {
    let magic = |line: &str| {
        let line = line.trim_start();
        line.starts_with('!')
            || line.strip_prefix('%').is_some_and(|rest| {
                rest.trim_start_matches('%')
                    .starts_with(|c: char| c.is_alphabetic())
            })
    };
    let lines = code.lines().map(|line| match magic(line) {
        true => format!("# {line}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The names of Elixir that a source reads, each with a line that defines it, or says why there is none.
fn literals(run: &Run, source: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let names = run.names_of(Language::Elixir)?;
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let text = |value: Value| Value::from(value.to_string()).to_string();
    let ask = format!(
        "__import__('snakebridge.exports').exports.literals({}, {})",
        text(Value::from(source)),
        text(Value::from(names))
    );
    parsed(&run.ours(Language::Python, &ask)?)
}

/// The numbers and sources of the cells that these names need.
pub(super) fn needed(
    session: &SessionArgs,
    source: &Source,
    names: &[String],
) -> anyhow::Result<Vec<(u64, String)>> {
    let run = quiet(session)?;
    let cells = of_source(source);
    let file = Handed::over(&run, &json!({ "cells": cells, "results": names }))?;
    let ask = format!("SnakeBridge.Export.Plain.needed({})", file.text());
    let needed: Needed = answer(&run, Language::Elixir, &ask)?;
    run.end()?;
    match needed.error {
        Some(error) => Err(start::failed(error, None)),
        None => Ok(needed.cells),
    }
}

#[derive(Deserialize)]
struct Needed {
    #[serde(default)]
    cells: Vec<(u64, String)>,
    error: Option<String>,
}

/// The cells as the record has them, or as the notebook has them.
fn of_source(source: &Source) -> Vec<Value> {
    match &source.record {
        Some(record) => record.cells.iter().map(recorded).collect(),
        None => code(&source.notebook)
            .into_iter()
            .map(|(number, language, code)| json!({ "number": number, "language": language, "source": code, "status": "ok" }))
            .collect(),
    }
}

/// Makes a project.
pub(super) fn project(
    args: &ExportArgs,
    session: &SessionArgs,
    mut source: Source,
) -> anyhow::Result<ExitCode> {
    let into = match (&args.into, super::place(args, &source)) {
        (Some(into), _) => into.clone(),
        (None, Some(place)) => {
            let empty = std::fs::read_dir(&place).map_or(true, |mut entries| entries.next().is_none());
            if !empty {
                super::free(&place, args.force)?;
            }
            place
        }
        (None, None) => PathBuf::from(&source.title),
    };
    if !args.no_run {
        source.match_record()?;
        if source.record.is_none() {
            say(&format!(
                "there is no record of {}: its cells are run",
                source.title
            ));
            source.record = Some(record(&source.notebook, session)?);
        } else if let Some(record) = source.record.as_ref().filter(|_| !source.is_session) {
            say(&format!("the record of the session {} is used", record.name));
        }
    }
    let run = quiet(session)?;
    let file = Handed::over(&run, &request(args, &source, &into))?;
    let done: Done = answer(
        &run,
        Language::Elixir,
        &format!("SnakeBridge.Export.run({})", file.text()),
    )?;
    run.end()?;
    if let Some(error) = done.error {
        return Err(start::failed(error, done.hint));
    }
    for note in &done.notes {
        say(note);
    }
    for Written { path, what, diff } in &done.files {
        say(&format!("{what:<8} {}", into.join(path).display()));
        for line in diff.iter().flat_map(|diff| diff.lines()) {
            say(&format!("         {line}"));
        }
    }
    let kept = done.files.iter().filter(|file| file.what == "kept").count();
    if kept > 0 {
        say(&format!(
            "hint: {kept} of the files differ and were left as they are; `--force` replaces them"
        ));
    }
    if args.preview {
        for Written { path, .. } in &done.files {
            if let Ok(text) = std::fs::read_to_string(into.join(path)) {
                preview(path, &text)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    files: Vec<Written>,
    #[serde(default)]
    notes: Vec<String>,
    /// Why there is no project.
    error: Option<String>,
    hint: Option<String>,
}

#[derive(Deserialize)]
struct Written {
    path: String,
    /// `new`, `changed`, `same`, or `kept`: it differs and was not replaced.
    what: String,
    diff: Option<String>,
}

/// What Elixir is asked to make a project of.
fn request(args: &ExportArgs, source: &Source, into: &Path) -> Value {
    let child = |language| {
        let children = source.record.iter().flat_map(|record| &record.children);
        children.rev().find(|child| child.language == language)
    };
    let version = |language: Language| child(language).and_then(|child| child.versions.get(language.name()));
    json!({
        "to": "mix",
        "name": source.title,
        "into": std::path::absolute(into).unwrap_or_else(|_| into.to_owned()),
        "bridge_path": args.bridge_path,
        "force": args.force,
        "results": args.result,
        "params": args.param,
        "bridge": match args.bridge { Bridge::Vendor => "vendor", Bridge::Path => "path", Bridge::Git => "git" },
        "python": {
            "version": version(Language::Python),
            "packages": child(Language::Python).map_or(&[][..], |child| &child.packages),
        },
        "elixir": version(Language::Elixir),
        "cells": of_source(source),
    })
}

fn recorded(cell: &RecordedCell) -> Value {
    let mut outputs = Outputs::of_cell(cell.number);
    for event in &cell.events {
        outputs.add(event.clone());
    }
    let (results, others): (Vec<Output>, Vec<Output>) = outputs
        .cell
        .outputs
        .into_iter()
        .partition(|output| matches!(output, Output::Result { .. }));
    json!({
        "number": cell.number,
        "language": cell.language,
        "source": cell.source,
        "status": match cell.status { Some(Status::Ok) => "ok", _ => "error" },
        "reads": cell.reads,
        "writes": cell.writes,
        "deletes": cell.deletes,
        "calls": cell.calls,
        "output": as_text(&others),
        "result": results.first().map(|_| as_text(&results)),
    })
}

/// Runs the cells, for their record.
fn record(notebook: &Notebook, session: &SessionArgs) -> anyhow::Result<Record> {
    let run = Run::start(
        &SessionArgs {
            no_record: false,
            ..session.clone()
        },
        options(),
    )?;
    let name = run.name().context("the session keeps no record")?.to_owned();
    run.notebook(notebook)?;
    run.end()?;
    let records = Records::of_user().map_err(start::with_hint)?;
    records.load(&name).map_err(start::with_hint)
}

/// A session that shows nothing and leaves nothing behind.
fn quiet(session: &SessionArgs) -> anyhow::Result<Run> {
    let session = SessionArgs {
        session: None,
        no_record: true,
        ..session.clone()
    };
    Run::start(&session, options())
}

fn options() -> Options {
    Options {
        json: false,
        keep_going: true,
        may_ask: false,
        gather: false,
        quiet: true,
    }
}

/// The code cells as they are handed over.
fn cells(notebook: &Notebook) -> Vec<Value> {
    let cells = code(notebook).into_iter().map(|(number, language, code)| {
        json!({ "number": number, "language": language, "source": source_of(code, language) })
    });
    cells.collect()
}

/// The code without the line that names its language, which is a comment there.
fn source_of(code: &str, language: Language) -> &str {
    match code.split_once('\n') {
        Some((first, rest)) if first.trim_end() == format!("# %%{language}") => rest,
        _ => code,
    }
}

/// A file in the session's own folder, which goes with it.
struct Handed(PathBuf);

impl Handed {
    fn over(run: &Run, value: &Value) -> anyhow::Result<Handed> {
        let path = run.directory().join("export.json");
        fs_err::write(&path, value.to_string())?;
        Ok(Handed(path))
    }

    /// Its path as a literal of both languages.
    fn text(&self) -> String {
        Value::from(self.0.to_string_lossy()).to_string()
    }
}

fn answer<T: for<'a> Deserialize<'a>>(run: &Run, language: Language, ask: &str) -> anyhow::Result<T> {
    parsed(&run.ours(language, ask)?)
}

/// The last line is the answer.
fn parsed<T: for<'a> Deserialize<'a>>(printed: &str) -> anyhow::Result<T> {
    let line = printed.trim_end().lines().next_back().unwrap_or_default();
    serde_json::from_str(line).context("the answer is not what was asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_a_module() {
        for (title, name) in [
            ("wine", "Wine"),
            ("price-model 2", "PriceModel2"),
            ("2 + 2", "Notebook22"),
            ("é", "Notebook"),
        ] {
            assert_eq!(module(title), name);
        }
    }

    #[test]
    fn magics_become_comments() {
        assert_eq!(
            without_magics("%matplotlib inline\nx = 7 \\\n% 2\n!ls"),
            "# %matplotlib inline\nx = 7 \\\n% 2\n# !ls"
        );
    }
}

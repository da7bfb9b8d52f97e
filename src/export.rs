//! `snakebridge export`: a notebook or a recorded session as code to keep.
//!
//! Which cells there are and where the result goes is decided here. Formats of notebooks are written by bridge-core;
//! what takes understanding of code is done by the languages themselves, in a session of their own (`export/asked.rs`).

mod asked;
mod source;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bridge_core::language::Language;
use bridge_core::notebook::{CellKind, Format, Livemd, Loss};

use crate::cli::{ExportArgs, SessionArgs, Target};
use crate::{run, start};
use asked::Asked;
use source::Source;

/// Exports what was named.
///
/// # Errors
/// When there is no such file or session, when what would be written is there already, or when the session that is
/// needed does not start.
pub(crate) fn export(args: &ExportArgs, session: &SessionArgs) -> anyhow::Result<ExitCode> {
    fits(args)?;
    let mut source = Source::find(args.file.as_deref(), session)?;
    if args.to == Target::Mix {
        return asked::project(args, session, source);
    }
    if !args.result.is_empty() {
        let needed = asked::needed(session, &source, &args.result)?;
        source.keep(&needed);
    }
    let place = place(args, &source);
    if let Some(path) = &place {
        free(path, args.force)?;
    }
    let made = match args.to {
        Target::Ipynb => Made::of(source.notebook.write(Format::Ipynb, &source.title)),
        Target::Cells => Made::of(source.notebook.write(Format::Script, &source.title)),
        Target::Livemd => livemd(args, session, source)?,
        Target::Exs => Asked::plain(session, &source.notebook)?.script(&source.title),
        _ => asked::python(args, session, source)?,
    };
    for note in &made.notes {
        say(note);
    }
    match place {
        None => std::io::stdout().lock().write_all(made.text.as_bytes())?,
        Some(path) => {
            if args.preview {
                preview(&path.display().to_string(), &made.text)?;
            }
            run::write_atomically(&path, &made.text)?;
            say(&format!("{} written", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A text, and what is to be said of it.
struct Made {
    text: String,
    notes: Vec<String>,
}

impl Made {
    fn of((text, losses): (String, Vec<Loss>)) -> Made {
        let note =
            |Loss { cell, what }| format!("cell {cell}: {what} is left out, which the format cannot hold");
        Made {
            text,
            notes: losses.into_iter().map(note).collect(),
        }
    }
}

fn livemd(args: &ExportArgs, session: &SessionArgs, mut source: Source) -> anyhow::Result<Made> {
    let mut format = Livemd::new(&source.title);
    let mut notes;
    if args.pythonx {
        let cells = Asked::pythonx(session, &source.notebook)?;
        (format.pythonx, format.setup) = (true, cells.setup());
        source.notebook.setup = None;
        notes = cells.notes;
    } else {
        let cells = Asked::plain(session, &source.notebook)?;
        notes = cells.notes;
        let code = source
            .notebook
            .cells
            .iter_mut()
            .filter(|cell| matches!(cell.kind, CellKind::Code(_)));
        for (cell, written) in code.zip(cells.sources) {
            cell.source = written;
        }
    }
    let mut made = Made::of(format.write(&source.notebook));
    notes.append(&mut made.notes);
    Ok(Made { notes, ..made })
}

/// Options of one format mean nothing in another.
fn fits(args: &ExportArgs) -> anyhow::Result<()> {
    if (!args.param.is_empty() || args.into.is_some()) && args.to != Target::Mix {
        anyhow::bail!("--param and --into are for `--to mix`");
    }
    if args.pythonx && args.to != Target::Livemd {
        anyhow::bail!("--pythonx is for `--to livemd`");
    }
    if args.to == Target::Mix && args.output.as_deref() == Some(Path::new("-")) {
        return Err(start::hinted(
            "a project is a folder, which standard output cannot hold".to_owned(),
            "`-o FOLDER` says where it goes, `--preview` shows the files",
        ));
    }
    Ok(())
}

/// Where the result goes; `None` is standard output.
fn place(args: &ExportArgs, source: &Source) -> Option<PathBuf> {
    match &args.output {
        Some(path) if path == Path::new("-") => None,
        Some(path) => Some(path.clone()),
        None => {
            let extension = match args.to {
                Target::Mix => return Some(PathBuf::from(&source.title)),
                Target::Livemd => "livemd",
                Target::Ipynb => "ipynb",
                Target::Exs => "exs",
                Target::Py => "py",
                Target::Cells => "cells",
            };
            Some(PathBuf::from(format!("{}.{extension}", source.title)))
        }
    }
}

/// Nothing of the user's is overwritten unasked.
fn free(path: &Path, force: bool) -> anyhow::Result<()> {
    if path.exists() && !force {
        return Err(start::hinted(
            format!("{} exists already", path.display()),
            "`-o PATH` names another file, `--force` replaces this one",
        ));
    }
    Ok(())
}

fn preview(name: &str, text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "── {name}")?;
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        writeln!(out)?;
    }
    Ok(())
}

fn say(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// The code cells, with what they say; the number is the notebook's own, from 1.
fn code(notebook: &bridge_core::notebook::Notebook) -> Vec<(usize, Language, &str)> {
    let cells = notebook.cells.iter().enumerate();
    cells
        .filter_map(|(index, cell)| match cell.kind {
            CellKind::Code(language) => Some((index + 1, language, cell.code.as_str())),
            _ => None,
        })
        .collect()
}

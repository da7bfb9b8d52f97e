//! `snakebridge run` and `snakebridge -e`: cells from a file, a pipe or the command line, one after the other.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bridge_core::notebook::{CellKind, CellOutputs, Format, Notebook, Output};
use bridge_core::session::{CellRequest, Event, LateEvent, LateEvents, Session, Status, StreamName};
use serde_json::{Map, Value};

use crate::cli::{RunArgs, SessionArgs};
use crate::plain::Plain;
use crate::start::{self, Leave};

/// Runs a file's cells; status 1 at the first that fails, unless told to go on.
///
/// # Errors
/// When the file cannot be read, the session not started, or the output not written.
pub(crate) fn file(args: &RunArgs, session: &SessionArgs) -> anyhow::Result<ExitCode> {
    let stdin = args.file == Path::new("-");
    let (text, format) = if stdin {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        (utf8(bytes, "standard input")?, Format::Script)
    } else {
        let format = Format::of_path(&args.file).map_err(start::with_hint)?;
        let bytes = fs_err::read(&args.file)?;
        (utf8(bytes, &args.file.display().to_string())?, format)
    };
    if let Some(output) = &args.output
        && Format::of_path(output).ok() != Some(Format::Ipynb)
    {
        anyhow::bail!(
            "`-o {}`: an executed notebook is written as .ipynb",
            output.display()
        );
    }
    let notebook = Notebook::parse(&text, format)
        .map_err(start::with_hint)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let options = Options {
        json: args.json,
        keep_going: args.keep_going,
        may_ask: !stdin,
    };
    let (code, results) = cells(&notebook, session, options)?;
    if let Some(output) = &args.output {
        write_atomically(output, &notebook.to_ipynb(&results))?;
    }
    Ok(code)
}

/// Runs one cell of the command line.
///
/// # Errors
/// As [`file`].
pub(crate) fn eval(code: &str, session: &SessionArgs) -> anyhow::Result<ExitCode> {
    let notebook = Notebook::parse(code, Format::Script)?;
    let options = Options {
        json: false,
        keep_going: false,
        may_ask: true,
    };
    Ok(cells(&notebook, session, options)?.0)
}

#[derive(Clone, Copy)]
struct Options {
    json: bool,
    keep_going: bool,
    /// Whether standard input is free to answer the cells' questions.
    may_ask: bool,
}

fn cells(
    notebook: &Notebook,
    args: &SessionArgs,
    options: Options,
) -> anyhow::Result<(ExitCode, Vec<Option<CellOutputs>>)> {
    let (session, late) = Session::start(start::config(args)?).map_err(start::with_hint)?;
    let leave = Leave::on_signals(&session)?;
    let sink = Arc::new(Mutex::new(Sink {
        json: options.json,
        plain: Plain::default(),
    }));
    let printer = print_late(late, Arc::clone(&sink));
    let mut results = vec![None; notebook.cells.len()];
    let mut failed = false;
    for (result, cell) in results.iter_mut().zip(&notebook.cells) {
        let CellKind::Code(language) = cell.kind else {
            continue;
        };
        if cell.is_blank() {
            continue;
        }
        let mut request = CellRequest::new(language, cell.code.as_str());
        request.allow_input = options.may_ask;
        let mut running = session.execute(request).map_err(start::with_hint)?;
        let mut outputs = Outputs {
            cell: CellOutputs {
                execution_count: running.number,
                outputs: Vec::new(),
            },
            clear: false,
        };
        let mut status = Status::Error;
        while let Some(event) = running.events.wait() {
            sink.lock().unwrap_or_else(PoisonError::into_inner).event(
                Some(running.number),
                language.name(),
                &event,
            )?;
            match &event {
                Event::Input { .. } => session.answer_input(running.number, answer()?),
                Event::Finished { status: how, .. } => status = *how,
                _ => {}
            }
            outputs.add(event);
        }
        *result = Some(outputs.cell);
        if status != Status::Ok {
            failed = true;
            if !options.keep_going || leave.asked() {
                break;
            }
        }
    }
    session.shutdown().wait().map_err(start::with_hint)?;
    let _ = printer.join();
    let code = leave.status().unwrap_or(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    });
    Ok((code, results))
}

/// A line of standard input without its newline; `None` at its end.
fn answer() -> io::Result<Option<String>> {
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(
        line.trim_end_matches('\n').trim_end_matches('\r').to_owned(),
    ))
}

fn print_late(mut late: LateEvents, sink: Arc<Mutex<Sink>>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        while let Some(LateEvent { cell, event }) = late.wait() {
            // When the reader of our output has gone, the cells' own thread finds out and ends the run.
            let _ = sink
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .event(cell, "", &event);
        }
    })
}

/// Where events go.
struct Sink {
    json: bool,
    plain: Plain,
}

impl Sink {
    fn event(&mut self, cell: Option<u64>, language: &str, event: &Event) -> io::Result<()> {
        if !self.json {
            return self.plain.event(event);
        }
        let mut line = Map::new();
        if let Some(cell) = cell {
            line.insert("cell".into(), cell.into());
        }
        if !language.is_empty() {
            line.insert("language".into(), language.into());
        }
        if let Value::Object(fields) = serde_json::to_value(event)? {
            line.extend(fields);
        }
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, &line)?;
        stdout.write_all(b"\n")?;
        stdout.flush()
    }
}

/// Gathers a cell's events as a notebook keeps them.
struct Outputs {
    cell: CellOutputs,
    /// A `clear` that waits for the next output.
    clear: bool,
}

impl Outputs {
    fn add(&mut self, event: Event) {
        let outputs = &mut self.cell.outputs;
        let output = match event {
            Event::Started { .. } | Event::Input { .. } | Event::Finished { .. } => return,
            Event::Clear { wait: true } => {
                self.clear = true;
                return;
            }
            Event::Clear { wait: false } => {
                outputs.clear();
                return;
            }
            Event::Stream { name, text } => stream(stream_name(name), text),
            Event::Notice { text } => stream("stderr", format!("{}\n", text.trim_end_matches('\n'))),
            Event::Display {
                data,
                metadata,
                display_id,
                update,
            } => {
                let shown = Output::Display {
                    data: start::json_map(&data),
                    metadata,
                    display_id,
                };
                if update {
                    replace(outputs, &shown);
                    return;
                }
                shown
            }
            Event::Result { data, metadata } => Output::Result {
                data: start::json_map(&data),
                metadata,
            },
            Event::Error {
                class,
                message,
                traceback,
                hint,
            } => {
                let mut traceback = traceback;
                traceback.extend(hint.map(|hint| format!("hint: {hint}")));
                Output::Error {
                    class,
                    message,
                    traceback,
                }
            }
        };
        if std::mem::take(&mut self.clear) {
            outputs.clear();
        }
        match (outputs.last_mut(), output) {
            (Some(Output::Stream { name: last, text }), Output::Stream { name, text: more })
                if *last == name =>
            {
                text.push_str(&more);
            }
            (_, output) => outputs.push(output),
        }
    }
}

fn stream(name: &str, text: String) -> Output {
    Output::Stream {
        name: name.to_owned(),
        text,
    }
}

fn stream_name(name: StreamName) -> &'static str {
    match name {
        StreamName::Stdout => "stdout",
        StreamName::Stderr => "stderr",
    }
}

/// An update stands wherever its id was displayed before.
fn replace(outputs: &mut [Output], new: &Output) {
    let Output::Display {
        display_id: Some(wanted),
        ..
    } = new
    else {
        return;
    };
    for old in outputs {
        if matches!(old, Output::Display { display_id: Some(id), .. } if id == wanted) {
            *old = new.clone();
        }
    }
}

fn utf8(bytes: Vec<u8>, what: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!(
            "{what} is not UTF-8 text (at byte {})",
            error.utf8_error().valid_up_to()
        )
    })
}

/// The output may be the input: it is replaced whole or not at all.
fn write_atomically(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = path.file_name().context("`-o` names no file")?.to_owned();
    name.push(".tmp");
    let partial = path.with_file_name(name);
    fs_err::write(&partial, text)?;
    fs_err::rename(&partial, path)?;
    Ok(())
}

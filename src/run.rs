//! `snakebridge run` and `snakebridge -e`: cells from a file, a pipe or the command line, one after the other.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;
use bridge_core::language::Language;
use bridge_core::notebook::{CellKind, CellOutputs, Format, Loss, Notebook, Outputs};
use bridge_core::record::Record;
use bridge_core::session::{CellRequest, Event, LateEvent, LateEvents, Session, Status, StreamName};
use serde_json::{Map, Value};
use snakebridge_repl::render::{Look, Renderer, columns};

use crate::cli::{RunArgs, SessionArgs};
use crate::start::{self, Leave};

/// Runs a file's cells; status 1 at the first that fails, unless told to go on.
///
/// # Errors
/// When the file cannot be read, the session not started, or the output not written.
pub(crate) fn file(args: &RunArgs, session: &SessionArgs) -> anyhow::Result<ExitCode> {
    let stdin = args.file == Path::new("-");
    let format = args.output.as_deref().map(Format::of_path).transpose();
    let format = format
        .ok()
        .filter(|format| matches!(format, None | Some(Format::Ipynb | Format::Livemd)));
    let Some(format) = format else {
        anyhow::bail!("`-o`: an executed notebook is written as .ipynb or .livemd");
    };
    // Found out now, not after an hour of cells.
    if let Some(folder) = args.output.as_deref().and_then(Path::parent)
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        anyhow::bail!("`-o`: there is no folder {}", folder.display());
    }
    let mut notebook = if stdin { piped()? } else { read(&args.file)? };
    let options = Options {
        json: args.json,
        keep_going: args.keep_going,
        may_ask: !stdin,
        gather: args.output.is_some(),
        quiet: false,
    };
    let run = Run::start(session, options)?;
    if notebook.setup.is_some() {
        run.note(
            "the notebook's setup is not run: what it installs must be there (`-S mix` loads a project)",
        )?;
    }
    notebook.set_outputs(run.notebook(&notebook)?);
    if let (Some(output), Some(format)) = (&args.output, format) {
        let title = output.file_stem().unwrap_or_default().to_string_lossy();
        let (text, losses) = notebook.write(format, &title);
        for Loss { cell, what } in losses {
            run.note(&format!(
                "cell {cell}: {what} is not in {}, which cannot hold it",
                output.display()
            ))?;
        }
        write_atomically(output, &text)?;
    }
    run.end()
}

/// The cell script on standard input.
pub(crate) fn piped() -> anyhow::Result<Notebook> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .context("cannot read standard input")?;
    Ok(Notebook::parse(&utf8(bytes, "standard input")?, Format::Script)?)
}

/// The notebook in a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Notebook> {
    let format = Format::of_path(path).map_err(start::with_hint)?;
    let text = utf8(fs_err::read(path)?, &path.display().to_string())?;
    Notebook::parse(&text, format)
        .map_err(start::with_hint)
        .with_context(|| format!("cannot read {}", path.display()))
}

/// Runs one cell of the command line.
///
/// # Errors
/// As [`file`].
pub(crate) fn eval(code: &str, session: &SessionArgs) -> anyhow::Result<ExitCode> {
    let run = Run::start(
        session,
        Options {
            json: false,
            keep_going: false,
            may_ask: true,
            gather: false,
            quiet: false,
        },
    )?;
    run.notebook(&Notebook::parse(code, Format::Script)?)?;
    run.end()
}

/// How cells are run.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    /// Print events as JSON.
    pub(crate) json: bool,
    /// Go on after a failing cell.
    pub(crate) keep_going: bool,
    /// Whether standard input is free to answer the cells' questions.
    pub(crate) may_ask: bool,
    /// Keep what the cells put out, to write it to a notebook.
    pub(crate) gather: bool,
    /// Print no events.
    pub(crate) quiet: bool,
}

/// A session that runs cells without a prompt and prints their events.
pub(crate) struct Run {
    session: Session,
    options: Options,
    sink: Arc<Mutex<Sink>>,
    leave: Leave,
    printer: JoinHandle<()>,
    failed: Cell<bool>,
    /// The status that a cell asked for by `sys.exit`.
    exit: Cell<Option<u8>>,
}

impl Run {
    pub(crate) fn start(args: &SessionArgs, options: Options) -> anyhow::Result<Self> {
        let (session, late) = Session::start(start::config(args)?).map_err(start::with_hint)?;
        let sink = Arc::new(Mutex::new(Sink {
            json: options.json,
            text: Renderer::new(Look::detect()),
        }));
        Ok(Run {
            leave: Leave::on_signals(&session)?,
            printer: print_late(late, Arc::clone(&sink)),
            failed: Cell::new(false),
            exit: Cell::new(None),
            session,
            options,
            sink,
        })
    }

    /// Says something that no cell has said.
    fn note(&self, text: &str) -> io::Result<()> {
        let event = Event::Notice {
            text: text.to_owned(),
        };
        self.sink
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .event(None, "", &event)
    }

    /// The name of its record.
    pub(crate) fn name(&self) -> Option<&str> {
        self.session.name()
    }

    /// The session's own folder, which goes when it ends.
    pub(crate) fn directory(&self) -> &Path {
        self.session.directory()
    }

    /// What code of ours prints: it is no cell of the user's, and leaves no trace.
    pub(crate) fn ours(&self, language: Language, source: &str) -> anyhow::Result<String> {
        let mut request = CellRequest::new(language, source);
        (request.silent, request.store_history) = (true, false);
        (request.allow_input, request.colors) = (false, Some(false));
        let mut running = self.session.execute(request).map_err(start::with_hint)?;
        let mut printed = String::new();
        while let Some(event) = running.events.wait() {
            match event {
                Event::Stream {
                    name: StreamName::Stdout,
                    text,
                } => printed.push_str(&text),
                Event::Error {
                    class, message, hint, ..
                } => return Err(start::failed(format!("{class}: {message}"), hint)),
                _ => {}
            }
        }
        Ok(printed)
    }

    /// The names of the session that belong to a language.
    pub(crate) fn names_of(&self, language: Language) -> anyhow::Result<Vec<String>> {
        let names = self.session.names().wait().map_err(start::with_hint)?;
        let own = names.into_iter().filter(|name| name.language == language);
        Ok(own.map(|name| name.name).collect())
    }

    /// Runs the code cells in order, and says what each left behind. After one that failed it stops, unless told to
    /// go on.
    pub(crate) fn notebook(&self, notebook: &Notebook) -> anyhow::Result<Vec<Option<CellOutputs>>> {
        let mut results = vec![None; notebook.cells.len()];
        for (result, cell) in results.iter_mut().zip(&notebook.cells) {
            let CellKind::Code(language) = cell.kind else {
                continue;
            };
            if cell.is_blank() {
                continue;
            }
            let mut request = CellRequest::new(language, cell.code.as_str());
            request.allow_input = self.options.may_ask;
            request.colors = Some(!self.options.json && start::wants_colors());
            request.width = columns().filter(|_| !self.options.json);
            let (status, outputs) = self.cell(request, |_| answer())?;
            *result = Some(outputs);
            if !self.goes_on(status) {
                break;
            }
        }
        Ok(results)
    }

    /// Runs a record's cells again under their numbers, with the answers that were given then.
    pub(crate) fn replay(&self, record: &Record) -> anyhow::Result<()> {
        for cell in &record.cells {
            let mut request = CellRequest::new(cell.language, cell.source.as_str());
            request.number = Some(cell.number);
            let mut answers = cell.answers.iter().cloned();
            let (status, _) = self.cell(request, |password| match answers.next() {
                Some(given) if !password => Ok(given),
                _ => answer(),
            })?;
            // A cell that failed then may fail again.
            if cell.status == Some(Status::Ok) && !self.goes_on(status) {
                break;
            }
        }
        Ok(())
    }

    /// Runs one cell to its end, asking `answer` for what it asks.
    pub(crate) fn cell(
        &self,
        request: CellRequest,
        mut answer: impl FnMut(bool) -> io::Result<Option<String>>,
    ) -> anyhow::Result<(Status, CellOutputs)> {
        let language = request.language;
        let mut running = self.session.execute(request).map_err(start::with_hint)?;
        let mut outputs = Outputs::of_cell(running.number);
        let mut status = Status::Error;
        while let Some(event) = running.events.wait() {
            if let Event::Error { class, message, .. } = &event
                && class == "SystemExit"
                && !self.options.keep_going
                && let Some(code) = exit_code(message)
            {
                // A program that ends by itself has not failed, so there is nothing to print.
                self.exit.set(Some(code));
                if !self.options.json {
                    continue;
                }
            }
            if !self.options.quiet {
                let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
                sink.event(Some(running.number), language.name(), &event)?;
            }
            match &event {
                Event::Input { password, .. } => {
                    self.session.answer_input(running.number, answer(*password)?)
                }
                Event::Finished { status: how, .. } => status = *how,
                _ => {}
            }
            if self.options.gather {
                outputs.add(event);
            }
        }
        Ok((status, outputs.cell))
    }

    fn goes_on(&self, status: Status) -> bool {
        if status == Status::Ok {
            return true;
        }
        self.failed.set(true);
        self.options.keep_going && !self.leave.asked()
    }

    /// Ends the session. The status is 1 when a cell failed, and that of a signal when one came.
    pub(crate) fn end(self) -> anyhow::Result<ExitCode> {
        self.session.shutdown().wait().map_err(start::with_hint)?;
        let _ = self.printer.join();
        let code = self.exit.get().unwrap_or(u8::from(self.failed.get()));
        Ok(self.leave.status().unwrap_or(ExitCode::from(code)))
    }
}

/// The status that `sys.exit(x)` asks for, from the text of its exception; `None` for one that is a message.
fn exit_code(message: &str) -> Option<u8> {
    match message {
        "" | "None" => Some(0),
        // The system keeps the lowest eight bits, as for any program.
        number => number.parse::<i64>().ok().map(|n| n.rem_euclid(256) as u8),
    }
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

fn print_late(mut late: LateEvents, sink: Arc<Mutex<Sink>>) -> JoinHandle<()> {
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
    text: Renderer,
}

impl Sink {
    fn event(&mut self, cell: Option<u64>, language: &str, event: &Event) -> io::Result<()> {
        if !self.json {
            return self.text.event(event);
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

fn utf8(bytes: Vec<u8>, what: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!(
            "{what} is not UTF-8 text (at byte {})",
            error.utf8_error().valid_up_to()
        )
    })
}

/// The output may be the input: it is replaced whole or not at all.
pub(crate) fn write_atomically(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = path.file_name().context("`-o` names no file")?.to_owned();
    name.push(".tmp");
    let partial = path.with_file_name(name);
    fs_err::write(&partial, text)?;
    fs_err::rename(&partial, path)?;
    Ok(())
}

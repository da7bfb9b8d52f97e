//! `snakebridge sessions`: the records of earlier sessions.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use bridge_core::record::{Record, Records};
use bridge_core::session::Status;
use snakebridge_repl::render::{Look, Renderer};
use snakebridge_repl::{recorded_time, sessions_table};

use crate::cli::{SessionArgs, SessionsAction};
use crate::run::{self, Options, Run};
use crate::start;

/// Does what was asked with the user's records.
///
/// # Errors
/// When a session is not there, or its file cannot be used.
pub(crate) fn act(action: SessionsAction, args: &SessionArgs) -> anyhow::Result<ExitCode> {
    let records = Records::of_user().map_err(start::with_hint)?;
    let mut out = anstream::stdout().lock();
    match action {
        SessionsAction::List => {
            let sessions = records.list().map_err(start::with_hint)?;
            if sessions.is_empty() {
                writeln!(out, "no sessions are recorded")?;
            } else {
                write!(out, "{}", sessions_table(&sessions))?;
            }
        }
        SessionsAction::Show { name } => {
            drop(out);
            show(&records.load(&name).map_err(start::with_hint)?)?;
        }
        SessionsAction::Resume { name, yes } => {
            drop(out);
            return resume(records.load(&name).map_err(start::with_hint)?, yes, args);
        }
        SessionsAction::Rm { names } => {
            for name in names {
                records.remove(&name).map_err(start::with_hint)?;
                writeln!(out, "removed {name}")?;
            }
        }
        SessionsAction::Prune { days } => {
            let removed = records
                .prune(Duration::from_secs(days * 24 * 60 * 60))
                .map_err(start::with_hint)?;
            for name in &removed {
                writeln!(out, "removed {name}")?;
            }
            writeln!(
                out,
                "{} removed, those of the last {days} days kept",
                count(removed.len(), "session")
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(record: &Record) -> anyhow::Result<()> {
    let mut text = Renderer::new(Look::detect());
    write_line(&format!(
        "{}, started {} in {}",
        record.name,
        recorded_time(&record.started),
        record.directory
    ))?;
    for cell in &record.cells {
        let how = match cell.status {
            Some(Status::Ok) => format!("{:.3} s", Duration::from_micros(cell.duration_us).as_secs_f64()),
            Some(Status::Error) => "failed".into(),
            Some(Status::Interrupted) => "interrupted".into(),
            None => "not finished".into(),
        };
        write_line(&format!("\n── cell {}, {}, {how}", cell.number, cell.language))?;
        for line in cell.source.lines() {
            write_line(&format!("  {line}"))?;
        }
        for event in &cell.events {
            text.event(event)?;
        }
    }
    if record.damaged_lines > 0 {
        write_line(&format!(
            "\n{} of the file could not be read",
            count(record.damaged_lines, "line")
        ))?;
    }
    Ok(())
}

/// Replays, then goes on: at the prompt, or with the cells of standard input.
fn resume(record: Record, yes: bool, args: &SessionArgs) -> anyhow::Result<ExitCode> {
    let terminal = io::stdin().is_terminal();
    if !yes {
        if !terminal {
            bail!(
                "resuming `{}` repeats what its cells did; without a terminal, say `--yes`",
                record.name
            );
        }
        let question = format!(
            "{} of `{}` will run again, with all that they do outside the session (files, requests). Go on? [y/N] ",
            count(record.cells.len(), "cell"),
            record.name
        );
        write!(anstream::stdout(), "{question}")?;
        io::stdout().flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let args = SessionArgs {
        session: Some(record.name.clone()),
        ..args.clone()
    };
    if terminal {
        return start::prompt(&args, &record.cells);
    }
    let run = Run::start(
        &args,
        Options {
            json: false,
            keep_going: false,
            may_ask: false,
            gather: false,
            quiet: false,
        },
    )?;
    run.replay(&record)?;
    run.notebook(&run::piped()?)?;
    run.end()
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn write_line(line: &str) -> io::Result<()> {
    writeln!(anstream::stdout(), "{line}")
}

//! Cells from standard input, where there is no terminal: a script whose lines `%%python` and `%%elixir` start a cell.

use std::io::{self, Read};
use std::process::ExitCode;

use anyhow::Context;
use bridge_core::notebook::{CellKind, Format, Notebook};
use bridge_core::session::{CellRequest, Event, LateEvents, Session, Status};

use crate::render::{Look, Renderer};

/// Runs the cells one after the other, up to the first that fails.
pub(crate) fn run(session: &Session, mut late: LateEvents) -> anyhow::Result<ExitCode> {
    let mut script = String::new();
    io::stdin()
        .read_to_string(&mut script)
        .context("cannot read cells from standard input")?;
    let notebook = Notebook::parse(&script, Format::Script)?;
    let mut renderer = Renderer::new(Look::detect());
    let mut outcome = Status::Ok;
    for cell in notebook.cells.iter().filter(|cell| !cell.is_blank()) {
        let CellKind::Code(language) = cell.kind else {
            continue;
        };
        outcome = run_cell(
            session,
            CellRequest::new(language, cell.code.clone()),
            &mut renderer,
        )?;
        while let Ok(Some(event)) = late.try_next() {
            renderer.event(&event.event)?;
        }
        if outcome != Status::Ok {
            break;
        }
    }
    session.shutdown().wait()?;
    while let Some(event) = late.wait() {
        renderer.event(&event.event)?;
    }
    Ok(if outcome == Status::Ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run_cell(session: &Session, mut request: CellRequest, renderer: &mut Renderer) -> anyhow::Result<Status> {
    // Standard input holds the cells.
    request.allow_input = false;
    let mut cell = session.execute(request)?;
    while let Some(event) = cell.events.wait() {
        match event {
            Event::Finished { status, .. } => return Ok(status),
            Event::Input { .. } => session.answer_input(cell.number, None),
            event => renderer.event(&event)?,
        }
    }
    anyhow::bail!("the session ended before its cell did")
}

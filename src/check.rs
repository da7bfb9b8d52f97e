//! `snakebridge run WHAT --check`: a notebook's or a session's cells run anew, and compared with what they put out then.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use bridge_core::language::Language;
use bridge_core::notebook::{CellKind, Output, Outputs, as_text, difference};
use bridge_core::record::{Record, Records};
use bridge_core::session::{CellRequest, Status};

use crate::cli::SessionArgs;
use crate::run::{self, Options, Run};
use crate::start;

/// A cell as it was.
struct Recorded {
    number: Option<u64>,
    language: Language,
    code: String,
    outputs: Vec<Output>,
    answers: VecDeque<Option<String>>,
}

/// How many cells came out how.
#[derive(Default)]
struct Tally {
    equal: usize,
    different: usize,
    failed: usize,
}

/// Runs the cells and reports on each; status 1 unless all came out equal.
///
/// # Errors
/// When there is neither such a file nor such a session, or the new session does not start.
pub(crate) fn run(what: &Path, session: &SessionArgs) -> anyhow::Result<ExitCode> {
    let cells = recorded(what)?;
    // A record of the check would stand beside the one that is checked, or be taken for it.
    let session = SessionArgs {
        session: None,
        no_record: true,
        ..session.clone()
    };
    let run = Run::start(
        &session,
        Options {
            json: false,
            keep_going: true,
            may_ask: false,
            gather: true,
            quiet: true,
        },
    )?;
    let mut tally = Tally::default();
    let mut out = anstream::stdout();
    for (index, cell) in cells.into_iter().enumerate() {
        let name = cell.number.unwrap_or(index as u64 + 1);
        let mut request = CellRequest::new(cell.language, cell.code);
        request.number = cell.number;
        request.colors = Some(false);
        let mut answers = cell.answers;
        let (status, now) = run.cell(request, |_| Ok(answers.pop_front().flatten()))?;
        let failed_then = cell
            .outputs
            .iter()
            .any(|output| matches!(output, Output::Error { .. }));
        let difference = difference(&as_text(&cell.outputs), &as_text(&now.outputs));
        let (word, detail) = match difference {
            None => {
                tally.equal += 1;
                ("equal", None)
            }
            difference if status != Status::Ok && !failed_then => {
                tally.failed += 1;
                ("failed", difference)
            }
            difference => {
                tally.different += 1;
                ("different", difference)
            }
        };
        writeln!(out, "cell {name:<4} {:<7} {word}", cell.language.name())?;
        for line in detail.iter().flat_map(|detail| detail.lines()) {
            writeln!(out, "    {line}")?;
        }
    }
    let Tally {
        equal,
        different,
        failed,
    } = tally;
    writeln!(out, "{equal} equal, {different} different, {failed} failed")?;
    run.end()?;
    Ok(ExitCode::from(u8::from(different + failed > 0)))
}

/// The cells of a file, or of the session of that name where there is no such file.
fn recorded(what: &Path) -> anyhow::Result<Vec<Recorded>> {
    let name = what.to_str().filter(|_| !what.exists());
    let record = name.map(|name| Records::of_user().and_then(|records| records.load(name)));
    match record {
        Some(record) => Ok(of_record(record.map_err(start::with_hint)?)),
        None => {
            let cells = run::read(what)?
                .cells
                .into_iter()
                .filter_map(|cell| match cell.kind {
                    CellKind::Code(language) if !cell.is_blank() => Some(Recorded {
                        number: None,
                        language,
                        code: cell.code,
                        outputs: cell.outputs,
                        answers: VecDeque::new(),
                    }),
                    _ => None,
                });
            Ok(cells.collect())
        }
    }
}

fn of_record(record: Record) -> Vec<Recorded> {
    let cells = record.cells.into_iter().map(|cell| {
        let mut outputs = Outputs::of_cell(cell.number);
        for event in cell.events {
            outputs.add(event);
        }
        Recorded {
            number: Some(cell.number),
            language: cell.language,
            code: cell.source,
            outputs: outputs.cell.outputs,
            answers: cell.answers.into(),
        }
    });
    cells.collect()
}

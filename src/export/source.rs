//! What is exported: a file's notebook, a session's record, or both, where the record is that of the notebook.

use std::path::Path;

use bridge_core::notebook::{CellKind, Notebook, Outputs};
use bridge_core::record::{Record, RecordedCell, Records};
use bridge_core::session::Status;

use crate::cli::SessionArgs;
use crate::{run, start};

/// How many records are looked through for the one of a notebook, the newest first.
const MOST_RECORDS: usize = 200;

/// What is exported.
pub(super) struct Source {
    /// What it is called: the file's name without its extension, or the session's.
    pub(super) title: String,
    /// The cells; of a session those that went well.
    pub(super) notebook: Notebook,
    /// What happened when they ran.
    pub(super) record: Option<Record>,
    /// Whether it is the record of a session that was asked for, and not of a file.
    pub(super) is_session: bool,
}

impl Source {
    /// The file's notebook, or the record that the session's name says.
    pub(super) fn find(file: Option<&Path>, session: &SessionArgs) -> anyhow::Result<Source> {
        let records = Records::of_user().map_err(start::with_hint)?;
        let Some(file) = file else {
            let name = session.session.as_deref().unwrap_or_default();
            return Source::of_record(records.load(name).map_err(start::with_hint)?);
        };
        let notebook = if file == Path::new("-") {
            run::piped()?
        } else {
            run::read(file)?
        };
        let stem = file.file_stem().filter(|stem| *stem != "-");
        let record = match &session.session {
            Some(name) => {
                let record = records.load(name).map_err(start::with_hint)?;
                Some(record).filter(|record| is_of(record, &notebook))
            }
            None => None,
        };
        Ok(Source {
            title: stem.map_or("cells".to_owned(), |stem| stem.to_string_lossy().into_owned()),
            notebook,
            record,
            is_session: false,
        })
    }

    fn of_record(record: Record) -> anyhow::Result<Source> {
        let good: Vec<&RecordedCell> = record.cells.iter().filter(|cell| went_well(cell)).collect();
        if good.is_empty() {
            anyhow::bail!("no cell of the session {} went well", record.name);
        }
        let cells: Vec<_> = good
            .iter()
            .map(|cell| (cell.language, cell.source.as_str()))
            .collect();
        let mut notebook = Notebook::of_cells(&cells);
        let outputs = good.iter().map(|cell| {
            let mut outputs = Outputs::of_cell(cell.number);
            for event in &cell.events {
                outputs.add(event.clone());
            }
            Some(outputs.cell)
        });
        notebook.set_outputs(outputs.collect());
        Ok(Source {
            title: record.name.clone(),
            notebook,
            record: Some(record),
            is_session: true,
        })
    }

    /// Keeps those cells of code alone, with these sources; what a record numbers, the numbers are of.
    pub(super) fn keep(&mut self, needed: &[(u64, String)]) {
        let numbers: Vec<u64> = match self.record.as_ref().filter(|_| self.is_session) {
            Some(record) => {
                let good = record.cells.iter().filter(|cell| went_well(cell));
                good.map(|cell| cell.number).collect()
            }
            None => (1..).take(self.notebook.cells.len()).collect(),
        };
        let cells = std::mem::take(&mut self.notebook.cells).into_iter().zip(numbers);
        let kept = cells.filter_map(|(mut cell, number)| {
            if let CellKind::Code(_) = cell.kind {
                let (_, source) = needed.iter().find(|(other, _)| *other == number)?;
                if *source != cell.code {
                    (cell.source, cell.code) = (source.clone(), source.clone());
                }
            }
            Some(cell)
        });
        self.notebook.cells = kept.collect();
    }

    /// Looks for the record of a session that ran these very cells, all of them in their order, and nothing else.
    pub(super) fn match_record(&mut self) -> anyhow::Result<()> {
        if self.record.is_none() {
            let records = Records::of_user().map_err(start::with_hint)?;
            let listed = records.list().map_err(start::with_hint)?;
            let wanted = self.notebook.cells.iter().filter(|cell| !cell.is_blank()).count();
            let mut loaded = listed
                .into_iter()
                .take(MOST_RECORDS)
                .filter(|listed| listed.cells == wanted)
                .filter_map(|listed| records.load(&listed.name).ok());
            self.record = loaded.find(|record| is_of(record, &self.notebook));
        }
        Ok(())
    }
}

fn went_well(cell: &RecordedCell) -> bool {
    cell.status == Some(Status::Ok)
}

fn is_of(record: &Record, notebook: &Notebook) -> bool {
    let ran = record.cells.iter().filter(|cell| went_well(cell));
    let ran = ran.map(|cell| (CellKind::Code(cell.language), cell.source.as_str()));
    let cells = notebook.cells.iter().filter(|cell| !cell.is_blank());
    ran.eq(cells.map(|cell| (cell.kind, cell.code.as_str())))
}

//! How often each cell called across the bridge, by shape: for the session's record.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bridge_core::steps::Shape;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::lane::{Kind, Lane};

/// So many callers are remembered; the host has asked for a cell's calls long before.
const CALLERS: usize = 128;

/// So many shapes of one caller are told apart.
const SHAPES: usize = 10_000;

/// Whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Cell(u64),
    /// The lane of the evaluator of Elixir cells: it asks for its calls at the end of each cell.
    Evaluator(u64),
}

impl Caller {
    /// The caller of a request on a lane; none where nobody will ask.
    pub(crate) fn of(lane: &Lane, cell: Option<u64>) -> Option<Self> {
        match (cell, lane.kind) {
            (Some(cell), _) => Some(Caller::Cell(cell)),
            (None, Kind::BeamMain) => Some(Caller::Evaluator(lane.conn.id)),
            _ => None,
        }
    }
}

type Counts = HashMap<(Shape, String), u64>;

static CALLS: Mutex<Vec<(Caller, Counts)>> = Mutex::new(Vec::new());

/// What shows an Elixir cell's values and figures: no call of the cell's.
const SHOWING: [&str; 2] = ["snakebridge.display", "snakebridge.figures"];

/// Counts a call.
pub(crate) fn count(caller: Caller, shape: Shape, returns: String) {
    if SHOWING.contains(&shape.module.as_str()) {
        return;
    }
    let mut callers = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    let at = callers
        .iter()
        .position(|(known, _)| *known == caller)
        .unwrap_or_else(|| {
            if callers.len() >= CALLERS {
                callers.remove(0);
            }
            callers.push((caller, Counts::new()));
            callers.len() - 1
        });
    let counts = &mut callers[at].1;
    let key = (shape, returns);
    if counts.len() < SHAPES || counts.contains_key(&key) {
        *counts.entry(key).or_insert(0) += 1;
    }
}

/// The calls of a cell, as the protocol tells them. `lane`: who asks, whose count then begins anew.
pub(crate) fn of_cell<'py>(py: Python<'py>, cell: u64, lane: Option<&Lane>) -> PyResult<Bound<'py, PyList>> {
    let evaluator = lane.map(|lane| Caller::Evaluator(lane.conn.id));
    let mut counts = Counts::new();
    {
        let mut callers = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
        for (caller, found) in callers.iter() {
            if *caller == Caller::Cell(cell) || Some(*caller) == evaluator {
                for (shape, count) in found {
                    *counts.entry(shape.clone()).or_insert(0) += count;
                }
            }
        }
        callers.retain(|(caller, _)| Some(*caller) != evaluator);
    }
    let mut calls: Vec<((Shape, String), u64)> = counts.into_iter().collect();
    calls.sort_unstable_by(|((a, _), _), ((b, _), _)| {
        (&a.module, &a.name, &a.args).cmp(&(&b.module, &b.name, &b.args))
    });
    let list = PyList::empty(py);
    for ((Shape { module, name, args }, returns), count) in calls {
        let call = PyDict::new(py);
        call.set_item("module", module)?;
        call.set_item("name", name)?;
        call.set_item("args", args)?;
        call.set_item("returns", returns)?;
        call.set_item("count", count)?;
        list.append(call)?;
    }
    Ok(list)
}

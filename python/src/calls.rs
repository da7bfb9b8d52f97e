//! How often each cell called across the bridge, by shape: for the session's record.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bridge_core::steps::Shape;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// So many cells are remembered; the host has asked for a cell's calls long before.
const CELLS: usize = 16;

/// So many shapes of one cell are told apart.
const SHAPES: usize = 10_000;

type Counts = HashMap<(Shape, String), u64>;

static CALLS: Mutex<Vec<(u64, Counts)>> = Mutex::new(Vec::new());

/// Counts a call.
pub(crate) fn count(cell: u64, shape: Shape, returns: String) {
    let mut cells = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    let at = cells.iter().position(|(known, _)| *known == cell).unwrap_or_else(|| {
        if cells.len() >= CELLS {
            cells.remove(0);
        }
        cells.push((cell, Counts::new()));
        cells.len() - 1
    });
    let counts = &mut cells[at].1;
    let key = (shape, returns);
    if counts.len() < SHAPES || counts.contains_key(&key) {
        *counts.entry(key).or_insert(0) += 1;
    }
}

/// The calls of a cell, as the protocol tells them.
pub(crate) fn of_cell(py: Python<'_>, cell: u64) -> PyResult<Bound<'_, PyList>> {
    let counts = {
        let cells = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
        cells.iter().find(|(known, _)| *known == cell).map(|(_, counts)| counts.clone())
    };
    let mut calls: Vec<((Shape, String), u64)> = counts.into_iter().flatten().collect();
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

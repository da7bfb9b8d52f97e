//! What the session's globals bind at one moment, to tell later what has changed.
//!
//! Globals grow with every cell, for IPython keeps each input and result in them (`_i7`, `_7`). Python would soon take
//! longer to look through them all than to run a small cell.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// The names that a dict binds. Those that `own` binds to the same object are not the user's.
#[pyclass(frozen, module = "snakebridge._native")]
pub(crate) struct Bindings {
    globals: Py<PyDict>,
    /// In the order of the dict.
    entries: Vec<Entry>,
}

type Names<'py> = Vec<Bound<'py, PyString>>;

struct Entry {
    name: Py<PyString>,
    /// The object's identity, and no more: who replaces it may want it to be freed.
    value: usize,
    own: bool,
}

#[pymethods]
impl Bindings {
    #[new]
    fn new(globals: &Bound<'_, PyDict>, own: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut entries = Vec::with_capacity(globals.len());
        for (name, value) in globals {
            // Other keys are no names.
            if let Ok(name) = name.cast_into_exact::<PyString>() {
                let own = own.get_item(&name)?.is_some_and(|own| own.is(&value));
                let value = identity(&value);
                entries.push(Entry {
                    name: name.unbind(),
                    value,
                    own,
                });
            }
        }
        Ok(Bindings {
            globals: globals.clone().unbind(),
            entries,
        })
    }

    /// The names that are bound now and were not, or to another object; and the user's that are bound no more.
    fn changes<'py>(&self, py: Python<'py>) -> PyResult<(Names<'py>, Names<'py>)> {
        let globals = self.globals.bind(py);
        let mut changed = Vec::new();
        let mut others = Vec::new();
        let mut before = self.entries.iter().peekable();
        // Nearly always the names of before come first, in their order, and new ones after them.
        for (name, value) in globals {
            let Ok(name) = name.cast_into_exact::<PyString>() else {
                continue;
            };
            match before.next_if(|entry| entry.name.is(&name)) {
                Some(entry) if entry.value == identity(&value) => {}
                Some(_) => changed.push(name),
                None => others.push((name, value)),
            }
        }
        let mut gone: HashMap<usize, &Entry> = before
            .map(|entry| (entry.name.as_ptr() as usize, entry))
            .collect();
        for (name, value) in others {
            let entry = gone.remove(&identity(&name));
            if entry.is_none_or(|entry| entry.value != identity(&value)) {
                changed.push(name);
            }
        }
        let mut lost = Vec::new();
        for entry in gone.into_values().filter(|entry| !entry.own) {
            let name = entry.name.bind(py);
            // The same name may have come back as another text object.
            if !globals.contains(name)? {
                lost.push(name.clone());
            }
        }
        Ok((changed, lost))
    }
}

fn identity(value: &Bound<'_, PyAny>) -> usize {
    value.as_ptr() as usize
}

//! The table of refs: the Python objects that Elixir holds.
//!
//! An id stands for one sending of an object and is never used again; the object itself is what identity means, so a
//! ref that comes back is the very object that left. The table knows no connections: who releases what is decided by
//! the peer.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

/// The objects held for the peer, by id.
#[derive(Debug)]
pub struct Refs {
    generation: u64,
    next: AtomicU64,
    held: Mutex<HashMap<u64, Py<PyAny>>>,
}

impl Refs {
    /// An empty table. `generation` tells this worker's refs from those of the workers before it.
    pub fn new(generation: u64) -> Self {
        Refs {
            generation,
            next: AtomicU64::new(1),
            held: Mutex::default(),
        }
    }

    /// The worker's generation, which is part of every ref.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Holds an object, under an id of its own.
    pub fn hold(&self, object: &Bound<'_, PyAny>) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.table().insert(id, object.clone().unbind());
        id
    }

    /// The object behind an id, if it is still held.
    pub fn get<'py>(&self, py: Python<'py>, id: u64) -> Option<Bound<'py, PyAny>> {
        self.table().get(&id).map(|object| object.bind(py).clone())
    }

    /// Takes objects out of the table. Needs no interpreter: the caller drops what it gets where it is attached to
    /// one, because a destructor may run any code.
    pub fn release(&self, ids: impl IntoIterator<Item = u64>) -> Vec<Py<PyAny>> {
        let mut held = self.table();
        ids.into_iter().filter_map(|id| held.remove(&id)).collect()
    }

    /// How many objects are held.
    pub fn count(&self) -> usize {
        self.table().len()
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Py<PyAny>>> {
        // Nothing that can panic runs while the table is locked.
        self.held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

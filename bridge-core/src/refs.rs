//! The table of refs: the Python objects that Elixir holds.
//!
//! An id stands for one sending of an object and is never used again; the object itself is what identity means, so a
//! ref that comes back is the very object that left. The table knows no connections: who releases what is decided by
//! the peer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyType;

/// So many ids that follow each other share a page.
const PAGE: u64 = 64;

thread_local! {
    /// The ids that this thread has given out since a [`Recording`] began.
    static RECORDED: RefCell<Option<Vec<u64>>> = const { RefCell::new(None) };
}

/// The objects held for the peer, by id.
#[derive(Debug)]
pub struct Refs {
    generation: u64,
    next: AtomicU64,
    held: Mutex<Table>,
}

/// Pages of objects, of which only those exist that hold some. One map of all objects would be copied as it grows, and
/// its large blocks would stay with the allocator when it shrinks.
#[derive(Debug, Default)]
struct Table {
    pages: HashMap<u64, Box<Page>>,
    count: usize,
}

#[derive(Debug)]
struct Page {
    slots: [Option<Py<PyAny>>; PAGE as usize],
    count: usize,
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
        // Fails only in a thread that is ending, which sends nothing more.
        let _ = RECORDED.try_with(|recorded| {
            if let Some(ids) = recorded.borrow_mut().as_mut() {
                ids.push(id);
            }
        });
        id
    }

    /// The object behind an id, if it is still held.
    pub fn get<'py>(&self, py: Python<'py>, id: u64) -> Option<Bound<'py, PyAny>> {
        self.table().get(id).map(|object| object.bind(py).clone())
    }

    /// Takes objects out of the table. Needs no interpreter: the caller drops what it gets where it is attached to
    /// one, because a destructor may run any code.
    pub fn release(&self, ids: impl IntoIterator<Item = u64>) -> Vec<Py<PyAny>> {
        let mut table = self.table();
        ids.into_iter().filter_map(|id| table.remove(id)).collect()
    }

    /// Takes all objects out, for a peer that is gone.
    pub fn release_all(&self) -> Vec<Py<PyAny>> {
        let table = std::mem::take(&mut *self.table());
        table
            .pages
            .into_values()
            .flat_map(|page| page.slots.into_iter().flatten())
            .collect()
    }

    /// The types of all objects that are held, one for each object.
    pub fn types<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyType>> {
        let table = self.table();
        let objects = table.pages.values().flat_map(|page| page.slots.iter().flatten());
        objects.map(|object| object.bind(py).get_type()).collect()
    }

    /// How many objects are held.
    pub fn count(&self) -> usize {
        self.table().count
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        // Nothing that can panic runs while the table is locked.
        self.held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Table {
    fn insert(&mut self, id: u64, object: Py<PyAny>) {
        let page = self.pages.entry(id / PAGE).or_insert_with(|| {
            Box::new(Page {
                slots: [const { None }; PAGE as usize],
                count: 0,
            })
        });
        page.slots[(id % PAGE) as usize] = Some(object);
        page.count += 1;
        self.count += 1;
    }

    fn get(&self, id: u64) -> Option<&Py<PyAny>> {
        self.pages.get(&(id / PAGE))?.slots[(id % PAGE) as usize].as_ref()
    }

    fn remove(&mut self, id: u64) -> Option<Py<PyAny>> {
        let page = self.pages.get_mut(&(id / PAGE))?;
        let object = page.slots[(id % PAGE) as usize].take()?;
        page.count -= 1;
        self.count -= 1;
        if page.count == 0 {
            self.pages.remove(&(id / PAGE));
            // Room for a few stays.
            if self.pages.capacity() > 256 && self.pages.len() < self.pages.capacity() / 8 {
                self.pages.shrink_to(self.pages.len() * 2);
            }
        }
        Some(object)
    }
}

/// While it lives, the ids that this thread gives out are written down. One inside of another has ids of its own.
#[derive(Debug)]
pub struct Recording {
    outer: Option<Vec<u64>>,
}

impl Recording {
    /// Begins.
    #[must_use]
    pub fn begin() -> Self {
        Recording {
            outer: RECORDED.replace(Some(Vec::new())),
        }
    }

    /// The ids so far.
    pub fn take(&self) -> Vec<u64> {
        RECORDED.with_borrow_mut(|recorded| recorded.as_mut().map(std::mem::take).unwrap_or_default())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDED.set(self.outer.take());
    }
}

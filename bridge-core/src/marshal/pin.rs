//! What Elixir keeps alive for Python: `SnakeBridge.Pinned`.
//!
//! All objects that keep the bytes of a pinned term share one [`Pin`]. When the last of them is gone, or none was made,
//! Elixir is told. Elixir keeps the refs in the term alive until then, so the bytes are a whole term when they come
//! back.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::opaque::unpin;
use super::structs;
use crate::term::{Reader, Token};

/// The name of the struct.
pub(super) const PINNED: &str = "SnakeBridge.Pinned";

static LIVE: Mutex<Option<HashSet<u64>>> = Mutex::new(None);
/// Which BEAM the numbers are of: the next one counts anew.
static BEAM: AtomicU64 = AtomicU64::new(0);

/// A term that Elixir keeps whole for as long as this lives.
#[derive(Debug)]
pub struct Pin {
    id: u64,
    beam: u64,
}

impl Pin {
    pub(super) fn new(id: u64) -> Arc<Self> {
        live().get_or_insert_default().insert(id);
        let beam = BEAM.load(Ordering::Acquire);
        Arc::new(Pin { id, beam })
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if self.beam == BEAM.load(Ordering::Acquire) {
            live().get_or_insert_default().remove(&self.id);
            unpin(self.id);
        }
    }
}

fn live() -> MutexGuard<'static, Option<HashSet<u64>>> {
    // Nothing that can panic runs while it is locked.
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The BEAM is gone, and what it kept with it.
pub fn forget_all() {
    BEAM.fetch_add(1, Ordering::AcqRel);
    *live() = None;
}

/// The term inside of a pinned one, with its pin; any other term as it is.
pub fn unwrap(term: &[u8]) -> (&[u8], Option<Arc<Pin>>) {
    let mut reader = Reader::fragment(term);
    if let Ok(Token::Map(pairs)) = reader.token()
        && let Some((id, inner)) = structs::fields(&mut reader, pairs).and_then(|fields| fields.pinned())
    {
        return (inner, Some(Pin::new(id)));
    }
    (term, None)
}

/// Lets go of what is pinned in a request that failed: the failure may have come before all of it was read.
pub fn abandon(reader: &mut Reader<'_>) {
    while let Ok(token) = reader.token() {
        let Token::Map(pairs) = token else { continue };
        let pinned = structs::fields(&mut reader.clone(), pairs).and_then(|fields| fields.pinned());
        if let Some((id, _)) = pinned
            && !live().get_or_insert_default().contains(&id)
        {
            unpin(id);
        }
    }
}

//! What the BEAM is told of lifetimes: pinned terms that nothing here keeps any more, and refs that may never have
//! arrived. Any thread notes it, with or without the interpreter; the I/O thread sends it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use bridge_core::marshal::pin;
use bridge_core::term::{Error, Writer};
use bridge_core::wire::op;

use crate::conn::Conn;
use crate::{descriptors, io, lanes, message};

static UNPINNED: Mutex<Vec<u64>> = Mutex::new(Vec::new());
static STRAYS: Mutex<Vec<u64>> = Mutex::new(Vec::new());
static COLLECTS: AtomicBool = AtomicBool::new(false);

/// Whether the BEAM releases refs by itself.
pub(crate) fn collects() -> bool {
    COLLECTS.load(Ordering::Relaxed)
}

/// What the BEAM says of that.
pub(crate) fn set_collects(collects: bool) {
    COLLECTS.store(collects, Ordering::Relaxed);
}

/// The BEAM is gone, and with it all that it held and kept.
pub(crate) fn beam_gone() {
    pin::forget_all();
    lanes::release_all();
    for queue in [&UNPINNED, &STRAYS] {
        queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Nothing keeps this pinned term any more.
pub(crate) fn unpin(id: u64) {
    note(&UNPINNED, [id]);
}

/// These refs were sent on a lane that ended before anything more came on it.
pub(crate) fn strays(ids: Vec<u64>) {
    if collects() {
        note(&STRAYS, ids);
    }
}

fn note(queue: &Mutex<Vec<u64>>, ids: impl IntoIterator<Item = u64>) {
    // A forked child speaks to nobody, and the lock may be held by a thread that it does not have.
    if descriptors::forked() {
        return;
    }
    let first = {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let first = queue.is_empty();
        queue.extend(ids);
        first && !queue.is_empty()
    };
    if first {
        io::wake();
    }
}

/// Sends what has been noted. Without a BEAM it means nothing to anybody.
pub(crate) fn tell(beam: Option<&Conn>) {
    for (name, queue) in [(op::UNPIN, &UNPINNED), (op::STRAYS, &STRAYS)] {
        let ids = std::mem::take(&mut *queue.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(beam) = beam
            && !ids.is_empty()
            && let Ok(mut event) = message::event(name, |out| write(&ids, out))
        {
            beam.send(&mut event);
        }
    }
}

fn write(ids: &[u64], out: &mut Writer) -> Result<(), Error> {
    out.list_header(ids.len())?;
    for &id in ids {
        out.u64(id);
    }
    out.nil();
    Ok(())
}

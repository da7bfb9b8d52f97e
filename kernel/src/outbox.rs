//! What waits for one connection to be written. It knows no protocol.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

/// How many messages are written at once.
const WRITTEN_AT_ONCE: usize = 64;

/// Messages on their way to one peer.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    work: Notify,
    /// Told when there is room again, or nothing left.
    progress: Arc<Notify>,
    /// From how many bytes on it is full.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    /// How much is not yet written.
    bytes: usize,
    closed: bool,
}

impl Outbox {
    pub(crate) fn new(most: usize, progress: &Arc<Notify>) -> Arc<Outbox> {
        Arc::new(Outbox {
            state: Mutex::default(),
            work: Notify::new(),
            progress: Arc::clone(progress),
            most,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, bytes: Bytes) {
        let mut state = self.lock();
        if !state.closed {
            state.bytes += bytes.len();
            state.queue.push_back(bytes);
            self.work.notify_one();
        }
    }

    /// Takes what another one was to have.
    pub(crate) fn take_over(&self, other: &Outbox) {
        for bytes in std::mem::take(&mut other.lock().queue) {
            self.push(bytes);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lock().bytes >= self.most
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().bytes == 0
    }

    /// Throws away what waits, and all that comes.
    pub(crate) fn close(&self) {
        *self.lock() = State {
            closed: true,
            ..State::default()
        };
        self.progress.notify_waiters();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Writes what is pushed, until the connection breaks, or is writable again after the outbox was closed.
    /// `stalled` is called each time when the peer has taken nothing for that long.
    pub(crate) async fn feed(
        &self,
        writer: &mut (impl AsyncWrite + Unpin),
        patience: Duration,
        stalled: impl Fn(),
    ) -> io::Result<()> {
        let mut batch = VecDeque::new();
        loop {
            {
                let queue = &mut self.lock().queue;
                let count = queue.len().min(WRITTEN_AT_ONCE);
                batch.extend(queue.drain(..count));
            }
            if batch.is_empty() {
                self.work.notified().await;
            }
            while !batch.is_empty() {
                match timeout(patience, write_some(writer, &mut batch)).await {
                    // What is now half written cannot be followed by anything.
                    Ok(_) if self.is_closed() => return Ok(()),
                    Ok(written) => self.written(written?),
                    Err(_) if self.is_closed() => batch.truncate(1),
                    Err(_) => stalled(),
                }
            }
        }
    }

    fn written(&self, count: usize) {
        let mut state = self.lock();
        let was_full = state.bytes >= self.most;
        state.bytes = state.bytes.saturating_sub(count);
        if state.bytes == 0 || was_full && state.bytes < self.most {
            self.progress.notify_waiters();
        }
    }
}

/// Writes as much as the connection takes now; says how much. May be dropped and called again.
async fn write_some(
    writer: &mut (impl AsyncWrite + Unpin),
    batch: &mut VecDeque<Bytes>,
) -> io::Result<usize> {
    let written = {
        let slices: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
        writer.write_vectored(&slices).await?
    };
    let mut left = written;
    while let Some(first) = batch.front_mut() {
        if left < first.len() {
            first.advance(left);
            break;
        }
        left -= first.len();
        batch.pop_front();
    }
    match written {
        0 => Err(io::ErrorKind::WriteZero.into()),
        _ => Ok(written),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    #[tokio::test]
    async fn all_arrives_in_order_however_little_is_taken_at_once() {
        let progress = Arc::new(Notify::new());
        let outbox = Outbox::new(1000, &progress);
        let (mut own, mut theirs) = duplex(7);
        let expected: Vec<u8> = (0..5000_u32).flat_map(u32::to_be_bytes).collect();
        for chunk in expected.chunks(33) {
            outbox.push(Bytes::copy_from_slice(chunk));
        }
        assert!(outbox.is_full());
        let of = Arc::clone(&outbox);
        let feeding = tokio::spawn(async move { of.feed(&mut own, Duration::from_secs(60), || {}).await });
        let mut read = vec![0; expected.len()];
        theirs.read_exact(&mut read).await.unwrap();
        assert!(read == expected);
        while !outbox.is_empty() {
            progress.notified().await;
        }
        drop(theirs);
        outbox.push(Bytes::from_static(b"nobody"));
        assert!(feeding.await.unwrap().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_closed_while_its_peer_stalls_ends_when_the_peer_reads() {
        let outbox = Outbox::new(10, &Arc::default());
        let (mut own, mut theirs) = duplex(4);
        outbox.push(Bytes::from_static(b"0123456789"));
        let of = Arc::clone(&outbox);
        let closing = Arc::clone(&outbox);
        let stalled = move || closing.close();
        let feeding = tokio::spawn(async move { of.feed(&mut own, Duration::from_secs(10), stalled).await });
        tokio::time::sleep(Duration::from_secs(25)).await;
        assert!(outbox.is_closed() && outbox.is_empty() && !feeding.is_finished());
        let mut read = [0; 4];
        theirs.read_exact(&mut read).await.unwrap();
        assert!(feeding.await.unwrap().is_ok());
    }
}

//! Answers that come later: awaited by asynchronous callers, waited for by others.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::event::{Event, LateEvent};
use crate::error::{Error, Result};

/// An answer that comes later. A future, with blocking twins; dropping it gives the answer up.
#[derive(Debug)]
pub struct Reply<T>(pub(super) oneshot::Receiver<Result<T>>);

impl<T> Reply<T> {
    /// Waits for the answer. The engine answers each question within its time, so this ends.
    pub fn wait(self) -> Result<T> {
        self.0.blocking_recv().unwrap_or(Err(Error::Ended))
    }

    /// The answer if it is there. After it was given once, [`Error::Ended`].
    pub fn try_take(&mut self) -> Option<Result<T>> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(Error::Ended)),
        }
    }

    /// Waits for the answer at most that long; `None` when it has not come, and it may be asked again.
    pub fn wait_for(&mut self, time: Duration) -> Option<Result<T>> {
        block_on_for(Pin::new(self), time)
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(Error::Ended)))
    }
}

/// What [`Events::wait_for`] and its like say when nothing came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotYet;

/// A bounded stream: who does not take what comes holds back the child that sends it, and nothing else.
/// Dropping it discards what comes; it stops nothing.
#[derive(Debug)]
pub struct Stream<T>(pub(super) mpsc::Receiver<T>);

/// The events of one cell, [`Event::Finished`] last.
pub type Events = Stream<Event>;

/// What happens outside running cells.
pub type LateEvents = Stream<LateEvent>;

impl<T> Stream<T> {
    /// The next item; `None` after the last one.
    pub async fn next(&mut self) -> Option<T> {
        self.0.recv().await
    }

    /// The next item, waited for outside asynchronous code.
    pub fn wait(&mut self) -> Option<T> {
        self.0.blocking_recv()
    }

    /// The next item if it comes within that time.
    ///
    /// # Errors
    /// [`NotYet`] when nothing came.
    pub fn wait_for(&mut self, time: Duration) -> std::result::Result<Option<T>, NotYet> {
        block_on_for(pin!(self.0.recv()), time).ok_or(NotYet)
    }

    /// The next item if it is there.
    ///
    /// # Errors
    /// [`NotYet`] when nothing is.
    pub fn try_next(&mut self) -> std::result::Result<Option<T>, NotYet> {
        match self.0.try_recv() {
            Ok(item) => Ok(Some(item)),
            Err(mpsc::error::TryRecvError::Empty) => Err(NotYet),
            Err(mpsc::error::TryRecvError::Disconnected) => Ok(None),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// tokio's own blocking calls know no time limit, and its timers need a runtime, which callers need not have.
fn block_on_for<F: Future>(mut future: Pin<&mut F>, time: Duration) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let deadline = Instant::now() + time;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
    }
}

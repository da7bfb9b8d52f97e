//! The cells that were handed in: in each subshell one after the other, the subshells beside each other.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::timeout;

use super::MAIN;
use super::cell::{self, Job};
use super::shared::{Inbox, Shared};
use crate::error::Error;
use crate::language::Language;

/// How long the end of a session waits for those who have not read all events of their cells.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// The queues of a session, by subshell.
pub(super) struct Queues {
    shared: Rc<Shared>,
    open: BTreeMap<u64, Queue>,
    /// Those of subshells that were closed while a cell ran there.
    closing: JoinSet<()>,
}

/// The queue of one subshell.
struct Queue {
    jobs: mpsc::UnboundedSender<Job>,
    state: Rc<QueueState>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct QueueState {
    waiting: Cell<usize>,
    /// The next cell was called off before it left the queue.
    call_off_next: Cell<bool>,
    /// The subshell was closed: what waits is not run any more.
    closed: Cell<bool>,
}

impl Queues {
    /// With the main shell alone.
    pub(super) fn start(shared: Rc<Shared>) -> Queues {
        Queues {
            open: BTreeMap::from([(MAIN, Queue::start(shared.clone()))]),
            shared,
            closing: JoinSet::new(),
        }
    }

    pub(super) fn push(&self, job: Job) {
        let subshell = job.request.subshell;
        match self.open.get(&subshell) {
            Some(queue) => {
                queue.state.waiting.update(|waiting| waiting + 1);
                let _ = queue.jobs.send(job);
            }
            None => cell::refuse(job, &Error::NoSubshell { subshell }),
        }
    }

    /// Stops the cell that runs in a subshell, or all that run.
    pub(super) fn interrupt(&self, subshell: Option<u64>) {
        for (number, queue) in &self.open {
            if subshell.is_none_or(|subshell| subshell == *number) && !self.send(*number, || Inbox::Interrupt)
            {
                let waits = queue.state.waiting.get() > 0;
                queue.state.call_off_next.set(waits);
            }
        }
    }

    /// Stops what runs without much patience.
    pub(super) fn insist(&self) {
        for subshell in self.open.keys() {
            self.send(*subshell, || Inbox::Insist);
        }
    }

    pub(super) fn open(&mut self, subshell: u64) {
        let shared = self.shared.clone();
        self.open.entry(subshell).or_insert_with(|| Queue::start(shared));
    }

    /// Closes a subshell: its cell is stopped, those that wait there are refused, its lanes end.
    pub(super) fn close(&mut self, subshell: u64) {
        let Some(queue) = self.open.remove(&subshell) else {
            return;
        };
        queue.state.closed.set(true);
        self.send(subshell, || Inbox::Interrupt);
        let shared = self.shared.clone();
        while self.closing.try_join_next().is_some() {}
        self.closing.spawn_local(async move {
            drop(queue.jobs);
            let _ = queue.task.await;
            for language in [Language::Python, Language::Elixir] {
                if let Some(live) = shared.slot(language).live() {
                    live.lanes.close(subshell);
                }
            }
        });
    }

    /// Ends all, and what runs.
    pub(super) async fn end(mut self) {
        for current in self.shared.currents() {
            let _ = current.inbox.send(Inbox::End);
        }
        let queues = std::mem::take(&mut self.open).into_values();
        let tasks: Vec<_> = queues.map(|queue| queue.task).collect();
        for task in tasks {
            let _ = task.await;
        }
        while self.closing.join_next().await.is_some() {}
    }

    /// Tells something to the cell that runs in a subshell; whether there is one.
    fn send(&self, subshell: u64, what: impl Fn() -> Inbox) -> bool {
        let currents = self.shared.currents();
        let current = currents.iter().find(|current| current.subshell == subshell);
        current.is_some_and(|current| current.inbox.send(what()).is_ok())
    }
}

impl Queue {
    fn start(shared: Rc<Shared>) -> Queue {
        let (jobs, received) = mpsc::unbounded_channel();
        let state = Rc::new(QueueState::default());
        Queue {
            jobs,
            task: spawn_local(work(shared, state.clone(), received)),
            state,
        }
    }
}

async fn work(shared: Rc<Shared>, state: Rc<QueueState>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let mut flushes = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        state.waiting.update(|waiting| waiting - 1);
        let subshell = job.request.subshell;
        if shared.ending.get() {
            cell::refuse(job, &Error::Ended);
            continue;
        }
        if state.closed.get() {
            cell::refuse(job, &Error::NoSubshell { subshell });
            continue;
        }
        let (number, language, events) = (job.number, job.request.language, job.events.clone());
        let (mut sink, restarted) = match alone(cell::run(&shared, job, state.call_off_next.take())).await {
            Some(sink) => (sink, None),
            None => {
                let (sink, restarted) = cell::fail(&shared, number, language, events);
                (sink, Some(restarted))
            }
        };
        let of = shared.clone();
        flushes.spawn_local(async move { sink.flush(&of).await });
        while flushes.try_join_next().is_some() {}
        if let Some(restarted) = restarted
            && let Ok(Ok(lost)) = restarted.await
        {
            shared.notice(lost.to_string());
        }
    }
    let all = async { while flushes.join_next().await.is_some() {} };
    let _ = timeout(FLUSH_TIME, all).await;
}

/// Runs a cell so that a panic, a mistake of ours, ends that cell and nothing else. `None` says that there was one.
async fn alone<T>(cell: impl Future<Output = T>) -> Option<T> {
    let mut cell = pin!(cell);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| cell.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_its_task_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(alone(async { 1 })), Some(1));
        let panics = async {
            tokio::task::yield_now().await;
            "no number".parse::<u8>().unwrap()
        };
        assert_eq!(runtime.block_on(alone(panics)), None);
    }
}

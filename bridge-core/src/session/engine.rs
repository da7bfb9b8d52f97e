//! The thread of a session: takes commands, keeps the queue, and ends everything in order.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::timeout;

use super::cell::{self, Job};
use super::child::{Order, Slot, supervise};
use super::shared::{Inbox, Shared};
use super::{Children, Command, Completion, Config, Inspection, LateEvent, Name};
use crate::error::{Error, Result};
use crate::language::Language;
use crate::record::Recorder;
use crate::runtime::{self, Connection, Directory};
use crate::term::Term;
use crate::wire::{self, Completeness, NameInfo, Peer, op};

/// How long the end of a session waits for those who have not read all events of their cells.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// What [`super::Session::start`] has prepared.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) directory: Directory,
    pub(super) listener: std::os::unix::net::UnixListener,
    pub(super) recorder: Recorder,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) late: mpsc::Sender<LateEvent>,
    pub(super) children: watch::Sender<Children>,
}

/// Starts the thread. It spawns the children, and lives as long as they do.
pub(super) fn spawn(prepared: Prepared) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("session".into())
        .spawn(move || {
            let tasks = LocalSet::new();
            tasks.block_on(&runtime, run(prepared));
        })?;
    Ok(())
}

async fn run(prepared: Prepared) {
    let Prepared {
        config,
        directory,
        listener,
        recorder,
        mut commands,
        late,
        children,
    } = prepared;
    let (python, python_orders) = Slot::new(Language::Python);
    let (elixir, elixir_orders) = Slot::new(Language::Elixir);
    let shared = Rc::new(Shared::new(
        config,
        directory,
        [python, elixir],
        recorder,
        late,
        children,
    ));

    let (worker_connections, to_worker) = mpsc::unbounded_channel();
    let (beam_connections, to_beam) = mpsc::unbounded_channel();
    let Ok(listener) = UnixListener::from_std(listener) else {
        return;
    };
    let (connections, incoming) = mpsc::unbounded_channel();
    spawn_local(runtime::accept(listener, connections));
    spawn_local(sort(incoming, worker_connections, beam_connections));
    spawn_local(supervise(
        shared.clone(),
        Language::Python,
        python_orders,
        to_worker,
    ));
    spawn_local(supervise(
        shared.clone(),
        Language::Elixir,
        elixir_orders,
        to_beam,
    ));

    let mut queue = Queue::start(shared.clone());
    let done = loop {
        match commands.recv().await {
            Some(Command::Shutdown(done)) => break Some(done),
            // The last handle is gone.
            None => break None,
            Some(command) => serve(&shared, &mut queue, command),
        }
    };
    shared.ending.set(true);
    queue.end(&shared).await;
    stop_children(&shared).await;
    commands.close();
    while let Ok(command) = commands.try_recv() {
        if let Command::Execute(number, request, events) = command {
            cell::refuse(Job {
                number,
                request: *request,
                events,
            });
        }
    }
    // Who is told that the session has ended may at once begin another in its place.
    shared.recorder.borrow_mut().close();
    shared.directory.remove();
    if let Some(done) = done {
        let _ = done.send(Ok(()));
    }
}

/// Hands each connection to the place of its child.
async fn sort(
    mut incoming: mpsc::UnboundedReceiver<Connection>,
    worker: mpsc::UnboundedSender<Connection>,
    beam: mpsc::UnboundedSender<Connection>,
) {
    while let Some(connection) = incoming.recv().await {
        let to = if connection.hello.peer == Peer::Worker {
            &worker
        } else {
            &beam
        };
        let _ = to.send(connection);
    }
}

fn serve(shared: &Rc<Shared>, queue: &mut Queue, command: Command) {
    match command {
        Command::Execute(number, request, events) => queue.push(Job {
            number,
            request: *request,
            events,
        }),
        Command::Interrupt => queue.interrupt(shared),
        Command::Answer(cell, text) => {
            if let Some(current) = shared.current().filter(|current| current.cell == cell) {
                let _ = current.inbox.send(Inbox::Answer(text));
            }
        }
        Command::Restart(languages, done) => restart(shared, &languages, done),
        Command::Complete(language, source, cursor, answer) => {
            let body = Completion::question(&source, cursor);
            ask(shared, language, op::COMPLETE, body, answer, move |term| {
                Completion::from_term(&source, term)
            });
        }
        Command::Inspect(language, source, cursor, detail, answer) => {
            let body = wire::Inspection::question(&source, cursor, detail);
            ask(shared, language, op::INSPECT, body, answer, |term| {
                wire::Inspection::from_term(term).map(Inspection::from)
            });
        }
        Command::IsComplete(language, source, answer) => {
            let body = Completeness::question(&source);
            ask(
                shared,
                language,
                op::IS_COMPLETE,
                body,
                answer,
                Completeness::from_term,
            );
        }
        Command::Names(answer) => {
            let shared = shared.clone();
            spawn_local(async move {
                let _ = answer.send(names(&shared).await);
            });
        }
        // The loop that calls this one takes it.
        Command::Shutdown(done) => drop(done),
    }
}

/// Asks a child on its own lane, unless whoever asked has lost interest.
fn ask<T: 'static>(
    shared: &Rc<Shared>,
    language: Language,
    operation: &'static str,
    body: Term,
    mut answer: oneshot::Sender<Result<T>>,
    read: impl FnOnce(&Term) -> Result<T, wire::Error> + 'static,
) {
    let shared = shared.clone();
    spawn_local(async move {
        let asked = question(&shared, language, operation, body, read);
        tokio::select! {
            result = asked => {
                let _ = answer.send(result);
            }
            () = answer.closed() => {}
        }
    });
}

async fn question<T>(
    shared: &Shared,
    language: Language,
    operation: &'static str,
    body: Term,
    read: impl FnOnce(&Term) -> Result<T, wire::Error>,
) -> Result<T> {
    let live = shared.slot(language).available()?;
    let term = live
        .own
        .ask(operation, body, shared.config.answer_timeout)
        .await?;
    read(&term).map_err(|error| live.own.caller.refused(operation, &error))
}

/// The names of all languages that answer; an error if none does.
async fn names(shared: &Shared) -> Result<Vec<Name>> {
    let of = |language| question(shared, language, op::NAMES, Term::nil(), NameInfo::list_from_term);
    let (python, elixir) = tokio::join!(of(Language::Python), of(Language::Elixir));
    let tagged = |language, names: Vec<NameInfo>| names.into_iter().map(move |info| Name::of(language, info));
    match (python, elixir) {
        (Err(error), Err(_)) => Err(error),
        (python, elixir) => {
            let python = tagged(Language::Python, python.unwrap_or_default());
            Ok(python
                .chain(tagged(Language::Elixir, elixir.unwrap_or_default()))
                .collect())
        }
    }
}

fn restart(shared: &Rc<Shared>, languages: &[Language], done: oneshot::Sender<Result<()>>) {
    let restarts: Vec<_> = languages
        .iter()
        .map(|language| {
            let (sender, restarted) = oneshot::channel();
            shared.slot(*language).order(Order::Restart(sender));
            restarted
        })
        .collect();
    spawn_local(async move {
        let mut result = Ok(());
        for restarted in restarts {
            result = result.and(restarted.await.unwrap_or(Err(Error::Ended)));
        }
        let _ = done.send(result);
    });
}

async fn stop_children(shared: &Shared) {
    let stops = [Language::Python, Language::Elixir].map(|language| {
        let (sender, stopped) = oneshot::channel();
        shared.slot(language).order(Order::Stop(sender));
        stopped
    });
    for stopped in stops {
        let _ = stopped.await;
    }
}

/// The cells that were handed in, run one after the other.
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

    fn push(&self, job: Job) {
        self.state.waiting.update(|waiting| waiting + 1);
        let _ = self.jobs.send(job);
    }

    fn interrupt(&self, shared: &Shared) {
        match shared.current() {
            Some(current) => {
                let _ = current.inbox.send(Inbox::Interrupt);
            }
            None => self.state.call_off_next.set(self.state.waiting.get() > 0),
        }
    }

    async fn end(self, shared: &Shared) {
        if let Some(current) = shared.current() {
            let _ = current.inbox.send(Inbox::End);
        }
        drop(self.jobs);
        let _ = self.task.await;
    }
}

async fn work(shared: Rc<Shared>, state: Rc<QueueState>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let mut flushes = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        state.waiting.update(|waiting| waiting - 1);
        if shared.ending.get() {
            cell::refuse(job);
            continue;
        }
        let (language, events) = (job.request.language, job.events.clone());
        let (mut sink, restarted) = match alone(cell::run(&shared, job, state.call_off_next.take())).await {
            Some(sink) => (sink, None),
            None => {
                let (sink, restarted) = cell::fail(&shared, language, events);
                (sink, Some(restarted))
            }
        };
        let of = shared.clone();
        flushes.spawn_local(async move { sink.flush(&of).await });
        while flushes.try_join_next().is_some() {}
        if let Some(restarted) = restarted {
            let _ = restarted.await;
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

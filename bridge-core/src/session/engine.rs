//! The thread of a session: takes commands, keeps the queue, and ends everything in order.

use std::rc::Rc;

use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{LocalSet, spawn_local};

use super::cell::{self, Job};
use super::child::{Order, Slot, supervise};
use super::queue::Queues;
use super::shared::{Inbox, Shared};
use super::{Children, Command, Completion, Config, Inspection, LateEvent, Loss, Name};
use crate::error::{Error, Result};
use crate::language::Language;
use crate::record::Recorder;
use crate::runtime::{self, Connection, Directory};
use crate::term::Term;
use crate::wire::{self, Completeness, NameInfo, Peer, op};

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

    let mut queues = Queues::start(shared.clone());
    let done = loop {
        match commands.recv().await {
            Some(Command::Shutdown(done)) => break Some(done),
            // The last handle is gone.
            None => break None,
            Some(command) => serve(&shared, &mut queues, command),
        }
    };
    shared.ending.set(true);
    queues.end().await;
    stop_children(&shared).await;
    commands.close();
    while let Ok(command) = commands.try_recv() {
        if let Command::Execute(number, request, events) = command {
            let job = Job {
                number,
                request: *request,
                events,
            };
            cell::refuse(job, &Error::Ended);
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

fn serve(shared: &Rc<Shared>, queues: &mut Queues, command: Command) {
    match command {
        Command::Execute(number, request, events) => queues.push(Job {
            number,
            request: *request,
            events,
        }),
        Command::Interrupt(subshell) => queues.interrupt(subshell),
        Command::Insist => queues.insist(),
        Command::OpenSubshell(subshell) => queues.open(subshell),
        Command::CloseSubshell(subshell) => queues.close(subshell),
        Command::Answer(cell, text) => {
            if let Some(current) = shared.running(cell) {
                let _ = current.inbox.send(Inbox::Answer(text));
            }
        }
        Command::Restart(languages, done) => restart(shared, &languages, done),
        Command::Complete(language, question, answer) => {
            let body = Completion::question(&question);
            ask(shared, language, op::COMPLETE, body, answer, move |term| {
                Completion::from_term(&question.source, term)
            });
        }
        Command::Inspect(language, question, detail, answer) => {
            let body = wire::Inspection::question(&question, detail);
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
        Command::NamesOf(language, answer) => {
            ask(shared, language, op::NAMES, Term::nil(), answer, move |term| {
                let names = NameInfo::list_from_term(term)?.into_iter();
                Ok(names.map(|info| Name::of(language, info)).collect())
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
    let tagged = |language, names: Vec<NameInfo>| {
        let names = names.into_iter().map(|info| Name::of(language, info));
        names.collect()
    };
    match (python, elixir) {
        (Err(error), Err(_)) => Err(error),
        (python, elixir) => {
            let python = tagged(Language::Python, python.unwrap_or_default());
            let elixir = tagged(Language::Elixir, elixir.unwrap_or_default());
            Ok(Name::of_both(python, elixir))
        }
    }
}

fn restart(shared: &Rc<Shared>, languages: &[Language], done: oneshot::Sender<Result<Vec<Loss>>>) {
    let restarts: Vec<_> = languages
        .iter()
        .map(|language| {
            let (sender, restarted) = oneshot::channel();
            shared.slot(*language).order(Order::Restart(sender));
            restarted
        })
        .collect();
    spawn_local(async move {
        let mut losses = Ok(Vec::new());
        for restarted in restarts {
            let loss = restarted.await.unwrap_or(Err(Error::Ended));
            losses = losses.and_then(|mut losses: Vec<_>| {
                losses.push(loss?);
                Ok(losses)
            });
        }
        let _ = done.send(losses);
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

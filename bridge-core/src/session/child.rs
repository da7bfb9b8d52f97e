//! One child of a session, through all its generations: started, watched, ended, started again.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};

use super::caller::{Caller, Questions};
use super::lanes::Lanes;
use super::shared::Shared;
use super::start::{Started, start};
use super::{ChildState, Event, Loss};
use crate::error::{Error, Result};
use crate::language::Language;
use crate::runtime::{Connection, Death, Output, Process};
use crate::term::Term;
use crate::wire::{Attach, Hello, StreamName, op};

/// A child that has lived so long is started again by itself when it dies; one that dies sooner and has run no cell
/// waits for its next use, so that what kills it at once does not do so for ever.
const SETTLED: Duration = Duration::from_secs(5);
/// How long an orderly end may take.
const SHUTDOWN_TIME: Duration = Duration::from_secs(1);
/// How long a child that is about to be ended is asked what it holds.
const USAGE_TIME: Duration = Duration::from_millis(100);
/// After its connection broke, a dying process gets so long to be seen dead.
pub(super) const DYING_TIME: Duration = Duration::from_millis(300);
/// What a dead child had still sent or printed is waited for so long: it is there already.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(50);

/// The place of one child.
pub(super) struct Slot {
    pub(super) language: Language,
    orders: mpsc::UnboundedSender<Order>,
    state: watch::Sender<SlotState>,
}

/// What [`supervise`] is told.
pub(super) enum Order {
    /// Start, if nothing runs.
    Start,
    /// End the process at once.
    Kill {
        generation: u64,
        because: String,
        refs: Option<u64>,
    },
    /// Its connection has ended.
    Broken { generation: u64, because: String },
    /// End it, and start a new one.
    Restart(oneshot::Sender<Result<Loss>>),
    /// End it for good.
    Stop(oneshot::Sender<()>),
}

#[derive(Clone)]
enum SlotState {
    Down(String),
    Starting,
    Up(Rc<Live>),
    Failed(Error),
}

/// A child that is up.
pub(super) struct Live {
    pub(super) language: Language,
    pub(super) generation: u64,
    pub(super) hello: Hello,
    pub(super) control: Rc<Caller>,
    pub(super) own: Questions,
    /// What cells run on.
    pub(super) lanes: Lanes,
    /// Whether it has run a cell.
    pub(super) served: Cell<bool>,
    /// How it ended.
    pub(super) ended: watch::Sender<Option<Ending>>,
}

/// How a child ended.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) death: Death,
    pub(super) reason: String,
}

impl Slot {
    pub(super) fn new(language: Language) -> (Slot, mpsc::UnboundedReceiver<Order>) {
        let (orders, receiver) = mpsc::unbounded_channel();
        (
            Slot {
                language,
                orders,
                state: watch::Sender::new(SlotState::Starting),
            },
            receiver,
        )
    }

    pub(super) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// The child, if it is up.
    pub(super) fn live(&self) -> Option<Rc<Live>> {
        match &*self.state.borrow() {
            SlotState::Up(live) => Some(live.clone()),
            _ => None,
        }
    }

    pub(super) fn failed(&self) -> bool {
        matches!(&*self.state.borrow(), SlotState::Failed(_))
    }

    /// The child, if it is up, else why it is not.
    pub(super) fn available(&self) -> Result<Rc<Live>> {
        let unavailable = |reason: &str| {
            Err(Error::Unavailable {
                language: self.language,
                reason: reason.into(),
            })
        };
        match &*self.state.borrow() {
            SlotState::Up(live) => Ok(live.clone()),
            SlotState::Starting => unavailable("it is starting"),
            SlotState::Down(reason) => unavailable(reason),
            SlotState::Failed(error) => Err(error.clone()),
        }
    }

    /// The child, once it is up; it is started if need be.
    pub(super) async fn ready(&self) -> Result<Rc<Live>> {
        let mut state = self.state.subscribe();
        let asleep = matches!(
            *state.borrow_and_update(),
            SlotState::Down(_) | SlotState::Failed(_)
        );
        if asleep {
            self.order(Order::Start);
            // What is known now is about the last one.
            if state.changed().await.is_err() {
                return Err(Error::Ended);
            }
        }
        loop {
            match &*state.borrow_and_update() {
                SlotState::Up(live) => return Ok(live.clone()),
                SlotState::Failed(error) => return Err(error.clone()),
                SlotState::Down(reason) => {
                    return Err(Error::Died {
                        language: self.language,
                        reason: reason.clone(),
                    });
                }
                SlotState::Starting => {}
            }
            if state.changed().await.is_err() {
                return Err(Error::Ended);
            }
        }
    }

    fn set(&self, shared: &Shared, state: SlotState) {
        let public = match &state {
            SlotState::Down(reason) => ChildState::Down {
                reason: Some(reason.clone()),
            },
            SlotState::Starting => ChildState::Starting,
            SlotState::Failed(error) => ChildState::Failed { error: error.clone() },
            SlotState::Up(live) => ChildState::Up {
                pid: live.hello.pid,
                generation: live.generation,
                executable: live.hello.executable.clone().unwrap_or_default(),
                versions: live.hello.versions.clone(),
            },
        };
        self.state.send_replace(state);
        shared.publish(self.language, public);
    }
}

impl Live {
    /// How many objects its refs stand for, where it can tell: its control connection answers even while a cell hangs.
    pub(super) async fn refs(&self) -> Option<u64> {
        if self.language == Language::Elixir {
            return None;
        }
        let usage = self.control.ask(op::USAGE, Term::nil(), USAGE_TIME).await.ok()?;
        usage.get("refs").and_then(Term::as_u64)
    }

    /// Where the BEAM finds this worker.
    pub(super) fn attach(&self) -> Option<Attach> {
        let socket = self.hello.socket.clone()?;
        Some(Attach {
            generation: self.generation,
            socket,
        })
    }
}

/// Runs one child through its generations until it is stopped.
pub(super) async fn supervise(
    shared: Rc<Shared>,
    language: Language,
    mut orders: mpsc::UnboundedReceiver<Order>,
    mut connections: mpsc::UnboundedReceiver<Connection>,
) {
    let slot = shared.slot(language);
    let mut generation = 0;
    // The first one starts with the session.
    let mut go = true;
    // Those who wait for a new one, and what they have lost with the old one.
    let mut restarts: Vec<(oneshot::Sender<Result<Loss>>, Loss)> = Vec::new();
    loop {
        if !go {
            match orders.recv().await {
                Some(Order::Start) => {}
                Some(Order::Restart(done)) => restarts.push((done, Loss::none(language))),
                Some(Order::Kill { .. } | Order::Broken { .. }) => continue,
                Some(Order::Stop(done)) => return done.send(()).unwrap_or(()),
                None => return,
            }
        }
        generation += 1;
        slot.set(&shared, SlotState::Starting);
        let end = match start(&shared, language, generation, &mut orders, &mut connections).await {
            Started::Up(process, output, parts) => {
                let Some(live) = parts.join(language, generation) else {
                    continue;
                };
                for (done, loss) in restarts.drain(..) {
                    let _ = done.send(Ok(loss));
                }
                slot.set(&shared, SlotState::Up(live.clone()));
                shared.went_up(&live);
                watch_child(&shared, &live, *process, output, &mut orders, &mut connections).await
            }
            Started::Failed(error) => {
                for (done, _) in restarts.drain(..) {
                    let _ = done.send(Err(error.clone()));
                }
                slot.set(&shared, SlotState::Failed(error.clone()));
                shared.failed(language);
                Next::Rest
            }
            Started::Stopped(done) => Next::Stop(done),
            Started::Again(done) => Next::Again(Some((done, Loss::none(language)))),
        };
        go = match end {
            Next::Rest => false,
            Next::Again(done) => {
                restarts.extend(done);
                true
            }
            Next::Stop(done) => return done.send(()).unwrap_or(()),
        };
    }
}

/// What follows the end of a generation.
enum Next {
    Rest,
    Again(Option<(oneshot::Sender<Result<Loss>>, Loss)>),
    Stop(oneshot::Sender<()>),
}

/// Watches a child that is up until it has ended.
async fn watch_child(
    shared: &Rc<Shared>,
    live: &Rc<Live>,
    mut process: Process,
    output: Output,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    connections: &mut mpsc::UnboundedReceiver<Connection>,
) -> Next {
    let since = Instant::now();
    let printing = spawn_local(print(shared.clone(), live.language, output));
    let (mut broken, mut because, mut lost_refs, mut next) = (None, None, None, None);
    let mut restart = None;
    let death = loop {
        let patience = async {
            match &broken {
                Some((time, _)) => sleep_until(*time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            death = process.wait() => break death,
            Some(Connection { hello, reader, writer }) = connections.recv() => {
                if let (Some(token), Some(generation)) = (hello.token, hello.generation)
                    && generation == live.generation
                {
                    live.lanes.opened(token, (reader, writer));
                }
            }
            () = patience => {
                because = broken.take().map(|(_, because)| because);
                process.kill();
            }
            order = orders.recv() => match order {
                Some(Order::Kill { generation, because: why, refs }) if generation == live.generation => {
                    (because, lost_refs) = (Some(why), refs);
                    process.kill();
                }
                Some(Order::Broken { generation, because: why }) if generation == live.generation => {
                    broken.get_or_insert((Instant::now() + DYING_TIME, why));
                }
                Some(Order::Start | Order::Kill { .. } | Order::Broken { .. }) => {}
                Some(Order::Restart(done)) => {
                    because = Some("it was restarted".to_owned());
                    restart = Some(done);
                    lost_refs = live.refs().await;
                    break end_orderly(live, &mut process).await;
                }
                Some(Order::Stop(done)) => {
                    because = Some("the session ends".to_owned());
                    next = Some(Next::Stop(done));
                    break end_orderly(live, &mut process).await;
                }
                None => process.kill(),
            },
        }
    };
    live.control.lose();
    live.own.caller.lose();
    let _ = timeout(LAST_WORDS, printing).await;

    let reason = because.unwrap_or_else(|| death.to_string());
    let settled = live.served.get() || since.elapsed() > SETTLED;
    let next = next.unwrap_or(if settled { Next::Again(None) } else { Next::Rest });
    let state = if restart.is_some() || matches!(next, Next::Again(_)) {
        SlotState::Starting
    } else {
        SlotState::Down(reason.clone())
    };
    shared.slot(live.language).set(shared, state);
    let next = match (next, restart) {
        (Next::Stop(done), _) => Next::Stop(done),
        (next, restart) => {
            let lost = shared.went_down(live, &reason, lost_refs);
            match restart {
                // Who wanted this hears of it.
                Some(done) => Next::Again(Some((done, lost))),
                None => {
                    shared.mourn(&reason, &lost);
                    next
                }
            }
        }
    };
    live.ended.send_replace(Some(Ending { death, reason }));
    next
}

/// Asks the child to end, and kills it when it does not.
async fn end_orderly(live: &Live, process: &mut Process) -> Death {
    live.control.post(op::SHUTDOWN, Term::nil());
    if let Ok(death) = timeout(SHUTDOWN_TIME, process.wait()).await {
        return death;
    }
    process.kill();
    process.wait().await
}

/// Shows what a child prints past all capture: the last words of a crash, output of native code.
async fn print(shared: Rc<Shared>, language: Language, mut output: Output) {
    while let Some(text) = output.next().await {
        let cell = shared
            .foreground(|current| current.language == language)
            .map(|current| current.cell);
        shared
            .deliver(
                cell,
                Event::Stream {
                    name: StreamName::Stderr,
                    text,
                },
            )
            .await;
    }
}

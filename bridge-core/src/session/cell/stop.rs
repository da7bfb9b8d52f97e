//! Stopping a cell that runs: its child is asked first. What does not stop in time costs the process, or, in a subshell,
//! the lane; but code that has heard the interrupt may clean up, until the next one.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::{End, Running};
use crate::language::Language;
use crate::session::child::{Live, Order};
use crate::session::shared::Current;
use crate::session::{Event, MAIN};
use crate::wire::op;

/// A child may not have begun the cell when the interrupt comes; it is asked again after so long.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(50);

/// Interrupts that come sooner after each other are one: a hand that slips must not cost anything.
const SAME_INTERRUPT: Duration = Duration::from_secs(1);

/// How long a child may take to say whether the cell has heard an interrupt.
const HEARD_TIME: Duration = Duration::from_millis(500);

/// What the user's interrupt has come to.
pub(super) enum Stop {
    No,
    /// The child was asked to stop the cell.
    Asked {
        /// When it was last.
        at: Instant,
        /// When it is killed, unless the cell has heard the interrupt.
        deadline: Option<Instant>,
        /// The cell had heard it when that time came, and still runs: it cleans up, or saves what it has. The user was
        /// told, and waits for as long as that takes; who interrupts again does not.
        told: bool,
    },
    /// The child is being killed.
    Killed(String),
    /// What runs in the subshell is waited for no longer; its lane is closed.
    GivenUp,
}

impl Running<'_> {
    /// The user wants the cell to stop.
    pub(super) fn interrupt(&mut self, live: &Rc<Live>) {
        match self.stop {
            Stop::No => self.ask(live, None, false),
            Stop::Asked { at, deadline, told } if Instant::now() >= at + SAME_INTERRUPT => {
                self.ask(live, deadline, told);
            }
            Stop::Asked { .. } | Stop::Killed(_) | Stop::GivenUp => {}
        }
    }

    /// The user wants it now: what has heard the interrupt is asked once more, anything else ends.
    pub(super) async fn insist(&mut self, live: &Rc<Live>) -> Option<End> {
        match self.stop {
            Stop::No | Stop::Asked { deadline: None, .. } => self.interrupt(live),
            Stop::Asked { told: false, .. } if self.has_heard(live).await => self.ask(live, None, true),
            Stop::Asked { .. } => {
                let why = "it was interrupted again before it had stopped";
                return self.give_up(live, why).await;
            }
            Stop::Killed(_) | Stop::GivenUp => {}
        }
        None
    }

    /// Asks the child to stop the cell. Without a deadline the grace time begins.
    fn ask(&mut self, live: &Rc<Live>, deadline: Option<Instant>, told: bool) {
        let (at, grace) = (Instant::now(), self.shared.config.grace);
        let deadline = deadline.or(Some(at + grace));
        self.stop = Stop::Asked { at, deadline, told };
        spawn_local(ask_to_stop(self.current.clone(), live.clone(), grace));
    }

    /// The grace time is over.
    pub(super) async fn lose_patience(&mut self, live: &Rc<Live>) -> Option<End> {
        let grace = self.shared.config.grace;
        let Stop::Asked { at, told, .. } = self.stop else {
            return None;
        };
        if !self.sink.is_empty() {
            // It may well have stopped: what it said is still to be read.
            let deadline = Some(Instant::now() + grace);
            self.stop = Stop::Asked { at, deadline, told };
            return None;
        }
        if !told && self.has_heard(live).await {
            self.stop = Stop::Asked {
                at,
                deadline: None,
                told: true,
            };
            let text = format!(
                "The cell has been interrupted and is still running. When it is interrupted again it has {} s to stop; \
                 then its process is ended, and its names are lost.",
                grace.as_secs_f32()
            );
            self.emit(Event::Notice { text });
            return None;
        }
        self.give_up(live, &format!("it did not stop within {} s", grace.as_secs_f32()))
            .await
    }

    /// Whether the cell's code knows of the interrupt: it has been given a `KeyboardInterrupt`. What it does since is
    /// its own business; code that never looks up (a library's, in C) does not get so far. In Elixir, and in subshells,
    /// none is waited for.
    async fn has_heard(&self, live: &Live) -> bool {
        if live.language == Language::Elixir || self.request.subshell != MAIN {
            return false;
        }
        let answer = live.control.ask(op::HEARD, self.current.cell.into(), HEARD_TIME);
        answer.await.is_ok_and(|answer| answer.as_bool() == Some(true))
    }

    /// What does not stop in the main shell costs its process. In a subshell it is left behind, with its lane: it is not
    /// worth what the other cells do there.
    async fn give_up(&mut self, live: &Rc<Live>, why: &str) -> Option<End> {
        if self.request.subshell == MAIN {
            self.kill(live, why).await;
            return None;
        }
        self.stop = Stop::GivenUp;
        Some(End {
            error: Some(interruption(&format!("{why}, and was left to itself"))),
            ..End::interrupted()
        })
    }

    async fn kill(&mut self, live: &Rc<Live>, why: &str) {
        let refs = live.refs().await;
        let because = format!("{why}, and was killed");
        self.stop = Stop::Killed(because.clone());
        self.shared.slot(live.language).order(Order::Kill {
            generation: live.generation,
            because,
            refs,
        });
    }
}

/// The error of a cell that was interrupted and could not say so itself.
pub(super) fn interruption(because: &str) -> Event {
    Event::Error {
        class: "Interrupted".into(),
        message: format!("the cell was interrupted: {because}"),
        traceback: Vec::new(),
        hint: None,
    }
}

/// Asks a child to stop a cell, until it has or the grace time is over.
async fn ask_to_stop(current: Rc<Current>, live: Rc<Live>, grace: Duration) {
    let deadline = Instant::now() + grace;
    while !current.finished.get() && Instant::now() < deadline {
        match live.control.ask(op::INTERRUPT, current.cell.into(), grace).await {
            // It has not begun the cell, or has just ended it.
            Ok(answer) if answer.as_bool() == Some(false) => sleep(INTERRUPT_AGAIN).await,
            _ => return,
        }
    }
}

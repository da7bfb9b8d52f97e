//! Stopping a cell that runs: its child is asked first; what does not stop in time costs the process, or, in a subshell,
//! the lane.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::{End, Running};
use crate::session::child::{Live, Order};
use crate::session::shared::Current;
use crate::session::{Event, MAIN};
use crate::wire::op;

/// A child may not have begun the cell when the interrupt comes; it is asked again after so long.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(50);

/// What the user's interrupt has come to.
pub(super) enum Stop {
    No,
    /// The child was asked; when this time has come, it is killed.
    Asked(Instant),
    /// The child is being killed.
    Killed(String),
    /// What runs in the subshell is waited for no longer; its lane is closed.
    GivenUp,
}

impl Running<'_> {
    /// The first interrupt asks, the second kills.
    pub(super) async fn interrupt(&mut self, live: &Rc<Live>) -> Option<End> {
        match self.stop {
            Stop::No => {
                let grace = self.shared.config.grace;
                self.stop = Stop::Asked(Instant::now() + grace);
                spawn_local(ask_to_stop(self.current.clone(), live.clone(), grace));
                None
            }
            Stop::Asked(_) => {
                self.insist(live, "it was interrupted again before it had stopped")
                    .await
            }
            Stop::Killed(_) | Stop::GivenUp => None,
        }
    }

    /// The grace time is over.
    pub(super) async fn lose_patience(&mut self, live: &Rc<Live>) -> Option<End> {
        let grace = self.shared.config.grace;
        if !self.sink.is_empty() {
            // It may well have stopped: what it said is still to be read.
            self.stop = Stop::Asked(Instant::now() + grace);
            return None;
        }
        self.insist(live, &format!("it did not stop within {} s", grace.as_secs_f32()))
            .await
    }

    /// What does not stop in the main shell costs its process. In a subshell it is left behind, with its lane: it is not
    /// worth what the other cells do there.
    async fn insist(&mut self, live: &Rc<Live>, why: &str) -> Option<End> {
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

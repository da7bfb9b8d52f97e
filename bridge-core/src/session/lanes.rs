//! The lanes on which a child runs cells: one for the main shell, which comes with the child, and one for each
//! subshell that has run a cell there, which is asked for when it is first needed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::MAIN;
use super::caller::Caller;
use crate::runtime::{MessageReader, MessageWriter};
use crate::term::Term;
use crate::wire::op;

/// Both halves of one lane. Dropping them closes it, and so ends what runs there.
pub(super) type Lane = (MessageReader, MessageWriter);

/// The lanes of one child.
pub(super) struct Lanes {
    /// Those on which no cell runs, by subshell. A cell takes its lane, and gives it back.
    idle: RefCell<BTreeMap<u64, Lane>>,
    /// Those that were asked for, by token.
    opening: RefCell<HashMap<u64, oneshot::Sender<Lane>>>,
    token: Cell<u64>,
}

impl Lanes {
    pub(super) fn new(main: Lane) -> Lanes {
        Lanes {
            idle: RefCell::new(BTreeMap::from([(MAIN, main)])),
            opening: RefCell::default(),
            token: Cell::new(1),
        }
    }

    /// A subshell's lane, for a cell; it is opened if need be. An error says why there is none.
    pub(super) async fn take(&self, subshell: u64, control: &Caller, time: Duration) -> Result<Lane, String> {
        let idle = self.idle.borrow_mut().remove(&subshell);
        match idle {
            Some(lane) => Ok(lane),
            None if subshell == MAIN => Err("its lane is in use".into()),
            None => {
                let token = self.token.replace(self.token.get() + 1);
                let (sender, opened) = oneshot::channel();
                self.opening.borrow_mut().insert(token, sender);
                control.tell(op::OPEN_LANE, Term::from(token));
                match timeout(time, opened).await {
                    Ok(Ok(lane)) => Ok(lane),
                    _ => {
                        self.opening.borrow_mut().remove(&token);
                        Err(format!(
                            "it opened no lane for a subshell within {} s",
                            time.as_secs_f32()
                        ))
                    }
                }
            }
        }
    }

    /// Gives a lane back when its cell has ended.
    pub(super) fn give_back(&self, subshell: u64, lane: Lane) {
        self.idle.borrow_mut().insert(subshell, lane);
    }

    /// A lane that was asked for is there. One that nobody waits for any more ends here.
    pub(super) fn opened(&self, token: u64, lane: Lane) {
        let waiting = self.opening.borrow_mut().remove(&token);
        if let Some(waiting) = waiting {
            let _ = waiting.send(lane);
        }
    }

    /// Closes the lane of a subshell that is over.
    pub(super) fn close(&self, subshell: u64) {
        let lane = self.idle.borrow_mut().remove(&subshell);
        drop(lane);
    }
}

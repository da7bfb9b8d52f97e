//! The way of a cell's events to who reads them.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::shared::Shared;
use super::{Event, LateEvent};

/// Events on their way to who reads them. While any wait, nothing is read from the child.
pub(super) struct Sink {
    cell: u64,
    events: mpsc::Sender<Event>,
    waiting: VecDeque<Waiting>,
}

enum Waiting {
    Own(Event),
    /// Output of an earlier cell.
    Late(LateEvent),
}

impl Sink {
    pub(super) fn new(cell: u64, events: mpsc::Sender<Event>) -> Sink {
        Sink {
            cell,
            events,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, shared: &Shared, event: Event) {
        shared.recorder.borrow_mut().event(self.cell, &event);
        self.waiting.push_back(Waiting::Own(event));
    }

    pub(super) fn push_late(&mut self, shared: &Shared, late: LateEvent) {
        shared.recorder.borrow_mut().late(late.cell, &late.event);
        self.waiting.push_back(Waiting::Late(late));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Hands all over. May be dropped and called again.
    pub(super) async fn flush(&mut self, shared: &Shared) {
        while let Some(next) = self.waiting.front() {
            match next {
                Waiting::Own(_) => {
                    let permit = self.events.reserve().await;
                    // An error: nobody wants them.
                    if let (Some(Waiting::Own(event)), Ok(permit)) = (self.waiting.pop_front(), permit) {
                        permit.send(event);
                    }
                }
                Waiting::Late(_) => {
                    let permit = shared.late().reserve().await;
                    if let (Some(Waiting::Late(event)), Ok(permit)) = (self.waiting.pop_front(), permit) {
                        permit.send(event);
                    }
                }
            }
        }
    }
}

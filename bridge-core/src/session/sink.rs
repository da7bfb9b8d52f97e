//! The way of a cell's events to who reads them.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::shared::Shared;
use super::{Event, LateEvent};

/// How much text and data may wait for who reads it, in events of the same size.
const HELD_BYTES: usize = 16 << 20;

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
                Waiting::Own(event) => {
                    let permit = room(&self.events, event).await;
                    if let (Some(Waiting::Own(event)), Some(permit)) = (self.waiting.pop_front(), permit) {
                        permit.send(event);
                    }
                }
                Waiting::Late(late) => {
                    let permit = room(shared.late(), &late.event).await;
                    if let (Some(Waiting::Late(event)), Some(permit)) = (self.waiting.pop_front(), permit) {
                        permit.send(event);
                    }
                }
            }
        }
    }
}

/// Waits until that event may be sent: a large one only when few others wait, so that what is held is bounded in bytes
/// as well as in number. `None`: nobody wants it.
pub(super) async fn room<'a, T>(sender: &'a mpsc::Sender<T>, event: &Event) -> Option<mpsc::Permit<'a, T>> {
    let most = sender.max_capacity();
    let others = (HELD_BYTES / event.bytes().max(1)).min(most - 1);
    sender.reserve_many(most - others).await.ok()?.next()
}

//! What happens outside running cells: output of threads that cells left behind, and children that cannot start.

use std::sync::Arc;
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::session::{ChildState, Children, LateEvents, NotYet, Session, StreamName};

use crate::render::{Piece, failure};
use crate::stage::{Lines, Now, Stage};

/// How long a line that was begun waits for its end before it is shown without.
const PATIENCE: Duration = Duration::from_millis(400);

/// How often the children are looked at while they start.
const STARTING: Duration = Duration::from_millis(100);

/// Shows it all, on a thread of its own.
pub(crate) fn watch(mut late: LateEvents, session: &Session, stage: Arc<Stage>) {
    let children = session.children();
    std::thread::spawn(move || {
        let mut lines = Lines::default();
        let mut starting = vec![Language::Python, Language::Elixir];
        loop {
            let failures = failed_children(&mut starting, &children.borrow());
            // A cell that waits for its language says by itself why it does not come.
            let told = failures
                .into_iter()
                .filter(|_| !matches!(stage.now(), Now::Running(_)));
            let shown = told
                .map(|error| failure(&error, stage.renderer().look()))
                .try_for_each(|text| {
                    stage.piece_aside(
                        &Piece {
                            to: StreamName::Stderr,
                            text: text.into(),
                            block: true,
                        },
                        &mut lines,
                    )
                });
            let next = match (starting.is_empty(), lines.is_begun()) {
                (false, _) => late.wait_for(STARTING),
                (true, true) => late.wait_for(PATIENCE),
                (true, false) => Ok(late.wait()),
            };
            let shown = shown.and_then(|()| match &next {
                Ok(Some(event)) => stage.aside(&event.event, &mut lines),
                Ok(None) | Err(NotYet) => stage.flush(&mut lines),
            });
            // A terminal that cannot be written is gone, and so is the session soon.
            if shown.is_err() || matches!(next, Ok(None)) {
                return;
            }
        }
    });
}

/// Takes out of the list the children that have started or failed, and gives the failures.
fn failed_children(starting: &mut Vec<Language>, children: &Children) -> Vec<bridge_core::error::Error> {
    let mut failures = Vec::new();
    starting.retain(|language| match children.of(*language) {
        ChildState::Starting | ChildState::Down { .. } => true,
        ChildState::Up { .. } => false,
        ChildState::Failed { error } => {
            failures.push(error.clone());
            false
        }
    });
    failures
}

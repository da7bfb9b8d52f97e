//! The cells that the configuration has run at the start of a session.
//!
//! They run before the first cell that is typed, and are neither numbered nor recorded: the next session has them
//! again, of its own configuration.

use std::sync::Arc;

use bridge_core::language::Language;
use bridge_core::session::{CellRequest, Session};

use crate::config::Startup;
use crate::stage::{Lines, Stage};

/// Hands them in, and shows what they print and where they fail, above the prompt.
pub(crate) fn run(startup: &Startup, session: &Session, stage: &Arc<Stage>) {
    let cells = [
        (Language::Elixir, &startup.elixir),
        (Language::Python, &startup.python),
    ];
    for (language, source) in cells.into_iter().filter(|(_, source)| !source.trim().is_empty()) {
        let request = CellRequest {
            silent: true,
            store_history: false,
            allow_input: false,
            ..CellRequest::new(language, source.as_str())
        };
        // A session that has ended says so at the first cell.
        let Ok(mut cell) = session.execute(request) else {
            return;
        };
        let stage = Arc::clone(stage);
        std::thread::spawn(move || {
            let mut lines = Lines::default();
            while let Some(event) = cell.events.wait() {
                if stage.aside(&event, &mut lines).is_err() {
                    return;
                }
            }
            let _ = stage.flush(&mut lines);
        });
    }
}

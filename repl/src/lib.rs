//! The terminal front end: a prompt per language over one session.
//!
//! It renders the events of a [`Session`] and evaluates nothing. What is typed is edited by reedline (`editor`);
//! `line` says how its parts share what they know. Nothing here knows Python or Elixir beyond a quick look at a
//! source (`scan`): completeness, completion and names are asked of the languages, through the session.

mod command;
mod completion;
pub mod config;
mod console;
mod editor;
mod entry;
mod flood;
mod help;
mod highlight;
mod hints;
mod history;
mod images;
mod keys;
mod late;
mod line;
mod lookup;
mod markdown;
mod menu;
mod names;
mod pager;
mod pairs;
mod paste;
mod plain;
mod prompt;
mod question;
pub mod render;
mod scan;
mod signals;
mod signature;
mod stage;
mod startup;
mod theme;
mod tty;
mod validate;

use bridge_core::record::RecordedCell;
use bridge_core::session::{LateEvents, Session};

use config::Config;

/// Runs the cells of `replay` under their numbers, then the prompt until the user leaves; then it ends the session.
/// Standard input must be a terminal. `problems` are those of the configuration, to be told first.
///
/// # Errors
/// When the terminal cannot be used. A cell that fails is no error here.
pub fn run(
    session: Session,
    late: LateEvents,
    config: &Config,
    problems: &[String],
    replay: &[RecordedCell],
) -> anyhow::Result<()> {
    console::run(session, late, config, problems, replay)
}

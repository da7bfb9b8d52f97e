//! The terminal front end: a prompt per language over one session.
//!
//! It renders the events of a [`Session`] and evaluates nothing. What is typed is edited by reedline (`editor`);
//! `line` says how its parts share what they know. Nothing here knows Python or Elixir beyond a quick look at a
//! source (`scan`): completeness, completion and names are asked of the languages, through the session.

mod banner;
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
mod pager;
mod pairs;
mod paste;
mod plain;
mod processes;
mod prompt;
mod question;
pub mod render;
mod report;
mod running;
mod scan;
mod signals;
mod signature;
mod span;
mod stage;
mod startup;
mod theme;
mod tty;
mod validate;
mod wrong;

use bridge_core::record::RecordedCell;
use bridge_core::runtime::Interpreter;
use bridge_core::session::{LateEvents, Session};

use config::Config;

pub use command::{recorded_time, sessions_table};

/// What the prompt starts with.
pub struct Start<'a> {
    /// What the user has configured.
    pub config: &'a Config,
    /// What is wrong in the configuration, to be told first.
    pub problems: &'a [String],
    /// The Python that the session starts, if there is one.
    pub python: Option<Interpreter>,
    /// The `elixir` that it starts, if there is one.
    pub elixir: Option<Interpreter>,
    /// Cells to run first, under their numbers.
    pub replay: &'a [RecordedCell],
}

/// Runs the prompt until the user leaves; then it ends the session. Standard input must be a terminal.
///
/// # Errors
/// When the terminal cannot be used. A cell that fails is no error here.
pub fn run(session: Session, late: LateEvents, start: &Start<'_>) -> anyhow::Result<()> {
    console::run(session, late, start)
}

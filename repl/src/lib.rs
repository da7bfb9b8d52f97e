//! The terminal front end: a prompt per language over one session, or cells from standard input.
//!
//! It renders the events of a [`Session`] and evaluates nothing. What is typed is edited by reedline ([`editor`]);
//! [`line`] says how its parts share what they know. Nothing here knows Python or Elixir beyond a quick look at a
//! source ([`scan`]): completeness, completion and names are asked of the languages, through the session.

mod command;
mod completion;
mod console;
mod editor;
mod entry;
mod highlight;
mod history;
mod keys;
mod late;
mod line;
mod menu;
mod names;
mod piped;
mod plain;
mod prompt;
mod question;
pub mod render;
mod scan;
mod signals;
mod stage;
mod validate;

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::process::ExitCode;

use bridge_core::language::Language;
use bridge_core::session::{Config, Session};

/// How the front end is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The session.
    pub config: Config,
    /// The language of the first prompt.
    pub language: Language,
}

impl Options {
    /// A prompt of Elixir on that session.
    pub fn new(config: Config) -> Options {
        Options {
            config,
            language: Language::Elixir,
        }
    }
}

/// Runs the prompt until the user leaves, or, without a terminal, the cells that standard input holds.
///
/// # Errors
/// When the session cannot be made, or a stream of this process cannot be read or written. A cell that fails is none:
/// the prompt goes on, and without a terminal the exit code says so.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let (session, late) = Session::start(options.config)?;
    // The editor draws on standard error, results go to standard output.
    if stdin().is_terminal() && stdout().is_terminal() && stderr().is_terminal() {
        console::run(session, late, options.language)?;
        Ok(ExitCode::SUCCESS)
    } else {
        piped::run(&session, late)
    }
}

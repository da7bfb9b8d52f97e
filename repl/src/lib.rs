//! The terminal front end: a prompt per language over one session.
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
mod plain;
mod prompt;
mod question;
pub mod render;
mod scan;
mod signals;
mod stage;
mod validate;

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

/// Runs the prompt until the user leaves. Standard input must be a terminal.
///
/// # Errors
/// When the session cannot be made, or the terminal cannot be used. A cell that fails is none.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let (session, late) = Session::start(options.config)?;
    console::run(session, late, options.language)?;
    Ok(ExitCode::SUCCESS)
}

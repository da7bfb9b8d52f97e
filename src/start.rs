//! What the commands share: a session's configuration from the arguments, signals, errors with their hints.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::Context;
use bridge_core::error::Hint;
use bridge_core::record::RecordedCell;
use bridge_core::runtime::{find_elixir, find_python};
use bridge_core::session::{Config, Recording, Session};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::SessionArgs;

/// The configuration that the arguments ask for.
///
/// # Errors
/// When there is no current directory.
pub(crate) fn config(args: &SessionArgs) -> anyhow::Result<Config> {
    let mut config = Config::new(std::env::current_dir().context("the current directory is gone")?);
    config.python.clone_from(&args.python);
    config.elixir.clone_from(&args.elixir);
    config.mix = args.script.is_some();
    config.recording = match (&args.session, args.no_record) {
        (_, true) => Recording::Off,
        (Some(name), _) => Recording::Named(name.clone()),
        (None, _) => Recording::Generated,
    };
    Ok(config)
}

/// The prompt, after the cells of `replay` have run.
///
/// # Errors
/// When the session cannot be started or the terminal not used.
pub(crate) fn prompt(args: &SessionArgs, replay: &[RecordedCell]) -> anyhow::Result<ExitCode> {
    let (own, file, problems) = crate::config::load();
    let problems: Vec<String> = problems
        .iter()
        .map(|problem| crate::config::told(file.as_deref().unwrap_or(Path::new("")), problem))
        .collect();
    let mut config = config(args)?;
    if config.python.is_none() {
        config.python.clone_from(&own.python);
    }
    let start = snakebridge_repl::Start {
        config: &own,
        problems: &problems,
        python: find_python(config.python.as_deref(), &config.directory).ok(),
        elixir: find_elixir(config.elixir.as_deref(), &config.directory).ok(),
        replay,
    };
    let (session, late) = Session::start(config).map_err(with_hint)?;
    snakebridge_repl::run(session, late, &start)?;
    Ok(ExitCode::SUCCESS)
}

/// Keeps an error's advice with it, for the binary's edge to print.
pub(crate) fn with_hint<E: Hint + std::error::Error>(error: E) -> anyhow::Error {
    anyhow::Error::new(Hinted {
        message: error.to_string(),
        hint: error.hint(),
    })
}

/// An error with advice.
pub(crate) fn hinted(message: String, hint: &str) -> anyhow::Error {
    anyhow::Error::new(Hinted {
        message,
        hint: Some(hint.to_owned()),
    })
}

/// An error that may have advice.
pub(crate) fn failed(message: String, hint: Option<String>) -> anyhow::Error {
    anyhow::Error::new(Hinted { message, hint })
}

/// An error of a library, as it is told to a person.
#[derive(Debug)]
pub(crate) struct Hinted {
    message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl std::error::Error for Hinted {}

impl std::fmt::Display for Hinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// Whether standard output is a terminal that wants colours.
pub(crate) fn wants_colors() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Ctrl-C interrupts the cell and ends the run; the signals that end a program end the session first.
pub(crate) struct Leave {
    signal: Arc<AtomicI32>,
}

impl Leave {
    /// Watches for signals on a thread of its own for as long as the program lives.
    ///
    /// # Errors
    /// When the system gives no thread or no signal handler.
    pub(crate) fn on_signals(session: &Session) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let leave = Leave {
            signal: Arc::new(AtomicI32::new(0)),
        };
        let (seen, session) = (Arc::clone(&leave.signal), session.clone());
        let mut signals = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            )
        };
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                runtime.block_on(async {
                    loop {
                        let number = tokio::select! {
                            _ = signals.0.recv() => libc::SIGINT,
                            _ = signals.1.recv() => libc::SIGTERM,
                            _ = signals.2.recv() => libc::SIGHUP,
                        };
                        let before = seen.swap(number, Ordering::Relaxed);
                        match number {
                            libc::SIGINT if before == libc::SIGINT => session.insist(),
                            libc::SIGINT => session.interrupt(),
                            _ => drop(session.shutdown()),
                        }
                    }
                });
            })?;
        Ok(leave)
    }

    /// Whether a signal has come.
    pub(crate) fn asked(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// The status that tells the caller which signal ended the run.
    pub(crate) fn status(&self) -> Option<ExitCode> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            number => Some(ExitCode::from(u8::try_from(128 + number).unwrap_or(1))),
        }
    }
}

//! Starting one child: from the command line to the three connections that make it usable.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};

use super::Loss;
use super::caller::{Caller, Questions};
use super::child::{DYING_TIME, LAST_WORDS, Live, Order};
use super::control::{Kind, Serving, serve};
use super::lanes::{Lane, Lanes};
use super::shared::Shared;
use crate::error::{Error, Result};
use crate::language::Language;
use crate::runtime::{self, Connection, Launch, Output, Process};
use crate::wire::{Hello, Role, ThreadKind};

/// How much of what a starting child prints is kept, and how many lines of it an error shows.
const LOG_BYTES: usize = 64 * 1024;
const LOG_LINES: usize = 15;

/// What came of it.
pub(super) enum Started {
    Up(Box<Process>, Output, Box<Parts>),
    Failed(Error),
    /// It was called off, for good or to begin again.
    Stopped(oneshot::Sender<()>),
    Again(oneshot::Sender<Result<Loss>>),
}

/// The connections of a child, as they come.
#[derive(Default)]
pub(super) struct Parts {
    control: Option<(Hello, Rc<Caller>)>,
    main: Option<Lane>,
    own: Option<Rc<Caller>>,
}

impl Parts {
    fn are_complete(&self) -> bool {
        self.control.is_some() && self.main.is_some() && self.own.is_some()
    }

    fn take(&mut self, shared: &Rc<Shared>, language: Language, generation: u64, connection: Connection) {
        let Connection {
            hello,
            reader,
            writer,
        } = connection;
        let serving = |reader, writer, connection| {
            let caller = Rc::new(Caller::new(language, writer));
            let serving = Serving {
                shared: shared.clone(),
                language,
                generation,
                caller: caller.clone(),
                connection,
            };
            spawn_local(serve(serving, reader));
            caller
        };
        match hello.role {
            // It is served from now on: a project that Mix compiles is seen, and asks for what it needs.
            Role::Control => self.control = Some((hello, serving(reader, writer, Kind::Control))),
            Role::Lane(ThreadKind::Own) => self.own = Some(serving(reader, writer, Kind::Own)),
            Role::Lane(ThreadKind::Main) => self.main = Some((reader, writer)),
        }
    }

    /// All of them together, once [`start`] has said that they are there.
    pub(super) fn join(self, language: Language, generation: u64) -> Option<Rc<Live>> {
        let (hello, control) = self.control?;
        Some(Rc::new(Live {
            language,
            generation,
            hello,
            control,
            own: Questions::new(self.own?),
            lanes: Lanes::new(self.main?),
            served: Cell::new(false),
            ended: watch::Sender::new(None),
        }))
    }
}

/// Starts a child and waits until it is usable. Nothing of it is left if that fails.
pub(super) async fn start(
    shared: &Rc<Shared>,
    language: Language,
    generation: u64,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    connections: &mut mpsc::UnboundedReceiver<Connection>,
) -> Started {
    let begun = launch(shared, language, generation).and_then(|launch| {
        Process::start(&launch, &shared.guard).map_err(|error| Error::Start {
            language,
            reason: format!("{} cannot be run: {error}", launch.program().display()),
            hint: None,
        })
    });
    let (mut process, mut output) = match begun {
        Ok(begun) => begun,
        Err(error) => return Started::Failed(error),
    };
    let mut log = Log::default();
    let mut parts = Parts::default();
    let mut printing = true;
    let deadline = Instant::now() + shared.config.start_timeout;
    loop {
        // A project may take its time to compile; its output shows what it does.
        let compiling = shared.config.mix && parts.control.is_some();
        tokio::select! {
            death = process.wait() => {
                let _ = timeout(LAST_WORDS, async { while log.take(output.next().await) {} }).await;
                return Started::Failed(log.error(language, compiling, &death.to_string()));
            }
            text = output.next(), if printing => printing = log.take(text),
            connection = connections.recv() => {
                let Some(connection) = connection else { return Started::Failed(Error::Ended) };
                // An old generation may have been about to connect when it ended.
                if connection.hello.generation == Some(generation) {
                    parts.take(shared, language, generation, connection);
                }
                if parts.are_complete() {
                    return Started::Up(Box::new(process), output, Box::new(parts));
                }
            }
            order = orders.recv() => {
                let end = match order {
                    Some(Order::Start | Order::Kill { .. }) => continue,
                    Some(Order::Broken { generation: broken, .. }) if broken != generation => continue,
                    Some(Order::Broken { because, .. }) => {
                        // How it died says more than that its connection ended.
                        let death = timeout(DYING_TIME, process.wait()).await.map(|death| death.to_string());
                        Started::Failed(log.error(language, compiling, &death.unwrap_or(because)))
                    }
                    Some(Order::Restart(done)) => Started::Again(done),
                    Some(Order::Stop(done)) => Started::Stopped(done),
                    None => Started::Failed(Error::Ended),
                };
                process.kill();
                process.wait().await;
                return end;
            }
            () = sleep_until(deadline), if !compiling => {
                process.kill();
                process.wait().await;
                let waited = format!("it did not connect within {} s", shared.config.start_timeout.as_secs_f32());
                return Started::Failed(log.error(language, compiling, &waited));
            }
        }
    }
}

fn launch(shared: &Shared, language: Language, generation: u64) -> Result<Launch> {
    let config = &shared.config;
    let (place, sockets) = (&config.directory, &shared.directory);
    match language {
        Language::Python => runtime::worker(
            config.worker.as_ref(),
            config.python.as_deref(),
            place,
            sockets,
            generation,
            config.notebook,
        ),
        Language::Elixir => runtime::beam(
            config.beam.as_ref(),
            config.elixir.as_deref(),
            config.mix,
            place,
            sockets,
            generation,
            config.notebook,
        ),
    }
}

/// What a starting child printed, the last of it.
#[derive(Default)]
struct Log(String);

impl Log {
    /// Whether more may come.
    fn take(&mut self, text: Option<String>) -> bool {
        let Some(text) = text else { return false };
        self.0.push_str(&text);
        if self.0.len() > LOG_BYTES {
            let cut = self.0.ceil_char_boundary(self.0.len() - LOG_BYTES / 2);
            self.0.drain(..cut);
        }
        true
    }

    fn error(&self, language: Language, compiling: bool, reason: &str) -> Error {
        let hint = if compiling {
            "`mix run` in the project says the same, and `snakebridge` without `-S mix` goes without it"
        } else {
            "`snakebridge doctor` says what is missing"
        };
        let lines: Vec<&str> = self.0.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES)..];
        let reason = if shown.is_empty() {
            reason.to_owned()
        } else {
            format!("{reason}\n{}", shown.join("\n"))
        };
        Error::Start {
            language,
            reason,
            hint: Some(hint.into()),
        }
    }
}

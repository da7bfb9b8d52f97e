//! A cell from the prompt, from its start to its last event.

use std::io;
use std::time::{Duration, Instant};

use bridge_core::error::Error;
use bridge_core::language::Language;
use bridge_core::session::{Cell, CellRequest, ChildState, Event, NotYet, Status, StreamName};

use crate::console::{Console, Next};
use crate::flood::Flood;
use crate::render::columns;
use crate::span;
use crate::stage::Now;
use crate::{question, wrong};

/// How long a cell may wait for its language to start before the user is told.
const START: Duration = Duration::from_millis(700);

/// How long a cell runs before its time is shown, and how often that changes.
const TICK: Duration = Duration::from_secs(1);

/// What became of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) next: Next,
    pub(crate) status: Status,
    /// From its start to its end, as its language counts it, without the time that it waited for answers.
    pub(crate) took: Duration,
}

impl Console {
    /// Runs a cell and shows what it does, and how long it took where that was long.
    pub(crate) fn run(&mut self, request: CellRequest) -> io::Result<Next> {
        let outcome = self.timed(request)?;
        if outcome.took >= TICK && outcome.next == Next::Read {
            self.aside(&span::rough(outcome.took))?;
        }
        Ok(outcome.next)
    }

    /// The same without the time.
    pub(crate) fn timed(&mut self, mut request: CellRequest) -> io::Result<Outcome> {
        request.width = columns();
        let (language, source) = (request.language, request.source.clone());
        let mut cell = match self.session().execute(request) {
            Ok(cell) => cell,
            Err(error) => {
                self.fail(&error)?;
                return Ok(Outcome::ended());
            }
        };
        self.stage().set(Now::Running(cell.number));
        let shown = self.show(&mut cell, language, &source);
        self.stage().set(Now::Busy);
        if let Ok(outcome) = &shown {
            self.status = outcome.status;
        }
        shown
    }

    /// What a cell that is no cell of the user's prints. `None` when it failed, which has been told.
    pub(crate) fn ask(&mut self, language: Language, source: &str) -> io::Result<Option<String>> {
        let request = CellRequest {
            silent: true,
            store_history: false,
            allow_input: false,
            ..CellRequest::new(language, source)
        };
        let mut cell = match self.session().execute(request) {
            Ok(cell) => cell,
            Err(error) => {
                self.fail(&error)?;
                return Ok(None);
            }
        };
        self.stage().set(Now::Running(cell.number));
        let mut printed = String::new();
        let mut status = Status::Error;
        let began = Instant::now();
        loop {
            let event = match cell.events.wait_for(until_tick(began)) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(NotYet) => {
                    self.passing(began)?;
                    continue;
                }
            };
            match event {
                Event::Stream {
                    name: StreamName::Stdout,
                    text,
                } => printed.push_str(&text),
                Event::Finished { status: how, .. } => status = how,
                event => self.stage().renderer().event(&event)?,
            }
        }
        self.stage().renderer().passed()?;
        self.stage().set(Now::Busy);
        Ok((status == Status::Ok).then_some(printed))
    }

    /// Shows the cell's events to the last.
    fn show(&mut self, cell: &mut Cell, language: Language, source: &str) -> io::Result<Outcome> {
        let mut waited = !self.is_starting(language);
        let mut began = Instant::now();
        let mut failed = false;
        let mut meanwhile = None;
        let mut flood = Flood::default();
        let mut answering = Duration::ZERO;
        loop {
            let event = match meanwhile.take() {
                Some(event) => Some(event),
                None => {
                    let patience = if waited { until_tick(began) } else { START };
                    match cell.events.wait_for(patience) {
                        Ok(event) => event,
                        Err(NotYet) if waited => {
                            if self.is_starting(language) {
                                began = Instant::now();
                                continue;
                            }
                            self.passing(began)?;
                            continue;
                        }
                        Err(NotYet) => {
                            waited = true;
                            if self.is_starting(language) {
                                self.note(&format!("{language} is starting; the cell runs when it is up"))?;
                            }
                            continue;
                        }
                    }
                }
            };
            let event = match event {
                Some(event) if self.stage().was_interrupted(cell.number) => match flood.hold(event) {
                    Some(event) => Some(event),
                    None => continue,
                },
                event => event,
            };
            if !matches!(event, Some(Event::Stream { .. }))
                && let Some((note, end)) = flood.ebb()
            {
                self.note(&note)?;
                self.stage().renderer().raw(&end)?;
            }
            match event {
                Some(Event::Started { .. }) => began = Instant::now(),
                Some(Event::Input { prompt, password }) => {
                    meanwhile = match self.recorded_answer().filter(|_| !password) {
                        Some(answer) => {
                            self.answer_again(cell.number, &prompt, answer)?;
                            None
                        }
                        None => {
                            let asked = Instant::now();
                            let meanwhile = question::ask(self, cell, &prompt, password)?;
                            answering += asked.elapsed();
                            meanwhile
                        }
                    };
                }
                Some(Event::Finished { status, duration_us }) => {
                    self.stage().renderer().passed()?;
                    if status == Status::Interrupted && !failed {
                        self.note("interrupted")?;
                    }
                    return Ok(Outcome {
                        next: Next::Read,
                        status,
                        took: Duration::from_micros(duration_us).saturating_sub(answering),
                    });
                }
                Some(event) => {
                    self.stage().renderer().event(&event)?;
                    if let Event::Error { .. } = event {
                        failed = true;
                        if let Some(hint) = wrong::hint(language, source) {
                            self.hint(&hint)?;
                        }
                    }
                }
                None => {
                    self.fail(&Error::Ended)?;
                    return Ok(Outcome::ended());
                }
            }
        }
    }

    /// Shows how long it has been.
    fn passing(&self, began: Instant) -> io::Result<()> {
        let text = format!("{}, Ctrl-C stops it", span::seconds(began.elapsed()));
        self.stage().renderer().passing(&text)
    }

    /// Gives the answer that was given when the cell ran first, and shows it as it was typed.
    fn answer_again(&self, cell: u64, prompt: &str, answer: Option<String>) -> io::Result<()> {
        let shown = format!("{prompt}{}\n", answer.as_deref().unwrap_or_default());
        self.stage().renderer().raw(&shown)?;
        self.session().answer_input(cell, answer);
        Ok(())
    }

    fn is_starting(&self, language: Language) -> bool {
        matches!(
            self.session().children().borrow().of(language),
            ChildState::Starting
        )
    }
}

impl Outcome {
    /// The session has ended.
    fn ended() -> Outcome {
        Outcome {
            next: Next::Leave,
            status: Status::Error,
            took: Duration::ZERO,
        }
    }
}

/// How long it is to the next full second.
fn until_tick(began: Instant) -> Duration {
    let passed = began.elapsed();
    TICK * (passed.as_secs() as u32 + 1) - passed
}

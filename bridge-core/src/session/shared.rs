//! What the tasks of one session share: its children, the cells that run, the names, the record.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;

use super::child::{Live, Order, Slot};
use super::control::process;
use super::names::{Loss, Names, lost_text};
use super::sink::room;
use super::{ChildState, Children, Config, Event, LateEvent, MAIN};
use crate::error::Error;
use crate::language::Language;
use crate::record::Recorder;
use crate::runtime::{Directory, Guard};
use crate::wire::{Attach, Broken, Detach, ElixirState, op};

/// One session's common ground. Everything runs on one thread.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) directory: Directory,
    pub(super) guard: Rc<Guard>,
    pub(super) python: Slot,
    pub(super) elixir: Slot,
    pub(super) recorder: RefCell<Recorder>,
    pub(super) names: RefCell<Names>,
    /// Whether names of Python may exist.
    pub(super) python_used: Cell<bool>,
    /// Whether the session has begun to end.
    pub(super) ending: Cell<bool>,
    /// The cells that run, one at most for each subshell.
    currents: RefCell<Vec<Rc<Current>>>,
    late: mpsc::Sender<LateEvent>,
    children: watch::Sender<Children>,
    link: watch::Sender<Link>,
}

/// A cell that runs.
pub(super) struct Current {
    pub(super) cell: u64,
    pub(super) subshell: u64,
    pub(super) language: Language,
    pub(super) inbox: mpsc::UnboundedSender<Inbox>,
    pub(super) events: mpsc::Sender<Event>,
    /// Set before the last event is sent: nothing may follow it.
    pub(super) finished: Cell<bool>,
}

/// What reaches a running cell from elsewhere.
pub(super) enum Inbox {
    Interrupt,
    /// The same, of a user who has been told what comes next.
    Insist,
    Answer(Option<String>),
    Notice(String),
    End,
}

/// Whether the BEAM is connected to the worker: generations of the worker and of the BEAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Apart,
    Joining(u64, u64),
    Settled,
}

impl Shared {
    pub(super) fn new(
        config: Config,
        directory: Directory,
        slots: [Slot; 2],
        recorder: Recorder,
        late: mpsc::Sender<LateEvent>,
        children: watch::Sender<Children>,
    ) -> Shared {
        let [python, elixir] = slots;
        Shared {
            config,
            guard: Rc::new(Guard::start(directory.path())),
            directory,
            python,
            elixir,
            recorder: RefCell::new(recorder),
            names: RefCell::default(),
            python_used: Cell::new(false),
            ending: Cell::new(false),
            currents: RefCell::default(),
            late,
            children,
            link: watch::Sender::new(Link::Apart),
        }
    }

    pub(super) fn slot(&self, language: Language) -> &Slot {
        match language {
            Language::Python => &self.python,
            Language::Elixir => &self.elixir,
        }
    }

    /// The cells that run.
    pub(super) fn currents(&self) -> Vec<Rc<Current>> {
        self.currents.borrow().clone()
    }

    /// That cell, if it runs.
    pub(super) fn running(&self, cell: u64) -> Option<Rc<Current>> {
        let currents = self.currents.borrow();
        currents.iter().find(|current| current.cell == cell).cloned()
    }

    /// The cell that runs in the main shell, else the one that began first; of those only that are meant.
    pub(super) fn foreground(&self, is_meant: impl Fn(&Current) -> bool) -> Option<Rc<Current>> {
        let currents = self.currents.borrow();
        let meant = currents.iter().filter(|current| is_meant(current));
        meant.min_by_key(|current| current.subshell != MAIN).cloned()
    }

    pub(super) fn begin(&self, current: Rc<Current>) {
        self.currents.borrow_mut().push(current);
    }

    pub(super) fn end(&self, cell: u64) {
        self.currents.borrow_mut().retain(|current| current.cell != cell);
    }

    // --- what happens beside the main lanes ---

    /// Hands on an event that did not come on a main lane. Waits for a slow reader, and so holds back who sent it.
    pub(super) async fn deliver(&self, cell: Option<u64>, event: Event) {
        let current = cell
            .and_then(|cell| self.running(cell))
            .filter(|current| !current.finished.get());
        match current {
            Some(current) => {
                self.recorder.borrow_mut().event(current.cell, &event);
                if let Some(permit) = room(&current.events, &event).await {
                    permit.send(event);
                }
            }
            None => {
                self.recorder.borrow_mut().late(cell, &event);
                if let Some(permit) = room(&self.late, &event).await {
                    permit.send(LateEvent { cell, event });
                }
            }
        }
    }

    pub(super) fn late(&self) -> &mpsc::Sender<LateEvent> {
        &self.late
    }

    /// Says something in the engine's own words: in the cell that runs, else beside all cells. Never waits.
    /// Once the session ends, what becomes of its children is no news.
    pub(super) fn notice(self: &Rc<Self>, text: String) {
        if self.ending.get() {
            return;
        }
        if let Some(current) = self.foreground(|current| !current.finished.get()) {
            let _ = current.inbox.send(Inbox::Notice(text));
        } else {
            let shared = self.clone();
            spawn_local(async move { shared.deliver(None, Event::Notice { text }).await });
        }
    }

    // --- what becomes of the children ---

    pub(super) fn publish(&self, language: Language, state: ChildState) {
        self.children.send_modify(|children| match language {
            Language::Python => children.python = state,
            Language::Elixir => children.elixir = state,
        });
    }

    /// A child is ready.
    pub(super) fn went_up(self: &Rc<Self>, live: &Live) {
        self.recorder.borrow_mut().child(live.language, &live.hello);
        if live.language == Language::Python && self.elixir.failed() {
            live.control.tell(op::ELIXIR, ElixirState::Missing.to_term());
        }
        self.join();
    }

    /// A child cannot be started.
    pub(super) fn failed(&self, language: Language) {
        if language == Language::Elixir
            && let Some(worker) = self.python.live()
        {
            worker.control.tell(op::ELIXIR, ElixirState::Missing.to_term());
        }
    }

    /// A child that was up has ended: the other one hears of it. Gives what is lost, of which the user is to hear.
    pub(super) fn went_down(&self, live: &Live, reason: &str, refs: Option<u64>) -> Loss {
        let language = live.language;
        self.link.send_replace(Link::Apart);
        let cell = self
            .foreground(|current| current.language == language)
            .map(|current| current.cell);
        match language {
            Language::Python => {
                self.python_used.set(false);
                if let Some(beam) = self.elixir.live() {
                    let detach = Detach {
                        generation: live.generation,
                        reason: reason.to_owned(),
                        cell,
                    };
                    beam.control.tell(op::DETACH, detach.to_term());
                }
            }
            Language::Elixir => {
                if let Some(worker) = self.python.live() {
                    worker.control.tell(op::ELIXIR, ElixirState::Down.to_term());
                }
            }
        }
        let names = self.names.borrow_mut().lose(language);
        Loss {
            language,
            names,
            refs,
        }
    }

    /// Tells the user of a child that has ended, and of what is lost with it.
    pub(super) fn mourn(self: &Rc<Self>, reason: &str, lost: &Loss) {
        let who = process(lost.language);
        self.notice(format!(
            "{who} ended: {reason}.{}",
            lost_text(&lost.names, lost.refs)
        ));
    }

    /// Connects the BEAM to the worker, once both are up.
    fn join(self: &Rc<Self>) {
        let (Some(worker), Some(beam)) = (self.python.live(), self.elixir.live()) else {
            return;
        };
        let Some(attach) = worker.attach() else { return };
        let joining = Link::Joining(worker.generation, beam.generation);
        self.link.send_replace(joining);
        let shared = self.clone();
        spawn_local(async move {
            let joined = beam
                .control
                .ask(op::ATTACH, attach.to_term(), shared.config.start_timeout)
                .await;
            if *shared.link.borrow() != joining {
                return;
            }
            match joined {
                Ok(_) => worker.control.tell(op::ELIXIR, ElixirState::Up.to_term()),
                Err(error) => shared.notice(format!(
                    "The two languages do not see each other's names: {error}."
                )),
            }
            shared.link.send_replace(Link::Settled);
        });
    }

    /// Waits until the worker knows the names that Elixir cells have written, where there can be any.
    pub(super) async fn joined(&self) {
        let mut link = self.link.subscribe();
        loop {
            let names_exist = self.elixir.live().is_some_and(|beam| beam.served.get());
            if !names_exist || *link.borrow_and_update() == Link::Settled || link.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends a worker of which the BEAM says that it answers wrongly. One that has ended already is no news.
    pub(super) async fn broken(&self, broken: Broken) {
        let Some(live) = self
            .python
            .live()
            .filter(|live| live.generation == broken.generation)
        else {
            return;
        };
        let mut ended = live.ended.subscribe();
        self.python.order(Order::Kill {
            generation: broken.generation,
            because: format!("it answers wrongly ({})", broken.reason),
            refs: None,
        });
        let _ = ended.wait_for(Option::is_some).await;
    }

    /// The worker that the BEAM shall use, once one is up.
    pub(super) async fn worker(&self) -> Result<Attach, Error> {
        let worker = self.python.ready().await?;
        self.python_used.set(true);
        worker.attach().ok_or_else(|| Error::Unavailable {
            language: Language::Python,
            reason: "it has not said where it listens".into(),
        })
    }
}

//! Signals: Ctrl-C while a cell runs, and the end of the terminal.
//!
//! At the prompt the line editor reads Ctrl-C as a key; only while a cell runs, and in a dumb terminal, is it a
//! signal. The children live in process groups of their own, so it reaches the front end alone.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use bridge_core::session::Session;
use rustix::termios::Termios;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::plain::Message;
use crate::stage::{Now, Stage};
use crate::tty;

/// How long an interrupted cell goes on before the user is told how to end it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The session's grace time is three seconds, of which [`PATIENCE`] has gone.
const STILL_RUNNING: &str = "still running; if it does not listen its process is ended, in two seconds or at another \
                             Ctrl-C, and its names are lost";

/// How long the children may take to end when the terminal has gone.
const FAREWELL: Duration = Duration::from_secs(2);

const BRACKETED_PASTE_OFF: &[u8] = b"\x1b[?2004l\r\n";

/// Watches, on a thread of its own. `plain` is told of Ctrl-C where the terminal edits the line.
/// `found` is how the terminal was before.
pub(crate) fn watch(
    session: Session,
    stage: Arc<Stage>,
    plain: Option<Sender<Message>>,
    found: Option<Termios>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = {
        let _context = runtime.enter();
        Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        }
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            let mut told: Option<u64> = None;
            // The cell that was asked to stop, and when to say how it is ended; until then further presses are the
            // same one, for a hand that slips must not cost the names.
            let mut slow: Option<(u64, Instant)> = None;
            loop {
                let told_at = slow.map_or_else(Instant::now, |(_, at)| at);
                tokio::select! {
                    _ = signals.interrupt.recv() => {
                        if !slow.is_some_and(|(cell, _)| stage.runs(cell)) {
                            let cell = interrupted(&session, &stage, plain.as_ref(), told);
                            slow = cell.filter(|cell| told != Some(*cell)).map(|cell| (cell, Instant::now() + PATIENCE));
                        }
                    }
                    _ = signals.terminate.recv() => leave(&session, found.as_ref(), 15),
                    _ = signals.hangup.recv() => leave(&session, found.as_ref(), 1),
                    () = tokio::time::sleep_until(told_at), if slow.is_some() => {
                        if let Some((cell, _)) = slow.take() && stage.runs(cell) {
                            told = Some(cell);
                            // When the terminal cannot be written, the console notices by itself.
                            let _ = stage.renderer().note(STILL_RUNNING);
                        }
                    }
                }
            }
        });
    });
    Ok(())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// Passes Ctrl-C on to whom it concerns; the number of the cell that shall stop. `told`: of which cell the user knows
/// how it is ended.
fn interrupted(
    session: &Session,
    stage: &Stage,
    plain: Option<&Sender<Message>>,
    told: Option<u64>,
) -> Option<u64> {
    let now = stage.now();
    if let (Now::Editing(_) | Now::Asking { .. }, Some(plain)) = (&now, plain) {
        let _ = plain.send(Message::Interrupt);
    }
    match now {
        Now::Running(cell) | Now::Asking { cell, .. } => {
            stage.interrupt(cell);
            match told == Some(cell) {
                true => session.insist(),
                false => session.interrupt(),
            }
            Some(cell)
        }
        Now::Waiting => {
            stage.give_up();
            None
        }
        Now::Busy | Now::Editing(_) => None,
    }
}

/// Ends the children, leaves the terminal as it was found, and ends as the signal would have.
fn leave(session: &Session, found: Option<&Termios>, signal: i32) -> ! {
    let _ = session.shutdown().wait_for(FAREWELL);
    if let Some(found) = found {
        // The editor had asked for it. A terminal that has gone does not mind.
        let _ = io::stderr().write_all(BRACKETED_PASTE_OFF);
        tty::set(found);
    }
    std::process::exit(128 + signal);
}

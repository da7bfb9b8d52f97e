//! What a cell asks while it runs: `input()`, `getpass`, `IO.gets`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bridge_core::session::{Cell, Event, NotYet};
use nu_ansi_term::Style;
use reedline::{ExternalPrinter, Highlighter, Reedline, Signal, StyledText};
use rustix::termios::{LocalModes, tcgetattr};

use crate::console::Console;
use crate::editor::{Editor, PRINTED};
use crate::plain::{Message, PlainReader};
use crate::stage::{Lines, Now, Stage};
use crate::{prompt, tty};

/// How soon the end of a question is noticed: one that was answered, or whose cell has ended.
const TURN: Duration = Duration::from_millis(20);

/// What became of a question.
enum Answer {
    Text(String),
    /// Ctrl-D.
    EndOfFile,
    /// Ctrl-C, or the question has become moot.
    Interrupt,
}

/// Asks the user and tells the session. What the cell did meanwhile that ends the question is given back.
pub(crate) fn ask(
    console: &mut Console,
    cell: &mut Cell,
    prompt: &str,
    password: bool,
) -> io::Result<Option<Event>> {
    let stage = Arc::clone(console.stage());
    let number = cell.number;
    let full = matches!(console.editor(), Editor::Full(_));
    let prompt = if full {
        stage.renderer().take_begun_line(console.width())? + prompt
    } else {
        prompt.to_owned()
    };
    let printer = ExternalPrinter::new(PRINTED);
    stage.set(Now::Asking {
        cell: number,
        printer: full.then(|| printer.sender()),
    });
    let moot = Arc::new(AtomicBool::new(false));
    let answered = AtomicBool::new(false);
    let plain = console.plain().cloned();
    let (answer, meanwhile) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let meanwhile = watch(cell, &answered, &stage);
            if !answered.load(Ordering::Relaxed) {
                moot.store(true, Ordering::Relaxed);
                if let Some(plain) = &plain {
                    let _ = plain.send(Message::Interrupt);
                }
            }
            meanwhile
        });
        let answer = match console.editor() {
            Editor::Full(_) => read_full(&prompt, password, printer, Arc::clone(&moot)),
            Editor::Plain(reader) => read_plain(reader, &prompt, password),
        };
        answered.store(true, Ordering::Relaxed);
        (answer, watcher.join().ok().flatten())
    });
    stage.set(Now::Running(number));
    let moot = moot.load(Ordering::Relaxed);
    stage.renderer().set_fresh(!moot);
    match answer {
        _ if moot => {}
        Answer::Text(text) => console.session().answer_input(number, Some(text)),
        Answer::EndOfFile => console.session().answer_input(number, None),
        // In a dumb terminal Ctrl-C is a signal, and has been passed on as one.
        Answer::Interrupt if full => console.session().interrupt(),
        Answer::Interrupt => {}
    }
    Ok(meanwhile)
}

/// Shows what the cell prints until the question is answered. Ends sooner with the event that makes it moot, or
/// without one when there are no more events.
fn watch(cell: &mut Cell, answered: &AtomicBool, stage: &Stage) -> Option<Event> {
    let mut lines = Lines::default();
    let mut last = None;
    while !answered.load(Ordering::Relaxed) {
        match cell.events.wait_for(TURN) {
            Err(NotYet) => {}
            Ok(Some(event @ (Event::Stream { .. } | Event::Display { .. } | Event::Notice { .. }))) => {
                if stage.aside(&event, &mut lines).is_err() {
                    break;
                }
            }
            Ok(event) => {
                last = event;
                break;
            }
        }
    }
    // When the terminal cannot be written, the console notices by itself.
    let _ = stage.flush(&mut lines);
    last
}

fn read_full(
    prompt: &str,
    password: bool,
    printer: ExternalPrinter<String>,
    moot: Arc<AtomicBool>,
) -> Answer {
    // Without bracketed paste a pasted line break ends the answer, and what follows it answers the next question.
    let mut editor = Reedline::create()
        .with_highlighter(Box::new(Echo { shown: !password }))
        .with_external_printer(printer)
        .with_break_signal(moot)
        .with_poll_interval(TURN);
    match editor.read_line(&prompt::Question(prompt)) {
        Ok(Signal::Success(text)) => Answer::Text(text),
        Ok(Signal::CtrlC) => Answer::Interrupt,
        Ok(_) | Err(_) => Answer::EndOfFile,
    }
}

fn read_plain(reader: &mut PlainReader, prompt: &str, password: bool) -> Answer {
    let before = tcgetattr(io::stdin()).ok().filter(|_| password);
    if let Some(mut silent) = before.clone() {
        silent.local_modes.remove(LocalModes::ECHO);
        tty::set(&silent);
    }
    let message = reader.line(prompt);
    if let Some(before) = before {
        tty::set(&before);
    }
    match message {
        Message::Line(Some(text)) => Answer::Text(text),
        Message::Line(None) => Answer::EndOfFile,
        Message::Interrupt => Answer::Interrupt,
    }
}

/// Shows what is typed as it is, or not at all.
struct Echo {
    shown: bool,
}

impl Highlighter for Echo {
    fn highlight(&self, text: &str, _: usize) -> StyledText {
        let mut styled = StyledText::new();
        if self.shown {
            styled.push((Style::new(), text.to_owned()));
        }
        styled
    }
}

//! Who may write to the terminal, and how: what the threads of the front end share.
//!
//! While a cell runs, everything is written as it comes. While a line is being edited, the editor owns the screen,
//! and output goes through it, above the prompt, in whole lines.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_core::error::Result;
use bridge_core::session::{Event, Reply};

use crate::images::Images;
use crate::render::{Look, Piece, Renderer, render, without_escapes};

/// How many lines the editor is given at once: between pieces it looks at the keys.
const PIECE: usize = 50;

/// How long an editor that has enough to print is left alone.
const FULL: Duration = Duration::from_millis(10);

/// How soon Ctrl-C is noticed while an answer is waited for.
const ANSWER: Duration = Duration::from_millis(100);

/// What the front end is doing.
#[derive(Clone)]
pub(crate) enum Now {
    /// Something that shall not be disturbed.
    Busy,
    /// Waiting for an answer, which Ctrl-C gives up.
    Waiting,
    /// A line is being edited; what is printed goes to the editor, if it can take it.
    Editing(Option<SyncSender<String>>),
    /// A cell runs.
    Running(u64),
    /// A cell has asked something.
    Asking {
        cell: u64,
        printer: Option<SyncSender<String>>,
    },
}

/// The terminal, shared.
pub(crate) struct Stage {
    now: Mutex<Now>,
    renderer: Mutex<Renderer>,
    /// The cell that Ctrl-C was pressed for last.
    interrupted: AtomicU64,
    given_up: AtomicBool,
}

impl Stage {
    pub(crate) fn new(look: Look) -> Stage {
        Stage {
            now: Mutex::new(Now::Busy),
            renderer: Mutex::new(Renderer::new(look)),
            interrupted: AtomicU64::new(0),
            given_up: AtomicBool::new(false),
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, now: Now) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether this cell still runs.
    pub(crate) fn runs(&self, number: u64) -> bool {
        matches!(self.now(), Now::Running(cell) | Now::Asking { cell, .. } if cell == number)
    }

    /// Ctrl-C was pressed for this cell.
    pub(crate) fn interrupt(&self, cell: u64) {
        self.interrupted.store(cell, Ordering::Relaxed);
    }

    pub(crate) fn was_interrupted(&self, cell: u64) -> bool {
        self.interrupted.load(Ordering::Relaxed) == cell
    }

    /// Ctrl-C was pressed while an answer was waited for.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Waits until something is so; `false` when the user has given it up.
    pub(crate) fn wait_until(&self, is_so: impl Fn() -> bool) -> bool {
        self.given_up.store(false, Ordering::Relaxed);
        self.set(Now::Waiting);
        while !is_so() && !self.given_up.load(Ordering::Relaxed) {
            std::thread::sleep(FULL);
        }
        self.set(Now::Busy);
        is_so()
    }

    /// Waits for an answer; `None` when the user has given it up.
    pub(crate) fn wait<T>(&self, mut reply: Reply<T>) -> Option<Result<T>> {
        self.given_up.store(false, Ordering::Relaxed);
        self.set(Now::Waiting);
        let answer = loop {
            let answer = reply.wait_for(ANSWER);
            if answer.is_some() || self.given_up.load(Ordering::Relaxed) {
                break answer;
            }
        };
        self.set(Now::Busy);
        answer
    }

    pub(crate) fn renderer(&self) -> MutexGuard<'_, Renderer> {
        self.renderer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows an event that comes from beside the running cell.
    pub(crate) fn aside(&self, event: &Event, lines: &mut Lines) -> io::Result<()> {
        // Above a prompt there is room for lines alone.
        let images = match self.renderer().look().images {
            Images::Named => Images::Named,
            _ => Images::Saved,
        };
        let look = Look {
            images,
            ..self.renderer().look()
        };
        render(event, look).map_or(Ok(()), |piece| self.piece_aside(&piece, lines))
    }

    /// The same of a piece of output.
    pub(crate) fn piece_aside(&self, piece: &Piece<'_>, lines: &mut Lines) -> io::Result<()> {
        let look = self.renderer().look();
        if self.printer().is_none() && !look.terminal {
            self.flush(lines)?;
            return self.renderer().piece(piece);
        }
        lines.add(&piece.text, piece.block);
        self.print(&lines.take_whole())
    }

    /// Shows what has been begun and not ended.
    pub(crate) fn flush(&self, lines: &mut Lines) -> io::Result<()> {
        let rest = lines.take_all();
        self.print(&rest)
    }

    fn print(&self, lines: &[String]) -> io::Result<()> {
        if self.printer().is_none() {
            return self.renderer().above(lines);
        }
        lines
            .chunks(PIECE)
            .try_for_each(|lines| self.print_piece(lines.join("\n")))
    }

    fn print_piece(&self, mut text: String) -> io::Result<()> {
        // The editor takes messages only while it reads: when it stops meanwhile, the text is written as it comes.
        while let Some(printer) = self.printer() {
            match printer.try_send(text) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) => text = back,
                Err(TrySendError::Disconnected(back)) => {
                    text = back;
                    break;
                }
            }
            std::thread::sleep(FULL);
        }
        self.renderer().block(&text)
    }

    fn printer(&self) -> Option<SyncSender<String>> {
        match self.now() {
            Now::Editing(printer) | Now::Asking { printer, .. } => printer,
            Now::Busy | Now::Waiting | Now::Running(_) => None,
        }
    }
}

/// Output on its way to the editor, which shows whole lines.
#[derive(Default)]
pub(crate) struct Lines {
    whole: Vec<String>,
    begun: String,
}

impl Lines {
    fn add(&mut self, text: &str, block: bool) {
        if block && !self.begun.is_empty() {
            self.end_line();
        }
        for part in text.split_inclusive('\n') {
            self.begun.push_str(part);
            if part.ends_with('\n') {
                self.end_line();
            }
        }
        if block && !self.begun.is_empty() {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        self.whole.push(settled(&std::mem::take(&mut self.begun)));
    }

    pub(crate) fn is_begun(&self) -> bool {
        !self.begun.is_empty()
    }

    fn take_whole(&mut self) -> Vec<String> {
        std::mem::take(&mut self.whole)
    }

    fn take_all(&mut self) -> Vec<String> {
        if !self.begun.is_empty() {
            self.end_line();
        }
        self.take_whole()
    }
}

/// What a line shows in the end: carriage returns start it again (progress bars), and sequences that move the
/// cursor have no place above a prompt. A line that has nothing but colours keeps them.
fn settled(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or("");
    let only_colours = line.split('\x1b').skip(1).all(|sequence| {
        sequence.strip_prefix('[').is_some_and(|sequence| {
            let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';');
            end.is_some_and(|end| sequence[end..].starts_with('m'))
        })
    });
    if only_colours {
        line.to_owned()
    } else {
        without_escapes(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_leave_whole() {
        let mut lines = Lines::default();
        lines.add("a\nb", false);
        assert_eq!(lines.take_whole(), ["a"]);
        lines.add("c", false);
        assert!(lines.take_whole().is_empty() && lines.is_begun());
        lines.add("note", true);
        assert_eq!(lines.take_whole(), ["bc", "note"]);
        lines.add("d\n\n", false);
        lines.add("e", false);
        assert_eq!(lines.take_all(), ["d", "", "e"]);
        assert!(!lines.is_begun());
    }

    #[test]
    fn progress_leaves_its_last_state_and_colours_stay() {
        let check = |line: &str, expect: &str| assert_eq!(settled(line), expect, "{line:?}");
        check("10%\r20%\r30%\n", "30%");
        check("10%\r\n", "10%");
        check("\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m");
        check("\x1b[31mred\x1b[2A", "red");
        check("\n", "");
    }
}

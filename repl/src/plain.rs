//! Reading entries from a terminal that knows no escape sequences: line by line, edited by the terminal itself.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

use bridge_core::session::Session;

use crate::editor::{Reading, is_complete};
use crate::line::Line;
use crate::prompt;
use crate::validate::{Verdict, verdict};

/// What may come while a line is waited for.
pub(crate) enum Message {
    /// A line without its end; `None` at the end of the input.
    Line(Option<String>),
    /// Ctrl-C, which is a signal here.
    Interrupt,
}

/// Reads whole lines on a thread of its own, and only when asked to, so that what is typed for a running program is
/// left to it.
pub(crate) struct PlainReader {
    requests: Sender<()>,
    messages: Receiver<Message>,
    /// Whether the thread is reading.
    asked: bool,
}

impl PlainReader {
    /// The reader, and where Ctrl-C is reported.
    pub(crate) fn new() -> (PlainReader, Sender<Message>) {
        let (requests, asked) = channel::<()>();
        let (sender, messages) = channel();
        let lines = sender.clone();
        std::thread::spawn(move || {
            while asked.recv().is_ok() {
                let mut line = String::new();
                let read = io::stdin().read_line(&mut line);
                let line = matches!(read, Ok(1..)).then(|| line.trim_end_matches(['\n', '\r']).to_owned());
                if lines.send(Message::Line(line)).is_err() {
                    return;
                }
            }
        });
        (
            PlainReader {
                requests,
                messages,
                asked: false,
            },
            sender,
        )
    }

    /// Reads an entry.
    pub(crate) fn read(&mut self, line: &Line, session: &Session) -> Reading {
        let language = line.language();
        let mut text = String::new();
        let number = session.next_cell();
        let mut prompt = prompt::first(language, number);
        loop {
            match self.line(&prompt) {
                Message::Interrupt => return Reading::Dropped,
                Message::Line(None) => return Reading::End,
                Message::Line(Some(more)) => text.push_str(&more),
            }
            match verdict(&text, language, |language, source| {
                is_complete(session, language, source)
            }) {
                Verdict::Run => return Reading::Entry(text),
                Verdict::More(_) => text.push('\n'),
            }
            prompt = prompt::continuation(language, number);
        }
    }

    /// Shows text to who types: not in the file that results may go to.
    pub(crate) fn show(&self, text: &str) -> io::Result<()> {
        let mut out: Box<dyn Write> = if io::stdout().is_terminal() {
            Box::new(io::stdout())
        } else {
            Box::new(io::stderr())
        };
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Shows a prompt and waits for a line.
    pub(crate) fn line(&mut self, prompt: &str) -> Message {
        if self.show(prompt).is_err() {
            return Message::Line(None);
        }
        if !self.asked {
            self.asked = self.requests.send(()).is_ok();
        }
        let message = self.messages.recv().unwrap_or(Message::Line(None));
        match &message {
            Message::Line(_) => self.asked = false,
            Message::Interrupt => drop(self.show("\n")),
        }
        message
    }
}

//! Events as plain text, in the order in which they come: for pipes, files and logs. Not the REPL's rendering, which
//! knows a terminal's width, its colours and its prompt.

use std::io::{self, Write};

use bridge_core::session::{Bundle, Event, StreamName};

/// Writes events to standard output and standard error. Colours are kept where the stream is a terminal that wants
/// them, and taken out elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    /// Whether standard output is in the middle of a line, so that a result starts on one of its own.
    mid_line: bool,
}

impl Plain {
    /// Writes one event.
    ///
    /// # Errors
    /// When the stream cannot be written to: `BrokenPipe` when its reader has gone.
    pub(crate) fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started { .. } | Event::Finished { .. } | Event::Clear { .. } => Ok(()),
            Event::Stream {
                name: StreamName::Stdout,
                text,
            } => {
                self.mid_line = !text.ends_with('\n') && (self.mid_line || !text.is_empty());
                out(|stdout| write!(stdout, "{text}"))
            }
            Event::Stream {
                name: StreamName::Stderr,
                text,
            } => err(|stderr| write!(stderr, "{text}")),
            Event::Display { data, .. } | Event::Result { data, .. } => {
                let text = describe(data);
                self.finish_line()?;
                out(|stdout| writeln!(stdout, "{text}"))
            }
            Event::Error {
                class,
                message,
                traceback,
                hint,
            } => {
                self.finish_line()?;
                err(|stderr| {
                    if traceback.is_empty() {
                        writeln!(stderr, "{class}: {message}")?;
                    }
                    for line in traceback {
                        writeln!(stderr, "{}", line.trim_end_matches('\n'))?;
                    }
                    hint.as_ref()
                        .map_or(Ok(()), |hint| writeln!(stderr, "hint: {hint}"))
                })
            }
            Event::Input { prompt, .. } => {
                self.mid_line = false; // the answer's own newline ends the line
                out(|stdout| write!(stdout, "{prompt}"))
            }
            Event::Notice { text } => err(|stderr| writeln!(stderr, "{}", text.trim_end_matches('\n'))),
        }
    }

    fn finish_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.mid_line) {
            out(|stdout| writeln!(stdout))
        } else {
            Ok(())
        }
    }
}

/// The text of a bundle; of one without text, what it holds.
fn describe(data: &Bundle) -> String {
    data.text("text/plain")
        .or_else(|| data.text("text/markdown"))
        .map_or_else(
            || format!("[{}]", data.0.keys().cloned().collect::<Vec<_>>().join(", ")),
            |text| text.trim_end_matches('\n').to_owned(),
        )
}

fn out(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    write(&mut stdout)?;
    stdout.flush()
}

fn err(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut stderr = anstream::stderr().lock();
    write(&mut stderr)?;
    stderr.flush()
}

//! What a cell's events look like in a terminal or a pipe.
//!
//! `render` turns an event into text and knows no stream; [`Renderer`] writes it, and knows whether the cursor is
//! at the start of a line. What a program prints passes through untouched and at once.

mod bundle;
mod trail;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use bridge_core::session::{Event, StreamName};
use nu_ansi_term::{Color, Style};
use unicode_width::UnicodeWidthStr;

use crate::images::Images;
use crate::markdown::{Run, paint, wrap};
use crate::theme;

pub(crate) use bridge_core::ansi::without_escapes;
pub(crate) use bundle::size;
use trail::Trail;

/// How much of a begun line is kept, in bytes.
const BEGUN: usize = 512;

/// How things may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether colours may be used.
    pub colours: bool,
    /// Whether the cursor can be moved: output goes to a terminal that is not dumb.
    pub terminal: bool,
    /// How pictures are shown.
    pub images: Images,
}

impl Look {
    /// No colours, no terminal.
    pub const PLAIN: Look = Look {
        colours: false,
        terminal: false,
        images: Images::Named,
    };

    /// What standard output and standard error allow, and the user wants (`NO_COLOR`, `TERM=dumb`).
    pub fn detect() -> Look {
        let terminal = can_edit();
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Look {
            colours: terminal && wanted,
            terminal,
            images: Images::Named,
        }
    }

    /// A word in its colour and what follows it, wrapped at words.
    fn told(self, colour: Color, word: &str, text: &str) -> String {
        let run = |text: &str, style| Run {
            text: text.to_owned(),
            style,
        };
        let mut runs = vec![run(word, Style::new().fg(colour))];
        if !text.is_empty() {
            runs.push(run(&format!(" {text}"), Style::new()));
        }
        if !self.terminal {
            return paint(&runs, self.colours);
        }
        let lines = wrap(&runs, self.width());
        let lines: Vec<String> = lines.iter().map(|line| paint(line, self.colours)).collect();
        lines.join("\n")
    }

    /// The width that text may have.
    fn width(self) -> usize {
        columns()
            .and_then(|columns| columns.try_into().ok())
            .unwrap_or(80)
    }

    fn text(self, text: &str) -> String {
        if self.colours {
            text.to_owned()
        } else {
            without_escapes(text)
        }
    }
}

/// The columns of the terminal that standard output is, if it is one.
pub fn columns() -> Option<u64> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    // Some terminals do not know it.
    Some(if size.ws_col > 0 { size.ws_col.into() } else { 80 })
}

/// Whether a line can be edited on the screen: the editor draws on standard error and asks through standard output.
pub(crate) fn can_edit() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal() && !is_dumb()
}

/// Whether the terminal says that it knows no escape sequences.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) to: StreamName,
    pub(crate) text: Cow<'a, str>,
    /// Whether it stands on lines of its own; else it is written as it is.
    pub(crate) block: bool,
}

/// What an event looks like, if it is to be seen.
pub(crate) fn render(event: &Event, look: Look) -> Option<Piece<'_>> {
    let block = |to, text: String| {
        (!text.is_empty()).then_some(Piece {
            to,
            text: text.into(),
            block: true,
        })
    };
    match event {
        Event::Stream { name, text } => Some(Piece {
            to: *name,
            text: text.as_str().into(),
            block: false,
        }),
        Event::Display { data, metadata, .. } | Event::Result { data, metadata } => {
            block(StreamName::Stdout, bundle::text(data, metadata, look))
        }
        Event::Error {
            class,
            message,
            traceback,
            hint,
        } => block(
            StreamName::Stderr,
            error(class, message, traceback, hint.as_deref(), look),
        ),
        Event::Notice { text } => block(StreamName::Stderr, note(text, look)),
        Event::Clear { .. } if look.terminal => Some(Piece {
            to: StreamName::Stdout,
            text: "\r\x1b[2K".into(),
            block: false,
        }),
        Event::Input { prompt, .. } => Some(Piece {
            to: StreamName::Stdout,
            text: prompt.as_str().into(),
            block: false,
        }),
        Event::Clear { .. }
        | Event::Started { .. }
        | Event::Finished { .. }
        | Event::Expressions { .. }
        | Event::Comm { .. } => None,
    }
}

fn error(class: &str, message: &str, traceback: &[String], hint: Option<&str>, look: Look) -> String {
    let mut text = if traceback.is_empty() {
        let named = if message.is_empty() {
            class.to_owned()
        } else {
            format!("{class}: {message}")
        };
        look.told(theme::colours().error, &named, "")
    } else {
        let lines: Vec<&str> = traceback.iter().map(|line| line.trim_end_matches('\n')).collect();
        look.text(&lines.join("\n"))
    };
    if let Some(hint) = hint {
        text.push('\n');
        text.push_str(&hint_line(hint, look));
    }
    text
}

/// The line that says what to do.
pub(crate) fn hint_line(hint: &str, look: Look) -> String {
    look.told(theme::colours().hint, "hint:", hint)
}

/// Words that may be passed over.
pub(crate) fn dim(text: &str, look: Look) -> String {
    if look.colours {
        Style::new().dimmed().paint(text).to_string()
    } else {
        text.to_owned()
    }
}

/// The front end's own words, set off from what cells print.
pub(crate) fn note(text: &str, look: Look) -> String {
    look.told(theme::colours().note, "note:", text)
}

/// An error that is not a cell's, with its hint.
pub(crate) fn failure(error: &bridge_core::error::Error, look: Look) -> String {
    use bridge_core::error::Hint;
    let mut text = look.told(theme::colours().error, "error:", &error.to_string());
    if let Some(hint) = error.hint() {
        text.push('\n');
        text.push_str(&hint_line(&hint, look));
    }
    text
}

/// Writes events to two streams.
pub struct Renderer<O = io::Stdout, E = io::Stderr> {
    out: O,
    err: E,
    look: Look,
    /// Whether the cursor is at the start of a line, on standard output and on standard error; in a terminal that is
    /// one cursor.
    fresh: [bool; 2],
    /// What stands on the line that standard output has begun, if it is short.
    begun: String,
    /// A clear that waits for the next output.
    clear: bool,
    /// What can be taken back of it.
    trail: Trail,
    /// Whether a line stands there that the next output takes away.
    passing: bool,
}

impl Renderer {
    /// Writes to this process's streams.
    pub fn new(look: Look) -> Renderer {
        Renderer::with_streams(io::stdout(), io::stderr(), look)
    }
}

impl<O: Write, E: Write> Renderer<O, E> {
    /// Writes to any two streams.
    pub fn with_streams(out: O, err: E, look: Look) -> Renderer<O, E> {
        Renderer {
            out,
            err,
            look,
            fresh: [true; 2],
            begun: String::new(),
            clear: false,
            trail: Trail::default(),
            passing: false,
        }
    }

    /// How things may look.
    pub fn look(&self) -> Look {
        self.look
    }

    /// Shows pictures so.
    pub(crate) fn set_images(&mut self, images: Images) {
        self.look.images = images;
    }

    /// Writes what an event looks like.
    ///
    /// # Errors
    /// When a stream cannot be written, for example because its reader has gone.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        if let Event::Clear { wait: true } = event {
            self.clear = true;
            return Ok(());
        }
        if let Event::Started { .. } = event {
            self.trail = Trail::default();
        }
        let Some(piece) = render(event, self.look) else {
            return Ok(());
        };
        if std::mem::take(&mut self.clear)
            && !matches!(event, Event::Clear { .. })
            && let Some(erase) = render(&Event::Clear { wait: false }, self.look)
        {
            self.erase(&erase)?;
        }
        match event {
            Event::Clear { .. } => self.erase(&piece),
            Event::Display {
                display_id: Some(id),
                update,
                ..
            } if self.look.terminal => self.display(id, *update, &piece),
            _ => self.piece(&piece),
        }
    }

    /// Takes back what the cell has written, where the screen still shows all of it; else the line that is begun.
    fn erase(&mut self, line: &Piece<'_>) -> io::Result<()> {
        match self
            .trail
            .rows(crate::pager::screen())
            .filter(|_| self.look.terminal)
        {
            Some(rows) => self.take_back(rows)?,
            None => self.piece(line)?,
        }
        self.trail = Trail::default();
        Ok(())
    }

    /// Shows something that has a name: in its place, while it is among what was written last.
    fn display(&mut self, id: &str, update: bool, piece: &Piece<'_>) -> io::Result<()> {
        let mut texts = vec![(id.to_owned(), piece.text.clone().into_owned())];
        if update && let Some((rows, after)) = self.trail.replaced(id, crate::pager::screen()) {
            self.take_back(rows)?;
            texts.extend(after);
        }
        for (id, text) in texts {
            let mut displays = self.trail.take_displays();
            self.block(&text)?;
            displays.push((id, text));
            self.trail.set_displays(displays);
        }
        Ok(())
    }

    /// Goes up so many rows and erases what is from there on.
    fn take_back(&mut self, rows: usize) -> io::Result<()> {
        self.passed()?;
        let up = if rows == 0 {
            String::new()
        } else {
            format!("\x1b[{rows}A")
        };
        self.out.write_all(format!("\r{up}\x1b[J").as_bytes())?;
        self.set_fresh(true);
        Ok(())
    }

    /// Writes whole lines above the line that has been begun, which a program will want to write over.
    pub(crate) fn above(&mut self, lines: &[String]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let text = lines.join("\n");
        let begun = std::mem::take(&mut self.begun);
        let short = begun.len() < BEGUN && without_escapes(&begun).width() < self.look.width();
        if self.fresh[0] || begun.is_empty() || !short || !self.look.terminal {
            self.begun = begun;
            return self.block(&text);
        }
        self.raw("\r\x1b[2K")?;
        self.block(&text)?;
        self.raw(&begun)
    }

    /// Writes text on lines of its own to standard output.
    pub(crate) fn block(&mut self, text: &str) -> io::Result<()> {
        self.piece(&Piece {
            to: StreamName::Stdout,
            text: text.into(),
            block: true,
        })
    }

    /// Writes text as it is to standard output.
    pub(crate) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.piece(&Piece {
            to: StreamName::Stdout,
            text: text.into(),
            block: false,
        })
    }

    /// Writes the front end's own words.
    pub(crate) fn note(&mut self, text: &str) -> io::Result<()> {
        self.event(&Event::Notice { text: text.into() })
    }

    /// Writes an error that is not a cell's.
    pub(crate) fn failure(&mut self, error: &bridge_core::error::Error) -> io::Result<()> {
        let text = failure(error, self.look);
        self.piece(&Piece {
            to: StreamName::Stderr,
            text: text.into(),
            block: true,
        })
    }

    /// Writes a line that the next output takes away. Where a line has been begun, or cannot be taken away, nothing.
    pub(crate) fn passing(&mut self, text: &str) -> io::Result<()> {
        if self.look.terminal && self.fresh[0] {
            let text = dim(text, self.look);
            write!(self.out, "\r\x1b[2K{text}\r")?;
            self.out.flush()?;
            self.passing = true;
        }
        Ok(())
    }

    /// Takes that line away.
    pub(crate) fn passed(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.passing) {
            self.out.write_all(b"\r\x1b[2K")?;
            self.out.flush()?;
        }
        Ok(())
    }

    pub(crate) fn piece(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        self.passed()?;
        let which = piece.to as usize;
        let stream: &mut dyn Write = match piece.to {
            StreamName::Stdout => &mut self.out,
            StreamName::Stderr => &mut self.err,
        };
        if piece.block && !self.fresh[which] {
            stream.write_all(b"\n")?;
        }
        stream.write_all(piece.text.as_bytes())?;
        let ended = piece.text.ends_with('\n') || piece.text.ends_with("\x1b[2K");
        if piece.block && !ended {
            stream.write_all(b"\n")?;
        }
        stream.flush()?;
        self.trail.wrote(&piece.text, piece.block);
        if piece.block || !piece.text.is_empty() {
            self.fresh[which] = piece.block || ended;
        }
        if self.look.terminal {
            self.fresh = [self.fresh[which]; 2];
        }
        match piece.text.rfind(['\n', '\r']) {
            _ if piece.block => self.begun.clear(),
            Some(at) => piece.text[at + 1..].clone_into(&mut self.begun),
            None if self.begun.len() < BEGUN => self.begun.push_str(&piece.text),
            None => {}
        }
        Ok(())
    }

    /// Takes the line that has been begun from the screen, for an editor that draws it again before what is typed.
    /// One that is too long for that stays, and a new line starts.
    pub(crate) fn take_begun_line(&mut self, width: usize) -> io::Result<String> {
        self.passed()?;
        let begun = std::mem::take(&mut self.begun);
        if self.fresh[0] {
            return Ok(String::new());
        }
        if begun.len() >= BEGUN || 2 * without_escapes(&begun).width() > width || !self.look.terminal {
            self.fresh_line()?;
            return Ok(String::new());
        }
        self.out.write_all(b"\r\x1b[2K")?;
        self.out.flush()?;
        Ok(begun)
    }

    /// The editor has left the cursor at the start of a line, or within one.
    pub(crate) fn set_fresh(&mut self, fresh: bool) {
        self.fresh = [fresh; 2];
        self.begun.clear();
    }

    /// Starts a new line where one has been begun: before a prompt, and before the end.
    pub(crate) fn fresh_line(&mut self) -> io::Result<()> {
        self.passed()?;
        if !self.fresh[0] {
            self.out.write_all(b"\n")?;
            self.out.flush()?;
        }
        self.fresh = [true; 2];
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Long text, a screen at a time: by the user's pager, by `less`, or else by a simple one of our own.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use unicode_width::UnicodeWidthStr;

use crate::render::without_escapes;

/// What our own says at the end of a screen.
const MORE: &str = "-- more -- Space: next screen, Enter: next line, q: leave";

/// The terminal's rows and columns.
pub(crate) fn screen() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => (24, 80),
    }
}

/// Whether a text has more lines than the screen can show above a prompt.
pub(crate) fn is_long(text: &str, (rows, columns): (usize, usize)) -> bool {
    rows_of(text, columns) + 1 >= rows
}

/// How many rows of a screen a text takes.
pub(crate) fn rows_of(text: &str, columns: usize) -> usize {
    text.lines()
        .map(|line| without_escapes(line).width().div_ceil(columns.max(1)).max(1))
        .sum()
}

/// Shows a text in a pager. The terminal must be as programs expect it.
pub(crate) fn page(text: &str) -> io::Result<()> {
    let wanted = std::env::var("PAGER")
        .ok()
        .filter(|pager| !pager.trim().is_empty());
    let pagers = wanted.iter().map(String::as_str).chain(["less"]);
    for pager in pagers {
        if is_there(pager) {
            return run(pager, text);
        }
    }
    own(text)
}

/// Whether the first word of a command is a program that can be started.
fn is_there(command: &str) -> bool {
    let Some(program) = command.split_whitespace().next() else {
        return false;
    };
    if program.contains('/') {
        return std::path::Path::new(program).is_file();
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn run(pager: &str, text: &str) -> io::Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", pager]).stdin(Stdio::piped());
    // Colours as they are; no paging of what fits; what was read stays on the screen; Ctrl-C leaves.
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "-RFXK");
    }
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // Who leaves before the end does not read the rest.
        let _ = input.write_all(text.as_bytes());
        let _ = input.write_all(b"\n");
    }
    child.wait()?;
    Ok(())
}

fn own(text: &str) -> io::Result<()> {
    enable_raw_mode()?;
    let shown = show(text, &mut io::stdout().lock());
    disable_raw_mode()?;
    shown
}

fn show(text: &str, out: &mut impl Write) -> io::Result<()> {
    let (rows, columns) = screen();
    let mut left = rows.saturating_sub(1).max(1);
    for line in text.lines() {
        let taken = rows_of(line, columns).max(1);
        if taken > left {
            write!(out, "{}", &MORE[..MORE.len().min(columns.saturating_sub(1))])?;
            out.flush()?;
            let more = next_step(rows);
            write!(out, "\r\x1b[2K")?;
            match more? {
                0 => return out.flush(),
                more => left = more.max(taken),
            }
        }
        write!(out, "{line}\r\n")?;
        left -= taken.min(left);
    }
    out.flush()
}

/// How many rows more, by the next key; none to leave.
fn next_step(rows: usize) -> io::Result<usize> {
    loop {
        let Event::Key(KeyEvent { code, modifiers, .. }) = read()? else {
            continue;
        };
        match (code, modifiers) {
            (KeyCode::Char('c' | 'd'), KeyModifiers::CONTROL) | (KeyCode::Char('q') | KeyCode::Esc, _) => {
                return Ok(0);
            }
            (KeyCode::Char(' ') | KeyCode::PageDown, _) => return Ok(rows.saturating_sub(1).max(1)),
            (KeyCode::Enter | KeyCode::Down | KeyCode::Char('j'), _) => return Ok(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_count_what_the_terminal_wraps() {
        let check = |text: &str, expect| assert_eq!(rows_of(text, 10), expect, "{text:?}");
        check("", 0);
        check("a\n\nb", 3);
        check("\x1b[31m0123456789\x1b[0m", 1);
        check("0123456789a", 2);
        check("日本語日本語", 2);
        assert!(is_long(&"x\n".repeat(23), (24, 80)));
        assert!(!is_long(&"x\n".repeat(22), (24, 80)));
    }
}

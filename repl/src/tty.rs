//! How the terminal is set while no line is edited.
//!
//! What is typed while a cell runs is kept for the next prompt as it was typed: not shown among the cell's output,
//! not cut into lines (a line break would arrive as another key than Enter), not limited in length. Ctrl-C and Ctrl-Z
//! still are signals. The line editor takes this for the state that it leaves and comes back to.

use std::io::{self, Stdin};

use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The terminal of standard input; set back when dropped.
pub(crate) struct Tty {
    found: Option<Termios>,
}

impl Tty {
    /// Sets it up. One that has no settings is left alone.
    pub(crate) fn set_up() -> Tty {
        let tty = Tty {
            found: tcgetattr(stdin()).ok(),
        };
        tty.set();
        tty
    }

    /// Leaves the terminal to another process for as long as that takes.
    pub(crate) fn lend<T>(&self, lent: impl FnOnce() -> T) -> T {
        self.set_back();
        let done = lent();
        self.set();
        done
    }

    /// How the terminal was found.
    pub(crate) fn found(&self) -> Option<Termios> {
        self.found.clone()
    }

    fn set(&self) {
        if let Some(mut modes) = self.found() {
            modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
            // Ctrl-C does not take away what was typed before it.
            modes.local_modes.insert(LocalModes::ISIG | LocalModes::NOFLSH);
            modes.input_modes.remove(InputModes::ICRNL);
            set(&modes);
        }
    }

    fn set_back(&self) {
        if let Some(found) = &self.found {
            set(found);
        }
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.set_back();
    }
}

/// Sets the terminal so. When it has gone, there is nothing to set.
pub(crate) fn set(modes: &Termios) {
    let _ = tcsetattr(stdin(), OptionalActions::Now, modes);
}

fn stdin() -> Stdin {
    io::stdin()
}

/// The rows and columns of the terminal that the editor draws on; the usual ones where it does not know.
pub(crate) fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => (24, 80),
    }
}

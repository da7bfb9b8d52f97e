//! Other programs in this terminal: `!command` in Python lines, `:pip`, `:doctor`.
//!
//! They have the terminal to themselves while they run: they stream, ask, and hear Ctrl-C as in a shell. What a cell
//! starts in the worker has none of that.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridge_core::language::Language;
use bridge_core::session::ChildState;
use serde::Deserialize;

use crate::console::{Console, Next};

/// How a command of the shell is to run: as it would in the Python process.
#[derive(Deserialize)]
struct Place {
    /// The command, with what it says of Python's names filled in.
    command: String,
    directory: PathBuf,
    environment: BTreeMap<String, String>,
}

/// The command of a line `!command`; `None` for a cell that is not one such line. Lines that end with `\` go on.
pub(crate) fn command_line(source: &str) -> Option<&str> {
    let command = source.trim().strip_prefix('!')?;
    let (rest, _) = command.rsplit_once('\n').unwrap_or(("", command));
    let whole = rest.is_empty() || rest.lines().all(|line| line.ends_with('\\'));
    // `!!` is IPython's, and gives the output as a value.
    (whole && !command.starts_with('!') && !command.trim().is_empty()).then_some(command)
}

/// `:pip`.
pub(super) fn pip(console: &mut Console, arguments: &str) -> io::Result<Next> {
    let Some(python) = console.python() else {
        console.complain("there is no Python", "`:doctor` says where it was looked for")?;
        return Ok(Next::Read);
    };
    if arguments.is_empty() {
        console.complain("pip what?", "as in `:pip install numpy`")?;
        return Ok(Next::Read);
    }
    let mut words = arguments.split_whitespace();
    let what = words.next().unwrap_or_default();
    let rest = &arguments[what.len()..];
    let script = if has_uv() && !what.starts_with('-') {
        format!("exec uv pip {what} --python \"$SNAKEBRIDGE_PIP\"{rest}")
    } else {
        format!("exec \"$SNAKEBRIDGE_PIP\" -m pip {arguments}")
    };
    let mut command = shell(&script);
    command.env("SNAKEBRIDGE_PIP", &python);
    let changes = matches!(what, "install" | "uninstall" | "sync");
    if console.lend(&mut command)? && changes {
        // Python remembers what folders hold.
        console.ask(Language::Python, "__import__('importlib').invalidate_caches()")?;
    }
    Ok(Next::Read)
}

/// `:doctor`.
pub(super) fn doctor(console: &mut Console, _: &str) -> io::Result<Next> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("doctor");
    if let Some(python) = console.python() {
        command.arg("--python").arg(python);
    }
    console.lend(&mut command)?;
    Ok(Next::Read)
}

impl Console {
    /// Runs a line of the shell, in the directory and with the environment of the Python process.
    pub(crate) fn shell(&mut self, command: &str) -> io::Result<Next> {
        let source = format!(
            "__import__('snakebridge.prompt').prompt.place({})",
            super::python_text(command)
        );
        let Some(printed) = self.ask(Language::Python, &source)? else {
            return Ok(Next::Read);
        };
        let Ok(place) = serde_json::from_str::<Place>(printed.lines().last().unwrap_or_default()) else {
            self.note("Python does not say where it is; the command was not run")?;
            return Ok(Next::Read);
        };
        let mut command = shell(&place.command);
        command
            .current_dir(place.directory)
            .env_clear()
            .envs(place.environment);
        self.lend(&mut command)?;
        Ok(Next::Read)
    }

    /// Leaves the terminal to a program until it ends. Whether it went well; if not, that is told.
    pub(super) fn lend(&mut self, command: &mut Command) -> io::Result<bool> {
        self.stage().renderer().fresh_line()?;
        let ended = self.with_terminal(|| command.status());
        // Where it has left the cursor only it knows: at the start of a line, as programs do.
        match ended {
            Ok(status) if status.success() => return Ok(true),
            Ok(status) => self.aside(&status.to_string())?,
            Err(error) => {
                let program = command.get_program().to_string_lossy().into_owned();
                self.note(&format!("{program} cannot be started: {error}"))?;
            }
        }
        Ok(false)
    }

    /// The Python in use.
    fn python(&self) -> Option<PathBuf> {
        match self.session().children().borrow().of(Language::Python) {
            ChildState::Up { executable, .. } if !executable.is_empty() => Some(executable.into()),
            _ => self.found_python().map(Path::to_owned),
        }
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

fn has_uv() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("uv").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_entry_is_a_command_of_the_shell() {
        assert_eq!(command_line("!ls -l"), Some("ls -l"));
        assert_eq!(command_line("  !ls \\\n  -l\n"), Some("ls \\\n  -l"));
        assert_eq!(command_line("!!ls"), None);
        assert_eq!(command_line("!"), None);
        assert_eq!(command_line("!ls\nx = 1"), None);
        assert_eq!(command_line("x = !ls"), None);
    }
}

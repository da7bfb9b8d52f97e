//! `:export` and `:how`: the session as code to keep. The work is that of `snakebridge export`, which reads the record.

use std::io;
use std::process::Command;

use crate::console::{Console, Next};

/// `:export --to FORMAT ...`.
pub(super) fn export(console: &mut Console, arguments: &str) -> io::Result<Next> {
    if arguments.is_empty() {
        console.complain(
            "export as what?",
            "as in `:export --to mix`, `:export --to livemd -o tour.livemd`",
        )?;
        return Ok(Next::Read);
    }
    of_record(console, "export --preview", arguments)
}

/// `:how NAME`.
pub(super) fn how(console: &mut Console, name: &str) -> io::Result<Next> {
    if name.is_empty() {
        console.complain("how was what made?", "a name follows, as in `:how df`")?;
        return Ok(Next::Read);
    }
    of_record(console, "export --to cells -o - --result", name)
}

/// The program itself, for the record of this session.
fn of_record(console: &mut Console, what: &str, arguments: &str) -> io::Result<Next> {
    let Some(name) = console.session().name().map(str::to_owned) else {
        console.complain(
            "nothing of this session is kept",
            "without `--no-record` cells are recorded, and can be exported",
        )?;
        return Ok(Next::Read);
    };
    let program = std::env::current_exe()?;
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("exec \"$0\" {what} {arguments} --session \"$1\""))
        .arg(program)
        .arg(name);
    console.lend(&mut command)?;
    Ok(Next::Read)
}

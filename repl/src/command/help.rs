//! `:help`, and the table of commands in the guide.

use std::fmt::Write;

use super::{COMMANDS, Command, find, similar};
use crate::console::{Console, Next};
use crate::keys;

pub(super) fn help(console: &mut Console, topic: &str) -> std::io::Result<Next> {
    let topic = topic.trim_start_matches(':');
    match (topic, find(topic)) {
        ("", _) => console.page(&overview(console.plain().is_none()))?,
        (_, Some(command)) => console.say(&about(command))?,
        (topic, None) => {
            let hint = match similar(topic) {
                Some(name) => format!(":{name} is one; :help lists all"),
                None => ":help lists those that there are".to_owned(),
            };
            console.complain(&format!("there is no command :{topic}"), &hint)?;
        }
    }
    Ok(Next::Read)
}

fn usage(command: &Command) -> String {
    format!(":{} {}", command.name, command.arguments)
        .trim_end()
        .to_owned()
}

/// The text of `:help`; with the keys, where there are any.
pub(super) fn overview(with_keys: bool) -> String {
    let mut text = String::new();
    let rows = COMMANDS.iter().map(|command| (usage(command), command.summary));
    let keys = keys::HELP.iter().map(|(key, what)| ((*key).to_owned(), *what));
    let _ = writeln!(text, "Commands");
    for (left, right) in rows {
        let _ = writeln!(text, "  {left:<28}{right}");
    }
    let _ = writeln!(
        text,
        "\nA leading space makes code of what looks like a command: ` :help` is an atom.\n         In Python `!command` runs a command of the shell."
    );
    if !with_keys {
        return text;
    }
    let _ = writeln!(text, "\nKeys");
    for (left, right) in keys {
        let _ = writeln!(text, "  {left:<28}{right}");
    }
    text
}

/// The text of `:help COMMAND`.
pub(super) fn about(command: &Command) -> String {
    let mut text = format!("{}\n  {}\n", usage(command), command.summary);
    for line in command.detail.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// The table of commands in `docs/repl.md`.
#[cfg(test)]
pub(super) fn guide() -> String {
    let mut text = String::from("| command | what it does |\n|---|---|\n");
    for command in &COMMANDS {
        // In a table a bar ends the cell.
        let _ = writeln!(
            text,
            "| `{}` | {} |",
            usage(command).replace('|', "\\|"),
            command.summary
        );
    }
    text
}

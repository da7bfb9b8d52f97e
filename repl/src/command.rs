//! The commands of the prompt: one table, from which dispatch, help and completion come.

use std::fmt::Write;

use bridge_core::language::Language;
use reedline::{Span, Suggestion};

use crate::console::{Console, Next};
use crate::keys;
use crate::names;

/// A command.
pub(crate) struct Command {
    /// Its name, without the colon.
    pub(crate) name: &'static str,
    /// What follows the name, as help shows it.
    pub(crate) arguments: &'static str,
    /// One line of help.
    summary: &'static str,
    /// More of it.
    detail: &'static str,
    /// The words that may follow, for completion.
    words: &'static [&'static str],
    /// The language that it switches to, or runs one entry of.
    pub(crate) language: Option<Language>,
    /// What it does. Failing is its own affair: it says what went wrong.
    pub(crate) run: fn(&mut Console, &str) -> std::io::Result<Next>,
}

/// All commands, in the order of help.
pub(crate) static COMMANDS: [Command; 6] = [
    Command {
        name: "help",
        arguments: "[COMMAND]",
        summary: "this list, or more about one command",
        detail: "",
        words: &["ex", "py", "vars", "restart", "quit"],
        language: None,
        run: help,
    },
    Command {
        name: "ex",
        arguments: "[CODE]",
        summary: "switch to Elixir, or run one entry of it",
        detail: "`:ex` makes the following entries Elixir. `:ex CODE` runs CODE as Elixir; the prompt stays as it is.",
        words: &[],
        language: Some(Language::Elixir),
        run: |console, _| console.switch(Language::Elixir),
    },
    Command {
        name: "py",
        arguments: "[CODE]",
        summary: "switch to Python, or run one entry of it",
        detail: "`:py` makes the following entries Python. `:py CODE` runs CODE as Python; the prompt stays as it is.",
        words: &[],
        language: Some(Language::Python),
        run: |console, _| console.switch(Language::Python),
    },
    Command {
        name: "vars",
        arguments: "",
        summary: "the names of the session, and who owns them",
        detail: "The language that wrote a name last owns it; the other one reads it under the same name.",
        words: &[],
        language: None,
        run: vars,
    },
    Command {
        name: "restart",
        arguments: "python|elixir|all",
        summary: "end a language's process and start a new one",
        detail: "The names that the language owned are gone, and so are the objects that the other one held of it.\n\
                 The other language keeps its own names.",
        words: &["python", "elixir", "all"],
        language: None,
        run: restart,
    },
    Command {
        name: "quit",
        arguments: "",
        summary: "leave; Ctrl-D at an empty prompt does the same",
        detail: "Nothing is asked. The cells of the session have been recorded as they ran.",
        words: &[],
        language: None,
        run: |_, _| Ok(Next::Leave),
    },
];

/// The command of that name.
pub(crate) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// What completes a command's name, or the word after it, at the end of `text[..position]`.
pub(crate) fn suggestions(text: &str, position: usize) -> Vec<Suggestion> {
    let Some(typed) = text.get(..position).and_then(|typed| typed.strip_prefix(':')) else {
        return Vec::new();
    };
    let suggestion = |value: String, description: String, start: usize| Suggestion {
        value,
        description: Some(description),
        span: Span::new(start, position),
        ..Suggestion::default()
    };
    match typed.split_once(' ') {
        None => COMMANDS
            .iter()
            .filter(|command| command.name.starts_with(typed))
            .map(|command| {
                suggestion(
                    format!(":{}", command.name),
                    format!("command - {}", command.summary),
                    0,
                )
            })
            .collect(),
        Some((name, argument)) => {
            let words = find(name).map_or(&[] as &[&str], |command| command.words);
            let start = position - argument.trim_start().len();
            words
                .iter()
                .filter(|word| word.starts_with(argument.trim_start()))
                .map(|word| suggestion((*word).to_owned(), format!("argument of :{name}"), start))
                .collect()
        }
    }
}

fn help(console: &mut Console, topic: &str) -> std::io::Result<Next> {
    let topic = topic.trim_start_matches(':');
    match (topic, find(topic)) {
        ("", _) => console.say(&overview())?,
        (_, Some(command)) => console.say(&about(command))?,
        (topic, None) => console.complain(
            &format!("there is no command :{topic}"),
            ":help lists those that there are",
        )?,
    }
    Ok(Next::Read)
}

fn usage(command: &Command) -> String {
    format!(":{} {}", command.name, command.arguments)
        .trim_end()
        .to_owned()
}

/// The text of `:help`.
fn overview() -> String {
    let mut text = String::new();
    let rows = COMMANDS.iter().map(|command| (usage(command), command.summary));
    let keys = keys::HELP.iter().map(|(key, what)| ((*key).to_owned(), *what));
    let _ = writeln!(text, "Commands");
    for (left, right) in rows {
        let _ = writeln!(text, "  {left:<28}{right}");
    }
    let _ = writeln!(
        text,
        "\nA leading space makes code of what looks like a command: ` :help` is an atom.\n\nKeys"
    );
    for (left, right) in keys {
        let _ = writeln!(text, "  {left:<28}{right}");
    }
    text
}

/// The text of `:help COMMAND`.
fn about(command: &Command) -> String {
    let mut text = format!("{}\n  {}\n", usage(command), command.summary);
    for line in command.detail.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn vars(console: &mut Console, _: &str) -> std::io::Result<Next> {
    let names = console.session().names();
    match console.stage().wait(names) {
        Some(Ok(names)) => console.say(&names::table(&names, console.width()))?,
        Some(Err(error)) => console.fail(&error)?,
        None => console.note("given up")?,
    }
    Ok(Next::Read)
}

fn restart(console: &mut Console, which: &str) -> std::io::Result<Next> {
    let languages: &[Language] = match which {
        "all" => &[Language::Python, Language::Elixir],
        "python" | "py" => &[Language::Python],
        "elixir" | "ex" => &[Language::Elixir],
        _ => {
            console.complain(
                "restart what?",
                "`:restart python`, `:restart elixir` or `:restart all`",
            )?;
            return Ok(Next::Read);
        }
    };
    let restarted = console.session().restart(languages);
    match console.stage().wait(restarted) {
        Some(Ok(lost)) => {
            for lost in lost {
                console.note(&lost.to_string())?;
            }
        }
        Some(Err(error)) => console.fail(&error)?,
        None => console.note("the restart goes on; the next cell waits for it")?,
    }
    Ok(Next::Read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_80_columns() {
        let text = overview();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r"
        Commands
          :help [COMMAND]             this list, or more about one command
          :ex [CODE]                  switch to Elixir, or run one entry of it
          :py [CODE]                  switch to Python, or run one entry of it
          :vars                       the names of the session, and who owns them
          :restart python|elixir|all  end a language's process and start a new one
          :quit                       leave; Ctrl-D at an empty prompt does the same

        A leading space makes code of what looks like a command: ` :help` is an atom.

        Keys
          Tab at an empty prompt      switch between Elixir and Python
          Tab                         complete; in an indentation, indent
          Enter                       run, or go on below; in the menu: take
          Alt-Enter                   run as it is
          Ctrl-O                      start a new line
          Up, Down                    lines; then earlier entries that begin as typed
          Ctrl-R                      search the entries of both languages
          Right, End                  take the dimmed hint; Ctrl-Right: a word of it
          PageUp, PageDown            turn the pages of the menu
          Esc                         close the menu; vi's keys: leave insert mode
          Ctrl-X Ctrl-E               edit in $VISUAL or $EDITOR; vi's keys: v too
          Ctrl-_, Ctrl-G              undo, redo
          Ctrl-C                      drop the entry; stop the running cell
          Ctrl-D                      at an empty prompt: leave
          Ctrl-L                      clear the screen
          Ctrl-Z                      suspend
        ");
        for command in &COMMANDS {
            let text = about(command);
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        }
        insta::assert_snapshot!(about(find("restart").unwrap()), @r"
        :restart python|elixir|all
          end a language's process and start a new one
          The names that the language owned are gone, and so are the objects that the other one held of it.
          The other language keeps its own names.
        ");
    }

    #[test]
    fn names_and_arguments_are_completed() {
        let values = |text: &str| -> Vec<(String, usize)> {
            suggestions(text, text.len())
                .into_iter()
                .map(|found| (found.value, found.span.start))
                .collect()
        };
        assert_eq!(values(":re"), [(":restart".to_owned(), 0)]);
        assert_eq!(values(":").len(), COMMANDS.len());
        assert_eq!(values(":restart p"), [("python".to_owned(), 9)]);
        assert_eq!(values(":restart ").len(), 3);
        assert_eq!(values(":py pri"), []);
        assert_eq!(values("x = :re"), []);
        assert_eq!(values(":nothing p"), []);
    }

    #[test]
    fn every_command_can_be_asked_about() {
        for command in COMMANDS.iter().filter(|command| command.name != "help") {
            assert!(find("help").unwrap().words.contains(&command.name));
        }
    }
}

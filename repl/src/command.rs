//! The commands of the prompt: one table, from which dispatch, help, completion and the guide's table come.
//!
//! What a command does stands in a file for its theme. None asks a language anything but through a cell or a question of
//! the session.

mod export;
mod files;
mod help;
mod memory;
mod names;
mod records;
mod settings;
mod shell;
mod timing;

use bridge_core::language::Language;
use reedline::{Span, Suggestion};
use unicode_width::UnicodeWidthStr;

use crate::config;
use crate::console::{Console, Next};

pub use records::{table as sessions_table, time as recorded_time};
pub(crate) use shell::command_line;

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
    /// What may follow, for completion.
    follows: Follows,
    /// For what is followed by code: its language, if that is not the prompt's, and what is done with it. Without code
    /// it is a command like others.
    pub(crate) code: Option<(Option<Language>, Way)>,
    /// What it does. Failing is its own affair: it says what went wrong.
    pub(crate) run: fn(&mut Console, &str) -> std::io::Result<Next>,
}

/// What is done with code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It runs.
    Plain,
    /// It runs, and its time is told.
    Timed,
    /// It runs again and again, for its time alone.
    Repeated,
}

/// What may follow a command's name.
enum Follows {
    Nothing,
    Words(&'static [&'static str]),
    Commands,
    Settings,
    Files,
}

impl Command {
    const fn new(
        name: &'static str,
        arguments: &'static str,
        run: fn(&mut Console, &str) -> std::io::Result<Next>,
    ) -> Command {
        Command {
            name,
            arguments,
            summary: "",
            detail: "",
            follows: Follows::Nothing,
            code: None,
            run,
        }
    }

    const fn says(self, summary: &'static str, detail: &'static str) -> Command {
        Command {
            summary,
            detail,
            ..self
        }
    }

    const fn takes(self, follows: Follows) -> Command {
        Command { follows, ..self }
    }

    const fn code(self, language: Option<Language>, way: Way) -> Command {
        Command {
            code: Some((language, way)),
            ..self
        }
    }
}

/// All commands, in the order of help.
pub(crate) static COMMANDS: [Command; 19] = [
    Command::new("help", "[COMMAND]", help::help)
        .says("this list, or more about one command", "")
        .takes(Follows::Commands),
    Command::new("ex", "[CODE]", |console, _| console.switch(Language::Elixir))
        .says(
            "switch to Elixir, or run one entry of it",
            "`:ex` makes the following entries Elixir. `:ex CODE` runs CODE as Elixir; the prompt stays as it is.",
        )
        .code(Some(Language::Elixir), Way::Plain),
    Command::new("py", "[CODE]", |console, _| console.switch(Language::Python))
        .says(
            "switch to Python, or run one entry of it",
            "`:py` makes the following entries Python. `:py CODE` runs CODE as Python; the prompt stays as it is.",
        )
        .code(Some(Language::Python), Way::Plain),
    Command::new("vars", "[PATTERN]", names::vars).says(
        "the names of the session, and who owns them",
        "The language that wrote a name last owns it; the other one reads it under the same name.\n\
         With PATTERN only those that contain it; `*` stands for anything: `:vars df*`.",
    ),
    Command::new("time", "CODE", timing::without_code)
        .says(
            "run one entry and tell its time",
            "The cell runs as always. Then its time is told, and the processor time of both languages' processes\n\
             meanwhile, which the system counts in hundredths of a second.",
        )
        .code(None, Way::Timed),
    Command::new("timeit", "CODE", timing::without_code)
        .says(
            "run code many times and tell its time",
            "How often is chosen so that a measurement takes a fifth of a second; of five the best is told, and the\n\
             slowest. Nothing that the code prints or binds is kept. Elixir is timed as cells run it: evaluated; code\n\
             in modules is compiled, and faster. Where it calls Python, the calls are counted.",
        )
        .code(None, Way::Repeated),
    Command::new("mem", "", memory::mem).says(
        "memory of the processes, and the largest names",
        "What the system says that each process holds; for names what they reach, objects that two share counted\n\
         for both.",
    ),
    Command::new("refs", "", memory::refs).says(
        "objects of Python that Elixir holds",
        "By type, and which names of Elixir hold them. What Elixir does not reach any more is collected first.",
    ),
    Command::new("restart", "python|elixir|all", names::restart)
        .says(
            "end a language's process and start a new one",
            "The names that the language owned are gone, and so are the objects that the other one held of it.\n\
             The other language keeps its own names.",
        )
        .takes(Follows::Words(&["python", "elixir", "all"])),
    Command::new("load", "FILE", files::load)
        .says(
            "run the cells of a file",
            ".ipynb, .livemd, .py (`# %%` starts a cell), .exs, or a cell script (lines `%%python` and `%%elixir` start one).\n\
             After a cell that fails the rest does not run.",
        )
        .takes(Follows::Files),
    Command::new("save", "FILE [CELLS]", files::save)
        .says(
            "write the session's cells to a file",
            "The name says how: .ipynb and .livemd (with outputs), .py, .exs, or a cell script. CELLS are numbers, as in\n\
             `3 5-7 9-`; without them all cells that went well. `:save -f FILE` replaces a file.",
        )
        .takes(Follows::Files),
    Command::new("export", "--to FORMAT", export::export)
        .says(
            "the session as a project, notebook or script",
            "FORMAT is mix, livemd, ipynb, exs, py or cells; options of `snakebridge export` may follow.\n\
             The files are shown, and written; what is there already is not replaced without `--force`.",
        )
        .takes(Follows::Words(&["--to mix", "--to livemd", "--to ipynb", "--to exs", "--to py", "--to cells"])),
    Command::new("how", "NAME", export::how).says(
        "the cells that made a name, and no others",
        "What NAME was made from is followed back through the session: the smallest program that makes it again.",
    ),
    Command::new("sessions", "", records::sessions).says(
        "the recorded sessions",
        "Each session is recorded as it runs. `snakebridge sessions resume NAME` runs the cells of one again.",
    ),
    Command::new("history", "[PATTERN|N]", records::history).says(
        "earlier entries, with language and number",
        "The last 20, the last N, or those that contain PATTERN.",
    ),
    Command::new("pip", "ARGUMENTS", shell::pip)
        .says(
            "install packages into the Python in use",
            "`uv pip` where uv is installed, else `python -m pip`, for the environment in use. New modules can be\n\
             imported at once; those that are imported already stay as they are until `:restart python`.",
        )
        .takes(Follows::Words(&["install", "uninstall", "list", "show", "freeze"])),
    Command::new("doctor", "", shell::doctor).says("what was found here, and what is missing", ""),
    Command::new("set", "[NAME [VALUE]]", settings::set)
        .says(
            "show or change settings, for this session",
            "`:set` shows all, `:set NAME` one and what it may be. What is to last belongs into the file of\n\
             `snakebridge config path`.",
        )
        .takes(Follows::Settings),
    Command::new("quit", "", |_, _| Ok(Next::Leave)).says(
        "leave; Ctrl-D at an empty prompt does the same",
        "Nothing is asked. The cells of the session have been recorded as they ran.",
    ),
];

/// The command of that name.
pub(crate) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// A text as a literal of Python.
fn python_text(text: &str) -> String {
    // JSON's escapes are Python's too.
    serde_json::Value::from(text).to_string()
}

/// Rows in columns, the second one aligned at its end.
fn columns(rows: &[[String; 3]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let lines = rows.iter().map(|[name, number, rest]| {
        let name = format!("{name}{}", " ".repeat(first - name.width()));
        format!("{name}  {number:>second$}  {rest}").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The command whose name is meant by a word that is nearly one.
pub(crate) fn similar(word: &str) -> Option<&'static str> {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    COMMANDS.iter().map(|command| command.name).find(|name| {
        let mut others: Vec<char> = name.chars().collect();
        others.sort_unstable();
        // Letters exchanged, or the beginning or more than the name typed.
        others == letters || (word.len() > 1 && (name.starts_with(word) || word.starts_with(name)))
    })
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
            let argument = argument.trim_start();
            let start = position - argument.len();
            let described = format!("argument of :{name}");
            let words = match find(name).map(|command| &command.follows) {
                None | Some(Follows::Nothing) => Vec::new(),
                Some(Follows::Words(words)) => words.iter().map(|word| (*word).to_owned()).collect(),
                Some(Follows::Commands) => COMMANDS.iter().map(|command| command.name.to_owned()).collect(),
                Some(Follows::Settings) => config::SETTINGS
                    .iter()
                    .map(|setting| setting.name.to_owned())
                    .collect(),
                Some(Follows::Files) => files::names(argument),
            };
            words
                .into_iter()
                .filter(|word| word.starts_with(argument))
                .map(|word| suggestion(word, described.clone(), start))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_80_columns() {
        let text = help::overview(true);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for command in &COMMANDS {
            let text = help::about(command);
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        }
        insta::assert_snapshot!(help::about(find("restart").unwrap()), @r"
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
        assert_eq!(
            values(":re"),
            [(":refs".to_owned(), 0), (":restart".to_owned(), 0)]
        );
        assert_eq!(values(":set his"), [("history.size".to_owned(), 5)]);
        assert_eq!(values(":").len(), COMMANDS.len());
        assert_eq!(values(":restart p"), [("python".to_owned(), 9)]);
        assert_eq!(values(":restart ").len(), 3);
        assert_eq!(values(":py pri"), []);
        assert_eq!(values("x = :re"), []);
        assert_eq!(values(":nothing p"), []);
    }

    #[test]
    fn a_word_that_is_nearly_a_command_means_it() {
        assert_eq!(similar("hlep"), Some("help"));
        assert_eq!(similar("helpme"), Some("help"));
        assert_eq!(similar("hist"), Some("history"));
        assert_eq!(similar("x"), None);
    }

    #[test]
    fn the_guide_has_the_same_table() {
        let guide = include_str!("../../docs/repl.md");
        let table = help::guide();
        assert!(guide.contains(&table), "docs/repl.md should have:\n{table}");
    }
}

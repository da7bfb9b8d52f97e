//! A guess, after a cell has failed, that it was typed at the other language's prompt, or was meant as a command.
//!
//! It only ever adds a line to an error that is there already, so it may be wrong, and looks at the first line alone.

use bridge_core::language::Language;

use crate::command;

/// What to do about it, if the source looks like that.
pub(crate) fn hint(language: Language, source: &str) -> Option<String> {
    let line = source.lines().find(|line| !line.trim().is_empty())?.trim();
    if language == Language::Python
        && let Some(word) = command_word(line)
    {
        return Some(match command::similar(word) {
            Some(name) => format!("there is no command :{word}; :{name} is one, :help lists all"),
            None => format!("there is no command :{word}; :help lists those that there are"),
        });
    }
    let (other, command) = match language {
        Language::Elixir => (Language::Python, "py"),
        Language::Python => (Language::Elixir, "ex"),
    };
    let looks = match other {
        Language::Python => is_python(line),
        Language::Elixir => is_elixir(line),
    };
    looks.then(|| {
        format!(
            "this looks like {}: Tab at an empty prompt switches, `:{command} CODE` runs one entry",
            match other {
                Language::Python => "Python",
                Language::Elixir => "Elixir",
            }
        )
    })
}

/// In Python no code starts with a colon and a letter; who types it means a command.
fn command_word(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(':')?;
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    Some(&rest[..end]).filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
}

fn is_python(line: &str) -> bool {
    let block = [
        "def ", "class ", "for ", "if ", "while ", "with ", "try:", "async ",
    ];
    let builtins = [
        "print(", "len(", "range(", "str(", "int(", "list(", "dict(", "type(",
    ];
    let import = line.strip_prefix("import ").is_some_and(|module| {
        // Modules of Elixir are capitalised.
        module.starts_with(|c: char| c.is_lowercase() || c == '_')
    });
    import
        || (line.starts_with("from ") && line.contains(" import "))
        || (line.ends_with(':') && block.iter().any(|word| line.starts_with(word)))
        || builtins.iter().any(|call| line.contains(call))
        || ["lambda ", "await ", "del "]
            .iter()
            .any(|word| line.starts_with(word))
        || line.contains(" = None")
        || line.contains(" = True")
        || line.contains(" = False")
}

fn is_elixir(line: &str) -> bool {
    let words = [
        "defmodule ",
        "alias ",
        "require ",
        "use ",
        "case ",
        "cond do",
        "fn ",
        "%{",
        "iex>",
        "h ",
        "&",
    ];
    // Classes of Python are capitalised too.
    let modules = [
        "Enum.",
        "File.",
        "GenServer.",
        "IEx.",
        "IO.",
        "Kernel.",
        "Keyword.",
        "List.",
        "Map.",
        "MapSet.",
        "Mix.",
        "Process.",
        "Stream.",
        "String.",
        "System.",
        "Task.",
    ];
    modules.iter().any(|module| line.starts_with(module))
        || line.contains("|>")
        || line.contains("<>")
        || line.ends_with(" do")
        || line.contains(" fn ")
        || line.contains("(fn ")
        || line.contains("= %{")
        || words.iter().any(|word| line.starts_with(word))
        || line == "end"
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Elixir, Python};

    #[track_caller]
    fn check(language: Language, source: &str, expect: Option<&str>) {
        let found = hint(language, source);
        match expect {
            None => assert_eq!(found, None, "{source:?}"),
            Some(part) => assert!(
                found.as_deref().is_some_and(|hint| hint.contains(part)),
                "{source:?}: {found:?}"
            ),
        }
    }

    #[test]
    fn python_at_elixirs_prompt() {
        for source in [
            "import numpy as np",
            "from os import path",
            "def f(x):",
            "print(x)",
            "for i in range(3):\n    print(i)",
            "x = None",
        ] {
            check(Elixir, source, Some("this looks like Python"));
        }
        for source in ["import Enum", "x + 1", "undefined", "f(x)", "IO.puts(x)", ":help"] {
            check(Elixir, source, None);
        }
    }

    #[test]
    fn elixir_at_pythons_prompt() {
        for source in [
            "x |> f",
            "defmodule A do",
            "IO.puts(\"x\")",
            "x = %{a: 1}",
            "Enum.map([1], fn x -> x end)",
            "\"a\" <> \"b\"",
        ] {
            check(Python, source, Some("this looks like Elixir"));
        }
        for source in [
            "1 / 0",
            "x.y",
            "undefined",
            "import nothing",
            "raise ValueError('x')",
        ] {
            check(Python, source, None);
        }
    }

    #[test]
    fn a_command_that_is_none() {
        check(Python, ":hlep", Some(":help is one"));
        check(Python, ":nothing at all", Some(":help lists"));
        check(Python, "x[1:y]", None);
    }
}

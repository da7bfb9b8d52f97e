//! Pasted text: as it is, but for the prompts of terminals.
//!
//! A paste whose first line starts with a prompt was copied from a terminal: what stands behind prompts is code, and
//! all else is output, which is left out. Cells of one language become one cell; where the language changes, a line
//! `%%python` or `%%elixir` says so, and the entry runs as several cells, one after the other.

use bridge_core::language::Language;

/// What stands before a line of code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    First(Language),
    Further,
}

/// The text to insert at the prompt of `language`.
pub(crate) fn pasted(text: &str, language: Language) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    unprompted(&text, language).unwrap_or(text)
}

fn unprompted(text: &str, prompt: Language) -> Option<String> {
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    let Some((Mark::First(_), _)) = mark(first) else {
        return None;
    };
    let mut code: Vec<String> = Vec::new();
    let mut current = prompt;
    let mut in_cell = false;
    for line in text.lines() {
        match mark(line) {
            Some((Mark::First(_), "")) => in_cell = false, // an empty prompt
            Some((Mark::First(language), rest)) => {
                if language != current {
                    code.push(format!("%%{language}"));
                    current = language;
                }
                code.push(rest.to_owned());
                in_cell = true;
            }
            Some((Mark::Further, rest)) if in_cell => code.push(rest.to_owned()),
            _ => in_cell = false,
        }
    }
    Some(code.join("\n"))
}

/// The prompt that a line starts with, and what follows it.
fn mark(line: &str) -> Option<(Mark, &str)> {
    let line = line.trim_start_matches(' ');
    let behind = |rest: &'_ str| -> Option<usize> {
        match rest.chars().next() {
            None => Some(0),
            Some(' ') => Some(1),
            Some(_) => None,
        }
    };
    let numbered = |open: &str, close: &str| -> Option<&str> {
        let rest = line.strip_prefix(open)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        (digits > 0).then(|| rest[digits..].strip_prefix(close))?
    };
    let ours = |name: &str| -> Option<&str> {
        let rest = line.strip_prefix(name)?;
        let end = rest.find('>')?;
        let number = rest[..end].trim_matches([' ', '(', ')', '[', ']']);
        number
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| &rest[end + 1..])
    };
    let node = || -> Option<&str> {
        let rest = line.strip_prefix("iex(")?;
        let (name, rest) = rest.split_once(")")?;
        let (number, rest) = rest.strip_prefix('(')?.split_once(")>")?;
        (name.contains('@') && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
    };
    let found = [
        (line.strip_prefix(">>>"), Mark::First(Language::Python)),
        (numbered("In [", "]:"), Mark::First(Language::Python)),
        (numbered("iex(", ")>"), Mark::First(Language::Elixir)),
        (node(), Mark::First(Language::Elixir)),
        (line.strip_prefix("iex>"), Mark::First(Language::Elixir)),
        (ours("elixir"), Mark::First(Language::Elixir)),
        (ours("python"), Mark::First(Language::Python)),
        (numbered("...(", ")>"), Mark::Further),
        (line.strip_prefix("...>"), Mark::Further),
        (line.strip_prefix("...:"), Mark::Further),
        (line.strip_prefix("..."), Mark::Further),
    ];
    found.into_iter().find_map(|(rest, mark)| {
        let rest = rest?;
        Some((mark, &rest[behind(rest)?..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Elixir, Python};

    #[track_caller]
    fn check(language: Language, text: &str, expect: &str) {
        assert_eq!(pasted(text, language), expect, "{text:?}");
    }

    #[test]
    fn text_without_prompts_stays_as_it_is() {
        check(Python, "def f():\r\n    return 1\r\n", "def f():\n    return 1\n");
        check(Elixir, "x = 1 ... 2", "x = 1 ... 2");
        check(Elixir, "iex> is a prompt? no:\n1", "is a prompt? no:");
        check(Python, "x = 1\n>>> y", "x = 1\n>>> y");
        check(Elixir, "elixir", "elixir");
    }

    #[test]
    fn prompts_and_output_are_left_out() {
        check(
            Python,
            ">>> def f(x):\n...     return x\n...\n>>> f(1)\n1\n>>> \n",
            "def f(x):\n    return x\n\nf(1)",
        );
        check(
            Elixir,
            "iex(1)> x = [\n...(1)>   1\n...(1)> ]\n[1]\niex(2)> x\n[1]\n",
            "x = [\n  1\n]\nx",
        );
        check(Elixir, "iex(a@b)1> x", "iex(a@b)1> x");
        check(Elixir, "iex(a@b)(1)> x\n1", "x");
        check(Elixir, "iex> 1 + 1\n2", "1 + 1");
        check(
            Python,
            "In [1]: for x in y:\n   ...:     print(x)\n   ...: \n1\n\nIn [2]: z\nOut[2]: 3",
            "for x in y:\n    print(x)\n\nz",
        );
        check(Python, "    >>> indented()\n    1\n", "indented()");
    }

    #[test]
    fn another_language_is_said() {
        check(Elixir, ">>> x = 1", "%%python\nx = 1");
        check(
            Elixir,
            "elixir> x = [\n   ...>   1]\n[1]\npython> len(x)\n1\nelixir> x\n",
            "x = [\n  1]\n%%python\nlen(x)\n%%elixir\nx",
        );
        check(Elixir, "elixir(12)> x\npython(3)> y", "x\n%%python\ny");
    }
}

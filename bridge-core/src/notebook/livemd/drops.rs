//! Cells of Python as cells of Elixir that are one `~PY` drop, and back.

/// The delimiters of a drop of several lines. They end it only where they begin a line.
const DELIMITERS: [&str; 2] = ["\"\"\"", "'''"];

/// The Elixir that runs this Python; `None` where there is no writing it as a drop.
pub(super) fn elixir(python: &str) -> Option<String> {
    // After a backslash the delimiter loses that, wherever it stands: so one that has a backslash cannot be written.
    let mut usable = DELIMITERS
        .into_iter()
        .filter(|delimiter| !python.contains(&format!("\\{delimiter}")));
    let begins = |delimiter: &str| {
        python
            .lines()
            .any(|line| line.trim_start().starts_with(delimiter))
    };
    let delimiter = usable
        .clone()
        .find(|delimiter| !begins(delimiter))
        .or_else(|| usable.next())?;
    let lines = python
        .split('\n')
        .map(|line| match line.trim_start().starts_with(delimiter) {
            true => {
                let space = line.len() - line.trim_start().len();
                format!("{}\\{}", &line[..space], &line[space..])
            }
            false => line.to_owned(),
        });
    let text = lines.collect::<Vec<_>>().join("\n");
    // With `p` nothing is inserted, so that what looks like an insertion of Elixir is Python as it stands.
    let plain = if python.contains("#{") { "p" } else { "" };
    Some(format!("~PY{delimiter}\n{text}\n{delimiter}{plain}"))
}

/// The Python of an Elixir cell that is one drop and nothing else.
pub(super) fn python(elixir: &str) -> Option<String> {
    let drop = elixir.trim_matches('\n').strip_prefix("~PY")?;
    let delimiter = DELIMITERS
        .into_iter()
        .find(|delimiter| drop.starts_with(delimiter))?;
    let inside = drop[3..].strip_prefix('\n')?;
    let (inside, plain) = match inside.strip_suffix('p') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let inside = inside.strip_suffix(delimiter)?.strip_suffix('\n')?;
    // An insertion is Elixir's, and so is what ends the drop early.
    let ends = inside
        .lines()
        .any(|line| line.trim_start().starts_with(delimiter));
    if ends || (!plain && inside.contains("#{")) {
        return None;
    }
    Some(inside.replace(&format!("\\{delimiter}"), delimiter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let sources = [
            "x = 1",
            "",
            "x = \"\"\"\n#{y}\n\"\"\"",
            "'''a'''\n  \"\"\"b\"\"\"",
            "\\#{x}\n  é",
            "\n\nx\n",
            "f'#{x}' r'\\#{2}' #{",
            "x = '\\\"\"\"'",
        ];
        for source in sources {
            let drop = elixir(source).unwrap();
            assert_eq!(python(&drop).as_deref(), Some(source), "{source:?}");
        }
        assert_eq!(elixir("x = 1 \"\"\"").unwrap(), "~PY\"\"\"\nx = 1 \"\"\"\n\"\"\"");
        assert_eq!(elixir("'#{x}'").unwrap(), "~PY\"\"\"\n'#{x}'\n\"\"\"p");
        assert_eq!(elixir("'\\\"\"\"' '\\'''"), None);
    }

    #[test]
    fn other_elixir_stays_elixir() {
        let sources = [
            "x = 1",
            "x = ~PY\"\"\"\n1\n\"\"\"",
            "~PY\"\"\"\n1\n\"\"\" + 1",
            "~PY\"\"\"\n#{x}\n\"\"\"",
            "~PY\"\"\"\n1\n\"\"\"r",
            "~PY\"1\"",
            "~PY\"\"\"\n1\n\"\"\"\n~PY\"\"\"\n2\n\"\"\"",
        ];
        for source in sources {
            assert_eq!(python(source), None, "{source:?}");
        }
    }
}

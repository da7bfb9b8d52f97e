//! Cells of Python as cells of Elixir that are one `~PY` drop, and back.

/// The delimiters of a drop of several lines.
const DELIMITERS: [&str; 2] = ["\"\"\"", "'''"];

/// The Elixir that runs this Python.
pub(super) fn elixir(python: &str) -> String {
    let delimiter = DELIMITERS
        .into_iter()
        .find(|delimiter| !python.contains(delimiter))
        .unwrap_or(DELIMITERS[0]);
    // In a sigil of capitals a backslash does nothing but before the delimiter, and for drops before an insertion.
    let python = python
        .replace(delimiter, &format!("\\{delimiter}"))
        .replace("#{", "\\#{");
    format!("~PY{delimiter}\n{python}\n{delimiter}")
}

/// The Python of an Elixir cell that is one drop and nothing else.
pub(super) fn python(elixir: &str) -> Option<String> {
    let drop = elixir.trim_matches('\n').strip_prefix("~PY")?;
    let delimiter = DELIMITERS
        .into_iter()
        .find(|delimiter| drop.starts_with(delimiter))?;
    let inside = drop[3..].strip_prefix('\n')?.strip_suffix(delimiter)?;
    let inside = inside.strip_suffix('\n')?;
    let escaped = format!("\\{delimiter}");
    // An insertion is Elixir's, and so is what ends the drop early.
    let plain = inside.replace(&escaped, "").replace("\\#{", "");
    if plain.contains(delimiter) || plain.contains("#{") {
        return None;
    }
    Some(inside.replace(&escaped, delimiter).replace("\\#{", "#{"))
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
            "'''a'''\n\"\"\"b\"\"\"",
            "\\#{x}\n  é",
            "\n\nx\n",
        ];
        for source in sources {
            assert_eq!(python(&elixir(source)).as_deref(), Some(source), "{source:?}");
        }
    }

    #[test]
    fn other_elixir_stays_elixir() {
        let sources = [
            "x = 1",
            "x = ~PY\"\"\"\n1\n\"\"\"",
            "~PY\"\"\"\n1\n\"\"\" + 1",
            "~PY\"\"\"\n#{x}\n\"\"\"",
            "~PY\"1\"",
            "~PY\"\"\"\n1\n\"\"\"\n~PY\"\"\"\n2\n\"\"\"",
        ];
        for source in sources {
            assert_eq!(python(source), None, "{source:?}");
        }
    }
}

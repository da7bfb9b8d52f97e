//! What cells have around them, or between them, so that they run where each is evaluated by itself; and how it is taken
//! off. It is put there by the library in Elixir (`SnakeBridge.Export.Plain`), which knows both languages.

/// The end of a line that only hands a name on from cell to cell.
const HANDED_ON: &str = "  # between cells";
const OPEN: &str = "py do\n";
/// Where another indentation would be another text.
const OPEN_AS_IT_STANDS: &str = "py do # not indented\n";
const CLOSE: &str = "\nend";

/// The source of a cell that is one block of natural syntax.
pub(super) fn elixir(source: String) -> String {
    let inside = |open| source.strip_prefix(open)?.strip_suffix(CLOSE);
    if let Some(inside) = inside(OPEN_AS_IT_STANDS) {
        return inside.to_owned();
    }
    let lines = inside(OPEN).map(|inside| inside.split('\n'));
    let outdented = lines.map(|lines| {
        lines
            .map(|line| match line {
                "" => Some(line),
                line => line.strip_prefix("  "),
            })
            .collect::<Option<Vec<_>>>()
    });
    match outdented.flatten() {
        Some(lines) => lines.join("\n"),
        None => source,
    }
}

/// The Python of a cell without the lines that hand names on.
pub(super) fn python(source: &str) -> String {
    let kept = source.split('\n').filter(|line| !line.ends_with(HANDED_ON));
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_around_the_whole_cell_is_taken_off() {
        let cases = [
            ("py do\n  df.head(2)\n\n  x = 1\nend", "df.head(2)\n\nx = 1"),
            ("py do # not indented\nx = \"\n\"\nend", "x = \"\n\""),
            (
                "py do\n  x\nend\ny\npy do\n  z\nend",
                "py do\n  x\nend\ny\npy do\n  z\nend",
            ),
            ("py do\nx\nend", "py do\nx\nend"),
            ("x = py do\n  y\nend", "x = py do\n  y\nend"),
        ];
        for (written, read) in cases {
            assert_eq!(elixir(written.to_owned()), read);
        }
    }

    #[test]
    fn lines_that_hand_names_on_are_taken_out() {
        let written = "from __main__ import X  # between cells\nX + 1\nxs = xs  # between cells";
        assert_eq!(python(written), "X + 1");
    }
}

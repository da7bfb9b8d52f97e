//! The table of `:vars`.

use bridge_core::session::Name;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The names, in columns that fit that width; the value has what the others leave.
pub(crate) fn table(names: &[Name], width: usize) -> String {
    if names.is_empty() {
        return "no names yet".to_owned();
    }
    let rows: Vec<[String; 4]> = names
        .iter()
        .map(|name| {
            let size = name
                .size
                .as_deref()
                .map(|size| format!(" {size}"))
                .unwrap_or_default();
            let value = name.value.split_whitespace().collect::<Vec<_>>().join(" ");
            [
                name.name.clone(),
                name.language.name().to_owned(),
                format!("{}{size}", name.r#type),
                value,
            ]
        })
        .collect();
    let column = |index: usize, most: usize| {
        let widest = rows.iter().map(|row| row[index].width()).max().unwrap_or(0);
        widest.min(most)
    };
    let widths = [column(0, width / 3), column(1, width / 3), column(2, width / 3)];
    let left = width
        .saturating_sub(widths.iter().sum::<usize>() + 2 * widths.len())
        .max(8);
    let mut lines: Vec<String> = rows
        .iter()
        .map(|[name, owner, kind, value]| {
            let cells = [
                padded(name, widths[0]),
                padded(owner, widths[1]),
                padded(kind, widths[2]),
                fitted(value, left),
            ];
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn padded(text: &str, width: usize) -> String {
    let text = fitted(text, width);
    let missing = width.saturating_sub(text.width());
    text + &" ".repeat(missing)
}

/// The text, cut to that many columns.
fn fitted(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken + 3 <= width
        })
        .collect();
    kept + "..."
}

#[cfg(test)]
mod tests {
    use super::*;
    use bridge_core::language::Language;

    #[test]
    fn the_table_fits_the_terminal() {
        let name = |name: &str, language, kind: &str, size: Option<&str>, value: &str| Name {
            name: name.into(),
            language,
            r#type: kind.into(),
            size: size.map(str::to_owned),
            value: value.into(),
        };
        let names = [
            name(
                "df",
                Language::Python,
                "pandas.DataFrame",
                Some("1000 x 4"),
                "   a  b\n0  1  2\n1  3  4",
            ),
            name("answer", Language::Elixir, "integer", None, "42"),
            name(
                "names",
                Language::Python,
                "list",
                Some("3"),
                &"['日本語', 'x'] ".repeat(20),
            ),
        ];
        let table = table(&names, 80);
        assert!(table.lines().all(|line| line.width() <= 80), "{table}");
        insta::assert_snapshot!(table, @r"
        answer  elixir  integer                    42
        df      python  pandas.DataFrame 1000 x 4  a b 0 1 2 1 3 4
        names   python  list 3                     ['日本語', 'x'] ['日本語', 'x'] ['...
        ");
        assert_eq!(super::table(&[], 80), "no names yet");
        assert!(super::table(&names, 20).lines().all(|line| line.width() <= 40));
    }
}

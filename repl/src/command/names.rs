//! `:vars`, and `:restart`, which takes names away.

use std::io;

use bridge_core::language::Language;
use bridge_core::session::Name;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::console::{Console, Next};

/// `:vars [PATTERN]`.
pub(super) fn vars(console: &mut Console, pattern: &str) -> io::Result<Next> {
    let names = console.session().names();
    match console.stage().wait(names) {
        Some(Ok(mut names)) => {
            names.retain(|name| matches(&name.name, pattern));
            if names.is_empty() && !pattern.is_empty() {
                console.note(&format!("no name is like {pattern}"))?;
            } else {
                console.say(&table(&names, console.width()))?;
            }
        }
        Some(Err(error)) => console.fail(&error)?,
        None => console.note("given up")?,
    }
    Ok(Next::Read)
}

/// Whether a name has this in it, or is like it where it has a `*`.
fn matches(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name.contains(pattern),
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            if rest.contains('*') {
                (0..=name.len()).any(|at| name.is_char_boundary(at) && matches(&name[at..], rest))
            } else {
                name.ends_with(rest)
            }
        }),
    }
}

/// `:restart`.
pub(super) fn restart(console: &mut Console, which: &str) -> io::Result<Next> {
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

/// The names, in columns that fit that width; the value has what the others leave.
fn table(names: &[Name], width: usize) -> String {
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

    #[test]
    fn a_pattern_is_a_part_or_has_stars() {
        for (name, pattern) in [
            ("df", ""),
            ("my_df", "df"),
            ("df2", "df*"),
            ("a_b_c", "a*b*"),
            ("x", "*"),
        ] {
            assert!(matches(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("df", "x"), ("my_df", "df*"), ("a_c", "a*b*")] {
            assert!(!matches(name, pattern), "{name} {pattern}");
        }
    }

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

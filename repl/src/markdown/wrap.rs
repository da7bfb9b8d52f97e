//! Styled text, cut into lines at the borders of words.

use nu_ansi_term::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text of one style.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// A line: its runs.
pub(crate) type Styled = Vec<Run>;

/// The lines of a text of that width. A line break in it stays one; a word that is wider than a line has one of its own.
pub(crate) fn wrap(runs: &[Run], width: usize) -> Vec<Styled> {
    let mut lines = vec![Styled::new()];
    let mut taken = 0;
    let mut space: Option<Style> = None;
    for word in words(runs) {
        match word {
            Word::Break => {
                lines.push(Styled::new());
                (taken, space) = (0, None);
            }
            Word::Space(style) => space = (taken > 0).then_some(style),
            Word::Text(parts) => {
                let wide: usize = parts.iter().map(|part| part.text.width()).sum();
                if taken > 0 && taken + usize::from(space.is_some()) + wide > width {
                    lines.push(Styled::new());
                    (taken, space) = (0, None);
                }
                let line = match lines.last_mut() {
                    Some(line) => line,
                    None => continue,
                };
                if let Some(style) = space.take() {
                    push(line, " ", style);
                    taken += 1;
                }
                for part in parts {
                    push(line, &part.text, part.style);
                }
                taken += wide;
            }
        }
    }
    lines
}

/// How wide a text is on one line.
pub(crate) fn width(runs: &[Run]) -> usize {
    runs.iter().map(|run| run.text.width()).sum()
}

/// A line as it is written.
pub(crate) fn paint(line: &[Run], colours: bool) -> String {
    line.iter()
        .map(|run| {
            if colours && run.style != Style::new() {
                run.style.paint(&run.text).to_string()
            } else {
                run.text.clone()
            }
        })
        .collect()
}

enum Word {
    Text(Styled),
    Space(Style),
    Break,
}

/// A word may have parts of several styles.
fn words(runs: &[Run]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut begun = Styled::new();
    for run in runs {
        for c in run.text.chars() {
            // What cannot be broken is no border of words.
            if c.is_whitespace() && c != '\u{a0}' {
                if !begun.is_empty() {
                    words.push(Word::Text(std::mem::take(&mut begun)));
                }
                words.push(if c == '\n' {
                    Word::Break
                } else {
                    Word::Space(run.style)
                });
            } else if c.width().is_some() {
                push(&mut begun, c.encode_utf8(&mut [0; 4]), run.style);
            }
        }
    }
    if !begun.is_empty() {
        words.push(Word::Text(begun));
    }
    words
}

fn push(line: &mut Styled, text: &str, style: Style) {
    match line.last_mut() {
        Some(last) if last.style == style => last.text.push_str(text),
        _ => line.push(Run {
            text: text.to_owned(),
            style,
        }),
    }
}

//! What the completion menu looks like: text for a place of that size. It knows no terminal and no engine.

use nu_ansi_term::{Color, Style};
use reedline::Suggestion;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::completion::SHOWN;

/// The least and the greatest width of a panel that stands beside the list, in columns.
const PANEL: (usize, usize) = (28, 78);

/// How many rows the list has at most beside a panel and above one.
const BESIDE: usize = 14;
const ABOVE: usize = 6;

/// How many rows a panel has: at least, beside a short list; and below a list.
const LEAST: usize = 8;
const BELOW: usize = 5;

/// The greatest width of a name and of what stands behind its kind.
const NAME: usize = 32;
const DETAIL: usize = 40;

/// Where the menu stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    columns: usize,
    /// Rows of the list.
    pub(super) list: usize,
    /// Rows of a panel below the list.
    below: usize,
    /// Rows of a panel beside the list; with 0 none stands there.
    beside: usize,
    /// Whether a row tells how many there are.
    counted: bool,
}

impl Area {
    /// The place for that many candidates on a screen of that size.
    pub(super) fn new(columns: usize, rows: usize, count: usize) -> Area {
        // The line that is being typed stays on the screen, with something above it.
        let most = (rows / 2).max(3);
        let narrow = columns < 2 * PANEL.0 + 8;
        let below = if narrow { BELOW.min(most / 2) } else { 0 };
        let list_most = if narrow { ABOVE } else { BESIDE }.min(most.saturating_sub(below).max(1));
        let list = count.min(list_most);
        Area {
            columns,
            list,
            below,
            beside: if narrow { 0 } else { LEAST.min(most) },
            counted: count > list,
        }
        .within(most)
    }

    /// How many rows it takes.
    pub(super) fn rows(&self) -> usize {
        (self.list + usize::from(self.counted)).max(self.beside) + self.below
    }

    /// The same place with at most that many rows.
    pub(super) fn within(mut self, rows: usize) -> Area {
        while self.rows() > rows && self.rows() > 1 {
            if self.below > 0 {
                self.below -= 1;
            } else if self.counted {
                self.counted = false;
            } else {
                self.list = self.list.min(rows.max(1));
                self.beside = self.beside.min(rows.max(1));
            }
        }
        self
    }
}

/// The first row of the list to show, so that the selected one is shown.
pub(super) fn scrolled(first: usize, selected: usize, rows: usize) -> usize {
    first.clamp((selected + 1).saturating_sub(rows), selected)
}

/// A candidate.
pub(super) struct Row<'a> {
    name: &'a str,
    kind: &'a str,
    detail: &'a str,
    doc: &'a str,
    /// The name's characters that were typed.
    matched: Vec<usize>,
}

impl<'a> Row<'a> {
    pub(super) fn new(suggestion: &'a Suggestion, typed: &str) -> Row<'a> {
        let said = |index: usize| {
            let extra = suggestion.extra.as_deref().unwrap_or_default();
            extra.get(index).map_or("", String::as_str)
        };
        Row {
            name: &suggestion.value,
            kind: said(0),
            detail: match suggestion.extra {
                Some(_) => said(1),
                None => suggestion.description.as_deref().unwrap_or_default(),
            },
            doc: said(2),
            matched: matched(&suggestion.value, typed),
        }
    }
}

/// Which characters of a name were typed: its beginning, or in any case, or scattered over it.
fn matched(name: &str, typed: &str) -> Vec<usize> {
    let same = |a: char, b: char| a == b || a.to_lowercase().eq(b.to_lowercase());
    let mut wanted = typed.chars().peekable();
    let mut found = Vec::new();
    for (index, c) in name.chars().enumerate() {
        if wanted.next_if(|next| same(*next, c)).is_some() {
            found.push(index);
        }
    }
    if wanted.peek().is_some() {
        found.clear();
    }
    found
}

/// The menu, its lines separated as in raw mode. `found` is the documentation of the selected candidate.
pub(super) fn menu(
    rows: &[Row<'_>],
    selected: usize,
    first: usize,
    found: Option<&str>,
    area: Area,
    colours: bool,
) -> String {
    let shown: Vec<&Row<'_>> = rows.iter().skip(first).take(area.list).collect();
    let widths = Widths::of(rows, area);
    let chosen = rows.get(selected);
    let doc = found.or(chosen.map(|row| row.doc)).unwrap_or_default();
    let (panel_width, panel_rows) = match area.beside {
        0 => (area.columns.saturating_sub(3), area.below),
        _ => (
            area.columns.saturating_sub(widths.list() + 4).min(PANEL.1),
            area.rows(),
        ),
    };
    let panel = wrapped(doc, panel_width, panel_rows);
    let mut lines: Vec<String> = shown
        .iter()
        .enumerate()
        .map(|(index, row)| line(row, &widths, first + index == selected, colours))
        .collect();
    if area.counted {
        let more = if rows.len() < SHOWN { "" } else { "+" };
        let count = format!(" {} of {}{more}", selected + 1, rows.len());
        lines.push(paint(
            &fitted(&count, widths.list()),
            dim(),
            colours,
            widths.list(),
        ));
    }
    let bar = paint("│", dim(), colours, 1);
    if area.beside == 0 {
        lines.extend(panel.iter().map(|text| format!("{bar} {text}")));
    } else {
        let empty = " ".repeat(widths.list());
        let known = lines.len();
        for index in known..panel.len() {
            lines.insert(index, empty.clone());
        }
        for (line, text) in lines.iter_mut().zip(&panel) {
            line.push_str(&format!(" {bar} {text}"));
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\r\n")
}

/// The widths of the columns.
struct Widths {
    name: usize,
    kind: usize,
    detail: usize,
}

impl Widths {
    /// Of all candidates, not only of those that are shown: scrolling moves no column.
    fn of(rows: &[Row<'_>], area: Area) -> Widths {
        let widest = |text: for<'a> fn(&'a Row<'_>) -> &'a str, most: usize| {
            rows.iter()
                .map(|row| text(row).width())
                .max()
                .unwrap_or(0)
                .min(most)
        };
        // A panel beside takes what the list leaves, and at least half of the screen.
        let room = match area.beside {
            0 => area.columns.saturating_sub(1),
            _ => area.columns * 11 / 20,
        };
        let kind = if room < 24 { 0 } else { widest(|row| row.kind, 10) };
        let name = widest(|row| row.name, NAME.min(room * 11 / 20).max(4));
        let detail = widest(|row| row.detail, DETAIL).min(room.saturating_sub(name + kind + 6));
        Widths {
            name,
            kind,
            detail: if detail < 10 { 0 } else { detail },
        }
    }

    fn list(&self) -> usize {
        let detail = if self.detail > 0 { self.detail + 2 } else { 0 };
        2 + self.name + 2 + self.kind + detail
    }
}

/// A row of the list, as wide as all are.
fn line(row: &Row<'_>, widths: &Widths, selected: bool, colours: bool) -> String {
    let mark = if selected { "> " } else { "  " };
    let base = if selected {
        Style::new().reverse()
    } else {
        Style::new()
    };
    let name = fitted(row.name, widths.name);
    let mut text = paint(mark, base, colours, 2);
    if colours {
        let kind = colour(row.kind).map_or(base, |colour| base.fg(colour));
        let marked = |index: &usize| row.matched.contains(index);
        let letters: Vec<(bool, char)> = name.chars().enumerate().map(|(at, c)| (marked(&at), c)).collect();
        for run in letters.chunk_by(|a, b| a.0 == b.0) {
            let style = if run[0].0 { kind.bold().underline() } else { kind };
            let run: String = run.iter().map(|(_, c)| *c).collect();
            text.push_str(&style.paint(run).to_string());
        }
        let rest = " ".repeat(widths.name.saturating_sub(name.width()) + 2);
        text.push_str(&base.paint(rest).to_string());
    } else {
        text.push_str(&paint(&name, base, false, widths.name + 2));
    }
    let second = if selected { base } else { dim() };
    text.push_str(&paint(
        &fitted(row.kind, widths.kind),
        second,
        colours,
        widths.kind,
    ));
    if widths.detail > 0 {
        text.push_str(&paint("  ", base, colours, 2));
        let detail = fitted(row.detail, widths.detail);
        text.push_str(&paint(&detail, second, colours, widths.detail));
    }
    text
}

/// The colour of a kind of thing, from those that are readable on black and on white.
fn colour(kind: &str) -> Option<Color> {
    let colour = match kind {
        "function" | "method" | "macro" | "guard" => Color::Blue,
        "class" | "module" | "struct" | "exception" => Color::Purple,
        "keyword" | "magic" | "command" | "sigil" | "attribute" => Color::Red,
        "argument" | "key" | "column" | "field" | "property" => Color::Cyan,
        "file" | "folder" => Color::Green,
        _ => return None,
    };
    Some(colour)
}

fn dim() -> Style {
    Style::new().dimmed()
}

/// A text, filled to that width.
fn paint(text: &str, style: Style, colours: bool, width: usize) -> String {
    let padded = text.to_owned() + &" ".repeat(width.saturating_sub(text.width()));
    if colours && style != Style::new() {
        style.paint(padded).to_string()
    } else {
        padded
    }
}

/// A text on one line, cut to that many columns.
fn fitted(text: &str, width: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.width() <= width || width == 0 {
        return if width == 0 { String::new() } else { text };
    }
    let mut taken = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken < width
        })
        .collect();
    kept + "…"
}

/// A text with its line breaks, and more where it is wider than the panel; the last line tells that there is more.
fn wrapped(text: &str, width: usize, rows: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.trim_end().lines() {
        if lines.len() > rows || width < 10 {
            break;
        }
        let line = line.trim_end().replace('\t', "    ");
        if line.width() <= width {
            lines.push(fitted(&line, width));
            continue;
        }
        let margin = line.len() - line.trim_start().len();
        let margin = " ".repeat(margin.min(width / 2));
        let mut current = margin.clone();
        for word in line.split_whitespace() {
            let is_first = current.trim_start().is_empty();
            if !is_first && current.width() + 1 + word.width() > width {
                lines.push(fitted(&current, width));
                current.clone_from(&margin);
            } else if !is_first {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(fitted(&current, width));
    }
    // Two blank lines in a row are one.
    lines.dedup_by(|a, b| a.trim().is_empty() && b.trim().is_empty());
    if lines.len() > rows {
        lines.truncate(rows);
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        if let Some(last) = lines.last_mut() {
            *last = fitted(&format!("{} …", last.trim_end()), width);
        }
    }
    lines
}

#[cfg(test)]
mod tests;

//! A table of Markdown: columns aligned, cells wrapped where all of them together are wider than the screen.

use nu_ansi_term::Style;
use pulldown_cmark::Alignment;

use super::wrap::{Run, Styled, paint, width, wrap};

/// What stands between columns.
const BETWEEN: usize = 2;

/// A column that has to shrink does not become narrower.
const NARROWEST: usize = 6;

/// A table that is being read. The first row is its head.
pub(super) struct Table {
    alignments: Vec<Alignment>,
    rows: Vec<Vec<Styled>>,
    row: Vec<Styled>,
}

impl Table {
    pub(super) fn new(alignments: Vec<Alignment>) -> Table {
        Table {
            alignments,
            rows: Vec::new(),
            row: Vec::new(),
        }
    }

    pub(super) fn cell(&mut self, runs: Vec<Run>) {
        self.row.push(runs);
    }

    pub(super) fn end_row(&mut self) {
        self.rows.push(std::mem::take(&mut self.row));
    }

    pub(super) fn lines(mut self, room: usize, colours: bool) -> Vec<String> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![1; count];
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(width(cell));
            }
        }
        shrink(
            &mut widths,
            room.saturating_sub(BETWEEN * count.saturating_sub(1)),
        );
        if let Some(head) = self.rows.first_mut() {
            for run in head.iter_mut().flatten() {
                run.style = run.style.bold();
            }
        }
        let mut lines = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            lines.extend(self.row_lines(row, &widths, colours));
            if index == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                lines.push(rules.join(&" ".repeat(BETWEEN)));
            }
        }
        lines
    }

    fn row_lines(&self, row: &[Styled], widths: &[usize], colours: bool) -> Vec<String> {
        let cells: Vec<Vec<Styled>> = widths
            .iter()
            .enumerate()
            .map(|(column, width)| row.get(column).map_or_else(Vec::new, |cell| wrap(cell, *width)))
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        (0..height)
            .map(|line| {
                let parts: Vec<String> = cells
                    .iter()
                    .enumerate()
                    .map(|(column, lines)| {
                        let styled = lines.get(line).map_or(&[] as &[Run], Vec::as_slice);
                        let missing = widths[column].saturating_sub(width(styled));
                        let before = match self.alignments.get(column) {
                            Some(Alignment::Right) => missing,
                            Some(Alignment::Center) => missing / 2,
                            _ => 0,
                        };
                        let space = |count: usize| Run {
                            text: " ".repeat(count),
                            style: Style::new(),
                        };
                        let mut padded = vec![space(before)];
                        padded.extend_from_slice(styled);
                        padded.push(space(missing - before));
                        paint(&padded, colours)
                    })
                    .collect();
                parts.join(&" ".repeat(BETWEEN)).trim_end().to_owned()
            })
            .collect()
    }
}

/// Takes from the widest columns what the row has too much.
fn shrink(widths: &mut [usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max() else {
            return;
        };
        if *widest <= NARROWEST {
            return;
        }
        *widest -= 1;
    }
}

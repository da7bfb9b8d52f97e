//! What a cell has written last, as far as it can be taken back from the screen: for `clear_output`, and for displays
//! that are replaced in their place.

use bridge_core::ansi::after_sequence;
use unicode_width::UnicodeWidthChar;

use crate::pager::rows_of;

/// More than this is not on the screen any more.
const LONGEST: usize = 64 * 1024;

/// What has been written since the cell began, or since it was taken back.
#[derive(Default)]
pub(super) struct Trail {
    text: String,
    /// It cannot be followed: too long, or the cursor was moved.
    lost: bool,
    /// The displays at its end, by their names, with nothing in between.
    displays: Vec<(String, String)>,
}

impl Trail {
    pub(super) fn wrote(&mut self, text: &str, block: bool) {
        self.displays.clear();
        self.lost |= self.text.len() + text.len() > LONGEST || moves(text);
        if self.lost {
            self.text.clear();
            return;
        }
        if block && !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(text);
        if block && !text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// The displays at the end, which what is written next would part from it.
    pub(super) fn take_displays(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.displays)
    }

    /// What was written last are those.
    pub(super) fn set_displays(&mut self, displays: Vec<(String, String)>) {
        if !self.lost {
            self.displays = displays;
        }
    }

    /// How many rows above the cursor the text begins; `None` where the screen does not show all of it.
    pub(super) fn rows(&self, (rows, columns): (usize, usize)) -> Option<usize> {
        let up = rows_above(&self.text, columns);
        (!self.lost && up < rows).then_some(up)
    }

    /// How many rows above the cursor the display of that name begins, and the displays that follow it. `None` where
    /// it is not there any more.
    pub(super) fn replaced(
        &mut self,
        id: &str,
        (rows, columns): (usize, usize),
    ) -> Option<(usize, Vec<(String, String)>)> {
        let at = self.displays.iter().position(|(name, _)| name == id)?;
        let up: usize = self.displays[at..]
            .iter()
            .map(|(_, text)| rows_of(text, columns))
            .sum();
        if up >= rows {
            return None;
        }
        let after = self.displays.split_off(at);
        let written: usize = after
            .iter()
            .map(|(_, text)| text.len() + usize::from(!text.ends_with('\n')))
            .sum();
        self.text.truncate(self.text.len().saturating_sub(written));
        Some((up, after.into_iter().skip(1).collect()))
    }
}

/// Whether a text moves the cursor other than by its own letters, or draws. Erasing to the end of a line does not.
fn moves(text: &str) -> bool {
    text.split('\x1b').skip(1).any(|sequence| {
        let known = sequence.strip_prefix('[').is_some_and(|sequence| {
            let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';');
            end.is_some_and(|end| sequence[end..].starts_with(['m', 'K']))
        });
        !known
    })
}

/// How many rows below its beginning the cursor is after a text.
fn rows_above(text: &str, columns: usize) -> usize {
    let (mut rows, mut column) = (0, 0);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\x1b' => rest = after_sequence(rest),
            '\n' => (rows, column) = (rows + 1, 0),
            '\r' => column = 0,
            '\t' => column = (column / 8 + 1) * 8,
            c => {
                let wide = c.width().unwrap_or(0);
                if column + wide > columns {
                    (rows, column) = (rows + 1, 0);
                }
                column += wide;
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: (usize, usize) = (24, 10);

    #[test]
    fn what_is_on_the_screen_can_be_taken_back() {
        let rows = |pieces: &[(&str, bool)]| {
            let mut trail = Trail::default();
            for (text, block) in pieces {
                trail.wrote(text, *block);
            }
            trail.rows(SCREEN)
        };
        assert_eq!(rows(&[]), Some(0));
        assert_eq!(rows(&[("50%", false)]), Some(0));
        assert_eq!(rows(&[("50%\r60%", false), ("x", true)]), Some(2));
        assert_eq!(rows(&[("0123456789", false)]), Some(0));
        assert_eq!(rows(&[("01234567\x1b[31m89a\x1b[0m\n", false)]), Some(2));
        assert_eq!(rows(&[("a\x1b[2Ab", false)]), None);
        assert_eq!(rows(&[(&"x\n".repeat(24), false)]), None);
    }

    #[test]
    fn displays_at_the_end_are_replaced_with_what_follows() {
        let mut trail = Trail::default();
        trail.wrote("before", true);
        for (id, text) in [("a", "1\n2"), ("b", "3"), ("c", "4")] {
            let mut displays = trail.take_displays();
            trail.wrote(text, true);
            displays.push((id.into(), text.into()));
            trail.set_displays(displays);
        }
        let after = vec![("c".to_owned(), "4".to_owned())];
        assert_eq!(trail.replaced("b", SCREEN), Some((2, after)));
        assert_eq!(trail.text, "before\n1\n2\n");
        assert_eq!(trail.replaced("a", SCREEN), Some((2, Vec::new())));
        assert_eq!(trail.replaced("a", SCREEN), None);
        assert_eq!(trail.rows(SCREEN), Some(1));
    }
}

//! What a cell had printed before it heard of Ctrl-C.
//!
//! Megabytes may be on their way from a loop that prints, and a slow terminal would show them for seconds after the
//! key. So of what comes after it, the beginning and the end are shown, and what was left out is said.

use bridge_core::session::Event;

use crate::render::size;

/// How much is shown at first, in bytes.
const SHOWN: usize = 32 * 1024;

/// How much of the end is shown.
const END: usize = 2 * 1024;

/// The output of a cell that was interrupted.
#[derive(Default)]
pub(crate) struct Flood {
    shown: usize,
    left_out: usize,
    /// The last of what was left out.
    end: String,
}

impl Flood {
    /// Gives the event back if it is to be shown. One that is not ends with the flood.
    pub(crate) fn hold(&mut self, event: Event) -> Option<Event> {
        let Event::Stream { text, .. } = &event else {
            return Some(event);
        };
        if self.shown < SHOWN {
            self.shown += text.len();
            return Some(event);
        }
        self.left_out += text.len();
        self.end.push_str(text);
        let surplus = self.end.len().saturating_sub(END);
        if surplus > 0 {
            let cut = self.end.ceil_char_boundary(surplus);
            // From the start of a line, if there is one.
            let line = self.end[cut..]
                .find('\n')
                .map_or(cut, |newline| cut + newline + 1);
            self.end.drain(..line);
        }
        None
    }

    /// What to show before anything that is no output: how much is missing, and the end of it.
    pub(crate) fn ebb(&mut self) -> Option<(String, String)> {
        let missing = self.left_out - self.end.len();
        let end = std::mem::take(&mut self.end);
        self.left_out = 0;
        (missing > 0).then(|| {
            (
                format!("{} of output after Ctrl-C are left out", size(missing)),
                end,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bridge_core::session::StreamName;

    #[test]
    fn the_beginning_and_the_end_of_a_flood_are_shown() {
        let mut flood = Flood::default();
        let mut shown = 0;
        for line in 0..100_000 {
            let event = Event::Stream {
                name: StreamName::Stdout,
                text: format!("line {line}\n"),
            };
            shown += usize::from(flood.hold(event).is_some());
        }
        assert!((2_000..5_000).contains(&shown), "{shown}");
        let (note, end) = flood.ebb().unwrap();
        assert!(note.starts_with("1.1 MB"), "{note}");
        assert!(
            end.starts_with("line 99") && end.ends_with("line 99999\n"),
            "{end}"
        );
        assert_eq!(flood.ebb(), None);
        let notice = Event::Notice { text: "x".into() };
        assert_eq!(flood.hold(notice.clone()), Some(notice));
    }

    #[test]
    fn a_little_is_shown_whole() {
        let mut flood = Flood::default();
        let event = Event::Stream {
            name: StreamName::Stderr,
            text: "é".repeat(100),
        };
        assert_eq!(flood.hold(event.clone()), Some(event));
        assert_eq!(flood.ebb(), None);
    }

    #[test]
    fn one_long_line_is_cut_between_characters() {
        let mut flood = Flood {
            shown: SHOWN,
            ..Flood::default()
        };
        for _ in 0..1000 {
            flood.hold(Event::Stream {
                name: StreamName::Stdout,
                text: "日本".into(),
            });
        }
        assert!(flood.ebb().is_some_and(|(_, end)| !end.is_empty()));
    }
}

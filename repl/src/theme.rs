//! The terminal's background, and the colours that are readable on it.
//!
//! A terminal that is asked for its background answers as if somebody typed it. Nobody waits for that answer and
//! nobody reads it from the keys of who types meanwhile: it arrives among them, and [`Answer`] takes it out again.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use nu_ansi_term::Color;

use crate::config::Theme;

/// What asks for the background: OSC 11.
const QUESTION: &str = "\x1b]11;?\x1b\\";

/// How long an answer is looked for among the keys.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer is not longer than that.
const LONGEST: usize = 40;

/// What is behind the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Background {
    /// Nobody has said; only the terminal's own palette can be trusted.
    Unknown,
    Light,
    Dark,
}

/// The terminal is one, and so is its background.
static BACKGROUND: AtomicU8 = AtomicU8::new(Background::Unknown as u8);

/// The background, as far as it is known.
pub(crate) fn background() -> Background {
    match BACKGROUND.load(Ordering::Relaxed) {
        1 => Background::Light,
        2 => Background::Dark,
        _ => Background::Unknown,
    }
}

fn set(background: Background) {
    BACKGROUND.store(background as u8, Ordering::Relaxed);
}

/// Whether the terminal has been asked, and nobody has looked for the answer yet.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Takes in what the configuration says, and asks the terminal where that does not.
pub(crate) fn begin(theme: Theme) -> io::Result<()> {
    set(match theme {
        Theme::Light => Background::Light,
        Theme::Dark => Background::Dark,
        Theme::Auto => std::env::var("COLORFGBG").map_or(Background::Unknown, |said| colorfgbg(&said)),
    });
    if theme == Theme::Auto {
        ASKED.store(true, Ordering::Relaxed);
        let mut out = io::stdout().lock();
        out.write_all(QUESTION.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}

/// `15;0` or `0;default;15`: the last number is the background's in the palette of 16 colours.
fn colorfgbg(said: &str) -> Background {
    match said.rsplit(';').next().and_then(|last| last.parse::<u8>().ok()) {
        Some(0..=6 | 8) => Background::Dark,
        Some(7 | 9..=15) => Background::Light,
        _ => Background::Unknown,
    }
}

/// The background in `11;rgb:RRRR/GGGG/BBBB`, the text of an answer.
fn parse(answer: &str) -> Option<Background> {
    let (_, colour) = answer.strip_prefix("11;rgb")?.split_once(':')?;
    let mut parts = colour.split('/').map(|part| {
        let most = 16_f64.powi(i32::try_from(part.len()).ok()?) - 1.0;
        (1..=4).contains(&part.len()).then_some(())?;
        Some(f64::from(u16::from_str_radix(part, 16).ok()?) / most)
    });
    let (red, green, blue) = (parts.next()??, parts.next()??, parts.next()??);
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    Some(if luminance > 0.5 {
        Background::Light
    } else {
        Background::Dark
    })
}

/// What a key is to the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is none of it.
    Key,
    /// It is a part of it.
    Part,
    /// It was its last; whether the background has changed.
    Last(bool),
    /// What looked like an answer was typed: this is its text, to which the key belongs.
    Typed(String),
}

/// Looks for the terminal's answer among the keys.
#[derive(Default)]
pub(crate) struct Answer {
    /// When the terminal was asked; `None` when no answer is to come.
    asked: Option<Instant>,
    /// What there is of an answer that has begun.
    begun: Option<String>,
}

impl Answer {
    /// Looks at what has come.
    pub(crate) fn take(&mut self, event: &Event) -> Taken {
        if ASKED.swap(false, Ordering::Relaxed) {
            self.asked = Some(Instant::now());
        }
        let Some(asked) = self.asked else {
            return Taken::Key;
        };
        let Event::Key(KeyEvent { code, modifiers, .. }) = event else {
            return Taken::Key;
        };
        let Some(begun) = &mut self.begun else {
            // ESC ] is read as Alt-], the beginning of OSC.
            if (*code, *modifiers) == (KeyCode::Char(']'), KeyModifiers::ALT) && asked.elapsed() < PATIENCE {
                self.begun = Some(String::new());
                return Taken::Part;
            }
            return Taken::Key;
        };
        match (code, *modifiers) {
            // BEL is read as Ctrl-G, ESC \ as Alt-\.
            (KeyCode::Char('g'), KeyModifiers::CONTROL) | (KeyCode::Char('\\'), KeyModifiers::ALT) => {
                let found = parse(begun);
                *self = Answer::default();
                let before = background();
                if let Some(found) = found {
                    set(found);
                }
                Taken::Last(found.is_some_and(|found| found != before))
            }
            (KeyCode::Char(c), KeyModifiers::NONE | KeyModifiers::SHIFT)
                if begun.len() < LONGEST && belongs(begun, *c) =>
            {
                begun.push(*c);
                Taken::Part
            }
            _ => {
                let typed = self.begun.take().unwrap_or_default();
                Taken::Typed(typed)
            }
        }
    }
}

/// Whether that character may follow in an answer.
fn belongs(begun: &str, c: char) -> bool {
    const HEAD: &str = "11;rgb";
    match HEAD.as_bytes().get(begun.len()) {
        Some(expected) => c == char::from(*expected),
        None => c.is_ascii_hexdigit() || matches!(c, ':' | '/' | 'a'),
    }
}

/// The colours of the front end's own words: readable on this background.
pub(crate) struct Colours {
    pub(crate) error: Color,
    pub(crate) note: Color,
    pub(crate) hint: Color,
    /// Code in text.
    pub(crate) code: Color,
}

/// Those for the background as it is known now.
pub(crate) fn colours() -> Colours {
    match background() {
        // Yellow and cyan cannot be read on white.
        Background::Light => Colours {
            error: Color::Red,
            note: Color::Purple,
            hint: Color::Blue,
            code: Color::Blue,
        },
        Background::Dark | Background::Unknown => Colours {
            error: Color::Red,
            note: Color::Yellow,
            hint: Color::Cyan,
            code: Color::Cyan,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Event> {
        let mut keys = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let (code, modifiers) = match c {
                '\x1b' => (KeyCode::Char(rest.next().unwrap()), KeyModifiers::ALT),
                '\x07' => (KeyCode::Char('g'), KeyModifiers::CONTROL),
                c => (KeyCode::Char(c), KeyModifiers::NONE),
            };
            keys.push(Event::Key(KeyEvent::new(code, modifiers)));
        }
        keys
    }

    fn asked() -> Answer {
        Answer {
            asked: Some(Instant::now()),
            begun: None,
        }
    }

    fn left(answer: &mut Answer, text: &str) -> String {
        let mut left = String::new();
        for event in keys(text) {
            let key = || match &event {
                Event::Key(KeyEvent {
                    code: KeyCode::Char(c),
                    ..
                }) => *c,
                _ => '?',
            };
            match answer.take(&event) {
                Taken::Key => left.push(key()),
                Taken::Typed(typed) => {
                    left.push_str(&typed);
                    left.push(key());
                }
                Taken::Part | Taken::Last(_) => {}
            }
        }
        left
    }

    #[test]
    fn an_answer_is_taken_out_of_what_is_typed() {
        let check = |text: &str, expect: &str| {
            assert_eq!(left(&mut asked(), text), expect, "{text:?}");
        };
        check("1 +\x1b]11;rgb:ffff/ffff/ffff\x1b\\ 1", "1 + 1");
        check("ab\x1b]11;rgb:1e1e/1e1e/1e1e\x07cd", "abcd");
        check("x\x1b]11;rgba:0000/0000/0000/ffff\x07", "x");
        check("\x1b]11;foo", "11;foo");
        check("\x1b]y", "y");
        let mut answer = asked();
        left(&mut answer, "\x1b]11;rgb:ff/ff/ff\x07");
        assert_eq!(left(&mut answer, "\x1b]11;"), "]11;", "one answer is enough");
        assert_eq!(left(&mut Answer::default(), "\x1b]11;"), "]11;");
    }

    #[test]
    fn colours_say_whether_they_are_light() {
        assert_eq!(parse("11;rgb:ffff/ffff/ffff"), Some(Background::Light));
        assert_eq!(parse("11;rgb:fd/f6/e3"), Some(Background::Light));
        assert_eq!(parse("11;rgb:0000/2b2b/3636"), Some(Background::Dark));
        assert_eq!(parse("11;rgb:1/2/3"), Some(Background::Dark));
        assert_eq!(parse("11;rgba:ffff/ffff/ffff/ffff"), Some(Background::Light));
        for bad in [
            "",
            "11;",
            "11;rgb:",
            "11;rgb:1/2",
            "11;rgb:fffff/1/1",
            "11;rgb:-1/1/1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(colorfgbg("15;0"), Background::Dark);
        assert_eq!(colorfgbg("0;default;15"), Background::Light);
        assert_eq!(colorfgbg("default"), Background::Unknown);
    }
}

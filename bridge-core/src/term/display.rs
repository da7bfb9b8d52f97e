//! Terms as text for people, in Elixir's syntax, cut off where it gets long. It is not `inspect`: nothing parses it.

use std::fmt::{self, Write};

use super::{OpaqueKind, Term};

/// How many characters a term shows at most, unless the format asks for fewer or more by its precision.
const DEFAULT_LIMIT: usize = 2_000;

/// Elixir's syntax, at most 2,000 characters; `{:.80}` shows at most 80. What is cut off is marked by `...`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = f.precision().unwrap_or(DEFAULT_LIMIT);
        let mut out = Bounded {
            left: limit,
            text: String::new(),
        };
        match show(self, &mut out) {
            Ok(()) => f.write_str(&out.text),
            Err(fmt::Error) => write!(f, "{}...", out.text),
        }
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that fails once it is full.
struct Bounded {
    left: usize,
    text: String,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.write_char(character)?;
        }
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
        self.text.push(character);
        Ok(())
    }
}

/// A container half shown.
struct Level<'a> {
    of: Between,
    children: &'a [Term],
    shown: usize,
    close: &'static str,
}

/// What stands between the parts of a container.
#[derive(Clone, Copy, PartialEq)]
enum Between {
    Elements,
    /// Elements, and ` | ` before the last.
    Improper,
    /// `key: value` if all keys allow it, else `key => value`.
    Pairs {
        short: bool,
    },
}

fn show(term: &Term, out: &mut Bounded) -> fmt::Result {
    let mut stack: Vec<Level<'_>> = Vec::new();
    let mut term = term;
    loop {
        if let Some(level) = open(term, out)? {
            stack.push(level);
        }
        term = loop {
            let Some(level) = stack.last_mut() else {
                return Ok(());
            };
            match level.next(out)? {
                Some(next) => break next,
                None => {
                    out.write_str(level.close)?;
                    stack.pop();
                }
            }
        };
    }
}

impl<'a> Level<'a> {
    /// The next child to show, after what separates it from the one before.
    fn next(&mut self, out: &mut Bounded) -> Result<Option<&'a Term>, fmt::Error> {
        let Some(child) = self.children.get(self.shown) else {
            return Ok(None);
        };
        let is_last = self.shown + 1 == self.children.len();
        let separator = match self.of {
            _ if self.shown == 0 => "",
            Between::Improper if is_last => " | ",
            Between::Pairs { short: false } if self.shown % 2 == 1 => " => ",
            Between::Pairs { short: true } if self.shown % 2 == 1 => " ",
            _ => ", ",
        };
        out.write_str(separator)?;
        self.shown += 1;
        if self.of == (Between::Pairs { short: true }) && self.shown % 2 == 1 {
            if let Term::Atom(key) = child {
                show_key(key, out)?;
            }
            return self.next(out);
        }
        Ok(Some(child))
    }
}

/// Shows a leaf, or opens a container.
fn open<'a>(term: &'a Term, out: &mut Bounded) -> Result<Option<Level<'a>>, fmt::Error> {
    let children = term.children();
    let (start, of, close) = match term {
        Term::Int(value) => return write!(out, "{value}").map(|()| None),
        // The decimal form of a huge integer costs more than quadratic time; its size says as much.
        Term::BigInt(value) if value.bits() > 4_096 => {
            return write!(out, "#Integer<{} bits>", value.bits()).map(|()| None);
        }
        Term::BigInt(value) => return write!(out, "{value}").map(|()| None),
        Term::Float(value) => return show_float(*value, out).map(|()| None),
        Term::Atom(name) => return show_atom(name, out).map(|()| None),
        Term::Binary(bytes) => return show_binary(bytes, out).map(|()| None),
        Term::BitString { bytes, last_bits } => return show_bits(bytes, *last_bits, out).map(|()| None),
        Term::Opaque(kind, _) => return out.write_str(opaque(*kind)).map(|()| None),
        Term::List(_) => ("[", Between::Elements, "]"),
        Term::ImproperList(_) => ("[", Between::Improper, "]"),
        Term::Tuple(_) => ("{", Between::Elements, "}"),
        Term::Map(_) => {
            let short = children.iter().step_by(2).all(|key| matches!(key, Term::Atom(_)));
            ("%{", Between::Pairs { short }, "}")
        }
    };
    out.write_str(start)?;
    Ok(Some(Level {
        of,
        children,
        shown: 0,
        close,
    }))
}

fn opaque(kind: OpaqueKind) -> &'static str {
    match kind {
        OpaqueKind::Pid => "#PID<...>",
        OpaqueKind::Port => "#Port<...>",
        OpaqueKind::Reference => "#Reference<...>",
        OpaqueKind::Fun | OpaqueKind::Export => "#Function<...>",
        OpaqueKind::Record => "#Record<...>",
    }
}

/// Rust's shortest digits, with the `.0` that Elixir wants also before an exponent.
fn show_float(value: f64, out: &mut Bounded) -> fmt::Result {
    let text = format!("{value:?}");
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => write!(out, "{digits}.0e{exponent}"),
        _ => out.write_str(&text),
    }
}

fn show_atom(name: &str, out: &mut Bounded) -> fmt::Result {
    if matches!(name, "nil" | "true" | "false") {
        return out.write_str(name);
    }
    if let Some(alias) = name.strip_prefix("Elixir.")
        && alias
            .split('.')
            .all(|part| part.starts_with(|c: char| c.is_ascii_uppercase()) && is_word(part))
    {
        return out.write_str(alias);
    }
    out.write_char(':')?;
    if is_plain(name) {
        out.write_str(name)
    } else {
        show_quoted(name, out)
    }
}

fn show_key(name: &str, out: &mut Bounded) -> fmt::Result {
    if is_plain(name) {
        out.write_str(name)?;
    } else {
        show_quoted(name, out)?;
    }
    out.write_char(':')
}

/// Whether an atom needs no quotes; operators get some, which is right too.
fn is_plain(name: &str) -> bool {
    let word = name.strip_suffix(['?', '!']).unwrap_or(name);
    word.starts_with(|c: char| c == '_' || c.is_alphabetic()) && is_word(word)
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c == '_' || c.is_alphanumeric())
}

fn show_binary(bytes: &[u8], out: &mut Bounded) -> fmt::Result {
    match std::str::from_utf8(bytes) {
        Ok(text)
            if text
                .chars()
                .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')) =>
        {
            show_quoted(text, out)
        }
        _ => show_bits(bytes, 8, out),
    }
}

fn show_quoted(text: &str, out: &mut Bounded) -> fmt::Result {
    out.write_char('"')?;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '#' if characters.peek() == Some(&'{') => out.write_str("\\#")?,
            control if control.is_control() => write!(out, "\\x{{{:X}}}", u32::from(control))?,
            other => out.write_char(other)?,
        }
    }
    out.write_char('"')
}

fn show_bits(bytes: &[u8], last_bits: u8, out: &mut Bounded) -> fmt::Result {
    out.write_str("<<")?;
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.write_str(", ")?;
        }
        if at + 1 == bytes.len() && (1..8).contains(&last_bits) {
            write!(out, "{}::size({last_bits})", byte >> (8 - last_bits))?;
        } else {
            write!(out, "{byte}")?;
        }
    }
    out.write_str(">>")
}

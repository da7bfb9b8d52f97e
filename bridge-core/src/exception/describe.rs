//! An exception of Python as PROTOCOL.md's `Exception`.
//!
//! It may be as hostile as it likes (its `__str__` may raise, its class may lie, its causes may be a ring, its message
//! may be huge): something is written in any case, and it is bounded.

use pyo3::exceptions::{PyBaseException, PyRecursionError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple, PyType};

use super::headroom::Headroom;
use super::{Rendered, Teller, elixir_term};
use crate::marshal::{Result, encode_plain, lossy_text, type_name};
use crate::term::Writer;

/// How deep causes, contexts and groups are followed.
const DEPTH: usize = 8;

/// How many exceptions are told with one, itself included.
const MOST: usize = 64;

/// The longest message that is sent; of what is longer the rest is counted.
const MESSAGE_CHARACTERS: usize = 100_000;

/// The longest name of a class.
const NAME_CHARACTERS: usize = 1_000;

/// How many notes are sent.
const NOTES: usize = 100;

/// How many bases of a class are sent.
const BASES: usize = 1_000;

/// Writes an `Exception`. `step` is the step of a call at which it was raised.
pub(super) fn write(
    value: &Bound<'_, PyAny>,
    step: Option<usize>,
    teller: Teller<'_>,
    out: &mut Writer,
) -> Result<()> {
    Telling {
        teller,
        left: MOST,
        path: Vec::new(),
    }
    .exception(value, step, out)
}

struct Telling<'a, 'py> {
    teller: Teller<'a>,
    /// How many more exceptions may be told.
    left: usize,
    /// Those inside of which the next one is told.
    path: Vec<Bound<'py, PyAny>>,
}

impl<'py> Telling<'_, 'py> {
    fn exception(&mut self, value: &Bound<'py, PyAny>, step: Option<usize>, out: &mut Writer) -> Result<()> {
        self.left = self.left.saturating_sub(1);
        self.path.push(value.clone());
        let written = self.fields(value, step, out);
        self.path.pop();
        written
    }

    fn fields(&mut self, value: &Bound<'py, PyAny>, step: Option<usize>, out: &mut Writer) -> Result<()> {
        let py = value.py();
        let class = value.get_type();
        // Where Python cannot call deeper any more, it could not say so either.
        let mut headroom = value
            .is_instance_of::<PyRecursionError>()
            .then(|| Headroom::take(py));
        let mut rendered = (self.teller.render)(value);
        if rendered.is_none() && headroom.is_none() {
            headroom = Some(Headroom::take(py));
            rendered = (self.teller.render)(value);
        }
        let bases = bases(&class);
        let message = message(value);
        let name = text(&class, intern!(py, "__qualname__"));
        let name = bounded(name.unwrap_or_else(|| "Exception".to_owned()), NAME_CHARACTERS);
        let Rendered(rendered, frames, hint) =
            rendered.unwrap_or_else(|| Rendered(format!("{name}: {message}\n"), PyList::empty(py), None));
        let fields = 10
            + usize::from(hint.is_some())
            + usize::from(step.is_some())
            + usize::from(self.teller.refs.is_some());
        out.map_header(fields)?;
        out.atom("class")?;
        out.binary(name.as_bytes())?;
        out.atom("module")?;
        match text(&class, intern!(py, "__module__")) {
            Some(module) => out.binary(bounded(module, NAME_CHARACTERS).as_bytes())?,
            None => out.atom("nil")?,
        }
        out.atom("message")?;
        out.binary(message.as_bytes())?;
        out.atom("mro")?;
        texts(&bases, out)?;
        out.atom("text")?;
        out.binary(rendered.as_bytes())?;
        out.atom("traceback")?;
        let start = out.position();
        if encode_plain(&frames, &is_frame_key, out).is_err() {
            out.rewind(start);
            out.nil();
        }
        out.atom("notes")?;
        texts(&notes(value), out)?;
        out.atom("cause")?;
        let cause = value.getattr(intern!(py, "__cause__")).ok();
        self.other(cause.as_ref(), out)?;
        out.atom("context")?;
        // Told where Python would print it: not behind `raise .. from ..`.
        let suppressed = value
            .getattr(intern!(py, "__suppress_context__"))
            .and_then(|suppressed| suppressed.is_truthy());
        let context = match suppressed {
            Ok(false) => value.getattr(intern!(py, "__context__")).ok(),
            _ => None,
        };
        self.other(context.as_ref(), out)?;
        out.atom("group")?;
        self.group(&members(value, &bases), out)?;
        if let Some(hint) = hint {
            out.atom("hint")?;
            out.binary(hint.as_bytes())?;
        }
        if let Some(step) = step {
            out.atom("step")?;
            out.u64(step as u64);
        }
        if let Some(refs) = self.teller.refs {
            out.atom("ref")?;
            out.tuple_header(3)?;
            out.atom("$ref")?;
            out.u64(refs.hold(value));
            out.binary(type_name(class.as_any()).as_bytes())?;
        }
        drop(headroom);
        Ok(())
    }

    /// Writes a cause or context, or nil where there is none to be told.
    fn other(&mut self, value: Option<&Bound<'py, PyAny>>, out: &mut Writer) -> Result<()> {
        let start = out.position();
        if let Some(value) = value
            && self.is_told(value)
        {
            // An error of Elixir is told as it was.
            if let Some(term) = elixir_term(value) {
                out.raw(term.get().term());
                return Ok(());
            }
            if self.exception(value, None, out).is_ok() {
                return Ok(());
            }
        }
        out.rewind(start);
        Ok(out.atom("nil")?)
    }

    /// Writes the exceptions of a group.
    fn group(&mut self, members: &[Bound<'py, PyAny>], out: &mut Writer) -> Result<()> {
        let mut written = Vec::new();
        for member in members {
            if !self.is_told(member) {
                continue;
            }
            let mut one = Writer::fragment();
            self.other(Some(member), &mut one)?;
            written.push(one.into_bytes());
        }
        out.list_header(written.len())?;
        for member in &written {
            out.raw(member);
        }
        out.nil();
        Ok(())
    }

    fn is_told(&self, value: &Bound<'py, PyAny>) -> bool {
        value.is_instance_of::<PyBaseException>()
            && self.left > 0
            && self.path.len() <= DEPTH
            && !self.path.iter().any(|outer| outer.is(value))
    }
}

/// `str(exception)`, whatever that does, and bounded.
pub fn message(value: &Bound<'_, PyAny>) -> String {
    match value.str().and_then(|text| lossy_text(&text)) {
        Ok(message) => bounded(message, MESSAGE_CHARACTERS),
        Err(_) => "<the exception's own __str__ failed>".to_owned(),
    }
}

/// The classes in which Python looks for what an exception has, nearest first, whatever its metaclass says.
fn bases(class: &Bound<'_, PyType>) -> Vec<String> {
    let py = class.py();
    let found = py
        .get_type::<PyType>()
        .getattr(intern!(py, "__dict__"))
        .and_then(|members| members.get_item(intern!(py, "__mro__")))
        .and_then(|mro| mro.call_method1(intern!(py, "__get__"), (class,)));
    match found.as_ref().map(|mro| mro.cast::<PyTuple>()) {
        Ok(Ok(mro)) => mro
            .iter_borrowed()
            .take(BASES)
            .map(|class| bounded(type_name(&class), 2 * NAME_CHARACTERS))
            .collect(),
        _ => Vec::new(),
    }
}

/// The exceptions of an exception group: Python's own from 3.11 on, before that those of its backport.
fn members<'py>(value: &Bound<'py, PyAny>, bases: &[String]) -> Vec<Bound<'py, PyAny>> {
    let is_group = bases.iter().any(|base| {
        matches!(
            base.as_str(),
            "builtins.BaseExceptionGroup" | "exceptiongroup.BaseExceptionGroup"
        )
    });
    if !is_group {
        return Vec::new();
    }
    match value.getattr(intern!(value.py(), "exceptions")) {
        Ok(members) => members
            .cast::<PyTuple>()
            .map(|members| members.iter().take(MOST).collect())
            .unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

fn notes(value: &Bound<'_, PyAny>) -> Vec<String> {
    let Ok(Some(notes)) = value.getattr_opt(intern!(value.py(), "__notes__")) else {
        return Vec::new();
    };
    let text = |note: Bound<'_, PyAny>| {
        let text = note.str().and_then(|text| lossy_text(&text));
        text.ok().map(|text| bounded(text, MESSAGE_CHARACTERS))
    };
    match notes.cast::<PyList>() {
        Ok(list) => (0..list.len().min(NOTES))
            .filter_map(|index| text(list.get_item(index).ok()?))
            .collect(),
        Err(_) => match notes.cast::<PyTuple>() {
            Ok(tuple) => tuple.iter().take(NOTES).filter_map(text).collect(),
            Err(_) => Vec::new(),
        },
    }
}

fn text(class: &Bound<'_, PyType>, name: &Bound<'_, PyString>) -> Option<String> {
    lossy_text(class.getattr(name).ok()?.cast::<PyString>().ok()?).ok()
}

fn texts(texts: &[String], out: &mut Writer) -> Result<()> {
    out.list_header(texts.len())?;
    for text in texts {
        out.binary(text.as_bytes())?;
    }
    out.nil();
    Ok(())
}

/// The text up to a length, and how much was left out.
fn bounded(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        let left_out = text[end..].chars().count();
        text.truncate(end);
        text.push_str(&format!("... ({left_out} more characters)"));
    }
    text
}

fn is_frame_key(key: &str) -> bool {
    matches!(key, "file" | "line" | "name" | "source")
}

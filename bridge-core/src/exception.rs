//! Failures as PROTOCOL.md's "Errors": Python's exceptions with all that a reader of them needs, errors of Elixir that
//! crossed Python as they were, and the bridge's own refusals.
//!
//! An exception may be as hostile as it likes (its `__str__` may raise, its causes may be a ring): something is
//! written in any case, and it is bounded.

use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use pyo3::{create_exception, intern};

use crate::marshal::{ElixirTerm, Failure, Refusal, encode_plain, lossy_text, type_name};
use crate::term::{Error, Reader, Writer};

create_exception!(
    snakebridge,
    ElixirError,
    PyException,
    "An error of Elixir code that Python called. `kind` is error, exit or throw; `reason` is what was raised."
);
create_exception!(
    snakebridge,
    BridgeError,
    PyRuntimeError,
    "The bridge refused. `reason` is its short name; `hint` may say what to do."
);

/// Why the bridge may refuse. The protocol has no others, and Python code can set an exception's attributes: what is
/// written as an atom must come from here.
const REASONS: [&str; 9] = [
    "bad_message",
    "unknown_op",
    "version",
    "not_convertible",
    "too_deep",
    "ref_gone",
    "interrupted",
    "eof",
    "unavailable",
];

/// How many exceptions of a chain of causes and contexts are told.
const CHAIN: usize = 8;

/// The longest message that is sent; what is longer is cut.
const MESSAGE_CHARACTERS: usize = 100_000;

/// Renders a traceback: its text as Python prints it, and its frames.
pub type Render<'a> = &'a dyn for<'py> Fn(&Bound<'py, PyAny>) -> Option<(String, Bound<'py, PyList>)>;

/// Makes the exception that carries an error of Elixir through Python. `error` is the encoded `{elixir, ..}`.
pub fn elixir_error(py: Python<'_>, error: &[u8], kind: &str, reason: Bound<'_, PyAny>, text: &str) -> PyErr {
    let exception = ElixirError::new_err(text.to_owned());
    let value = exception.value(py);
    // An exception takes attributes; where it did not, it would still carry its message.
    let _ = value.setattr(intern!(py, "kind"), kind);
    let _ = value.setattr(intern!(py, "reason"), reason);
    // In an object that Python code can neither make nor change: it is sent back as it is.
    let _ = value.setattr(intern!(py, "_term"), ElixirTerm::new(error));
    exception
}

/// Makes the exception by which Python code hears of a refusal.
pub fn bridge_error(py: Python<'_>, reason: &str, message: &str, hint: Option<&str>) -> PyErr {
    let text = match hint {
        Some(hint) => format!("{message}\nhint: {hint}"),
        None => message.to_owned(),
    };
    let exception = BridgeError::new_err(text);
    let value = exception.value(py);
    let _ = value.setattr(intern!(py, "reason"), reason);
    let _ = value.setattr(intern!(py, "message"), message);
    let _ = value.setattr(intern!(py, "hint"), hint);
    exception
}

impl Failure {
    /// The failure as an exception, for Python code.
    pub fn into_pyerr(self, py: Python<'_>) -> PyErr {
        match self {
            Failure::Python(error) => error,
            Failure::Bridge(Refusal {
                reason,
                message,
                hint,
            }) => bridge_error(py, reason, &message, hint.as_deref()),
        }
    }
}

/// Writes an `Error` of the protocol. `step` is the step of a call at which it happened.
pub fn write_failure(
    py: Python<'_>,
    failure: &Failure,
    step: Option<usize>,
    render: Render<'_>,
    out: &mut Writer,
) -> Result<(), Error> {
    let start = out.position();
    let error = match failure {
        Failure::Bridge(refusal) => {
            return write_refusal(refusal.reason, &refusal.message, refusal.hint.as_deref(), out);
        }
        Failure::Python(error) => error,
    };
    let value = error.value(py).as_any();
    // Before Python 3.12 the traceback travels beside its exception, which gets it only when it is caught by code.
    if let Some(traceback) = error.traceback(py) {
        let _ = value.setattr(intern!(py, "__traceback__"), traceback);
    }
    if value.get_type().is(py.get_type::<ElixirError>())
        && let Ok(term) = value.getattr(intern!(py, "_term"))
        && let Ok(term) = term.cast_exact::<ElixirTerm>()
        && is_elixir_error(term.get().term())
    {
        out.raw(term.get().term());
        return Ok(());
    }
    if value.get_type().is(py.get_type::<BridgeError>()) {
        let text = |name: &str| {
            value
                .getattr(name)
                .ok()
                .and_then(|text| text.extract::<String>().ok())
        };
        if let (Some(reason), Some(message)) = (text("reason"), text("message")) {
            let reason = REASONS.into_iter().find(|known| *known == reason);
            return write_refusal(
                reason.unwrap_or("unavailable"),
                &message,
                text("hint").as_deref(),
                out,
            );
        }
    }
    out.tuple_header(2)?;
    out.atom("python")?;
    if write_exception(value, step, render, 0, out).is_err() {
        out.rewind(start);
        return write_refusal(
            "unavailable",
            "an exception was raised that cannot be described",
            None,
            out,
        );
    }
    Ok(())
}

/// Writes `{bridge, Reason, Message, Hint}`.
pub fn write_refusal(reason: &str, message: &str, hint: Option<&str>, out: &mut Writer) -> Result<(), Error> {
    out.tuple_header(4)?;
    out.atom("bridge")?;
    out.atom(reason)?;
    out.binary(message.as_bytes())?;
    match hint {
        Some(hint) => out.binary(hint.as_bytes()),
        None => out.atom("nil"),
    }
}

/// Whether a term is `{elixir, Kind, Reason, Text}`: code may have put another one of Elixir's into the exception.
fn is_elixir_error(term: &[u8]) -> bool {
    let mut reader = Reader::fragment(term);
    reader.expect_tuple(4).is_ok() && reader.expect_atom().is_ok_and(|tag| tag == "elixir")
}

/// Whether the failure is an interrupt.
pub fn is_interrupt(py: Python<'_>, failure: &Failure) -> bool {
    matches!(failure, Failure::Python(error) if error.is_instance_of::<PyKeyboardInterrupt>(py))
}

fn write_exception(
    value: &Bound<'_, PyAny>,
    step: Option<usize>,
    render: Render<'_>,
    depth: usize,
    out: &mut Writer,
) -> crate::marshal::Result<()> {
    let py = value.py();
    let class = value.get_type();
    let message = message(value);
    let rendered = render(value);
    let fields = 9 + usize::from(step.is_some());
    out.map_header(fields)?;
    out.atom("class")?;
    let text = |name: &Bound<'_, PyString>| -> Option<String> {
        lossy_text(class.getattr(name).ok()?.cast::<PyString>().ok()?).ok()
    };
    let name = text(intern!(py, "__qualname__")).unwrap_or_else(|| "Exception".to_owned());
    out.binary(name.as_bytes())?;
    out.atom("module")?;
    out.binary(text(intern!(py, "__module__")).unwrap_or_default().as_bytes())?;
    out.atom("message")?;
    out.binary(message.as_bytes())?;
    out.atom("mro")?;
    let mro = class.getattr(intern!(py, "__mro__"))?;
    let mro = mro.cast::<PyTuple>().map_err(PyErr::from)?;
    out.list_header(mro.len())?;
    for class in mro.iter_borrowed() {
        out.binary(type_name(&class).as_bytes())?;
    }
    out.nil();
    out.atom("text")?;
    match &rendered {
        Some((text, _)) => out.binary(text.as_bytes())?,
        None => out.binary(format!("{name}: {message}\n").as_bytes())?,
    }
    out.atom("traceback")?;
    let start = out.position();
    let frames = rendered
        .map(|(_, frames)| frames)
        .unwrap_or_else(|| PyList::empty(py));
    if encode_plain(&frames, &is_frame_key, out).is_err() {
        out.rewind(start);
        out.nil();
    }
    out.atom("notes")?;
    let notes = notes(value);
    out.list_header(notes.len())?;
    for note in notes {
        out.binary(note.as_bytes())?;
    }
    out.nil();
    for (name, attribute) in [
        ("cause", intern!(py, "__cause__")),
        ("context", intern!(py, "__context__")),
    ] {
        out.atom(name)?;
        match value.getattr(attribute) {
            Ok(other) if !other.is_none() && depth < CHAIN && is_told(value, name) => {
                let start = out.position();
                if write_exception(&other, None, render, depth + 1, out).is_err() {
                    out.rewind(start);
                    out.atom("nil")?;
                }
            }
            _ => out.atom("nil")?,
        }
    }
    if let Some(step) = step {
        out.atom("step")?;
        out.u64(step as u64);
    }
    Ok(())
}

/// A context is told where Python would print it: not behind `raise .. from ..`.
fn is_told(value: &Bound<'_, PyAny>, name: &str) -> bool {
    name == "cause"
        || value
            .getattr(intern!(value.py(), "__suppress_context__"))
            .and_then(|suppressed| suppressed.is_truthy())
            .is_ok_and(|suppressed| !suppressed)
}

fn is_frame_key(key: &str) -> bool {
    matches!(key, "file" | "line" | "name" | "source")
}

fn message(value: &Bound<'_, PyAny>) -> String {
    let mut message = match value.str().and_then(|text| lossy_text(&text)) {
        Ok(message) => message,
        Err(_) => "<the exception's own __str__ failed>".to_owned(),
    };
    if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARACTERS) {
        message.truncate(end);
        message.push('…');
    }
    message
}

fn notes(value: &Bound<'_, PyAny>) -> Vec<String> {
    let py = value.py();
    let Ok(Some(notes)) = value.getattr_opt(intern!(py, "__notes__")) else {
        return Vec::new();
    };
    let Ok(notes) = notes.cast_into::<PyList>() else {
        return Vec::new();
    };
    (0..notes.len().min(100))
        .filter_map(|index| {
            notes
                .get_item(index)
                .ok()?
                .str()
                .and_then(|text| lossy_text(&text))
                .ok()
        })
        .collect()
}

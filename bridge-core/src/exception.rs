//! Failures as PROTOCOL.md's "Errors": Python's exceptions with all that a reader of them needs, errors of Elixir that
//! crossed Python as they were, and the bridge's own refusals.
//!
//! What of an exception is told, and how much, is decided in [`describe`].

mod describe;
mod headroom;

use std::sync::Arc;

use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{create_exception, ffi, intern};

use crate::marshal::pin::Pin;
use crate::marshal::{ElixirTerm, Failure, Refusal};
use crate::refs::Refs;
use crate::term::{Error, Reader, Writer};

pub use describe::message;

create_exception!(
    snakebridge,
    ElixirError,
    PyException,
    "An error of Elixir code that Python called. `kind` is error, exit or throw; `reason` is what was raised; `message` is \
     its text."
);
create_exception!(
    snakebridge,
    BridgeError,
    PyRuntimeError,
    "The bridge refused. `reason` is its short name; `hint` may say what to do."
);

/// Why the bridge may refuse. The protocol has no others, and Python code can set an exception's attributes: what is
/// written as an atom must come from here.
const REASONS: [&str; 11] = [
    "bad_message",
    "unknown_op",
    "version",
    "not_convertible",
    "too_deep",
    "ref_gone",
    INTERRUPTED,
    "eof",
    "unavailable",
    "worker_died",
    "timeout",
];

/// In Python this one is a `KeyboardInterrupt`.
const INTERRUPTED: &str = "interrupted";

/// An exception as the worker's Python half shows it.
#[derive(Debug, FromPyObject)]
pub struct Rendered<'py>(
    /// The traceback as Python prints it.
    pub String,
    /// Its frames, as the protocol has them.
    pub Bound<'py, PyList>,
    /// What to do about it.
    pub Option<String>,
);

/// What the telling of exceptions needs of the worker.
#[derive(Clone, Copy)]
pub struct Teller<'a> {
    /// Shows an exception.
    pub render: &'a dyn for<'py> Fn(&Bound<'py, PyAny>) -> Option<Rendered<'py>>,
    /// Where exceptions are held for the peer, if it releases what nobody holds any more.
    pub refs: Option<&'a Refs>,
}

impl std::fmt::Debug for Teller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Teller")
            .field("refs", &self.refs)
            .finish_non_exhaustive()
    }
}

/// Makes the exception that carries an error of Elixir through Python. `error` is the encoded `{elixir, ..}`, `pin` what
/// keeps it whole, `trace` where in Elixir it was raised.
pub fn elixir_error(
    py: Python<'_>,
    error: &[u8],
    pin: Option<Arc<Pin>>,
    kind: &str,
    reason: Bound<'_, PyAny>,
    text: &str,
    trace: &[String],
) -> PyErr {
    let exception = ElixirError::new_err(text.to_owned());
    let value = exception.value(py);
    // An exception takes attributes; where it did not, it would still carry its message.
    let _ = value.setattr(intern!(py, "kind"), kind);
    let _ = value.setattr(intern!(py, "reason"), reason);
    let _ = value.setattr(intern!(py, "message"), text);
    if !trace.is_empty() {
        // What Python prints below an exception; `add_note` came with Python 3.11.
        let note = format!("in Elixir:\n    {}", trace.join("\n    "));
        let _ = value.setattr(intern!(py, "__notes__"), [note]);
    }
    // In an object that Python code can neither make nor change: it is sent back as it is.
    let _ = value.setattr(intern!(py, "_term"), ElixirTerm::new(error, pin));
    exception
}

/// Makes the exception by which Python code hears of a refusal.
pub fn bridge_error(py: Python<'_>, reason: &str, message: &str, hint: Option<&str>) -> PyErr {
    let text = match hint {
        Some(hint) => format!("{message}\nhint: {hint}"),
        None => message.to_owned(),
    };
    told(py, BridgeError::new_err(text), reason, message, hint)
}

/// Makes the exception by which Python code hears that what it called in Elixir was interrupted.
pub fn interrupt(py: Python<'_>, message: &str, hint: Option<&str>) -> PyErr {
    told(py, PyKeyboardInterrupt::new_err(()), INTERRUPTED, message, hint)
}

fn told(py: Python<'_>, exception: PyErr, reason: &str, message: &str, hint: Option<&str>) -> PyErr {
    let value = exception.value(py);
    let _ = value.setattr(intern!(py, "reason"), reason);
    let _ = value.setattr(intern!(py, "message"), message);
    let _ = value.setattr(intern!(py, "hint"), hint);
    exception
}

/// The refusal that an exception carries through Python: its reason, message and hint.
fn refusal(value: &Bound<'_, PyAny>) -> Option<(&'static str, String, Option<String>)> {
    let (py, class) = (value.py(), value.get_type());
    let is_interrupt = class.is(py.get_type::<PyKeyboardInterrupt>());
    if !is_interrupt && !class.is(py.get_type::<BridgeError>()) {
        return None;
    }
    let text = |name: &str| value.getattr(name).ok()?.extract::<String>().ok();
    let (reason, message) = (text("reason")?, text("message")?);
    let reason = match is_interrupt {
        true => INTERRUPTED,
        false => REASONS
            .into_iter()
            .find(|known| *known == reason)
            .unwrap_or("unavailable"),
    };
    Some((reason, message, text("hint")))
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
    teller: Teller<'_>,
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
    // Before Python 3.12 the traceback travels beside its exception, which gets it only when it is caught by code; what
    // the exception has until then is of an earlier catch.
    let traceback = error.traceback(py);
    let traceback = traceback.map_or_else(|| py.None().into_bound(py), Bound::into_any);
    // SAFETY: both are alive, the first is an exception, and the second a traceback or None.
    unsafe { ffi::PyException_SetTraceback(value.as_ptr(), traceback.as_ptr()) };
    if let Some(term) = elixir_term(value) {
        out.raw(term.get().term());
        return Ok(());
    }
    if let Some((reason, message, hint)) = refusal(value) {
        return write_refusal(reason, &message, hint.as_deref(), out);
    }
    out.tuple_header(2)?;
    out.atom("python")?;
    if describe::write(value, step, teller, out).is_err() {
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

/// The `{elixir, ..}` that an exception carries through Python, as it was.
fn elixir_term<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, ElixirTerm>> {
    let py = value.py();
    if !value.get_type().is(py.get_type::<ElixirError>()) {
        return None;
    }
    let term = value.getattr(intern!(py, "_term")).ok()?;
    let term = term.cast_into_exact::<ElixirTerm>().ok()?;
    is_elixir_error(term.get().term()).then_some(term)
}

/// Whether a term is `{elixir, Kind, Reason, Text, Trace}`: code may have put another one of Elixir's into the exception.
fn is_elixir_error(term: &[u8]) -> bool {
    let mut reader = Reader::fragment(term);
    reader.expect_tuple(5).is_ok() && reader.expect_atom().is_ok_and(|tag| tag == "elixir")
}

/// Whether the failure is an interrupt.
pub fn is_interrupt(py: Python<'_>, failure: &Failure) -> bool {
    matches!(failure, Failure::Python(error) if error.is_instance_of::<PyKeyboardInterrupt>(py))
}

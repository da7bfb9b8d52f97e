//! What an error of Elixir is in Python: of what kind, with which term, and the very exception where it was Python's.
//!
//! It raises nothing itself and waits for nothing.

use std::borrow::Cow;
use std::sync::Arc;

use bridge_core::exception::{bridge_error, elixir_error, interrupt, message as message_of};
use bridge_core::marshal::pin::{self, Pin};
use bridge_core::marshal::{self, Decoder};
use bridge_core::term::{Reader, Term, Writer};
use pyo3::exceptions::{PyBaseException, PyEOFError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::started;
use crate::lane::Lane;
use crate::threads;
use crate::worker::Worker;

/// The exception that an error of Elixir is in Python. It comes as the field `error` of a struct, like any argument.
#[pyfunction]
pub(crate) fn exception(py: Python<'_>, carrier: &Bound<'_, marshal::ElixirTerm>) -> PyResult<Py<PyAny>> {
    let worker = started()?;
    let lane = threads::served_lane(py).map(|(lane, _)| lane);
    let error = carrier.get().field("error");
    let raised = error
        .zip(lane)
        .map(|(error, lane)| raised(py, worker, &lane, &mut Reader::fragment(error)));
    match raised {
        Some(error) => Ok(error.into_value(py).into_any()),
        None => Err(pyo3::exceptions::PyValueError::new_err(
            "this is no error of a caller",
        )),
    }
}

/// What an error answer raises in Python.
pub(super) fn raised(py: Python<'_>, worker: &Worker, lane: &Lane, reader: &mut Reader<'_>) -> PyErr {
    let Ok(raw) = reader.skip() else {
        return unavailable(py, "Elixir answered with an error that cannot be read", "");
    };
    let (raw, pin) = unpinned(raw);
    let Ok(error) = Term::read(&mut Reader::fragment(&raw)) else {
        return unavailable(py, "Elixir answered with an error that cannot be read", "");
    };
    let text = |term: &Term| {
        term.as_str()
            .map(str::to_owned)
            .unwrap_or_else(|| format!("{term:.500}"))
    };
    match error.as_tuple() {
        Some([tag, kind, _, message, trace]) if tag.as_atom() == Some("elixir") => {
            let reason = reason(py, worker, &raw, pin.as_ref()).unwrap_or_else(|| py.None().into_bound(py));
            let kind = kind.as_atom().unwrap_or("error");
            let trace = trace.as_list().unwrap_or_default();
            let trace: Vec<String> = trace.iter().map(text).collect();
            elixir_error(py, &raw, pin, kind, reason, &text(message), &trace)
        }
        Some([tag, reason, message, hint]) if tag.as_atom() == Some("bridge") => {
            let reason = reason.as_atom().unwrap_or("unavailable");
            match reason {
                "eof" => PyEOFError::new_err(text(message)),
                "interrupted" => interrupt(py, &text(message), hint.as_str()),
                reason => bridge_error(py, reason, &text(message), hint.as_str()),
            }
        }
        Some([tag, exception]) if tag.as_atom() == Some("python") => {
            python_error(py, worker, lane, exception)
        }
        _ => unavailable(
            py,
            &format!("Elixir answered with an error of no known kind: {error:.200}"),
            "",
        ),
    }
}

/// `{elixir, Kind, Reason, Text, Trace}` with the reason itself where that is pinned, and its pin. Other errors as they are.
fn unpinned(raw: &[u8]) -> (Cow<'_, [u8]>, Option<Arc<Pin>>) {
    let rewritten = || {
        let [tag, kind, reason, text, trace] = parts(raw)?;
        let (reason, Some(pin)) = pin::unwrap(reason) else {
            return None;
        };
        let mut out = Writer::fragment();
        out.tuple_header(5).ok()?;
        for part in [tag, kind, reason, text, trace] {
            out.raw(part);
        }
        Some((out.into_bytes(), pin))
    };
    match rewritten() {
        Some((bytes, pin)) => (Cow::Owned(bytes), Some(pin)),
        None => (Cow::Borrowed(raw), None),
    }
}

fn parts(raw: &[u8]) -> Option<[&[u8]; 5]> {
    let mut reader = Reader::fragment(raw);
    reader.expect_tuple(5).ok()?;
    let mut part = || reader.skip().ok();
    Some([part()?, part()?, part()?, part()?, part()?])
}

/// The third part of `{elixir, Kind, Reason, Text, Trace}`, as Python sees it.
fn reason<'py>(
    py: Python<'py>,
    worker: &Worker,
    raw: &[u8],
    pin: Option<&Arc<Pin>>,
) -> Option<Bound<'py, PyAny>> {
    let [_, _, encoded, _, _] = parts(raw)?;
    let decoder = Decoder::new(py, &worker.refs).pinned(pin);
    let value = decoder.value(&mut Reader::fragment(encoded));
    Some(value.unwrap_or_else(|_| {
        Bound::new(py, marshal::ElixirTerm::new(encoded, pin.cloned()))
            .map_or_else(|_| py.None().into_bound(py), Bound::into_any)
    }))
}

/// An exception of Python that went through Elixir: the very object that its ref holds, or that this wait has seen
/// leave; else one of the nearest builtin class.
fn python_error(py: Python<'_>, worker: &Worker, lane: &Lane, exception: &Term) -> PyErr {
    let field = |name: &str| exception.get(name).and_then(Term::as_str).unwrap_or_default();
    if let Some(value) = exception
        .get("ref")
        .and_then(|term| held(py, worker, term))
        .filter(|value| value.is_instance_of::<PyBaseException>())
    {
        return PyErr::from_value(value);
    }
    let (class, text) = (field("class"), field("message"));
    if let Some(left) = lane.left(py) {
        let value = left.value(py);
        let same_class = value.get_type().qualname().is_ok_and(|name| name == class);
        if same_class && message_of(value) == text {
            return left;
        }
    }
    let message = match field("module") {
        "builtins" | "" => text.to_owned(),
        module => format!("{module}.{class}: {text}"),
    };
    let bases = exception.get("mro").and_then(Term::as_list).unwrap_or_default();
    let builtin = |name: &str| {
        let class = py.import("builtins").ok()?.getattr(name).ok()?;
        let class = class.cast_into::<PyType>().ok()?;
        if !class.is_subclass_of::<PyBaseException>().ok()? {
            return None;
        }
        // Some want more than a message.
        Some(PyErr::from_value(class.call1((&message,)).ok()?))
    };
    bases
        .iter()
        .filter_map(|base| builtin(base.as_str()?.strip_prefix("builtins.")?))
        .next()
        .unwrap_or_else(|| pyo3::exceptions::PyRuntimeError::new_err(message.clone()))
}

/// The object of a ref, if it is held.
fn held<'py>(py: Python<'py>, worker: &Worker, term: &Term) -> Option<Bound<'py, PyAny>> {
    let number = |name| term.get(name)?.as_u64();
    if number("worker")? != worker.refs.generation() {
        return None;
    }
    worker.refs.get(py, number("id")?)
}

/// Elixir cannot be asked.
pub(super) fn unavailable(py: Python<'_>, message: &str, hint: &str) -> PyErr {
    bridge_error(
        py,
        "unavailable",
        message,
        Some(hint).filter(|hint| !hint.is_empty()),
    )
}

//! What is printed and read while a call is served: Elixir's output and questions go to this thread's own `print` and
//! `input`, and `input` asks whoever this thread works for.

use pyo3::exceptions::PyEOFError;
use pyo3::intern;
use pyo3::prelude::*;

use bridge_core::term::Reader;
use bridge_core::wire::op;

use super::{started, wait};
use crate::conn::frame;
use crate::{io, message, shells, threads};

/// What Elixir prints while it serves a call of this thread.
pub(super) fn print(py: Python<'_>, reader: &mut Reader<'_>) -> PyResult<()> {
    let mut read = || -> Result<(bool, String), bridge_core::term::Error> {
        reader.expect_tuple(3)?;
        reader.skip()?;
        let is_error = reader.expect_atom()? == "stderr";
        Ok((
            is_error,
            String::from_utf8_lossy(reader.expect_binary()?).into_owned(),
        ))
    };
    match read() {
        Ok((is_error, text)) => {
            let name = if is_error {
                intern!(py, "stderr")
            } else {
                intern!(py, "stdout")
            };
            py.import(intern!(py, "sys"))?
                .getattr(name)?
                .call_method1(intern!(py, "write"), (text,))?;
        }
        Err(error) => io::fault(&format!("a stream event of Elixir: {error}")),
    }
    Ok(())
}

/// What Elixir asks while it serves a call of this thread: answered by this thread's own `input`.
pub(super) fn ask(py: Python<'_>, id: i64, reader: &mut Reader<'_>) -> Vec<u8> {
    let mut read = || -> Result<(String, bool), bridge_core::term::Error> {
        reader.expect_tuple(3)?;
        reader.skip()?;
        Ok((reader.expect_str()?.to_owned(), reader.expect_atom()? == "true"))
    };
    let (prompt, password) = match read() {
        Ok(read) => read,
        Err(error) => return message::refusal(id, "bad_message", &error.to_string(), None),
    };
    match input(py, &prompt, password) {
        Ok(line) => {
            let mut out = message::ok(Vec::new(), id);
            match out.binary(line.as_bytes()) {
                Ok(()) => out.into_bytes(),
                Err(error) => message::refusal(id, "not_convertible", &error.to_string(), None),
            }
        }
        Err(error) if error.is_instance_of::<PyEOFError>(py) => {
            message::refusal(id, "eof", "no more input", None)
        }
        Err(error) => {
            // What it is belongs to this thread: it is raised where the call to Elixir was made.
            let interrupted = error.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py);
            let reason = if interrupted { "interrupted" } else { "unavailable" };
            message::refusal(id, reason, &error.to_string(), None)
        }
    }
}

/// Asks the user for a line: on the lane that this thread serves, or on that of cells.
#[pyfunction]
#[pyo3(signature = (prompt = "", password = false))]
pub(crate) fn input(py: Python<'_>, prompt: &str, password: bool) -> PyResult<String> {
    let worker = started()?;
    let _inside = shells::Inside::enter(py, true);
    let (lane, cell) = match threads::served_lane(py) {
        Some((lane, cell)) => (lane, cell),
        None => match shells::of_this_thread().map(|shell| (shell.running_cell(), shell)) {
            Some((Some(cell), shell)) => (shell.lane.clone(), Some(cell)),
            _ => {
                return Err(pyo3::exceptions::PyRuntimeError::new_err(
                    "input() works where a cell or a call of Elixir runs, not in other threads or after its end",
                ));
            }
        },
    };
    crate::capture::drain(py, true)?;
    let id = lane.next_id();
    let mut out = frame(64 + prompt.len());
    out.raw(&[104, 4, 119, 3, b'r', b'e', b'q']);
    out.int(id);
    let written = (|| {
        out.atom(op::INPUT)?;
        out.tuple_header(3)?;
        match cell {
            Some(cell) => out.u64(cell),
            None => out.atom("nil")?,
        }
        out.binary(prompt.as_bytes())?;
        out.bool(password);
        Ok::<_, bridge_core::term::Error>(())
    })();
    written.map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
    let mut request = out.into_bytes();
    py.detach(|| lane.send(&mut request));
    let line = wait(py, worker, &lane, id)?;
    line.extract()
}

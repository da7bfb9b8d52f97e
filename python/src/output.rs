//! `sys.stdout` and `sys.stderr`: text goes into the buffer of the connection that it belongs to, and no further; the
//! I/O thread sends it soon, or the next message takes it along.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::marshal::lossy_text;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString};

use crate::capture::{self, whole_characters};
use crate::conn::{Stream, Waiting};
use crate::descriptors::forked;
use crate::threads;

/// One long text goes in pieces, between which the writer can be held back.
const PIECE: usize = 64 << 10;

/// In less time between two writes nothing has written to a descriptor: the system call alone takes about that long.
const BUSY: Duration = Duration::from_nanos(700);

/// A text stream, as `sys.stdout` is one. It takes attributes, because what copies output sets `write` on it.
#[pyclass(dict, frozen, module = "snakebridge._native")]
pub(crate) struct TextStream {
    stream: Stream,
}

/// The beginning of a character that was written to a stream as bytes.
static CHARACTERS: [Mutex<Vec<u8>>; 2] = [const { Mutex::new(Vec::new()) }; 2];

/// The beginning of a line that a forked child has written.
static LINES: [Mutex<Vec<u8>>; 2] = [const { Mutex::new(Vec::new()) }; 2];

fn tail(tails: &[Mutex<Vec<u8>>; 2], stream: Stream) -> MutexGuard<'_, Vec<u8>> {
    tails[stream as usize]
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Writes the beginnings of characters whose rest has not come: the cell that began them is over.
pub(crate) fn finish(py: Python<'_>) -> PyResult<()> {
    for stream in [Stream::Stdout, Stream::Stderr] {
        let rest = std::mem::take(&mut *tail(&CHARACTERS, stream));
        if !rest.is_empty() {
            TextStream { stream }.put(py, &String::from_utf8_lossy(&rest))?;
        }
    }
    Ok(())
}

#[pymethods]
impl TextStream {
    #[new]
    fn new(name: &str) -> PyResult<Self> {
        let stream = match name {
            "stdout" => Stream::Stdout,
            "stderr" => Stream::Stderr,
            other => {
                return Err(pyo3::exceptions::PyValueError::new_err(format!(
                    "no stream is called {other:?}"
                )));
            }
        };
        Ok(TextStream { stream })
    }

    /// Writes text; returns its length.
    fn write(&self, text: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = text.py();
        let Ok(string) = text.cast::<PyString>() else {
            let class = text.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "write() argument must be str, not {class}"
            )));
        };
        match string.to_str() {
            Ok(text) => self.put(py, text)?,
            Err(_) => self.put(py, &lossy_text(string)?)?,
        }
        string.len()
    }

    fn writelines(&self, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        for line in lines.try_iter()? {
            self.write(&line?)?;
        }
        Ok(())
    }

    fn flush(&self, py: Python<'_>) {
        if forked() {
            self.write_all(&mut tail(&LINES, self.stream));
        } else if let Some((conn, _)) = threads::destination(py) {
            conn.flush();
        }
    }

    fn isatty(&self) -> bool {
        false
    }

    fn fileno(&self) -> i32 {
        match self.stream {
            Stream::Stdout => 1,
            Stream::Stderr => 2,
        }
    }

    fn readable(&self) -> bool {
        false
    }

    fn writable(&self) -> bool {
        true
    }

    fn seekable(&self) -> bool {
        false
    }

    /// Does nothing: the stream belongs to the session.
    fn close(&self) {}

    #[pyo3(signature = (**_settings))]
    fn reconfigure(&self, _settings: Option<&Bound<'_, PyAny>>) {}

    #[getter]
    fn name(&self) -> String {
        format!("<{}>", self.stream.name())
    }

    #[getter]
    fn mode(&self) -> &'static str {
        "w"
    }

    #[getter]
    fn encoding(&self) -> &'static str {
        "utf-8"
    }

    #[getter]
    fn errors(&self) -> &'static str {
        "backslashreplace"
    }

    #[getter]
    fn newlines(&self) -> Option<String> {
        None
    }

    #[getter]
    fn line_buffering(&self) -> bool {
        false
    }

    #[getter]
    fn write_through(&self) -> bool {
        false
    }

    #[getter]
    fn closed(&self) -> bool {
        false
    }

    #[getter]
    fn buffer(slf: Bound<'_, Self>) -> ByteStream {
        ByteStream { text: slf.unbind() }
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __exit__(&self, _class: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _traceback: &Bound<'_, PyAny>) {}

    fn __repr__(&self) -> String {
        format!("<snakebridge {}>", self.stream.name())
    }
}

impl TextStream {
    fn put(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        if forked() {
            self.put_in_child(text.as_bytes());
            return Ok(());
        }
        catch_up(py)?;
        let Some((conn, cell)) = threads::destination(py) else {
            return Ok(());
        };
        let mut rest = text;
        while !rest.is_empty() {
            let mut end = rest.len().min(PIECE);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (piece, later) = rest.split_at(end);
            rest = later;
            match conn.write(cell, self.stream, piece) {
                Waiting::Known => {}
                Waiting::New => crate::io::wake_for_text(),
                Waiting::TooMuch => {
                    while conn.is_full() && !conn.is_closed() {
                        py.detach(|| conn.wait_to_send(Duration::from_millis(50)));
                        py.check_signals()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A forked child writes to the plain descriptor, by lines.
    fn put_in_child(&self, bytes: &[u8]) {
        let mut tail = tail(&LINES, self.stream);
        tail.extend_from_slice(bytes);
        if bytes.contains(&b'\n') || tail.len() > PIECE {
            self.write_all(&mut tail);
        }
    }

    fn write_all(&self, tail: &mut Vec<u8>) {
        let fd = match self.stream {
            Stream::Stdout => rustix::stdio::stdout(),
            Stream::Stderr => rustix::stdio::stderr(),
        };
        let mut rest = tail.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(fd, rest) {
                Ok(count) => rest = &rest[count..],
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        tail.clear();
    }
}

/// Has what C code and child processes have written since this thread's last write stand before what it writes now.
///
/// Looking costs several times what a write costs, so a loop that does nothing but print does not look.
fn catch_up(py: Python<'_>) -> PyResult<()> {
    thread_local! {
        static WRITTEN: Cell<Option<Instant>> = const { Cell::new(None) };
    }
    let now = Instant::now();
    let before = WRITTEN
        .try_with(|written| written.replace(Some(now)))
        .ok()
        .flatten();
    if before.is_some_and(|before| now.duration_since(before) < BUSY) {
        return Ok(());
    }
    let caught_up = capture::drain(py, false);
    let _ = WRITTEN.try_with(|written| written.set(Some(Instant::now())));
    caught_up
}

/// `sys.stdout.buffer`.
#[pyclass(frozen, module = "snakebridge._native")]
pub(crate) struct ByteStream {
    text: Py<TextStream>,
}

#[pymethods]
impl ByteStream {
    /// Writes bytes, which should be UTF-8; returns their number.
    fn write(&self, py: Python<'_>, bytes: &Bound<'_, PyAny>) -> PyResult<usize> {
        // Not `bytes(..)`: it would make five zero bytes of 5.
        let bytes = PyMemoryView::from(bytes)?.call_method0(intern!(py, "tobytes"))?;
        let bytes = bytes.cast::<PyBytes>()?.as_bytes();
        let stream = self.text.get();
        if forked() {
            stream.put_in_child(bytes);
            return Ok(bytes.len());
        }
        let text = {
            let mut tail = tail(&CHARACTERS, stream.stream);
            tail.extend_from_slice(bytes);
            let (text, rest) = whole_characters(&tail);
            let (text, rest) = (text.into_owned(), rest.to_vec());
            *tail = rest;
            text
        };
        stream.put(py, &text)?;
        Ok(bytes.len())
    }

    fn flush(&self, py: Python<'_>) {
        self.text.get().flush(py);
    }

    fn isatty(&self) -> bool {
        false
    }

    fn fileno(&self) -> i32 {
        self.text.get().fileno()
    }

    fn writable(&self) -> bool {
        true
    }

    fn readable(&self) -> bool {
        false
    }

    #[getter]
    fn closed(&self) -> bool {
        false
    }

    #[getter]
    fn raw(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }
}

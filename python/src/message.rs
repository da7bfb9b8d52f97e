//! The head of a message on a lane or control connection, read without building anything; and the answers.

use std::borrow::Cow;

use bridge_core::exception::write_refusal;
use bridge_core::term::{Error, Limits, Reader, Token, Writer, inflate};
use bridge_core::wire::MAX_FRAME_BYTES;

use crate::conn::{frame, frame_in};

/// What a message is; its body is the reader's next term.
#[derive(Debug)]
pub(crate) enum Head<'a> {
    Request { id: i64, op: Cow<'a, str> },
    Ok { id: i64 },
    Error { id: i64 },
    Event { op: Cow<'a, str> },
}

/// A frame that is no message; a request is answered if its id could be read.
#[derive(Debug)]
pub(crate) struct NoMessage {
    pub(crate) id: Option<i64>,
    pub(crate) reason: String,
}

impl NoMessage {
    /// The answer that is due; where no answer is possible, the host is told.
    pub(crate) fn answer(self) -> Vec<u8> {
        match self.id {
            Some(id) => refusal(id, "bad_message", &self.reason, None),
            None => {
                crate::io::fault(&self.reason);
                Vec::new()
            }
        }
    }
}

/// Reads the head of the message in a frame, and hands it on with the reader, which has the body before it.
pub(crate) fn read<T>(frame: &[u8], take: impl FnOnce(Result<(Head<'_>, Reader<'_>), NoMessage>) -> T) -> T {
    let no_term = |error: Error| NoMessage {
        id: None,
        reason: format!("a frame of {} bytes is no term: {error}", frame.len()),
    };
    let bytes = match inflate(frame, &Limits::default()) {
        Ok(bytes) => bytes,
        Err(error) => return take(Err(no_term(error))),
    };
    let mut reader = match Reader::new(&bytes) {
        Ok(reader) => reader,
        Err(error) => return take(Err(no_term(error))),
    };
    let mut id = None;
    match read_head(&mut reader, &mut id) {
        Ok(head) => take(Ok((head, reader))),
        Err(reason) => take(Err(NoMessage { id, reason })),
    }
}

fn read_head<'a>(reader: &mut Reader<'a>, found: &mut Option<i64>) -> Result<Head<'a>, String> {
    let text = |error: Error| format!("not a message: {error}");
    let size = match reader.token().map_err(text)? {
        Token::Tuple(size) => size,
        other => return Err(format!("not a message: {} instead of a tuple", other.kind())),
    };
    let tag = match size {
        3 | 4 => reader.expect_atom().map_err(text)?,
        _ => return Err(format!("not a message: a tuple of {size} parts")),
    };
    match (tag.as_ref(), size) {
        ("req", 4) => {
            let id = reader.expect_int().map_err(text)?;
            *found = Some(id);
            Ok(Head::Request {
                id,
                op: reader.expect_atom().map_err(text)?,
            })
        }
        ("ok", 3) => Ok(Head::Ok {
            id: reader.expect_int().map_err(text)?,
        }),
        ("error", 3) => Ok(Head::Error {
            id: reader.expect_int().map_err(text)?,
        }),
        ("ev", 3) => Ok(Head::Event {
            op: reader.expect_atom().map_err(text)?,
        }),
        (tag, size) => Err(format!("not a message: {{{tag}, ..}} of {size} parts")),
    }
}

/// Begins `{ok, Id, _}` in a buffer that is at hand; the value follows.
pub(crate) fn ok(buffer: Vec<u8>, id: i64) -> Writer {
    let mut out = frame_in(buffer);
    // The bytes of `{ok,`: nothing in them can fail.
    out.raw(&[104, 3, 119, 2, b'o', b'k']);
    out.int(id);
    out
}

/// Begins `{error, Id, _}`; the error follows.
pub(crate) fn error(buffer: Vec<u8>, id: i64) -> Writer {
    let mut out = frame_in(buffer);
    out.raw(&[104, 3, 119, 5, b'e', b'r', b'r', b'o', b'r']);
    out.int(id);
    out
}

/// A whole refusal.
pub(crate) fn refusal(id: i64, reason: &str, message: &str, hint: Option<&str>) -> Vec<u8> {
    let mut out = error(Vec::new(), id);
    // Fails only for an atom or binary that is too long, which neither can be.
    let _ = write_refusal(reason, message, hint, &mut out);
    out.into_bytes()
}

/// Whether a message fits a frame.
pub(crate) fn fits(out: &Writer) -> bool {
    out.position() <= MAX_FRAME_BYTES
}

/// A whole event whose body is written by `body`.
pub(crate) fn event(op: &str, body: impl FnOnce(&mut Writer) -> Result<(), Error>) -> Result<Vec<u8>, Error> {
    let mut out = frame(64);
    out.raw(&[104, 3, 119, 2, b'e', b'v']);
    out.atom(op)?;
    body(&mut out)?;
    Ok(out.into_bytes())
}

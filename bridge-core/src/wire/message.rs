//! The shapes of a message.

use super::frame::{HEADER_BYTES, frame_header};
use super::{Error, Failure, Hello};
use crate::term::{Term, Writer};

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The first one in each direction.
    Hello(Hello),
    /// A request.
    Req {
        /// Chosen by the sender.
        id: i64,
        /// See [`op`](super::op).
        op: String,
        /// What the operation takes.
        body: Term,
    },
    /// The answer to a request.
    Ok {
        /// The request's.
        id: i64,
        /// The answer.
        value: Term,
    },
    /// The answer to a request that could not be served; to a hello, id 0.
    Error {
        /// The request's.
        id: i64,
        /// Why.
        failure: Failure,
    },
    /// An event.
    Ev {
        /// See [`op`](super::op).
        op: String,
        /// What the operation takes.
        body: Term,
    },
}

/// A frame that is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    /// The request's id, where it is one and its id could be read: it can be answered.
    pub id: Option<i64>,
    /// What is wrong.
    pub reason: String,
}

impl Message {
    /// Reads a frame's bytes.
    ///
    /// # Errors
    /// [`Malformed`], which says whether an answer is possible.
    pub fn decode(frame: &[u8]) -> Result<Message, Malformed> {
        let reported = |reason| Malformed { id: None, reason };
        let term = Term::decode(frame)
            .map_err(|error| reported(format!("a frame of {} bytes is no term: {error}", frame.len())))?;
        Message::from_term(term)
    }

    /// Reads a term.
    ///
    /// # Errors
    /// [`Malformed`], which says whether an answer is possible.
    pub fn from_term(term: Term) -> Result<Message, Malformed> {
        let (tag, id) = match term.as_tuple() {
            Some([tag, second, ..]) => (tag.as_atom().unwrap_or_default().to_owned(), second.as_i64()),
            _ => (String::new(), None),
        };
        let malformed = |id, reason: &str| Malformed {
            id,
            reason: format!("{reason}: {term:.200}"),
        };
        // What is wrong is said before the term is taken apart.
        match (tag.as_str(), term.as_tuple().unwrap_or_default()) {
            ("req", [_, _, op, _]) if id.is_some() && op.as_atom().is_none() => {
                return Err(malformed(id, "a request without the name of an operation"));
            }
            ("ev", [_, op, _]) if op.as_atom().is_none() => {
                return Err(malformed(None, "an event without a name"));
            }
            ("hello", [_, version, info]) => {
                return Hello::from_terms(version, info)
                    .map(Message::Hello)
                    .map_err(|error| malformed(None, &error.to_string()));
            }
            ("req", [_, _, _, _]) | ("ok" | "error", [_, _, _]) if id.is_none() => {
                return Err(malformed(None, "an id that is no integer of 64 bits"));
            }
            ("req", [_, _, _, _]) | ("ok" | "error" | "ev", [_, _, _]) => {}
            _ => return Err(malformed(None, "no message")),
        }
        let Term::Tuple(parts) = term else {
            return Err(Malformed {
                id: None,
                reason: "no message".into(),
            });
        };
        let mut parts = Vec::from(parts).into_iter().skip(1);
        let mut next = || parts.next().unwrap_or_else(Term::nil);
        Ok(match (tag.as_str(), id, next()) {
            ("req", Some(id), _) => Message::Req {
                id,
                op: name(next()),
                body: next(),
            },
            ("ok", Some(id), _) => Message::Ok { id, value: next() },
            ("error", Some(id), _) => Message::Error {
                id,
                failure: Failure::from_term(next()),
            },
            (_, _, op) => Message::Ev {
                op: name(op),
                body: next(),
            },
        })
    }

    /// The message as a whole frame, header included.
    ///
    /// # Errors
    /// When it is too large, or holds what no term can.
    pub fn to_frame(&self) -> Result<Vec<u8>, Error> {
        let mut writer = Writer::append_to(vec![0; HEADER_BYTES]);
        match self {
            Message::Hello(hello) => writer.term(&hello.to_term())?,
            Message::Req { id, op, body } => {
                writer.tuple_header(4)?;
                writer.atom("req")?;
                writer.int(*id);
                writer.atom(op)?;
                writer.term(body)?;
            }
            Message::Ok { id, value } => {
                writer.tuple_header(3)?;
                writer.atom("ok")?;
                writer.int(*id);
                writer.term(value)?;
            }
            Message::Error { id, failure } => {
                writer.tuple_header(3)?;
                writer.atom("error")?;
                writer.int(*id);
                writer.term(&failure.to_term())?;
            }
            Message::Ev { op, body } => {
                writer.tuple_header(3)?;
                writer.atom("ev")?;
                writer.atom(op)?;
                writer.term(body)?;
            }
        }
        let mut frame = writer.into_bytes();
        let header = frame_header(frame.len() - HEADER_BYTES)?;
        frame[..HEADER_BYTES].copy_from_slice(&header);
        Ok(frame)
    }
}

/// The name that an atom is; [`Message::from_term`] has looked that it is one.
fn name(term: Term) -> String {
    match term {
        Term::Atom(name) => name,
        _ => String::new(),
    }
}

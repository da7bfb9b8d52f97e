//! Running a cell: the request, the events while it runs, the answer.

use super::comm::Comm;
use super::fields::{Fields, body, wrong};
use super::{Error, op};
use crate::term::Term;

/// The request to run a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execute {
    /// Its number.
    pub cell: u64,
    /// Its source.
    pub source: String,
    /// Whether it enters the language's own history.
    pub store_history: bool,
    /// Whether to show no result.
    pub silent: bool,
    /// For the BEAM: whether names of Python may exist.
    pub read: Option<bool>,
    /// How many columns the terminal has that shows the output, if one does.
    pub width: Option<u64>,
    /// Whether text may be coloured.
    pub colors: Option<bool>,
    /// For Python: the header of the message that the cell came with, as JSON text, for libraries that ask.
    pub parent: Option<String>,
    /// For Python: a message of a comm, which is delivered instead of running the source.
    pub comm: Option<Comm>,
    /// Names and sources of expressions to evaluate after a cell that went well.
    pub expressions: Vec<(String, String)>,
}

impl Execute {
    /// Reads the request's body.
    ///
    /// # Errors
    /// [`Error::Body`], as for all bodies below.
    pub fn from_term(term: &Term) -> Result<Execute, Error> {
        let fields = Fields::of(op::EXECUTE, term)?;
        Ok(Execute {
            cell: fields.u64("cell")?,
            source: fields.text("source")?,
            store_history: fields.bool("store_history")?,
            silent: fields.bool("silent")?,
            read: fields.get("read").map(|_| fields.bool("read")).transpose()?,
            width: fields.optional_u64("width")?,
            colors: fields.get("colors").map(|_| fields.bool("colors")).transpose()?,
            parent: fields.optional_text("parent")?,
            comm: fields.get("comm").map(Comm::from_term).transpose()?,
            expressions: fields
                .list("expressions")?
                .iter()
                .map(|pair| match pair.as_tuple() {
                    Some([name, source]) => match (name.as_str(), source.as_str()) {
                        (Some(name), Some(source)) => Ok((name.to_owned(), source.to_owned())),
                        _ => Err(wrong(op::EXECUTE, "{name, source}", pair)),
                    },
                    _ => Err(wrong(op::EXECUTE, "{name, source}", pair)),
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// The request's body.
    pub fn to_term(&self) -> Term {
        let fields = [
            ("cell", Term::from(self.cell)),
            ("source", Term::from(&self.source)),
            ("store_history", Term::from(self.store_history)),
            ("silent", Term::from(self.silent)),
            ("read", self.read.into()),
            ("width", self.width.into()),
            ("colors", self.colors.into()),
            ("parent", self.parent.as_ref().into()),
            ("comm", self.comm.as_ref().map(Comm::to_term).into()),
        ];
        let expressions = (!self.expressions.is_empty()).then(|| {
            let pairs = self.expressions.iter();
            let pairs = pairs.map(|(name, source)| Term::tuple([Term::from(name), source.into()]));
            ("expressions", Term::list(pairs))
        });
        let present = fields
            .into_iter()
            .filter(|(_, value)| !value.is_nil())
            .chain(expressions);
        Term::map(present.map(|(name, value)| (Term::atom(name), value)))
    }
}

/// Which of a cell's two text streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "host",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum StreamName {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "host",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Status {
    /// It ran to its end.
    Ok,
    /// It failed, or the process that ran it died.
    Error,
    /// The user stopped it.
    Interrupted,
}

/// What a cell does while it runs, or what it started does later. `cell` is the cell's number; none when output
/// belongs to no cell.
#[derive(Clone, Debug, PartialEq)]
pub enum CellEvent {
    /// Text.
    Stream {
        /// Which cell.
        cell: Option<u64>,
        /// Which stream.
        name: StreamName,
        /// Whole characters.
        text: String,
    },
    /// Something to show.
    Display {
        /// Which cell.
        cell: Option<u64>,
        /// Mime types and bytes.
        data: Vec<(String, Vec<u8>)>,
        /// JSON.
        metadata: String,
        /// The name under which it can be replaced.
        display_id: Option<String>,
        /// Whether it replaces what was shown under that name.
        update: bool,
    },
    /// Remove what was shown.
    Clear {
        /// Which cell.
        cell: Option<u64>,
        /// Only once the next output comes.
        wait: bool,
    },
    /// The cell's value.
    Result {
        /// Which cell.
        cell: Option<u64>,
        /// Mime types and bytes.
        data: Vec<(String, Vec<u8>)>,
        /// JSON.
        metadata: String,
    },
    /// The cell failed.
    Error {
        /// Which cell.
        cell: Option<u64>,
        /// The exception's class.
        class: String,
        /// Its message.
        message: String,
        /// Lines.
        traceback: Vec<String>,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A message of a comm, for the views of the front end.
    Comm {
        /// Which cell.
        cell: Option<u64>,
        /// The message.
        comm: Comm,
    },
}

impl CellEvent {
    /// Reads the body of that event; `None` when it is not an event of a cell.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(name: &str, term: &Term) -> Result<Option<CellEvent>, Error> {
        let event = match name {
            op::STREAM => {
                let Some([cell, name, text]) = term.as_tuple() else {
                    return Err(wrong(op::STREAM, "{cell, name, text}", term));
                };
                CellEvent::Stream {
                    cell: cell_number(op::STREAM, cell)?,
                    name: stream_name(name)?,
                    text: lossy(text)?,
                }
            }
            op::DISPLAY => {
                let fields = Fields::of(op::DISPLAY, term)?;
                CellEvent::Display {
                    cell: fields.optional_u64("cell")?,
                    data: fields.bytes_by_name("data")?,
                    metadata: fields.optional_text("metadata")?.unwrap_or_default(),
                    display_id: fields.optional_text("display_id")?,
                    update: fields.bool("update")?,
                }
            }
            op::CLEAR => {
                let Some([cell, wait]) = term.as_tuple() else {
                    return Err(wrong(op::CLEAR, "{cell, wait}", term));
                };
                let wait = wait
                    .as_bool()
                    .ok_or_else(|| wrong(op::CLEAR, "true or false", wait))?;
                CellEvent::Clear {
                    cell: cell_number(op::CLEAR, cell)?,
                    wait,
                }
            }
            op::RESULT => {
                let fields = Fields::of(op::RESULT, term)?;
                CellEvent::Result {
                    cell: fields.optional_u64("cell")?,
                    data: fields.bytes_by_name("data")?,
                    metadata: fields.optional_text("metadata")?.unwrap_or_default(),
                }
            }
            op::ERROR => {
                let fields = Fields::of(op::ERROR, term)?;
                CellEvent::Error {
                    cell: fields.optional_u64("cell")?,
                    class: fields.text("class")?,
                    message: fields.text("message")?,
                    traceback: fields.texts("traceback")?,
                    hint: fields.optional_text("hint")?,
                }
            }
            op::COMM => CellEvent::Comm {
                cell: Fields::of(op::COMM, term)?.optional_u64("cell")?,
                comm: Comm::from_term(term)?,
            },
            _ => return Ok(None),
        };
        Ok(Some(event))
    }

    /// The cell that it belongs to.
    pub fn cell(&self) -> Option<u64> {
        match self {
            CellEvent::Stream { cell, .. }
            | CellEvent::Display { cell, .. }
            | CellEvent::Clear { cell, .. }
            | CellEvent::Result { cell, .. }
            | CellEvent::Error { cell, .. }
            | CellEvent::Comm { cell, .. } => *cell,
        }
    }

    /// The event's name and body.
    pub fn to_term(&self) -> (&'static str, Term) {
        let bundle = |data: &[(String, Vec<u8>)]| {
            Term::map(
                data.iter()
                    .map(|(mime, bytes)| (Term::from(mime), Term::binary(bytes.as_slice()))),
            )
        };
        match self {
            CellEvent::Stream { cell, name, text } => (
                op::STREAM,
                Term::tuple([(*cell).into(), name.to_term(), text.into()]),
            ),
            CellEvent::Display {
                cell,
                data,
                metadata,
                display_id,
                update,
            } => (
                op::DISPLAY,
                body([
                    ("cell", (*cell).into()),
                    ("data", bundle(data)),
                    ("metadata", metadata.into()),
                    ("display_id", display_id.as_ref().into()),
                    ("update", (*update).into()),
                ]),
            ),
            CellEvent::Clear { cell, wait } => (op::CLEAR, Term::tuple([Term::from(*cell), (*wait).into()])),
            CellEvent::Result { cell, data, metadata } => (
                op::RESULT,
                body([
                    ("cell", (*cell).into()),
                    ("data", bundle(data)),
                    ("metadata", metadata.into()),
                ]),
            ),
            CellEvent::Error {
                cell,
                class,
                message,
                traceback,
                hint,
            } => (
                op::ERROR,
                body([
                    ("cell", (*cell).into()),
                    ("class", class.into()),
                    ("message", message.into()),
                    ("traceback", Term::list(traceback)),
                    ("hint", hint.as_ref().into()),
                ]),
            ),
            CellEvent::Comm { cell, comm } => (op::COMM, comm.to_event(*cell)),
        }
    }
}

impl StreamName {
    fn to_term(self) -> Term {
        Term::atom(match self {
            StreamName::Stdout => "stdout",
            StreamName::Stderr => "stderr",
        })
    }
}

fn stream_name(term: &Term) -> Result<StreamName, Error> {
    match term.as_atom() {
        Some("stdout") => Ok(StreamName::Stdout),
        Some("stderr") => Ok(StreamName::Stderr),
        _ => Err(wrong(op::STREAM, "stdout or stderr", term)),
    }
}

/// Output that is no UTF-8, against the protocol, is shown all the same.
fn lossy(term: &Term) -> Result<String, Error> {
    let bytes = term.as_binary().ok_or_else(|| wrong(op::STREAM, "text", term))?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

pub(super) fn cell_number(what: &'static str, term: &Term) -> Result<Option<u64>, Error> {
    if term.is_nil() {
        Ok(None)
    } else {
        term.as_u64()
            .map(Some)
            .ok_or_else(|| wrong(what, "a cell's number", term))
    }
}

/// The answer to [`Execute`].
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How it ended.
    pub status: Status,
    /// Time in the child.
    pub duration_us: u64,
    /// Names of the session that it read.
    pub reads: Vec<String>,
    /// Names that it bound.
    pub writes: Vec<String>,
    /// Names that it unbound.
    pub deletes: Vec<String>,
    /// Calls over the bridge.
    pub calls: Vec<CallShape>,
    /// What the request's expressions came to, by name: a result or an error each.
    pub expressions: Vec<(String, CellEvent)>,
}

/// Calls over the bridge that look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(serde::Serialize, serde::Deserialize))]
pub struct CallShape {
    /// The Python module.
    pub module: String,
    /// The name in it.
    pub name: String,
    /// Kinds of the arguments.
    pub args: Vec<String>,
    /// The type returned.
    pub returns: Option<String>,
    /// How many there were.
    pub count: u64,
}

impl Summary {
    /// Reads the answer.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<Summary, Error> {
        let fields = Fields::of(op::EXECUTE, term)?;
        let status = match fields.atom("status")? {
            "ok" => Status::Ok,
            "error" => Status::Error,
            "interrupted" => Status::Interrupted,
            _ => {
                return Err(wrong(
                    op::EXECUTE,
                    "a status `ok`, `error` or `interrupted`",
                    term,
                ));
            }
        };
        Ok(Summary {
            status,
            duration_us: fields.optional_u64("duration_us")?.unwrap_or(0),
            reads: fields.texts("reads")?,
            writes: fields.texts("writes")?,
            deletes: fields.texts("deletes")?,
            calls: fields
                .list("calls")?
                .iter()
                .map(CallShape::from_term)
                .collect::<Result<_, _>>()?,
            expressions: fields
                .list("expressions")?
                .iter()
                .map(expression)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The answer.
    pub fn to_term(&self) -> Term {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Error => "error",
            Status::Interrupted => "interrupted",
        };
        let fields = [
            ("status", Term::atom(status)),
            ("duration_us", self.duration_us.into()),
            ("reads", Term::list(&self.reads)),
            ("writes", Term::list(&self.writes)),
            ("deletes", Term::list(&self.deletes)),
            ("calls", Term::list(self.calls.iter().map(CallShape::to_term))),
        ];
        let expressions = (!self.expressions.is_empty()).then(|| {
            let answers = self.expressions.iter().map(|(name, event)| {
                let (op, body) = event.to_term();
                Term::tuple([Term::from(name), op.into(), body])
            });
            ("expressions", Term::list(answers))
        });
        Term::map(
            fields
                .into_iter()
                .chain(expressions)
                .map(|(name, value)| (Term::atom(name), value)),
        )
    }
}

/// `{name, result or error, its body}`.
fn expression(term: &Term) -> Result<(String, CellEvent), Error> {
    let wrong = || wrong(op::EXECUTE, "{name, result or error, body}", term);
    let Some([name, kind, body]) = term.as_tuple() else {
        return Err(wrong());
    };
    let (Some(name), Some(kind)) = (name.as_str(), kind.as_str()) else {
        return Err(wrong());
    };
    match CellEvent::from_term(kind, body)? {
        Some(event @ (CellEvent::Result { .. } | CellEvent::Error { .. })) => Ok((name.to_owned(), event)),
        _ => Err(wrong()),
    }
}

impl CallShape {
    fn from_term(term: &Term) -> Result<CallShape, Error> {
        let fields = Fields::of(op::CALLS, term)?;
        Ok(CallShape {
            module: fields.text("module")?,
            name: fields.text("name")?,
            args: fields.texts("args")?,
            returns: fields.optional_text("returns")?,
            count: fields.u64("count")?,
        })
    }

    fn to_term(&self) -> Term {
        body([
            ("module", (&self.module).into()),
            ("name", (&self.name).into()),
            ("args", Term::list(&self.args)),
            ("returns", self.returns.as_ref().into()),
            ("count", self.count.into()),
        ])
    }
}

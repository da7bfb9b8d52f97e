//! Messages of comms: between an object of Python and its views in a front end, as ipywidgets uses them.

use super::fields::{Fields, body, wrong};
use super::{Error, op};
use crate::term::Term;

/// What becomes of a comm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "host",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum CommKind {
    /// It begins.
    Open,
    /// Something is said.
    Message,
    /// It ends.
    Close,
}

/// A message of a comm, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(serde::Serialize, serde::Deserialize))]
pub struct Comm {
    /// What becomes of the comm.
    pub kind: CommKind,
    /// Which comm.
    pub id: String,
    /// Of one that begins: who is to take it.
    pub target: Option<String>,
    /// JSON.
    pub data: String,
    /// JSON.
    pub metadata: String,
    /// Raw data that `data` speaks of.
    pub buffers: Vec<Vec<u8>>,
}

impl Comm {
    /// Reads the message.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<Comm, Error> {
        let fields = Fields::of(op::COMM, term)?;
        let kind = match fields.text("kind")?.as_str() {
            "open" => CommKind::Open,
            "message" => CommKind::Message,
            "close" => CommKind::Close,
            _ => return Err(wrong(op::COMM, "a kind `open`, `message` or `close`", term)),
        };
        Ok(Comm {
            kind,
            id: fields.text("id")?,
            target: fields.optional_text("target")?,
            data: fields.text("data")?,
            metadata: fields.text("metadata")?,
            buffers: fields
                .list("buffers")?
                .iter()
                .map(|buffer| {
                    let bytes = buffer.as_binary().map(<[u8]>::to_vec);
                    bytes.ok_or_else(|| wrong(op::COMM, "buffers that are binaries", buffer))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// The message.
    pub fn to_term(&self) -> Term {
        body(self.pairs())
    }

    /// The message as an event of a cell.
    pub(super) fn to_event(&self, cell: Option<u64>) -> Term {
        let [kind, id, target, data, metadata, buffers] = self.pairs();
        body([("cell", cell.into()), kind, id, target, data, metadata, buffers])
    }

    fn pairs(&self) -> [(&'static str, Term); 6] {
        let kind = match self.kind {
            CommKind::Open => "open",
            CommKind::Message => "message",
            CommKind::Close => "close",
        };
        let buffers = self.buffers.iter().map(|bytes| Term::binary(bytes.as_slice()));
        [
            ("kind", kind.into()),
            ("id", (&self.id).into()),
            ("target", self.target.as_ref().into()),
            ("data", (&self.data).into()),
            ("metadata", (&self.metadata).into()),
            ("buffers", Term::list(buffers)),
        ]
    }
}

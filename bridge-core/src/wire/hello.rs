//! The first message on a connection.

use std::collections::BTreeMap;

use super::fields::{Fields, wrong};
use super::{Error, PROTOCOL_VERSION};
use crate::term::Term;

/// Who a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Python.
    Worker,
    /// Elixir.
    Beam,
    /// The front end.
    Host,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Served at once, whatever user code does.
    Control,
    /// One thread of Python, or process of Elixir, for as long as the connection lives.
    Lane(ThreadKind),
}

/// Who serves a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadKind {
    /// The main thread, which runs cells.
    Main,
    /// A thread of its own.
    Own,
}

/// The first message on a connection, from either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The sender's version of the protocol.
    pub version: u64,
    /// Who sends.
    pub peer: Peer,
    /// What for.
    pub role: Role,
    /// The sender's process.
    pub pid: u32,
    /// Which `open_lane` this lane answers.
    pub token: Option<u64>,
    /// The cell that the lane belongs to at its start.
    pub cell: Option<u64>,
    /// The generation of the worker or BEAM.
    pub generation: Option<u64>,
    /// Where the worker listens.
    pub socket: Option<String>,
    /// Of the interpreter and what matters beside it.
    pub versions: BTreeMap<String, String>,
    /// The interpreter.
    pub executable: Option<String>,
    /// Whether the BEAM releases refs by itself.
    pub collects: bool,
}

impl Hello {
    /// A hello of this process with nothing optional in it.
    pub fn new(peer: Peer, role: Role, pid: u32) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            peer,
            role,
            pid,
            token: None,
            cell: None,
            generation: None,
            socket: None,
            versions: BTreeMap::new(),
            executable: None,
            collects: false,
        }
    }

    /// Refuses a peer of another version.
    ///
    /// # Errors
    /// [`Error::Version`].
    pub fn check_version(&self) -> Result<(), Error> {
        if self.version == PROTOCOL_VERSION {
            Ok(())
        } else {
            Err(Error::Version { theirs: self.version })
        }
    }

    pub(super) fn from_terms(version: &Term, info: &Term) -> Result<Hello, Error> {
        const WHAT: &str = "hello";
        let fields = Fields::of(WHAT, info)?;
        let unknown = |name: &str, found: &str| Error::Body {
            what: WHAT,
            reason: format!("`{name}` cannot be `{}`", found.escape_debug()),
        };
        let peer = match fields.atom("peer")? {
            "worker" => Peer::Worker,
            "beam" => Peer::Beam,
            "host" => Peer::Host,
            other => return Err(unknown("peer", other)),
        };
        let role = match fields.atom("role")? {
            "control" => Role::Control,
            "lane" => Role::Lane(match fields.atom("thread")? {
                "main" => ThreadKind::Main,
                "own" => ThreadKind::Own,
                other => return Err(unknown("thread", other)),
            }),
            other => return Err(unknown("role", other)),
        };
        let pid = fields.u64("pid")?;
        let versions = fields.get("versions").and_then(Term::as_map).map(|map| {
            let name = |key: &Term| key.as_atom().or_else(|| key.as_str()).map(str::to_owned);
            map.iter()
                .filter_map(|(key, value)| Some((name(key)?, value.as_str()?.to_owned())))
                .collect()
        });
        Ok(Hello {
            version: version
                .as_u64()
                .ok_or_else(|| wrong(WHAT, "a version from 0", version))?,
            peer,
            role,
            pid: u32::try_from(pid).map_err(|_| unknown("pid", &pid.to_string()))?,
            token: fields.optional_u64("token")?,
            cell: fields.optional_u64("cell")?,
            generation: fields.optional_u64("generation")?,
            socket: fields.optional_text("socket")?,
            versions: versions.unwrap_or_default(),
            executable: fields.optional_text("executable")?,
            collects: fields.get("collects").and_then(Term::as_atom) == Some("true"),
        })
    }

    pub(super) fn to_term(&self) -> Term {
        let peer = match self.peer {
            Peer::Worker => "worker",
            Peer::Beam => "beam",
            Peer::Host => "host",
        };
        let (role, thread) = match self.role {
            Role::Control => ("control", None),
            Role::Lane(ThreadKind::Main) => ("lane", Some("main")),
            Role::Lane(ThreadKind::Own) => ("lane", Some("own")),
        };
        let versions = self
            .versions
            .iter()
            .map(|(name, text)| (Term::atom(name.as_str()), Term::from(text)));
        let versions = if self.versions.is_empty() {
            Term::nil()
        } else {
            Term::map(versions)
        };
        let fields = [
            ("peer", Term::atom(peer)),
            ("role", Term::atom(role)),
            ("thread", thread.map_or_else(Term::nil, Term::atom)),
            ("pid", self.pid.into()),
            ("token", self.token.into()),
            ("cell", self.cell.into()),
            ("generation", self.generation.into()),
            ("socket", self.socket.as_ref().into()),
            ("versions", versions),
            ("executable", self.executable.as_ref().into()),
            (
                "collects",
                if self.collects {
                    Term::atom("true")
                } else {
                    Term::nil()
                },
            ),
        ];
        let present = fields.into_iter().filter(|(_, value)| !value.is_nil());
        let info = Term::map(present.map(|(name, value)| (Term::atom(name), value)));
        Term::tuple([Term::atom("hello"), self.version.into(), info])
    }
}

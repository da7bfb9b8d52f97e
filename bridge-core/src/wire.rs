//! The messages that the processes of a session exchange, as bytes and terms: frames, their four shapes, and the
//! bodies that the host sends and reads. `PROTOCOL.md` in this crate describes them all.
//!
//! No I/O, no threads, no clock; a socket's bytes are pushed in, and frames come out. What arrives is not trusted:
//! whatever it is, the answer is a message or an error that says what is wrong, never a panic.
//!
//! ```
//! use bridge_core::term::Term;
//! use bridge_core::wire::{FrameReader, Message, op};
//!
//! let request = Message::Req { id: 7, op: op::PING.into(), body: Term::from("hello") };
//! let mut reader = FrameReader::default();
//! for byte in request.to_frame()? {
//!     reader.push(&[byte]);
//! }
//! let frame = reader.next_frame()?.expect("the whole frame has arrived");
//! assert_eq!(Message::decode(frame)?, request);
//! # Ok::<(), bridge_core::wire::Error>(())
//! ```

mod frame;
mod message;

mod hello;

mod cell;
mod comm;
mod control;
mod question;

mod failure;
mod fields;

#[cfg(test)]
mod tests;

pub use cell::{CallShape, CellEvent, Execute, Status, StreamName, Summary};
pub use comm::{Comm, CommKind};
pub use control::{Attach, Broken, Detach, ElixirState, InputRequest};
pub use failure::Failure;
pub use fields::Fields;
pub use frame::{Frame, FrameReader, MAX_FRAME_BYTES, frame_header};
pub use hello::{Hello, Peer, Role, ThreadKind};
pub use message::{Malformed, Message};
pub use question::{Completeness, Completion, CompletionItem, Inspection, NameInfo, Question};

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u64 = 1;

/// The names of all operations.
#[expect(missing_docs, reason = "PROTOCOL.md describes each")]
pub mod op {
    // The host asks a child, on its main lane; and what comes back while it runs.
    pub const EXECUTE: &str = "execute";
    pub const STREAM: &str = "stream";
    pub const DISPLAY: &str = "display";
    pub const CLEAR: &str = "clear";
    pub const RESULT: &str = "result";
    pub const ERROR: &str = "error";
    pub const COMM: &str = "comm";
    pub const INPUT: &str = "input";
    // On its own lane.
    pub const COMPLETE: &str = "complete";
    pub const INSPECT: &str = "inspect";
    pub const IS_COMPLETE: &str = "is_complete";
    pub const NAMES: &str = "names";
    // Control.
    pub const INTERRUPT: &str = "interrupt";
    pub const HEARD: &str = "heard";
    pub const SHUTDOWN: &str = "shutdown";
    pub const PING: &str = "ping";
    pub const USAGE: &str = "usage";
    pub const BIND: &str = "bind";
    pub const RELEASE: &str = "release";
    pub const DECODERS: &str = "decoders";
    pub const ATTACH: &str = "attach";
    pub const WORKER: &str = "worker";
    pub const BROKEN: &str = "broken";
    pub const UNPIN: &str = "unpin";
    pub const STRAYS: &str = "strays";
    pub const OPEN_LANE: &str = "open_lane";
    pub const DETACH: &str = "detach";
    pub const ELIXIR: &str = "elixir";
    pub const FAULT: &str = "fault";
    // A lane of the BEAM, towards Python and towards Elixir.
    pub const DO: &str = "do";
    pub const BATCH: &str = "batch";
    pub const READ: &str = "read";
    pub const CALLS: &str = "calls";
    pub const MEMBERS: &str = "members";
    pub const APPLY: &str = "apply";
    pub const MFA: &str = "mfa";
    pub const EXPORTS: &str = "exports";
    pub const CANCEL: &str = "cancel";
}

/// Why bytes or terms are no message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A frame longer than the protocol allows: the connection cannot go on.
    #[error("a frame of {length} bytes is announced, and at most {MAX_FRAME_BYTES} are allowed")]
    TooLarge {
        /// The announced length.
        length: usize,
    },
    /// The peer hung up inside a frame.
    #[error("the connection ended inside a frame, {missing} bytes before its end")]
    EndInside {
        /// How many bytes are missing.
        missing: usize,
    },
    /// A frame that is no message. The connection goes on.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A message's body is not what its operation wants.
    #[error("{what}: {reason}")]
    Body {
        /// Which message.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A term that cannot be encoded.
    #[error(transparent)]
    Term(#[from] crate::term::Error),
    /// The peer speaks another version.
    #[error("protocol {theirs} is not understood here, only {PROTOCOL_VERSION}")]
    Version {
        /// The peer's version.
        theirs: u64,
    },
}

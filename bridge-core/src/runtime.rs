//! The children of a session: finds interpreters and our own files, starts processes in groups of their own, listens
//! for their connections, watches them die, kills and reaps them.
//!
//! It knows processes, sockets and frames. It knows no cells, and it speaks no operation of the protocol beyond the
//! first hello: that is [`crate::session`]'s.

mod find;
mod support;
mod version;

mod directory;
mod guard;
mod launch;
mod process;

mod connection;
mod listener;

pub use find::{Interpreter, find_elixir, find_python};
pub use launch::Program;
pub use support::Support;
pub use version::otp_on_disk;

pub(crate) use connection::{Connection, Lost, MessageReader, MessageWriter};
pub(crate) use directory::Directory;
pub(crate) use guard::Guard;
pub(crate) use launch::{Launch, beam, worker};
pub(crate) use listener::{accept, bind};
pub(crate) use process::{Death, Output, Process};

//! Errors of the host layer.

use std::path::PathBuf;

use super::Hint;
use crate::language::Language;

/// The result of the host layer's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in the host layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No interpreter of that language was found.
    #[error("{language} was not found: {reason}")]
    Missing {
        /// Whose interpreter is missing.
        language: Language,
        /// Where it was looked for.
        reason: String,
        /// The command that gets it.
        hint: String,
    },
    /// Our own files (the Python package, the compiled Elixir library) were not found.
    #[error("the support files of snakebridge were not found: {reason}")]
    Support {
        /// Where they were looked for.
        reason: String,
        /// How to get them.
        hint: String,
    },
    /// A child ended or said nothing while it started.
    #[error("{language} did not start: {reason}")]
    Start {
        /// Which child.
        language: Language,
        /// How it ended, and the last lines that it printed.
        reason: String,
        /// What may help.
        hint: Option<String>,
    },
    /// A child died while it was needed.
    #[error("{language} ended: {reason}")]
    Died {
        /// Which child.
        language: Language,
        /// How it ended.
        reason: String,
    },
    /// The child cannot answer now: it starts, restarts, or has ended.
    #[error("{language} cannot answer now: {reason}")]
    Unavailable {
        /// Which child.
        language: Language,
        /// Why.
        reason: String,
    },
    /// The child took longer than it may.
    #[error("{language} did not answer `{operation}` within {milliseconds} ms")]
    Timeout {
        /// Which child.
        language: Language,
        /// What was asked.
        operation: &'static str,
        /// How long was waited.
        milliseconds: u128,
    },
    /// The child refused the request, or its answer made no sense.
    #[error("{language} failed at `{operation}`: {message}")]
    Refused {
        /// Which child.
        language: Language,
        /// What was asked.
        operation: &'static str,
        /// What it said.
        message: String,
        /// What it advised.
        hint: Option<String>,
    },
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// The subshell is not open, or not any more.
    #[error("subshell {subshell} is not open")]
    NoSubshell {
        /// Its number.
        subshell: u64,
    },
    /// A file or a directory of the session could not be used.
    #[error("{action} {}: {message}", path.display())]
    File {
        /// What was tried, for example `cannot create`.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// The record is open in another process.
    #[error("session `{name}` is open in another process")]
    Locked {
        /// The session's name.
        name: String,
    },
    /// There is no such record.
    #[error("no session is named `{name}`")]
    NoRecord {
        /// The name that was asked for.
        name: String,
    },
    /// Not a name for a session.
    #[error("`{name}` is no name for a session")]
    BadName {
        /// The name that was given.
        name: String,
    },
    /// A record that this version cannot read.
    #[error("the record {} cannot be read: {message}", path.display())]
    BadRecord {
        /// The record's file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Missing { hint, .. } | Error::Support { hint, .. } => Some(hint.clone()),
            Error::Start { hint, .. } | Error::Refused { hint, .. } => hint.clone(),
            Error::Died { .. } => Some("the next cell starts it again".into()),
            Error::Locked { .. } => {
                Some("end the other one, or choose another name with `--session NAME`".into())
            }
            Error::NoRecord { .. } => Some("`snakebridge sessions list` names those that there are".into()),
            Error::BadName { .. } => {
                Some("letters, digits, `-`, `_` and `.`, at most 100, not `.` first".into())
            }
            _ => None,
        }
    }
}

impl Error {
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
        error: impl std::fmt::Display,
    ) -> Error {
        Error::File {
            action,
            path: path.into(),
            message: error.to_string(),
        }
    }
}

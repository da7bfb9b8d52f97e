//! What can keep the kernel from starting, or its spec from being installed. What a client sends is never an error of
//! this kind: it is answered, or logged and passed over.

use std::io::ErrorKind;
use std::path::PathBuf;

use bridge_core::error::Hint;

/// The result of what may fail so.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the kernel could not start, or a kernelspec not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection file is none.
    #[error("{} is no connection file for this kernel: {problem}", path.display())]
    ConnectionFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A socket could not be bound.
    #[error("cannot listen at {endpoint}: {problem}")]
    Bind {
        /// Where.
        endpoint: String,
        /// Why not.
        problem: String,
    },
    /// The session could not be started.
    #[error(transparent)]
    Session(#[from] bridge_core::error::Error),
    /// A file could not be read or written; the error names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// There is no such kernelspec of ours.
    #[error("there is no kernel {name:?} of SnakeBridge in {}", places.join(", "))]
    NoKernel {
        /// Its name.
        name: String,
        /// Where kernelspecs were looked for.
        places: Vec<String>,
    },
    /// A name that kernelspecs cannot have.
    #[error("{name:?} is no name for a kernel: letters, digits, `.`, `-` and `_` make one")]
    KernelName {
        /// The name.
        name: String,
    },
    /// What is there under that name is not ours.
    #[error("{} was not installed by SnakeBridge", path.display())]
    NotOurs {
        /// Its folder.
        path: PathBuf,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::ConnectionFile { .. } => {
                Some("Jupyter writes this file and gives its path: `snakebridge kernel run -f FILE`".into())
            }
            Error::Bind { .. } => Some("another program listens there; start the kernel again".into()),
            Error::Session(error) => error.hint(),
            Error::Io(error) => match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
                    Some("choose a place of your own: --user, or --prefix PATH".into())
                }
                _ => None,
            },
            Error::NoKernel { .. } => Some("`snakebridge kernel list` shows those that are there".into()),
            Error::KernelName { .. } => None,
            Error::NotOurs { path } if path.join("kernel.json").exists() => {
                Some("choose another name: --name NAME".into())
            }
            Error::NotOurs { .. } => Some("remove it, or go without: --no-labextension".into()),
        }
    }
}

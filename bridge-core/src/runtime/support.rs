//! Our own files that the children load: the Python package and the compiled Elixir library.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::{Error, Result};

/// Where our own files are: `$SNAKEBRIDGE_HOME`, else beside the program (`../share/snakebridge`), else the source
/// tree that the program was built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    root: PathBuf,
}

/// Where the compiled library is below the root: in a source tree, and where it was installed.
const EBINS: [&str; 2] = ["elixir/_build/prod/lib/snakebridge/ebin", "elixir/ebin"];

/// Where the BEAM's native library is below the root.
const NATIVE: &str = "elixir/priv/native/snakebridge_nif.so";

impl Support {
    /// Looks for them.
    ///
    /// # Errors
    /// [`Error::Support`] says where they should be.
    pub fn find() -> Result<Support> {
        if let Some(home) = std::env::var_os("SNAKEBRIDGE_HOME").filter(|home| !home.is_empty()) {
            return Ok(Support {
                root: std::path::absolute(&home).unwrap_or_else(|_| home.into()),
            });
        }
        let program = program();
        let installed = program
            .and_then(Path::parent)
            .map(|bin| bin.join("../share/snakebridge"));
        match installed
            .filter(|root| has_package(root))
            .or_else(Support::source_tree)
        {
            Some(root) => Ok(Support { root }),
            None => Err(Error::Support {
                reason: format!(
                    "neither ../share/snakebridge nor a source tree belongs to {}",
                    program.unwrap_or(Path::new("this program")).display()
                ),
                hint: "`make install` puts them there; $SNAKEBRIDGE_HOME may name their directory".into(),
            }),
        }
    }

    /// The source tree that the program was built in, if it still lies there.
    pub(super) fn source_tree() -> Option<PathBuf> {
        let is_tree =
            |root: &&Path| root.join("elixir/mix.exs").is_file() && root.join("python/snakebridge").is_dir();
        program()?.ancestors().find(is_tree).map(Path::to_owned)
    }

    /// The directory that holds the Python package `snakebridge`.
    ///
    /// # Errors
    /// When it is not there.
    pub fn python(&self) -> Result<PathBuf> {
        if has_package(&self.root) {
            Ok(self.root.join("python"))
        } else {
            Err(self.lacks("python/snakebridge"))
        }
    }

    /// The directory of the compiled Elixir library.
    ///
    /// # Errors
    /// When it is not there.
    pub fn ebin(&self) -> Result<PathBuf> {
        let places = EBINS.map(|place| self.root.join(place));
        places
            .into_iter()
            .find(|place| place.is_dir())
            .ok_or_else(|| self.lacks(EBINS[1]))
    }

    /// The library with which the BEAM releases refs by itself. Sessions run without it too.
    ///
    /// # Errors
    /// When it is not there.
    pub fn native(&self) -> Result<PathBuf> {
        let file = self.root.join(NATIVE);
        if file.is_file() {
            Ok(file)
        } else {
            Err(self.lacks(NATIVE))
        }
    }

    fn lacks(&self, what: &str) -> Error {
        let built_here = self.root.join("elixir/mix.exs").is_file();
        Error::Support {
            reason: format!("{} has no {what}", self.root.display()),
            hint: if built_here {
                "`make build`".into()
            } else {
                "`make install` puts it there".into()
            },
        }
    }
}

/// Asked once: a program that is replaced while it runs has no path any more.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM
        .get_or_init(|| std::env::current_exe().and_then(|path| path.canonicalize()).ok())
        .as_deref()
}

fn has_package(root: &Path) -> bool {
    root.join("python/snakebridge/__init__.py").is_file()
}

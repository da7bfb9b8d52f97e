//! The record of a session: what was run and what came of it, one file of JSON lines for each session.
//!
//! Lines are only ever added, and each is written as one piece: whatever ends the program, every cell that had
//! finished is there. A cell has two lines, one before it runs and one after. What runs cells is
//! [`crate::session`]; nothing here does.
//!
//! | `type` | when | keys |
//! |---|---|---|
//! | `session` | first, and again each time a session of that name is continued | `version`, `session`, `at`, `directory` |
//! | `child` | a process is up | `language`, `executable`, `versions`, `packages` |
//! | `started` | before a cell runs | `cell`, `language`, `source`, `at`, `store_history` where it is false |
//! | `finished` | after | `cell`, `status`, `duration_us`, `events`, `answers`, `reads`, `writes`, `deletes`, `calls` |
//! | `late` | output after that | `cell`, `event` |
//!
//! A cell number that occurs again (a replay) stands for the same cell: its last lines count.

mod bounded;
mod packages;
mod time;

mod read;
mod sources;
mod write;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use etcetera::BaseStrategy;
use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};

pub use read::{Child, Listed, Record, RecordedCell};
pub use sources::{Ran, Sources};
pub(crate) use write::Recorder;

/// The version of the format.
const VERSION: u64 = 1;
const LONGEST_NAME: usize = 100;

/// The place where records are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    directory: PathBuf,
}

impl Records {
    /// The user's own: `$XDG_STATE_HOME/snakebridge/sessions`.
    ///
    /// # Errors
    /// When the user has no home directory.
    pub fn of_user() -> Result<Records> {
        let strategy = etcetera::base_strategy::Xdg::new()
            .map_err(|error| Error::file("cannot find", "the home directory", error))?;
        let state = strategy
            .state_dir()
            .unwrap_or_else(|| strategy.home_dir().join(".local/state"));
        Ok(Records::at(state.join("snakebridge/sessions")))
    }

    /// Those in that directory.
    pub fn at(directory: impl Into<PathBuf>) -> Records {
        Records {
            directory: directory.into(),
        }
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All records, the newest first.
    ///
    /// # Errors
    /// When the directory cannot be read. Files that are no records are not listed.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let mut all: Vec<Listed> = self
            .files()?
            .filter_map(|name| read::listed(&self.path(&name).ok()?, name).ok())
            .collect();
        all.sort_by(|one, other| {
            other
                .changed
                .cmp(&one.changed)
                .then_with(|| one.name.cmp(&other.name))
        });
        Ok(all)
    }

    /// The names of all records, the one that was begun first first. Only their beginnings are read.
    ///
    /// # Errors
    /// As [`Records::list`].
    pub fn names(&self) -> Result<Vec<String>> {
        let begun = |name: String| {
            let started = read::started(&self.path(&name).ok()?).ok()??;
            Some((started, name))
        };
        let mut all: Vec<(String, String)> = self.files()?.filter_map(begun).collect();
        all.sort();
        Ok(all.into_iter().map(|(_, name)| name).collect())
    }

    /// The whole record of that name.
    ///
    /// # Errors
    /// [`Error::NoRecord`], or [`Error::BadRecord`] for one of a later version. Damaged lines are no error: they are
    /// counted.
    pub fn load(&self, name: &str) -> Result<Record> {
        read::load(&self.path(name)?, name)
    }

    /// Removes a record.
    ///
    /// # Errors
    /// [`Error::NoRecord`], or [`Error::Locked`] while its session runs.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        let file = File::open(&path).map_err(|error| open_error(name, &path, &error))?;
        lock(&file, name)?;
        fs::remove_file(&path).map_err(|error| Error::file("cannot remove", path, error))
    }

    /// Removes the records that have not changed for so long, and returns their names. Those of sessions that run
    /// stay.
    ///
    /// # Errors
    /// As [`Records::list`].
    pub fn prune(&self, unchanged: Duration) -> Result<Vec<String>> {
        let now = SystemTime::now();
        let old = |listed: &Listed| {
            now.duration_since(listed.changed)
                .is_ok_and(|age| age >= unchanged)
        };
        let names = self.list()?.into_iter().filter(old).map(|listed| listed.name);
        Ok(names.filter(|name| self.remove(name).is_ok()).collect())
    }

    /// The names of the files that may be records, in any order.
    fn files(&self) -> Result<impl Iterator<Item = String>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::file("cannot read", &self.directory, error)),
        };
        Ok(entries.into_iter().flatten().flatten().filter_map(|entry| {
            let path = entry.path();
            let name = path.file_stem()?.to_str()?.to_owned();
            (path.extension()? == "jsonl").then_some(name)
        }))
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
        let good = !name.is_empty()
            && name.len() <= LONGEST_NAME
            && !name.starts_with('.')
            && name.chars().all(plain);
        if good {
            Ok(self.directory.join(format!("{name}.jsonl")))
        } else {
            Err(Error::BadName {
                name: name.to_owned(),
            })
        }
    }

    /// Opens the record of that name to add to it; only one process can.
    fn open(&self, name: &str) -> Result<File> {
        let path = self.path(name)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|error| Error::file("cannot create", &self.directory, error))?;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| Error::file("cannot open", &path, error))?;
        lock(&file, name)?;
        Ok(file)
    }
}

fn lock(file: &File, name: &str) -> Result<()> {
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(|_| Error::Locked {
        name: name.to_owned(),
    })
}

fn open_error(name: &str, path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NoRecord {
            name: name.to_owned(),
        },
        _ => Error::file("cannot open", path, error),
    }
}

#[cfg(test)]
mod tests;

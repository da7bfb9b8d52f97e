//! The directory of a session's sockets: private, with a short path, gone when the session is.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};

/// The longest path of a socket that macOS takes; Linux takes 108.
const SOCKET_PATH_BYTES: usize = 104;
/// The longest name that we put into the directory.
const LONGEST_NAME: &str = "/worker.1000000.sock";
const PREFIX: &str = "snakebridge-";
const LOCK: &str = "lock";
/// A directory without a lock is left alone for so long: its owner may be about to make one.
const YOUNG: Duration = Duration::from_secs(60);

/// The directory; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Locked for as long as this process lives, whatever ends it: so others see whether the directory is in use.
    _lock: File,
}

impl Directory {
    /// Makes one in `$XDG_RUNTIME_DIR` or `/tmp`, and removes what sessions that were killed left there.
    pub(crate) fn create() -> Result<Directory> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let own = runtime.filter(|base| fits(base)).map(|base| {
            remove_stale(&base);
            Directory::create_in(&base)
        });
        if let Some(Ok(directory)) = own {
            return Ok(directory);
        }
        remove_stale("/tmp".as_ref());
        Directory::create_in("/tmp".as_ref())
    }

    fn create_in(base: &Path) -> Result<Directory> {
        let process = std::process::id();
        for number in 0..1000 {
            let path = base.join(format!("{PREFIX}{process}-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {}
                // Another session of this process, or one that was killed whose process id we have got.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Error::file("cannot create", path, error)),
            }
            let lock = locked(&path).map_err(|error| Error::file("cannot lock", &path, error))?;
            return Ok(Directory { path, _lock: lock });
        }
        Err(Error::file(
            "cannot create",
            base.join(PREFIX),
            "too many sessions of one process",
        ))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn host_socket(&self) -> PathBuf {
        self.path.join("host.sock")
    }

    pub(crate) fn worker_socket(&self, generation: u64) -> PathBuf {
        self.path.join(format!("worker.{generation}.sock"))
    }

    /// Removes it now.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The lock appears under its name only once it is held: who looks for stale directories cannot come between.
fn locked(path: &Path) -> std::io::Result<File> {
    let unnamed = path.join("lock.new");
    let lock = File::create_new(&unnamed)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    fs::rename(unnamed, path.join(LOCK))?;
    Ok(lock)
}

fn fits(base: &Path) -> bool {
    let longest = base.as_os_str().len() + format!("/{PREFIX}{}-999{LONGEST_NAME}", u32::MAX).len();
    longest < SOCKET_PATH_BYTES
}

fn remove_stale(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if is_our_name(&entry.file_name().to_string_lossy()) && is_stale(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Others make directories here whose names start as ours do: only `snakebridge-PID-NUMBER` is a session's.
fn is_our_name(name: &str) -> bool {
    let numbers = name
        .strip_prefix(PREFIX)
        .and_then(|numbers| numbers.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(process, number)| is_number(process) && is_number(number))
}

/// Whether it is a directory of ours whose owner has ended. In `/tmp` others may have made anything.
fn is_stale(path: &Path) -> bool {
    let Ok(metadata) = path.symlink_metadata() else {
        return false;
    };
    if !metadata.is_dir() || metadata.uid() != rustix::process::getuid().as_raw() {
        return false;
    }
    match File::open(path.join(LOCK)) {
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(_) => metadata
            .modified()
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > YOUNG)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn the_directory_is_private_and_goes_with_the_session() {
        let base = tempfile::tempdir().unwrap();
        let first = Directory::create_in(base.path()).unwrap();
        let second = Directory::create_in(base.path()).unwrap();
        assert_ne!(first.path, second.path);
        assert_eq!(first.path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let path = first.path.clone();
        drop(first);
        assert!(!path.exists() && second.path.exists());
    }

    #[test]
    fn only_directories_of_ended_sessions_are_removed() {
        let base = tempfile::tempdir().unwrap();
        let live = Directory::create_in(base.path()).unwrap();
        let dead = Directory::create_in(base.path()).unwrap();
        let dead_path = dead.path.clone();
        // As if its process had been killed: the lock goes, the files stay.
        let Directory { path, _lock } = &dead;
        fs::write(path.join("host.sock"), "").unwrap();
        flock(_lock, FlockOperation::Unlock).unwrap();
        let young = base.path().join("snakebridge-1-0");
        fs::create_dir(&young).unwrap();
        let others =
            ["something-else", "snakebridge-x7f3", "snakebridge-1-0-1"].map(|name| base.path().join(name));
        for other in &others {
            fs::create_dir(other).unwrap();
            let old = SystemTime::now() - 10 * YOUNG;
            File::open(other).unwrap().set_modified(old).unwrap();
        }

        remove_stale(base.path());
        assert!(!dead_path.exists());
        assert!(live.path.exists() && young.exists() && others.iter().all(|other| other.exists()));
    }

    #[test]
    fn paths_that_are_too_long_for_a_socket_are_not_used() {
        assert!(fits(Path::new("/run/user/1000")));
        assert!(!fits(Path::new(&format!("/{}", "x".repeat(60)))));
    }
}

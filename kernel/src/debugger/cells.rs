//! Cells as files, for a debugger that knows files alone. Clients compute the name by themselves: it is the prefix, the
//! hash of the cell as written, and the suffix.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use bridge_core::language::Language;

/// Where the hash begins.
pub(super) const HASH_SEED: u32 = 0xc70f_6907;

pub(super) const SUFFIX: &str = ".py";

/// The folder of the files, which is made when it is needed and goes with the kernel.
pub(super) struct CellFiles {
    folder: PathBuf,
}

impl CellFiles {
    pub(super) fn new() -> CellFiles {
        let name = format!("snakebridge-cells-{}", uuid::Uuid::new_v4().simple());
        CellFiles {
            folder: std::env::temp_dir().join(name),
        }
    }

    /// What all paths begin with.
    pub(super) fn prefix(&self) -> String {
        format!("{}/", self.folder.display())
    }

    /// The folder.
    pub(super) fn folder(&self) -> Result<&Path, String> {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder);
        made.map(|()| self.folder.as_path())
            .map_err(|error| format!("{} cannot be made: {error}", self.folder.display()))
    }

    /// Writes a cell as Python gets it; the file's path.
    pub(super) fn write(&self, code: &str) -> Result<String, String> {
        let (_, source) = Language::split_marker(code);
        let name = format!("{}{SUFFIX}", murmur2(code.as_bytes(), HASH_SEED));
        let path = self.folder()?.join(name);
        fs_err::write(&path, source).map_err(|error| error.to_string())?;
        Ok(path.display().to_string())
    }
}

impl Drop for CellFiles {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `MurmurHash2`, by which clients name a cell's file.
fn murmur2(data: &[u8], seed: u32) -> u32 {
    const M: u32 = 0x5bd1_e995;
    // Lengths beyond 32 bits count modulo those, as they do everywhere.
    #[expect(clippy::cast_possible_truncation, reason = "the hash is defined so")]
    let mut hash = seed ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::{HASH_SEED, murmur2};

    #[test]
    fn hashes_are_those_of_clients() {
        let known = [
            ("", 3990065800),
            ("a", 2167009006),
            ("ab", 2805137849),
            ("abc", 3350977461),
            ("abcd", 804720481),
            ("x = 1\nprint(x)", 4252719672),
            ("é𝄞 = 2", 98009035),
        ];
        for (text, hash) in known {
            assert_eq!(murmur2(text.as_bytes(), HASH_SEED), hash, "{text:?}");
        }
    }
}

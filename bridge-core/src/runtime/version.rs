//! The version of an interpreter, read off the files of its installation. Nothing is started: asking Python or the
//! BEAM itself takes longer than a client waits for a first answer.

use std::path::Path;

use super::Interpreter;
use crate::language::Language;

impl Interpreter {
    /// Its version (`3.11.7`, `1.18.3`), as far as its files tell it: of a Python outside of any environment they tell
    /// `3.11`. `None` where they tell nothing, as behind the shims of version managers.
    pub fn version_on_disk(&self, language: Language) -> Option<String> {
        match language {
            Language::Python => environment(&self.path).or_else(|| from_name(&self.path)),
            Language::Elixir => application(&self.path),
        }
    }
}

/// The release of OTP on the path (`27`), as far as its files tell it.
pub fn otp_on_disk() -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let erl = std::env::split_paths(&path)
        .map(|folder| folder.join("erl"))
        .find(|erl| erl.is_file())?;
    releases(erl.canonicalize().ok()?.parent()?.parent()?)
}

/// The newest of the releases in an installation: folders by their numbers.
fn releases(root: &Path) -> Option<String> {
    let folders = std::fs::read_dir(root.join("releases")).ok()?;
    let newest = folders
        .flatten()
        .filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok())
        .max()?;
    Some(newest.to_string())
}

/// What `pyvenv.cfg` says, in any of the ways that the makers of environments write it.
fn environment(python: &Path) -> Option<String> {
    let file = python.parent()?.parent()?.join("pyvenv.cfg");
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        matches!(key.trim(), "version" | "version_info").then_some(value.trim())
    })?;
    let numbers = value.split('.').take_while(|part| number(part));
    let version = numbers.take(3).collect::<Vec<_>>().join(".");
    version.contains('.').then_some(version)
}

/// The `3.11` of the file `python3.11`, to which `python3` is a link.
fn from_name(python: &Path) -> Option<String> {
    let file = python.canonicalize().ok()?;
    let version = file.file_name()?.to_str()?.strip_prefix("python")?;
    let (major, minor) = version.split_once('.')?;
    (number(major) && number(minor)).then(|| version.to_owned())
}

/// What the description of the application `elixir` says, in the installation that the program belongs to.
fn application(elixir: &Path) -> Option<String> {
    let program = elixir.canonicalize().ok()?;
    let file = program.parent()?.parent()?.join("lib/elixir/ebin/elixir.app");
    let text = std::fs::read_to_string(file).ok()?;
    let (_, rest) = text.split_once("{vsn,")?;
    let version = rest.trim_start().strip_prefix('"')?.split('"').next()?;
    Some(version.to_owned())
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, program: &str, file: &str, text: &str, expected: Option<&str>) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [(program, ""), (file, text)] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let interpreter = Interpreter {
            path: root.path().join(program),
            origin: "a test".into(),
        };
        assert_eq!(
            interpreter.version_on_disk(language).as_deref(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn environments_say_it_in_their_configuration() {
        for (text, expected) in [
            ("home = /usr/bin\nversion = 3.11.7\n", Some("3.11.7")),
            ("version_info = 3.12.1.final.0\n", Some("3.12.1")),
            ("uv = 0.9.1\nversion_info = 3.14.0\n", Some("3.14.0")),
            ("version = 3.15.0a1\n", Some("3.15")),
            ("home = /usr/bin\n", None),
        ] {
            check(Language::Python, "bin/python", "pyvenv.cfg", text, expected);
        }
    }

    #[test]
    fn a_program_says_it_in_its_name() {
        check(Language::Python, "bin/python3.11", "other", "", Some("3.11"));
        check(Language::Python, "bin/python3", "other", "", None);
    }

    #[test]
    fn otp_says_it_in_its_folders() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(releases(root.path()), None);
        for name in ["releases/9", "releases/27", "releases/RELEASES"] {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
        }
        assert_eq!(releases(root.path()).as_deref(), Some("27"));
    }

    #[test]
    fn elixir_says_it_in_its_application() {
        let file = "lib/elixir/ebin/elixir.app";
        let text = "{application,elixir,\n [{vsn, \"1.20.0-rc.1\"},\n {modules,[]}]}.";
        check(Language::Elixir, "bin/elixir", file, text, Some("1.20.0-rc.1"));
        check(Language::Elixir, "bin/elixir", file, "nothing", None);
        check(Language::Elixir, "shims/elixir", "other", "", None);
    }
}

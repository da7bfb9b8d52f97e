//! The first line of the prompt: what is running, read off the disk, so that nobody waits for it.

use std::path::{Path, PathBuf};

use bridge_core::language::Language;
use bridge_core::runtime::{Interpreter, otp_on_disk};
use unicode_width::UnicodeWidthStr;

use crate::Start;

/// Versions and the environment in use, on one line of that width.
pub(crate) fn versions(start: &Start<'_>, width: usize) -> String {
    let named = |name: &str, version: Option<String>| match version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    };
    let version = |interpreter: &Option<Interpreter>, language| {
        interpreter
            .as_ref()
            .and_then(|interpreter| interpreter.version_on_disk(language))
    };
    let elixir = match (&start.elixir, otp_on_disk()) {
        (None, _) => "no Elixir".to_owned(),
        (Some(_), None) => named("Elixir", version(&start.elixir, Language::Elixir)),
        (Some(_), Some(otp)) => {
            let elixir = named("Elixir", version(&start.elixir, Language::Elixir));
            format!("{elixir} (OTP {otp})")
        }
    };
    let python = match &start.python {
        None => "no Python".to_owned(),
        Some(_) => named("Python", version(&start.python, Language::Python)),
    };
    let text = format!("SnakeBridge {}, {elixir}, {python}", env!("CARGO_PKG_VERSION"));
    match start.python.as_ref().and_then(|python| environment(&python.path)) {
        Some(environment) => {
            let left = width.saturating_sub(text.width() + " in ".len());
            format!("{text} in {}", end(&environment, left.max(12)))
        }
        None => text,
    }
}

/// The environment that a Python belongs to, for people: conda's by its name, others by their folder; of the system's
/// the folder of the program.
fn environment(python: &Path) -> Option<String> {
    let folder = python.parent()?;
    let prefix = folder.parent()?;
    if prefix.join("conda-meta").is_dir() {
        let name = prefix.file_name()?.to_string_lossy();
        let base = prefix.join("condabin").is_dir();
        return Some(if base {
            "conda's base".to_owned()
        } else {
            format!("conda's {name}")
        });
    }
    if prefix.join("pyvenv.cfg").is_file() {
        return Some(short(prefix));
    }
    Some(short(folder))
}

/// A path as short as it can be told from here.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    if let Ok(below) = path.strip_prefix(&here)
        && below != Path::new("")
    {
        return below.display().to_string();
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    match path.strip_prefix(&home) {
        Ok(below) if home != Path::new("") => format!("~/{}", below.display()),
        _ => path.display().to_string(),
    }
}

/// The end of a text, where it does not fit whole.
fn end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let cut = text
        .char_indices()
        .map(|(at, _)| &text[at..])
        .find(|rest| rest.width() + 3 <= width);
    format!("...{}", cut.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(config: &crate::config::Config, python: Option<&Path>) -> String {
        let interpreter = |path: &Path| Interpreter {
            path: path.to_owned(),
            origin: "a test".into(),
        };
        let start = Start {
            config,
            problems: &[],
            python: python.map(interpreter),
            elixir: None,
            replay: &[],
        };
        versions(&start, 80)
    }

    #[test]
    fn the_environment_is_named_and_the_line_fits() {
        let config = crate::config::Config::default();
        let root = tempfile::tempdir().unwrap();
        let make = |folder: &str, file: &str, text: &str| {
            let prefix = root.path().join(folder);
            let file = prefix.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::create_dir_all(prefix.join("bin")).unwrap();
            std::fs::write(file, text).unwrap();
            prefix.join("bin/python3")
        };
        let venv = make(
            &format!("{}.venv", "long/".repeat(20)),
            "pyvenv.cfg",
            "version = 3.11.7",
        );
        let line = start(&config, Some(&venv));
        assert!(line.contains("no Elixir, Python 3.11.7 in ..."), "{line}");
        assert!(line.ends_with("long/.venv") && line.width() <= 80, "{line}");
        let conda = make("envs/science", "conda-meta/history", "");
        assert!(start(&config, Some(&conda)).ends_with("Python in conda's science"));
        let system = start(&config, Some(Path::new("/usr/bin/python3")));
        assert!(system.ends_with(" in /usr/bin"), "{system}");
        assert!(start(&config, None).ends_with("no Python"));
    }
}

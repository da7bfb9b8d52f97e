//! `snakebridge config`: writes the configuration file, and shows what holds.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use snakebridge_repl::config::{self, Config, Problem};

use crate::cli::ConfigAction;
use crate::start;

/// The user's configuration, and what is wrong in its file.
pub(crate) fn load() -> (Config, Option<PathBuf>, Vec<Problem>) {
    let file = config::path();
    let (config, problems) = file.as_deref().map(Config::read).unwrap_or_default();
    (config, file, problems)
}

/// A problem, as it is told to a person.
pub(crate) fn told(file: &Path, problem: &Problem) -> String {
    format!("{problem} ({})\nhint: {}", file.display(), problem.hint)
}

/// Does what was asked.
///
/// # Errors
/// When there is no place for the file, or it cannot be written.
pub(crate) fn act(action: &ConfigAction) -> anyhow::Result<ExitCode> {
    let (config, file, problems) = load();
    let file = file.context("there is no home directory to keep a configuration in")?;
    let mut out = anstream::stdout().lock();
    match action {
        ConfigAction::Path => writeln!(out, "{}", file.display())?,
        ConfigAction::Init { force } => {
            if file.exists() && !force {
                return Err(start::hinted(
                    format!("{} exists already", file.display()),
                    "`--force` writes a new one in its place; the old one is kept beside it as config.toml.old",
                ));
            }
            if let Some(folder) = file.parent() {
                fs_err::create_dir_all(folder)?;
            }
            if file.exists() {
                fs_err::rename(&file, file.with_extension("toml.old"))?;
            }
            fs_err::write(&file, Config::template())?;
            writeln!(
                out,
                "wrote {}: every setting with its default, to be changed",
                file.display()
            )?;
        }
        ConfigAction::Show => {
            write!(out, "{}", config::table(&config))?;
            let state = if file.exists() {
                ""
            } else {
                " (not there: `snakebridge config init` writes it)"
            };
            writeln!(out, "\n* differs from the default; {}{state}", file.display())?;
            for problem in &problems {
                writeln!(anstream::stderr(), "{}", told(&file, problem))?;
            }
            if !problems.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

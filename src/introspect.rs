//! `snakebridge introspect`: what a Python library has, as JSON. The work is Python's; this finds it.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::Context;
use bridge_core::runtime::{Support, find_python};

use crate::cli::{IntrospectArgs, SessionArgs};
use crate::start::with_hint;

/// Becomes the interpreter that a session here would use, which prints the document.
///
/// # Errors
/// When there is no interpreter, or our own files are missing.
pub(crate) fn print(args: &IntrospectArgs, session: &SessionArgs) -> anyhow::Result<ExitCode> {
    let here = std::env::current_dir().context("the current directory is gone")?;
    let python = find_python(session.python.as_deref(), &here).map_err(with_hint)?;
    let package = Support::find()
        .and_then(|support| support.python())
        .map_err(with_hint)?;
    let mut command = Command::new(&python.path);
    // The file and not the module: a folder `snakebridge` where the user works would come before ours.
    command.arg(package.join("snakebridge/introspection/__main__.py"));
    command.arg("--depth").arg(args.depth.to_string());
    for (flag, names) in [("--include", &args.include), ("--exclude", &args.exclude)] {
        command.args(names.iter().map(|name| format!("{flag}={name}")));
    }
    if args.private {
        command.arg("--private");
    }
    if let Some(spaces) = args.indent {
        command.arg("--indent").arg(spaces.to_string());
    }
    if let Some(file) = &args.output {
        command.arg("--output").arg(file);
    }
    command.arg("--").arg(&args.module);
    let error = command.exec();
    Err(error).with_context(|| format!("{} does not start", python.path.display()))
}

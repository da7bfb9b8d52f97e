//! `snakebridge kernel`: installs the kernel where Jupyter finds it, and runs it when Jupyter starts it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;
use bridge_core::language::Language;
use bridge_core::runtime::{find_elixir, find_python};
use snakebridge_kernel::kernelspec::{self, Place, Spec};
use snakebridge_kernel::{Options, run};

use crate::cli::{KernelAction, KernelInstall, SessionArgs};
use crate::start;

/// Does what was asked.
///
/// # Errors
/// When a file cannot be written, a kernel is not there, or the kernel cannot start.
pub(crate) fn act(action: KernelAction, session: &SessionArgs) -> anyhow::Result<ExitCode> {
    match action {
        KernelAction::Install(install) => self::install(&install, session)?,
        KernelAction::List => list(session)?,
        KernelAction::Uninstall { names } => {
            for name in &names {
                let removed =
                    kernelspec::uninstall(name, prefix(session).as_deref()).map_err(start::with_hint)?;
                for folder in removed {
                    writeln!(io::stdout(), "removed {}", folder.display())?;
                }
            }
        }
        KernelAction::Run { file, language, .. } => {
            run(Options {
                connection_file: file,
                language: language.into(),
                session: start::config(session)?,
            })
            .map_err(start::with_hint)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn install(install: &KernelInstall, session: &SessionArgs) -> anyhow::Result<()> {
    let language = Language::from(install.language);
    let place = match (&install.prefix, install.sys_prefix) {
        (Some(prefix), _) => Place::Prefix(absolute(prefix)?),
        (None, true) => {
            Place::Prefix(prefix(session).context("no Python environment was found: name one with --python")?)
        }
        (None, false) => Place::User,
    };
    let name = install.name.clone().unwrap_or_else(|| {
        match language {
            Language::Elixir => "snakebridge",
            Language::Python => "snakebridge-python",
        }
        .to_owned()
    });
    let display_name = install.display_name.clone().unwrap_or_else(|| {
        match language {
            Language::Elixir => "Elixir + Python (SnakeBridge)",
            Language::Python => "Python + Elixir (SnakeBridge)",
        }
        .to_owned()
    });
    let here = std::env::current_dir().context("the current directory is gone")?;
    // Named by path, by the folder of an environment or by a bare name; what is kept is the program.
    let python = match &session.python {
        None if !install.sys_prefix => None,
        given => Some(
            find_python(given.as_deref(), &here)
                .map_err(start::with_hint)?
                .path,
        ),
    };
    let elixir = match &session.elixir {
        None => None,
        given => Some(
            find_elixir(given.as_deref(), &here)
                .map_err(start::with_hint)?
                .path,
        ),
    };
    let spec = Spec {
        name,
        display_name,
        language,
        program: std::env::current_exe().context("cannot tell where this program is")?,
        python,
        elixir,
        env: install.env.iter().cloned().collect::<BTreeMap<_, _>>(),
    };
    let folder = spec.install(&place).map_err(start::with_hint)?;
    writeln!(io::stdout(), "installed the kernel in {}", folder.display())?;
    if install.no_labextension {
        return Ok(());
    }
    match place.install_labextension().map_err(start::with_hint)? {
        Some(folder) => writeln!(
            io::stdout(),
            "installed the JupyterLab extension in {}",
            folder.display()
        )?,
        None => writeln!(
            io::stdout(),
            "without the JupyterLab extension, which shows and switches cells' languages: this program was built \
             where npm was not found\nhint: install Node.js 18 or later with npm, build again, install again"
        )?,
    }
    Ok(())
}

fn list(session: &SessionArgs) -> anyhow::Result<()> {
    let kernels = kernelspec::list(prefix(session).as_deref());
    let mut out = anstream::stdout().lock();
    if kernels.is_empty() {
        writeln!(out, "no kernel is installed: `snakebridge kernel install`")?;
    }
    let width = kernels.iter().map(|kernel| kernel.name.len()).max().unwrap_or(0);
    for kernel in kernels {
        let missing = match kernel.missing() {
            Some(path) => format!("  ({} is gone: install it again)", path.display()),
            None => String::new(),
        };
        writeln!(
            out,
            "{:width$}  {:6}  {}{missing}",
            kernel.name,
            kernel.language,
            kernel.folder.display()
        )?;
    }
    Ok(())
}

/// The prefix of the Python environment in use, as Python itself says it: a program may stand for one elsewhere.
pub(crate) fn prefix(session: &SessionArgs) -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let python = find_python(session.python.as_deref(), &here).ok()?;
    let asked = Command::new(&python.path)
        .args(["-I", "-c", "import sys; sys.stdout.write(sys.prefix)"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let prefix = PathBuf::from(OsString::from_vec(asked.stdout));
    (asked.status.success() && prefix.is_absolute()).then_some(prefix)
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))
}

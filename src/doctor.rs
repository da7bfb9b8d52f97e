//! `snakebridge doctor`: what was found on this machine, and how to get what is missing.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use bridge_core::error::{Error, Hint};
use bridge_core::record::Records;
use bridge_core::runtime::{Support, find_elixir, find_python};
use snakebridge_kernel::kernelspec::{self, Installed};

use crate::cli::SessionArgs;

/// Looks at everything that a session needs; status 1 when something is missing without which cells cannot run.
///
/// # Errors
/// When standard output cannot be written to, or there is no current directory.
pub(crate) fn examine(args: &SessionArgs) -> anyhow::Result<ExitCode> {
    let here = std::env::current_dir()?;
    let mut findings = vec![support()];
    findings.extend(native());
    match find_python(args.python.as_deref(), &here) {
        Ok(python) => {
            findings.push(interpreter(
                "python",
                &python.path,
                &python.origin,
                python_version(&python.path),
            ));
            findings.extend(packages(&python.path));
        }
        Err(error) => findings.push(Finding::missing("python", &error)),
    }
    match find_elixir(args.elixir.as_deref(), &here) {
        Ok(elixir) => findings.push(interpreter(
            "elixir",
            &elixir.path,
            &elixir.origin,
            elixir_version(&elixir.path),
        )),
        Err(error) => findings.push(Finding::missing("elixir", &error)),
    }
    findings.extend(kernels(args));
    findings.push(match Records::of_user() {
        Ok(records) => Finding::found("records", records.directory().display().to_string()),
        Err(error) => Finding {
            needed: false,
            ..Finding::missing("records", &error)
        },
    });
    let mut out = anstream::stdout().lock();
    let width = findings.iter().map(|f| f.what.len()).max().unwrap_or(0);
    for finding in &findings {
        finding.write(&mut out, width)?;
    }
    let lacks = findings.iter().any(|f| f.needed && !f.there);
    Ok(if lacks {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

struct Finding {
    what: &'static str,
    there: bool,
    /// Whether cells cannot run without it.
    needed: bool,
    told: String,
    hint: Option<String>,
}

impl Finding {
    fn found(what: &'static str, told: String) -> Self {
        Finding {
            what,
            there: true,
            needed: true,
            told,
            hint: None,
        }
    }

    fn missing(what: &'static str, error: &Error) -> Self {
        Finding {
            what,
            there: false,
            needed: true,
            told: error.to_string(),
            hint: error.hint(),
        }
    }

    fn write(&self, out: &mut impl Write, width: usize) -> io::Result<()> {
        let mark = match (self.there, self.needed) {
            (true, _) => "ok",
            (false, true) => "missing",
            (false, false) => "absent",
        };
        writeln!(out, "{:width$}  {mark:7}  {}", self.what, self.told)?;
        if let Some(hint) = &self.hint {
            writeln!(out, "{:width$}  {:7}  hint: {hint}", "", "")?;
        }
        Ok(())
    }
}

fn support() -> Finding {
    let found = Support::find().and_then(|support| {
        let package = support.python()?;
        support.ebin()?;
        Ok(package)
    });
    match found {
        Ok(package) => Finding::found(
            "snakebridge",
            format!(
                "{}, its files in {}",
                env!("CARGO_PKG_VERSION"),
                package.display()
            ),
        ),
        Err(error) => Finding::missing("snakebridge", &error),
    }
}

/// The native library, where the rest is.
fn native() -> Option<Finding> {
    let found = Support::find().ok()?.native();
    Some(match found {
        Ok(file) => Finding::found("refs", format!("released by themselves ({})", file.display())),
        Err(error) => Finding {
            what: "refs",
            there: false,
            needed: false,
            told: format!("released at the end of their worker only: {error}"),
            hint: error.hint(),
        },
    })
}

fn interpreter(what: &'static str, path: &Path, origin: &str, version: Result<String, Finding>) -> Finding {
    match version {
        Ok(version) => Finding::found(what, format!("{version} at {} (from {origin})", path.display())),
        Err(finding) => Finding { what, ..finding },
    }
}

/// The oldest and newest minor version of Python 3 that the worker is made for.
const PYTHON_3: std::ops::RangeInclusive<u32> = 10..=14;
/// The oldest minor version of Elixir 1 that has `~PY`.
const ELIXIR_1: u32 = 15;

fn python_version(python: &Path) -> Result<String, Finding> {
    let version = first_line(
        Command::new(python).args(["-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]),
    )?;
    match minor(&version, "3") {
        Some(minor) if PYTHON_3.contains(&minor) => Ok(version),
        _ => Err(Finding {
            what: "python",
            there: false,
            needed: true,
            told: format!(
                "{version} at {}: 3.{} to 3.{} are supported",
                python.display(),
                PYTHON_3.start(),
                PYTHON_3.end()
            ),
            hint: Some("name another with `--python PATH`".into()),
        }),
    }
}

fn elixir_version(elixir: &Path) -> Result<String, Finding> {
    let script = "IO.puts(System.version() <> \" on OTP \" <> System.otp_release())";
    let version = first_line(Command::new(elixir).args(["-e", script]))?;
    match minor(&version, "1") {
        Some(minor) if minor >= ELIXIR_1 => Ok(version),
        _ => Err(Finding {
            what: "elixir",
            there: false,
            needed: true,
            told: format!(
                "{version} at {}: 1.{ELIXIR_1} or later is needed",
                elixir.display()
            ),
            hint: Some(
                "`make setup` in the source tree builds a newer one, or name another with `--elixir PATH`"
                    .into(),
            ),
        }),
    }
}

/// Jupyter's kernels of ours, and whether they would start.
fn kernels(args: &SessionArgs) -> Vec<Finding> {
    let absent = |told: String, hint: String| Finding {
        what: "kernel",
        there: false,
        needed: false,
        told,
        hint: Some(hint),
    };
    let installed = kernelspec::list(crate::kernel::prefix(args).as_deref());
    if installed.is_empty() {
        return vec![absent(
            "gives cells in Jupyter".into(),
            "snakebridge kernel install".into(),
        )];
    }
    let finding = |kernel: Installed| {
        let again = format!(
            "install it again: `snakebridge kernel install --name {} --language {}`, with its other options",
            kernel.name, kernel.language
        );
        let named = format!("{} in {}", kernel.name, kernel.folder.display());
        if let Some(path) = kernel.missing() {
            return absent(format!("{named} needs {}, which is gone", path.display()), again);
        }
        match kernel.python.as_deref().map(python_version) {
            Some(Err(wrong)) => absent(format!("{named} would not start: {}", wrong.told), again),
            _ => Finding::found("kernel", format!("{named}: {} cells", kernel.language)),
        }
    };
    installed.into_iter().map(finding).collect()
}

fn minor(version: &str, major: &str) -> Option<u32> {
    let mut parts = version.split(['.', ' ']);
    (parts.next() == Some(major)).then_some(())?;
    parts.next()?.parse().ok()
}

fn packages(python: &Path) -> Vec<Finding> {
    let known = [
        (
            "ipython",
            "IPython",
            "magics, rich display and tracebacks in Python cells",
        ),
        ("pandas", "pandas", "the wine notebook"),
        ("scikit-learn", "sklearn", "the wine notebook"),
        ("matplotlib", "matplotlib", "figures"),
    ];
    let finding = |(name, module, gives): (&'static str, &str, &str)| {
        let script = format!(
            "import importlib.util as u, importlib.metadata as m\nprint(m.version('{name}') if u.find_spec('{module}') else '')"
        );
        match first_line(Command::new(python).args(["-c", &script])) {
            Ok(version) if !version.is_empty() => Finding::found(name, version),
            _ => Finding {
                what: name,
                there: false,
                needed: false,
                told: format!("gives {gives}"),
                hint: Some(format!("{} -m pip install {name}", python.display())),
            },
        }
    };
    known.into_iter().map(finding).collect()
}

fn first_line(command: &mut Command) -> Result<String, Finding> {
    let failed = |told: String| Finding {
        what: "",
        there: false,
        needed: true,
        told,
        hint: None,
    };
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .map_err(|error| failed(format!("{program} does not start: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!(
            "{program} fails: {}",
            said.lines().last().unwrap_or("it says nothing")
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}

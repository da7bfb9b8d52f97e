//! What to start: the command lines of the children.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Directory, Support, find_elixir, find_python};
use crate::error::Result;

/// A program and its first arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// Its arguments; those of the session are added.
    pub args: Vec<OsString>,
    /// Variables to set for it.
    pub env: Vec<(OsString, OsString)>,
}

/// A program with all that it needs to find the session.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(super) program: Program,
    pub(super) directory: PathBuf,
}

impl Launch {
    pub(crate) fn program(&self) -> &Path {
        &self.program.path
    }
}

/// A worker of Python.
pub(crate) fn worker(
    program: Option<&Program>,
    python: Option<&Path>,
    place: &Path,
    sockets: &Directory,
    generation: u64,
    notebook: bool,
) -> Result<Launch> {
    let mut program = match program {
        Some(program) => program.clone(),
        None => worker_program(python, place)?,
    };
    let session: [OsString; 7] = [
        "--host".into(),
        sockets.host_socket().into(),
        "--listen".into(),
        sockets.worker_socket(generation).into(),
        "--generation".into(),
        generation.to_string().into(),
        "--cells".into(),
    ];
    program.args.extend(session);
    program.args.extend(notebook.then(|| "--notebook".into()));
    Ok(Launch {
        program,
        directory: place.to_owned(),
    })
}

/// A BEAM; in the Mix project around that place if `mix`.
pub(crate) fn beam(
    program: Option<&Program>,
    elixir: Option<&Path>,
    mix: bool,
    place: &Path,
    sockets: &Directory,
    generation: u64,
    notebook: bool,
) -> Result<Launch> {
    let mut program = match program {
        Some(program) => program.clone(),
        None => beam_program(elixir, mix, place)?,
    };
    program.env.extend([
        ("SNAKEBRIDGE_HOST".into(), sockets.host_socket().into()),
        ("SNAKEBRIDGE_GENERATION".into(), generation.to_string().into()),
        // Said in any case: this process may itself run in a notebook's cell.
        (
            "SNAKEBRIDGE_NOTEBOOK".into(),
            u8::from(notebook).to_string().into(),
        ),
    ]);
    Ok(Launch {
        program,
        directory: place.to_owned(),
    })
}

fn worker_program(python: Option<&Path>, place: &Path) -> Result<Program> {
    let python = find_python(python, place)?;
    let package = Support::find()?.python()?;
    Ok(Program {
        path: python.path,
        // The file and not the module: a folder `snakebridge` where the user works would come before ours.
        args: vec![package.join("snakebridge/worker.py").into()],
        env: Vec::new(),
    })
}

fn beam_program(elixir: Option<&Path>, mix: bool, place: &Path) -> Result<Program> {
    let elixir = find_elixir(elixir, place)?;
    let ebin = Support::find()?.ebin()?;
    // +Bi: SIGINT opens no break menu. +sbwt..: schedulers that have nothing to do sleep at once, for Python and the front
    // end want the cores that they would wait on. -noinput: no shell, and nothing reads standard input.
    let flags = "+Bi +sbwt none +sbwtdcpu none +sbwtdio none -noinput";
    let mut args: Vec<OsString> = ["--erl", flags, "-pa"].map(Into::into).into();
    args.push(ebin.into());
    let run: &[&str] = if mix {
        // The connection is there before Mix compiles the project, so that its output is seen.
        &[
            "-e",
            "SnakeBridge.Host.connect()",
            "-S",
            "mix",
            "run",
            "--no-halt",
            "-e",
            "SnakeBridge.Host.start()",
        ]
    } else {
        &["--no-halt", "-e", "SnakeBridge.Host.start()"]
    };
    args.extend(run.iter().map(Into::into));
    Ok(Program {
        path: elixir.path,
        args,
        env: Vec::new(),
    })
}

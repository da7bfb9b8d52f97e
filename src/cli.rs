//! The command line: one definition, from which the help, the parser and the shells' completions come.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Elixir and Python cells in one session.
#[derive(Debug, Parser)]
#[command(
    name = "snakebridge",
    version,
    about,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) session: SessionArgs,

    /// Run one cell and leave; a first line `%%python` makes it Python
    #[arg(short, long = "eval", value_name = "CODE")]
    pub(crate) eval: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What is common to all commands that start a session.
#[derive(Debug, Clone, Args)]
pub(crate) struct SessionArgs {
    /// The Python to use [default: the active environment, the nearest .venv upward, python3]
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) python: Option<PathBuf>,

    /// The elixir program to use [default: elixir on the PATH]
    #[arg(long, value_name = "PATH", global = true, env = "SNAKEBRIDGE_ELIXIR")]
    pub(crate) elixir: Option<PathBuf>,

    /// Keep the record under this name, continuing it if it exists
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) session: Option<String>,

    /// Keep no record
    #[arg(long, global = true, conflicts_with = "session")]
    pub(crate) no_record: bool,

    /// Load a project around the session: `-S mix`
    #[arg(short = 'S', value_name = "SCRIPT", value_parser = ["mix"], global = true)]
    pub(crate) script: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The interactive prompt (also without any command)
    Repl,
    /// Run a notebook or a script of cells
    Run(RunArgs),
    /// List, show, resume or remove recorded sessions
    Sessions {
        #[command(subcommand)]
        action: Option<SessionsAction>,
    },
    /// Make a project, a notebook or a script of a notebook or a recorded session
    Export(ExportArgs),
    /// The Jupyter kernel
    Kernel {
        #[command(subcommand)]
        action: KernelAction,
    },
    /// Write the configuration file, or show what is configured
    Config {
        #[command(subcommand)]
        action: Option<ConfigAction>,
    },
    /// Print what a Python library has (modules, classes, functions, types, documentation) as JSON
    Introspect(IntrospectArgs),
    /// Say what was found on this machine, and how to get what is missing
    Doctor,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// .ipynb, .livemd, .py (percent format), .exs, or a cell script (lines `%%python` and `%%elixir` start a cell); `-` reads
    /// a cell script from standard input
    pub(crate) file: PathBuf,

    /// Print every event as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Write the executed notebook to this .ipynb or .livemd file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Go on after a failing cell
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Compare what each cell puts out with what it did when FILE, or the session of that name, was recorded
    #[arg(long, conflicts_with_all = ["json", "output", "keep_going"])]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A notebook or a script of cells; without it `--session NAME` says which recorded session
    #[arg(required_unless_present = "session")]
    pub(crate) file: Option<PathBuf>,

    /// What it becomes
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: Target,

    /// The file, or for mix the folder, to write; `-` is standard output [default: named after what is exported]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,

    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,

    /// Show what is written
    #[arg(long)]
    pub(crate) preview: bool,

    /// Run nothing, and use no record: what only a run can tell is left out
    #[arg(long)]
    pub(crate) no_run: bool,

    /// livemd: cells of Python as Livebook's own, which Pythonx runs
    #[arg(long)]
    pub(crate) pythonx: bool,

    /// Keep only what this name needs, and for mix return it; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) result: Vec<String>,

    /// mix: make this name a parameter; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) param: Vec<String>,

    /// mix: put the files into this project
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) into: Option<PathBuf>,

    /// mix: where the project has this library from
    #[arg(long, default_value = "vendor")]
    pub(crate) bridge: Bridge,

    /// mix: the folder or the address for `--bridge path` and `--bridge git`
    #[arg(long, value_name = "WHERE")]
    pub(crate) bridge_path: Option<String>,
}

/// What an export makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// A Mix project with tests
    Mix,
    /// A notebook of Livebook
    Livemd,
    /// A notebook of Jupyter
    Ipynb,
    /// A script of Elixir
    Exs,
    /// Python alone, in percent format
    Py,
    /// A cell script: lines `%%python` and `%%elixir` start a cell
    Cells,
}

/// Where a project has this library from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bridge {
    Vendor,
    Path,
    Git,
}

#[derive(Debug, Args)]
pub(crate) struct IntrospectArgs {
    /// The name of the module
    pub(crate) module: String,

    /// How many levels of submodules are imported and described, too
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) depth: u32,

    /// A submodule or a private name below the module that is wanted whatever the depth; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) include: Vec<String>,

    /// A name below the module, or a pattern, that is not wanted; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) exclude: Vec<String>,

    /// Also names that begin with an underscore
    #[arg(long)]
    pub(crate) private: bool,

    /// Lay the JSON out with so many spaces for each level
    #[arg(long, value_name = "SPACES")]
    pub(crate) indent: Option<u8>,

    /// Write to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KernelAction {
    /// Let Jupyter know of the kernel; `--python` and `--elixir` are kept for its starts
    Install(KernelInstall),
    /// The kernels that are installed
    List,
    /// Remove kernels
    Uninstall {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Run the kernel: what Jupyter does
    Run {
        /// The connection file
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// The language of cells that say nothing else
        #[arg(long, default_value = "elixir")]
        language: CellLanguage,
        /// What clients hand on to kernels that take more, as `jupyter run` its files; passed over
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
        others: Vec<std::ffi::OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KernelInstall {
    /// For you alone (the default)
    #[arg(long, conflicts_with_all = ["sys_prefix", "prefix"])]
    pub(crate) user: bool,
    /// Into the Python environment in use, whose Python is then the kernel's
    #[arg(long, conflicts_with = "prefix")]
    pub(crate) sys_prefix: bool,
    /// Below this folder, in share/jupyter
    #[arg(long, value_name = "PATH")]
    pub(crate) prefix: Option<PathBuf>,
    /// The name that clients choose it by [default: snakebridge, or snakebridge-python]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The name that people see
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// The language of cells that say nothing else
    #[arg(long, default_value = "elixir")]
    pub(crate) language: CellLanguage,
    /// An environment variable of the kernel; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,
    /// Leave the JupyterLab extension out
    #[arg(long)]
    pub(crate) no_labextension: bool,
}

/// A language, as an argument.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum CellLanguage {
    Elixir,
    Python,
}

impl From<CellLanguage> for bridge_core::language::Language {
    fn from(language: CellLanguage) -> Self {
        match language {
            CellLanguage::Elixir => Self::Elixir,
            CellLanguage::Python => Self::Python,
        }
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("NAME=VALUE is expected".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Write a file with every setting, its meaning and its default
    Init {
        /// Replace the one that is there
        #[arg(long)]
        force: bool,
    },
    /// What every setting is
    Show,
    /// Where the file is
    Path,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsAction {
    /// The recorded sessions, newest first
    List,
    /// The cells of a session and what they printed
    Show {
        /// The session's name
        name: String,
    },
    /// Run a session's cells again, then go on in the prompt; asks first, for side effects repeat
    Resume {
        /// The session's name
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Remove sessions
    Rm {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Remove old sessions
    Prune {
        /// Keep those of the last so many days
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        days: u64,
    },
}

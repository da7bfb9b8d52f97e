//! The `snakebridge` binary: argument parsing and dispatch, nothing else.

mod check;
mod cli;
mod config;
mod doctor;
mod export;
mod introspect;
mod kernel;
mod run;
mod sessions;
mod start;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, ConfigAction, RunArgs, SessionsAction};

fn main() -> ExitCode {
    match dispatch(Cli::parse()) {
        Ok(code) => code,
        Err(error) => report(&error),
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(code) = &cli.eval {
        return run::eval(code, &cli.session);
    }
    match cli.command {
        None | Some(Command::Repl) if !std::io::stdin().is_terminal() => {
            let piped = RunArgs {
                file: "-".into(),
                json: false,
                output: None,
                keep_going: false,
                check: false,
            };
            run::file(&piped, &cli.session)
        }
        Some(Command::Run(args)) if args.check => check::run(&args.file, &cli.session),
        Some(Command::Run(args)) => run::file(&args, &cli.session),
        Some(Command::Export(args)) => export::export(&args, &cli.session),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "snakebridge", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Kernel { action }) => kernel::act(action, &cli.session),
        Some(Command::Config { action }) => config::act(&action.unwrap_or(ConfigAction::Show)),
        Some(Command::Introspect(args)) => introspect::print(&args, &cli.session),
        Some(Command::Doctor) => doctor::examine(&cli.session),
        Some(Command::Sessions { action }) => {
            sessions::act(action.unwrap_or(SessionsAction::List), &cli.session)
        }
        None | Some(Command::Repl) => start::prompt(&cli.session, &[]),
    }
}

/// One line that says what happened, and one that says what to do. A reader of our output that has gone (`| head`)
/// is no error.
fn report(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(|e| {
        e.downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    }) {
        return ExitCode::SUCCESS;
    }
    let message: Vec<String> = error.chain().map(ToString::to_string).collect();
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "snakebridge: {}", message.join(": "));
    let hint = error
        .chain()
        .find_map(|e| e.downcast_ref::<start::Hinted>()?.hint.as_ref());
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {hint}");
    }
    ExitCode::FAILURE
}

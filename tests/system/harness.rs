//! Runs the binary as a user would, and reads what it prints. Every wait has a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Generous: a cold start on a busy machine takes seconds. A test that runs into it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A run of the binary to come, in a directory of its own whose record and state are thrown away.
pub(crate) struct Snakebridge {
    command: Command,
    stdin: Vec<u8>,
    state: tempfile::TempDir,
}

impl Snakebridge {
    pub(crate) fn new<const N: usize>(args: [&str; N]) -> Self {
        let state = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_snakebridge"));
        command
            .args(args)
            .current_dir(root())
            .env("XDG_STATE_HOME", state.path().join("state"))
            .env("XDG_CONFIG_HOME", state.path().join("config"))
            .env("XDG_CONFIG_HOME", state.path().join("config"))
            .env("NO_COLOR", "1");
        Snakebridge {
            command,
            stdin: Vec::new(),
            state,
        }
    }

    /// `snakebridge run --json -` over a cell script, with further arguments.
    pub(crate) fn script<const N: usize>(source: &str, args: [&str; N]) -> Self {
        let mut run = Snakebridge::new(["run", "--json", "-"]).stdin(source);
        run.command.args(args);
        run
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn in_directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.as_bytes().to_vec();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it; events and text are read as they come.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("piped");
        let input = std::mem::take(&mut self.stdin);
        std::thread::spawn(move || stdin.write_all(&input));
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let (line, lines) = channel();
        std::thread::spawn(move || {
            for text in stdout.split(b'\n').map_while(Result::ok) {
                if line.send(String::from_utf8_lossy(&text).into_owned()).is_err() {
                    break;
                }
            }
        });
        let (text, errors) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            let _ = text.send(String::from_utf8_lossy(&bytes).into_owned());
        });
        Running {
            child,
            lines,
            errors,
            state: self.state,
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Finished {
        self.start().finish()
    }
}

/// A run of the binary that goes on.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    state: tempfile::TempDir,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next event; `None` when there are no more.
    #[track_caller]
    pub(crate) fn event(&mut self) -> Option<Value> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in line {line:?}"))),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no event within {PATIENCE:?}"),
        }
    }

    /// Skips events up to the first of that kind in that cell.
    #[track_caller]
    pub(crate) fn until(&mut self, cell: u64, kind: &str) -> Value {
        let mut seen = Vec::new();
        while let Some(event) = self.event() {
            if event["cell"] == cell && event["event"] == kind {
                return event;
            }
            seen.push(event);
        }
        panic!(
            "no {kind} in cell {cell}, but {seen:#?}\n{}",
            self.errors.recv().unwrap_or_default()
        );
    }

    pub(crate) fn signal(&self, signal: i32) {
        kill(self.pid(), signal);
    }

    /// Where this run keeps its record.
    pub(crate) fn state(&self) -> PathBuf {
        self.state.path().join("state")
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        let mut lines = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("not finished within {PATIENCE:?}; so far: {lines:#?}");
                }
            }
        }
        let status = self.child.wait().expect("the binary ends");
        let stderr = self
            .errors
            .recv_timeout(PATIENCE)
            .expect("standard error ends with the process");
        Finished {
            status,
            stdout: lines.join("\n"),
            stderr,
        }
    }
}

/// What a run left behind.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(
            self.status.success(),
            "{}\nstdout:\n{}\nstderr:\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// All events of a `--json` run.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line| {
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in line {line:?}\n{}", self.stderr))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// What a cell printed to a stream.
    #[track_caller]
    pub(crate) fn printed(&self, cell: u64, stream: &str) -> String {
        let is_it = |e: &&Value| e["cell"] == cell && e["event"] == "stream" && e["name"] == stream;
        self.events()
            .iter()
            .filter(is_it)
            .filter_map(|e| e["text"].as_str().map(str::to_owned))
            .collect()
    }

    /// A cell's result as plain text.
    #[track_caller]
    pub(crate) fn result(&self, cell: u64) -> String {
        let events = self.events();
        let found = events
            .iter()
            .find(|e| e["cell"] == cell && e["event"] == "result");
        let found =
            found.unwrap_or_else(|| panic!("cell {cell} has no result: {events:#?}\n{}", self.stderr));
        plain(found["data"]["text/plain"].as_str().expect("text/plain"))
    }

    /// A cell's error event.
    #[track_caller]
    pub(crate) fn error(&self, cell: u64) -> Value {
        let events = self.events();
        let found = events.iter().find(|e| e["cell"] == cell && e["event"] == "error");
        found
            .unwrap_or_else(|| panic!("cell {cell} has no error: {events:#?}"))
            .clone()
    }
}

/// Text without ANSI colours.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        rest = rest[at..].find('m').map_or("", |end| &rest[at + end + 1..]);
    }
    out + rest
}

pub(crate) fn kill(pid: u32, signal: i32) {
    let pid = i32::try_from(pid).expect("a process id");
    // SAFETY: kill takes two integers and touches no memory.
    unsafe { libc::kill(pid, signal) };
}

/// Whether a process exists and has not ended.
pub(crate) fn alive(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .trim_start()
            .starts_with('Z'),
        // SAFETY: as in `kill`; signal 0 only asks.
        Err(_) => !Path::new("/proc").join("self").exists() && unsafe { libc::kill(pid as i32, 0) } == 0,
    }
}

/// Waits until the condition holds.
#[track_caller]
pub(crate) fn eventually(what: &str, limit: Duration, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

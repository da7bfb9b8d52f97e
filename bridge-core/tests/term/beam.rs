//! A BEAM that runs `beam.escript`, and what it says of terms.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Starts Erlang's `escript` on a script beside the tests; without Erlang the test fails.
pub(crate) fn escript(script: &str) -> Command {
    let mut command = Command::new("escript");
    command.arg(
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(script),
    );
    command
}

/// Fails with what to do when the program is not there.
#[track_caller]
pub(crate) fn spawned<T>(result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        panic!("these tests need Erlang/OTP 25 or newer, with `escript` on the PATH: {error}")
    })
}

/// A long-lived BEAM; it ends when this is dropped, at the end of its input.
pub(crate) struct Beam {
    child: Child,
    input: Option<ChildStdin>,
    /// Behind a cell, because a property is a `Fn`.
    output: RefCell<ChildStdout>,
}

impl Beam {
    pub(crate) fn start() -> Beam {
        let mut child = spawned(
            escript("term/beam.escript")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn(),
        );
        let input = child.stdin.take();
        let output = RefCell::new(child.stdout.take().unwrap());
        Beam { child, input, output }
    }

    /// The term of these bytes, written by BEAM; nothing if BEAM reads no term in them.
    pub(crate) fn rewrite(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.ask(b'r', &[bytes])
    }

    /// Whether BEAM reads the same term (`=:=`) in both.
    pub(crate) fn same(&self, a: &[u8], b: &[u8]) -> bool {
        self.ask(b'=', &[&u32::try_from(a.len()).unwrap().to_be_bytes(), a, b])
            .is_some()
    }

    /// Whether BEAM reads the bytes as one whole term.
    pub(crate) fn accepts(&self, bytes: &[u8]) -> bool {
        self.ask(b'?', &[bytes]).is_some()
    }

    /// A random term, written by BEAM in one of several ways.
    pub(crate) fn generate(&self, seed: u64, size: u32, way: u8) -> Vec<u8> {
        self.ask(b'g', &[&seed.to_be_bytes(), &size.to_be_bytes(), &[way]])
            .unwrap()
    }

    fn ask(&self, request: u8, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let body = parts.concat();
        let mut input = self.input.as_ref().unwrap();
        input
            .write_all(&(u32::try_from(body.len()).unwrap() + 1).to_be_bytes())
            .unwrap();
        input.write_all(&[request]).unwrap();
        input.write_all(&body).unwrap();
        input.flush().unwrap();
        let mut output = self.output.borrow_mut();
        let mut length = [0; 4];
        output
            .read_exact(&mut length)
            .expect("BEAM answers; its own messages stand above");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        output.read_exact(&mut answer).unwrap();
        match answer.split_first() {
            Some((1, result)) => Some(result.to_vec()),
            _ => None,
        }
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

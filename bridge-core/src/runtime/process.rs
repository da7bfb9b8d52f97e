//! One child process: started in a group of its own, watched, killed with its group.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::{Guard, Launch};

/// A child process. Dropping it kills its group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Pid,
    guard: Rc<Guard>,
    /// Says that some child may have ended.
    ends: Signals,
}

/// What a child prints past all capture: before it has connected, and as it crashes.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: pipe::Receiver,
    /// The first bytes of a character of which the rest has not come.
    buffer: Vec<u8>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Death(ExitStatus);

impl Process {
    /// Starts it. The calling thread must live as long as the child shall: on Linux its end is the child's.
    /// What the child has started ends by the guard.
    pub(crate) fn start(launch: &Launch, guard: &Rc<Guard>) -> std::io::Result<(Process, Output)> {
        let (sender, receiver) = pipe::pipe()?;
        let sender: OwnedFd = sender.into_blocking_fd()?;
        let mut command = Command::new(&launch.program.path);
        command
            .args(&launch.program.args)
            .envs(launch.program.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&launch.directory)
            .stdin(Stdio::null())
            .stdout(sender.as_fd().try_clone_to_owned()?)
            .stderr(sender)
            .process_group(0);
        let parent = std::process::id();
        // SAFETY: between fork and exec the closure calls only prctl, getppid, signal and _exit, all of which are
        // async-signal-safe, and it neither allocates nor takes a lock.
        unsafe {
            command.pre_exec(move || {
                prepare_child(parent);
                Ok(())
            });
        }
        // From before the start, so that no end is missed.
        let ends = signal(SignalKind::child())?;
        let child = command.spawn()?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let group = group.ok_or_else(|| std::io::Error::other("the child has no process id"))?;
        guard.add(group);
        Ok((
            Process {
                child,
                group,
                guard: guard.clone(),
                ends,
            },
            Output {
                pipe: receiver,
                buffer: Vec::new(),
            },
        ))
    }

    /// Waits for its end, kills what is left of its group, and reaps it. May be dropped and called again.
    pub(crate) async fn wait(&mut self) -> Death {
        while !self.has_ended() && self.ends.recv().await.is_some() {}
        self.end_group();
        let status = self.child.wait().await;
        // Waiting for a child of ours fails only if somebody else has reaped it.
        Death(status.unwrap_or_else(|_| ExitStatus::from_raw(libc::SIGKILL)))
    }

    /// Whether it has ended, reaped or not.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.group), options) {
                Err(rustix::io::Errno::INTR) => {}
                // An error: there is no such child any more.
                status => return !matches!(status, Ok(None)),
            }
        }
    }

    /// Until its leader is reaped the group's id is no other's.
    fn is_ours(&self) -> bool {
        self.child.id().is_some()
    }

    fn end_group(&self) {
        if self.is_ours() {
            let _ = kill_process_group(self.group, Signal::KILL);
            self.guard.remove(self.group);
        }
    }

    /// Kills it at once, with its group and all that it has started: what the BEAM starts has groups of its own.
    pub(crate) fn kill(&self) {
        if !self.is_ours() {
            return;
        }
        let below = descendants(self.group);
        let _ = kill_process_group(self.group, Signal::KILL);
        for process in below {
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        self.end_group();
    }
}

impl Output {
    /// The next text; `None` when nobody can print any more. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            self.buffer.reserve(8192);
            // An error of a pipe is its end.
            let count = self.pipe.read_buf(&mut self.buffer).await.unwrap_or(0);
            let whole = if count == 0 {
                self.buffer.len()
            } else {
                whole_characters(&self.buffer)
            };
            if whole > 0 {
                let rest = self.buffer.split_off(whole);
                let text = std::mem::replace(&mut self.buffer, rest);
                return Some(String::from_utf8_lossy(&text).into_owned());
            }
            if count == 0 {
                return None;
            }
        }
    }
}

/// The length of these bytes without a character at the end of which the rest is missing.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        // What is no UTF-8 at all is passed on too; only its end may still become some.
        Err(_) => {
            let start = bytes.len().saturating_sub(3);
            (start..bytes.len())
                .find(|&at| {
                    std::str::from_utf8(&bytes[at..])
                        .is_err_and(|e| e.error_len().is_none() && e.valid_up_to() == 0)
                })
                .unwrap_or(bytes.len())
        }
        Ok(_) => bytes.len(),
    }
}

impl Death {
    /// The signal that killed it.
    pub(crate) fn signal(self) -> Option<i32> {
        self.0.signal()
    }

    /// Its exit code.
    pub(crate) fn code(self) -> Option<i32> {
        self.0.code()
    }
}

impl std::fmt::Display for Death {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.signal(), self.code()) {
            (Some(signal), _) => match signal_name(signal) {
                Some(name) => write!(f, "killed by signal {signal} ({name})"),
                None => write!(f, "killed by signal {signal}"),
            },
            (None, Some(code)) => write!(f, "exit code {code}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        _ => return None,
    })
}

/// The processes below that one. Where the system does not tell, none.
fn descendants(root: Pid) -> Vec<Pid> {
    let mut found: Vec<Pid> = Vec::new();
    let mut next = Some(root);
    let mut looked_at = 0;
    while let Some(process) = next {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()))
            .into_iter()
            .flatten();
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(
                children
                    .split_ascii_whitespace()
                    .filter_map(|id| Pid::from_raw(id.parse().ok()?)),
            );
        }
        next = found.get(looked_at).copied();
        looked_at += 1;
    }
    found
}

/// Runs in the child between fork and exec.
fn prepare_child(parent: u32) {
    // A shell's background job ignores SIGINT, and so would its children; ours decide by themselves.
    // SAFETY: SIG_DFL is a valid disposition for SIGINT.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    #[cfg(target_os = "linux")]
    {
        // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    }
    // The parent may have ended before the signal was set.
    // SAFETY: getppid and _exit have no preconditions.
    unsafe {
        if u32::try_from(libc::getppid()) != Ok(parent) {
            libc::_exit(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        let check = |bytes: &[u8], whole: usize| assert_eq!(whole_characters(bytes), whole, "{bytes:?}");
        check("plain".as_bytes(), 5);
        check("né".as_bytes(), 3);
        check(&"né".as_bytes()[..2], 1);
        check(&"日本".as_bytes()[..5], 3);
        check(&[0xff, b'a'], 2);
        check(&[0xff, 0xe6, 0x97], 1);
        check(b"", 0);
    }
}

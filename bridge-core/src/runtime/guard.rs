//! What outlives this program by a moment, to end what it leaves behind.
//!
//! When a front end is killed, the system ends its children, but not what those have started. So a small process
//! holds the other end of a pipe and knows the children's groups. When the pipe ends, it kills them and removes the
//! session's directory. What has left its child's group (a daemon, what the BEAM has started in a group of its own) it
//! does not see; the end of its standard input is all that such a process is told.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Pid;

/// How long the process may take to end.
const END_TIME: Duration = Duration::from_secs(1);

/// Each whole line names all groups that there are; the argument is the session's directory, which goes last. Signals of the terminal are not for this process. `kill` is the
/// shell's own, and in this form every shell reads the negative number as a group.
const SCRIPT: &str = "trap '' HUP INT QUIT TERM
while read -r line; do groups=$line; done
test \"$groups\" = end && exit
for group in $groups; do kill -s KILL -- \"-$group\"; done
rm -rf -- \"$1\"";

/// The process, and the groups that it knows. Without a shell there is none, and killed front ends leave more behind.
#[derive(Debug, Default)]
pub(crate) struct Guard(RefCell<State>);

#[derive(Debug, Default)]
struct State {
    shell: Option<Child>,
    groups: BTreeSet<i32>,
}

impl Guard {
    pub(crate) fn start(directory: &Path) -> Guard {
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Guard(RefCell::new(State {
            shell: shell.ok(),
            groups: BTreeSet::new(),
        }))
    }

    pub(super) fn add(&self, group: Pid) {
        let mut state = self.0.borrow_mut();
        state.groups.insert(group.as_raw_nonzero().get());
        state.tell();
    }

    pub(super) fn remove(&self, group: Pid) {
        let mut state = self.0.borrow_mut();
        if state.groups.remove(&group.as_raw_nonzero().get()) {
            state.tell();
        }
    }
}

impl State {
    fn tell(&mut self) {
        let Some(pipe) = self.shell.as_mut().and_then(|shell| shell.stdin.as_mut()) else {
            return;
        };
        let groups: Vec<String> = self.groups.iter().map(i32::to_string).collect();
        // The shell may have been killed; then there is no guard.
        let _ = writeln!(pipe, "{}", groups.join(" "));
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(shell) = &mut self.shell {
            if let Some(mut pipe) = shell.stdin.take() {
                // In order: nothing is left behind, and another session may have a directory of the same name by now.
                let _ = writeln!(pipe, "end");
            }
            // It ends as soon as the pipe does, unless somebody has stopped it.
            let deadline = Instant::now() + END_TIME;
            while matches!(shell.try_wait(), Ok(None)) {
                if Instant::now() > deadline {
                    let _ = shell.kill();
                    let _ = shell.wait();
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

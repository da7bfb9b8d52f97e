//! What the system says of the processes of a session: memory and processor time.

use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::session::{ChildState, Session};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// One process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Bytes that it holds in memory.
    pub(crate) memory: u64,
    /// Processor time since its start.
    pub(crate) cpu: Duration,
}

/// The processes of a session; `None` for one that is not up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) front_end: Option<Process>,
    pub(crate) python: Option<Process>,
    pub(crate) elixir: Option<Process>,
}

/// Asks the system. Empty where it does not tell.
pub(crate) fn usage(session: &Session) -> Usage {
    let Ok(mut system) = System::new() else {
        return Usage::default();
    };
    let pid_of = |language| match session.children().borrow().of(language) {
        ChildState::Up { pid, .. } => Some(*pid),
        _ => None,
    };
    let pids = [
        Some(std::process::id()),
        pid_of(Language::Python),
        pid_of(Language::Elixir),
    ];
    let wanted: Vec<Pid> = pids.iter().flatten().map(|pid| Pid::from_u32(*pid)).collect();
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&wanted), true, kind);
    let [front_end, python, elixir] = pids.map(|pid| {
        let process = system.process(Pid::from_u32(pid?))?;
        Some(Process {
            pid: pid?,
            memory: process.memory(),
            cpu: Duration::from_millis(process.accumulated_cpu_time()),
        })
    });
    Usage {
        front_end,
        python,
        elixir,
    }
}

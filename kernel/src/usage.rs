//! What the kernel uses: the sum over its own process and all that it and its children have started.

use std::collections::HashMap;

use serde_json::{Value, json};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// The content of a `usage_reply`. Takes a moment, in which the processors are watched: not for a task that others
/// wait for.
///
/// # Errors
/// Where this system does not tell.
pub(crate) fn answer() -> Result<Value, String> {
    let mut system = System::new().map_err(|error| error.to_string())?;
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
    let refresh = |system: &mut System| {
        system.refresh_cpu_usage();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    };
    refresh(&mut system);
    // A share of the processors is one of a span of time.
    std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
    refresh(&mut system);
    system.refresh_memory();

    let own = Pid::from_u32(std::process::id());
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for (pid, process) in system.processes() {
        // Threads are listed too; their memory is that of their process.
        if process.thread_kind().is_none()
            && let Some(parent) = process.parent()
        {
            children.entry(parent).or_default().push(*pid);
        }
    }
    let (mut memory, mut cpu, mut waiting) = (0_u64, 0_f32, vec![own]);
    while let Some(pid) = waiting.pop() {
        if let Some(process) = system.process(pid) {
            memory += process.memory();
            cpu += process.cpu_usage();
        }
        waiting.extend(children.remove(&pid).unwrap_or_default());
    }
    let total = system.total_memory();
    let used = system.used_memory();
    let percent = if total == 0 {
        0.0
    } else {
        100.0 * used as f64 / total as f64
    };
    Ok(json!({
        "hostname": System::host_name().ok(),
        "pid": std::process::id(),
        "kernel_cpu": cpu,
        "kernel_memory": memory,
        "cpu_count": system.cpus().len(),
        "host_cpu_percent": system.global_cpu_usage(),
        "host_virtual_memory": {
            "total": total,
            "available": system.available_memory(),
            "used": used,
            "free": system.free_memory(),
            "percent": (percent * 10.0).round() / 10.0,
        },
    }))
}

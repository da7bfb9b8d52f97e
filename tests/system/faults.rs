//! What breaks, and what the user sees of it. Each test makes the fault happen.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Running, Snakebridge, alive, eventually, kill};

/// How often each process is killed at a random moment.
const KILLS: u64 = 100;

const SPIN_PYTHON: &str = "import os\nprint(os.getpid())\nwhile True: pass";
const SPIN_ELIXIR: &str = "IO.puts(System.pid())\nStream.repeatedly(fn -> 1 end) |> Stream.run()";

/// The process id that a cell prints.
#[track_caller]
fn printed_pid(run: &mut Running, cell: u64) -> u32 {
    let event = run.until(cell, "stream");
    event["text"]
        .as_str()
        .and_then(|t| t.trim().parse().ok())
        .unwrap_or_else(|| panic!("no process id in {event}"))
}

/// A number below `limit`, different each time: moments need to differ, not to be secret.
fn random(limit: u64) -> u64 {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.subsec_nanos());
    u64::from(nanos)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(29)
        % limit
}

#[track_caller]
fn finished(run: &mut Running, cell: u64, status: &str) -> Value {
    let event = run.until(cell, "finished");
    assert_eq!(event["status"], status, "{event}");
    event
}

#[test]
fn an_interrupt_stops_python_and_keeps_its_names() {
    for body in [
        "while True: pass",
        "import time; time.sleep(60)",
        "await __import__('asyncio').sleep(60)",
        "ex.Process.sleep(60_000)",
    ] {
        let script = format!("%%python\nprint('go')\nkept = 1\n{body}\n%%python\nkept\n");
        let mut run = Snakebridge::script(&script, ["--keep-going"]).start();
        run.until(1, "stream");
        std::thread::sleep(Duration::from_millis(50));
        run.signal(libc::SIGINT);
        // Had the worker been killed instead, the class would be "Interrupted".
        let error = run.until(1, "error");
        assert_eq!(error["class"], "KeyboardInterrupt", "{body}");
        finished(&mut run, 1, "interrupted");
        run.finish().code(130);
    }
}

#[test]
fn an_interrupt_stops_elixir_and_keeps_its_names() {
    let waits_for_python = "sleep.(60)";
    for body in [
        "Stream.repeatedly(fn -> 1 end) |> Stream.run()",
        "Process.sleep(:infinity)",
        waits_for_python,
    ] {
        let script =
            format!("%%python\nfrom time import sleep\n%%elixir\nkept = 1\nIO.puts(\"go\")\n{body}\n");
        let mut run = Snakebridge::script(&script, []).start();
        run.until(2, "stream");
        std::thread::sleep(Duration::from_millis(50));
        run.signal(libc::SIGINT);
        finished(&mut run, 2, "interrupted");
        run.finish().code(130);
    }
}

#[test]
fn python_blocked_in_c_is_restarted_and_what_was_lost_is_told() {
    let script = "kept = 1\n%%python\nlost = 2\n%%python\nfrom collections import deque\nfrom itertools import repeat\nprint('go')\ndeque(repeat(0), maxlen=0)\n";
    let mut run = Snakebridge::script(script, []).start();
    run.until(3, "stream");
    run.signal(libc::SIGINT);
    let seen = collect(&mut run, 3);
    assert!(
        seen.iter()
            .any(|e| e["event"] == "notice" && e["text"].to_string().contains("lost")),
        "{seen:#?}"
    );
}

/// All events up to the end of a cell.
#[track_caller]
fn collect(run: &mut Running, cell: u64) -> Vec<Value> {
    let mut seen = Vec::new();
    while let Some(event) = run.event() {
        let last = event["event"] == "finished" && event["cell"] == cell;
        seen.push(event);
        if last {
            return seen;
        }
    }
    panic!("cell {cell} did not finish: {seen:#?}");
}

#[test]
fn ways_for_the_worker_to_die() {
    for body in [
        "import os; os._exit(7)",
        "import ctypes; ctypes.string_at(0)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ] {
        let script = format!("kept = 5\n%%python\nheld = 1\n{body}\n%%python\nkept + 1\n%%elixir\nkept\n");
        let run = Snakebridge::script(&script, ["--keep-going"]).run().code(1);
        assert_eq!(run.error(2)["class"], "WorkerDied", "{body}");
        assert_eq!(run.result(3), "6", "{body}");
        assert_eq!(run.result(4), "5", "{body}");
    }
}

#[test]
fn elixir_waiting_for_a_worker_that_dies_gets_an_error_at_once() {
    let script = "%%python\nimport os, time\ndef die():\n    time.sleep(0.1)\n    os._exit(3)\nheld = object()\n%%elixir\nold = held\n{t, r} = :timer.tc(fn -> try do die.(); rescue e -> Exception.message(e) end end)\nIO.puts(r)\nt < 10_000_000\n%%elixir\nold.x\n";
    let run = Snakebridge::script(script, ["--keep-going"]).run().code(1);
    assert!(run.printed(2, "stdout").contains("exit"), "{}", run.stdout);
    assert_eq!(run.result(2), "true");
    let error = run.error(3).to_string();
    assert!(error.contains("worker"), "{error}");
}

#[test]
fn a_worker_whose_forked_child_lives_on_is_seen_to_die() {
    let script = "%%python\nimport os, time\npid = os.fork()\nif pid == 0:\n    time.sleep(20); os._exit(0)\nprint('forked')\nos._exit(1)\n%%python\n1 + 1\n";
    let begin = Instant::now();
    let run = Snakebridge::script(script, ["--keep-going"]).run().code(1);
    assert_eq!(run.error(1)["class"], "WorkerDied");
    assert_eq!(run.result(2), "2");
    assert!(
        begin.elapsed() < Duration::from_secs(15),
        "waited for the forked child"
    );
}

#[test]
fn an_endless_print_is_bounded_and_can_be_stopped() {
    for (language, body) in [
        ("python", "while True: print('x' * 100)"),
        (
            "elixir",
            "Stream.repeatedly(fn -> IO.puts(String.duplicate(\"x\", 100)) end) |> Stream.run()",
        ),
    ] {
        let script = format!("%%{language}\n{body}\n");
        let mut run = Snakebridge::script(&script, ["--no-record"]).start();
        run.until(1, "stream");
        // Nobody reads for a while: what is printed must wait, not pile up.
        std::thread::sleep(Duration::from_millis(1500));
        let pids = descendants(run.pid());
        for pid in std::iter::once(run.pid()).chain(pids) {
            let resident = resident_bytes(pid);
            assert!(
                resident < 700 << 20,
                "{language}: process {pid} holds {} MB",
                resident >> 20
            );
        }
        run.signal(libc::SIGINT);
        finished(&mut run, 1, "interrupted");
        run.finish().code(130);
    }
}

fn resident_bytes(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * 4096
}

/// All processes below one.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
    {
        let Some(child) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1))
            .and_then(|p| p.parse().ok());
        if parent == Some(pid) {
            found.push(child);
            found.extend(descendants(child));
        }
    }
    found
}

#[test]
fn the_worker_is_killed_at_random_moments() {
    let mut script = String::from("total = 1000\n%%python\nimport os\n");
    for _ in 0..KILLS {
        script += &format!("%%python\n{SPIN_PYTHON}\n");
    }
    script += "%%elixir\ntotal\n%%python\ntotal + 1\n";
    let mut run = Snakebridge::script(&script, ["--keep-going"]).start();
    for cell in 3..3 + KILLS {
        let pid = printed_pid(&mut run, cell);
        std::thread::sleep(Duration::from_micros(random(20_000)));
        kill(pid, libc::SIGKILL);
        let begin = Instant::now();
        assert_eq!(run.until(cell, "error")["class"], "WorkerDied");
        finished(&mut run, cell, "error");
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "seen after {:?}",
            begin.elapsed()
        );
    }
    let run = run.finish().code(1);
    assert_eq!(run.result(3 + KILLS), "1000");
    assert_eq!(run.result(4 + KILLS), "1001");
}

#[test]
fn the_beam_is_killed_at_random_moments() {
    let mut script = String::from("%%python\nkept = 1000\n%%elixir\n:ok\n");
    for _ in 0..KILLS {
        script += &format!("%%elixir\n{SPIN_ELIXIR}\n");
    }
    script += "%%python\nkept\n%%elixir\nkept + 1\n";
    let mut run = Snakebridge::script(&script, ["--keep-going"]).start();
    for cell in 3..3 + KILLS {
        let pid = printed_pid(&mut run, cell);
        std::thread::sleep(Duration::from_micros(random(20_000)));
        kill(pid, libc::SIGKILL);
        run.until(cell, "error");
        finished(&mut run, cell, "error");
    }
    let run = run.finish().code(1);
    assert_eq!(run.result(3 + KILLS), "1000");
    assert_eq!(run.result(4 + KILLS), "1001");
}

#[test]
fn the_front_end_is_killed_at_random_moments() {
    for round in 0..KILLS {
        let script = format!(
            "%%python\nimport os, subprocess\nchild = subprocess.Popen(['sleep', '600'])\nprint(os.getpid())\n%%elixir\nIO.puts(System.pid())\n%%python\nprint({round})\n%%python\n{SPIN_PYTHON}\n"
        );
        let mut run = Snakebridge::script(&script, ["--session", "killed"]).start();
        let worker = printed_pid(&mut run, 1);
        let beam = printed_pid(&mut run, 2);
        finished(&mut run, 3, "ok");
        std::thread::sleep(Duration::from_micros(random(30_000)));
        let below = descendants(run.pid());
        assert!(below.contains(&worker) && below.contains(&beam));
        run.signal(libc::SIGKILL);
        eventually("the children end", Duration::from_secs(5), || {
            below.iter().all(|pid| !alive(*pid))
        });
        let record =
            std::fs::read_to_string(run.state().join("snakebridge/sessions/killed.jsonl")).expect("a record");
        for cell in 1..=3 {
            let written = record
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            assert!(
                written
                    .into_iter()
                    .any(|l| l["cell"] == cell && l["status"] == "ok"),
                "cell {cell} is lost:\n{record}"
            );
        }
        run.finish();
    }
}

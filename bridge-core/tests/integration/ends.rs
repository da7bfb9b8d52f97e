//! The end of a session, orderly and not.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bridge_core::error::Error;
use bridge_core::session::Language::{Elixir, Python};
use bridge_core::session::{CellRequest, Event, Session, Status};

use crate::rig::{DEADLINE, Rig, config, directories, echo, gone, is_alive, next, rest};

#[test]
fn a_shutdown_ends_children_sockets_and_cells() {
    let rig = Rig::new();
    let pids = [rig.up(Python), rig.up(Elixir)];
    assert_eq!(directories().len(), 1);
    let mut running = rig.submit(Python, "out go\nsleep 60");
    let waiting = rig.submit(Elixir, "out never");
    next(&mut running, |event| matches!(event, Event::Stream { .. }));
    rig.session.shutdown().wait().unwrap();
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    assert_eq!(directories(), [""; 0].map(std::path::PathBuf::from));
    let mut statuses = Vec::new();
    while let Some(event) = running.events.wait_for(DEADLINE).unwrap() {
        if let Event::Finished { status, .. } = event {
            statuses.push(status);
        }
    }
    assert_eq!(statuses, [Status::Error]);
    assert_eq!(rest(waiting).error().0, "SessionEnded");

    assert!(matches!(
        rig.session.execute(CellRequest::new(Python, "")),
        Err(Error::Ended)
    ));
    assert!(matches!(
        rig.session.complete(Python, "x", 1).wait(),
        Err(Error::Ended)
    ));
    assert!(matches!(rig.session.shutdown().wait(), Err(Error::Ended)));
}

#[test]
fn a_slow_reader_gets_the_end_of_its_cell_past_the_end_of_the_session() {
    let rig = Rig::new();
    // With what stands before it, as much as is held for who does not read.
    let cell = rig.submit(Python, &"out x\n".repeat(255));
    assert_eq!(rig.python("out next").out(), "next\n");
    let ended = rig.session.shutdown();
    let ran = rest(cell);
    assert_eq!(ran.status(), Status::Ok);
    assert_eq!(ran.out().len(), 2 * 255);
    ended.wait().unwrap();
}

#[test]
fn a_child_that_does_not_want_to_end_is_killed() {
    let rig = Rig::with(|config| config.worker = Some(echo("stubborn")));
    let pid = rig.up(Python);
    rig.up(Elixir);
    let began = Instant::now();
    rig.session.shutdown().wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(!is_alive(pid));
}

#[test]
fn a_session_that_still_starts_can_be_shut_down() {
    let rig = Rig::with(|config| config.worker = Some(echo("silent")));
    rig.session.shutdown().wait().unwrap();
    assert_eq!(directories().len(), 0);
}

#[test]
fn the_last_handle_takes_the_session_along() {
    let Rig { session, late, home } = Rig::new();
    let other = session.clone();
    let rig = Rig { session, late, home };
    let pids = [rig.up(Python), rig.up(Elixir)];
    drop(other);
    assert_eq!(rig.python("out here").out(), "here\n");
    drop(rig);
    pids.into_iter().for_each(gone);
}

#[test]
fn sessions_do_not_disturb_each_other() {
    let (one, other) = (Rig::new(), Rig::new());
    one.python("set x");
    other.python("set y");
    assert_eq!(one.python("show names").out(), "[\"x\"]\n");
    one.session.shutdown().wait().unwrap();
    assert_eq!(other.python("show names").out(), "[\"y\"]\n");
}

/// Not a test: what `all_processes_end_with_a_front_end_that_is_killed` runs as a process of its own.
#[test]
fn front_end_for_the_next_test() {
    if std::env::var_os("ECHO_FRONT_END").is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (session, _late) = Session::start(config(home.path())).unwrap();
    // Its own children do not end with it by themselves.
    let cell = session
        .execute(CellRequest::new(Python, "show pid\nchild"))
        .unwrap();
    let mut python = rest(cell).out();
    python.push_str(&rest(session.execute(CellRequest::new(Elixir, "show pid")).unwrap()).out());
    println!(
        "\npids {}",
        python.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    // Longer than the test that kills this one waits.
    std::thread::sleep(3 * DEADLINE);
}

#[test]
fn all_processes_end_with_a_front_end_that_is_killed() {
    let mut front_end = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ends::front_end_for_the_next_test", "--nocapture"])
        .env("ECHO_FRONT_END", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(front_end.stdout.take().unwrap()).lines();
    let pids = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("pids ").map(str::to_owned))
        .unwrap();
    let pids: Vec<u32> = pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == 3 && pids.iter().all(|pid| is_alive(*pid)));
    front_end.kill().unwrap();
    let began = Instant::now();
    front_end.wait().unwrap();
    pids.into_iter().for_each(gone);
    println!("all ended {:?} after the front end", began.elapsed());
}

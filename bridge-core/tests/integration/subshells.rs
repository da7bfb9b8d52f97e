//! Cells beside the main shell's.

use std::time::{Duration, Instant};

use bridge_core::record::Records;
use bridge_core::session::Language::{Elixir, Python};
use bridge_core::session::{Event, MAIN, Recording, Status};

use crate::rig::{DEADLINE, Rig, next, rest, signal};

fn streams(event: &Event) -> bool {
    matches!(event, Event::Stream { .. })
}

#[test]
fn subshells_run_beside_each_other_and_cells_of_one_in_order() {
    let rig = Rig::new();
    for language in [Python, Elixir] {
        let mut main = rig.submit(language, "out go\nsleep 60");
        next(&mut main, streams);
        let (one, other) = (rig.session.open_subshell(), rig.session.open_subshell());
        let mut first = rig.submit_in(one, language, "out first\nsleep 60");
        let second = rig.submit_in(one, language, "out second");
        assert_eq!(
            rest(rig.submit_in(other, language, "out beside")).out(),
            "beside\n"
        );
        next(&mut first, streams);
        rig.session.interrupt_in(one);
        assert_eq!(rest(second).out(), "second\n");
        rig.session.interrupt_in(MAIN);
        while let Ok(Some(event)) = main.events.wait_for(DEADLINE) {
            assert!(!streams(&event));
        }
    }
}

#[test]
fn an_interrupt_stops_one_subshell_or_all() {
    let rig = Rig::new();
    let subshell = rig.session.open_subshell();
    let mut main = rig.submit(Python, "out go\nsleep 60");
    let mut beside = rig.submit_in(subshell, Elixir, "out go\nsleep 60");
    next(&mut main, streams);
    next(&mut beside, streams);
    rig.session.interrupt_in(subshell);
    let ends = |cell: &mut bridge_core::session::Cell| match next(cell, |event| {
        matches!(event, Event::Finished { .. })
    }) {
        Event::Finished { status, .. } => status,
        _ => unreachable!(),
    };
    assert_eq!(ends(&mut beside), Status::Interrupted);
    assert!(main.events.try_next().is_err(), "the main shell's cell goes on");
    let mut again = rig.submit_in(subshell, Elixir, "out go\nsleep 60");
    next(&mut again, streams);
    rig.session.interrupt();
    assert_eq!(ends(&mut main), Status::Interrupted);
    assert_eq!(ends(&mut again), Status::Interrupted);
}

#[test]
fn a_cell_that_does_not_stop_is_left_behind_with_its_lane() {
    let rig = Rig::with(|config| config.grace = Duration::from_millis(200));
    let pid = rig.up(Python);
    let subshell = rig.session.open_subshell();
    let mut stuck = rig.submit_in(subshell, Python, "stuck 60");
    next(&mut stuck, streams);
    rig.session.interrupt_in(subshell);
    let error = next(&mut stuck, |event| matches!(event, Event::Error { .. }));
    assert!(format!("{error:?}").contains("was left to itself"), "{error:?}");
    // The next one has a new lane, and the process is the same.
    assert_eq!(rest(rig.submit_in(subshell, Python, "out on")).out(), "on\n");
    assert_eq!(rig.up(Python), pid);
}

#[test]
fn a_closed_subshell_runs_nothing_more() {
    let rig = Rig::new();
    let subshell = rig.session.open_subshell();
    let mut running = rig.submit_in(subshell, Python, "out go\nsleep 60");
    let waiting = rig.submit_in(subshell, Python, "out never");
    next(&mut running, streams);
    rig.session.close_subshell(subshell);
    let waited = rest(waiting);
    assert_eq!(waited.error().0, "UnknownSubshell");
    assert_eq!(
        rest(rig.submit_in(subshell, Python, "out never")).error().0,
        "UnknownSubshell"
    );
    // Its lane has ended.
    let deadline = Instant::now() + DEADLINE;
    while !rig.python("show events").out().contains("closed") {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_child_that_dies_ends_the_cells_of_all_subshells() {
    let rig = Rig::new();
    let pid = rig.up(Python);
    let subshells = [MAIN, rig.session.open_subshell(), rig.session.open_subshell()];
    let cells = subshells.map(|subshell| {
        let mut cell = rig.submit_in(subshell, Python, "out go\nsleep 60");
        next(&mut cell, streams);
        cell
    });
    let elixir = rig.submit_in(subshells[1], Elixir, "out mine");
    signal(pid, libc::SIGKILL);
    for mut cell in cells {
        let error = next(&mut cell, |event| matches!(event, Event::Error { .. }));
        assert!(format!("{error:?}").contains("WorkerDied"), "{error:?}");
    }
    assert_eq!(rest(elixir).out(), "mine\n");
    for subshell in subshells {
        assert_eq!(
            rest(rig.submit_in(subshell, Python, "out again")).out(),
            "again\n"
        );
    }
}

#[test]
fn answers_and_records_go_to_the_right_cell() {
    let rig = Rig::with(|config| config.recording = Recording::Named("beside".into()));
    let subshell = rig.session.open_subshell();
    let asks = |event: &Event| matches!(event, Event::Input { .. });
    let mut one = rig.submit(Python, "out one\nask name?");
    let mut other = rig.submit_in(subshell, Python, "out other\nask name?");
    next(&mut one, asks);
    next(&mut other, asks);
    rig.session.answer_input(other.number, Some("Ada".into()));
    rig.session.answer_input(one.number, Some("Joe".into()));
    let said = |cell: &mut bridge_core::session::Cell| format!("{:?}", next(cell, streams));
    assert!(said(&mut one).contains("Joe"));
    assert!(said(&mut other).contains("Ada"));
    rig.session.shutdown().wait().unwrap();
    let record = Records::at(rig.home.path().join("records"))
        .load("beside")
        .unwrap();
    assert_eq!(record.cells.len(), 2);
    for (cell, name) in record.cells.iter().zip(["Joe", "Ada"]) {
        assert_eq!(cell.status, Some(Status::Ok));
        assert_eq!(cell.answers, [Some(name.to_owned())]);
        assert!(format!("{:?}", cell.events).contains(name));
    }
}

#[test]
fn a_session_ends_with_its_subshells() {
    let rig = Rig::new();
    let subshell = rig.session.open_subshell();
    let mut cell = rig.submit_in(subshell, Python, "out go\nsleep 60");
    next(&mut cell, streams);
    rig.session.shutdown().wait().unwrap();
    let error = next(&mut cell, |event| matches!(event, Event::Error { .. }));
    assert!(format!("{error:?}").contains("SessionEnded"), "{error:?}");
}

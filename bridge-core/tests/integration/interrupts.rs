//! Stopping cells: politely, and otherwise.

use std::time::{Duration, Instant};

use bridge_core::session::Language::{Elixir, Python};
use bridge_core::session::{CellRequest, ChildState, Event, Status};

use crate::rig::{DEADLINE, Rig, echo, gone, next, ps, rest};

fn streams(event: &Event) -> bool {
    matches!(event, Event::Stream { .. })
}

#[test]
fn an_interrupted_cell_stops_and_keeps_the_process() {
    let rig = Rig::new();
    for language in [Python, Elixir] {
        let pid = rig.up(language);
        let source = format!("set {}\nout go\nsleep 60\nout never", language.name());
        let mut cell = rig.submit(language, &source);
        next(&mut cell, streams);
        let began = Instant::now();
        rig.session.interrupt();
        while let Ok(Some(event)) = cell.events.wait_for(DEADLINE) {
            assert!(!streams(&event));
            if let Event::Finished { status, .. } = event {
                assert_eq!(status, Status::Interrupted);
            }
        }
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(rig.up(language), pid);
    }
    assert_eq!(rig.session.names().wait().unwrap().len(), 2);
}

#[test]
fn an_interrupt_reaches_a_cell_however_early_it_comes() {
    let rig = Rig::new();
    rig.up(Python);
    for _ in 0..20 {
        let cell = rig.submit(Python, "sleep 60");
        rig.session.interrupt();
        assert_eq!(rest(cell).status(), Status::Interrupted);
    }
}

#[test]
fn an_interrupt_stops_one_cell_and_no_later_one() {
    let rig = Rig::new();
    let mut first = rig.submit(Python, "out go\nsleep 60");
    let second = rig.submit(Python, "out second");
    next(&mut first, streams);
    rig.session.interrupt();
    assert_eq!(rest(second).out(), "second\n");
    rig.session.interrupt();
    assert_eq!(rig.python("out third").status(), Status::Ok);
}

#[test]
fn a_cell_whose_process_is_still_starting_can_be_interrupted() {
    let rig = Rig::with(|config| config.worker = Some(echo("silent")));
    let mut cell = rig.submit(Python, "out never");
    next(&mut cell, |event| matches!(event, Event::Started { .. }));
    rig.session.interrupt();
    while let Ok(Some(event)) = cell.events.wait_for(DEADLINE) {
        assert!(matches!(
            event,
            Event::Finished {
                status: Status::Interrupted,
                ..
            }
        ));
    }
}

#[test]
fn a_cell_that_does_not_stop_loses_its_process_after_the_grace_time() {
    let rig = Rig::with(|config| config.grace = Duration::from_millis(300));
    rig.python("set x\nset df");
    rig.elixir("set total");
    let pid = rig.up(Python);
    let mut cell = rig.submit(Python, "stuck 60");
    next(&mut cell, streams);
    let began = Instant::now();
    rig.session.interrupt();
    let mut texts = Vec::new();
    let mut status = None;
    while let Ok(Some(event)) = cell.events.wait_for(DEADLINE) {
        match event {
            Event::Notice { text } | Event::Error { message: text, .. } => texts.push(text),
            Event::Finished { status: end, .. } => status = Some(end),
            _ => {}
        }
    }
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(status, Some(Status::Interrupted));
    let said = texts.join("\n");
    assert!(
        said.contains("it did not stop within 0.3 s, and was killed. Names lost: df, x. 3 refs lost."),
        "{said}"
    );
    gone(pid);
    // Elixir is as it was, and Python is there again.
    assert_eq!(rig.elixir("show names").out(), "[\"total\"]\n");
    assert_eq!(rig.python("show names").out(), "[]\n");
    assert!(
        rig.elixir("show events")
            .out()
            .contains("detach 1 it did not stop")
    );
}

#[test]
fn who_insists_does_not_wait() {
    let rig = Rig::with(|config| config.grace = Duration::from_secs(60));
    for language in [Python, Elixir] {
        let pid = rig.up(language);
        let mut cell = rig.submit(language, "stuck 60");
        next(&mut cell, streams);
        rig.session.interrupt();
        rig.session.insist();
        let mut last = None;
        while let Ok(Some(event)) = cell.events.wait_for(DEADLINE) {
            last = Some(event);
        }
        assert!(matches!(
            last,
            Some(Event::Finished {
                status: Status::Interrupted,
                ..
            })
        ));
        gone(pid);
        assert_ne!(rig.up(language), pid);
    }
}

#[test]
fn interrupts_in_a_row_are_one() {
    let rig = Rig::with(|config| config.grace = Duration::from_secs(60));
    for language in [Python, Elixir] {
        let pid = rig.up(language);
        let mut cell = rig.submit(language, "out go\nsleep 60");
        next(&mut cell, streams);
        for _ in 0..10 {
            rig.session.interrupt();
        }
        assert_eq!(rest_of(cell).last(), Some(&Status::Interrupted));
        assert_eq!(rig.up(language), pid);
    }
}

#[test]
fn a_cell_that_has_heard_the_interrupt_is_given_time_until_the_next_one() {
    let rig = Rig::with(|config| config.grace = Duration::from_millis(300));
    let pid = rig.up(Python);
    let mut cell = rig.submit(Python, "cleanup 2");
    next(&mut cell, streams);
    rig.session.interrupt();
    next(
        &mut cell,
        |event| matches!(event, Event::Notice { text } if text.contains("has been interrupted and is still running")),
    );
    next(
        &mut cell,
        |event| matches!(event, Event::Stream { text, .. } if text == "saved\n"),
    );
    assert_eq!(rest_of(cell).last(), Some(&Status::Interrupted));
    assert_eq!(rig.up(Python), pid);

    // The next one gives it the grace time.
    let mut cell = rig.submit(Python, "cleanup 60");
    next(&mut cell, streams);
    rig.session.interrupt();
    next(&mut cell, |event| matches!(event, Event::Notice { .. }));
    std::thread::sleep(Duration::from_secs(1));
    rig.session.interrupt();
    let mut said = String::new();
    while let Ok(Some(event)) = cell.events.wait_for(DEADLINE) {
        if let Event::Notice { text } = event {
            said += &text;
        }
    }
    assert!(said.contains("it did not stop within 0.3 s"), "{said}");
    gone(pid);
}

#[test]
fn a_cell_that_waits_for_the_user_can_be_interrupted() {
    let rig = Rig::with(|config| config.grace = Duration::from_millis(200));
    let mut cell = rig.submit(Python, "ask name?");
    next(&mut cell, |event| matches!(event, Event::Input { .. }));
    rig.session.interrupt();
    let mut last = None;
    while let Ok(Some(event)) = cell.events.wait_for(DEADLINE) {
        last = Some(event);
    }
    assert!(matches!(
        last,
        Some(Event::Finished {
            status: Status::Interrupted,
            ..
        })
    ));
}

#[test]
fn endless_output_is_held_back_by_a_slow_reader_and_can_be_interrupted() {
    let rig = Rig::new();
    let pid = rig.up(Python);
    let before = memory();
    let mut cell = rig.submit(Python, "flood 65536");
    next(&mut cell, streams);
    // Nobody reads. A child that were not held back would have sent gigabytes.
    std::thread::sleep(Duration::from_millis(500));
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
    rig.session.interrupt();
    let ran = rest_of(cell);
    assert_eq!(ran.last(), Some(&Status::Interrupted));
    assert_eq!(rig.up(Python), pid, "the process was not killed");
}

#[test]
fn a_reader_that_pauses_past_the_grace_time_costs_no_process() {
    let rig = Rig::with(|config| config.grace = Duration::from_millis(100));
    let pid = rig.up(Python);
    let mut cell = rig.submit(Python, "flood 65536");
    next(&mut cell, streams);
    std::thread::sleep(Duration::from_millis(100));
    rig.session.interrupt();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(rest_of(cell).last(), Some(&Status::Interrupted));
    assert_eq!(rig.up(Python), pid);
}

#[test]
fn endless_output_that_nobody_wants_does_not_stop_the_session() {
    let rig = Rig::new();
    rig.up(Python);
    drop(
        rig.session
            .execute(CellRequest::new(Python, "flood 1000"))
            .unwrap(),
    );
    std::thread::sleep(Duration::from_millis(50));
    rig.session.interrupt();
    assert_eq!(rig.python("out next").out(), "next\n");
}

#[test]
fn a_restart_gives_a_fresh_process_and_says_what_is_gone() {
    let rig = Rig::new();
    rig.python("set x");
    rig.elixir("set y");
    let (python, elixir) = (rig.up(Python), rig.up(Elixir));
    let lost = rig.session.restart(&[Python]).wait().unwrap();
    assert_eq!(lost[0].names, ["x"]);
    assert!(
        lost[0]
            .to_string()
            .starts_with("Python was restarted. Names lost: x.")
    );
    assert_ne!(rig.up(Python), python);
    assert_eq!(rig.up(Elixir), elixir);
    rig.session.restart(&[Python, Elixir]).wait().unwrap();
    assert_ne!(rig.up(Elixir), elixir);
    assert_eq!(rig.python("show names").out(), "[]\n");
    let ChildState::Up { generation, .. } = rig.until(Python, |_| true) else {
        panic!()
    };
    assert_eq!(generation, 3);
}

#[test]
fn a_restart_ends_the_cell_that_runs() {
    let rig = Rig::new();
    let mut cell = rig.submit(Python, "stuck 60");
    next(&mut cell, streams);
    rig.session.restart(&[Python]).wait().unwrap();
    let ran = rest_of(cell);
    assert_eq!(ran.last(), Some(&Status::Error));
    assert_eq!(rig.python("out again").out(), "again\n");
}

fn rest_of(mut cell: bridge_core::session::Cell) -> Vec<Status> {
    let mut statuses = Vec::new();
    while let Some(event) = cell.events.wait_for(DEADLINE).expect("the cell ends") {
        if let Event::Finished { status, .. } = event {
            statuses.push(status);
        }
    }
    statuses
}

/// The resident memory of this process.
fn memory() -> u64 {
    ps("rss=", std::process::id()).unwrap().parse::<u64>().unwrap() * 1024
}

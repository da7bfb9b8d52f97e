//! Children that die, lie, hang and babble.

use std::time::{Duration, Instant};

use bridge_core::error::Error;
use bridge_core::session::Language::{Elixir, Python};
use bridge_core::session::{ChildState, Event, Status};

use crate::rig::{DEADLINE, Rig, echo, gone, is_alive, next, signal};

#[test]
fn a_worker_that_is_killed_ends_its_cell_at_once_and_comes_back() {
    let rig = Rig::new();
    rig.elixir("set total");
    rig.python("set df\nset x");
    let pid = rig.up(Python);
    let mut cell = rig.submit(Python, "out go\nsleep 60");
    next(&mut cell, |event| matches!(event, Event::Stream { .. }));
    let began = Instant::now();
    signal(pid, libc::SIGKILL);
    let mut errors = Vec::new();
    let mut notices = Vec::new();
    while let Ok(Some(event)) = cell.events.wait_for(DEADLINE) {
        match event {
            Event::Error {
                class, message, hint, ..
            } => errors.push((class, message, hint.unwrap())),
            Event::Notice { text } => notices.push(text),
            Event::Finished { status, .. } => assert_eq!(status, Status::Error),
            _ => {}
        }
    }
    println!("killed worker: the cell ended after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(
        notices,
        ["Python's worker ended: killed by signal 9 (SIGKILL). Names lost: df, x."]
    );
    let [(class, message, hint)] = &errors[..] else {
        panic!("{errors:?}")
    };
    assert_eq!(class, "WorkerDied");
    assert_eq!(
        message,
        "Python's worker ended while the cell ran: killed by signal 9 (SIGKILL)"
    );
    assert!(
        hint.contains("memory") && hint.ends_with("the next Python cell finds a new one"),
        "{hint}"
    );

    assert_ne!(rig.up(Python), pid);
    assert_eq!(rig.python("show names").out(), "[]\n");
    let heard = rig.elixir("show events").out();
    assert!(
        heard.contains("detach 1 killed by signal 9 (SIGKILL) 3") && heard.contains("attach 2"),
        "{heard}"
    );
}

#[test]
fn a_beam_that_is_killed_leaves_python_alone() {
    let rig = Rig::new();
    rig.python("set df");
    let worker = rig.up(Python);
    let ran = rig.elixir("set total\nout go\nsignal 9");
    assert_eq!(ran.error().0, "BeamDied");
    assert_eq!(ran.out(), "go\n");
    assert!(
        ran.notices()
            .starts_with("The BEAM ended: killed by signal 9 (SIGKILL)."),
        "{}",
        ran.notices()
    );
    assert_eq!(rig.elixir("out back").out(), "back\n");
    assert_eq!(rig.up(Python), worker);
    let heard = rig.python("show events").out();
    assert!(
        heard.contains("elixir down") && heard.contains("elixir up"),
        "{heard}"
    );
}

#[test]
fn however_a_process_ends_the_cell_says_so() {
    let rig = Rig::new();
    let check = |source: &str, reason: &str, hint: &str| {
        let (class, message, said) = rig.python(source).error();
        assert_eq!(class, "WorkerDied");
        assert!(message.contains(reason), "{message}");
        assert!(said.contains(hint), "{said}");
    };
    check("exit 3", "exit code 3", "ended the whole process");
    check("exit 0", "exit code 0", "ended the whole process");
    check(
        "signal 11",
        "killed by signal 11 (SIGSEGV)",
        "native code crashed",
    );
    check("signal 6", "killed by signal 6 (SIGABRT)", "native code crashed");
    check("hangup main", "the connection ended", "");
    check("hangup control", "the connection ended", "");
    check(
        "half",
        "the connection ended inside a frame, 999 bytes before its end",
        "",
    );
    check("oversize", "a frame of 4294967295 bytes is announced", "");
    assert_eq!(rig.python("out still here").out(), "still here\n");
}

#[test]
fn last_words_are_heard() {
    let rig = Rig::new();
    let ran = rig.python("out said\nraw Fatal Python error\nsignal 11");
    assert_eq!(
        (ran.out().as_str(), ran.err().as_str()),
        ("said\n", "Fatal Python error\n")
    );
}

#[test]
fn messages_that_make_no_sense_are_reported_and_the_cell_goes_on() {
    let rig = Rig::new();
    let pid = rig.up(Python);
    let ran = rig.python("garbage\nout fine");
    assert_eq!((ran.status(), ran.out().as_str()), (Status::Ok, "fine\n"));
    let said = ran.notices();
    for part in [
        "a frame of 7 bytes is no term",
        "no message",
        "{cell, name, text} is needed",
        "event `juggle`",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let ran = rig.python("controlgarbage\nsleep 0.2");
    assert!(
        ran.notices().contains("I am confused") && ran.notices().contains("is no term"),
        "{}",
        ran.notices()
    );
    assert_eq!(rig.python("request frobnicate").out(), "error unknown_op\n");
    assert_eq!(rig.python("request ping").out(), "ok None\n");
    assert_eq!(rig.up(Python), pid);
}

#[test]
fn a_display_of_which_a_part_is_broken_shows_the_rest() {
    let rig = Rig::new();
    let ran = rig.python("baddisplay");
    let shown = ran.events.iter().find_map(|event| match event {
        Event::Display { data, .. } => Some(data),
        _ => None,
    });
    assert_eq!(shown.unwrap().text("text/html"), Some("<b>1</b>"));
    assert!(
        ran.notices().contains("metadata is no JSON object"),
        "{}",
        ran.notices()
    );
}

#[test]
fn an_answer_that_makes_no_sense_fails_the_cell_alone() {
    let rig = Rig::new();
    let pid = rig.up(Elixir);
    let (class, message, _) = rig.elixir("badanswer").error();
    assert_eq!(class, "BridgeError");
    assert!(
        message.contains("a status `ok`, `error` or `interrupted` is needed"),
        "{message}"
    );
    let (_, message, hint) = rig.elixir("refuse I would rather not").error();
    assert!(
        message.contains("I would rather not") && hint == "a hint",
        "{message} {hint}"
    );
    assert_eq!(rig.elixir("out fine").out(), "fine\n");
    assert_eq!(rig.up(Elixir), pid);
}

#[test]
fn a_lane_for_questions_that_breaks_leaves_the_cells_alone() {
    let mut rig = Rig::new();
    let pid = rig.up(Python);
    assert_eq!(rig.python("hangup own\nout fine").out(), "fine\n");
    assert!(rig.session.complete(Python, "x", 1).wait().is_err());
    assert!(
        rig.late_text()
            .contains("answers no questions until it is restarted")
    );
    assert_eq!(rig.python("out fine").out(), "fine\n");
    assert_eq!(rig.up(Python), pid);
}

#[test]
fn a_child_that_cannot_start_says_why_and_is_tried_again_at_the_next_use() {
    let rig = Rig::with(|config| config.worker = Some(echo("crash")));
    let state = rig.until(Python, |state| matches!(state, ChildState::Failed { .. }));
    let ChildState::Failed { error } = state else {
        panic!()
    };
    assert_eq!(
        error.to_string(),
        "python did not start: exit code 3\nImportError: no module named sky"
    );
    for _ in 0..2 {
        let (class, message, hint) = rig.python("out never").error();
        assert_eq!(class, "StartError");
        assert!(
            message.contains("no module named sky") && hint.contains("doctor"),
            "{message} {hint}"
        );
    }
    assert_eq!(rig.elixir("out fine").out(), "fine\n");
    assert!(matches!(
        rig.session.restart(&[Python]).wait(),
        Err(Error::Start { .. })
    ));
}

#[test]
fn the_worker_hears_that_there_is_no_elixir() {
    let rig = Rig::with(|config| config.beam = Some(echo("crash")));
    rig.until(Elixir, |state| matches!(state, ChildState::Failed { .. }));
    let deadline = Instant::now() + DEADLINE;
    while !rig.python("show events").out().contains("elixir missing") {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_child_that_does_not_connect_is_given_up() {
    for start in ["silent", "nolanes"] {
        let rig = Rig::with(|config| {
            config.beam = Some(echo(start));
            config.start_timeout = Duration::from_millis(700);
        });
        let (_, message, _) = rig.elixir("out never").error();
        assert!(message.contains("it did not connect within 0.7 s"), "{message}");
        assert_eq!(message.contains("I am thinking"), start == "silent", "{message}");
    }
}

#[test]
fn a_child_of_another_version_is_refused() {
    let rig = Rig::with(|config| config.worker = Some(echo("oldversion")));
    let (_, message, _) = rig.python("out never").error();
    assert!(
        message.contains("protocol 2 is not understood here, only 1"),
        "{message}"
    );
}

#[test]
fn a_connection_of_another_generation_is_not_taken() {
    let rig = Rig::with(|config| {
        config.worker = Some(echo("stale"));
        config.beam = Some(echo("stale"));
    });
    assert_eq!(rig.python("out one").out(), "one\n");
    assert_eq!(rig.elixir("out two").out(), "two\n");
}

#[test]
fn an_interpreter_that_is_missing_is_named() {
    let rig = Rig::with(|config| {
        config.worker = None;
        config.python = Some("/nowhere/python3".into());
    });
    let (_, message, hint) = rig.python("out never").error();
    assert_eq!(
        message,
        "python was not found: --python names /nowhere/python3, which does not exist"
    );
    assert!(hint.contains("--python"), "{hint}");
}

#[test]
fn a_child_that_dies_as_it_starts_again_does_not_do_so_for_ever() {
    let home = tempfile::tempdir().unwrap();
    let marker = home.path().join("started-once");
    let rig = Rig::with(|config| config.worker = Some(echo(&format!("marker {}", marker.display()))));
    assert_eq!(rig.python("out once").out(), "once\n");
    rig.python("exit 1");
    let state = rig.until(Python, |state| matches!(state, ChildState::Failed { .. }));
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(rig.until(Python, |_| true), state);
}

#[test]
fn a_child_that_reads_nothing_can_be_interrupted() {
    let rig = Rig::with(|config| config.grace = Duration::from_millis(200));
    let pid = rig.up(Python);
    // The toy stops itself; what it should read is more than a socket holds.
    signal(pid, libc::SIGSTOP);
    let mut cell = rig.submit(Python, &"out x\n".repeat(1_000_000));
    next(&mut cell, |event| matches!(event, Event::Started { .. }));
    rig.session.interrupt();
    assert_eq!(rest_status(cell), Status::Interrupted);
    gone(pid);
    assert_eq!(rig.python("out fine").out(), "fine\n");
}

#[test]
fn a_worker_of_which_the_beam_says_that_it_answers_wrongly_is_ended() {
    let rig = Rig::new();
    rig.python("set df");
    let pid = rig.up(Python);
    // Another one is meant: nothing happens.
    assert_eq!(rig.elixir("broken 7").out(), "true\n");
    assert_eq!(rig.up(Python), pid);
    // The answer comes when it has ended: what is asked for next is the next one.
    let told = rig.elixir("broken 1\nworker");
    assert!(told.out().starts_with("true\n"), "{}", told.out());
    assert!(told.out().contains("\"generation\": 2"), "{}", told.out());
    assert_ne!(rig.up(Python), pid);
    assert!(!is_alive(pid));
    assert!(
        told.notices()
            .contains("Python's worker ended: it answers wrongly (it answered request 9 instead of 1)."),
        "{}",
        told.notices()
    );
}

#[test]
fn a_killed_worker_takes_its_children_along() {
    let rig = Rig::with(|config| config.grace = Duration::from_millis(100));
    let child: u32 = rig.python("child").out().trim().parse().unwrap();
    assert!(is_alive(child));
    let mut cell = rig.submit(Python, "stuck 60");
    next(&mut cell, |event| matches!(event, Event::Stream { .. }));
    rig.session.interrupt();
    assert_eq!(rest_status(cell), Status::Interrupted);
    gone(child);

    // One that dies by itself, too.
    let child: u32 = rig.python("child").out().trim().parse().unwrap();
    rig.python("signal 11");
    gone(child);
}

fn rest_status(mut cell: bridge_core::session::Cell) -> Status {
    let mut last = None;
    while let Some(event) = cell.events.wait_for(DEADLINE).expect("the cell ends") {
        if let Event::Finished { status, .. } = event {
            last = Some(status);
        }
    }
    last.unwrap()
}

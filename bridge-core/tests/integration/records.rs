//! What is kept of a session.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bridge_core::error::Error;
use bridge_core::record::Records;
use bridge_core::session::Language::{Elixir, Python};
use bridge_core::session::{CellRequest, Event, Recording, Session, Status, StreamName};

use crate::rig::{Rig, config, next, rest};

fn recorded(name: &str) -> Rig {
    Rig::with(|config| config.recording = Recording::Named(name.into()))
}

#[test]
fn a_session_can_be_read_back_cell_by_cell() {
    let rig = recorded("mine");
    assert_eq!(rig.session.name(), Some("mine"));
    rig.python("out one\nout two\nset x\nresult 4");
    rig.elixir("fail ArgumentError no");
    rest(
        rig.session
            .execute(CellRequest {
                silent: true,
                ..CellRequest::new(Python, "out hidden")
            })
            .unwrap(),
    );
    let records = Records::at(rig.home.path().join("records"));
    let record = records.load("mine").unwrap();
    assert_eq!(record.cells.len(), 2);
    let [first, second] = &record.cells[..] else {
        panic!()
    };
    assert_eq!(
        (first.number, first.language, first.status),
        (1, Python, Some(Status::Ok))
    );
    assert_eq!(first.source, "out one\nout two\nset x\nresult 4");
    assert_eq!(
        first.events[0],
        Event::Stream {
            name: StreamName::Stdout,
            text: "one\ntwo\n".into()
        }
    );
    assert!(matches!(&first.events[1], Event::Result { data, .. } if data.text("text/plain") == Some("4")));
    assert_eq!(
        (first.writes.as_slice(), first.calls[0].name.as_str()),
        (&["x".to_owned()][..], "sqrt")
    );
    assert_eq!((second.language, second.status), (Elixir, Some(Status::Error)));
    let versions: Vec<_> = record.children.iter().map(|child| &child.versions).collect();
    assert!(
        versions
            .iter()
            .any(|versions| versions.get("python").is_some_and(|version| version == "3.11.7")),
        "{versions:?}"
    );

    let listed = &records.list().unwrap()[0];
    assert_eq!((listed.name.as_str(), listed.cells), ("mine", 2));
    let directory = rig.home.path().join("records");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&directory), mode(&directory.join("mine.jsonl"))),
        (0o700, 0o600)
    );
}

#[test]
fn passwords_are_never_kept_and_other_answers_are() {
    let rig = recorded("asked");
    let mut cell = rig.submit(Python, "ask name?\nsecret password?");
    let asked = |event: &Event| matches!(event, Event::Input { .. });
    next(&mut cell, asked);
    rig.session.answer_input(cell.number, Some("Ada".into()));
    next(&mut cell, asked);
    rig.session
        .answer_input(cell.number, Some("s3cret-never-kept".into()));
    while let Some(event) = cell.events.wait() {
        let _ = event;
    }
    let records = Records::at(rig.home.path().join("records"));
    assert_eq!(
        records.load("asked").unwrap().cells[0].answers,
        [Some("Ada".to_owned())]
    );
    let text = fs::read_to_string(rig.home.path().join("records/asked.jsonl")).unwrap();
    // The toy prints what it was answered; the answer itself stands nowhere else.
    assert_eq!(text.matches("s3cret-never-kept").count(), 1, "{text}");
    assert!(!text.contains("\"answers\":[\"Ada\",\""));
}

#[test]
fn a_cell_is_there_the_moment_it_has_finished() {
    let rig = recorded("quick");
    let records = Records::at(rig.home.path().join("records"));
    for number in 1..=20 {
        let cell = rig.submit(Python, &format!("out {number}"));
        rest(cell);
        let record = records.load("quick").unwrap();
        let last = record.cells.last().unwrap();
        assert_eq!((last.number, last.status), (number, Some(Status::Ok)));
    }
}

#[test]
fn a_session_that_is_continued_goes_on_counting_and_a_replay_replaces() {
    let rig = recorded("long");
    rig.python("out one");
    rig.elixir("out two");
    let home = rig.home;
    rig.session.shutdown().wait().unwrap();
    let continued = bridge_core::session::Config {
        recording: Recording::Named("long".into()),
        ..config(home.path())
    };
    let records = Records::at(home.path().join("records"));

    let (session, _late) = Session::start(continued).unwrap();
    for cell in records.load("long").unwrap().cells {
        let request = CellRequest {
            number: Some(cell.number),
            ..CellRequest::new(cell.language, cell.source)
        };
        assert_eq!(rest(session.execute(request).unwrap()).number, cell.number);
    }
    assert_eq!(
        rest(session.execute(CellRequest::new(Python, "out three")).unwrap()).number,
        3
    );
    let numbers: Vec<u64> = records
        .load("long")
        .unwrap()
        .cells
        .iter()
        .map(|cell| cell.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn only_one_process_adds_to_a_record() {
    let rig = recorded("busy");
    let second = bridge_core::session::Config {
        recording: Recording::Named("busy".into()),
        ..config(rig.home.path())
    };
    assert!(matches!(Session::start(second), Err(Error::Locked { .. })));
    let records = Records::at(rig.home.path().join("records"));
    assert!(matches!(records.remove("busy"), Err(Error::Locked { .. })));
    rig.session.shutdown().wait().unwrap();
    records.remove("busy").unwrap();
    assert!(matches!(records.load("busy"), Err(Error::NoRecord { .. })));
}

#[test]
fn nothing_is_kept_where_nothing_shall_be() {
    let rig = Rig::new();
    rig.python("out one");
    assert_eq!(rig.session.name(), None);
    assert!(!rig.home.path().join("records").exists());
}

#[test]
fn late_output_is_kept_with_its_cell() {
    let mut rig = recorded("late");
    rig.python("late afterwards");
    assert_eq!(rig.late_text(), "afterwards\n");
    let record = Records::at(rig.home.path().join("records")).load("late").unwrap();
    let text = "afterwards\n".to_owned();
    assert_eq!(
        record.cells[0].events,
        [Event::Stream {
            name: StreamName::Stdout,
            text
        }]
    );
}

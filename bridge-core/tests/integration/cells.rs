//! Cells that go well: order, events, questions to the user, what the two children hear of each other.

use std::time::{Duration, Instant};

use bridge_core::session::Language::{Elixir, Python};
use bridge_core::session::{CellRequest, Data, Event, Status};

use crate::rig::{DEADLINE, Rig, echo, next, rest};

#[test]
fn a_cell_gives_its_events_in_order() {
    let rig = Rig::new();
    let ran = rig.python("out hello\nerr careful\nimage 2\nresult 42\nout after");
    assert_eq!(ran.number, 1);
    let kinds: Vec<String> = ran
        .events
        .iter()
        .map(|event| {
            serde_json::to_value(event).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "started", "stream", "stream", "display", "result", "stream", "finished"
        ]
    );
    assert_eq!(
        (ran.out().as_str(), ran.err().as_str()),
        ("hello\nafter\n", "careful\n")
    );
    let Event::Display { data, .. } = &ran.events[3] else {
        panic!("{ran:?}")
    };
    assert_eq!(
        data.get("image/png"),
        Some(&Data::Bytes(b"\x89PNG\x89PNG".to_vec()))
    );
    assert_eq!(ran.status(), Status::Ok);
}

#[test]
fn a_failing_cell_is_an_event_and_a_status() {
    let rig = Rig::new();
    let ran = rig.elixir("out before\nfail ArithmeticError bad argument\nout never");
    assert_eq!(ran.status(), Status::Error);
    assert_eq!(
        ran.error(),
        (
            "ArithmeticError".into(),
            "bad argument".into(),
            "try again".into()
        )
    );
    assert_eq!(ran.out(), "before\n");
}

#[test]
fn cells_run_one_at_a_time_in_the_order_in_which_they_were_handed_in() {
    let rig = Rig::new();
    let cells: Vec<_> = (0..6)
        .map(|number| {
            rig.submit(
                if number % 2 == 0 { Python } else { Elixir },
                &format!("sleep 0.02\nout {number}"),
            )
        })
        .collect();
    for (number, cell) in cells.into_iter().enumerate() {
        let ran = rest(cell);
        assert_eq!(
            (ran.number, ran.out()),
            (number as u64 + 1, format!("{number}\n"))
        );
    }
}

#[test]
fn events_can_be_awaited() {
    let rig = Rig::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut cell = rig
            .session
            .execute(CellRequest::new(Python, "out hi\nset x"))
            .unwrap();
        let mut last = None;
        while let Some(event) = cell.events.next().await {
            last = Some(event);
        }
        assert!(matches!(
            last,
            Some(Event::Finished {
                status: Status::Ok,
                ..
            })
        ));
        assert_eq!(rig.session.names().await.unwrap()[0].name, "x");
    });
}

#[test]
fn a_cell_can_ask_the_user() {
    let rig = Rig::new();
    let mut cell = rig.submit(Python, "ask name?\nsecret password?\nask more?");
    let asked = |event: &Event| matches!(event, Event::Input { .. });
    assert_eq!(
        next(&mut cell, asked),
        Event::Input {
            prompt: "name?".into(),
            password: false
        }
    );
    rig.session.answer_input(cell.number, Some("José".into()));
    assert_eq!(
        next(&mut cell, asked),
        Event::Input {
            prompt: "password?".into(),
            password: true
        }
    );
    rig.session
        .answer_input(cell.number + 1, Some("for another cell".into()));
    rig.session.answer_input(cell.number, Some("hush".into()));
    let mut out = String::new();
    while let Ok(Some(event)) = cell.events.wait_for(DEADLINE) {
        match event {
            Event::Input { .. } => rig.session.answer_input(cell.number, None),
            Event::Stream { text, .. } => out.push_str(&text),
            _ => {}
        }
    }
    assert_eq!(out, "answer 'hush'\nno answer: eof\n");
}

#[test]
fn where_nobody_can_answer_a_question_is_an_end_of_file() {
    let rig = Rig::new();
    let request = CellRequest {
        allow_input: false,
        ..CellRequest::new(Elixir, "ask name?")
    };
    let ran = rest(rig.session.execute(request).unwrap());
    assert_eq!(ran.out(), "no answer: eof\n");
    assert!(
        !ran.events
            .iter()
            .any(|event| matches!(event, Event::Input { .. }))
    );
}

#[test]
fn late_output_names_its_cell_and_output_during_a_cell_joins_it() {
    let mut rig = Rig::new();
    let ran = rig.python("during now\nsleep 0.1\nlate afterwards");
    assert_eq!(ran.out(), "now\n");
    let late = rig.late.wait_for(DEADLINE).unwrap().unwrap();
    assert_eq!(late.cell, Some(ran.number));
    assert!(matches!(late.event, Event::Stream { text, .. } if text == "afterwards\n"));

    let ran = rig.python("other from the cell before");
    assert_eq!(ran.out(), "");
    assert_eq!(
        rig.late.wait_for(DEADLINE).unwrap().unwrap().cell,
        Some(ran.number - 1)
    );
}

#[test]
fn children_run_alone_in_the_session_s_directory_with_nothing_to_read() {
    let rig = Rig::new();
    let home = rig.home.path().canonicalize().unwrap();
    assert_eq!(rig.python("show cwd").out(), format!("{:?}\n", home));
    assert_eq!(rig.python("show stdin\nshow group").out(), "\"\"\ntrue\n");
    assert_eq!(rig.elixir("show stdin\nshow group").out(), "\"\"\ntrue\n");
}

#[test]
fn the_beam_is_told_of_names_of_python_only_once_there_can_be_any() {
    let rig = Rig::new();
    assert_eq!(rig.elixir("show read").out(), "false\n");
    assert_eq!(rig.python("show read").out(), "null\n");
    assert_eq!(rig.elixir("show read").out(), "true\n");
}

#[test]
fn the_children_hear_of_each_other() {
    let rig = Rig::new();
    rig.up(Python);
    rig.up(Elixir);
    let deadline = Instant::now() + DEADLINE;
    while !rig.python("show events").out().contains("elixir up") {
        assert!(Instant::now() < deadline);
    }
    assert!(rig.elixir("show events").out().contains("attach 1"));
    let told = rig.elixir("worker").out();
    assert!(
        told.contains("\"generation\": 1") && told.contains("worker.1.sock"),
        "{told}"
    );
}

#[test]
fn a_python_cell_waits_until_elixir_s_names_are_known_to_its_worker() {
    let rig = Rig::with(|config| config.beam = Some(echo("slowattach")));
    rig.up(Python);
    rig.up(Elixir);
    // No cell of Elixir has run, so there is nothing to wait for.
    let began = Instant::now();
    rig.python("out quick");
    let unlinked = began.elapsed();
    rig.elixir("set total");
    rig.session.restart(&[Python]).wait().unwrap();
    // The BEAM takes 0.3 s to attach to the new worker.
    let began = Instant::now();
    rig.python("out slow");
    assert!(began.elapsed() > Duration::from_millis(200) && unlinked < began.elapsed());
    let deadline = Instant::now() + DEADLINE;
    while !rig.python("show events").out().contains("elixir up") {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn events_have_the_shape_of_json_that_is_promised() {
    let rig = Rig::new();
    let ran = rig.python("out x\nimage 1\nresult 4");
    let json: Vec<String> = ran.events[..4]
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    assert_eq!(
        json,
        [
            r#"{"event":"started","cell":1,"language":"python"}"#,
            r#"{"event":"stream","name":"stdout","text":"x\n"}"#,
            r#"{"event":"display","data":{"image/png":"iVBORw=="}}"#,
            r#"{"event":"result","data":{"text/plain":"4"}}"#,
        ]
    );
    for event in &ran.events {
        let json = serde_json::to_string(event).unwrap();
        assert_eq!(&serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}

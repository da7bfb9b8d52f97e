//! Completion and its like: answered while cells run, never waited for without end.

use std::time::{Duration, Instant};

use bridge_core::error::Error;
use bridge_core::session::Completeness;
use bridge_core::session::Language::{Elixir, Python};

use crate::rig::{DEADLINE, Rig, echo, next};

#[test]
fn questions_are_answered() {
    let rig = Rig::new();
    rig.python("set total\nset tomato");
    rig.elixir("set price");
    let completion = rig.session.complete(Python, "1 + to", 6).wait().unwrap();
    let texts: Vec<_> = completion.items.iter().map(|item| item.text.as_str()).collect();
    assert_eq!(
        (completion.from, completion.to, texts),
        (4, 6, vec!["tomato", "total"])
    );
    let inspection = rig.session.inspect(Python, "total", 2, 1).wait().unwrap();
    assert_eq!(
        (inspection.found, inspection.data.text("text/plain")),
        (true, Some("total 1"))
    );
    assert_eq!(
        rig.session.is_complete(Elixir, "x").wait().unwrap(),
        Completeness::Complete
    );
    let open = rig.session.is_complete(Python, "for:").wait().unwrap();
    assert_eq!(
        open,
        Completeness::Incomplete {
            indent: "    ".into()
        }
    );
    let names: Vec<_> = rig
        .session
        .names()
        .wait()
        .unwrap()
        .into_iter()
        .map(|name| (name.language, name.name))
        .collect();
    assert_eq!(
        names,
        [
            (Python, "tomato".to_owned()),
            (Python, "total".to_owned()),
            (Elixir, "price".to_owned())
        ]
    );
}

#[test]
fn questions_are_answered_while_a_cell_runs() {
    let rig = Rig::new();
    let mut cell = rig.submit(Python, "set busy\nout go\nsleep 30");
    next(&mut cell, |event| {
        matches!(event, bridge_core::session::Event::Stream { .. })
    });
    assert_eq!(
        rig.session.complete(Python, "bu", 2).wait().unwrap().items[0].text,
        "busy"
    );
    rig.session.interrupt();
}

#[test]
fn a_child_that_starts_answers_at_once_that_it_cannot() {
    let rig = Rig::with(|config| config.worker = Some(echo("silent")));
    let began = Instant::now();
    let error = rig.session.complete(Python, "x", 1).wait().unwrap_err();
    assert!(
        matches!(error, Error::Unavailable { language: Python, .. }),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_slow_question_holds_up_the_next_ones_only_for_their_own_time() {
    let rig = Rig::with(|config| config.answer_timeout = Duration::from_millis(300));
    rig.python("set x");
    let slow = rig.session.complete(Python, "slow", 4);
    let next = rig.session.complete(Python, "x", 1);
    let error = slow.wait().unwrap_err();
    assert_eq!(
        error.to_string(),
        "python did not answer `complete` within 300 ms"
    );
    assert!(matches!(next.wait(), Err(Error::Timeout { .. })));
    // The slow one is over after 0.5 s, and nothing was sent behind it.
    let deadline = Instant::now() + DEADLINE;
    while rig.session.complete(Python, "x", 1).wait().is_err() {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_question_that_nobody_waits_for_is_not_asked() {
    let rig = Rig::new();
    rig.python("set x");
    let first = rig.session.complete(Python, "slow", 4);
    for _ in 0..20 {
        // Each would take half a second.
        drop(rig.session.complete(Python, "slow", 4));
    }
    let began = Instant::now();
    assert_eq!(
        rig.session.complete(Python, "x", 1).wait().unwrap().items.len(),
        1
    );
    assert!(first.wait().is_ok() && began.elapsed() < Duration::from_secs(4));
}

#[test]
fn an_answer_that_makes_no_sense_is_an_error() {
    let rig = Rig::new();
    rig.python("set x");
    let error = rig.session.complete(Python, "outside", 3).wait().unwrap_err();
    assert!(error.to_string().contains("`to` is 10000"), "{error}");
}

#[test]
fn a_reply_can_be_waited_for_in_steps() {
    let rig = Rig::new();
    rig.python("set x");
    let mut reply = rig.session.complete(Python, "slow", 4);
    assert!(reply.try_take().is_none());
    assert!(reply.wait_for(Duration::from_millis(1)).is_none());
    assert!(reply.wait_for(DEADLINE).unwrap().is_ok());
}

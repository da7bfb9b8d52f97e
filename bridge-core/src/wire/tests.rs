use std::collections::BTreeSet;
use std::path::PathBuf;

use num_bigint::BigInt;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::term::Term;

struct Golden {
    name: String,
    frame: Vec<u8>,
    expect: Value,
}

fn golden(section: &str) -> Vec<Golden> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/frames");
    let manifest = std::fs::read_to_string(directory.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["protocol"], PROTOCOL_VERSION);
    let read = |entry: &Value| Golden {
        name: entry["name"].as_str().unwrap().to_owned(),
        frame: std::fs::read(directory.join(entry["file"].as_str().unwrap())).unwrap(),
        expect: entry.get("term").or(entry.get("reaction")).unwrap().clone(),
    };
    manifest[section].as_array().unwrap().iter().map(read).collect()
}

fn find(name: &str) -> Message {
    let golden = golden("messages")
        .into_iter()
        .find(|golden| golden.name == name)
        .unwrap();
    Message::decode(&golden.frame[4..]).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The term that the manifest's notation means.
fn term_of(json: &Value) -> Term {
    let items = |value: &Value| value.as_array().unwrap().iter().map(term_of).collect::<Vec<_>>();
    match json {
        Value::Null => Term::nil(),
        Value::Bool(value) => Term::from(*value),
        Value::Number(number) => Term::from(number.as_i64().unwrap()),
        Value::String(text) => Term::from(text),
        Value::Array(_) => Term::list(items(json)),
        Value::Object(object) => {
            let (kind, value) = object.iter().next().unwrap();
            match kind.as_str() {
                "atom" => Term::atom(value.as_str().unwrap()),
                "int" => Term::from(value.as_str().unwrap().parse::<BigInt>().unwrap()),
                "float" => Term::from(value.as_f64().unwrap()),
                "bytes" => Term::binary(hex(value.as_str().unwrap())),
                "tuple" => Term::tuple(items(value)),
                "map" => Term::map(
                    value
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|pair| (term_of(&pair[0]), term_of(&pair[1]))),
                ),
                "opaque" => Term::decode(&[&[131][..], &hex(value.as_str().unwrap())].concat()).unwrap(),
                other => panic!("the manifest has an unknown kind {other}"),
            }
        }
    }
}

#[test]
fn every_golden_message_is_read_and_written_as_its_manifest_says() {
    for Golden { name, frame, expect } in golden("messages") {
        let mut reader = FrameReader::default();
        reader.push(&frame);
        let payload = reader
            .next_frame()
            .unwrap()
            .unwrap_or_else(|| panic!("{name} is no whole frame"))
            .to_vec();
        assert!(
            reader.next_frame().unwrap().is_none() && reader.finish().is_ok(),
            "{name}"
        );

        let expect = term_of(&expect);
        assert_eq!(Term::decode(&payload).unwrap(), expect, "{name}");
        let message = Message::decode(&payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = message.to_frame().unwrap();
        assert_eq!(Term::decode(&written[4..]).unwrap(), expect, "{name}");
        assert_eq!(
            u32::from_be_bytes(written[..4].try_into().unwrap()) as usize,
            written.len() - 4,
            "{name}"
        );
    }
}

#[test]
fn the_golden_frames_have_every_operation_and_no_other() {
    let used: BTreeSet<String> = golden("messages")
        .into_iter()
        .filter_map(|golden| match Message::decode(&golden.frame[4..]).unwrap() {
            Message::Req { op, .. } | Message::Ev { op, .. } => Some(op),
            _ => None,
        })
        .collect();
    let known = [
        op::EXECUTE,
        op::STREAM,
        op::DISPLAY,
        op::CLEAR,
        op::RESULT,
        op::ERROR,
        op::COMM,
        op::INPUT,
        op::COMPLETE,
        op::INSPECT,
        op::IS_COMPLETE,
        op::NAMES,
        op::INTERRUPT,
        op::HEARD,
        op::SHUTDOWN,
        op::PING,
        op::USAGE,
        op::BIND,
        op::RELEASE,
        op::DECODERS,
        op::ATTACH,
        op::WORKER,
        op::BROKEN,
        op::OPEN_LANE,
        op::DETACH,
        op::ELIXIR,
        op::FAULT,
        op::DO,
        op::BATCH,
        op::READ,
        op::CALLS,
        op::MEMBERS,
        op::APPLY,
        op::MFA,
        op::EXPORTS,
        op::CANCEL,
    ];
    assert_eq!(used, known.map(str::to_owned).into());
}

/// Reads a golden message's body with `read`, and checks that `write` gives the same term back.
fn check_body<T: std::fmt::Debug>(
    name: &str,
    read: impl Fn(&Term) -> Result<T, Error>,
    write: impl Fn(&T) -> Term,
) -> T {
    let (Message::Req { body, .. } | Message::Ev { body, .. } | Message::Ok { value: body, .. }) = find(name)
    else {
        panic!("{name} has no body")
    };
    let value = read(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(write(&value), body, "{name}");
    value
}

#[test]
fn bodies_of_the_main_lane_round_trip() {
    let cell = check_body("execute_python", Execute::from_term, Execute::to_term);
    assert_eq!(
        (cell.cell, cell.read, cell.source.as_str()),
        (3, None, "x = 1\nπ = 3.14")
    );
    let cell = check_body("execute_elixir", Execute::from_term, Execute::to_term);
    assert_eq!(
        (cell.read, cell.width, cell.colors),
        (Some(true), Some(100), Some(false))
    );

    let cell = check_body("execute_expressions", Execute::from_term, Execute::to_term);
    assert_eq!(cell.parent.as_deref(), Some("{\"msg_id\": \"a\"}"));
    assert_eq!(cell.expressions[1], ("bad".into(), "1/0".into()));
    let cell = check_body("execute_comm", Execute::from_term, Execute::to_term);
    let comm = cell.comm.unwrap();
    assert_eq!((comm.kind, comm.buffers.len()), (CommKind::Message, 1));
    let summary = check_body("execute_ok_expressions", Summary::from_term, Summary::to_term);
    let kinds: Vec<_> = summary
        .expressions
        .iter()
        .map(|(_, event)| event.to_term().0)
        .collect();
    assert_eq!(kinds, [op::RESULT, op::ERROR]);

    for (name, status) in [
        ("execute_ok", Status::Ok),
        ("execute_error", Status::Error),
        ("execute_interrupted", Status::Interrupted),
    ] {
        let summary = check_body(name, Summary::from_term, Summary::to_term);
        assert_eq!((summary.status, summary.duration_us), (status, 1250));
        assert_eq!(summary.writes, ["total", "x"]);
        assert_eq!(
            (summary.calls[0].name.as_str(), summary.calls[0].count),
            ("sqrt", 3)
        );
    }

    let events = [
        "stream_stdout",
        "stream_stderr",
        "display",
        "display_update",
        "clear",
        "result",
        "error",
        "error_no_hint",
        "comm",
        "late_stream",
        "lane_stream",
    ];
    for name in events {
        let Message::Ev { op, .. } = find(name) else {
            panic!("{name} is no event")
        };
        let read = |term: &Term| Ok(CellEvent::from_term(&op, term)?.unwrap());
        let event = check_body(name, read, |event| event.to_term().1);
        assert_eq!(event.to_term().0, op);
        assert_eq!(event.cell().is_none(), name == "lane_stream", "{name}");
    }
    let read = |term: &Term| Ok(CellEvent::from_term(op::STREAM, term)?.unwrap());
    assert_eq!(
        check_body("stream_stdout", read, |event| event.to_term().1),
        CellEvent::Stream {
            cell: Some(3),
            name: StreamName::Stdout,
            text: "Grüße\n".into()
        }
    );

    assert!(!check_body("input", InputRequest::from_term, InputRequest::to_term).password);
    assert!(check_body("input_password", InputRequest::from_term, InputRequest::to_term).password);
}

#[test]
fn bodies_of_questions_and_control_round_trip() {
    let read = |term: &Term| Completion::from_term("np.li", term);
    let completion = check_body("complete_ok", read, Completion::to_term);
    assert_eq!(
        (completion.from, completion.to, completion.items.len()),
        (3, 5, 2)
    );
    assert!(
        Completion::from_term("np", &completion.to_term()).is_err(),
        "bounds lie outside the source"
    );
    assert!(
        Completion::from_term("npäö.", &completion.to_term()).is_err(),
        "bounds lie inside a character"
    );

    assert!(check_body("inspect_ok", Inspection::from_term, Inspection::to_term).found);
    assert!(!check_body("inspect_nothing", Inspection::from_term, Inspection::to_term).found);
    for (name, expect) in [
        ("is_complete_complete", Completeness::Complete),
        (
            "is_complete_incomplete",
            Completeness::Incomplete {
                indent: "    ".into(),
            },
        ),
        ("is_complete_invalid", Completeness::Invalid),
    ] {
        assert_eq!(
            check_body(name, Completeness::from_term, Completeness::to_term),
            expect
        );
    }
    let write = |names: &Vec<NameInfo>| Term::list(names.iter().map(NameInfo::to_term));
    assert_eq!(check_body("names_ok", NameInfo::list_from_term, write).len(), 2);

    let question = |source: &str, cursor, harmless: &[&str]| Question {
        source: source.to_owned(),
        cursor,
        harmless: harmless.iter().map(|&name| name.to_owned()).collect(),
        most: None,
    };
    let bodies = [
        (
            "complete",
            Completion::question(&question("np.li", 5, &["torch.Tensor"])),
        ),
        ("inspect", Inspection::question(&question("np.dot", 4, &[]), 0)),
        ("is_complete", Completeness::question("for x in y:")),
    ];
    for (name, written) in bodies {
        let Message::Req { body, .. } = find(name) else {
            panic!("{name} is no request")
        };
        assert_eq!(body, written);
    }

    assert_eq!(
        check_body("attach", Attach::from_term, Attach::to_term).generation,
        1
    );
    assert_eq!(
        check_body("worker_ok", Attach::from_term, Attach::to_term).generation,
        2
    );
    assert_eq!(
        check_body("detach", Detach::from_term, Detach::to_term).cell,
        Some(3)
    );
    assert_eq!(
        check_body("broken", Broken::from_term, Broken::to_term).generation,
        1
    );
    for (name, state) in [
        ("elixir_up", ElixirState::Up),
        ("elixir_down", ElixirState::Down),
        ("elixir_missing", ElixirState::Missing),
    ] {
        assert_eq!(
            check_body(name, ElixirState::from_term, |state| state.to_term()),
            state
        );
    }
}

#[test]
fn failures_say_in_one_line_what_happened() {
    let text = |name| match find(name) {
        Message::Error { failure, .. } => failure.to_string(),
        other => panic!("{other:?} is no error"),
    };
    assert_eq!(text("do_error"), "ZeroDivisionError: division by zero");
    assert_eq!(text("apply_error"), "no");
    assert_eq!(text("do_ref_gone"), "this object was in worker 1, which ended");
    let Message::Error { failure, id: 0 } = find("hello_refused") else {
        panic!("no refusal")
    };
    assert_eq!(failure.hint(), Some("install one version of snakebridge"));
    assert_eq!(Failure::from_term(Term::from(5)).to_string(), "5");
}

#[test]
fn malformed_frames_get_the_reaction_that_the_manifest_says() {
    for Golden { name, frame, expect } in golden("malformed") {
        let mut reader = FrameReader::default();
        reader.push(&frame);
        let reaction = match reader.next_frame() {
            Err(Error::TooLarge { .. }) => "close",
            Err(other) => panic!("{name}: {other}"),
            Ok(None) => {
                assert!(matches!(reader.finish(), Err(Error::EndInside { .. })), "{name}");
                "close"
            }
            Ok(Some(payload)) => match Message::decode(payload) {
                // Whether an operation or its body is right is for who serves it.
                Ok(Message::Req { .. }) | Err(Malformed { id: Some(_), .. }) => "answer",
                Ok(_) => panic!("{name} was taken for a message"),
                Err(Malformed { id: None, reason }) => {
                    assert!(!reason.is_empty());
                    "report"
                }
            },
        };
        assert_eq!(reaction, expect, "{name}");
    }
}

#[test]
fn a_peer_of_another_version_is_refused() {
    let mut hello = Hello::new(Peer::Host, Role::Control, 1);
    assert!(hello.check_version().is_ok());
    hello.version = 2;
    assert_eq!(
        hello.check_version().unwrap_err().to_string(),
        "protocol 2 is not understood here, only 1"
    );
}

#[test]
fn an_announced_length_allocates_nothing() {
    let mut reader = FrameReader::default();
    reader.push(&(MAX_FRAME_BYTES as u32).to_be_bytes());
    assert!(reader.next_frame().unwrap().is_none());
    assert!(reader.buffer().capacity() < 1024 * 1024);
    reader.push(&[0; 1000]);
    assert!(reader.buffer().capacity() < 1024 * 1024);
}

#[test]
fn a_large_frame_leaves_no_large_buffer() {
    let mut reader = FrameReader::default();
    reader.push(&frame_header(8 << 20).unwrap());
    for _ in 0..8 {
        reader.push(&vec![7; 1 << 20]);
    }
    assert_eq!(reader.next_frame().unwrap().unwrap().len(), 8 << 20);
    assert!(reader.buffer().capacity() < 1 << 20);
}

#[test]
fn a_large_buffer_serves_the_next_frame_only_if_asked() {
    for keep in [false, true] {
        let mut reader = FrameReader::default();
        reader.push(&(8_u32 << 20).to_be_bytes());
        reader.push(&vec![0; 8 << 20]);
        let frame = reader.take_frame().unwrap().unwrap();
        assert!(frame.is_large());
        if keep {
            reader.reuse_large(frame);
        } else {
            reader.reuse(frame);
        }
        assert_eq!(reader.buffer().capacity() > 8 << 20, keep);
        // Asked again without anything having come: nothing more comes now.
        assert!(reader.buffer().capacity() < 1 << 20);
    }
}

/// Reads everything that can be read of a frame; only its not panicking counts.
fn read_all(payload: &[u8]) {
    let Ok(message) = Message::decode(payload) else {
        return;
    };
    let frame = message.to_frame().expect("what was read can be written");
    assert_eq!(Message::decode(&frame[4..]).as_ref(), Ok(&message));
    let (op, body) = match &message {
        Message::Req { op, body, .. } | Message::Ev { op, body } => (op.as_str(), body),
        Message::Ok { value, .. } => ("", value),
        Message::Hello(_) | Message::Error { .. } => return,
    };
    let _ = CellEvent::from_term(op, body).map(|event| event.map(|event| event.to_term()));
    let _ = Execute::from_term(body).map(|value| value.to_term());
    let _ = Summary::from_term(body).map(|value| value.to_term());
    let _ = Completion::from_term("some source", body).map(|value| value.to_term());
    let _ = Inspection::from_term(body).map(|value| value.to_term());
    let _ = Completeness::from_term(body).map(|value| value.to_term());
    let _ = NameInfo::list_from_term(body);
    let _ = Attach::from_term(body).map(|value| value.to_term());
    let _ = Detach::from_term(body).map(|value| value.to_term());
    let _ = Broken::from_term(body).map(|value| value.to_term());
    let _ = ElixirState::from_term(body).map(ElixirState::to_term);
    let _ = InputRequest::from_term(body).map(|value| value.to_term());
}

proptest! {
    #[test]
    fn frames_come_out_whole_however_they_are_cut(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
        cuts in prop::collection::vec(1usize..200, 1..50),
        in_place in any::<bool>(),
    ) {
        let stream: Vec<u8> = payloads.iter()
            .flat_map(|payload| [&frame_header(payload.len()).unwrap()[..], payload].concat())
            .collect();
        let mut reader = FrameReader::default();
        let (mut rest, mut cuts, mut got) = (stream.as_slice(), cuts.iter().cycle(), Vec::new());
        while !rest.is_empty() {
            let (now, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            if in_place { reader.buffer().extend_from_slice(now) } else { reader.push(now) }
            rest = later;
            while let Some(frame) = reader.next_frame().unwrap() {
                got.push(frame.to_vec());
            }
        }
        prop_assert_eq!(got, payloads);
        prop_assert!(reader.finish().is_ok());
    }

    #[test]
    fn damaged_messages_are_refused_without_a_panic(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        thread_local!(static FRAMES: Vec<Golden> = golden("messages"));
        let mut payload = FRAMES.with(|frames| which.get(frames).frame[4..].to_vec());
        for (at, byte) in changes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        read_all(&payload);
        read_all(&payload[..cut.index(payload.len() + 1)]);
    }

    #[test]
    fn noise_is_refused_without_a_panic(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&noise);
        read_all(&[&[131][..], &noise].concat());
        let mut reader = FrameReader::default();
        reader.push(&noise);
        while let Ok(Some(_)) = reader.next_frame() {}
        let _ = reader.finish();
    }
}

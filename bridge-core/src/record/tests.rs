use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use super::*;
use crate::language::Language;
use crate::session::{Bundle, CellRequest, Data, Event, Recording};
use crate::wire::{Hello, Peer, Role, Status, StreamName, Summary};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("sessions")
    }

    fn records(&self) -> Records {
        Records::at(self.path())
    }

    fn recorder(&self, name: &str) -> Recorder {
        Recorder::open(
            &Recording::Named(name.into()),
            Some(&self.path()),
            Path::new("/project"),
        )
        .unwrap()
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(format!("{name}.jsonl"));
        OpenOptions::new()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(bytes)
            .unwrap();
    }
}

fn stream(text: &str) -> Event {
    Event::Stream {
        name: StreamName::Stdout,
        text: text.into(),
    }
}

fn run(recorder: &mut Recorder, number: u64, events: &[Event]) {
    recorder.started(
        number,
        &CellRequest::new(Language::Python, format!("cell {number}")),
    );
    for event in events {
        recorder.event(number, event);
    }
    assert_eq!(recorder.finished(number, Status::Ok, 12, None), None);
}

fn kept(events: &[Event]) -> Vec<Event> {
    let place = Place::new();
    let mut recorder = place.recorder("s");
    run(&mut recorder, 1, events);
    place.records().load("s").unwrap().cells.remove(0).events
}

#[test]
fn what_was_recorded_is_read_back() {
    let place = Place::new();
    let mut recorder = place.recorder("s");
    let mut hello = Hello::new(Peer::Worker, Role::Control, 1);
    hello.executable = Some("/usr/bin/python3".into());
    hello.versions = BTreeMap::from([("python".to_owned(), "3.13.0".to_owned())]);
    recorder.child(Language::Python, &hello);
    recorder.started(1, &CellRequest::new(Language::Elixir, "x = 1"));
    recorder.event(1, &stream("a"));
    recorder.answered(1, Some("Ada"));
    recorder.answered(1, None);
    let summary = Summary {
        status: Status::Ok,
        duration_us: 12,
        reads: vec!["df".into()],
        writes: vec!["x".into()],
        deletes: vec!["y".into()],
        calls: vec![],
        expressions: Vec::new(),
    };
    recorder.finished(1, Status::Ok, 12, Some(&summary));

    let record = place.records().load("s").unwrap();
    assert_eq!((record.directory.as_str(), record.damaged_lines), ("/project", 0));
    assert_eq!(record.children[0].executable, "/usr/bin/python3");
    let [cell] = &record.cells[..] else {
        panic!("{record:?}")
    };
    assert_eq!(
        (cell.language, cell.source.as_str(), cell.status),
        (Language::Elixir, "x = 1", Some(Status::Ok))
    );
    assert_eq!(
        (cell.duration_us, cell.events.as_slice()),
        (12, &[stream("a")][..])
    );
    assert_eq!(cell.answers, [Some("Ada".to_owned()), None]);
    assert_eq!(
        (&cell.reads[0][..], &cell.writes[0][..], &cell.deletes[0][..]),
        ("df", "x", "y")
    );
}

#[test]
fn a_record_cut_off_anywhere_keeps_every_whole_line() {
    let place = Place::new();
    let mut recorder = place.recorder("s");
    run(&mut recorder, 1, &[stream("one")]);
    run(&mut recorder, 2, &[stream("two")]);
    drop(recorder);
    let path = place.path().join("s.jsonl");
    let whole = fs::read(&path).unwrap();
    let lines: Vec<usize> = whole
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let record = place.records().load("s").unwrap();
        // Lines: session, started 1, finished 1, started 2, finished 2. The last byte of a line is its newline.
        let finished = record.cells.iter().filter(|cell| cell.status.is_some()).count();
        assert_eq!(
            finished,
            [2, 4].iter().filter(|line| length + 1 >= lines[**line]).count(),
            "at {length}"
        );
        assert!(record.damaged_lines <= 1);
    }
}

#[test]
fn a_torn_record_can_be_continued() {
    let place = Place::new();
    let mut recorder = place.recorder("s");
    run(&mut recorder, 1, &[]);
    drop(recorder);
    place.append("s", b"{\"type\":\"started\",\"cell\":2,\"lang");
    let mut recorder = place.recorder("s");
    assert_eq!(recorder.last_cell(), 1);
    run(&mut recorder, 2, &[stream("two")]);
    let record = place.records().load("s").unwrap();
    assert_eq!((record.cells.len(), record.damaged_lines), (2, 1));
    assert_eq!(record.cells[1].events, [stream("two")]);
}

#[test]
fn a_cell_that_did_not_finish_is_there_without_a_status() {
    let place = Place::new();
    let mut recorder = place.recorder("s");
    run(&mut recorder, 1, &[stream("first")]);
    recorder.started(2, &CellRequest::new(Language::Python, "while True: pass"));
    // A replay of the first one that does not finish leaves what was there.
    recorder.started(1, &CellRequest::new(Language::Python, "cell 1"));
    drop(recorder);
    let record = place.records().load("s").unwrap();
    assert_eq!(
        (record.cells[0].status, record.cells[0].events.as_slice()),
        (Some(Status::Ok), &[stream("first")][..])
    );
    assert_eq!(
        (record.cells[1].status, record.cells[1].source.as_str()),
        (None, "while True: pass")
    );
}

#[test]
fn streams_are_joined_and_long_ones_cut() {
    assert_eq!(kept(&[stream("a"), stream("b")]), [stream("ab")]);
    let stderr = Event::Stream {
        name: StreamName::Stderr,
        text: "e".into(),
    };
    assert_eq!(
        kept(&[stream("a"), stderr.clone(), stream("b")]),
        [stream("a"), stderr, stream("b")]
    );

    let long: Vec<Event> = (0..1000).map(|_| stream(&"ü".repeat(1000))).collect();
    let events = kept(&long);
    let [Event::Stream { text, .. }, Event::Notice { text: notice }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(text.len(), 256 * 1024);
    assert_eq!(
        *notice,
        format!(
            "[{} bytes of output are not in the record]",
            2_000_000 - 256 * 1024
        )
    );
}

#[test]
fn what_was_replaced_or_cleared_is_not_kept() {
    let display = |text: &str, update| Event::Display {
        data: Bundle::plain(text),
        metadata: serde_json::Map::new(),
        display_id: Some("bar".into()),
        update,
    };
    let progress: Vec<Event> = std::iter::once(display("0", false))
        .chain((1..50).map(|n| display(&n.to_string(), true)))
        .collect();
    assert_eq!(kept(&progress), [display("49", false)]);
    assert_eq!(kept(&[display("7", true)]), [display("7", true)]);
    assert_eq!(
        kept(&[stream("a"), Event::Clear { wait: false }, stream("b")]),
        [stream("b")]
    );
    assert_eq!(kept(&[stream("a"), Event::Clear { wait: true }]), [stream("a")]);
    assert_eq!(
        kept(&[stream("a"), Event::Clear { wait: true }, stream("b")]),
        [stream("b")]
    );
}

#[test]
fn images_are_kept_up_to_a_bound() {
    let image = |bytes: usize| Event::Display {
        data: Bundle(BTreeMap::from([(
            "image/png".to_owned(),
            Data::Bytes(vec![7; bytes]),
        )])),
        metadata: serde_json::Map::new(),
        display_id: None,
        update: false,
    };
    let events = kept(&[image(3_000_000), image(12_000_000), image(30)]);
    assert_eq!((&events[0], &events[2]), (&image(3_000_000), &image(30)));
    let Event::Display { data, .. } = &events[1] else {
        panic!()
    };
    assert_eq!(
        data.text("text/plain"),
        Some("[image/png of 16000009 bytes, not in the record]")
    );
}

#[test]
fn events_are_kept_up_to_a_bound() {
    let many: Vec<Event> = (0..10_050)
        .map(|n| Event::Notice { text: n.to_string() })
        .collect();
    let events = kept(&many);
    assert_eq!(events.len(), 10_001);
    assert_eq!(
        events[10_000],
        Event::Notice {
            text: "[50 events are not in the record]".into()
        }
    );
}

#[test]
fn records_are_listed_newest_first_and_pruned_by_age() {
    let place = Place::new();
    assert_eq!(place.records().list().unwrap(), []);
    for name in ["old", "new"] {
        run(&mut place.recorder(name), 1, &[]);
    }
    fs::write(place.path().join("notes.txt"), "not a record").unwrap();
    fs::write(place.path().join("empty.jsonl"), "").unwrap();
    let day = Duration::from_secs(86_400);
    let old = File::open(place.path().join("old.jsonl")).unwrap();
    old.set_modified(SystemTime::now() - 10 * day).unwrap();
    let listed = place.records().list().unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|one| (&one.name[..], one.cells))
            .collect::<Vec<_>>(),
        [("new", 1), ("old", 1)]
    );
    assert!(listed[0].started.ends_with('Z') && listed[0].size_bytes > 0);
    assert_eq!(place.records().prune(5 * day).unwrap(), ["old"]);
    assert_eq!(place.records().list().unwrap().len(), 1);
}

#[test]
fn names_cannot_leave_the_directory() {
    let records = Place::new().records();
    for name in ["", "../x", ".hidden", "a/b", "a\nb", &"x".repeat(101)] {
        assert!(
            matches!(records.load(name), Err(Error::BadName { .. })),
            "{name:?}"
        );
    }
    assert!(matches!(
        records.load("wine-2026_v1.2"),
        Err(Error::NoRecord { .. })
    ));
}

#[test]
fn a_record_of_a_later_version_is_refused() {
    let place = Place::new();
    drop(place.recorder("s"));
    place.append(
        "s",
        b"{\"type\":\"session\",\"version\":9,\"session\":\"s\",\"at\":\"\",\"directory\":\"\"}\n",
    );
    let error = place.records().load("s").unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it is of version 9, and this program knows 1"),
        "{error}"
    );
}

#[test]
fn generated_names_differ_and_are_names() {
    let place = Place::new();
    let open = || Recorder::open(&Recording::Generated, Some(&place.path()), Path::new("/")).unwrap();
    let (one, other) = (open(), open());
    assert_ne!(one.name(), other.name());
    assert!(place.records().load(one.name().unwrap()).is_ok());
}

#[test]
fn late_output_is_kept_up_to_a_bound() {
    let place = Place::new();
    let mut recorder = place.recorder("s");
    run(&mut recorder, 1, &[]);
    run(&mut recorder, 2, &[]);
    for _ in 0..400 {
        recorder.late(Some(1), &stream(&"x".repeat(1024)));
    }
    recorder.late(Some(2), &stream("another cell's"));
    for _ in 0..20_000 {
        recorder.late(Some(2), &stream("y"));
    }
    let cells = place.records().load("s").unwrap().cells;
    let text = |events: &[Event]| -> usize {
        let length = |event: &Event| match event {
            Event::Stream { text, .. } => text.len(),
            _ => 0,
        };
        events.iter().map(length).sum()
    };
    assert_eq!(text(&cells[0].events), 256 * 1024);
    assert!(
        matches!(cells[0].events.last(), Some(Event::Notice { text }) if text.contains("not in the record"))
    );
    assert_eq!(text(&cells[1].events), "another cell's".len() + 9_999);
    let size = fs::metadata(place.path().join("s.jsonl")).unwrap().len();
    assert!(size < 2 << 20, "{size} bytes");
}

#[test]
fn sources_come_newest_first_with_what_was_wanted() {
    let place = Place::new();
    let mut recorder = place.recorder("s");
    run(&mut recorder, 1, &[stream("x")]);
    run(&mut recorder, 2, &[]);
    // A replay of the first.
    run(&mut recorder, 1, &[]);
    place.append("s", b"{\"type\":\"started\", damaged\n");
    let traceless = CellRequest {
        store_history: false,
        ..CellRequest::new(Language::Elixir, "probe()")
    };
    recorder.started(3, &traceless);
    recorder.finished(3, Status::Ok, 1, None);
    recorder.started(4, &CellRequest::new(Language::Elixir, "killed()"));

    let sources = place.records().sources("s").unwrap();
    let told = |values| -> Vec<(u64, String, Option<String>)> {
        let cells = sources.newest_first(values);
        cells.map(|cell| (cell.number, cell.source, cell.value)).collect()
    };
    let expected =
        [(4, "killed()"), (1, "cell 1"), (2, "cell 2")].map(|(n, source)| (n, source.into(), None));
    assert_eq!(told(false), expected);
    assert_eq!(told(true), expected);
    assert!(place.records().sources("other").is_err());
}

#[test]
fn the_value_of_a_cell_is_among_its_sources() {
    let place = Place::new();
    let mut recorder = place.recorder("s");
    let mut data = Bundle::default();
    data.0.insert("text/plain".into(), Data::Text("7".into()));
    let metadata = serde_json::Map::new();
    run(&mut recorder, 1, &[Event::Result { data, metadata }]);
    let sources = place.records().sources("s").unwrap();
    let values = |wanted| sources.newest_first(wanted).next().unwrap().value;
    assert_eq!((values(true), values(false)), (Some("7".to_owned()), None));
}

#[test]
fn names_are_in_the_order_of_their_beginnings() {
    let place = Place::new();
    assert_eq!(place.records().names().unwrap(), Vec::<String>::new());
    for name in ["b", "a"] {
        drop(place.recorder(name));
    }
    for (name, at) in [("a", "2026-01-02T00:00:00Z"), ("b", "2026-01-01T00:00:00Z")] {
        let path = place.path().join(format!("{name}.jsonl"));
        let line =
            format!(r#"{{"type":"session","version":1,"session":"{name}","at":"{at}","directory":"/"}}"#);
        fs::write(path, line + "\n").unwrap();
    }
    // Changed last, begun first.
    run(&mut place.recorder("b"), 1, &[]);
    fs::write(place.path().join("none.jsonl"), "no record\n").unwrap();
    assert_eq!(place.records().names().unwrap(), ["b", "a"]);
}

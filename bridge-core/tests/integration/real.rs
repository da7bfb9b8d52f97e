//! Python and Elixir themselves: what the toy children cannot show. They need `make build`.

use std::time::{Duration, Instant};

use bridge_core::session::Language::{Elixir, Python};
use bridge_core::session::{Config, Event, Language, Status};

use crate::rig::{DEADLINE, Ran, Rig, gone, is_alive, next, rest, signal};

fn real() -> Rig {
    real_with(|_| {})
}

fn real_with(change: impl FnOnce(&mut Config)) -> Rig {
    Rig::with(|config| {
        config.worker = None;
        config.beam = None;
        change(config);
    })
}

fn shown(ran: &Ran) -> String {
    let results = ran.events.iter().filter_map(|event| match event {
        Event::Result { data, .. } => data.text("text/plain"),
        _ => None,
    });
    results.collect()
}

/// Starts a cell, waits until it has printed, and interrupts it.
fn interrupted(rig: &Rig, language: Language, source: &str) -> (Ran, Duration) {
    let mut cell = rig.submit(language, source);
    let first = next(&mut cell, |event| {
        matches!(event, Event::Stream { .. } | Event::Error { .. })
    });
    assert!(matches!(first, Event::Stream { .. }), "{first:?}");
    // It has printed what comes before the part that is to be interrupted; let it come there.
    std::thread::sleep(Duration::from_millis(50));
    let began = Instant::now();
    rig.session.interrupt();
    let mut events = Vec::new();
    while let Some(event) = cell.events.wait_for(DEADLINE).expect("the cell ends") {
        events.push(event);
    }
    (
        Ran {
            number: cell.number,
            events,
        },
        began.elapsed(),
    )
}

#[test]
fn names_cross_in_both_directions() {
    let rig = real();
    assert_eq!(shown(&rig.elixir("xs = [1, 2, 3]\nEnum.sum(xs)")), "6");
    assert_eq!(shown(&rig.python("total = sum(xs)\ntotal * 2")), "12");
    assert_eq!(shown(&rig.elixir("total + 1")), "7");
    let mut names: Vec<_> = rig
        .session
        .names()
        .wait()
        .unwrap()
        .into_iter()
        .map(|name| (name.name, name.language))
        .collect();
    names.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(names, [("total".to_owned(), Python), ("xs".to_owned(), Elixir)]);
}

#[test]
fn a_name_is_its_last_writer_s_alone() {
    let rig = real();
    let owners = || -> Vec<_> {
        let names = rig.session.names().wait().unwrap().into_iter();
        names.map(|name| (name.name, name.language)).collect()
    };
    rig.elixir("x = 1");
    assert_eq!(owners(), [("x".to_owned(), Elixir)]);
    rig.python("x = [2]");
    assert_eq!(owners(), [("x".to_owned(), Python)]);
    rig.elixir("x = 3");
    assert_eq!(owners(), [("x".to_owned(), Elixir)]);
}

#[test]
fn elixir_s_names_are_known_to_a_worker_that_was_restarted() {
    let rig = real();
    rig.elixir("price = 42");
    rig.python("x = price");
    rig.session.restart(&[Python]).wait().unwrap();
    assert_eq!(shown(&rig.python("price")), "42");
    assert_eq!(rig.python("x").error().0, "NameError");
}

#[test]
fn interrupts_stop_what_runs_and_keep_the_names() {
    let rig = real();
    let (python, elixir) = (rig.up(Python), rig.up(Elixir));
    for (language, source) in [
        (Python, "a = 1\nprint('go')\nwhile True: pass"),
        (Python, "b = 2\nprint('go')\nimport time; time.sleep(60)"),
        (Elixir, "c = 3\nIO.puts(\"go\")\nProcess.sleep(:infinity)"),
        (Elixir, "IO.puts(\"go\")\nEnum.each(Stream.cycle([1]), & &1)"),
    ] {
        let (ran, took) = interrupted(&rig, language, source);
        assert_eq!(ran.status(), Status::Interrupted, "{source}: {ran:?}");
        println!("{language} interrupted after {took:?}");
        assert!(took < Duration::from_secs(2), "{source}: {took:?}");
    }
    assert_eq!((rig.up(Python), rig.up(Elixir)), (python, elixir));
    assert_eq!(shown(&rig.python("a + b")), "3");
    assert_eq!(shown(&rig.elixir("c")), "3");
}

#[test]
fn a_cell_that_is_stuck_in_native_code_costs_the_worker_and_no_more() {
    let rig = real_with(|config| config.grace = Duration::from_millis(500));
    rig.elixir("kept = 1");
    rig.python("import pathlib\nlost = 2\nhandle = object()");
    let pid = rig.up(Python);
    let (ran, _) = interrupted(&rig, Python, "print('go')\nsum(range(10**13))");
    assert_eq!(ran.status(), Status::Interrupted, "{ran:?}");
    let said = ran.notices();
    assert!(
        said.contains("did not stop within 0.5 s") && said.contains("handle, lost, pathlib"),
        "{said}"
    );
    gone(pid);
    assert_eq!(shown(&rig.python("kept")), "1");
    assert_eq!(rig.python("lost").error().0, "NameError");
}

#[test]
fn crashes_of_either_side_leave_the_other_as_it_was() {
    let rig = real();
    rig.elixir("kept = 1");
    rig.python("mine = 2");
    let ran = rig.python("print('said', flush=True)\nimport ctypes; ctypes.string_at(0)");
    assert_eq!(
        (ran.error().0.as_str(), ran.out().as_str()),
        ("WorkerDied", "said\n")
    );
    assert!(ran.error().1.contains("SIGSEGV"), "{ran:?}");
    assert_eq!(shown(&rig.python("kept")), "1");
    rig.python("mine = 3");
    assert_eq!(rig.python("import os; os._exit(7)").error().0, "WorkerDied");

    rig.python("mine = 4");
    let worker = rig.up(Python);
    let ran = rig.elixir("IO.puts(\"said\")\nSystem.halt(3)");
    assert_eq!(
        (ran.error().0.as_str(), ran.out().as_str()),
        ("BeamDied", "said\n"),
        "{ran:?}"
    );
    assert_eq!(shown(&rig.elixir("1 + 1")), "2");
    assert_eq!(shown(&rig.elixir("mine")), "4");
    assert_eq!(rig.up(Python), worker);
    assert!(rig.elixir("kept").error().1.contains("kept"));
}

#[test]
fn a_beam_that_is_killed_takes_its_programs_along() {
    let rig = real_with(|config| config.grace = Duration::from_secs(60));
    let source =
        "port = Port.open({:spawn_executable, \"/bin/sleep\"}, args: [\"1000\"])\nPort.info(port)[:os_pid]";
    let program: u32 = shown(&rig.elixir(source)).parse().unwrap();
    assert!(is_alive(program));
    let pid = rig.up(Elixir);
    // Not even its control connection answers.
    let mut cell = rig.submit(Elixir, "IO.puts(\"go\")\nProcess.sleep(:infinity)");
    next(&mut cell, |event| matches!(event, Event::Stream { .. }));
    signal(pid, libc::SIGSTOP);
    rig.session.interrupt();
    rig.session.insist();
    let last = std::iter::from_fn(|| cell.events.wait_for(DEADLINE).expect("the cell ends")).last();
    assert!(matches!(
        last,
        Some(Event::Finished {
            status: Status::Interrupted,
            ..
        })
    ));
    gone(pid);
    gone(program);
}

#[test]
fn a_call_from_elixir_ends_with_the_worker_that_served_it() {
    let rig = real();
    rig.python("import os");
    let ran = rig.elixir("py.os._exit(3)");
    assert_eq!(ran.status(), Status::Error, "{ran:?}");
    assert_eq!(shown(&rig.python("1 + 1")), "2");
    assert_eq!(shown(&rig.elixir("py.len([1, 2])")), "2");
}

#[test]
fn both_languages_ask_the_user() {
    let rig = real();
    for (language, source) in [
        (Python, "name = input('name? ')"),
        (Elixir, "name = IO.gets(\"name? \") |> String.trim()"),
    ] {
        let mut cell = rig.submit(language, source);
        let asked = next(&mut cell, |event| matches!(event, Event::Input { .. }));
        assert_eq!(
            asked,
            Event::Input {
                prompt: "name? ".into(),
                password: false
            }
        );
        rig.session.answer_input(cell.number, Some("José".into()));
        next(&mut cell, |event| {
            matches!(
                event,
                Event::Finished {
                    status: Status::Ok,
                    ..
                }
            )
        });
    }
    assert!(shown(&rig.elixir("name")).contains("José"));
}

#[test]
fn questions_are_answered_by_both() {
    let rig = real();
    rig.python("import math\nwine = 1");
    rig.elixir("1");
    let items = |language, source: &str| -> Vec<String> {
        let completion = rig
            .session
            .complete(language, source, source.len())
            .wait()
            .unwrap();
        completion.items.into_iter().map(|item| item.text).collect()
    };
    assert!(
        items(Python, "math.sq").contains(&"sqrt".to_owned()),
        "{:?}",
        items(Python, "math.sq")
    );
    assert!(
        items(Elixir, "Enum.ma").iter().any(|text| text.contains("map")),
        "{:?}",
        items(Elixir, "Enum.ma")
    );
    assert!(
        rig.session
            .inspect(Python, "math.sqrt", 7, 0)
            .wait()
            .unwrap()
            .found
    );
    assert!(
        rig.session
            .inspect(Elixir, "Enum.map", 6, 0)
            .wait()
            .unwrap()
            .found
    );
    assert!(rig.session.is_complete(Python, "for x in y:").wait().is_ok());
    assert!(rig.session.is_complete(Elixir, "if x do").wait().is_ok());
}

#[test]
fn endless_output_is_interruptible_and_the_session_goes_on() {
    let rig = real();
    for (language, source) in [
        (Python, "while True: print('y' * 1000)"),
        (
            Elixir,
            "Enum.each(Stream.cycle([1]), fn _ -> IO.puts(String.duplicate(\"y\", 1000)) end)",
        ),
    ] {
        let pid = rig.up(language);
        let (ran, took) = interrupted(&rig, language, source);
        assert_eq!(ran.status(), Status::Interrupted, "{language}");
        assert!(took < Duration::from_secs(3), "{language}: {took:?}");
        assert_eq!(rig.up(language), pid);
    }
    assert_eq!(shown(&rig.python("1 + 1")), "2");
}

#[test]
fn a_shutdown_is_orderly_and_leaves_nothing() {
    let rig = real();
    let marker = rig.home.path().join("marker");
    rig.python(&format!(
        "import atexit; atexit.register(lambda: open({marker:?}, 'w').close())"
    ));
    let pids = [rig.up(Python), rig.up(Elixir)];
    let began = Instant::now();
    rig.session.shutdown().wait().unwrap();
    println!("shut down in {:?}", began.elapsed());
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    assert!(marker.exists(), "atexit has run");
}

/// Not a test of speed: prints what a cell costs, to be read with `--no-capture`.
#[test]
fn cells_cost_little() {
    let began = Instant::now();
    let rig = real();
    for language in [Python, Elixir] {
        let first = rig.run(language, "1");
        println!(
            "{language}: first result after {:?}: {}",
            began.elapsed(),
            shown(&first)
        );
        let mut times: Vec<Duration> = (0..200)
            .map(|_| {
                let began = Instant::now();
                rest(rig.submit(language, ""));
                began.elapsed()
            })
            .collect();
        times.sort();
        println!(
            "{language}: empty cell {:?} median, {:?} p99",
            times[100], times[198]
        );
    }
}

//! Times a session from its front end's side: start to first result, empty cells, prints, natural syntax.
//! Prints one JSON object; `bench/run.py` makes the table.

use std::io::Write;
use std::time::{Duration, Instant};

use bridge_core::language::Language::{self, Elixir, Python};
use bridge_core::session::{CellRequest, Config, Event, LateEvents, Recording, Session, Status};
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let mut first = Vec::new();
    for language in [Python, Elixir] {
        let mut times = Vec::new();
        for _ in 0..5 {
            let begin = Instant::now();
            let (session, late) = start()?;
            run(&session, language, "1 + 1")?;
            times.push(begin.elapsed());
            end(&session, late)?;
        }
        first.push(milliseconds(median(times)));
    }
    let (session, late) = start()?;
    run(&session, Python, "1")?;
    run(&session, Elixir, "1")?;
    let empty = |language, source: &str| -> anyhow::Result<Value> {
        let mut times = Vec::new();
        for _ in 0..300 {
            times.push(timed(&session, language, source)?);
        }
        Ok(microseconds(times))
    };
    let (empty_python, empty_elixir) = (empty(Python, "None")?, empty(Elixir, "nil")?);
    let prints = 100_000_u32;
    let print_python = timed(
        &session,
        Python,
        &format!("for _ in range({prints}): print('a line of text')"),
    )?;
    let print_elixir = timed(
        &session,
        Elixir,
        &format!("for _ <- 1..{prints}, do: IO.puts(\"a line of text\")"),
    )?;
    run(
        &session,
        Python,
        "import math, types\nbox = types.SimpleNamespace(n=0)\ndef add(n): return n + 1",
    )?;
    let times = 2_000;
    let natural = best(&session, &format!("for i <- 1..{times}, do: add.(i); :ok"))?;
    let written = best(
        &session,
        &format!("for i <- 1..{times}, do: SnakeBridge.apply!(add, [i]); :ok"),
    )?;
    end(&session, late)?;
    writeln!(
        std::io::stdout(),
        "{}",
        json!({
            "first_result_ms": { "python": first[0], "elixir": first[1] },
            "empty_cell_us": { "python": empty_python, "elixir": empty_elixir },
            "print_ns": { "python": each(print_python, prints), "elixir": each(print_elixir, prints) },
            "syntax_us": { "natural": each(natural, times) / 1000.0, "written_out": each(written, times) / 1000.0 },
        })
    )?;
    Ok(())
}

fn start() -> anyhow::Result<(Session, LateEvents)> {
    let mut config = Config::new(std::env::current_dir()?);
    config.recording = Recording::Off;
    Ok(Session::start(config)?)
}

fn end(session: &Session, mut late: LateEvents) -> anyhow::Result<()> {
    session.shutdown().wait()?;
    while late.wait().is_some() {}
    Ok(())
}

/// Runs a cell to its end; a cell that fails is an error here.
fn run(session: &Session, language: Language, source: &str) -> anyhow::Result<()> {
    let mut events = session.execute(CellRequest::new(language, source))?.events;
    let mut said = String::new();
    while let Some(event) = events.wait() {
        match event {
            Event::Error { message, .. } => said = message,
            Event::Finished { status, .. } if status != Status::Ok => {
                anyhow::bail!("{language} cell failed: {said}")
            }
            _ => {}
        }
    }
    Ok(())
}

fn timed(session: &Session, language: Language, source: &str) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    run(session, language, source)?;
    Ok(begin.elapsed())
}

fn best(session: &Session, source: &str) -> anyhow::Result<Duration> {
    let times: Vec<_> = (0..5)
        .map(|_| timed(session, Elixir, source))
        .collect::<anyhow::Result<_>>()?;
    Ok(times.into_iter().min().unwrap_or_default())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn microseconds(mut times: Vec<Duration>) -> Value {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
    json!({ "p50": at(50), "p99": at(99) })
}

fn each(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e9 / f64::from(count)
}

//! `:time` and `:timeit`.

use std::io;

use bridge_core::language::Language;
use bridge_core::session::CellRequest;
use serde::Deserialize;

use crate::console::{Console, Next};
use crate::processes::{Usage, usage};
use crate::span;

/// What the languages answer to `:timeit`.
#[derive(Deserialize)]
struct Measured {
    /// How often the code ran in each measurement.
    loops: u64,
    /// Nanoseconds of one run, in each measurement.
    runs: Vec<f64>,
    /// Requests to Python that one run made; from Elixir alone.
    calls: Option<f64>,
    /// Nanoseconds of a request that does nothing.
    empty_call: Option<f64>,
}

/// `:time` or `:timeit` alone.
pub(super) fn without_code(console: &mut Console, _: &str) -> io::Result<Next> {
    console.complain("time what?", "code follows, as in `:time sum(range(10**6))`")?;
    Ok(Next::Read)
}

impl Console {
    /// `:time CODE`: the cell as always, then its time.
    pub(crate) fn time(&mut self, request: CellRequest) -> io::Result<Next> {
        // Its language may still be starting, which is no time of the cell.
        let nothing = match request.language {
            Language::Python => "None",
            Language::Elixir => "nil",
        };
        self.ask(request.language, nothing)?;
        let before = usage(self.session());
        let outcome = self.timed(request)?;
        let after = usage(self.session());
        if outcome.next == Next::Read {
            let wall = span::exact(outcome.took.as_nanos() as f64);
            let spent = |name, of: fn(&Usage) -> &Option<crate::processes::Process>| {
                // A process that ended meanwhile had a clock of its own.
                let (Some(before), Some(after)) = (of(&before), of(&after)) else {
                    return None;
                };
                let spent = after.cpu.checked_sub(before.cpu)?;
                (before.pid == after.pid).then(|| format!("{:.2} s in {name}", spent.as_secs_f64()))
            };
            let spent: Vec<String> = [
                spent("Python", |usage| &usage.python),
                spent("Elixir", |usage| &usage.elixir),
            ]
            .into_iter()
            .flatten()
            .collect();
            let spent = match spent.as_slice() {
                [] => String::new(),
                spent => format!("; processor time {}", spent.join(", ")),
            };
            self.say(&format!("{wall}{spent}"))?;
        }
        Ok(outcome.next)
    }

    /// `:timeit CODE`.
    pub(crate) fn timeit(&mut self, language: Language, code: &str) -> io::Result<Next> {
        let source = match language {
            Language::Python => python(code),
            Language::Elixir => format!("SnakeBridge.Host.Prompt.timeit(fn -> {code}\nend)"),
        };
        let Some(printed) = self.ask(language, &source)? else {
            return Ok(Next::Read);
        };
        match serde_json::from_str::<Measured>(printed.lines().last().unwrap_or_default()) {
            Ok(measured) => self.say(&measured.told(language))?,
            Err(_) => self.note("the measurement was lost among what the code prints")?,
        }
        Ok(Next::Read)
    }
}

fn python(code: &str) -> String {
    format!(
        "__import__('snakebridge.prompt').prompt.timeit({}, globals())",
        super::python_text(code)
    )
}

impl Measured {
    fn told(&self, language: Language) -> String {
        let best = self.runs.iter().copied().fold(f64::INFINITY, f64::min);
        let slowest = self.runs.iter().copied().fold(0.0, f64::max);
        let times = match self.loops {
            1 => "once each".to_owned(),
            loops => format!("{loops} times each"),
        };
        let mut text = format!(
            "best {}, slowest {} of {} measurements, the code run {times}",
            span::exact(best),
            span::exact(slowest),
            self.runs.len()
        );
        if let (Some(calls), Some(empty)) = (self.calls, self.empty_call)
            && calls > 0.0
        {
            let calls_text = format!("{calls:.1}");
            let calls_text = calls_text.trim_end_matches(".0");
            let noun = if calls_text == "1" { "request" } else { "requests" };
            text += &format!(
                "\neach run makes {calls_text} {noun} to Python; one that does nothing takes {}",
                span::exact(empty)
            );
        }
        if language == Language::Elixir {
            text += "\nevaluated, as cells are; code in modules is compiled, and faster";
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_and_the_slowest_are_told() {
        let measured = Measured {
            loops: 20_000,
            runs: vec![1_030.0, 1_000.0, 2_500.0],
            calls: Some(2.0),
            empty_call: Some(31_000.0),
        };
        assert_eq!(
            measured.told(Language::Elixir),
            "best 1.00 us, slowest 2.50 us of 3 measurements, the code run 20000 times each\n\
             each run makes 2 requests to Python; one that does nothing takes 31.0 us\n\
             evaluated, as cells are; code in modules is compiled, and faster"
        );
    }
}

//! Cells of both languages in one session.

use crate::harness::Snakebridge;

#[test]
fn a_python_list_is_an_elixir_list() {
    let run = Snakebridge::script("%%python\nx = [1, 2]\n%%elixir\n[3 | x]\n", [])
        .run()
        .ok();
    assert_eq!(run.result(2), "[3, 1, 2]");
}

#[test]
fn the_events_of_a_cell_are_told_as_json_lines() {
    let run = Snakebridge::script("IO.puts(\"hi\")\n:ok\n", ["--no-record"])
        .run()
        .ok();
    let events = run.events();
    let kinds: Vec<_> = events
        .iter()
        .map(|e| e["event"].as_str().expect("a kind"))
        .collect();
    assert_eq!(kinds, ["started", "stream", "result", "finished"]);
    assert!(events.iter().all(|e| e["cell"] == 1 && e["language"] == "elixir"));
    assert_eq!(
        (&events[1]["name"], &events[1]["text"]),
        (&"stdout".into(), &"hi\n".into())
    );
    assert_eq!(events[3]["status"], "ok");
}

#[test]
fn the_tour_works() {
    let script = r##"
region = "north"
%%python
import pandas as pd; from sklearn.datasets import load_wine
df = load_wine(as_frame=True).frame
%%elixir
df.groupby("target").mean(numeric_only: true).shape
%%elixir
totals = for {k, v} <- %{a: 1, b: 2}, into: %{}, do: {k, v * 10}
%%python
print(region, totals, len(df), ex.String.upcase(region))
"##;
    let run = Snakebridge::script(script, []).run().ok();
    assert_eq!(run.result(3), "{3, 13}");
    assert_eq!(run.printed(5, "stdout"), "north {'a': 10, 'b': 20} 178 NORTH\n");
}

#[test]
fn output_of_both_languages_keeps_its_order_within_a_cell() {
    let script = r##"
%%python
def say(x): print("py", x)
def ask(f): print("before"); r = f(1); print("after", r)
%%elixir
IO.puts("a"); say.("b"); IO.puts("c"); say.("d"); IO.puts("e")
%%elixir
ask.(fn x -> IO.puts("in elixir #{x}"); x + 1 end)
%%python
print("1"); ex.IO.puts("2"); print("3"); ask(lambda v: ex.IO.puts("mid"))
"##;
    let run = Snakebridge::script(script, []).run().ok();
    assert_eq!(run.printed(2, "stdout"), "a\npy b\nc\npy d\ne\n");
    assert_eq!(run.printed(3, "stdout"), "before\nin elixir 1\nafter 2\n");
    assert_eq!(run.printed(4, "stdout"), "1\n2\n3\nbefore\nmid\nafter ok\n");
}

#[test]
fn output_of_c_code_and_child_processes_belongs_to_the_cell() {
    let script = "%%python\nimport os, subprocess, sys\nprint('one')\nos.write(1, b'two\\n')\nsubprocess.run(['echo', 'three'])\nprint('four', file=sys.stderr)\n";
    let run = Snakebridge::script(script, []).run().ok();
    let out = run.printed(1, "stdout");
    let mut lines: Vec<_> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "three", "two"]);
    assert_eq!(run.printed(1, "stderr"), "four\n");
}

#[test]
fn late_output_belongs_to_the_cell_that_started_the_thread() {
    let script = r##"
%%python
import threading, time
gate = threading.Event()
def work():
    gate.wait(); print("late")
t = threading.Thread(target=work); t.start()
%%python
gate.set(); t.join(); print("second")
"##;
    let run = Snakebridge::script(script, []).run().ok();
    assert_eq!(run.printed(1, "stdout"), "late\n");
    assert_eq!(run.printed(2, "stdout"), "second\n");
}

#[test]
fn top_level_await_works_and_tasks_go_on_between_cells() {
    let script = r##"
%%python
import asyncio
done = []
async def later():
    await asyncio.sleep(0.05)
    done.append(1)
task = asyncio.create_task(later())
%%elixir
Process.sleep(200)
%%elixir
done
%%python
await asyncio.sleep(0)
len(done)
"##;
    let run = Snakebridge::script(script, []).run().ok();
    assert_eq!(run.result(3), "[1]");
    assert_eq!(run.result(4), "1");
}

#[test]
fn syntax_errors_point_at_the_users_line() {
    let run = Snakebridge::script(
        "%%python\nx = 1\ny = = 2\n%%elixir\na = 1\nb = = 2\n",
        ["--keep-going"],
    )
    .run()
    .code(1);
    let python = run.error(1);
    assert_eq!(python["class"], "SyntaxError");
    let text = python["traceback"].to_string();
    assert!(text.contains("y = = 2") && text.contains("line 3"), "{text}");
    let elixir = run.error(2);
    assert!(
        elixir["class"]
            .as_str()
            .is_some_and(|c| c.ends_with("SyntaxError")),
        "{elixir}"
    );
    let text = elixir["traceback"].to_string();
    assert!(text.contains("b = = 2") && text.contains(":3"), "{text}");
}

#[test]
fn failing_cells_keep_what_they_had_bound() {
    let script = "a = 1\nraise \"boom\"\n%%elixir\na\n%%python\nb = 2\n1/0\n%%python\nb\n";
    let run = Snakebridge::script(script, ["--keep-going"]).run().code(1);
    assert_eq!(run.error(1)["message"], "boom");
    assert_eq!(run.result(2), "1");
    assert_eq!(run.error(3)["class"], "ZeroDivisionError");
    assert_eq!(run.result(4), "2");
}

#[test]
fn a_failing_cell_ends_the_run_with_status_one() {
    let run = Snakebridge::script("%%python\n1/0\n%%elixir\n1\n", [])
        .run()
        .code(1);
    assert!(run.events().iter().all(|e| e["cell"] == 1));
}

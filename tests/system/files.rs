//! Files of cells, and the command line around them.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Snakebridge, root};

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn the_wine_notebook_runs_and_is_written_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("out.ipynb");
    let source = root().join("notebooks/wine.ipynb");
    let args = [
        "run",
        source.to_str().expect("UTF-8"),
        "-o",
        out.to_str().expect("UTF-8"),
    ];
    let run = Snakebridge::new(args).run().ok();
    assert!(run.stdout.contains("What gave them away"), "{}", run.stdout);

    let before: Value = serde_json::from_str(&std::fs::read_to_string(&source).expect("read")).expect("JSON");
    let after: Value = serde_json::from_str(&std::fs::read_to_string(&out).expect("read")).expect("JSON");
    let (before, after) = (
        before["cells"].as_array().expect("cells"),
        after["cells"].as_array().expect("cells"),
    );
    assert_eq!(before.len(), after.len());
    let code: Vec<_> = after.iter().filter(|c| c["cell_type"] == "code").collect();
    assert!(code.len() >= 20);
    for (i, cell) in code.iter().enumerate() {
        assert_eq!(cell["execution_count"], i as u64 + 1);
        let outputs = cell["outputs"].as_array().expect("outputs");
        assert!(outputs.iter().all(|o| o["output_type"] != "error"), "{cell}");
    }
    let html = code
        .iter()
        .any(|c| c["outputs"].to_string().contains("text/html"));
    assert!(html, "a data frame's HTML is kept");
}

#[test]
fn an_unmodified_notebook_of_ipykernel_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let notebook = json!({
        "nbformat": 4, "nbformat_minor": 2,
        "metadata": { "kernelspec": { "display_name": "Python 3", "language": "python", "name": "python3" } },
        "cells": [{ "cell_type": "code", "metadata": {}, "execution_count": null, "outputs": [], "source": "%%time\nx = 6" },
                  { "cell_type": "code", "metadata": {}, "execution_count": null, "outputs": [], "source": "x * 7" }],
    });
    let path = write(dir.path(), "old.ipynb", &notebook.to_string());
    let run = Snakebridge::new(["run", &path]).run().ok();
    assert!(run.stdout.ends_with("42"), "{}", run.stdout);
}

#[test]
fn percent_python_and_elixir_scripts_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let python = write(
        dir.path(),
        "a.py",
        "# %%\nx = 20\n# %% [markdown]\n# prose\n# %% [elixir]\n# IO.puts(x + 1)\n# %%\nprint(x + 2)\n",
    );
    assert_eq!(
        Snakebridge::new(["run", &python]).run().ok().stdout,
        "21\n:ok\n22"
    );
    let elixir = write(
        dir.path(),
        "b.exs",
        "x = 1\nIO.puts(x + 1)\n\nfor i <- 1..2 do\n  IO.puts(i)\nend\n:done\n",
    );
    assert_eq!(
        Snakebridge::new(["run", &elixir]).run().ok().stdout,
        "2\n1\n2\n:done"
    );
}

#[test]
fn one_cell_from_the_command_line() {
    assert_eq!(Snakebridge::new(["-e", "1 + 1"]).run().ok().stdout, "2");
    assert_eq!(
        Snakebridge::new(["-e", "%%python\nf'{1 + 1}'"]).run().ok().stdout,
        "'2'"
    );
    Snakebridge::new(["-e", "raise \"x\""]).run().code(1);
}

#[test]
fn without_a_terminal_cells_come_from_standard_input() {
    let run = Snakebridge::new([])
        .stdin("%%python\nx = 5\n%%elixir\nx + 1\n")
        .run()
        .ok();
    assert_eq!(run.stdout, "6");
}

#[test]
fn questions_are_answered_from_standard_input() {
    let dir = tempfile::tempdir().expect("a directory");
    let source = "%%python\nname = input('who? ')\n%%elixir\nIO.gets(\"and? \") |> String.trim() |> IO.puts()\nname\n%%elixir\nIO.gets(\"more? \")\n";
    let path = write(dir.path(), "ask.cells", source);
    let run = Snakebridge::new(["run", &path]).stdin("ada\ngrace\n").run().ok();
    assert_eq!(run.stdout, "who? and? grace\n\"ada\"\nmore? \n:eof");
}

#[test]
fn a_program_that_ends_itself_gives_its_status() {
    Snakebridge::new(["-e", "%%python\nimport sys\nsys.exit(0)"])
        .run()
        .code(0);
    let run = Snakebridge::new(["-e", "%%python\nimport sys\nsys.exit(3)"])
        .run()
        .code(3);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let run = Snakebridge::new(["-e", "%%python\nimport sys\nsys.exit('no such host')"])
        .run()
        .code(1);
    assert!(run.stderr.contains("no such host"), "{}", run.stderr);
}

#[test]
fn keep_going_runs_all_and_still_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = write(
        dir.path(),
        "a.cells",
        "raise \"one\"\n%%elixir\nIO.puts(\"two\")\n",
    );
    let out = dir.path().join("a.ipynb");
    let run = Snakebridge::new(["run", &path, "--keep-going", "-o", out.to_str().expect("UTF-8")])
        .run()
        .code(1);
    assert_eq!(run.stdout, "two\n:ok");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(out).expect("read")).expect("JSON");
    assert_eq!(written["cells"][0]["outputs"][0]["output_type"], "error");
    assert_eq!(written["cells"][1]["outputs"][0]["text"], json!(["two\n"]));
}

#[test]
fn bad_files_are_told_in_a_line() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text, said) in [
        ("a.ipynb", "{", "line 1"),
        ("b.ipynb", "{\"nbformat\": 3}", "format 3"),
        ("c.rb", "1", "what kind of file"),
    ] {
        let path = write(dir.path(), name, text);
        let run = Snakebridge::new(["run", &path]).run().code(1);
        assert!(
            run.stderr.contains(said) && run.stderr.contains("hint: "),
            "{}",
            run.stderr
        );
        assert!(run.stderr.lines().count() <= 2, "{}", run.stderr);
    }
    let path = write(dir.path(), "d.cells", "1");
    let run = Snakebridge::new(["run", &path, "-o", "/nonexistent/x.ipynb"])
        .run()
        .code(1);
    assert!(
        run.stdout.is_empty() && run.stderr.contains("/nonexistent"),
        "{}",
        run.stderr
    );
    let run = Snakebridge::new(["run", "/nonexistent.exs"]).run().code(1);
    assert!(run.stderr.contains("/nonexistent.exs"), "{}", run.stderr);
    Snakebridge::new(["run"]).run().code(2);
    Snakebridge::new(["--nonsense"]).run().code(2);
}

#[test]
fn a_missing_interpreter_is_one_line_with_the_mend() {
    let run = Snakebridge::script("%%python\n1\n", ["--python", "/nonexistent/python3"])
        .run()
        .code(1);
    let error = run.error(1);
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|m| m.contains("/nonexistent/python3") && m.lines().count() == 1),
        "{error}"
    );
    assert!(error["hint"].is_string(), "{error}");
    let run = Snakebridge::script("1\n", ["--elixir", "/nonexistent/elixir"])
        .run()
        .code(1);
    assert!(run.error(1)["hint"].is_string(), "{}", run.error(1));
    // The other language works all the same.
    let run = Snakebridge::script("%%python\n1 + 1\n", ["--elixir", "/nonexistent/elixir"])
        .run()
        .ok();
    assert_eq!(run.result(1), "2");
}

#[test]
fn the_version_and_the_doctor_speak() {
    let run = Snakebridge::new(["--version"]).run().ok();
    assert!(run.stdout.starts_with("snakebridge 0."), "{}", run.stdout);
    let run = Snakebridge::new(["doctor"]).run().ok();
    for word in ["python", "elixir", "ipython"] {
        assert!(run.stdout.to_lowercase().contains(word), "{}", run.stdout);
    }
}

#[test]
fn sessions_are_recorded_listed_shown_and_replayed() {
    let state = tempfile::tempdir().expect("a directory");
    let home = state.path().to_str().expect("UTF-8");
    let with = |run: Snakebridge| run.env("XDG_STATE_HOME", home);
    let script = "x = 20\n%%python\nprint(x + 1)\ny = input() if False else x\n%%elixir\ny * 2\n";
    with(Snakebridge::script(script, ["--session", "tour"]))
        .run()
        .ok();
    let list = with(Snakebridge::new(["sessions", "list"])).run().ok().stdout;
    assert!(list.contains("tour"), "{list}");
    let show = with(Snakebridge::new(["sessions", "show", "tour"]))
        .run()
        .ok()
        .stdout;
    for part in ["print(x + 1)", "21", "40"] {
        assert!(show.contains(part), "{part} in {show}");
    }
    // Without a terminal there is nobody to ask, so `--yes` is needed.
    with(Snakebridge::new(["sessions", "resume", "tour"]))
        .run()
        .code(1);
    let resumed = with(Snakebridge::new(["sessions", "resume", "tour", "--yes"]).stdin("IO.puts(y + 1)\n"))
        .run()
        .ok()
        .stdout;
    assert!(resumed.ends_with("21\n:ok"), "{resumed}");
    with(Snakebridge::new(["sessions", "rm", "tour"])).run().ok();
    let run = with(Snakebridge::new(["sessions", "show", "tour"])).run().code(1);
    assert!(
        run.stderr.contains("tour") && run.stderr.contains("hint: "),
        "{}",
        run.stderr
    );
    with(Snakebridge::script("1", ["--no-record"])).run().ok();
    assert!(
        !with(Snakebridge::new(["sessions"]))
            .run()
            .ok()
            .stdout
            .contains("cells 1")
    );
}

#[test]
fn a_notebook_of_livebook_runs_and_becomes_one_of_jupyter_and_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let source = "# Sums\n\n```elixir\nMix.install([])\n```\n\n## One\n\n```elixir\nx = 41\n```\n\n\
                  ```elixir\n~PY\"\"\"\ny = x + 1\nprint(y)\n\"\"\"\n```\n\n```python\n[y]\n```\n";
    let livemd = write(dir.path(), "sums.livemd", source);
    let run = Snakebridge::new(["run", &livemd, "-o", &file("sums.ipynb")])
        .run()
        .ok();
    assert_eq!(run.stdout, "41\n42\n[42]");
    assert!(run.stderr.contains("setup is not run"), "{}", run.stderr);
    Snakebridge::new(["run", &file("sums.ipynb"), "-o", &file("again.livemd")])
        .run()
        .ok();
    let again = std::fs::read_to_string(file("again.livemd")).expect("read");
    let cell = "```elixir\n~PY\"\"\"\ny = x + 1\nprint(y)\n\"\"\"\n```\n\n<!-- livebook:{\"output\":true} -->\n\n```\n42\n```\n";
    assert!(again.contains(cell), "{again}");
    assert!(again.starts_with("<!-- livebook:{\"persist_outputs\":true} -->\n\n# Sums\n\n```elixir\nMix.install([])\n```\n\n## One\n"), "{again}");
}

#[test]
fn a_run_is_compared_with_what_was_recorded() {
    let dir = tempfile::tempdir().expect("a directory");
    let cells = "%%python\nimport os\nclass A: pass\nprint(A())\n%%elixir\nIO.inspect(self())\ninput = 1\n\
                 %%python\nos.environ.get('WHAT', 'as then')\n%%python\nint(os.environ.get('WHAT', '7'))\n";
    let script = write(dir.path(), "steps.cells", cells);
    let notebook = dir.path().join("steps.ipynb");
    let notebook = notebook.to_str().expect("UTF-8");
    let again = |args: [&str; 3]| Snakebridge::new(args).env("XDG_STATE_HOME", dir.path());
    let recorded = ["run", &script, "--session", "steps", "-o", notebook];
    Snakebridge::new(recorded)
        .env("XDG_STATE_HOME", dir.path())
        .run()
        .ok();
    for what in ["steps", notebook] {
        let equal = again(["run", what, "--check"]).run().ok();
        assert!(
            equal.stdout.ends_with("4 equal, 0 different, 0 failed"),
            "{}",
            equal.stdout
        );
        let other = again(["run", what, "--check"]).env("WHAT", "now").run().code(1);
        let expect = "cell 3    python  different\n    - 'as then'\n    + 'now'\n\
                      cell 4    python  failed\n    - 7\n    + ValueError: invalid literal for int() with base 10: 'now'\n\
                      2 equal, 1 different, 1 failed";
        assert!(other.stdout.ends_with(expect), "{}", other.stdout);
    }
    let unknown = again(["run", "nobody", "--check"]).run().code(1);
    assert!(
        unknown.stderr.contains("no session is named `nobody`"),
        "{}",
        unknown.stderr
    );
}

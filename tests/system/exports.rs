//! `snakebridge export`: what is written runs without us, and comes back.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Snakebridge, root};

/// Evaluates a notebook of Livebook as Livebook does: cell by cell, in one binding and environment.
const LIVEBOOK: &str = r#"
[path] = System.argv()
[_setup | cells] = Regex.scan(~r/^```elixir\n(.*?)\n```$/ms, File.read!(path), capture: :all_but_first)
Enum.reduce(cells, {[], Code.env_for_eval([])}, fn [source], {binding, env} ->
  {_, binding, env} = source |> Code.string_to_quoted!() |> Code.eval_quoted_with_env(binding, env)
  {binding, env}
end)
"#;

fn export(args: &[&str], directory: &Path) -> crate::harness::Finished {
    let mut run = Snakebridge::new(["export"]);
    run = run.args(args).in_directory(directory);
    run.run()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("read")
}

/// Runs real Elixir, with the library on its path.
fn elixir(args: &[&str], directory: &Path) -> String {
    let ebin = root().join("elixir/_build/prod/lib/snakebridge/ebin");
    let program = std::env::var_os("SNAKEBRIDGE_ELIXIR").unwrap_or_else(|| "elixir".into());
    let output = Command::new(program)
        .arg("-pa")
        .arg(ebin)
        .args(args)
        .current_dir(directory)
        .output()
        .expect("elixir runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn cell(language: &str, source: &str) -> Value {
    json!({ "cell_type": "code", "execution_count": null, "outputs": [], "source": source,
            "metadata": { "snakebridge": { "language": language } } })
}

/// A notebook, where both languages use what the other made.
fn tour(directory: &Path) {
    let cells = json!([
        { "cell_type": "markdown", "metadata": {}, "source": "# A tour\n\nSome *prose*." },
        cell("elixir", "rates = %{\"a\" => 0.5, \"b\" => 2}\nlimit = 3"),
        cell("python", "from fractions import Fraction\nX_all = [Fraction(1, 3)]\nprint('#{rates}', rates['b'])"),
        cell("python", "X_all.append(Fraction(1, 2))\nf\"#{len(X_all)}\""),
        cell("elixir", "half = py.X_all[1]\nIO.puts(half + half)\nto_string(half.denominator + limit)"),
        cell("python", "double = lambda x: 2 * x\nxs = [limit]"),
        cell("python", "xs.append(double(limit))\nxs"),
        cell("elixir", "IO.inspect(xs)\ndouble.(4)"),
    ]);
    let notebook = json!({ "nbformat": 4, "nbformat_minor": 5, "metadata": { "kernelspec": { "language": "elixir", "name": "x" } }, "cells": cells });
    std::fs::write(directory.join("tour.ipynb"), notebook.to_string()).expect("written");
}

const PRINTED: &str = "#{rates} 2\n1\n[3, 6]\n";

#[test]
fn notebooks_run_without_us_and_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    tour(dir);
    let tour = dir.join("tour.ipynb");
    let tour = tour.to_str().expect("UTF-8");
    Snakebridge::new(["run", tour, "-o", tour]).run().ok();
    export(&["tour.ipynb", "--to", "livemd"], dir).ok();
    std::fs::write(dir.join("livebook.exs"), LIVEBOOK).expect("written");
    assert_eq!(elixir(&["livebook.exs", "tour.livemd"], dir), PRINTED);
    export(&["tour.ipynb", "--to", "exs"], dir).ok();
    assert_eq!(elixir(&["tour.exs"], dir), PRINTED);

    export(&["tour.livemd", "--to", "ipynb", "-o", "back.ipynb"], dir).ok();
    let parse = |name: &str| -> Value { serde_json::from_str(&text(&dir.join(name))).expect("JSON") };
    let (before, after) = (parse("tour.ipynb"), parse("back.ipynb"));
    let words = |cell: &Value| -> String {
        match &cell["source"] {
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
            source => source.as_str().unwrap_or_default().to_owned(),
        }
    };
    let cells = |notebook: &Value| -> Vec<String> {
        let cells = notebook["cells"].as_array().expect("cells");
        cells.iter().map(words).collect()
    };
    assert_eq!(cells(&before), cells(&after));
    assert_eq!(after["cells"][4]["outputs"][0]["text"], json!(["1\n"]));
    // And it runs as it did.
    export(&["back.ipynb", "--to", "livemd", "-o", "again.livemd"], dir).ok();
    assert_eq!(text(&dir.join("again.livemd")), text(&dir.join("tour.livemd")));
}

#[test]
fn python_alone_has_the_values_that_it_read() {
    let dir = tempfile::tempdir().expect("a directory");
    tour(dir.path());
    export(&["tour.ipynb", "--to", "py"], dir.path()).ok();
    let script = text(&dir.path().join("tour.py"));
    assert!(
        script.starts_with("# %% [markdown]\n# # A tour\n#\n# Some *prose*.\n\n# %%\n"),
        "{script}"
    );
    assert!(
        script.contains("rates = {'a': 0.5, 'b': 2}\nfrom fractions"),
        "{script}"
    );
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(python)
        .arg("tour.py")
        .current_dir(dir.path())
        .output()
        .expect("python runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "#{rates} 2\n");
    // From the source alone: nothing is known of Elixir's values.
    let run = export(&["tour.ipynb", "--to", "py", "--no-run", "-o", "-"], dir.path()).ok();
    assert!(
        !run.stdout.contains("rates = ") && run.stderr.contains("nothing was run"),
        "{}",
        run.stderr
    );
}

#[test]
fn pythons_own_cells_say_what_does_not_run_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = "%%python\nimport numpy as np\nlen = 1\n%%elixir\nnp.ones(2)\n%%python\n%time 1\n%%python\nawait f()\n";
    std::fs::write(dir.path().join("x.cells"), script).expect("written");
    let run = export(&["x.cells", "--to", "livemd", "--pythonx"], dir.path()).ok();
    let written = text(&dir.path().join("x.livemd"));
    for part in [
        "{:pythonx, ",
        "```pyproject.toml\n[project]\n",
        "\"numpy==",
        "```python\nimport numpy as np\n",
    ] {
        assert!(written.contains(part), "{part} in {written}");
    }
    for note in [
        "cell 1: names of builtins",
        "cell 2: natural syntax",
        "cell 3: magics",
        "cell 4: `await`",
    ] {
        assert!(run.stderr.contains(note), "{note} in {}", run.stderr);
    }
}

#[test]
fn sessions_are_exported_without_what_failed_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("state");
    let script = "x = 20\n%%python\n1 / 0\n%%python\nprint(x + 1)\n";
    Snakebridge::script(script, ["--session", "tour", "--keep-going"])
        .env("XDG_STATE_HOME", &state)
        .run()
        .code(1);
    let export = |args: &[&str]| {
        let run = Snakebridge::new(["export", "--session", "tour"]).args(args);
        run.in_directory(dir.path()).env("XDG_STATE_HOME", &state).run()
    };
    let written = export(&["--to", "ipynb", "-o", "-"]).ok().stdout;
    let notebook: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(notebook["cells"].as_array().map(Vec::len), Some(2));
    assert_eq!(notebook["cells"][1]["outputs"][0]["text"], json!(["21\n"]));
    export(&["--to", "ipynb"]).ok();
    let again = export(&["--to", "ipynb"]).code(1);
    assert!(
        again.stderr.contains("tour.ipynb exists already\nhint: "),
        "{}",
        again.stderr
    );
    export(&["--to", "ipynb", "--force"]).ok();
    let how = export(&["--to", "cells", "--result", "x", "-o", "-"]).ok();
    assert_eq!(how.stdout, "%%elixir\nx = 20");
    export(&["--to", "ipynb", "--result", "nothing", "-o", "-"]).code(1);
    export(&["--to", "ipynb", "--param", "x", "-o", "-"]).code(1);
    Snakebridge::new(["export", "--to", "ipynb"]).run().code(2);
}

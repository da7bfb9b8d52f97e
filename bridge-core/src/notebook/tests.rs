use serde_json::{Value, json};

use super::*;

#[track_caller]
fn check(text: &str, format: Format, expect: &[(CellKind, &str)]) {
    let notebook = Notebook::parse(text, format).expect("it parses");
    let found: Vec<_> = notebook.cells.iter().map(|c| (c.kind, c.code.as_str())).collect();
    assert_eq!(found, expect);
}

const EX: CellKind = CellKind::Code(Language::Elixir);
const PY: CellKind = CellKind::Code(Language::Python);

#[test]
fn scripts_start_in_elixir_and_markers_start_cells() {
    check("", Format::Script, &[]);
    check("\n\n", Format::Script, &[]);
    check(
        "x = 1\n\n%%python\nprint(x)\n\n\n%%elixir\ny = x\n",
        Format::Script,
        &[
            (EX, "x = 1"),
            (PY, "# %%python\nprint(x)"),
            (EX, "# %%elixir\ny = x"),
        ],
    );
    check("%%python\n%%elixir\n1", Format::Script, &[(EX, "# %%elixir\n1")]);
    check(
        "%%python\r\nx = 1\r\n",
        Format::Script,
        &[(PY, "# %%python\nx = 1")],
    );
    check("%%python --bg\n1", Format::Script, &[(EX, "%%python --bg\n1")]);
    check(
        "IO.puts(1)\nIO.puts(2)\n",
        Format::Exs,
        &[(EX, "IO.puts(1)\nIO.puts(2)")],
    );
}

#[test]
fn a_cell_magic_stays_first() {
    check("%%python\n%%time\nf()", Format::Script, &[(PY, "%%time\nf()")]);
}

#[test]
fn percent_format_keeps_prose_and_elixir_apart() {
    let text = "# ---\n# jupyter: x\n# ---\nimport os\n\n# %% [markdown]\n# # Title\n#\n# text\n# %% a title\nx = 1\n# %%\n\n# %% [elixir]\n# y = x + 1\n# %%time\n";
    check(
        text,
        Format::Percent,
        &[
            (PY, "import os"),
            (CellKind::Markdown, "# Title\n\ntext"),
            (PY, "x = 1"),
            (EX, "y = x + 1\n%%time"),
        ],
    );
    check("x = 1\n", Format::Percent, &[(PY, "x = 1")]);
    check(
        "# %%\n%%elixir\n1 + 1\n",
        Format::Percent,
        &[(EX, "# %%elixir\n1 + 1")],
    );
}

fn notebook(kernelspec: Value, cells: Value) -> String {
    json!({ "nbformat": 4, "nbformat_minor": 5, "metadata": { "kernelspec": kernelspec, "mine": [1] }, "cells": cells })
        .to_string()
}

fn code(metadata: Value, source: Value) -> Value {
    json!({ "cell_type": "code", "metadata": metadata, "source": source, "outputs": [{"old": 1}], "execution_count": 9, "x": "kept" })
}

#[test]
fn a_notebook_cell_says_its_language_in_this_order() {
    let cells = json!([
        code(json!({}), json!(["a\n", "b"])),
        code(json!({ "vscode": { "languageId": "elixir" } }), json!("c")),
        code(json!({ "vscode": { "languageId": "elixir" }, "snakebridge": { "language": "python" } }), json!("d")),
        code(json!({ "snakebridge": { "language": "python" } }), json!("%%elixir\ne")),
        { "cell_type": "markdown", "metadata": {}, "source": ["# hi"] },
    ]);
    check(
        &notebook(json!({ "name": "python3", "language": "python" }), cells),
        Format::Ipynb,
        &[
            (PY, "a\nb"),
            (EX, "c"),
            (PY, "d"),
            (EX, "# %%elixir\ne"),
            (CellKind::Markdown, "# hi"),
        ],
    );
    check(
        &notebook(json!({}), json!([code(json!({}), json!("a"))])),
        Format::Ipynb,
        &[(EX, "a")],
    );
}

#[test]
fn what_is_no_notebook_is_refused_with_its_place() {
    let refused = |text: &str| {
        Notebook::parse(text, Format::Ipynb)
            .expect_err("refused")
            .to_string()
    };
    assert!(refused("{\n  oops").starts_with("not a notebook: line 2, column 3"));
    assert!(refused("[]").contains("nbformat"));
    assert!(refused(r#"{"nbformat": 3, "worksheets": []}"#).contains("format 3"));
    assert!(refused(r#"{"nbformat": 4}"#).contains("cells"));
    assert!(refused(r#"{"nbformat": 4, "cells": [{"cell_type": "code"}]}"#).contains("cell 1"));
    assert!(
        refused(r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}"#).contains("no text")
    );
    let julia = notebook(json!({ "name": "julia-1.11", "language": "julia" }), json!([]));
    assert!(refused(&julia).contains("language is julia"));
    assert!(Format::of_path(Path::new("a.rb")).is_err());
}

#[test]
fn writing_back_replaces_outputs_and_nothing_else() {
    let text = notebook(
        json!({ "language": "python" }),
        json!([
            { "cell_type": "markdown", "metadata": { "m": 1 }, "source": ["# hi"] },
            code(json!({ "tags": ["t"] }), json!(["1"])),
            code(json!({}), json!(["2"])),
        ]),
    );
    let mut notebook = Notebook::parse(&text, Format::Ipynb).expect("it parses");
    let outputs = vec![
        Output::Stream {
            name: "stdout".into(),
            text: "a\nb".into(),
        },
        Output::Result {
            data: json!({ "text/plain": "1" }).as_object().expect("a map").clone(),
            metadata: Default::default(),
        },
    ];
    let ran = CellOutputs {
        execution_count: Some(1),
        outputs,
    };
    notebook.set_outputs(vec![None, Some(ran), None]);
    let (written, _) = notebook.write(Format::Ipynb, "");
    let mut expect: Value = serde_json::from_str(&text).expect("JSON");
    expect["cells"][1]["execution_count"] = json!(1);
    expect["cells"][1]["outputs"] = json!([
        { "name": "stdout", "output_type": "stream", "text": ["a\n", "b"] },
        { "data": { "text/plain": ["1"] }, "execution_count": 1, "metadata": {}, "output_type": "execute_result" },
    ]);
    expect["cells"][2]["execution_count"] = Value::Null;
    expect["cells"][2]["outputs"] = json!([]);
    assert_eq!(serde_json::from_str::<Value>(&written).expect("JSON"), expect);
    assert!(written.starts_with("{\n \"nbformat\": 4") && written.ends_with("}\n"));
}

#[test]
fn a_script_becomes_a_notebook_that_reads_back() {
    let script = Notebook::parse("x = 1\n%%python\ny = x\n", Format::Script).expect("it parses");
    let again = Notebook::parse(&script.write(Format::Ipynb, "").0, Format::Ipynb).expect("it parses");
    assert_eq!(again.cells, script.cells);
    assert_eq!(again.language, Language::Elixir);
}

#[test]
fn what_is_written_as_text_is_read_back() {
    let cells = [
        (
            Language::Elixir,
            "defmodule A do\n  def f, do: 1\n\n  def g, do: 2\nend",
        ),
        (Language::Python, "def f():\n    x = 1\n\n    return x"),
        (Language::Elixir, "# a comment\nA.f()"),
        (Language::Python, "%%time\nf()"),
    ];
    let notebook = Notebook::of_cells(&cells);
    for format in [Format::Script, Format::Percent, Format::Exs] {
        let (text, _) = notebook.write(format, "");
        let read = Notebook::parse(&text, format).unwrap();
        let found: Vec<(CellKind, &str)> = read
            .cells
            .iter()
            .map(|cell| {
                let marker = ["# %%elixir\n", "# %%python\n"];
                let code = marker.iter().find_map(|marker| cell.code.strip_prefix(marker));
                (cell.kind, code.unwrap_or(&cell.code))
            })
            .collect();
        let expected: Vec<_> = cells
            .iter()
            .map(|(language, code)| (CellKind::Code(*language), *code))
            .collect();
        assert_eq!(found, expected, "{format:?}:\n{text}");
    }
    let (elixir, _) = Notebook::of_cells(&cells[..1]).write(Format::Exs, "");
    assert!(elixir.starts_with("defmodule A do"), "{elixir}");
}

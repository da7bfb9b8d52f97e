use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::notebook::Format;

const SKELETON: &str = r##"<!-- livebook:{"persist_outputs":true} -->

# Notebook title

```elixir
Mix.install([{:snakebridge, "~> 0.1"}])
```

```pyproject.toml
[project]
name = "project"
```

## Section name

Some **text**.

```elixir
x = 1
```

<!-- livebook:{"output":true} -->

```
1
```

<!-- livebook:{"reevaluate_automatically":true} -->

```python
x + 1
```

<!-- livebook:{"force_markdown":true} -->

```elixir
shown, not run
```

<!-- livebook:{"break_markdown":true} -->

More.

```elixir
~PY"""
y = x
"""
```

<!-- livebook:{"offset":10,"stamp":{"token":"x"}} -->
"##;

fn livemd() -> Livemd<'static> {
    Livemd {
        title: "A file",
        setup: Setup {
            elixir: Some("Mix.install([])".to_owned()),
            pyproject: None,
            imports: false,
        },
        pythonx: false,
    }
}

fn parsed(text: &str) -> Notebook {
    Notebook::parse(text, Format::Livemd).unwrap()
}

fn cells(notebook: &Notebook) -> Vec<(CellKind, &str)> {
    notebook
        .cells
        .iter()
        .map(|cell| (cell.kind, cell.source.as_str()))
        .collect()
}

const EX: CellKind = CellKind::Code(Language::Elixir);
const PY: CellKind = CellKind::Code(Language::Python);
const MD: CellKind = CellKind::Markdown;

#[test]
fn a_file_of_livebook_is_read() {
    let notebook = parsed(SKELETON);
    assert_eq!(
        cells(&notebook),
        [
            (MD, "# Notebook title\n\n## Section name\n\nSome **text**."),
            (EX, "x = 1"),
            (PY, "x + 1"),
            (MD, "```elixir\nshown, not run\n```"),
            (MD, "More."),
            (PY, "y = x"),
        ]
    );
    let setup = notebook.setup.as_ref().unwrap();
    assert_eq!(
        setup.elixir.as_deref(),
        Some("Mix.install([{:snakebridge, \"~> 0.1\"}])")
    );
    assert_eq!(setup.pyproject.as_deref(), Some("[project]\nname = \"project\""));
    assert_eq!(notebook.cells[1].outputs, [stream("1\n")]);
    assert_eq!(
        notebook.cells[2].livebook["reevaluate_automatically"],
        json!(true)
    );
}

fn stream(text: &str) -> Output {
    Output::Stream {
        name: "stdout".to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn what_is_no_setup_is_a_cell() {
    // Without a heading there is no setup, and Python before the first section is none.
    assert_eq!(cells(&parsed("```elixir\n1\n```\n")), [(EX, "1")]);
    assert_eq!(
        cells(&parsed("# T\n\n```python\n1\n```\n")),
        [(MD, "# T"), (PY, "1")]
    );
    assert_eq!(
        cells(&parsed("# T\n\ntext\n\n```elixir\n1\n```\n")),
        [(MD, "# T\n\ntext"), (EX, "1")]
    );
    assert_eq!(cells(&parsed("")), []);
    // A fence that nobody closes goes to the end.
    assert_eq!(cells(&parsed("## S\n~~~python\n1")), [(MD, "## S"), (PY, "1")]);
}

#[test]
fn a_notebook_of_jupyter_comes_back() {
    let output = |kind: &str, rest: Value| {
        let mut output = rest;
        output["output_type"] = json!(kind);
        output
    };
    let code = |source: &str, language: Option<&str>, outputs: Value| {
        let metadata = language.map_or(json!({}), |name| json!({ "snakebridge": { "language": name } }));
        json!({ "cell_type": "code", "metadata": metadata, "source": source, "outputs": outputs, "execution_count": 3 })
    };
    let prose = |source: &str| json!({ "cell_type": "markdown", "metadata": {}, "source": source });
    let document = json!({
        "nbformat": 4, "nbformat_minor": 5,
        "metadata": { "kernelspec": { "name": "python3", "language": "python" } },
        "cells": [
            prose("# Title\n\nIntroduction"),
            prose("## Again\n# Twice\n```python\nno cell\n```"),
            code("print(1)\n```", None, json!([output("stream", json!({ "name": "stdout", "text": ["1\n", "```\n"] }))])),
            code("df.head(3)", Some("elixir"), json!([
                output("execute_result", json!({ "data": { "text/plain": "\u{1b}[31mx\u{1b}[0m", "text/html": "<b>" }, "metadata": {} })),
                output("display_data", json!({ "data": { "image/png": "aa" }, "metadata": {} })),
            ])),
            json!({ "cell_type": "raw", "metadata": {}, "source": "raw\ntext" }),
        ]
    });
    let notebook = Notebook::parse(&document.to_string(), Format::Ipynb).unwrap();
    let (text, losses) = livemd().write(&notebook);
    let lost: Vec<_> = losses
        .iter()
        .map(|loss| (loss.cell, loss.what.as_str()))
        .collect();
    assert_eq!(lost, [(4, "text/html"), (4, "image/png")]);
    let back = parsed(&text);
    assert_eq!(cells(&back), cells(&notebook), "{text}");
    assert_eq!(back.language, Language::Python);
    assert_eq!(back.cells[2].outputs, [stream("1\n```\n")]);
    assert_eq!(back.cells[3].outputs, [stream("x\n")]);
    // One heading of the first level alone, and the setup before the first section.
    assert_eq!(text.lines().filter(|line| line.starts_with("# ")).count(), 1);
    assert!(
        text.contains("# Title\n\n```elixir\nMix.install([])\n```\n\n## Section\n"),
        "{text}"
    );
    // And as a notebook of Jupyter again.
    let again = Notebook::parse(&back.write(Format::Ipynb, "").0, Format::Ipynb).unwrap();
    assert_eq!(cells(&again), cells(&notebook));
    assert_eq!(again.cells[2].outputs, back.cells[2].outputs);
    assert_eq!(again.setup, back.setup);
}

#[test]
fn python_is_livebooks_own_where_that_is_wanted() {
    let notebook = Notebook::of_cells(&[(Language::Python, "x = 1"), (Language::Elixir, "x")]);
    let native = Livemd {
        pythonx: true,
        ..livemd()
    };
    let (text, _) = native.write(&notebook);
    assert!(text.contains("# A file\n"), "{text}");
    assert!(text.contains("```python\nx = 1\n```\n"), "{text}");
    assert_eq!(cells(&parsed(&text)), cells(&notebook));
}

#[test]
fn what_livebook_wrote_is_written_again_the_same() {
    let (text, losses) = livemd().write(&parsed(SKELETON));
    assert!(losses.is_empty());
    assert_eq!(cells(&parsed(&text)), cells(&parsed(SKELETON)), "{text}");
    let (again, _) = livemd().write(&parsed(&text));
    assert_eq!(text, again);
}

/// Lines of which many mean something in Markdown, in Livebook or in a drop.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(""),
        Just("# One"),
        Just("## Section"),
        Just("### Three"),
        Just("```"),
        Just("````"),
        Just("~~~"),
        Just("```elixir"),
        Just("```python"),
        Just("~~~raw"),
        Just("text"),
        Just("  indented"),
        Just("\"\"\""),
        Just("'''"),
        Just("#{x}"),
        Just("\\#{x}"),
        Just(OUTPUT),
        Just(FORCE),
        Just(BREAK),
        Just("~PY\"\"\""),
        Just("%%elixir"),
        Just("%%python"),
    ]
    .prop_map(str::to_owned)
    .boxed()
    .prop_union("[ -~é日]{0,12}".boxed())
}

fn cell() -> impl Strategy<Value = (CellKind, String)> {
    let kind = prop_oneof![Just(EX), Just(PY), Just(MD)];
    (kind, prop::collection::vec(line(), 0..6)).prop_map(|(kind, lines)| (kind, lines.join("\n")))
}

proptest! {
    #[test]
    fn code_comes_back_whatever_it_is(cells in prop::collection::vec(cell(), 0..8), pythonx: bool) {
        // An Elixir cell that is one drop is read as one of Python.
        let cells = cells.into_iter().filter(|(_, source)| drops::python(source).is_none());
        let cells = cells.map(|(kind, source)| match kind {
            CellKind::Code(language) => Cell::code(source, language),
            kind => Cell::prose(kind, source),
        });
        let notebook = Notebook { cells: cells.collect(), language: Language::Elixir, setup: None, document: None };
        let (text, _) = Livemd { pythonx, ..livemd() }.write(&notebook);
        let back = parsed(&text);
        let code = |notebook: &Notebook, source: fn(&str) -> String| -> Vec<_> {
            let code = notebook.cells.iter().filter(|cell| matches!(cell.kind, CellKind::Code(_)));
            code.map(|cell| (cell.kind, source(&cell.source))).collect()
        };
        // A marker is a fence's name there; an empty cell of prose is none.
        prop_assert_eq!(code(&back, str::to_owned), code(&notebook, unmarked), "{}", text);
        let kinds = |notebook: &Notebook| -> Vec<_> {
            let written = notebook.cells.iter().filter(|cell| cell.kind != MD || !cell.source.trim().is_empty());
            written.map(|cell| cell.kind).collect()
        };
        prop_assert_eq!(kinds(&back), kinds(&notebook), "{}", text);
    }

    #[test]
    fn any_text_is_read(text in "[ -~\n`#é]{0,300}") {
        let (written, _) = livemd().write(&parsed(&text));
        let _ = parsed(&written);
    }
}

fn unmarked(source: &str) -> String {
    match Language::split_marker(source).0 {
        Some(_) => source.split_once('\n').map_or("", |(_, rest)| rest).to_owned(),
        None => source.to_owned(),
    }
}

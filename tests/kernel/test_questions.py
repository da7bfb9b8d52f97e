"""Questions about a cell: completion, inspection, is_complete, in the cell's language and in the client's coordinates."""

import json
import time

import pytest
from conftest import plain


def ask(kernel, kind, code, at=None, metadata=None, timeout=20, **content):
    """The reply's content; `at`: the cursor, else the end of the code."""
    content |= {"code": code} if kind == "is_complete" else {"code": code, "cursor_pos": at or len(code)}
    message = kernel.client.session.msg(f"{kind}_request", content, metadata=metadata)
    kernel.client.shell_channel.send(message)
    reply = kernel.shell(timeout)
    assert reply["parent_header"]["msg_id"] == message["header"]["msg_id"]
    assert reply["content"]["status"] != "error", reply["content"]
    return reply["content"]


OURS, EDITORS = {"snakebridge": {"language": "python"}}, {"vscode": {"languageId": "python"}}


@pytest.mark.row(20)
@pytest.mark.parametrize("metadata", [OURS, EDITORS, OURS | {"vscode": {"languageId": "elixir"}}])
def test_questions_follow_the_metadata_as_cells_do(elixir, metadata):
    assert "zip" in ask(elixir, "complete", "zi", metadata=metadata)["matches"]
    assert "zip" not in ask(elixir, "complete", "zi")["matches"]
    code = "for i in x:"
    assert ask(elixir, "is_complete", code, metadata=metadata)["status"] == "incomplete"
    assert ask(elixir, "is_complete", code)["status"] != "incomplete"


@pytest.mark.row(20)
def test_the_marker_comes_before_the_metadata(elixir):
    code = "%%elixir\nString.upca"
    assert any("upcase" in match for match in ask(elixir, "complete", code, metadata=OURS)["matches"])
    found = ask(elixir, "inspect", "%%elixir\nString.upcase", metadata=OURS, detail_level=0)
    assert "uppercase" in plain(found["data"]["text/plain"])
    assert ask(elixir, "is_complete", "%%python\nx = (", metadata={})["status"] == "incomplete"


@pytest.mark.row(13)
@pytest.mark.parametrize("marker", ["", "%%python\n", "%%python\r\n", "%%python  \n"])
@pytest.mark.parametrize("before", ["", "x = 1\r\n", "s = '𝄞é'; "])
def test_positions_are_code_points_of_the_cell_as_written(python, marker, before):
    code = f"{marker}{before}print(zi"
    content = ask(python, "complete", code + ")", at=len(code))
    assert "zip" in content["matches"]
    assert (content["cursor_start"], content["cursor_end"]) == (len(code) - 2, len(code))


@pytest.mark.row(13)
def test_positions_where_the_marker_gives_way_to_a_magic(python):
    code = "%%python\n%%time\nzi"
    content = ask(python, "complete", code)
    assert "zip" in content["matches"]
    assert (content["cursor_start"], content["cursor_end"]) == (len(code) - 2, len(code))


@pytest.mark.row(13)
@pytest.mark.parametrize(
    ("language", "code", "text", "kind"),
    [
        ("python", "zi", "zip", "class"),
        ("python", "len", "len", "function"),
        ("python", "imp", "import", "keyword"),
        ("elixir", "Enum.fla", None, "function"),
        ("elixir", "Enu", None, "module"),
    ],
)
def test_matches_have_types(request, language, code, text, kind):
    content = ask(request.getfixturevalue(language), "complete", code)
    types = content["metadata"]["_jupyter_types_experimental"]
    assert [item["text"] for item in types] == content["matches"] != []
    assert kind in [item["type"] for item in types if text in (None, item["text"])]
    for item in types:
        assert (item["start"], item["end"]) == (content["cursor_start"], content["cursor_end"])


@pytest.mark.row(20)
@pytest.mark.parametrize("language", ["elixir", "python"])
def test_the_markers_are_completed_in_both_languages(request, language):
    content = ask(request.getfixturevalue(language), "complete", "%%e")
    assert "%%elixir" in content["matches"]
    assert (content["cursor_start"], content["cursor_end"]) == (0, 3)
    assert "%%elixir" not in ask(request.getfixturevalue(language), "complete", "x\n%%e")["matches"]


@pytest.mark.row(13)
@pytest.mark.parametrize(
    ("code", "signature"),
    [
        ("ex.Enum.map", "Enum.map(enumerable, fun)"),
        ("ex.Enum.map([1], ", "Enum.map(enumerable, fun)"),
        ("Many.map", "Enum.map(enumerable, fun)"),
        ("each", "Enum.map(enumerable, fun)"),
        ("Many", "Functions for working with collections"),
        ("ex.lists.seq", ":lists.seq("),
    ],
)
def test_python_cells_have_the_documentation_of_elixir(python, code, signature):
    # A question does not wait for an Elixir that is starting.
    python.run("%%elixir\n1")
    python.run("Many = ex.Enum\neach = Many.map")
    assert signature in ask(python, "inspect", code, detail_level=0)["data"]["text/markdown"]


@pytest.mark.row(13)
@pytest.mark.parametrize(
    ("code", "documentation", "source"),
    [
        ("%%python\nimport json\njson.dumps", "Serialize", "def dumps"),
        ("%%elixir\nSnakeBridge.Cell.documented", "Says hello", 'do: "hello"'),
    ],
)
def test_both_detail_levels(own, tmp_path, code, documentation, source):
    own.run("%%python\nimport json")
    path = tmp_path / "documented.ex"
    path.write_text(
        'defmodule SnakeBridge.Cell do\n  @doc "Says hello."\n  def documented, do: "hello"\nend\n'
    )
    source_file, folder = json.dumps(str(path)), json.dumps(str(tmp_path))
    own.run(
        f"Kernel.ParallelCompiler.compile_to_path([{source_file}], {folder})\nCode.prepend_path({folder})"
    )
    little, much = (
        plain(ask(own, "inspect", code, detail_level=level)["data"]["text/plain"]) for level in (0, 1)
    )
    assert documentation in little
    assert source not in little
    assert documentation in much
    assert source in much


@pytest.mark.row(13)
@pytest.mark.parametrize(
    ("busy", "code", "expected"),
    [
        ("%%python\nimport time; time.sleep(3)", "%%python\nzip", "iterable"),
        ("%%elixir\nProcess.sleep(3000)", "%%elixir\nEnum.map", "enumerable"),
        ("%%python\nwhile True: pass", "%%elixir\nEnum.map", "enumerable"),
        ("%%python\nwhile True: pass", "%%python\nzip", "iterable"),
    ],
)
def test_inspection_while_a_cell_runs(own, busy, code, expected):
    own.run("%%elixir\n1")
    request = own.client.execute(busy)
    own.iopub(request, until="busy")
    time.sleep(0.2)
    found = ask(own, "inspect", code, detail_level=0)
    assert expected in plain(found["data"]["text/plain"])
    own.manager.interrupt_kernel()
    assert own.shell()["parent_header"]["msg_id"] == request


@pytest.mark.row(13)
def test_what_holds_the_language_up_makes_no_error_of_a_question(own):
    own.run("%%python\nimport ctypes")
    # A wait in C that does not let go of the interpreter.
    held = own.client.execute("%%python\nctypes.PyDLL(None).sleep(60)")
    own.iopub(held, until="busy")
    time.sleep(0.3)
    content = ask(own, "complete", "%%python\nzi")
    assert content["metadata"]["_jupyter_types_experimental"] == [] == content["matches"]
    assert not ask(own, "inspect", "%%python\nzip", detail_level=0)["found"]
    assert ask(own, "is_complete", "%%python\nx = (")["status"] == "unknown"


@pytest.mark.row(14)
@pytest.mark.parametrize(
    ("language", "code", "status", "indent"),
    [
        ("python", "1 + 1", "complete", None),
        ("python", "def f(x):", "incomplete", "    "),
        ("python", "def f(x):\n    if x:", "incomplete", "        "),
        ("python", "def f(x):\n    return x\n", "complete", None),
        ("python", "%%time\nx =", "incomplete", ""),
        ("python", "x = )", "invalid", None),
        ("elixir", "1 + 1", "complete", None),
        ("elixir", "Enum.map(1..3, fn x ->", "incomplete", "  "),
        ("elixir", "defmodule A do\n  def f do", "incomplete", "    "),
        ("elixir", "x = )", "invalid", None),
    ],
)
def test_is_complete(request, language, code, status, indent):
    content = ask(request.getfixturevalue(language), "is_complete", code)
    assert content["status"] == status
    if indent is not None:
        assert content["indent"] == indent

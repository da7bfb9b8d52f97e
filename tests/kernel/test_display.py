"""What cells show, in both languages: results, displays, updates, clearing, tables, charts, figures, progress."""

import base64

import pytest
from conftest import plain

pytestmark = pytest.mark.row(16)

# The smallest PNG: one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def shown(messages, kind="display_data"):
    """The contents of the messages of that kind."""
    return [content for found, content, _ in messages if found == kind]


def result(client, code):
    """The content of a cell's result."""
    reply, messages = client.run(code)
    assert reply["status"] == "ok", reply
    (content,) = shown(messages, "execute_result")
    return content


@pytest.mark.parametrize(
    "code",
    [
        f'SnakeBridge.Display.png(Base.decode64!("{base64.b64encode(PNG).decode()}"), width: 20)',
        f"%%python\nimport base64\nfrom IPython.display import Image\nImage(base64.b64decode({base64.b64encode(PNG)}), width=20)",
    ],
)
def test_a_result_has_data_and_metadata(elixir, code):
    content = result(elixir, code)
    assert base64.b64decode(content["data"]["image/png"]) == PNG
    assert content["metadata"] == {"image/png": {"width": 20}}
    assert content["data"]["text/plain"]
    assert content["execution_count"] > 0


@pytest.mark.parametrize(
    "code",
    [
        'SnakeBridge.display("a", display_id: "d"); SnakeBridge.display("b", display_id: "d", update: true); 1',
        "%%python\nd = display('a', display_id='d')\nd.update('b')",
    ],
)
def test_a_display_is_replaced(elixir, code):
    _, messages = elixir.run(code)
    for kind, text in (("display_data", "a"), ("update_display_data", "b")):
        (content,) = shown(messages, kind)
        assert content["transient"] == {"display_id": "d"}
        assert text in plain(content["data"]["text/plain"])


@pytest.mark.parametrize(
    "code",
    [
        "SnakeBridge.display(1); SnakeBridge.clear_output(wait: true); SnakeBridge.display(2); nil",
        "%%python\nfrom IPython.display import clear_output\ndisplay(1)\nclear_output(wait=True)\ndisplay(2)",
    ],
)
def test_what_was_shown_is_cleared(elixir, code):
    _, messages = elixir.run(code)
    kinds = [kind for kind, _, _ in messages if kind != "execute_result"]
    assert kinds == ["display_data", "clear_output", "display_data"]
    assert shown(messages, "clear_output") == [{"wait": True}]


def test_rows_are_a_table(elixir):
    data = result(elixir, '[%{name: "<Ada>", age: 36}, %{name: "Bob"}]')["data"]
    assert "&lt;Ada&gt;" in data["text/html"]
    assert plain(data["text/plain"]).startswith("[%{")
    assert "table" not in result(elixir, "[1, 2]")["data"].get("text/html", "")


def test_text_is_coloured(elixir):
    assert "\x1b[" in result(elixir, "[:a, 1]")["data"]["text/plain"]


def test_charts(elixir):
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    data = result(elixir, f'%{{"$schema" => "{schema}", "mark" => "bar"}}')["data"]
    assert data["application/vnd.vegalite.v5+json"] == {"$schema": schema, "mark": "bar"}


def test_json_html_markdown_and_svg(elixir):
    assert result(elixir, "SnakeBridge.Display.json(%{a: [1, nil]})")["data"]["application/json"] == {
        "a": [1, None]
    }
    for name, mime in (("html", "text/html"), ("markdown", "text/markdown"), ("svg", "image/svg+xml")):
        assert result(elixir, f'SnakeBridge.Display.{name}("<b>é</b>")')["data"][mime] == "<b>é</b>"


def test_it_is_shown_late_by_processes_of_the_cell(elixir):
    request = elixir.client.execute("spawn(fn -> Process.sleep(300); SnakeBridge.display(:late) end); nil")
    elixir.iopub(request)
    while True:
        message = elixir.client.get_iopub_msg(timeout=30)
        if message["msg_type"] == "display_data":
            break
    assert message["parent_header"]["msg_id"] == request
    assert plain(message["content"]["data"]["text/plain"]) == ":late"


def test_progress(elixir):
    _, messages = elixir.run('SnakeBridge.progress(1..3, label: "reading") |> Enum.sum()')
    (first,) = shown(messages)
    last = shown(messages, "update_display_data")[-1]
    assert first["transient"] == last["transient"] != {}
    assert 'value="3" max="3"' in last["data"]["text/html"]
    assert last["data"]["text/plain"].startswith("reading 3/3")


def test_expressions_of_elixir(elixir):
    reply, _ = elixir.run(
        "x = 20", user_expressions={"good": "x + 1", "rows": "[%{a: x}]", "bad": "1 / 0", "binds": "x = 0"}
    )
    expressions = reply["user_expressions"]
    assert plain(expressions["good"]["data"]["text/plain"]) == "21"
    assert "<table" in expressions["rows"]["data"]["text/html"]
    assert (expressions["bad"]["status"], expressions["bad"]["ename"]) == ("error", "ArithmeticError")
    assert elixir.text("x") == ("", "20")
    reply, messages = elixir.run("", user_expressions={"alone": "x"})
    assert plain(reply["user_expressions"]["alone"]["data"]["text/plain"]) == "20"
    assert messages == []


class TestPythonObjects:
    """Shown from Elixir cells."""

    def test_what_a_python_cell_shows(self, elixir):
        elixir.run(
            "%%python\nclass Rich:\n"
            "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
            "        return {'text/html': '<i>x</i>', 'text/plain': 'X'}, {'text/html': {'isolated': True}}\n"
            "rich = Rich()"
        )
        content = result(elixir, "rich")
        assert content["data"] == {"text/html": "<i>x</i>", "text/plain": "#Python<X>"}
        assert content["metadata"] == {"text/html": {"isolated": True}}
        _, messages = elixir.run("SnakeBridge.display(rich); py.display(rich); nil")
        assert [content["data"]["text/html"] for content in shown(messages)] == ["<i>x</i>"] * 2

    def test_a_frame_of_pandas(self, elixir):
        pytest.importorskip("pandas")
        data = result(elixir, 'SnakeBridge.import!("pandas").DataFrame.(%{"n" => [1, 2]})')["data"]
        assert "<th>n</th>" in data["text/html"]
        assert data["text/plain"].startswith("#Python<")

    def test_an_image_of_pillow(self, elixir):
        pytest.importorskip("PIL")
        data = result(elixir, 'SnakeBridge.call!("PIL.Image", "new", ["RGB", {4, 3}])')["data"]
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")


class TestFigures:
    """Of matplotlib, drawn by cells of either language."""

    @pytest.fixture(autouse=True)
    def matplotlib(self):
        pytest.importorskip("matplotlib")

    @pytest.mark.parametrize("language", ["elixir", "python"])
    def test_a_figure_is_shown_once_at_the_end_of_the_cell(self, elixir, language):
        code = {
            "elixir": 'plt = SnakeBridge.import!("matplotlib.pyplot")\nplt.plot([1, 2])\nIO.puts("drawn")',
            "python": "%%python\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint('drawn')",
        }[language]
        _, messages = elixir.run(code)
        kinds = [kind for kind, _, _ in messages if kind != "execute_result"]
        assert kinds == ["stream", "display_data"]
        assert base64.b64decode(shown(messages)[0]["data"]["image/png"]).startswith(b"\x89PNG")
        for nothing in ("%%python\n1", "1", 'SnakeBridge.call!("math", "sqrt", [4])'):
            assert shown(elixir.run(nothing)[1]) == []

    def test_a_figure_that_is_the_result_is_shown_once(self, elixir):
        _, messages = elixir.run(
            'plt = SnakeBridge.import!("matplotlib.pyplot")\nfig = plt.figure()\nfig.gca().plot([1, 2])\nfig'
        )
        assert [kind for kind, _, _ in messages] == ["execute_result"]
        assert "image/png" in messages[0][1]["data"]

    def test_it_is_shown_when_the_cell_fails(self, elixir):
        _, messages = elixir.run(
            'plt = SnakeBridge.import!("matplotlib.pyplot")\nplt.plot([1, 2])\nraise "no"'
        )
        assert len(shown(messages)) == 1

"""Inspection, completeness and the list of names: answers that need no process."""

import pytest


def inspect(session, source, detail=0, cursor=None):
    cursor = len(source) if cursor is None else cursor
    answer = session.assistant.inspect(source, len(source[:cursor].encode()), detail)
    assert answer["found"] == bool(answer["data"])
    return answer["data"].get("text/plain")


def test_inspecting_a_function(session, tmp_path, monkeypatch):
    (tmp_path / "inspected.py").write_text(
        'def decorated(f):\n    return f\n\n\n@decorated\ndef function(a, b: int = 2) -> str:\n    """Does it.\n\n    At length.\n    """\n    return a\n\n\nclass Thing:\n    """A thing."""\n    class Inner:\n        x = 1\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    session.run("import inspected")
    assert inspect(session, "inspected.function") == (
        "inspected.function(a, b: int = 2) -> str\n\nDoes it.\n\nAt length."
    )
    text = inspect(session, "inspected.function", detail=1)
    assert f"{tmp_path}/inspected.py:5\n@decorated\ndef function" in text
    assert text.endswith("return a")
    assert f"{tmp_path}/inspected.py:14\nclass Thing:" in inspect(session, "inspected.Thing", detail=1)
    assert "class Inner:\n        x = 1" in inspect(session, "inspected.Thing.Inner", detail=1)
    assert "def decorated" in inspect(session, "inspected", detail=1)


def test_inspecting_as_markdown(session):
    session.run(
        "def area(radius, /, unit='m'):\n"
        '    """An area.\n\n    Args:\n        radius: of the ``circle``\n    """\n'
        "    return radius\n"
        "def many(" + ", ".join(f"parameter_{i}=({i}, 'a,b')" for i in range(9)) + "): pass\n"
    )

    def markdown(source, detail=0):
        return session.assistant.inspect(source, len(source), detail)["data"]["text/markdown"]

    assert markdown("area") == (
        "```python\narea(radius, /, unit='m')\n```\n\nAn area.\n\n## Parameters\n\n- **radius**: of the `circle`"
    )
    laid_out = markdown("many").split("\n")
    assert laid_out[1:3] == ["many(", "    parameter_0=(0, 'a,b'),"] and laid_out[-2:] == [")", "```"]


def test_where_the_cursor_may_stand(session):
    session.run("import math\nwords = ['a']")
    for source, cursor in [
        ("math.sqrt", 6),
        ("x = math.sqrt + 1", 10),
        ("math.sqrt(", 10),
        ("math.sqrt(2", 11),
        ("math.sqrt(unknown", 17),
        ("f(math.sqrt", 11),
    ]:
        assert inspect(session, source, cursor=cursor).startswith("math.sqrt(x, /)"), source
    assert inspect(session, "words[0].upper").startswith("words[0].upper()")
    for source in ("", "unknown", "1", "# math", "math.nothing", "'math", "x.", "%time"):
        assert inspect(session, source) is None, source


def test_inspecting_values(session):
    session.run(
        "class Thing:\n    'A thing.'\nthing = Thing()\nnumber = 5\ntable = {'a': 1}\nvalues = list(range(1000))"
    )
    assert inspect(session, "number") == "number: int = 5"
    assert inspect(session, "table") == "table: dict (1) = {'a': 1}"
    assert inspect(session, "thing") == "thing: Thing\n\nA thing."
    assert inspect(session, "Thing") == "class Thing()\n\nA thing."
    assert inspect(session, "values").startswith("values: list (1000) = [0, 1, 2")
    assert inspect(session, "len").startswith("len(obj, /)\n\nReturn the number of items")


@pytest.mark.parametrize(
    ("source", "status", "indent"),
    [
        ("", "complete", ""),
        ("1 + 1", "complete", ""),
        ("await x", "complete", ""),
        ("async with a: pass", "complete", ""),
        ("for x in y:", "incomplete", "    "),
        ("for x in y:\n    if x:", "incomplete", "        "),
        ("for x in y:\n    x", "incomplete", "    "),
        ("def f():\n    return 1", "incomplete", ""),
        ("def f():\n    return 1\n", "complete", ""),
        ("x = [", "incomplete", "    "),
        ("x = [\n    1,", "incomplete", "    "),
        ("f(a,\n  b=[", "incomplete", "      "),
        ("x = {'a': 1}", "complete", ""),
        ("'''text", "incomplete", ""),
        ("@decorator", "incomplete", ""),
        ("x = \\", "incomplete", ""),
        ("1 +", "invalid", ""),
        ("x = )", "invalid", ""),
        ("  x", "invalid", ""),
        ("a\0b", "invalid", ""),
        ("'unclosed", "invalid", ""),
        ("if x:\n    pass\nelse:", "incomplete", "    "),
        ("# only a comment", "complete", ""),
        ("class C: # comment", "incomplete", "    "),
    ],
)
def test_completeness(session, source, status, indent):
    assert session.assistant.is_complete(source) == {"status": status, "indent": indent}


def test_names(session):
    session.run(
        "import math, sys\n"
        "class Thing:\n    def __repr__(self): raise SystemExit\n"
        "thing = Thing()\nnumber = 10 ** 5000\ntext = 'x' * 1000\nnested = [[[[[1]]]]]\n"
        "mixed = {'thing': thing, 'list': [1, 2]}\nempty = set()\none = (1,)\nself = []; self.append(self)\n"
        "def function(): pass\n_private = None\nof_elixir = 1"
    )
    session.names_of_elixir.append("of_elixir")
    names = {entry["name"]: entry for entry in session.assistant.names()}
    assert list(names) == sorted(names)
    assert "of_elixir" not in names
    assert names["math"] == {"name": "math", "type": "module", "size": None, "value": "<module math>"}
    assert names["thing"] == {"name": "thing", "type": "Thing", "size": None, "value": "<Thing>"}
    assert names["Thing"]["value"] == "<class Thing>"
    assert names["function"] == {
        "name": "function",
        "type": "function",
        "size": None,
        "value": "<function function>",
    }
    assert names["number"]["value"] == "<int of 16610 bits>"
    assert names["text"]["size"] == "1000"
    assert len(names["text"]["value"]) < 250
    assert names["nested"]["value"] == "[[[[...]]]]"
    assert names["mixed"]["value"] == "{'thing': <Thing>, 'list': [1, 2]}"
    assert names["empty"]["value"] == "set()"
    assert names["one"]["value"] == "(1,)"
    assert names["_private"]["value"] == "None"
    assert len(names["self"]["value"]) < 250


def test_shapes(session):
    pytest.importorskip("pandas")
    session.run(
        "import numpy as np, pandas as pd\na = np.zeros((2, 3))\ndf = pd.DataFrame({'x': [1]})\ns = df['x']"
    )
    sizes = {entry["name"]: (entry["type"], entry["size"]) for entry in session.assistant.names()}
    assert sizes["a"] == ("numpy.ndarray", "2 x 3")
    assert sizes["df"][1] == "1 x 1"
    assert sizes["s"][1] == "1"

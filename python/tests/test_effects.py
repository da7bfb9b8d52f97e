"""What a cell may do to the names of a session, and to what they stand for."""

import pytest

from snakebridge import effects, kinds


def found(*sources):
    return effects.session([{"language": "python", "source": source} for source in sources])


def last(*sources):
    return found(*sources)["cells"][-1]


@pytest.mark.parametrize(
    ("before", "source", "changes"),
    [
        # By syntax.
        ("x = []", "x[0] = 1", ["x"]),
        ("x = f()", "x.a.b = 1", ["x"]),
        ("x = {}", "del x['a']", ["x"]),
        ("x = []", "x += [1]", ["x"]),
        ("x = 1", "x += 1", []),
        ("x = 'a'", "x += 'b'", []),
        ("x = []", "x, y = 1, x", []),
        # Methods.
        ("x = []", "x.append(1)", ["x"]),
        ("x = []", "x.count(1)", []),
        ("x = 'a'", "x.whatever()", []),
        ("x = f()", "x.whatever()", ["x"]),
        ("x = f()", "x.head()", []),
        ("x = f()", "x.drop('a', inplace=True)", ["x"]),
        ("x = f()", "x.groupby('a').transform_it()", ["x"]),
        # Calls.
        ("x = []", "len(x), sorted(x), str(x)", []),
        ("x = []", "f(x)", ["f", "x"]),
        ("x = 1", "f(x)", ["f"]),
        ("import math\nx = [1]", "math.fsum(x)", []),
        ("import json\nx = [1]", "json.dumps(x)", []),
        ("import random\nx = [1]", "random.shuffle(x)", ["random", "x"]),
        ("import numpy as np\nx = [1]", "np.sum(x)", []),
        ("import numpy as np\nx = [1]", "np.random.shuffle(x)", ["np", "x"]),
        ("x = iter([])", "next(x)", ["x"]),
        ("x = iter([])", "list(x)", ["x"]),
        ("x = (i for i in y)", "for i in x: pass", ["x"]),
        ("x = [[1]]", "[i.append(1) for i in x]", ["i", "x"]),
        ("x = f()", "with x: pass", ["x"]),
        # Functions of the session's own.
        ("x = []\ndef f(): x.append(1)", "f()", ["x"]),
        ("x = []\ndef f(): return len(x)", "f()", []),
        ("x = []\ndef f():\n  y = x\n  y.append(1)", "f()", ["x"]),
        ("n = 0\ndef f():\n  global n\n  n += 1", "f()", ["n"]),
        ("x = []\nclass C:\n  def f(self): x.append(1)", "c = C()", ["x"]),
    ],
)
def test_changes(before, source, changes):
    assert last(before, source)["changes"] == changes


@pytest.mark.parametrize(
    "link",
    [
        "b = a",
        "b = a[0]",
        "b = a.x",
        "b = [a]",
        "b = {'k': (a,)}",
        "b = []\nb.append(a)",
        "b = {}\nb['k'] = a",
        "b = f(a)",
        "b = a.values",
        "b = a.reshape(2)",
        "b = a if 1 else 0",
        "b, c = a, 1",
        "for b in a: pass",
        "with a as b: pass",
        "b = [x for x in a]",
        "(b := a)",
        "match a:\n  case [b]: pass",
        "b = lambda: a",
        "class C: pass\nb = C()\nb.a = a",
    ],
)
def test_what_may_share_parts_changes_together(link):
    cells = found("a = f()", link, "a.x = 1", "b.x = 1")["cells"]
    assert cells[-1]["touched"] == cells[-2]["touched"] != []


@pytest.mark.parametrize(
    "apart", ["b = []", "b = len(a)", "b = str(a)", "b = a\nb = []", "b = f'{a}'", "b = 1 < 2"]
)
def test_what_shares_nothing_does_not(apart):
    cells = found("a = []", apart, "a.append(1)", "b")["cells"]
    assert not set(cells[-1]["seen"]) & set(cells[-2]["touched"])


def test_names():
    cell = last("x = 1", "def f(): return x", "y = f()\ndel y\nif y: z = 1")
    assert (cell["reads"], cell["writes"], cell["certain"]) == (["f", "x", "y"], ["y", "z"], [])
    assert last("try: x = 1\nexcept E: pass\ny = 1")["certain"] == ["y"]


def test_what_only_ipython_knows_is_left_out():
    cell = last("%matplotlib inline\nx = 1\n!ls\nif x:\n    %time y = 2")
    assert cell["left_out"] == ["%matplotlib inline", "!ls", "%time y = 2"]
    assert (cell["error"], cell["writes"]) == (None, ["x"])
    assert last("%%time\nx = 1")["writes"] == ["x"]
    assert last("%%bash\nls")["source"] == ""
    assert last("x = =")["error"] == "line 1: invalid syntax"
    assert last("(" * 1000)["error"]


def test_kinds_of_objects():
    kinds_of = [
        kinds.of_object(value) for value in (1, "a", (1,), ([],), [], {}, len, iter([]), pytest, object())
    ]
    expected = [
        "immutable",
        "immutable",
        "immutable",
        "container",
        "container",
        "container",
        None,
        "iterator",
    ]
    assert kinds_of == [*expected, "module pytest", None]

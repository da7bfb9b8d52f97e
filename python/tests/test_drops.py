"""Sources that come from Elixir code, as the worker runs them."""

import asyncio
import gc
import inspect
import traceback
import weakref

import pytest

from snakebridge import drops


def run(text, names=None, wanted=(), file=None, line=1, **options):
    return drops.run(f"{text}|{file}|{line}", names or {}, wanted, source=(text, file, line), **options)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("1 + 1", 2),
        ("x = 1", None),
        ("x = 1\nx", 1),
        ("return 3", 3),
        ("if True:\n  return 3\n4", 3),
        ("if False:\n  return 3\n4", 4),
        ("def f():\n  return 5\nf()", 5),
        ("x: int = 2\nfor y in (1, 2):\n  x += y\n  if y == 2: return x", 5),
        ("class A:\n  x: int = 1\n  def f(self): return self.x\nreturn A().f()", 1),
        ("def f():\n  global g\n  g = 6\nf()\nreturn g", 6),
        ("try:\n  return 1\nfinally:\n  x = 2", 1),
        ("try:\n  1 / 0\nexcept: return 7", 7),
        ("from __future__ import annotations\ndef f(x: nothing): return 8\nreturn f(1)", 8),
        ("return [(y := x) for x in (1, 2)] + [y]", [1, 2, 2]),
        ("import sys as s\ndef f(): return s.maxsize > 0\nreturn f()", True),
    ],
)
def test_value(text, value):
    assert run(text) == value


def test_names():
    assert run("y = x + 1\ny", {"x": 1}, ("y", "z")) == (["z"], 2, 2, None)
    assert run("y = x", {"x": 1}, ("x", "y")) == (None, None, 1, 1)
    assert run("del x", {"x": 1}, ("x",)) == (["x"], None, None)
    assert run("y = 2\nif y: return 5\nz = 1", {}, ("y", "z")) == (["z"], 5, 2, None)
    assert run("y = x\nimport os.path as _p", {"x": 1}, None)[2].keys() == {"y", "_p"}
    kept = run("y = 1\nobject", {}, ("y",), is_kept=True)
    assert kept[1].value is object
    with pytest.raises(ValueError, match="no name"):
        run("1", {"no name": 1})


def test_awaiting():
    async def go(text, *args, **options):
        found = run(text, *args, **options)
        return await found if inspect.isawaitable(found) else found

    sleep = "import asyncio\n"
    assert asyncio.run(go(sleep + "await asyncio.sleep(0, 1)")) == 1
    assert asyncio.run(go(sleep + "return await asyncio.sleep(0, 2)")) == 2
    assert asyncio.run(go(sleep + "x = 1\nawait asyncio.sleep(0, 2)", {}, ("x",))) == (None, 2, 1)
    assert asyncio.run(go(sleep + "x = 1\nasyncio.sleep(0, 2)", {}, ("x",))) == (None, 2, 1)
    assert asyncio.run(go("3", {}, is_awaited=True)) == 3


def test_a_source_travels_once():
    with pytest.raises(drops.UnknownError):
        drops.run("nobody has it", {})
    drops.run("a key", {}, source=("1 + 1", None, 1))
    assert drops.run("a key", {}) == 2
    for i in range(drops._MOST):
        drops.run(f"other {i}", {}, source=(str(i), None, 1))
    assert len(drops._compiled) == drops._MOST
    with pytest.raises(drops.UnknownError):
        drops.run("a key", {})


def test_tracebacks_have_the_lines_of_the_file():
    with pytest.raises(ZeroDivisionError) as caught:
        run("x = 0\n1 / x", file="/some/where.ex", line=12)
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.filename, frame.lineno, frame.line) == ("/some/where.ex", 13, "1 / x")
    with pytest.raises(SyntaxError) as caught:
        run("x = = 1", file="/some/where.ex", line=30)
    assert (caught.value.lineno, caught.value.text.strip()) == (30, "x = = 1")
    # Beside it, those of the others.
    with pytest.raises(ZeroDivisionError) as caught:
        drops.run("x = 0\n1 / x|/some/where.ex|12", {})
    assert traceback.extract_tb(caught.value.__traceback__)[-1].line == "1 / x"
    with pytest.raises(SyntaxError, match="yield"):
        run("yield 1\nreturn 2")


def test_nothing_of_a_run_stays():
    class Thing:
        pass

    thing = Thing()
    seen = weakref.ref(thing)
    run("def f(): return thing\ny = f()", {"thing": thing}, ("y",))
    del thing
    gc.collect()
    assert seen() is None


def test_files():
    assert drops.run(
        "f", {}, source=("# coding: latin-1\nx = 'é'\nx, __file__".encode("latin-1"), "/a/b.py", 1)
    ) == (
        "é",
        "/a/b.py",
    )

"""Cells in a real worker without IPython: exactly what Python's own prompt does, and what is said about the lack."""

import contextlib
import sys

import pytest
import worker as workers


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """A worker without IPython."""
    with contextlib.closing(workers.Worker("plain", tmp_path_factory.mktemp("worker"))) as found:
        yield found


def test_the_lack_is_said_once(tmp_path):
    with contextlib.closing(workers.Worker("plain", tmp_path)) as worker:
        first = worker.execute("1").stderr
        assert "without IPython" in first
        assert f"{sys.executable} -m pip install --upgrade ipython" in first
        assert "found 7.34.0, needed is 8 or newer" in first
        assert worker.execute("1").stderr == ""


def test_a_magic_gives_a_hint(worker):
    for source in ("%time 1", "x = 1\n!ls", "%%html\n<b>"):
        outcome = worker.execute(source)
        assert outcome.error["class"] == "SyntaxError"
        assert "need IPython" in outcome.error["hint"]
    assert worker.execute("x = = 1").error["hint"] is None


def test_a_traceback_is_pythons_own(worker):
    outcome = worker.execute("def f():\n    raise ValueError('x')\nf()")
    lines = [line for line in outcome.traceback.split("\n") if not set(line.strip()) <= set("^~")]
    assert lines == [
        "Traceback (most recent call last):",
        f'  File "cell {worker.cell}", line 3, in <module>',
        "    f()",
        f'  File "cell {worker.cell}", line 2, in f',
        "    raise ValueError('x')",
        "ValueError: x",
    ]


def test_a_syntax_error_is_pythons_own(worker):
    outcome = worker.execute("x = 1\ny = = 2")
    lines = outcome.traceback.split("\n")
    assert lines[0] == f'  File "cell {worker.cell}", line 2'
    assert lines[1] == "    y = = 2"
    assert lines[-1].startswith("SyntaxError: ")


def test_causes_and_contexts(worker):
    outcome = worker.execute("try:\n    1/0\nexcept Exception:\n    raise KeyError('second')")
    assert "During handling of the above exception" in outcome.traceback
    assert "ZeroDivisionError" in outcome.traceback


def test_an_underscore_of_the_users_own_is_kept(tmp_path):
    with contextlib.closing(workers.Worker("plain", tmp_path)) as worker:
        worker.execute("5")
        assert worker.execute("_ = 'mine'").answer["writes"] == ["_"]
        worker.execute("6")
        assert worker.execute("_").result == "'mine'"


def test_long_tracebacks_are_cut(worker):
    source = "def f(n):\n    return g(n)\ndef g(n):\n    return f(n - 1) if n else 1/0\nf(450)"
    outcome = worker.execute(source)
    assert outcome.error["class"] in ("ZeroDivisionError", "RecursionError")
    assert len(outcome.error["traceback"]) <= 401
    assert "lines left out" in outcome.traceback

"""The width that libraries are told."""

import sys
import types

import pytest

from snakebridge import fitting


@pytest.fixture
def libraries(monkeypatch):
    options = {"display.width": 80, "display.max_columns": 20}
    printing = {"linewidth": 75}
    pandas, numpy = types.ModuleType("pandas"), types.ModuleType("numpy")
    pandas.get_option, pandas.set_option = options.__getitem__, options.__setitem__
    numpy.get_printoptions = lambda: printing
    numpy.set_printoptions = lambda **changed: printing.update(changed)
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    monkeypatch.setitem(sys.modules, "numpy", numpy)
    monkeypatch.setattr(fitting, "_told", {})
    for name in ("COLUMNS", "LINES", "POLARS_TABLE_WIDTH"):
        monkeypatch.delenv(name, raising=False)
    return options, printing


def test_what_nobody_has_set_follows_the_terminal(libraries):
    options, printing = libraries
    for width in (120, 200):
        fitting.fit(width)
        assert options == {"display.width": width, "display.max_columns": 0}
        assert printing == {"linewidth": width}


def test_what_the_user_has_set_stays(libraries):
    options, printing = libraries
    options["display.width"] = 60
    fitting.fit(120)
    printing["linewidth"] = 33
    options["display.max_columns"] = 20
    fitting.fit(200)
    assert options == {"display.width": 60, "display.max_columns": 20}
    assert printing == {"linewidth": 33}


def test_a_library_that_fails_is_left_alone(libraries, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError

    monkeypatch.setattr(sys.modules["pandas"], "get_option", fail)
    fitting.fit(120)

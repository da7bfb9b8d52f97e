"""`snakebridge.explore`: what a prompt of Elixir tells of objects, modules and names."""

import json
import statistics
import sys
import types

import pytest

from snakebridge import explore


def test_a_dotted_name_is_imported_and_a_bare_one_may_be_a_builtin():
    assert explore.named("json.dumps") is json.dumps
    assert explore.named("xml.dom.minidom").__name__ == "xml.dom.minidom"
    assert explore.named("len") is len
    with pytest.raises(ImportError):
        explore.named("no_such_module_at_all")


def test_a_function_says_its_signature_and_documentation():
    facts = explore.about(statistics.linear_regression)
    assert facts["kind"] == "function"
    assert facts["signature"].startswith("(x, y,")
    assert "Slope and intercept" in facts["documentation"]


def test_a_module_says_where_it_is():
    facts = explore.about(json)
    assert (facts["kind"], facts["name"]) == ("module", "json")
    assert facts["file"] == json.__file__


def test_methods_run_no_property_and_leave_out_what_is_private():
    class Thing:
        @property
        def costly(self):
            raise AssertionError("it was run")

        def first(self, n=1):
            """The first ones.

            More.
            """

        def _hidden(self):
            pass

    [found] = explore.methods(Thing())
    assert (found["text"], found["detail"], found["doc"]) == ("first", "(n=1)", "The first ones.")
    assert explore.methods(Thing(), "las") == []


def test_search_finds_a_name_once_by_its_shortest_path_and_the_nearest_first(monkeypatch):
    package, inner = types.ModuleType("strange"), types.ModuleType("strange.inner")

    def linspace():
        pass

    def spline():
        pass

    def line():
        pass

    package.linspace = inner.linspace = linspace
    inner.spline, inner.line, inner._line, inner.lines = spline, line, line, 3
    monkeypatch.setitem(sys.modules, "strange", package)
    monkeypatch.setitem(sys.modules, "strange.inner", inner)
    assert ("strange", "") in explore.loaded()
    found = [path for path, *_ in explore.search("lin") if path.startswith("strange")]
    assert found == ["strange.linspace", "strange.inner.line", "strange.inner.spline"]
    assert [path for path, *_ in explore.search("LINE", "strange")] == [
        "strange.inner.line",
        "strange.inner.spline",
    ]


def test_search_in_a_module_of_the_standard_library_imports_it():
    paths = [path for path, *_ in explore.search("linear", "statistics")]
    assert paths == ["statistics.linear_regression", "statistics.LinearRegression"]


def test_submodules_are_those_on_disk():
    assert "minidom" in explore.submodules("xml.dom")
    assert [name for name in explore.submodules("json") if name.startswith("_")] == []

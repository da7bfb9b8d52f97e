"""Errors that cross from one language into the other say where they come from."""

import pytest
from conftest import plain

MODULE = """%%elixir
defmodule Till do
  def sum(prices) do
    total = Enum.sum(prices)
    total + missing(total)
  end

  defp missing(total), do: raise "no price at #{total}"
end
share = fn total ->
  total / 0
end"""


@pytest.fixture(scope="module")
def till(python):
    reply, _ = python.run(MODULE)
    assert reply["status"] == "ok"
    return python, reply["execution_count"]


def shown(kernel, code):
    """The traceback of a cell that fails, without colours and without the spaces in front of lines."""
    _, messages = kernel.run(code)
    (error,) = [content for kind, content, _ in messages if kind == "error"]
    return [line.strip() for line in plain("\n".join(error["traceback"])).split("\n")]


def test_an_error_of_elixir_names_its_lines_in_a_python_cell(till):
    kernel, cell = till
    lines = shown(kernel, "def pay():\n    ex.Till.sum([1, 2])\npay()")
    at = lines.index("in Elixir:")
    assert lines[at - 1] == "ElixirError: ** (RuntimeError) no price at 3"
    assert lines[at + 1 : at + 3] == [f"cell {cell}:8: Till.missing/1", f"cell {cell}:5: Till.sum/1"]


def test_a_function_names_the_cell_that_wrote_it(till):
    kernel, cell = till
    lines = shown(kernel, "list(map(share, [1]))")
    assert lines[lines.index("in Elixir:") + 1] == f"cell {cell}:11"


def test_it_does_so_where_another_elixir_cell_calls_it(till):
    kernel, cell = till
    assert f"cell {cell}:11" in shown(kernel, "%%elixir\nEnum.map([1], share)")


def test_the_cause_of_another_error_names_its_lines_too(till):
    kernel, cell = till
    code = "try:\n    ex.Till.sum([1])\nexcept Exception as error:\n    raise ValueError('till') from error"
    lines = shown(kernel, code)
    assert f"cell {cell}:5: Till.sum/1" in lines
    assert lines[-1] == "ValueError: till"


def test_the_message_is_as_it_was(till):
    kernel, _ = till
    code = (
        "try:\n    ex.Till.sum([1])\nexcept Exception as error:\n    print(error, error.kind, error.message)"
    )
    text = "** (RuntimeError) no price at 1"
    assert kernel.text(code)[0] == f"{text} error {text}\n"


def test_it_comes_back_to_elixir_as_it_was(till):
    kernel, _ = till
    code = "%%elixir\ntry do\n  py.list(py.map(&Till.sum([&1]), [1]))\nrescue\n  e in RuntimeError -> e.message\nend"
    assert kernel.text(code)[1] == '"no price at 1"'

defmodule SnakeBridge.Export.PlainTest do
  # Cells as they are exported, evaluated one after the other as Livebook does, without a session of ours.
  use ExUnit.Case, async: true

  alias SnakeBridge.Export.{Handed, Plain}

  doctest Handed
  doctest Plain

  @imports "import SnakeBridge, only: [py: 1, sigil_PY: 2]"

  # `{language, source}`s; gives the value of each, as text.
  defp evaluated(cells) do
    {cells, sources, []} = exported(cells)

    {values, _} =
      cells
      |> Enum.zip(sources)
      |> Enum.map_reduce(evaluate(@imports, {[], Code.env_for_eval(file: "nofile")}), fn {cell, source},
                                                                                         state ->
        source = if cell.language == :python, do: Plain.drop(source), else: source
        {_, binding, env} = state
        {value, binding, env} = evaluate(source, {binding, env})
        {value, {value, binding, env}}
      end)

    values
  end

  defp evaluate(source, {binding, env}) do
    quoted = Code.string_to_quoted!(source, columns: true)
    Code.eval_quoted_with_env(quoted, binding, env)
  end

  defp exported(cells) do
    cells =
      for {{language, source}, number} <- Enum.with_index(cells, 1),
          do: %{number: number, language: language, source: source}

    {sources, notes} = Plain.livebook(cells)
    {cells, sources, notes}
  end

  defp sources(cells) do
    {_, sources, _} = exported(cells)
    sources
  end

  defp notes(cells) do
    {_, _, notes} = exported(cells)
    notes
  end

  test "objects of Python are used naturally" do
    cells = [
      python: "from fractions import Fraction\nf = Fraction(1, 3)\nclass Box:\n    size = 2",
      elixir: "g = f + f\ng.numerator",
      elixir: "to_string(py.Fraction.(1, 2) * g)",
      elixir: "for x <- [f, g], do: to_string(x.denominator)",
      elixir: "~PY\"h = f\"\nh.numerator"
    ]

    assert evaluated(cells) |> tl() == [2, "1/3", ["3", "3"], 1]
  end

  test "what is changed in place is changed in the next cell" do
    cells = [
      elixir: "xs = [3, 1]",
      python: "xs.append(2)\nd = {'a': []}",
      python: "d['a'].append(len(xs)); d['b'] = 1\nimport random, heapq\nheapq.heapify(xs)",
      python: "del d['b']\nxs.sort()\nd",
      elixir: "{xs, d}"
    ]

    assert List.last(evaluated(cells)) == {[1, 2, 3], %{"a" => [3]}}
  end

  test "names that no variable can have, or that Elixir asks Python for" do
    cells = [
      python: "X, _hidden = 2, 3\ndef double(x): return 2 * x\nX",
      python: "Y = X + _hidden\nY",
      elixir: "py.double.(py.Y)",
      python: ~S"f'#{X}' + ex.String.upcase('a')"
    ]

    assert evaluated(cells) == [2, 5, 10, "#2A"]
  end

  test "a cell's value stays its value" do
    for {source, value} <- [
          {"N = 1\nN", 1},
          {"N = 1\n(N,\n  2)", {1, 2}},
          {"N = 1\nif N:\n    N = 2", nil},
          {"N = 1; N", nil},
          {"N = 1\n# a comment\n[N][0] == 1  # more", true},
          {"N = 1\nawait __import__('asyncio').sleep(0, 7)", 7}
        ],
        do: assert([^value, _] = evaluated(python: source, python: "N"))
  end

  test "ordinary Elixir stays as it is, and what is natural is wrapped" do
    first = {:python, "import math\nn = 1"}

    for source <- [
          "xs = [1, 2] |> Enum.map(& &1 + 1)",
          "IO.puts(n)",
          "%{a: 1}.a",
          "defmodule Some.Name do\n  def f(n), do: n.x\nend",
          "quote do: math.pi",
          "math = 1",
          "x = ) "
        ],
        do: assert([_, ^source] = sources([first, {:elixir, source}]))

    for source <- ["math.pi", "n + 1", "math.T", "py.len([])", "math[:a]", "f = fn -> math.pi end"],
        do: assert([_, "py do\n  " <> _] = sources([first, {:elixir, source}]))
  end

  test "texts of several lines stay what they are" do
    cells = [
      python: "import string",
      elixir: "{string.digits, \"a\nb\", \"\"\"\n  c\n   d\n  \"\"\"}",
      elixir: "{string.digits, \"\"\"\n  c\n   d\n  \"\"\"}"
    ]

    assert [_, {"0123456789", "a\nb", "c\n d\n"}, {"0123456789", "c\n d\n"}] = evaluated(cells)
    assert ["import string", "py do # not indented\n" <> _, "py do\n  {string" <> _] = sources(cells)
  end

  test "what cannot be had is told" do
    assert notes(
             python: "%matplotlib inline\nx = 1",
             python: "def f(): return later",
             python: "from math import *\nlater = 1"
           ) == [
             "cell 1 is no Python by itself, and does not compile there: invalid syntax at '%'",
             "cell 2: its functions do not see later, which cell 3 binds",
             "cell 3: names of `import *` do not reach other cells"
           ]
  end

  test "a script runs what the cells run" do
    cells = [
      elixir: "defmodule Twice do\n  def of(x), do: 2 * x\nend",
      python: "X = [1]\nclass A:\n    n = 4",
      elixir: "m = py.A.().n + Twice.of(3)",
      python: "X.append(m)\ntotal = sum(X)"
    ]

    {script, []} = cells |> exported() |> elem(0) |> Plain.script()
    name = "Script#{System.unique_integer([:positive])}"
    {binding, _} = Code.eval_string(String.replace(script, "\0", name))
    assert binding[:m] == 10 and binding[:total] == 11
  end
end

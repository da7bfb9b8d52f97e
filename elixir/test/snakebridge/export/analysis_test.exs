defmodule SnakeBridge.Export.AnalysisTest do
  @moduledoc "Which cells an export keeps, and which a result needs."
  use ExUnit.Case, async: true

  alias SnakeBridge.Export.{Analysis, Effects}

  doctest Analysis
  doctest Effects

  # A cell is source of Python, {:ex, source} or {status, source, names that it wrote}.
  defp analysis(cells) do
    cells
    |> Enum.with_index(1)
    |> Enum.map(fn
      {{:ex, source}, n} -> %{"number" => n, "language" => "elixir", "source" => source}
      {{:shown, source}, n} -> %{"number" => n, "language" => "python", "source" => source, "result" => "1"}
      {{:failed, source, writes}, n} -> failed(n, source, writes)
      {source, n} -> %{"number" => n, "language" => "python", "source" => source}
    end)
    |> Analysis.of()
  end

  defp failed(n, source, writes) do
    %{"number" => n, "language" => "python", "source" => source, "status" => "error", "output" => "E: e"}
    |> Map.merge(%{"reads" => [], "writes" => writes, "deletes" => []})
  end

  defp kept(cells), do: for(cell <- analysis(cells).cells, cell.kept == true, do: cell.number)
  defp partly(cells), do: for(cell <- analysis(cells).cells, cell.kept == :partly, do: cell.number)

  defp needed(cells, names),
    do: for(cell <- Analysis.slice(analysis(cells), List.wrap(names)).cells, cell.kept, do: cell.number)

  test "a run of a cell whose names are bound anew before they are read is left out" do
    assert kept(["x = 1", "x = 1"]) == [2]
    assert kept(["x = 1", "x += 1", "x += 1"]) == [1, 2, 3]
    assert kept(["x = 1", "y = x", "x = 2"]) == [1, 2, 3]
    assert kept(["x = 1", {:ex, "x = 2"}]) == [2]
    assert kept(["x = 1", {:ex, "y = x"}, "x = 2"]) == [1, 2, 3]
    # Only what is bound in any case takes the place of what was there.
    assert kept(["x = 1", "if y: x = 2"]) == [1, 2]
    assert kept(["def f(): return x", "x = 1", "f()", "x = 2"]) == [1, 2, 3, 4]
  end

  test "what has put something out, or changed something, stays" do
    assert kept([{:shown, "x = 1"}, "x = 1"]) == [1, 2]
    assert kept(["xs = []", "xs.append(1)", "xs.append(1)"]) == [1, 2, 3]
    assert kept(["open('f', 'w').write('a')", "x = 1"]) == [1, 2]
    assert kept(["xs = [1]", "x = xs.pop()", "x = 2"]) == [1, 2, 3]
  end

  test "failed cells are left out, but for what they had done before" do
    assert kept(["x = 1", {:failed, "y = x\nz", []}]) == [1]
    assert partly(["x = 1", {:failed, "y = x\nboom()", ["y"]}, "z = y"]) == [2]
    assert partly(["xs = []", {:failed, "xs.append(1)\n1 / 0", []}, "n = len(xs)"]) == [2]
    assert partly([{:failed, "x = 1\nboom()", ["x"]}, "x = 2"]) == []
    assert [%{kept: false, why: "line 1: invalid syntax"}] = analysis(["x = ="]).cells
  end

  test "a slice has the cells that bind, and those that change" do
    assert needed(["a = 1", "b = 2", "c = a"], "c") == [1, 3]
    assert needed(["xs = []", "ys = xs", "ys.append(1)", "n = len(xs)", "m = 1"], "n") == [1, 2, 3, 4]
    assert needed(["xs = [[]]", "for x in xs: x.append(1)", "n = len(xs)"], "n") == [1, 2, 3]
    assert needed(["d = {}", "d['a'] = 1", "e = {}", "e['a'] = 1"], "d") == [1, 2]
    assert needed(["g = iter([1, 2])", "next(g)", "x = next(g)"], "x") == [1, 2, 3]

    assert needed(["k = 1", "def f(): return k", "def g(): return f()", "k = 2", "x = g()"], "x") == [
             1,
             2,
             3,
             4,
             5
           ]

    assert needed(["xs = []", "def add(): xs.append(1)", "add()", "n = len(xs)"], "n") == [1, 2, 3, 4]
    assert needed(["import math", "x = math.sqrt(4)", "y = 1"], "x") == [1, 2]
    assert needed(["import random", "random.seed(0)", "x = random.random()"], "x") == [1, 2, 3]
    assert needed(["df = f()", "df.drop('a', inplace=True)", "df.head()", "x = df.sum()"], "x") == [1, 2, 4]
    assert needed(["import f", "m = f.M()", "m.fit(1)", "x = m.score"], "x") == [1, 2, 3, 4]
    assert needed(["f = open('a', 'w')", "f.write('x')", "t = open('a').read()", "u = 1"], "t") == [1, 2, 3]
  end

  test "a slice goes through both languages" do
    cells = [
      "xs = [1]",
      {:ex, "k = 2\nj = 3"},
      {:ex, "double = fn x -> x * k end"},
      "ys = [double(x) for x in xs]"
    ]

    assert needed(cells, "ys") == [1, 2, 3, 4]
    assert needed(cells, "j") == [2]

    assert needed(
             ["import f", {:ex, "m = f.model()"}, {:ex, "m.fit(1)"}, {:ex, "m.head()"}, "x = m.score"],
             "x"
           ) ==
             [1, 2, 3, 5]

    assert needed([{:ex, "defmodule A do\n  def f, do: 1\nend"}, {:ex, "x = A.f()"}, {:ex, "y = 1"}], "x") ==
             [1, 2]

    assert needed(["X = 1", {:ex, "y = py.X + 1"}], "y") == [1, 2]
    assert needed([{:ex, "n = 1"}, {:ex, ~S(~PY"m = n + 1")}, {:ex, "m"}, "k = m"], "k") == [1, 2, 4]
    assert needed(["g = (i for i in [1, 2])", {:ex, "Enum.take(g, 1)"}, "x = list(g)"], "x") == [1, 2, 3]
    assert needed(["xs = [1]", {:ex, "Enum.take(xs, 1)"}, "x = list(xs)"], "x") == [1, 3]
  end

  test "an Elixir cell's names, by its scopes" do
    check = fn source -> source |> Effects.of() |> then(&{&1.reads, &1.writes}) end
    assert check.("{a, b} = c") == {["c"], ["a", "b"]}
    assert check.("x = x + 1") == {["x"], ["x"]}
    assert check.("for i <- xs, j = i, do: j + k") == {["k", "xs"], []}
    assert check.("f = fn a, ^b when a > c -> d = a; d end") == {["b", "c"], ["f"]}
    assert check.("case x do\n {:ok, y} -> y\n _ -> z\nend") == {["x", "z"], []}
    assert check.("with {:ok, a} <- b, c = a do\n c\nend") == {["b"], []}
    assert check.("xs |> Enum.map(& &1 * k)") == {["k", "xs"], []}
    assert check.("quote do: x") == {[], []}
    assert %{error: "" <> _} = Effects.of("x = (")
  end

  test "what cannot be judged is told, and nothing fails" do
    for source <- ["", "\0", "é = 'é'", "%%bash\nls", "x = !ls", String.duplicate("(", 5000)] do
      assert [_] = analysis([source]).cells
      assert [_] = analysis([{:ex, source}]).cells
    end
  end
end

defmodule SnakeBridge.Export.ProjectTest do
  @moduledoc "Sessions become Mix projects: made, moved to another folder, built and tested there by real mix."
  use ExUnit.Case, async: true

  alias SnakeBridge.Export

  doctest SnakeBridge.Export
  doctest SnakeBridge.Export.Code
  doctest SnakeBridge.Export.Replay

  setup do
    folder = Path.join(System.tmp_dir!(), "sbx#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    {:ok, folder: folder}
  end

  # A cell is {:py or :ex, source}, or {.., source, the text of its value}.
  defp cells(cells) do
    for {cell, n} <- Enum.with_index(cells, 1) do
      result = if tuple_size(cell) == 3, do: elem(cell, 2)
      language = if elem(cell, 0) == :py, do: "python", else: "elixir"

      %{"number" => n, "language" => language, "source" => elem(cell, 1), "status" => "ok"}
      |> Map.merge(%{"result" => result, "output" => result || ""})
    end
  end

  defp export(folder, cells, more) do
    %{"to" => "mix", "name" => "prices study", "into" => Path.join(folder, "made"), "cells" => cells(cells)}
    |> Map.merge(more)
    |> Export.export()
  end

  defp read(folder, path), do: File.read!(Path.join([folder, "made", path]))

  defp mix(folder, arguments, env \\ "test") do
    env = [{"MIX_ENV", env}, {"MIX_DEPS_PATH", nil}, {"MIX_BUILD_PATH", nil}]
    System.cmd("mix", arguments, cd: folder, stderr_to_stdout: true, env: env)
  end

  @session [
    {:py, "# Load the prices\nimport statistics\nprices = [3, 1, 2]\nX_train = {'a': [1.5, 2]}\nrate = 0.5"},
    {:py, "def scale(x):\n    \"\"\"Scaled #{"\#{x}"}.\"\"\"\n    return x * rate"},
    {:ex,
     "# the cheapest\nalias String, as: S\nalias Enum, as: E\ncheap = Enum.filter(prices, & &1 < 3)\nunused = 1"},
    {:ex, "length(cheap)", "2"},
    {:py, "prices.append(10)\nmean = statistics.mean(prices) * scale(2)"},
    {:py, "mean", "4.0"},
    {:py, "import random\nlucky = random.random()"},
    {:ex, "unused = S.upcase(\"a\")\ntotal = Enum.sum(prices) + length(cheap)\nMap.keys(py.X_train)",
     ~s(["a"])},
    {:py, "from fractions import Fraction\nhalf = Fraction(1, 2)\nhalf", "Fraction(1, 2)"},
    {:ex,
     "defmodule Half do\n  use SnakeBridge\n  def of(ref), do: {ref.numerator, ref.denominator}\nend\nHalf.of(half)",
     "{1, 2}"}
  ]

  @tag timeout: 300_000
  test "a session of both languages", %{folder: folder} do
    assert %{files: files, notes: []} = export(folder, @session, %{"params" => ["rate"]})
    assert Enum.all?(files, &(&1.what == "new"))
    moved = Path.join(folder, "elsewhere")
    File.rename!(Path.join(folder, "made"), moved)

    for path <-
          Path.wildcard(moved <> "/{config,lib,test}/**") ++ Path.wildcard(moved <> "/*", match_dot: true),
        File.regular?(path) do
      text = File.read!(path)
      refute text =~ folder
      refute text =~ File.cwd!()
    end

    assert {_, 0} = mix(moved, ["format", "--check-formatted"])
    assert {output, 0} = mix(moved, ["compile", "--warnings-as-errors"])
    refute output =~ "warning"
    assert {output, 0} = mix(moved, ["test"])
    assert output =~ "0 failures"
    script = "r = PricesStudy.run(rate: 2.0); IO.inspect({r.mean, r.total, r.result_10})"
    assert {output, 0} = mix(moved, ["run", "-e", script])
    assert output =~ "{16.0, 18, {1, 2}}"
  end

  test "what is there already is not overwritten", %{folder: folder} do
    session = [{:py, "x = 1"}, {:py, "y = x + 1"}]
    assert %{files: _} = export(folder, session, %{"bridge" => "path", "bridge_path" => "../elixir"})
    path = Path.join(folder, "made/lib/prices_study.ex")
    File.write!(path, "# mine\n")
    again = export(folder, session, %{"bridge" => "path", "bridge_path" => "../elixir"})

    assert %{what: "kept", diff: "- # mine" <> _} =
             Enum.find(again.files, &(&1.path == "lib/prices_study.ex"))

    assert File.read!(path) == "# mine\n"
    assert %{what: "same"} = Enum.find(again.files, &(&1.path == "lib/prices_study/python.ex"))
    forced = export(folder, session, %{"force" => true, "bridge" => "path", "bridge_path" => "../elixir"})
    assert %{what: "changed"} = Enum.find(forced.files, &(&1.path == "lib/prices_study.ex"))
    assert File.read!(path) =~ "defmodule PricesStudy"
  end

  test "one result needs no more than it needs", %{folder: folder} do
    cells = [{:py, "a = 1"}, {:py, "b = 2"}, {:ex, "c = a + 1"}, {:ex, "d = b"}]

    assert %{files: _} =
             export(folder, cells, %{"results" => ["c"], "bridge" => "path", "bridge_path" => ".."})

    assert read(folder, "lib/prices_study.ex") =~ "%{c: c}"
    refute read(folder, "lib/prices_study/python.ex") =~ "b = 2"

    assert %{error: "the session has no name cc at its end", hint: "did you mean c?"} =
             export(folder, cells, %{"results" => ["cc"]})
  end

  test "what varies is compared by its shape", %{folder: folder} do
    cells = [
      {:py, "import time\nt = time.time()"},
      {:py, "1 + 1", "3"},
      {:ex, "self()", "#PID<0.1.0>"},
      {:py, "2.5", "2.5"}
    ]

    export(folder, cells, %{"bridge" => "path", "bridge_path" => ".."})
    test = read(folder, "test/prices_study_test.exs")
    assert test =~ "# Differs from run to run.\n    assert is_float(results[:t])"
    assert test =~ "# Differs from run to run.\n    assert is_integer(results[:result_2])"
    assert test =~ "assert is_pid(results[:result_3])"
    assert test =~ "assert_in_delta results[:result_4], 2.5"
  end
end

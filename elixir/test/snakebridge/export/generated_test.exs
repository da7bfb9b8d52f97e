defmodule SnakeBridge.Export.GeneratedTest do
  @moduledoc """
  Random sessions, run as a front end runs them, then exported: `run/1` gives what the session gave.

  The cells bind, alias, change in place, define functions that read names, delete, and fail, in both languages.
  EXPORT_SESSIONS says how many, EXPORT_SEED which.
  """
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  alias SnakeBridge.Export

  @names ~w(xa xb xc xd)
  @sessions String.to_integer(System.get_env("EXPORT_SESSIONS", "8"))
  @cells 14

  setup do
    folder = Path.join(System.tmp_dir!(), "sbg#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    {:ok, folder: folder}
  end

  @tag timeout: 600_000
  test "what is exported gives what the session gave", %{folder: folder} do
    seed = String.to_integer(System.get_env("EXPORT_SEED", "1"))

    for n <- 0..(@sessions - 1) do
      :rand.seed(:exsss, {seed + n, 0, 0})
      sources = Enum.map(@names, &first/1) ++ for _ <- 1..@cells, do: source()
      host = start_python(start())
      {cells, ends} = session(host, sources)
      stop(host)

      check(cells, ends, Map.keys(ends), "G#{n}", folder, seed + n)

      for name <- Enum.take_random(Map.keys(ends), 1),
          do: check(cells, ends, [name], "S#{n}", folder, seed + n)

      check(cells, ends, [], "D#{n}", folder, seed + n)
    end
  end

  # --- the session ---

  defp session(host, sources) do
    cells =
      for {{language, source}, n} <- Enum.with_index(sources, 1) do
        ran = if language == "python", do: python(host, source), else: run(host, source, read: true)
        error = ran.error && "#{inspect(ran.error.class)}: #{ran.error.message}"

        %{"number" => n, "language" => language, "source" => source, "status" => to_string(ran.status)}
        |> Map.merge(%{"reads" => ran.reads, "writes" => ran.writes, "deletes" => Map.get(ran, :deletes, [])})
        |> Map.merge(%{"result" => plain(ran.result), "output" => "#{error || plain(ran.result)}"})
      end

    ends =
      for name <- @names,
          %{error: nil, result: result} <- [run(host, shown(name), read: true)],
          into: %{},
          do: {name, result |> plain() |> Code.eval_string() |> elem(0)}

    {cells, ends}
  end

  # As text: what stays in Python as what it prints.
  defp shown(name),
    do: "if SnakeBridge.ref?(#{name}), do: to_string(#{name}), else: inspect(#{name}, limit: :infinity)"

  defp text(value),
    do: if(SnakeBridge.ref?(value), do: to_string(value), else: inspect(value, limit: :infinity))

  defp unnamed(text), do: String.replace(text, ~r/0x[0-9a-f]+/, "0x")

  # --- the export ---

  defp check(cells, ends, results, name, folder, seed) do
    into = Path.join(folder, name)

    answer =
      Export.export(%{
        "to" => "mix",
        "name" => name,
        "into" => into,
        "cells" => cells,
        "results" => results,
        "bridge" => "path",
        "bridge_path" => ".."
      })

    shown = fn ->
      sources =
        for cell <- cells,
            do:
              "#{cell["number"]} #{cell["language"]} #{cell["status"]}: #{inspect(cell["source"])} #{inspect(cell["reads"])} #{inspect(cell["writes"])} #{cell["output"]}"

      files =
        for path <- Path.wildcard(into <> "/lib/**/*.ex"), not (path =~ "application"), do: File.read!(path)

      "EXPORT_SEED=#{seed}, results #{inspect(results)}\n#{Enum.join(sources, "\n")}\n#{Enum.join(files, "\n")}"
    end

    if match?(%{files: _}, answer) do
      warnings = for note <- answer.notes, note =~ "compile", do: note
      assert warnings == [], "#{inspect(answer.notes)}\n#{shown.()}"
      gives = gives(into, name, shown)

      for {result, value} <- gives, result = to_string(result), is_map_key(ends, result) do
        assert unnamed(text(value)) == unnamed(ends[result]),
               "#{result}: #{text(value)}, in the session #{ends[result]}\n#{shown.()}"
      end

      for result <- results, do: assert(is_map_key(gives, String.to_atom(result)), shown.())
    else
      assert results == [] or ends == %{}, "#{inspect(answer)}\n#{shown.()}"
    end
  end

  defp gives(into, name, shown) do
    app = Macro.underscore(name)

    files =
      for file <- ["#{app}/python.ex", "#{app}/steps.ex", "#{app}.ex"], do: Path.join([into, "lib", file])

    {_, diagnostics} =
      Code.with_diagnostics(fn -> for file <- files, File.exists?(file), do: Code.compile_file(file) end)

    assert diagnostics == [], "#{inspect(diagnostics)}\n#{shown.()}"
    module = Module.concat([Macro.camelize(app)])

    try do
      module.run()
    rescue
      error -> flunk("#{Exception.message(error)}\n#{shown.()}")
    end
  end

  # --- the grammar ---

  defp first(name),
    do:
      any([
        {"python", "#{name} = [#{number()}]"},
        {"elixir", "#{name} = [#{number()}, 2]"},
        {"python", "#{name} = #{number()}"}
      ])

  defp source, do: if(:rand.uniform(3) == 1, do: {"elixir", elixir()}, else: {"python", python()})

  defp any(list), do: Enum.random(list)
  defp name, do: any(@names)
  defp number, do: "#{:rand.uniform(9)}"

  defp python, do: if(:rand.uniform(15) == 1, do: "del #{name()}", else: statements())

  defp statements do
    lines = for _ <- 1..any([1, 1, 1, 2, 3]), do: line()
    Enum.join(lines ++ any([[], [], [], ["1 / 0"], [name()]]), "\n")
  end

  defp line do
    any([
      fn -> "#{name()} = #{number()}" end,
      fn -> "#{name()} = [#{number()}, #{number()}]" end,
      fn -> "#{name()} = [#{number()}]" end,
      fn -> "#{name()} = #{name()}" end,
      fn -> "#{name()} = [#{name()}]" end,
      fn -> "#{name()} = {'k': #{name()}}" end,
      fn -> "#{name()} = #{name()}[0]" end,
      fn -> "#{name()} = bytes([65, #{number()}])" end,
      fn -> "#{name()} += #{number()}" end,
      fn -> "#{name()} += [#{number()}]" end,
      fn -> "#{name()}.append(#{number()})" end,
      fn -> "#{name()}.append(len(str(#{name()})))" end,
      fn -> "#{name()}[0] = #{number()}" end,
      fn -> "for i in list(#{name()}): #{name()}.append(i)" end,
      fn -> "if #{name()}: #{name()} = #{number()}" end,
      fn -> "try:\n    #{name()} = #{name()} + 1\nexcept TypeError:\n    pass" end,
      fn -> "#{name()} = str(type(#{name()}))" end,
      fn -> "#{name()} = len(#{name()})" end,
      fn -> "#{name()} = (x for x in [#{number()}, 2])" end,
      fn -> "#{name()} = list(#{name()})" end,
      fn -> "def f(): return #{name()}" end,
      fn -> "def g():\n    #{name()}.append(7)\n    return #{number()}" end,
      fn -> "def g(x):\n    x.append(6)\n    return f()" end,
      fn -> "def f():\n    global #{any(@names)}\n    #{name()} = 8\n    return 1" end,
      fn -> "#{name()} = f()" end,
      fn -> "#{name()} = g()" end,
      fn -> "g(#{name()})" end
    ]).()
  end

  defp elixir do
    lines = for _ <- 1..any([1, 1, 2]), do: elixir_line()
    Enum.join(lines ++ any([[], [], [], ["raise \"no\""], [name()]]), "\n")
  end

  defp elixir_line do
    any([
      fn -> "#{name()} = #{number()}" end,
      fn -> "#{name()} = [#{number()}, #{number()}]" end,
      fn -> "#{name()} = #{name()}" end,
      fn -> "#{name()} = [#{name()}]" end,
      fn -> "#{name()} = {#{name()}, #{number()}}" end,
      fn -> "#{name()} = inspect(List.wrap(#{name()}) == [])" end,
      fn -> "#{name()} = Enum.count(List.wrap(#{name()}))" end,
      fn -> "{#{any(["xa", "xb"])}, #{any(["xc", "xd"])}} = {#{name()}, #{name()}}" end,
      fn -> "for #{name()} <- [1], do: #{name()}" end,
      fn -> "#{name()} = f.()" end,
      fn -> "h = fn x -> [x, #{name()}] end\n#{name()} = h.(1)" end,
      fn -> "import SnakeBridge, only: [sigil_PY: 2]\n#{name()} = ~PY\"[#{name()}, 1]\"" end,
      fn -> "#{number()} + 1" end
    ]).()
  end
end

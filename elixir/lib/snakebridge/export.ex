defmodule SnakeBridge.Export do
  @moduledoc """
  From a session to a Mix project: see the guide.

  The steps, each of which has a module: what the cells do to names and which are kept (`Analysis`), their texts
  (`Cells`), one run of them (`Replay`), the functions that they become (`Plan`), the source (`Modules`, `Files`).
  Here files are written. Front ends call `run/1` in a session's BEAM; the other formats are theirs.
  """

  alias SnakeBridge.Export.{Analysis, Cells, Check, Files, Plan, Replay, Vendor}
  alias SnakeBridge.Json

  @typedoc "What became of a file; `diff` where there is another one by its name."
  @type file :: %{path: Path.t(), what: String.t(), diff: String.t() | nil}

  @doc """
  What the cells of a session do, and which are kept; with names, what these need. See `SnakeBridge.Export.Analysis`.

      iex> cells = [%{"number" => 1, "language" => "python", "source" => "xs = []\\nxs.append(1)"}]
      iex> [cell] = SnakeBridge.Export.analyse(cells).cells
      iex> {cell.writes, cell.changes, cell.kept}
      {["xs"], ["xs"], true}
  """
  @spec analyse([map()]) :: Analysis.t()
  def analyse(cells), do: Analysis.of(cells)

  @doc "The kept cells that these names, as they are at the session's end, need."
  @spec slice(Analysis.t(), [String.t()]) :: Analysis.t()
  def slice(analysis, names), do: Analysis.slice(analysis, names)

  @doc """
  Makes what the JSON file describes, and prints one line of JSON: `files`, each with `path` and `what` (`new`, `changed`,
  `same`, `kept`), and `notes`; or `error` and `hint`.
  """
  @spec run(Path.t()) :: :ok
  def run(path) do
    input = SnakeBridge.call!("snakebridge.exporting", "load", [path], [], as: :value)
    IO.puts(Json.encode(export(input)))
  rescue
    error -> IO.puts(Json.encode(%{error: Exception.message(error)}))
  end

  @doc "As `run/1`, from what such a file holds; gives the answer."
  @spec export(map()) :: %{files: [file()], notes: [String.t()]} | %{error: String.t(), hint: String.t()}
  def export(input) do
    analysis = Analysis.of(input["cells"] || [])
    results = input["results"] || []

    case Enum.reject(results, &is_map_key(analysis.ends, &1)) do
      [] ->
        analysis |> sliced(results) |> project(results, input)

      unknown ->
        %{
          error: "the session has no name #{Enum.join(unknown, ", ")} at its end",
          hint: near(unknown, analysis)
        }
    end
  end

  defp near([name | _], analysis) do
    case Enum.max_by(Map.keys(analysis.ends), &String.jaro_distance(&1, name), fn -> nil end) do
      nil -> "it has bound no names"
      other -> "did you mean #{other}?"
    end
  end

  defp sliced(analysis, []), do: analysis
  defp sliced(analysis, results), do: Analysis.slice(analysis, results)

  defp project(analysis, results, input) do
    session = Cells.of(analysis, input["params"] || [])

    if session.cells == [] do
      %{error: "there is no cell to export", hint: "cells that failed are left out"}
    else
      replay = Replay.run(session)
      plan = Plan.of(session, replay, results)
      about = about(input, session, replay)
      {modules, notes} = Check.mended(plan, session, about.module)
      about = %{about | notes: about.notes ++ notes ++ shared(plan)}
      files = modules ++ [{"test/#{about.app}_test.exs", Files.test(plan, replay, about)}]
      write(files, about, input)
    end
  end

  defp shared(%{shared: true, why: why}), do: ["the functions of Python share one dict of names, for #{why}"]
  defp shared(_), do: []

  defp about(input, session, replay) do
    name = input["name"] || "session"
    app = app(name)
    python = input["python"] || %{}

    %{
      name: name,
      app: app,
      module: Macro.camelize(app),
      packages: python["packages"] || [],
      python: python["version"],
      elixir: input["elixir"],
      bridge: input["bridge"] || "vendor",
      notes: session.notes ++ partly(session, replay) ++ ended(replay.failed)
    }
  end

  defp partly(session, replay) do
    left = for cell <- replay.cells, cell.text != "", do: cell.number

    for %{kept: :partly, number: number} <- session.cells,
        number in left,
        do: "cell #{number} failed; what it did before is kept, for later cells read it"
  end

  defp ended(nil), do: []

  defp ended({number, message}) do
    first = message |> String.split("\n") |> hd()
    ["cell #{number} could not be run again (#{first}): results from there on are not compared by the test"]
  end

  # A name that is no application's yet, nor a module's.
  defp app(name) do
    plain = name |> Macro.underscore() |> String.replace(~r/[^a-z0-9_]+/, "_") |> String.trim("_")
    plain = if plain =~ ~r/\A[a-z]/, do: plain, else: "session_#{plain}" |> String.trim("_")
    module = Module.concat([Macro.camelize(plain)])
    if Code.ensure_loaded?(module) or plain == "snakebridge", do: plain <> "_project", else: plain
  end

  # --- files ---

  defp write(files, about, input) do
    root = Path.expand(input["into"] || about.app)
    existing? = File.exists?(Path.join(root, "mix.exs"))
    {dependency, vendored} = Vendor.dependency(about.bridge, input["bridge_path"], root)
    more = Files.project(about, dependency)
    # Of a project that is there already, only what is ours.
    more = if existing?, do: Enum.filter(more, fn {path, _} -> path == "snakebridge.exs" end), else: more
    notes = if existing?, do: ["mix.exs is there already: it needs #{dependency}"], else: []

    written = for {path, text} <- Enum.sort(files ++ more), do: put(root, path, text, input["force"] == true)
    %{files: written ++ vendored ++ lock(root), notes: about.notes ++ notes}
  end

  defp put(root, path, text, force?) do
    file = Path.join(root, path)

    case File.read(file) do
      {:ok, ^text} ->
        %{path: path, what: "same", diff: nil}

      {:ok, other} when not force? ->
        %{path: path, what: "kept", diff: diff(other, text)}

      {:ok, other} ->
        File.write!(file, text)
        %{path: path, what: "changed", diff: diff(other, text)}

      {:error, _} ->
        File.mkdir_p!(Path.dirname(file))
        File.write!(file, text)
        %{path: path, what: "new", diff: nil}
    end
  end

  defp diff(old, new) do
    List.myers_difference(String.split(old, "\n"), String.split(new, "\n"))
    |> Enum.flat_map(fn
      {:eq, _} -> []
      {:del, lines} -> Enum.map(lines, &"- #{&1}")
      {:ins, lines} -> Enum.map(lines, &"+ #{&1}")
    end)
    |> Enum.join("\n")
  end

  # What is installed is found out, and written down; where it is not, there is no lock.
  defp lock(root) do
    alias SnakeBridge.Project.{Config, Lock, Packages}

    with {:ok, config} <- Config.load(root),
         {:ok, python} <- SnakeBridge.Worker.python(),
         {:ok, %{lock: lock}} <- Packages.find(config, python),
         do: [put(root, "snakebridge.lock", Lock.render(lock), true)],
         else: (_ -> [])
  end
end

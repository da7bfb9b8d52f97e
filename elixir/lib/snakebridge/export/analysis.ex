defmodule SnakeBridge.Export.Analysis do
  @moduledoc """
  What the cells of a session did to its names, which of them an export keeps, and which of them a result needs.

  The rules are in the guide *From a session to a project*. They err on one side: a cell too many is kept, never one too few.
  Sources are judged by `SnakeBridge.Export.Effects` and `python/snakebridge/effects.py`; what was seen when the cells ran
  is joined with that. Nothing is run here.
  """

  alias SnakeBridge.Export.Effects

  @world "*world*"
  @effects ~w(source reads writes certain deletes changes seen touched made behind error left_out)a

  defstruct cells: [], ends: %{}, notes: []

  @typedoc """
  A cell as it was recorded, with its effects. `kept`: `true`, `:partly` (it failed, after it had bound or changed what a
  kept cell reads) or `false`; `why` says why not. `seen` and `touched`: numbers of the objects that it reads and changes,
  alike for names that may stand for parts of the same; `recorded`: the names that were seen to be read. `made`: those of what it binds; `behind`: the names that functions of its own read when they run.
  """
  @type cell :: %{
          number: integer(),
          language: String.t(),
          source: String.t(),
          status: String.t(),
          reads: [String.t()],
          writes: [String.t()],
          certain: [String.t()],
          deletes: [String.t()],
          changes: [String.t()],
          seen: [integer()],
          touched: [integer()],
          output: String.t(),
          result: String.t() | nil,
          made: %{String.t() => integer()},
          behind: [String.t()],
          error: String.t() | nil,
          left_out: [String.t()],
          recorded: [String.t()] | nil,
          kept: boolean() | :partly,
          why: String.t() | nil
        }
  @typedoc "`ends`: the names at the session's end, with the numbers of what they stand for."
  @type t :: %__MODULE__{cells: [cell()], ends: %{String.t() => integer() | nil}, notes: [String.t()]}

  @doc """
  The cells with their effects, and which are kept. Each is a map with text as keys, as the record has it: `"number"`,
  `"language"`, `"source"`, `"status"`, and where they are known `"reads"`, `"writes"`, `"deletes"`, `"output"`, `"result"`.

      iex> cells = [
      ...>   %{"number" => 1, "language" => "python", "source" => "x = 1"},
      ...>   %{"number" => 2, "language" => "python", "source" => "x = 2"},
      ...>   %{"number" => 3, "language" => "elixir", "source" => "y = x + 1"}
      ...> ]
      iex> for cell <- SnakeBridge.Export.Analysis.of(cells).cells, do: {cell.number, cell.kept, cell.why}
      [{1, false, "what it bound is bound anew before anything reads it"}, {2, true, nil}, {3, true, nil}]
  """
  @spec of([map()]) :: t()
  def of(cells) do
    cells = Enum.filter(cells, &(&1["language"] in ["python", "elixir"]))
    pure = MapSet.new(SnakeBridge.call!("snakebridge.effects", "pure_methods", [], [], as: :list))
    given = for cell <- cells, do: cell |> with_own(pure) |> recorded()
    found = SnakeBridge.call!("snakebridge.effects", "session", [given], [], as: :value)

    cells =
      for {cell, effects} <- Enum.zip(cells, found["cells"]) do
        Map.merge(
          %{
            number: cell["number"],
            language: cell["language"],
            status: cell["status"] || "ok",
            output: cell["output"] || "",
            result: cell["result"],
            recorded: cell["reads"],
            kept: true,
            why: nil
          },
          for(key <- @effects, into: %{}, do: {key, effects[Atom.to_string(key)]})
        )
      end

    keep(%__MODULE__{cells: cells, ends: found["ends"]})
  end

  defp with_own(%{"language" => "elixir"} = cell, pure) do
    own = Effects.of(cell["source"], pure)
    Map.put(cell, "own", Map.new(own, fn {key, value} -> {Atom.to_string(key), value} end))
  end

  defp with_own(cell, _), do: cell

  # What the analysis reads, and no more.
  defp recorded(cell),
    do: Map.take(cell, ~w(language source status reads writes deletes own kinds))

  @doc """
  Keeps only what these names, as they are at the session's end, need.

      iex> cells = [
      ...>   %{"number" => 1, "language" => "python", "source" => "xs = [1, 2]"},
      ...>   %{"number" => 2, "language" => "python", "source" => "ys = [3]"},
      ...>   %{"number" => 3, "language" => "python", "source" => "xs.append(3)"},
      ...>   %{"number" => 4, "language" => "elixir", "source" => "total = Enum.sum(xs)"}
      ...> ]
      iex> sliced = cells |> SnakeBridge.Export.Analysis.of() |> SnakeBridge.Export.Analysis.slice(["total"])
      iex> for cell <- sliced.cells, cell.kept, do: cell.number
      [1, 3, 4]
  """
  @spec slice(t(), [String.t()]) :: t()
  def slice(analysis, names) do
    live = %{names: MapSet.new(names), objects: numbers(analysis.ends, names)}
    backward(analysis, live, &needed?/2, "no result needs it")
  end

  defp keep(analysis) do
    names = Map.keys(analysis.ends)
    live = %{names: MapSet.new(names), objects: numbers(analysis.ends, names)}
    backward(analysis, live, &(not idle?(&1, &2)), "what it bound is bound anew before anything reads it")
  end

  defp numbers(ends, names), do: for(name <- names, number = ends[name], into: MapSet.new(), do: number)

  # From the last cell to the first: what is read later is live.
  defp backward(analysis, live, keep?, why) do
    {cells, _} =
      analysis.cells
      |> Enum.reverse()
      |> Enum.map_reduce(live, fn cell, live ->
        cond do
          cell.kept == false and cell.why != nil -> {cell, live}
          cell.status == "ok" and cell.error != nil -> {%{cell | kept: false, why: cell.error}, live}
          cell.status != "ok" -> failed(cell, live)
          keep?.(cell, live) -> {cell, read(cell, live, cell.certain)}
          true -> {%{cell | kept: false, why: why}, live}
        end
      end)

    %{analysis | cells: Enum.reverse(cells)}
  end

  # It may have come some of the way.
  defp failed(cell, live) do
    if cell.error == nil and needed?(cell, live) do
      {%{cell | kept: :partly, why: "it failed, after what later cells read"}, read(cell, live, [])}
    else
      {%{cell | kept: false, why: "it failed"}, live}
    end
  end

  defp needed?(cell, live) do
    Enum.any?([cell.writes, cell.deletes, cell.changes], &any?(&1, live.names)) or
      any?(cell.touched, live.objects)
  end

  # Whether it did nothing but bind names that are bound anew later, before they are read.
  defp idle?(cell, live) do
    cell.writes != [] and cell.touched == [] and cell.deletes == [] and cell.changes == [] and
      cell.output == "" and cell.result == nil and not any?(cell.writes, live.names)
  end

  defp read(cell, live, bound) do
    world = if @world in cell.changes, do: [@world], else: []

    %{
      names:
        live.names |> MapSet.difference(MapSet.new(bound)) |> MapSet.union(MapSet.new(cell.reads ++ world)),
      objects: live.objects |> MapSet.union(MapSet.new(cell.seen)) |> MapSet.union(MapSet.new(cell.touched))
    }
  end

  defp any?(items, set), do: Enum.any?(items, &MapSet.member?(set, &1))
end

defmodule SnakeBridge.Export.Cells do
  @moduledoc """
  The kept cells of a session as a project's functions have them: their texts, names for their values, parameters.

  What they do to names is known by then (`SnakeBridge.Export.Analysis`); nothing is run here.
  """

  alias SnakeBridge.Export.{Analysis, Code}

  defstruct cells: [], variables: %{}, params: %{}, definitions: MapSet.new(), notes: []

  @typedoc """
  `cells`: as `t:SnakeBridge.Export.Analysis.cell/0`, with `text`; `shown`, the name of the value that the cell has shown;
  `lexical` and `modules`, see `t:SnakeBridge.Export.Code.t/0`. `variables`: what each name is called in Elixir. `params`:
  with the text of their defaults, nil where there is none. `definitions`: names of modules, functions and classes of Python.
  """
  @type t :: %__MODULE__{
          cells: [map()],
          variables: %{String.t() => String.t()},
          params: %{String.t() => String.t() | nil},
          definitions: MapSet.t(String.t()),
          notes: [String.t()]
        }

  @doc "The kept cells of an analysis; `params` are names that a caller is to choose the values of."
  @spec of(Analysis.t(), [String.t()]) :: t()
  def of(analysis, params) do
    kept = Enum.filter(analysis.cells, & &1.kept)
    variables = variables(kept)
    python = for cell <- kept, cell.language == "python", do: [cell.source, value_name(cell), params]
    prepared = SnakeBridge.call!("snakebridge.exporting", "prepare", [python], [], as: :value)

    {cells, {_, found, definitions}} =
      Enum.map_reduce(kept, {prepared, %{}, MapSet.new()}, fn
        %{language: "python"} = cell, {[{text, shown, given, own} | rest], found, definitions} ->
          given =
            Map.new(given, fn {name, value} ->
              {name, inspect(value, limit: :infinity, printable_limit: :infinity)}
            end)

          cell = Map.merge(cell, %{text: text, shown: shown, lexical: [], modules: []})

          {unless_bound(cell, given),
           {rest, Map.merge(given, found), MapSet.union(definitions, MapSet.new(own))}}

        cell, {rest, found, definitions} ->
          read = Code.read(cell.source, variables: variables, result: value_name(cell), params: params)
          shown = if read.named?, do: value_name(cell), else: if(value_name(cell), do: last_name(cell.source))

          cell =
            Map.merge(cell, %{text: read.body, shown: shown, lexical: read.lexical, modules: read.modules})

          {unless_bound(cell, read.params), {rest, Map.merge(read.params, found), definitions}}
      end)

    %__MODULE__{cells: cells, variables: variables, definitions: definitions}
    |> with_params(params, found)
    |> with_notes(analysis)
  end

  # A name for the value that the record has of a cell.
  defp value_name(%{result: nil}), do: nil
  defp value_name(%{number: number}), do: "result_#{number}"

  @doc "What a cell binds in a project: what it bound, and the name of its value where it had none of its own."
  @spec binds(map()) :: [String.t()]
  def binds(cell), do: own_value(cell) ++ cell.writes

  @doc "Likewise, in any case."
  @spec certain(map()) :: [String.t()]
  def certain(cell), do: own_value(cell) ++ cell.certain

  defp own_value(%{shown: shown, number: number}), do: if(shown == "result_#{number}", do: [shown], else: [])

  # A parameter is no longer bound by its cell.
  defp unless_bound(cell, given) do
    names = Map.keys(given)
    %{cell | writes: cell.writes -- names, certain: cell.certain -- names}
  end

  defp last_name(source) do
    with [_ | _] = expressions <- Code.expressions(source),
         [_, name] <- Regex.run(~r/\A([\p{Ll}_][\p{L}\p{N}_]*)(?: = .*)?\z/us, List.last(expressions)),
         do: name,
         else: (_ -> nil)
  end

  defp variables(cells) do
    results = for %{result: result} = cell when result != nil <- cells, do: "result_#{cell.number}"
    names = Enum.flat_map(cells, &(&1.reads ++ &1.writes)) ++ results
    names = names |> Enum.uniq() |> Enum.reject(&(&1 =~ ~r/[ *]/))
    {plain, others} = Enum.split_with(names, &Code.variable?/1)
    plain = Map.new(plain, &{&1, &1})

    Enum.reduce(others, plain, fn name, variables ->
      Map.put(variables, name, Code.variable(name, MapSet.new(Map.values(variables))))
    end)
  end

  defp with_params(cells, params, found) do
    unknown = for name <- params, not is_map_key(found, name), do: name

    notes =
      for name <- unknown, do: "#{name} is no parameter: no kept cell binds it to a literal at its top level"

    %{cells | params: found, notes: cells.notes ++ notes}
  end

  defp with_notes(cells, analysis) do
    notes =
      Enum.flat_map(analysis.cells, fn cell ->
        magics =
          for line <- cell.left_out,
              cell.kept,
              do: "cell #{cell.number}: #{line} is left out: only IPython knows it"

        magics ++ why(cell)
      end)

    %{cells | notes: cells.notes ++ notes}
  end

  defp why(%{kept: true}), do: []
  defp why(%{status: "ok", error: nil}), do: []

  # That is told once it is known what stays.
  defp why(%{kept: :partly}), do: []

  defp why(%{error: nil}), do: []
  defp why(cell), do: ["cell #{cell.number} is left out: #{cell.why}"]
end

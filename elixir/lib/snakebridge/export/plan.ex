defmodule SnakeBridge.Export.Plan do
  @moduledoc """
  The functions that a project's cells become, and how its `run/1` wires them.

  Each run of cells of one language is a function, with what it reads as arguments and what later ones read as results.
  Values of Python cross into Elixir and back as they are where that makes no difference; what would be a copy there, and is
  changed later, stays in Python and crosses as a ref.

  Where cells of Python depend on more than arguments can tell, as functions do whose globals are bound anew later, all of
  them share one dict of names (`shared`), and `why` says so.

  It writes no files, and runs nothing.
  """

  alias SnakeBridge.Drop
  alias SnakeBridge.Export.{Cells, Code}

  defstruct steps: [], shared: false, why: nil, results: [], params: %{}, variables: %{}, missing: []

  @typedoc """
  A function: its cells, `text`, the names that it takes and gives; `refs`: those given as refs that would else be values.
  """
  @type step :: %{
          language: String.t(),
          cells: [map()],
          name: String.t(),
          text: String.t(),
          takes: [String.t()],
          gives: [String.t()],
          refs: [String.t()]
        }
  @type t :: %__MODULE__{
          steps: [step()],
          shared: boolean(),
          why: String.t() | nil,
          results: [String.t()],
          params: %{String.t() => String.t() | nil},
          variables: %{String.t() => String.t()},
          missing: [String.t()]
        }

  # What looks names up by itself.
  @dynamic ~r/\b(?:globals|locals|vars|eval|exec|get_ipython)\(|^\s*from\s+\S+\s+import\s+\*|\.(?:query|eval)\(|\b__main__\b/m

  @doc "The plan for cells that were run again, for the results that are wanted, or for all that nothing reads."
  @spec of(SnakeBridge.Export.Cells.t(), SnakeBridge.Export.Replay.t(), [String.t()]) :: t()
  def of(session, replay, wanted) do
    results = if wanted == [], do: results(session, replay), else: wanted

    steps =
      replay.cells
      |> Enum.reject(&(&1.text == ""))
      |> Enum.chunk_by(& &1.language)
      |> Enum.map(&step/1)
      |> placed()

    params = Map.merge(session.params, Map.new(missing(steps, session), &{&1, nil}))

    plan = %__MODULE__{
      steps: steps,
      results: results,
      params: params,
      variables: session.variables,
      missing: Map.keys(params) -- Map.keys(session.params)
    }

    plan =
      case reason(plan, replay) do
        nil -> plan |> explicit(replay) |> put_in([Access.key(:shared)], false)
        why -> shared(%{plan | shared: true, why: why}, replay)
      end

    %{plan | steps: named(plan.steps)}
  end

  # --- results ---

  # What nothing reads, and what was shown.
  defp results(session, replay) do
    last =
      Enum.reduce(replay.cells, %{}, fn cell, last ->
        Enum.reduce(cell.writes, last, &Map.put(&2, &1, cell.number))
      end)

    # The last cell that reads it.
    read =
      Enum.reduce(replay.cells, %{}, fn cell, read ->
        Enum.reduce(cell.reads, read, &Map.put(&2, &1, cell.number))
      end)

    gone =
      Enum.reduce(replay.cells, MapSet.new(), fn cell, gone ->
        gone |> MapSet.union(MapSet.new(cell.deletes)) |> MapSet.difference(MapSet.new(cell.writes))
      end)

    ends =
      for cell <- replay.cells, name <- cell.writes, last[name] == cell.number and name in cell.certain do
        if Map.get(read, name, cell.number) > cell.number, do: nil, else: name
      end

    shown =
      for %{shown: name} = cell when name != nil <- replay.cells, still?(name, cell, replay.cells), do: name

    (Enum.reject(ends, &is_nil/1) ++ shown)
    |> Enum.uniq()
    |> Enum.reject(&(&1 in session.definitions or &1 in gone or not is_map_key(session.variables, &1)))
  end

  # Nothing later binds or changes it.
  defp still?(name, cell, cells) do
    later = Enum.filter(cells, &(&1.number > cell.number))
    numbers = Enum.flat_map(cells, fn cell -> List.wrap(cell.made[name]) end)

    not Enum.any?(
      later,
      &(name in &1.writes or name in &1.changes or Enum.any?(numbers, fn n -> n in &1.touched end))
    )
  end

  # --- steps ---

  defp step([%{language: language} | _] = cells) do
    %{
      language: language,
      cells: cells,
      text: cells |> Enum.map(& &1.text) |> Enum.reject(&(&1 == "")) |> Enum.join("\n\n")
    }
    |> Map.merge(%{name: nil, takes: [], gives: [], refs: []})
    |> reading()
  end

  # What comes from outside; `writes`: what it may bind.
  defp reading(step) do
    {reads, seen, _} =
      Enum.reduce(step.cells, {MapSet.new(), MapSet.new(), MapSet.new()}, fn cell, {reads, seen, bound} ->
        more = cell.reads |> MapSet.new() |> MapSet.difference(bound)
        # What was seen to be read was there; of what the source may read nobody knows.
        there = (cell.recorded || cell.reads) |> MapSet.new() |> MapSet.difference(bound)
        bound = MapSet.union(bound, MapSet.new(Cells.certain(cell)))
        {MapSet.union(reads, more), MapSet.union(seen, there), bound}
      end)

    writes = step.cells |> Enum.flat_map(&Cells.binds/1) |> Enum.uniq()
    plain = fn names -> Enum.reject(names, &(&1 =~ ~r/[ *]/)) end
    Map.merge(step, %{reads: plain.(reads), seen: plain.(seen), writes: writes, source: source(step)})
  end

  defp source(%{language: "python", text: text}) do
    case Drop.Reader.read(text, insertions: false) do
      {:ok, found} -> %{needs: Map.keys(found.needs), binds: Map.keys(found.binds), star?: found.star?}
      {:error, message, _} -> %{error: message}
    end
  end

  defp source(_), do: nil

  # What nothing before has bound: who runs it must say.
  defp missing(steps, session) do
    {names, _} =
      Enum.reduce(steps, {[], MapSet.new(Map.keys(session.params))}, fn step, {names, bound} ->
        unknown = for name <- step.seen, name not in bound, missing?(name, step), do: name
        {names ++ unknown, MapSet.union(bound, MapSet.new(step.writes ++ unknown))}
      end)

    Enum.uniq(names)
  end

  defp missing?(_, %{language: "elixir"}), do: false

  defp missing?(name, step),
    do: match?(%{needs: _}, step.source) and name in step.source.needs and not Drop.Builtins.name?(name)

  # --- whether arguments can tell all ---

  defp reason(plan, replay) do
    python = Enum.filter(plan.steps, &(&1.language == "python"))

    Enum.find_value(python, fn step ->
      cond do
        match?(%{error: _}, step.source) ->
          "cell #{hd(step.cells).number} is not read by SnakeBridge's own reader"

        length(python) > 1 and step.text =~ @dynamic ->
          "a cell looks up names while it runs"

        step.source.star? ->
          "a cell imports all names of a module"

        length(python) > 1 and step.text =~ ~r/^\s*global\s/m ->
          "a function binds global names"

        true ->
          late(step, plan) || rebound(step, plan) || taken(step, plan, replay)
      end
    end)
  end

  # What is bound only after it.
  defp late(step, plan) do
    known = known_before(step, plan)

    Enum.find_value(step.source.needs, fn name ->
      unless name in known or Drop.Builtins.name?(name),
        do: "#{name} is read by a function before a cell binds it"
    end)
  end

  defp known_before(step, plan), do: MapSet.union(step.before, MapSet.new(Map.keys(plan.params)))

  # Each step with its place, and what the steps before it may have bound.
  defp placed(steps) do
    {steps, _} =
      Enum.map_reduce(Enum.with_index(steps), MapSet.new(), fn {step, index}, before ->
        {Map.merge(step, %{index: index, before: before}), MapSet.union(before, MapSet.new(step.writes))}
      end)

    steps
  end

  defp later(step, plan), do: Enum.drop(plan.steps, step.index + 1)

  # Functions keep the globals of the drop that they are made in.
  defp rebound(step, plan) do
    behind = Enum.flat_map(step.cells, & &1.behind)
    later = if behind == [], do: [], else: later(step, plan)

    Enum.find_value(later, fn other ->
      case Enum.find(
             behind,
             &(&1 in other.writes or Enum.any?(other.cells, fn cell -> &1 in cell.deletes end))
           ) do
        nil -> nil
        name -> "#{name}, which a function reads, is bound anew later"
      end
    end)
  end

  # A copy of Elixir's that Python changes is Python's own.
  defp taken(step, plan, replay) do
    elixir = for other <- plan.steps, other.language == "elixir", name <- other.writes, do: name

    Enum.find_value(step.cells, fn cell ->
      Enum.find_value(cell.changes, fn name ->
        known? = replay.failed == nil

        changed? =
          if known?,
            do: {cell.number, name} in replay.taken,
            else: name in elixir or is_map_key(plan.params, name)

        if changed?, do: "#{name} is Elixir's, and changed in Python"
      end)
    end)
  end

  # --- arguments and results ---

  defp explicit(plan, replay) do
    # The last step that changes what has a number.
    touched =
      for step <- plan.steps, cell <- step.cells, number <- cell.touched, into: %{}, do: {number, step.index}

    {steps, _} =
      plan.steps
      |> Enum.reverse()
      |> Enum.map_reduce(%{wanted: MapSet.new(plan.results), later: []}, fn step,
                                                                            %{wanted: wanted, later: later} ->
        gives = Enum.filter(step.writes, &(&1 in wanted))
        available = known_before(step, plan)
        takes = takes(step, gives, available)

        refs =
          if step.language == "python",
            do: Enum.filter(gives, &ref?(&1, step, later, touched, replay)),
            else: []

        certain = Enum.flat_map(step.cells, &Cells.certain/1)
        wanted = wanted |> MapSet.difference(MapSet.new(certain)) |> MapSet.union(MapSet.new(takes))
        {%{step | gives: gives, takes: takes, refs: refs}, %{wanted: wanted, later: [step | later]}}
      end)

    %{plan | steps: Enum.reverse(steps)}
  end

  # What it may bind, and may not, keeps its value.
  defp takes(step, gives, available) do
    certain = Enum.flat_map(step.cells, & &1.certain)
    kept = for name <- gives, name not in certain, name in available, do: name
    reads = if step.language == "python", do: step.source.needs ++ unbound(step), else: step.reads
    Enum.uniq(for(name <- reads, name in available, do: name) ++ kept)
  end

  @doc "The names that a step of Python unbinds, and does not read."
  @spec unbound(step()) :: [String.t()]
  def unbound(step) do
    deletes = Enum.flat_map(step.cells, & &1.deletes)
    for name <- step.reads, name in deletes, name not in step.source.needs, do: name
  end

  defp ref?(name, step, later, touched, replay) do
    crossing =
      step.cells
      |> Enum.reverse()
      |> Enum.find_value("other", fn cell -> get_in(replay.crossings, [cell.number, name]) end)

    numbers = Enum.flat_map(step.cells, &List.wrap(&1.made[name]))
    changed? = Enum.any?(numbers, &(Map.get(touched, &1, -1) > step.index))
    read? = fn -> Enum.any?(later, &(&1.language == "python" and name in &1.source.needs)) end

    cond do
      crossing in ["exact", "object"] -> false
      crossing == "container" -> changed?
      true -> changed? or read?.()
    end
  end

  defp shared(plan, replay) do
    steps =
      for step <- plan.steps do
        if step.language == "python",
          do: %{step | writes: step.writes ++ taken_by(step, replay)},
          else: %{
            step
            | takes: Enum.filter(step.reads, &(&1 in known_before(step, plan))),
              gives: given(step, plan)
          }
      end

    %{plan | steps: steps}
  end

  defp taken_by(step, replay) do
    for cell <- step.cells,
        name <- cell.changes,
        replay.failed != nil or {cell.number, name} in replay.taken,
        do: name
  end

  # What a later step, or Python, may want.
  defp given(step, plan) do
    later = later(step, plan)
    wanted = plan.results ++ Enum.flat_map(later, & &1.reads)

    words =
      for %{language: "python", text: text} <- plan.steps,
          [word] <- Regex.scan(~r/[\p{L}_][\p{L}\p{N}_]*/u, text),
          do: word

    wanted = MapSet.new(wanted ++ if(Enum.any?(later, &(&1.language == "python")), do: words, else: []))
    Enum.filter(step.writes, &(&1 in wanted))
  end

  # --- names of functions ---

  defp named(steps) do
    {steps, _} =
      Enum.map_reduce(steps, MapSet.new(~w(run names)), fn step, taken ->
        name = step |> title() |> unique(taken, 1)
        {%{step | name: name}, MapSet.put(taken, name)}
      end)

    steps
  end

  defp title(step), do: heading(step) || main(step) || "cell_#{hd(step.cells).number}"

  # A comment that stands over it.
  defp heading(%{cells: [%{source: text} | _]}) do
    with [_, words] <- Regex.run(~r/\A#+\s*(\p{L}[^\n]{2,40})$/mu, text),
         [_ | _] = words <-
           Regex.scan(~r/[a-z0-9]+/, String.downcase(words)) |> List.flatten() |> Enum.take(4),
         name = Enum.join(words, "_"),
         true <- name =~ ~r/\A[a-z]/ and function?(name),
         do: name,
         else: (_ -> nil)
  end

  # What it is there for: the last that it gives.
  defp main(step) do
    own = Enum.reject(if(step.gives == [], do: step.writes, else: step.gives), &(&1 =~ ~r/^result_\d+$| /))
    bound = Enum.flat_map(step.cells, & &1.certain) |> Enum.reverse()
    # A word rather than a letter.
    own = Enum.sort_by(own, &(String.length(&1) < 3))
    name = Enum.find(bound, &(&1 in own and String.length(&1) > 2)) || List.first(own)
    name = if name, do: Code.variable(name, [])
    if name && function?(name), do: name
  end

  defp function?(name) do
    atom = String.to_atom(name)
    own = Kernel.__info__(:functions) ++ Kernel.__info__(:macros)

    not Enum.any?(own, fn {other, _} -> other == atom end) and not Macro.special_form?(atom, 1) and
      Code.variable?(name) and
      not Enum.any?(0..3, &Macro.special_form?(atom, &1)) and atom not in [:py]
  end

  defp unique(name, taken, n) do
    candidate = if n == 1, do: name, else: "#{name}_#{n}"
    if candidate in taken, do: unique(name, taken, n + 1), else: candidate
  end
end

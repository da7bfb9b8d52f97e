defmodule SnakeBridge.Export.Handed do
  @moduledoc """
  What cells of Python hand on to each other where each is a drop, with names of its own.

  A drop binds what its source binds, as variables of Elixir. Two things do not travel so: a value that is changed in
  place, such as a list that grows, for Elixir's is the one of before; and a name that no variable can have, or that a cell
  of Elixir reads as `py.name`. For both the drop gets lines: `xs = xs` binds the list anew, `__main__.X_train = X_train`
  and `from __main__ import X_train` leave the other in Python, where `py.X_train` finds it.

  Changes are read off the source: known methods and functions that change what they are given, items and attributes that
  are assigned or deleted. That a function of the user's changes its argument is not seen.
  """

  alias SnakeBridge.Drop.{Builtins, Reader, Tokens}

  defstruct cells: %{}, notes: []

  @typedoc "The lines of each cell that hand names on, by its number: those before it and those after it; what is lost."
  @type t :: %__MODULE__{
          cells: %{pos_integer() => {before :: [String.t()], later :: [String.t()]}},
          notes: [String.t()]
        }

  @reserved ~w(do end fn when and or not in true false nil after catch rescue else)
  @changing ~w(append appendleft extend extendleft insert pop popleft popitem remove clear sort reverse rotate add discard
               update setdefault move_to_end difference_update intersection_update symmetric_difference_update)
  @changing_functions ~w(shuffle heapify heappush heappop heapreplace heappushpop insort insort_left insort_right setattr
                         delattr)
  @assignments ~w(= += -= *= /= //= %= @= &= |= ^= >>= <<= **=)
  @statements ~w(as assert async break class continue def del elif else except finally for from global if import nonlocal
                 pass raise return try while with)

  @doc "The names that a cell of Python binds."
  @spec binds(%{:source => String.t(), optional(atom()) => term()}) :: MapSet.t(String.t())
  def binds(%{source: source}) do
    case Reader.read(source, insertions: false) do
      {:ok, found} -> found.binds |> Map.keys() |> MapSet.new()
      {:error, _, _} -> MapSet.new()
    end
  end

  @doc """
  What the cells hand on.

      iex> cells = [
      ...>   %{number: 1, language: :python, source: "X = 1\\nxs = []"},
      ...>   %{number: 2, language: :python, source: "xs.append(X)"}
      ...> ]
      iex> SnakeBridge.Export.Handed.plan(cells).cells
      %{
        1 => {[], ["import __main__", "__main__.X = X"]},
        2 => {["from __main__ import X", "xs = xs"], []}
      }
  """
  @spec plan([SnakeBridge.Export.Plain.cell()]) :: t()
  def plan(cells) do
    read = for %{language: :python} = cell <- cells, do: {cell.number, read(cell)}
    found = for {number, {:ok, found}} <- read, do: {number, found}
    left = left_in_python(found, cells)

    plan =
      for {number, cell} <- found, into: %{} do
        taken = for name <- left, is_map_key(cell.needs, name), not spelled?(name), do: name
        given = for name <- left, is_map_key(cell.binds, name), do: "__main__.#{name} = #{name}"

        anew =
          for name <- Enum.sort(cell.changed),
              spelled?(name) and is_map_key(cell.needs, name) and not is_map_key(cell.binds, name),
              do: "#{name} = #{name}"

        before = if taken == [], do: anew, else: ["from __main__ import " <> Enum.join(taken, ", ") | anew]
        {number, {before, if(given == [], do: [], else: ["import __main__" | given])}}
      end

    %__MODULE__{cells: plan, notes: notes(read)}
  end

  @doc "The source of a cell with the lines that hand names on, each with `mark` at its end."
  @spec written(SnakeBridge.Export.Plain.cell(), t(), String.t()) :: String.t()
  def written(%{number: number, source: source}, %__MODULE__{cells: cells}, mark) do
    case cells do
      %{^number => {before, later}} when before != [] or later != [] ->
        {first, last} = split(source)
        Enum.join(marked(before, mark) ++ first ++ marked(later, mark) ++ last, "\n")

      _ ->
        source
    end
  end

  defp marked(lines, mark), do: Enum.map(lines, &(&1 <> mark))

  # The lines before the last statement, and those of it where it is an expression, whose value is the cell's.
  defp split(source) do
    {tokens, _, _} = Tokens.read(source, insertions: false)
    {offset, statement} = last_statement(tokens)

    if offset != nil and expression?(statement) do
      start = binary_part(source, 0, offset)

      {start |> String.trim_trailing("\n") |> lines(),
       lines(binary_part(source, offset, byte_size(source) - offset))}
    else
      {lines(String.trim_trailing(source)), []}
    end
  catch
    {:python, _, _} -> {lines(source), []}
  end

  defp lines(""), do: []
  defp lines(text), do: String.split(text, "\n")

  # Of the statements that stand at the top level: a line of several counts as one.
  defp last_statement(tokens) do
    {_, last, _} =
      Enum.reduce(tokens, {0, {nil, []}, true}, fn
        {:indent, _, _}, {depth, last, _} -> {depth + 1, last, false}
        {:dedent, _, _}, {depth, last, _} -> {depth - 1, last, depth == 1}
        {:newline, _, _}, {depth, last, _} -> {depth, last, depth == 0}
        {:end, _, _}, state -> state
        token, {0, _, true} -> {0, {elem(token, 2), [token]}, false}
        token, {depth, {offset, statement}, start?} -> {depth, {offset, [token | statement]}, start?}
      end)

    {offset, statement} = last
    {offset, Enum.reverse(statement)}
  end

  defp expression?([{:keyword, word, _} | _]) when word in @statements, do: false
  defp expression?([{:op, "@", _} | _]), do: false

  defp expression?(tokens) do
    {_, found?} =
      Enum.reduce(tokens, {0, false}, fn
        {:op, bracket, _}, {depth, found?} when bracket in ["(", "[", "{"] -> {depth + 1, found?}
        {:op, bracket, _}, {depth, found?} when bracket in [")", "]", "}"] -> {depth - 1, found?}
        {:op, operator, _}, {0, _} when operator in [":", ";" | @assignments] -> {0, true}
        _, state -> state
      end)

    not found?
  end

  # --- what a source does ---

  defp read(%{source: source}) do
    with {:ok, found} <- Reader.read(source, insertions: false) do
      {tokens, _, _} = Tokens.read(source, insertions: false)
      {:ok, Map.put(found, :changed, changed(tokens, nil, false, []))}
    end
  end

  defp changed([], _, _, found), do: Enum.uniq(found)

  defp changed([{:name, name, _} = token | rest], previous, deletes?, found) do
    more = if match?({:op, ".", _}, previous), do: [], else: changes(name, rest, deletes?)
    changed(rest, token, deletes?, more ++ found)
  end

  defp changed([{:keyword, "del", _} = token | rest], _, _, found), do: changed(rest, token, true, found)
  defp changed([{:newline, _, _} = token | rest], _, _, found), do: changed(rest, token, false, found)
  defp changed([token | rest], _, deletes?, found), do: changed(rest, token, deletes?, found)

  defp changes(name, rest, deletes?), do: if(chain(rest, nil, deletes?), do: [name], else: argument(rest))

  # Whether what follows a name changes the object: `.append(`, `[0] =`, `.a +=`.
  defp chain([{:op, ".", _}, {:name, name, _}, {:op, "(", _} | _], _, _) when name in @changing, do: true
  defp chain([{:op, ".", _}, {:name, name, _} | rest], _, deletes?), do: chain(rest, {:part, name}, deletes?)
  defp chain([{:op, "[", _} | rest], _, deletes?), do: chain(closed(rest, 1), {:part, nil}, deletes?)

  defp chain([{:op, "(", _} | rest], last, deletes?) when last != nil,
    do: chain(closed(rest, 1), :call, deletes?)

  defp chain([{:op, operator, _} | _], {:part, _}, _) when operator in @assignments, do: true
  defp chain(_, {:part, _}, true), do: true
  defp chain(_, _, _), do: false

  # The first argument of a function that changes it: `shuffle(xs)`, `random.shuffle(xs)`.
  defp argument([{:op, ".", _}, {:name, function, _}, {:op, "(", _}, {:name, name, _} | _])
       when function in @changing_functions,
       do: [name]

  defp argument(_), do: []

  defp closed([], _), do: []
  defp closed(tokens, 0), do: tokens
  defp closed([{:op, bracket, _} | rest], depth) when bracket in ["(", "[", "{"], do: closed(rest, depth + 1)
  defp closed([{:op, bracket, _} | rest], depth) when bracket in [")", "]", "}"], do: closed(rest, depth - 1)
  defp closed([_ | rest], depth), do: closed(rest, depth)

  # --- names that no variable can have ---

  # The names that one cell binds and a later one takes, where a variable does not do.
  defp left_in_python(found, cells) do
    asked =
      for %{language: :elixir, source: source} <- cells,
          [_, name] <- Regex.scan(~r/\bpy(?:\.|\[")([\p{L}_][\p{L}\p{N}_]*)/u, source),
          into: MapSet.new(),
          do: name

    bound = for {_, cell} <- found, name <- Map.keys(cell.binds), into: MapSet.new(), do: name
    needed = for {_, cell} <- found, {name, _} <- cell.needs, not spelled?(name), into: asked, do: name
    needed |> MapSet.intersection(bound) |> Enum.sort()
  end

  @doc "Whether a variable of Elixir that is not hidden can have this name."
  @spec spelled?(String.t()) :: boolean()
  def spelled?(name), do: name =~ ~r/\A[\p{Ll}\p{Lo}][\p{L}\p{N}_]*\z/u and name not in @reserved

  # --- what is lost ---

  defp notes(read) do
    found = for {number, {:ok, cell}} <- read, do: {number, cell}

    unread =
      for {number, {:error, message, _}} <- read,
          do: "cell #{number} is no Python by itself, and does not compile there: #{message}"

    stars =
      for {number, %{star?: true}} <- found,
          do: "cell #{number}: names of `import *` do not reach other cells"

    Enum.sort_by(unread ++ stars ++ late(found), &number/1)
  end

  defp number(note) do
    [number] = Regex.run(~r/\d+/, note)
    String.to_integer(number)
  end

  # A function reads a name that is bound only later: in a session it is there when the function runs.
  defp late(found) do
    for {{number, cell}, index} <- Enum.with_index(found),
        {earlier, [_ | later]} = Enum.split(found, index),
        {name, _} <- Enum.sort(cell.needs),
        not Builtins.name?(name),
        not Enum.any?(earlier, fn {_, other} -> is_map_key(other.binds, name) end),
        {binder, _} <-
          later |> Enum.filter(fn {_, other} -> is_map_key(other.binds, name) end) |> Enum.take(1),
        do: "cell #{number}: its functions do not see #{name}, which cell #{binder} binds"
  end
end

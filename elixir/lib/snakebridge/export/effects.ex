defmodule SnakeBridge.Export.Effects do
  @moduledoc """
  What a cell of Elixir may do to names and to what they stand for, read off its source.

  Terms of Elixir never change; what can is behind refs, processes and tables. So a name counts as changed where it is
  called (`f.(x)`), where a method is called on it that may change the object (`df.fit(x)`, not `df.head()`), and where it
  is given to a function of which nothing is known. What Python's cells do is `python/snakebridge/effects.py`'s to say,
  which also knows which names stand for the same.

  It evaluates and expands nothing.
  """

  alias SnakeBridge.{CellParser, Drop, Natural}

  @world "*world*"

  # Their functions compute with terms, and change none; what they go through may be an iterator of Python.
  @pure ~w(Enum Map String List Integer Float Keyword MapSet Tuple Date Time DateTime NaiveDateTime Duration Regex Range Stream
           Kernel Access Atom Base Bitwise Calendar Inspect Macro URI Version IO IO.ANSI Function Exception SnakeBridge.Display)
  @worldly ~w(File System Application Process Agent GenServer Task Registry Supervisor DynamicSupervisor Port Code Logger
              Path.Wildcard :ets :dets :persistent_term :rand :file :os)
  @looking ~w(attr attr! get get! item item! import import! ref? same? value value! display slice)a

  @typedoc "`objects`: whether what it binds may hold objects of Python. `modules`: those that it defines."
  @type t :: %{
          reads: [String.t()],
          writes: [String.t()],
          certain: [String.t()],
          changes: [String.t()],
          consumes: [String.t()],
          objects: boolean(),
          error: String.t() | nil
        }

  @doc """
  The effects of a cell's source. `pure_methods` are names of methods of Python that change nothing.

      iex> effects = SnakeBridge.Export.Effects.of("total = Enum.sum(xs)\\nmodel.fit(xs)")
      iex> {effects.reads, effects.writes, effects.changes}
      {["model", "xs"], ["total"], ["model", "xs"]}
  """
  @spec of(String.t(), MapSet.t(String.t())) :: t()
  def of(source, pure_methods \\ MapSet.new()) do
    # Its warnings were told when the cell ran.
    {parsed, _} = Code.with_diagnostics(fn -> CellParser.parse(source, 1) end)

    case parsed do
      {:ok, expressions} ->
        start = %{
          pure: pure_methods,
          bound: MapSet.new(),
          reads: MapSet.new(),
          changes: MapSet.new(),
          consumes: MapSet.new(),
          objects: false
        }

        expressions |> Enum.map(&Natural.spelling/1) |> Enum.reduce(start, &walk/2) |> result()

      {:error, error} ->
        result(%{bound: [], reads: [], changes: [], consumes: [], objects: false}, Exception.message(error))
    end
  end

  defp result(found, error \\ nil) do
    names = fn set -> set |> Enum.map(&to_string/1) |> Enum.sort() end
    bound = names.(found.bound)

    %{
      reads: names.(found.reads),
      writes: bound,
      certain: bound,
      changes: names.(found.changes),
      consumes: names.(found.consumes),
      objects: found.objects,
      error: error
    }
  end

  @doc "The name under which a module of the session is known among names: `module Foo`."
  @spec module(Macro.t()) :: String.t()
  def module({:__aliases__, _, parts}), do: "module #{List.last(parts)}"
  def module(other), do: "module #{Macro.to_string(other)}"

  # --- the walk ---

  defp walk({:=, _, [pattern, value]}, found), do: bind(pattern, walk(value, found))
  defp walk({:quote, _, args}, found) when is_list(args), do: found

  defp walk({:|>, _, [left, right]} = pipe, found),
    do: walk(piped(left, right) || {:pipe, [], tl_args(pipe)}, found)

  defp walk({:&, _, [body]}, found) when not is_integer(body), do: inner(body, found)
  defp walk({:fn, _, clauses}, found), do: Enum.reduce(clauses, found, &clause/2)
  defp walk({:->, _, _} = clause, found), do: clause(clause, found)

  defp walk({form, _, args}, found) when form in [:for, :with] and is_list(args) do
    {steps, blocks} = Enum.split_while(args, &(not block?(&1)))
    apart(found, fn found -> walk_all(blocks, Enum.reduce(steps, found, &generator/2)) end)
  end

  defp walk({form, _, [name | rest]}, found) when form in [:defmodule, :defprotocol, :defimpl] do
    # Its body sees no variables, but may name modules.
    found = aliases(rest, found)
    %{found | bound: MapSet.put(found.bound, module(name))}
  end

  defp walk({:sigil_PY, _, [{:<<>>, _, [text]}, _]}, found) when is_binary(text), do: drop(text, found)

  defp walk({{:., _, [{:py, _, context}, name]}, _, []}, found) when is_atom(context),
    do: read(name, object(found))

  defp walk({{:., _, [function]}, _, args}, found) do
    found |> object() |> change([function | args]) |> then(&walk_all([function | args], &1))
  end

  defp walk({{:., _, [Access, :get]}, _, args}, found), do: walk_all(args, found)
  defp walk({{:., _, [base, name]}, meta, args}, found), do: remote(base, name, meta, args, found)

  defp walk({:^, _, [variable]}, found), do: walk(variable, found)
  defp walk({:__aliases__, _, _} = alias, found), do: read(module(alias), found)

  defp walk({name, _, context}, found) when is_atom(name) and is_atom(context), do: read(name, found)

  defp walk({name, _, args}, found) when is_atom(name) and is_list(args) do
    {blocks, given} = Enum.split_with(args, &block?/1)
    found = if kernel?(name, length(args)), do: found, else: change(found, given)
    found = walk_all(given, found)
    apart(found, &walk_all(blocks, &1))
  end

  defp walk({left, right}, found), do: walk(right, walk(left, found))
  defp walk(list, found) when is_list(list), do: walk_all(list, found)
  defp walk({form, _, args}, found), do: walk(args, walk(form, found))
  defp walk(_, found), do: found

  defp walk_all(list, found), do: Enum.reduce(list, found, &walk/2)

  defp piped(left, right) do
    Macro.pipe(left, right, 0)
  rescue
    ArgumentError -> nil
  end

  defp tl_args({_, _, args}), do: args

  defp remote({:__aliases__, _, parts} = alias, name, _, args, found) do
    module = Enum.join(parts, ".")
    found = if module in @pure, do: found, else: read(module(alias), found)

    found =
      cond do
        module == "SnakeBridge" and name in @looking -> object(found)
        module in @worldly -> found |> world() |> change(args)
        module in @pure -> consume(found, args)
        true -> found |> object() |> change(args)
      end

    walk_all(args, found)
  end

  defp remote(base, _, _, args, found) when is_atom(base) do
    found = if inspect(base) in @worldly, do: world(found), else: found
    walk_all(args, if(inspect(base) in [":math", ":lists", ":maps"], do: found, else: change(found, args)))
  end

  # `ref.name` reads an attribute, `ref.name(...)` calls a method.
  defp remote(base, name, meta, args, found) do
    attribute? = args == [] and meta[:no_parens] == true
    found = object(found)

    found =
      cond do
        attribute? -> found
        MapSet.member?(found.pure, to_string(name)) -> consume(found, args)
        true -> change(found, [base | args])
      end

    walk_all([base | args], found)
  end

  defp clause({:->, _, [head, body]}, found),
    do: apart(found, fn found -> walk(body, Enum.reduce(head, found, &bind/2)) end)

  defp inner(body, found), do: apart(found, &walk(body, &1))

  defp generator({:<-, _, [pattern, value]}, found), do: bind(pattern, walk(value, consume(found, [value])))

  defp generator({:<<>>, _, parts}, found), do: Enum.reduce(parts, found, &generator/2)
  defp generator(other, found), do: walk(other, found)

  # What is bound inside stays there.
  defp apart(found, function), do: %{function.(found) | bound: found.bound}

  defp bind({:when, _, args}, found) do
    {patterns, [guard]} = Enum.split(args, -1)
    walk(guard, Enum.reduce(patterns, found, &bind/2))
  end

  defp bind(pattern, found) do
    {_, {bound, found}} =
      Macro.prewalk(pattern, {MapSet.new(), found}, fn
        {:^, _, [{name, _, context}]}, {bound, found} when is_atom(context) ->
          {nil, {bound, read(name, found)}}

        {:"::", _, [left, _]}, acc ->
          {left, acc}

        {:_, _, context}, acc when is_atom(context) ->
          {nil, acc}

        {name, _, context} = node, {bound, found} when is_atom(name) and is_atom(context) ->
          {node, {MapSet.put(bound, name), found}}

        node, acc ->
          {node, acc}
      end)

    %{found | bound: MapSet.union(found.bound, bound)}
  end

  defp drop(text, found) do
    found = object(found)

    case Drop.Reader.read(text) do
      {:ok, read} ->
        names = Map.keys(read.needs) |> Enum.reject(&Drop.Builtins.name?/1) |> Enum.map(&String.to_atom/1)
        found = Enum.reduce(names, found, &read/2)
        found = %{found | changes: MapSet.union(found.changes, MapSet.new(names))}

        found =
          Enum.reduce(read.insertions, found, fn {_, code, _}, found -> walk(code, change(found, [code])) end)

        %{found | bound: MapSet.union(found.bound, MapSet.new(Map.keys(read.binds), &String.to_atom/1))}

      {:error, _, _} ->
        found
    end
  end

  defp aliases(code, found) do
    {_, found} =
      Macro.prewalk(code, found, fn
        {:__aliases__, _, _} = alias, found -> {alias, read(module(alias), found)}
        node, found -> {node, found}
      end)

    found
  end

  # --- notes ---

  defp read(name, found) do
    if MapSet.member?(found.bound, name) or name in [:_, :__MODULE__, :__ENV__, :py],
      do: found,
      else: %{found | reads: MapSet.put(found.reads, name)}
  end

  defp change(found, args), do: %{found | changes: MapSet.union(found.changes, variables(args))}
  defp consume(found, args), do: %{found | consumes: MapSet.union(found.consumes, variables(args))}
  defp world(found), do: %{found | changes: MapSet.put(found.changes, @world)}
  defp object(found), do: %{found | objects: true}

  defp variables(code) do
    {_, names} =
      Macro.prewalk(code, MapSet.new(), fn
        {{:., _, [{:py, _, context}, name]}, _, []} = node, names when is_atom(context) ->
          {node, MapSet.put(names, name)}

        {name, _, context} = node, names when is_atom(name) and is_atom(context) and name not in [:_, :py] ->
          {node, MapSet.put(names, name)}

        node, names ->
          {node, names}
      end)

    names
  end

  defp block?([{key, _} | _]) when key in [:do, :else, :rescue, :catch, :after], do: true
  defp block?(_), do: false

  defp kernel?(name, arity) do
    Macro.special_form?(name, arity) or name in [:__block__, :v, :pipe] or
      {name, arity} in Kernel.__info__(:functions) or {name, arity} in Kernel.__info__(:macros)
  end
end

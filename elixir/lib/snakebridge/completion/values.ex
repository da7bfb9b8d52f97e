defmodule SnakeBridge.Completion.Values do
  @moduledoc """
  What expressions stand for, and what is in it: keys of maps, fields of structs, functions of modules, members of objects
  of Python. Nothing is run for it.

  Values of Elixir are looked at where they are kept, in the keeper; objects of Python by their worker, if there is one.
  """

  import SnakeBridge.Completion, only: [item: 3, matches?: 2]

  alias SnakeBridge.{Completion, Docs, Py, Ref}
  alias SnakeBridge.Completion.{Modules, Python, Source}

  @deepest 20
  @most_fields 500

  @typedoc "What an expression stands for, as far as it can be told."
  @type found ::
          {:variable, String.t(), [tuple()]}
          | {:python, Python.place()}
          | :py
          | {:module, module()}
          | {:struct, module()}
          | {:map, [term()]}

  @doc "The variables of the session, of either language, and of the code before the cursor."
  @spec variables(String.t(), Completion.question()) :: [Completion.item()]
  def variables(typed, question) do
    own =
      question.view.(fn variables, _ ->
        for {name, value} <- variables,
            text = Atom.to_string(name),
            matches?(text, typed),
            do: {text, type(value)}
      end)

    spoken =
      for name <- Source.variables(question.before),
          name != typed,
          matches?(name, typed),
          not List.keymember?(own, name, 0),
          do: {name, ""}

    py = if matches?("py", typed), do: [{"py", "names of Python"}], else: []

    for({name, type} <- Enum.sort(own) ++ spoken ++ py, do: item(name, "variable", type)) ++
      Python.names(typed, question)
  end

  # --- what an expression stands for ---

  @doc "What an expression stands for, or nil where only running it would tell."
  @spec resolve(Macro.t(), Completion.question(), non_neg_integer()) :: found() | nil
  def resolve(tree, question, depth \\ 0)
  def resolve(_, _, @deepest), do: nil
  def resolve({:py, _, context}, _, _) when is_atom(context), do: :py

  def resolve({name, _, context}, question, depth) when is_atom(name) and is_atom(context) do
    case Source.binding(question.before, name) do
      nil -> nil
      {^name, _, _} -> nil
      # What it was bound to before is not told apart.
      tree -> if mentions?(tree, name), do: nil, else: resolve(tree, question, depth + 1)
    end || {:variable, Atom.to_string(name), []}
  end

  # fractions.Fraction
  def resolve({:__aliases__, _, [tree | names]}, question, depth) when is_tuple(tree),
    do: Enum.reduce(names, resolve(tree, question, depth + 1), &step(&2, {:attr, Atom.to_string(&1)}))

  def resolve({:__aliases__, _, _} = tree, question, _) do
    with module when module != nil <- alias_module(tree, question), do: {:module, module}
  end

  def resolve(module, _, _) when is_atom(module) and module not in [nil, true, false], do: {:module, module}

  def resolve({:__block__, _, [_ | _] = trees}, question, depth),
    do: trees |> List.last() |> resolve(question, depth + 1)

  def resolve({:=, _, [_, tree]}, question, depth), do: resolve(tree, question, depth + 1)

  def resolve({:%, _, [name, _]}, question, _) do
    with module when module != nil <- alias_module(name, question), do: {:struct, module}
  end

  def resolve({:%{}, _, pairs}, _, _) when is_list(pairs) do
    {:map, for({key, _} <- pairs, is_atom(key) or is_binary(key), do: key)}
  end

  def resolve({:|>, _, [left, {call, meta, args}]}, question, depth) when is_list(args),
    do: resolve({call, meta, [left | args]}, question, depth + 1)

  # x[key]
  def resolve({{:., _, [Access, :get]}, _, [tree, key]}, question, depth) do
    if is_binary(key) or is_number(key) or is_atom(key),
      do: tree |> resolve(question, depth + 1) |> step({:item, key})
  end

  # function.(..)
  def resolve({{:., _, [tree]}, _, _}, question, depth),
    do: tree |> resolve(question, depth + 1) |> step({:call})

  def resolve({{:., _, [tree, name]}, meta, args}, question, depth) when is_atom(name) do
    case resolve(tree, question, depth + 1) do
      {:module, SnakeBridge} -> bridge(name, args, question, depth)
      {:module, module} -> returned(module, name, length(args))
      found when args == [] -> member(found, name, meta)
      found -> found |> step({:attr, Atom.to_string(name)}) |> step({:call})
    end
  end

  def resolve(_, _, _), do: nil

  defp member(found, name, meta) do
    found = step(found, {:attr, Atom.to_string(name)})
    if meta[:no_parens], do: found, else: step(found, {:call})
  end

  @doc "An attribute of what an expression stands for."
  @spec attribute(found() | nil, String.t()) :: found() | nil
  def attribute(found, name), do: step(found, {:attr, name})

  defp mentions?(tree, name) do
    {_, found} =
      Macro.prewalk(tree, false, fn node, found ->
        {node, found or match?({^name, _, c} when is_atom(c), node)}
      end)

    found
  end

  defp step(nil, _), do: nil
  defp step(:py, {:attr, name}), do: {:python, {{:name, name}, []}}
  defp step({:python, {target, steps}}, step), do: {:python, {target, steps ++ [step]}}
  defp step({:variable, name, steps}, step), do: {:variable, name, steps ++ [step]}
  defp step(_, _), do: nil

  defp alias_module({:__aliases__, _, names}, question) do
    if Enum.all?(names, &is_atom/1),
      do: names |> Enum.map_join(".", &to_string/1) |> Modules.expand(question.env)
  end

  defp alias_module(_, _), do: nil

  # Calls of the bridge that name what they are about.
  defp bridge(name, [module | rest], question, depth)
       when name in [:import, :import!, :call, :call!, :get, :get!] do
    found =
      if is_binary(module), do: {:python, Python.module(module)}, else: resolve(module, question, depth + 1)

    case {name, rest} do
      {import, _} when import in [:import, :import!] -> found
      {get, [text | _]} when get in [:get, :get!] and is_binary(text) -> path(found, text)
      {_, [text | _]} when is_binary(text) -> found |> path(text) |> step({:call})
      _ -> nil
    end
  end

  defp bridge(name, [object, text | _], question, depth) when is_binary(text) or is_atom(text) do
    found = object |> resolve(question, depth + 1) |> path(to_string(text))

    case name do
      name when name in [:attr, :attr!] -> found
      name when name in [:method, :method!] -> step(found, {:call})
      _ -> nil
    end
  end

  defp bridge(_, _, _, _), do: nil

  defp path(found, text), do: text |> String.split(".") |> Enum.reduce(found, &step(&2, {:attr, &1}))

  # A function whose specification says `t()` gives the struct of its module, if that is one.
  defp returned(module, name, arity) do
    if Modules.struct?(module) and Docs.returns_own_type?(module, name, arity), do: {:struct, module}
  end

  # --- what is in it ---

  @doc "What may follow after an expression and a dot."
  @spec members(found() | nil, String.t(), Completion.question()) :: [Completion.item()]
  def members(nil, _, _), do: []
  def members(:py, typed, question), do: Python.all_names(typed, question)
  def members({:python, place}, typed, question), do: Python.members(place, typed, question)
  def members({:module, module}, typed, _), do: Completion.module_members(module, typed)

  def members({:struct, module}, typed, _) do
    for field <- Modules.fields(module),
        text = Atom.to_string(field),
        matches?(text, typed),
        do: item(text, "field", "")
  end

  def members({:map, keys}, typed, _) do
    for key <- keys,
        is_atom(key),
        text = Atom.to_string(key),
        matches?(text, typed),
        do: item(text, "field", "")
  end

  def members({:variable, name, steps}, typed, question) do
    case look_up(name, steps, question) do
      {:fields, fields} ->
        for {key, type} <- fields,
            is_atom(key),
            text = Macro.inspect_atom(:remote_call, key),
            matches?(text, typed),
            do: item(text, "field", type)

      {:module, module} ->
        Completion.module_members(module, typed)

      {:ref, ref, steps} ->
        Python.members({{:value, ref}, steps}, typed, question)

      :unknown ->
        Python.members({{:name, name}, steps}, typed, question)

      :nothing ->
        []
    end
  end

  @doc "The keys that a text in brackets after an expression may be."
  @spec keys(found() | nil, String.t(), Completion.question()) :: [Completion.item()]
  def keys({:map, keys}, typed, _),
    do: for(key <- keys, is_binary(key), matches?(key, typed), do: item(key, "key", ""))

  def keys({:variable, name, steps} = found, typed, question) do
    case look_up(name, steps, question) do
      {:fields, fields} ->
        for {key, type} <- fields, is_binary(key), matches?(key, typed), do: item(key, "key", type)

      _ ->
        with({_, _} = place <- python(found, question), do: Python.ask(place, :keys, typed, question)) || []
    end
  end

  def keys(found, typed, question),
    do: with({_, _} = place <- python(found, question), do: Python.ask(place, :keys, typed, question)) || []

  @doc "Where an expression is in Python, or nil where it is none of Python's."
  @spec python(found() | nil, Completion.question()) :: Python.place() | nil
  def python({:python, place}, _), do: place

  def python({:variable, name, steps}, question) do
    case look_up(name, steps, question) do
      {:ref, ref, steps} -> {{:value, ref}, steps}
      :unknown -> {{:name, name}, steps}
      _ -> nil
    end
  end

  def python(_, _), do: nil

  # Only what is small leaves the keeper.
  defp look_up(name, steps, question) do
    question.view.(fn variables, _ ->
      case Enum.find(variables, fn {key, _} -> Atom.to_string(key) == name end) do
        {_, value} -> walk(value, steps)
        nil -> :unknown
      end
    end)
  end

  defp walk(%Ref{} = ref, steps), do: {:ref, ref, steps}
  defp walk(%Py{}, _), do: :nothing
  defp walk(map, []) when is_map(map), do: {:fields, fields(map)}
  defp walk(module, []) when is_atom(module) and module not in [nil, true, false], do: {:module, module}

  defp walk(map, [{kind, key} | steps]) when is_map(map) and kind in [:attr, :item] do
    case Enum.find(map_pairs(map), fn {other, _} -> same?(kind, other, key) end) do
      {_, value} -> walk(value, steps)
      nil -> :nothing
    end
  end

  defp walk(list, [{:item, key} | steps]) when is_list(list) and is_atom(key) do
    case List.keyfind(list, key, 0) do
      {_, value} -> walk(value, steps)
      _ -> :nothing
    end
  end

  defp walk(_, _), do: :nothing

  defp same?(:attr, other, name), do: is_atom(other) and Atom.to_string(other) == name
  defp same?(:item, other, key), do: other === key

  defp fields(map) do
    for(
      {key, value} <- map_pairs(map),
      is_atom(key) or is_binary(key),
      key != :__struct__,
      do: {key, type(value)}
    )
    |> Enum.take(@most_fields)
    |> Enum.sort()
  end

  # Structs may not be enumerable.
  defp map_pairs(map), do: map |> :maps.iterator() |> pairs(10_000)

  defp pairs(_, 0), do: []

  defp pairs(iterator, left) do
    case :maps.next(iterator) do
      {key, value, rest} -> [{key, value} | pairs(rest, left - 1)]
      :none -> []
    end
  end

  # --- types ---

  @doc "The type of a value in a word."
  @spec type(term()) :: String.t()
  def type(%Ref{type: type}), do: type
  def type(%module{}), do: inspect(module)
  def type(value) when is_map(value), do: "map"

  def type(value) when is_list(value),
    do: if(value != [] and match?([{key, _} | _] when is_atom(key), value), do: "keyword", else: "list")

  def type(value) when is_binary(value), do: "binary"
  def type(value) when is_bitstring(value), do: "bitstring"
  def type(value) when is_integer(value), do: "integer"
  def type(value) when is_float(value), do: "float"
  def type(value) when is_boolean(value), do: "boolean"
  def type(nil), do: "nil"
  def type(value) when is_atom(value), do: "atom"
  def type(value) when is_tuple(value), do: "tuple"
  def type(value) when is_pid(value), do: "pid"
  def type(value) when is_reference(value), do: "reference"
  def type(value) when is_port(value), do: "port"
  def type(value) when is_function(value), do: "function/#{:erlang.fun_info(value, :arity) |> elem(1)}"
end

defmodule SnakeBridge.Completion.Arguments do
  @moduledoc """
  What is known of the place between brackets: fields of a struct, keys in an update of a map, options of a call.
  """

  import SnakeBridge.Completion, only: [item: 4, matches?: 2]

  alias SnakeBridge.{Docs, Keeper}
  alias SnakeBridge.Completion.{Modules, Values}

  @doc "Items for the innermost brackets that are open before the cursor."
  @spec items(String.t(), String.t(), Macro.Env.t()) :: [SnakeBridge.Completion.item()]
  def items(before, typed, env) do
    with {:ok, quoted} <- Code.Fragment.container_cursor_to_quoted(before),
         [_ | _] = path <- Macro.path(quoted, &match?({:__cursor__, _, _}, &1)) do
      at(path, typed, env)
    else
      _ -> []
    end
  end

  @doc "Whether nothing but these items can stand here."
  @spec only?([SnakeBridge.Completion.item()]) :: boolean()
  def only?(items), do: items != [] and Enum.all?(items, &(&1.kind == "field"))

  # From the cursor outwards.
  defp at([_cursor | outer], typed, env), do: around(outer, typed, env)

  # %Struct{a: 1, cur
  defp around([{:%{}, _, pairs}, {:%, _, [name, _]} | _], typed, env),
    do: struct_fields(name, pairs, typed, env)

  # %Struct{value | cur
  defp around([{:|, _, _}, {:%{}, _, pairs}, {:%, _, [name, _]} | _], typed, env),
    do: struct_fields(name, pairs, typed, env)

  defp around([list, {:|, _, [_, list]}, {:%{}, _, _}, {:%, _, [name, _]} | _], typed, env)
       when is_list(list),
       do: struct_fields(name, list, typed, env)

  # %{value | cur
  defp around([{:|, _, [value, _]}, {:%{}, _, _} | _], typed, _), do: map_keys(value, [], typed)

  defp around([list, {:|, _, [value, list]}, {:%{}, _, _} | _], typed, _) when is_list(list),
    do: map_keys(value, list, typed)

  # call(a, cur   and   call(a, b: 1, cur
  defp around([{_, _, args} = call | _], typed, env) when is_list(args), do: options(call, [], typed, env)

  defp around([list, {_, _, args} = call | _], typed, env) when is_list(list) and is_list(args),
    do: options(call, list, typed, env)

  defp around(_, _, _), do: []

  defp struct_fields({:__aliases__, _, names}, pairs, typed, env) do
    module = names |> Enum.map_join(".", &to_string/1) |> Modules.expand(env)

    if module != nil and Code.ensure_loaded?(module) and function_exported?(module, :__info__, 1) do
      for %{field: field} <- module.__info__(:struct) || [],
          text = Atom.to_string(field),
          matches?(text, typed),
          field not in taken(pairs),
          do: item(text <> ": ", "field", inspect(module), "")
    else
      []
    end
  end

  defp struct_fields(_, _, _, _), do: []

  defp map_keys({name, _, context}, pairs, typed) when is_atom(name) and is_atom(context) do
    keys =
      Keeper.view(fn variables, _ ->
        with(%{} = map <- variables[name], do: for(key when is_atom(key) <- Map.keys(map), do: key))
      end)

    for key <- List.wrap(keys),
        text = Atom.to_string(key),
        matches?(text, typed),
        key not in [:__struct__ | taken(pairs)] do
      item(text <> ": ", "field", "", "")
    end
  end

  defp map_keys(_, _, _), do: []

  # Those that the documentation lists, or that Python's signature has.
  defp options({{:., _, [{:__aliases__, _, names}, function]}, _, _}, given, typed, env) do
    names |> Enum.map_join(".", &to_string/1) |> Modules.expand(env) |> documented(function, given, typed)
  end

  defp options({{:., _, [module, function]}, _, _}, given, typed, _) when is_atom(module),
    do: documented(module, function, given, typed)

  # A call of Python: object.function(..) and function.(..).
  defp options({{:., _, [{_, _, _} = object, function]}, _, _}, given, typed, _) when is_atom(function),
    do: python_keywords(names({{:., [], [object, function]}, [], []}), given, typed)

  defp options({{:., _, [{_, _, _} = function]}, _, _}, given, typed, _),
    do: python_keywords(names(function), given, typed)

  defp options({name, _, _}, given, typed, env) when is_atom(name) do
    case Enum.find(env.functions ++ env.macros, fn {_, names} -> List.keymember?(names, name, 0) end) do
      {module, _} -> documented(module, name, given, typed)
      nil -> []
    end
  end

  defp options(_, _, _, _), do: []

  defp names({name, _, context}) when is_atom(name) and is_atom(context), do: [Atom.to_string(name)]

  defp names({{:., _, [inner, name]}, _, []}) when is_atom(name) do
    with [_ | _] = names <- names(inner), do: names ++ [Atom.to_string(name)]
  end

  defp names(_), do: nil

  defp documented(nil, _, _, _), do: []

  defp documented(module, function, given, typed) do
    with %{docs: docs} <- Docs.function(module, function) do
      for {name, text} <- Docs.options(docs),
          matches?(name, typed),
          Modules.existing(name) not in taken(given),
          do: item(name <> ": ", "option", "", text)
    else
      _ -> []
    end
  end

  defp python_keywords([_ | _] = path, given, typed) do
    taken = Enum.map(taken(given), &to_string/1)

    for "(" <> _ = signature <- [Values.python_signature(path)],
        [_, name, rest] <- Regex.scan(~r/[(,]\s*(\w+)\s*((?::[^,=)]*)?=[^,)]*)?/, signature),
        name not in ["self", "cls" | taken],
        matches?(name, typed),
        do: item(name <> ": ", "option", String.trim(rest), "")
  end

  defp python_keywords(_, _, _), do: []

  defp taken(pairs) when is_list(pairs), do: for({key, _} <- pairs, is_atom(key), do: key)
  defp taken(_), do: []
end

defmodule SnakeBridge.Completion.Arguments do
  @moduledoc """
  What is known of the place between brackets: fields of a struct, keys in an update of a map, options of a call.
  """

  import SnakeBridge.Completion, only: [item: 4, matches?: 2]

  alias SnakeBridge.{Completion, Docs}
  alias SnakeBridge.Completion.{Modules, Paths, Python, Source, Values}

  # Functions of the bridge whose first argument may be a module, or is an object, and whose second is a name in it.
  @of_modules [:call, :call!, :get, :get!, :stream, :stream!, :import, :import!]
  @of_objects [:attr, :attr!, :method, :method!]
  # Functions that take a key of a map.
  @of_keys [:get, :fetch, :fetch!, :has_key?, :pop, :put, :delete, :update!, :get_and_update]
  # Methods of Python that take a key of their object.
  @key_methods ~w(get pop setdefault)

  @doc "Items for the innermost brackets that are open before the cursor."
  @spec items(String.t(), Completion.question()) :: [Completion.item()]
  def items(typed, question), do: question.before |> Source.around() |> at(typed, question)

  # --- in strings ---

  @doc "What a string may hold, given where its content starts and what ends it: the typed part, and the items."
  @spec in_string(non_neg_integer(), String.t(), String.t(), Completion.question()) ::
          {String.t(), [Completion.item()]}
  def in_string(start, ending, rest, %{before: before} = question) do
    typed = binary_part(before, start, byte_size(before) - start)
    around = before |> binary_part(0, start - byte_size(ending)) |> Source.around()

    with [_ | outer] <- around,
         {typed, [_ | _] = items} <- named(outer, typed, %{question | before: binary_part(before, 0, start)}) do
      # A key is written with what ends it.
      ending = if String.starts_with?(rest, ending), do: "", else: ending

      {typed,
       for(
         item <- items,
         do: if(item.kind in ["key", "column"], do: %{item | text: item.text <> ending}, else: item)
       )}
    else
      _ -> if typed == "" and not call?(around), do: {"", []}, else: Paths.items(typed)
    end
  end

  defp call?([_, {name, _, args} | _]) when is_list(args), do: name not in [:=, :__block__, :%{}, :{}]
  defp call?(_), do: false

  # x["
  defp named([{{:., _, [Access, :get]}, _, [tree, _]} | _], typed, question),
    do: {typed, keys(tree, typed, question)}

  # SnakeBridge.call("
  defp named([{{:., _, [{:__aliases__, _, names}, function]}, _, [first | rest] = args} | _], typed, question)
       when is_atom(function) do
    case {names |> Enum.map_join(".", &to_string/1) |> Modules.expand(question.env), rest} do
      {SnakeBridge, []} when function in @of_modules ->
        {typed |> String.split(".") |> List.last(), Python.ask(Python.module(""), :modules, typed, question)}

      {SnakeBridge, [_]} when function in @of_modules or function in @of_objects ->
        found =
          if is_binary(first), do: {:python, Python.module(first)}, else: Values.resolve(first, question)

        in_python(found, typed, question)

      {map, [_ | _]} when map in [Map, Access] and function in @of_keys and length(args) == 2 ->
        {typed, keys(first, typed, question)}

      _ ->
        nil
    end
  end

  # df[["a", "   df.sort_values(by: "   df.groupby(["
  defp named([list | outer], typed, question) when is_list(list), do: named(outer, typed, question)
  defp named([{_, {:__cursor__, _, _}} | outer], typed, question), do: named(outer, typed, question)
  defp named([{_, list} | outer], typed, question) when is_list(list), do: named(outer, typed, question)

  # frame.method("
  defp named([{{:., _, [{_, _, _} = tree, method]}, _, _} | _], typed, question) when is_atom(method) do
    with {_, _} = place <- tree |> Values.resolve(question) |> Values.python(question) do
      items = Python.ask(place, :keys, typed, question, %{frames: Atom.to_string(method) not in @key_methods})
      {typed, items}
    end
  end

  defp named(_, _, _), do: nil

  defp keys(tree, typed, question), do: tree |> Values.resolve(question) |> Values.keys(typed, question)

  # `"path.jo"` of "os".
  defp in_python(found, typed, question) do
    {path, [last]} = typed |> String.split(".") |> Enum.split(-1)

    with {target, steps} <- Values.python(found, question),
         do: {last, Python.ask({target, steps ++ Enum.map(path, &{:attr, &1})}, :attributes, last, question)}
  end

  # --- in brackets ---

  @doc "Whether nothing but these items can stand here."
  @spec only?([SnakeBridge.Completion.item()]) :: boolean()
  def only?(items), do: items != [] and Enum.all?(items, &(&1.kind == "field"))

  # From the cursor outwards.
  defp at([_cursor | outer], typed, question), do: around(outer, typed, question)
  defp at(_, _, _), do: []

  # %Struct{a: 1, cur
  defp around([{:%{}, _, pairs}, {:%, _, [name, _]} | _], typed, question),
    do: struct_fields(name, pairs, typed, question)

  # %Struct{value | cur
  defp around([{:|, _, _}, {:%{}, _, pairs}, {:%, _, [name, _]} | _], typed, question),
    do: struct_fields(name, pairs, typed, question)

  defp around([list, {:|, _, [_, list]}, {:%{}, _, _}, {:%, _, [name, _]} | _], typed, question)
       when is_list(list),
       do: struct_fields(name, list, typed, question)

  # %{value | cur
  defp around([{:|, _, [value, _]}, {:%{}, _, _} | _], typed, question),
    do: map_keys(value, [], typed, question)

  defp around([list, {:|, _, [value, list]}, {:%{}, _, _} | _], typed, question) when is_list(list),
    do: map_keys(value, list, typed, question)

  # call(a, cur   and   call(a, b: 1, cur
  defp around([{_, _, args} = call | _], typed, question) when is_list(args),
    do: options(call, [], typed, question)

  defp around([list, {_, _, args} = call | _], typed, question) when is_list(list) and is_list(args),
    do: options(call, list, typed, question)

  defp around(_, _, _), do: []

  defp struct_fields({:__aliases__, _, names}, pairs, typed, question) do
    with module when module != nil <-
           names |> Enum.map_join(".", &to_string/1) |> Modules.expand(question.env) do
      for field <- Modules.fields(module),
          text = Atom.to_string(field),
          matches?(text, typed),
          field not in taken(pairs),
          do: item(text <> ": ", "field", inspect(module), "")
    else
      _ -> []
    end
  end

  defp struct_fields(_, _, _, _), do: []

  defp map_keys({name, _, context}, pairs, typed, question) when is_atom(name) and is_atom(context) do
    keys =
      question.view.(fn variables, _ ->
        with(%{} = map <- variables[name], do: for(key when is_atom(key) <- Map.keys(map), do: key))
      end)

    for key <- List.wrap(keys),
        text = Atom.to_string(key),
        matches?(text, typed),
        key not in [:__struct__ | taken(pairs)] do
      item(text <> ": ", "field", "", "")
    end
  end

  defp map_keys(_, _, _, _), do: []

  # Those that the documentation lists, or that Python's signature has.
  defp options({{:., _, [{:__aliases__, _, names}, function]}, _, _}, given, typed, question) do
    names
    |> Enum.map_join(".", &to_string/1)
    |> Modules.expand(question.env)
    |> documented(function, given, typed)
  end

  defp options({{:., _, [module, function]}, _, _}, given, typed, _) when is_atom(module),
    do: documented(module, function, given, typed)

  # A call of Python: object.function(..) and function.(..).
  defp options({{:., _, [{_, _, _} = object, function]}, _, args}, given, typed, question)
       when is_atom(function) do
    named = {{:., [], [object, function]}, [no_parens: true], []}
    named |> Values.resolve(question) |> python_keywords(args, given, typed, question)
  end

  defp options({{:., _, [{_, _, _} = function]}, _, args}, given, typed, question),
    do: function |> Values.resolve(question) |> python_keywords(args, given, typed, question)

  defp options({name, _, _}, given, typed, %{env: env}) when is_atom(name) do
    case Enum.find(env.functions ++ env.macros, fn {_, names} -> List.keymember?(names, name, 0) end) do
      {module, _} -> documented(module, name, given, typed)
      nil -> []
    end
  end

  defp options(_, _, _, _), do: []

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

  defp python_keywords(found, args, given, typed, question) do
    taken = Enum.map(taken(given), &"#{&1}: ")
    positional = Enum.count(args, &(not is_list(&1) and not match?({:__cursor__, _, _}, &1)))

    with {_, _} = place <- Values.python(found, question) do
      for item <- Python.arguments(place, typed, positional, question), item.text not in taken, do: item
    else
      _ -> []
    end
  end

  defp taken(pairs) when is_list(pairs), do: for({key, _} <- pairs, is_atom(key), do: key)
  defp taken(_), do: []
end

defmodule SnakeBridge.Completion.Values do
  @moduledoc """
  Variables and what is in them: keys of maps, fields of structs, functions of modules, members of objects of Python.

  Values of Elixir are looked at where they are kept, in the keeper; objects of Python by their worker, if there is one.
  """

  import SnakeBridge.Completion, only: [item: 3, matches?: 2]

  alias SnakeBridge.{BridgeError, Completion, Keeper, Lane, Py, Ref, Session}

  # A worker that is busy in C answers nothing, and nobody waits for a menu longer.
  @python_ms 250
  # A worker that did not answer is not asked again for so long.
  @busy_ms 1_000

  @doc "The names of a path like `a.b.c`, or nil where something in it must be run to be known."
  @spec path(term()) :: [String.t()] | nil
  def path({:var, name}), do: [to_string(name)]
  def path({:dot, inner, name}), do: with([_ | _] = names <- path(inner), do: names ++ [to_string(name)])
  def path({:alias, {:local_or_var, name}, member}), do: [to_string(name), to_string(member)]
  def path(_), do: nil

  @doc "The variables of the session, of either language, and of the code before the cursor."
  @spec variables(String.t(), String.t()) :: [Completion.item()]
  def variables(typed, before) do
    own =
      Keeper.view(fn variables, _ ->
        for {name, value} <- variables,
            text = Atom.to_string(name),
            matches?(text, typed),
            do: {text, type(value)}
      end)

    spoken = for name <- names_in(before, typed), not List.keymember?(own, name, 0), do: {name, ""}
    py = if matches?("py", typed), do: [{"py", "names of Python"}], else: []

    for({name, type} <- Enum.sort(own) ++ spoken ++ py, do: item(name, "variable", type)) ++
      python_names(typed)
  end

  @doc "The names that Python owns."
  @spec python_names(String.t()) :: [Completion.item()]
  def python_names(typed) do
    for item <- ask({:module, "__main__"}, typed), matches?(item.text, typed), do: item
  end

  # Names that the unfinished cell binds itself, above.
  defp names_in(before, typed) do
    for [_, name] <-
          Regex.scan(~r/(?<![\w.:@&"])([\p{Ll}_][\p{L}\p{N}_]*[?!]?)\s*(?:=(?![=~])|<-|->)/u, before),
        name != typed,
        matches?(name, typed),
        uniq: true,
        do: name
  end

  @doc "What may follow after a path and a dot."
  @spec members([String.t()], String.t()) :: [Completion.item()]
  def members(["py" | path], typed), do: python_path(path, typed)

  def members([name | path], typed) do
    case look_up(name, path) do
      {:fields, fields} -> for {text, type} <- fields, matches?(text, typed), do: item(text, "field", type)
      {:module, module} -> Completion.module_members(module, typed)
      {:ref, ref, path} -> python_members({:value, ref}, path, typed)
      :unknown -> python_members({:name, name}, path, typed)
      :nothing -> []
    end
  end

  defp python_path([], typed) do
    ask({:module, "__main__"}, typed) ++ ask({:module, "builtins"}, typed)
  end

  defp python_path([name | path], typed), do: python_members({:name, name}, path, typed)

  # Only what is small leaves the keeper.
  defp look_up(name, path) do
    Keeper.view(fn variables, _ ->
      case Enum.find(variables, fn {key, _} -> Atom.to_string(key) == name end) do
        {_, value} -> walk(value, path)
        nil -> :unknown
      end
    end)
  end

  defp walk(%Ref{} = ref, path), do: {:ref, ref, path}
  defp walk(%Py{}, _), do: :nothing
  defp walk(map, []) when is_map(map), do: {:fields, fields(map)}
  defp walk(module, []) when is_atom(module) and module not in [nil, true, false], do: {:module, module}

  defp walk(map, [name | path]) when is_map(map) do
    case Enum.find(map_pairs(map), fn {key, _} -> is_atom(key) and Atom.to_string(key) == name end) do
      {_, value} -> walk(value, path)
      nil -> :nothing
    end
  end

  defp walk(_, _), do: :nothing

  defp fields(map) do
    for(
      {key, value} <- map_pairs(map),
      is_atom(key),
      key != :__struct__,
      do: {Macro.inspect_atom(:remote_call, key), type(value)}
    )
    |> Enum.take(500)
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

  # --- Python ---

  defp python_members(target, path, typed) do
    for item <- ask(target, Enum.join(path ++ [typed], ".")) do
      # `pd.DataFrame(x)` is no Elixir, `pd.DataFrame.(x)` is.
      if item.kind in ["class", "function", "method"] and item.text =~ ~r/^\p{Lu}/u,
        do: %{item | text: item.text <> ".("},
        else: item
    end
  end

  @doc "The signature of what a path of names leads to in Python, as `(a, b=2)`, or nil."
  @spec python_signature([String.t()]) :: String.t() | nil
  def python_signature(path) do
    {path, [name]} = Enum.split(path, -1)
    items = if path == [], do: python_names(name), else: members(path, name)

    Enum.find_value(items, fn %{text: text, detail: detail} ->
      String.replace_suffix(text, ".(", "") == name && detail
    end)
  end

  @doc "Members of an object of Python whose names start so; none where there is no worker, or it is too busy."
  @spec ask(term(), String.t()) :: [Completion.item()]
  def ask(target, prefix) do
    with generation when generation != nil <- Session.attached(Session),
         false <- busy?(),
         {:ok, items} when is_list(items) <-
           Lane.request(Session, :members, {target, prefix}, timeout: @python_ms) do
      for %{text: text, kind: kind} = item <- items,
          do: %{text: text, kind: kind, detail: item[:detail] || "", doc: item[:doc] || ""}
    else
      {:error, %BridgeError{reason: :timeout}} ->
        Process.put(__MODULE__, now() + @busy_ms)
        []

      _ ->
        []
    end
  end

  # Who types on must not wait at every key.
  defp busy?, do: Process.get(__MODULE__, now()) > now()

  defp now, do: System.monotonic_time(:millisecond)

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

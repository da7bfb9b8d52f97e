defmodule SnakeBridge.Completion.Source do
  @moduledoc """
  The code before the cursor: whether it stands in a string or a comment, what stands before a dot, what has been bound.

  It reads code, complete or not, and knows nothing of values.
  """

  defguardp is_word(byte)
            when byte in ?a..?z or byte in ?A..?Z or byte in ?0..?9 or byte in [?_, ?), ?], ?}] or byte > 127

  # A name that nobody writes: what is looked for stands before it.
  @here "snakebridge_here__"
  @atom :snakebridge_here__

  @type place :: :code | :comment | {:string, start :: non_neg_integer(), ending :: String.t()}

  @doc """
  What the end of the code stands in; of a string where its content starts, and what ends it.

      iex> SnakeBridge.Completion.Source.place(~S|File.read!("mix|)
      {:string, 12, "\\""}
      iex> SnakeBridge.Completion.Source.place(~S|"a \#{b|)
      :code
      iex> SnakeBridge.Completion.Source.place("x # y")
      :comment
  """
  @spec place(String.t()) :: place()
  def place(code), do: scan(code, 0, [], nil)

  # The stack: strings, the interpolations in them, and braces in these. `last` is the byte before.
  defp scan("", _, [{:string, start, ending, _} | _], _), do: {:string, start, ending}
  defp scan("", _, _, _), do: :code

  defp scan(code, at, [{:string, _, ending, interpolates} | outer] = stack, _) do
    size = byte_size(ending)

    case code do
      <<^ending::binary-size(size), rest::binary>> -> scan(rest, at + size, outer, ?")
      <<"\\", char::utf8, rest::binary>> -> scan(rest, at + 1 + size(char), stack, nil)
      "\#{" <> rest when interpolates -> scan(rest, at + 2, [:brace | stack], nil)
      <<_, rest::binary>> -> scan(rest, at + 1, stack, nil)
    end
  end

  defp scan("#" <> rest, at, stack, _) do
    case String.split(rest, "\n", parts: 2) do
      [_] -> :comment
      [comment, rest] -> scan(rest, at + 2 + byte_size(comment), stack, nil)
    end
  end

  defp scan(<<"?\\", _, rest::binary>>, at, stack, last) when not is_word(last),
    do: scan(rest, at + 3, stack, nil)

  defp scan(<<"?", char, rest::binary>>, at, stack, last)
       when not is_word(last) and char in [?", ?', ?#, ?{, ?}],
       do: scan(rest, at + 2, stack, nil)

  defp scan("\"\"\"" <> rest, at, stack, _), do: open(rest, at, 3, "\"\"\"", true, stack)
  defp scan("'''" <> rest, at, stack, _), do: open(rest, at, 3, "'''", true, stack)
  defp scan("\"" <> rest, at, stack, _), do: open(rest, at, 1, "\"", true, stack)
  defp scan("'" <> rest, at, stack, _), do: open(rest, at, 1, "'", true, stack)
  defp scan("{" <> rest, at, [:brace | _] = stack, _), do: scan(rest, at + 1, [:brace | stack], ?{)
  defp scan("}" <> rest, at, [:brace | outer], _), do: scan(rest, at + 1, outer, ?})

  defp scan("~" <> rest = code, at, stack, _) do
    case Regex.run(~r/^~([a-z]|[A-Z]+)("""|'''|[\/|"'(\[{<])/, code) do
      [all, name, opening] ->
        rest = binary_part(code, byte_size(all), byte_size(code) - byte_size(all))
        open(rest, at, byte_size(all), ending(opening), name =~ ~r/^[a-z]/, stack)

      nil ->
        scan(rest, at + 1, stack, ?~)
    end
  end

  defp scan(<<byte, rest::binary>>, at, stack, _), do: scan(rest, at + 1, stack, byte)

  defp open(rest, at, size, ending, interpolates, stack),
    do: scan(rest, at + size, [{:string, at + size, ending, interpolates} | stack], nil)

  defp ending("("), do: ")"
  defp ending("["), do: "]"
  defp ending("{"), do: "}"
  defp ending("<"), do: ">"
  defp ending(same), do: same

  defp size(char), do: byte_size(<<char::utf8>>)

  @doc """
  The tree of the expression that a dot at the end of the code belongs to, and what was typed after it.

      iex> {tree, typed} = SnakeBridge.Completion.Source.receiver(~S|f(1, df["a"].str.up|)
      iex> {Macro.to_string(tree), typed}
      {"df[\\"a\\"].str", "up"}
  """
  @spec receiver(String.t()) :: {Macro.t(), String.t()} | nil
  def receiver(code) do
    with [all, typed] <- Regex.run(~r/(?<!\.)\.([\p{L}_][\p{L}\p{N}_]*[?!]?)?\z/u, code) |> typed(),
         before = binary_part(code, 0, byte_size(code) - byte_size(all)),
         # Digits and a dot begin a number.
         false <- before =~ ~r/(?<![\p{L}\p{N}_])\d[\d_]*\z/u,
         [_ | [{{:., _, [tree, @atom]}, _, _} | _]] <- around(before <> "." <> @here <> "(") do
      {tree, typed}
    else
      _ -> nil
    end
  end

  defp typed([all]), do: [all, ""]
  defp typed(other), do: other

  @doc "The trees around the end of the code, from the innermost outwards; the first stands for the end itself."
  @spec around(String.t()) :: [Macro.t()]
  def around(code) do
    with {:ok, quoted} <- Code.Fragment.container_cursor_to_quoted(code),
         [_ | _] = path <- Macro.path(quoted, &match?({:__cursor__, _, _}, &1)) do
      path
    else
      _ -> []
    end
  end

  @doc """
  What a variable is bound to by the code, the last time.

      iex> SnakeBridge.Completion.Source.binding("a = 1\\nb = a\\n", :b) |> Macro.to_string()
      "a"
  """
  @spec binding(String.t(), atom()) :: Macro.t() | nil
  def binding(code, name) do
    collect(code, fn
      {:=, _, [{^name, _, context}, value]} when is_atom(context) -> [value]
      _ -> []
    end)
    |> List.last()
  end

  @doc """
  The variables that the code binds, in its patterns.

      iex> SnakeBridge.Completion.Source.variables("{:ok, a} = f()\\nfn b -> ")
      ["a", "b"]
  """
  @spec variables(String.t()) :: [String.t()]
  def variables(code) do
    collect(code, fn
      {operator, _, [pattern, _]} when operator in [:=, :<-] ->
        names(pattern)

      {:->, _, [patterns, _]} ->
        names(patterns)

      {definition, _, [head | _]} when definition in [:def, :defp, :defmacro, :defmacrop] ->
        head |> arguments() |> names()

      _ ->
        []
    end)
    |> Enum.uniq()
  end

  defp arguments({:when, _, [head | _]}), do: arguments(head)
  defp arguments({_, _, args}) when is_list(args), do: args
  defp arguments(_), do: []

  defp names(pattern) do
    {_, found} =
      Macro.prewalk(pattern, [], fn
        {:^, _, _}, found ->
          {nil, found}

        {name, _, context} = node, found when is_atom(name) and is_atom(context) ->
          {node, [Atom.to_string(name) | found]}

        node, found ->
          {node, found}
      end)

    found |> Enum.reverse() |> Enum.filter(&(&1 =~ ~r/^[\p{Ll}_]/u and not String.starts_with?(&1, "__")))
  end

  defp collect(code, find) do
    case Code.Fragment.container_cursor_to_quoted(code) do
      {:ok, quoted} ->
        {_, found} = Macro.prewalk(quoted, [], fn node, found -> {node, [find.(node) | found]} end)
        found |> Enum.reverse() |> Enum.concat()

      _ ->
        []
    end
  end
end

defmodule SnakeBridge.IEx.Completion do
  @moduledoc """
  What Tab completes in IEx, where it is about Python: members of objects, keys, keyword arguments, names of modules.

  The work is done by `SnakeBridge.Completion`; this module gets the variables from the shell, and answers as a terminal
  wants it. Whatever is not Python's is left to IEx.
  """

  alias SnakeBridge.Completion
  alias SnakeBridge.Completion.{Arguments, Source, Values}

  # Whoever presses Tab waits for an answer; a worker that has just started may need some time for its first.
  @patience_ms 2_000

  @type answer :: {:yes, charlist(), [charlist()]} | {:no, charlist(), []}

  @doc """
  The answer for the line before the cursor, which comes reversed; what `otherwise` gives where that is nothing of Python's.

  Is called by the terminal, which must neither fail nor take part in the calls.
  """
  @spec expand(charlist(), pid(), (charlist() -> answer())) :: answer()
  def expand(reversed, server, otherwise) do
    {pid, monitor} =
      spawn_monitor(fn ->
        line = reversed |> Enum.reverse() |> List.to_string()
        exit({:shutdown, {:found, line |> question(server) |> items()}})
      end)

    receive do
      {:DOWN, ^monitor, _, _, {:shutdown, {:found, {typed, items}}}} -> answer(typed, items)
      {:DOWN, ^monitor, _, _, _} -> otherwise.(reversed)
    after
      2 * @patience_ms ->
        Process.demonitor(monitor, [:flush])
        Process.exit(pid, :kill)
        otherwise.(reversed)
    end
  end

  # --- the shell ---

  # As IEx's own completion asks for them.
  defp question(line, server) do
    {:dictionary, dictionary} = Process.info(server, :dictionary)
    evaluator = dictionary[:evaluator]
    env = Code.env_for_eval([])
    env = Map.merge(env, IEx.Evaluator.fields_from_env(evaluator, server, Map.keys(env)))

    variables =
      for name <- receivers(line),
          {:ok, value} <- [IEx.Evaluator.value_from_binding(evaluator, server, name, [])],
          into: %{},
          do: {name, value}

    %{
      before: line,
      env: env,
      harmless: [],
      most: nil,
      patience_ms: @patience_ms,
      view: & &1.(variables, env)
    }
  end

  # The variables that something follows: only those are copied from the shell.
  defp receivers(line) do
    names = Regex.scan(~r/(?<![\w.])([\p{Ll}_][\p{L}\p{N}_]*)(?=[.\[])/u, line, capture: :all_but_first)
    for [name] <- Enum.uniq(names), atom <- existing(name), do: atom
  end

  defp existing(name) do
    [String.to_existing_atom(name)]
  rescue
    ArgumentError -> []
  end

  # --- what there is ---

  # What was typed and the items, or nil where it is not about Python.
  defp items(%{before: line} = question) do
    case Source.place(line) do
      :comment -> nil
      {:string, start, ending} -> in_string(start, ending, question)
      :code -> member(question) || argument(question)
    end
  end

  defp in_string(start, ending, question) do
    {typed, items} = Arguments.in_string(start, ending, "", question)

    case Enum.reject(items, &(&1.kind in ["file", "folder"])) do
      [] -> nil
      items -> {typed, items}
    end
  end

  defp member(question) do
    with {tree, typed} <- Source.receiver(question.before),
         found when found != nil <- Values.resolve(tree, question),
         true <- found == :py or in_python?(found, question) do
      {typed, Values.members(found, typed, question)}
    else
      _ -> nil
    end
  end

  # A name that the shell does not know may be one of Python's in cells; here it is none.
  defp in_python?(found, question),
    do: match?({{kind, _}, _} when kind != :name, Values.python(found, question)) or names?(found)

  defp names?({:python, {{:name, _}, _}}), do: true
  defp names?(_), do: false

  defp argument(question) do
    with {_, _} = word <- word(question.before),
         {:ok, found} <- callee(question),
         true <- in_python?(found, question) do
      typed = elem(word, 0)
      {typed, Arguments.items(typed, question) ++ signature(typed, found, question)}
    else
      _ -> nil
    end
  end

  # At the beginning of an argument, or in a name that may become that of one.
  defp word(line) do
    case Code.Fragment.cursor_context(line) do
      {:local_or_var, typed} -> {to_string(typed), line}
      {call, _} when call in [:local_call, :dot_call] -> {"", line}
      {:dot_call, _, _} -> {"", line}
      {:anonymous_call, _} -> {"", line}
      :expr -> if line =~ ~r/[(,]\s*\z/, do: {"", line}
      _ -> nil
    end
  end

  defp callee(question) do
    [_ | outer] = Source.around(question.before) ++ [nil]

    Enum.find_value(outer, fn
      {{:., _, [{_, _, _} = object, name]}, _, args} when is_atom(name) and is_list(args) ->
        {:ok, Values.resolve({{:., [], [object, name]}, [no_parens: true], []}, question)}

      {{:., _, [{_, _, _} = function]}, _, args} when is_list(args) ->
        {:ok, Values.resolve(function, question)}

      {name, _, args} when is_atom(name) and is_list(args) and name not in [:__block__, :=] ->
        :other

      _ ->
        nil
    end)
  end

  # Behind the parenthesis, as IEx shows those of Elixir.
  defp signature("", found, question) do
    with {_, _} = place <- Values.python(found, question),
         [%{detail: "(" <> _ = signature}] <-
           SnakeBridge.Completion.Python.ask(place, :documentation, "", question) do
      [Completion.item(signature, "signature")]
    else
      _ -> []
    end
  end

  defp signature(_, _, _), do: []

  # --- for the terminal ---

  defp answer(typed, items) do
    {nearest, others} = Enum.split_with(items, &String.starts_with?(&1.text, typed))

    case {nearest, others} do
      {[], []} -> {:no, ~c"", []}
      {[], others} -> {:yes, ~c"", shown(others)}
      {[%{text: ^typed} = item], _} -> {:yes, ~c"", shown([%{item | text: typed <> signature_of(item)}])}
      {[item], _} -> {:yes, rest(item.text, typed), []}
      {items, _} -> several(items, typed)
    end
  end

  defp signature_of(%{detail: "(" <> _ = signature}), do: signature
  defp signature_of(_), do: ""

  defp several(items, typed) do
    case items |> Enum.map(& &1.text) |> common() |> rest(typed) do
      [] -> {:yes, ~c"", shown(items)}
      rest -> {:yes, rest, []}
    end
  end

  defp common(texts),
    do: texts |> hd() |> binary_part(0, :binary.longest_common_prefix(texts)) |> valid()

  # Two names may part in the middle of a character.
  defp valid(text),
    do: if(String.valid?(text), do: text, else: text |> binary_part(0, byte_size(text) - 1) |> valid())

  defp rest(text, typed),
    do: text |> binary_part(byte_size(typed), byte_size(text) - byte_size(typed)) |> to_charlist()

  defp shown(items), do: items |> Enum.map(&to_charlist(&1.text)) |> Enum.uniq()
end

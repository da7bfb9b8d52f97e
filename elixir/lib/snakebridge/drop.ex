defmodule SnakeBridge.Drop do
  @moduledoc """
  Python source in Elixir code, and what runs it: see `SnakeBridge.sigil_PY/2` and `SnakeBridge.run/3`.

  When Elixir compiles, a drop is read by `SnakeBridge.Drop.Reader`, which decides what it takes from the variables around
  it and which it binds; no Python is needed for that. When it runs, it costs what a call costs: the worker has the source
  compiled under a key, and is sent the text only when it does not know that.

  It knows nothing of the sources' meaning, nor how a call travels.
  """

  alias SnakeBridge.{Options, Steps, Unbound}
  alias SnakeBridge.{CellParser, Natural}
  alias SnakeBridge.Drop.{Builtins, Reader}

  @enforce_keys [:key, :source]
  defstruct [:key, :source, wanted: []]

  @typedoc """
  `source` is `{text, file, first line}`, `wanted` are the names that it is asked for, `:all` of those it binds.
  """
  @type t :: %__MODULE__{
          key: String.t(),
          source: {String.t() | SnakeBridge.Bytes.t(), String.t() | nil, pos_integer()},
          wanted: [String.t()] | :all
        }

  @modifiers %{?r => :ref, ?v => :value, ?l => :list, ?m => :map, ?s => :set, ?t => :text}
             |> Map.merge(%{?b => :bytes, ?a => :array})
  @reserved ~w(do end fn when and or not in true false nil after catch rescue else _)
  @target {:module, "snakebridge.drops"}

  # --- at the compilation ---

  @doc false
  # The code of a drop.
  @spec expand(Macro.t(), charlist(), Macro.Env.t()) :: Macro.t()
  def expand({:<<>>, meta, [text]}, modifiers, env) do
    {plain?, as} = modifiers!(modifiers, env)
    {text, removed} = outdented(text)
    line = (meta[:line] || env.line) + if(meta[:indentation], do: 1, else: 0)
    place = fn {l, c} -> {line + l - 1, column(c, l, meta, removed)} end

    case Reader.read(text, insertions: not plain?) do
      {:ok, found} ->
        code = code(found, as, line, env, fn offset -> place.(Reader.place(text, offset)) end)
        if env.function, do: code, else: quote(do: SnakeBridge.Drop.noted(unquote(code)))

      {:error, message, at} ->
        {_, column} = at
        shown = text |> String.split("\n") |> Enum.at(elem(at, 0) - 1)
        caret = String.duplicate(" ", column - 1) <> "^"

        raise CompileError,
          file: env.file,
          line: elem(place.(at), 0),
          description: "Python: #{message}\n\n    #{shown}\n    #{caret}\n"
    end
  end

  def expand(_, _, env),
    do:
      raise(CompileError, file: env.file, line: env.line, description: "~PY takes its text as it is written")

  @doc false
  # The variables that a drop of this text may read, in its code and in what it inserts: for those who must have them ready.
  @spec variables(String.t(), charlist()) :: [atom()]
  def variables(text, modifiers) do
    case Reader.read(text, insertions: ?p not in modifiers) do
      {:ok, found} ->
        own = for {name, _} <- found.needs, variable?(name), do: String.to_atom(name)
        own ++ CellParser.names(for {_, code, _} <- found.insertions, do: code)

      {:error, _, _} ->
        []
    end
  end

  # In the file, where that is known. What is no heredoc begins behind `~PY"`.
  defp column(column, line, meta, removed) do
    cond do
      meta[:indentation] -> meta[:indentation] + removed + column
      line > 1 -> removed + column
      meta[:column] -> meta[:column] + String.length("~PY") + column
      true -> nil
    end
  end

  defp code(found, as, line, env, place) do
    taken = for {name, offset} <- Enum.sort(found.needs), taken?(name, offset, found, env, place), do: name

    bound =
      for {name, _} <- Enum.sort_by(found.binds, &elem(&1, 1)), variable?(name), not hidden?(name), do: name

    names =
      for(name <- taken, do: {name, variable(name)}) ++
        for {name, code, offset} <- found.insertions,
            do: {name, code |> natural(env) |> at_line(elem(place.(offset), 0))}

    drop = %__MODULE__{
      key: key({found.text, env.file, line}),
      source: {found.text, env.file, line},
      wanted: bound
    }

    opts = if as, do: [as: as], else: []
    value = Macro.unique_var(:value, __MODULE__)

    before =
      for name <- bound,
          do: if(known?(name, env), do: variable(name), else: Macro.escape(%Unbound{name: name}))

    # Nobody has to use what a drop binds. What was bound before counts as used: it stays where Python fails.
    variables = for name <- bound, do: variable(name, generated: true)

    if bound == [] do
      quote do:
              SnakeBridge.Drop.value!(unquote(Macro.escape(drop)), %{unquote_splicing(names)}, unquote(opts))
    else
      quote generated: true do
        {unquote_splicing([value | variables])} =
          SnakeBridge.Drop.bind!(
            unquote(Macro.escape(drop)),
            %{unquote_splicing(names)},
            unquote(opts),
            unquote(before)
          )

        unquote(value)
      end
    end
  end

  # Whether a name comes from a variable; says so where there is none, nor anything else by that name.
  defp taken?(name, offset, found, env, place) do
    cond do
      variable?(name) and known?(name, env) -> true
      is_map_key(found.binds, name) or found.star? or Builtins.name?(name) -> false
      true -> undefined(name, place.(offset), env)
    end
  end

  defp undefined(name, {line, column}, env) do
    hint =
      if variable?(name),
        do: "a variable of Elixir by that name, bound before the drop, is taken; so is what \#{...} inserts",
        else: "no variable of Elixir can have that name: bind it in the drop, or insert a value with \#{...}"

    place = if column, do: [column: column], else: []

    IO.warn(
      "undefined name in Python: #{name}\nhint: #{hint}",
      [file: env.file, line: line, module: env.module] ++ place
    )

    false
  end

  defp known?(name, env), do: Macro.Env.has_var?(env, {String.to_atom(name), nil})
  defp variable(name, meta \\ []), do: {String.to_atom(name), meta, nil}

  # Names that code of Elixir can spell as a variable.
  defp variable?(name),
    do: name =~ ~r/\A[\p{Ll}\p{Lo}_]/u and name not in @reserved and not String.starts_with?(name, "__")

  # As in Elixir: of a variable with an underscore nobody wants the value.
  defp hidden?(name), do: String.starts_with?(name, "_")

  # The code around the drop had that done before it was expanded.
  defp natural(code, env) do
    code = Natural.spelling(code)
    if known?("py", env), do: code, else: Natural.names(code)
  end

  defp at_line(code, line) do
    Macro.prewalk(code, fn
      {form, meta, args} -> {form, Keyword.update(meta, :line, line, &(&1 + line - 1)), args}
      other -> other
    end)
  end

  # Whether nothing is inserted, and what the value arrives as.
  defp modifiers!(letters, env) do
    case letters -- ~c"p" do
      [] -> {letters != [], nil}
      [letter] when is_map_key(@modifiers, letter) -> {length(letters) > 1, @modifiers[letter]}
      _ -> unknown_modifier!(letters, env)
    end
  end

  defp unknown_modifier!(letters, env) do
    known = Enum.map_join(@modifiers, ", ", fn {letter, as} -> "#{<<letter>>} (as: #{inspect(as)})" end)

    raise CompileError,
      file: env.file,
      line: env.line,
      description: "~PY knows no modifier #{letters}; it knows p (nothing is inserted) and one of #{known}"
  end

  # A text that stands further in, as between parentheses: without what all its lines have before them.
  defp outdented(text) do
    with [_, space] <- Regex.run(~r/\A(?:[ \t]*\n)*([ \t]+)(?=\S)/, text),
         false <- text =~ ~r/^(?!#{space})[ \t]*\S/m do
      {Regex.replace(~r/^#{space}/m, text, ""), byte_size(space)}
    else
      _ -> {text, 0}
    end
  end

  # --- at run time ---

  @doc false
  @spec value!(t(), map(), keyword()) :: term()
  def value!(drop, names, opts), do: drop |> run(names, opts) |> unwrap!()

  @doc false
  # The value and what is bound, as a tuple; what is not bound is what it was before.
  @spec bind!(t(), map(), keyword(), [term()]) :: tuple()
  def bind!(drop, names, opts, before) do
    {missing, value, values} = drop |> run_bound(names, opts) |> unwrap!()

    if missing == nil,
      do: List.to_tuple([value | values]),
      else: List.to_tuple([value | kept(drop.wanted, values, before, missing)])
  end

  @doc false
  # Notes the text that a drop at the top level gives. Natural syntax takes this away; where there is none, `run(~PY"...")`
  # is a call with that text, which must not be run as source.
  @spec noted(value) :: value when value: term()
  def noted(text) when is_binary(text) do
    Process.put(__MODULE__, :erlang.phash2(text))
    text
  end

  def noted(value) do
    Process.delete(__MODULE__)
    value
  end

  @doc false
  # Raises for a source that is the text which the last drop at the top level gave.
  @spec not_noted!(String.t()) :: :ok
  def not_noted!(text) do
    with hash when hash != nil <- Process.get(__MODULE__), ^hash <- :erlang.phash2(text) do
      raise ArgumentError,
            "this text is what a drop gave, and not run as source: #{Options.shown(text)}\n" <>
              "hint: at the top level of a script run(~PY...) is this; write it in a function, or in py do ... end. " <>
              "Text that is source runs by ~PY\"exec(text)\""
    end

    :ok
  end

  @doc false
  # For `run(~PY...)`, which gives its errors and takes options.
  @spec attempt(:value | :bind, t(), map(), keyword(), [term()]) :: term()
  def attempt(:value, drop, names, opts, _), do: run(drop, names, Options.check!(:drop, opts))

  def attempt(:bind, drop, names, opts, before) do
    case run_bound(drop, names, Options.check!(:drop, opts)) do
      {:ok, {missing, value, values}} ->
        List.to_tuple([{:ok, value} | kept(drop.wanted, values, before, missing || [])])

      {:error, _} = error ->
        List.to_tuple([error | before])
    end
  end

  defp kept(names, values, before, missing) do
    [names, values, before]
    |> Enum.zip()
    |> Enum.map(fn {name, value, before} -> if name in missing, do: before, else: value end)
  end

  defp run_bound(drop, names, opts) do
    with {:ok, answer} <- run(drop, names, opts) do
      [missing, value | values] = Tuple.to_list(answer)
      {:ok, {missing, value, kept_as_refs(drop.wanted, values, refs(opts), missing || [])}}
    end
  end

  defp refs(opts), do: Enum.map(opts[:refs] || [], &to_string/1)

  defp kept_as_refs(_, values, [], _), do: values

  defp kept_as_refs(names, values, refs, missing) do
    for {name, value} <- Enum.zip(names, values) do
      if name in refs and name not in missing, do: SnakeBridge.attr!(value, "value", as: :ref), else: value
    end
  end

  @doc """
  Runs a source. Where names are wanted the value is a tuple: those of them that are not bound (or nil), the value, and
  what they are bound to; for `:all`, a map.
  """
  @spec run(t(), %{String.t() => term()}, keyword()) :: SnakeBridge.result()
  def run(%__MODULE__{wanted: []} = drop, names, opts) do
    # A ref is made of what comes of a source that awaits, not of its coroutine.
    if opts[:as] == :ref,
      do: send(drop, [names, {}, true], [{:await}], opts),
      else: send(drop, [names], [], opts)
  end

  def run(%__MODULE__{wanted: wanted} = drop, names, opts) do
    wanted = if wanted == :all, do: nil, else: List.to_tuple(wanted)
    {as, opts} = Keyword.pop(opts, :as, :auto)

    # Only the value is as it is wished, so it is asked for by itself.
    with {:ok, answer} <- send(drop, [names, wanted, false, as != :auto], [], opts) do
      if as == :auto do
        {:ok, answer}
      else
        kept = elem(answer, 1)

        with {:ok, value} <- SnakeBridge.attr(kept, "value", [as: as] ++ Keyword.delete(opts, :session)),
             do: {:ok, put_elem(answer, 1, value)}
      end
    end
  end

  defp send(%{key: key, source: source}, args, more, opts) do
    {own, opts} = Keyword.split(opts, [:namespace, :refs])
    own = for {name, value} <- own, do: {to_string(name), if(name == :refs, do: refs(own), else: value)}
    whole = [{:method, "run", [key | args], [{"source", source} | own]} | more]

    # No worker knows the key where there is none: a stub is told the source.
    if SnakeBridge.Stub.stub?(Keyword.get(opts, :session, SnakeBridge.Session)) do
      Steps.run(@target, whole, opts)
    else
      case Steps.run(@target, [{:method, "run", [key | args], own} | more], opts) do
        {:error, %{class: "UnknownError", module: "snakebridge.drops"}} -> Steps.run(@target, whole, opts)
        result -> result
      end
    end
  end

  @doc "The name under which a worker keeps a source."
  @spec key(term()) :: String.t()
  def key(source), do: source |> :erlang.term_to_binary() |> :erlang.md5() |> Base.encode16()

  defp unwrap!({:ok, value}), do: value
  defp unwrap!({:error, error}), do: SnakeBridge.Fault.reraise!(error)
end

defmodule SnakeBridge.Export.Replay do
  @moduledoc """
  Runs the kept cells of a session again, in names of their own, to see what a project made of them will meet: what the
  values are, which of them differ from those that were recorded, how they come through Elixir, and how far failed cells
  came.

  It touches no name of the session around it. What cells do outside of names (files, databases) they do again.
  """

  alias SnakeBridge.{MimeBundle, Ref}
  alias SnakeBridge.Export.Code, as: Text
  alias SnakeBridge.Export.{Cells, Effects}

  # Running once more says more, where it takes no time.
  @again_ms 3_000

  defstruct cells: [], values: %{}, crossings: %{}, taken: MapSet.new(), varying: MapSet.new(), failed: nil

  @typedoc """
  `cells`: with the parts of failed cells that went well as their text. `values`: of all names at the end, as Elixir has them.
  `crossings`: for each cell's number how the names that it bound would come back from Elixir. `taken`: names of Elixir, with the cells'
  numbers, whose values Python has changed, so that they are Python's. `varying`: names whose
  values are not what was recorded, or differ from one run to the next. `failed`: where and why it ended early.
  """
  @type t :: %__MODULE__{
          cells: [map()],
          values: %{String.t() => term()},
          crossings: %{integer() => %{String.t() => String.t()}},
          taken: MapSet.t({integer(), String.t()}),
          varying: MapSet.t(String.t()),
          failed: {integer(), String.t()} | nil
        }

  @doc "Runs them. Never raises: where a cell fails, what is known until then is given."
  @spec run(SnakeBridge.Export.Cells.t()) :: t()
  def run(cells) do
    {microseconds, first} = :timer.tc(fn -> silently(fn -> once(cells, cells.cells) end) end)

    if first.failed == nil and microseconds < @again_ms * 1000 do
      second = silently(fn -> once(cells, first.cells) end)
      names = for {name, text} <- first.texts, second.texts[name] != text, do: name
      given(%{first | varying: MapSet.union(first.varying, MapSet.new(names))})
    else
      given(first)
    end
  end

  defp given(run),
    do: struct!(__MODULE__, Map.take(run, [:cells, :values, :crossings, :taken, :varying, :failed]))

  defp silently(function) do
    leader = Process.group_leader()
    {:ok, device} = StringIO.open("")
    Process.group_leader(self(), device)
    conflicts = Code.get_compiler_option(:ignore_module_conflict)
    Code.put_compiler_option(:ignore_module_conflict, true)

    try do
      {result, _} = Code.with_diagnostics(function)
      result
    after
      Code.put_compiler_option(:ignore_module_conflict, conflicts)
      Process.group_leader(self(), leader)
      StringIO.close(device)
    end
  end

  defp once(session, cells) do
    state = %{
      names: SnakeBridge.call!("builtins", "dict", [], [], as: :ref),
      variables: session.variables,
      words: words(cells),
      owners: %{},
      lent: %{},
      binding: [],
      env: env(),
      cells: [],
      crossings: %{},
      taken: MapSet.new(),
      varying: MapSet.new(),
      failed: nil
    }

    state = Enum.reduce(session.params, state, fn {name, default}, state -> param(name, default, state) end)
    state = Enum.reduce(cells, state, &cell/2)
    values = values(state)
    texts = Map.new(values, fn {name, value} -> {name, text(value)} end)
    Map.merge(state, %{cells: Enum.reverse(state.cells), values: values, texts: texts})
  end

  defp param(name, default, state) do
    {value, _} = Code.eval_string(default)
    bind(name, value, state)
  end

  # Which names any source of Python may mean.
  defp words(cells) do
    for %{language: "python", text: text} <- cells,
        [word] <- Regex.scan(~r/[\p{L}_][\p{L}\p{N}_]*/u, text),
        into: MapSet.new(),
        do: word
  end

  defp env do
    code =
      quote do
        require SnakeBridge
        require SnakeBridge.Py
        import Bitwise, only: unquote(SnakeBridge.Natural.operators())
      end

    {_, _, env} = Code.eval_quoted_with_env(code, [], Code.env_for_eval(file: "export"))
    env
  end

  defp cell(cell, %{failed: {_, _}} = state), do: %{state | cells: [unknown(cell) | state.cells]}

  defp cell(cell, state) do
    run_cell(cell, state)
  rescue
    error -> %{state | failed: {cell.number, Exception.message(error)}, cells: [unknown(cell) | state.cells]}
  catch
    kind, reason ->
      %{
        state
        | failed: {cell.number, Exception.format_banner(kind, reason)},
          cells: [unknown(cell) | state.cells]
      }
  end

  # How far it came in the session nobody knows.
  defp unknown(%{kept: :partly, language: "python"} = cell),
    do: %{cell | text: String.trim(attempt(cell.text, "Exception")), kept: true}

  defp unknown(%{kept: :partly} = cell),
    do: %{cell | text: cell.text |> attempt_elixir(cell) |> Enum.join(), kept: true}

  defp unknown(cell), do: cell

  defp run_cell(%{language: "python", kept: :partly} = cell, state) do
    {done, failing, error} =
      SnakeBridge.call!("snakebridge.exporting", "part", [state.names, cell.text, cell.changes ++ cell.writes])

    # What the failing statement may have done on its way stays done.
    text = if failing == "", do: done, else: done <> attempt(failing, error)
    after_python(%{cell | text: String.trim(text), kept: true}, state)
  end

  defp run_cell(%{language: "python"} = cell, state) do
    SnakeBridge.run!(cell.text, [], namespace: state.names)
    after_python(cell, state)
  end

  defp run_cell(cell, state) do
    lent = for name <- cell.reads, state.owners[name] == :python, do: name

    binding =
      Enum.reduce(lent, state.binding, fn name, binding ->
        Keyword.put(binding, variable(name, state), SnakeBridge.item!(state.names, name))
      end)

    {text, binding, env} =
      if cell.kept == :partly, do: partly(cell, binding, state.env), else: whole(cell, binding, state.env)

    cell = if cell.kept == :partly, do: came_to_bind(cell, text), else: cell
    state = %{state | binding: binding, env: env}
    written = Cells.binds(cell)

    state =
      Enum.reduce(written, state, fn name, state ->
        case Keyword.fetch(binding, variable(name, state)) do
          {:ok, value} -> bind(name, value, state)
          :error -> state
        end
      end)

    compare(%{cell | text: text, kept: true}, state)
  end

  defp attempt(failing, error) do
    indented = failing |> String.split("\n") |> Enum.map_join("\n", &"    #{&1}")
    "\n\n# As in the session, this fails on its way.\ntry:\n#{indented}\nexcept #{error}:\n    pass"
  end

  defp whole(cell, binding, env) do
    code =
      Enum.map(cell.lexical, &Text.natural/1) ++
        Enum.map(cell.modules, fn {_, text} -> Text.natural(text) end)

    {binding, env} = evaluate(code ++ Enum.map(Text.expressions(cell.text), &Text.natural/1), binding, env)
    {cell.text, binding, env}
  end

  # Up to the first that fails, now or then.
  defp partly(cell, binding, env) do
    {binding, env} = evaluate(Enum.map(cell.lexical, &Text.natural/1), binding, env)

    {done, binding, env} =
      cell.text
      |> Text.expressions()
      |> seen(cell)
      |> Enum.reduce_while({[], binding, env}, fn text, {done, binding, env} ->
        try do
          {binding, env} = evaluate([Text.natural(text)], binding, env)
          {:cont, {[text | done], binding, env}}
        rescue
          # Nothing of it has run.
          _ in CompileError -> {:halt, {done, binding, env}}
          _ -> {:halt, {attempt_elixir(text, cell) ++ done, binding, env}}
        end
      end)

    {done |> Enum.reverse() |> Enum.join("\n"), binding, env}
  end

  defp came_to_bind(cell, text) do
    writes = Effects.of(text).writes

    %{
      cell
      | writes: Enum.filter(cell.writes, &(&1 in writes)),
        certain: Enum.filter(cell.certain, &(&1 in writes))
    }
  end

  # What it would have bound next was not seen to be bound.
  defp seen(expressions, cell) do
    expressions =
      Enum.take_while(expressions, fn text -> Enum.all?(Effects.of(text).writes, &(&1 in cell.writes)) end)

    if cell.touched == [], do: up_to_last_write(expressions), else: expressions
  end

  defp up_to_last_write(expressions) do
    expressions |> Enum.reverse() |> Enum.drop_while(&(Effects.of(&1).writes == [])) |> Enum.reverse()
  end

  defp attempt_elixir(text, %{touched: [_ | _]}),
    do: ["# As in the session, this fails on its way.\ntry do\n#{text}\nrescue\n_ -> :failed\nend"]

  defp attempt_elixir(_, _), do: []

  defp evaluate(code, binding, env) do
    Enum.reduce(code, {binding, env}, fn quoted, {binding, env} ->
      {_, binding, env} = Code.eval_quoted_with_env(quoted, binding, env)
      {binding, env}
    end)
  end

  defp after_python(cell, state) do
    written = Cells.binds(cell)
    owners = Enum.reduce(written, state.owners, &Map.put(&2, &1, :python))

    crossings =
      SnakeBridge.call!("snakebridge.exporting", "crossings", [state.names, Enum.uniq(written ++ cell.reads)])

    owners = Enum.reduce(written, owners, &if(is_map_key(crossings, &1), do: &2, else: Map.delete(&2, &1)))
    owners = Enum.reduce(cell.deletes, owners, &Map.delete(&2, &1))
    taken = Enum.filter(cell.changes, &(owners[&1] == :elixir and changed?(&1, state)))
    owners = Enum.reduce(taken, owners, &Map.put(&2, &1, :python))
    state = %{state | taken: MapSet.union(state.taken, MapSet.new(taken, fn name -> {cell.number, name} end))}
    compare(cell, %{state | owners: owners, crossings: Map.put(state.crossings, cell.number, crossings)})
  end

  # A copy of Elixir's that Python has changed. It is compared with what it was in Python, where keys are text; what is no
  # copy there is the same object still.
  defp changed?(name, state) do
    case {state.lent[name], SnakeBridge.item(state.names, name)} do
      {{:ok, %Ref{}}, _} -> false
      {{:ok, lent}, _} when is_function(lent) -> false
      {lent, now} -> lent != now
    end
  end

  defp compare(cell, state) do
    state = %{state | cells: [cell | state.cells]}

    if cell.shown != nil and cell.result != nil and not same?(cell.result, shown(cell, state)),
      do: %{state | varying: MapSet.put(state.varying, cell.shown)},
      else: state
  end

  defp shown(%{language: "python", shown: name}, state),
    do:
      SnakeBridge.run!("from snakebridge import exporting as _exporting\n_exporting.text(#{name})", [],
        namespace: state.names
      )

  defp shown(%{shown: name}, state), do: text(Keyword.get(state.binding, variable(name, state)))

  defp bind(name, value, state) do
    binding = Keyword.put(state.binding, variable(name, state), value)
    state = %{state | binding: binding, owners: Map.put(state.owners, name, :elixir)}
    if name in state.words, do: lend(name, value, state), else: state
  end

  defp lend(name, value, state) do
    SnakeBridge.put_item(state.names, name, value)
    %{state | lent: Map.put(state.lent, name, SnakeBridge.item(state.names, name))}
  end

  defp values(state) do
    for {name, owner} <- state.owners,
        {:ok, value} <- [value(owner, name, state)],
        into: %{},
        do: {name, value}
  end

  defp value(:python, name, state), do: SnakeBridge.item(state.names, name)
  defp value(:elixir, name, state), do: Keyword.fetch(state.binding, variable(name, state))

  defp variable(name, state), do: String.to_atom(Map.get(state.variables, name, name))

  @doc "What is shown of a value, as plain text."
  @spec text(term()) :: String.t()
  def text(%Ref{} = ref), do: SnakeBridge.call!("snakebridge.exporting", "text", [ref], [], as: :text)
  def text(value), do: value |> MimeBundle.of() |> elem(0) |> Map.get("text/plain", "") |> plain()

  @doc """
  Whether two texts say the same: but for white space, colours, and the last digits of numbers.

      iex> SnakeBridge.Export.Replay.same?("[1.0000000001,  2]", "[1.0, 2]")
      true
      iex> SnakeBridge.Export.Replay.same?("[1.1, 2]", "[1.0, 2]")
      false
  """
  @spec same?(String.t(), String.t()) :: boolean()
  def same?(one, other) do
    {one, other} = {parts(one), parts(other)}
    length(one) == length(other) and Enum.all?(Enum.zip(one, other), fn {a, b} -> a == b or close?(a, b) end)
  end

  defp parts(text) do
    text = plain(text)

    Regex.split(~r/[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?/i, String.replace(text, ~r/\s+/u, ""),
      include_captures: true
    )
  end

  defp plain(text), do: Regex.replace(~r/\e\[[0-9;]*m/, text, "")

  defp close?(a, b) do
    with {a, ""} <- Float.parse(a),
         {b, ""} <- Float.parse(b),
         do: abs(a - b) <= 1.0e-9 * max(abs(a), abs(b)),
         else: (_ -> false)
  end
end

defmodule SnakeBridge.Evaluator do
  @moduledoc """
  The process in which cells of Elixir run.

  It lives as long as nothing ends it, so `self/0`, the mailbox, the process dictionary and the ETS tables of one cell
  are there in the next. It evaluates the top-level expressions of a cell one by one, and hands what each has bound to
  `SnakeBridge.Keeper`: so a cell that fails, or is killed, keeps what its earlier expressions bound.
  """

  alias SnakeBridge.{CellParser, Diagnostics, Ebin, Expand, Helpers, IOServer, Keeper, Lane}
  alias SnakeBridge.{Memory, MimeBundle, Natural, Py, Ref, Render, Session}

  # Python sends no larger container by its name.
  @value_items 100_000
  @containers Map.new(~w(list tuple dict set frozenset), &{"builtins." <> &1, &1})

  @reserved "py is reserved: what this cell has bound to it ends with the cell, then py has the names of Python again"

  # After so long without a cell there is time to collect garbage.
  @idle_ms 20

  @typedoc "A cell to run, and where its output goes."
  @type job :: %{
          cell: pos_integer(),
          source: String.t(),
          device: pid(),
          # Whether Python may own names.
          read: boolean(),
          silent: boolean(),
          # Whether the result is kept for `v/1`.
          store: boolean(),
          # Names and sources of what is evaluated after a cell that went well.
          expressions: [{String.t(), String.t()}]
        }

  @typedoc "How it went, as in the answer to `execute`."
  @type outcome :: %{
          required(:status) => :ok | :error,
          required(:reads) => [String.t()],
          required(:writes) => [String.t()],
          required(:calls) => [map()],
          optional(:expressions) => [{String.t(), String.t(), map()}]
        }

  # `borrowed`: names in the binding that are Python's, for as long as this cell runs.
  # `told`: what is said once in a session, of which names.
  @enforce_keys [:owner, :tag, :thread]
  defstruct [:owner, :tag, :thread, :env, :news, binding: [], borrowed: MapSet.new(), told: MapSet.new()]

  @doc """
  Starts an evaluator, linked to nothing. It sends `{tag, :done, outcome}` to the caller after each cell.
  `thread`: which of Python serves its calls.
  """
  @spec start(reference(), :main | :own) :: pid()
  def start(tag, thread) do
    owner = self()
    spawn(fn -> init(%__MODULE__{owner: owner, tag: tag, thread: thread}) end)
  end

  @doc "Runs a cell."
  @spec run(pid(), reference(), job()) :: :ok
  def run(evaluator, tag, job) do
    send(evaluator, {tag, :run, job})
    :ok
  end

  defp init(state) do
    limit_memory()
    {binding, env, news} = Keeper.session()
    Lane.put_thread(Session, state.thread)
    state = %{state | binding: binding, env: env || first_env(), news: news}
    # Completion asks the keeper what is in scope.
    if env == nil, do: begin(state.env)
    load_code(state)
    loop(state, :infinity)
  end

  defp begin(env) do
    Keeper.put([], env)

    unless Expand.available?() do
      text =
        "Natural syntax is off in cells: SnakeBridge does not know the compiler of Elixir #{System.version()}.\n"

      IOServer.print(IOServer.background(), :stderr, text)
    end
  end

  # A cell that never stops taking memory would take all of the machine's, and the names of the session with it.
  defp limit_memory do
    with bytes when is_integer(bytes) <- Memory.limit() do
      words = div(bytes, :erlang.system_info(:wordsize))
      Process.flag(:max_heap_size, %{size: words, kill: true, error_logger: false})
    end
  end

  defp first_env do
    {_, _, env} = Code.eval_quoted_with_env(Helpers.imports(), [], Code.env_for_eval(file: "cell"))
    %{env | tracers: [Ebin]}
  end

  # The first cell of the session would wait for what it needs to be loaded.
  defp load_code(state) do
    {:ok, [expression]} = CellParser.parse(~s([1, "text", %{key: 1.5}]), 1)
    {value, _, _, _} = expand_and_run(expression, state, & &1.())
    MimeBundle.of(value)
  end

  # The user's own messages stay in the mailbox.
  defp loop(%{tag: tag} = state, timeout) do
    receive do
      {^tag, :run, job} ->
        Process.group_leader(self(), job.device)
        if Process.whereis(Mix.ProjectStack), do: Ebin.keep_on_path()
        {outcome, state} = run_cell(job, state)
        send(state.owner, {tag, :done, outcome})
        loop(state, @idle_ms)
    after
      timeout ->
        # Refs to objects of Python are released when the terms that held them are collected. With large values this
        # takes a while, in which the next cell would wait.
        :erlang.garbage_collect()
        loop(state, :infinity)
    end
  end

  # --- a cell ---

  # A cell that binds `py` has it so until its end.
  defp run_cell(job, state) do
    state = hear_news(state)
    env = %{state.env | file: CellParser.file(job.cell), line: 1}
    state = %{state | env: env, binding: put(state.binding, :py, %Py{})}
    cell = %{job: job, reads: MapSet.new(), writes: MapSet.new(), value: nil}

    {status, cell, state} =
      case CellParser.parse(job.source, job.cell) do
        {:ok, expressions} ->
          evaluate(expressions, nil, cell, borrow(expressions, job, state))

        {:error, error} ->
          report(:error, error, [], job, hint: syntax_hint(job.source, error))
          {:error, cell, state}
      end

    calls = calls(job.cell)
    if calls != [], do: show_figures(cell.value)
    outcome = %{status: status, reads: texts(cell.reads), writes: texts(cell.writes), calls: calls}
    state = give_back(state)
    {if(status == :ok, do: Map.merge(outcome, expressions(cell, state)), else: outcome), state}
  end

  # What the cell has drawn with matplotlib, as after one of Python.
  defp show_figures(value) do
    value = if is_struct(value, Ref), do: value
    _ = SnakeBridge.call("snakebridge.figures", "end_cell", [value])
    :ok
  end

  # What cells of other subshells have written meanwhile.
  defp hear_news(state) do
    if Keeper.News.any?(state.news) do
      {changes, env} = Keeper.news()

      binding =
        Enum.reduce(changes, state.binding, fn
          {key, {:value, value}}, binding -> put(binding, key, value)
          {key, :forgotten}, binding -> List.keydelete(binding, key, 0)
        end)

      %{state | binding: binding, env: env}
    else
      state
    end
  end

  defp syntax_hint(source, %module{} = error) when module in [SyntaxError, TokenMissingError],
    do: Natural.syntax_hint(source, error)

  defp syntax_hint(_, _), do: nil

  # A call does not tell that it means a variable, so a name of Python in one has not been asked for yet.
  defp compile_hint(%Diagnostics.Failed{diagnostics: [first | _]}, job, state) do
    Natural.compile_hint(to_string(first.message), fn name ->
      Enum.any?(state.binding, fn {key, _} -> is_atom(key) and Atom.to_string(key) == name end) or
        (job.read and match?({:ok, %{^name => {:value, _}}}, Lane.read(Session, [name])))
    end)
  end

  defp compile_hint(_, _, _), do: nil

  # What was called in Python, if anything ever was.
  defp calls(cell) do
    with generation when generation != nil <- Lane.generation(Session),
         {:ok, calls} when is_list(calls) <- Lane.request(Session, :calls, cell) do
      calls
    else
      _ -> []
    end
  end

  defp evaluate([], nil, cell, state), do: {:ok, cell, state}
  defp evaluate([], {:value, value}, cell, state), do: finish(value, cell, state)

  defp evaluate([expression | rest], _, cell, state) do
    case step(expression, cell, state) do
      {:ok, value, cell, state} -> evaluate(rest, {:value, value}, cell, state)
      :error -> {:error, cell, state}
    end
  end

  # Inspecting a value may run code of the user's, so it can fail and be interrupted like the cell.
  defp finish(value, %{job: job} = cell, state) do
    if job.store, do: Keeper.remember(job.cell, stored(value, state))

    unless job.silent or value == IEx.dont_display_result() do
      body = shown(value, job)
      # What shows itself has no data.
      if body.data != %{}, do: IOServer.emit(job.device, :result, body)
    end

    {:ok, %{cell | value: value}, state}
  catch
    kind, reason ->
      report(kind, reason, __STACKTRACE__, job)
      {:error, cell, state}
  end

  defp shown(value, job) do
    {data, metadata} = MimeBundle.of(value)
    %{cell: job.cell, data: data, metadata: metadata}
  end

  # A value that a variable has is with the keeper already, and is not copied there again.
  defp stored(value, state) do
    case Enum.find(state.binding, fn {_, bound} -> :erts_debug.same(bound, value) end) do
      {key, _} -> if key == :py or key in state.borrowed, do: {:value, value}, else: {:variable, key}
      nil -> {:value, value}
    end
  end

  # --- what a client wants to know after the cell ---

  defp expressions(%{job: %{expressions: []}}, _), do: %{}

  defp expressions(%{job: job} = cell, state) do
    answers =
      for {name, source} <- job.expressions do
        {kind, body} = expression(%{job | source: source}, cell.writes, state)
        {name, kind, body}
      end

    %{expressions: answers}
  end

  # What it binds ends with it. What the cell has written is not with Python yet, so Python is not asked for it.
  defp expression(job, written, state) do
    case CellParser.parse(job.source, job.cell) do
      {:ok, expressions} ->
        state = borrow(expressions, job, state, written)

        {value, _} =
          Enum.reduce(expressions, {nil, state}, fn expression, {_, state} ->
            {value, _, binding, env} = eval(expression, job, state)
            {value, %{state | binding: binding, env: %{env | versioned_vars: %{}}}}
          end)

        {"result", shown(value, job)}

      {:error, error} ->
        {"error", error_body(:error, error, [], job, [])}
    end
  catch
    kind, reason -> {"error", error_body(kind, reason, __STACKTRACE__, job, [])}
  end

  # --- an expression ---

  defp step(expression, %{job: job} = cell, state) do
    {value, read, binding, env} = eval(expression, job, state)

    # A name with a version that the binding did not have was bound by the expression, also in `x = x`.
    before = length(state.binding)
    versions = env.versioned_vars
    changes = for {key, _} = change <- binding, Map.get(versions, pair(key), 0) >= before, do: change
    {reserved, changes} = Enum.split_with(changes, &match?({:py, _}, &1))
    written = for {name, _} <- changes, is_atom(name), into: MapSet.new(), do: name
    read = MapSet.difference(MapSet.new(read), cell.writes)

    env = Helpers.give_way(%{env | versioned_vars: %{}})
    Keeper.put(changes, env)

    cell = %{cell | reads: MapSet.union(cell.reads, read), writes: MapSet.union(cell.writes, written)}
    borrowed = MapSet.difference(state.borrowed, written)
    state = %{state | binding: binding, env: env, borrowed: borrowed}
    state = if reserved == [], do: state, else: tell(state, job, :py, @reserved)
    {:ok, value, cell, state}
  catch
    kind, reason ->
      report(kind, reason, __STACKTRACE__, job,
        line: line(expression),
        hint: compile_hint(reason, job, state)
      )

      :error
  end

  defp pair(name) when is_atom(name), do: {name, nil}
  defp pair(pair), do: pair

  defp line({_, meta, _}), do: Keyword.get(meta, :line, 1)
  defp line(_), do: 1

  # Modules are checked, and their diagnostics collected, as a whole; of anything else only the expansion, because its
  # evaluation may take long and print.
  defp eval(expression, job, state) do
    expression = expression |> Natural.spelling() |> Helpers.prepare(state.env, state.borrowed)

    if module?(expression) do
      Diagnostics.show(job, fn -> verify(fn -> expand_and_run(expression, state, & &1.()) end) end)
    else
      verify(fn -> expand_and_run(expression, state, &Diagnostics.show(job, &1)) end)
    end
  end

  defp verify(function), do: Module.ParallelChecker.verify(function)

  defp module?({name, _, [_ | _]}), do: name in [:defmodule, :defprotocol, :defimpl]
  defp module?(_), do: false

  # The value, the names of the session that were read, the binding and the environment after it.
  defp expand_and_run(expression, %{binding: binding, env: env}, showing) do
    if Expand.available?() do
      {expanded, ast} =
        showing.(fn -> Expand.expand(expression, binding, env, &Natural.Rewrite.expanded/1) end)

      {value, new_binding, env} = Expand.evaluate(expanded)
      {value, names_read(ast, length(binding)), new_binding, env}
    else
      {value, new_binding, env} = showing.(fn -> Code.eval_quoted_with_env(expression, binding, env) end)
      read = for name <- CellParser.names([expression]), List.keymember?(binding, name, 0), do: name
      {value, read, new_binding, env}
    end
  end

  # The variables of expanded code carry versions; those of the binding come first.
  defp names_read(ast, before) do
    {_, names} =
      Macro.prewalk(ast, [], fn
        # A module is given all variables, used or not.
        {{:., _, [:elixir_module, :compile]}, _, _}, names ->
          {nil, names}

        {name, meta, nil} = variable, names when is_atom(name) and is_list(meta) ->
          {variable, if(meta[:version] < before and name != :py, do: [name | names], else: names)}

        other, names ->
          {other, names}
      end)

    names
  end

  # --- names of Python ---

  # Asks for the names that the cell mentions: those that Python owns are in the binding for this cell only.
  defp borrow(expressions, job, state, except \\ [])

  defp borrow(expressions, %{read: true} = job, state, except) do
    wanted = &(Keeper.shared?(&1) and &1 not in except)

    with [_ | _] = names <- expressions |> CellParser.names() |> Enum.filter(wanted),
         {:ok, answers} <- Lane.read(Session, Enum.map(names, &Atom.to_string/1)) do
      Enum.reduce(names, state, fn name, state ->
        case answers[Atom.to_string(name)] do
          {:value, value} -> state |> lend(name, value) |> tell_of_size(job, name, value)
          :unbound -> forget(state, name)
          _ -> state
        end
      end)
    else
      _ -> state
    end
  end

  defp borrow(_, _, state, _), do: state

  defp lend(state, name, value) do
    state = forget(state, name)
    %{state | binding: put(state.binding, name, value), borrowed: MapSet.put(state.borrowed, name)}
  end

  defp tell_of_size(state, job, name, %Ref{type: type} = ref) when is_map_key(@containers, type) do
    with false <- {:size, name} in state.told,
         {:ok, count} when is_integer(count) and count > @value_items <-
           Lane.request(Session, :do, {{:value, ref}, [{:fun, :len}], %{}}) do
      # This call is not one of the cell's.
      calls(job.cell)

      text =
        "#{name} is a Python #{@containers[type]} of #{grouped(count)} items: a ref here. " <>
          "hint: SnakeBridge.value!(#{name}) fetches it whole"

      tell(state, job, {:size, name}, text)
    else
      _ -> state
    end
  end

  defp tell_of_size(state, _, _, _), do: state

  defp grouped(count), do: count |> Integer.to_string() |> String.replace(~r/\B(?=(\d{3})+$)/, ",")

  # Python has bound, or deleted, a name that was Elixir's.
  defp forget(state, name) do
    if List.keymember?(state.binding, name, 0) do
      Keeper.drop([name])
      %{state | binding: List.keydelete(state.binding, name, 0)}
    else
      state
    end
  end

  defp give_back(state) do
    binding = Enum.reject(state.binding, fn {key, _} -> key in state.borrowed end)
    %{state | binding: binding, borrowed: MapSet.new()}
  end

  defp tell(%{told: told} = state, job, what, text) do
    unless what in told, do: IOServer.print(job.device, :stderr, text <> "\n")
    %{state | told: MapSet.put(told, what)}
  end

  defp put(binding, name, value), do: List.keystore(binding, name, 0, {name, value})

  # --- errors ---

  defp report(kind, reason, stack, job, options \\ []),
    do: IOServer.emit(job.device, :error, error_body(kind, reason, stack, job, options))

  defp error_body(kind, reason, stack, job, options) do
    place = options[:line] && {CellParser.file(job.cell), options[:line], job.source}
    error = Render.error(kind, reason, stack, place)
    Map.merge(error, %{cell: job.cell, hint: options[:hint] || error.hint})
  end

  defp texts(names), do: names |> Enum.map(&Atom.to_string/1) |> Enum.sort()
end

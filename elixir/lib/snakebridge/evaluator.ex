defmodule SnakeBridge.Evaluator do
  @moduledoc """
  The process in which cells of Elixir run.

  It lives as long as nothing ends it, so `self/0`, the mailbox, the process dictionary and the ETS tables of one cell
  are there in the next. It evaluates the top-level expressions of a cell one by one, and hands what each has bound to
  `SnakeBridge.Keeper`: so a cell that fails, or is killed, keeps what its earlier expressions bound.
  """

  alias SnakeBridge.{CellParser, Diagnostics, Expand, Helpers, Interim, IOServer, Keeper, Render}

  @session SnakeBridge.Session
  @idle_ms 20

  @typedoc "A cell to run, and where its output goes."
  @type job :: %{
          cell: pos_integer(),
          source: String.t(),
          device: pid(),
          read: boolean(),
          silent: boolean(),
          store: boolean()
        }

  @typedoc "How it went: names of the session that were read and written."
  @type outcome :: %{status: :ok | :error, reads: [String.t()], writes: [String.t()], deletes: [String.t()]}

  @enforce_keys [:owner, :tag]
  defstruct [:owner, :tag, :env, binding: [], borrowed: MapSet.new(), python?: true]

  @doc "Starts an evaluator, linked to nothing. It sends `{tag, :done, outcome}` to the caller after each cell."
  @spec start(reference()) :: pid()
  def start(tag) do
    owner = self()
    spawn(fn -> init(%__MODULE__{owner: owner, tag: tag}) end)
  end

  @doc "Runs a cell."
  @spec run(pid(), reference(), job()) :: :ok
  def run(evaluator, tag, job) do
    send(evaluator, {tag, :run, job})
    :ok
  end

  defp init(state) do
    limit_memory()
    {binding, env} = Keeper.session()
    Interim.call(SnakeBridge.Lane, :put_thread, [@session, :main], :ok)
    state = %{state | binding: put(binding, :py, Interim.py()), env: env || first_env()}
    load_code(state)
    loop(state, :infinity)
  end

  # Recursion without end would take all memory of the machine, and the names of the session with it.
  defp limit_memory do
    with bytes when is_integer(bytes) <- SnakeBridge.Memory.limit() do
      words = div(bytes, :erlang.system_info(:wordsize))
      Process.flag(:max_heap_size, %{size: words, kill: true, error_logger: false})
    end
  end

  # The first cell of the session would wait for what it needs to be loaded.
  defp load_code(state) do
    {:ok, [expression]} = CellParser.parse(~s([1, "text", %{key: 1.5}]), 1)
    {value, _, _, _} = expand_and_run(expression, state, & &1.())
    Render.result(value)
  end

  # The user's own messages stay in the mailbox.
  defp loop(%{tag: tag} = state, timeout) do
    receive do
      {^tag, :run, job} ->
        Process.group_leader(self(), job.device)
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

  defp first_env do
    env = Code.env_for_eval(file: "cell")

    {_, _, env} =
      Code.eval_quoted_with_env(
        quote do
          import IEx.Helpers, except: [v: 0, v: 1, i: 0]
          import SnakeBridge.Helpers
        end,
        [],
        env
      )

    %{env | tracers: [SnakeBridge.Ebin]}
  end

  # --- a cell ---

  defp run_cell(job, state) do
    state = %{state | env: %{state.env | file: CellParser.file(job.cell), line: 1}}
    cell = %{job: job, reads: MapSet.new(), writes: MapSet.new(), deletes: MapSet.new()}

    {status, cell, state} =
      case CellParser.parse(job.source, job.cell) do
        {:ok, expressions} ->
          {cell, state} = borrow(expressions, cell, state)
          evaluate(expressions, nil, cell, state)

        {:error, error} ->
          report(
            :error,
            error,
            [],
            Interim.call(SnakeBridge.Natural, :syntax_hint, [job.source, error], nil),
            job
          )

          {:error, cell, state}
      end

    outcome = %{
      status: status,
      reads: texts(cell.reads),
      writes: texts(cell.writes),
      deletes: texts(cell.deletes),
      calls: []
    }

    {outcome, give_back(state)}
  end

  defp evaluate([], result, cell, state) do
    finish(result, cell, state)
  end

  defp evaluate([expression | rest], _, cell, state) do
    case step(expression, cell, state) do
      {:ok, value, cell, state} -> evaluate(rest, {:value, value}, cell, state)
      {:error, cell, state} -> {:error, cell, state}
    end
  end

  defp finish(nil, cell, state), do: {:ok, cell, state}

  # Inspecting a value may run code of the user's, so it can fail and be interrupted like the cell.
  defp finish({:value, value}, %{job: job} = cell, state) do
    if job.store, do: Keeper.remember(job.cell, stored(value, state.binding))

    unless job.silent or value == IEx.dont_display_result() do
      body = %{cell: job.cell, data: Render.result(value), metadata: "{}"}
      IOServer.emit(job.device, :result, body)
    end

    {:ok, cell, state}
  catch
    kind, reason ->
      report(kind, reason, __STACKTRACE__, nil, job)
      {:error, cell, state}
  end

  # The keeper has the variables already: a value that one of them has is not copied to it again.
  defp stored(value, binding) do
    case Enum.find(binding, fn {_, bound} -> :erts_debug.same(bound, value) end) do
      {key, _} when key != :py -> {:variable, key}
      _ -> {:value, value}
    end
  end

  defp step(expression, %{job: job} = cell, state) do
    {value, read, binding, env} = eval(expression, job, state)

    # A name with a version that the binding did not have was bound by the expression, also in `x = x`.
    before = length(state.binding)
    versions = env.versioned_vars
    changes = for {key, _} = change <- binding, Map.get(versions, pair(key), 0) >= before, do: change
    written = for {name, _} <- changes, is_atom(name), into: MapSet.new(), do: name
    read = MapSet.difference(MapSet.new(read), cell.writes)
    cell = %{cell | reads: MapSet.union(cell.reads, read), writes: MapSet.union(cell.writes, written)}

    env = Helpers.give_way(%{env | versioned_vars: %{}})
    Keeper.put(changes, env)
    state = %{state | binding: binding, env: env, borrowed: MapSet.difference(state.borrowed, written)}
    {:ok, value, cell, state}
  catch
    kind, reason ->
      report(kind, reason, __STACKTRACE__, nil, job, line(expression))
      {:error, cell, state}
  end

  defp line({_, meta, _}), do: Keyword.get(meta, :line, 1)
  defp line(_), do: 1

  defp pair(name) when is_atom(name), do: {name, nil}
  defp pair(pair), do: pair

  defp eval(expression, job, state) do
    expression = Helpers.prepare(expression, state.env)

    # Modules are checked, and their diagnostics collected, as a whole; of anything else only the expansion, because its
    # evaluation may take long and print.
    if module?(expression) do
      Diagnostics.show(job, fn -> verify(fn -> expand_and_run(expression, state, & &1.()) end) end)
    else
      verify(fn -> expand_and_run(expression, state, &Diagnostics.show(job, &1)) end)
    end
  end

  defp expand_and_run(expression, %{binding: binding, env: env}, showing) do
    if Expand.available?() do
      {expanded, ast} =
        showing.(fn ->
          Expand.expand(
            expression,
            binding,
            env,
            &Interim.call(SnakeBridge.Natural.Rewrite, :expanded, [&1], &1)
          )
        end)

      {value, new_binding, env} = Expand.evaluate(expanded)
      {value, names_read(ast, length(binding)), new_binding, env}
    else
      {value, new_binding, env} = Code.eval_quoted_with_env(expression, binding, env)
      {value, CellParser.names([expression]), new_binding, env}
    end
  end

  defp verify(function), do: Module.ParallelChecker.verify(function)

  defp module?({name, _, [_ | _]}), do: name in [:defmodule, :defprotocol, :defimpl]
  defp module?(_), do: false

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
  defp borrow(expressions, %{job: %{read: true}} = cell, state) do
    names = CellParser.names(expressions)

    with [_ | _] <- names,
         {:ok, answers} <-
           Interim.call(SnakeBridge.Lane, :read, [@session, Enum.map(names, &Atom.to_string/1)], {:ok, %{}}) do
      Enum.reduce(names, {cell, state}, fn name, {cell, state} ->
        case answers[Atom.to_string(name)] do
          {:value, value} -> {cell, lend(state, name, value)}
          :unbound -> unbind(cell, state, name)
          _ -> {cell, state}
        end
      end)
    else
      _ -> {cell, state}
    end
  end

  defp borrow(_, cell, state), do: {cell, state}

  defp lend(state, name, value) do
    if has?(state.binding, name), do: Keeper.drop([name])
    %{state | binding: put(state.binding, name, value), borrowed: MapSet.put(state.borrowed, name)}
  end

  # Python has deleted a name that Elixir had given it.
  defp unbind(cell, state, name) do
    if has?(state.binding, name) do
      Keeper.drop([name])
      {cell, %{state | binding: List.keydelete(state.binding, name, 0)}}
    else
      {cell, state}
    end
  end

  defp give_back(state) do
    binding =
      Enum.reject(state.binding, fn {key, _} -> is_atom(key) and MapSet.member?(state.borrowed, key) end)

    %{state | binding: binding, borrowed: MapSet.new()}
  end

  defp has?(binding, name), do: List.keymember?(binding, name, 0)
  defp put(binding, name, value), do: List.keystore(binding, name, 0, {name, value})

  # --- errors ---

  defp report(kind, reason, stack, hint, job, line \\ nil) do
    error = Render.error(kind, reason, stack, line && {CellParser.file(job.cell), line})
    IOServer.emit(job.device, :error, Map.merge(error, %{cell: job.cell, hint: hint || error.hint}))
  end

  defp texts(names), do: names |> Enum.map(&Atom.to_string/1) |> Enum.sort()
end

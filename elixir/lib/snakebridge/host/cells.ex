defmodule SnakeBridge.Host.Cells do
  @moduledoc """
  Serves a lane on which the front end asks for cells: one at a time, each in the lane's evaluator.

  The main shell has such a lane, and each subshell has its own. This process never runs code of the user's and never waits for it, so an interrupt always finds it ready.
  """

  alias SnakeBridge.{Evaluator, Host, IOServer, Memory, Render, Socket}

  # An evaluator that was killed ends when the function of the VM that it is in returns: that may take long.
  @kill_ms 150
  @losses_ms 50

  @kept "variables, imports and modules are kept; its mailbox, its ETS tables and processes linked to it are gone"

  @unheard "The group leader of the cell has ended, and with it what the cell showed last.\n"

  # Deaths of evaluators between two cells. More than some in a row are no accident.
  @most_deaths 10

  # `thread`: of Python, for the evaluator's calls; that of a subshell has one of its own.
  defstruct [:socket, :thread, :evaluator, :cell, deaths: 0]

  @doc "Makes the table that knows which process runs which cell. Whoever calls this must live as long as the VM."
  @spec prepare() :: :ok
  def prepare do
    :ets.new(__MODULE__, [:named_table, :public, read_concurrency: true])
    :ok
  end

  @doc "Opens the lane and serves it: that of the main shell as long as the VM lives, with a token one for a subshell."
  @spec run(Path.t(), nil | pos_integer()) :: no_return()
  def run(path, token \\ nil) do
    Process.flag(:priority, :high)
    thread = if token, do: :own, else: :main
    # It loads code while the front end says hello.
    evaluator = start_evaluator(thread)
    {socket, answer} = Host.open(path, %{role: :lane, thread: thread, token: token})
    Render.configure(answer)
    Socket.active(socket)
    loop(%__MODULE__{socket: socket, thread: thread, evaluator: evaluator})
  end

  @doc "Interrupts a cell, and answers the request of the control connection that asked for it."
  @spec interrupt(pos_integer(), integer()) :: :ok
  def interrupt(cell, id) do
    case :ets.lookup(__MODULE__, cell) do
      [] -> Host.answer(id, {:ok, false})
      [{_, pid}] -> send(pid, {:interrupt, cell, id})
    end

    :ok
  end

  defp start_evaluator(thread) do
    tag = make_ref()
    pid = Evaluator.start(tag, thread)
    %{pid: pid, tag: tag, monitor: Process.monitor(pid)}
  end

  defp loop(%{evaluator: %{tag: tag, monitor: monitor}} = state) do
    receive do
      {:interrupt, cell, id} ->
        loop(interrupted(cell, id, state))

      {^tag, :done, outcome} ->
        loop(finish(outcome, state))

      {:DOWN, ^monitor, :process, pid, reason} ->
        loop(ended(pid, reason, state))

      {:DOWN, _, :process, device, _} ->
        loop(unheard(device, state))

      {:killed_late, ^monitor} ->
        Process.demonitor(monitor, [:flush])
        loop(ended(state.evaluator.pid, :killed, state))

      {:flushed, device} ->
        loop(flushed(device, state))

      {{:bound, device}, names} ->
        loop(bound(device, names, state))

      message ->
        loop(other(message, state))
    end
  end

  defp other(message, state) do
    case Socket.message(state.socket, message) do
      {:ok, frames, socket} -> Enum.reduce(frames, %{state | socket: socket}, &frame/2)
      {:closed, reason} when state.thread == :main -> Host.lane_lost(state.socket, reason)
      {:closed, _} -> end_subshell(state)
      :unknown -> state
    end
  end

  # What runs there ends with it; what it has started may go on, and print.
  defp end_subshell(state) do
    Process.exit(state.evaluator.pid, :kill)
    Socket.close(state.socket)

    with %{number: cell, device: device} <- state.cell do
      :ets.delete(__MODULE__, cell)
      IOServer.interrupt(device)
      IOServer.finish(device)
    end

    exit(:normal)
  end

  # --- what the front end sends ---

  defp frame({:ok, {:req, id, _, _} = request}, state) when not is_integer(id), do: no_message(request, state)
  defp frame({:ok, {:req, id, :execute, body}}, state), do: execute(id, body, state)

  defp frame({:ok, {:req, id, op, _}}, state) do
    refuse(state, id, :unknown_op, "the BEAM serves no `#{inspect(op)}` on its lane for cells")
  end

  defp frame({:ok, {kind, id, answer}}, state) when kind in [:ok, :error] do
    with %{device: device} <- state.cell, do: IOServer.input(device, id, {kind, answer})
    state
  end

  defp frame({:ok, other}, state), do: no_message(other, state)

  defp frame({:malformed, text}, state) do
    Host.event(:fault, text)
    state
  end

  defp no_message(term, state) do
    Host.no_message(term)
    state
  end

  defp execute(id, %{cell: cell, source: source} = body, %{cell: nil} = state)
       when is_integer(cell) and cell > 0 and is_binary(source) do
    Render.configure(body)
    device = IOServer.start(cell, {:lane, state.socket})
    if state.thread == :main, do: IOServer.put_current(device)
    :ets.insert(__MODULE__, {cell, self()})

    job = %{
      cell: cell,
      source: source,
      device: device,
      read: body[:read] == true,
      silent: body[:silent] == true,
      store: body[:store_history] != false and body[:silent] != true,
      expressions: List.wrap(body[:expressions])
    }

    Evaluator.run(state.evaluator.pid, state.evaluator.tag, job)

    running = %{
      id: id,
      number: cell,
      device: device,
      phase: :running,
      started: now(),
      lost: nil,
      outcome: nil
    }

    %{state | cell: running, deaths: 0}
  end

  defp execute(id, _, %{cell: nil} = state),
    do: refuse(state, id, :bad_message, "`execute` wants `cell`, a positive integer, and `source`, a text")

  defp execute(id, _, state),
    do: refuse(state, id, :bad_message, "cell #{state.cell.number} is still running")

  defp refuse(state, id, reason, message) do
    Socket.send(state.socket, {:error, id, {:bridge, reason, message, nil}})
    state
  end

  # --- the end of a cell: flush its output, hand its names to Python, answer ---

  defp finish(outcome, %{cell: %{phase: :running} = cell} = state) do
    # Code of the cell may have killed it: it is a group leader.
    Process.monitor(cell.device)
    IOServer.finish(cell.device)
    %{state | cell: %{cell | phase: :finishing, outcome: outcome}}
  end

  defp finish(_, state), do: state

  # What the cell's device had not sent yet is lost with it.
  defp unheard(device, %{cell: %{device: device, phase: :finishing}} = state) do
    IOServer.print(IOServer.background(), :stderr, @unheard)
    flushed(device, state)
  end

  defp unheard(_, state), do: state

  defp flushed(device, %{cell: %{device: device, phase: :finishing} = cell} = state) do
    Host.Names.bind_written({:bound, cell.device})
    %{state | cell: %{cell | phase: :binding}}
  end

  # An evaluator that was killed has not told what it had bound.
  defp bound(
         device,
         names,
         %{cell: %{device: device, phase: :binding, outcome: %{writes: nil} = outcome} = cell} = state
       ),
       do: answer(%{state | cell: %{cell | outcome: %{outcome | writes: names}}})

  defp bound(device, _, %{cell: %{device: device, phase: :binding}} = state), do: answer(state)
  defp bound(_, _, state), do: state

  defp answer(%{cell: cell} = state) do
    if state.thread == :main, do: IOServer.put_current(IOServer.background())
    :ets.delete(__MODULE__, cell.number)
    outcome = Map.update!(cell.outcome, :writes, &(&1 || []))
    answer = Map.merge(outcome, %{deletes: [], duration_us: now() - cell.started})
    Socket.send(state.socket, {:ok, cell.id, answer})
    %{state | cell: nil}
  end

  # --- interrupts and deaths ---

  defp interrupted(number, id, %{cell: %{number: number, phase: :running} = cell} = state) do
    Host.answer(id, {:ok, true})
    pid = state.evaluator.pid
    lost = losses(pid)
    IOServer.interrupt(cell.device)
    Process.exit(pid, :kill)
    Process.send_after(self(), {:killed_late, state.evaluator.monitor}, @kill_ms)
    %{state | cell: %{cell | phase: :interrupted, lost: lost}}
  end

  # The names are on their way to a worker that may not answer: the cell does not wait for it any longer.
  defp interrupted(number, id, %{cell: %{number: number, phase: :binding}} = state) do
    Host.answer(id, {:ok, true})
    answer(state)
  end

  defp interrupted(_, id, state) do
    Host.answer(id, {:ok, false})
    state
  end

  defp ended(pid, reason, %{cell: cell} = state) do
    if state.deaths == @most_deaths, do: Host.stop("no cell can run: " <> exit_text(pid, reason))
    state = %{state | evaluator: start_evaluator(state.thread), deaths: state.deaths + 1}

    case cell do
      %{phase: :running} ->
        report(cell, "EXIT", exit_text(pid, reason), @kept)
        finish(empty_outcome(:error), state)

      %{phase: :interrupted} ->
        report(cell, "Interrupted", "the cell was interrupted", cell.lost)
        finish(empty_outcome(:interrupted), %{state | cell: %{cell | phase: :running}})

      _ ->
        text = [Render.color(:red, exit_text(pid, reason)), "\n", @kept, "\n"]
        Host.event(:stream, {nil, :stderr, IO.iodata_to_binary(text)})
        state
    end
  end

  defp empty_outcome(status), do: %{status: status, reads: [], writes: nil, calls: []}

  # `consequence`: what went with the process, or nil.
  defp report(cell, class, message, consequence) do
    first = IO.iodata_to_binary(Render.color(:red, "** (#{class}) #{message}"))
    message = if consequence, do: "#{message}; #{consequence}", else: message
    traceback = [first | List.wrap(consequence)]

    IOServer.emit(cell.device, :error, %{
      cell: cell.number,
      class: class,
      message: message,
      traceback: traceback,
      hint: nil
    })
  end

  defp exit_text(pid, reason),
    do: "the process of the cells, #{inspect(pid)}, has ended: #{exit_reason(reason)}"

  # Nothing tells who has killed it.
  defp exit_reason(:killed) do
    case Memory.limit() do
      nil -> "killed"
      bytes -> "killed, by some process or because it took more memory than #{div(bytes, 1024 * 1024)} MB"
    end
  end

  defp exit_reason(reason), do: Exception.format_exit(reason)

  # What goes with the evaluator, as a text, or nil. It is asked in a process of its own, since an evaluator in the middle
  # of a long function of the VM does not answer.
  defp losses(pid) do
    me = self()
    reference = make_ref()
    spawn(fn -> send(me, {reference, gather(pid)}) end)

    receive do
      {^reference, text} -> text
    after
      @losses_ms -> nil
    end
  end

  defp gather(pid) do
    tables = for table <- :ets.all(), :ets.info(table, :owner) == pid, do: inspect(:ets.info(table, :name))

    case Process.info(pid, [:links, :message_queue_len]) do
      [links: links, message_queue_len: messages] ->
        processes = for link <- links, is_pid(link), text = describe_process(link), do: text

        parts = [
          list("linked processes", processes),
          list("ETS tables", tables),
          messages > 0 && "#{messages} messages in its mailbox"
        ]

        case Enum.filter(parts, & &1) do
          [] -> nil
          parts -> "lost with its process: " <> Enum.join(parts, "; ")
        end

      nil ->
        nil
    end
  end

  defp list(_, []), do: nil

  defp list(what, items) do
    {shown, rest} = Enum.split(items, 10)
    more = if rest == [], do: "", else: " and #{length(rest)} more"
    "#{what} #{Enum.join(shown, ", ")}#{more}"
  end

  # A process that traps exits goes on.
  defp describe_process(pid) do
    case Process.info(pid, [:trap_exit, :registered_name, :dictionary]) do
      [{:trap_exit, true} | _] -> nil
      [_, {:registered_name, name}, _] when is_atom(name) -> inspect(name)
      [_, _, {:dictionary, dictionary}] -> "#{inspect(pid)}#{initial_call(dictionary[:"$initial_call"])}"
      nil -> nil
    end
  end

  defp initial_call({module, function, arity}), do: " (#{Exception.format_mfa(module, function, arity)})"
  defp initial_call(_), do: ""

  defp now, do: System.monotonic_time(:microsecond)
end

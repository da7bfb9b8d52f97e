defmodule SnakeBridge.Session.Server do
  @moduledoc """
  The process of a session: it gets a worker, holds the control connection, knows the lanes, and says why a worker died.

  It evaluates nothing and takes no part in calls. Its functions are those of `SnakeBridge.Session`, which documents its
  options. Further ones, of the front end's side and of pools:

    * `:worker` - a function that gives `{:ok, %{generation: n, socket: path}}` or an error, instead of starting one
    * `:broken` - a function of a generation and a text that ends a worker which answers wrongly, and returns once it has
      ended
    * `:names` - a function from a list of names to a map of values: names that `SnakeBridge.Session.bind/2` called lazy
    * `:pool` - the pool that the session is a member of: it hears when there is a worker, and when not
  """

  use GenServer

  require Logger

  alias SnakeBridge.{
    BridgeError,
    CallbackLane,
    Collector,
    Decoder,
    Fault,
    Looker,
    Native,
    Output,
    Session,
    Socket,
    Worker
  }

  alias SnakeBridge.Session.{Backoff, Control, Prefetch}

  # How long a call that lost its worker waits to hear why.
  @reason_ms 300
  # The worker's control connection never waits for user code: what is asked there is answered within this time.
  @answer_ms 10_000
  # A busy machine may need so much of it.
  @look_ms 1_000
  # So many workers back it is known how they died.
  @deaths 32
  @backoff {100, 10_000}

  @impl true
  def init({name, opts}) do
    Process.flag(:trap_exit, true)
    Decoder.subscribe()
    library = opts[:worker] == nil

    state = %{
      name: name || self(),
      start: opts[:worker] || library(name || self(), opts),
      broken: opts[:broken],
      names: opts[:names] || fn _ -> %{} end,
      group_leader: opts[:group_leader],
      pool: opts[:pool],
      eager: Keyword.get(opts, :start, :lazy) == :eager,
      kill_after: Keyword.get(opts, :kill_after, :infinity),
      # What a front end's worker imports is the user's business.
      prefetch:
        if(library, do: opts[:prefetch] || Application.get_env(:snakebridge, :prefetch, []), else: []),
      # A front end has its own way of starting again.
      backoff: if(library, do: Backoff.new(Keyword.get(opts, :backoff, @backoff))),
      worker: nil,
      # The generation of the one before.
      ended: nil,
      # The task that gets a worker, the timer for the next, and who waits for it.
      starting: nil,
      retry: nil,
      waiting: [],
      # Process of a lane => {monitor, generation, {socket, marks}}.
      lanes: %{},
      # Asks for what only looks.
      looker: nil,
      # A look at what was abandoned is due.
      looking: false,
      # Generation => why; and who asked for a reason that is not known yet.
      deaths: %{},
      wondering: []
    }

    {:ok, if(state.eager, do: start_worker(state), else: state)}
  end

  # Library mode: the worker is a process of this session, and ends with it.
  defp library(session, opts) do
    opts = Keyword.take(opts, [:python, :cd, :env, :group_leader])
    owner = self()

    fn -> Worker.run(Keyword.merge(opts, session: session, owner: owner)) end
  end

  @impl true
  def handle_call(:attached, _, state), do: {:reply, state.worker && state.worker.generation, state}

  def handle_call({:open_lane, _}, {pid, _}, %{worker: %Control{generation: generation}} = state) do
    lane = with {_, ^generation, lane} <- state.lanes[pid], do: lane, else: (_ -> nil)
    {:reply, {:ok, %{info(state) | lane: lane}}, state}
  end

  def handle_call({:open_lane, timeout}, from, state) do
    case backoff_left(state) do
      left when left > timeout -> {:reply, {:error, not_yet(left, state)}, state}
      _ -> {:noreply, start_worker(%{state | waiting: [from | state.waiting]})}
    end
  end

  def handle_call({:attach, generation, socket}, _, state) do
    case take(%{generation: generation, socket: socket}, state) do
      {:ok, state} -> {:reply, :ok, answer_waiting({:ok, info(state)}, state)}
      {:error, error, state} -> {:reply, {:error, error}, state}
    end
  end

  def handle_call({:detach, generation, reason, cell}, _, state) do
    why = %{reason: reason, cell: cell}
    known = state.deaths[generation]

    # A front end tells it where its cells are.
    if state.backoff && !(known && known.reason),
      do: Logger.warning("#{Session.death(generation, why)}, of the session #{inspect(state.name)}")

    {:reply, :ok, died(generation, why, state)}
  end

  def handle_call({:why, generation}, from, state) do
    case state do
      %{deaths: %{^generation => %{reason: reason} = why}} when reason != nil -> {:reply, why, state}
      _ -> {:noreply, wait_for_reason(generation, from, state)}
    end
  end

  def handle_call({:control, _, _}, _, %{worker: nil} = state),
    do: {:reply, {:error, Session.unavailable(state.name, "it has no worker")}, state}

  def handle_call({:control, op, body}, from, state), do: {:noreply, request(op, body, from, state)}

  def handle_call({:release, generation, ids}, from, %{worker: %{generation: generation}} = state),
    do: {:noreply, request(:release, ids, from, state)}

  def handle_call({:release, _, _}, _, state), do: {:reply, :ok, state}

  def handle_call(:looker, _, %{looker: nil} = state) do
    {:ok, looker} = Looker.start_link()
    {:reply, looker, %{state | looker: looker}}
  end

  def handle_call(:looker, _, state), do: {:reply, state.looker, state}

  @impl true
  def handle_cast({:opened, pid, generation, {socket, _} = lane}, state) do
    if state.worker && state.worker.generation == generation do
      monitor =
        case state.lanes do
          # The one before was given up.
          %{^pid => {monitor, _, _}} -> monitor
          _ -> Process.monitor(pid)
        end

      {:noreply, put_in(state.lanes[pid], {monitor, generation, lane})}
    else
      Socket.shutdown(socket)
      {:noreply, state}
    end
  end

  def handle_cast({:release, generation, ids}, %{worker: %{generation: generation}} = state),
    do: {:noreply, request(:release, ids, nil, state)}

  def handle_cast({:release, _, _}, state), do: {:noreply, state}

  def handle_cast({:broken, generation, text}, %{worker: %Control{generation: generation}} = state),
    do: {:noreply, replace(text, state)}

  # It was replaced already.
  def handle_cast({:broken, _, _}, state), do: {:noreply, state}

  def handle_cast({:abandoned, generation}, %{worker: %Control{generation: generation}} = state),
    do: {:noreply, look_later(state.kill_after, state)}

  def handle_cast({:abandoned, _}, state), do: {:noreply, state}

  @impl true
  def handle_info({:DOWN, _, _, pid, _}, state) when is_map_key(state.lanes, pid),
    do: {:noreply, look_later(state.kill_after, %{state | lanes: Map.delete(state.lanes, pid)})}

  def handle_info({:started, pid, result}, %{starting: pid} = state) do
    state = %{state | starting: nil}

    with {:ok, worker} <- result,
         {:ok, state} <- take(worker, state) do
      {:noreply, answer_waiting({:ok, info(state)}, state)}
    else
      {:error, error} -> {:noreply, not_started(error, state)}
      {:error, error, state} -> {:noreply, not_started(error, state)}
    end
  end

  def handle_info({:EXIT, pid, reason}, %{starting: pid} = state) when reason != :normal do
    error = Session.unavailable(state.name, "its worker did not start: #{Exception.format_exit(reason)}")
    {:noreply, not_started(error, %{state | starting: nil})}
  end

  def handle_info({:EXIT, pid, _}, %{looker: pid} = state), do: {:noreply, %{state | looker: nil}}

  # What it held, and what was to be released, is not known any more.
  def handle_info({:EXIT, pid, reason}, %{worker: %Control{} = worker} = state) do
    if pid == Native.owner(worker.bin),
      do: {:noreply, replace("its collector ended: #{Exception.format_exit(reason)}", state)},
      else: {:noreply, state}
  end

  def handle_info({:EXIT, _, _}, state), do: {:noreply, state}

  def handle_info(:retry, state) do
    state = %{state | retry: nil}
    {:noreply, if(state.worker == nil and wanted?(state), do: start_worker(state), else: state)}
  end

  def handle_info({:no_reason, from}, state) do
    {asked, wondering} = Enum.split_with(state.wondering, &match?({_, ^from}, &1))
    for {generation, from} <- asked, do: GenServer.reply(from, state.deaths[generation])
    {:noreply, %{state | wondering: wondering}}
  end

  def handle_info({:look, generation}, %{worker: %Control{generation: generation}} = state),
    do: {:noreply, request(:usage, nil, :look, state)}

  def handle_info({:no_answer, generation, id}, %{worker: %Control{generation: generation} = worker} = state) do
    if is_map_key(worker.asked, id),
      do: {:noreply, replace("its control connection does not answer", state)},
      else: {:noreply, state}
  end

  def handle_info(message, %{worker: %Control{} = worker} = state) do
    case Socket.message(worker.socket, message) do
      {:ok, frames, socket} ->
        {:noreply, Enum.reduce(frames, put_in(state.worker.socket, socket), &frame/2)}

      {:closed, {:too_long, _} = reason} ->
        {:noreply, replace(Socket.describe(reason), state)}

      {:closed, _} ->
        {:noreply, died(worker.generation, %{reason: nil, cell: nil}, state)}

      :unknown ->
        {:noreply, state}
    end
  end

  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_, %{worker: %Control{} = worker}) do
    Socket.close(worker.socket)
    if worker.process, do: Worker.stop(worker.process)
  end

  def terminate(_, _), do: :ok

  # --- getting a worker ---

  # At once, or as soon as the back-off allows.
  defp start_worker(%{starting: nil, retry: nil} = state) do
    case backoff_left(state) do
      0 -> start_now(fn -> :ok end, state)
      left -> %{state | retry: Process.send_after(self(), :retry, left)}
    end
  end

  defp start_worker(state), do: state

  defp start_now(first, state) do
    session = self()
    start = state.start

    pid =
      spawn_link(fn ->
        first.()
        send(session, {:started, self(), start.()})
      end)

    %{state | starting: pid}
  end

  defp not_started(error, state) do
    state = answer_waiting({:error, error}, state)

    # Nobody else would say so. Once, until one has lived.
    if (state.eager and state.backoff) && state.backoff.failures == 0,
      do: Logger.warning("the session #{inspect(state.name)} has no worker: #{Exception.message(error)}")

    backoff = state.backoff && Backoff.failed(state.backoff, now(), Exception.message(error))
    state = %{state | backoff: backoff}
    tell_pool(:down, state)
    if state.eager, do: start_worker(state), else: state
  end

  defp wanted?(state), do: state.eager or state.waiting != []

  defp backoff_left(%{backoff: nil}), do: 0
  defp backoff_left(%{backoff: backoff}), do: Backoff.left(backoff, now())

  defp not_yet(left, %{backoff: backoff} = state) do
    %BridgeError{
      reason: :unavailable,
      message:
        "the session #{inspect(state.name)} has no worker: #{backoff.failures} in a row did not start or died soon; " <>
          "the next attempt is in #{left} ms. The last one: #{backoff.last}",
      hint: "a call with a longer timeout: waits for it"
    }
  end

  defp take(%{generation: generation}, %{worker: %{generation: generation}} = state), do: {:ok, state}

  defp take(worker, state) do
    state =
      if state.worker, do: died(state.worker.generation, %{reason: "replaced", cell: nil}, state), else: state

    case Control.open(worker) do
      {:ok, control} ->
        state = %{state | worker: control}
        tell_pool(:up, state)
        Prefetch.start(self(), state.prefetch)
        {:ok, state}

      # Nobody else would end it: the next start is of another.
      {:error, error} ->
        if process = worker[:process], do: Worker.kill(process)
        {:error, error, state}
    end
  end

  defp answer_waiting(answer, state) do
    for from <- state.waiting, do: GenServer.reply(from, answer)
    %{state | waiting: []}
  end

  defp info(%{worker: worker} = state) do
    %{
      session: state.name,
      pool: state.pool,
      generation: worker.generation,
      socket: worker.path,
      known_atoms: worker.process != nil,
      names: state.names,
      bin: worker.bin,
      group_leader: state.group_leader,
      lane: nil
    }
  end

  defp tell_pool(_, %{pool: nil}), do: :ok
  defp tell_pool(change, state), do: GenServer.cast(state.pool, {change, state.name, self()})

  defp now, do: System.monotonic_time(:millisecond)

  # --- losing it ---

  # Also called when the worker has died already and more becomes known.
  defp died(generation, why, state) do
    known = state.deaths[generation]
    why = if known && known.reason, do: known, else: why
    deaths = state.deaths |> Map.put(generation, why) |> forget()
    state = %{state | deaths: deaths}
    state = generation |> close_lanes(state) |> tell_reason(generation, why)

    if state.worker && state.worker.generation == generation do
      Socket.close(state.worker.socket)
      Collector.stop(state.worker.bin)

      for {_, {_, _} = from} <- state.worker.asked do
        GenServer.reply(
          from,
          {:error, %BridgeError{reason: :worker_died, message: Session.death(generation, why)}}
        )
      end

      backoff =
        state.backoff &&
          Backoff.ended(state.backoff, state.worker.since, now(), Session.death(generation, why))

      state = %{state | worker: nil, ended: generation, backoff: backoff, looking: false}
      tell_pool(:down, state)
      if wanted?(state), do: start_worker(state), else: state
    else
      explain(generation, why, state)
    end
  end

  # The end of the connection is often seen before the reason is known.
  defp explain(generation, %{reason: reason} = why, %{ended: generation, backoff: %Backoff{}} = state)
       when reason != nil,
       do: %{state | backoff: Backoff.explain(state.backoff, Session.death(generation, why))}

  defp explain(_, _, state), do: state

  defp forget(deaths) when map_size(deaths) <= @deaths, do: deaths
  defp forget(deaths), do: Map.delete(deaths, deaths |> Map.keys() |> Enum.min())

  # A worker that cannot be trusted any more.
  defp replace(text, %{worker: %Control{} = worker} = state) do
    Logger.error("Python worker #{worker.generation} of #{inspect(state.name)} is replaced: #{text}")
    eager = state.eager
    state = died(worker.generation, %{reason: "it was replaced: #{text}", cell: nil}, %{state | eager: false})
    state = %{state | eager: eager}

    cond do
      worker.process ->
        Worker.kill(worker.process)
        start_worker(state)

      state.broken ->
        start_now(fn -> state.broken.(worker.generation, text) end, state)

      true ->
        state
    end
  end

  # A forked child of the worker may hold the other ends open, so that no end of file would come.
  defp close_lanes(generation, state) do
    {dead, lanes} = Map.split_with(state.lanes, fn {_, {_, lane, _}} -> lane == generation end)

    for {_, {monitor, _, {socket, _}}} <- dead do
      Process.demonitor(monitor, [:flush])
      Socket.shutdown(socket)
    end

    %{state | lanes: lanes}
  end

  # The lanes' end is often seen before the reason is known.
  defp wait_for_reason(generation, from, state) do
    Process.send_after(self(), {:no_reason, from}, @reason_ms)
    %{state | wondering: [{generation, from} | state.wondering]}
  end

  defp tell_reason(state, _, %{reason: nil}), do: state

  defp tell_reason(state, generation, why) do
    {asked, wondering} = Enum.split_with(state.wondering, &match?({^generation, _}, &1))
    for {_, from} <- asked, do: GenServer.reply(from, why)
    %{state | wondering: wondering}
  end

  # --- what was abandoned ---

  defp look_later(:infinity, state), do: state
  defp look_later(_, %{looking: true} = state), do: state
  defp look_later(_, %{worker: nil} = state), do: state

  defp look_later(time, state) do
    Process.send_after(self(), {:look, state.worker.generation}, time)
    %{state | looking: true}
  end

  defp looked({:ok, %{abandoned: 0}}, state), do: %{state | looking: false}

  defp looked({:ok, %{abandoned_ms: time}}, %{kill_after: limit} = state) when time >= limit,
    do: replace("it still runs a call that was given up #{time} ms ago", state)

  defp looked({:ok, %{abandoned_ms: time}}, state),
    do: look_later(state.kill_after - time, %{state | looking: false})

  defp looked(_, state), do: %{state | looking: false}

  # --- the control connection ---

  defp request(op, body, asker, state) do
    {id, worker} = Control.request(state.worker, op, body, asker)

    # Names may be large, and what nobody waits for may take its time.
    if asker != nil and op != :bind,
      do: Process.send_after(self(), {:no_answer, worker.generation, id}, answer_ms(asker, state))

    %{state | worker: worker}
  end

  # Who looks after what was abandoned does not wait longer for the worker than for what it runs.
  defp answer_ms(:look, %{kill_after: time}), do: time |> max(@look_ms) |> min(@answer_ms)
  defp answer_ms(_, _), do: @answer_ms

  # What came in the same packet as the one for which the worker was replaced.
  defp frame(_, %{worker: nil} = state), do: state
  defp frame({:ok, {:ok, id, value}}, state), do: answered(id, {:ok, value}, state)
  defp frame({:ok, {:error, id, error}}, state), do: answered(id, {:error, Fault.exception(error)}, state)

  defp frame({:ok, {:ev, :open_lane, token}}, state) do
    CallbackLane.start(info(state), token)
    state
  end

  defp frame({:ok, {:ev, op, ids}}, state) when op in [:unpin, :strays] do
    if Collector.event(state.worker.bin, op, ids),
      do: state,
      else: replace("it sent #{op} of what are no ids: #{inspect(ids, limit: 10)}", state)
  end

  defp frame({:ok, {:ev, op, body}}, state) do
    Output.event(op, body, state.group_leader)
    state
  end

  defp frame({:ok, {:req, id, :ping, term}}, state), do: reply({:ok, id, term}, state)

  defp frame({:ok, {:req, id, op, _}}, state),
    do: reply({:error, id, {:bridge, :unknown_op, "a session knows no operation #{inspect(op)}", nil}}, state)

  defp frame({:ok, other}, state), do: replace("it sent no message: #{inspect(other, limit: 10)}", state)
  defp frame({:malformed, text}, state), do: replace("it sent #{text}", state)

  defp reply(message, state) do
    Socket.send(state.worker.socket, message)
    state
  end

  defp answered(id, answer, state) do
    case Control.answered(state.worker, id) do
      {:ok, asker, worker} -> tell(asker, answer, %{state | worker: worker})
      :error -> replace("it answered request #{inspect(id)}, which was not made", state)
    end
  end

  defp tell(nil, _, state), do: state
  defp tell(:look, answer, state), do: looked(answer, state)

  defp tell(from, answer, state) do
    GenServer.reply(from, answer)
    state
  end
end

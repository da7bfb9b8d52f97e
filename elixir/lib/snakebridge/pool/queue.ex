defmodule SnakeBridge.Pool.Queue do
  @moduledoc """
  Who has which member of a pool, and who waits for one, in their order.

  It hears from the members when they have a worker. One without is given away only where none has one: the call then
  waits for the worker, or hears why there is none. It makes no calls itself.
  """

  use GenServer

  alias SnakeBridge.{Options, Pool, Session}

  @enforce_keys [:pool, :members, :free, :most, :queue_timeout]
  defstruct [:pool, :members, :free, :most, :queue_timeout] ++
              [up: MapSet.new(), held: %{}, queue: :queue.new(), waiting: %{}, sessions: %{}]

  @doc "Waits for a member, rather this one, at most so many ms."
  @spec checkout(Pool.t(), Session.t() | nil, timeout()) ::
          {:ok, Session.t(), reference()} | {:error, Exception.t()}
  def checkout(pool, rather, timeout),
    do: ask(pool, {:checkout, rather, Options.time!(:timeout, timeout)})

  @doc "Gives a member back."
  @spec checkin(Pool.t(), reference()) :: :ok
  def checkin(pool, ticket), do: GenServer.cast(pool, {:checkin, ticket})

  @doc "How many members there are, have a worker, and are held; who they are; and how many calls wait."
  @spec usage(Pool.t()) :: {:ok, map()} | {:error, Exception.t()}
  def usage(pool), do: ask(pool, :usage)

  # A process that is no pool must not be asked: most end when they are.
  defp ask(pool, request) do
    pid = GenServer.whereis(pool)

    cond do
      Session.module(pid) == __MODULE__ ->
        GenServer.call(pid, request, :infinity)

      pid != nil and (node(pid) != node() or Process.alive?(pid)) ->
        {:error, Pool.busy(pool, "is another process, and no pool", nil)}

      true ->
        not_running(pool)
    end
  catch
    :exit, _ -> not_running(pool)
  end

  defp not_running(pool) do
    {:error,
     if(is_atom(pool) and Process.whereis(Module.concat(pool, "Supervisor")),
       do: Pool.busy(pool, "is being restarted", "call again: it is there in a moment"),
       else: Pool.busy(pool, "is not running", "start it: {SnakeBridge.Pool, name: #{inspect(pool)}}")
     )}
  end

  @doc false
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: opts[:name])

  # --- the process ---

  @impl true
  def init(opts) do
    Process.flag(:trap_exit, true)
    :persistent_term.put({Pool, opts[:name]}, opts[:members])
    for pid <- pids(opts[:name]), do: :persistent_term.put({Pool, pid}, opts[:name])

    {:ok,
     %__MODULE__{
       pool: opts[:name],
       members: opts[:members],
       free: opts[:members],
       most: Keyword.get(opts, :queue, 1_000),
       queue_timeout: Keyword.get(opts, :queue_timeout, 5_000)
     }}
  end

  @impl true
  def handle_call({:checkout, rather, timeout}, {pid, _} = from, state) do
    case pick(rather, state) do
      nil -> {:noreply, enqueue(from, rather, timeout, state)}
      member -> lend(member, Process.monitor(pid), state)
    end
  end

  def handle_call(:usage, _, state) do
    counts = %{
      size: length(state.members),
      up: MapSet.size(state.up),
      busy: map_size(state.held),
      waiting: map_size(state.waiting),
      members: state.members
    }

    {:reply, {:ok, counts}, state}
  end

  # What is asked of a session, and means one member.
  def handle_call(:attached, _, state), do: {:reply, nil, state}
  def handle_call({:why, _}, _, state), do: {:reply, nil, state}

  def handle_call(_, _, state) do
    hint = "see SnakeBridge.Pool.usage/1; SnakeBridge.Pool.checkout/3 gives one of its sessions"
    {:reply, {:error, Pool.busy(state.pool, "is no single session", hint)}, state}
  end

  @impl true
  def handle_cast({:checkin, ticket}, state) do
    Process.demonitor(ticket, [:flush])
    {:noreply, give_back(ticket, state)}
  end

  def handle_cast({:up, member, pid}, state) do
    sessions =
      case state.sessions do
        %{^member => {^pid, _}} = sessions -> sessions
        sessions -> Map.put(sessions, member, {pid, Process.monitor(pid)})
      end

    {:noreply, serve(%{state | up: MapSet.put(state.up, member), sessions: sessions})}
  end

  def handle_cast({:down, member, _}, state), do: {:noreply, went_down(member, state)}

  @impl true
  def handle_info({:DOWN, ticket, _, _, _}, state) when is_map_key(state.held, ticket),
    do: {:noreply, give_back(ticket, state)}

  def handle_info({:DOWN, ticket, _, _, _}, state) when is_map_key(state.waiting, ticket),
    do: {:noreply, leave(ticket, state)}

  def handle_info({:DOWN, monitor, _, _, _}, state) do
    case Enum.find(state.sessions, &match?({_, {_, ^monitor}}, &1)) do
      {member, _} -> {:noreply, went_down(member, %{state | sessions: Map.delete(state.sessions, member)})}
      nil -> {:noreply, state}
    end
  end

  def handle_info({:late, ticket, text}, state) when is_map_key(state.waiting, ticket) do
    {from, _, _} = state.waiting[ticket]
    Process.demonitor(ticket, [:flush])
    GenServer.reply(from, {:error, Pool.late(state.pool, text)})
    {:noreply, leave(ticket, state)}
  end

  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_, state) do
    for pid <- pids(state.pool), do: :persistent_term.erase({Pool, pid})
    :persistent_term.erase({Pool, state.pool})
  end

  # Its own, and the one that `Pool.start_link/1` gives.
  defp pids(pool), do: [self() | List.wrap(Process.whereis(Module.concat(pool, "Supervisor")))]

  # --- members ---

  defp pick(_, %{free: []}), do: nil

  # The free ones have the one that was given back last in front: the fewest threads and the warmest caches.
  defp pick(rather, %{free: free, up: up}) do
    cond do
      MapSet.size(up) == 0 -> if rather in free, do: rather, else: hd(free)
      rather in free and rather in up -> rather
      true -> Enum.find(free, &(&1 in up))
    end
  end

  defp lend(member, ticket, state), do: {:reply, {:ok, member, ticket}, hold(member, ticket, state)}

  defp hold(member, ticket, state),
    do: %{state | free: List.delete(state.free, member), held: Map.put(state.held, ticket, member)}

  defp give_back(ticket, state) do
    case Map.pop(state.held, ticket) do
      {nil, _} -> state
      {member, held} -> serve(%{state | held: held, free: put_back(member, state)})
    end
  end

  # One without a worker goes to the end: so all have their turn to say why they have none.
  defp put_back(member, %{free: free, up: up}),
    do: if(member in up, do: [member | free], else: free ++ [member])

  defp went_down(member, state), do: serve(%{state | up: MapSet.delete(state.up, member)})

  # --- those who wait ---

  defp enqueue(from, _, _, state) when map_size(state.waiting) >= state.most do
    text = "is busy: its #{length(state.members)} members are at work, and #{state.most} calls wait already"
    hint = "a larger size: makes more of them run, a larger queue: lets more of them wait"
    GenServer.reply(from, {:error, Pool.busy(state.pool, text, hint)})
    state
  end

  defp enqueue({pid, _} = from, rather, timeout, state) do
    ticket = Process.monitor(pid)

    {time, text} =
      if timeout <= state.queue_timeout,
        do: {timeout, "had no member free within the #{timeout} ms of `timeout:`"},
        else:
          {state.queue_timeout, "had no member free within the #{state.queue_timeout} ms of `queue_timeout:`"}

    timer = if time != :infinity, do: Process.send_after(self(), {:late, ticket, text}, time)
    waiting = Map.put(state.waiting, ticket, {from, rather, timer})
    %{state | waiting: waiting, queue: :queue.in(ticket, state.queue)}
  end

  # Its place in the queue is passed over later; of places without anybody there are never more than a few.
  defp leave(ticket, state) do
    {{_, _, timer}, waiting} = Map.pop!(state.waiting, ticket)
    if timer, do: Process.cancel_timer(timer)
    state = %{state | waiting: waiting}

    if :queue.len(state.queue) > 2 * map_size(waiting) + 16,
      do: %{state | queue: :queue.filter(&is_map_key(waiting, &1), state.queue)},
      else: state
  end

  defp serve(state) do
    with {{:value, ticket}, queue} <- :queue.out(state.queue) do
      case state.waiting do
        %{^ticket => {from, rather, _}} ->
          case pick(rather, state) do
            nil ->
              state

            member ->
              GenServer.reply(from, {:ok, member, ticket})
              serve(hold(member, ticket, leave(ticket, %{state | queue: queue})))
          end

        _ ->
          serve(%{state | queue: queue})
      end
    else
      {:empty, _} -> state
    end
  end
end

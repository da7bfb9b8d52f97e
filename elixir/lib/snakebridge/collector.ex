defmodule SnakeBridge.Collector do
  @moduledoc """
  Releases the objects of one worker that no term of this BEAM holds any more.

  It owns the worker's bin (see `SnakeBridge.Native`), and what is pinned. One release is on its way at a time: what is
  dropped meanwhile goes with the next, so there are few however many refs there are.
  When many refs live, the processes that call Python are asked to collect their garbage, for an idle process keeps what
  it does not use any more.
  """

  use GenServer, restart: :temporary

  alias SnakeBridge.{Keeper, Native, Session}

  # So many living refs are no reason to look for garbage.
  @few 10_000
  # After so long without a message it gives up its own garbage, which may hold what was pinned.
  @idle_ms 20

  @doc "Starts the collector of the calling session's worker, linked to it. Gives its bin, which stands for it."
  @spec start(pos_integer()) :: Native.bin()
  def start(generation) do
    if Native.loaded?() do
      {:ok, pid} = GenServer.start_link(__MODULE__, {self(), generation})
      GenServer.call(pid, :bin)
    end
  end

  @doc "Ends the collector: its worker is gone, and all objects with it."
  @spec stop(Native.bin()) :: :ok
  def stop(bin) do
    if owner = Native.owner(bin), do: Process.exit(owner, :shutdown)
    :ok
  end

  @doc "Has the calling process asked to collect its garbage when there are many refs."
  @spec watch(Native.bin()) :: :ok
  def watch(bin), do: cast(Native.owner(bin), {:watch, self()})

  @doc "Takes in an event of the worker, `unpin` or `strays`: a list of ids. False where it is none."
  @spec event(Native.bin(), :unpin | :strays, term()) :: boolean()
  def event(bin, op, ids) do
    ids?(ids) and cast(Native.owner(bin), {op, ids}) == :ok
  end

  defp ids?([id | rest]), do: is_integer(id) and id >= 0 and id <= 0xFFFFFFFFFFFFFFFF and ids?(rest)
  defp ids?(other), do: other == []

  @doc "Holds resources until the worker says that it has dropped what the id stands for."
  @spec pin(pid(), pos_integer(), [Native.resource()]) :: :ok
  def pin(collector, id, resources), do: cast(collector, {:pin, id, resources})

  @doc "Does not hold them any more: the worker will say nothing of this id, since it has never heard of it."
  @spec unpin(pid(), pos_integer()) :: :ok
  def unpin(collector, id), do: cast(collector, {:unpin, [id]})

  defp cast(nil, _), do: :ok
  defp cast(collector, message), do: GenServer.cast(collector, message)

  # --- the process ---

  @impl true
  def init({session, generation}) do
    bin = Native.bin(self())
    Native.limit(bin, @few)
    # `watched`: process => monitor. `asked`: the processes that have not collected yet.
    {:ok, %{session: session, generation: generation, bin: bin, pins: %{}, watched: %{}, asked: MapSet.new()}}
  end

  @impl true
  def handle_call(:bin, _, state), do: {:reply, state.bin, state}

  @impl true
  def handle_cast(message, state), do: {:noreply, take(message, state), @idle_ms}

  @impl true
  def handle_info(:timeout, state), do: {:noreply, state, :hibernate}
  def handle_info(message, state), do: {:noreply, take(message, state), @idle_ms}

  # A process opens one lane after another.
  defp take({:watch, pid}, state),
    do: %{state | watched: Map.put_new_lazy(state.watched, pid, fn -> Process.monitor(pid) end)}

  defp take({:DOWN, _, _, pid, _}, state), do: %{state | watched: Map.delete(state.watched, pid)}

  defp take({:pin, id, resources}, state), do: put_in(state.pins[id], resources)
  defp take({:unpin, ids}, state), do: %{state | pins: Map.drop(state.pins, ids)}

  defp take({:strays, ids}, state), do: state.bin |> Native.strays(ids) |> release(state)

  defp take(:dropped, state) do
    case Native.take(state.bin) do
      [] ->
        state

      ids ->
        send(self(), :dropped)
        release(ids, state)
    end
  end

  defp take(:crowded, state) do
    pids = Enum.uniq([state.session, Process.whereis(Keeper), self() | Map.keys(state.watched)])
    %{state | asked: for(pid <- pids, pid != nil, into: MapSet.new(), do: collect(pid))}
  end

  defp take({:garbage_collect, reference, _}, state) do
    asked = MapSet.delete(state.asked, reference)
    if MapSet.size(asked) == 0, do: Native.limit(state.bin, max(@few, 2 * Native.count(state.bin)))
    %{state | asked: asked}
  end

  defp collect(pid) do
    reference = make_ref()
    :erlang.garbage_collect(pid, async: reference)
    reference
  end

  defp release([], state), do: state

  defp release(ids, state) do
    Session.release_now(state.session, state.generation, ids)
    state
  end
end

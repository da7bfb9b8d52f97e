defmodule SnakeBridge.Looker do
  @moduledoc """
  Asks Python for what only looks: an object's `repr`, its picture in a notebook. One for each session.

  A look may run user code that takes long, and nobody wants to wait for it. If the calling process gave it up, its lane
  would be closed, and with it contexts, iterations and the calls that it is at; so another process asks, a hand, with
  a lane of its own. There are four at most, so that one slow object does not hide all others.
  A hand gives nothing up either: an abandoned call could cost the worker (see `kill_after:`), and each look at a slow
  object one more thread. While all of them are at slow looks, others are refused at once.

  It knows nothing of what is asked.
  """

  use GenServer

  alias SnakeBridge.Session

  @hands 4
  # After so long a look is a slow one.
  @slow_ms 1_000

  @doc false
  @spec start_link() :: GenServer.on_start()
  def start_link, do: GenServer.start_link(__MODULE__, nil)

  @doc """
  What the function gives, called in another process; it waits for Python as long as it takes.

  `:none` where that is more than so many ms, where slow looks are not done yet, and where the function or the session
  fails.
  """
  @spec look(Session.t(), timeout(), (-> result)) :: {:ok, result} | :none when result: term()
  def look(session, timeout, function) do
    case Session.looker(session) do
      nil -> :none
      # A stub's answers are at hand.
      :caller -> {:ok, function.()}
      looker -> GenServer.call(looker, {:look, {function, Process.group_leader()}, now() + timeout}, timeout)
    end
  catch
    :exit, _ -> :none
  end

  @impl true
  def init(nil) do
    Process.flag(:trap_exit, true)
    # Each hand with who waits for it, and since when.
    {:ok, %{hands: %{}, queue: :queue.new()}}
  end

  # A process that went on holding what was asked for would keep the object alive: hence the hibernations.
  @impl true
  def handle_call({:look, look, until}, from, %{hands: hands} = state) do
    case Enum.find(hands, &match?({_, nil}, &1)) do
      {hand, nil} ->
        {:noreply, start(hand, look, from, state), :hibernate}

      nil when map_size(hands) < @hands ->
        looker = self()
        {:noreply, start(spawn_link(fn -> serve(looker) end), look, from, state), :hibernate}

      nil ->
        if Enum.all?(hands, fn {_, {_, since}} -> now() - since > @slow_ms end),
          do: {:reply, :none, state, :hibernate},
          else: {:noreply, %{state | queue: :queue.in({look, from, until}, state.queue)}}
    end
  end

  @impl true
  def handle_info({:looked, hand, answer}, state) do
    {from, _} = state.hands[hand]
    GenServer.reply(from, answer)
    {:noreply, next(hand, put_in(state.hands[hand], nil)), :hibernate}
  end

  def handle_info({:EXIT, hand, _}, %{hands: hands} = state) when is_map_key(hands, hand) do
    with {from, _} <- hands[hand], do: GenServer.reply(from, :none)
    {:noreply, %{state | hands: Map.delete(hands, hand)}, :hibernate}
  end

  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_, state), do: for({hand, _} <- state.hands, do: Process.exit(hand, :kill))

  defp start(hand, look, from, state) do
    send(hand, {:look, look})
    put_in(state.hands[hand], {from, now()})
  end

  # Those who gave up meanwhile are passed over.
  defp next(hand, state) do
    case :queue.out(state.queue) do
      {:empty, _} ->
        state

      {{:value, {look, from, until}}, queue} ->
        state = %{state | queue: queue}
        if now() < until, do: start(hand, look, from, state), else: next(hand, state)
    end
  end

  # --- the hand ---

  defp serve(looker) do
    answer = receive do: ({:look, look} -> answer(look))
    :erlang.garbage_collect()
    send(looker, {:looked, self(), answer})
    serve(looker)
  end

  defp answer({function, leader}) do
    Process.group_leader(self(), leader)
    {:ok, function.()}
  catch
    _, _ -> :none
  end

  defp now, do: System.monotonic_time(:millisecond)
end

defmodule SnakeBridge.CallbackLane do
  @moduledoc """
  A lane that Python asked for, since the thread that calls Elixir serves no Elixir process: as when a Python cell calls
  an Elixir function.

  This process owns and reads the lane; another, the runner, runs the functions, so that Python can take a call back
  (`cancel`) while it runs. Calls of Python that the function makes travel on this lane and get their answers from here.
  This process is also the runner's group leader: what the function prints goes to the thread of Python that waits for
  it, and what it asks for is asked there.
  Where a call that the function makes is given up, the lane is closed, and the function goes on to its end.
  """

  use GenServer, restart: :temporary

  alias SnakeBridge.{Collector, Lane, Output, Pool, Session, Socket}

  @doc "Opens the lane that the token stands for. It ends with the worker, or with its session."
  @spec start(map(), integer()) :: GenServer.on_start()
  def start(worker, token), do: GenServer.start(__MODULE__, {worker, token, self()})

  @doc "Says that the runner has answered this request of Python."
  @spec answered(pid(), integer()) :: :ok
  def answered(reader, id) do
    send(reader, {:answered, id})
    :ok
  end

  @doc "Closes the lane; the process ends once the runner has ended what it is at."
  @spec hang_up(pid(), reference()) :: :ok
  def hang_up(reader, reference) do
    send(reader, {:hang_up, reference})
    :ok
  end

  @impl true
  def init({worker, token, session}) do
    Process.flag(:trap_exit, true)
    Process.monitor(session)
    Process.group_leader(self(), worker.group_leader)
    {:ok, %{worker: worker, token: token}, {:continue, :connect}}
  end

  @impl true
  def handle_continue(:connect, %{worker: worker, token: token}) do
    case Lane.connect(worker, %{peer: :beam, role: :lane, thread: :own, token: token}) do
      {:ok, socket} ->
        Session.opened(worker.session, worker.generation, socket)
        Socket.active(socket)
        state = %{worker: worker, socket: socket, runner: nil, running: [], asked: %{}, next_id: -1}
        {:noreply, start_runner(state)}

      {:error, _} ->
        {:stop, :normal, nil}
    end
  end

  defp start_runner(%{worker: worker, socket: socket} = state) do
    reference = make_ref()
    reader = self()

    lane = %Lane{
      socket: socket,
      session: worker.session,
      generation: worker.generation,
      names: worker.names,
      bin: worker.bin,
      pool: worker[:pool],
      feeder: {reader, reference}
    }

    runner =
      spawn_link(fn ->
        Process.group_leader(self(), reader)
        Collector.watch(lane.bin)
        Lane.put(lane)
        Pool.within(lane.pool, lane.session, fn -> run(lane, reference) end)
      end)

    %{state | runner: {runner, reference}}
  end

  defp run(lane, reference) do
    receive do
      {^reference, {:ok, {:req, _, _, _} = request}} -> Lane.answer(lane, request)
      {^reference, _} -> :ok
    end

    run(lane, reference)
  end

  @impl true
  def handle_info({:io_request, from, reply_as, request}, state) do
    case io_request(request, state) do
      {:reply, answer, state} ->
        send(from, {:io_reply, reply_as, answer})
        {:noreply, state}

      {:ask, prompt, password, state} ->
        id = state.next_id
        Socket.send(state.socket, {:req, id, :input, {nil, prompt, password}})
        {:noreply, %{state | next_id: id - 1, asked: Map.put(state.asked, id, {from, reply_as, request})}}
    end
  end

  def handle_info({:answered, id}, state) do
    state = %{state | running: List.delete(state.running, id)}
    if state.socket == nil and state.running == [], do: {:stop, :normal, state}, else: {:noreply, state}
  end

  def handle_info({:hang_up, reference}, %{runner: {_, reference}, socket: %Socket{} = socket} = state) do
    Socket.close(socket)
    for {_, {from, reply_as, _}} <- state.asked, do: send(from, {:io_reply, reply_as, {:error, :interrupted}})
    {:noreply, %{state | socket: nil, asked: %{}}}
  end

  def handle_info({:EXIT, pid, _}, %{runner: {pid, _}, socket: nil} = state), do: {:stop, :normal, state}

  # User code may end the runner by a link; the lane goes on with another.
  def handle_info({:EXIT, pid, reason}, %{runner: {pid, _}} = state) do
    text = "the process that served the call ended: #{Exception.format_exit(reason)}"
    for id <- state.running, do: Socket.send(state.socket, {:error, id, {:elixir, :exit, reason, text, []}})
    {:noreply, start_runner(%{state | running: []})}
  end

  # Another process has closed the socket.
  def handle_info({:EXIT, port, _}, %{socket: %{port: port}} = state), do: {:stop, :normal, state}
  def handle_info({:DOWN, _, :process, _, _}, state), do: {:stop, :normal, state}
  def handle_info({:EXIT, _, _}, state), do: {:noreply, state}

  def handle_info(_, %{socket: nil} = state), do: {:noreply, state}

  def handle_info(message, state) do
    case Socket.message(state.socket, message) do
      {:ok, frames, socket} -> frames(frames, %{state | socket: socket})
      {:closed, _} -> {:stop, :normal, state}
      :unknown -> {:noreply, state}
    end
  end

  @impl true
  def terminate(_, %{runner: {runner, _}}), do: Process.exit(runner, :kill)
  def terminate(_, _), do: :ok

  defp frames([{:ok, {:ev, :cancel, _}} | _], state), do: {:stop, :normal, state}

  defp frames([{:ok, {answer, id, value}} | rest], state) when is_map_key(state.asked, id) do
    {{from, reply_as, request}, asked} = Map.pop!(state.asked, id)
    send(from, {:io_reply, reply_as, input(request, answer, value)})
    frames(rest, %{state | asked: asked})
  end

  defp frames([frame | rest], %{runner: {runner, reference}} = state) do
    send(runner, {reference, frame})

    case frame do
      {:ok, {:req, id, _, _}} -> frames(rest, %{state | running: [id | state.running]})
      _ -> frames(rest, state)
    end
  end

  defp frames([], state), do: {:noreply, state}

  # --- the group leader of the runner ---

  # What arrives while nothing runs is of processes that an earlier call left behind; nobody waits on the lane for it,
  # nor on one that was closed.
  defp io_request(request, %{running: running, socket: socket} = state) when running == [] or socket == nil,
    do: {:reply, Output.request(state.worker.group_leader, request), state}

  defp io_request({:put_chars, _, chars}, state), do: put(state, :stdout, chars)

  defp io_request({:put_chars, _, module, function, args}, state),
    do: put(state, :stdout, {module, function, args})

  defp io_request({:put_chars, chars}, state), do: put(state, :stdout, chars)
  defp io_request({:get_line, _, prompt}, state), do: {:ask, IO.chardata_to_string(prompt), false, state}
  defp io_request({:get_line, prompt}, state), do: {:ask, to_string(prompt), false, state}
  defp io_request({:get_password, _}, state), do: {:ask, "", true, state}
  defp io_request({:snakebridge, :input, {_, prompt, password}}, state), do: {:ask, prompt, password, state}

  defp io_request({:snakebridge, :stream, {_, name, text}}, state), do: put(state, name, text)

  defp io_request({:snakebridge, op, body}, state) do
    Socket.send(state.socket, {:ev, op, body})
    {:reply, :ok, state}
  end

  defp io_request({:requests, requests}, state) do
    Enum.reduce_while(requests, {:reply, :ok, state}, fn request, {:reply, _, state} ->
      case io_request(request, state) do
        {:reply, :ok, state} -> {:cont, {:reply, :ok, state}}
        {:reply, error, state} -> {:halt, {:reply, error, state}}
        {:ask, _, _, state} -> {:halt, {:reply, {:error, :request}, state}}
      end
    end)
  end

  defp io_request(:getopts, state), do: {:reply, [binary: true, encoding: :unicode], state}
  defp io_request({:setopts, _}, state), do: {:reply, :ok, state}
  defp io_request({:get_geometry, _}, state), do: {:reply, {:error, :enotsup}, state}
  defp io_request(_, state), do: {:reply, {:error, :request}, state}

  defp put(state, name, chars) do
    chars = with {module, function, args} <- chars, do: apply(module, function, args)
    Socket.send(state.socket, {:ev, :stream, {nil, name, IO.chardata_to_string(chars)}})
    {:reply, :ok, state}
  rescue
    _ -> {:reply, {:error, :put_chars}, state}
  end

  defp input({:snakebridge, _, _}, :ok, text), do: {:ok, text}
  defp input({:get_password, _}, :ok, text), do: text
  defp input(_, :ok, text), do: text <> "\n"
  defp input(_, :error, {:bridge, :eof, _, _}), do: :eof
  defp input(_, :error, _), do: {:error, :interrupted}
end

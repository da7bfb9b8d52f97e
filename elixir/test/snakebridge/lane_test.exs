defmodule SnakeBridge.LaneTest do
  @moduledoc "Lanes at the edge of the protocol, with the worker's end of the socket in the test's hands."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, CallbackLane, Lane, Socket}

  # No session of this name runs: a lane that is there needs none.
  @session __MODULE__.Session

  setup do
    folder = Path.join(System.tmp_dir!(), "sb-lane-#{System.unique_integer([:positive])}")
    File.mkdir!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    path = Path.join(folder, "s")
    {:ok, listener} = Socket.listen(path)
    %{path: path, listener: listener}
  end

  # A process with a lane that makes a request with this body; gives its task and the other end.
  defp asking(%{path: path, listener: listener}, body, ask \\ nil) do
    ask = ask || fn -> Lane.request(@session, :do, body) end

    task =
      Task.async(fn ->
        {:ok, socket} = Socket.connect(path)

        Lane.put(%Lane{
          socket: socket,
          session: @session,
          generation: 1,
          names: &Map.new(&1, fn n -> {n, n} end)
        })

        {ask.(), Lane.generation(@session)}
      end)

    {:ok, far} = Socket.accept(listener, 5_000)
    {:ok, {:req, 1, :do, ^body}, far} = Socket.recv(far, 5_000)
    {task, far}
  end

  test "a frame that is no term ends the request, and the lane with it", context do
    {task, far} = asking(context, "body")
    :ok = :gen_tcp.send(far.port, <<3::32, "xyz">>)
    assert {{:error, %BridgeError{reason: :bad_message, message: message}}, nil} = Task.await(task)
    assert message =~ "holds no term"
    assert {:error, :closed} = Socket.recv(far, 5_000)
  end

  test "a cancel of what was answered is passed over", context do
    {task, far} = asking(context, "body")
    :ok = Socket.send(far, {:req, 7, :apply, {fn -> :done end, [], []}})
    assert {:ok, {:ok, 7, :done}, far} = Socket.recv(far, 5_000)
    :ok = Socket.send(far, {:ev, :cancel, 7})
    :ok = Socket.send(far, {:ok, 1, "answer"})
    assert {{:ok, "answer"}, 1} = Task.await(task)
  end

  test "a cancel of what is still served closes the lane", context do
    {task, far} = asking(context, "body")
    test = self()
    inner = fn -> send(test, Lane.request(@session, :do, "inner")) end
    :ok = Socket.send(far, {:req, 7, :apply, {inner, [], []}})
    assert {:ok, {:req, 2, :do, "inner"}, far} = Socket.recv(far, 5_000)
    # As the worker does it: what waited for the callback has failed, so the outer request is answered.
    :ok = Socket.send(far, {:ev, :cancel, 7})
    # The lane may be closed by now.
    _ = Socket.send(far, {:error, 1, {:bridge, :interrupted, "interrupted", nil}})
    assert {{:error, %BridgeError{}}, nil} = Task.await(task)
    assert_received {:error, %BridgeError{reason: :interrupted}}
  end

  test "what raises while it waits closes the lane: its answer would come to the next request", context do
    {task, far} = asking(context, "body", fn -> catch_error(Lane.request(@session, :do, "body")) end)
    # A text that is none.
    :ok = Socket.send(far, {:ev, :fault, self()})
    assert {%Protocol.UndefinedError{}, nil} = Task.await(task)
    assert {:error, :closed} = Socket.recv(far, 5_000)
  end

  test "an answer that comes twice is seen to be none of the next request", context do
    {task, far} =
      asking(context, "body", fn ->
        {Lane.request(@session, :do, "body"), Lane.request(@session, :do, "more")}
      end)

    :ok = Socket.send(far, {:ok, 1, "answer"})
    assert {:ok, {:req, 2, :do, "more"}, far} = Socket.recv(far, 5_000)
    :ok = Socket.send(far, {:ok, 1, "answer"})
    assert {{{:ok, "answer"}, {:error, %BridgeError{reason: :bad_message}}}, nil} = Task.await(task)
  end

  test "a lane for a thread of Python ends when its socket is closed by another process", context do
    worker = %{
      socket: context.path,
      session: @session,
      generation: 1,
      bin: nil,
      names: &Map.new(&1, fn name -> {name, name} end),
      group_leader: Process.group_leader()
    }

    {:ok, lane} = CallbackLane.start(worker, 5)
    {:ok, far} = Socket.accept(context.listener, 5_000)
    {:ok, %{token: 5}, far} = Socket.answer_hello(far, %{peer: :worker, role: :lane, thread: :own, pid: 1})
    test = self()

    endless = fn ->
      send(test, {:runner, self()})
      Process.sleep(:infinity)
    end

    :ok = Socket.send(far, {:req, 1, :apply, {endless, [], []}})
    assert_receive {:runner, runner}, 5_000
    monitors = for pid <- [lane, runner], do: Process.monitor(pid)
    Socket.close(:sys.get_state(lane).socket)
    for monitor <- monitors, do: assert_receive({:DOWN, ^monitor, _, _, _}, 5_000)
  end
end

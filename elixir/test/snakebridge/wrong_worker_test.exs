defmodule SnakeBridge.WrongWorkerTest do
  @moduledoc "Workers that do not keep to the protocol: reported once, replaced, and nobody waits for ever."
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias SnakeBridge.{BridgeError, FakeWorker, HostDouble, Lane, Session, Wait}

  @moduletag :capture_log

  # A session whose first worker answers requests on this kind of connection so; later ones are good.
  defp session(context, role, op, actions) do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")

    behaviour = fn
      1, ^role, {:req, id, ^op, _} -> actions.(id)
      _, _, message -> FakeWorker.good(message)
    end

    start_supervised!({Session, [name: session] ++ FakeWorker.start(behaviour)})
    session
  end

  defp call(session, opts \\ []), do: SnakeBridge.call("math", "sqrt", [16], [], [session: session] ++ opts)

  answers = [
    {"to another request", quote(do: &{:send, FakeWorker.frame({:ok, &1 + 7, 1})}),
     ~r/answered request 8 instead of 1/},
    {"as an error to another",
     quote(do: fn _ -> {:send, FakeWorker.frame({:error, nil, {:bridge, :x, "", nil}})} end),
     ~r/answered request nil/},
    {"with what is no term", quote(do: fn _ -> {:send, FakeWorker.frame_of("junk")} end), ~r/holds no term/},
    {"with an empty frame", quote(do: fn _ -> {:send, <<0::32>>} end), ~r/frame of 0 bytes/},
    {"with what is compressed",
     quote(
       do:
         &{:send,
          FakeWorker.frame_of(:erlang.term_to_binary({:ok, &1, List.duplicate(0, 9_999)}, compressed: 9))}
     ), ~r/holds no term/},
    {"with what is no message", quote(do: fn _ -> {:send, FakeWorker.frame({:what, 1})} end),
     ~r/no message: {:what, 1}/},
    {"with a length above the limit", quote(do: fn _ -> {:send, <<0xFFFFFFFF::32, "x">>} end),
     ~r/claims 4294967295/},
    {"with a value that is none",
     quote(do: &{:send, FakeWorker.frame({:ok, &1, {:"$tagged", {:"$set", 7}}})}),
     ~r/no value of the protocol/},
    {"with an error that is none",
     quote(do: &{:send, FakeWorker.frame({:error, &1, {:python, %{mro: 7, notes: :none}}})}),
     ~r/no error of the protocol/},
    {"with half a frame and the end", quote(do: fn _ -> [{:send, <<100::32, 131, 104>>}, :close] end),
     ~r/ended inside a message/}
  ]

  for {what, actions, message} <- answers do
    test "answers #{what}", context do
      session = session(context, :lane, :do, unquote(actions))

      log =
        capture_log(fn ->
          assert {:error, %BridgeError{} = error} = call(session)
          assert error.reason in [:bad_message, :worker_died]
          assert Exception.message(error) =~ unquote(Macro.escape(message))
          assert_receive {:broken, 1, text}, 5_000
          assert text =~ unquote(Macro.escape(message))
          assert call(session) == {:ok, 4.0}
          assert Session.attached(session) == 2
          refute_received {:broken, _, _}
        end)

      assert length(Regex.scan(~r/Python worker 1 of #{inspect(session)} is replaced/, log)) == 1
    end
  end

  controls = [
    {"answers what nobody asked", quote(do: fn id -> {:send, FakeWorker.frame({:ok, id + 1, 1})} end),
     ~r/request 3, which was not made/},
    {"sends what is no term", quote(do: fn _ -> {:send, FakeWorker.frame_of(<<131, 200>>)} end),
     ~r/holds no term/},
    {"sends what is no message", quote(do: fn _ -> {:send, FakeWorker.frame([1])} end), ~r/no message/},
    {"claims too much", quote(do: fn _ -> {:send, <<0x80000000::32>>} end), ~r/claims 2147483648/}
  ]

  for {what, actions, message} <- controls do
    test "#{what} on its control connection", context do
      session = session(context, :control, :usage, unquote(actions))
      assert call(session) == {:ok, 4.0}
      assert {:error, %BridgeError{reason: :worker_died} = error} = Session.usage(session)
      assert Exception.message(error) =~ unquote(Macro.escape(message))
      assert_receive {:broken, 1, _}, 5_000
      assert call(session) == {:ok, 4.0}
      assert Session.attached(session) == 2
    end
  end

  for {op, ids} <- [unpin: :nonsense, unpin: [1 | 2], strays: ["1"], strays: [-1], unpin: [1.0e300]] do
    event = FakeWorker.frame({:ev, op, ids})

    test "sends #{op} of #{inspect(ids)}", context do
      session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")

      behaviour = fn
        1, :control, {:req, id, :ping, _} ->
          [{:send, FakeWorker.frame({:ok, id, 1})}, {:send, unquote(event)}]

        _, _, message ->
          FakeWorker.good(message)
      end

      start_supervised!({Session, [name: session] ++ FakeWorker.start(behaviour)})
      assert call(session) == {:ok, 4.0}
      assert Session.ping(session, 1) == {:ok, 1}
      assert_receive {:broken, 1, text}, 5_000
      assert text =~ "it sent #{unquote(op)} of what are no ids"
      assert call(session) == {:ok, 4.0}
    end
  end

  test "all that wait for it hear why", context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")

    behaviour = fn
      1, :lane, {:req, _, :do, {{:module, "silent"}, _, _}} -> []
      1, :lane, {:req, _, :do, _} -> {:send, FakeWorker.frame_of("junk")}
      _, _, message -> FakeWorker.good(message)
    end

    start_supervised!({Session, [name: session] ++ FakeWorker.start(behaviour)})

    waiting =
      for _ <- 1..3, do: Task.async(fn -> SnakeBridge.call("silent", "f", [], [], session: session) end)

    Wait.until(fn -> lanes(session) == 3 end)
    assert {:error, %BridgeError{reason: :bad_message}} = call(session)

    for {:error, error} <- Task.await_many(waiting) do
      assert %BridgeError{reason: :worker_died} = error
      assert Exception.message(error) =~ "was replaced: on a lane it sent a frame"
    end
  end

  defp lanes(session), do: map_size(:sys.get_state(session).lanes)

  test "an answer that comes after the call's timeout is nobody's, and no harm", context do
    session =
      session(context, :lane, :do, fn id ->
        Process.sleep(100)
        {:send, FakeWorker.frame({:ok, id, :late})}
      end)

    for _ <- 1..3 do
      assert Lane.request(session, :ping, 1) == {:ok, 1}
      assert {:error, %BridgeError{reason: :timeout}} = call(session, timeout: 20)
    end

    Process.sleep(150)
    refute_received {:broken, _, _}
    assert Session.attached(session) == 1
    # One entry for this process, however many lanes it had.
    assert lanes(session) == 1
  end

  test "what is still running after kill_after costs the worker", context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    asked = :counters.new(1, [])

    behaviour = fn
      1, :lane, {:req, _, :do, _} ->
        []

      1, :control, {:req, id, :usage, _} ->
        :counters.add(asked, 1, 1)
        # Younger than the limit at first.
        {:send, FakeWorker.frame({:ok, id, FakeWorker.usage(1, :counters.get(asked, 1) * 60)})}

      _, _, message ->
        FakeWorker.good(message)
    end

    start_supervised!({Session, [name: session, kill_after: 100] ++ FakeWorker.start(behaviour)})
    assert Lane.request(session, :ping, 1) == {:ok, 1}
    assert {:error, %BridgeError{reason: :timeout}} = call(session, timeout: 10)
    assert_receive {:broken, 1, "it still runs a call that was given up 120 ms ago"}, 5_000
    assert :counters.get(asked, 1) == 2
    assert call(session) == {:ok, 4.0}
  end

  test "a real worker whose frames user code garbles is replaced too", context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    start_supervised!({Session, name: session})
    first = SnakeBridge.call!("os", "getpid", [], [], session: session)

    # Writes into every socket of the process.
    source = """
    import os, stat
    def garble():
        for fd in range(3, 64):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.write(fd, b"\\x00\\x00\\x00\\x04junk")
            except OSError:
                pass
    """

    names = SnakeBridge.call!("builtins", "dict", [], [], session: session, as: :ref)
    SnakeBridge.call!("builtins", "exec", [source, names])

    log =
      capture_log(fn ->
        assert {:error, %BridgeError{reason: reason}} =
                 SnakeBridge.apply(SnakeBridge.item!(names, "garble"), [])

        assert reason in [:bad_message, :worker_died]
        second = SnakeBridge.call!("os", "getpid", [], [], session: session)
        assert second != first
        Wait.until(fn -> not Wait.alive?(first) end)
      end)

    # Tests beside this one log, too.
    assert length(Regex.scan(~r/of #{inspect(session)} is replaced/, log)) == 1
  end

  @tag timeout: 120_000
  test "under a front end the front end is asked for another, and ends the first" do
    junk = fn
      1, :lane, {:req, _, :do, _} -> {:send, FakeWorker.frame_of("junk")}
      _, _, message -> FakeWorker.good(message)
    end

    start = FakeWorker.start(junk)[:worker]
    host = HostDouble.start()
    {:ok, first} = start.()
    assert HostDouble.request(host, :control, :attach, first) == {:ok, true}
    cell = HostDouble.begin_cell(host, ~s|SnakeBridge.call("math", "sqrt", [16])|)
    assert_receive {:frame, :control, {:req, id, :broken, {1, "on a lane it sent a frame" <> _}}}, 15_000
    assert HostDouble.end_cell(cell).result |> HostDouble.plain() =~ "Python worker 1 answered wrongly"

    # The next one is asked for only when the first has ended.
    cell = HostDouble.begin_cell(host, ~s|SnakeBridge.call("math", "sqrt", [16])|)
    refute_receive {:frame, :control, {:req, _, :worker, _}}, 200
    HostDouble.send_frame(host, :control, {:ok, id, true})
    assert_receive {:frame, :control, {:req, id, :worker, nil}}, 15_000
    {:ok, second} = start.()
    HostDouble.send_frame(host, :control, {:ok, id, second})
    assert HostDouble.end_cell(cell).result |> HostDouble.plain() == "{:ok, 4.0}"
  end
end

defmodule SnakeBridge.OverloadTest do
  # Calls that are given up, many at once or of a worker that does nothing any more. A stopped worker is one of those that
  # `SnakeBridge.Decoder.register/3` tells, so nothing else runs meanwhile.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  alias SnakeBridge.{BridgeError, Session, Wait}

  setup context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    start_supervised!({Session, [name: session] ++ Map.get(context, :session, [])})
    {:ok, session: session, opts: [session: session]}
  end

  defp run_all(count, function) do
    1..count |> Enum.map(fn _ -> Task.async(function) end) |> Task.await_many(120_000)
  end

  # Stops the worker for as long as the function runs.
  defp stopped(opts, function) do
    pid = SnakeBridge.call!("os", "getpid", [], [], opts)
    signal = &System.cmd("kill", [&1, "#{pid}"], stderr_to_stdout: true)
    signal.("-STOP")

    try do
      function.(pid)
    after
      signal.("-CONT")
    end
  end

  # Neither does it fail, nor is it as late as the bridge's own limits: 5 s and more.
  defp in_time(function) do
    {microseconds, result} = :timer.tc(function)
    assert microseconds < 4_000_000
    result
  end

  @tag timeout: 120_000
  test "an interrupt does not hit a thread that is being born", %{session: session, opts: opts} do
    source = """
    from concurrent.futures import ThreadPoolExecutor
    for _ in range(50):
        with ThreadPoolExecutor(4) as executor:
            list(executor.map(abs, [1, 2, 3, 4]))
    """

    run_all(4, fn ->
      for _ <- 1..25, do: SnakeBridge.run(source, [], [timeout: 4 + :rand.uniform(40)] ++ opts)
    end)

    Wait.until(fn -> match?({:ok, %{abandoned: 0}}, Session.usage(session)) end)
  end

  @tag timeout: 120_000
  test "many timeouts at once do not keep a new process waiting", %{session: session, opts: opts} do
    spinning =
      Task.async(fn ->
        run_all(80, fn -> SnakeBridge.run("while True: pass", [], [timeout: 1_000] ++ opts) end)
      end)

    Wait.until(fn -> match?({:ok, %{abandoned: count}} when count > 0, Session.usage(session)) end)

    assert Task.await(
             Task.async(fn -> SnakeBridge.call("math", "sqrt", [4], [], [timeout: 5_000] ++ opts) end),
             10_000
           ) ==
             {:ok, 2.0}

    assert Enum.all?(Task.await(spinning, 60_000), &match?({:error, %BridgeError{reason: :timeout}}, &1))
  end

  test "timeout: counts while a lane is opened", %{opts: opts} do
    stopped(opts, fn _ ->
      call = fn -> SnakeBridge.call("math", "sqrt", [4], [], [timeout: 200] ++ opts) end
      assert {:error, %BridgeError{reason: :timeout}} = in_time(fn -> Task.await(Task.async(call)) end)
    end)

    assert SnakeBridge.call("math", "sqrt", [4], [], opts) == {:ok, 2.0}
  end

  test "timeout: counts while an argument is sent", %{opts: opts} do
    stopped(opts, fn _ ->
      argument = :binary.copy("x", 20_000_000)
      call = fn -> SnakeBridge.call("builtins", "len", [argument], [], [timeout: 200] ++ opts) end
      assert {:error, %BridgeError{reason: :timeout}} = in_time(call)
    end)

    assert SnakeBridge.call("math", "sqrt", [4], [], opts) == {:ok, 2.0}
  end

  @tag session: [kill_after: 300]
  test "a worker that takes no more lanes is replaced after kill_after", %{opts: opts} do
    log =
      capture_log(fn ->
        stopped(opts, fn pid ->
          call = fn -> SnakeBridge.call("math", "sqrt", [4], [], [timeout: 100] ++ opts) end
          assert {:error, %BridgeError{reason: :timeout}} = Task.await(Task.async(call))
          Wait.until(fn -> not Wait.alive?(pid) end)
        end)
      end)

    assert log =~ "its control connection does not answer"
    assert SnakeBridge.call("math", "sqrt", [4], [], opts) == {:ok, 2.0}
  end
end

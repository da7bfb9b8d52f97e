defmodule SnakeBridge.MisuseTest do
  @moduledoc "What callers and those who configure get wrong: it is said clearly, and harms nobody else."
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias SnakeBridge.{BridgeError, Pool, Session, Wait, Worker}

  defp sqrt(opts), do: SnakeBridge.call("math", "sqrt", [16], [], opts)

  describe "arguments" do
    test "options among the bindings of a source" do
      for option <- [timeout: 100, session: Session, tags: 1, as: :ref] do
        assert_raise ArgumentError, ~r/is a binding.*\nhint: options come after the bindings/s, fn ->
          SnakeBridge.run("1 + 1", [option])
        end
      end

      assert SnakeBridge.run("timeout + 1", timeout: 1) == {:ok, 2}
    end

    test "keyword arguments that are no pairs" do
      for kwargs <- [[:reverse], ["a", {"b", 1}], [{:a, 1, 2}]] do
        error = assert_raise ArgumentError, fn -> SnakeBridge.call("builtins", "sorted", [[1]], kwargs) end
        bad = Enum.find(kwargs, &(not match?({_, _}, &1)))
        assert error.message =~ "but one is #{inspect(bad)}"
      end

      assert_raise ArgumentError, ~r/keyword list or a map, got: 5/, fn ->
        SnakeBridge.batch([{"math", "sqrt", [4], 5}])
      end
    end

    test "no time at all" do
      for _ <- 1..2 do
        assert {:error, %BridgeError{reason: :timeout}} =
                 SnakeBridge.call("asyncio", "sleep", [3600], [], timeout: 0)

        assert {:ok, 4.0} = sqrt([])
      end
    end

    test "failing members of a batch hold their exceptions as others do" do
      assert {:ok, [{:error, error}]} = SnakeBridge.batch([{"math", "sqrt", [-1]}])

      if SnakeBridge.Native.loaded?() do
        assert %SnakeBridge.Ref{} = error.ref
        assert SnakeBridge.attr!(error.ref, "args") == {"math domain error"}
      end
    end
  end

  describe "what is no session" do
    test "is not asked, whoever it is" do
      stranger = start_supervised!({Agent, fn -> :alive end})
      name = Module.concat(__MODULE__, Stranger)
      Process.register(stranger, name)

      for session <- [stranger, name] do
        assert {:error, %BridgeError{reason: :unavailable, hint: nil} = error} = sqrt(session: session)
        assert error.message =~ "another process, and no session"
        assert {:error, %BridgeError{reason: :unavailable, hint: nil}} = Session.usage(session)
        assert {:error, %BridgeError{reason: :unavailable, hint: nil}} = Pool.usage(session)
        assert_raise BridgeError, ~r/no pool/, fn -> Pool.checkout(session, & &1) end
      end

      assert Agent.get(stranger, & &1) == :alive
    end

    test "a session is no pool" do
      session = Module.concat(__MODULE__, Single)
      start_supervised!({Session, name: session})
      assert {:error, %BridgeError{message: message}} = Pool.usage(session)
      assert message =~ "no pool"
      assert {:ok, 4.0} = sqrt(session: session)
    end
  end

  test "a pool's pid stands for its name" do
    pool = Module.concat(__MODULE__, Pool)
    pid = start_supervised!({Pool, name: pool, size: 1})

    for pool <- [pid, Process.whereis(pool)] do
      assert {:ok, 4.0} = sqrt(session: pool, timeout: 30_000)
      assert {:ok, %{size: 1}} = Pool.usage(pool)
      assert Pool.checkout(pool, fn member -> sqrt(session: member) end) == {:ok, 4.0}
    end
  end

  describe "python: and cd:" do
    test "a command, and an environment" do
      {:ok, python} = Worker.python()
      venv = python |> Path.dirname() |> Path.dirname()

      for {python, n} <- Enum.with_index(["python3", venv]) do
        session = Module.concat(__MODULE__, "Python#{n}")
        start_supervised!({Session, name: session, python: python}, id: session)
        assert {:ok, 4.0} = sqrt(session: session)
      end
    end

    test "that are not there are named" do
      for {opts, text} <- [
            {[python: "no-such-python"], "no-such-python was not found in PATH"},
            {[python: System.tmp_dir!()], "has no bin/python3"},
            {[cd: "/nope"], "cd: names /nope, which is no folder"}
          ] do
        session = Module.concat(__MODULE__, "Absent#{:erlang.phash2(opts)}")
        start_supervised!({Session, [name: session] ++ opts}, id: session)
        assert {:error, %BridgeError{reason: :unavailable} = error} = sqrt(session: session)
        assert error.message =~ text
      end
    end
  end

  describe "the log" do
    test "tells once that an eager session has no worker" do
      session = Module.concat(__MODULE__, Failing)

      log =
        capture_log(fn ->
          start_supervised!(
            {Session, name: session, start: :eager, python: "/no/such/python", backoff: {1, 1}}
          )

          Wait.until(fn ->
            {:error, error} = sqrt(session: session, timeout: 5_000)
            error.message =~ "/no/such/python"
          end)

          for _ <- 1..5, do: sqrt(session: session, timeout: 5_000)
        end)

      assert [_, _] = String.split(log, "the session #{inspect(session)} has no worker")
      assert {:error, %BridgeError{hint: nil}} = Session.usage(session)
    end

    test "tells that a worker has died" do
      session = Module.concat(__MODULE__, Dying)
      start_supervised!({Session, name: session})
      {:ok, pid} = SnakeBridge.call("os", "getpid", [], [], session: session)

      generation = Session.attached(session)

      log =
        capture_log(fn ->
          Wait.kill(pid)
          Wait.until(fn -> Session.lost(session, generation, :closed).message =~ "SIGKILL" end)
        end)

      assert log =~ ~r/Python worker \d+ died.*SIGKILL.*Dying/
    end
  end
end

defmodule SnakeBridge.SessionLifeTest do
  @moduledoc "Sessions as children of supervisors: how they start, back off, give up, crash and end."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Py, Session, Wait, Worker}

  @moduletag :capture_log

  setup context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    %{session: session, opts: [session: session]}
  end

  defp pid(opts), do: SnakeBridge.call!("os", "getpid", [], [], opts)
  defp sqrt(opts), do: SnakeBridge.call("math", "sqrt", [16], [], opts)

  defp function(source, name, opts) do
    names = SnakeBridge.call!("builtins", "dict", [], [], [as: :ref] ++ opts)
    SnakeBridge.call!("builtins", "exec", [source, names])
    SnakeBridge.item!(names, name)
  end

  test "a process that traps exits hears nothing of its lane's end", context do
    start_supervised!({Session, name: context.session})
    Process.flag(:trap_exit, true)

    ports = fn ->
      for({:links, links} <- [Process.info(self(), :links)], port <- links, is_port(port), do: port)
    end

    first = pid(context.opts)
    assert [port] = ports.()
    other = Task.async(fn -> SnakeBridge.call("os", "_exit", [3], [], context.opts) end)
    assert {:error, %BridgeError{reason: :worker_died}} = Task.await(other)
    Wait.until(fn -> Session.attached(context.session) == nil end)
    # The session has closed the lanes: it answers only then.
    assert {:messages, messages} = Process.info(self(), :messages)
    refute Enum.any?(messages, &match?({:EXIT, port, _} when is_port(port), &1))
    refute pid(context.opts) == first
    assert [next] = ports.()
    refute next == port
    assert Port.info(port) == nil
  end

  describe "starting" do
    test "lazy: nothing runs before the first call; eager: at once, and again after its death", context do
      start_supervised!({Session, name: context.session})
      assert Session.attached(context.session) == nil

      eager = Module.concat(context.session, Eager)
      start_supervised!({Session, name: eager, start: :eager})
      first = Wait.until(fn -> Session.attached(eager) end, 30_000)
      Wait.kill(pid(session: eager))
      second = Wait.until(fn -> with(^first <- Session.attached(eager), do: nil) end, 30_000)
      assert second > first
    end

    test "a worker that cannot be connected to is ended", %{session: session} do
      folder = Path.join(System.tmp_dir!(), "sb-unreachable-#{System.unique_integer([:positive])}")
      File.mkdir!(folder)
      on_exit(fn -> File.rm_rf!(folder) end)
      {:ok, real} = Worker.python()
      python = Path.join(folder, "python3")
      hello = {:hello, 1, %{peer: :worker, role: :control, socket: Path.join(folder, "nothing")}}
      File.write!(Path.join(folder, "hello"), :erlang.term_to_binary(hello))

      # Says hello to its host, names a socket that is not there, and stays.
      File.write!(python, """
      #!#{real}
      import os, socket, struct, sys, time
      folder = os.path.dirname(sys.argv[0])
      host = socket.socket(socket.AF_UNIX)
      host.connect(sys.argv[sys.argv.index("--host") + 1])
      hello = open(folder + "/hello", "rb").read()
      open(folder + "/" + str(os.getpid()) + ".pid", "w").close()
      host.sendall(struct.pack(">I", len(hello)) + hello)
      time.sleep(60)
      """)

      File.chmod!(python, 0o755)
      start_supervised!({Session, name: session, python: python, backoff: {0, 0}})

      for _ <- 1..3 do
        assert {:error, %BridgeError{reason: :unavailable} = error} = sqrt(session: session)
        assert error.message =~ "cannot be reached"
      end

      pids = for file <- Path.wildcard(Path.join(folder, "*.pid")), do: Path.basename(file, ".pid")
      assert length(pids) == 3
      Wait.until(fn -> not Enum.any?(pids, &Wait.alive?/1) end)
    end

    test "several sessions have a worker each, by child specs", %{session: name} do
      names = for n <- 1..3, do: Module.concat(name, "N#{n}")
      children = for n <- names, do: {Session, name: n}
      {:ok, supervisor} = Supervisor.start_link(children, strategy: :one_for_one)
      pids = names |> Task.async_stream(&pid(session: &1), timeout: 30_000) |> Enum.map(&elem(&1, 1))
      assert length(Enum.uniq(pids)) == 3
      Supervisor.stop(supervisor)
      refute Enum.any?(pids, &Wait.alive?/1)
    end

    test "a wrong interpreter is tried again ever more rarely, and calls hear of it",
         %{session: session} = context do
      start_supervised!({Session, name: session, python: "/no/such/python", backoff: {60_000, 60_000}})

      for _ <- 1..2 do
        assert {:error, %BridgeError{reason: :unavailable} = error} = sqrt(context.opts)
        assert Exception.message(error) =~ "/no/such/python does not start"
      end

      assert {:error, %BridgeError{reason: :unavailable} = error} = sqrt([timeout: 1_000] ++ context.opts)
      assert error.message =~ ~r/2 in a row did not start or died soon; the next attempt is in \d+ ms/
      assert error.message =~ "/no/such/python does not start"
      assert error.hint =~ "timeout:"
    end

    test "a call waits for the next attempt within its timeout", %{session: session, opts: opts} do
      folder = Path.join(System.tmp_dir!(), "sb-late-#{System.unique_integer([:positive])}")
      File.mkdir!(folder)
      on_exit(fn -> File.rm_rf!(folder) end)
      python = Path.join(folder, "python3")
      start_supervised!({Session, name: session, python: python, backoff: {500, 500}})
      for _ <- 1..2, do: assert({:error, %BridgeError{reason: :unavailable}} = sqrt(opts))
      {:ok, real} = Worker.python()
      File.write!(python, "#!/bin/sh\nexec '#{real}' \"$@\"\n")
      File.chmod!(python, 0o755)
      assert sqrt([timeout: 30_000] ++ opts) == {:ok, 4.0}
    end

    test "a worker that does not come in time ends the wait, not the start", %{session: session, opts: opts} do
      start_supervised!(
        {Session,
         name: session,
         python: System.find_executable("sleep") || "/bin/sleep",
         worker: fn -> Process.sleep(:infinity) end}
      )

      assert {:error, %BridgeError{reason: :timeout} = error} = sqrt([timeout: 50] ++ opts)
      assert error.message =~ "did not start in time"
    end

    test "an environment that lacks a package says which", %{session: session, opts: opts} do
      folder = Path.join(System.tmp_dir!(), "sb-venv-#{System.unique_integer([:positive])}")
      on_exit(fn -> File.rm_rf!(folder) end)
      {:ok, python} = Worker.python()
      {_, 0} = System.cmd(python, ["-m", "venv", "--without-pip", folder], stderr_to_stdout: true)
      start_supervised!({Session, name: session, python: Path.join(folder, "bin/python3")})
      assert SnakeBridge.get!("sys", "prefix", opts) == folder
      assert {:error, %Py.ModuleNotFoundError{} = error} = SnakeBridge.import("no_such_package", opts)
      assert Exception.message(error) =~ "no_such_package"
    end

    test "one that keeps dying young is not started all the time", %{session: session, opts: opts} do
      start_supervised!({Session, name: session, backoff: {60_000, 60_000}})

      for _ <- 1..2,
          do:
            assert(
              {:error, %BridgeError{reason: :worker_died}} = SnakeBridge.call("os", "_exit", [7], [], opts)
            )

      assert {:error, %BridgeError{reason: :unavailable} = error} = sqrt([timeout: 500] ++ opts)
      assert error.message =~ "exit status 7"
    end
  end

  describe "giving up" do
    test "a timeout interrupts the thread of Python", %{session: session, opts: opts} do
      start_supervised!({Session, name: session})
      events = SnakeBridge.call!("builtins", "list", [[]], [], [as: :ref] ++ opts)

      source = """
      def spin(events):
          try:
              while True:
                  len(events)
          except BaseException as error:
              events.append(type(error).__name__)
              raise
      """

      spin = function(source, "spin", opts)
      assert {:error, %BridgeError{reason: :timeout}} = SnakeBridge.apply(spin, [events], [], timeout: 100)
      Wait.until(fn -> SnakeBridge.value!(events) == ["KeyboardInterrupt"] end)
      Wait.until(fn -> match?({:ok, %{abandoned: 0, abandoned_ms: 0}}, Session.usage(session)) end)
    end

    test "what Python cannot interrupt is abandoned, and kill_after ends the worker", %{
      session: session,
      opts: opts
    } do
      start_supervised!({Session, name: session, kill_after: 600})
      before = pid(opts)

      assert {:error, %BridgeError{reason: :timeout}} =
               SnakeBridge.call("time", "sleep", [60], [], [timeout: 50] ++ opts)

      assert {:ok, %{abandoned: 1}} =
               Wait.until(fn -> with({:ok, %{abandoned: 0}} <- Session.usage(session), do: nil) end)

      # Somebody else's call hears why it ends.
      other = Task.async(fn -> SnakeBridge.call("time", "sleep", [60], [], opts) end)
      assert {:error, %BridgeError{reason: :worker_died} = error} = Task.await(other, 20_000)
      assert error.message =~ "it still runs a call that was given up"
      assert pid(opts) != before
      Wait.until(fn -> not Wait.alive?(before) end)
    end

    test "a call whose process ends is abandoned too", %{session: session, opts: opts} do
      start_supervised!({Session, name: session, kill_after: 200})
      before = pid(opts)
      caller = spawn(fn -> SnakeBridge.call("time", "sleep", [60], [], opts) end)
      Wait.until(fn -> match?({:ok, %{lanes: 2}}, Session.usage(session)) end)
      # It may be on its way still.
      Process.sleep(100)
      Process.exit(caller, :kill)
      Wait.until(fn -> not Wait.alive?(before) end)
      assert pid(opts) != before
    end

    test "without kill_after the worker and its refs stay", %{session: session, opts: opts} do
      start_supervised!({Session, name: session})
      list = SnakeBridge.call!("builtins", "list", [[1]], [], [as: :ref] ++ opts)

      assert {:error, %BridgeError{reason: :timeout}} =
               SnakeBridge.call("time", "sleep", [60], [], [timeout: 50] ++ opts)

      Wait.until(fn ->
        match?({:ok, %{abandoned: 1, abandoned_ms: ms}} when ms > 300, Session.usage(session))
      end)

      assert SnakeBridge.value!(list) == [1]
    end
  end

  describe "ending" do
    test "stop ends the worker, calls that wait and callbacks that run", %{session: session, opts: opts} do
      {:ok, _} = Session.start_link(name: session)
      pid = pid(opts)
      me = self()
      sleeping = Task.async(fn -> SnakeBridge.call("time", "sleep", [60], [], opts) end)

      calling =
        Task.async(fn ->
          key = fn _ ->
            send(me, {:in_callback, self()}) &&
              receive do: (:go -> SnakeBridge.call("math", "sqrt", [4], [], opts))
          end

          SnakeBridge.call("builtins", "max", [[1, 2]], [key: key], opts)
        end)

      assert_receive {:in_callback, callback}, 10_000
      Wait.until(fn -> match?({:ok, %{lanes: 3}}, Session.usage(session)) end)
      Session.stop(session)
      refute Wait.alive?(pid)
      assert {:error, %BridgeError{}} = Task.await(sleeping)
      send(callback, :go)
      assert {:error, %BridgeError{}} = Task.await(calling)
      assert {:error, %BridgeError{reason: :unavailable}} = sqrt(opts)
    end

    test "a session that crashes comes back with its supervisor, and old lanes and refs say so", %{
      session: session,
      opts: opts
    } do
      {:ok, supervisor} = Supervisor.start_link([{Session, name: session}], strategy: :one_for_one)
      ref = SnakeBridge.call!("builtins", "object", [], [], opts)
      pid = pid(opts)
      me = self()

      # Processes with lanes of their own, some at work, some not.
      idle =
        for _ <- 1..3,
            do: Task.async(fn -> {sqrt(opts), send(me, :ready), receive(do: (:go -> sqrt(opts)))} end)

      busy = for _ <- 1..3, do: Task.async(fn -> SnakeBridge.call("time", "sleep", [60], [], opts) end)
      for _ <- 1..3, do: assert_receive(:ready, 10_000)
      Wait.until(fn -> match?({:ok, %{lanes: 7}}, Session.usage(session)) end)
      Process.exit(Process.whereis(session), :kill)
      Wait.until(fn -> not Wait.alive?(pid) end)
      for task <- busy, do: assert({:error, %BridgeError{}} = Task.await(task))
      Wait.until(fn -> Process.whereis(session) end)
      for task <- idle, do: send(task.pid, :go)
      for task <- idle, do: assert({{:ok, 4.0}, _, {:ok, 4.0}} = Task.await(task, 30_000))
      assert {:error, %BridgeError{reason: :ref_gone}} = SnakeBridge.attr(ref, "x")
      assert sqrt(opts) == {:ok, 4.0}
      Supervisor.stop(supervisor)
    end

    test "a session that ends while it starts leaves no process", %{session: session} do
      folder = Path.join(System.tmp_dir!(), "sb-slow-#{System.unique_integer([:positive])}")
      File.mkdir!(folder)
      on_exit(fn -> File.rm_rf!(folder) end)
      python = Path.join(folder, "python3")
      File.write!(python, "#!/bin/sh\necho $$ > '#{folder}/pid'\nexec sleep 60\n")
      File.chmod!(python, 0o755)
      {:ok, _} = Session.start_link(name: session, python: python, start: :eager)

      pid =
        Wait.until(fn ->
          with(
            {:ok, text} <- File.read(Path.join(folder, "pid")),
            text = String.trim(text),
            do: text != "" && text
          )
          |> then(&(is_binary(&1) && &1))
        end)

      Session.stop(session)
      Wait.until(fn -> not Wait.alive?(pid) end)
    end
  end

  describe "threads" do
    test "Python that waits lets others run", %{session: session, opts: opts} do
      start_supervised!({Session, name: session})
      barrier = SnakeBridge.call!("threading", "Barrier", [8], [timeout: 20], opts)
      # Passes only when all are in it at once.
      waits = for _ <- 1..8, do: Task.async(fn -> SnakeBridge.method!(barrier, "wait") end)
      assert waits |> Task.await_many(30_000) |> Enum.sort() == Enum.to_list(0..7)
    end

    test "many processes share a session and its objects", %{session: session, opts: opts} do
      start_supervised!({Session, name: session})

      source =
        "import threading\ntotal = 0\nlock = threading.Lock()\ndef add(n):\n    global total\n    with lock:\n        total += n\n    return total\n"

      add = function(source, "add", opts)

      tasks =
        for n <- 1..40,
            do: Task.async(fn -> for(i <- 1..25, do: SnakeBridge.apply!(add, [n * i])) |> length() end)

      assert Enum.sum(Task.await_many(tasks, 60_000)) == 1_000
      assert SnakeBridge.apply!(add, [0]) == Enum.sum(1..40) * Enum.sum(1..25)
    end

    test "a process has what belongs to a thread: a sqlite3 connection, a decimal context", %{
      session: session,
      opts: opts
    } do
      start_supervised!({Session, name: session})
      db = SnakeBridge.call!("sqlite3", "connect", [":memory:"], [], opts)
      SnakeBridge.method!(db, "execute", ["create table t (n integer)"])
      SnakeBridge.method!(db, "executemany", ["insert into t values (?)", [{1}, {2}, {3}]])

      assert SnakeBridge.method!(SnakeBridge.method!(db, "execute", ["select sum(n) from t"]), "fetchone") ==
               {6}

      assert {:error, %{class: "ProgrammingError"}} =
               Task.async(fn -> SnakeBridge.method(db, "execute", ["select 1"]) end) |> Task.await()

      divide =
        function(
          "from decimal import Decimal\ndef divide(a, b): return str(Decimal(a) / Decimal(b))\n",
          "divide",
          opts
        )

      context = SnakeBridge.call!("decimal", "localcontext", [], [prec: 5], [as: :ref] ++ opts)
      SnakeBridge.method!(context, "__enter__", [], [], as: :ref)
      assert SnakeBridge.apply!(divide, [1, 3]) == "0.33333"

      assert Task.async(fn -> SnakeBridge.apply!(divide, [1, 3]) end) |> Task.await() ==
               "0." <> String.duplicate("3", 28)

      SnakeBridge.method!(context, "__exit__", [nil, nil, nil])
      assert SnakeBridge.apply!(divide, [1, 3]) == "0." <> String.duplicate("3", 28)
    end
  end

  describe "under load" do
    test "a worker that is killed again and again hangs nobody, and the session grows by nothing", %{
      session: session,
      opts: opts
    } do
      start_supervised!({Session, name: session, backoff: {1, 20}})
      kills = String.to_integer(System.get_env("SNAKEBRIDGE_KILLS", "8"))
      assert sqrt(opts) == {:ok, 4.0}
      server = Process.whereis(session)
      size = fn -> :erlang.garbage_collect(server) && elem(Process.info(server, :memory), 1) end
      {before, tables} = {size.(), length(:ets.all())}
      stop = :atomics.new(1, [])

      callers =
        for _ <- 1..50 do
          Task.async(fn ->
            Stream.repeatedly(fn ->
              begun = System.monotonic_time(:millisecond)
              result = SnakeBridge.call("builtins", "list", [[1]], [], [as: :ref, timeout: 5_000] ++ opts)

              result =
                with {:ok, ref} <- result, do: SnakeBridge.method(ref, "__len__", [], [], timeout: 5_000)

              {result, System.monotonic_time(:millisecond) - begun}
            end)
            |> Enum.reduce_while(%{}, fn {result, ms}, seen ->
              assert ms < 15_000

              kind =
                case result do
                  {:ok, 1} -> :ok
                  {:error, %BridgeError{reason: reason}} -> reason
                end

              seen = Map.update(seen, kind, 1, &(&1 + 1))
              {if(:atomics.get(stop, 1) == 1, do: :halt, else: :cont), seen}
            end)
          end)
        end

      for _ <- 1..kills do
        generation = Wait.until(fn -> Session.attached(session) end, 30_000)

        with {:ok, pid} <- SnakeBridge.call("os", "getpid", [], [], [timeout: 5_000] ++ opts),
             do: Wait.kill(pid)

        Wait.until(fn -> Session.attached(session) != generation end, 30_000)
      end

      :atomics.put(stop, 1, 1)
      seen = callers |> Task.await_many(60_000) |> Enum.reduce(&Map.merge(&1, &2, fn _, a, b -> a + b end))
      assert Map.keys(seen) -- [:ok, :worker_died, :ref_gone, :unavailable] == []
      assert seen.ok > 50 and seen.worker_died > 0
      assert sqrt(opts) == {:ok, 4.0}

      state =
        Wait.until(fn ->
          with(%{lanes: lanes} = state when map_size(lanes) <= 1 <- :sys.get_state(session), do: state)
          |> then(&(is_map(&1) && map_size(&1.lanes) <= 1 && &1))
        end)

      assert map_size(state.deaths) <= 32 and state.waiting == [] and state.wondering == []
      assert size.() < before + 200_000
      assert length(:ets.all()) <= tables + 2
    end
  end
end

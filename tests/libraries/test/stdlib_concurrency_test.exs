defmodule StdlibConcurrencyTest do
  use LibraryCase, standard_library: "concurrency"

  describe "asyncio" do
    test "coroutines are awaited, together and with Elixir functions in them" do
      assert call!("asyncio", "sleep", [0.001, "slept"]) == "slept"

      gather =
        run!("""
        async def gather(f, ns):
            import asyncio
            async def one(n):
                await asyncio.sleep(0.001 * n)
                return f(n)
            return await asyncio.gather(*(one(n) for n in ns))
        gather
        """)

      assert gather.(fn n -> n * n end, [3, 1, 2]) == [9, 1, 4]
    end

    test "an awaitable is kept, and awaited later" do
      coroutine = call!("asyncio", "sleep", [0, :done], [], as: :ref)
      assert await!(coroutine) == "done"
      assert {:error, %{class: "RuntimeError"}} = await(coroutine)
    end

    test "timeouts and exceptions" do
      slow = call!("asyncio", "sleep", [60], [], as: :ref)
      assert {:error, error} = call("asyncio", "wait_for", [slow, 0.01])
      assert error.class == "TimeoutError"
      source = "async def fail(): raise LookupError('no')\nfail"
      assert_raise SnakeBridge.Py.LookupError, fn -> run!(source).() end
    end

    test "an asynchronous generator is enumerable, its context managed" do
      numbers =
        run!("""
        async def numbers(n):
            import asyncio
            for i in range(n):
                await asyncio.sleep(0)
                yield i
        numbers
        """)

      assert Enum.to_list(numbers.(4)) == [0, 1, 2, 3]
      assert numbers.(1_000_000) |> Stream.map(&(&1 * 2)) |> Enum.take(3) == [0, 2, 4]

      lock = call!("asyncio", "Lock")
      assert with_python!(lock, fn _ -> lock.locked() end) == true
      assert lock.locked() == false
    end
  end

  describe "threading" do
    test "a thread of Python calls Elixir" do
      owner = self()

      thread =
        call!("threading", "Thread", [], target: fn n -> send(owner, {:from_thread, n * 2}) end, args: {21})

      thread.start()
      thread.join()
      assert_received {:from_thread, 42}
      assert thread.is_alive() == false
    end

    test "each Elixir process is a thread of its own" do
      local = call!("threading", "local")
      put_attr!(local, "name", "here")
      elsewhere = Task.await(Task.async(fn -> attr(local, "name") end))
      assert {:error, %{class: "AttributeError"}} = elsewhere
      assert local.name == "here"
      mine = call!("threading", "get_ident")
      assert call!("threading", "get_ident") == mine
      refute Task.await(Task.async(fn -> call!("threading", "get_ident") end)) == mine
    end

    test "locks between Elixir processes, queues" do
      lock = call!("threading", "Lock")
      counter = call!("collections", "Counter")

      1..8
      |> Task.async_stream(fn _ ->
        for _ <- 1..5 do
          with_python!(lock, fn _ -> put_item!(counter, "n", counter["n"] + 1) end)
        end
      end)
      |> Stream.run()

      assert counter["n"] == 40

      queue = call!("queue", "Queue", [], maxsize: 1)
      getter = Task.async(fn -> for _ <- 1..3, do: queue.get(timeout: 30) end)
      for n <- 1..3, do: queue.put(n, timeout: 30)
      assert Task.await(getter) == [1, 2, 3]
      assert {:error, %{class: "Empty"}} = method(queue, "get_nowait")
    end

    test "a pool of threads runs functions of Elixir" do
      pool = call!("concurrent.futures", "ThreadPoolExecutor", [], max_workers: 3)

      assert with_python!(pool, fn pool -> Enum.to_list(pool.map(fn n -> n + 1 end, [1, 2, 3])) end) == [
               2,
               3,
               4
             ]

      pool = call!("concurrent.futures", "ThreadPoolExecutor")
      future = pool.submit(fn -> raise ArgumentError, "in a thread" end)
      assert_raise ArgumentError, "in a thread", fn -> future.result() end
      assert pool.submit(fn a, b -> a <> b end, "x", "y").result(timeout: 30) == "xy"
      pool.shutdown()
    end

    test "context variables stay with their process" do
      variable = call!("contextvars", "ContextVar", ["matrix"], default: "none")
      token = variable.set("mine")
      assert variable.get() == "mine"
      assert Task.await(Task.async(fn -> variable.get() end)) == "none"
      variable.reset(token)
      assert variable.get() == "none"
    end
  end

  describe "subprocess" do
    test "commands, their output and their failure" do
      done = call!("subprocess", "run", [["echo", "hi"]], capture_output: true, text: true)
      assert {done.returncode, done.stdout} == {0, "hi\n"}
      assert call!("subprocess", "check_output", [["cat"]], input: bytes("in")) == "in"

      {:error, error} = call("subprocess", "run", [["false"]], check: true)
      assert error.class == "CalledProcessError"
      assert error.ref.returncode == 1

      assert {:error, %{class: "TimeoutExpired"}} =
               call("subprocess", "run", [["sleep", "30"]], timeout: 0.05)

      assert {:error, %{class: "FileNotFoundError"}} = call("subprocess", "run", [["/no/such/program"]])
    end

    test "a pipe is read line by line, inside of a context" do
      pipe = get!("subprocess", "PIPE")
      process = call!("subprocess", "Popen", [["sh", "-c", "echo one; echo two"]], stdout: pipe, text: true)

      assert with_python!(process, fn process -> Enum.map(process.stdout, &String.trim/1) end) == [
               "one",
               "two"
             ]

      assert process.wait() == 0
    end
  end

  describe "multiprocessing" do
    test "a pool of spawned processes computes" do
      context = call!("multiprocessing", "get_context", ["spawn"])

      sums =
        with_python!(context."Pool"(2), fn pool ->
          pool.map(get!("math", "factorial"), [3, 4, 5])
        end)

      assert sums == [6, 24, 120]
    end

    test "a function of Elixir stays in this process, and says so" do
      context = call!("multiprocessing", "get_context", ["spawn"])

      error =
        with_python!(context."Pool"(1), fn pool -> catch_error(pool.map(fn n -> n end, [1])) end)

      assert error.class in ["TypeError", "PicklingError"]
      assert error.message =~ "pickle"
    end

    test "shared memory" do
      memory = call!("multiprocessing.shared_memory", "SharedMemory", [], create: true, size: 16)
      on_exit(fn -> memory.unlink() end)
      put_item!(attr!(memory, "buf", as: :ref), 0, 7)
      again = call!("multiprocessing.shared_memory", "SharedMemory", [], name: memory.name)
      assert item!(attr!(again, "buf", as: :ref), 0) == 7
      again.close()
      memory.close()
    end
  end

  describe "ctypes" do
    test "functions of C, with types and structures" do
      libc = call!("ctypes", "CDLL", [nil])
      assert libc.abs(-5) == 5
      strlen = libc.strlen
      put_attr!(strlen, "argtypes", [get!("ctypes", "c_char_p")])
      assert strlen.(bytes("hello")) == 5
      assert %{class: "ArgumentError"} = catch_error(strlen.(5.5))

      point =
        call!("builtins", "type", [
          "Point",
          {get!("ctypes", "Structure")},
          %{"_fields_" => [{"x", get!("ctypes", "c_int")}, {"y", get!("ctypes", "c_int")}]}
        ])

      p = point.(1, y: 2)
      assert {p.x, p.y} == {1, 2}
      assert call!("ctypes", "sizeof", [p]) == 8
      assert call!("builtins", "bytes", [p]) == <<1::native-32, 2::native-32>>
    end

    test "a function of Elixir is a callback of C" do
      int = get!("ctypes", "c_int")
      pointer = call!("ctypes", "POINTER", [int])
      compare = call!("ctypes", "CFUNCTYPE", [int, pointer, pointer]).(fn a, b -> a[0] - b[0] end)
      array = operator!(int, :mul, 4).(3, 1, 4, 2)
      call!("ctypes", "CDLL", [nil]).qsort(array, 4, call!("ctypes", "sizeof", [int]), compare)
      assert Enum.to_list(array) == [1, 2, 3, 4]
    end
  end

  describe "logging" do
    test "handlers and filters in Elixir" do
      owner = self()
      logger = call!("logging", "getLogger", ["matrix"])
      handler = call!("logging", "Handler")
      put_attr!(handler, "emit", fn record -> send(owner, {:log, record.levelname, record.getMessage()}) end)
      logger.addHandler(handler)
      put_attr!(logger, "propagate", false)
      logger.setLevel("INFO")
      logger.addFilter(fn record -> record.levelname != "ERROR" end)
      logger.debug("too quiet")
      logger.info("%s is %d", "n", 3)
      logger.error("filtered")
      assert_received {:log, "INFO", "n is 3"}
      refute_received {:log, _, _}
    end

    test "formats, and exceptions with their tracebacks" do
      stream = call!("io", "StringIO")
      handler = call!("logging", "StreamHandler", [stream])
      handler.setFormatter(call!("logging", "Formatter", ["%(levelname)s:%(message)s"]))
      logger = call!("logging", "Logger", ["formats"])
      logger.addHandler(handler)
      {:error, error} = call("builtins", "int", ["one"])
      logger.error("failed", exc_info: error.ref)
      assert stream.getvalue() =~ "ERROR:failed"
      assert stream.getvalue() =~ "ValueError: invalid literal"
      assert logger.isEnabledFor(get!("logging", "DEBUG")) == true
    end

    test "warnings become exceptions for a while" do
      warn = fn -> call("warnings", "warn", ["careful", get!("builtins", "UserWarning")]) end

      with_python!(call!("warnings", "catch_warnings"), fn _ ->
        call!("warnings", "simplefilter", ["error"])
        assert {:error, %{class: "UserWarning", message: "careful"}} = warn.()
        call!("warnings", "simplefilter", ["ignore"])
        assert warn.() == {:ok, nil}
      end)
    end
  end
end

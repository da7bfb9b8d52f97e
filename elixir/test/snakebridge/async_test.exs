defmodule SnakeBridge.AsyncTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureIO
  require SnakeBridge
  require SnakeBridge.Py
  alias SnakeBridge.Wait
  alias SnakeBridge.{BridgeError, Lane, Session}

  # Long enough for a loaded machine; what is over earlier does not wait.
  @patience 30_000

  defp python!(source, bindings \\ [], opts \\ []), do: SnakeBridge.run!(source, bindings, opts)

  defp coroutine_function(source, bindings \\ []), do: python!(source <> "\nf", bindings)

  test "a coroutine is awaited, and what it returns is converted like any result" do
    f = coroutine_function("async def f(x):\n  return {'x': [x, (1, 2)]}")
    assert SnakeBridge.apply!(f, [5]) == %{"x" => [5, {1, 2}]}
  end

  test "a coroutine in the middle of a chain is awaited, as it is between two calls" do
    client =
      python!("""
      class Answer:
          text = "hello"
          async def json(self): return [self.text]
          async def fail(self): return int("x")
      class Client:
          async def get(self): return Answer()
      Client()
      """)

    SnakeBridge.py do
      assert client.get().text == "hello"
      assert client.get().json()[0] == "hello"
    end

    get = {:method, "get", [], []}
    assert SnakeBridge.steps(client, [get, {:await}, {:attr, "text"}]) == {:ok, "hello"}
    fails = [get, {:method, "fail", [], []}, {:attr, "real"}]
    assert {:error, %SnakeBridge.Py.ValueError{step: 1}} = SnakeBridge.steps(client, fails)
    assert SnakeBridge.method!(client, "get", [], [], as: :ref).type == "builtins.coroutine"
  end

  test "as: :ref gives the coroutine itself, which awaits once" do
    f = coroutine_function("async def f(x):\n  return x + 1")
    coroutine = SnakeBridge.apply!(f, [1], [], as: :ref)
    assert coroutine.type == "builtins.coroutine"
    assert SnakeBridge.await(coroutine) == {:ok, 2}
    assert {:error, %SnakeBridge.Py.RuntimeError{}} = SnakeBridge.await(coroutine)
  end

  test "any awaitable: a task, a future, an object with __await__" do
    python =
      python!("""
      import asyncio
      async def later(x):
          await asyncio.sleep(0.01)
          return x
      class Awaitable:
          def __await__(self):
              return (yield from later(3).__await__())
      async def make():
          future = asyncio.get_running_loop().create_future()
          asyncio.get_running_loop().call_later(0.01, future.set_result, 2)
          return [asyncio.create_task(later(1)), future, Awaitable()]
      await make()
      """)

    assert Enum.map(python, &SnakeBridge.await!/1) == [1, 2, 3]
    assert {:error, %SnakeBridge.Py.TypeError{}} = SnakeBridge.await(python!("object()"))
  end

  test "await is a step among others" do
    steps = [
      {:method, "sleep", [0.01, [1, 2, 3]], []},
      {:await},
      {:item, 2},
      {:method, "bit_length", [], []}
    ]

    assert SnakeBridge.steps!({:module, "asyncio"}, steps) == 2
  end

  test "processes wait at the same time" do
    {us, results} =
      :timer.tc(fn ->
        1..100
        |> Enum.map(&Task.async(fn -> SnakeBridge.call!("asyncio", "sleep", [0.2, &1]) end))
        |> Task.await_many(@patience)
      end)

    assert results == Enum.to_list(1..100)
    # One after the other they would take twenty seconds.
    assert us < 15_000_000
  end

  test "gather, create_task, timeout and queues work inside" do
    assert [1, 4, 9, "timed out", [0, 1, 2]] =
             python!("""
             import asyncio
             async def square(n):
                 await asyncio.sleep(0.01)
                 return n * n
             async def main():
                 squares = await asyncio.gather(*map(square, [1, 2, 3]))
                 try:
                     await asyncio.wait_for(asyncio.sleep(60), 0.01)
                 except asyncio.TimeoutError:
                     timed = "timed out"
                 queue = asyncio.Queue()
                 async def fill():
                     for i in range(3):
                         await queue.put(i)
                 filler = asyncio.create_task(fill())
                 got = [await queue.get() for _ in range(3)]
                 await filler
                 return [*squares, timed, got]
             main()
             """)
  end

  test "exceptions keep their class and traceback, with the source's lines" do
    source = "async def f():\n  raise LookupError('lost')\nawait f()"
    assert {:error, %SnakeBridge.Py.LookupError{} = error} = SnakeBridge.run(source)
    assert error.message == "lost"
    assert error.text =~ "raise LookupError('lost')"
    refute error.text =~ "snakebridge"
    assert List.last(error.traceback).line == 2
  end

  test "a coroutine that cancels itself raises CancelledError" do
    assert {:error, error} = SnakeBridge.run("import asyncio\nraise asyncio.CancelledError()")
    assert SnakeBridge.Py.is_kind(error, "asyncio.exceptions.CancelledError")

    assert {:error, error} =
             SnakeBridge.run("""
             import asyncio
             async def f():
                 asyncio.current_task().cancel()
                 await asyncio.sleep(60)
             await f()
             """)

    assert SnakeBridge.Py.is_kind(error, "asyncio.exceptions.CancelledError")
  end

  test "task groups raise exception groups" do
    if python!("import sys\nsys.version_info >= (3, 11)") do
      assert {:error, error} =
               SnakeBridge.run("""
               import asyncio
               async def fail(n):
                   raise ValueError(n)
               async with asyncio.TaskGroup() as group:
                   group.create_task(fail(1))
               """)

      assert SnakeBridge.Py.is_kind(error, "ExceptionGroup")
      assert [%SnakeBridge.Py.ValueError{message: "1"}] = error.group
    end
  end

  test "context variables are the caller's, and changes come back, as with await" do
    variable = python!("import contextvars\ncontextvars.ContextVar('v', default='none')")
    SnakeBridge.method!(variable, "set", ["mine"])

    f =
      coroutine_function(
        "async def f():\n  before = v.get()\n  v.set('changed')\n  return before",
        v: variable
      )

    assert SnakeBridge.apply!(f, []) == "mine"
    assert SnakeBridge.method!(variable, "get") == "changed"
    assert Task.async(fn -> SnakeBridge.method!(variable, "get") end) |> Task.await(@patience) == "none"
  end

  test "what a coroutine prints comes out at the caller's, the callers side by side" do
    f =
      coroutine_function(
        "import asyncio\nasync def f(w):\n  print('a', w)\n  await asyncio.sleep(0.05)\n  print('b', w)"
      )

    texts =
      1..5
      |> Enum.map(fn n -> Task.async(fn -> capture_io(fn -> SnakeBridge.apply!(f, [n]) end) end) end)
      |> Task.await_many(@patience)

    assert texts == for(n <- 1..5, do: "a #{n}\nb #{n}\n")
  end

  test "a coroutine calls Elixir in the process that waits, and Elixir calls Python from there" do
    test = self()

    function = fn x ->
      send(test, {:called_in, self()})
      SnakeBridge.call!("math", "sqrt", [x])
    end

    f =
      coroutine_function(
        "import asyncio\nasync def f(g, x):\n  await asyncio.sleep(0)\n  y = g(x)\n  await asyncio.sleep(0)\n  return [y, g(4)]"
      )

    assert SnakeBridge.apply!(f, [function, 16]) == [4.0, 2.0]
    assert_received {:called_in, ^test}
  end

  test "an Elixir function that a coroutine calls may itself need the event loop" do
    function = fn -> SnakeBridge.call!("asyncio", "sleep", [0.01, "inner"]) end
    f = coroutine_function("async def f(g):\n  return [g(), 'outer']")
    assert SnakeBridge.apply!(f, [function]) == ["inner", "outer"]
  end

  test "an error of Elixir goes through a coroutine as it is" do
    f = coroutine_function("async def f(g):\n  return g()")

    assert {:error, %ArgumentError{message: "of mine"}} =
             SnakeBridge.apply(f, [fn -> raise ArgumentError, "of mine" end])

    assert catch_throw(SnakeBridge.apply!(f, [fn -> throw(:ball) end])) == :ball
  end

  describe "cancelling" do
    # A coroutine that tells this process when it starts and how it ends.
    defp witness(body) do
      f =
        coroutine_function("""
        import asyncio, threading
        async def f(started, ended):
            try:
                threading.Thread(target=started).start()
        #{String.replace(body, ~r/^/m, "        ")}
            except BaseException as error:
                name = type(error).__name__
                threading.Thread(target=ended, args=(name,)).start()
                raise
        """)

      test = self()
      {f, [fn -> send(test, :started) && nil end, fn name -> send(test, {:ended, name}) && nil end]}
    end

    test "a timeout cancels the task, and the loop goes on" do
      {f, args} = witness("await asyncio.sleep(3600)")
      assert {:error, %BridgeError{reason: :timeout}} = SnakeBridge.apply(f, args, [], timeout: 300)
      assert_receive :started, @patience
      assert_receive {:ended, "CancelledError"}, @patience
      assert SnakeBridge.call("asyncio", "sleep", [0, 1]) == {:ok, 1}
    end

    test "the death of the caller cancels the task" do
      {f, args} = witness("await asyncio.sleep(3600)")
      pid = spawn(fn -> SnakeBridge.apply(f, args) end)
      assert_receive :started, @patience
      Process.exit(pid, :kill)
      assert_receive {:ended, "CancelledError"}, @patience
    end

    test "a coroutine that holds up the loop is interrupted when its caller is gone" do
      {f, args} = witness("while True: pass")
      assert {:error, %BridgeError{reason: :timeout}} = SnakeBridge.apply(f, args, [], timeout: 300)
      assert_receive {:ended, "KeyboardInterrupt"}, @patience
      assert SnakeBridge.call("asyncio", "sleep", [0, 1]) == {:ok, 1}
    end

    test "many callers that end at once, and one that stays" do
      stays = Task.async(fn -> SnakeBridge.call!("asyncio", "sleep", [1.0, "stayed"]) end)
      {f, args} = witness("await asyncio.sleep(3600)")
      pids = for _ <- 1..20, do: spawn(fn -> SnakeBridge.apply(f, args) end)
      for _ <- pids, do: assert_receive(:started, @patience)
      Enum.each(pids, &Process.exit(&1, :kill))
      for _ <- pids, do: assert_receive({:ended, "CancelledError"}, @patience)
      assert Task.await(stays, @patience) == "stayed"
    end
  end

  test "tasks that outlive their call go on, and print at the session's" do
    f =
      coroutine_function("""
      import asyncio
      done = None
      async def background(event):
          await asyncio.sleep(0.05)
          event.set()
      async def f():
          global done, task
          done = asyncio.Event()
          task = asyncio.create_task(background(done))
          return done
      """)

    event = SnakeBridge.apply!(f, [])
    assert SnakeBridge.method!(event, "wait") == true
  end

  describe "on the main lane" do
    # As the evaluator of cells has it: calls are served by the thread whose loop the coroutines need.
    defp on_main(function) do
      fn ->
        Lane.put_thread(Session, :main)
        function.()
      end
      |> Task.async()
      |> Task.await(@patience)
    end

    test "the loop turns while a call waits, also for other callers" do
      event = python!("import asyncio\nasyncio.Event()")
      waiting = Task.async(fn -> on_main(fn -> SnakeBridge.method!(event, "wait") end) end)
      assert SnakeBridge.call!("asyncio", "sleep", [0.05, 1]) == 1
      on_main(fn -> SnakeBridge.method!(event, "set") end)
      assert Task.await(waiting, @patience) == true
    end

    test "steps behind an await, errors, output, callbacks" do
      on_main(fn ->
        steps = [{:method, "sleep", [0.01, [1, 2]], []}, {:await}, {:item, 1}]
        assert SnakeBridge.steps!({:module, "asyncio"}, steps) == 2

        assert {:error, %SnakeBridge.Py.IndexError{step: 2}} =
                 SnakeBridge.steps({:module, "asyncio"}, List.replace_at(steps, 2, {:item, 9}))

        assert {:error, %SnakeBridge.Py.ValueError{}} =
                 SnakeBridge.run("import asyncio\nawait asyncio.sleep(0)\nraise ValueError(1)")

        f = coroutine_function("async def f(g):\n  print('here')\n  return g(2)")
        assert capture_io(fn -> assert SnakeBridge.apply!(f, [&(&1 * 2)]) == 4 end) == "here\n"
        inner = fn _ -> SnakeBridge.call!("asyncio", "sleep", [0.01, "inner"]) end
        assert capture_io(fn -> assert SnakeBridge.apply!(f, [inner]) == "inner" end) == "here\n"
      end)
    end

    test "context variables stay those of the thread" do
      on_main(fn ->
        variable = python!("import contextvars\ncontextvars.ContextVar('v', default='none')")
        SnakeBridge.method!(variable, "set", ["mine"])
        source = "before = v.get()\nawait asyncio.sleep(0)\nv.set('changed')\nbefore"
        assert python!("import asyncio\n" <> source, v: variable) == "mine"
        assert SnakeBridge.method!(variable, "get") == "changed"
      end)
    end

    test "a timeout and the death of the caller cancel the task" do
      {f, args} = witness("await asyncio.sleep(3600)")

      on_main(fn ->
        assert {:error, %BridgeError{reason: :timeout}} = SnakeBridge.apply(f, args, [], timeout: 300)
        assert SnakeBridge.call("asyncio", "sleep", [0, 1]) == {:ok, 1}
      end)

      assert_receive :started, @patience
      assert_receive {:ended, "CancelledError"}, @patience
      pid = spawn(fn -> Lane.put_thread(Session, :main) && SnakeBridge.apply(f, args) end)
      assert_receive :started, @patience
      Process.exit(pid, :kill)
      assert_receive {:ended, "CancelledError"}, @patience
    end

    test "a coroutine that holds up the loop is interrupted when its caller is gone" do
      {f, args} = witness("while True: pass")
      pid = spawn(fn -> Lane.put_thread(Session, :main) && SnakeBridge.apply(f, args) end)
      assert_receive :started, @patience
      Process.exit(pid, :kill)
      assert_receive {:ended, "KeyboardInterrupt"}, @patience
      assert SnakeBridge.call("asyncio", "sleep", [0, 1]) == {:ok, 1}
    end
  end

  test "callers that are killed at random leave nothing open, and nobody else is hit" do
    session = __MODULE__.Killed
    start_supervised!({Session, name: session})
    opts = [session: session]
    run! = &SnakeBridge.run!(&1, &2, opts)

    works = [
      fn -> SnakeBridge.call!("asyncio", "sleep", [60], [], opts) end,
      fn -> Enum.each(run!.("import itertools\n(i for i in itertools.count())", []), & &1) end,
      fn ->
        Enum.each(
          run!.(
            "import asyncio\nasync def f():\n  while True:\n    await asyncio.sleep(0)\n    yield 1\nf()",
            []
          ),
          & &1
        )
      end,
      fn ->
        SnakeBridge.with_python!(run!.("import threading\nthreading.Lock()", []), fn _ ->
          Process.sleep(60_000)
        end)
      end,
      fn ->
        run!.("import asyncio\nwhile True:\n  g()\n  await asyncio.sleep(0)", g: fn -> :ok end)
      end
    ]

    # It works all the time beside those that are killed, on both kinds of lanes.
    innocent =
      for thread <- [:own, :main] do
        Task.async(fn ->
          Lane.put_thread(session, thread)
          for n <- 1..100, do: ^n = SnakeBridge.call!("asyncio", "sleep", [0.005, n], [], opts)
          :unharmed
        end)
      end

    pids =
      for n <- 1..60 do
        spawn(fn ->
          Lane.put_thread(session, if(rem(n, 4) == 0, do: :main, else: :own))
          Enum.at(works, rem(n, length(works))).()
        end)
      end

    for pid <- Enum.shuffle(pids) do
      Process.sleep(:rand.uniform(5))
      Process.exit(pid, :kill)
    end

    assert Task.await_many(innocent, @patience) == [:unharmed, :unharmed]

    Wait.until(fn ->
      match?({:ok, %{abandoned: 0}}, Session.usage(session)) and
        run!.("from snakebridge import leftovers\n[*leftovers._open, *leftovers._lanes]", []) == [] and
        run!.("import asyncio\nawait asyncio.sleep(0)\nlen(asyncio.all_tasks())", []) == 1
    end)
  end
end

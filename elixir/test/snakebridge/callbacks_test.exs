defmodule SnakeBridge.CallbacksTest do
  @moduledoc "Functions of Elixir as callables of Python, with the code that takes callables in practice."
  use ExUnit.Case, async: true

  alias SnakeBridge.Wait
  alias SnakeBridge.{BridgeError, Installed, Probe, Py, Session}

  @moduletag :capture_log

  # The function `run` of a Python source, called.
  defp python(source, args, opts \\ []),
    do: source |> Probe.run(opts) |> SnakeBridge.item!("run") |> SnakeBridge.apply!(args)

  describe "functions that take functions" do
    test "sorted, min and max by key, reduce, filter" do
      assert SnakeBridge.call!("builtins", "sorted", [["bb", "a", "ccc"]], key: &(-String.length(&1))) ==
               ["ccc", "bb", "a"]

      assert SnakeBridge.call!("builtins", "max", [[1, -5, 3]], key: &abs/1) == -5
      assert SnakeBridge.call!("functools", "reduce", [&(&1 * &2), [1, 2, 3, 4]]) == 24
      evens = SnakeBridge.call!("builtins", "filter", [&(rem(&1, 2) == 0), [1, 2, 3, 4]])
      assert Enum.to_list(evens) == [2, 4]
    end

    test "map asks for items one by one" do
      me = self()
      lazy = SnakeBridge.call!("builtins", "map", [&(send(me, {:asked, &1}) && &1), [1, 2, 3]])
      refute_received {:asked, _}
      assert SnakeBridge.call!("builtins", "next", [lazy]) == 1
      assert_received {:asked, 1}
      refute_received {:asked, _}
    end

    test "a generator that takes one" do
      source = """
      def run(f):
          def squares():
              n = 0
              while True:
                  n += 1
                  yield f(n)
          return squares()
      """

      assert source |> python([&(&1 * &1)]) |> Enum.take(4) == [1, 4, 9, 16]
    end

    test "C code: re.sub, sqlite3, ctypes" do
      assert SnakeBridge.call!("re", "sub", [
               "[0-9]+",
               &"<#{SnakeBridge.method!(&1, "group", [0])}>",
               "a1b22"
             ]) ==
               "a<1>b<22>"

      source = """
      import sqlite3
      def run(f, fails):
          db = sqlite3.connect(":memory:")
          db.create_function("twice", 1, f)
          db.create_function("fails", 0, fails)
          rows = db.execute("select twice(v) from (select 1 as v union select 2) order by 1").fetchall()
          try:
              db.execute("select fails()").fetchall()
          except sqlite3.OperationalError as error:
              return rows, str(error)
      """

      assert {[{2}, {4}], "user-defined function raised exception"} =
               python(source, [&(&1 * 2), fn -> raise "no" end])

      source = """
      import ctypes
      def run(f):
          libc = ctypes.CDLL(None)
          items = (ctypes.c_int * 4)(3, 1, 4, 2)
          compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
          libc.qsort(items, 4, ctypes.sizeof(ctypes.c_int), compare(lambda a, b: f(a[0], b[0])))
          return list(items)
      """

      assert python(source, [&(&2 - &1)]) == [4, 3, 2, 1]
    end

    test "what is in lists, dicts and attributes" do
      source = """
      def run(by_name, functions):
          return by_name["add"](1, 2), [f(10) for f in functions]
      """

      assert python(source, [%{"add" => &+/2}, [&(&1 + 1), &(&1 * 2)]]) == {3, [11, 20]}
    end
  end

  describe "the function object" do
    test "looks like a function" do
      source = """
      import inspect
      def run(f, named):
          return (callable(f), f.__name__, f.__qualname__, named.__name__, repr(named),
                  str(inspect.signature(f)), str(inspect.signature(named)), len(inspect.signature(lambda: 0).parameters))
      """

      assert {true, name, name, "&Enum.map/2", "<Elixir &Enum.map/2>", "(arg1, arg2, arg3, /, **options)",
              "(arg1, arg2, /, **options)",
              0} =
               python(source, [fn _, _, _ -> nil end, &Enum.map/2])

      assert name =~ ~r"^#Function<\d+\.\d+/3 in SnakeBridge.CallbacksTest>$"
    end

    test "can be compared, hashed, referred to weakly and copied; not pickled" do
      source = """
      import copy, pickle, weakref
      def run(f, same, other):
          try:
              pickle.dumps(f)
          except TypeError as error:
              pickled = str(error)
          return (f == same, f == other, hash(f) == hash(same), len({f, same, other}),
                  weakref.ref(f)() is f, copy.copy(f) is f, copy.deepcopy([f])[0] is f, pickled)
      """

      assert {true, false, true, 2, true, true, true, "cannot pickle <Elixir &String.length/1>" <> _} =
               python(source, [&String.length/1, &String.length/1, &String.upcase/1])
    end

    test "works with functools" do
      source = """
      import functools
      def run(f):
          @functools.wraps(f)
          def wrapper(*args):
              return ["wrapped", f(*args)]
          cached = functools.lru_cache(f)
          f.mark = 1
          functools.update_wrapper(f, run)
          return (functools.partial(f, 1)(2), wrapper(3, 4), wrapper.__name__ != "wrapper", cached(5, 6), cached(5, 6),
                  f.mark, f.__name__)
      """

      me = self()

      assert {3, ["wrapped", 7], true, 11, 11, 1, "run"} =
               python(source, [fn a, b -> send(me, {a, b}) && a + b end])

      assert_received {5, 6}
      refute_received {5, 6}
    end

    test "is a method where a class has it" do
      source = """
      def run(f, g):
          class Thing:
              size = 3
              method = f
              constant = staticmethod(g)
              prop = property(f)
          thing = Thing()
          return thing.method() is thing, Thing.method(7), thing.constant(1), thing.prop is thing
      """

      assert python(source, [& &1, &(&1 + 1)]) == {true, 7, 2, true}
    end

    test "takes keyword arguments as a keyword list, and says how many arguments it takes" do
      assert python("def run(f): return f(1, b=2, a=3)", [
               fn 1, options -> Enum.sum(Keyword.values(options)) end
             ]) == 5

      source = """
      def run(f):
          try:
              f(1, 2)
          except Exception as error:
              return type(error).__name__, str(error)
      """

      assert {"ElixirError", text} = python(source, [fn x -> x end])
      assert text =~ "with arity 1 called with 2 arguments (1, 2)"
      assert_raise BadArityError, fn -> python("def run(f): f(1, 2)", [fn x -> x end]) end
    end
  end

  describe "errors" do
    test "leave sorted, and the list as it was" do
      source = """
      def run(f):
          items = [3, 1, 2]
          try:
              items.sort(key=f)
          finally:
              items.append("end")
      """

      assert_raise ArgumentError, "no key", fn ->
        python(source, [fn x -> if x == 2, do: raise(ArgumentError, "no key"), else: x end])
      end
    end

    test "StopIteration, raised by Elixir, ends an iteration" do
      source = """
      def run(f):
          class Counter:
              def __iter__(self): return self
              __next__ = lambda self: f()
          return list(Counter())
      """

      counter = :counters.new(1, [])

      next = fn ->
        :counters.add(counter, 1, 1)
        if :counters.get(counter, 1) > 3, do: raise(Py.StopIteration), else: :counters.get(counter, 1)
      end

      assert python(source, [next]) == [1, 2, 3]
    end
  end

  describe "depth" do
    test "Elixir calls Python calls Elixir, 200 deep" do
      run = "def run(f, n): return f(n)" |> Probe.run() |> SnakeBridge.item!("run")
      assert SnakeBridge.apply!(run, [&down(run, &1), 200]) == 200
    end

    test "too deep, it ends in a RecursionError" do
      run = "def run(f): return f()" |> Probe.run() |> SnakeBridge.item!("run")
      error = assert_raise SnakeBridge.Py.RecursionError, fn -> endless(run) end
      assert error.message =~ "maximum recursion depth exceeded"
      assert length(error.traceback) > 100
    end

    test "an exception is told as it is where Python can call no deeper" do
      source = """
      def down(f, n): return down(f, n - 1) if n else f()
      def deepest(n=0):
          try: return deepest(n + 1)
          except RecursionError: return n
      def deep(f, left): return down(f, deepest() - left)
      def forever(): forever()
      """

      names = Probe.run(source)
      [deep, forever] = for name <- ["deep", "forever"], do: SnakeBridge.item!(names, name)

      for left <- 0..12 do
        error =
          assert_raise SnakeBridge.Py.RecursionError, fn ->
            SnakeBridge.apply!(deep, [fn -> SnakeBridge.apply!(forever, []) end, left])
          end

        assert error.message =~ "maximum recursion depth exceeded"
        assert error.text =~ "Traceback"
      end

      # Others may be telling one at this moment.
      assert SnakeBridge.Wait.until(fn -> SnakeBridge.call!("sys", "getrecursionlimit") == 1_000 end)
    end

    defp endless(run), do: SnakeBridge.apply!(run, [fn -> endless(run) end])

    defp down(_, 0), do: 0
    defp down(run, n), do: 1 + SnakeBridge.apply!(run, [&down(run, &1), n - 1])
  end

  describe "threads of Python" do
    test "8 of a pool call one function 1,000 times" do
      source = """
      from concurrent.futures import ThreadPoolExecutor
      def run(f):
          with ThreadPoolExecutor(8) as pool:
              return sum(pool.map(f, range(1000)))
      """

      calls = :counters.new(1, [:write_concurrency])
      assert python(source, [fn n -> :counters.add(calls, 1, 1) && n end]) == 499_500
      assert :counters.get(calls, 1) == 1_000
    end

    test "threading.Timer" do
      me = self()
      source = "import threading\ndef run(f): threading.Timer(0.01, f, ('rang',)).start()"
      python(source, [&send(me, &1)])
      assert_receive "rang", 10_000
    end

    test "an event loop: call_soon, call_later, futures" do
      source = """
      import asyncio
      def run(f):
          async def main():
              loop = asyncio.get_running_loop()
              done = loop.create_future()
              loop.call_later(0.02, f, "later")
              loop.call_later(0.04, done.set_result, None)
              loop.call_soon(f, "soon")
              await done
              return await loop.run_in_executor(None, f, "executor")
          return asyncio.run(main())
      """

      me = self()
      assert python(source, [&(send(me, {:ran, &1}) && &1)]) == "executor"
      for name <- ["soon", "later", "executor"], do: assert_received({:ran, ^name})
    end

    test "call functions of processes that have ended" do
      source = """
      import threading
      def run(f):
          event = threading.Event()
          def work():
              event.wait(30)
              f("after")
          threading.Thread(target=work, daemon=True).start()
          return event
      """

      me = self()
      task = Task.async(fn -> python(source, [&send(me, {&1, self()})]) end)
      event = Task.await(task)
      refute Process.alive?(task.pid)
      SnakeBridge.method!(event, "set")
      assert_receive {"after", other}, 10_000
      assert other not in [me, task.pid]
    end
  end

  describe "the process that waits" do
    test "dies inside of the callback: Python sees an exception and unwinds" do
      source = """
      seen = []
      def run(f):
          try:
              f()
          except BaseException as error:
              seen.append(type(error).__name__)
              raise
          finally:
              seen.append("finally")
      """

      names = Probe.run(source)
      me = self()

      pid =
        spawn(fn ->
          SnakeBridge.apply(SnakeBridge.item!(names, "run"), [
            fn -> send(me, :inside) && Process.sleep(:infinity) end
          ])
        end)

      assert_receive :inside, 10_000
      Process.exit(pid, :kill)
      seen = SnakeBridge.item!(names, "seen", as: :ref)
      Wait.until(fn -> SnakeBridge.method!(seen, "__len__") == 2 end)
      assert SnakeBridge.value!(seen) == ["KeyboardInterrupt", "finally"]
    end

    test "gives up by its timeout: the callback's Python unwinds, and the process goes on" do
      source = """
      import time
      seen = []
      def run(f):
          try:
              f()
              while True: time.sleep(0.01)
          finally:
              seen.append("finally")
      """

      names = Probe.run(source)

      assert {:error, %{reason: :timeout}} =
               SnakeBridge.apply(SnakeBridge.item!(names, "run"), [fn -> :ok end], [], timeout: 200)

      seen = SnakeBridge.item!(names, "seen", as: :ref)
      Wait.until(fn -> SnakeBridge.method!(seen, "__len__") == 1 end)
    end
  end

  describe "a call of a callback that is given up" do
    defp endless, do: SnakeBridge.run("import time\nwhile True: time.sleep(0.01)", [], timeout: 100)

    test "ends the call that the callback is of, as interrupted" do
      test = self()

      callback = fn ->
        send(test, endless())
        # A lane that is opened meanwhile stays.
        send(test, {:thread, SnakeBridge.call!("threading", "get_ident")})
      end

      apply = SnakeBridge.run!("lambda f: f()")
      assert {:error, %BridgeError{reason: :interrupted} = error} = SnakeBridge.apply(apply, [callback])
      assert error.message =~ "a call that a callback of this one made was given up"
      assert_received {:error, %BridgeError{reason: :timeout}}
      assert_received {:thread, thread}
      assert SnakeBridge.call!("threading", "get_ident") == thread
    end

    test "lets the function go on to its end, also where Python's thread had a lane made for it" do
      test = self()

      callback = fn ->
        send(test, {:runner, self(), Process.group_leader()})

        try do
          send(test, endless())
          IO.write("")
          send(test, {:pid, SnakeBridge.call!("os", "getpid")})
        after
          receive do: (:go_on -> send(test, :after))
        end
      end

      source = """
      import concurrent.futures
      with concurrent.futures.ThreadPoolExecutor(1) as threads:
          error = repr(threads.submit(f).exception())
      error
      """

      caller = Task.async(fn -> SnakeBridge.run(source, f: callback) end)
      assert_receive {:runner, runner, lane}, 10_000
      monitors = for pid <- [runner, lane], do: Process.monitor(pid)
      assert_receive {:error, %BridgeError{reason: :timeout}}, 10_000
      assert_receive {:pid, _}, 10_000
      send(runner, :go_on)
      assert_receive :after, 10_000
      for monitor <- monitors, do: assert_receive({:DOWN, ^monitor, _, _, _}, 10_000)
      assert {:ok, "BridgeError(" <> _} = Task.await(caller, 30_000)
    end
  end

  describe "the end of the worker" do
    test "atexit may call Elixir, which is there or is not: the worker ends" do
      name = __MODULE__.Exit
      start_supervised!({Session, name: name})
      opts = [session: name]
      me = self()
      SnakeBridge.call!("atexit", "register", [fn -> send(me, :exiting) end], [], opts)
      pid = SnakeBridge.call!("os", "getpid", [], [], opts)
      {took, :ok} = :timer.tc(fn -> stop_supervised(name) end)
      assert took < 10_000_000
      Wait.until(fn -> not File.exists?("/proc/#{pid}") end)
    end
  end

  describe "libraries" do
    @tag skip: Installed.skip(["scipy"])
    test "scipy.optimize.minimize" do
      result =
        SnakeBridge.call!("scipy.optimize", "minimize", [
          fn x -> :math.pow(Enum.at(Enum.to_list(x), 0) - 3, 2) end,
          [0.0]
        ])

      [x] = SnakeBridge.steps!(result, [{:attr, "x"}, {:method, "tolist", [], []}])
      assert_in_delta x, 3.0, 1.0e-3
    end

    @tag skip: Installed.skip(["pandas"])
    test "pandas: apply, map, groupby and agg" do
      df = SnakeBridge.call!("pandas", "DataFrame", [%{"a" => [1, 2, 3], "b" => ["x", "y", "x"]}])
      to_list = {:method, "tolist", [], []}
      column = SnakeBridge.item!(df, "a")
      assert SnakeBridge.steps!(column, [{:method, "apply", [&(&1 * 2)], []}, to_list]) == [2, 4, 6]
      assert SnakeBridge.steps!(column, [{:method, "map", [&(&1 + 1)], []}, to_list]) == [2, 3, 4]
      rows = [{:method, "apply", [&SnakeBridge.item!(&1, "a")], [{"axis", 1}]}, to_list]
      assert SnakeBridge.steps!(df, rows) == [1, 2, 3]

      sums = [
        {:method, "groupby", ["b"], []},
        {:item, "a"},
        {:method, "agg", [&SnakeBridge.method!(&1, "sum")], []},
        to_list
      ]

      assert SnakeBridge.steps!(df, sums) == [4, 2]
    end
  end
end

defmodule SnakeBridge.SessionTest do
  @moduledoc "Calls of a real worker: values, errors, callbacks, output, and the worker's death."
  use ExUnit.Case, async: true

  import ExUnit.CaptureIO

  alias SnakeBridge.Wait
  alias SnakeBridge.{BridgeError, CallbackError, Lane, Probe, Py, Ref, Session}

  @moduletag :capture_log

  setup context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    if context[:own], do: start_supervised!({Session, name: session})
    %{session: if(context[:own], do: session, else: Session)}
  end

  # A function of Python, made from source.
  defp function(source, name, opts \\ []), do: source |> Probe.run(opts) |> SnakeBridge.item!(name)

  describe "errors" do
    test "of Python carry class, bases, message and traceback" do
      f = function("def f(x):\n    return {}[x]\n", "f")
      assert {:error, %Py.KeyError{} = error} = SnakeBridge.apply(f, ["k"])
      assert {error.class, error.module, error.message} == {"KeyError", "builtins", "'k'"}
      assert "builtins.LookupError" in error.mro
      assert Exception.message(error) == "KeyError: 'k'\n  at <string>:2 in f"
      assert [%{name: "f", line: 2}] = error.traceback
      assert_raise Py.KeyError, ~r"^KeyError: 'k'", fn -> SnakeBridge.apply!(f, ["k"]) end
    end

    test "of Python carry causes and notes" do
      source = """
      def f():
          try:
              1 / 0
          except ZeroDivisionError as error:
              raise ValueError("wrapped") from error
      """

      assert {:error, error} = SnakeBridge.apply(function(source, "f"), [])
      assert %Py.ValueError{cause: %Py.ZeroDivisionError{}} = error
    end

    test "of the bridge say what to do" do
      assert {:error, %BridgeError{reason: :unavailable} = error} =
               SnakeBridge.call("math", "sqrt", [4], [], session: NoSuch)

      assert Exception.message(error) =~ "hint: start it: {SnakeBridge.Session, name: NoSuch}"
    end

    test "a value on request, or an error" do
      assert SnakeBridge.call("builtins", "dict", [], [a: 1], as: :ref) |> elem(1) |> SnakeBridge.ref?()

      assert {:error, %BridgeError{reason: :not_convertible}} =
               SnakeBridge.call("builtins", "object", [], [], as: :value)
    end
  end

  test "what is no object of Python is an error that says so" do
    {:error, error} = SnakeBridge.put_item(%{"a" => 1}, "b", 2)
    assert Exception.message(error) =~ ~r/%{"a" => 1} is a value of Elixir.*\nhint: with `as: :ref`/
  end

  describe "callbacks" do
    test "run in the process that waits, to any depth" do
      me = self()

      f = fn x ->
        assert self() == me
        SnakeBridge.call!("builtins", "list", [SnakeBridge.call!("builtins", "map", [&(&1 + x), [1, 2]])])
      end

      assert SnakeBridge.call!("builtins", "list", [SnakeBridge.call!("builtins", "map", [f, [10, 20]])]) ==
               [[11, 12], [21, 22]]
    end

    test "recurse across the bridge" do
      apply = function("def apply(f, n):\n    return f(n)\n", "apply")
      assert SnakeBridge.apply!(apply, [&count_down(apply, &1), 50]) == 50
    end

    defp count_down(_, 0), do: 0
    defp count_down(apply, n), do: 1 + SnakeBridge.apply!(apply, [&count_down(apply, &1), n - 1])

    test "take keyword arguments as a keyword list" do
      f = function("def f(g):\n    return g(1, 2, cut=3)\n", "f")
      assert SnakeBridge.apply!(f, [fn a, b, opts -> {a, b, opts[:cut]} end]) == {1, 2, 3}
    end

    test "take keyword arguments that no atom names" do
      f = function("def f(g):\n    return g(**{'cut': 1, 'no' + '_such_atom': 2})\n", "f")
      assert SnakeBridge.apply!(f, [fn opts -> opts == [{:cut, 1}, {"no_such_atom", 2}] end])
    end

    test "take functions of Python as functions" do
      source = """
      import functools
      class Scale:
          def times(self, x): return 10 * x
      def f(g):
          seen = []
          return (g([1, 2], lambda x: x + 1), g([1, 2], Scale().times), g(['a', 'bc'], len),
                  g([1, 2], functools.partial(max, 2)), g([3], seen.append), seen)
      def reduce(g): return g([1, 2, 3], 0, lambda x, sum: x + sum)
      def fails(g): return g([0], lambda x: 1 / x)
      def same(g, h=len): return g(h)('abc')
      """

      f = &SnakeBridge.apply!(function(source, &1), [&2])
      assert f.("f", &Enum.map/2) == {[2, 3], [10, 20], [1, 2], [2, 2], [nil], [3]}
      assert f.("reduce", &Enum.reduce/3) == 6
      assert_raise Py.ZeroDivisionError, ~r/ZeroDivisionError/, fn -> f.("fails", &Enum.map/2) end
      assert f.("same", fn h when is_function(h, 1) -> h end) == 3
    end

    test "bring an Elixir exception back as it was" do
      f = function("def f(g):\n    return g()\n", "f")
      error = %ArgumentError{message: "mine"}
      assert {:error, ^error} = SnakeBridge.apply(f, [fn -> raise error end])
      assert_raise ArgumentError, "mine", fn -> SnakeBridge.apply!(f, [fn -> raise error end]) end

      assert {:error, %CallbackError{kind: :throw, reason: {:ball, 1}}} =
               SnakeBridge.apply(f, [fn -> throw({:ball, 1}) end])

      assert catch_throw(SnakeBridge.apply!(f, [fn -> throw({:ball, 1}) end])) == {:ball, 1}
      assert catch_exit(SnakeBridge.apply!(f, [fn -> exit(:away) end])) == :away
    end

    test "can be caught in Python, and a Python exception goes through Elixir" do
      source = """
      def catch(g):
          try:
              g()
          except Exception as error:
              return type(error).__name__, str(error)
      """

      catch_it = function(source, "catch")
      assert {_, text} = SnakeBridge.apply!(catch_it, [fn -> raise "no way" end])
      assert text =~ "no way"
      assert {_, text} = SnakeBridge.apply!(catch_it, [fn -> SnakeBridge.call!("math", "sqrt", [-1]) end])
      assert text =~ "math domain error"
    end

    test "pids, references, functions and structs come back as they were" do
      terms = [self(), make_ref(), &String.length/1, %URI{host: "x"}, :erlang.list_to_port(~c"#Port<0.1>")]
      echo = function("def echo(x):\n    return x\n", "echo")
      for term <- terms, do: assert(SnakeBridge.apply!(echo, [[term]]) == [term])
    end

    @tag :own
    test "from a thread of Python run in a process of their own", %{session: session} do
      source = """
      import threading
      results = []

      def start(f):
          thread = threading.Thread(target=lambda: results.append(f(7)))
          thread.start()
          thread.join(20)
          return results
      """

      me = self()
      f = fn x -> if(self() == me, do: :same, else: {:other, x * 2}) end
      assert SnakeBridge.apply!(function(source, "start", session: session), [f]) == [{"other", 14}]
    end
  end

  describe "calls from a thread of Python" do
    @source """
    import threading

    def in_thread(f):
        def work():
            try:
                results.append(f())
            except BaseException as error:
                results.append(repr(error))
        results = []
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(20)
        return results
    """

    defp in_thread(session, f),
      do: @source |> function("in_thread", session: session) |> SnakeBridge.apply!([f])

    test "bring output and errors back to it" do
      session = __MODULE__.Threads
      {:ok, device} = StringIO.open("")
      start_supervised!({Session, name: session, group_leader: device})
      assert in_thread(session, fn -> IO.puts("printed") end) == ["ok"]
      # The thread belongs to no call, so this is where its own output goes too.
      Wait.until(fn -> StringIO.contents(device) |> elem(1) == "printed\n" end)

      assert ["ElixirError(" <> broken] = in_thread(session, fn -> raise "broken" end)
      assert broken =~ "broken"
      assert ["ElixirError(" <> gone] = in_thread(session, fn -> exit(:gone) end)
      assert gone =~ "gone"
      # The process that serves ends; the next call has another.
      assert ["ElixirError(" <> killed] =
               in_thread(session, fn -> Process.exit(self(), :kill) && Process.sleep(5_000) end)

      assert killed =~ "killed"

      assert in_thread(session, fn -> SnakeBridge.call!("math", "sqrt", [4], [], session: session) end) == [
               2.0
             ]
    end

    @tag :own
    test "end with the worker", %{session: session} do
      me = self()
      forever = fn -> send(me, {:runs, self()}) && Process.sleep(:infinity) end
      waiting = Task.async(fn -> catch_error(in_thread(session, forever)) end)
      assert_receive {:runs, runner}, 10_000
      monitor = Process.monitor(runner)
      {:ok, %{}} = Session.usage(session)
      spawn(fn -> SnakeBridge.call("os", "_exit", [1], [], session: session) end)
      assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
      assert %BridgeError{reason: :worker_died} = Task.await(waiting)
    end
  end

  describe "modules of Elixir" do
    defp eval(code), do: SnakeBridge.call!("builtins", "eval", [code])

    test "are called by name, with the errors of Elixir" do
      assert eval("ex.Enum.sum([1, 2, 3])") == 6
      assert eval("ex.String.upcase('a')") == "A"
      assert eval("ex.lists.reverse([1, 2])") == [2, 1]
      assert_raise UndefinedFunctionError, fn -> eval("ex.Enum.no_such(1)") end
      assert eval("'map' in dir(ex.Enum)")
    end
  end

  describe "output" do
    test "goes to the caller's group leader, in order" do
      f = function("def f(g):\n    print('one')\n    g()\n    print('three', end='')\n", "f")

      assert capture_io(fn ->
               IO.puts("zero")
               SnakeBridge.apply!(f, [fn -> IO.puts("two") end])
               IO.puts("!")
             end) == "zero\none\ntwo\nthree!\n"
    end

    test "on stderr goes to stderr" do
      f = function("import sys\ndef f():\n    print('oops', file=sys.stderr)\n", "f")
      assert capture_io(:stderr, fn -> SnakeBridge.apply!(f, []) end) =~ "oops\n"
    end

    test "of a thread that outlives its call goes to the session's group leader" do
      {:ok, device} = StringIO.open("")
      start_supervised!({Session, name: __MODULE__.Late, group_leader: device})

      source = """
      import threading, time

      def later():
          def work():
              time.sleep(0.1)
              print("late")
          threading.Thread(target=work).start()
      """

      SnakeBridge.apply!(function(source, "later", session: __MODULE__.Late), [])
      Wait.until(fn -> StringIO.contents(device) |> elem(1) == "late\n" end)
    end

    test "input is asked of the group leader" do
      f = function("def f():\n    return input('name? ') + '|' + input()\n", "f")
      assert capture_io("Ada\nLovelace\n", fn -> send(self(), SnakeBridge.apply!(f, [])) end) == "name? "
      assert_received "Ada|Lovelace"
      capture_io("", fn -> assert {:error, %Py.EOFError{}} = SnakeBridge.apply(f, []) end)
    end
  end

  describe "processes" do
    test "have a thread of Python each, and share refs" do
      list = SnakeBridge.call!("builtins", "list", [[]], [], as: :ref)
      ident = fn -> SnakeBridge.call!("threading", "get_ident") end

      # All live at once: a thread's number may be given again after its end.
      tasks =
        for n <- 1..4 do
          Task.async(fn ->
            SnakeBridge.method!(list, "append", [n])
            threads = {ident.(), ident.()}
            receive do: (:end -> threads)
          end)
        end

      Wait.until(fn -> SnakeBridge.method!(list, "__len__") == 4 end)
      for task <- tasks, do: send(task.pid, :end)
      threads = Task.await_many(tasks)

      assert Enum.all?(threads, fn {a, b} -> a == b end)
      assert threads |> Enum.uniq() |> length() == 4
      assert list |> SnakeBridge.value!() |> Enum.sort() == [1, 2, 3, 4]
    end

    test "do not wait for each other" do
      slow =
        Task.async(
          fn -> SnakeBridge.call!("time", "sleep", [30], [], timeout: 500) end
          |> then(&fn -> catch_error(&1.()) end)
        )

      assert SnakeBridge.call!("math", "sqrt", [4]) == 2.0
      assert %BridgeError{reason: :timeout} = Task.await(slow)
    end

    test "a call that takes too long is given up, and the next one works" do
      assert {:error, %BridgeError{reason: :timeout}} =
               SnakeBridge.call("time", "sleep", [30], [], timeout: 50)

      assert SnakeBridge.call("math", "sqrt", [4]) == {:ok, 2.0}
    end

    @tag :own
    test "leave no lane behind", %{session: session} do
      SnakeBridge.call!("math", "sqrt", [4], [], session: session)
      Task.async(fn -> SnakeBridge.call!("math", "sqrt", [4], [], session: session) end) |> Task.await()
      Wait.until(fn -> match?({:ok, %{lanes: 1}}, Session.usage(session)) end)
      Lane.close(session)
      Wait.until(fn -> match?({:ok, %{lanes: 0}}, Session.usage(session)) end)
    end
  end

  describe "the death of a worker" do
    @tag :own
    test "ends all waiting calls, and the next call starts another", %{session: session} do
      opts = [session: session]
      object = SnakeBridge.call!("builtins", "object", [], [], opts)
      first = Session.attached(session)
      pid = SnakeBridge.call!("os", "getpid", [], [], opts)

      waiting =
        for _ <- 1..3 do
          Task.async(fn ->
            me = self()
            send(me, :ready)
            SnakeBridge.call("time", "sleep", [60], [], opts)
          end)
        end

      Wait.until(fn -> match?({:ok, %{lanes: 4}}, Session.usage(session)) end)
      died = System.monotonic_time(:millisecond)
      System.cmd("kill", ["-9", "#{pid}"])

      for {:error, error} <- Task.await_many(waiting) do
        assert %BridgeError{reason: :worker_died} = error
        assert Exception.message(error) =~ "Python worker #{first} died (signal 9, SIGKILL)"
      end

      assert System.monotonic_time(:millisecond) - died < 1_000

      assert {:error, %BridgeError{reason: :ref_gone} = gone} = SnakeBridge.attr(object, "x")

      assert Exception.message(gone) =~
               "a builtins.object is gone with its worker: Python worker #{first} died"

      assert inspect(object) =~ "#Python<builtins.object"
      assert Session.attached(session) == nil

      assert SnakeBridge.call!("math", "sqrt", [16], [], opts) == 4.0
      assert Session.attached(session) > first
      assert {:error, %BridgeError{reason: :ref_gone}} = SnakeBridge.attr(object, "x")

      assert {:error, %BridgeError{reason: :ref_gone}} =
               SnakeBridge.call("builtins", "id", [object], [], opts)
    end

    @tag :own
    test "is seen although a child of the worker holds its sockets", %{session: session} do
      source = """
      import os, signal

      def leave():
          if os.fork() == 0:
              signal.alarm(20)
              signal.pause()
          os.kill(os.getpid(), signal.SIGKILL)
      """

      assert {:error, %BridgeError{reason: :worker_died}} =
               SnakeBridge.apply(function(source, "leave", session: session), [])
    end

    @tag :own
    test "by exit says its status", %{session: session} do
      assert {:error, %BridgeError{} = error} = SnakeBridge.call("os", "_exit", [3], [], session: session)
      assert error.message =~ "exit status 3"
    end

    test "with its session" do
      session = __MODULE__.Short
      {:ok, _} = Session.start_link(name: session)
      pid = SnakeBridge.call!("os", "getpid", [], [], session: session)
      Session.stop(session)
      Wait.until(fn -> not File.exists?("/proc/#{pid}") or zombie?(pid) end)
    end

    defp zombie?(pid), do: "/proc/#{pid}/stat" |> File.read!() |> String.contains?(") Z ")
  end

  describe "starting" do
    test "fails with what the interpreter said" do
      start_supervised!({Session, name: __MODULE__.NoPython, python: "/no/such/python"})

      assert {:error, %BridgeError{} = error} =
               SnakeBridge.call("math", "pi", [], [], session: __MODULE__.NoPython)

      assert Exception.message(error) =~ "/no/such/python does not start"

      start_supervised!({Session, name: __MODULE__.NotPython, python: "/bin/false"})

      assert {:error, %BridgeError{} = error} =
               SnakeBridge.call("math", "pi", [], [], session: __MODULE__.NotPython)

      assert Exception.message(error) =~ "exit status 1"
    end

    test "passes folder and environment, and leaves no trace of ours" do
      folder = System.tmp_dir!()

      start_supervised!(
        {Session, name: __MODULE__.Env, cd: folder, env: %{"SB_TEST" => "é", "PYTHONPATH" => "/somewhere"}}
      )

      opts = [session: __MODULE__.Env]
      assert SnakeBridge.call!("os", "getenv", ["SB_TEST"], [], opts) == "é"
      assert SnakeBridge.call!("os", "getcwd", [], [], opts) == Path.expand(folder)
      assert SnakeBridge.call!("os", "getenv", ["PYTHONPATH"], [], opts) == "/somewhere"
    end

    test "removes what killed VMs left behind, and only that" do
      start_supervised!({Session, name: __MODULE__.Tidy})
      opts = [session: __MODULE__.Tidy]
      pid = SnakeBridge.call!("os", "getpid", [], [], opts)
      left = Path.join(System.tmp_dir!(), "snakebridge-ex-left#{pid}")
      File.mkdir!(left)
      {:ok, listener} = SnakeBridge.Socket.listen(Path.join(left, "host.sock"))
      long_ago = System.os_time(:second) - 3600

      for {open?, exists?} <- [{true, true}, {false, false}] do
        unless open?, do: :gen_tcp.close(listener)
        File.touch!(left, long_ago)
        assert {:error, _} = SnakeBridge.call("os", "_exit", [0], [], opts)
        assert SnakeBridge.call!("math", "sqrt", [4], [], opts) == 2.0
        assert File.exists?(left) == exists?
      end
    end

    test "many processes at once start one worker" do
      start_supervised!({Session, name: __MODULE__.Many})

      pids =
        for _ <- 1..5,
            do: Task.async(fn -> SnakeBridge.call!("os", "getpid", [], [], session: __MODULE__.Many) end)

      assert pids |> Task.await_many() |> Enum.uniq() |> length() == 1
    end
  end

  describe "sessions" do
    test "are apart, and a call goes where its refs live" do
      start_supervised!({Session, name: __MODULE__.Other})
      here = SnakeBridge.call!("builtins", "list", [[1]], [], as: :ref)
      there = SnakeBridge.call!("builtins", "list", [[2]], [], as: :ref, session: __MODULE__.Other)
      assert SnakeBridge.call!("builtins", "sum", [here]) == 1
      assert SnakeBridge.call!("builtins", "sum", [there]) == 2

      assert SnakeBridge.call!("os", "getpid") !=
               SnakeBridge.call!("os", "getpid", [], [], session: __MODULE__.Other)

      assert SnakeBridge.call!("builtins", "str", [%{"deep" => [{there}]}]) == "{'deep': [([2],)]}"

      assert {:error, %BridgeError{reason: :not_convertible, message: message}} =
               SnakeBridge.call("builtins", "id", [[here, %{"k" => there}]])

      assert message =~ inspect(__MODULE__.Other)
      assert %Ref{session: __MODULE__.Other} = there
    end

    test "names that Elixir binds are seen in Python, lazy ones too" do
      names = fn names -> Map.new(names, &{&1, "lazy #{&1}"}) end
      start_supervised!({Session, name: __MODULE__.Names, names: names})
      opts = [session: __MODULE__.Names]
      assert Session.bind(__MODULE__.Names, [{"a", {:value, 1}}]) == :ok
      SnakeBridge.call!("math", "sqrt", [4], [], opts)
      assert Session.bind(__MODULE__.Names, [{"a", {:value, 5}}, {"b", :lazy}]) == :ok
      assert Session.ping(__MODULE__.Names, {:any, "term"}) == {:ok, {:any, "term"}}
      assert {:ok, %{"a" => :elixir, "zz" => :unbound}} = Lane.read(__MODULE__.Names, ["a", "zz"])
    end
  end
end

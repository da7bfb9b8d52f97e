defmodule SnakeBridge.ContextsTest do
  use ExUnit.Case, async: true

  alias SnakeBridge.Wait
  alias SnakeBridge.{BridgeError, Lane, Session}

  @patience 30_000

  defp ref!(source, bindings \\ []), do: SnakeBridge.run!(source, bindings, as: :ref)

  # Managers that write down what happens to them: what `__exit__` gets, and from which thread. `give`: what it returns.
  defp recorder(events, name, opts \\ []) do
    ref!(
      """
      import threading, asyncio
      class Manager:
          def __enter__(self):
              if fail_on == "enter":
                  raise ValueError(name)
              self.thread = threading.get_ident()
              events.append(f"enter {name}")
              return name
          def __exit__(self, kind, error, trace):
              self.error = error
              same = self.thread == threading.get_ident()
              events.append(f"exit {name} {kind and kind.__name__} {same}")
              if fail_on == "exit":
                  raise ValueError(name)
              return give
      class Asynchronous:
          async def __aenter__(self):
              await asyncio.sleep(0.01)
              return Manager.__enter__(self)
          async def __aexit__(self, *triple):
              await asyncio.sleep(0.01)
              return Manager.__exit__(self, *triple)
      (Asynchronous if is_async else Manager)()
      """,
      events: events,
      name: name,
      give: Keyword.get(opts, :give, false),
      fail_on: opts[:fail_on],
      is_async: opts[:async] == true
    )
  end

  defp events, do: ref!("[]")
  defp all(events), do: SnakeBridge.value!(events)

  for async <- [false, true] do
    describe "with#{if async, do: " async"}" do
      @async async
      test "what the manager goes on to write into is the object itself" do
        manager = SnakeBridge.call!("warnings", "catch_warnings", [], record: true)

        seen =
          SnakeBridge.with_python!(manager, fn list ->
            SnakeBridge.call!("warnings", "simplefilter", ["always"])
            SnakeBridge.call!("warnings", "warn", ["look here"])
            for warning <- list, do: warning |> SnakeBridge.attr!("message") |> to_string()
          end)

        # Another test may have been warned at the same time: what records warnings does so for all threads.
        assert "look here" in seen
      end

      test "gives the value of the function" do
        events = events()
        manager = recorder(events, "a", async: @async)
        assert SnakeBridge.with_python(manager, &(&1 <> "!")) == {:ok, "a!"}
        assert SnakeBridge.with_python!(manager, &{&1, self()}) == {"a", self()}
        assert ["enter a", "exit a None True" | _] = all(events)
      end

      test "several: entered in order, left in reverse" do
        events = events()
        managers = for name <- ~w(a b), do: recorder(events, name, async: @async)
        assert SnakeBridge.with_python(managers, & &1) == {:ok, ["a", "b"]}
        assert all(events) == ["enter a", "enter b", "exit b None True", "exit a None True"]
        assert SnakeBridge.with_python([], & &1) == {:ok, []}
      end

      test "a manager that cannot be entered leaves those before it, with its error" do
        events = events()

        managers = [
          recorder(events, "a", async: @async),
          recorder(events, "b", async: @async, fail_on: "enter")
        ]

        function = fn _ -> flunk("not entered") end

        assert {:error, %SnakeBridge.Py.ValueError{message: "b"}} =
                 SnakeBridge.with_python(managers, function)

        assert all(events) == ["enter a", "exit a ValueError True"]
      end

      test "raise, throw and exit go on, and the manager sees them" do
        events = events()
        manager = recorder(events, "a", async: @async)

        assert_raise ArgumentError, "mine", fn ->
          SnakeBridge.with_python(manager, fn _ -> raise ArgumentError, "mine" end)
        end

        assert catch_throw(SnakeBridge.with_python(manager, fn _ -> throw(:ball) end)) == :ball
        assert catch_exit(SnakeBridge.with_python(manager, fn _ -> exit(:gone) end)) == :gone
        assert all(events) |> Enum.filter(&(&1 =~ "exit")) == List.duplicate("exit a ElixirError True", 3)
        error = SnakeBridge.attr!(manager, "error", as: :ref)
        assert SnakeBridge.attr!(error, "kind") == "exit"
        assert SnakeBridge.attr!(error, "reason") == "gone"
      end

      test "an exception of Python is the very object" do
        manager = recorder(events(), "a", async: @async)
        error = ref!("class Own(KeyError): pass\nOwn('k')")
        raiser = ref!("def f():\n  raise error\nf", error: error)

        assert_raise SnakeBridge.Py.KeyError, fn ->
          SnakeBridge.with_python(manager, fn _ -> SnakeBridge.apply!(raiser, []) end)
        end

        assert SnakeBridge.same?(SnakeBridge.attr!(manager, "error", as: :ref), error)
      end

      test "a manager may suppress the error" do
        manager = recorder(events(), "a", async: @async, give: true)
        assert SnakeBridge.with_python(manager, fn _ -> raise "no" end) == {:ok, nil}
        assert SnakeBridge.with_python(manager, fn _ -> throw(:ball) end) == {:ok, nil}
        assert SnakeBridge.with_python(manager, fn _ -> 5 end) == {:ok, 5}
        inner = recorder(events(), "b", async: @async, fail_on: "enter")
        assert SnakeBridge.with_python([manager, inner], fn _ -> 5 end) == {:ok, nil}
      end

      test "an error of __exit__ takes the place of the function's" do
        manager = recorder(events(), "a", async: @async, fail_on: "exit")
        assert {:error, %SnakeBridge.Py.ValueError{}} = SnakeBridge.with_python(manager, fn _ -> 5 end)

        assert {:error, %SnakeBridge.Py.ValueError{}} =
                 SnakeBridge.with_python(manager, fn _ -> raise "no" end)

        assert_raise SnakeBridge.Py.ValueError, fn -> SnakeBridge.with_python!(manager, fn _ -> 5 end) end
      end

      test "when the process ends, the contexts are left, the last first" do
        events = events()
        managers = for name <- ~w(a b c), do: recorder(events, name, async: @async)
        test = self()

        for thread <- [:own, :main] do
          SnakeBridge.method!(events, "clear")

          pid =
            spawn(fn ->
              Lane.put_thread(Session, thread)

              SnakeBridge.with_python(managers, fn _ ->
                send(test, :inside)
                Process.sleep(:infinity)
              end)
            end)

          assert_receive :inside, @patience
          assert length(all(events)) == 3
          Process.exit(pid, :kill)
          Wait.until(fn -> length(all(events)) == 6 end)

          assert Enum.drop(all(events), 3) ==
                   for(name <- ~w(c b a), do: "exit #{name} ElixirError True")
        end
      end

      test "a call that times out inside leaves the context with its lane" do
        events = events()
        manager = recorder(events, "a", async: @async)

        sleep = fn _ ->
          SnakeBridge.run("import time\nwhile True: time.sleep(0.01)", [], timeout: 200)
        end

        assert {:error, %BridgeError{reason: :interrupted} = error} = SnakeBridge.with_python(manager, sleep)
        assert error.message =~ "left the context before the block ended"
        Wait.until(fn -> length(all(events)) == 2 end)
        assert all(events) == ["enter a", "exit a ElixirError True"]

        assert_raise RuntimeError, "mine", fn ->
          SnakeBridge.with_python(manager, fn value ->
            {:error, %BridgeError{reason: :timeout}} = sleep.(value)
            raise "mine"
          end)
        end
      end
    end
  end

  test "what is no context manager says so" do
    assert {:error, %SnakeBridge.Py.TypeError{message: message}} = SnakeBridge.with_python(ref!("[]"), & &1)
    assert message =~ "context manager protocol"
  end

  test "synchronous and asynchronous ones together" do
    events = events()
    managers = [recorder(events, "a"), recorder(events, "b", async: true), recorder(events, "c")]
    assert SnakeBridge.with_python(managers, fn [_, b, _] -> b end) == {:ok, "b"}
    assert Enum.map(all(events), &(&1 |> String.split() |> Enum.at(1))) == ~w(a b c c b a)
  end

  test "nested, and in a callback" do
    events = events()
    [a, b] = for name <- ~w(a b), do: recorder(events, name)

    assert SnakeBridge.with_python!(a, fn x -> SnakeBridge.with_python!(b, fn y -> x <> y end) end) == "ab"
    within = fn -> SnakeBridge.with_python!(a, fn x -> x end) end
    assert SnakeBridge.run!("f()", f: within) == "a"
    assert length(all(events)) == 6
  end

  describe "managers of the standard library:" do
    test "decimal.localcontext" do
      third = fn -> SnakeBridge.run!("import decimal\nstr(decimal.Decimal(1) / 3)") end
      context = SnakeBridge.call!("decimal", "localcontext")

      assert SnakeBridge.with_python!(context, fn context ->
               SnakeBridge.put_attr!(context, "prec", 4)
               third.()
             end) == "0.3333"

      assert String.length(third.()) > 20
    end

    test "threading.Lock and RLock" do
      for name <- ~w(Lock RLock) do
        lock = SnakeBridge.call!("threading", name)
        SnakeBridge.with_python!(lock, fn true -> SnakeBridge.call!("math", "sqrt", [4]) end)
        assert SnakeBridge.method!(lock, "acquire", [false]) == true
        SnakeBridge.method!(lock, "release")
      end
    end

    test "open and tempfile.TemporaryDirectory" do
      path =
        SnakeBridge.with_python!(SnakeBridge.call!("tempfile", "TemporaryDirectory"), fn folder ->
          path = Path.join(folder, "f")
          file = SnakeBridge.call!("builtins", "open", [path, "w"])
          SnakeBridge.with_python!(file, &SnakeBridge.method!(&1, "write", ["text"]))
          assert SnakeBridge.attr!(file, "closed")
          assert File.read!(path) == "text"
          path
        end)

      refute File.exists?(path)
    end

    test "a connection of sqlite3: commits, and rolls back what failed" do
      connection = SnakeBridge.call!("sqlite3", "connect", [":memory:"])
      SnakeBridge.method!(connection, "execute", ["create table t (n integer)"])

      insert = fn connection, n ->
        SnakeBridge.method!(connection, "execute", ["insert into t values (?)", [n]])
      end

      SnakeBridge.with_python!(connection, &insert.(&1, 1))

      assert_raise RuntimeError, fn ->
        SnakeBridge.with_python(connection, fn connection ->
          insert.(connection, 2)
          raise "no"
        end)
      end

      rows = SnakeBridge.method!(connection, "execute", ["select n from t"])
      assert Enum.to_list(rows) == [{1}]
    end

    test "contextlib: suppress, ExitStack, closing, nullcontext, contextmanager, asynccontextmanager" do
      value_error = SnakeBridge.get!("builtins", "ValueError")
      suppress = SnakeBridge.call!("contextlib", "suppress", [value_error])

      assert SnakeBridge.with_python(suppress, fn _ -> SnakeBridge.call!("builtins", "int", ["x"]) end) ==
               {:ok, nil}

      assert_raise SnakeBridge.Py.TypeError, fn ->
        SnakeBridge.with_python(suppress, fn _ -> SnakeBridge.call!("builtins", "len", [5]) end)
      end

      events = events()
      stack = SnakeBridge.call!("contextlib", "ExitStack")

      assert SnakeBridge.with_python!(stack, fn stack ->
               SnakeBridge.method!(stack, "callback", [SnakeBridge.attr!(events, "append"), "called"])
               SnakeBridge.method!(stack, "enter_context", [recorder(events, "a")])
             end) == "a"

      assert all(events) == ["enter a", "exit a None True", "called"]

      assert SnakeBridge.with_python(SnakeBridge.call!("contextlib", "nullcontext", [{1}]), & &1) ==
               {:ok, {1}}

      for {decorator, prefix} <- [{"contextmanager", ""}, {"asynccontextmanager", "async "}] do
        manager =
          ref!(
            "import contextlib\n@contextlib.#{decorator}\n#{prefix}def f():\n  try:\n    yield 'v'\n  " <>
              "except KeyError as error:\n    raise LookupError('instead') from error\nf()"
          )

        assert {:error, %SnakeBridge.Py.LookupError{cause: %SnakeBridge.Py.KeyError{}}} =
                 SnakeBridge.with_python(manager, fn "v" -> SnakeBridge.run!("{}['k']") end)
      end
    end

    test "unittest.mock.patch and warnings.catch_warnings" do
      patch = SnakeBridge.call!("unittest.mock", "patch", ["os.path.altsep", "patched"])
      assert SnakeBridge.with_python!(patch, fn _ -> SnakeBridge.get!("os.path", "altsep") end) == "patched"
      assert SnakeBridge.get!("os.path", "altsep") == nil

      catch_warnings = SnakeBridge.call!("warnings", "catch_warnings", [], record: true)

      assert [message] =
               SnakeBridge.with_python!(catch_warnings, fn _ ->
                 SnakeBridge.run!("""
                 import warnings
                 with warnings.catch_warnings(record=True) as log:
                     warnings.simplefilter("always")
                     warnings.warn("careful")
                 [str(warning.message) for warning in log]
                 """)
               end)

      assert message == "careful"
    end
  end
end

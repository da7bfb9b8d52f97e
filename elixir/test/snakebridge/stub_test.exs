defmodule SnakeBridge.StubTest do
  use ExUnit.Case, async: true
  use SnakeBridge

  import SnakeBridge.Py, only: [is_kind: 2]

  alias SnakeBridge.{BridgeError, Ref, Stub}
  alias SnakeBridge.Stub.UnexpectedCallError

  doctest SnakeBridge.Stub

  setup context do
    name = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    start_supervised!({Stub, name: name})
    %{session: name, on: [session: name]}
  end

  defp call(module, name, args, kwargs, %{session: session}),
    do: SnakeBridge.call(module, name, args, kwargs, session: session)

  describe "answers" do
    test "are values and functions of arguments", %{on: on} = context do
      Stub.stub("math.pi", 3.0, on)
      Stub.stub("math.sqrt", fn [x], _ -> :math.sqrt(x) end, on)
      Stub.stub("json.dumps", fn [term], %{"indent" => indent} -> inspect({term, indent}) end, on)

      assert SnakeBridge.get("math", "pi", on) == {:ok, 3.0}
      assert call("math", "sqrt", [16], [], context) == {:ok, 4.0}
      assert call("json", "dumps", [:a], [indent: 2], context) == {:ok, "{:a, 2}"}
    end

    test "raise as Python does", %{on: on} = context do
      Stub.stub("json.loads", fn [_], _ -> raise SnakeBridge.Py.ValueError, "no JSON" end, on)

      Stub.stub(
        "requests.get",
        fn [_], _ ->
          raise Stub.exception("requests.exceptions.ConnectionError", "refused", ["OSError"])
        end,
        on
      )

      assert {:error, %SnakeBridge.Py.ValueError{message: "no JSON"}} =
               call("json", "loads", ["{"], [], context)

      assert {:error, error} = call("requests", "get", ["x"], [], context)
      assert is_kind(error, "requests.exceptions.ConnectionError")
      assert is_kind(error, "OSError")
      assert_raise SnakeBridge.Py.OSError, fn -> SnakeBridge.call!("requests", "get", ["x"], [], on) end
    end

    test "of the bridge itself", %{on: on} = context do
      Stub.stub("m.slow", fn _, _ -> raise BridgeError, reason: :timeout, message: "late" end, on)
      assert {:error, %BridgeError{reason: :timeout}} = call("m", "slow", [], [], context)
    end

    test "reach what is called by way of a ref, of natural syntax, in a batch, by a callable", %{on: on} do
      Stub.stub(
        "pandas.read_csv",
        fn [path], _ -> Stub.object("pandas.DataFrame", [repr: path] ++ on) end,
        on
      )

      Stub.stub("pandas.DataFrame.mean", fn [%Ref{}], kwargs -> %{"a" => map_size(kwargs)} end, on)
      Stub.stub("pandas.DataFrame.shape", {3, 2}, on)
      Stub.stub("pandas.options.width", 80, on)

      pd = SnakeBridge.import!("pandas", on)
      df = pd.read_csv("wine.csv")
      assert inspect(df) == "#Python<wine.csv>"
      assert "#{df}" == "wine.csv"
      assert df.shape == {3, 2}
      assert pd.options.width == 80
      assert pd.read_csv("x").mean(numeric_only: true) == %{"a" => 1}

      read = SnakeBridge.get!("pandas", "read_csv", on)
      assert SnakeBridge.apply!(read, ["y"]).shape == {3, 2}

      assert {:ok, [{:ok, %Ref{}}, {:ok, %{"a" => 0}}]} =
               SnakeBridge.batch([{"pandas", "read_csv", ["z"]}, {df, "mean", []}], on)

      assert SnakeBridge.same?(df, df)
      refute SnakeBridge.same?(df, pd.read_csv("wine.csv"))
    end

    test "of sources", %{on: on} do
      Stub.stub(:run, fn ["x + 1", %{"x" => x}], _ -> x + 1 end, on)
      assert SnakeBridge.run("x + 1", [x: 2], on) == {:ok, 3}
    end

    test "that are missing say so, whatever function is called", %{on: on} = context do
      Stub.stub("math.sqrt", 4, on)

      error = assert_raise UnexpectedCallError, fn -> call("math", "sqr", [16], [b: 2], context) end
      assert Exception.message(error) =~ "there is no answer for math.sqr(16, b=2)"
      assert Exception.message(error) =~ "nearest: math.sqrt"
      assert Exception.message(error) =~ ~s|SnakeBridge.Stub.stub("math.sqr", fn|

      assert_raise UnexpectedCallError, fn -> SnakeBridge.get("numpy", "pi", on) end
    end

    test "that take no such arguments say so", %{on: on} = context do
      Stub.stub("math.sqrt", fn [16], _ -> 4.0 end, on)
      error = assert_raise UnexpectedCallError, fn -> call("math", "sqrt", [25], [], context) end
      assert Exception.message(error) =~ "the answer for math.sqrt takes no such arguments: math.sqrt(25)"

      Stub.stub("math.floor", fn [_], _ -> String.upcase(:no) end, on)
      assert_raise FunctionClauseError, fn -> call("math", "floor", [1], [], context) end
    end
  end

  describe "objects" do
    test "have items, length, iteration and a value", %{on: on} do
      list = Stub.object("builtins.list", [value: [1, 2, 3]] ++ on)
      assert list[0] == 1
      assert list[1..2] == [2, 3]
      assert Enum.count(list) == 3
      assert Enum.map(list, &(&1 * 2)) == [2, 4, 6]
      assert SnakeBridge.value!(list) == [1, 2, 3]
      SnakeBridge.put_item!(list, 0, 9)
      assert Enum.to_list(list) == [9, 2, 3]
      assert Enum.into([4], list) |> Enum.to_list() == [9, 2, 3, 4]
      assert {:error, %SnakeBridge.Py.IndexError{}} = SnakeBridge.item(list, 7)
    end

    test "may be infinite", %{on: on} do
      numbers = Stub.object("itertools.count", [value: Stream.iterate(10, &(&1 + 1))] ++ on)
      assert Enum.take(numbers, 3) == [10, 11, 12]
      assert numbers |> SnakeBridge.stream!(chunk: 1) |> Enum.at(600) == 610
    end

    test "have operators and attributes that can be set", %{on: on} do
      one = Stub.object("m.Number", [attributes: %{x: 1}, methods: %{__add__: fn [y], _ -> 1 + y end}] ++ on)
      assert SnakeBridge.operator!(one, :add, 2) == 3
      SnakeBridge.put_attr!(one, "x", 5)
      assert one.x == 5
    end

    test "are context managers", %{on: on} do
      test = self()
      leave = fn [_, error, _], _ -> send(test, {:left, error}) && true end
      file = Stub.object("io.File", [methods: %{__enter__: "inside", __exit__: leave}] ++ on)
      assert SnakeBridge.with_python(file, &(&1 <> "!")) == {:ok, "inside!"}
      assert_received {:left, nil}
      assert SnakeBridge.with_python(file, fn _ -> raise "x" end) == {:ok, nil}
      assert_received {:left, %{}}

      plain = Stub.object("m.Plain", on)
      assert {:ok, %Ref{type: "m.Plain"}} = SnakeBridge.with_python(plain, & &1)
    end

    test "can be released, and arrive `as:`", %{session: session, on: on} do
      Stub.stub("m.f", fn _, _ -> [1, 2] end, on)
      assert %Ref{type: "builtins.list"} = ref = SnakeBridge.call!("m", "f", [], [], [as: :ref] ++ on)
      assert SnakeBridge.value!(ref) == [1, 2]
      assert SnakeBridge.call!("m", "f", [], [], [as: :set] ++ on) == MapSet.new([1, 2])
      before = usage(session)
      SnakeBridge.release(ref)
      assert usage(session) == before - 1
      assert {:error, %BridgeError{reason: :ref_gone}} = SnakeBridge.method(ref, "pop")
      SnakeBridge.scope(fn -> SnakeBridge.call!("m", "f", [], [], [as: :ref] ++ on) && nil end)
      assert usage(session) == before - 1
    end
  end

  defp usage(session), do: elem(SnakeBridge.Session.usage(session), 1).refs

  describe "whose" do
    test "answers are a test's, and its tasks'", %{on: on} = context do
      Stub.stub("m.f", :mine, on)
      assert Task.await(Task.async(fn -> call("m", "f", [], [], context) end)) == {:ok, :mine}
      test = self()
      stranger = spawn_link(fn -> receive do: (:go -> send(test, answer(context))) end)
      send(stranger, :go)
      assert_receive %UnexpectedCallError{}

      allowed = spawn_link(fn -> receive do: (:go -> send(test, answer(context))) end)
      Stub.allow(allowed, on)
      send(allowed, :go)
      assert_receive {:ok, :mine}
    end

    test "answers for all stand behind", %{on: on} = context do
      Stub.stub("m.f", :all, [for: :all] ++ on)
      Stub.stub("m.g", :all, [for: :all] ++ on)
      Stub.stub("m.f", :mine, on)
      assert call("m", "f", [], [], context) == {:ok, :mine}
      assert call("m", "g", [], [], context) == {:ok, :all}
      test = self()
      spawn_link(fn -> send(test, answer(context)) end)
      assert_receive {:ok, :all}
    end
  end

  defp answer(context) do
    call("m", "f", [], [], context)
  rescue
    error -> error
  end

  describe "expectations" do
    test "are used in order, and verified", %{on: on} = context do
      Stub.expect("m.f", fn [1], _ -> :first end, on)
      Stub.expect("m.f", :then, [times: 2] ++ on)
      error = assert_raise UnexpectedCallError, fn -> Stub.verify!(on) end
      assert Exception.message(error) =~ "m.f: expected 3 times, came 0 times"

      assert for(_ <- 1..3, do: call("m", "f", [1], [], context)) == [ok: :first, ok: :then, ok: :then]
      assert Stub.verify!(on) == :ok
      error = assert_raise UnexpectedCallError, fn -> call("m", "f", [1], [], context) end
      assert Exception.message(error) =~ "was called again: it was expected 3 times"
      assert Stub.calls(on) |> length() == 4
      assert hd(Stub.calls(on)) == {"m.f", [1], %{}}
    end

    test "are verified when the test has ended" do
      name = Module.concat(__MODULE__, Unsupervised)
      {:ok, stub} = GenServer.start(Stub.Server, {name, []}, name: name)
      on_exit(fn -> GenServer.stop(stub) end)
      Stub.verify_on_exit!(session: name)
      Stub.expect("m.f", :x, session: name)
      assert SnakeBridge.call!("m", "f", [], [], session: name) == :x
    end
  end

  describe "misuse" do
    test "is told", %{on: on} do
      assert_raise ArgumentError, ~r/is no stub/, fn -> Stub.stub("m.f", 1, session: Nobody) end
      assert_raise ArgumentError, ~r/function of two arguments/, fn -> Stub.stub("m.f", fn -> 1 end, on) end
      assert_raise ArgumentError, ~r/no atributes:/, fn -> Stub.object("m.C", [atributes: []] ++ on) end
      assert_raise ArgumentError, ~r/cannot be read/, fn -> Stub.replay("/nowhere/x.exs", on) end
    end
  end

  describe "recordings" do
    setup do
      folder = Path.join(System.tmp_dir!(), "sbr#{System.unique_integer([:positive])}")
      on_exit(fn -> File.rm_rf!(folder) end)
      File.mkdir_p!(folder)
      %{tmp_dir: folder}
    end

    defp program(%{on: on}) do
      path = SnakeBridge.call!("pathlib", "PurePosixPath", ["a/b.txt"], [], on)
      counter = SnakeBridge.call!("collections", "Counter", ["banana"], [], on)

      [
        path.suffix,
        SnakeBridge.value!(path.parent |> SnakeBridge.method!("as_posix")),
        SnakeBridge.method!(counter, "most_common", [1]),
        counter["a"],
        counter |> Enum.sort(),
        SnakeBridge.call("math", "sqrt", [-1], [], on) |> elem(1) |> Exception.message(),
        SnakeBridge.get!("math", "inf", on),
        SnakeBridge.call!("datetime", "date", [2024, 2, 29], [], on),
        SnakeBridge.call!("datetime", "timedelta", [2], [], on),
        SnakeBridge.call!("builtins", "sorted", [["bb", "a"]], [key: &String.length/1], on),
        SnakeBridge.run!("{x, 1}", [x: 2], on),
        SnakeBridge.batch!([{"math", "sqrt", [16]}, {counter, "total", []}], on),
        inspect(path)
      ]
    end

    test "are answered as Python did, and are the same each time", %{tmp_dir: folder, on: on} = context do
      file = Path.join(folder, "one.exs")
      again = Path.join(folder, "two.exs")
      first = Stub.record(file, fn -> program(context) end, on)
      assert Stub.record(again, fn -> program(context) end, on) == first
      assert File.read!(file) == File.read!(again)

      Stub.replay(file, on)
      # A message of an error has no traceback here.
      assert List.delete_at(program(context), 5) == List.delete_at(first, 5)
      assert Enum.at(program(context), 5) =~ "ValueError"

      assert_raise UnexpectedCallError, ~r/not recorded: module\("math"\) \|> method\("sqrt", \[17\]\)/, fn ->
        call("math", "sqrt", [17], [], context)
      end
    end

    test "are made once", %{tmp_dir: folder, on: on} = context do
      file = Path.join(folder, "x.exs")

      assert Stub.recorded(file, fn -> call("os", "getpid", [], [], context) end, on) ==
               Stub.recorded(file, fn -> call("os", "getpid", [], [], context) end, on)
    end

    test "may be edited", %{tmp_dir: folder, on: on} = context do
      file = Path.join(folder, "x.exs")

      File.write!(file, """
      [
        [from: module("m"), steps: [method("f", [any(), 1])], gives: {1, %{"a" => [-2]}}],
        [from: module("m"), steps: [method("f", [any(), 1])], gives: 2]
      ]
      """)

      Stub.replay(file, on)
      assert call("m", "f", ["x", 1], [], context) == {:ok, {1, %{"a" => [-2]}}}
      assert call("m", "f", [%{}, 1], [], context) == {:ok, 2}
      assert call("m", "f", [%{}, 1], [], context) == {:ok, 2}

      for {text, message} <- [
            {"[[from: System.halt(), gives: 1]]", ~r/x.exs:1: System.halt\(\)/},
            {"[[from: module(\"m\"), steps: [x], gives: 1]]", ~r/is no step|x.exs/},
            {"[", ~r/x.exs:1/},
            {"[a_name_that_nobody_has_written: 1]", ~r/x.exs:1/}
          ] do
        File.write!(file, text)
        assert_raise ArgumentError, message, fn -> Stub.replay(file, on) end
      end
    end
  end
end

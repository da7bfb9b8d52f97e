defmodule SnakeBridge.ValuesTest do
  @moduledoc "The conversion table, both ways, through a real worker; what refs implement."
  use ExUnit.Case, async: true

  alias SnakeBridge.{Probe, Py, Ref}

  @duration if Code.ensure_loaded?(Duration), do: Duration, else: SnakeBridge.Duration

  setup_all do
    %{echo: Probe.run("def echo(x):\n    return x\n") |> SnakeBridge.item!("echo")}
  end

  defp eval(code), do: SnakeBridge.call!("builtins", "eval", [code, import_some()])

  defp import_some do
    Probe.run("import datetime as dt, decimal, uuid, collections, math, itertools")
  end

  test "values come back as they were", %{echo: echo} do
    values = [
      nil,
      true,
      false,
      0,
      -1,
      2 ** 63,
      -(2 ** 200),
      1.5,
      -0.0,
      "text",
      "",
      "é\0𝄞",
      <<0, 255>>,
      [],
      [1, [2, ["x"]]],
      {},
      {1, {2}},
      %{},
      %{"a" => %{1 => nil}, {1, 2} => [true]},
      MapSet.new([1, "a"]),
      1..5,
      5..1//-2,
      1..0//1,
      ~D[2024-02-29],
      ~T[12:34:56.789012],
      ~T[01:02:03],
      ~N[1999-12-31 23:59:59.000001],
      ~U[2024-01-01 00:00:00Z],
      :nan,
      :infinity,
      :neg_infinity,
      Enum.to_list(1..1000)
    ]

    for value <- values do
      assert {value, SnakeBridge.apply!(echo, [value])} == {value, value}
    end

    assert SnakeBridge.apply!(echo, [values]) == values
  end

  test "values take their stated normal form", %{echo: echo} do
    assert SnakeBridge.apply!(echo, [:atom]) == "atom"
    assert SnakeBridge.apply!(echo, [%{a: :b}]) == %{"a" => "b"}
    assert SnakeBridge.apply!(echo, [SnakeBridge.bytes("ab")]) == "ab"
    assert SnakeBridge.apply!(echo, [~c"ab"]) == [97, 98]
  end

  test "what Python alone has" do
    assert eval("1+2j") == SnakeBridge.Complex.new(1.0, 2.0)
    assert eval("frozenset([1])") == MapSet.new([1])
    assert eval("dt.timedelta(days=-1, microseconds=5)") == struct!(@duration, day: -1, microsecond: {5, 6})
    assert eval("dt.timedelta(hours=1)") == struct!(@duration, second: 3600)

    aware = eval("dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2), 'CEST'))")
    assert DateTime.to_iso8601(aware) == "2024-05-01T12:00:00+02:00"
    assert DateTime.compare(aware, ~U[2024-05-01 10:00:00Z]) == :eq
    assert eval("dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc)") == ~U[2024-05-01 00:00:00Z]

    assert %{time_zone: "-03:30"} =
             unnamed =
             eval("dt.datetime(2024, 5, 1, tzinfo=dt.timezone(-dt.timedelta(hours=3, minutes=30)))")
             |> Map.update!(:time_zone, &String.replace(&1, "UTC", ""))

    assert unnamed.utc_offset == -12_600
    assert eval("[dt.date(2024, 1, 1), {'s': {1}}]") == [~D[2024-01-01], %{"s" => MapSet.new([1])}]
    assert %Ref{type: "collections.OrderedDict"} = eval("collections.OrderedDict(a=1)")
  end

  test "what is in a wished list, map or set is as of :auto; the wish is for the outermost alone" do
    wished = &SnakeBridge.run!(&1, [], as: &2)
    assert [%Ref{type: "builtins.dict"}, %{"a" => 1}] = wished.("[{int: 1}, {'a': 1}]", :list)
    assert %{"a" => %Ref{type: "builtins.dict"}} = wished.("{'a': {int: 1}}", :map)
    assert %{"a" => [%Ref{type: "builtins.set"}]} = wished.("{'a': [{int}]}", :map)
    assert [%Ref{type: "builtins.frozenset"}] = "{frozenset({int})}" |> wished.(:set) |> Enum.to_list()
    assert [{%Ref{type: "builtins.type"}, 1}] = "{int: 1}" |> wished.(:map) |> Enum.to_list()
    assert [%Ref{type: "builtins.type"}] = "{int}" |> wished.(:set) |> Enum.to_list()
  end

  test "subclasses of dates and times are refs, and values for who insists" do
    names =
      Probe.run("""
      import datetime as dt
      made = lambda base, *args: type(base.__name__, (base,), {})(*args)
      moments = [made(dt.datetime, 2024, 1, 2, 3, 4, 5, 6), made(dt.date, 2024, 1, 2), made(dt.time, 3, 4)]
      duration = made(dt.timedelta, 1, 30)
      zoned = made(dt.time, 3, 4, 5, 6, dt.timezone.utc)
      no_time = type("NaT", (dt.datetime,), {"year": float("nan")})(2024, 1, 1)
      """)

    moments = SnakeBridge.item!(names, "moments")
    assert Enum.all?(moments, &is_struct(&1, Ref))

    assert Enum.map(moments, &SnakeBridge.value!/1) ==
             [~N[2024-01-02 03:04:05.000006], ~D[2024-01-02], ~T[03:04:00]]

    duration = names |> SnakeBridge.item!("duration") |> SnakeBridge.value!()
    assert duration == struct!(@duration, day: 1, second: 30)

    for name <- ["zoned", "no_time"] do
      assert {:error, %{reason: :not_convertible}} = names |> SnakeBridge.item!(name) |> SnakeBridge.value()
    end
  end

  test "dates of Elixir arrive as Python's", %{echo: _} do
    iso = &SnakeBridge.method!({:value, &1}, "isoformat")
    assert iso.(~U[2024-01-01 10:00:00.5Z]) == "2024-01-01T10:00:00.500000+00:00"
    assert iso.(~N[2024-01-01 10:00:00]) == "2024-01-01T10:00:00"
    assert iso.(~T[10:00:00]) == "10:00:00"
    assert SnakeBridge.method!({:value, struct!(@duration, day: 1, second: 30)}, "total_seconds") == 86_430.0
    assert SnakeBridge.attr!({:value, SnakeBridge.Complex.new(1.0, 2.0)}, "imag") == 2.0
  end

  test "count is the number of items that iteration gives" do
    frame =
      Probe.run("""
      class Frame:
          def __len__(self): return 100
          def __iter__(self): return iter(["a", "b"])
      """)

    frame = frame |> SnakeBridge.item!("Frame") |> SnakeBridge.apply!([])
    assert {Enum.count(frame), Enum.to_list(frame)} == {2, ["a", "b"]}
    deque = SnakeBridge.call!("collections", "deque", [1..5])
    assert {Enumerable.count(deque), Enum.count(deque)} == {{:ok, 5}, 5}

    with {:ok, pd} <- SnakeBridge.import("pandas") do
      df = SnakeBridge.method!(pd, "DataFrame", [%{"a" => [1, 2, 3], "b" => [4, 5, 6]}])
      assert {Enum.count(df), Enum.to_list(df)} == {2, ["a", "b"]}
    end
  end

  test "refs enumerate lazily, in order" do
    range = SnakeBridge.call!("builtins", "iter", [1..2000])
    assert Enum.sum(range) == 2_001_000
    list = SnakeBridge.call!("builtins", "list", [[3, 1, 2]], [], as: :ref)
    assert Enum.sort(list) == [1, 2, 3]

    assert {Enum.count(list), Enum.member?(list, 2), 5 in list, Enum.to_list(list)} ==
             {3, true, false, [3, 1, 2]}

    assert list |> Stream.map(&(&1 * 2)) |> Enum.take(2) == [6, 2]
    assert Enum.zip(list, [:a, :b, :c]) == [{3, :a}, {1, :b}, {2, :c}]
    assert Enum.take(SnakeBridge.call!("itertools", "count", []), 3) == [0, 1, 2]
  end

  test "a generator is closed when its consumer stops, and raises in its place" do
    source = """
    log = []

    def closing():
        try:
            n = 0
            while True:
                n += 1
                yield n
        finally:
            log.append("closed")

    def failing():
        yield 1
        yield 2
        raise ValueError("third")
    """

    names = Probe.run(source)
    assert names["closing"] |> SnakeBridge.apply!([]) |> Enum.take(20) == Enum.to_list(1..20)
    assert names["log"] == ["closed"]
    me = self()
    failing = SnakeBridge.apply!(names["failing"], [])
    assert_raise Py.ValueError, ~r"^ValueError: third", fn -> Enum.each(failing, &send(me, {:item, &1})) end
    assert_received {:item, 2}
    assert_raise Py.TypeError, ~r/not iterable/, fn -> Enum.to_list(Probe.run("import math")["math"]) end
  end

  test "inspect is Python's repr, bounded, and never fails" do
    assert inspect(SnakeBridge.call!("fractions", "Fraction", [1, 3])) == "#Python<Fraction(1, 3)>"
    long = SnakeBridge.call!("builtins", "list", [Enum.to_list(1..10_000)], [], as: :ref)
    assert long |> inspect() |> String.length() < 5_000

    bad =
      Probe.run("class Bad:\n    def __repr__(self):\n        raise RuntimeError('no')\nbad = Bad()\n")["bad"]

    assert inspect(bad) =~ ~r/^#Python<.*Bad>$/

    slow =
      Probe.run("import time\nclass Slow:\n    def __repr__(self):\n        time.sleep(60)\nslow = Slow()\n")[
        "slow"
      ]

    assert inspect(slow) =~ ~r/^#Python<.*Slow>$/
    assert to_string(SnakeBridge.call!("decimal", "Decimal", ["1.50"], [], as: :ref)) == "1.50"
    other_process = Task.async(fn -> inspect(long) end) |> Task.await()
    assert other_process == inspect(long)
  end

  test "refs can be released" do
    ref = SnakeBridge.call!("builtins", "object", [])
    assert SnakeBridge.same?(ref, ref)
    refute SnakeBridge.same?(ref, SnakeBridge.call!("builtins", "object", []))
    assert SnakeBridge.release(ref) == :ok
    # The release travels on another connection than the call.
    {:ok, _} = SnakeBridge.Session.ping()
    assert {:error, %SnakeBridge.BridgeError{reason: :ref_gone}} = SnakeBridge.attr(ref, "__class__")
  end
end

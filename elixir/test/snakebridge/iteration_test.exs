defmodule SnakeBridge.IterationTest do
  use ExUnit.Case, async: true

  doctest SnakeBridge.Iteration

  @patience 30_000

  defp ref!(source, bindings \\ []), do: SnakeBridge.run!(source, bindings, as: :ref)

  describe "what can be walked through" do
    for {source, items} <- [
          {"[1, 'two', None]", [1, "two", nil]},
          {"(1, 2)", [1, 2]},
          {"{'a': 1, 'b': 2}", ["a", "b"]},
          {"{7}", [7]},
          {"'añb'", ["a", "ñ", "b"]},
          {"b'ab'", [97, 98]},
          {"range(3)", [0, 1, 2]},
          {"zip('ab', [1, 2])", [{"a", 1}, {"b", 2}]},
          {"map(abs, [-1, -2])", [1, 2]},
          {"enumerate('ab')", [{0, "a"}, {1, "b"}]},
          {"{'a': 1}.items()", [{"a", 1}]},
          {"(i * i for i in range(3))", [0, 1, 4]},
          {"import collections\ncollections.deque([1, 2])", [1, 2]},
          {"class S:\n  def __getitem__(self, i): return [5, 6][i]\nS()", [5, 6]},
          {"iter([])", []},
          {"async def f():\n  for i in range(3): yield i\nf()", [0, 1, 2]},
          {"async def f():\n  if False: yield\nf()", []},
          {"class A:\n  n = 0\n  def __aiter__(self): return self\n  async def __anext__(self):\n    " <>
             "self.n += 1\n    if self.n > 2: raise StopAsyncIteration\n    return self.n\nA()", [1, 2]}
        ] do
      test "#{source |> String.split("\n") |> List.first()} gives #{inspect(items)}" do
        assert Enum.to_list(ref!(unquote(source))) == unquote(items)
      end
    end

    test "a file, line by line, which stays open" do
      path = Path.join(System.tmp_dir!(), "snakebridge-lines-#{System.unique_integer([:positive])}")
      on_exit(fn -> File.rm(path) end)
      File.write!(path, Enum.map(1..2000, &"line #{&1}\n"))
      file = SnakeBridge.call!("builtins", "open", [path])
      assert Enum.take(file, 1) == ["line 1\n"]
      assert SnakeBridge.attr!(file, "closed") == false
      assert Enum.count(file) == 1999
    end

    test "what is no iterable says so" do
      assert_raise SnakeBridge.Py.TypeError, fn -> Enum.to_list(ref!("5")) end
    end

    test "many items, in order" do
      assert Enum.to_list(ref!("(i for i in range(5000))")) == Enum.to_list(0..4999)

      assert Enum.to_list(ref!("async def f():\n  for i in range(5000): yield i\nf()")) ==
               Enum.to_list(0..4999)
    end

    test "items that are large come in small chunks" do
      items = ref!("('x' * 1_000_000 for _ in range(20))")
      assert Enum.map(items, &byte_size/1) == List.duplicate(1_000_000, 20)
    end
  end

  describe "laziness" do
    test "an infinite generator" do
      assert ref!("import itertools\nitertools.count()") |> Stream.filter(&(rem(&1, 7) == 0)) |> Enum.take(3) ==
               [0, 7, 14]
    end

    test "only what is asked for is computed" do
      made = ref!("[]")
      generator = ref!("(made.append(i) or i for i in range(100))", made: made)
      assert Enum.take(generator, 1) == [0]
      assert SnakeBridge.value!(made) == [0]
    end

    test "chunk: is the most that is computed ahead" do
      made = ref!("[]")
      generator = ref!("(made.append(i) or i for i in range(100))", made: made)
      assert generator |> SnakeBridge.stream!(chunk: 2) |> Enum.take(4) == [0, 1, 2, 3]
      assert length(SnakeBridge.value!(made)) in 4..6
      assert_raise ArgumentError, fn -> SnakeBridge.stream(generator, chunk: 0) end
    end

    test "with chunk: 1 the next item may depend on what is done with the one before" do
      box = ref!("[1]")
      doubling = ref!("def f():\n  while True: yield box[0]\nf()", box: box)

      assert doubling
             |> SnakeBridge.stream!(chunk: 1)
             |> Stream.map(fn n -> SnakeBridge.put_item!(box, 0, n * 2) && n end)
             |> Enum.take(5) == [1, 2, 4, 8, 16]
    end

    test "an object that its iterator changes is there until the next is asked for" do
      groups = SnakeBridge.call!("itertools", "groupby", [["a", "a", "b"]])
      assert for({key, group} <- groups, do: {key, Enum.to_list(group)}) == [{"a", ["a", "a"]}, {"b", ["b"]}]
    end

    test "an item of a slow iterator comes when it is there" do
      # The gates open one after the other, by what the consumer does: a chunk that waited for more would hang.
      gates = for _ <- 1..5, do: SnakeBridge.call!("threading", "Event")

      slow =
        ref!(
          "import time\ndef f():\n  for i, gate in enumerate(gates):\n    time.sleep(0.05)\n    " <>
            "assert gate.wait(20)\n    yield i\nf()",
          gates: gates
        )

      [first | rest] = gates
      SnakeBridge.method!(first, "set")

      assert Enum.map(Stream.zip(slow, rest ++ [nil]), fn {i, gate} ->
               gate && SnakeBridge.method!(gate, "set")
               i
             end) == [0, 1, 2, 3, 4]
    end

    test "an item of a slow asynchronous generator comes when it is there" do
      gates = ref!("import asyncio\n[asyncio.Event() for _ in range(3)]") |> Enum.to_list()

      slow =
        ref!(
          "async def f():\n  for i, gate in enumerate(gates):\n    await gate.wait()\n    yield i\nf()",
          gates: gates
        )

      [first | rest] = gates
      SnakeBridge.method!(first, "set")

      assert Enum.map(Stream.zip(slow, rest ++ [nil]), fn {i, gate} ->
               gate && SnakeBridge.method!(gate, "set")
               i
             end) == [0, 1, 2]
    end
  end

  describe "errors" do
    test "an exception arrives after the items before it" do
      for source <- ["def f", "async def f"] do
        generator = ref!("#{source}():\n  yield 1\n  yield 2\n  raise ValueError('third')\nf()")
        assert {:ok, seen} = Agent.start_link(fn -> [] end)

        error =
          assert_raise SnakeBridge.Py.ValueError, fn ->
            Enum.each(generator, fn item -> Agent.update(seen, &[item | &1]) end)
          end

        assert error.message == "third"
        assert Agent.get(seen, & &1) == [2, 1]
      end
    end

    test "a timeout for each round trip" do
      generator = ref!("import time\ndef f():\n  yield 1\n  while True: time.sleep(0.02)\nf()")

      error =
        assert_raise SnakeBridge.BridgeError, fn ->
          generator |> SnakeBridge.stream!(timeout: 200, chunk: 1) |> Enum.to_list()
        end

      assert error.reason == :timeout
    end
  end

  describe "the end" do
    # A generator whose `finally` tells this process.
    defp closing(async \\ "") do
      test = self()

      ref!(
        """
        import threading
        #{async}def f():
            try:
                n = 0
                while True:
                    yield n
                    n += 1
            finally:
                threading.Thread(target=tell).start()
        f()
        """,
        tell: fn -> send(test, :closed) && nil end
      )
    end

    for async <- ["", "async "] do
      test "of an #{async}generator: it is closed on early stop" do
        assert Enum.take(closing(unquote(async)), 2) == [0, 1]
        assert_receive :closed, @patience
      end

      test "of an #{async}generator: on raise, throw and exit of the consumer" do
        assert_raise RuntimeError, fn -> Enum.each(closing(unquote(async)), fn _ -> raise "no" end) end
        assert_receive :closed, @patience
        assert catch_throw(Enum.each(closing(unquote(async)), fn _ -> throw(:ball) end)) == :ball
        assert_receive :closed, @patience
        assert catch_exit(Enum.each(closing(unquote(async)), fn _ -> exit(:gone) end)) == :gone
        assert_receive :closed, @patience
      end

      test "of an #{async}generator: when the consumer's process ends" do
        generator = closing(unquote(async))
        test = self()

        pid =
          spawn(fn ->
            Enum.each(generator, fn
              20 -> send(test, :there) && Process.sleep(:infinity)
              _ -> :ok
            end)
          end)

        assert_receive :there, @patience
        refute_received :closed
        Process.exit(pid, :kill)
        assert_receive :closed, @patience
      end

      test "of an #{async}generator: an enumeration that is suspended, and goes on" do
        reducer = fn item, _ -> {:suspend, item} end
        generator = closing(unquote(async))
        assert {:suspended, 0, next} = Enumerable.reduce(generator, {:cont, nil}, reducer)
        assert {:suspended, 1, next} = next.({:cont, nil})
        refute_received :closed
        assert {:halted, nil} = next.({:halt, nil})
        assert_receive :closed, @patience
      end
    end

    test "zip closes both" do
      assert Enum.take(Stream.zip(closing(), closing()), 2) == [{0, 0}, {1, 1}]
      assert_receive :closed, @patience
      assert_receive :closed, @patience
    end

    test "what closing raises is raised" do
      generator = ref!("def f():\n  try:\n    while True: yield 1\n  finally: raise ValueError('late')\nf()")
      assert_raise SnakeBridge.Py.ValueError, fn -> Enum.take(generator, 1) end
    end
  end

  describe "streams" do
    test "of a function, a method, an async function that returns a generator" do
      assert SnakeBridge.stream!("itertools", "repeat", ["x", 3]) |> Enum.to_list() == ["x", "x", "x"]
      assert SnakeBridge.stream!("itertools", :chain, [[1], [2]], [], chunk: 1) |> Enum.to_list() == [1, 2]
      text = ref!("'a,b'")
      assert {:ok, parts} = SnakeBridge.stream(text, "split", [","])
      assert Enum.to_list(parts) == ["a", "b"]

      object =
        ref!(
          "class C:\n  async def open(self, n):\n    return (i async for i in self.items(n))\n  " <>
            "async def items(self, n):\n    for i in range(n): yield i\nC()"
        )

      assert SnakeBridge.stream!(object, "open", [3]) |> Enum.to_list() == [0, 1, 2]
      assert SnakeBridge.stream!(ref!("[1, 2]")) |> Enum.count() == 2
      assert {:error, %SnakeBridge.Py.AttributeError{}} = SnakeBridge.stream(text, "nothing")
    end
  end

  describe "what is known without walking" do
    test "slices and single items" do
      list = ref!("list(range(1000))")
      assert {:ok, 1000, _} = Enumerable.slice(list)
      assert Enum.at(list, -1) == 999
      assert Enum.at(list, 1000) == nil
      assert Enum.slice(list, 10..12) == [10, 11, 12]
      assert Enum.slice(list, 0..10//5) == [0, 5, 10]
      assert Enum.slice(list, -2..-1) == [998, 999]
      assert Enum.take(list, -2) == [998, 999]
      assert Enum.at(ref!("'añb'"), 1) == "ñ"
      assert Enum.at(ref!("b'ab'"), 1) == 98
      assert Enum.at(ref!("range(10)"), 3) == 3
      assert Enum.at(ref!("{'a': 1, 'b': 2}"), 1) == "b"
      assert Enum.fetch!(ref!("iter([4, 5])"), 1) == 5
    end

    test "membership is exact" do
      list = ref!("[1, True, 'x', b'y', 2.0, None]")
      assert Enum.member?(list, 1)
      assert Enum.member?(list, true)
      refute Enum.member?(list, 2)
      assert Enum.member?(list, 2.0)
      refute Enum.member?(list, 1.0)
      assert Enum.member?(list, "x")
      assert Enum.member?(list, "y")
      assert Enum.member?(list, nil)
      refute Enum.member?(list, :x)
      refute Enum.member?(ref!("'abc'"), "bc")
      assert Enum.member?(ref!("'abc'"), "b")
      assert Enum.member?(ref!("{'a': 1}"), "a")
      assert Enum.member?(ref!("[(1, 2)]"), {1, 2})
      object = ref!("object()")
      assert Enum.member?(ref!("[o]", o: object), object)
      assert Enum.member?(ref!("type('Bag', (), {'__iter__': lambda self: iter([o])})()", o: object), object)

      mapping =
        "type('Any', (__import__('collections').UserDict,), {'__contains__': lambda self, key: True})()"

      assert Enum.member?(ref!(mapping), "b")
      odd = "type('Odd', (), {'__iter__': lambda self: iter([1]), '__contains__': lambda self, key: True})()"
      refute Enum.member?(ref!(odd), 2)
      assert Enum.member?(ref!("(i for i in [1, 2])"), 2)
      color = ref!("__import__('enum').Enum('Color', 'RED GREEN')")
      assert Enum.member?(color, SnakeBridge.attr!(color, "RED"))
      refute Enum.member?(color, object)
    end

    test "count" do
      for source <- ~w|[1,2] (1,2) {1,2} {1:1,2:2} 'ab' b'ab' range(2)|,
          do: assert(Enum.count(ref!(source)) == 2)

      assert Enum.count(ref!("(i for i in range(3))")) == 3
    end
  end

  describe "collecting into" do
    test "list, set, dict, bytearray and deque, which change" do
      for {source, items, after_it} <- [
            {"[0]", 1..3, "[0, 1, 2, 3]"},
            {"set()", [1, 1, 2], "{1, 2}"},
            {"{'a': 0}", [a: 1, b: 2], "{'a': 1, 'b': 2}"},
            {"bytearray(b'a')", [98, 99], "bytearray(b'abc')"},
            {"import collections\ncollections.deque([1], 2)", [2, 3], "deque([2, 3], maxlen=2)"}
          ] do
        ref = ref!(source)
        assert Enum.into(items, ref) == ref
        assert inspect(ref) == "#Python<#{after_it}>"
      end
    end

    test "many items, and comprehensions" do
      list = ref!("[]")
      assert for(n <- 1..2000, into: list, do: n * 2) |> Enum.count() == 2000
      assert Enum.at(list, -1) == 4000
    end

    test "what cannot take items says so" do
      assert_raise SnakeBridge.Py.TypeError, ~r/cannot be collected into a tuple/, fn ->
        Enum.into([1], ref!("(1,)"))
      end
    end
  end

  test "Access: items, slices, put, update and pop" do
    list = ref!("[1, 2, 3]")
    assert {list[0], list[-1], list[0..1]} == {1, 3, [1, 2]}
    dict = ref!("{'k': {'n': 1}}")
    assert dict["k"]["n"] == 1
    assert _ = put_in(dict["x"], 5)
    assert dict["x"] == 5
    assert _ = update_in(dict["x"], &(&1 + 1))
    assert {6, _} = pop_in(dict["x"])
    assert_raise SnakeBridge.Py.KeyError, fn -> dict["x"] end
    assert {3, _} = pop_in(list[-1])
    assert Enum.to_list(list) == [1, 2]
    nested = ref!("{'rows': rows}", rows: [list])
    assert get_in(nested, ["rows", Access.at(0)]) == [1, 2]
  end

  test "methods of containers that are refs are Python's own" do
    list = ref!("[3, 1]")
    SnakeBridge.method!(list, "append", [2])
    SnakeBridge.method!(list, "sort", [], reverse: true)
    assert SnakeBridge.value!(list) == [3, 2, 1]
    assert ref!("{1, 2}") |> SnakeBridge.method!("union", [[3]]) == MapSet.new([1, 2, 3])
    assert ref!("(1, 2, 1)") |> SnakeBridge.method!("count", [1]) == 2
    assert ref!("{'a': 1}") |> SnakeBridge.method!("get", ["b", 0]) == 0
    assert ref!("{'a': 1}") |> SnakeBridge.method!("items") |> Enum.to_list() == [{"a", 1}]
  end
end

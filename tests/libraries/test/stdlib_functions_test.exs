defmodule StdlibFunctionsTest do
  use LibraryCase, standard_library: "functions"

  describe "builtins" do
    test "keys, predicates and orders in Elixir" do
      assert call!("builtins", "sorted", [["bb", "a", "ccc"]], key: &String.length/1, reverse: true) == [
               "ccc",
               "bb",
               "a"
             ]

      assert call!("builtins", "max", [["bb", "a"]], key: fn text -> String.length(text) end) == "bb"
      assert call!("builtins", "map", [fn a, b -> a + b end, [1, 2], [10, 20]]) |> Enum.to_list() == [11, 22]
      assert call!("builtins", "filter", [&(&1 > 1), [1, 2, 3]]) |> Enum.to_list() == [2, 3]
      assert call!("builtins", "list", [1..3]) == [1, 2, 3]
      assert call!("builtins", "iter", [fn -> 7 end, 7]) |> Enum.to_list() == []
      assert call!("builtins", "next", [call!("builtins", "iter", [[]]), :none]) == "none"
      assert call!("builtins", "enumerate", [["a"]], start: 1) |> Enum.to_list() == [{1, "a"}]
      assert {:error, %{class: "StopIteration"}} = call("builtins", "next", [call!("builtins", "iter", [[]])])
    end

    test "exceptions of Elixir pass through Python's frames" do
      assert_raise KeyError, fn ->
        call!("builtins", "sorted", [[1, 2]], key: fn n -> Map.fetch!(%{}, n) end)
      end

      assert catch_throw(call!("builtins", "list", [call!("builtins", "map", [fn n -> throw(n) end, [5]])])) ==
               5

      assert catch_exit(call!("functools", "reduce", [fn _, _ -> exit(:enough) end, [1, 2]])) == :enough
    end
  end

  describe "functools" do
    test "reduce, partial, compare" do
      assert call!("functools", "reduce", [fn a, b -> a * b end, [1, 2, 3, 4]]) == 24
      assert call!("functools", "reduce", [&Kernel.+/2, [], 5]) == 5
      add = call!("functools", "partial", [fn a, b -> a + b end, 10])
      assert add.(5) == 15
      assert add.args == {10}
      key = call!("functools", "cmp_to_key", [fn a, b -> b - a end])
      assert call!("builtins", "sorted", [[1, 3, 2]], key: key) == [3, 2, 1]
      hex = call!("functools", "partial", [get!("builtins", "int")], base: 16)
      assert hex.("ff") == 255
    end

    test "a function of Elixir is cached by Python" do
      owner = self()

      cached =
        call!("functools", "lru_cache", [], maxsize: 2).(fn n -> send(owner, {:computed, n}) && n * n end)

      assert Enum.map([3, 3, 4, 3], &cached.(&1)) == [9, 9, 16, 9]
      assert cached.cache_info().hits == 2
      assert_received {:computed, 3}
      assert_received {:computed, 4}
      refute_received {:computed, _}
      cached.cache_clear()
      assert cached.cache_info().currsize == 0
    end

    test "wrapping and dispatching" do
      wrap = call!("functools", "wraps", [get!("math", "hypot")])
      wrapped = apply!(wrap, [fn a, b -> a + b end], [], as: :ref)
      assert wrapped.__name__ == "hypot"
      assert wrapped.(3, 4) == 7
      describe = call!("functools", "singledispatch", [fn _ -> "something" end])
      describe.register(get!("builtins", "int"), fn n -> "number #{n}" end)
      assert {describe.(1), describe.("x")} == {"number 1", "something"}
    end
  end

  describe "itertools" do
    test "infinite iterators are taken from lazily" do
      assert call!("itertools", "count", [5], step: 5) |> Enum.take(3) == [5, 10, 15]

      assert call!("itertools", "cycle", [["a", "b"]]) |> Stream.map(&String.upcase/1) |> Enum.take(3) == [
               "A",
               "B",
               "A"
             ]

      assert call!("itertools", "repeat", [1, 3]) |> Enum.sum() == 3
    end

    test "combinations, groups, windows" do
      assert call!("itertools", "combinations", [[1, 2, 3], 2]) |> Enum.to_list() == [{1, 2}, {1, 3}, {2, 3}]
      assert call!("itertools", "product", [[0, 1]], repeat: 2) |> Enum.count() == 4
      assert call!("itertools", "pairwise", [[1, 2, 3]]) |> Enum.to_list() == [{1, 2}, {2, 3}]

      assert call!("itertools", "accumulate", [[1, 2, 3], fn a, b -> a * b end], initial: 10)
             |> Enum.to_list() == [10, 10, 20, 60]

      assert call!("itertools", "zip_longest", [[1, 2], [3]], fillvalue: 0) |> Enum.to_list() == [
               {1, 3},
               {2, 0}
             ]

      assert call!("itertools", "takewhile", [&(&1 < 3), 1..10]) |> Enum.to_list() == [1, 2]
      assert call!("itertools", "chain.from_iterable", [[[1], [2, 3]]]) |> Enum.to_list() == [1, 2, 3]
      assert call!("itertools", "islice", [call!("itertools", "count"), 2, 5]) |> Enum.to_list() == [2, 3, 4]
    end

    test "groups are read before the next is asked for" do
      groups = call!("itertools", "groupby", [["ax", "ay", "bz"]], key: &String.first/1)

      assert for({key, group} <- groups, do: {key, Enum.to_list(group)}) == [
               {"a", ["ax", "ay"]},
               {"b", ["bz"]}
             ]
    end

    test "a tee gives the same items twice" do
      {a, b} = call!("itertools", "tee", [call!("builtins", "iter", [[1, 2]])])
      assert {Enum.to_list(a), Enum.to_list(b)} == {[1, 2], [1, 2]}
    end
  end

  describe "operator" do
    test "getters and in-place operators" do
      assert call!("operator", "itemgetter", [1, 0]).(["a", "b"]) == {"b", "a"}
      assert call!("operator", "attrgetter", ["real"]).(3) == 3
      assert call!("operator", "methodcaller", ["split", ","]).("a,b") == ["a", "b"]
      assert call!("operator", "concat", [[1], [2]]) == [1, 2]

      assert call!("builtins", "sorted", [[{"b", 1}, {"a", 2}]], key: call!("operator", "itemgetter", [0])) ==
               [{"a", 2}, {"b", 1}]
    end
  end

  describe "contextlib" do
    test "stacks of callbacks of Elixir" do
      owner = self()
      stack = call!("contextlib", "ExitStack")
      stack.callback(fn name -> send(owner, name) end, "first in")
      stack.callback(fn -> send(owner, "last in") end)
      stack.close()
      assert_received "last in"
      assert_received "first in"
    end

    test "output is redirected" do
      buffer = call!("io", "StringIO")
      redirect = call!("contextlib", "redirect_stdout", [buffer])
      with_python!(redirect, fn _ -> call!("builtins", "print", ["caught", 1], sep: "-") end)
      assert buffer.getvalue() == "caught-1\n"
    end

    test "what Python prints goes to the group leader" do
      assert ExUnit.CaptureIO.capture_io(fn -> call!("builtins", "print", ["seen"], end: "") end) == "seen"
    end
  end
end

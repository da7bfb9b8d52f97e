defmodule StdlibObjectsTest do
  use LibraryCase, standard_library: "objects"

  # A namespace with what this source defines.
  defp define(source) do
    names = call!("builtins", "dict", [], [], as: :ref)
    call!("builtins", "exec", [source, names])
    names
  end

  describe "enum" do
    test "members keep their identity" do
      color = call!("enum", "Enum", ["Color", ["RED", "GREEN"]])
      red = color."RED"
      assert same?(red, color["RED"])
      assert same?(red, color.(1))
      assert red.name == "RED" and red.value == 1
      assert Enum.map(color, & &1.name) == ["RED", "GREEN"]
      assert Enum.count(color) == 2
      assert red in color
      assert to_string(red) == "Color.RED"
      assert %{class: "KeyError"} = catch_error(color["BLUE"])
      assert %{class: "ValueError"} = catch_error(color.(9))
    end

    test "members that are numbers or texts stay members" do
      names =
        define("""
        import enum
        class Level(enum.IntEnum):
            LOW = 1
            HIGH = 2
        class Mode(str, enum.Enum):
            READ = "r"
        class Right(enum.Flag):
            R = 4
            W = 2
        """)

      high = names["Level"]."HIGH"
      assert high.name == "HIGH"
      assert high > 1
      assert value!(high) == 2
      assert high + 1 == 3
      assert value!(names["Mode"]."READ") == "r"
      both = names["Right"]."R" ||| names["Right"]."W"
      assert both.value == 6
      assert names["Right"]."W" in both
    end
  end

  describe "dataclasses" do
    test "fields, comparison, copies" do
      point =
        call!(
          "dataclasses",
          "make_dataclass",
          [
            "Point",
            ["x", {"y", get!("builtins", "int", as: :ref), call!("dataclasses", "field", [], default: 0)}]
          ],
          order: true
        )

      p = point.(3, y: 4)
      assert {p.x, p.y} == {3, 4}
      assert call!("dataclasses", "asdict", [p]) == %{"x" => 3, "y" => 4}
      assert call!("dataclasses", "replace", [p], x: 1).x == 1
      assert p == point.(3, y: 4)
      assert point.(1) < p
      assert call!("dataclasses", "fields", [p]) |> Tuple.to_list() |> Enum.map(& &1.name) == ["x", "y"]
      put_attr!(p, "x", 10)
      assert inspect(p) == "#Python<Point(x=10, y=4)>"
      assert %{class: "TypeError"} = catch_error(point.())
    end

    test "a frozen one, with a factory of Elixir" do
      items = call!("dataclasses", "field", [], default_factory: fn -> [1, 2] end)

      box =
        call!(
          "dataclasses",
          "make_dataclass",
          ["Box", [{"items", get!("builtins", "list", as: :ref), items}]],
          frozen: true
        )

      b = box.()
      assert b.items == [1, 2]
      assert {:error, %{class: "FrozenInstanceError"}} = put_attr(b, "items", [])
    end
  end

  describe "collections" do
    test "named tuples keep their names" do
      point = call!("collections", "namedtuple", ["Point", "x y"], defaults: [0])
      p = point.(1)
      assert {p.x, p.y, p[0]} == {1, 0, 1}
      assert p._replace(y: 5).y == 5
      assert value!(p) == {1, 0}
      assert Enum.to_list(p) == [1, 0]
      assert p._asdict() == %{"x" => 1, "y" => 0}
    end

    test "counters, queues, defaults, chains" do
      counter = call!("collections", "Counter", ["abracadabra"])
      assert counter.most_common(1) == [{"a", 5}]
      assert counter["z"] == 0
      assert (counter + call!("collections", "Counter", [%{"b" => 1}]))["b"] == 3
      assert value!(counter)["r"] == 2

      queue = call!("collections", "deque", [[1, 2, 3]], maxlen: 3)
      queue.append(4)
      queue.rotate(1)
      assert Enum.to_list(queue) == [4, 2, 3]
      assert queue.popleft() == 4
      assert %{class: "IndexError"} = catch_error(call!("collections", "deque").pop())

      groups = call!("collections", "defaultdict", [fn -> [] end], [], as: :ref)
      assert groups["new"] == []
      assert Enum.to_list(groups) == ["new"]

      chain = call!("collections", "ChainMap", [%{"a" => 1}, %{"a" => 2, "b" => 3}])
      assert {chain["a"], chain["b"]} == {1, 3}
      assert "b" in chain

      ordered = call!("collections", "OrderedDict", [[{"z", 1}, {"a", 2}]])
      ordered.move_to_end("z")
      assert Enum.to_list(ordered) == ["a", "z"]
      assert Enum.sort(ordered.items()) == [{"a", 2}, {"z", 1}]
    end

    test "dictionaries whose keys Elixir cannot tell apart stay objects" do
      mixed = call!("builtins", "dict", [[{1, "int"}, {true, "bool"}]])
      assert mixed == %{1 => "bool"}
      keys = call!("builtins", "dict", [[{{1, "a"}, 1}, {nil, 2}]])
      assert keys == %{{1, "a"} => 1, nil => 2}
    end
  end

  describe "weakref" do
    test "a reference dies with its object, and tells Elixir" do
      owner = self()
      held = call!("collections", "OrderedDict", [], [], as: :ref)
      weak = call!("weakref", "ref", [held, fn _ -> send(owner, :gone) end])
      again = weak.()
      assert same?(again, held)
      release([held, again])
      assert_receive :gone, 5_000
      assert weak.() == nil
    end

    test "a finaliser of Elixir" do
      owner = self()
      held = call!("collections", "OrderedDict", [], [], as: :ref)
      final = call!("weakref", "finalize", [held, fn name -> send(owner, {:final, name}) end, "x"])
      assert final.alive == true
      release(held)
      assert_receive {:final, "x"}, 5_000
      assert final.alive == false
    end

    test "functions of Elixir can be referred to weakly, and be keys" do
      keys = call!("weakref", "WeakKeyDictionary")
      function = call!("functools", "wraps", [get!("builtins", "len")])
      kept = apply!(function, [fn x -> x end], [], as: :ref)
      put_item!(keys, kept, "value")
      assert Enum.count(keys) == 1
      assert keys[kept] == "value"
      assert {:error, %{class: "TypeError"}} = call("weakref", "ref", [1])
    end
  end

  describe "unittest.mock" do
    test "a mock records how Elixir used it" do
      mock = call!("unittest.mock", "Mock", [], return_value: 3)
      assert mock.(1, key: "x") == 3
      mock.assert_called_once_with(1, key: "x")
      assert mock.called == true
      assert mock.call_count == 1
      assert %{class: "AssertionError", message: message} = catch_error(mock.assert_called_with(2))
      assert message =~ "expected call not found"
    end

    test "side effects in Elixir, and patches" do
      mock = call!("unittest.mock", "Mock", [], side_effect: fn x -> x * 2 end)
      assert mock.(4) == 8
      assert Enum.map(mock.call_args_list, & &1.args) == [{4}]

      patch = call!("unittest.mock", "patch", ["os.getcwd"], return_value: "/patched")
      patch.start()
      assert call!("os", "getcwd") == "/patched"
      patch.stop()
      refute call!("os", "getcwd") == "/patched"

      failing = call!("unittest.mock", "Mock", [], side_effect: get!("builtins", "KeyError", as: :ref))
      assert %{class: "KeyError"} = catch_error(failing.())
      magic = call!("unittest.mock", "MagicMock")
      assert ref?(magic.anything.at_all(1)["x"])
      assert Enum.to_list(magic) == []
    end
  end

  describe "typing, inspect, abc" do
    test "types are values" do
      optional = item!(get!("typing", "Optional"), get!("builtins", "int"))

      assert call!("typing", "get_args", [optional]) |> Tuple.to_list() |> Enum.map(& &1.__name__) == [
               "int",
               "NoneType"
             ]

      assert to_string(get!("typing", "List")[get!("builtins", "str")]) == "typing.List[str]"
      names = define("def f(a: int, *, b: 'str' = 'x') -> bool: return True")
      hints = call!("typing", "get_type_hints", [names["f"]])
      assert hints["a"].__name__ == "int" and hints["return"].__name__ == "bool"
      movie = call!("typing", "TypedDict", ["Movie", %{"name" => get!("builtins", "str")}])
      assert movie.(name: "x") == %{"name" => "x"}
      assert same?(call!("typing", "cast", [get!("builtins", "int"), movie]), movie)
      assert call!("builtins", "isinstance", [[1], get!("collections.abc", "Sequence")]) == true
    end

    test "signatures, also of functions of Elixir" do
      names = define("def f(a, b=2, *args, c, **rest): 'Docs.'")
      signature = call!("inspect", "signature", [names["f"]])
      assert to_string(signature) == "(a, b=2, *args, c, **rest)"
      assert signature.parameters["b"].default == 2
      assert call!("inspect", "getdoc", [names["f"]]) == "Docs."
      assert signature.bind(1, c: 3).arguments == %{"a" => 1, "c" => 3}

      assert to_string(call!("inspect", "signature", [fn _, _ -> 1 end])) == "(arg1, arg2, /, **options)"
      assert to_string(call!("inspect", "signature", [&String.upcase/1])) == "(arg1, /, **options)"
      assert call!("builtins", "callable", [fn -> 1 end]) == true
    end

    test "classes are made, with methods in Elixir" do
      shout = call!("functools", "partialmethod", [fn self, text -> self.name <> ": " <> text end])

      person =
        call!("builtins", "type", [
          "Person",
          {get!("builtins", "object")},
          %{"name" => "Ada", "shout" => shout}
        ])

      assert person.().shout("hi") == "Ada: hi"
      assert person.__mro__ |> tuple_size() == 2
      child = call!("builtins", "type", ["Child", {person}, %{}])
      assert call!("builtins", "issubclass", [child, person]) == true
      assert {:error, %{class: "TypeError"}} = call("builtins", "type", ["X", {1}, %{}])
    end

    test "copies and pickles" do
      nested = call!("builtins", "list", [[[1], [2]]], [], as: :ref)
      copy = call!("copy", "deepcopy", [nested], [], as: :ref)
      item!(nested, 0, as: :ref).append(9)
      assert value!(copy) == [[1], [2]]
      assert value!(nested) == [[1, 9], [2]]
      data = call!("pickle", "dumps", [%{"a" => {1, nil}}])
      assert call!("pickle", "loads", [bytes(data)]) == %{"a" => {1, nil}}
      assert {:error, error} = call("pickle", "dumps", [fn -> 1 end])
      assert error.class in ["TypeError", "PicklingError"]
    end
  end
end

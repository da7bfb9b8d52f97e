defmodule SnakeBridge.NaturalRefsTest do
  @moduledoc "Natural syntax on refs: each spelling of the table, in a module and in `py do`."
  use ExUnit.Case, async: true

  require SnakeBridge

  alias SnakeBridge.{Probe, Py, Ref, Session}

  defmodule Spelled do
    use SnakeBridge

    def attribute(p), do: p.name
    def capitalised(p), do: p.T
    def capitalised_chain(p), do: p.T.T.name()
    def capitalised_after_calls(stack), do: stack.pop().T.name()
    def method(p), do: p.head(3)
    def keywords(p), do: p.head(1, n: 2, other: "x")
    def only_keywords(p), do: p.head(n: 2)
    def list_is_no_keywords(p, options), do: p.head(options)
    def zero(p), do: p.head()
    def call(p), do: p.(1, "a")
    def call_keywords(p), do: p.(1, k: 2)
    def capitalised_call(p), do: p.Upper.(1, k: nil)
    def quoted_call(p), do: p."Upper"(1)
    def item(p), do: p["a"]
    def items(p), do: p["b"][0]
    def tuple_item(p), do: p[{1, 2}]
    def slice(p), do: p[1..2]
    def open_slice(p), do: p[1..-1//1]
    def stepped_slice(p), do: p[0..9//3]
    def back_slice(p), do: p[9..0//-2]
    def tuple_slice(p), do: p[{0..1, 2}]
    def tuple_slice_in_chain(p), do: p[{0..1, 2}].upper()
    def put(p, value), do: put_in(p["a"], value)
    def put_new(p, value), do: put_in(p["new"], value)
    def update(p), do: update_in(p["a"], &(&1 + 10))
    def pop(p), do: pop_in(p["a"])
    def chain(p, n), do: p.next(1).next(n).T.next("a", n).head(n, k: n)
    def broken_chain(p), do: p.next(side(1)).next(side(2)).next(side(3)).name
    def pipe(p, x), do: x |> p.head(2)
    def pipe_call(p, x), do: x |> p.()
    def capture(p), do: Enum.map([1, 2], &p.head/1)
    def capture_of_first(ps), do: Enum.map(ps, & &1.name)
    def capture_expression(p), do: Enum.map([1], &(p + &1))
    def captured_binary, do: [&(&1 + &2), &-/2, &Kernel.*/2, &(&1 ** &2), &Bitwise.bor/2, &(&1 <<< &2)]
    def captured_comparisons, do: [&(&1 == &2), &(&1 != &2), &</2, &(&1 <= &2), &>/2, &Kernel.>=/2]
    def captured_unary, do: [&(-&1), &+/1, &Bitwise.bnot/1]
    def field_of_map(map), do: map.p.name
    def guard(x) when is_struct(x), do: :struct
    def guard(_), do: :none
    def interpolated(p), do: "#{p}"
    def matrix(a, b), do: SnakeBridge.matmul!(a, b)
    def spread(p, args, kwargs), do: SnakeBridge.apply!(p, args, kwargs)
    def default(p \\ SnakeBridge.import!("math").pi), do: p

    def rescued(p),
      do:
        (try do
           p.nothing
         rescue
           e in Py.kinds(Exception) -> e.class
         end)

    def in_list(p), do: [p.name, %{k: p.name}, {p.name, 1}]
    def nil_checks(p), do: {p == nil, nil != p, is_nil(p), !p}
    def identical(p), do: p === p

    def binary(a, b) do
      [a + b, a - b, a * b, a / b, a ** b, a &&& b, a ||| b, Bitwise.bxor(a, b), a <<< b, a >>> b]
    end

    def unary(a), do: [-a, +a, ~~~a]
    def comparisons(a, b), do: for(x <- [a == b, a != b, a < b, a <= b, a > b, a >= b], do: x.name)
    def branch(a, b), do: if(a == b, do: :same, else: :other)

    def branches(a, b),
      do:
        {a < b and b > a, not (a > b), !(a == b),
         cond do
           a >= b -> :ge
           true -> :lt
         end}

    def filtered(list, a), do: for(x <- list, x < a, do: to_string(x))

    defp side(n) do
      send(self(), {:side, n})
      n
    end
  end

  setup do
    %{p: Probe.new()}
  end

  test "attributes, methods and calls", %{p: p} do
    assert Spelled.attribute(p) == "p"
    assert inspect(Spelled.capitalised(p)) == "#Python<Probe(p.T)>"
    assert Spelled.capitalised_chain(p) == "p.T.T"
    assert Spelled.method(p) == "head(3)"
    assert Spelled.zero(p) == "head()"
    assert Spelled.keywords(p) == "head(1, {'n': 2, 'other': 'x'})"
    assert Spelled.only_keywords(p) == "head(, {'n': 2})"
    assert Spelled.list_is_no_keywords(p, n: 2) == "head([('n', 2)])"
    assert Spelled.call(p) == "call((1, 'a'), {})"
    assert Spelled.call_keywords(p) == "call((1,), {'k': 2})"
    assert Spelled.capitalised_call(p) == "Upper((1,), {'k': None})"
    assert Spelled.quoted_call(p) == "Upper((1,), {})"
    assert Spelled.spread(p, [1, 2], k: 3) == "call((1, 2), {'k': 3})"
    assert Spelled.default() == :math.pi()
  end

  test "what the formatter does to an attribute after a capitalised one repeats no call", %{p: p} do
    stack = SnakeBridge.call!("builtins", "list", [[p, p]], [], as: :ref)
    assert Spelled.capitalised_after_calls(stack) == "p.T"
    assert Enum.count(stack) == 1
  end

  test "items and slices", %{p: p} do
    assert Spelled.item(p) == 1
    assert Spelled.items(p) == 1
    assert Spelled.tuple_item(p) == "[(1, 2)]"
    assert Spelled.slice(p) == "[slice(1, 3, None)]"
    assert Spelled.open_slice(p) == "[slice(1, None, None)]"
    assert Spelled.stepped_slice(p) == "[slice(0, 10, 3)]"
    assert Spelled.back_slice(p) == "[slice(9, None, -2)]"
    assert Spelled.tuple_slice(p) == "[(slice(0, 2, None), 2)]"
    assert Spelled.tuple_slice_in_chain(p) == "[(SLICE(0, 2, NONE), 2)]"
  end

  test "assignment of items", %{p: p} do
    assert Spelled.put(p, 5) == p
    assert p["a"] == 5
    assert Spelled.put_new(p, "v") == p
    assert p["new"] == "v"
    assert Spelled.update(p) == p
    assert p["a"] == 15
    assert Spelled.pop(p) == {15, p}
    assert_raise Py.KeyError, ~r"^KeyError: 'a'", fn -> p["a"] end
    assert_raise Py.KeyError, fn -> pop_in(p["a"]) end
    assert SnakeBridge.put_attr!(p, :extra, 3) == p
    assert SnakeBridge.attr!(p, "extra") == 3
  end

  test "the arguments of a chain have their effects in order", %{p: p} do
    assert Spelled.broken_chain(p) == "p.1.2.3"
    assert for(n <- 1..3, do: assert_received({:side, ^n})) == [{:side, 1}, {:side, 2}, {:side, 3}]
  end

  test "a chain travels in one round trip" do
    session = start_supervised!({Session, name: __MODULE__}) && __MODULE__
    p = Probe.new("p", session: session)
    id = fn -> SnakeBridge.call!("builtins", "object", [], [], session: session).id end
    before = id.()
    assert Spelled.chain(p, 7) == "head(7, {'k': 7})"
    # Values in between would have been sent, as refs, and an id is used once.
    assert id.() == before + 1
  end

  test "pipes, captures, maps and patterns", %{p: p} do
    assert Spelled.pipe(p, 1) == "head(1, 2)"
    assert Spelled.pipe_call(p, 1) == "call((1,), {})"
    assert Spelled.capture(p) == ["head(1)", "head(2)"]
    assert Spelled.capture_of_first([p, %{name: "map"}]) == ["p", "map"]
    assert Spelled.capture_expression(p) == ["add(p, 1)"]
    assert Spelled.field_of_map(%{p: p}) == "p"
    assert {Spelled.guard(p), Spelled.guard(1)} == {:struct, :none}
    assert Spelled.interpolated(p) == "Probe(p)"
    assert Spelled.in_list(p) == ["p", %{k: "p"}, {"p", 1}]
    assert Spelled.rescued(p) == "AttributeError"
    assert Spelled.nil_checks(p) == {false, true, false, false}
    assert Spelled.identical(p)
  end

  test "operators, on either side", %{p: p} do
    names = ~w(add sub mul truediv pow and or xor lshift rshift)
    assert Spelled.binary(p, 2) == for(name <- names, do: "#{name}(p, 2)")
    assert Spelled.binary(2, p) == for(name <- names, do: "r#{name}(p, 2)")
    assert Spelled.binary(p, p) == for(name <- names, do: "#{name}(p, Probe(p))")
    assert Spelled.unary(p) == ["neg(p)", "pos(p)", "invert(p)"]
    assert Spelled.matrix(p, 3) == "matmul(p, 3)"
    assert Spelled.matrix(3, p) == "rmatmul(p, 3)"
    assert Spelled.comparisons(p, 1) == for(name <- ~w(eq ne lt le gt ge), do: "p #{name} 1")
    # Python exchanges the operands, and with them the comparison.
    assert Spelled.comparisons(1, p) == for(name <- ~w(eq ne gt ge lt le), do: "p #{name} 1")
  end

  test "captured operators", %{p: p} do
    names = ~w(add sub mul pow or lshift)
    assert for(f <- Spelled.captured_binary(), do: f.(p, 2)) == for(name <- names, do: "#{name}(p, 2)")
    assert for(f <- Spelled.captured_unary(), do: f.(p)) == ["neg(p)", "pos(p)", "invert(p)"]
    comparisons = for f <- Spelled.captured_comparisons(), do: SnakeBridge.attr!(f.(p, 1), :name)
    assert comparisons == for(name <- ~w(eq ne lt le gt ge), do: "p #{name} 1")
    assert for(f <- Spelled.captured_binary(), do: f.(3, 2)) == [5, 1, 6, 9, 3, 12]
    assert Spelled.captured_binary() == Spelled.captured_binary()
  end

  test "a comparison that decides is Python's truth" do
    half = SnakeBridge.call!("fractions", "Fraction", [1, 2])
    third = SnakeBridge.call!("fractions", "Fraction", [1, 3])
    assert Spelled.branch(half, half) == :same
    assert Spelled.branch(half, 0.5) == :same
    assert Spelled.branch(0.5, third) == :other
    assert Spelled.branches(third, half) == {true, true, true, :lt}
    assert Spelled.filtered([half, third, 0.1], 0.4) == ["1/3", "0.1"]
  end

  test "a comparison without a truth of its own raises what Python raises", %{p: p} do
    assert_raise Py.ValueError, ~r"^ValueError: the truth of a probe is unknown", fn ->
      Spelled.branch(p, 1)
    end

    assert_raise Py.ValueError, fn -> Spelled.branches(p, 1) end
  end

  test "py do: the same outside of modules, and its names stay", %{p: p} do
    SnakeBridge.py do
      a = p.T.next(1)
      %{name: name} = %{name: a.name}
      b = if p.name == "p", do: p.Upper.(1), else: :never
      import String, only: [upcase: 1]
    end

    assert {Ref.repr(a), name, b, upcase("x")} == {"Probe(p.T.1)", "p.T.1", "Upper((1,), {})", "X"}
  end

  test "py do in code that is evaluated" do
    code = """
    require SnakeBridge
    SnakeBridge.py do
      half = SnakeBridge.import!("fractions").Fraction.(1, 2)
      sum = half + half.numerator
    end
    to_string(sum)
    """

    assert {"3/2", binding} = Code.eval_string(code)
    assert to_string(binding[:half]) == "1/2"
  end

  test "the names of the session: py.name" do
    SnakeBridge.py do
      py = %SnakeBridge.Py{}
      assert py.len([1, 2]) == 2
      assert py.sorted([1, 3, 2], reverse: true) == [3, 2, 1]
      assert py["abs"].(-1) == 1
      assert py.int.from_bytes(SnakeBridge.bytes(<<1, 0>>), "big") == 256
      assert_raise Py.NameError, ~r/^NameError/, fn -> py.no_such_name end
    end
  end

  test "data frames" do
    SnakeBridge.py do
      with {:ok, pd} <- SnakeBridge.import("pandas") do
        df = pd.DataFrame.(%{"a" => [1, 2, 3], "b" => [4, 5, 6]})
        assert df["a"].sum() == 6
        assert df.shape == {3, 2}
        assert df.T.shape() == {2, 3}
        assert df[df["a"] > 1].shape[0] == 2
        assert (df["a"] + df["b"]).tolist() == [5, 7, 9]
        assert df[df["a"] > 1 &&& df["b"] < 6].shape == {1, 2}
        _ = put_in(df["c"], df["a"] * 10)
        assert df.columns.tolist() == ["a", "b", "c"]
        assert df.groupby("a").agg("sum").head(2)["c"].tolist() == [10, 20]
        assert df["a"][1..2].tolist() == [2, 3]
        assert_raise Py.KeyError, ~r"^KeyError: 'zzz'", fn -> df["zzz"] end
        assert_raise Py.ValueError, ~r/ambiguous/, fn -> if df == df, do: 1 end
      end
    end
  end

  defmodule Importing do
    use SnakeBridge
    import SnakeBridge, except: [apply: 2, apply: 3, import: 1, import: 2]

    def root(number), do: call!("math", "sqrt", [number])
    def length_of(items), do: py.len(items)
  end

  test "a module may import the functions of SnakeBridge besides" do
    assert Importing.root(16) == 4.0
    assert Importing.length_of([1, 2]) == 2
  end
end

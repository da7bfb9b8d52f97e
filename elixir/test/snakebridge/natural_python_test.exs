defmodule SnakeBridge.NaturalPythonTest do
  @moduledoc "Where natural syntax means what Python means: truths that ExUnit asks for, floats, assignments, chains."
  use ExUnit.Case, async: true
  use SnakeBridge

  import ExUnit.CaptureIO, only: [with_io: 2]

  alias ExUnit.AssertionError
  alias SnakeBridge.{Probe, Py}

  # A comparison gives an object, which has a truth, as numpy's `bool_` does.
  setup_all do
    source = """
    class Truth:
        def __init__(self, truth): self.truth = truth
        def __bool__(self): return self.truth
        def __repr__(self): return f"Truth({self.truth})"
    class Number:
        def __init__(self, value): self.value = value
        def __eq__(self, other): return Truth(self.value == other)
        def __ne__(self, other): return Truth(self.value != other)
        def __lt__(self, other): return Truth(self.value < other)
        def __gt__(self, other): return Truth(self.value > other)
        def __repr__(self): return f"Number({self.value})"
        __hash__ = None
    Number
    """

    number = SnakeBridge.run!(source)
    %{seven: SnakeBridge.apply!(number, [7])}
  end

  defp falsehood(function) do
    function.()
    :passed
  rescue
    error in AssertionError -> error
  end

  test "assert and refute ask for the truth of a comparison", %{seven: seven} do
    assert seven == 7
    assert seven > 6
    assert seven != 8
    refute seven == 8
    refute seven < 7
    assert seven == 7, "with a message"
    refute seven == 8, "with a message"
    assert seven == 7 and seven > 6
    assert seven == 8 or seven > 6
    assert seven == 7 && seven > 6
    assert not (seven == 8)
    assert !(seven == 8)
  end

  test "... and report both sides where it is false", %{seven: seven} do
    error = falsehood(fn -> assert seven == 99 end)
    assert {error.left === seven, error.right, error.message} == {true, 99, "Assertion with == failed"}
    assert Macro.to_string(error.expr) == "assert seven == 99"
    assert falsehood(fn -> assert seven > 50 end).right === 50
    assert falsehood(fn -> refute seven == 7 end).message == "Refute with == failed"
    assert falsehood(fn -> assert seven == 8, "it is seven" end).message == "it is seven"
    assert falsehood(fn -> refute seven == 7, "it is seven" end).message == "it is seven"

    for f <- [fn -> assert seven == 8 or seven > 8 end, fn -> assert seven == 7 and seven == 8 end],
        do: assert(%AssertionError{} = falsehood(f))

    for f <- [fn -> assert seven == 8 && true end, fn -> assert not (seven == 7) end],
        do: assert(%AssertionError{} = falsehood(f))
  end

  test "... in py do too", %{seven: seven} do
    # As in a module without natural syntax.
    code = """
    import ExUnit.Assertions
    require SnakeBridge
    SnakeBridge.py do
      assert seven == 7
      assert seven > 50
    end
    """

    assert %AssertionError{right: 50} = falsehood(fn -> Code.eval_string(code, seven: seven) end)
  end

  test "a comparison without a truth raises what Python raises" do
    p = Probe.new()
    assert_raise Py.ValueError, fn -> assert p == 99 end
    assert_raise Py.ValueError, fn -> refute p > 50 end
  end

  test "&& and || ask too", %{seven: seven} do
    assert {seven == 8 && :yes, seven == 7 && :yes, seven == 8 || :no} === {false, :yes, :no}
    assert {if(seven == 8 or seven == 9, do: 1), if(seven == 8 && true, do: 1)} === {nil, nil}
  end

  test "floats that are no numbers in Elixir are ordered as Python orders them" do
    [nan, infinity, low] = for text <- ~w(nan inf -inf), do: SnakeBridge.call!("builtins", "float", [text])
    big = 2 ** 2000

    for x <- [0, -1.5, big, infinity, low, nan],
        compared <- [nan < x, nan > x, nan <= x, x >= nan, x < nan] do
      assert compared === false
    end

    for x <- [0, -1.5, big, -big] do
      assert {low < x, x < infinity, low >= x, x >= infinity} === {true, true, false, false}
      assert {x > low, infinity > x, x <= low, infinity <= x} === {true, true, false, false}
      assert {nan == x, x != nan, infinity == x} === {false, true, false}
    end

    assert {low < infinity, infinity <= infinity, infinity > low} === {true, true, true}
    assert nan == nan
    assert {:a > infinity, :a > 1, "x" > nan, nan < "x"} === {false, true, true, true}
  end

  test "put_in on a ref is an assignment: its value need not be used" do
    code = """
    defmodule SnakeBridge.NaturalPythonTest.Assigns do
      use SnakeBridge
      def assign(o) do
        put_in(o["a"], 5)
        put_in(o["b"], [6])
        update_in(o["a"], & &1 * 2)
        {o["a"], o["b"]}
      end
    end
    """

    {{[{module, _}], diagnostics}, _} =
      with_io(:stderr, fn -> Code.with_diagnostics(fn -> Code.compile_string(code) end) end)

    assert diagnostics == []
    assert module.assign(Probe.new()) == {10, [6]}
    assert module.assign(%{"a" => 1, "b" => 2}) == {1, 2}
  end

  defp item(x), do: x.item()
  defp item(x, options), do: x.item(axis: options)
  defp attribute(x), do: x.size
  defp chained(x), do: x.item().real()

  test "a method of what is a value by now: the error says how to keep the object" do
    hint = ~r/^you attempted.*\nhint: .*`as: :ref`/s

    for x <- [1.5, "text", [1], {1}, ~D[2024-02-29], %{"a" => 1}],
        call <- [&item/1, &chained/1],
        do: assert_raise(ArgumentError, hint, fn -> call.(x) end)

    assert_raise ArgumentError, hint, fn -> item(1.5, 1) end
    for x <- [1.5, "text", [1]], do: assert_raise(KeyError, ~r/\nhint: .*`as: :ref`/, fn -> attribute(x) end)

    refute Exception.message(catch_error(attribute(%{a: 1})) |> then(&Exception.normalize(:error, &1))) =~
             "hint"

    refute Exception.message(assert_raise(UndefinedFunctionError, fn -> item(nil) end)) =~ "hint"
  end

  test "py stands for Python's builtins" do
    assert py().len([1, 2]) == 2
  end

  defp length_in_python(xs), do: py.len(xs)
  defp of_parameter(py), do: py.len
  defp bound(map), do: Enum.map([map], fn py -> py.len end)

  test "... in functions without parentheses" do
    assert length_in_python([1, 2]) == 2
    assert {of_parameter(%{len: 3}), bound(%{len: 4})} == {3, [4]}
  end

  test "... and in py do, where no variable has its name" do
    code = """
    require SnakeBridge
    SnakeBridge.py do
      n = py.len([1, 2])
      m = py["abs"].(-n)
      py = %{len: 5}
      {n, m, py.len}
    end
    """

    assert {{2, 2, 5}, _} = Code.eval_string(code)
  end
end

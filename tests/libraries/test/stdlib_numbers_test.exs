defmodule StdlibNumbersTest do
  use LibraryCase, standard_library: "numbers"

  test "fractions compute exactly, also with operators" do
    third = call!("fractions", "Fraction", [1, 3])
    half = call!("fractions", "Fraction", ["0.5"])
    assert to_string(third + half * 2) == "4/3"
    assert to_string(1 - third) == "2/3"
    assert third * 3 == 1
    assert third < half
    assert third.numerator == 1
    assert to_string(call!("fractions", "Fraction.from_float", [0.75])) == "3/4"
    assert call!("builtins", "float", [half]) == 0.5
    assert call!("math", "floor", [call!("fractions", "Fraction", [7, 2])]) == 3
    assert to_string(call!("builtins", "sum", [[third, third, half]])) == "7/6"
    assert call!("builtins", "max", [[third, half]]) |> same?(half)
    assert {:error, %{class: "ZeroDivisionError"}} = call("fractions", "Fraction", [1, 0])
    assert %{class: "ZeroDivisionError"} = catch_error(third / 0)
  end

  test "decimals compute exactly, in a context" do
    tenth = call!("decimal", "Decimal", ["0.1"], [], as: :ref)
    assert to_string(tenth + tenth + tenth) == "0.3"
    assert to_string(tenth * 3 - call!("decimal", "Decimal", ["0.3"], [], as: :ref)) == "0.0"
    price = call!("decimal", "Decimal", ["2.675"], [], as: :ref)
    cents = call!("decimal", "Decimal", ["0.01"], [], as: :ref)
    rounded = method!(price, "quantize", [cents], rounding: get!("decimal", "ROUND_HALF_UP"))
    assert to_string(rounded) == "2.68"
    assert price.as_tuple().digits == {2, 6, 7, 5}
    assert price > 2 and price < 3

    local = call!("decimal", "localcontext")

    third =
      with_python!(local, fn context ->
        put_attr!(context, "prec", 5)
        to_string(call!("decimal", "Decimal", [1], [], as: :ref) / 3)
      end)

    assert third == "0.33333"

    narrow = call!("decimal", "Context", [], prec: 4)
    assert to_string(narrow.divide(1, 3)) == "0.3333"
    error = catch_error(call!("decimal", "Decimal", [1], [], as: :ref) / 0)
    assert error.class == "DivisionByZero"
    assert "builtins.ZeroDivisionError" in error.mro
    assert %{class: "InvalidOperation"} = catch_error(call!("decimal", "Decimal", ["one"]))
  end

  test "integers of any size, complex numbers, statistics" do
    assert call!("math", "factorial", [100]) == Enum.product(1..100)
    assert call!("builtins", "pow", [3, -1, 7]) == 5
    assert call!("math", "comb", [50, 25]) == 126_410_606_437_752
    assert call!("math", "isinf", [:infinity]) == true
    assert is_struct(call!("cmath", "sqrt", [-4]))
    assert call!("cmath", "phase", [call!("builtins", "complex", [0, 1])]) == :math.pi() / 2
    assert call!("statistics", "median", [[3, 1, 2]]) == 2
    assert call!("statistics", "quantiles", [Enum.to_list(1..9)], n: 4) == [2.5, 5.0, 7.5]
    assert {:error, %{class: "StatisticsError"}} = call("statistics", "mean", [[]])
    assert call!("statistics", "NormalDist", [100, 15]).cdf(100) == 0.5
    assert {:error, %{class: "OverflowError"}} = call("math", "exp", [1000])
  end

  test "random numbers of a seeded generator" do
    random = call!("random", "Random", [42])
    assert random.random() == call!("random", "Random", [42]).random()
    assert random.randint(1, 6) in 1..6
    assert random.choice(["a", "b"]) in ["a", "b"]
    assert random.sample(1..100, 3) |> length() == 3
    items = call!("builtins", "list", [[1, 2, 3]], [], as: :ref)
    random.shuffle(items)
    assert Enum.sort(items) == [1, 2, 3]
    assert %{class: "IndexError"} = catch_error(random.choice([]))
  end
end

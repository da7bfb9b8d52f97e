defmodule StdlibNumbersTest do
  use LibraryCase, standard_library: "numbers"

  test "fractions compute exactly, also with operators" do
    third = call!("fractions", "Fraction", [1, 3])
    half = call!("fractions", "Fraction", ["0.5"])
    assert to_string(third + half * 2) == "4/3"
    assert third * 3 == 1
    assert third.numerator == 1
    assert third < half == true
    assert {:error, %{class: "ZeroDivisionError"}} = call("fractions", "Fraction", [1, 0])
  end
end

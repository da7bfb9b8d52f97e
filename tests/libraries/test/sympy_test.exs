defmodule SympyTest do
  use LibraryCase, library: "sympy"

  setup_all do
    sp = import!("sympy")
    {x, y} = sp.symbols("x y")
    %{sp: sp, x: x, y: y}
  end

  test "expressions by operators", %{sp: sp, x: x, y: y} do
    expression = (x + y) ** 2 - 4 * x * y
    assert to_string(expression.expand()) == "x**2 - 2*x*y + y**2"
    assert to_string(sp.factor(expression)) == "(x - y)**2"
    assert expression.subs(%{x => 3, y => 1}) == 4
    assert expression.subs([{x, 3}, {y, 1}]) == 4
    assert to_string(-x / 2 + 1) == "1 - x/2"
    assert to_string(2 ** x) == "2**x"
    assert x == sp."Symbol"("x")
    assert Enum.count(expression.free_symbols) == 2
    assert x in expression.free_symbols
  end

  test "calculus", %{sp: sp, x: x} do
    assert to_string(sp.diff(sp.sin(x) * sp.exp(x), x)) == "exp(x)*sin(x) + exp(x)*cos(x)"
    assert to_string(sp.integrate(1 / x, x)) == "log(x)"
    assert to_string(sp.integrate(sp.exp(-(x ** 2)), {x, -sp.oo, sp.oo})) == "sqrt(pi)"
    assert sp.limit(sp.sin(x) / x, x, 0) == 1
    assert to_string(sp.series(sp.cos(x), x, 0, 5)) == "1 - x**2/2 + x**4/24 + O(x**5)"
    assert to_string(x.diff(x)) == "1"
  end

  test "equations", %{sp: sp, x: x, y: y} do
    assert Enum.map(sp.solve(x ** 2 - 2, x), &to_string/1) == ["-sqrt(2)", "sqrt(2)"]
    assert [solution] = sp.solve([sp."Eq"(x + y, 3), sp."Eq"(x - y, 1)], [x, y], dict: true)
    assert to_string(solution[x]) == "2"
    assert to_string(sp.solveset(x ** 2 - 1, x)) == "{-1, 1}"
    f = sp."Function"("f")
    ode = sp."Eq"(f.(x).diff(x), f.(x))
    assert to_string(sp.dsolve(ode)) == "Eq(f(x), C1*exp(x))"
  end

  test "exact numbers and their evaluation", %{sp: sp} do
    third = sp."Rational"(1, 3)
    assert to_string(third + third) == "2/3"
    assert sp.pi.evalf(20) |> to_string() == "3.1415926535897932385"
    assert call!("builtins", "float", [sp.sqrt(2)]) == :math.sqrt(2)
    assert (third < sp."Rational"(1, 2)) |> to_string() == "True"
    assert if(third < 1, do: :less) == :less
    assert sp.factorint(360) |> Enum.sort() == [{2, 3}, {3, 2}, {5, 1}]
    assert sp.isprime(2 ** 61 - 1) == true
    assert call!("builtins", "int", [sp.factorial(30)]) == 265_252_859_812_191_058_636_308_480_000_000
  end

  test "matrices", %{sp: sp, x: x} do
    m = sp."Matrix"([[1, x], [0, 2]])
    assert to_string(m.det()) == "2"
    assert m[{0, 1}] == x
    assert m.shape == {2, 2}
    assert to_string(matmul!(m, sp.eye(2))) == "Matrix([[1, x], [0, 2]])"
    assert Enum.map(m, &to_string/1) == ["1", "x", "0", "2"]
    assert m.eigenvals() |> Enum.count() == 2
    assert m.T.shape() == {2, 2}
    assert to_string(sp."Matrix"(2, 2, fn i, j -> i + j end)) == "Matrix([[0, 1], [1, 2]])"
  end

  test "functions for numbers, text forms, and functions of Elixir", %{sp: sp, x: x, y: y} do
    f = sp.lambdify([x, y], x ** 2 + y, "math")
    assert f.(3, 1) == 10
    assert sp.latex(sp.sqrt(x) / 2) == "\\frac{\\sqrt{x}}{2}"
    assert to_string(sp.sympify("x**2 + 1")) == "x**2 + 1"
    replaced = (x + y).replace(fn part -> same?(part, y) end, fn part -> part * 10 end)
    assert to_string(replaced) == "x + 10*y"
    ordered = Enum.map(sp.preorder_traversal(x * y + 1), &to_string/1)
    assert hd(ordered) == "x*y + 1"
  end

  test "its exceptions", %{sp: sp, x: x} do
    assert %{class: "SympifyError"} = catch_error(sp.sympify("x +* 1"))
    assert %{class: "TypeError", message: message} = catch_error(if(x > 1, do: 1))
    assert message =~ "truth value"
    assert %{class: "NonInvertibleMatrixError"} = catch_error(sp."Matrix"([[1, 1], [1, 1]]).inv())
    assert {:error, %{class: "NotImplementedError"}} = method(sp, "solve", [sp.sin(x) + x - 1, x])
  end
end

defmodule ScipyTest do
  use LibraryCase, library: "scipy"

  test "minimising a function of Elixir" do
    rosenbrock = fn xs ->
      [x, y] = xs.tolist()
      (1 - x) ** 2 + 100 * (y - x * x) ** 2
    end

    result =
      call!("scipy.optimize", "minimize", [rosenbrock, [-1.2, 1.0]], method: "Nelder-Mead", tol: 1.0e-8)

    assert result.success == true
    assert [x, y] = result.x.tolist()
    assert_in_delta x, 1.0, 1.0e-4
    assert_in_delta y, 1.0, 1.0e-4
    assert result["nfev"] > 50
    assert result.message =~ "successfully"
  end

  test "a gradient, bounds and a callback after each iteration" do
    owner = self()

    result =
      call!("scipy.optimize", "minimize", [fn xs -> Enum.sum(Enum.map(xs, &(&1 * &1))) end, [3.0, -2.0]],
        jac: fn xs -> xs * 2 end,
        bounds: [{1, nil}, {nil, nil}],
        method: "L-BFGS-B",
        callback: fn xs -> send(owner, {:at, xs.tolist()}) end
      )

    assert Enum.map(result.x, &Float.round(&1, 4)) == [1.0, 0.0]
    assert_received {:at, [_, _]}
  end

  test "roots, integrals, fits" do
    assert_in_delta call!("scipy.optimize", "brentq", [&:math.cos/1, 0, 3]), :math.pi() / 2, 1.0e-9
    assert {area, error} = call!("scipy.integrate", "quad", [fn x -> x * x end, 0, 3])
    assert_in_delta area, 9.0, 1.0e-9
    assert error < 1.0e-6
    assert {value, _} = call!("scipy.integrate", "quad", [&:math.exp/1, :neg_infinity, 0])
    assert_in_delta value, 1.0, 1.0e-9

    xs = import!("numpy").linspace(0, 4, num: 20)
    model = fn x, a, b -> a * x + b end
    {best, covariance} = call!("scipy.optimize", "curve_fit", [model, xs, xs * 3 + 1])
    assert Enum.map(best, &Float.round(&1, 6)) == [3.0, 1.0]
    assert covariance.shape == {2, 2}
  end

  test "a differential equation, with an event" do
    fall = fn _t, y -> [y[1], -9.81] end

    solution =
      call!("scipy.integrate", "solve_ivp", [fall, {0, 1}, [0, 5]], t_eval: [0, 0.5, 1], rtol: 1.0e-8)

    assert solution.success == true
    assert solution.y.shape == {2, 3}
    assert_in_delta solution.y[{0, -1}], 5 - 9.81 / 2, 1.0e-6
  end

  test "distributions and tests of statistics" do
    stats = import!("scipy.stats")
    normal = stats.norm(loc: 10, scale: 2)
    assert normal.mean() == 10.0
    assert_in_delta normal.cdf(12), 0.8413, 1.0e-4
    assert normal.rvs(size: 5, random_state: 1).shape == {5}

    result = stats.ttest_ind([1, 2, 3, 4, 5], [2, 3, 4, 5, 6])
    assert_in_delta result.statistic, -1.0, 1.0e-9
    assert_in_delta result.pvalue, 0.3466, 1.0e-4
    assert result.confidence_interval(confidence_level: 0.9).low < 0
    fit = stats.linregress([1, 2, 3], [2, 4, 6])
    assert_in_delta fit.slope, 2.0, 1.0e-12
    assert stats.describe([1, 2, 3]).minmax == {1, 3}
  end

  test "sparse matrices, signals, distances" do
    sparse = import!("scipy.sparse")
    m = sparse.csr_matrix({[1.0, 2.0, 3.0], {[0, 1, 2], [0, 1, 2]}}, shape: {3, 3})
    assert m.nnz == 3
    assert matmul!(m, [1, 1, 1]).tolist() == [1.0, 2.0, 3.0]
    assert (m * 2).toarray().diagonal().tolist() == [2.0, 4.0, 6.0]
    solved = call!("scipy.sparse.linalg", "spsolve", [m.tocsc(), [1.0, 2.0, 3.0]])
    assert solved.tolist() == [1.0, 1.0, 1.0]

    assert {peaks, %{}} = call!("scipy.signal", "find_peaks", [[0, 1, 0, 2, 0]])
    assert peaks.tolist() == [1, 3]
    tree = call!("scipy.spatial", "KDTree", [[[0, 0], [1, 1], [5, 5]]])
    assert {distance, 1} = tree.query([1.2, 1.0])
    assert_in_delta distance, 0.2, 1.0e-9
    assert call!("scipy.spatial.distance", "pdist", [[[0, 0], [3, 4]]]).tolist() == [5.0]
    assert call!("scipy.special", "gamma", [5]) == 24.0

    assert call!("scipy.constants", "physical_constants.get", ["speed of light in vacuum"]) |> elem(0) ==
             299_792_458.0
  end

  test "its exceptions, and those of Elixir within" do
    assert {:error, %{class: "ValueError", message: message}} =
             call("scipy.optimize", "brentq", [fn x -> x * x + 1 end, 0, 1])

    assert message =~ "different signs"
    assert {:error, %{class: "LinAlgError"}} = call("scipy.linalg", "cholesky", [[[1, 2], [2, 1]]])

    assert_raise ArithmeticError, fn ->
      call!("scipy.integrate", "quad", [fn _ -> 1 / :erlang.binary_to_integer("0") end, 0, 1])
    end
  end
end

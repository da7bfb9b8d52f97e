defmodule NumpyTest do
  use LibraryCase, library: "numpy"

  setup_all do
    %{np: import!("numpy")}
  end

  test "arrays are made, computed with and reduced", %{np: np} do
    xs = np.linspace(0, 1, num: 5)
    assert xs.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert (xs * 2 + 1).sum() == 10.0
    assert (1 - xs).max() == 1.0
    assert np.arange(12).reshape(3, 4).sum(axis: 0).tolist() == [12, 15, 18, 21]
    assert np.arange(12).reshape({3, 4}).T.shape() == {4, 3}
    assert np.zeros({2, 2}, dtype: "int8").dtype.name == "int8"
    assert np.array([[1, 2], [3, 4]], dtype: np.float32).nbytes == 16
    assert xs.size == 5 and xs.ndim == 1
  end

  test "scalars arrive as numbers", %{np: np} do
    assert np.float32(1.5) == 1.5
    assert np.int64(7) == 7
    assert np.array([1, 2, 3]).mean() == 2.0
    assert np.array([1, 2, 3]).argmax() == 2
    assert np.all([true, true]) == true
    assert np.nan == :nan
    assert np.complex128({1, 2} |> Tuple.to_list() |> List.first()).real == 1.0
    assert np.array(["a", "b"])[0] == "a"
  end

  test "indexing: items, slices, masks, lists", %{np: np} do
    a = np.arange(10) ** 2
    assert a[3] == 9
    assert a[-1] == 81
    assert a[2..4].tolist() == [4, 9, 16]
    assert a[0..-1//3].tolist() == [0, 9, 36, 81]
    assert a[a > 30].tolist() == [36, 49, 64, 81]
    assert a[[1, 3, 5]].tolist() == [1, 9, 25]
    assert a[np.where(a == 16)].tolist() == [16]

    m = np.arange(12).reshape(3, 4)
    assert m[{1, 2}] == 6
    assert m[{0..1, 1..2}].tolist() == [[1, 2], [5, 6]]
    assert m[{0..-1//1, 0}].tolist() == [0, 4, 8]
    assert slice!(m, nil, nil, -1)[0].tolist() == [8, 9, 10, 11]
    assert m[nil].shape == {1, 3, 4}
    assert m[get!("builtins", "Ellipsis", as: :ref)].shape == {3, 4}
  end

  test "assignment changes the array in place", %{np: np} do
    a = np.zeros(4)
    a = put_in(a[1], 5)
    assert a.tolist() == [0.0, 5.0, 0.0, 0.0]
    put_item!(a, 2..3, [7, 8])
    assert a.tolist() == [0.0, 5.0, 7.0, 8.0]
    put_item!(a, a > 6, 0)
    assert a.tolist() == [0.0, 5.0, 0.0, 0.0]
    a = update_in(a[1], &(&1 * 2))
    assert a[1] == 10.0
    m = np.zeros({2, 2})
    put_item!(m, {0..-1//1, 1}, 3)
    assert m.tolist() == [[0.0, 3.0], [0.0, 3.0]]
    put_attr!(a, "shape", {2, 2})
    assert a.shape == {2, 2}
  end

  test "linear algebra and its exception", %{np: np} do
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    b = np.array([3.0, 5.0])
    x = np.linalg.solve(a, b)
    assert np.allclose(matmul!(a, x), b) == true
    assert Float.round(np.linalg.det(a), 6) == 5.0

    # A named tuple keeps its names.
    eig = np.linalg.eigh(a)
    assert eig.eigenvalues.shape == {2}
    {values, vectors} = {eig[0], eig[1]}
    assert np.allclose(matmul!(a, vectors), vectors * values) == true

    assert %{class: "LinAlgError", message: "Singular matrix"} = catch_error(np.linalg.inv([[1, 2], [2, 4]]))
    assert {:error, %{class: "ValueError"}} = method(a, "reshape", [3, 3])
    assert %{class: "IndexError"} = catch_error(b[9])
    assert %{class: "AttributeError"} = catch_error(np.not_there)
  end

  test "operators on arrays, also with an Elixir value on the left", %{np: np} do
    a = np.array([1, 2, 3])
    assert (10 / a).tolist() == [10.0, 5.0, 10 / 3]
    assert (2 ** a).tolist() == [2, 4, 8]
    assert (-a).tolist() == [-1, -2, -3]
    assert ([1, 1, 1] + a).tolist() == [2, 3, 4]
    assert (a > 1 &&& a < 3).tolist() == [false, true, false]
    assert (~~~(a > 1)).tolist() == [true, false, false]
    assert (a <<< 1).tolist() == [2, 4, 6]
    assert operator!(a, :floordiv, 2).tolist() == [0, 1, 1]
    assert (a == [1, 0, 3]).tolist() == [true, false, true]
    assert if((a == a).all(), do: :same) == :same
  end

  test "an array in an Elixir condition says that its truth is ambiguous", %{np: np} do
    a = np.array([1, 2, 3])
    error = catch_error(if(a == [1, 2, 3], do: :same, else: :other))
    assert error.class == "ValueError"
    assert error.message =~ "ambiguous"
  end

  test "functions of Elixir are called by numpy", %{np: np} do
    assert np.vectorize(fn x -> x * x + 1 end).([1, 2, 3]).tolist() == [2, 5, 10]
    assert np.apply_along_axis(fn row -> Enum.sum(row) end, 1, np.eye(3)).tolist() == [1.0, 1.0, 1.0]
    assert np.fromfunction(fn i, j -> i * 10 + j end, {2, 2}).tolist() == [[0.0, 1.0], [10.0, 11.0]]
    assert np.fromiter(Enum.map(1..4, &(&1 * &1)), dtype: "i8").tolist() == [1, 4, 9, 16]
    assert np.frompyfunc(fn x -> "<#{x}>" end, 1, 1).(["a", "b"]).tolist() == ["<a>", "<b>"]
  end

  test "arrays are enumerable", %{np: np} do
    assert Enum.to_list(np.arange(4)) == [0, 1, 2, 3]
    assert Enum.map(np.eye(2), & &1.tolist()) == [[1.0, 0.0], [0.0, 1.0]]
    assert Enum.count(np.zeros({3, 2})) == 3
    assert Enum.member?(np.arange(3), 2)
    assert np.arange(100) |> Stream.filter(&(rem(&1, 2) == 0)) |> Enum.take(3) == [0, 2, 4]
    assert for({i, x} <- np.ndenumerate([[1, 2]]), do: {i, x}) == [{{0, 0}, 1}, {{0, 1}, 2}]
    assert Enum.zip(np.arange(2), np.array(["a", "b"])) == [{0, "a"}, {1, "b"}]
  end

  test "random numbers of a seeded generator", %{np: np} do
    rng = np.random.default_rng(42)
    sample = rng.normal(loc: 10, scale: 2, size: {100, 3})
    assert sample.shape == {100, 3}
    assert_in_delta sample.mean(), 10, 0.5
    assert rng.integers(0, 10, size: 5).dtype.kind == "i"
    assert rng.choice(["a", "b"]) in ["a", "b"]
    shuffled = rng.permutation(5)
    assert np.sort(shuffled).tolist() == [0, 1, 2, 3, 4]
  end

  test "bytes, files and structured types", %{np: np} do
    assert np.frombuffer(bytes(<<1::little-32, 2::little-32>>), dtype: "<i4").tolist() == [1, 2]
    assert np.arange(3, dtype: "u1").tobytes() == <<0, 1, 2>>

    buffer = call!("io", "BytesIO")
    np.savez(buffer, a: np.arange(3), b: [1.5])
    buffer.seek(0)
    loaded = np.load(buffer)
    assert Enum.sort(loaded.files) == ["a", "b"]
    assert loaded["a"].tolist() == [0, 1, 2]

    points = np.array([{1, 2.5}, {3, 4.5}], dtype: [{"x", "i4"}, {"y", "f8"}])
    assert points["y"].tolist() == [2.5, 4.5]
    assert points[0]["x"] == 1
    assert np.datetime64("2024-02-29").astype("datetime64[M]") |> to_string() == "2024-02"
  end

  test "whole arrays cross in one piece", %{np: np} do
    array = method!(np, "arange", [6], [dtype: "int32"], as: :array)
    assert %SnakeBridge.Array{dtype: :s32, shape: {6}} = array
    assert SnakeBridge.Array.to_list(array) == [0, 1, 2, 3, 4, 5]

    matrix = SnakeBridge.Array.from_list([[1.0, 2.0], [3.0, 4.0]])
    assert np.linalg.det(matrix) |> Float.round(9) == -2.0
    assert np.transpose(matrix).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    back = method!(np, "multiply", [matrix, 2], [], as: :array)
    assert SnakeBridge.Array.to_list(back) == [[2.0, 4.0], [6.0, 8.0]]
  end

  test "settings hold inside of a context", %{np: np} do
    zero = np.zeros(1)

    with_python!(np.errstate(divide: "raise"), fn _ ->
      assert_raise SnakeBridge.Py.FloatingPointError, fn -> 1 / zero end
    end)

    with_python!(np.errstate(divide: "ignore"), fn _ -> assert (1 / zero).tolist() == [:infinity] end)
    with_python!(np.printoptions(precision: 2), fn _ -> assert to_string(np.array([1.2345])) == "[1.23]" end)
  end

  test "values come where they are asked for", %{np: np} do
    a = np.arange(6).reshape(2, 3)
    assert ref?(a)
    assert value!(a) == [[0, 1, 2], [3, 4, 5]]
    assert value!(np.float64(2.5)) == 2.5
    assert method!(a, "max", [], [axis: 1], as: :value) == [2, 5]
    assert {:ok, scalar} = method(a, "max", [], [], as: :ref)
    assert ref?(scalar)
    assert inspect(a) =~ "array([[0, 1, 2]"
  end
end

defmodule SnakeBridge.ArrayTest do
  @moduledoc "Arrays by themselves, and through a real worker."
  use ExUnit.Case, async: true

  alias SnakeBridge.{Array, BridgeError, Installed, Probe}

  doctest SnakeBridge.Array

  @numpy Installed.skip(["numpy"])
  @bfloat16 Installed.skip(["numpy", "ml_dtypes"])

  @dtypes [:bool, :s8, :s16, :s32, :s64, :u8, :u16, :u32, :u64, :f16, :f32, :f64, :c64, :c128]
  @shapes [{}, {0}, {1}, {5}, {2, 3}, {3, 0}, {0, 3}, {2, 1, 4}, {1, 2, 3, 2}]

  defp random(:bool), do: Enum.random([true, false])
  defp random(:f16), do: Enum.random([0.0, -1.5, 1024.0, :nan, :infinity, :neg_infinity])
  defp random(:f32), do: Enum.random([0.0, -1.5, 2.0 ** 100, :nan, :infinity, :neg_infinity])
  defp random(:f64), do: Enum.random([0.1, -1.5e300, 5.0e-324, :nan, :infinity, :neg_infinity])
  defp random(:c64), do: SnakeBridge.Complex.new(random(:f32), random(:f32))
  defp random(:c128), do: SnakeBridge.Complex.new(random(:f64), random(:f64))
  defp random(:s8), do: Enum.random(-128..127)
  defp random(:u8), do: Enum.random(0..255)

  defp random(dtype) do
    bits = dtype |> Atom.to_string() |> String.slice(1..-1//1) |> String.to_integer()

    case Atom.to_string(dtype) do
      "s" <> _ -> Enum.random([-(2 ** (bits - 1)), -1, 0, 2 ** (bits - 1) - 1])
      "u" <> _ -> Enum.random([0, 1, 2 ** bits - 1])
    end
  end

  defp nested(dtype, []), do: random(dtype)
  defp nested(dtype, [length | rest]), do: for(_ <- 1..length//1, do: nested(dtype, rest))

  test "lists become arrays and lists again" do
    for dtype <- @dtypes, shape <- @shapes do
      list = nested(dtype, Tuple.to_list(shape))
      array = Array.from_list(list, dtype)
      assert {array.dtype, Array.to_list(array)} == {dtype, list}
      # Lists do not tell lengths behind one of zero.
      if 0 not in Tuple.to_list(shape), do: assert(array.shape == shape)
      assert array == Array.new(array.data, dtype, array.shape)
    end

    assert Array.from_list([[], []]).shape == {2, 0}
    assert Array.to_list(Array.new("", :f64, {2, 0, 3})) == [[], []]
  end

  test "the type is that of the items" do
    for {items, dtype} <- [
          {[1, 2], :s64},
          {[1, 2.0], :f64},
          {[true], :bool},
          {[1, :nan], :f64},
          {[], :f64},
          {7, :s64},
          {[1, SnakeBridge.Complex.new(0.0, 1.0)], :c128}
        ],
        do: assert(Array.from_list(items).dtype == dtype)
  end

  test "floats are rounded to what their type holds" do
    assert Array.to_list(Array.from_list([0.1], :f32)) == [0.10000000149011612]

    assert Array.to_list(Array.from_list([1.00390625, 1.01171875, 3.0e38], :bf16)) |> Enum.take(2) == [
             1.0,
             1.015625
           ]

    assert Array.to_list(Array.from_list([:nan, :neg_infinity], :bf16)) == [:nan, :neg_infinity]
    # Any NaN is one.
    assert Array.to_list(Array.new(<<0x7FF0000000000001::native-64, -1::64>>, :f64, {2})) == [:nan, :nan]
  end

  test "what cannot be an array says why" do
    for {function, text} <- [
          {fn -> Array.from_list([[1], [2, 3]]) end, "expected a list of 1, got: [2, 3]"},
          {fn -> Array.from_list([1, [2]]) end, "expected an item, got: [2]"},
          {fn -> Array.from_list([256], :u8) end, "an array of :u8 cannot hold 256"},
          {fn -> Array.from_list([-1], :u64) end, "an array of :u64 cannot hold -1"},
          {fn -> Array.from_list([2 ** 63]) end, "an array of :s64 cannot hold 9223372036854775808"},
          {fn -> Array.from_list([1.0e39], :f32) end, "an array of :f32 cannot hold 1.0e39"},
          {fn -> Array.from_list([1.0], :s8) end, "an array of :s8 cannot hold 1.0"},
          {fn -> Array.from_list([1], :bool) end, "an array of :bool cannot hold 1"},
          {fn -> Array.from_list(["x"]) end, "an array of :f64 cannot hold \"x\""},
          {fn -> Array.from_list([1], :f8) end, "the type of an array is one of :bf16, :bool"},
          {fn -> Array.new("abc", :u8, {2, 2}) end, "{2, 2} items of :u8 take 4 bytes, got: 3"},
          {fn -> Array.new("", :u8, {-1}) end, "a shape is a tuple of lengths such as {2, 3}, got: {-1}"}
        ] do
      error = assert_raise ArgumentError, function
      assert Exception.message(error) =~ text
    end
  end

  test "inspect is short however large the array is" do
    assert inspect(Array.from_list(7, :u8)) == "#SnakeBridge.Array<u8 {} [7]>"
    large = Array.new(:binary.copy(<<1>>, 1_000_000), :u8, {1000, 1000})
    assert inspect(large) == "#SnakeBridge.Array<u8 {1000, 1000} [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ...]>"
    assert Array.size(large) == 1_000_000
  end

  test "what exports its memory comes as an array" do
    steps = [{:method, "cast", ["H", [2, 2]], []}]

    view =
      SnakeBridge.call!("builtins", "memoryview", [SnakeBridge.bytes(<<1, 0, 2, 0, 3, 0, 4, 0>>)], [],
        as: :ref
      )

    assert %Array{dtype: :u16, shape: {2, 2}} = array = SnakeBridge.steps!(view, steps, as: :array)
    assert Array.size(array) == 4
  end

  test "what is no array is refused with a hint" do
    assert {:error, %BridgeError{reason: :not_convertible} = error} =
             SnakeBridge.call("builtins", "dict", [], [], as: :array)

    assert error.message == "a builtins.dict is no array: it exports no memory"
    assert error.hint =~ "numpy.asarray(x)"

    assert {:error, %BridgeError{reason: :not_convertible} = error} =
             SnakeBridge.apply(
               SnakeBridge.get!("builtins", "repr"),
               [%Array{dtype: :f64, shape: {3}, data: "short"}]
             )

    assert error.message =~ "shape [3] of f64 does not fit its 5 bytes"
  end

  @tag skip: @numpy
  test "numpy gets what Elixir has, and gives it back" do
    same =
      Probe.run(
        "def same(x, kind):\n    return (str(x.dtype), x.shape, x.tolist(), type(x).__name__ == kind)"
      )

    for dtype <- @dtypes, shape <- @shapes, 0 not in Tuple.to_list(shape) do
      list = nested(dtype, Tuple.to_list(shape))
      array = Array.from_list(list, dtype)
      assert SnakeBridge.steps!({:value, array}, [], as: :array) == array
      {name, ^shape, items, true} = SnakeBridge.apply!(SnakeBridge.item!(same, "same"), [array, "ndarray"])
      assert items == list
      assert String.at(name, 0) == if(dtype == :bool, do: "b", else: numpy_kind(dtype))
    end
  end

  defp numpy_kind(dtype) do
    case Atom.to_string(dtype) do
      "s" <> _ -> "i"
      <<kind::binary-size(1), _::binary>> -> kind
    end
  end

  @tag skip: @numpy
  test "memory of any order, and bytes of any order, come in order" do
    for order <- ["C", "F"], bytes <- ["<", ">"], dtype <- ["i2", "f8", "c16"] do
      steps = [
        {:method, "reshape", [{2, 3, 4}], []},
        {:method, "astype", [bytes <> dtype], [{"order", order}]},
        SnakeBridge.Ref.item_step({1, 2..0//-1})
      ]

      array =
        SnakeBridge.call!("numpy", "arange", [24], [], as: :ref) |> SnakeBridge.steps!(steps, as: :array)

      assert array.shape == {3, 4}

      assert for(row <- Array.to_list(array), do: Enum.map(row, &re/1)) ==
               [[20, 21, 22, 23], [16, 17, 18, 19], [12, 13, 14, 15]]
    end
  end

  defp re(%{re: re}), do: trunc(re)
  defp re(number), do: trunc(number)

  @tag skip: @numpy
  test "an array that Elixir sent can be written in Python" do
    array = SnakeBridge.call!("numpy", "asarray", [Array.from_list([1.0, 2.0])], [], as: :ref)
    SnakeBridge.put_item!(array, 0, 9.0)
    assert SnakeBridge.value!(array) == [9.0, 2.0]
  end

  @tag skip: @numpy
  test "an array in a list, as a keyword argument and from a callback" do
    array = Array.from_list([3, 1, 2])
    assert SnakeBridge.call!("numpy", "concatenate", [[array, array]], [], as: :array).shape == {6}
    assert SnakeBridge.call!("numpy", "sort", [], [a: array], as: :array) == Array.from_list([1, 2, 3])
    twice = Probe.run("def call(f):\n    return f().tolist()") |> SnakeBridge.item!("call")
    assert SnakeBridge.apply!(twice, [fn -> array end]) == [3, 1, 2]
  end

  @tag skip: @numpy
  test "a large array" do
    data = :crypto.strong_rand_bytes(16_000_000)
    array = Array.new(data, :f64, {1000, 2000})
    assert SnakeBridge.steps!({:value, array}, [], as: :array) == array
    assert SnakeBridge.attr!({:value, array}, "nbytes") == 16_000_000
  end

  @tag skip: @numpy
  test "dates and objects have no array" do
    assert {:error, %BridgeError{hint: hint} = error} =
             SnakeBridge.call("numpy", "array", [["2024-01-01"]], [dtype: "M8[D]"], as: :array)

    assert error.message =~ "items of datetime64[D] has no counterpart"
    assert hint =~ "view(\"int64\")"
  end

  @tag skip: @bfloat16
  test "bfloat16" do
    array = Array.from_list([1.0, -2.5, :infinity], :bf16)
    assert SnakeBridge.method!({:value, array}, "tolist") == [1.0, -2.5, :infinity]
    assert SnakeBridge.steps!({:value, array}, [], as: :array) == array
  end
end

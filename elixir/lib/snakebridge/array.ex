defmodule SnakeBridge.Array do
  @moduledoc """
  Numbers in one piece of memory, as numpy and its kin hold them.

  Python sends one where it is asked for with `as: :array`: of a numpy array, a tensor, a series, an image, an
  `array.array`, `bytes`, and whatever else exports its memory. Sent to Python it becomes a numpy array that can be
  written, or a `memoryview` where numpy is not installed. No item is looked at on the way, in either direction.

      iex> SnakeBridge.call!("array", "array", ["d", [1.5, 2.5]], [], as: :array)
      #SnakeBridge.Array<f64 {2} [1.5, 2.5]>

      iex> matrix = SnakeBridge.Array.from_list([[1, 2], [3, 4]])
      iex> SnakeBridge.item!({:value, matrix}, {1, 0})
      3

  | field | |
  |---|---|
  | `dtype` | what an item is, see below |
  | `shape` | a tuple of the lengths, outermost first; `{}` for a single item |
  | `data` | the items in C order (the last index runs fastest) and in the machine's byte order |

  | `dtype` | bytes | item |
  |---|---|---|
  | `:bool` | 1 | `true`, `false` |
  | `:s8`, `:s16`, `:s32`, `:s64` | 1, 2, 4, 8 | integer |
  | `:u8`, `:u16`, `:u32`, `:u64` | 1, 2, 4, 8 | integer that is not negative |
  | `:f16`, `:f32`, `:f64` | 2, 4, 8 | float, `:nan`, `:infinity`, `:neg_infinity` |
  | `:bf16` | 2 | the same; numpy needs the package `ml_dtypes` for it |
  | `:c64`, `:c128` | 8, 16 | complex number, as `SnakeBridge.Complex.new/2` makes it |

  An `Nx.Tensor` goes to Python as an array by itself, where Nx is loaded; `to_nx/1` makes one.
  It knows neither arithmetic nor indexing: those are Python's, or Nx's.
  """

  @type dtype ::
          :bool
          | :s8
          | :s16
          | :s32
          | :s64
          | :u8
          | :u16
          | :u32
          | :u64
          | :f16
          | :f32
          | :f64
          | :bf16
          | :c64
          | :c128
  @typedoc "An item: a number, a boolean, `:nan`, `:infinity`, `:neg_infinity` or a complex number."
  @type item :: number() | boolean() | :nan | :infinity | :neg_infinity | struct()
  @type t :: %__MODULE__{dtype: dtype(), shape: tuple(), data: binary()}

  @enforce_keys [:dtype, :shape, :data]
  defstruct [:dtype, :shape, :data]

  # Kind and bits.
  @dtypes %{
    bool: {:bool, 8},
    s8: {:s, 8},
    s16: {:s, 16},
    s32: {:s, 32},
    s64: {:s, 64},
    u8: {:u, 8},
    u16: {:u, 16},
    u32: {:u, 32},
    u64: {:u, 64},
    f16: {:f, 16},
    f32: {:f, 32},
    f64: {:f, 64},
    bf16: {:bf, 16},
    c64: {:c, 64},
    c128: {:c, 128}
  }

  @shown 10

  @doc false
  def dtypes, do: Map.keys(@dtypes)

  @doc """
  An array of items that are in memory already.

      iex> SnakeBridge.Array.new(<<1, 2, 3, 4>>, :u8, {2, 2})
      #SnakeBridge.Array<u8 {2, 2} [1, 2, 3, 4]>

  Raises `ArgumentError` for a type or shape that is none, and for data that is not as long as both say.
  """
  @spec new(binary(), dtype(), tuple()) :: t()
  def new(data, dtype, shape) when is_binary(data) and is_tuple(shape) do
    {_, bits} = type!(dtype)
    lengths = Tuple.to_list(shape)

    unless Enum.all?(lengths, &(is_integer(&1) and &1 >= 0)),
      do: raise(ArgumentError, "a shape is a tuple of lengths such as {2, 3}, got: #{inspect(shape)}")

    expected = div(Enum.product(lengths) * bits, 8)

    if byte_size(data) != expected,
      do:
        raise(
          ArgumentError,
          "#{inspect(shape)} items of #{inspect(dtype)} take #{expected} bytes, got: #{byte_size(data)}"
        )

    %__MODULE__{dtype: dtype, shape: shape, data: data}
  end

  @doc """
  An array of the items in nested lists of equal lengths, or of a single item.

  Without a type it is that of the items: `:bool`, `:s64`, `:f64` (also where integers are among floats) or `:c128`.

      iex> SnakeBridge.Array.from_list([[1, 2.5], [3, 4]])
      #SnakeBridge.Array<f64 {2, 2} [1.0, 2.5, 3.0, 4.0]>

      iex> SnakeBridge.Array.from_list([1, 2], :u8).data
      <<1, 2>>

  Raises `ArgumentError` for items that the type cannot hold.
  """
  @spec from_list([item() | list()] | item(), dtype() | nil) :: t()
  def from_list(list, dtype \\ nil) do
    lengths = lengths(list)
    items = flatten(list, lengths, [])
    dtype = dtype || common(items)
    type = type!(dtype)
    data = for item <- items, into: <<>>, do: encode(type, item, dtype)
    %__MODULE__{dtype: dtype, shape: List.to_tuple(lengths), data: data}
  end

  @doc """
  The items, in lists nested as the shape says.

      iex> [[1, 2], [3, 4]] |> SnakeBridge.Array.from_list(:f32) |> SnakeBridge.Array.to_list()
      [[1.0, 2.0], [3.0, 4.0]]
  """
  @spec to_list(t()) :: [item() | list()] | item()
  def to_list(%__MODULE__{dtype: dtype, shape: shape, data: data}),
    do: dtype |> type!() |> items(data) |> nest(Tuple.to_list(shape))

  @doc """
  How many items there are.

      iex> SnakeBridge.Array.size(SnakeBridge.Array.new(<<0::48>>, :u16, {3, 1}))
      3
  """
  @spec size(t()) :: non_neg_integer()
  def size(%__MODULE__{shape: shape}), do: shape |> Tuple.to_list() |> Enum.product()

  # --- Nx ---

  @compile {:no_warn_undefined, Nx}

  @doc """
  The array as an `Nx.Tensor`, on Nx's default backend. Booleans become `{:u, 8}`.

      "image.png" |> read_image() |> SnakeBridge.value!(as: :array) |> SnakeBridge.Array.to_nx()

  Raises `ArgumentError` where Nx is not loaded, and for an array without items: Nx has none.
  """
  @spec to_nx(t()) :: struct()
  def to_nx(%__MODULE__{dtype: dtype, shape: shape, data: data}) do
    SnakeBridge.Library.ensure!(Nx, :nx)
    if data == <<>>, do: raise(ArgumentError, "Nx has no tensors without items, as of #{inspect(shape)}")
    type = with {:bool, 8} <- type!(dtype), do: {:u, 8}
    data |> Nx.from_binary(type) |> Nx.reshape(shape)
  end

  @doc """
  The array of an `Nx.Tensor`: what its encoder gives, so that it seldom needs to be called.

  Vectorized axes come first in the shape, and names of axes are left out.
  Raises `ArgumentError` for a type that arrays have not, such as `{:u, 4}`.
  """
  @spec from_nx(struct()) :: t()
  def from_nx(tensor) do
    tensor = Nx.devectorize(tensor)
    type = Nx.type(tensor)

    case Enum.find(@dtypes, fn {_, known} -> known == type end) do
      {dtype, _} ->
        %__MODULE__{dtype: dtype, shape: Nx.shape(tensor), data: Nx.to_binary(tensor)}

      nil ->
        raise ArgumentError,
              "arrays have no items of #{inspect(type)}; Nx.as_type/2 makes them another's, as of {:f, 32}"
    end
  end

  # --- items ---

  defp type!(dtype) do
    case @dtypes do
      %{^dtype => type} ->
        type

      _ ->
        known = @dtypes |> Map.keys() |> Enum.sort() |> Enum.map_join(", ", &inspect/1)
        raise ArgumentError, "the type of an array is one of #{known}, got: #{inspect(dtype)}"
    end
  end

  defp lengths(list) when is_list(list) do
    case list do
      [] -> [0]
      [first | _] -> [length(list) | lengths(first)]
    end
  end

  defp lengths(_), do: []

  # Backwards, so that what follows is there already.
  defp flatten(item, [], rest) when not is_list(item), do: [item | rest]

  defp flatten(list, [length | lengths], rest) when is_list(list) and length(list) == length,
    do: list |> Enum.reverse() |> Enum.reduce(rest, &flatten(&1, lengths, &2))

  defp flatten(other, lengths, _) do
    expected = if lengths == [], do: "an item", else: "a list of #{hd(lengths)}"

    raise ArgumentError,
          "the lists of an array are of equal lengths: expected #{expected}, got: #{short(other)}"
  end

  defp common([]), do: :f64

  defp common(items) do
    cond do
      Enum.all?(items, &is_integer/1) -> :s64
      Enum.all?(items, &is_boolean/1) -> :bool
      Enum.any?(items, &is_map/1) -> :c128
      true -> :f64
    end
  end

  defp encode({:bool, _}, true, _), do: <<1>>
  defp encode({:bool, _}, false, _), do: <<0>>

  defp encode({:s, bits}, item, _)
       when is_integer(item) and item >= -Bitwise.bsl(1, bits - 1) and item < Bitwise.bsl(1, bits - 1),
       do: <<item::signed-native-size(bits)>>

  defp encode({:u, bits}, item, _) when is_integer(item) and item >= 0 and item < Bitwise.bsl(1, bits),
    do: <<item::native-size(bits)>>

  defp encode({:bf, 16}, item, dtype) do
    <<bits::native-32>> = encode({:f, 32}, item, dtype)
    # To the nearest; of two that are as near, to the even one. The only NaN made here stays one.
    <<Bitwise.bsr(bits + 0x7FFF + Bitwise.band(Bitwise.bsr(bits, 16), 1), 16)::native-16>>
  end

  defp encode({:c, bits}, %{re: re, im: im}, dtype) do
    part = {:f, div(bits, 2)}
    encode(part, re, dtype) <> encode(part, im, dtype)
  end

  defp encode({:c, _} = type, item, dtype), do: encode(type, %{re: item, im: 0.0}, dtype)

  defp encode({:f, bits}, item, dtype) when is_number(item) do
    case <<item::float-native-size(bits)>> do
      <<_::float-native-size(bits)>> = bytes -> bytes
      _infinite -> cannot(item, dtype)
    end
  rescue
    ArgumentError -> cannot(item, dtype)
  end

  defp encode({:f, bits}, item, _) when item in [:nan, :infinity, :neg_infinity], do: special(bits, item)
  defp encode(_, item, dtype), do: cannot(item, dtype)

  # Floats that BEAM has not: the exponent is all ones.
  @specials for {bits, exponent} <- [{16, 5}, {32, 8}, {64, 11}],
                infinity = Bitwise.bsl(Bitwise.bsl(1, exponent) - 1, bits - exponent - 1),
                {name, value} <- [
                  infinity: infinity,
                  neg_infinity: Bitwise.bsl(1, bits - 1) + infinity,
                  nan: infinity + Bitwise.bsl(1, bits - exponent - 2)
                ],
                do: {bits, name, value}

  for {bits, name, value} <- @specials do
    defp special(unquote(bits), unquote(name)), do: <<unquote(value)::native-unquote(bits)>>
  end

  @spec cannot(term(), dtype()) :: no_return()
  defp cannot(item, dtype),
    do: raise(ArgumentError, "an array of #{inspect(dtype)} cannot hold #{short(item)}")

  defp items({:bool, 8}, data), do: for(<<item <- data>>, do: item != 0)
  defp items({:s, bits}, data), do: for(<<item::signed-native-size(bits) <- data>>, do: item)
  defp items({:u, bits}, data), do: for(<<item::native-size(bits) <- data>>, do: item)
  defp items({:f, bits}, data), do: for(<<item::binary-size(div(bits, 8)) <- data>>, do: float(item, bits))

  defp items({:bf, 16}, data),
    do: for(<<item::native-16 <- data>>, do: float(<<Bitwise.bsl(item, 16)::native-32>>, 32))

  defp items({:c, bits}, data), do: {:f, div(bits, 2)} |> items(data) |> complex()

  defp float(bytes, bits) do
    case bytes do
      <<item::float-native-size(bits)>> -> item
      <<item::native-size(bits)>> -> name(bits, item)
    end
  end

  for {bits, name, value} <- @specials, name != :nan do
    defp name(unquote(bits), unquote(value)), do: unquote(name)
  end

  defp name(_, _), do: :nan

  defp complex([re, im | rest]), do: [SnakeBridge.Complex.new(re, im) | complex(rest)]
  defp complex([]), do: []

  defp nest([item], []), do: item
  defp nest(items, [_]), do: items

  defp nest(items, [length | lengths]) do
    case Enum.product(lengths) do
      0 -> List.duplicate(nest([], lengths), length)
      size -> items |> Enum.chunk_every(size) |> Enum.map(&nest(&1, lengths))
    end
  end

  defp short(term), do: inspect(term, limit: 5, printable_limit: 50)

  @doc false
  @spec first(t()) :: {[item()], boolean()}
  def first(%__MODULE__{dtype: dtype, data: data}) do
    {_, bits} = type = type!(dtype)
    length = min(byte_size(data), div(@shown * bits, 8))
    {items(type, binary_part(data, 0, length)), length < byte_size(data)}
  end

  defimpl Inspect do
    def inspect(array, _) do
      {items, more?} = SnakeBridge.Array.first(array)
      # As text, for integers would be taken for characters.
      items = Enum.map(items, &Kernel.inspect/1) ++ if(more?, do: ["..."], else: [])
      "#SnakeBridge.Array<#{array.dtype} #{Kernel.inspect(array.shape)} [#{Enum.join(items, ", ")}]>"
    end
  end
end

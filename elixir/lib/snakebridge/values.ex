defmodule SnakeBridge.Bytes do
  @moduledoc "A binary that goes to Python as `bytes`, also where it is UTF-8: see `SnakeBridge.bytes/1`."

  @type t :: %__MODULE__{data: binary()}

  @enforce_keys [:data]
  defstruct [:data]
end

defmodule SnakeBridge.Complex do
  @moduledoc """
  A complex number of Python, where the library that defines `Complex` is not loaded.

      iex> to_string(SnakeBridge.Complex.new(1.0, -2.0))
      "1.0-2.0i"
  """

  @type t :: %__MODULE__{re: float(), im: float()}

  defstruct re: 0.0, im: 0.0

  @doc "Makes the number: a `Complex` of that library where it is loaded."
  @spec new(number() | atom(), number() | atom()) :: struct()
  def new(re, im) do
    module = if function_exported?(Complex, :__struct__, 1), do: Complex, else: __MODULE__
    struct!(module, re: re, im: im)
  end

  defimpl String.Chars do
    def to_string(%{re: re, im: im}) when is_number(im) and im < 0, do: "#{re}-#{-im}i"
    def to_string(%{re: re, im: im}), do: "#{re}+#{im}i"
  end
end

defmodule SnakeBridge.Duration do
  @moduledoc """
  A `timedelta` of Python, before Elixir 1.17, which has `Duration`. The fields are named as there.
  """

  @type t :: %__MODULE__{day: integer(), second: integer(), microsecond: {integer(), 0..6}}

  defstruct day: 0, second: 0, microsecond: {0, 0}
end

defmodule SnakeBridge.Arrow do
  @moduledoc """
  A table, as a stream of Apache Arrow: its columns in one piece of memory, with their names and types.

  Python sends one where it is asked for with `as: :arrow`: of a data frame or series of pandas or polars, a table of
  pyarrow, and whatever else has Arrow's interface. Sent to Python it becomes a `pyarrow.Table`, or a
  `polars.DataFrame` where only polars is installed; one of the two must be.

      frame = SnakeBridge.call!("pandas", "read_csv", ["sales.csv"])
      %SnakeBridge.Arrow{} = sales = SnakeBridge.value!(frame, as: :arrow)
      SnakeBridge.Arrow.to_explorer(sales)

  An `Explorer.DataFrame` or `Explorer.Series` goes to Python as a table by itself, where Explorer is loaded.
  This module carries the stream and does not read it: that is Explorer's part, or another library's.
  """

  @typedoc "`data` is a stream in Arrow's IPC format."
  @type t :: %__MODULE__{data: binary()}

  @enforce_keys [:data]
  defstruct [:data]

  @compile {:no_warn_undefined, [Explorer.DataFrame, Explorer.Series]}

  @doc """
  The table as an `Explorer.DataFrame`.

  Raises `ArgumentError` where Explorer is not loaded, and what Explorer raises where it cannot read the stream.
  """
  @spec to_explorer(t()) :: struct()
  def to_explorer(%__MODULE__{data: data}) do
    SnakeBridge.Library.ensure!(Explorer.DataFrame, :explorer)
    Explorer.DataFrame.load_ipc_stream!(data)
  end

  @doc """
  The table of an `Explorer.DataFrame`, or of an `Explorer.Series` (one column, `value`): what their encoders give, so
  that it seldom needs to be called.

  Groups are left out; a lazy frame is computed.
  """
  @spec from_explorer(struct()) :: t()
  def from_explorer(%{__struct__: Explorer.Series} = series),
    do: from_explorer(Explorer.DataFrame.new([{"value", series}]))

  def from_explorer(frame),
    do: %__MODULE__{data: frame |> Explorer.DataFrame.collect() |> Explorer.DataFrame.dump_ipc_stream!()}

  defimpl Inspect do
    def inspect(%{data: data}, _), do: "#SnakeBridge.Arrow<#{byte_size(data)} bytes>"
  end
end

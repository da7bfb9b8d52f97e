# The functions that this library calls of Nx, Explorer, VegaLite, Kino and Pythonx, which the tests do not have: as much of each as keeps
# what it is given. The real ones are tried by hand.

defmodule Nx.Tensor do
  @moduledoc false
  defstruct [:type, :shape, :data, vectorized_axes: []]
end

defmodule Nx do
  @moduledoc false
  def from_binary(data, {_, bits} = type),
    do: %Nx.Tensor{data: data, type: type, shape: {div(bit_size(data), bits)}}

  def reshape(tensor, shape), do: %{tensor | shape: shape}
  def devectorize(%Nx.Tensor{vectorized_axes: []} = tensor), do: tensor

  def devectorize(%Nx.Tensor{vectorized_axes: axes, shape: shape} = tensor) do
    lengths = Keyword.values(axes) ++ Tuple.to_list(shape)
    %{tensor | vectorized_axes: [], shape: List.to_tuple(lengths)}
  end

  def type(tensor), do: tensor.type
  def shape(tensor), do: tensor.shape
  def to_binary(tensor), do: tensor.data
end

defmodule Explorer.Series do
  @moduledoc false
  defstruct [:data]
end

defmodule Explorer.DataFrame do
  @moduledoc false
  defstruct [:data, lazy: false]

  def new([{name, series}]), do: %__MODULE__{data: name <> series.data}
  def collect(frame), do: %{frame | lazy: false}
  def dump_ipc_stream!(%{lazy: false, data: data}), do: data
  def load_ipc_stream!(data), do: %__MODULE__{data: data}

  def ungroup(frame), do: frame
  def names(%{data: columns}), do: Enum.map(columns, &elem(&1, 0))
  def n_rows(%{data: [{_, values} | _]}), do: length(values)
  def head(frame, n), do: %{frame | data: for({name, values} <- frame.data, do: {name, Enum.take(values, n)})}
  def to_columns(%{data: columns}), do: Map.new(columns)
end

defmodule Explorer.PolarsBackend.LazyFrame do
  @moduledoc false
  defstruct []
end

defmodule VegaLite do
  @moduledoc false
  defstruct [:spec]
  def to_spec(chart), do: chart.spec
end

defprotocol Kino.Render do
  @moduledoc false
  @fallback_to_any true
  def to_livebook(term)
end

for {module, type} <- [{Kino.HTML, :html}, {Kino.Image, :image}, {Kino.Markdown, :markdown}] do
  defmodule module do
    @moduledoc false
    defstruct [:content, :mime]

    def new(content, mime \\ nil), do: %__MODULE__{content: content, mime: mime}

    defimpl Kino.Render do
      def to_livebook(kino), do: %{type: unquote(type), content: kino.content, mime: kino.mime}
    end
  end
end

defimpl Kino.Render, for: Any do
  def to_livebook(term), do: %{type: :text, content: inspect(term), mime: nil}
end

defmodule Pythonx do
  @moduledoc false
  defmacro sigil_PY({:<<>>, _, [code]}, []), do: {:pythonx, code}
end

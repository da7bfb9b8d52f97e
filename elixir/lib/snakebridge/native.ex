defmodule SnakeBridge.Native do
  @moduledoc """
  What the BEAM alone can tell: that no term holds a ref any more.

  A *bin* belongs to one worker. Each ref that is decoded gets a resource of that bin; when the last term that holds the
  resource is collected, the bin notes the id and its owner hears of it: see `SnakeBridge.Collector`.

  The functions come from a native library. Where it is missing, or switched off, they do nothing and refs live until
  `SnakeBridge.release/1`, the end of `SnakeBridge.scope/1` or that of the worker; all else works the same.
  It is switched off by `SNAKEBRIDGE_NATIVE=off` in the environment, or `config :snakebridge, native: false`.
  """

  @on_load :load

  @typedoc "Where the ids of one worker's refs are kept; nil without the library."
  @opaque bin :: reference() | nil
  @typedoc "What a ref holds; nil without the library."
  @opaque resource :: reference() | nil

  @library "/native/snakebridge_nif"

  @doc false
  # Never fails, for then the module would be gone.
  def load do
    with true <- wanted?(), path when path != nil <- path() do
      :erlang.load_nif(path |> Path.rootname() |> String.to_charlist(), 0)
    end

    :ok
  end

  defp wanted? do
    System.get_env("SNAKEBRIDGE_NATIVE") != "off" and Application.get_env(:snakebridge, :native, true)
  end

  @doc "The file of the library, or nil where there is none."
  @spec path() :: Path.t() | nil
  def path do
    folders = [
      with(path when is_list(path) <- :code.priv_dir(:snakebridge), do: path),
      # The folder of the library need not be named as the application is.
      with(beam when is_list(beam) <- :code.where_is_file(~c"#{__MODULE__}.beam"), do: [beam, "/../../priv"])
    ]

    Enum.find_value(folders, fn folder ->
      path = is_list(folder) and [folder, @library, ".so"] |> IO.chardata_to_string() |> Path.expand()
      if path && File.exists?(path), do: path
    end)
  end

  @doc "Whether refs are released by themselves."
  @spec loaded?() :: boolean()
  def loaded?, do: false

  @doc "A new bin. Its owner gets `:dropped` when ids come into the empty bin, and `:crowded` when it holds too many."
  @spec bin(pid()) :: bin()
  def bin(_owner), do: nil

  @doc "The owner of a bin, or of the bin that a resource belongs to; nil where the term is neither any more."
  @spec owner(bin() | resource()) :: pid() | nil
  def owner(_), do: nil

  @doc "The resource of a ref."
  @spec hold(bin(), non_neg_integer()) :: resource()
  def hold(_bin, _id), do: nil

  @doc "Takes out ids of refs that no term holds any more, not more than a release should carry."
  @spec take(bin()) :: [non_neg_integer()]
  def take(_bin), do: []

  @doc "Those of these ids that no living resource has."
  @spec strays(bin(), [non_neg_integer()]) :: [non_neg_integer()]
  def strays(_bin, _ids), do: []

  @doc "How many resources live."
  @spec count(bin()) :: non_neg_integer()
  def count(_bin), do: 0

  @doc "Says beyond how many living resources the owner gets `:crowded`, once."
  @spec limit(bin(), non_neg_integer()) :: :ok
  def limit(_bin, _count), do: :ok
end

defmodule SnakeBridge.Files do
  @moduledoc """
  Files by patterns, in folders whose own names may have any characters: `/home/me/c[1]` is no pattern.
  """

  @doc """
  The paths in a folder that match a pattern of `Path.wildcard/2`, sorted.

      iex> SnakeBridge.Files.matching(:code.priv_dir(:snakebridge), "no such*")
      []
  """
  @spec matching(Path.t(), String.t(), keyword()) :: [Path.t()]
  def matching(folder, pattern, options \\ []) do
    folder = Regex.replace(~r/[\[\]{}*?,]/, to_string(folder), "\\\\\\0")
    Path.wildcard(Path.join(folder, pattern), options)
  end
end

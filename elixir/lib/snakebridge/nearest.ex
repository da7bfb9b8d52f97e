defmodule SnakeBridge.Nearest do
  @moduledoc "Names that a misspelt one may have been meant for, for hints. It judges by spelling alone."

  # Below this it is another word.
  @alike 0.8

  @doc """
  The name that is most like the given one, if one is like it.

      iex> SnakeBridge.Nearest.name("tiemout", [:timeout, :session])
      "timeout"
      iex> SnakeBridge.Nearest.name("as", ["timeout"])
      nil
  """
  @spec name(String.t() | atom(), [String.t() | atom()]) :: String.t() | nil
  def name(given, known) do
    with [near] <- names(given, known, 1),
         true <- String.jaro_distance(near, to_string(given)) > @alike,
         do: near,
         else: (_ -> nil)
  end

  @doc """
  So many of the known names, those most like the given one first.

      iex> SnakeBridge.Nearest.names("math.sqr", ["json.dumps", "math.sqrt"], 1)
      ["math.sqrt"]
  """
  @spec names(String.t() | atom(), [String.t() | atom()], pos_integer()) :: [String.t()]
  def names(given, known, count) do
    given = to_string(given)

    known
    |> Enum.map(&to_string/1)
    |> Enum.sort_by(&String.jaro_distance(&1, given), :desc)
    |> Enum.take(count)
  end
end

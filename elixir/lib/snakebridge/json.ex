defmodule SnakeBridge.Json do
  @moduledoc """
  Writes JSON: what is shown as data or as a chart. Elixir has a writer of its own from 1.18 on only.

  It reads none, and knows no options.
  """

  @doc """
  A term as JSON text.

  Atoms are text (but `nil`, `true`, `false`), keyword lists are objects, tuples, ranges and sets are arrays; structs are
  their `to_string/1`, as of dates and decimals, else objects of their fields. What JSON cannot hold (`:nan`,
  `:infinity`, `:neg_infinity`) is null, bytes that are no text are replaced, and anything else is its `inspect/1`.

      iex> SnakeBridge.Json.encode(%{day: ~D[2024-02-29], xs: [1, 2.5, nil]})
      ~s|{"day":"2024-02-29","xs":[1,2.5,null]}|

      iex> SnakeBridge.Json.encode(mark: "bar", size: {3, "\\"x\\""})
      ~S|{"mark":"bar","size":[3,"\\"x\\""]}|
  """
  @spec encode(term()) :: String.t()
  def encode(term), do: term |> value() |> IO.iodata_to_binary()

  defp value(unknown) when unknown in [nil, :nan, :infinity, :neg_infinity], do: "null"
  defp value(bool) when is_boolean(bool), do: Atom.to_string(bool)
  defp value(atom) when is_atom(atom), do: atom |> Atom.to_string() |> text()
  defp value(number) when is_number(number), do: to_string(number)
  defp value(binary) when is_binary(binary), do: text(binary)
  defp value([]), do: "[]"

  defp value(list) when is_list(list) do
    cond do
      Keyword.keyword?(list) -> object(list)
      List.improper?(list) -> list |> inspect() |> text()
      true -> array(list)
    end
  end

  defp value(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> array()
  defp value(%module{} = items) when module in [Range, MapSet], do: items |> Enum.to_list() |> array()

  defp value(%_{} = struct) do
    if String.Chars.impl_for(struct),
      do: struct |> to_string() |> text(),
      else: struct |> Map.from_struct() |> object()
  end

  defp value(map) when is_map(map), do: object(map)
  defp value(other), do: other |> inspect() |> text()

  defp array(items), do: [?[, items |> Enum.map(&value/1) |> Enum.intersperse(?,), ?]]

  defp object(pairs) do
    [?{, pairs |> Enum.map(fn {key, value} -> [key(key), ?:, value(value)] end) |> Enum.intersperse(?,), ?}]
  end

  defp key(key) when is_binary(key), do: text(key)
  defp key(key) when is_atom(key), do: key |> Atom.to_string() |> text()
  defp key(key) when is_number(key), do: key |> to_string() |> text()
  defp key(key), do: key |> inspect() |> text()

  defp text(text),
    do: [?", for(<<char::utf8 <- SnakeBridge.Render.valid(text)>>, into: "", do: escaped(char)), ?"]

  defp escaped(?"), do: ~S(\")
  defp escaped(?\\), do: ~S(\\)
  defp escaped(?\n), do: ~S(\n)

  defp escaped(char) when char < 0x20 or char in [0x2028, 0x2029],
    do: "\\u" <> (char |> Integer.to_string(16) |> String.pad_leading(4, "0"))

  defp escaped(char), do: <<char::utf8>>
end

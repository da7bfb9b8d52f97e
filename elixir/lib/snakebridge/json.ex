defmodule SnakeBridge.Json do
  @moduledoc """
  JSON: what is shown as data or as a chart, and what the front end hands over. Elixir has its own from 1.18 on only.

  It knows no options.
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

  @doc """
  The term that a JSON text stands for: objects are maps with keys of text, null is nil. Raises `ArgumentError` for what is
  none.

      iex> SnakeBridge.Json.decode!(~S|{"a": [1, -2.5e1, true, null], "b": "x\\u00e9"}|)
      %{"a" => [1, -25.0, true, nil], "b" => "xé"}

      iex> SnakeBridge.Json.decode!("[1,")
      ** (ArgumentError) no JSON, at byte 3
  """
  @spec decode!(String.t()) :: term()
  def decode!(text) when is_binary(text) do
    {value, rest} = read(space(text))
    if space(rest) != "", do: throw({:json, rest})
    value
  catch
    {:json, rest} -> raise ArgumentError, "no JSON, at byte #{byte_size(text) - byte_size(rest)}"
  end

  defp read("null" <> rest), do: {nil, rest}
  defp read("true" <> rest), do: {true, rest}
  defp read("false" <> rest), do: {false, rest}
  defp read(~s(") <> rest), do: read_text(rest, [])
  defp read("[" <> rest), do: read_items(space(rest), "]", &read/1, [])

  defp read("{" <> rest) do
    {pairs, rest} = read_items(space(rest), "}", &read_pair/1, [])
    {Map.new(pairs), rest}
  end

  defp read(rest) do
    case Regex.run(~r/\A-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/, rest) do
      [number] ->
        {String.to_integer(number), behind(rest, number)}

      [number, _] ->
        {String.to_float(number), behind(rest, number)}

      [number, "", exponent] ->
        {number |> String.replace(exponent, ".0" <> exponent) |> String.to_float(), behind(rest, number)}

      [number, _, _] ->
        {String.to_float(number), behind(rest, number)}

      nil ->
        throw({:json, rest})
    end
  end

  defp behind(rest, taken), do: binary_part(rest, byte_size(taken), byte_size(rest) - byte_size(taken))

  defp read_items(rest, close, _, []) when binary_part(rest, 0, 1) == close, do: {[], behind(rest, close)}

  defp read_items(rest, close, reader, items) do
    {item, rest} = reader.(rest)

    case space(rest) do
      "," <> rest -> read_items(space(rest), close, reader, [item | items])
      <<^close::binary-size(1), rest::binary>> -> {Enum.reverse([item | items]), rest}
      rest -> throw({:json, rest})
    end
  end

  defp read_pair(~s(") <> rest) do
    {key, rest} = read_text(rest, [])

    case space(rest) do
      ":" <> rest ->
        {value, rest} = read(space(rest))
        {{key, value}, rest}

      rest ->
        throw({:json, rest})
    end
  end

  defp read_pair(rest), do: throw({:json, rest})

  defp read_text(rest, parts) do
    case :binary.match(rest, [~s("), "\\"]) do
      {at, 1} ->
        <<part::binary-size(at), sign, rest::binary>> = rest
        parts = [parts, part]

        if sign == ?",
          do: {IO.iodata_to_binary(parts), rest},
          else: read_escape(rest, parts)

      :nomatch ->
        throw({:json, ""})
    end
  end

  for {letter, char} <- [{?n, "\n"}, {?t, "\t"}, {?r, "\r"}, {?b, "\b"}, {?f, "\f"}] do
    defp read_escape(<<unquote(letter), rest::binary>>, parts), do: read_text(rest, [parts, unquote(char)])
  end

  defp read_escape(<<c, rest::binary>>, parts) when c in [?", ?\\, ?/], do: read_text(rest, [parts, c])

  defp read_escape(<<"u", high::binary-size(4), "\\u", low::binary-size(4), rest::binary>> = whole, parts) do
    case {unit(high, whole), unit(low, whole)} do
      {high, low} when high in 0xD800..0xDBFF and low in 0xDC00..0xDFFF ->
        read_text(rest, [parts, <<0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00::utf8>>])

      {char, _} ->
        read_text(behind(whole, "uXXXX"), [parts, char(char)])
    end
  end

  defp read_escape(<<"u", digits::binary-size(4), rest::binary>> = whole, parts),
    do: read_text(rest, [parts, char(unit(digits, whole))])

  defp read_escape(rest, _), do: throw({:json, rest})

  defp unit(digits, rest) do
    case Integer.parse(digits, 16) do
      {unit, ""} -> unit
      _ -> throw({:json, rest})
    end
  end

  # Half of a pair is no character.
  defp char(unit) when unit in 0xD800..0xDFFF, do: "\uFFFD"
  defp char(unit), do: <<unit::utf8>>

  defp space(<<c, rest::binary>>) when c in ~c" \t\r\n", do: space(rest)
  defp space(rest), do: rest
end

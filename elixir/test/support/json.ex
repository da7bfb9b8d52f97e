defmodule SnakeBridge.TestJSON do
  @moduledoc "Reads the JSON of the tests' own files: Elixir has a reader from 1.18 on only."

  @doc "Decodes a text."
  def decode!(text) do
    {value, rest} = text |> String.trim() |> value()
    "" = String.trim(rest)
    value
  end

  defp value(<<space, rest::binary>>) when space in ~c" \n\r\t", do: value(rest)
  defp value("null" <> rest), do: {nil, rest}
  defp value("true" <> rest), do: {true, rest}
  defp value("false" <> rest), do: {false, rest}
  defp value("\"" <> rest), do: string(rest, [])
  defp value("[" <> rest), do: list(rest, [])
  defp value("{" <> rest), do: object(rest, [])

  defp value(text) do
    [number] = Regex.run(~r/^-?\d+(\.\d+)?([eE][-+]?\d+)?/, text, capture: :first)
    rest = binary_part(text, byte_size(number), byte_size(text) - byte_size(number))

    if number =~ ~r/[.eE]/,
      do: {number |> Float.parse() |> elem(0), rest},
      else: {String.to_integer(number), rest}
  end

  defp string("\"" <> rest, chars), do: {chars |> Enum.reverse() |> IO.iodata_to_binary(), rest}

  defp string("\\u" <> <<hex::binary-4, rest::binary>>, chars),
    do: string(rest, [<<String.to_integer(hex, 16)::utf8>> | chars])

  defp string(<<?\\, char, rest::binary>>, chars) do
    escapes = %{?n => "\n", ?t => "\t", ?r => "\r", ?b => "\b", ?f => "\f"}
    string(rest, [Map.get(escapes, char, <<char>>) | chars])
  end

  defp string(<<char::utf8, rest::binary>>, chars), do: string(rest, [<<char::utf8>> | chars])

  defp list(text, items) do
    case String.trim_leading(text) do
      "]" <> rest -> {Enum.reverse(items), rest}
      "," <> rest -> list(rest, items)
      text -> with {item, rest} <- value(text), do: list(rest, [item | items])
    end
  end

  defp object(text, pairs) do
    case String.trim_leading(text) do
      "}" <> rest -> {Map.new(pairs), rest}
      "," <> rest -> object(rest, pairs)
      text -> pair(text, pairs)
    end
  end

  defp pair(text, pairs) do
    {key, rest} = value(text)
    ":" <> rest = String.trim_leading(rest)
    {value, rest} = value(rest)
    object(rest, [{key, value} | pairs])
  end
end

defmodule SnakeBridge.Generator.Source do
  @moduledoc """
  Source as Elixir's formatter would write it, and text of Python as it may stand there: whatever it is, it stays a
  literal.

  What is not printable is escaped, as are the controls of writing direction, which the compiler refuses, and line
  separators. Nothing here knows what the text says.
  """

  @width 98

  @doc """
  Code as lines, so many columns further in, with a newline at the end.

  What fits into its line is written as the formatter would write it, and is taken as it is: the formatter takes its time.

      iex> IO.iodata_to_binary(SnakeBridge.Generator.Source.code("def sqrt(x), do: x", 2))
      "  def sqrt(x), do: x\\n"
  """
  @spec code(String.t(), non_neg_integer()) :: iodata()
  def code(text, indent), do: [lines(text, indent, 0), "\n"]

  @doc """
  Code as by `code/2`, with a comma behind it.

      iex> IO.iodata_to_binary(SnakeBridge.Generator.Source.listed("{:a, 1}", 2))
      "  {:a, 1},\\n"
  """
  @spec listed(String.t(), non_neg_integer()) :: iodata()
  def listed(text, indent), do: [lines(text, indent, 1), ",\n"]

  defp lines(text, indent, behind) do
    space = String.duplicate(" ", indent)
    width = @width - indent

    if fits?(text, width - behind),
      do: [space, text],
      else: text |> formatted(width, behind) |> Enum.map_intersperse("\n", &[space, &1])
  end

  # What stands behind is in the way of the last line alone.
  defp formatted(text, width, behind) do
    lines =
      text |> Code.format_string!(line_length: width) |> IO.iodata_to_binary() |> String.split("\n")

    if behind > 0 and String.length(List.last(lines)) in (width - behind + 1)..width,
      do: formatted(text, width - behind, 0),
      else: lines
  end

  # The formatter puts underscores into long numbers.
  defp fits?(text, width) do
    (byte_size(text) <= width or String.length(text) <= width) and not String.contains?(text, "\n") and
      not (text =~ ~r/[0-9]{6}/)
  end

  @doc ~S"""
  Text as a string in double quotes.

      iex> ~S|a "b" \d| |> Kernel.<>("\n") |> SnakeBridge.Generator.Source.string()
      ~S|"a \"b\" \\d\n"|
  """
  @spec string(String.t()) :: String.t()
  def string(text),
    do: "\"" <> (text |> escape() |> String.replace("\"", "\\\"") |> String.replace("\n", "\\n")) <> "\""

  @doc ~S'''
  Text as a heredoc, indented by two spaces.

      iex> "a\n\n  b" |> SnakeBridge.Generator.Source.heredoc() |> String.split("\n")
      [~S|"""|, "  a", "", "    b", ~S|  """|]
  '''
  @spec heredoc(String.t()) :: String.t()
  def heredoc(text) do
    lines =
      text
      |> String.replace("\r\n", "\n")
      |> escape()
      |> String.replace("\"\"\"", "\\\"\\\"\\\"")
      |> String.split("\n")
      |> Enum.map_join("\n", fn line ->
        case String.trim_trailing(line) do
          "" -> ""
          line -> "  " <> line
        end
      end)

    "\"\"\"\n" <> String.trim_trailing(lines) <> "\n  \"\"\""
  end

  @doc ~S"""
  Data of Elixir as source: atoms, numbers, text, lists, tuples, maps.

      iex> SnakeBridge.Generator.Source.term(timeout: 5_000, tags: ["a", {:b, 1}])
      ~S|[timeout: 5000, tags: ["a", {:b, 1}]]|
  """
  @spec term(term()) :: String.t()
  def term(text) when is_binary(text),
    do: if(String.valid?(text), do: string(text), else: inspect(text, limit: :infinity))

  def term([]), do: "[]"

  def term(list) when is_list(list) do
    if Keyword.keyword?(list),
      do: "[" <> keyword(list) <> "]",
      else: "[" <> Enum.map_join(list, ", ", &term/1) <> "]"
  end

  def term(tuple) when is_tuple(tuple),
    do: "{" <> (tuple |> Tuple.to_list() |> Enum.map_join(", ", &term/1)) <> "}"

  def term(%{} = map) when not is_struct(map),
    do:
      "%{" <>
        (map |> Enum.sort() |> Enum.map_join(", ", fn {key, value} -> "#{term(key)} => #{term(value)}" end)) <>
        "}"

  def term(other), do: inspect(other, limit: :infinity, printable_limit: :infinity)

  @doc """
  The pairs of a keyword list, without its brackets.

      iex> SnakeBridge.Generator.Source.keyword(timeout: 5_000)
      "timeout: 5000"
  """
  @spec keyword(keyword()) :: String.t()
  def keyword(pairs),
    do: Enum.map_join(pairs, ", ", fn {key, value} -> "#{Macro.inspect_atom(:key, key)} #{term(value)}" end)

  @doc """
  The beginning of a text, on one line.

      iex> SnakeBridge.Generator.Source.line("Adds\\n two  numbers.", 12)
      "Adds two n.."
  """
  @spec line(String.t(), pos_integer()) :: String.t()
  def line(text, most) do
    text = text |> String.split() |> Enum.join(" ")
    if String.length(text) > most, do: String.slice(text, 0, most - 2) <> "..", else: text
  end

  defp escape(text) do
    text =
      text |> String.replace("\\", "\\\\") |> String.replace("\#{", "\\\#{")

    Regex.replace(~r/[^\P{C}\n\t]|[\x{2028}\x{2029}\r]/u, text, fn <<char::utf8>> ->
      "\\u{#{Integer.to_string(char, 16)}}"
    end)
  end
end

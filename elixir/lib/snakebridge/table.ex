defmodule SnakeBridge.Table do
  @moduledoc """
  Rows and structs as a table, in HTML and as text, never endlessly long or wide.

  What is a row: a map, a keyword list, a struct. A struct with an `Inspect` of its own is none, for that may hide
  fields; nor is an exception.
  """

  @rows 60
  @columns 30
  @characters 200

  # As text: so many rows of a table, so many columns of the terminal for a cell.
  @text_rows 20
  @text_cell 40

  @wide [
    0x1100..0x115F,
    0x231A..0x231B,
    0x23E9..0x23EC,
    0x2614..0x2615,
    0x2648..0x2653,
    0x26AA..0x26AB,
    0x26BD..0x26BE,
    0x26F2..0x26F5,
    0x2705..0x2705,
    0x2753..0x2755,
    0x2795..0x2797,
    0x2B1B..0x2B1C,
    0x2B50..0x2B50,
    0x2E80..0x303E,
    0x3041..0x33FF,
    0x3400..0x4DBF,
    0x4E00..0x9FFF,
    0xA000..0xA4CF,
    0xA960..0xA97F,
    0xAC00..0xD7A3,
    0xF900..0xFAFF,
    0xFE10..0xFE19,
    0xFE30..0xFE6F,
    0xFF00..0xFF60,
    0xFFE0..0xFFE6,
    0x1F004..0x1F004,
    0x1F18E..0x1F18E,
    0x1F191..0x1F19A,
    0x1F1E6..0x1F265,
    0x1F300..0x1F64F,
    0x1F680..0x1F6FF,
    0x1F7E0..0x1F7EB,
    0x1F90C..0x1FAFF,
    0x20000..0x3FFFD
  ]

  # Their text is as good as what they are inspected as.
  @texts [Date, Time, NaiveDateTime, DateTime, Decimal, URI, Version]

  @doc "The most rows that are shown."
  @spec rows() :: pos_integer()
  def rows, do: @rows

  @doc """
  A list of rows as HTML; nil where it is none. Columns are the keys of all rows that are shown, in the order in which
  they come.

      iex> SnakeBridge.Table.of_rows([%{a: 1}, %{a: 2, b: "<b>"}]) =~ "<td style=\\"text-align: left\\">&lt;b&gt;</td>"
      true
      iex> SnakeBridge.Table.of_rows([1, 2])
      nil
  """
  @spec of_rows(term()) :: String.t() | nil
  def of_rows(list) do
    with {keys, rows, count} <- table_of(list), do: html(keys, rows, count)
  end

  # The keys, the first rows and how many there are; nil where it is no table.
  defp table_of([first | _] = list) do
    with true <- row?(first),
         count when is_integer(count) <- proper_length(list),
         shown = Enum.take(list, @rows),
         true <- shown |> Enum.uniq_by(&kind/1) |> Enum.all?(&row?/1),
         [_ | _] = keys <- shown |> Enum.flat_map(&keys/1) |> Enum.uniq() do
      {keys, Enum.map(shown, &row/1), count}
    else
      _ -> nil
    end
  end

  defp table_of(_), do: nil

  @doc """
  A list of maps, of structs or of keyword lists as text of at most `width` columns, aligned; nil where it is none, or
  where one line of `inspect/1` would do. What there is no room for is counted.

      iex> SnakeBridge.Table.text([%{name: "a", n: 1}, %{name: "bcd", n: 10}], 80) |> String.split("\\n")
      [" n  name", "──  ────", " 1  a", "10  bcd"]
  """
  @spec text(term(), pos_integer()) :: String.t() | nil
  def text([_, _ | _] = list, width) do
    with {keys, rows, count} <- table_of(list) do
      to_text(keys, Enum.take(rows, @text_rows), count, width)
    end
  end

  def text(_, _), do: nil

  @doc "Named columns of values as such text: see `of_columns/2`."
  @spec text_of_columns([{String.t(), [term()]}], non_neg_integer(), pos_integer()) :: String.t()
  def text_of_columns(columns, count, width) do
    {names, rows} = rows_of(columns)
    to_text(names, Enum.take(rows, @text_rows), count, width)
  end

  @doc "A struct as HTML, a row for each field; nil where it is to be shown otherwise."
  @spec of_struct(struct()) :: String.t() | nil
  def of_struct(%module{} = struct) do
    with true <- row?(struct), [_ | _] = keys <- keys(struct) do
      rows = for key <- Enum.take(keys, @rows), do: ["<tr>", head(key), left(Map.get(struct, key)), "</tr>\n"]
      caption = ["<caption style=\"text-align: left\">%", escape(inspect(module)), "{}</caption>\n"]
      table([caption, "<tbody>\n", rows, "</tbody>\n"], left_out(length(keys), @rows, "field"))
    else
      _ -> nil
    end
  end

  @doc "Named columns of values, as HTML. `count`: how many rows there are, of which the columns hold the first."
  @spec of_columns([{String.t(), [term()]}], non_neg_integer()) :: String.t()
  def of_columns(columns, count) do
    {names, rows} = rows_of(columns)
    html(names, rows, count)
  end

  defp rows_of(columns) do
    rows = columns |> Enum.map(&elem(&1, 1)) |> Enum.zip_with(& &1)
    names = Enum.map(columns, &elem(&1, 0))
    {names, Enum.map(rows, &(names |> Enum.zip(&1) |> Map.new()))}
  end

  @doc ~S"""
  Text as HTML shows it.

      iex> SnakeBridge.Table.escape("a < b & \"c\"")
      "a &lt; b &amp; &quot;c&quot;"
  """
  @spec escape(String.t()) :: String.t()
  def escape(text) do
    String.replace(text, ["&", "<", ">", "\"", "'"], fn
      "&" -> "&amp;"
      "<" -> "&lt;"
      ">" -> "&gt;"
      "\"" -> "&quot;"
      "'" -> "&#39;"
    end)
  end

  # --- rows ---

  # Which protocols a struct has is looked for on disk: once for all of a kind.
  defp kind(%module{}), do: module
  defp kind(map) when is_map(map), do: :map
  defp kind([_ | _] = list), do: Keyword.keyword?(list)
  defp kind(other), do: {:other, other}

  defp row?(%_{} = struct), do: Inspect.impl_for(struct) == Inspect.Any and not is_exception(struct)
  defp row?(term), do: kind(term) in [:map, true]

  defp keys(%module{} = struct), do: fields(module, struct)
  defp keys(map) when is_map(map), do: Map.keys(map)
  defp keys(list), do: Keyword.keys(list)

  # In the order of their definition. What libraries keep for themselves (`__meta__`) is not shown.
  defp fields(module, struct) do
    defined =
      if function_exported?(module, :__info__, 1),
        do: for(%{field: field} <- module.__info__(:struct) || [], do: field),
        else: []

    there = struct |> Map.from_struct() |> Map.keys()
    for field <- Enum.uniq(Enum.filter(defined, &(&1 in there)) ++ there), not own?(field), do: field
  end

  defp own?(field), do: is_atom(field) and field |> Atom.to_string() |> String.starts_with?("__")

  defp row(list) when is_list(list), do: list |> Enum.reverse() |> Map.new()
  defp row(map), do: map

  defp proper_length(list) do
    length(list)
  rescue
    ArgumentError -> nil
  end

  # --- text ---

  defp to_text(keys, rows, count, width) do
    columns =
      for key <- Enum.take(keys, @columns) do
        cells = for row <- rows, do: if(is_map_key(row, key), do: Map.get(row, key), else: :"$none")
        texts = [line(text(key)) | Enum.map(cells, &if(&1 == :"$none", do: "", else: line(text(&1))))]
        widest = texts |> Enum.map(&width/1) |> Enum.max() |> min(@text_cell)

        numbers =
          Enum.any?(cells, &is_number/1) and Enum.all?(cells, &(is_number(&1) or &1 in [nil, :"$none"]))

        {Enum.map(texts, &fit(&1, widest)), widest, numbers}
      end

    shown = within(columns, width)
    rules = for {_, widest, _} <- shown, do: String.duplicate("─", widest)
    [head | body] = shown |> Enum.map(&aligned/1) |> Enum.zip_with(&joined/1)
    left_out = left_out(count, length(rows), "row") ++ left_out(length(keys), length(shown), "column")
    note = if left_out == [], do: [], else: ["… " <> Enum.join(left_out, ", ")]
    Enum.join([head, joined(rules) | body] ++ note, "\n")
  end

  # As many columns as there is room for, at least one.
  defp within([first | rest], width) do
    {_, shown} =
      Enum.reduce_while(rest, {elem(first, 1), [first]}, fn {_, widest, _} = column, {taken, shown} ->
        taken = taken + 2 + widest
        if taken <= width, do: {:cont, {taken, [column | shown]}}, else: {:halt, {taken, shown}}
      end)

    Enum.reverse(shown)
  end

  defp aligned({texts, widest, numbers}), do: Enum.map(texts, &pad(&1, widest, numbers))

  defp joined(cells), do: cells |> Enum.join("  ") |> String.trim_trailing()

  defp pad(text, widest, right) do
    spaces = String.duplicate(" ", max(widest - width(text), 0))
    if right, do: spaces <> text, else: text <> spaces
  end

  defp fit(text, widest) do
    if width(text) <= widest do
      text
    else
      {kept, _} =
        text
        |> String.graphemes()
        |> Enum.reduce_while({[], 1}, fn letter, {kept, taken} ->
          taken = taken + width(letter)
          if taken <= widest, do: {:cont, {[letter | kept], taken}}, else: {:halt, {kept, taken}}
        end)

      (kept |> Enum.reverse() |> Enum.join()) <> "…"
    end
  end

  defp line(text), do: text |> cut() |> String.replace(~r/\s+/u, " ") |> String.replace(~r/\p{Cc}/u, "")

  # Columns of a terminal: letters of East Asia and pictures take two, what is put over others none.
  defp width(text), do: text |> String.graphemes() |> Enum.reduce(0, &(letter(&1) + &2))

  defp letter(<<byte, rest::binary>>) when byte < 128 and rest == "", do: 1

  defp letter(letter) do
    <<first::utf8, rest::binary>> = letter

    cond do
      first in 0x0300..0x036F or first in 0x200B..0x200F -> 0
      String.contains?(rest, "\uFE0F") -> 2
      Enum.any?(@wide, &(first in &1)) -> 2
      true -> 1
    end
  end

  # --- HTML ---

  defp html(keys, rows, count) do
    shown = Enum.take(keys, @columns)

    body =
      for row <- rows do
        cells = for key <- shown, do: if(is_map_key(row, key), do: cell(Map.get(row, key)), else: "<td></td>")
        ["<tr>", cells, "</tr>\n"]
      end

    left_out = left_out(count, length(rows), "row") ++ left_out(length(keys), @columns, "column")

    table(
      ["<thead>\n<tr>", Enum.map(shown, &head/1), "</tr>\n</thead>\n<tbody>\n", body, "</tbody>\n"],
      left_out
    )
  end

  # The class is by which notebooks know the tables of data frames.
  defp table(content, left_out) do
    note = if left_out == [], do: "", else: ["<p>… ", Enum.join(left_out, ", "), "</p>\n"]
    IO.iodata_to_binary(["<table border=\"1\" class=\"dataframe\">\n", content, "</table>\n", note])
  end

  defp left_out(count, shown, what) when count == shown + 1, do: ["1 more #{what}"]
  defp left_out(count, shown, what) when count > shown, do: ["#{count - shown} more #{what}s"]
  defp left_out(_, _, _), do: []

  defp head(key), do: ["<th style=\"text-align: left\">", key |> text() |> cut() |> escape(), "</th>"]

  defp cell(number) when is_number(number), do: ["<td>", number |> text() |> cut() |> escape(), "</td>"]
  defp cell(value), do: left(value)

  defp left(value), do: ["<td style=\"text-align: left\">", value |> text() |> cut() |> escape(), "</td>"]

  defp text(text) when is_binary(text), do: if(String.valid?(text), do: text, else: brief(text))
  defp text(key) when is_atom(key) and key not in [nil, true, false], do: Atom.to_string(key)
  defp text(%module{} = struct) when module in @texts, do: to_string(struct)
  defp text(value), do: brief(value)

  defp brief(value), do: inspect(value, limit: 20, printable_limit: @characters)

  defp cut(text) do
    # Counting the characters of a long text would take long.
    case text |> String.split_at(@characters) do
      {all, ""} -> all
      {beginning, _} -> beginning <> "…"
    end
  end
end

defmodule SnakeBridge.Table do
  @moduledoc """
  Rows and structs as a table in HTML, never endlessly long or wide.

  What is a row: a map, a keyword list, a struct. A struct with an `Inspect` of its own is none, for that may hide
  fields; nor is an exception. It draws nothing for terminals: there `inspect/1` is shown.
  """

  @rows 60
  @columns 30
  @characters 200

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
  def of_rows([first | _] = list) do
    with true <- row?(first),
         count when is_integer(count) <- proper_length(list),
         shown = Enum.take(list, @rows),
         true <- shown |> Enum.uniq_by(&kind/1) |> Enum.all?(&row?/1),
         [_ | _] = keys <- shown |> Enum.flat_map(&keys/1) |> Enum.uniq() do
      html(keys, Enum.map(shown, &row/1), count)
    else
      _ -> nil
    end
  end

  def of_rows(_), do: nil

  @doc "A struct as HTML, a row for each field; nil where it is to be shown otherwise."
  @spec of_struct(struct()) :: String.t() | nil
  def of_struct(%module{} = struct) do
    with true <- row?(struct), [_ | _] = keys <- keys(struct) do
      rows = for key <- Enum.take(keys, @rows), do: ["<tr>", head(key), left(Map.get(struct, key)), "</tr>\n"]
      caption = ["<caption style=\"text-align: left\">%", escape(inspect(module)), "{}</caption>\n"]
      table([caption, "<tbody>\n", rows, "</tbody>\n"], left_out(length(keys), @rows, "fields"))
    else
      _ -> nil
    end
  end

  @doc "Named columns of values, as HTML. `count`: how many rows there are, of which the columns hold the first."
  @spec of_columns([{String.t(), [term()]}], non_neg_integer()) :: String.t()
  def of_columns(columns, count) do
    rows = columns |> Enum.map(&elem(&1, 1)) |> Enum.zip_with(& &1)
    names = Enum.map(columns, &elem(&1, 0))
    html(names, Enum.map(rows, &(names |> Enum.zip(&1) |> Map.new())), count)
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

  # --- HTML ---

  defp html(keys, rows, count) do
    shown = Enum.take(keys, @columns)

    body =
      for row <- rows do
        cells = for key <- shown, do: if(is_map_key(row, key), do: cell(Map.get(row, key)), else: "<td></td>")
        ["<tr>", cells, "</tr>\n"]
      end

    left_out = left_out(count, length(rows), "rows") ++ left_out(length(keys), @columns, "columns")

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

  defp left_out(count, shown, what) when count > shown, do: ["#{count - shown} more #{what}"]
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

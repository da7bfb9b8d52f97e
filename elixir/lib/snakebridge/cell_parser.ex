defmodule SnakeBridge.CellParser do
  @moduledoc """
  Reads the source of a cell: its top-level expressions, and the names that occur in it.

  It expands nothing: what a macro makes of a name is not known here.
  """

  @doc """
  The file name that stands for a cell in environments, messages and stack traces.

      iex> SnakeBridge.CellParser.file(3)
      "cell 3"
      iex> SnakeBridge.CellParser.cell("cell 3")
      3
  """
  @spec file(pos_integer()) :: String.t()
  def file(cell), do: "cell #{cell}"

  @doc "The cell that a file name stands for, or nil."
  @spec cell(String.t() | charlist()) :: pos_integer() | nil
  def cell(file) do
    # Some of Elixir's checks make the name of a file absolute.
    with "cell " <> number <- file |> to_string() |> Path.basename(),
         {cell, ""} <- Integer.parse(number) do
      cell
    else
      _ -> nil
    end
  end

  @doc """
  The top-level expressions of a cell in their order. Prints the warnings of the tokenizer and the parser.

  As in IEx, a cell that begins with an operator such as `|>` goes on with the last result.
  """
  @spec parse(String.t(), pos_integer()) :: {:ok, [Macro.t()]} | {:error, Exception.t()}
  def parse(source, cell) do
    case Code.string_to_quoted(continued(source), file: file(cell), columns: true) do
      {:ok, {:__block__, _, expressions}} -> {:ok, expressions}
      {:ok, expression} -> {:ok, [expression]}
      {:error, _} -> {:error, syntax_error(source, cell)}
    end
  rescue
    # Bytes that are no text.
    error -> {:error, error}
  end

  @doc """
  Whether a source can be run: what a front end asks before it ends the input.
  An unfinished one comes with the number of columns to indent the next line by.

      iex> SnakeBridge.CellParser.status("if true do")
      {:incomplete, 2}
      iex> SnakeBridge.CellParser.status("x = \\"\\"\\"")
      {:incomplete, 0}
      iex> SnakeBridge.CellParser.status("x = )")
      :invalid
  """
  @spec status(String.t()) :: :complete | {:incomplete, non_neg_integer()} | :invalid
  def status(source) do
    # With the newline that Enter stands for: without it the start of a heredoc is an error and not a beginning.
    Code.string_to_quoted!(continued(source) <> "\n", emit_warnings: false, warnings: false)
    :complete
  rescue
    _ in TokenMissingError -> {:incomplete, indent(source)}
    error in [SyntaxError] -> if unfinished?(error, source), do: {:incomplete, indent(source)}, else: :invalid
    _ -> :invalid
  end

  @doc """
  The names of variables, or of calls that look like them, in parsed expressions and in the drops among them.

      iex> {:ok, expressions} = SnakeBridge.CellParser.parse("total = Enum.sum(prices)", 1)
      iex> Enum.sort(SnakeBridge.CellParser.names(expressions))
      [:prices, :total]

      iex> {:ok, expressions} = SnakeBridge.CellParser.parse(~S|~PY"len(rows) + \#{offset}"|, 1)
      iex> Enum.sort(SnakeBridge.CellParser.names(expressions))
      [:len, :offset, :rows]
  """
  @spec names([Macro.t()]) :: [atom()]
  def names(expressions) do
    {_, names} = Macro.prewalk(expressions, MapSet.new(), &collect/2)
    MapSet.to_list(names)
  end

  defp collect({name, _, context} = variable, names) when is_atom(name) and is_atom(context) do
    {variable, if(variable?(name), do: MapSet.put(names, name), else: names)}
  end

  defp collect({:sigil_PY, _, [{:<<>>, _, [text]}, modifiers]} = drop, names) when is_binary(text),
    do: {drop, MapSet.union(names, MapSet.new(SnakeBridge.Drop.variables(text, modifiers)))}

  defp collect(other, names), do: {other, names}

  defp variable?(name)
       when name in [:_, :py, :__MODULE__, :__ENV__, :__DIR__, :__CALLER__, :__STACKTRACE__, :%, :{}],
       do: false

  defp variable?(_), do: true

  # The same error as an exception whose message shows the line.
  defp syntax_error(source, cell) do
    Code.string_to_quoted!(source, file: file(cell), columns: true, emit_warnings: false, warnings: false)

    %SyntaxError{
      file: file(cell),
      line: 1,
      description: "the cell begins with an operator, and what follows is no Elixir"
    }
  rescue
    error -> error
  end

  @operators ["|>", "<>", "++", "||", "&&", "<|>", "|||", "&&&", "..", "*", "/", ">", "<", "=~", "==", "!="]

  defp continued(source) do
    case String.trim_leading(source) do
      "" -> source
      # A binary, as in `<<size::32, _::binary>> = bytes`, is a beginning.
      <<"<<", c, _::binary>> when c not in ~c"<~" -> source
      trimmed -> if String.starts_with?(trimmed, @operators), do: "v() " <> source, else: source
    end
  end

  # --- how far to indent the next line ---

  defp indent(source) do
    source
    |> String.split("\n")
    |> Enum.reverse()
    |> Enum.find("", &(String.trim(&1) != ""))
    |> indent_after()
  end

  defp indent_after(line) do
    current = String.length(line) - String.length(String.trim_leading(line))
    code = line |> String.replace(~r/"(\\.|[^"\\])*"|\s*#(?!\{).*$/u, "") |> String.trim_trailing()
    if opens?(code), do: current + 2, else: current
  end

  defp opens?(code) do
    String.ends_with?(code, ["->", "="]) or code =~ ~r/(^|[\s,])(do|fn|else|rescue|catch|after)$/u or
      count(code, ["(", "[", "{"]) > count(code, [")", "]", "}"])
  end

  defp count(code, signs), do: code |> :binary.matches(signs) |> length()

  # An operator at the end wants its right side.
  defp unfinished?(%{line: line}, source),
    do: line >= source |> String.split("\n") |> length() and trailing_operator?(source)

  defp trailing_operator?(source),
    do:
      source
      |> String.trim_trailing()
      |> String.ends_with?(["|>", "=", "<>", "++", "&&", "||", "+", "and", "or", ","])
end

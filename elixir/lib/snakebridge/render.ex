defmodule SnakeBridge.Render do
  @moduledoc """
  Values and errors of cells as text: coloured, as wide as the front end says, and never endlessly long.
  """

  alias SnakeBridge.{CellParser, Diagnostics}

  @key __MODULE__
  @max_bytes 256 * 1024

  @doc """
  Takes in what the front end says of its display: `width` in columns, `colors`. What it does not say stays.
  """
  @spec configure(map()) :: :ok
  def configure(display) do
    old = settings()
    width = display[:width]
    colors = display[:colors]

    new = %{
      width: if(is_integer(width) and width in 20..10_000, do: width, else: old.width),
      colors: if(is_boolean(colors), do: colors, else: old.colors)
    }

    if new != old do
      Application.put_env(:snakebridge, @key, new)
      configure_iex()
    end

    :ok
  end

  @doc "Columns that text may take."
  @spec width() :: pos_integer()
  def width, do: settings().width

  @doc "Whether text may be coloured."
  @spec colors?() :: boolean()
  def colors?, do: settings().colors

  @doc "Makes the helpers of IEx and `IO.ANSI` follow the settings; what the user has configured for IEx stays."
  @spec configure_iex() :: :ok
  def configure_iex do
    %{width: width, colors: colors} = settings()
    Application.put_env(:elixir, :ansi_enabled, colors)
    Application.put_env(:iex, :width, width)
    old = Application.get_env(:iex, :colors, [])
    Application.put_env(:iex, :colors, Keyword.merge([eval_result: []], old) |> Keyword.put(:enabled, colors))
  end

  @doc "Text in a colour of `IO.ANSI`, where colours are wanted."
  @spec color(atom() | [atom()], iodata()) :: iodata()
  def color(color, text), do: IO.ANSI.format([color, text], colors?())

  @doc "The mime bundle of a result."
  @spec result(term()) :: %{String.t() => String.t()}
  def result(value) do
    %{"text/plain" => value |> inspect(IEx.inspect_opts()) |> bounded()}
  end

  @doc "An error of a cell, as the body of an `error` event; frames of ours and of the evaluator are left out."
  @spec error(:error | :exit | :throw, term(), Exception.stacktrace()) :: map()
  def error(:error, %Diagnostics.Failed{} = failed, _) do
    [first | _] = failed.diagnostics

    %{
      class: inspect(failed.error.__struct__),
      message: bounded(to_string(first.message)),
      traceback: lines(failed.text),
      hint: hint(failed.error)
    }
  end

  def error(kind, reason, stack) do
    {blamed, stack} = Exception.blame(kind, reason, stack)
    banner = banner(kind, blamed, stack)
    frames = stack |> prune() |> Enum.map(&["    ", Exception.format_stacktrace_entry(&1)])

    %{
      class: class(kind, blamed),
      message: bounded(message(kind, blamed, stack)),
      traceback: lines(banner) ++ Enum.map(frames, &IO.iodata_to_binary(color(:red, &1))),
      hint: hint(blamed)
    }
  end

  @doc "At most so much of a text that a front end can show it; says what was left out."
  @spec bounded(String.t()) :: String.t()
  def bounded(text) when byte_size(text) <= @max_bytes, do: text

  def bounded(text) do
    kept = text |> binary_part(0, @max_bytes) |> whole_characters()
    kept <> color_end() <> "\n... (#{byte_size(text) - byte_size(kept)} more bytes)"
  end

  defp color_end, do: if(colors?(), do: IO.ANSI.reset(), else: "")

  defp whole_characters(binary) do
    case :unicode.characters_to_binary(binary) do
      text when is_binary(text) -> text
      {_, text, _} -> text
    end
  end

  defp settings do
    Application.get_env(:snakebridge, @key) || %{width: 80, colors: System.get_env("NO_COLOR") in [nil, ""]}
  end

  # --- errors ---

  defp class(:error, exception), do: inspect(exception.__struct__)
  defp class(kind, _), do: Atom.to_string(kind)

  defp message(:error, exception, _), do: Exception.message(exception)
  defp message(kind, reason, stack), do: Exception.format_banner(kind, reason, stack)

  # Where no clause matches: the arguments, and which parts of the clauses they did not match.
  defp banner(:error, %FunctionClauseError{} = error, stack) do
    banner = Exception.format_banner(:error, Map.put(error, :args, nil) |> Map.put(:clauses, nil), stack)
    blame = FunctionClauseError.blame(error, &inspect(&1, IEx.inspect_opts()), &blame_match/1)
    [color(:red, banner), "\n", blame |> String.trim_trailing() |> String.replace(~r/^(?=.)/m, "    ")]
  end

  defp banner(kind, reason, stack) do
    banner = Exception.format_banner(kind, reason, stack)
    if String.contains?(banner, "\e["), do: banner, else: color(:red, banner)
  end

  defp blame_match(%{match?: true, node: node}), do: Macro.to_string(node)

  defp blame_match(%{match?: false, node: node}) do
    text = Macro.to_string(node)
    if colors?(), do: IO.iodata_to_binary(color([:red], text)), else: "-" <> text <> "-"
  end

  # The frames from the innermost to the last one in a cell: what comes after it called the cell, and is ours.
  defp prune(stack) do
    stack = Enum.reject(stack, &own?/1)

    case stack |> Enum.reverse() |> Enum.drop_while(&(not in_cell?(&1))) |> Enum.reverse() do
      [] -> Enum.reject(stack, &evaluation?/1)
      kept -> kept
    end
  end

  defp in_cell?({_, _, _, location}), do: CellParser.cell(Keyword.get(location, :file, ~c"")) != nil
  defp in_cell?(_), do: false

  defp own?({module, _, _, _}) when is_atom(module),
    do: module |> Atom.to_string() |> String.starts_with?("Elixir.SnakeBridge.")

  defp own?(_), do: false

  defp evaluation?({module, _, _, _}),
    do: module in [:erl_eval, :elixir, :elixir_eval, Module.ParallelChecker]

  defp evaluation?(_), do: false

  defp hint(exception) when is_exception(exception),
    do: SnakeBridge.Interim.call(SnakeBridge.Fault, :hint, [exception], nil)

  defp hint(_), do: nil

  defp lines(text),
    do: text |> IO.iodata_to_binary() |> bounded() |> String.trim_trailing() |> String.split("\n")
end

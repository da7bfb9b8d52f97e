defmodule SnakeBridge.Render do
  @moduledoc """
  Values and errors of cells as text: coloured, as wide as the front end says, and never endlessly long.
  """

  import SnakeBridge.Py, only: [is_kind: 2]

  alias SnakeBridge.{CellParser, Diagnostics}

  @key __MODULE__
  @max_bytes 256 * 1024

  # Frames of a stack trace.
  @frames 40

  @huge Bitwise.bsl(1, 128_000)

  # What evaluates and compiles cells.
  @hidden [
            :erl_eval,
            :elixir,
            :elixir_compiler,
            :elixir_module,
            :elixir_lexical,
            :elixir_expand,
            :elixir_dispatch
          ] ++
            [Module.ParallelChecker]

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
      colors: if(is_boolean(colors), do: colors, else: old.colors),
      terminal: old.terminal or is_integer(width)
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

  @doc "Whether what is shown goes to a terminal: only those have told their width."
  @spec terminal?() :: boolean()
  def terminal?, do: settings().terminal

  @doc "Whether text may be coloured."
  @spec colors?() :: boolean()
  def colors?, do: settings().colors

  @doc "Makes the helpers of IEx and `IO.ANSI` follow the settings; what the user has configured for IEx stays."
  @spec configure_iex() :: :ok
  def configure_iex do
    %{width: width, colors: colors} = settings()
    Application.put_env(:elixir, :ansi_enabled, colors)
    Application.put_env(:iex, :width, width)
    Application.put_env(:iex, :colors, iex_colors(Application.get_env(:iex, :colors, [])))
  end

  # Notebooks are mostly white, where yellow and cyan, IEx's for numbers and atoms, can hardly be read.
  @on_white [
    number: :magenta,
    boolean: :magenta,
    nil: :magenta,
    string: :green,
    charlist: :green,
    regex: :red
  ]

  defp iex_colors(old) do
    own = [eval_result: [], syntax_colors: @on_white]
    old = if old[:syntax_colors] == @on_white, do: Keyword.delete(old, :syntax_colors), else: old
    own = if settings().terminal, do: Keyword.delete(own, :syntax_colors), else: own
    own |> Keyword.merge(old) |> Keyword.put(:enabled, settings().colors)
  end

  @doc "Text in a colour of `IO.ANSI`, where colours are wanted."
  @spec color(atom() | [atom()], iodata()) :: iodata()
  def color(color, text), do: IO.ANSI.format([color, text], colors?())

  @doc "The mime bundle of a value of which nothing but its `inspect/1` is to be shown."
  @spec result(term()) :: %{String.t() => String.t()}
  def result(value), do: %{"text/plain" => value |> text() |> bounded()}

  # Writing it in decimal takes time with the square of its length, in which nothing can interrupt the VM.
  defp text(integer) when is_integer(integer) and (integer > @huge or integer < -@huge) do
    digits = trunc(:erts_debug.flat_size(integer) * :erlang.system_info(:wordsize) * 8 * :math.log10(2))
    "an integer of about #{digits} digits"
  end

  defp text({:module, module, code, last}) when is_atom(module) and is_binary(code) do
    inspect({:module, module, binary_part(code, 0, min(6, byte_size(code))), last}, inspect_opts())
    |> String.replace(">>", ", ...>>", global: false)
  end

  defp text(value), do: inspect(value, inspect_opts())

  # An application may have no IEx.
  defp inspect_opts, do: if(Code.ensure_loaded?(IEx), do: IEx.inspect_opts(), else: [pretty: true])

  @doc """
  An error of a cell as the body of an `error` event, without the cell. `place` is the cell's file, the line of the
  expression that failed, for the case that the stack does not say more, and the cell's source, of which the lines around
  the innermost frame in it are shown. Frames of ours and of the evaluation are left out.
  """
  @spec error(
          :error | :exit | :throw,
          term(),
          Exception.stacktrace(),
          {String.t(), pos_integer(), String.t()} | nil
        ) ::
          map()
  def error(kind, reason, stack, place \\ nil)

  def error(:error, %Diagnostics.Failed{error: error, diagnostics: [first | _]} = failed, _, _) do
    message = first.message |> to_string() |> bounded()
    %{class: inspect(error.__struct__), message: message, traceback: lines(failed.text), hint: hint(error)}
  end

  def error(:error, error, stack, place) when is_kind(error, "BaseException") do
    text = String.trim_trailing(error.text || "")
    python = if text == "", do: color(:red, Exception.message(error)), else: marked(text, error.class)

    %{
      class: error.class,
      message: bounded(error.message || ""),
      traceback: lines(python) ++ frames(stack, place),
      hint: hint(error)
    }
  end

  def error(kind, reason, stack, place) do
    {blamed, stack} = Exception.blame(kind, reason, stack)

    %{
      class: class(kind, blamed),
      message: kind |> message(blamed) |> bounded(),
      traceback: lines(banner(kind, blamed, stack)) ++ frames(stack, place),
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

  @doc """
  A text that may hold a stack trace, as `IO.warn/1` prints them, without the lines about what runs cells; where none is
  left that says which cell it is, with one that does.
  """
  @spec without_own_frames(String.t(), pos_integer() | nil) :: String.t()
  def without_own_frames(text, cell) do
    if text =~ ~r/(:erl_eval|SnakeBridge\.Evaluator|SnakeBridge\.Expand)\./ do
      frames =
        ~r/^\s+(\([\w ]+[\d.]*\) )?\S+:\d+: (SnakeBridge\.|:elixir\.|:erl_eval\.|Module\.ParallelChecker\.).*\n/m

      case String.replace(text, frames, "") do
        ^text -> text
        rest -> if cell == nil or rest =~ ~r/^\s+cell \d/m, do: rest, else: name_cell(rest, cell)
      end
    else
      text
    end
  end

  defp name_cell(text, cell), do: "#{String.trim_trailing(text)}\n  #{CellParser.file(cell)}\n\n"

  defp color_end, do: if(colors?(), do: IO.ANSI.reset(), else: "")

  @doc """
  A text of which all is characters; what is none is replaced.

      iex> SnakeBridge.Render.valid(<<"a", 255, "b">>)
      "a\uFFFDb"
  """
  @spec valid(binary()) :: String.t()
  def valid(binary), do: replace_invalid(binary, [])

  defp replace_invalid(binary, done) do
    case :unicode.characters_to_binary(binary) do
      good when is_binary(good) and done == [] -> good
      good when is_binary(good) -> IO.iodata_to_binary([done, good])
      {_, good, <<_, rest::binary>>} -> replace_invalid(rest, [done, good, "\uFFFD"])
    end
  end

  defp whole_characters(binary) do
    case :unicode.characters_to_binary(binary) do
      text when is_binary(text) -> text
      {_, text, _} -> text
    end
  end

  defp settings do
    Application.get_env(:snakebridge, @key) ||
      %{width: 80, colors: System.get_env("NO_COLOR") in [nil, ""], terminal: false}
  end

  # --- errors ---

  defp class(:error, exception), do: inspect(exception.__struct__)
  defp class(kind, _), do: Atom.to_string(kind)

  # Functions written in a cell are run by Erlang's interpreter, whose own functions would be named.
  defp message(:error, %FunctionClauseError{module: :erl_eval, arity: arity}),
    do: "no function clause matching in anonymous function of arity #{arity}"

  defp message(:error, %FunctionClauseError{} = error),
    do: Exception.message(%{error | args: nil, clauses: nil})

  defp message(:error, %module{description: text})
       when module in [SyntaxError, TokenMissingError] and is_binary(text),
       do: text

  defp message(:error, %{__struct__: MismatchedDelimiterError, description: text}) when is_binary(text),
    do: text

  defp message(:error, exception), do: Exception.message(exception)
  defp message(:exit, reason), do: Exception.format_exit(reason)
  defp message(:throw, value), do: inspect(value, IEx.inspect_opts() |> Keyword.delete(:syntax_colors))

  defp banner(:error, %FunctionClauseError{module: :erl_eval, args: args} = error, _) do
    given =
      if is_list(args),
        do: ["\n\n    Given: ", Enum.map_join(args, ", ", &inspect(&1, IEx.inspect_opts()))],
        else: ""

    [color(:red, ["** (FunctionClauseError) ", message(:error, error)]), given]
  end

  # Where no clause matches: the arguments, and which parts of the clauses they did not match.
  defp banner(:error, %FunctionClauseError{} = error, stack) do
    banner = Exception.format_banner(:error, %{error | args: nil, clauses: nil}, stack)

    blame =
      error |> FunctionClauseError.blame(&inspect(&1, IEx.inspect_opts()), &blame_match/1) |> String.trim()

    [
      color(:red, banner),
      if(blame == "", do: "", else: ["\n\n    ", String.replace(blame, ~r/\n(?=[^\n])/, "\n    ")])
    ]
  end

  defp banner(kind, reason, stack) do
    banner = Exception.format_banner(kind, reason, stack)
    if String.contains?(banner, "\e["), do: banner, else: color(:red, banner)
  end

  defp blame_match(%{match?: true, node: node}), do: Macro.to_string(node)

  defp blame_match(%{match?: false, node: node}) do
    text = Macro.to_string(node)
    if colors?(), do: IO.iodata_to_binary(color(:red, text)), else: "-" <> text <> "-"
  end

  # A traceback of Python, with what has happened in the colour of errors: it stands below all that says where.
  defp marked(text, class) do
    name = class |> String.split(".") |> List.last() |> Regex.escape()

    case Regex.run(~r/\A(.*\n)([\w.]*\b#{name}(?::.*)?)\z/s, text, capture: :all_but_first) do
      [where, what] -> [where, color(:red, what)]
      nil -> text
    end
  end

  @doc """
  Where something failed, as text: the frames of a stack trace, innermost first, without ours and those of the evaluation.
  Of many the middle is left out.
  """
  @spec frames(Exception.stacktrace()) :: [String.t()]
  def frames(stack) do
    stack |> prune(nil) |> Enum.map(&frame/1) |> Enum.dedup() |> without_middle(& &1)
  end

  # One expression of a cell, and the functions written in it, are all of one line there. Of many frames the middle says
  # nothing more.
  defp frames(stack, place) do
    frames = stack |> prune(place) |> Enum.map(&{frame(&1), &1}) |> Enum.dedup_by(&elem(&1, 0))
    shown = Enum.find_index(frames, fn {_, frame} -> line_in(frame, place) != nil end)

    lines =
      for {{text, frame}, index} <- Enum.with_index(frames) do
        line = IO.iodata_to_binary(color(:red, ["    ", text]))
        if index == shown, do: [line | source_lines(line_in(frame, place), place)], else: [line]
      end

    lines |> without_middle(&["    " <> &1]) |> Enum.concat()
  end

  defp without_middle(frames, told) do
    case length(frames) - @frames do
      more when more > 1 ->
        {first, rest} = Enum.split(frames, div(@frames, 2))
        first ++ [told.("... #{more} more frames ...")] ++ Enum.drop(rest, more)

      _ ->
        frames
    end
  end

  defp line_in({_, _, _, location}, {file, _, _}),
    do: if(to_string(location[:file] || "") == file, do: location[:line])

  defp line_in(_, _), do: nil

  # The line with its neighbours, marked. Notebooks show the cell itself, and one line needs no mark.
  defp source_lines(number, {_, _, source}) do
    lines = String.split(source, "\n")
    if terminal?() and length(lines) > 1, do: marked_lines(lines, number), else: []
  end

  defp marked_lines(lines, number) do
    last = min(number + 2, length(lines))
    width = last |> Integer.to_string() |> String.length()

    for {line, at} <- Enum.with_index(lines, 1),
        at in max(number - 2, 1)..last//1,
        at == number or line != "" do
      text = "#{String.pad_leading("#{at}", width)} │ #{String.slice(line, 0, 200)}"
      if at == number, do: IO.iodata_to_binary(color(:red, ["      → ", text])), else: "        " <> text
    end
  end

  # Of a cell's own expressions Elixir says that they are in `(file)`.
  defp frame(frame), do: frame |> Exception.format_stacktrace_entry() |> String.replace_suffix(": (file)", "")

  # The frames from the innermost to the last one in a cell: what comes after it called the cell, and is ours.
  defp prune(stack, place) do
    stack = Enum.reject(stack, &(hidden?(&1) and not in_cell?(&1)))

    case stack |> Enum.reverse() |> Enum.drop_while(&(not in_cell?(&1))) |> Enum.reverse() do
      [] when place != nil -> stack ++ [cell_frame(place)]
      [] -> stack
      kept -> kept
    end
  end

  defp cell_frame({file, line, _}),
    do: {:elixir_eval, :__FILE__, 1, [file: String.to_charlist(file), line: line]}

  defp in_cell?({_, _, _, location}), do: CellParser.cell(Keyword.get(location, :file, ~c"")) != nil
  defp in_cell?(_), do: false

  defp hidden?({module, _, _, _}) when module in @hidden, do: true

  defp hidden?({module, _, _, _}),
    do: module |> Atom.to_string() |> String.starts_with?("Elixir.SnakeBridge.")

  defp hidden?(_), do: false

  defp hint(exception) when is_exception(exception),
    do: SnakeBridge.Fault.hint(exception)

  defp hint(_), do: nil

  defp lines(text),
    do: text |> IO.iodata_to_binary() |> bounded() |> String.trim_trailing() |> String.split("\n")
end

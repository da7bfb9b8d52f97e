defmodule SnakeBridge.Diagnostics do
  @moduledoc """
  Warnings and errors of the compiler in cells: shown once, with the line of the cell that they are about.

  Elixir prints them itself, but finds the line only in files, and a cell is no file.
  """

  alias SnakeBridge.{CellParser, IOServer, Render}

  defmodule Failed do
    @moduledoc "An error of the compiler together with the diagnostics that say what it is about."
    defexception [:error, :diagnostics, :text]

    @impl true
    def message(%{error: error}), do: Exception.message(error)
  end

  @doc """
  Runs a function that compiles code of a cell. Its warnings are printed as `stderr` of the cell; where it raises, its
  errors travel with what it raised, as `Failed`.
  """
  @spec show(SnakeBridge.Evaluator.job(), (-> result)) :: result when result: term()
  def show(job, function) do
    {outcome, diagnostics} =
      Code.with_diagnostics([log: false], fn ->
        try do
          {:ok, function.()}
        catch
          kind, reason -> {:raised, kind, reason, __STACKTRACE__}
        end
      end)

    {errors, others} =
      diagnostics
      |> Enum.uniq()
      |> Enum.map(&locate(&1, job.cell))
      |> Enum.split_with(&(&1.severity == :error))

    if others != [], do: IOServer.print(job.device, :stderr, Enum.map(others, &[text(&1, job.source), "\n"]))

    case outcome do
      {:ok, result} ->
        if errors != [],
          do: IOServer.print(job.device, :stderr, Enum.map(errors, &[text(&1, job.source), "\n"]))

        result

      {:raised, :error, %CompileError{} = error, stack} when errors != [] ->
        text = Enum.map_join(errors, "\n", &text(&1, job.source))
        :erlang.raise(:error, %Failed{error: error, diagnostics: errors, text: text}, stack)

      {:raised, kind, reason, stack} ->
        if errors != [],
          do: IOServer.print(job.device, :stderr, Enum.map(errors, &[text(&1, job.source), "\n"]))

        :erlang.raise(kind, reason, stack)
    end
  end

  # What a macro warns of has a place only in its stack trace, or none.
  defp locate(%{file: nil} = diagnostic, cell) do
    case Enum.find(diagnostic.stacktrace, &in_cell?/1) do
      {_, _, _, place} ->
        %{diagnostic | file: CellParser.file(cell), position: place[:line] || 0, stacktrace: []}

      nil ->
        %{diagnostic | file: CellParser.file(cell), stacktrace: []}
    end
  end

  defp locate(diagnostic, _), do: diagnostic

  defp in_cell?({_, _, _, place}), do: CellParser.cell(place[:file] || ~c"") != nil
  defp in_cell?(_), do: false

  @doc "A diagnostic as text: what, the line with a mark, where. `source` is that of the cell it may be about."
  @spec text(map(), String.t()) :: String.t()
  def text(diagnostic, source) do
    {line, column} = position(diagnostic.position)
    label = label(diagnostic.severity)
    message = diagnostic.message |> to_string() |> String.trim_trailing()

    IO.iodata_to_binary([
      label,
      ": ",
      message,
      "\n",
      snippet(diagnostic, line, column, source),
      where(diagnostic, line, column)
    ])
  end

  defp position({line, column}), do: {line, column}
  defp position(line) when is_integer(line), do: {line, nil}
  defp position(_), do: {0, nil}

  defp label(:error), do: Render.color(:red, "error")
  defp label(severity), do: Render.color(:yellow, Atom.to_string(severity))

  defp snippet(diagnostic, line, column, source) do
    with cell when cell != nil and line > 0 <- CellParser.cell(diagnostic.file || ""),
         text when is_binary(text) <- source |> String.split("\n") |> Enum.at(line - 1) do
      margin = String.duplicate(" ", String.length(Integer.to_string(line)))
      ["#{margin} │\n#{line} │ #{text}\n#{margin} │ ", mark(diagnostic, text, line, column), "\n"]
    else
      _ -> []
    end
  end

  defp mark(diagnostic, text, line, column) do
    sign = if diagnostic.severity == :error, do: "^", else: "~"
    blank = String.length(text) - String.length(String.trim_leading(text))
    start = if column, do: column - 1, else: blank

    finish =
      span_end(diagnostic[:span], line, start) ||
        if(column, do: word_end(text, start), else: String.length(text))

    [
      String.duplicate(" ", start),
      Render.color(mark_color(sign), String.duplicate(sign, max(finish - start, 1)))
    ]
  end

  defp word_end(text, start) do
    [word] = text |> String.slice(start..-1//1) |> then(&Regex.run(~r/^[\p{L}\p{N}_@]*[?!]?/u, &1))
    start + max(String.length(word), 1)
  end

  defp mark_color("^"), do: :red
  defp mark_color(_), do: :yellow

  defp span_end({line, column}, line, start) when column - 1 > start, do: column - 1
  defp span_end(_, _, _), do: nil

  defp where(diagnostic, line, column) do
    file = diagnostic.file || "nofile"
    file = if CellParser.cell(file), do: Path.basename(file), else: file
    place = [file, line > 0 && ":#{line}", column && ":#{column}"] |> Enum.filter(& &1)
    ["└─ ", place, frames(diagnostic.stacktrace), "\n"]
  end

  # The function that it is in, if it is in one.
  defp frames([{_, :__FILE__, _, _} | _]), do: []

  defp frames([{_, _, _, _} = frame | _]) do
    case frame |> Exception.format_stacktrace_entry() |> String.split(": ", parts: 2) do
      [_, name] -> [": ", name]
      _ -> []
    end
  end

  defp frames(_), do: []
end

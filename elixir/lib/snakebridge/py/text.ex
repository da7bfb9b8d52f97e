defmodule SnakeBridge.Py.Text do
  @moduledoc """
  Exceptions of Python as text, for those who look at them from Elixir: crash logs, ExUnit, IEx.

  What Python itself would print is in the exception's `text`.
  """

  # The innermost of the traceback say where it happened.
  @frames 8
  # Of a line, and of a message within a term.
  @characters 200

  @doc """
  What `Exception.message/1` gives: class and message, notes, the innermost frames, the hint.

      iex> frame = %{file: "cell 3", line: 2, name: "mean", source: "return sum(xs) / len(xs)"}
      iex> error = %SnakeBridge.Py.ZeroDivisionError{message: "division by zero", traceback: [frame]}
      iex> SnakeBridge.Py.Text.message(error)
      "ZeroDivisionError: division by zero\\n  at cell 3:2 in mean: return sum(xs) / len(xs)"
  """
  @spec message(Exception.t()) :: String.t()
  def message(%{message: message, notes: notes, hint: hint} = error) do
    headline = if message in [nil, ""], do: name(error), else: "#{name(error)}: #{message}"
    hint = if hint, do: ["hint: " <> hint], else: []
    Enum.join([headline | notes] ++ frames(error.traceback) ++ hint, "\n")
  end

  # Innermost first, as in a stacktrace of Elixir.
  defp frames(frames) do
    left_out = length(frames) - @frames
    more = if left_out > 0, do: ["  ... #{left_out} more in error.text"], else: []
    (frames |> Enum.take(-@frames) |> Enum.reverse() |> Enum.map(&frame/1)) ++ more
  end

  defp frame(%{file: file, line: line, name: name} = frame) do
    source = if frame[:source] in [nil, ""], do: "", else: ": " <> shorten(frame.source)
    "  at #{file}:#{line} in #{name}#{source}"
  end

  @doc "What `inspect/2` gives: the module, the class where that is another, the message, notes and hint."
  @spec inspect(Exception.t(), Inspect.Opts.t()) :: String.t()
  def inspect(%module{} = error, opts) do
    class = name(error)
    class = if "SnakeBridge.Py." <> class == Kernel.inspect(module), do: [], else: [class]
    message = if error.message in [nil, ""], do: [], else: [shorten(error.message)]
    notes = if error.notes == [], do: [], else: ["notes: " <> part(error.notes, opts)]
    hint = if error.hint, do: ["hint: " <> part(error.hint, opts)], else: []
    "#" <> Kernel.inspect(module) <> "<" <> Enum.join(headline(class, message) ++ notes ++ hint, ", ") <> ">"
  end

  defp headline([class], [message]), do: ["#{class}: #{message}"]
  defp headline(class, message), do: class ++ message

  defp part(term, opts), do: Kernel.inspect(term, limit: opts.limit, printable_limit: opts.printable_limit)

  defp shorten(text) do
    case String.split_at(text, @characters) do
      {text, ""} -> text
      {beginning, _} -> beginning <> "..."
    end
  end

  defp name(%{module: module, class: class}) when module in [nil, "builtins", "__main__"], do: class
  defp name(%{module: module, class: class}), do: module <> "." <> class
end

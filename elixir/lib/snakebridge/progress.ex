defmodule SnakeBridge.Progress do
  @moduledoc """
  A stream that shows how much of it has been consumed.

      SnakeBridge.progress(files, label: "reading") |> Enum.map(&File.read!/1)

  In a notebook it is a bar that is replaced in its place; in a terminal one line on stderr; where output goes elsewhere
  nothing is shown. It tells how many items there were, of how many where that is known, how many come in a second, and
  how long the rest will take at that rate. It is drawn ten times a second at most, and never in between: an item that
  takes long holds it up. Several at once, one within another or of several processes, have a line each.

  How many items there are is asked of the enumerable where it knows without being run through: a list, a range, a map,
  most refs. A consumer that stops early, or raises, leaves the bar where it was and says so.
  For loops of Python there is tqdm.
  """

  alias SnakeBridge.{Host, MimeBundle, Options, Output, Render, Table}
  alias SnakeBridge.Progress.Rows

  @every_us 100_000

  # `n`: items handed over. When it is drawn meanwhile, all of them are done with.
  defstruct [:label, :total, :screen, :row, :started, :drawn, n: 0, at: :running]

  @doc "The stream: see `SnakeBridge.progress/2`."
  @spec stream(Enumerable.t(), keyword()) :: Enumerable.t()
  def stream(enumerable, opts) do
    opts = Options.check!(:progress, opts)
    start = fn -> start(enumerable, opts) end
    Stream.transform(enumerable, start, &next/2, &{[], %{&1 | at: :end}}, &finish/1)
  end

  defp start(enumerable, opts) do
    now = now()
    screen = screen()
    total = if screen, do: Keyword.get_lazy(opts, :total, fn -> total(enumerable) end)
    row = if screen == :terminal, do: Rows.take()
    draw(%__MODULE__{label: opts[:label], total: total, screen: screen, row: row, started: now}, now)
  end

  # To count the lines of a file it would be read.
  defp total(%File.Stream{}), do: nil

  defp total(enumerable) do
    case Enumerable.count(enumerable) do
      {:ok, count} -> count
      _ -> nil
    end
  end

  defp next(item, %{screen: nil} = state), do: {[item], state}

  defp next(item, state) do
    now = now()
    state = if now - state.drawn >= @every_us, do: draw(state, now), else: state
    {[item], %{state | n: state.n + 1}}
  end

  defp finish(%{screen: nil}), do: :ok

  defp finish(state) do
    state = if state.at == :end, do: state, else: %{state | at: :stopped}

    if state.screen == :terminal do
      # Above those that go on.
      Rows.leave(state.row)
      IO.write(:stderr, [line(state, now()), "\n"])
    else
      draw(state, now())
    end

    :ok
  end

  # --- where it is shown ---

  defp screen do
    cond do
      Host.notebook?() -> {:notebook, MimeBundle.new_id()}
      Host.connected?() -> if(Render.terminal?(), do: :terminal)
      true -> if(match?({:ok, _}, :io.columns(:standard_error)), do: :terminal)
    end
  end

  defp draw(%{screen: nil} = state, _), do: state

  defp draw(%{screen: :terminal} = state, now) do
    case Rows.row(state.row) do
      0 -> IO.write(:stderr, line(state, now))
      row -> IO.write(:stderr, [String.duplicate("\n", row), line(state, now), "\e[#{row}A"])
    end

    %{state | drawn: now}
  end

  defp draw(%{screen: {:notebook, id}} = state, now) do
    data = %{"text/html" => html(state, now), "text/plain" => plain(state, now)}
    # At the start the place is made, later it is filled anew.
    body = %{cell: nil, data: data, metadata: "{}", display_id: id, update: state.drawn != nil}
    Output.event(:display, body)
    %{state | drawn: now}
  end

  defp line(state, now) do
    line = [state.label, bar(state), text(state, now)] |> Enum.reject(&(&1 in [nil, ""])) |> Enum.join(" ")
    # A line that is longer than the screen could not be taken back.
    ["\r", String.slice(line, 0, columns() - 1), "\e[K"]
  end

  defp columns do
    with false <- Host.connected?(), {:ok, columns} <- :io.columns(:standard_error) do
      columns
    else
      _ -> Render.width()
    end
  end

  # --- what it looks like ---

  defp bar(%{total: total} = state) when is_integer(total) and total > 0 and state.n <= total do
    filled = div(20 * state.n, total)
    "[" <> String.duplicate("#", filled) <> String.duplicate(".", 20 - filled) <> "]"
  end

  defp bar(_), do: ""

  defp plain(state, now), do: [state.label, text(state, now)] |> Enum.reject(&is_nil/1) |> Enum.join(" ")

  defp html(state, now) do
    label = if state.label, do: ["<span>", Table.escape(state.label), "</span>"], else: ""

    IO.iodata_to_binary([
      "<div style=\"display: flex; align-items: center; gap: 0.7em\">",
      label,
      "<progress style=\"flex: 0 1 20em\"",
      extent(state),
      "></progress><span style=\"font-variant-numeric: tabular-nums\">",
      text(state, now),
      "</span></div>"
    ])
  end

  # Without a value it moves to and fro: something happens, for an unknown time.
  defp extent(%{total: total, n: n}) when is_integer(total) and n <= total,
    do: " value=\"#{n}\" max=\"#{max(total, 1)}\""

  defp extent(%{at: :running}), do: ""
  defp extent(%{at: :end}), do: " value=\"1\" max=\"1\""
  defp extent(_), do: " value=\"0\" max=\"1\""

  defp text(%{n: done} = state, now) do
    seconds = (now - state.started) / 1_000_000
    rate = if seconds > 0 and done > 0, do: done / seconds
    known = is_integer(state.total) and done <= state.total
    count = if known, do: "#{grouped(done)}/#{grouped(state.total)}", else: grouped(done)

    left =
      cond do
        state.at == :stopped -> "stopped after #{time(seconds)}"
        state.at == :end -> "in #{time(seconds)}"
        known and rate != nil -> "#{time((state.total - done) / rate)} left"
        true -> "#{time(seconds)}"
      end

    [count, rate && per_second(rate), left] |> Enum.reject(&is_nil/1) |> Enum.join(", ")
  end

  defp per_second(rate) when rate < 10, do: "#{Float.round(rate, 2)}/s"
  defp per_second(rate), do: "#{grouped(round(rate))}/s"

  defp time(seconds) when seconds < 10, do: "#{Float.round(seconds / 1, 1)} s"
  defp time(seconds) when seconds < 100, do: "#{round(seconds)} s"

  defp time(seconds) do
    seconds = round(seconds)
    pad = &String.pad_leading(Integer.to_string(&1), 2, "0")
    {hours, minutes} = {div(seconds, 3600), div(rem(seconds, 3600), 60)}
    "#{if hours > 0, do: "#{hours}:#{pad.(minutes)}", else: minutes}:#{pad.(rem(seconds, 60))}"
  end

  defp grouped(count), do: count |> Integer.to_string() |> String.replace(~r/\B(?=(\d{3})+$)/, ",")

  defp now, do: System.monotonic_time(:microsecond)
end

defmodule LibraryTable do
  @moduledoc """
  An ExUnit formatter that prints, when all tests have run, a line for each library, and what was skipped and why.
  """
  use GenServer

  # Below what the other formatters print at the end.
  @impl true
  def init(_) do
    ExUnit.after_suite(fn _ -> __MODULE__ |> :persistent_term.get([]) |> print() end)
    {:ok, []}
  end

  @impl true
  def handle_cast({:test_finished, %ExUnit.Test{tags: %{library: _}} = test}, tests),
    do: {:noreply, [test | tests]}

  def handle_cast({:suite_finished, _}, tests) do
    :persistent_term.put(__MODULE__, Enum.reject(tests, &match?({:excluded, _}, &1.state)))
    {:noreply, tests}
  end

  def handle_cast(_, tests), do: {:noreply, tests}

  defp print(tests) do
    rows = tests |> Enum.group_by(& &1.tags.library) |> Enum.sort() |> Enum.map(&row/1)
    IO.puts("\n" <> table([["library", "version", "calls", "passed"] | rows]))

    for {:skipped, reason, what} <- tests |> Enum.map(&skipped/1) |> Enum.sort() |> Enum.uniq() do
      IO.puts("skipped: #{what}: #{reason}")
    end
  end

  defp row({library, tests}) do
    passed = Enum.count(tests, &(&1.state == nil))
    version = hd(tests).tags.version || "-"
    [library, version, "#{LibraryCase.calls(library)}", "#{passed} of #{length(tests)}"]
  end

  # A library that is not installed is one line, not one for each of its tests.
  defp skipped(%{state: {:skipped, reason}, tags: %{version: nil, library: library}}),
    do: {:skipped, reason, library}

  defp skipped(%{state: {:skipped, reason}} = test),
    do: {:skipped, reason, "#{test.tags.library}, #{test.name}"}

  defp skipped(_), do: nil

  defp table(rows) do
    widths = rows |> Enum.zip_with(fn column -> column |> Enum.map(&String.length/1) |> Enum.max() end)

    Enum.map_join(rows, "\n", fn row ->
      row |> Enum.zip_with(widths, &String.pad_trailing/2) |> Enum.join("  ") |> String.trim_trailing()
    end)
  end
end

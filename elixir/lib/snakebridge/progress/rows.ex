defmodule SnakeBridge.Progress.Rows do
  @moduledoc """
  On which row of the terminal each of several bars of progress is drawn: the first at the cursor, others below.

  It writes nothing. One that ends is left above the others, which move up a row.
  """

  @table __MODULE__

  @doc "Makes the table; whoever calls it owns it."
  @spec new() :: atom()
  def new, do: :ets.new(@table, [:named_table, :public])

  @doc "Takes the first row that is free, for the calling process."
  @spec take() :: reference()
  def take do
    if alone?(), do: :ets.delete_all_objects(@table)
    take(make_ref(), 0)
  end

  defp take(bar, row) do
    if :ets.insert_new(@table, {row, bar, self()}), do: bar, else: take(bar, row + 1)
  end

  # Who was killed has left nothing. Rows are free again only when nobody draws, for what is drawn stands where it is.
  defp alone?, do: not Enum.any?(:ets.tab2list(@table), fn {_, _, owner} -> Process.alive?(owner) end)

  @doc "A bar's row, from 0 on; 0 for one that has left."
  @spec row(reference()) :: non_neg_integer()
  def row(bar) do
    case :ets.match(@table, {:"$1", bar, :_}) do
      [[row]] -> row
      [] -> 0
    end
  end

  @doc "Leaves a bar's row; those below move up."
  @spec leave(reference()) :: :ok
  def leave(bar) do
    with [[row]] <- :ets.match(@table, {:"$1", bar, :_}) do
      :ets.delete(@table, row)
      move_up(row + 1)
    end

    :ok
  end

  defp move_up(row) do
    case :ets.take(@table, row) do
      [{^row, bar, owner}] ->
        :ets.insert(@table, {row - 1, bar, owner})
        move_up(row + 1)

      [] ->
        :ok
    end
  end
end

defmodule SnakeBridge.Iteration do
  @moduledoc """
  Walks through a Python iterable, a chunk of items at a time.

  The first chunks are small, so that little is computed ahead of a consumer that stops early; the iterator is closed
  when it does. An exception arrives after the items that came before it.
  """

  @first 8
  @most 512

  @doc "`Enumerable.reduce/3` for refs."
  @spec reduce(SnakeBridge.Ref.t(), Enumerable.acc(), Enumerable.reducer()) :: Enumerable.result()
  def reduce(ref, acc, function) do
    chunks =
      Stream.resource(
        fn -> {open(ref), @first} end,
        fn
          :done -> {:halt, :done}
          {iterator, count} -> take(iterator, count)
        end,
        &close/1
      )

    Enumerable.reduce(chunks, acc, function)
  end

  defp open(ref),
    do: SnakeBridge.call!("snakebridge.iteration", "Chunks", [ref], [], session: ref.session, as: :ref)

  defp take(iterator, count) do
    case SnakeBridge.method!(iterator, "take", [count]) do
      {items, true} ->
        {items, {iterator, min(count * 2, @most)}}

      {items, false} ->
        SnakeBridge.release(iterator)
        {items, :done}
    end
  end

  defp close(:done), do: :ok

  defp close({iterator, _}) do
    SnakeBridge.method(iterator, "close")
    SnakeBridge.release(iterator)
  end
end

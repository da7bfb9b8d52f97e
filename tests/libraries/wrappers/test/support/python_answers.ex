defmodule PythonAnswers do
  @moduledoc """
  Compares what wrappers give with what Python says to the same, written in Python.

  A value is compared as it is, an object by its `repr`. It calls no wrapper itself.
  """

  import ExUnit.Assertions

  @doc "Each value beside Python's source for it, after these lines; ten at least."
  @spec same(String.t(), [{term(), String.t()}]) :: :ok
  def same(before, pairs) do
    assert length(pairs) >= 10

    for {value, source} <- pairs do
      expected = SnakeBridge.run!(before <> "\n" <> source)
      assert {source, shown(value)} == {source, shown(expected)}
    end

    :ok
  end

  defp shown(list) when is_list(list), do: Enum.map(list, &shown/1)

  defp shown(tuple) when is_tuple(tuple),
    do: tuple |> Tuple.to_list() |> shown() |> List.to_tuple()

  defp shown(value) do
    if SnakeBridge.ref?(value),
      do: {:object, SnakeBridge.call!("builtins", "repr", [value])},
      else: value
  end
end

defmodule SnakeBridge.Dynamic do
  @moduledoc """
  Calls any method of any ref, under the name that users of generated wrappers know. It adds nothing to
  `SnakeBridge.method/4`.

      iex> fraction = SnakeBridge.call!("fractions", "Fraction", [22, 7])
      iex> SnakeBridge.Dynamic.call(fraction, "limit_denominator", [], max_denominator: 1)
      ...> |> then(fn {:ok, near} -> to_string(near) end)
      "3"
  """

  @doc "Calls a method: the same as `SnakeBridge.method/4`."
  @spec call(SnakeBridge.Ref.t(), SnakeBridge.name(), [term()], SnakeBridge.kwargs()) :: SnakeBridge.result()
  def call(ref, method, args \\ [], kwargs \\ []), do: SnakeBridge.method(ref, method, args, kwargs)
end

defmodule SnakeBridge.Batch do
  @moduledoc """
  Several independent calls in one round trip: what `SnakeBridge.batch/2` is made of.

  They are made in order, on the caller's own thread of Python. It is no transaction: what one call did stays done when
  another fails.
  """

  alias SnakeBridge.{Options, Ref, Steps}

  @type call ::
          {SnakeBridge.name() | Ref.t(), SnakeBridge.name(), [term()]}
          | {SnakeBridge.name() | Ref.t(), SnakeBridge.name(), [term()], SnakeBridge.kwargs()}

  @doc "See `SnakeBridge.batch/2`."
  @spec run([call()], keyword()) :: {:ok, [SnakeBridge.result()]} | {:error, Exception.t()}
  def run(calls, opts) when is_list(calls), do: calls |> Enum.map(&steps/1) |> Steps.batch(opts)
  def run(other, _), do: raise(ArgumentError, "a batch is a list of calls, got: #{Options.shown(other)}")

  defp steps({target, name, args}), do: steps({target, name, args, []})

  defp steps({%Ref{} = ref, name, args, kwargs}) when is_list(args),
    do: {{:value, ref}, [{:method, Steps.text(name), args, Steps.kwargs(kwargs)}]}

  defp steps({module, name, args, kwargs}) when is_list(args) do
    kwargs = Steps.kwargs(kwargs)
    {{:module, Steps.text(module)}, Steps.path(name, &{:method, &1, args, kwargs})}
  end

  defp steps(other) do
    raise ArgumentError,
          "a call of a batch is {module_or_ref, name, args} or {module_or_ref, name, args, kwargs}, " <>
            "got: #{Options.shown(other)}"
  end
end

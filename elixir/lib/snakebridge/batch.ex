defmodule SnakeBridge.Batch do
  @moduledoc """
  Several independent calls in one round trip: what `SnakeBridge.batch/2` is made of.

  They are made in order, on the caller's own thread of Python. It is no transaction: what one call did stays done when
  another fails.
  """

  alias SnakeBridge.{Lane, Ref, Session}

  @type call ::
          {SnakeBridge.name() | Ref.t(), SnakeBridge.name(), [term()]}
          | {SnakeBridge.name() | Ref.t(), SnakeBridge.name(), [term()], SnakeBridge.kwargs()}

  @doc "See `SnakeBridge.batch/2`."
  @spec run([call()], keyword()) :: {:ok, [SnakeBridge.result()]} | {:error, Exception.t()}
  def run(calls, opts) do
    wire = if as = opts[:as], do: %{as: as}, else: %{}
    ref = Enum.find_value(calls, &ref/1)
    session = if ref, do: ref.session, else: Keyword.get(opts, :session, Session)
    opts = if ref, do: [{:ref, ref} | opts], else: opts
    Lane.batch(session, Enum.map(calls, &body(&1, wire)), opts)
  end

  defp body({target, name, args}, wire), do: body({target, name, args, []}, wire)

  defp body({%Ref{} = ref, name, args, kwargs}, wire),
    do: {{:value, ref}, [{:method, text(name), args, kwargs(kwargs)}], wire}

  defp body({module, name, args, kwargs}, wire) do
    {names, [name]} = name |> text() |> String.split(".") |> Enum.split(-1)
    steps = Enum.map(names, &{:attr, &1}) ++ [{:method, name, args, kwargs(kwargs)}]
    {{:module, text(module)}, steps, wire}
  end

  # The calls of a batch go to one worker: that of the first ref.
  defp ref(call), do: call |> Tuple.to_list() |> Enum.find_value(&find/1)
  defp find(%Ref{} = ref), do: ref
  defp find(list) when is_list(list), do: Enum.find_value(list, &find/1)
  defp find({_, value}), do: find(value)
  defp find(_), do: nil

  defp kwargs(kwargs), do: for({name, value} <- kwargs, do: {text(name), value})

  defp text(name) when is_binary(name), do: name
  defp text(name) when is_atom(name), do: Atom.to_string(name)
end

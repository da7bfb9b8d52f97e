defmodule SnakeBridge.Batch do
  @moduledoc """
  Several independent calls in one round trip: what `SnakeBridge.batch/2` is made of.

  They are made in order, on the caller's own thread of Python. It is no transaction: what one call did stays done when
  another fails.
  """

  alias SnakeBridge.{BridgeError, Lane, Marshal, Ref, Session, Telemetry}

  @type call ::
          {SnakeBridge.name() | Ref.t(), SnakeBridge.name(), [term()]}
          | {SnakeBridge.name() | Ref.t(), SnakeBridge.name(), [term()], SnakeBridge.kwargs()}

  @doc "See `SnakeBridge.batch/2`."
  @spec run([call()], keyword()) :: {:ok, [SnakeBridge.result()]} | {:error, Exception.t()}
  def run(calls, opts) do
    wire = if as = opts[:as], do: %{as: as}, else: %{}
    {calls, refs} = calls |> Enum.map(&body(&1, wire)) |> Marshal.encode()

    # All go to one worker: that of the refs.
    with {:ok, ref} <- Marshal.one_home(refs) do
      session = if ref, do: ref.session, else: Keyword.get(opts, :session, Session)
      opts = if ref, do: [{:ref, ref} | opts], else: opts
      request = fn -> Lane.request(session, :batch, calls, opts) end

      if Telemetry.loaded?(),
        do: Telemetry.span(session, {:name, "batch"}, [{:call, calls, []}], opts, request),
        else: request.()
    end
  rescue
    error in BridgeError -> {:error, error}
  end

  defp body({target, name, args}, wire), do: body({target, name, args, []}, wire)

  defp body({%Ref{} = ref, name, args, kwargs}, wire),
    do: {{:value, ref}, [{:method, text(name), args, kwargs(kwargs)}], wire}

  defp body({module, name, args, kwargs}, wire) do
    {names, [name]} = name |> text() |> String.split(".") |> Enum.split(-1)
    steps = Enum.map(names, &{:attr, &1}) ++ [{:method, name, args, kwargs(kwargs)}]
    {{:module, text(module)}, steps, wire}
  end

  defp kwargs(kwargs), do: for({name, value} <- kwargs, do: {text(name), value})

  defp text(name) when is_binary(name), do: name
  defp text(name) when is_atom(name), do: Atom.to_string(name)
end

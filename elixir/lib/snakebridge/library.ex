defmodule SnakeBridge.Library do
  @moduledoc """
  Libraries that an application may have beside this one: none is required, so each is looked for when it is needed.
  """

  @doc "Raises where a module of a library is not loaded."
  @spec ensure!(module(), atom()) :: :ok
  def ensure!(module, app) do
    if Code.ensure_loaded?(module),
      do: :ok,
      else:
        raise(
          ArgumentError,
          "#{inspect(module)} is not loaded; add {#{inspect(app)}, \"...\"} to the dependencies in mix.exs"
        )
  end
end

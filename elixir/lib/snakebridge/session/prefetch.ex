defmodule SnakeBridge.Session.Prefetch do
  @moduledoc """
  Imports modules in a worker that has just started, so that the first call of them need not wait for it.

  A process of its own does so, with a lane of its own: calls wait for nothing but Python's import lock. A module that
  cannot be imported is logged as a warning, and the first call of it says why.
  """

  require Logger

  @doc "Begins to import modules in a session's worker, in their order; does not wait."
  @spec start(SnakeBridge.Session.t(), [String.t()]) :: :ok
  def start(_, []), do: :ok

  def start(session, modules) do
    {:ok, _} = Task.start(fn -> Enum.each(modules, &import_one(session, &1)) end)
    :ok
  end

  defp import_one(session, module) do
    case SnakeBridge.import(module, session: session) do
      {:ok, ref} -> SnakeBridge.release(ref)
      {:error, error} -> Logger.warning("prefetch of #{module}: #{Exception.message(error)}")
    end
  end
end

defmodule SnakeBridge.Interim do
  @moduledoc "Calls of the bridge half that answer neutrally while it is not there."
  def call(module, function, args, otherwise) do
    if Code.ensure_loaded?(module) and function_exported?(module, function, length(args)),
      do: apply(module, function, args),
      else: otherwise
  end

  def py do
    if Code.ensure_loaded?(SnakeBridge.Py), do: struct(SnakeBridge.Py), else: nil
  end
end

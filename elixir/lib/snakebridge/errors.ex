defmodule SnakeBridge.BridgeError do
  @moduledoc """
  The bridge itself could not do what was asked: Python's code did not fail, it was not reached or not understood.

  | `reason` | |
  |---|---|
  | `:worker_died` | the worker that should have answered has ended |
  | `:ref_gone` | a ref belongs to a worker that has ended, to another session, or was released |
  | `:unavailable` | there is no worker, and none could be started |
  | `:timeout` | no answer within the `timeout:` that the caller set |
  | `:not_convertible`, `:too_deep` | a value has no counterpart on the other side |
  | `:interrupted`, `:eof` | the call was interrupted; there is no more input |
  | `:bad_message`, `:unknown_op`, `:version` | the two sides do not speak the same protocol |
  """

  @type t :: %__MODULE__{reason: atom(), message: String.t(), hint: String.t() | nil}

  defexception [:reason, :message, :hint]

  @impl true
  def message(%{message: message, hint: nil}), do: message
  def message(%{message: message, hint: hint}), do: "#{message}\nhint: #{hint}"
end

defmodule SnakeBridge.CallbackError do
  @moduledoc """
  An Elixir function that Python had called ended by `throw` or `exit`, and Python let it through.

  The functions with `!` throw or exit again instead, so the value arrives where it would without Python in between.
  """

  @type t :: %__MODULE__{kind: :throw | :exit, reason: term()}

  defexception [:kind, :reason]

  @impl true
  def message(%{kind: kind, reason: reason}), do: Exception.format_banner(kind, reason)
end

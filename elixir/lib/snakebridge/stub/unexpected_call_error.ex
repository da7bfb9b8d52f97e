defmodule SnakeBridge.Stub.UnexpectedCallError do
  @moduledoc """
  A test called what it has no answer for, or did not call what it expected.

  It is raised by functions without `!` too: no code under test is to take it for an error of Python.
  """

  @type t :: %__MODULE__{message: String.t(), hint: String.t() | nil}

  defexception [:message, :hint]

  @impl true
  def message(%{message: message, hint: nil}), do: message
  def message(%{message: message, hint: hint}), do: "#{message}\nhint: #{hint}"
end

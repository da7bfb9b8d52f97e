defmodule SnakeBridge.PythonError do
  @moduledoc """
  An exception that Python code raised.

  `class` and `module` name the Python class, `mro` lists it and its bases as `module.qualname`, nearest first, so that
  `"builtins.LookupError" in error.mro` asks what `except LookupError` asks.
  `text` is the traceback as Python prints it, `traceback` the same as data.
  """

  @type frame :: %{file: String.t(), line: integer() | nil, name: String.t(), source: String.t() | nil}

  @type t :: %__MODULE__{
          class: String.t(),
          module: String.t() | nil,
          message: String.t(),
          mro: [String.t()],
          traceback: [frame()],
          text: String.t() | nil,
          notes: [String.t()],
          cause: t() | nil,
          context: t() | nil,
          step: non_neg_integer() | nil
        }

  defexception [:class, :module, :message, :text, :cause, :context, :step, mro: [], traceback: [], notes: []]

  @impl true
  def message(%{class: class, message: message, notes: notes}) do
    Enum.join([headline(class, message) | notes], "\n")
  end

  defp headline(class, message) when message in [nil, ""], do: class
  defp headline(class, message), do: "#{class}: #{message}"
end

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

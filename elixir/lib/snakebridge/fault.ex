defmodule SnakeBridge.Fault do
  @moduledoc """
  Errors of the frame protocol as Elixir exceptions, and the way back.

  It decides neither when an error is sent nor how one is shown.
  """

  alias SnakeBridge.{BridgeError, CallbackError, PythonError, Ref}

  @doc "The exception that an `Error` of the protocol stands for."
  @spec exception(term()) :: Exception.t()
  def exception({:python, %{} = fields}), do: python(fields)
  def exception({:elixir, :error, reason, _}), do: Exception.normalize(:error, reason, [])
  def exception({:elixir, kind, reason, _}), do: %CallbackError{kind: kind, reason: reason}

  def exception({:bridge, reason, message, hint}),
    do: %BridgeError{reason: reason, message: message, hint: hint}

  def exception(other) do
    %BridgeError{
      reason: :bad_message,
      message: "an error that is none of the protocol: #{inspect(other, limit: 10)}"
    }
  end

  defp python(fields) do
    known = Map.take(fields, [:class, :module, :message, :text, :mro, :traceback, :notes, :step])

    %{
      struct!(PythonError, for({key, value} <- known, value != nil, do: {key, value}))
      | cause: nested(fields[:cause]),
        context: nested(fields[:context])
    }
  end

  defp nested(nil), do: nil
  defp nested(%{} = fields), do: python(fields)
  defp nested({:python, %{} = fields}), do: python(fields)

  @doc "What the protocol calls what a `catch` caught."
  @spec caught(:error | :exit | :throw, term(), Exception.stacktrace()) :: tuple()
  def caught(:error, %BridgeError{} = error, _), do: {:bridge, error.reason, error.message, error.hint}

  def caught(kind, reason, stacktrace) do
    reason = if kind == :error, do: Exception.normalize(:error, reason, stacktrace), else: reason
    {:elixir, kind, reason, Exception.format_banner(kind, reason, stacktrace)}
  end

  @doc "Raises an exception of a call; what a callback threw is thrown, and its exit is one."
  @spec reraise!(Exception.t()) :: no_return()
  def reraise!(%CallbackError{kind: :throw, reason: reason}), do: throw(reason)
  def reraise!(%CallbackError{kind: :exit, reason: reason}), do: exit(reason)
  def reraise!(error), do: raise(error)

  @doc "What to do about an exception, where the bridge knows."
  @spec hint(Exception.t()) :: String.t() | nil
  def hint(%BridgeError{hint: hint}), do: hint

  def hint(%KeyError{term: %Ref{}, key: name}) when is_atom(name) do
    "SnakeBridge.put_attr(ref, #{inspect(Atom.to_string(name))}, value) assigns an attribute; " <>
      "`use SnakeBridge` lets a module read it as ref.#{name}"
  end

  def hint(%ArgumentError{message: "you attempted to apply a function" <> rest}) do
    if rest =~ ~r/ on #Python</, do: "`use SnakeBridge` lets a module call methods of a ref"
  end

  def hint(_), do: nil
end

defmodule SnakeBridge.Fault do
  @moduledoc """
  Errors of the frame protocol as Elixir exceptions, and the way back.

  It decides neither when an error is sent nor how one is shown.
  """

  import SnakeBridge.Py, only: [is_kind: 2]

  alias SnakeBridge.{BridgeError, CallbackError, Marshal, Py, Ref, Render}

  @doc """
  The exception that an `Error` of the protocol stands for.

  `home` is where refs in it belong; only errors of lanes carry any.
  """
  @spec exception(term(), Marshal.home() | nil) :: Exception.t()
  def exception(error, home \\ nil)
  def exception({:python, %{} = fields}, home), do: python(fields, home)
  def exception({:elixir, :error, reason, _, _}, _), do: Exception.normalize(:error, reason, [])
  def exception({:elixir, kind, reason, _, _}, _), do: %CallbackError{kind: kind, reason: reason}

  def exception({:bridge, reason, message, hint}, _),
    do: %BridgeError{reason: reason, message: message, hint: hint}

  def exception(other, _) do
    %BridgeError{
      reason: :bad_message,
      message: "an error that is none of the protocol: #{inspect(other, limit: 10)}"
    }
  end

  defp python(fields, home) do
    mro = fields[:mro] || []

    # As they came; what is absent has its default.
    known = Map.take(fields, [:class, :message, :text, :traceback, :notes, :step, :hint])

    Py.Hierarchy.nearest(mro)
    |> struct!(Map.reject(known, fn {_, value} -> value == nil end))
    |> Map.merge(%{
      module: fields[:module],
      mro: mro,
      kinds: Py.Hierarchy.kinds(mro),
      cause: nested(fields[:cause], home),
      context: nested(fields[:context], home),
      group: for(%{} = member <- fields[:group] || [], do: nested(member, home)),
      ref: ref(fields[:ref], home)
    })
  end

  defp nested(%{} = fields, home), do: python(fields, home)
  defp nested({:elixir, _, _, _, _} = error, home), do: exception(error, home)
  defp nested(_, _), do: nil

  defp ref(ref, home) when ref == nil or home == nil, do: nil
  defp ref(ref, home), do: Marshal.decode({:"$tagged", ref}, home)

  @doc "What the protocol calls what a `catch` caught."
  @spec caught(:error | :exit | :throw, term(), Exception.stacktrace()) :: tuple()
  def caught(:error, %BridgeError{} = error, _), do: {:bridge, error.reason, error.message, error.hint}

  # Python finds the object by its ref, or makes one of the nearest class.
  def caught(:error, %{__exception__: true} = error, _) when is_kind(error, "BaseException"),
    do: {:python, Map.take(error, [:class, :module, :message, :mro, :ref])}

  def caught(kind, reason, stacktrace) do
    reason = if kind == :error, do: Exception.normalize(:error, reason, stacktrace), else: reason
    {:elixir, kind, reason, Exception.format_banner(kind, reason, stacktrace), Render.frames(stacktrace)}
  end

  @doc """
  Raises an exception of a call. What a callback threw is thrown, its exit is one, and an error that the VM raises as a
  plain term is that term again: `rescue` cannot tell, `catch` can.
  """
  @spec reraise!(Exception.t()) :: no_return()
  def reraise!(error) do
    {kind, reason} = reason(error)
    :erlang.raise(kind, reason, callers())
  end

  defp reason(%CallbackError{kind: kind, reason: reason}), do: {kind, reason}
  defp reason(%ErlangError{original: reason}), do: {:error, reason}
  defp reason(%MatchError{term: term}), do: {:error, {:badmatch, term}}
  defp reason(%CaseClauseError{term: term}), do: {:error, {:case_clause, term}}
  defp reason(%TryClauseError{term: term}), do: {:error, {:try_clause, term}}
  defp reason(%CondClauseError{}), do: {:error, :cond_clause}
  defp reason(%BadMapError{term: term}), do: {:error, {:badmap, term}}
  defp reason(%BadFunctionError{term: term}), do: {:error, {:badfun, term}}
  defp reason(%BadArityError{function: fun, args: args}), do: {:error, {:badarity, {fun, args}}}
  defp reason(error), do: {:error, error}

  # Where the user's code called, and not where this library raises.
  defp callers do
    {:current_stacktrace, trace} = Process.info(self(), :current_stacktrace)
    Enum.drop_while(trace, &ours?/1)
  end

  defp ours?({module, _, _, _}),
    do:
      module in [
        Process,
        __MODULE__,
        SnakeBridge,
        SnakeBridge.Ref,
        SnakeBridge.Drop,
        SnakeBridge.Natural.Runtime
      ]

  @doc "What to do about an exception, where the bridge knows."
  @spec hint(Exception.t()) :: String.t() | nil
  def hint(%BridgeError{hint: hint}), do: hint
  def hint(%{hint: hint} = error) when is_kind(error, "BaseException"), do: hint

  def hint(%KeyError{term: %Ref{}, key: name}) when is_atom(name) do
    "SnakeBridge.put_attr(ref, #{inspect(Atom.to_string(name))}, value) assigns an attribute; " <>
      "`use SnakeBridge` lets a module read it as ref.#{name}"
  end

  def hint(%ArgumentError{message: "you attempted to apply a function" <> rest}) do
    if rest =~ ~r/ on #Python</, do: "`use SnakeBridge` lets a module call methods of a ref"
  end

  def hint(_), do: nil
end

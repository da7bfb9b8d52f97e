defmodule SnakeBridge.Context do
  @moduledoc """
  Python's context managers around Elixir code: what `SnakeBridge.with_python/3` is made of.

  A context is entered by one call and left by another, on the same thread of Python, so what belongs to a thread (a lock,
  `decimal.localcontext`) holds for the calls between them. The error that ended the block is handed to `__exit__` as
  Python would have it: an exception of Python as that very object, one of Elixir, a throw or an exit as an `ElixirError`.
  When the process ends inside of the block, or a `timeout:` there ends its lane, the worker leaves the context as the
  lane ends. A block that goes on all the same has not had the context: that is an error.

  It calls the function and nothing else of Elixir; what a context does is the manager's business.
  """

  alias SnakeBridge.{BridgeError, Fault, Ref, Steps}

  defmodule Raised do
    @moduledoc false
    # Carries an error of the protocol to Python, as a term that is not looked into.
    @enforce_keys [:error]
    defstruct [:error]
  end

  @python "snakebridge.contexts"

  @doc "Runs the function with what the managers' `__enter__` give; see `SnakeBridge.with_python/3`."
  @spec run(Ref.t() | [Ref.t()], (term() -> term()), keyword()) :: SnakeBridge.result()
  def run(managers, function, opts) do
    outcome =
      case managers do
        %Ref{} -> enter([managers], [], fn [value] -> function.(value) end, opts)
        managers when is_list(managers) -> enter(managers, [], function, opts)
      end

    case outcome do
      {:ok, value} -> {:ok, value}
      {:python, error} -> {:error, error}
      {kind, reason, stacktrace} -> :erlang.raise(kind, reason, stacktrace)
    end
  end

  # What a block comes to: `{:ok, value}`, `{:python, error}` where a manager failed, or what the function itself raised,
  # threw or exited with.
  defp enter([], values, function, _) do
    {:ok, function.(Enum.reverse(values))}
  catch
    kind, reason -> {kind, reason, __STACKTRACE__}
  end

  defp enter([%Ref{} = manager | managers], values, function, opts) do
    opts = Keyword.put(opts, :ref, manager)

    case call("enter", [manager], opts) do
      {:ok, {number, value}} -> managers |> enter([value | values], function, opts) |> leave(number, opts)
      {:ok, {number}} -> managers |> enter_with_object(number, values, function, opts) |> leave(number, opts)
      {:error, error} -> {:python, error}
    end
  end

  defp enter_with_object(managers, number, values, function, opts) do
    case call("entered", [number], [{:as, :ref} | opts]) do
      {:ok, value} -> enter(managers, [value | values], function, opts)
      {:error, error} -> {:python, error}
    end
  end

  defp leave(outcome, number, opts) do
    args = if raised = raised(outcome), do: [number, raised], else: [number]

    case {call("leave", args, opts), outcome} do
      {{:ok, nil}, {:ok, _}} -> {:python, left_before()}
      {{:ok, true}, {:ok, value}} -> {:ok, value}
      {{:ok, true}, _} -> {:ok, nil}
      {{:ok, _}, outcome} -> outcome
      # The worker is gone: what the block came to says more.
      {{:error, %BridgeError{}}, outcome} when elem(outcome, 0) != :ok -> outcome
      {{:error, error}, _} -> {:python, error}
    end
  end

  defp left_before do
    %BridgeError{
      reason: :interrupted,
      message:
        "Python left the context before the block ended: the process's thread of Python had ended, as it does when a " <>
          "call gets no answer within its `timeout:`",
      hint: "let another process make calls with `timeout:` that the block can do without"
    }
  end

  # `ref:` has it asked of the worker that has the manager.
  defp call(name, args, opts), do: Steps.run({:module, @python}, [{:method, name, args, []}], opts)

  defp raised({:ok, _}), do: nil
  defp raised({:python, error}), do: %Raised{error: Fault.caught(:error, error, [])}
  defp raised({kind, reason, stacktrace}), do: %Raised{error: Fault.caught(kind, reason, stacktrace)}
end

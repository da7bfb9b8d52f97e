defmodule SnakeBridge.Telemetry do
  @moduledoc """
  Events of calls, where the library `:telemetry` is loaded. Without it nothing is measured, and a call pays only for
  asking whether it is there.

  | event | when | measurements |
  |---|---|---|
  | `[:snakebridge, :call, :start]` | before a call | `system_time` (native units) |
  | `[:snakebridge, :call, :stop]` | it gave a value | `duration` (native units, monotonic) |
  | `[:snakebridge, :call, :exception]` | it gave an error, or the process left it by a raise, throw or exit | `duration` |

  Metadata:

  | key | |
  |---|---|
  | `session` | the session or pool that was asked |
  | `target` | the module's name, the name, or the type of the ref or value that the call began with |
  | `name` | the dotted name of what was called or read, as in `"linalg.norm"`; nil for none, as of `import/2` |
  | `arity` | how many arguments the call has, by position and by keyword; nil where nothing is called |
  | `tags` | the option `tags:` of the call, default `[]`: any term |
  | `kind`, `reason`, `stacktrace` | of `exception` only: `:error` and the exception where the call gave one |

  One call of the API is one event, however many steps it takes on its way, and so is one that is sent again, since the
  worker had died before, or that waits for a pool's member. `batch/2` is one call too: its `target` is `"batch"`, its
  `arity` the number of calls in it.
  What a call's callbacks call are calls of their own. So are the round trips of an enumeration or a stream: the functions
  `begin`, `take` and `close` of `snakebridge.iteration`; and of `with_python/3`: `enter` and `leave` of
  `snakebridge.contexts`. `inspect/1` and releases are no calls, and neither is one that is refused before it is sent: an
  argument that cannot be converted, refs of two workers.
  """

  @prefix [:snakebridge, :call]

  @doc "Whether anybody may listen."
  @spec loaded?() :: boolean()
  # Who attaches to an event has loaded it.
  def loaded?, do: :erlang.function_exported(:telemetry, :execute, 3)

  @doc "Runs a call, between its events."
  @spec span(SnakeBridge.Session.t(), term(), [tuple()], keyword(), (-> SnakeBridge.result())) ::
          SnakeBridge.result()
  def span(session, target, steps, opts, call) do
    {name, arity} = called(steps)

    metadata = %{
      session: session,
      target: target(target),
      name: name,
      arity: arity,
      tags: Keyword.get(opts, :tags, [])
    }

    execute(:start, %{system_time: System.system_time()}, metadata)
    start = System.monotonic_time()

    try do
      call.()
    catch
      kind, reason ->
        left(start, kind, reason, __STACKTRACE__, metadata)
        :erlang.raise(kind, reason, __STACKTRACE__)
    else
      {:error, error} = result ->
        left(start, :error, error, [], metadata)
        result

      result ->
        execute(:stop, %{duration: System.monotonic_time() - start}, metadata)
        result
    end
  end

  defp left(start, kind, reason, stacktrace, metadata) do
    duration = System.monotonic_time() - start
    metadata = Map.merge(metadata, %{kind: kind, reason: reason, stacktrace: stacktrace})
    execute(:exception, %{duration: duration}, metadata)
  end

  # Not known when this is compiled.
  defp execute(event, measurements, metadata),
    do: apply(:telemetry, :execute, [@prefix ++ [event], measurements, metadata])

  defp target({kind, name}) when kind in [:module, :name], do: name
  defp target({:value, %SnakeBridge.Ref{type: type}}), do: type
  defp target({:value, value}), do: kind(value)
  defp target(_), do: nil

  defp kind(%module{}), do: inspect(module)
  defp kind(value) when is_binary(value), do: "binary"
  defp kind(value) when is_list(value), do: "list"
  defp kind(value) when is_map(value), do: "map"
  defp kind(value) when is_tuple(value), do: "tuple"
  defp kind(value) when is_number(value), do: "number"
  defp kind(value) when is_atom(value), do: "atom"
  defp kind(_), do: "term"

  # The names that lead to the last step, and what it is given.
  defp called(steps), do: called(steps, [], nil)

  defp called([{:attr, name} | steps], names, arity), do: called(steps, [name | names], arity)

  defp called([{:method, name, args, kwargs} | steps], names, _),
    do: called(steps, [name | names], count(args) + count(kwargs))

  defp called([{:call, args, kwargs} | steps], names, _),
    do: called(steps, names, count(args) + count(kwargs))

  defp called([{:fun, name} | steps], names, _), do: called(steps, [to_string(name) | names], 1)
  defp called([{:op, name, _} | steps], names, _), do: called(steps, [to_string(name) | names], 2)
  defp called([{:rop, name, _} | steps], names, _), do: called(steps, [to_string(name) | names], 2)
  defp called([_ | steps], names, arity), do: called(steps, names, arity)
  defp called([], [], arity), do: {nil, arity}
  defp called([], names, arity), do: {names |> Enum.reverse() |> Enum.map_join(".", &to_string/1), arity}

  defp count(args) when is_list(args), do: length(args)
  defp count(args) when is_map(args), do: map_size(args)
  defp count(_), do: 0
end

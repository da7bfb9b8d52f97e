defmodule SnakeBridge.Host.Prompt do
  @moduledoc """
  What the commands of the terminal's prompt ask Elixir: sizes, timings, who holds refs.

  Each is run by a cell that is no cell of the user's, and prints one line of JSON last. Nothing is bound.
  """

  alias SnakeBridge.{Json, Keeper, Lane, Ref}

  @measurements 5
  @fifth_of_a_second 200_000_000
  # Nothing that a name holds is looked at further.
  @most_terms 200_000

  @doc "Times a function: loops of a fifth of a second, five of them."
  @spec timeit((-> term())) :: :ok
  def timeit(function) do
    loops = loops(function, 1)
    before = requests()
    runs = for _ <- 1..@measurements, do: measure(function, loops) / loops
    calls = (requests() - before) / (loops * @measurements)
    tell(%{loops: loops, runs: runs, calls: calls, empty_call: if(calls > 0, do: empty_call())})
  end

  # So many that they take a fifth of a second: 1, 2, 5, 10, 20, ...
  defp loops(function, loops) do
    cond do
      measure(function, loops) >= @fifth_of_a_second ->
        loops

      rem(loops, 5) != 0 and loops |> Integer.to_string() |> String.starts_with?("2") ->
        loops(function, div(loops * 5, 2))

      true ->
        loops(function, loops * 2)
    end
  end

  defp measure(function, loops) do
    begin = System.monotonic_time()
    repeat(function, loops)
    System.convert_time_unit(System.monotonic_time() - begin, :native, :nanosecond)
  end

  defp repeat(_, 0), do: :ok

  defp repeat(function, loops) do
    function.()
    repeat(function, loops - 1)
  end

  # Of this process, to the session's worker.
  defp requests, do: Lane.requests(SnakeBridge.Session)

  defp empty_call do
    call = fn -> Lane.request(SnakeBridge.Session, :batch, []) end
    loops = 200
    repeat(call, loops)
    measure(call, loops) / loops
  end

  @doc "What the names of Elixir take, in bytes, the largest first."
  @spec sizes() :: :ok
  def sizes do
    sizes =
      Keeper.view(fn variables, _ ->
        for {name, value} <- variables, do: %{name: name, bytes: bytes(value)}
      end)

    sizes |> Enum.sort_by(&(-&1.bytes)) |> Enum.take(20) |> tell()
  end

  # Large binaries live outside of the term.
  defp bytes(value) do
    words = :erts_debug.flat_size(value) * :erlang.system_info(:wordsize)
    max(words, :erlang.external_size(value))
  end

  @doc "The names of Elixir that hold refs, with how many of which type. What nobody reaches any more is collected first."
  @spec refs() :: :ok
  def refs do
    for process <- Process.list(), do: :erlang.garbage_collect(process)

    holders =
      Keeper.view(fn variables, _ ->
        for {name, value} <- variables,
            {types, _} = held(value, {%{}, @most_terms}),
            types != %{},
            do: %{name: name, types: types}
      end)

    tell(holders)
  end

  defp held(_, {types, 0}), do: {types, 0}
  defp held(%Ref{type: type}, {types, left}), do: {Map.update(types, type, 1, &(&1 + 1)), left - 1}
  defp held([head | tail], acc), do: held(tail, held(head, acc))
  defp held(tuple, acc) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> held(acc)

  defp held(%{} = map, acc) do
    map
    |> Map.delete(:__struct__)
    |> Map.to_list()
    |> held(acc)
  end

  defp held(_, {types, left}), do: {types, left - 1}

  defp tell(value), do: IO.puts(["\n", Json.encode(value)])
end

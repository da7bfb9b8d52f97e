# Calls of many Elixir processes, calls through a pool, and calls while many refs live. Prints one JSON object;
# bench/run.py makes the table.
#
#     elixir -pa elixir/_build/prod/lib/snakebridge/ebin bench/many.exs

defmodule Many do
  def percentile(sorted, p), do: Enum.at(sorted, min(length(sorted) - 1, trunc(length(sorted) * p / 100)))

  # `total` calls by so many processes, after some by each: the time of each call, and calls in a second.
  def run(processes, total, call) do
    each = div(total, processes)
    me = self()

    tasks =
      for _ <- 1..processes do
        Task.async(fn ->
          for _ <- 1..max(div(each, 10), 5), do: call.()
          send(me, :ready)
          receive do: (:go -> for(_ <- 1..each, do: time(call)))
        end)
      end

    # All have a thread of Python, and are at the start.
    for _ <- tasks, do: receive(do: (:ready -> :ok))
    began = System.monotonic_time(:nanosecond)
    for task <- tasks, do: send(task.pid, :go)
    times = tasks |> Task.await_many(:infinity) |> List.flatten() |> Enum.sort()
    seconds = (System.monotonic_time(:nanosecond) - began) / 1.0e9
    %{p50: percentile(times, 50) / 1000, p99: percentile(times, 99) / 1000, per_second: each * processes / seconds}
  end

  defp time(call) do
    began = System.monotonic_time(:nanosecond)
    call.()
    System.monotonic_time(:nanosecond) - began
  end

  # Enough JSON for a map of maps of numbers.
  def json(map) when is_map(map),
    do: "{" <> Enum.map_join(map, ",", fn {k, v} -> ~s("#{k}":#{json(v)}) end) <> "}"

  def json(number), do: "#{number}"
end

sqrt = fn -> SnakeBridge.call!("math", "sqrt", [16]) end
4.0 = sqrt.()

processes = for n <- [1, 10, 100], into: %{}, do: {n, Many.run(n, 20_000, sqrt)}

{:ok, _} = Application.ensure_all_started(:snakebridge)
{:ok, _} = SnakeBridge.Pool.start_link(name: Bench.Pool, size: 2)
pooled = fn -> SnakeBridge.call!("math", "sqrt", [16], [], session: Bench.Pool) end
4.0 = pooled.()
pool = for n <- [1, 10], into: %{}, do: {n, Many.run(n, 20_000, pooled)}

# The refs of the step before go on living.
{refs, _} =
  Enum.map_reduce([10, 1_000, 100_000, 1_000_000], [], fn count, held ->
    more = SnakeBridge.run!("[object() for _ in range(n)]", n: count - length(held))
    held = more ++ held
    ^count = length(held)
    result = Many.run(1, 10_000, sqrt)
    # Used after it, and so not collected before.
    true = SnakeBridge.ref?(hd(held))
    {{count, result}, held}
  end)

IO.puts(Many.json(%{processes: processes, pool: pool, refs: Map.new(refs)}))

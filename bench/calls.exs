# Calls from Elixir, beside an echo over the same kind of socket. Prints one JSON object; bench/run.py makes the table.
#
#     elixir -pa elixir/_build/prod/lib/snakebridge/ebin bench/calls.exs PATH_OF_ECHO

defmodule Bench do
  def sample(count, fun) do
    for _ <- 1..div(count, 10), do: fun.()

    for _ <- 1..count do
      start = :erlang.monotonic_time(:nanosecond)
      fun.()
      :erlang.monotonic_time(:nanosecond) - start
    end
    |> Enum.sort()
  end

  def percentile(sorted, p),
    do: Enum.at(sorted, min(length(sorted) - 1, trunc(length(sorted) * p / 100)))

  def us(sorted), do: %{p50: percentile(sorted, 50) / 1000, p99: percentile(sorted, 99) / 1000}

  def best_ms(times, fun) do
    for(_ <- 1..times, do: elem(:timer.tc(fun), 0)) |> Enum.min() |> Kernel./(1000)
  end

  # Enough JSON for a map of maps of numbers.
  def json(map) when is_map(map),
    do: "{" <> Enum.map_join(map, ",", fn {k, v} -> ~s("#{k}":#{json(v)}) end) <> "}"

  def json(number), do: "#{number}"
end

[echo] = System.argv()
path = Path.join(System.tmp_dir!(), "snakebridge-echo-#{System.pid()}.sock")
port = Port.open({:spawn_executable, echo}, [:binary, :exit_status, args: [path]])

wait = fn wait, tries ->
  case SnakeBridge.Socket.connect(path) do
    {:ok, socket} -> socket
    {:error, reason} when tries == 0 -> raise "the echo did not start: #{inspect(reason)}"
    {:error, _} -> Process.sleep(10) && wait.(wait, tries - 1)
  end
end

socket = wait.(wait, 300)
message = {:req, 1, :do, {{:module, "math"}, [{:method, "sqrt", [16], []}], %{}}}

round_trip = fn ->
  :ok = SnakeBridge.Socket.send(socket, message)
  {:ok, ^message, _} = SnakeBridge.Socket.recv(socket)
end

4.0 = SnakeBridge.call!("math", "sqrt", [16])
count = 20_000

# In turns, so that a change of the machine's speed meets both.
{echoes, calls} =
  Enum.unzip(
    for _ <- 1..5 do
      {Bench.sample(div(count, 5), round_trip),
       Bench.sample(div(count, 5), fn -> SnakeBridge.call!("math", "sqrt", [16]) end)}
    end
  )

echo_us = echoes |> List.flatten() |> Enum.sort() |> Bench.us()
call_us = calls |> List.flatten() |> Enum.sort() |> Bench.us()

ints = Enum.to_list(1..1_000_000)

main =
  SnakeBridge.attr!(SnakeBridge.call!("importlib", "import_module", ["__main__"]), "__dict__", as: :ref)

SnakeBridge.call!("builtins", "exec", [
  "def take(xs): return len(xs)\nmillion = list(range(1, 1_000_001))",
  main
])

1_000_000 = SnakeBridge.call!("__main__", "take", [ints])
to_python_ms = Bench.best_ms(7, fn -> SnakeBridge.call!("__main__", "take", [ints]) end)
from_python_ms = Bench.best_ms(7, fn -> SnakeBridge.get!("__main__", "million", as: :value) end)
encode_ms = Bench.best_ms(7, fn -> :erlang.term_to_binary(ints) end)
binary = :erlang.term_to_binary(ints)
decode_ms = Bench.best_ms(7, fn -> :erlang.binary_to_term(binary) end)

# Python calls a function of Elixir: from the thread that serves the caller, and from eight threads of its own.
SnakeBridge.call!("builtins", "exec", [
  """
  from concurrent.futures import ThreadPoolExecutor
  def calls(f, n):
      for i in range(n): f(i)
  pool = ThreadPoolExecutor(8)
  def calls_in_threads(f, n):
      for _ in pool.map(f, range(n)): pass
  """,
  main
])

callback = fn n -> n end
callbacks = 20_000

for name <- ["calls", "calls_in_threads"],
    do: SnakeBridge.call!("__main__", name, [callback, 1_000])

callback_ms =
  Bench.best_ms(5, fn -> SnakeBridge.call!("__main__", "calls", [callback, callbacks]) end)

threads_ms =
  Bench.best_ms(5, fn ->
    SnakeBridge.call!("__main__", "calls_in_threads", [callback, callbacks])
  end)

# A generator of a million items, walked through from Elixir and by Python itself.
generator = fn -> SnakeBridge.run!("(i for i in range(1_000_000))") end

own_loop = """
import time
began = time.perf_counter()
for _ in (i for i in range(1_000_000)): pass
time.perf_counter() - began
"""

{walks, loops} =
  Enum.unzip(
    for _ <- 1..5 do
      items = generator.()
      {us, 1_000_000} = :timer.tc(fn -> Enum.reduce(items, 0, fn _, n -> n + 1 end) end)
      {us, SnakeBridge.run!(own_loop)}
    end
  )

# Ten steps in one request, beside one call and beside ten; ten calls in a batch.
step = {:method, "upper", [], []}
sqrt = {"math", "sqrt", [16]}
ten_sqrts = List.duplicate(sqrt, 10)

shapes = %{
  one: fn -> SnakeBridge.steps!({:value, "a"}, [step]) end,
  chain: fn -> SnakeBridge.steps!({:value, "a"}, List.duplicate(step, 10)) end,
  ten: fn -> for _ <- 1..10, do: SnakeBridge.steps!({:value, "a"}, [step]) end,
  batch: fn -> SnakeBridge.batch!(ten_sqrts) end,
  ten_sqrts: fn -> for {module, name, args} <- ten_sqrts, do: SnakeBridge.call!(module, name, args) end
}

shape_us =
  for(_ <- 1..5, {name, fun} <- shapes, do: {name, Bench.sample(1_000, fun)})
  |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
  |> Map.new(fn {name, samples} ->
    {name, samples |> List.flatten() |> Enum.sort() |> Bench.percentile(50) |> Kernel./(1000)}
  end)

IO.puts(
  Bench.json(%{
    echo_us: echo_us,
    call_us: call_us,
    item_ns: %{elixir: Enum.min(walks) / 1000, python: Enum.min(loops) * 1000},
    shape_us: shape_us,
    callback_us: %{own: callback_ms * 1000 / callbacks, threads: threads_ms * 1000 / callbacks},
    million: %{
      to_python_ms: to_python_ms,
      from_python_ms: from_python_ms,
      term_to_binary_ms: encode_ms,
      binary_to_term_ms: decode_ms
    }
  })
)

Port.close(port)
File.rm(path)

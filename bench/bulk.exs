# Bulk data both ways, beside a plain copy of as many bytes over the same kind of socket, between the same two
# languages. Prints one JSON object; bench/run.py makes the table.
#
#     elixir -pa elixir/_build/prod/lib/snakebridge/ebin bench/bulk.exs

defmodule Bench do
  @bytes 100_000_000
  @rounds 7

  def bytes, do: @bytes

  def connect(path, tries \\ 300) do
    case :gen_tcp.connect({:local, path}, 0, [:binary, active: false, packet: :raw]) do
      {:ok, socket} -> socket
      {:error, reason} when tries == 0 -> raise "the copy did not start: #{inspect(reason)}"
      {:error, _} -> Process.sleep(10) && connect(path, tries - 1)
    end
  end

  def copy_to(socket, data) do
    :ok = :gen_tcp.send(socket, [<<?r, byte_size(data)::64>>, data])
    {:ok, "."} = :gen_tcp.recv(socket, 1)
  end

  def copy_from(socket) do
    :ok = :gen_tcp.send(socket, <<?w, @bytes::64>>)
    take(socket, @bytes)
  end

  defp take(_, 0), do: :ok

  defp take(socket, missing) do
    size = min(missing, 50_000_000)
    {:ok, _} = :gen_tcp.recv(socket, size)
    take(socket, missing - size)
  end

  # In turns, so that a change of the machine's speed meets all of them; the best of each.
  def best_ms(functions) do
    rounds =
      for _ <- 1..@rounds, {name, function} <- functions do
        :erlang.garbage_collect()
        {microseconds, _} = :timer.tc(function)
        {name, microseconds / 1000}
      end

    for {name, times} <- Enum.group_by(rounds, &elem(&1, 0), &elem(&1, 1)),
        into: %{},
        do: {name, Enum.min(times)}
  end
end

{:ok, python} = SnakeBridge.Worker.python()
path = Path.join(System.tmp_dir!(), "snakebridge-copy-#{System.pid()}.sock")
port = Port.open({:spawn_executable, python}, [:binary, args: [Path.join(__DIR__, "plain_copy.py"), path]])
socket = Bench.connect(path)

source = "def take(x): return len(x)\nblob = bytes(range(250)) * #{div(Bench.bytes(), 250)}\n"
names = SnakeBridge.call!("builtins", "dict", [], [], as: :ref)
SnakeBridge.call!("builtins", "exec", [source, names])
{take, blob} = {SnakeBridge.item!(names, "take"), SnakeBridge.item!(names, "blob", as: :ref)}
binary = SnakeBridge.value!(blob)
text = :binary.copy("x", Bench.bytes())

functions = [
  copy_to_python_ms: fn -> Bench.copy_to(socket, binary) end,
  copy_from_python_ms: fn -> Bench.copy_from(socket) end,
  binary_to_python_ms: fn -> SnakeBridge.apply!(take, [SnakeBridge.bytes(binary)]) end,
  binary_from_python_ms: fn -> SnakeBridge.value!(blob) end,
  text_to_python_ms: fn -> SnakeBridge.apply!(take, [text]) end
]

# Without numpy it is a memoryview there, and the same memory.
array = SnakeBridge.Array.new(binary, :f64, {div(Bench.bytes(), 8)})
there = SnakeBridge.steps!({:value, array}, [], as: :ref)

functions =
  functions ++
    [
      array_to_python_ms: fn -> SnakeBridge.apply!(take, [array]) end,
      array_from_python_ms: fn -> SnakeBridge.value!(there, as: :array) end
    ]

times = Bench.best_ms(functions)
IO.puts("{" <> Enum.map_join(times, ",", fn {name, time} -> ~s("#{name}":#{time}) end) <> "}")
Port.close(port)
File.rm(path)

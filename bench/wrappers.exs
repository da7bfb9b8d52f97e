# Generated wrappers and drops: what a call through one costs beside the dynamic call, and how long libraries take to be
# introspected, generated and compiled. Prints one JSON object; bench/run.py makes the table.
#
#     elixir -pa elixir/_build/prod/lib/snakebridge/ebin bench/wrappers.exs

defmodule Bench do
  def sample(count, fun) do
    for _ <- 1..count do
      start = :erlang.monotonic_time(:nanosecond)
      fun.()
      :erlang.monotonic_time(:nanosecond) - start
    end
  end

  def median(sample), do: sample |> Enum.sort() |> Enum.at(div(length(sample), 2)) |> Kernel./(1000)

  def ms(fun) do
    {us, value} = :timer.tc(fun)
    {us / 1000, value}
  end

  # Enough JSON for a map of maps of numbers.
  def json(map) when is_map(map),
    do: "{" <> Enum.map_join(map, ",", fn {k, v} -> ~s("#{k}":#{json(v)}) end) <> "}"

  def json(nil), do: "null"
  def json(number), do: "#{number}"
end

alias SnakeBridge.{Generator, Schema}

introspect = fn name, options ->
  SnakeBridge.call!("snakebridge.introspection", "introspect", [name], options)
end

# --- a call ---

for made <- Generator.generate(introspect.("math", []), prefix: Bench), do: Code.compile_string(made.source)
wrapper = Bench.Math
{:ok, 4.0} = wrapper.sqrt(16)
{:ok, 4.0} = SnakeBridge.call("math", "sqrt", [16])

# In turns, so that a change of the machine's speed meets both; by name, as code that uses them is written.
[{calls, _}] =
  Code.compile_string("""
  defmodule Bench.Calls do
    import SnakeBridge, only: [sigil_PY: 2]
    def wrapped, do: Bench.Math.sqrt(16)
    def drop(math, x), do: ~PY"math.sqrt(x)"
    def dynamic, do: SnakeBridge.call("math", "sqrt", [16])
  end
  """)

math = SnakeBridge.call!("importlib", "import_module", ["math"])
ways = [wrapped: fn -> calls.wrapped() end, dynamic: fn -> calls.dynamic() end, drop: fn -> calls.drop(math, 16) end]
rounds = for _ <- 1..40, {name, way} <- ways, do: {name, Bench.sample(1_000, way)}

call_us =
  Map.new(ways, fn {name, _} -> {name, Bench.median(for {^name, sample} <- rounds, us <- sample, do: us)} end)

# --- libraries ---

whole = fn name ->
  folder = Path.join(System.tmp_dir!(), "snakebridge-bench-#{System.pid()}-#{name}")
  store = Path.join(folder, "store")
  {ebin, lib} = {Path.join(folder, "ebin"), Path.join(folder, "lib")}

  try do
    {introspect_ms, document} = Bench.ms(fn -> introspect.(name, []) end)
    key = Schema.Store.key(name, [])
    {:ok, _, _, :new} = Schema.Store.fetch_or(store, key, fn -> {:ok, document} end)
    {generate_ms, generated} = Bench.ms(fn -> Generator.generate(document) end)
    known = Map.new(generated, &{&1.module, &1.fingerprint})

    for made <- generated do
      path = Path.join(lib, made.path)
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, made.source)
    end

    File.mkdir_p!(ebin)
    files = Path.wildcard(Path.join(lib, "**/*.ex"))

    {compile_ms, {:ok, _, %{compile_warnings: [], runtime_warnings: []}}} =
      Bench.ms(fn -> Kernel.ParallelCompiler.compile_to_path(files, ebin, return_diagnostics: true) end)

    {again_ms, again} =
      Bench.ms(fn ->
        {:ok, document, _, :kept} = Schema.Store.fetch_or(store, key, fn -> raise "it is kept" end)
        Generator.generate(document, known: known)
      end)

    true = Enum.all?(again, &(&1.source == nil))
    functions = for made <- generated, do: made.source |> String.split(~r/\n  (def |Wrapper.defany\()[^_]/) |> length()

    %{
      introspect_ms: introspect_ms,
      generate_ms: generate_ms,
      compile_ms: compile_ms,
      again_ms: again_ms,
      modules: length(generated),
      functions: Enum.sum(functions) - length(generated),
      source_bytes: generated |> Enum.map(&byte_size(&1.source)) |> Enum.sum(),
      beam_bytes: ebin |> Path.join("*") |> Path.wildcard() |> Enum.map(&File.stat!(&1).size) |> Enum.sum()
    }
  after
    File.rm_rf!(folder)
  end
end

libraries =
  for name <- ["json", "numpy", "pandas"], into: %{} do
    installed = SnakeBridge.run!("import importlib.util\nimportlib.util.find_spec(name) is not None", name: name)
    {name, if(installed, do: whole.(name))}
  end

IO.puts(Bench.json(%{call_us: call_us, libraries: libraries}))

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

alias SnakeBridge.{Generator, Project}

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
  {ebin, lib} = {Path.join(folder, "ebin"), Path.join(folder, "lib")}

  try do
    {introspect_ms, document} = Bench.ms(fn -> introspect.(name, []) end)
    {generate_ms, generated} = Bench.ms(fn -> Generator.generate(document) end)

    for made <- generated do
      path = Path.join(lib, made.path)
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, made.source)
    end

    File.mkdir_p!(ebin)
    files = Path.wildcard(Path.join(lib, "**/*.ex"))

    {compile_ms, {:ok, _, %{compile_warnings: [], runtime_warnings: []}}} =
      Bench.ms(fn -> Kernel.ParallelCompiler.compile_to_path(files, ebin, return_diagnostics: true) end)

    # A project's, with nothing changed.
    {:ok, config} = Project.Config.new([mode: :compile_time, libraries: [{name, [generate: :all]}]], root: folder)
    project = %{root: folder, build: Path.join(folder, "_build"), paths: [], env: :prod, app: :bench}
    {:ok, %{changed: [_ | _]}} = Project.sync(config, project)
    {again_ms, {:ok, %{changed: []}}} = Bench.ms(fn -> Project.sync(config, project) end)

    %{
      introspect_ms: introspect_ms,
      generate_ms: generate_ms,
      compile_ms: compile_ms,
      again_ms: again_ms,
      modules: length(generated),
      functions: generated |> Enum.map(&map_size(&1.functions)) |> Enum.sum(),
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

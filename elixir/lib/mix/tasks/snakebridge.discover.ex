defmodule Mix.Tasks.Snakebridge.Discover do
  @shortdoc "Shows what a Python module has, as a configuration or as data"
  @moduledoc """
  Shows what a Python module has: as the beginning of a `snakebridge.exs`, or as the whole document of introspection.

      mix snakebridge.discover MODULE [--depth N] [--format elixir|json|yaml] [--cache] [-o FILE]

    * `--depth` - how many levels of submodules, default 0
    * `--format` - `elixir` (default), `json` or `yaml`
    * `--cache` - takes what the project's store has, if it has it
    * `-o`, `--output` - a file; one that is there is not overwritten
  """

  use Mix.Task

  # In each application of an umbrella.
  @recursive true

  alias Mix.SnakeBridge, as: Helper
  alias SnakeBridge.Json
  alias SnakeBridge.Project.{Config, Documents}

  @switches [depth: :integer, format: :string, cache: :boolean, output: :string]

  @impl true
  def run(args) do
    {opts, rest} = Helper.parse!(args, strict: @switches, aliases: [o: :output])
    module = one!(rest)
    format = opts[:format] || "elixir"

    if format not in ["elixir", "json", "yaml"],
      do: Mix.raise("--format is elixir, json or yaml, got: #{format}")

    if opts[:output] && File.exists?(opts[:output]),
      do: Mix.raise("#{opts[:output]} is there already\nhint: remove it first")

    {config, _} = Helper.project!()
    {:ok, asked} = Config.new([libraries: [{module, [depth: opts[:depth] || 0]}]], root: config.root)

    config = %{
      asked
      | python: config.python,
        environment: config.environment,
        store: config.store,
        packages: config.packages
    }

    [library] = config.libraries

    document =
      Documents.open(
        config,
        [fresh: not (opts[:cache] || false)],
        &Helper.ok!(Documents.get(&1, library, []))
      )

    write(text(document, format, opts[:depth] || 0), opts[:output])
  end

  defp one!([module]), do: module

  defp one!(_),
    do: Mix.raise("mix snakebridge.discover takes the name of one module, as: mix snakebridge.discover numpy")

  defp write(text, nil), do: Mix.shell().info(text)

  defp write(text, file) do
    File.write!(file, text <> "\n")
    Mix.shell().info("* #{file}")
  end

  defp text(document, "json", _), do: Json.encode(document)
  defp text(document, "yaml", _), do: document |> yaml(0) |> IO.iodata_to_binary() |> String.trim()

  defp text(document, "elixir", depth),
    do: document |> elixir(depth) |> Code.format_string!() |> IO.iodata_to_binary()

  # --- a configuration ---

  defp elixir(document, depth) do
    root = document["root"]
    modules = document["modules"]

    submodules =
      for module <- modules,
          name <- module["submodules"],
          name not in Enum.map(modules, & &1["name"]),
          do: name

    requirement =
      with %{"name" => name, "version" => version} <- document["package"], do: "#{name}==#{version}"

    """
    # #{title(document)}, of Python #{document["python"]}
    #{for module <- modules, do: "# #{inspect(module["name"])}: #{counts(module)}\n"}
    [
      libraries: [
        #{if submodules != [], do: "# Not looked at, until they are used or named in include: #{Enum.map_join(submodules, ", ", &inspect/1)}\n"}
        #{entry(root, depth)}
      ]#{if is_binary(requirement), do: ", packages: [#{inspect(requirement)}]"}
    ]
    """
  end

  defp entry(root, 0), do: if(root =~ ".", do: inspect(root), else: ":#{root}")

  defp entry(root, depth),
    do: if(root =~ ".", do: "{#{inspect(root)}, [depth: #{depth}]}", else: "#{root}: [depth: #{depth}]")

  defp title(%{"package" => %{"name" => name, "version" => version}}), do: inspect("#{name} #{version}")
  defp title(document), do: inspect(document["root"])

  defp counts(module) do
    for(key <- ["functions", "classes", "constants"], do: "#{length(module[key])} #{key}") |> Enum.join(", ")
  end

  # --- YAML ---

  # Texts are JSON's, which are YAML's too.
  defp yaml(map, depth) when is_map(map) and map_size(map) > 0 do
    for {key, value} <- Enum.sort(map),
        do: ["\n", indent(depth), Json.encode(key), ":", yaml(value, depth + 1)]
  end

  defp yaml([_ | _] = list, depth) do
    for value <- list, do: ["\n", indent(depth), "-", yaml(value, depth + 1)]
  end

  defp yaml(value, _), do: [" ", Json.encode(value)]

  defp indent(depth), do: List.duplicate("  ", depth)
end

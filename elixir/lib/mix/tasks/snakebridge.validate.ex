defmodule Mix.Tasks.Snakebridge.Validate do
  @shortdoc "Checks the configuration of wrappers against Python"
  @moduledoc """
  Checks the configuration, and that Python has what it names: libraries that can be imported, the modules and functions in
  `include:`, `modules:` and `functions:`.

      mix snakebridge.validate

  Fails where something is wrong. Nothing is written but the store.
  """

  use Mix.Task

  # In each application of an umbrella.
  @recursive true

  alias Mix.SnakeBridge, as: Helper
  alias SnakeBridge.Nearest
  alias SnakeBridge.Project.Documents

  @impl true
  def run(args) do
    [] = Helper.options!(args, [])
    {config, _} = Helper.project!()

    problems =
      Documents.open(config, [fresh: true], fn documents ->
        Enum.flat_map(config.libraries, &problems(documents, &1))
      end)

    for problem <- problems, do: Mix.shell().error("error: #{problem}")
    if problems != [], do: exit({:shutdown, 1})
    Mix.shell().info("#{length(config.libraries)} libraries are configured as they are in Python")
  end

  defp problems(documents, library) do
    modules = Map.keys(library.options[:modules] || %{})

    case Documents.get(documents, library, modules -- [library.python]) do
      {:ok, document} -> warnings(document, library) ++ names(document, library)
      {:error, error} -> [Exception.message(error)]
    end
  end

  defp warnings(document, library) do
    asked = MapSet.new(library.options[:include] || [], &full(&1, library))

    for %{"path" => path, "message" => message} <- document["warnings"],
        path in asked or is_map_key(library.options[:modules] || %{}, path),
        do: "libraries.#{library.python}: #{path}: #{message}"
  end

  defp full(name, library),
    do: if(String.starts_with?(name, library.python <> "."), do: name, else: "#{library.python}.#{name}")

  defp names(document, library) do
    known = known(document)

    for key <- [:modules, :functions],
        {path, _} <- library.options[key] || %{},
        not is_map_key(known, path),
        # One whose module has not been looked at may be there.
        looked_at?(path, document) do
      near = Nearest.name(path, Map.keys(known))
      hint = if near, do: "\nhint: did you mean #{near}?", else: ""
      "libraries.#{library.python}.#{key}: there is no #{path}#{hint}"
    end
  end

  defp known(document) do
    for module <- document["modules"],
        path <- [module["name"] | of_module(module)],
        into: %{},
        do: {path, true}
  end

  defp of_module(module) do
    own =
      for kind <- ["functions", "classes", "constants", "aliases"],
          %{"name" => name} <- module[kind],
          do: name

    of_classes =
      for class <- module["classes"],
          kind <- ["methods", "properties", "attributes"],
          %{"name" => name} <- class[kind],
          do: "#{class["name"]}.#{name}"

    Enum.map(own ++ of_classes, &"#{module["name"]}.#{&1}")
  end

  defp looked_at?(path, document) do
    modules = MapSet.new(document["modules"], & &1["name"])
    others = for module <- document["modules"], name <- module["submodules"], name not in modules, do: name
    not Enum.any?(others, &(path == &1 or String.starts_with?(path, &1 <> ".")))
  end
end

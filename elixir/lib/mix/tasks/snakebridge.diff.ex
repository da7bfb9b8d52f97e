defmodule Mix.Tasks.Snakebridge.Diff do
  @shortdoc "Shows what mix snakebridge.generate would change"
  @moduledoc """
  Shows what `mix snakebridge.generate` would change: modules and functions that would come, go, or take other arguments;
  and what has changed in Python since it was looked at, with `!` before what may break those who call it. Nothing is
  written.

      mix snakebridge.diff [--exit-code]

  With `--exit-code` it fails where there is something to show.
  """

  use Mix.Task

  # In each application of an umbrella.
  @recursive true

  alias Mix.SnakeBridge, as: Helper
  alias SnakeBridge.Project
  alias SnakeBridge.Schema.Diff

  @impl true
  def run(args) do
    opts = Helper.options!(args, exit_code: :boolean)
    {config, context} = Helper.project!()
    previewed = Helper.ok!(Project.preview(config, context))

    lines =
      for %{library: name, before: before, now: now} <- previewed, line <- lines(name, before, now), do: line

    for line <- Enum.sort_by(lines, &String.slice(&1, 2..-1//1)), do: Mix.shell().info(line)

    for %{library: name, changes: [_ | _] = changes} <- previewed,
        do: Mix.shell().info("\n#{name}, in Python:\n#{String.trim_trailing(Diff.format(changes))}")

    if lines == [], do: Mix.shell().info("nothing would change")
    if lines != [] and opts[:exit_code], do: exit({:shutdown, 1})
  end

  defp lines(_, same, same), do: []
  defp lines(name, nil, new), do: ["+ #{name}: #{count(new)}"]
  defp lines(name, old, nil), do: ["- #{name}: #{count(old)}"]

  defp lines(name, old, new) do
    modules = changes(old.modules, new.modules, &inspect/1, fn _ -> "" end)

    functions =
      changes(old.functions, new.functions, &function/1, fn {first..last//_, _} -> "/#{first}..#{last}" end)

    files = for {path, hash} <- new.files, old.files[path] not in [nil, hash], do: path

    other =
      if modules == [] and functions == [] and files != [],
        do: ["~ #{name}: documentation or types, in #{length(files)} files"],
        else: []

    settings =
      if old.options != new.options and other == [] and modules == [] and functions == [],
        do: ["~ #{name}: how it is configured"],
        else: []

    modules ++ functions ++ other ++ settings
  end

  defp changes(old, new, name, shown) do
    for key <- Enum.uniq(Map.keys(old) ++ Map.keys(new)), old[key] != new[key] do
      case {old[key], new[key]} do
        {nil, value} -> "+ #{name.(key)}#{shown.(value)}"
        {value, nil} -> "- #{name.(key)}#{shown.(value)}"
        {one, other} -> "~ #{name.(key)}#{shown.(other)} (was #{shown.(one)})"
      end
    end
  end

  defp function({module, name}), do: "#{inspect(module)}.#{name}"
  defp count(%{} = entry), do: "#{map_size(entry.modules)} modules, #{map_size(entry.functions)} functions"
end

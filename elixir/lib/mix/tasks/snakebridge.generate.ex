defmodule Mix.Tasks.Snakebridge.Generate do
  @shortdoc "Generates the wrappers that the project uses, as files"
  @moduledoc """
  Generates the wrappers that the project's source and tests use, as files to be committed; what is not used goes.

      mix snakebridge.generate [--stored]

  Python is asked anew for each library, so that an upgrade of a package is seen, unless `--stored` is given. In every mode
  of the configuration the wrappers are files then, which the compiler keeps up to date.
  """

  use Mix.Task

  # In each application of an umbrella.
  @recursive true

  alias Mix.SnakeBridge, as: Helper
  alias SnakeBridge.Project

  @impl true
  def run(args) do
    opts = Helper.options!(args, stored: :boolean)
    {config, context} = Helper.project!()
    outcome = Helper.ok!(Project.sync(config, context, exact: true, fresh: not (opts[:stored] || false)))
    Helper.say_changed(outcome.changed)

    for problem <- outcome.problems do
      place = if problem.use, do: "#{Path.relative_to_cwd(problem.use.file)}:#{problem.use.line}: ", else: ""
      Mix.shell().error("#{problem.severity}: #{place}#{problem.message}")
    end

    if Enum.any?(outcome.problems, &(&1.severity == :error)), do: exit({:shutdown, 1})
  end
end

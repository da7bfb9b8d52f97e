defmodule Mix.Tasks.Snakebridge.Install do
  @shortdoc "Installs the project's Python packages"
  @moduledoc """
  Installs `packages:` of the configuration into `environment:` (default: `.venv` in the project), and writes what is there
  then into `snakebridge.lock`.

      mix snakebridge.install [--upgrade]

  uv does it where it is found, else `python3 -m venv` and pip. Versions are those of the lock; `--upgrade` takes the newest
  that the requirements allow. Packages whose files are others than the locked ones are an error.
  """

  use Mix.Task

  # In each application of an umbrella.
  @recursive true

  alias Mix.SnakeBridge, as: Helper
  alias SnakeBridge.Project
  alias SnakeBridge.Project.{Config, Packages}

  @impl true
  def run(args) do
    opts = Helper.options!(args, upgrade: :boolean)
    {config, _} = Helper.project!()

    if config.packages == [],
      do: Mix.shell().info("packages: names nothing, so that only the environment is made")

    found = Helper.ok!(Packages.install(config, upgrade: opts[:upgrade]))
    Project.write_lock(config, found)
    packages = for {name, %{version: version}} <- found.lock.packages, do: "#{name} #{version}"

    Mix.shell().info(
      "#{Path.relative_to_cwd(Config.path(config, config.environment))}: #{Enum.join(Enum.sort(packages), ", ")}"
    )
  end
end

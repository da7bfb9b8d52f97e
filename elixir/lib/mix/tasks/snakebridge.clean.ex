defmodule Mix.Tasks.Snakebridge.Clean do
  @shortdoc "Removes generated wrappers"
  @moduledoc """
  Removes generated wrappers and their manifest. Files that were changed by hand stay, unless `--force` is given.

      mix snakebridge.clean [--store] [--force]

  With `--store` all that is known of libraries goes, too, and without it what has been replaced. The lock stays: it says what is to be installed.
  """

  use Mix.Task

  # In each application of an umbrella.
  @recursive true

  alias Mix.SnakeBridge, as: Helper
  alias SnakeBridge.Project
  alias SnakeBridge.Project.{Config, Manifest, Wrappers}
  alias SnakeBridge.Schema.Store

  @impl true
  def run(args) do
    opts = Helper.options!(args, store: :boolean, force: :boolean)
    {config, context} = Helper.project!()
    file = Manifest.path(config.root)
    manifest = Helper.ok!(Manifest.read(file))
    place = Project.place(config)
    files = for {_, entry} <- manifest, {path, hash} <- entry.files, do: {path, hash}

    {gone, kept} =
      Enum.split_with(files, fn {path, hash} -> opts[:force] || same?(Path.join(config.root, path), hash) end)

    for {path, _} <- gone, do: Wrappers.remove(path, place)

    for {path, _} <- kept,
        do: Mix.shell().error("kept, for it was changed by hand: #{path}\nhint: --force removes it")

    File.rm(file)
    Mix.Tasks.Compile.Snakebridge.clean()
    store = Config.path(config, config.store)
    if opts[:store], do: File.rm_rf!(store), else: Store.sweep(store)
    Mix.shell().info("#{length(gone)} files of wrappers removed, of #{inspect(context.app)}")
  end

  defp same?(path, hash) do
    case File.read(path) do
      {:ok, text} -> Manifest.hash(text) == hash
      {:error, _} -> true
    end
  end
end

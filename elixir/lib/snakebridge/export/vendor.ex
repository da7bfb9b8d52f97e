defmodule SnakeBridge.Export.Vendor do
  @moduledoc """
  How an exported project comes to this library: as a copy inside of it (`vendor`), from a folder (`path`), or from its
  repository (`git`).

  The copy is the library's own source with the native parts as they are built here, so that no cargo is needed; they are
  for this platform.
  """

  @files ~w(mix.exs build.exs lib priv/native priv/python)

  @doc "The dependency as code, and what was copied into the project."
  @spec dependency(String.t(), String.t() | nil, Path.t()) :: {String.t(), [SnakeBridge.Export.file()]}
  def dependency("git", url, _) when is_binary(url),
    do: {"{:snakebridge, git: #{inspect(url)}, sparse: \"elixir\"}", []}

  def dependency(kind, nil, _) when kind in ["git", "path"],
    do:
      raise(
        ArgumentError,
        "--bridge #{kind} wants to know where\nhint: --bridge-path, an address or a folder"
      )

  def dependency("path", path, _) when is_binary(path), do: {"{:snakebridge, path: #{inspect(path)}}", []}

  def dependency(_, _, root) do
    target = Path.join(root, "vendor/snakebridge")
    what = if File.exists?(target), do: "changed", else: "new"
    copy(source!(), target)
    {"{:snakebridge, path: \"vendor/snakebridge\"}", [%{path: "vendor/snakebridge", what: what, diff: nil}]}
  end

  # Above the compiled modules: in a source tree, and where it was installed.
  defp source! do
    ebin = SnakeBridge |> :code.which() |> to_string() |> Path.dirname()

    ebin
    |> Stream.iterate(&Path.dirname/1)
    |> Enum.take(8)
    |> Enum.find(
      &(File.exists?(Path.join(&1, "mix.exs")) and File.exists?(Path.join(&1, "lib/snakebridge.ex")))
    ) ||
      raise "the library's source is not beside #{ebin}\nhint: export with --bridge path or --bridge git"
  end

  defp copy(source, target) do
    File.rm_rf!(target)

    for name <- @files, from = Path.join(source, name), File.exists?(from) do
      to = Path.join(target, name)
      File.mkdir_p!(Path.dirname(to))
      File.cp_r!(from, to)
    end

    # Where it was installed, the Python package lies beside the library.
    package = Path.join(target, "priv/python/snakebridge")
    beside = Path.expand("../python/snakebridge", source)

    if File.exists?(beside) do
      File.rm_rf!(package)
      File.mkdir_p!(Path.dirname(package))
      File.cp_r!(beside, package)
    end

    for folder <- Path.wildcard(Path.join(package, "**/__pycache__")), do: File.rm_rf!(folder)
    :ok
  end
end

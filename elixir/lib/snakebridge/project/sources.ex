defmodule SnakeBridge.Project.Sources do
  @moduledoc """
  The source files of a project, and what they use of its libraries.

  A file that has not changed since it was read last is not read again: what is known of it is in the state that the
  compiler keeps. What a text uses is seen by `SnakeBridge.Project.Scanner`.
  """

  alias SnakeBridge.Files
  alias SnakeBridge.Project.{Config, Resolver, Scanner}

  @typedoc "Of each file: its time and size, a hash, and its uses."
  @type known :: %{Path.t() => {tuple(), binary(), [Scanner.use()]}}

  @doc "The modules whose uses matter."
  @spec roots(Config.t()) :: [module()]
  def roots(config),
    do:
      config.libraries |> Enum.flat_map(&Resolver.roots(&1.python, &1.options)) |> Enum.uniq() |> Enum.sort()

  @doc "All uses of the project's source."
  @spec uses(Config.t(), map()) :: [Scanner.use()]
  def uses(config, context), do: config |> scan(context, %{}, 0) |> all()

  @doc "The uses of what is known."
  @spec all(known()) :: [Scanner.use()]
  def all(known), do: known |> Enum.sort() |> Enum.flat_map(fn {_, {_, _, uses}} -> uses end)

  @doc """
  What there is to know of each file now. `before` is what was known at the time `since`, in seconds of the system.

  A file of that second may have been changed in it once more, so its contents are compared.
  """
  @spec scan(Config.t(), map(), known(), integer()) :: known()
  def scan(config, context, before, since) do
    generated = Config.path(config, config.generated_dir)
    roots = roots(config)

    for path <- context.paths,
        file <- path |> Path.expand(context.root) |> files(),
        not inside?(file, generated),
        into: %{} do
      {file, look(file, before[file], since, roots)}
    end
  end

  defp files(path) do
    if File.dir?(path),
      do: Files.matching(path, "**/*.{ex,exs}"),
      else: Enum.filter([path], &File.regular?/1)
  end

  defp inside?(file, folder), do: String.starts_with?(file, folder <> "/")

  defp look(file, before, since, roots) do
    stat = stat(file)

    case before do
      {^stat, _, _} when elem(stat, 0) < since ->
        before

      _ ->
        text = with {:error, _} <- File.read(file), do: {:ok, ""}
        hash = :erlang.md5(elem(text, 1))

        case before do
          {_, ^hash, uses} -> {stat, hash, uses}
          _ -> {stat, hash, Scanner.scan_file(file, roots)}
        end
    end
  end

  @doc "A file's time and size."
  @spec stat(Path.t()) :: {integer(), integer()}
  def stat(file) do
    case File.stat(file, time: :posix) do
      {:ok, %{mtime: time, size: size}} -> {time, size}
      {:error, _} -> {0, -1}
    end
  end
end

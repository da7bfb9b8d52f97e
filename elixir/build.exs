defmodule Mix.Tasks.Compile.SnakebridgePriv do
  @moduledoc """
  Fills `priv` with what the library runs beside its own modules: the worker's Python package, with its extension, and
  the BEAM's native library. So they are part of every release.

  In a source tree the native parts are built by cargo where they are missing or older than their sources; elsewhere
  they are there already. `mix.exs` requires this file: it is no part of the library.
  """

  use Mix.Task.Compiler

  @root Path.expand("..", __DIR__)
  @package Path.join(@root, "python/snakebridge")
  @extension Path.join(@package, "_native.abi3.so")
  @priv Path.join(__DIR__, "priv")
  @copy Path.join(@priv, "python/snakebridge")
  @library Path.join(@priv, "native/snakebridge_nif.so")

  # Each native part: its crate, the name that cargo gives it, where it belongs, and the sources it is made of.
  @parts [
    {"snakebridge-native", "lib_native", @extension, ["bridge-core", "python"]},
    {"snakebridge-nif", "libsnakebridge_nif", @library, ["elixir/native"]}
  ]

  @impl true
  def run(_) do
    missing = build(Enum.filter(@parts, &stale?/1))
    copied = copy_package()
    check(missing)
    # What is in `priv` only now must be seen in the build's folder too.
    Mix.Project.build_structure()
    {if(copied, do: :ok, else: :noop), []}
  end

  # --- building ---

  defp stale?({_, _, target, folders}) do
    cond do
      not File.exists?(Path.join(@root, "Cargo.toml")) -> false
      not File.exists?(target) -> true
      true -> Enum.any?(sources(folders), &(mtime(&1) > mtime(target)))
    end
  end

  defp sources(folders) do
    for folder <- folders,
        path <- [folder <> "/Cargo.toml" | Path.wildcard(Path.join([@root, folder, "src/**/*.rs"]))],
        do: Path.expand(path, @root)
  end

  # Says why parts are missing, if any are.
  defp build([]), do: "this is no source tree that they could be built from"

  defp build(parts) do
    case System.find_executable("cargo") do
      nil ->
        reason = "cargo was not found"
        if Enum.all?(parts, fn {_, _, target, _} -> File.exists?(target) end), do: warn(parts, reason)
        reason

      cargo ->
        {flags, folder} = profile(parts)
        names = Enum.flat_map(parts, fn {crate, _, _, _} -> ["-p", crate] end)
        Mix.shell().info("Building #{outdated(parts)} with cargo")
        options = [cd: @root, into: IO.stream(), stderr_to_stdout: true]

        case System.cmd(cargo, ["build" | flags] ++ names, options) do
          {_, 0} ->
            for {_, name, target, _} <- parts, do: copy(built(folder, name), target)
            nil

          {_, status} ->
            Mix.raise("cargo ended with status #{status}: see above what it says")
        end
    end
  end

  defp warn(parts, reason),
    do: Mix.shell().error("warning: #{outdated(parts)} should be built again, but #{reason}\nhint: #{hint()}")

  # Without the extension nothing works; without the library refs are not released by themselves.
  defp check(reason) do
    extension = Path.join(@copy, "_native.abi3.so")

    unless File.exists?(extension),
      do: Mix.raise("the worker's Python extension is missing: #{reason}\nhint: #{hint()}")

    unless File.exists?(@library) do
      text = "refs will not be released by themselves, for #{Path.basename(@library)} is missing: #{reason}"
      Mix.shell().error("warning: #{text}\nhint: #{hint()}")
    end
  end

  # As it was built last, else for use.
  defp profile([{_, name, _, _} | _]) do
    if mtime(built("debug", name)) > mtime(built("release", name)),
      do: {[], "debug"},
      else: {["--release"], "release"}
  end

  defp built(folder, name) do
    extension = if :os.type() == {:unix, :darwin}, do: ".dylib", else: ".so"
    target = System.get_env("CARGO_TARGET_DIR") || Path.join(@root, "target")
    Path.join([target, folder, name <> extension])
  end

  defp outdated(parts), do: Enum.map_join(parts, " and ", fn {_, _, target, _} -> Path.basename(target) end)
  defp hint, do: "install Rust (https://rustup.rs), then run `mix deps.compile snakebridge`"

  # --- copying ---

  # Whether anything had to be done.
  defp copy_package do
    case files(@package) do
      # An archive of the library alone brings its own.
      [] ->
        false

      files ->
        gone = files(@copy) -- files
        for file <- gone, do: File.rm!(Path.join(@copy, file))
        changed = Enum.filter(files, &differs?(Path.join(@package, &1), Path.join(@copy, &1)))
        for file <- changed, do: copy(Path.join(@package, file), Path.join(@copy, file))
        gone != [] or changed != []
    end
  end

  defp files(folder) do
    for path <- Path.wildcard(folder <> "/**/*"),
        not String.contains?(path, "/__pycache__"),
        File.regular?(path),
        not String.ends_with?(path, ".new"),
        do: Path.relative_to(path, folder)
  end

  defp differs?(source, target) do
    with {:ok, %{size: size, mtime: time}} <- File.stat(source, time: :posix),
         {:ok, %{size: ^size, mtime: copied}} <- File.stat(target, time: :posix),
         do: time > copied,
         else: (_ -> true)
  end

  # Renamed into place, for a running worker has the old file mapped.
  defp copy(source, target) do
    File.mkdir_p!(Path.dirname(target))
    new = "#{target}.#{System.pid()}.new"
    File.cp!(source, new)
    File.rename!(new, target)
  end

  defp mtime(path) do
    case File.stat(path, time: :posix) do
      {:ok, %{mtime: time}} -> time
      {:error, _} -> 0
    end
  end
end

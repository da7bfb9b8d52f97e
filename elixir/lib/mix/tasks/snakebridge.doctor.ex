defmodule Mix.Tasks.Snakebridge.Doctor do
  @shortdoc "Says what the project's wrappers and Python are like, and how to mend it"
  @moduledoc """
  Looks at the project's configuration, Python, packages, lock and wrappers, and says how to mend what is wrong.

      mix snakebridge.doctor

  Changes nothing. Fails where something is wrong; a warning is no failure.
  """

  use Mix.Task

  # In each application of an umbrella.
  @recursive true

  alias Mix.SnakeBridge, as: Helper
  alias SnakeBridge.Project
  alias SnakeBridge.Project.{Config, Lock, Manifest, Packages, Sources, Wrappers}
  alias SnakeBridge.Schema.Store

  @impl true
  def run(args) do
    [] = Helper.options!(args, [])
    Mix.Task.run("loadpaths", ["--no-compile"])
    context = Project.context(tests: true)

    lines =
      [{:ok, "Elixir #{System.version()}, OTP #{System.otp_release()}"}] ++
        case Project.config(context) do
          {:ok, config} -> configuration(config) ++ python(config) ++ wrappers(config, context)
          {:error, error} -> [wrong(error)]
        end

    for {severity, text} <- lines,
        do: Mix.shell().info("#{sign(severity)} #{String.replace(text, "\n", "\n    ")}")

    if Enum.any?(lines, &match?({:error, _}, &1)), do: exit({:shutdown, 1})
  end

  defp sign(:ok), do: "ok  "
  defp sign(:warning), do: "warn"
  defp sign(:error), do: "FAIL"

  defp wrong(error), do: {:error, Exception.message(error)}

  defp configuration(%{libraries: []} = config) do
    hint = "write libraries: [...] into snakebridge.exs; mix snakebridge.discover MODULE shows how"
    [{:warning, "#{source(config)}: no library is configured\nhint: #{hint}"}]
  end

  defp configuration(config) do
    names = Enum.map_join(config.libraries, ", ", & &1.python)
    compilers = Mix.Project.config()[:compilers] || []

    [{:ok, "#{source(config)}: #{names}; #{config.mode} in #{Mix.env()}"}] ++
      if :snakebridge in compilers,
        do: [],
        else: [
          {:error, "mix.exs does not name the compiler\nhint: compilers: [:snakebridge | Mix.compilers()]"}
        ]
  end

  defp source(%{file: nil}), do: "config :snakebridge"
  defp source(%{file: file}), do: Path.relative_to_cwd(file)

  # --- Python ---

  defp python(config) do
    case Packages.python(config) do
      {:ok, python} ->
        [{:ok, "Python: #{python}"} | worker(python, config) ++ packages(python, config)]

      {:error, error} ->
        [{:warning, "#{Exception.message(error)}\nwrappers that are files compile all the same"}]
    end
  end

  defp worker(python, config) do
    {:ok, _} = Application.ensure_all_started(:snakebridge)
    session = SnakeBridge.Project.Doctor
    {:ok, pid} = SnakeBridge.Session.start_link(name: session, python: python, cd: config.root, prefetch: [])

    case SnakeBridge.call("platform", "python_version", [], [], session: session) do
      {:ok, version} ->
        SnakeBridge.Session.stop(pid)
        [{:ok, "a worker starts: Python #{version}"}]

      {:error, error} ->
        [wrong(error)]
    end
  end

  defp packages(python, config) do
    installer = if System.find_executable("uv"), do: "uv", else: "pip"

    with {:ok, found} <- Packages.find(config, python),
         {:ok, lock} <- Lock.read(config.root) do
      {problems, hint} = Packages.problems(found)
      differences = if lock == %Lock{}, do: [], else: Lock.differences(lock, found.lock)

      [
        {:ok,
         "#{map_size(found.lock.packages)} packages of #{length(config.packages)} requirements; #{installer} installs"}
      ] ++
        for(problem <- problems, do: {:error, "#{problem}\nhint: #{hint}"}) ++
        for(line <- differences, do: {:warning, "snakebridge.lock: #{line}"}) ++
        if differences != [],
          do: [
            {:warning,
             "hint: mix snakebridge.install brings the locked ones, mix snakebridge.generate locks these"}
          ],
          else: []
    else
      {:error, error} -> [wrong(error)]
    end
  end

  # --- wrappers ---

  defp wrappers(config, context) do
    case Manifest.read(Manifest.path(context.root)) do
      {:ok, manifest} ->
        uses = Sources.uses(config, context)
        files = for {_, entry} <- manifest, {path, _} <- entry.files, do: path

        [{:ok, "#{length(uses)} uses in the source, #{length(files)} files of wrappers, #{store(config)}"}] ++
          compiled(files, config) ++ stale(config, manifest, uses)

      {:error, error} ->
        [wrong(error)]
    end
  end

  defp store(config),
    do: "#{config |> Config.path(config.store) |> Store.list() |> length()} documents in the store"

  defp compiled([], _), do: []

  defp compiled(_, config) do
    folder = Config.path(config, config.generated_dir)
    paths = Enum.map(Mix.Project.config()[:elixirc_paths] || ["lib"], &Config.path(config, &1))

    if Enum.any?(paths, &String.starts_with?(folder <> "/", &1 <> "/")),
      do: [],
      else: [{:error, "#{config.generated_dir} is not compiled\nhint: name it in elixirc_paths: of mix.exs"}]
  end

  defp stale(config, manifest, uses) do
    reasons =
      for library <- config.libraries,
          is_map_key(manifest, library.python) or config.mode == :compile_time,
          reason <-
            Wrappers.stale(manifest, library, Project.of(library, uses, config), Project.place(config)),
          do: {reason, library}

    for {reason, library} <- reasons do
      place =
        if reason.use,
          do: "#{Path.relative_to_cwd(reason.use.file)}:#{reason.use.line}: ",
          else: "#{library.python}: "

      {if(reason.missing, do: :error, else: :warning),
       "#{place}#{reason.message}\nhint: run mix snakebridge.generate"}
    end
  end
end

defmodule SnakeBridge.Project do
  @moduledoc """
  The wrappers of a Mix project, kept in step with its configuration, its source and its Python.

  `sync/2` is what the compiler `:snakebridge` and the tasks do; `reload/0` is for a running IEx.
  In which mode a library is depends on the configuration, and on what is there: one whose wrappers are files of the project
  keeps them in every mode, for Elixir compiles what lies there.

  | module | |
  |---|---|
  | `SnakeBridge.Project.Config` | what is configured |
  | `SnakeBridge.Project.Scanner`, `SnakeBridge.Project.Sources` | what the source uses |
  | `SnakeBridge.Project.Resolver` | what that is in Python |
  | `SnakeBridge.Project.Documents` | what Python has: from the store, or by introspection |
  | `SnakeBridge.Project.Wrappers`, `SnakeBridge.Project.Runtime` | generated files, and modules without files |
  | `SnakeBridge.Project.Manifest`, `SnakeBridge.Project.Lock`, `SnakeBridge.Project.Packages` | what was made, with what |
  """

  alias SnakeBridge.Generator

  alias SnakeBridge.Project.{
    Config,
    Documents,
    Error,
    Lock,
    Manifest,
    Packages,
    Resolver,
    Runtime,
    Sources,
    Wrappers
  }

  @typedoc "Where a project is: its folder, that of its build for wrappers, its sources, and Mix's environment."
  @type context :: %{root: Path.t(), build: Path.t(), paths: [Path.t()], env: atom(), app: atom()}

  @typedoc """
  What came of it: changed paths, whether modules were made, problems, and whether all that could be known is known (a look
  at Python that failed is worth another).
  """
  @type outcome :: %{changed: [Path.t()], made: boolean(), problems: [Wrappers.problem()], settled: boolean()}

  @doc "The project that Mix is in. `tests: true`: its tests count as source in every environment."
  @spec context(keyword()) :: context()
  def context(opts \\ []) do
    config = Mix.Project.config()
    tests = if opts[:tests] || Mix.env() == :test, do: config[:test_paths] || ["test"], else: []

    %{
      root: File.cwd!(),
      build: Path.join(Mix.Project.app_path(), "wrappers"),
      paths: Enum.uniq((config[:elixirc_paths] || ["lib"]) ++ tests),
      env: Mix.env(),
      app: config[:app]
    }
  end

  @doc "The configuration of the project that Mix is in."
  @spec config(context()) :: {:ok, Config.t()} | {:error, Error.t()}
  def config(context), do: Config.load(context.root, env: context.env)

  @doc """
  Reads the configuration and the source again, and makes what is used now: in a running IEx.

  Modules that change are loaded at their next call. It is what the compiler does, without compiling the project's own code.
  """
  @spec reload() :: :ok | {:error, Exception.t()}
  def reload do
    with true <- Code.ensure_loaded?(Mix.Project) and Mix.Project.get() != nil,
         context = context(),
         {:ok, config} <- config(context),
         {:ok, outcome} <- sync(config, context) do
      for problem <- outcome.problems, do: Mix.shell().error("warning: #{problem.message}")
      :ok
    else
      false -> {:error, %Error{message: "there is no Mix project here", hint: "start it with iex -S mix"}}
      {:error, error} -> {:error, error}
    end
  end

  @doc """
  Makes a wrapper that nothing in the source uses, and that is not known yet: in a running IEx.

  Modules and classes that a library's module has itself are made when they are called. What is further down, as
  `Xml.Sax.Saxutils` for `xml`, is known when the module above it has been used, or by this. Raises where Python has no such
  thing.
  """
  @spec load(module()) :: :ok
  def load(module), do: Runtime.ensure(module, context().build)

  @doc """
  Makes what the uses of the project's source need.

  Options:

    * `:strict` - changes nothing: what would be made, or made again, is a problem
    * `:fresh` - what is in the store is not looked at
    * `:exact` - what is not used any more goes, and all wrappers are files: `mix snakebridge.generate`
    * `:uses` - those of the source, where they are known
  """
  @spec sync(Config.t(), context(), keyword()) :: {:ok, outcome()} | {:error, Exception.t()}
  def sync(config, context, opts \\ []) do
    uses = opts[:uses] || Sources.uses(config, context)

    with {:ok, manifest} <- Manifest.read(Manifest.path(context.root)) do
      {files, loaded} =
        config.libraries
        |> Enum.map(&{&1, of(&1, uses, config)})
        |> Enum.split_with(fn {library, _} -> file?(library, manifest, config, opts) end)

      cond do
        opts[:strict] ->
          {:ok, look(files, manifest, config)}

        true ->
          Documents.open(
            config,
            [fresh: opts[:fresh] || false],
            &update(&1, files, loaded, manifest, context, opts)
          )
      end
    end
  end

  @typedoc "A library as `preview/2` finds it: what is, and what would be."
  @type previewed :: %{
          library: String.t(),
          before: Manifest.library() | nil,
          now: Manifest.library() | nil,
          changes: [SnakeBridge.Schema.Diff.change()]
        }

  @doc """
  What `sync/3` with `exact: true` would come to, for each library: its entry of the manifest as it is and as it would be,
  and what has changed in Python since it was looked at. Writes nothing.
  """
  @spec preview(Config.t(), context()) :: {:ok, [previewed()]} | {:error, Exception.t()}
  def preview(config, context) do
    uses = Sources.uses(config, context)

    with {:ok, manifest} <- Manifest.read(Manifest.path(context.root)) do
      gone = for {name, entry} <- manifest, not configured?(name, config), do: previewed(name, entry, nil, [])

      Documents.open(config, [fresh: true, keep: false], fn documents ->
        Enum.reduce_while(config.libraries, {:ok, gone}, fn library, {:ok, done} ->
          case preview_one(documents, library, of(library, uses, config), manifest) do
            {:ok, previewed} -> {:cont, {:ok, done ++ [previewed]}}
            {:error, error} -> {:halt, {:error, error}}
          end
        end)
      end)
    end
  end

  defp preview_one(documents, library, uses, manifest) do
    before = manifest[library.python]

    if uses == [] and library.options[:generate] != :all do
      {:ok, previewed(library.python, before, nil, [])}
    else
      with {:ok, made} <- Wrappers.make(documents, library, manifest, uses, place(documents.config), []),
           do:
             {:ok,
              previewed(
                library.python,
                before,
                made.entry,
                Documents.changes(documents, library, made.document)
              )}
    end
  end

  defp previewed(library, before, now, changes),
    do: %{library: library, before: before, now: now, changes: changes}

  defp configured?(name, config), do: Enum.any?(config.libraries, &(&1.python == name))

  defp file?(library, manifest, config, opts) do
    opts[:strict] || opts[:exact] || config.mode == :compile_time || is_map_key(manifest, library.python)
  end

  @doc "The uses that are a library's, and no other's."
  @spec of(Config.library(), [map()], Config.t()) :: [map()]
  def of(library, uses, config),
    do: Enum.filter(uses, &(Resolver.owner(&1.module, config.libraries) == library))

  @doc "Where the files of a project's wrappers are."
  @spec place(Config.t()) :: Wrappers.place()
  def place(config),
    do: %{folder: config.generated_dir, manifest: Manifest.path(config.root), root: config.root}

  # --- strict ---

  defp look(libraries, manifest, config) do
    problems =
      for {library, uses} <- libraries,
          problem <- Wrappers.stale(manifest, library, uses, place(config)),
          do: %{use: problem.use, library: library.python, severity: :error, message: problem.message}

    unused =
      for {name, _} <- manifest,
          not configured?(name, config),
          do: not_configured(name)

    %{changed: [], made: false, problems: problems ++ unused, settled: false}
  end

  defp not_configured(name),
    do: %{use: nil, library: name, severity: :error, message: "#{name} has wrappers, and is not configured"}

  # --- updating ---

  defp update(documents, files, loaded, manifest, context, opts) do
    results = for {library, uses} <- files, do: update_files(documents, library, uses, manifest, opts)
    kept = for {:ok, name, entry, _, _} <- results, entry != nil, into: %{}, do: {name, entry}
    changed = Enum.flat_map(results, &elem(&1, 3))
    problems = Enum.flat_map(results, &elem(&1, 4))
    removed = remove_others(manifest, documents.config)
    text = Manifest.render(kept)

    changed =
      if kept == %{} and manifest == %{},
        do: changed,
        else:
          changed ++
            removed ++
            if(Wrappers.write_file(Manifest.path(context.root), text), do: ["snakebridge.manifest"], else: [])

    locked = if changed != [], do: lock(documents), else: []
    {made, more} = Runtime.update(documents, loaded, context.build)
    settled = not Enum.any?(problems ++ more, &Map.get(&1, :failed, false))
    {:ok, %{changed: Enum.uniq(changed ++ locked), made: made, problems: problems ++ more, settled: settled}}
  end

  defp remove_others(manifest, config) do
    for {name, entry} <- manifest,
        not configured?(name, config),
        path <- Map.keys(entry.files) do
      Wrappers.remove(path, place(config))
      path
    end
  end

  # Gives the library's entry of the manifest as it is then.
  defp update_files(documents, library, uses, manifest, opts) do
    place = place(documents.config)
    entry = manifest[library.python]
    stale = Wrappers.stale(manifest, library, uses, place)

    if stale == [] and not (opts[:exact] || false) do
      {:ok, library.python, entry, [], Wrappers.problems(uses, manifest, library)}
    else
      if opts[:exact] == true and uses == [] and library.options[:generate] != :all do
        {:ok, library.python, nil, if(entry, do: Wrappers.write([], entry, place), else: []), []}
      else
        make_files(documents, library, uses, manifest, stale, opts)
      end
    end
  end

  defp make_files(documents, library, uses, manifest, stale, opts) do
    place = place(documents.config)
    entry = manifest[library.python]

    case Wrappers.make(documents, library, manifest, uses, place, keep: not (opts[:exact] || false)) do
      {:ok, made} ->
        {:ok, library.python, made.entry, Wrappers.write(made.files, entry, place), made.problems}

      {:error, error} ->
        {:ok, library.python, entry, [], failed(library, stale, error)}
    end
  end

  # What is there can still be used, unless something is missing.
  defp failed(library, stale, error) do
    missing = Enum.filter(stale, & &1.missing)
    shown = if missing == [], do: [%{use: nil, message: "its wrappers are used as they are"}], else: missing
    severity = if missing == [], do: :warning, else: :error

    for %{use: use, message: message} <- shown,
        do: %{
          use: use,
          library: library.python,
          severity: severity,
          failed: true,
          message: "#{message}: #{Exception.message(error)}"
        }
  end

  # --- the lock ---

  # Where there is Python: what is made without it says nothing new.
  defp lock(documents) do
    config = documents.config

    with %{} = found <- Documents.environment(documents),
         true <- write_lock(config, found) do
      ["snakebridge.lock"]
    else
      _ -> []
    end
  end

  @doc "Writes what is installed into the lock; says whether that changed it."
  @spec write_lock(Config.t(), Packages.found()) :: boolean()
  def write_lock(config, found),
    do: Wrappers.write_file(Lock.path(config.root), Lock.render(%{found.lock | generator: Generator.hash()}))
end

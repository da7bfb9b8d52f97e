defmodule SnakeBridge.Project.Runtime do
  @moduledoc """
  Wrappers that are no files of the project: `mode: :runtime`. Their sources and modules are in the build's folder.

  What the project's source uses is made when it is compiled, whole, so that the compiler and `h` know all functions. For
  every other module that the libraries are known to have there is a stand-in: the first call of any function there makes
  the real one, in whichever process it is. Then the library's Python may be needed.
  """

  alias SnakeBridge.Project.{Config, Documents, Error, Manifest, Resolver, Wrappers}

  @undefined :"$handle_undefined_function"
  @paths {__MODULE__, :paths}

  @doc "Where the wrappers of a project are whose build is in this folder."
  @spec place(Path.t()) :: Wrappers.place()
  def place(build), do: %{folder: "src", manifest: Path.join(build, "manifest"), root: build}

  @doc "Makes the modules that are there findable."
  @spec use_path(Path.t()) :: :ok
  def use_path(build) do
    known = :persistent_term.get(@paths, [])
    if build not in known, do: :persistent_term.put(@paths, [build | known])
    use_paths()
  end

  @doc "The same for all that were used before: mix drops what one application of an umbrella has when it comes to the next."
  @spec use_paths() :: :ok
  def use_paths do
    for build <- :persistent_term.get(@paths, []), File.dir?(ebin(build)), do: Code.prepend_path(ebin(build))
    :ok
  end

  @doc """
  Makes what these libraries need, each with its uses, and nothing that is there already.

  Gives whether anything was made, and what could not be.
  """
  @spec update(Documents.t(), [{Config.library(), [map()]}], Path.t()) :: {boolean(), [Wrappers.problem()]}
  def update(documents, libraries, build) do
    place = place(build)
    manifest = manifest(place)
    File.mkdir_p!(ebin(build))
    write_term(Path.join(build, "config"), documents.config)
    {manifest, gone} = drop(manifest, libraries, build)

    {manifest, made, problems} =
      Enum.reduce(libraries, {manifest, gone, []}, fn {library, uses}, {manifest, made, problems} ->
        case update_one(documents, library, uses, manifest, build) do
          {:ok, manifest, changed, more} -> {manifest, made or changed, problems ++ more}
          {:error, more} -> {manifest, made, problems ++ more}
        end
      end)

    Wrappers.write_file(place.manifest, Manifest.render(manifest))
    use_path(build)
    {made, problems}
  end

  defp manifest(place) do
    # It is a file of the build: a damaged one is worth nothing.
    case Manifest.read(place.manifest) do
      {:ok, manifest} -> manifest
      {:error, _} -> %{}
    end
  end

  # What is not configured any more, or is configured otherwise.
  defp drop(manifest, libraries, build) do
    current = for {library, _} <- libraries, into: %{}, do: {library.python, Documents.options_hash(library)}
    {kept, gone} = Enum.split_with(manifest, fn {name, entry} -> current[name] == entry.options end)
    for {_, entry} <- gone, do: clear(entry, build)
    {Map.new(kept), gone != []}
  end

  defp clear(entry, build) do
    for path <- Map.keys(entry.files), do: Wrappers.remove(path, place(build))
    for module <- Map.keys(entry.modules), do: forget(module, build)
  end

  # A stand-in has an entry, and no file.
  defp made?(entry, module), do: is_map_key(entry.files, Manifest.file(module, "src"))

  defp update_one(documents, library, uses, manifest, build) do
    entry = manifest[library.python]
    needed = for use <- uses, not (entry != nil and made?(entry, use.module)), do: use

    cond do
      entry != nil and needed == [] ->
        {:ok, manifest, false, Wrappers.problems(uses, manifest, library)}

      true ->
        case make(documents, library, needed, manifest, build) do
          {:ok, manifest, hints} -> {:ok, manifest, true, Wrappers.problems(uses, manifest, library, hints)}
          {:error, error} -> {:error, failed(library, uses, error)}
        end
    end
  end

  defp make(documents, library, uses, manifest, build) do
    place = place(build)
    asked = uses |> Enum.map(& &1.module) |> Enum.uniq()
    before = manifest[library.python]

    with {:ok, made} <- Wrappers.make(documents, library, %{}, uses, place, whole: true) do
      %{entry: entry, resolver: resolver} = made
      # Modules that hold what was asked for, and were not asked for themselves, stay what they are.
      wanted = for {module, _} <- entry.modules, wanted?(module, asked, resolver, before), do: module
      entry = Manifest.take(entry, wanted, place.folder)
      files = Enum.filter(made.files, fn {path, _} -> is_map_key(entry.files, path) end)
      Wrappers.write(files, nil, place)
      compile(for({path, _} <- files, do: Path.join(build, path)), build)

      others = for {module, python} <- Resolver.modules(resolver), module not in wanted, do: {module, python}
      entry = Manifest.merge(before, entry)
      for {module, _} <- others, not is_map_key(entry.modules, module), do: stand_in(module, build)
      entry = %{entry | modules: Map.merge(Map.new(others), entry.modules)}
      {:ok, Map.put(manifest, library.python, entry), made.hints}
    end
  end

  defp wanted?(module, asked, resolver, before) do
    not (before != nil and made?(before, module)) and (module in asked or Resolver.class?(resolver, module))
  end

  defp failed(library, uses, error) do
    message = "there are no wrappers of #{library.python}: #{Exception.message(error)}"

    for use <- Enum.uniq_by(uses, & &1.module),
        do: %{use: use, library: library.python, severity: :warning, failed: true, message: message}
  end

  # --- modules ---

  defp ebin(build), do: Path.join(build, "ebin")

  defp compile([], _), do: :ok

  defp compile(files, build) do
    # A stand-in may be there, in memory or on disk.
    before = Code.get_compiler_option(:ignore_module_conflict)
    Code.put_compiler_option(:ignore_module_conflict, true)

    try do
      {:ok, modules, _} =
        Kernel.ParallelCompiler.compile_to_path(files, ebin(build), return_diagnostics: true)

      for module <- modules, do: reload(module)
      :ok
    after
      Code.put_compiler_option(:ignore_module_conflict, before)
    end
  end

  defp stand_in(module, build) do
    forms = [
      {:attribute, 1, :module, module},
      {:attribute, 1, :export, [{@undefined, 2}]},
      {:function, 1, @undefined, 2,
       [
         {:clause, 1, [{:var, 1, :Name}, {:var, 1, :Args}], [],
          [
            {:call, 1, {:remote, 1, {:atom, 1, __MODULE__}, {:atom, 1, :undefined}},
             [{:atom, 1, module}, {:var, 1, :Name}, {:var, 1, :Args}, :erl_parse.abstract(build)]}
          ]}
       ]}
    ]

    {:ok, ^module, beam} = :compile.forms(forms, [:deterministic])
    File.write!(beam_path(module, build), beam)
    reload(module)
  end

  defp beam_path(module, build), do: Path.join(ebin(build), "#{module}.beam")

  # What is loaded is let go; the next call finds what is on disk.
  defp reload(module) do
    :code.purge(module)
    :code.delete(module)
    :code.purge(module)
  end

  defp forget(module, build) do
    File.rm(beam_path(module, build))
    reload(module)
  end

  # --- at a call ---

  @doc false
  # What a stand-in does for any function of it.
  @spec undefined(module(), atom(), [term()], Path.t()) :: term()
  def undefined(module, name, args, build) do
    ensure(module, build)

    if function_exported?(module, name, length(args)) or function_exported?(module, @undefined, 2),
      do: apply(module, name, args),
      else: raise(UndefinedFunctionError, module: module, function: name, arity: length(args))
  end

  @doc "Makes a module real that is only stood in for. Raises where it cannot be."
  @spec ensure(module(), Path.t()) :: :ok
  def ensure(module, build) do
    :global.trans({{__MODULE__, build}, self()}, fn -> if stand_in?(module), do: load!(module, build) end, [
      node()
    ])

    if stand_in?(module),
      do: raise(%Error{message: "#{inspect(module)} is not in Python, or could not be introspected"})

    :ok
  end

  defp stand_in?(module), do: not Code.ensure_loaded?(module) or function_exported?(module, @undefined, 2)

  defp load!(module, build) do
    config = read_term(Path.join(build, "config"))
    library = Resolver.owner(module, config.libraries)
    use = %{module: module, name: nil, arity: nil, file: "", line: 1}
    place = place(build)

    with %{} <- library,
         {:ok, manifest, _} <-
           Documents.open(config, [], &make(&1, library, [use], manifest(place), build)) do
      Wrappers.write_file(place.manifest, Manifest.render(manifest))
      Code.ensure_loaded(module)
    else
      nil -> raise %Error{message: "#{inspect(module)} belongs to no configured library"}
      {:error, error} -> raise error
    end
  end

  defp write_term(path, term) do
    bytes = :erlang.term_to_binary(term)
    if File.read(path) != {:ok, bytes}, do: File.write!(path, bytes)
  end

  defp read_term(path), do: path |> File.read!() |> :erlang.binary_to_term()
end

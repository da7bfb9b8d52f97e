defmodule SnakeBridge.Project.Wrappers do
  @moduledoc """
  Generated files of a project's libraries, kept in step with what is used.

  There are two places for them, and one way: the project's own folder, with `snakebridge.manifest` beside it, and the
  build's, for wrappers that are made when the project is loaded. A library whose manifest answers all uses is left alone,
  without a look at Python. Nothing is compiled here.
  """

  alias SnakeBridge.Generator
  alias SnakeBridge.Generator.Names
  alias SnakeBridge.Project.{Config, Documents, Error, Manifest, Resolver}

  @typedoc """
  Where files go. `folder` and `manifest` are paths; files in the manifest stand as `named` does, `nil` for as they are.
  `keep`: what is there and not used any more stays.
  """
  @type place :: %{folder: Path.t(), manifest: Path.t(), root: Path.t()}

  @typedoc "What a look or an update came to, for one use or for a library as a whole (`use: nil`)."
  @type problem :: %{use: map() | nil, library: String.t(), severity: :error | :warning, message: String.t()}

  @typedoc "Why a library's files are to be made again; `missing`: what is there is not enough."
  @type reason :: %{use: map() | nil, message: String.t(), missing: boolean()}

  @doc """
  What of these uses is not answered by the manifest; and whether files or the configuration have changed since.

  Needs neither Python nor the store.
  """
  @spec stale(Manifest.t(), Config.library(), [map()], place()) :: [reason()]
  def stale(manifest, library, uses, place) do
    missing = for use <- uses, Manifest.look(manifest, use) in [:no_module, :no_function], do: missing(use)

    case manifest[library.python] do
      nil when missing == [] and uses == [] ->
        if library.options[:generate] == :all,
          do: [reason("#{library.python} has no wrappers yet", true)],
          else: []

      nil ->
        missing

      entry ->
        changed = entry.options != Documents.options_hash(library)
        made = "the configuration of #{library.python} has changed, or the generator"
        files(entry, place) ++ if(changed, do: [reason(made, false)], else: []) ++ missing
    end
  end

  defp reason(message, missing), do: %{use: nil, message: message, missing: missing}

  defp missing(use) do
    called = if use.name, do: ".#{use.name}#{if use.arity, do: "/#{use.arity}"}"
    %{use: use, message: "there is no wrapper #{inspect(use.module)}#{called}", missing: true}
  end

  defp files(entry, place) do
    for {path, hash} <- Enum.sort(entry.files), reason = file(path, hash, place), do: reason
  end

  defp file(path, hash, place) do
    case File.read(Path.join(place.root, path)) do
      {:ok, text} -> if Manifest.hash(text) != hash, do: reason("#{path} is not as it was generated", false)
      {:error, _} -> reason("#{path} is not there", true)
    end
  end

  @typedoc "A library's wrappers, not written yet: its entry of the manifest, its files, and what could not be made."
  @type made :: %{
          entry: Manifest.library(),
          files: [{Path.t(), String.t()}],
          problems: [problem()],
          hints: %{{module(), atom() | nil} => String.t()},
          resolver: Resolver.t(),
          document: map()
        }

  @doc """
  Makes a library's wrappers: for the uses, and with `keep: true` for what the manifest has already.

  With `whole: true` modules have all their functions.
  """
  @spec make(Documents.t(), Config.library(), Manifest.t(), [map()], place(), keyword()) ::
          {:ok, made()} | {:error, Exception.t()}
  def make(documents, library, manifest, uses, place, opts) do
    kept = if opts[:keep], do: kept(manifest[library.python]), else: []
    modules = for {python, _} <- kept, python != library.python, do: python

    with {:ok, document, resolver, found} <- resolve(documents, library, uses, Enum.uniq(modules), 0) do
      options = Documents.generator_options(library)
      only = if library.options[:generate] == :all, do: :all, else: only(found, kept, resolver, opts)

      generated =
        for made <- Generator.generate(document, [only: only] ++ options),
            do: {made, place.folder |> Path.join(made.path) |> Path.relative_to(place.root)}

      entry = Manifest.library(Documents.options_hash(library), generated)
      hints = for {use, {:unknown, hint}} <- found, hint != nil, into: %{}, do: {{use.module, use.name}, hint}
      problems = problems(uses, Map.put(manifest, library.python, entry), library, hints)
      files = for {made, path} <- generated, do: {path, made.source}

      {:ok,
       %{
         entry: entry,
         files: files,
         problems: problems,
         hints: hints,
         resolver: resolver,
         document: document
       }}
    end
  rescue
    # Options that contradict each other are seen where names are given.
    error in ArgumentError -> {:error, %Error{message: "#{library.python}: #{Exception.message(error)}"}}
  end

  # A submodule is introspected when it is seen to be one; what is in it may be one again.
  defp resolve(documents, library, uses, modules, depth) do
    with {:ok, document} <- Documents.get(documents, library, modules) do
      resolver = Resolver.new(document, Documents.generator_options(library))
      found = for use <- uses, do: {use, Resolver.find(resolver, use)}
      more = for({_, {:look, module}} <- found, do: module) |> Enum.uniq()

      # One that cannot be imported is in no document, however often it is asked for.
      if more -- modules == [] or depth > 16,
        do: {:ok, document, resolver, found},
        else: resolve(documents, library, uses, Enum.uniq(modules ++ more), depth + 1)
    end
  end

  defp only(found, kept, resolver, opts) do
    wanted =
      for {use, {:wanted, names}} <- found, name <- wanted(use, names, resolver, opts[:whole]), do: name

    Enum.uniq(wanted ++ kept)
  end

  defp wanted(use, names, resolver, whole) do
    if whole, do: Resolver.whole(resolver, use.module), else: names
  end

  # What the manifest has, as the generator takes it.
  defp kept(nil), do: []

  defp kept(entry) do
    modules = Map.values(entry.modules)

    names =
      for {_, {_, python}} <- entry.functions,
          {owner, name} = split(python),
          owner in modules,
          do: {owner, name}

    # Of a class its module's name and its own are wanted; of a module that it is there.
    own = for module <- modules, {owner, name} = split(module), owner in modules, do: {owner, name}
    present = for module <- modules, do: {module, "__name__"}
    Enum.uniq(names ++ own ++ present)
  end

  defp split(python) do
    {front, [last]} = python |> String.split(".") |> Enum.split(-1)
    {Enum.join(front, "."), last}
  end

  @doc "What of these uses a manifest does not answer. `hints` are for a module and name."
  @spec problems([map()], Manifest.t(), Config.library(), map()) :: [problem()]
  def problems(uses, manifest, library, hints \\ %{}) do
    for use <- uses, text = problem(use, Manifest.look(manifest, use), manifest[library.python], hints) do
      %{use: use, library: library.python, severity: :warning, message: text}
    end
  end

  defp problem(_, :ok, _, _), do: nil

  # The compiler of Elixir says so itself.
  defp problem(_, {:arity, _}, _, _), do: nil

  defp problem(%{name: nil} = use, _, _, hints),
    do: with_hint("Python has nothing that would be #{inspect(use.module)}", hints[{use.module, nil}])

  defp problem(use, look, entry, hints) do
    hint = hints[{use.module, use.name}] || general(use, look, entry)
    with_hint("Python has nothing that would be #{inspect(use.module)}.#{use.name}", hint)
  end

  defp general(use, :no_function, entry) do
    name = Names.to_python(to_string(use.name))
    path = "#{entry.modules[use.module]}.#{name}"
    class = Enum.find_value(entry.modules, fn {module, python} -> python == path && module end)

    cond do
      class ->
        "#{name} is a class, or a module: #{inspect(class)}"

      is_map_key(entry.functions, {use.module, "call"}) ->
        "what has no wrapper can be called by its name: #{inspect(use.module)}.call(\"#{name}\", [...])"

      true ->
        "what has no wrapper is reached by its name: SnakeBridge.method(object, \"#{name}\", [...]), SnakeBridge.attr(object, \"#{name}\")"
    end
  end

  defp general(_, :no_module, _),
    do: "mix snakebridge.discover shows what a library has; SnakeBridge.call reaches all of it"

  defp with_hint(text, nil), do: text
  defp with_hint(text, hint), do: "#{text}\nhint: #{hint}"

  @doc """
  Writes what differs from what is there, removes what is not generated any more, and gives the changed paths.
  """
  @spec write([{Path.t(), String.t()}], Manifest.library() | nil, place()) :: [Path.t()]
  def write(files, before, place) do
    gone = if before, do: Map.keys(before.files) -- Enum.map(files, &elem(&1, 0)), else: []
    for path <- gone, do: remove(path, place)

    changed = for {path, source} <- files, write_file(Path.join(place.root, path), source), do: path
    gone ++ changed
  end

  @doc "Writes a file if that changes it; says whether it did."
  @spec write_file(Path.t(), String.t()) :: boolean()
  def write_file(path, text) do
    if File.read(path) == {:ok, text} do
      false
    else
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, text)
      true
    end
  end

  @doc "Removes a generated file, and folders that it leaves empty."
  @spec remove(Path.t(), place()) :: :ok
  def remove(path, place) do
    full = Path.join(place.root, path)
    File.rm(full)
    remove_empty(Path.dirname(full), Path.expand(place.folder, place.root))
  end

  defp remove_empty(folder, top) do
    if String.starts_with?(folder, top) and File.rmdir(folder) == :ok,
      do: remove_empty(Path.dirname(folder), top),
      else: :ok
  end
end

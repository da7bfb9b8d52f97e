defmodule SnakeBridge.Project.Resolver do
  @moduledoc """
  What the modules and functions that a source calls are in Python, according to a library's document.

  `Numpy.Linalg` is a submodule, `Pandas.DataFrame` a class: the document says which, the names do not. What is in a
  submodule that has not been looked at yet is not known; then that one is asked for.
  """

  alias SnakeBridge.Generator.{Modules, Names}
  alias SnakeBridge.Nearest
  alias SnakeBridge.Project.Config

  @enforce_keys [:entries, :options]
  defstruct [:entries, :options]

  @typedoc "`entries`: what each Elixir module is in Python."
  @type t :: %__MODULE__{entries: %{module() => tuple()}, options: keyword()}

  @typedoc """
  `{:wanted, names}`: what to generate, as `SnakeBridge.Generator.generate/2` takes it. `{:look, module}`: a module of Python
  that must be introspected first. `{:unknown, suggestion}`: there is no such thing.
  """
  @type found ::
          {:wanted, [{String.t(), String.t() | nil}]} | {:look, String.t()} | {:unknown, String.t() | nil}

  @doc "The Elixir module that a library becomes."
  @spec root(String.t(), keyword()) :: module()
  def root(python, options),
    do: options[:module] || Module.concat(List.wrap(options[:prefix]) ++ Names.module(python))

  @doc "All modules under which something of a library can be: its own, and those that its `modules:` are called."
  @spec roots(String.t(), keyword()) :: [module()]
  def roots(python, options) do
    own = for {_, of_module} <- options[:modules] || %{}, module = of_module[:module], do: module
    [root(python, options) | Enum.sort(own)]
  end

  @doc """
  The library that a module belongs to, or nil: of those under whose modules it is, the one that is nearest.

      iex> libraries = for name <- ["sklearn", "sklearn.linear_model"], do: %{python: name, options: []}
      iex> SnakeBridge.Project.Resolver.owner(Sklearn.LinearModel.Ridge, libraries).python
      "sklearn.linear_model"
  """
  @spec owner(module(), [Config.library()]) :: Config.library() | nil
  def owner(module, libraries) do
    segments = Module.split(module)

    found =
      for library <- libraries,
          root <- roots(library.python, library.options),
          root = Module.split(root),
          List.starts_with?(segments, root),
          do: {length(root), library}

    with {_, library} <- Enum.max_by(found, &elem(&1, 0), fn -> nil end), do: library
  end

  @doc "A resolver for a document."
  @spec new(map(), keyword()) :: t()
  def new(document, options) do
    context = Modules.context(document, naming(options))

    modules =
      for module <- document["modules"],
          into: %{},
          do: {Module.concat([context.modules[module["name"]]]), {:module, module}}

    classes =
      for module <- document["modules"],
          class <- module["classes"],
          into: %{},
          do: {Module.concat([context.classes[class["path"]]]), {:class, module["name"], class}}

    # Those of them that the document describes come from there.
    submodules =
      for {path, name} <- context.modules, into: %{}, do: {Module.concat([name]), {:submodule, path}}

    %__MODULE__{entries: submodules |> Map.merge(modules) |> Map.merge(classes), options: options}
  end

  defp naming(options) do
    by_path = fn named -> Map.new(named || %{}, fn {path, of} -> {path, Map.new(of)} end) end
    options = Map.new(options)

    Map.merge(%{module: nil, prefix: nil}, %{
      options
      | modules: by_path.(options[:modules]),
        functions: by_path.(options[:functions])
    })
  end

  @doc "All modules that there are or may be, with what they are in Python."
  @spec modules(t()) :: [{module(), String.t()}]
  def modules(%__MODULE__{entries: entries}) do
    for {module, entry} <- entries do
      case entry do
        {:module, descriptor} -> {module, descriptor["name"]}
        {:class, _, class} -> {module, class["path"]}
        {:submodule, name} -> {module, name}
      end
    end
  end

  @doc "Whether a module is a class of Python."
  @spec class?(t(), module()) :: boolean()
  def class?(%__MODULE__{entries: entries}, module), do: match?({:class, _, _}, entries[module])

  @doc "What a use is."
  @spec find(t(), map()) :: found()
  def find(%__MODULE__{} = resolver, %{module: module, name: name}) do
    case resolver.entries[module] do
      {:module, descriptor} -> in_module(descriptor, name, resolver)
      {:class, owner, class} -> {:wanted, [{owner, class["name"]}]}
      {:submodule, python} -> {:look, python}
      nil -> above(Module.split(module), resolver)
    end
  end

  # Where the module cannot be found, one above it may have to be looked at.
  defp above([_], resolver), do: {:unknown, near(nil, resolver)}

  defp above(segments, resolver) do
    {above, _} = Enum.split(segments, -1)

    case resolver.entries[Module.concat(above)] do
      {:submodule, python} -> {:look, python}
      nil -> above(above, resolver)
      _ -> {:unknown, near(Enum.join(segments, "."), resolver)}
    end
  end

  defp in_module(module, name, _) when name in [nil, :t],
    do: {:wanted, [{module["name"], name && "__name__"}]}

  defp in_module(module, name, resolver) do
    python = python_name(to_string(name), module["name"], resolver)
    names = names(module)

    cond do
      is_map_key(names, python) ->
        {:wanted, for(each <- [python | names[python]], do: {module["name"], each})}

      to_string(name) in ["call", "get", "call!", "get!"] ->
        {:wanted, [{module["name"], "__name__"}]}

      true ->
        {:unknown, nearest(python, Map.keys(names))}
    end
  end

  # Names, with what is needed besides: an alias is made of what it stands for.
  defp names(module) do
    plain =
      for kind <- ["functions", "constants"], %{"name" => name} <- module[kind], into: %{}, do: {name, []}

    own = MapSet.new(module["functions"], & &1["path"])

    for %{"name" => name, "target" => target} <- module["aliases"], target in own, into: plain do
      {name, [String.replace_prefix(target, module["name"] <> ".", "")]}
    end
  end

  @doc "All that a module has but its classes and submodules, as `find/2` gives it."
  @spec whole(t(), module()) :: [{String.t(), String.t() | nil}]
  def whole(%__MODULE__{} = resolver, module) do
    case resolver.entries[module] do
      {:module, descriptor} ->
        all(descriptor)

      {:class, owner, class} ->
        [{owner, class["name"]}]

      _ ->
        []
    end
  end

  defp all(module),
    do: [{module["name"], "__name__"} | for({name, _} <- names(module), do: {module["name"], name})]

  # The configuration may have given it another name, and a twin has the name of its function.
  defp python_name(name, module, %{options: options}) do
    name = if options[:bang], do: String.replace_suffix(name, "!", ""), else: name

    Enum.find_value(options[:functions] || %{}, Names.to_python(name), fn {path, of_function} ->
      if of_function[:name] == name and String.starts_with?(path, module <> "."),
        do: String.replace_prefix(path, module <> ".", "")
    end)
  end

  defp near(nil, _), do: nil
  defp near(name, resolver), do: nearest(name, Enum.map(Map.keys(resolver.entries), &inspect/1))

  defp nearest(name, names), do: if(near = Nearest.name(name, names), do: "did you mean #{near}?")
end

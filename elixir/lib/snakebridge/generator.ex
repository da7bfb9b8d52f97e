defmodule SnakeBridge.Generator do
  @moduledoc """
  Elixir modules from what is known of a Python library: the source of one for each module of Python, and for each class.

  `generate/2` is a function of the document that introspection wrote and of the configuration: it asks neither Python nor
  the file system, and gives the same text each time. Docstrings, defaults and names are data there, and stay literals in
  what it writes.

  | module | |
  |---|---|
  | `SnakeBridge.Generator.Names` | what Python's names are called |
  | `SnakeBridge.Generator.Types` | types, for specifications |
  | `SnakeBridge.Generator.Docs` | documentation |
  | `SnakeBridge.Generator.Functions` | functions, methods, constants |
  | `SnakeBridge.Generator.Classes`, `SnakeBridge.Generator.Modules` | what holds them |
  | `SnakeBridge.Wrapper` | what generated code calls |
  """

  alias SnakeBridge.Generator.{Classes, Functions, Modules}
  alias SnakeBridge.Schema

  @options [
    module: nil,
    prefix: nil,
    bang: false,
    max_arity: 8,
    inherited: true,
    only: :all,
    modules: %{},
    functions: %{},
    as: nil,
    timeout: nil,
    session: nil,
    tags: nil,
    stream: nil,
    result: nil,
    error: nil,
    validate: false
  ]

  @typedoc """
  A generated module: its name, the file that it belongs to, what it is in Python, the functions in it that are Python's,
  each with its arities and its name in Python, and its source.
  """
  @type generated :: %{
          module: module(),
          path: Path.t(),
          python: String.t(),
          functions: Functions.table(),
          source: String.t()
        }

  @doc """
  The modules of a document.

      iex> constant = %{"name" => "pi", "path" => "math.pi", "type" => %{"kind" => "float"}, "value" => 3.14, "repr" => "3.14"}
      iex> module = %{"name" => "math", "doc" => nil, "functions" => [], "classes" => [], "constants" => [constant], "submodules" => []}
      iex> document = %{"schema" => "snakebridge.introspection/1", "root" => "math", "modules" => [module]}
      iex> [math] = SnakeBridge.Generator.generate(document, bang: true)
      iex> {math.module, math.path, math.source =~ "def pi!(opts"}
      {Math, "math.ex", true}

  Options:

    * `:module` - the Elixir module of the document's root; default: made of its name
    * `:prefix` - a module that all are put under
    * `:bang` - whether each function has its twin with `!`, default `false`
    * `:max_arity` - how many arguments by position those functions have that take any number, default 8
    * `:inherited` - whether a class has functions for what it inherits of another that has a module too, default `true`;
      else it has those of class methods alone, and its documentation names the modules whose functions take its objects
    * `:only` - a list of `{module of Python, name}`: functions, constants, classes (with the classes that they extend); a
      name `nil` stands for the module with all that it has. Default `:all`
    * `:modules`, `:functions` - options by Python's path, whole or below the root: of a module or class `:module`, of
      a function `:name`, of both those of calls
    * those of calls: `:as`, `:timeout`, `:session`, `:tags`, `:stream`, `:result`, `:error`, `:validate`: see
      `SnakeBridge.Wrapper`

  Raises `ArgumentError` for a document that is none, and for options that contradict each other.
  """
  @spec generate(map(), keyword() | map()) :: [generated()]
  def generate(document, options \\ []) do
    document = Schema.check!(document)
    options = options!(options)
    context = Modules.context(document, options)
    document = select(document, options.only, context)

    context =
      Modules.only(context, for(module <- document["modules"], class <- module["classes"], do: class["path"]))

    modules = for module <- document["modules"], do: {Modules, module, context.modules[module["name"]]}

    classes =
      for module <- document["modules"],
          class <- module["classes"],
          do: {Classes, class, context.classes[class["path"]]}

    (modules ++ classes) |> Enum.sort_by(&elem(&1, 2)) |> made(Classes.prepared(context))
  end

  # A few tasks, for each gets a copy of all that it needs to know.
  defp made(parts, context) do
    count = System.schedulers_online()

    parts
    |> Enum.with_index()
    |> Enum.group_by(fn {_, index} -> rem(index, count) end)
    |> Map.values()
    |> Task.async_stream(&made_all(&1, context), timeout: :infinity)
    |> Enum.flat_map(fn
      {:ok, {:made, modules}} -> modules
      {:ok, {:raised, error, stacktrace}} -> reraise error, stacktrace
    end)
    |> Enum.sort()
    |> Enum.map(&elem(&1, 1))
  end

  # What is wrong is the caller's, not the task's.
  defp made_all(parts, context) do
    {:made, for({part, index} <- parts, do: {index, one(part, context)})}
  rescue
    error -> {:raised, error, __STACKTRACE__}
  end

  defp one({maker, descriptor, name}, context) do
    {source, functions} = maker.source(descriptor, name, context)

    %{
      module: Module.concat([name]),
      path: Macro.underscore(name) <> ".ex",
      python: descriptor["path"] || descriptor["name"],
      functions: functions,
      source: IO.iodata_to_binary(source)
    }
  end

  @doc "Says which generator this is: a hash of the modules that decide what is written."
  @spec hash() :: String.t()
  def hash do
    for(part <- ~w(Classes Docs Functions Modules Names Source Types), do: Module.concat(__MODULE__, part))
    |> then(&[__MODULE__, SnakeBridge.Wrapper.Validation | &1])
    |> Enum.map(& &1.module_info(:md5))
    |> then(&:crypto.hash(:sha256, &1))
    |> Base.encode16(case: :lower)
  end

  # --- options ---

  defp options!(given) do
    given = Map.new(given)

    case Map.keys(given) -- Keyword.keys(@options) do
      [] ->
        @options
        |> Map.new()
        |> Map.merge(Map.reject(given, fn {_, value} -> value == nil end))
        |> Map.update!(:modules, &by_text/1)
        |> Map.update!(:functions, &by_text/1)

      [unknown | _] ->
        known = Enum.map_join(@options, ", ", fn {key, _} -> "#{key}:" end)
        raise ArgumentError, "generate knows no option #{unknown}:; it knows #{known}"
    end
  end

  defp by_text(options), do: Map.new(options, fn {name, options} -> {to_string(name), Map.new(options)} end)

  # --- what is wanted ---

  defp select(document, :all, _), do: document

  defp select(document, only, context) do
    wanted =
      Enum.group_by(only, fn {module, _} -> to_string(module) end, fn {_, name} -> name && to_string(name) end)

    paths =
      for module <- document["modules"],
          class <- module["classes"],
          wanted?(wanted[module["name"]], class["name"]),
          path <- [class["path"] | class["mro"]],
          base = context.known[path],
          into: MapSet.new(),
          do: base["path"]

    modules =
      for module <- document["modules"],
          # A module of which nothing else is wanted may have the class that another's extends.
          names <- [wanted[module["name"]]],
          classes = Enum.filter(module["classes"], &(&1["path"] in paths)),
          names != nil or classes != [] do
        %{
          module
          | "functions" => Enum.filter(module["functions"], &wanted?(names, &1["name"])),
            "constants" => Enum.filter(module["constants"], &wanted?(names, &1["name"])),
            "classes" => classes
        }
        |> Map.put("aliases", Enum.filter(module["aliases"], &wanted?(names, &1["name"])))
      end

    %{document | "modules" => modules}
  end

  defp wanted?(nil, _), do: false
  defp wanted?(names, name), do: nil in names or name in names
end

defmodule SnakeBridge.Generator.Modules do
  @moduledoc """
  Which modules a document becomes, what they are called, and the source of those that stand for modules of Python.

  A context is what the source of one module must know of the others: the modules of classes, for types and inheritance,
  and the configuration.
  """

  alias SnakeBridge.Generator.{Docs, Functions, Names, Source}

  @call [:as, :timeout, :session, :tags, :stream, :result, :error, :validate]
  @defaults Map.merge(Map.new(@call, &{&1, nil}), %{validate: false, bang: false, max_arity: 8, name: nil})

  @enforce_keys [:root, :modules, :classes, :known, :options]
  defstruct [:root, :modules, :classes, :known, :options, inheritable: %{}]

  @typedoc """
  `modules` and `classes` are names of Elixir by paths of Python; `known` the descriptors of classes, by where they are found
  and by where they are defined; `inheritable` what others have of a class.
  """
  @type t :: %__MODULE__{
          root: String.t(),
          modules: %{String.t() => String.t()},
          classes: %{String.t() => String.t()},
          known: %{String.t() => map()},
          options: map(),
          inheritable: %{String.t() => [Functions.t()]}
        }

  # --- names ---

  @doc """
  What there is to know of a document's modules, with the options of `SnakeBridge.Generator.generate/2`.

  No name depends on what else is used: submodules have theirs before they are looked at, and names that are configured
  are nobody else's.
  """
  @spec context(map(), map()) :: t()
  def context(document, options) do
    root = document["root"]

    paths =
      for module <- document["modules"], path <- [module["name"] | module["submodules"]], uniq: true, do: path

    classes =
      for(module <- document["modules"], class <- module["classes"], do: {module["name"], class})
      |> Enum.uniq_by(fn {_, class} -> class["path"] end)

    {modules, names, _} =
      (paths ++ classes)
      |> Enum.sort_by(&order/1)
      |> Enum.reduce({%{}, %{}, configured(options, root)}, fn
        {module, class}, {modules, names, taken} ->
          own = option(options.modules, class["path"], root)[:module]
          name = if own, do: inspect(own), else: modules[module] <> "." <> Names.part(class["name"])
          {name, taken} = named(class["path"], name, taken)
          {modules, Map.put(names, class["path"], name), taken}

        path, {modules, names, taken} ->
          {name, taken} = named(path, module_name(path, root, options), taken)
          {Map.put(modules, path, name), names, taken}
      end)

    found = Enum.map(classes, &elem(&1, 1))
    defined = for %{"defined" => defined} = class when defined != nil <- found, do: {defined, class}
    known = Map.new(defined ++ Enum.map(found, &{&1["path"], &1}))

    %__MODULE__{
      root: root,
      modules: modules,
      classes: Map.new(known, fn {path, class} -> {path, names[class["path"]]} end),
      known: known,
      options: options
    }
  end

  # Who keeps its name: what is above others; then classes that are called as in Python, for those a user means; then
  # submodules, other classes.
  defp order({module, class}),
    do: {depth(module) + 1, if(Names.part(class["name"]) == class["name"], do: 0, else: 2), class["path"]}

  defp order(path), do: {depth(path), 1, path}

  defp depth(path), do: path |> String.split(".") |> length()

  @doc "The context with these classes alone, by their paths."
  @spec only(t(), [String.t()]) :: t()
  def only(context, paths) do
    paths = MapSet.new(paths)
    known = Map.filter(context.known, fn {_, class} -> class["path"] in paths end)
    %{context | known: known, classes: Map.take(context.classes, Map.keys(known))}
  end

  # Names that the configuration gives, with what they are given to.
  defp configured(options, root) do
    for {path, %{module: module}} when module != nil <- options.modules, reduce: %{} do
      taken ->
        name = module |> inspect() |> String.downcase()
        path = if path == root or String.starts_with?(path, root <> "."), do: path, else: "#{root}.#{path}"

        if is_map_key(taken, name),
          do:
            raise(
              ArgumentError,
              "modules: #{taken[name]} and #{path} would both be #{inspect(module)}\nhint: give one another module:"
            )

        Map.put(taken, name, path)
    end
  end

  # Files and compiled modules may lie where `A` and `a` are one name. A module and a class may have one path.
  defp named(path, name, taken) do
    free =
      Stream.iterate(name, fn name ->
        {last, front} = name |> String.split(".") |> List.pop_at(-1)
        Enum.join(front ++ ["Py" <> last], ".")
      end)
      |> Enum.find(&(Map.get(taken, String.downcase(&1), path) == path))

    {free, Map.put(taken, String.downcase(free), nil)}
  end

  defp module_name(path, root, options) do
    own = option(options.modules, path, root)[:module]

    cond do
      own -> inspect(own)
      path == root -> root_name(root, options)
      String.starts_with?(path, root <> ".") -> below(path, root, options)
      true -> path |> Names.module() |> prefixed(options)
    end
  end

  defp below(path, root, options) do
    rest =
      path |> String.replace_prefix(root <> ".", "") |> String.split(".") |> Enum.map_join(".", &Names.part/1)

    root_name(root, options) <> "." <> rest
  end

  defp root_name(root, options) do
    if options.module,
      do: inspect(options.module),
      else: root |> Names.module() |> prefixed(options)
  end

  defp prefixed(names, %{prefix: nil}), do: Enum.join(names, ".")
  defp prefixed(names, %{prefix: prefix}), do: Enum.join([inspect(prefix) | names], ".")

  @doc "The module that a class is in, and its name there, as a call of Python needs them."
  @spec split(map(), t()) :: {String.t(), String.t()}
  def split(class, context) do
    path = class["path"]

    module =
      context.modules
      |> Map.keys()
      |> Enum.filter(&String.starts_with?(path, &1 <> "."))
      |> Enum.max_by(&String.length/1, fn -> nil end)

    if module do
      {module, String.replace_prefix(path, module <> ".", "")}
    else
      {front, [name]} = path |> String.split(".") |> Enum.split(-1)
      {Enum.join(front, "."), name}
    end
  end

  # --- options ---

  @doc "The options of a name in a module or class: the library's, then those of `modules:`, then those of `functions:`."
  @spec options(t(), map(), String.t()) :: map()
  def options(context, owner, name) do
    path = owner["path"] || owner["name"]

    @defaults
    |> Map.merge(Map.take(context.options, [:bang, :max_arity | @call]))
    |> Map.merge(option(context.options.modules, parent(owner, context), context.root) |> Map.take(@call))
    |> Map.merge(option(context.options.modules, path, context.root) |> Map.take(@call))
    |> Map.merge(option(context.options.functions, "#{path}.#{name}", context.root))
    |> Map.update!(:name, &valid!(&1, "#{path}.#{name}"))
  end

  defp parent(%{"path" => _} = class, context), do: class |> split(context) |> elem(0)
  defp parent(module, _), do: module["name"]

  # By its whole path, or by that below the root.
  defp option(all, path, root),
    do: all |> Map.get(path, Map.get(all, String.replace_prefix(path, root <> ".", ""), %{})) |> Map.new()

  defp valid!(nil, _), do: nil

  defp valid!(name, path) do
    if name =~ ~r/\A[a-z_][A-Za-z0-9_]*\z/ and Names.to_elixir(name) == name,
      do: name,
      else:
        raise(
          ArgumentError,
          "functions: #{path}: name: #{inspect(name)} cannot be the name of a function\nhint: a name is of letters, digits and underscores, with a small one first, and no reserved word"
        )
  end

  @doc "Functions, if no two of them have one name: options can make it so."
  @spec distinct!([Functions.t()], String.t()) :: [Functions.t()]
  def distinct!(functions, path) do
    for {name, [one, other | _]} <- Enum.group_by(functions, & &1.name) do
      raise ArgumentError,
            "functions: #{path}.#{one.python} and #{path}.#{other.python} would both be #{name}\nhint: give one another name:"
    end

    functions
  end

  # --- modules of Python ---

  @doc "The functions of a module: Python's functions, and its constants."
  @spec functions(map(), t()) :: [Functions.t()]
  def functions(module, context) do
    functions = Enum.map(module["functions"] ++ aliases(module), &function(&1, module, context))
    constants = Enum.map(module["constants"], &constant(&1, module, context))

    functions
    |> Enum.concat(constants)
    |> Enum.reject(&is_nil/1)
    |> Enum.sort_by(& &1.name)
    |> distinct!(module["name"])
  end

  # Another name of a function that stands beside it.
  defp aliases(module) do
    for %{"name" => name, "target" => target} <- module["aliases"],
        function = Enum.find(module["functions"], &(&1["path"] == target)),
        function != nil,
        do: %{function | "name" => name}
  end

  defp function(function, module, context) do
    options = options(context, module, function["name"])

    Functions.callable(function, %{
      name: options.name || Names.to_elixir(function["name"]),
      python: function["name"],
      object: false,
      path: [module["name"], function["name"]],
      shown: "#{module["name"]}.#{function["name"]}",
      classes: context.classes,
      options: options
    })
  end

  defp constant(constant, module, context) do
    options = options(context, module, constant["name"])

    Functions.readable(constant, Docs.constant(constant), %{
      name: options.name || Names.to_elixir(constant["name"]),
      python: constant["name"],
      object: false,
      path: [module["name"], constant["name"]],
      classes: context.classes,
      options: options
    })
  end

  @doc "The source of a module's module, and what can be called there."
  @spec source(map(), String.t(), t()) :: {iodata(), Functions.table()}
  def source(module, name, context) do
    functions = functions(module, context)
    bang = context.options.bang
    general = module |> general() |> Enum.reject(fn {name, _} -> Enum.any?(functions, &(&1.name == name)) end)

    classes =
      for class <- module["classes"],
          found = context.classes[class["path"]],
          do: {found, class["path"], Docs.summary(class["doc"])}

    source = [
      head(name, Docs.module(module), functions),
      Enum.map(functions, &Functions.source/1),
      Enum.map(general, &written(&1, bang)),
      tail(%{kind: :module, path: module["name"]}, functions, Enum.sort(classes))
    ]

    table =
      for {name, form} <- general,
          name <- if(bang, do: [name, name <> "!"], else: [name]),
          into: Functions.table(functions),
          do: {name, {form.arities, name}}

    {source, table}
  end

  # What reaches everything. A function of Python with one of these names takes its place.
  defp general(module) do
    path = Source.string(module["name"])

    [
      {"call",
       %{
         arities: 1..4,
         doc: "Calls any function of the module, also one that has no wrapper: see `SnakeBridge.call/5`.",
         types: "String.t(), [term()], SnakeBridge.kwargs(), keyword()",
         head: "name, args \\\\ [], kwargs \\\\ [], opts \\\\ []",
         body: "Wrapper.call(#{path}, name, args, kwargs, opts)"
       }},
      {"get",
       %{
         arities: 1..2,
         doc: "Any attribute of the module, also one that has no wrapper: see `SnakeBridge.get/3`.",
         types: "String.t(), keyword()",
         head: "name, opts \\\\ []",
         body: "Wrapper.get(#{path}, name, opts)"
       }}
    ]
  end

  defp written({name, form}, bang) do
    _..most//_ = form.arities
    doc = "Like `#{name}/#{most}`, but gives the value or raises."
    twin = %{form | doc: doc, body: "Wrapper.value!(#{form.body})"}

    [
      one(name, form, "SnakeBridge.result()"),
      if(bang, do: one(name <> "!", twin, "term()"), else: [])
    ]
  end

  defp one(name, form, result) do
    [
      ["  @doc ", Source.string(form.doc), "\n"],
      Source.code("@spec #{name}(#{form.types}) :: #{result}", 2),
      [Source.code("def #{name}(#{form.head}), do: #{form.body}", 2), "\n"]
    ]
  end

  # --- what all have ---

  @doc "How a generated module begins."
  @spec head(String.t(), String.t(), [Functions.t()]) :: iodata()
  def head(module, doc, functions) do
    [
      "# Made by SnakeBridge from the Python library that is installed: what is changed here is lost.\n",
      "defmodule #{module} do\n  @moduledoc ",
      Source.heredoc(doc),
      "\n\n  @behaviour SnakeBridge.Wrapper\n\n  require SnakeBridge.Wrapper, as: Wrapper\n\n",
      if(Enum.any?(functions, &(&1.slots != [] and &1.most == 0)),
        do: "  @absent Wrapper.absent()\n\n",
        else: []
      )
    ]
  end

  @doc "How a generated module ends: what it is in Python, and what it has."
  @spec tail(map(), [Functions.t()], [{String.t(), String.t(), String.t()}]) :: iodata()
  def tail(python, functions, classes) do
    classes =
      for {module, path, summary} <- classes,
          do: "{#{module}, #{Source.string(path)}, #{Source.string(summary)}}"

    pairs = for key <- [:kind, :path, :bases, :mro], is_map_key(python, key), do: {key, python[key]}

    [
      ["  @impl true\n", Source.code("def __python__, do: %{#{Source.keyword(pairs)}}", 2), "\n"],
      ["  @impl true\n  def __functions__,", list(functions, &Functions.entry/1), "\n"],
      ["  @impl true\n  def __classes__,", list(classes, & &1), "\n"],
      "  @impl true\n  def __search__(text), do: Wrapper.search(__MODULE__, text)\nend\n"
    ]
  end

  defp list([], _), do: " do: []\n"

  # There is a comma behind all but the last.
  defp list(items, entry) do
    {items, [last]} = Enum.split(items, -1)
    before = for item <- items, do: listed(item, entry)
    ["\n    do: [\n", before, last |> entry.() |> Source.code(6), "    ]\n"]
  end

  defp listed(%{written: {_, entry}}, _), do: entry
  defp listed(item, entry), do: Source.listed(entry.(item), 6)
end

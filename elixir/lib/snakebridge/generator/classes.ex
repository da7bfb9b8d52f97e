defmodule SnakeBridge.Generator.Classes do
  @moduledoc """
  Classes as modules: `new` from the constructor, methods and properties of the ref, class methods and attributes.

  What a class inherits of one that is wrapped too has functions here as well, whose documentation is there, unless
  the configuration says `inherited: false`; of others introspection lists it among the class's own.
  """

  alias SnakeBridge.Generator.{Docs, Functions, Modules, Names, Source}

  @doc "The functions of a class itself: those of its constructor, methods, properties, attributes."
  @spec functions(map(), Modules.t()) :: [Functions.t()]
  def functions(class, context) do
    constructor = if class["constructor"], do: [constructor(class, context)], else: []
    methods = Enum.map(class["methods"], &method(&1, class, context))
    properties = Enum.map(class["properties"], &property(&1, class, context))
    attributes = Enum.map(class["attributes"], &attribute(&1, class, context))

    (constructor ++ methods ++ properties ++ attributes)
    |> Enum.reject(&is_nil/1)
    |> Modules.distinct!(class["path"])
  end

  defp constructor(class, context) do
    {module, name} = Modules.split(class, context)

    Functions.callable(class["constructor"], %{
      name: "new",
      python: "__init__",
      object: false,
      path: [module, name],
      shown: class["path"],
      classes: context.classes,
      options: Modules.options(context, class, "__init__")
    })
    |> constructed(context.classes[class["path"]])
  end

  # Some classes give objects of another, and some arrive as values.
  defp constructed(nil, _), do: nil
  defp constructed(%{result: "Enumerable.t()"} = function, _), do: function
  defp constructed(function, nil), do: function
  defp constructed(%{settings: []} = function, _), do: %{function | result: "t()"}
  defp constructed(function, _), do: %{function | result: "term()"}

  defp method(method, class, context) do
    {module, name} = Modules.split(class, context)
    options = Modules.options(context, class, method["name"])
    object? = method["kind"] not in ["classmethod", "staticmethod"]

    Functions.callable(method, %{
      name: options.name || Names.to_elixir(method["name"], :class),
      python: method["name"],
      object: object?,
      path: if(object?, do: [method["name"]], else: [module, "#{name}.#{method["name"]}"]),
      shown: "#{class["path"]}.#{method["name"]}",
      classes: context.classes,
      options: options
    })
  end

  defp property(property, class, context) do
    options = Modules.options(context, class, property["name"])

    Functions.readable(property, Docs.property(property, class["path"]), %{
      name: options.name || Names.to_elixir(property["name"], :class),
      python: property["name"],
      object: true,
      path: [property["name"]],
      classes: context.classes,
      options: options
    })
  end

  defp attribute(attribute, class, context) do
    {module, name} = Modules.split(class, context)
    options = Modules.options(context, class, attribute["name"])
    attribute = Map.put(attribute, "path", "#{class["path"]}.#{attribute["name"]}")
    object? = attribute["of_instance"] || false

    Functions.readable(attribute, Docs.constant(attribute), %{
      name: options.name || Names.to_elixir(attribute["name"], :class),
      python: attribute["name"],
      object: object?,
      path: if(object?, do: [attribute["name"]], else: [module, "#{name}.#{attribute["name"]}"]),
      classes: context.classes,
      options: options
    })
  end

  @doc "What a class has of its bases and has not itself; of the nearest that has it."
  @spec inherited(map(), [Functions.t()], Modules.t()) :: [Functions.t()]
  def inherited(class, own, context) do
    own = MapSet.new(own, & &1.name)

    for(base <- bases(class, context), function <- of_base(base, class, context), do: function)
    |> Enum.uniq_by(& &1.name)
    |> Enum.reject(&(&1.name in own))
  end

  # Class methods and attributes are those of the class that they are called on.
  defp of_base(base, class, %{options: %{inherited: all?}} = context) do
    methods =
      for %{"kind" => kind} = method when kind in ["classmethod", "staticmethod"] <- base["methods"],
          do: method(method, class, context)

    {others, attributes} =
      if all?,
        do:
          {Map.get_lazy(context.inheritable, base["path"], fn -> inheritable(base, context) end),
           Enum.map(base["attributes"], &attribute(&1, class, context))},
        else: {[], []}

    others ++
      for function <- methods ++ attributes,
          function != nil,
          do: %{function | inherited: context.classes[base["path"]]}
  end

  # What is documented elsewhere.
  defp inheritable(base, context) do
    for %{object: true} = function <- functions(base, context),
        do: Functions.written(%{function | inherited: context.classes[base["path"]], doc: ""})
  end

  @doc "A context that knows what is inherited, so that it is not found out for each class anew."
  @spec prepared(Modules.t()) :: Modules.t()
  def prepared(%{options: %{inherited: false}} = context), do: context

  def prepared(context) do
    bases =
      for({_, class} <- context.known, base <- bases(class, context), do: {base["path"], base}) |> Map.new()

    inheritable =
      Task.async_stream(bases, fn {path, base} -> {path, inheritable(base, context)} end, timeout: :infinity)

    %{context | inheritable: Map.new(inheritable, fn {:ok, found} -> found end)}
  end

  @doc "The classes that a class extends and that are wrapped too, nearest first."
  @spec bases(map(), Modules.t()) :: [map()]
  def bases(class, context) do
    for path <- class["mro"],
        base = context.known[path],
        base["path"] != class["path"],
        uniq: true,
        do: base
  end

  @doc "The source of a class's module, and what can be called there."
  @spec source(map(), String.t(), Modules.t()) :: {iodata(), Functions.table()}
  def source(class, module, context) do
    own = functions(class, context)

    all =
      Enum.sort_by(own ++ inherited(class, own, context), &{&1.name != "new", &1.inherited != nil, &1.name})

    bases = Enum.map(bases(class, context), &context.classes[&1["path"]])

    python = %{kind: :class, path: class["path"], bases: class["bases"], mro: class["mro"]}

    source = [
      Modules.head(module, Docs.class(class, bases, context.options.inherited), all),
      ["  @typedoc ", Source.string("An object of Python's `#{class["path"]}`."), "\n"],
      "  @type t :: #{SnakeBridge.Generator.Types.own(class["path"])}\n\n",
      Enum.map(all, &Functions.source/1),
      Modules.tail(python, all, [])
    ]

    {source, Functions.table(all)}
  end
end

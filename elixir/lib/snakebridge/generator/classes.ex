defmodule SnakeBridge.Generator.Classes do
  @moduledoc """
  Classes as modules: `new` from the constructor, methods and properties of the ref, class methods and attributes.

  What a class inherits of one that is wrapped too is delegated to that one's module; of others introspection lists it among
  the class's own. Class methods are never delegated: they are about the class that they are called on.
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

    Functions.readable(attribute, Docs.constant(attribute), %{
      name: options.name || Names.to_elixir(attribute["name"], :class),
      python: attribute["name"],
      object: false,
      path: [module, "#{name}.#{attribute["name"]}"],
      classes: context.classes,
      options: options
    })
  end

  @doc """
  What a class has of its bases: functions of the class's own, and those that are delegated, each with the module of the
  nearest base that has it.
  """
  @spec inherited(map(), [Functions.t()], Modules.t()) :: {[Functions.t()], [{Functions.t(), String.t()}]}
  def inherited(class, own, context) do
    taken = MapSet.new(own, & &1.name)

    {_, found} =
      class
      |> bases(context)
      |> Enum.reduce({MapSet.put(taken, "new"), []}, fn base, {taken, found} ->
        module = context.classes[base["path"]]

        new =
          for %{object: true} = function <- functions(base, context),
              function.name not in taken,
              do: {function, module}

        rebound =
          for method <- base["methods"] ++ base["attributes"],
              Map.get(method, "kind", "classmethod") in ["classmethod", "staticmethod"],
              function = rebound(method, class, context),
              function != nil,
              function.name not in taken,
              do: {function, nil}

        names = Enum.map(new ++ rebound, fn {function, _} -> function.name end)
        {Enum.into(names, taken), found ++ new ++ rebound}
      end)

    # A delegate to what is deprecated would be reported where the module is compiled, not where it is used; one that
    # takes any number of arguments would be long.
    {delegated, here} =
      Enum.split_with(found, fn {function, module} ->
        module != nil and function.deprecated == nil and function.most == 0
      end)

    {Enum.map(here, &see/1), delegated}
  end

  defp see({function, nil}), do: function

  defp see({function, module}) do
    _..last//_ = Functions.arities(function)
    %{function | doc: "See `#{module}.#{function.name}/#{last}`."}
  end

  defp rebound(%{"kind" => _} = method, class, context), do: method(method, class, context)
  defp rebound(attribute, class, context), do: attribute(attribute, class, context)

  @doc "The classes that a class extends and that are wrapped too, nearest first."
  @spec bases(map(), Modules.t()) :: [map()]
  def bases(class, context) do
    for path <- class["mro"] || [],
        base = context.known[path],
        base["path"] != class["path"],
        uniq: true,
        do: base
  end

  @doc "The source of a class's module."
  @spec source(map(), String.t(), Modules.t()) :: iodata()
  def source(class, module, context) do
    own = functions(class, context)
    {here, delegated} = inherited(class, own, context)
    functions = Enum.sort_by(own ++ here, &{&1.name != "new", &1.name})
    delegated = Enum.sort_by(delegated, fn {function, _} -> function.name end)
    all = functions ++ Enum.map(delegated, &elem(&1, 0))
    bases = Enum.map(bases(class, context), &context.classes[&1["path"]])

    python = %{kind: :class, path: class["path"], bases: class["bases"] || [], mro: class["mro"] || []}

    [
      Modules.head(module, Docs.class(class, bases), all),
      "@typedoc ",
      Source.string("An object of Python's `#{class["path"]}`."),
      "\n",
      "@type t :: #{SnakeBridge.Generator.Types.own(class["path"])}\n\n",
      Enum.map(functions, &Functions.source/1),
      Enum.map(delegated, fn {function, base} -> Functions.delegate(function, base) end),
      Modules.tail(python, all, [])
    ]
  end
end

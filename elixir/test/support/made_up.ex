defmodule SnakeBridge.MadeUp do
  @moduledoc "Descriptors, short to write, for tests of what is made of them."

  @type_ %{"kind" => "unknown"}

  def document(root, modules, more \\ %{}) do
    Map.merge(
      %{
        "schema" => "snakebridge.introspection/1",
        "root" => root,
        "package" => nil,
        "python" => "3.11.7",
        "implementation" => "CPython",
        "platform" => "linux",
        "modules" => modules,
        "warnings" => []
      },
      more
    )
  end

  def module(name, more \\ %{}) do
    Map.merge(
      %{
        "name" => name,
        "doc" => nil,
        "is_package" => false,
        "functions" => [],
        "classes" => [],
        "constants" => [],
        "submodules" => [],
        "aliases" => [],
        "explicit" => true
      },
      more
    )
  end

  def function(path, parameters, more \\ %{}) do
    Map.merge(
      %{
        "name" => path |> String.split(".") |> List.last(),
        "path" => path,
        "kind" => "function",
        "signature" => "known",
        "parameters" => parameters,
        "returns" => @type_,
        "async" => false,
        "generator" => false,
        "overloads" => [],
        "deprecated" => nil,
        "doc" => nil
      },
      more
    )
  end

  def class(path, more \\ %{}) do
    Map.merge(
      %{
        "name" => path |> String.split(".") |> List.last(),
        "path" => path,
        "defined" => path,
        "kind" => "class",
        "bases" => ["builtins.object"],
        "mro" => [path, "builtins.object"],
        "constructor" => function(path <> ".__init__", []),
        "methods" => [],
        "properties" => [],
        "attributes" => [],
        "abstract" => false,
        "doc" => nil
      },
      more
    )
  end

  @doc "A parameter that must be given, or with `default:` (a literal) one that may be; `kind:`, `type:`."
  def parameter(name, more \\ []) do
    %{
      "name" => name,
      "kind" => to_string(more[:kind] || "positional_or_keyword"),
      "required" =>
        not Keyword.has_key?(more, :default) and more[:kind] not in [:var_positional, :var_keyword],
      "default" => if(Keyword.has_key?(more, :default), do: %{"literal" => more[:default]}),
      "type" => more[:type] || @type_
    }
  end

  def type(kind, more \\ %{}), do: Map.merge(%{"kind" => to_string(kind), "confidence" => "high"}, more)

  def doc(markdown) do
    %{
      "summary" => markdown |> String.split("\n") |> hd(),
      "text" => markdown,
      "markdown" => markdown,
      "style" => "plain",
      "parameters" => [],
      "returns" => [],
      "raises" => [],
      "examples" => []
    }
  end
end

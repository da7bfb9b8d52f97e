defmodule SnakeBridge.Schema do
  @moduledoc """
  Documents of introspection: what is known of a Python library, as plain data with text for keys.

  The worker writes them (`snakebridge.introspection`), `SnakeBridge.Schema.Store` keeps them, `SnakeBridge.Schema.Diff`
  compares them, `SnakeBridge.Generator` makes modules of them. Here it is said whether a term is one.
  """

  @version "snakebridge.introspection/1"

  @doc "The version of the documents that this library reads."
  @spec version() :: String.t()
  def version, do: @version

  @doc """
  A document as it is used: what may be absent is there, empty. Raises `ArgumentError` for anything else.

      iex> SnakeBridge.Schema.check!(%{"schema" => "snakebridge.introspection/2"})
      ** (ArgumentError) this is a document of snakebridge.introspection/2, and snakebridge.introspection/1 is known here
      hint: discover the library again: `mix snakebridge.discover`
  """
  @spec check!(term()) :: map()
  def check!(%{"schema" => @version, "root" => root, "modules" => modules} = document)
      when is_binary(root) and is_list(modules) do
    %{document | "modules" => Enum.map(modules, &module!/1)}
  end

  def check!(%{"schema" => other}) when is_binary(other) and other != @version do
    raise ArgumentError,
          "this is a document of #{other}, and #{@version} is known here\n" <>
            "hint: discover the library again: `mix snakebridge.discover`"
  end

  def check!(other) do
    raise ArgumentError,
          "a document of introspection is expected, got: #{inspect(other, limit: 5, printable_limit: 50)}"
  end

  @lists ~w(functions classes constants submodules aliases)

  defp module!(%{"name" => name} = module) when is_binary(name) do
    module = module |> lists!(@lists, name) |> Map.put_new("doc", nil)

    %{
      module
      | "functions" => Enum.map(module["functions"], &function!(&1, name)),
        "constants" => Enum.map(module["constants"], &named!(&1, name)),
        "classes" => Enum.map(module["classes"], &class!(&1, name))
    }
  end

  defp module!(other), do: wrong!("a module", other)

  defp class!(%{"name" => class, "path" => path} = given, _) when is_binary(class) and is_binary(path) do
    given = lists!(given, ~w(methods properties attributes bases mro), path)

    %{
      given
      | "methods" => Enum.map(given["methods"], &function!(&1, path)),
        "properties" => Enum.map(given["properties"], &named!(&1, path)),
        "attributes" => Enum.map(given["attributes"], &named!(&1, path))
    }
    |> Map.put("constructor", given["constructor"] && function!(given["constructor"], path))
  end

  defp class!(other, place), do: wrong!("a class of #{place}", other)

  defp function!(%{"name" => name} = function, _) when is_binary(name) do
    function
    |> Map.put_new("signature", "known")
    |> Map.put_new("kind", "function")
    |> lists!(~w(parameters overloads), name)
  end

  defp function!(other, place), do: wrong!("a function of #{place}", other)

  defp named!(%{"name" => name} = named, _) when is_binary(name), do: named
  defp named!(other, place), do: wrong!("a member of #{place}", other)

  defp lists!(given, keys, place) do
    Enum.reduce(keys, given, fn key, given ->
      case Map.get(given, key) do
        nil -> Map.put(given, key, [])
        list when is_list(list) -> given
        other -> wrong!("the list #{key} of #{place}", other)
      end
    end)
  end

  @spec wrong!(String.t(), term()) :: no_return()
  defp wrong!(what, other),
    do: raise(ArgumentError, "#{what} is expected, got: #{inspect(other, limit: 5, printable_limit: 50)}")
end

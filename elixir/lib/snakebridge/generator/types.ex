defmodule SnakeBridge.Generator.Types do
  @moduledoc """
  Types of Python as types of Elixir, for `@spec`, and as text, for documentation.

  What Elixir may send and what it gets are not the same: a `str` is also sent as an atom, a subclass of `int` arrives as a
  ref. So each type is one of two, and both err on the side of saying less: what is only guessed is `term()`.
  """

  @deepest 4
  @widest 8

  # Classes whose objects arrive as values.
  @values %{
    "datetime.date" => "Date.t()",
    "datetime.time" => "Time.t()",
    "datetime.datetime" => "NaiveDateTime.t() | DateTime.t()",
    "datetime.timedelta" => "term()",
    "uuid.UUID" => "String.t()",
    "decimal.Decimal" => "term()"
  }

  @typedoc "A type as introspection writes it."
  @type tree :: map()
  @typedoc "Modules of classes, by Python's paths."
  @type classes :: %{String.t() => String.t()}

  @doc """
  The type of an argument, as source.

      iex> SnakeBridge.Generator.Types.argument(%{"kind" => "int", "confidence" => "high"}, %{})
      "integer() | Wrapper.ref()"
  """
  @spec argument(tree(), classes()) :: String.t()
  def argument(type, classes), do: top(type, :in, classes)

  @doc """
  The type of a result, as source.

      iex> SnakeBridge.Generator.Types.result(%{"kind" => "list", "of" => [%{"kind" => "str"}]}, %{})
      "[String.t()] | Wrapper.ref()"
  """
  @spec result(tree(), classes()) :: String.t()
  def result(type, classes), do: top(type, :out, classes)

  @doc "What `t:t/0` of a class is."
  @spec own(String.t()) :: String.t()
  def own(path), do: Map.get(@values, path, "SnakeBridge.Ref.t()")

  # What is none of Elixir's values, or is of a subclass, is a ref.
  defp top(type, way, classes) do
    case parts(type, way, classes, 0) do
      :term -> "term()"
      ["nil"] -> if way == :out, do: "nil", else: "nil | Wrapper.ref()"
      parts -> [parts, "Wrapper.ref()"] |> List.flatten() |> Enum.uniq() |> Enum.join(" | ")
    end
  end

  # The members of a union, or `:term` where anything is possible.
  defp parts(_, _, _, depth) when depth > @deepest, do: :term
  defp parts(%{"confidence" => "low"}, _, _, _), do: :term
  defp parts(%{"kind" => kind} = type, way, classes, depth), do: kind(kind, type, way, classes, depth)
  defp parts(_, _, _, _), do: :term

  defp kind("none", _, _, _, _), do: ["nil"]
  defp kind("int", _, _, _, _), do: ["integer()"]
  defp kind("float", _, _, _, _), do: ["Wrapper.real()"]
  defp kind("bool", _, _, _, _), do: ["boolean()"]
  defp kind("str", _, :in, _, _), do: ["String.t()", "atom()"]
  defp kind("str", _, :out, _, _), do: ["String.t()"]
  defp kind("bytes", _, :in, _, _), do: ["binary()", "struct()"]
  defp kind("bytes", _, :out, _, _), do: ["binary()"]

  defp kind("list", type, way, classes, depth), do: ["[#{inner(type, 0, way, classes, depth)}]"]

  defp kind("dict", type, way, classes, depth) do
    key = inner(type, 0, way, classes, depth)
    ["%{optional(#{key}) => #{inner(type, 1, way, classes, depth)}}"]
  end

  defp kind(set, type, way, classes, depth) when set in ["set", "frozenset"],
    do: ["MapSet.t(#{inner(type, 0, way, classes, depth)})"]

  defp kind("tuple", %{"variadic" => true}, _, _, _), do: ["tuple()"]

  defp kind("tuple", %{"of" => [_ | _] = of}, way, classes, depth),
    do: ["{" <> Enum.map_join(of, ", ", &joined(&1, way, classes, depth)) <> "}"]

  defp kind("tuple", _, _, _, _), do: ["tuple()"]
  defp kind(ref, _, :out, _, _) when ref in ~w(iterator generator callable type), do: ["Wrapper.ref()"]
  defp kind("callable", _, :in, _, _), do: ["function()", "Wrapper.ref()"]
  defp kind("typed_dict", _, _, _, _), do: ["map()"]
  defp kind("awaitable", %{"of" => [inner]}, :out, classes, depth), do: parts(inner, :out, classes, depth + 1)

  defp kind("union", %{"of" => of}, way, classes, depth) when is_list(of),
    do: of |> Enum.map(&parts(&1, way, classes, depth + 1)) |> union()

  defp kind("literal", %{"values" => [_ | _] = values}, way, _, _),
    do: values |> Enum.map(&literal(&1, way)) |> union()

  defp kind("class", %{"name" => name}, way, classes, _) when is_binary(name), do: class(name, way, classes)
  defp kind(_, _, _, _, _), do: :term

  defp class(name, _, _) when is_map_key(@values, name) do
    case @values[name] do
      "term()" -> :term
      value -> String.split(value, " | ")
    end
  end

  defp class(name, way, classes) do
    type = if module = classes[name], do: module <> ".t()", else: "Wrapper.ref()"
    # Structs become objects of any class: see `SnakeBridge.Encoder`.
    if way == :in, do: [type, "struct()"], else: [type]
  end

  defp literal(nil, _), do: ["nil"]
  defp literal(value, _) when is_boolean(value) or is_integer(value), do: [inspect(value)]
  defp literal(value, :in) when is_binary(value), do: ["String.t()", "atom()"]
  defp literal(value, :out) when is_binary(value), do: ["String.t()"]
  defp literal(_, _), do: :term

  defp union(members) do
    parts = members |> List.flatten() |> Enum.uniq()
    if :term in parts or length(parts) > @widest or parts == [], do: :term, else: parts
  end

  defp inner(type, index, way, classes, depth) do
    case type["of"] do
      of when is_list(of) -> of |> Enum.at(index) |> joined(way, classes, depth)
      _ -> "term()"
    end
  end

  defp joined(type, way, classes, depth) do
    case parts(type, way, classes, depth + 1) do
      :term -> "term()"
      parts -> Enum.join(parts, " | ")
    end
  end

  # --- as text ---

  @doc """
  A type as Python writes it; nil for one that is not known.

      iex> SnakeBridge.Generator.Types.text(%{"kind" => "union", "of" => [%{"kind" => "int"}, %{"kind" => "none"}]})
      "int | None"
  """
  @spec text(tree() | nil) :: String.t() | nil
  def text(type), do: text(type, 0)

  defp text(_, depth) when depth > @deepest, do: "..."
  defp text(%{"kind" => "unknown"}, _), do: nil
  defp text(%{"kind" => "none"}, _), do: "None"

  defp text(%{"kind" => "union", "of" => [_ | _] = of}, depth),
    do: of |> Enum.map(&(text(&1, depth + 1) || "Any")) |> Enum.uniq() |> Enum.join(" | ")

  defp text(%{"kind" => "literal", "values" => values}, _) when is_list(values),
    do: "one of " <> Enum.map_join(values, ", ", &python/1)

  defp text(%{"kind" => kind, "name" => name}, _) when kind in ["class", "type_var"] and is_binary(name),
    do: name

  defp text(%{"kind" => kind} = type, depth) when is_binary(kind) do
    case type["of"] do
      [_ | _] = of -> "#{kind}[#{Enum.map_join(of, ", ", &(text(&1, depth + 1) || "Any"))}]"
      _ -> kind
    end
  end

  defp text(_, _), do: nil

  @doc """
  A value as Python writes it.

      iex> SnakeBridge.Generator.Types.python([nil, true, "a", 1.5, %{"b" => {1}}])
      "[None, True, 'a', 1.5, {'b': (1,)}]"
  """
  @spec python(term()) :: String.t()
  def python(nil), do: "None"
  def python(true), do: "True"
  def python(false), do: "False"
  def python(:nan), do: "nan"
  def python(:infinity), do: "inf"
  def python(:neg_infinity), do: "-inf"

  def python(text) when is_binary(text) do
    escaped = text |> inspect(printable_limit: :infinity) |> String.slice(1..-2//1)

    "'" <>
      (escaped
       |> String.replace("\\\"", "\"")
       |> String.replace("\\\#{", "\#{")
       |> String.replace("'", "\\'")) <> "'"
  end

  def python(list) when is_list(list), do: "[" <> Enum.map_join(list, ", ", &python/1) <> "]"
  def python({one}), do: "(#{python(one)},)"

  def python(tuple) when is_tuple(tuple),
    do: "(" <> (tuple |> Tuple.to_list() |> Enum.map_join(", ", &python/1)) <> ")"

  def python(%{} = map) when not is_struct(map),
    do:
      "{" <>
        (map |> Enum.sort() |> Enum.map_join(", ", fn {key, value} -> "#{python(key)}: #{python(value)}" end)) <>
        "}"

  def python(other), do: inspect(other)
end

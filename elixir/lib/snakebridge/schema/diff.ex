defmodule SnakeBridge.Schema.Diff do
  @moduledoc """
  What has changed between two documents of introspection, as of two versions of a package.

  A change is about a path of Python: a module, function, class, method, property or constant. Of one that was modified it
  is said how: which parameters came or went, what became of their defaults, kinds and types, or that only documentation
  differs. What a new class or module contains is not listed again.
  """

  @typedoc """
  What changed of a modified one: what it is about, and how it was and is.

  `about` is a key of the descriptor, as in `"returns"`, or `{:parameter, name}` with a key of it.
  """
  @type detail ::
          {:added | :removed, {:parameter | :required_parameter, String.t()}}
          | {:changed, String.t() | {:parameter, String.t(), String.t()}, term(), term()}
          | :doc
  @type kind :: :module | :function | :class | :method | :property | :attribute | :constant
  @type change ::
          {:added | :removed, kind(), String.t()}
          | {:modified, kind(), String.t(), [detail()]}
          | {:changed, String.t(), term(), term()}

  @doc """
  The changes from one document to the other, ordered by path; those of the documents themselves (versions) first.

      iex> parameter = %{"name" => "x", "kind" => "positional_or_keyword", "required" => true, "default" => nil, "type" => %{"kind" => "unknown"}}
      iex> function = %{"name" => "f", "path" => "m.f", "parameters" => [parameter], "doc" => nil}
      iex> document = fn functions ->
      ...>   %{"schema" => "snakebridge.introspection/1", "root" => "m", "modules" => [%{"name" => "m", "functions" => functions}]}
      ...> end
      iex> SnakeBridge.Schema.Diff.diff(document.([function]), document.([%{function | "parameters" => []}]))
      [{:modified, :function, "m.f", [removed: {:parameter, "x"}]}]
      iex> SnakeBridge.Schema.Diff.diff(document.([function]), document.([function]))
      []
  """
  @spec diff(map(), map()) :: [change()]
  def diff(old, new) do
    heads =
      for key <- ~w(package python implementation platform),
          old[key] != new[key],
          do: {:changed, key, old[key], new[key]}

    {was, is} = {members(old), members(new)}

    changes =
      for path <- (Map.keys(was) ++ Map.keys(is)) |> Enum.uniq() |> Enum.sort(),
          change = change(path, was[path], is[path], was, is),
          change != nil,
          do: change

    heads ++ changes
  end

  # Each by its path, with the path of what contains it.
  defp members(document) do
    for module <- list(document, "modules"), member <- of_module(module), into: %{}, do: member
  end

  defp of_module(module) do
    name = module["name"]

    [{name, {:module, Map.take(module, ~w(doc)), nil}}] ++
      for(function <- list(module, "functions"), do: member(:function, name, function)) ++
      for(constant <- list(module, "constants"), do: member(:constant, name, constant)) ++
      Enum.flat_map(list(module, "classes"), &of_class(&1, name))
  end

  defp of_class(class, module) do
    path = class["path"] || "#{module}.#{class["name"]}"
    own = Map.drop(class, ~w(methods properties attributes constructor))

    constructor =
      if class["constructor"], do: [{path <> ".__init__", {:method, class["constructor"], path}}], else: []

    [{path, {:class, own, module}} | constructor] ++
      for(method <- list(class, "methods"), do: member(:method, path, method)) ++
      for(property <- list(class, "properties"), do: member(:property, path, property)) ++
      for(attribute <- list(class, "attributes"), do: member(:attribute, path, attribute))
  end

  defp member(kind, owner, descriptor), do: {"#{owner}.#{descriptor["name"]}", {kind, descriptor, owner}}

  defp list(map, key), do: map[key] || []

  defp change(path, nil, {kind, _, owner}, was, _), do: if(alone?(owner, was), do: {:added, kind, path})
  defp change(path, {kind, _, owner}, nil, _, is), do: if(alone?(owner, is), do: {:removed, kind, path})

  defp change(path, {was_kind, was, _}, {kind, is, _}, _, _) do
    kinds = if was_kind != kind, do: [{:changed, "kind", to_string(was_kind), to_string(kind)}], else: []

    case kinds ++ details(was, is) do
      [] -> nil
      details -> {:modified, kind, path, details}
    end
  end

  # Not part of something that came or went as a whole.
  defp alone?(owner, others), do: owner == nil or is_map_key(others, owner)

  # --- what changed ---

  defp details(was, is) do
    # Addresses in reprs are of one run.
    others =
      for key <- (Map.keys(was) ++ Map.keys(is)) |> Enum.uniq() |> Enum.sort(),
          key not in ~w(doc parameters name path from repr),
          was[key] != is[key],
          do: {:changed, key, was[key], is[key]}

    doc = if was["doc"] != is["doc"], do: [:doc], else: []
    parameters(list(was, "parameters"), list(is, "parameters")) ++ others ++ doc
  end

  defp parameters(was, is) do
    {old, new} = {by_name(was), by_name(is)}
    removed = for %{"name" => name} <- was, not is_map_key(new, name), do: {:removed, {:parameter, name}}

    added =
      for %{"name" => name} = parameter <- is, not is_map_key(old, name) do
        {:added, {if(parameter["required"], do: :required_parameter, else: :parameter), name}}
      end

    changed =
      for %{"name" => name} = parameter <- is,
          before = old[name],
          key <- ~w(kind required default type),
          before[key] != parameter[key],
          do: {:changed, {:parameter, name, key}, before[key], parameter[key]}

    removed ++ added ++ changed ++ order(was, is)
  end

  defp order(was, is) do
    {before, now} = {Enum.map(was, & &1["name"]), Enum.map(is, & &1["name"])}

    if before != now and Enum.sort(before) == Enum.sort(now),
      do: [{:changed, "order", before, now}],
      else: []
  end

  defp by_name(parameters), do: Map.new(parameters, &{&1["name"], &1})

  @doc """
  Whether code that worked with the old one may fail with the new one: something is gone, or must be given now, or takes
  another place or kind.

      iex> SnakeBridge.Schema.Diff.breaking?({:modified, :function, "m.f", [removed: {:parameter, "x"}]})
      true
      iex> SnakeBridge.Schema.Diff.breaking?({:modified, :function, "m.f", [:doc]})
      false
  """
  @spec breaking?(change()) :: boolean()
  def breaking?({:removed, _, _}), do: true
  def breaking?({:modified, _, _, details}), do: Enum.any?(details, &breaks?/1)
  def breaking?(_), do: false

  defp breaks?({:removed, {:parameter, _}}), do: true

  defp breaks?({:added, {:required_parameter, _}}), do: true

  defp breaks?({:changed, {:parameter, _, key}, _, now}),
    do: key == "kind" or (key == "required" and now == true)

  defp breaks?({:changed, key, _, _}), do: key in ~w(order kind async generator)
  defp breaks?(_), do: false

  # --- as text ---

  @doc """
  Changes as text, a line each: `+` added, `-` removed, `~` modified, `!` modified so that it is `breaking?/1`.

      iex> SnakeBridge.Schema.Diff.format([{:added, :class, "m.C"}, {:modified, :function, "m.f", [removed: {:parameter, "x"}]}])
      "+ class m.C\\n! function m.f: parameter x removed\\n"

      iex> SnakeBridge.Schema.Diff.format([])
      "nothing has changed\\n"
  """
  @spec format([change()]) :: String.t()
  def format([]), do: "nothing has changed\n"
  def format(changes), do: Enum.map_join(changes, &(line(&1) <> "\n"))

  defp line({:added, kind, path}), do: "+ #{kind} #{path}"
  defp line({:removed, kind, path}), do: "- #{kind} #{path}"
  defp line({:changed, key, was, is}), do: "~ #{key}: #{shown(key, was)} -> #{shown(key, is)}"

  defp line({:modified, kind, path, details} = change) do
    sign = if breaking?(change), do: "!", else: "~"
    "#{sign} #{kind} #{path}: #{Enum.map_join(details, ", ", &detail/1)}"
  end

  defp detail(:doc), do: "documentation"
  defp detail({:added, {:parameter, name}}), do: "parameter #{name} added"
  defp detail({:added, {:required_parameter, name}}), do: "required parameter #{name} added"
  defp detail({:removed, {:parameter, name}}), do: "parameter #{name} removed"

  defp detail({:changed, {:parameter, name, key}, was, is}),
    do: "#{key} of #{name}: #{shown(key, was)} -> #{shown(key, is)}"

  defp detail({:changed, key, was, is}), do: "#{key}: #{shown(key, was)} -> #{shown(key, is)}"

  alias SnakeBridge.Generator.{Source, Types}

  defp shown("default", nil), do: "none"
  defp shown("default", %{"literal" => value}), do: value |> Types.python() |> Source.line(60)
  defp shown("default", %{"repr" => repr}) when is_binary(repr), do: Source.line(repr, 60)
  defp shown(key, type) when key in ["type", "returns"], do: Types.text(type) || "unknown"
  defp shown("package", %{"name" => name, "version" => version}), do: "#{name} #{version}"
  defp shown(_, nil), do: "none"
  defp shown(_, text) when is_binary(text), do: Source.line(text, 60)
  defp shown(_, [_ | _] = list) when is_binary(hd(list)), do: list |> Enum.join(", ") |> Source.line(120)
  defp shown(_, other), do: other |> Types.python() |> Source.line(60)
end

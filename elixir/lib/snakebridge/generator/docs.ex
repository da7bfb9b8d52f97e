defmodule SnakeBridge.Generator.Docs do
  @moduledoc """
  The documentation of generated modules and functions, as Markdown, from what introspection found.

  It writes text and no source: `SnakeBridge.Generator.Source` makes literals of it.
  """

  alias SnakeBridge.Generator.{Source, Types}

  @summary 120
  @longest_default 60

  @doc "The first line of a documentation, for a list; empty where there is none."
  @spec summary(map() | nil) :: String.t()
  def summary(%{"summary" => summary}) when is_binary(summary), do: Source.line(summary, @summary)
  def summary(_), do: ""

  @doc "What is said of a module."
  @spec module(map()) :: String.t()
  def module(module) do
    paragraphs([
      text(module["doc"]),
      "Functions of Python's module `#{module["name"]}`. What has none here is reached by `SnakeBridge.call/5` and\n" <>
        "`SnakeBridge.get/3`."
    ])
  end

  @doc """
  What is said of a class; `bases` are the names of those of its bases that are wrapped too, and `inherited` says whether
  it has their functions.
  """
  @spec class(map(), [String.t()], boolean()) :: String.t()
  def class(class, bases, inherited) do
    inherits =
      if bases != [] do
        "Inherits from #{Enum.map_join(bases, ", ", &"`#{&1}`")}" <>
          if(inherited, do: ".", else: ", whose functions take these objects too.")
      end

    paragraphs([
      text(class["doc"]),
      inherits,
      "Python's class `#{class["path"]}`. Methods take the object first, as a `SnakeBridge.Ref`;\nwhat has no function " <>
        "here is reached by `SnakeBridge.method/5` and `SnakeBridge.attr/3`."
    ])
  end

  @doc """
  What is said of a function: its documentation, the keyword arguments, how it is written in Python.

  `python` is the name with its path.
  """
  @spec function(map(), String.t()) :: String.t()
  def function(function, python) do
    paragraphs([
      text(function["doc"]),
      if(function["signature"] != "unknown", do: keywords(function["parameters"])),
      signature(function, python)
    ])
  end

  @doc "What is said of a constant."
  @spec constant(map()) :: String.t()
  def constant(constant) do
    value =
      case constant do
        %{"value" => value} when value != nil -> Types.python(value)
        %{"repr" => repr} when is_binary(repr) -> repr
        _ -> nil
      end

    type = Types.text(constant["type"])

    paragraphs([
      "Python's `#{constant["path"]}`" <>
        if(type, do: ", #{code(type)}", else: "") <>
        if(value, do: ": #{code(Source.line(value, @longest_default))}.", else: ".")
    ])
  end

  @doc "What is said of a property of a class."
  @spec property(map(), String.t()) :: String.t()
  def property(property, path) do
    type = Types.text(property["type"])

    assigned =
      if property["settable"],
        do: " It is assigned by `SnakeBridge.put_attr(ref, #{Source.string(property["name"])}, value)`.",
        else: ""

    paragraphs([
      text(property["doc"]),
      "The property #{code("#{path}.#{property["name"]}")}#{if type, do: ", " <> code(type), else: ""}.#{assigned}"
    ])
  end

  defp text(%{"markdown" => markdown}) when is_binary(markdown), do: String.trim(markdown)
  defp text(%{"summary" => summary}) when is_binary(summary), do: String.trim(summary)
  defp text(_), do: nil

  defp paragraphs(parts), do: parts |> Enum.reject(&(&1 in [nil, ""])) |> Enum.join("\n\n")

  # --- keyword arguments ---

  defp keywords(parameters) do
    named =
      for %{"kind" => kind} = parameter <- parameters,
          kind == "keyword_only" or (kind == "positional_or_keyword" and not parameter["required"]),
          do: keyword(parameter)

    others =
      for %{"kind" => "var_keyword", "name" => name} <- parameters,
          do: "  * any others (#{code("**" <> name)})"

    if named ++ others != [], do: Enum.join(["## Keyword arguments", "" | named ++ others], "\n")
  end

  defp keyword(parameter) do
    type = Types.text(parameter["type"])

    about =
      [
        if(type, do: code(type)),
        if(parameter["required"], do: "required"),
        if(default = default(parameter["default"]), do: "default #{code(default)}")
      ]
      |> Enum.reject(&is_nil/1)

    "  * #{code(parameter["name"] <> ":")}" <> if(about == [], do: "", else: " - " <> Enum.join(about, ", "))
  end

  defp default(%{"literal" => value}), do: value |> Types.python() |> Source.line(@longest_default)
  defp default(%{"repr" => repr}) when is_binary(repr), do: Source.line(repr, @longest_default)
  defp default(_), do: nil

  # --- as Python writes it ---

  defp signature(%{"signature" => "unknown"}, python) do
    "Python's #{code(python)}, which does not tell its parameters: arguments come first, then\nkeyword arguments " <>
      "in a list, then options."
  end

  defp signature(function, python) do
    shown =
      case function["overloads"] do
        [_, _ | _] = overloads -> Enum.map(overloads, & &1["parameters"])
        _ -> [function["parameters"]]
      end

    "Python's " <> Enum.map_join(Enum.uniq(shown), " or ", &code("#{python}(#{parameters(&1)})")) <> "."
  end

  defp parameters(parameters) do
    {shown, last} =
      Enum.flat_map_reduce(parameters, nil, &{before(&2, &1["kind"]) ++ [parameter(&1)], &1["kind"]})

    Enum.join(shown ++ if(last == "positional_only", do: ["/"], else: []), ", ")
  end

  # The marks that stand between parameters of different kinds.
  defp before("positional_only", kind) when kind != "positional_only", do: ["/" | before(nil, kind)]
  defp before(previous, "keyword_only") when previous not in ["keyword_only", "var_positional"], do: ["*"]
  defp before(_, _), do: []

  defp parameter(%{"kind" => "var_positional", "name" => name}), do: "*" <> name
  defp parameter(%{"kind" => "var_keyword", "name" => name}), do: "**" <> name

  defp parameter(%{"name" => name} = parameter) do
    case default(parameter["default"]) do
      nil -> if parameter["required"], do: name, else: name <> "=..."
      default -> "#{name}=#{default}"
    end
  end

  # Code in Markdown, whatever is in it.
  defp code(text) do
    runs = ~r/`+/ |> Regex.scan(text) |> Enum.map(fn [run] -> String.length(run) end)

    case Enum.max(runs, fn -> 0 end) do
      0 -> "`#{text}`"
      longest -> String.duplicate("`", longest + 1) <> " #{text} " <> String.duplicate("`", longest + 1)
    end
  end
end

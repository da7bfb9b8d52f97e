defmodule SnakeBridge.Export.Modules do
  @moduledoc """
  The source of a project's modules: the drops, the functions of Elixir, and `run/1`.

  What they do is decided by then (`SnakeBridge.Export.Plan`); the files around them are `SnakeBridge.Export.Files`.
  """

  alias SnakeBridge.Export.{Code, Plan}

  @doc "The module of drops; nil where no cell is of Python."
  @spec python(Plan.t(), String.t()) :: String.t() | nil
  def python(plan, module) do
    functions = for %{language: "python"} = step <- plan.steps, do: drop(step, plan)

    if functions != [] do
      """
      defmodule #{module}.Python do
        @moduledoc "The Python of `#{module}`."

        #{if plan.shared, do: names(plan.why), else: "import SnakeBridge, only: [sigil_PY: 2]"}

        #{Enum.join(functions, "\n\n")}
      end
      """
      |> Code.format()
    end
  end

  # Why there is one: a reader will ask.
  defp names(why) do
    ~s"""
    # All functions here share one dict of names: #{why}.

    @doc "The names that the other functions work on: a dict of Python."
    @spec names() :: SnakeBridge.Ref.t()
    def names, do: SnakeBridge.call!("builtins", "dict", [], [], as: :ref)
    """
  end

  defp drop(step, %{shared: true}) do
    {open, close} = heredoc(step.text)

    """
    @doc "#{origin(step)}."
    def #{step.name}(names) do
      SnakeBridge.run!(
        ~S#{open}
    #{step.text}
    #{close},
        [],
        namespace: names
      )
    end
    """
  end

  defp drop(step, plan) do
    arguments = Enum.map(step.takes, &plan.variables[&1])
    unbound = Plan.unbound(step)

    head =
      for name <- step.takes,
          plan.variables[name] != name or name in unbound,
          do: "#{name} = \#{#{plan.variables[name]}}\n"

    tail = for name <- step.gives, plan.variables[name] != name, do: "\n#{plan.variables[name]} = #{name}"
    text = "#{head}#{String.replace(step.text, "\#{", "\\\#{")}#{tail}"
    {open, close} = heredoc(text)
    refs = for name <- step.refs, do: String.to_atom(plan.variables[name])

    code =
      if refs == [],
        do: "~PY#{open}\n#{text}\n#{close}",
        else: "SnakeBridge.run!(~PY#{open}\n#{text}\n#{close}, refs: #{inspect(refs)})"

    """
    @doc "#{origin(step)}.#{gives(step, plan)}"
    def #{step.name}#{parameters(arguments)} do
      #{code}
      #{Code.returning("", Enum.map(step.gives, &plan.variables[&1]))}
    end
    """
  end

  # Text that ends a heredoc needs the other kind.
  defp heredoc(text), do: if(text =~ ~r/^\s*"""/m, do: {"'''", "'''"}, else: {~s("""), ~s(""")})

  defp parameters([]), do: ""
  defp parameters(arguments), do: "(#{Enum.join(arguments, ", ")})"

  defp origin(%{cells: cells}) do
    case Enum.map(cells, & &1.number) do
      [number] -> "Cell #{number}"
      [first | _] = numbers -> "Cells #{first} to #{List.last(numbers)}"
    end
  end

  defp gives(%{gives: []}, _), do: ""
  defp gives(step, plan), do: " Gives #{Enum.map_join(step.gives, ", ", &"`#{plan.variables[&1]}`")}."

  @doc "The module of Elixir's functions; nil where no cell is of Elixir. `lexical`: what it imports, and so on."
  @spec steps(Plan.t(), String.t(), [String.t()]) :: String.t() | nil
  def steps(plan, module, lexical) do
    functions = for %{language: "elixir"} = step <- plan.steps, do: function(step, plan)

    if functions != [] do
      """
      defmodule #{module}.Steps do
        @moduledoc "The Elixir of `#{module}`."

        use SnakeBridge

        #{Enum.join(lexical, "\n")}

        #{Enum.join(functions, "\n\n")}
      end
      """
      |> Code.format()
    end
  end

  defp function(step, plan) do
    variables = Enum.map(step.gives, &plan.variables[&1])
    body = Code.returning(step.text, variables)

    """
    @doc "#{origin(step)}.#{gives(step, plan)}"
    def #{step.name}#{parameters(Enum.map(step.takes, &plan.variables[&1]))} do
      #{if String.trim(body) == "", do: ":ok", else: body}
    end
    """
  end

  @doc "The module with `run/1`."
  @spec main(Plan.t(), String.t()) :: String.t()
  def main(plan, module) do
    own = if "params" in Map.values(plan.variables), do: "options", else: "params"
    start = for {name, _} <- plan.params, into: %{}, do: {name, {"#{own}[#{inspect(key(name))}]", false}}
    lines = if plan.shared, do: shared(plan, start), else: explicit(plan, start)
    languages = plan.steps |> Enum.map(& &1.language) |> Enum.uniq()

    aliases =
      for {language, name} <- [{"python", "Python"}, {"elixir", "Steps"}], language in languages, do: name

    """
    defmodule #{module} do
      @moduledoc \"\"\"
      Made from a session of SnakeBridge.

          #{module}.run()

      #{documentation(plan)}
      \"\"\"

      #{if aliases != [], do: "alias #{module}.{#{Enum.join(aliases, ", ")}}" |> one()}

      @doc "Does all that the session did that these results need; gives them in a map."
      @spec run(keyword()) :: %{atom() => term()}
      def run(#{own} \\\\ []) do
        #{validated(plan, own)}
        #{Enum.join(lines, "\n")}
      end
    end
    """
    |> Code.format()
  end

  defp one(text), do: Regex.replace(~r/\{(\w+)\}$/, text, "\\1")

  defp documentation(plan) do
    params =
      for {name, default} <- plan.params,
          do:
            "| `#{key(name)}:` | #{if default, do: "`#{String.replace(default, ["|", "\n"], " ")}`", else: "required"} |"

    results = "Results: #{Enum.map_join(plan.results, ", ", &"`#{key(&1)}`")}."

    if params == [],
      do: results,
      else: "| parameter | default |\n|---|---|\n#{Enum.join(params, "\n")}\n\n#{results}"
  end

  defp validated(%{params: params}, own) when params == %{}, do: "[] = Keyword.validate!(#{own}, [])\n"

  defp validated(%{params: params}, own) do
    {required, optional} = Enum.split_with(params, fn {_, default} -> default == nil end)
    keys = Enum.map(required, fn {name, _} -> inspect(key(name)) end)
    defaults = Enum.map(optional, fn {name, default} -> "#{inspect_key(name)} #{default}" end)
    checks = for {name, _} <- required, do: "Keyword.fetch!(#{own}, #{inspect(key(name))})\n"
    "#{own} = Keyword.validate!(#{own}, [#{Enum.join(keys ++ defaults, ", ")}])\n#{checks}"
  end

  @doc "The key of a name among parameters and results."
  @spec key(String.t()) :: atom()
  def key(name), do: String.to_atom(name)

  defp inspect_key(name),
    do: [{key(name), nil}] |> inspect() |> String.trim_leading("[") |> String.trim_trailing(" nil]")

  # --- with arguments ---

  defp explicit(plan, held) do
    {calls, held} = Enum.map_reduce(plan.steps, held, &call(&1, &2, plan))
    calls ++ ["", results(plan, fn name -> value(held, name) end)]
  end

  defp call(%{language: "python"} = step, held, plan) do
    arguments = Enum.map_join(step.takes, ", ", fn name -> held |> Map.fetch!(name) |> elem(0) end)
    held = Enum.reduce(step.gives, held, &Map.put(&2, &1, {plan.variables[&1], &1 in step.refs}))
    {taken(step, plan) <> "Python.#{step.name}(#{arguments})", held}
  end

  defp call(step, held, plan) do
    arguments = Enum.map_join(step.takes, ", ", &value(held, &1))
    held = Enum.reduce(step.gives, held, &Map.put(&2, &1, {plan.variables[&1], false}))
    {taken(step, plan) <> "Steps.#{step.name}(#{arguments})", held}
  end

  defp taken(%{gives: []}, _), do: ""
  defp taken(step, plan), do: Code.group(Enum.map(step.gives, &plan.variables[&1])) <> " = "

  defp value(held, name) do
    case held[name] do
      {expression, true} -> "SnakeBridge.value!(#{expression}, as: :auto)"
      {expression, false} -> expression
      nil -> "nil"
    end
  end

  defp results(plan, value) do
    pairs = for name <- plan.results, do: "#{inspect_key(name)} #{value.(name)}"
    "%{#{Enum.join(pairs, ", ")}}"
  end

  # --- with one dict of names ---

  defp shared(plan, start) do
    names = if "names" in Map.values(plan.variables), do: "python_names", else: "names"
    put = for {name, {value, _}} <- start, do: put_item(names, name, value)
    owners = Map.new(start, fn {name, {value, _}} -> {name, {:elixir, value}} end)
    {calls, owners} = Enum.map_reduce(plan.steps, owners, &shared_call(&1, &2, names, plan))

    ["#{names} = Python.names()"] ++
      put ++ List.flatten(calls) ++ ["", results(plan, &shared_value(owners, &1, names))]
  end

  defp shared_call(%{language: "python"} = step, owners, names, _) do
    owners = Enum.reduce(step.writes, owners, &Map.put(&2, &1, :python))
    {"Python.#{step.name}(#{names})", owners}
  end

  defp shared_call(step, owners, names, plan) do
    arguments = Enum.map_join(step.takes, ", ", &shared_value(owners, &1, names))
    owners = Enum.reduce(step.gives, owners, &Map.put(&2, &1, {:elixir, plan.variables[&1]}))
    later = plan.steps |> Enum.drop_while(&(&1.name != step.name)) |> Enum.filter(&(&1.language == "python"))

    puts =
      for name <- step.gives,
          later != [],
          mentioned?(name, plan),
          do: put_item(names, name, plan.variables[name])

    {["#{taken(step, plan)}Steps.#{step.name}(#{arguments})" | puts], owners}
  end

  # Functions of earlier cells read it, too.
  defp mentioned?(name, plan),
    do: Enum.any?(plan.steps, &(&1.language == "python" and &1.text =~ ~r/\b#{Regex.escape(name)}\b/u))

  defp put_item(names, name, value), do: "SnakeBridge.put_item!(#{names}, #{inspect(name)}, #{value})"

  defp shared_value(owners, name, names) do
    case owners[name] do
      {:elixir, expression} -> expression
      :python -> "#{names}[#{inspect(name)}]"
      nil -> "nil"
    end
  end
end

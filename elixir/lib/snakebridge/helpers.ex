defmodule SnakeBridge.Helpers do
  @moduledoc """
  What cells of Elixir have in scope beside the helpers of `IEx`, and how those helpers are made to work in cells.
  """

  alias SnakeBridge.Keeper

  @doc "The result of the last cell that had one, or of cell `n` (from the end, where `n` is negative)."
  @spec v(integer()) :: term()
  def v(n \\ -1) when is_integer(n) do
    case Keeper.result(n) do
      {:ok, value} ->
        value

      {:error, []} ->
        raise RuntimeError, "v(#{n}): no cell of Elixir has had a result yet"

      {:error, cells} ->
        raise RuntimeError,
              "v(#{n}): no result of that cell is kept; the last results are those of cells #{Enum.join(cells, ", ")}"
    end
  end

  @doc "Information about the last result, as `i/1` of IEx gives it."
  def i, do: IEx.Helpers.i(v())

  @doc false
  # What cells import without being asked.
  def imports do
    quote do
      import IEx.Helpers, except: [v: 0, v: 1, i: 0]
      import SnakeBridge.Helpers, only: [v: 0, v: 1, i: 0]
      import SnakeBridge, only: [py: 1, sigil_PY: 2]
      require SnakeBridge.Py
      # Natural syntax gives these to refs.
      import Bitwise, only: [&&&: 2, |||: 2, "^^^": 2, "~~~": 1, <<<: 2, >>>: 2]
    end
  end

  @doc false
  # How cells differ from files:
  # - A helper without arguments may be written without parentheses, as in IEx; variables of that name come first.
  # - The helpers are not there in modules, whose functions may have their names.
  # - Later cells may implement protocols, so `Mix.install/2` must not consolidate them, unless it is told to.
  # - A name that is lent, Python's, may begin with an underscore: no warning.
  def prepare(expression, env, lent),
    do: walk(expression, %{env: env, lent: lent})

  defp walk({:quote, _, args} = quoted, _) when is_list(args), do: quoted

  defp walk({name, meta, args}, %{env: env})
       when name in [:defmodule, :defprotocol, :defimpl] and is_list(args),
       do: {name, meta, hide(args, hiding(env))}

  defp walk({name, meta, context}, %{env: env, lent: lent}) when is_atom(name) and is_atom(context) do
    meta = if name in lent, do: Keyword.put(meta, :generated, true), else: meta

    if Macro.Env.lookup_import(env, {name, 0}) == [],
      do: {name, meta, context},
      else: {name, Keyword.put_new(meta, :if_undefined, :apply), context}
  end

  defp walk({{:., _, [{:__aliases__, _, [:Mix]}, :install]} = function, meta, [deps | rest]}, _)
       when length(rest) < 2 do
    options = quote(do: Keyword.put_new(unquote(List.first(rest, [])), :consolidate_protocols, false))
    {function, meta, [deps, options]}
  end

  defp walk({form, meta, args}, cell), do: {walk(form, cell), meta, walk(args, cell)}
  defp walk({left, right}, cell), do: {walk(left, cell), walk(right, cell)}
  defp walk([head | tail], cell), do: [walk(head, cell) | walk(tail, cell)]
  defp walk(other, _), do: other

  defp hide(args, hiding) do
    with [_ | _] <- args,
         {arguments, [options]} <- Enum.split(args, -1),
         true <- Keyword.keyword?(options),
         {:ok, body} <- Keyword.fetch(options, :do) do
      arguments ++ [Keyword.replace(options, :do, {:__block__, [], hiding ++ statements(body)})]
    else
      _ -> args
    end
  end

  defp statements({:__block__, _, []}), do: [nil]
  defp statements({:__block__, _, statements}), do: statements
  defp statements(statement), do: [statement]

  # Code that takes our imports away, but none that the user has asked for: `import Bitwise` imports other names.
  defp hiding(env) do
    {:__block__, _, imports} = imports()

    for {:import, _, [module, options]} <- imports,
        module = Macro.expand(module, env),
        ours?(module, options, env),
        do: {:import, [], [module, [only: [], warn: false]]}
  end

  defp ours?(module, options, env) do
    there = Keyword.get(env.functions, module, []) ++ Keyword.get(env.macros, module, [])
    ours = options[:only] || (module.__info__(:functions) ++ module.__info__(:macros)) -- options[:except]
    # Of the helpers some may have given way.
    there -- ours == [] and (helpers?(module) or ours -- there == [])
  end

  @doc false
  # A function that the user imports hides the helper of the same name, instead of clashing with it.
  def give_way(env) do
    %{env | functions: give_way_in(env.functions, env), macros: give_way_in(env.macros, env)}
  end

  defp give_way_in(imports, env) do
    if Enum.any?(imports, fn {module, _} -> helpers?(module) end) do
      taken =
        for {module, names} <- env.functions ++ env.macros,
            not own?(module),
            name <- names,
            into: MapSet.new(),
            do: name

      for {module, names} <- imports do
        {module, if(helpers?(module), do: Enum.reject(names, &MapSet.member?(taken, &1)), else: names)}
      end
    else
      imports
    end
  end

  defp helpers?(module), do: module in [IEx.Helpers, __MODULE__]
  defp own?(module), do: helpers?(module) or module in [Kernel, Kernel.Typespec]
end

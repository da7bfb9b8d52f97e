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
  # How cells differ from files:
  # - A helper without arguments may be written without parentheses, as in IEx; variables of that name come first.
  # - Later cells may implement protocols, so `Mix.install/2` must not consolidate them, unless it is told to.
  def prepare(expression, env) do
    Macro.prewalk(expression, fn
      {name, meta, context} = variable when is_atom(name) and is_atom(context) ->
        if Macro.Env.lookup_import(env, {name, 0}) == [],
          do: variable,
          else: {name, Keyword.put_new(meta, :if_undefined, :apply), context}

      {{:., _, [{:__aliases__, _, [:Mix]}, :install]} = function, meta, [deps | rest]}
      when length(rest) < 2 ->
        options = quote(do: Keyword.put_new(unquote(List.first(rest, [])), :consolidate_protocols, false))
        {function, meta, [deps, options]}

      other ->
        other
    end)
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

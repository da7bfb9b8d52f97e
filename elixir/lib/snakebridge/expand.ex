defmodule SnakeBridge.Expand do
  @moduledoc """
  Evaluates one expression like `Code.eval_quoted_with_env/3`, with a hook between its expansion and its evaluation.

  Natural syntax is a rewriting of *expanded* code, and expanding twice is not harmless, so the steps of Elixir's own
  evaluation are taken one by one. They are private functions of Elixir:

  | function | the same in |
  |---|---|
  | `:elixir_erl_var.load_binding/2`, `from_env/2`, `dump_binding/4` | 1.15 to 1.20 |
  | `:elixir_env.with_vars/2`, `env_to_ex/1` | 1.15 to 1.20 |
  | `:elixir_expand.expand/3`, `:elixir_erl_pass.translate/3` | 1.15 to 1.20 |
  | `:elixir.eval_local_handler/2` | from 1.16; without it a call of an undefined local function reads worse |
  | `:elixir.eval_external_handler/3` | from 1.15.1; without it a stack trace lacks the cell's line |

  A function that a cell has made may fail long after the cell, in any process. So the code itself says which cell it is
  of: in the columns of its annotations, of which nothing else is made, and which cost nothing.

  This is the only module that calls them. Where they are not as this says, `available?/0` is false, and evaluation goes
  through `Code.eval_quoted_with_env/3` without the hook.
  """

  alias SnakeBridge.CellParser

  # Where it is not, it is not called.
  @compile {:no_warn_undefined, {:elixir, :eval_local_handler, 2}}

  @eval_env {:elixir, :eval_env}

  @typedoc "The expression after its expansion, with what is needed to evaluate it."
  @opaque expanded :: %{
            erl: tuple(),
            erl_state: tuple(),
            ex_state: tuple(),
            binding: map(),
            env: Macro.Env.t()
          }

  @doc "Whether this Elixir has the functions, and they work."
  @spec available?() :: boolean()
  def available? do
    case :persistent_term.get(__MODULE__, nil) do
      nil ->
        works? = works?()
        :persistent_term.put(__MODULE__, works?)
        works?

      works? ->
        works?
    end
  end

  @doc """
  Expands an expression and gives it to the hook; the second element is the expanded expression before the hook.
  Raises what Elixir raises for an expression that does not compile.
  """
  @spec expand(Macro.t(), [{SnakeBridge.Keeper.key(), term()}], Macro.Env.t(), (Macro.t() -> Macro.t())) ::
          {expanded(), Macro.t()}
  def expand(quoted, binding, env, hook) do
    {vars, erl_vars, erl_binding} = :elixir_erl_var.load_binding(binding, false)
    env = :elixir_env.with_vars(env, vars)
    {expanded, ex_state, new_env} = :elixir_expand.expand(quoted, :elixir_env.env_to_ex(env), env)
    erl_state = :elixir_erl_var.from_env(env, erl_vars)
    {erl, erl_state} = :elixir_erl_pass.translate(hook.(expanded), :erl_anno.new(env.line), erl_state)
    erl = of_cell(erl, CellParser.cell(env.file))
    {%{erl: erl, erl_state: erl_state, ex_state: ex_state, binding: erl_binding, env: new_env}, expanded}
  end

  @doc "Evaluates what `expand/4` gave: the value, the whole binding and the environment after it."
  @spec evaluate(expanded()) :: {term(), [{SnakeBridge.Keeper.key(), term()}], Macro.Env.t()}
  def evaluate(%{erl: erl, env: env} = expanded) do
    expressions = if elem(erl, 0) == :block, do: elem(erl, 2), else: [erl]
    outer = Process.put(@eval_env, env)

    {:value, value, binding} =
      try do
        :erl_eval.exprs(
          expressions,
          expanded.binding,
          if(function_exported?(:elixir, :eval_local_handler, 2),
            do: {:value, &:elixir.eval_local_handler/2},
            else: :none
          ),
          if(function_exported?(:elixir, :eval_external_handler, 3),
            do: {:value, &__MODULE__.external/3},
            else: :none
          )
        )
      after
        if outer, do: Process.put(@eval_env, outer), else: Process.delete(@eval_env)
      end

    {binding, vars} = :elixir_erl_var.dump_binding(binding, expanded.erl_state, expanded.ex_state, -1)
    {value, binding, %{env | versioned_vars: vars}}
  end

  defp of_cell(erl, nil), do: erl

  defp of_cell(erl, cell) do
    :erl_parse.map_anno(&:erl_anno.set_location({:erl_anno.line(&1), cell}, &1), erl)
  rescue
    # A form that Erlang's own parser never makes.
    _ -> erl
  end

  @doc "Calls a function for evaluated code: what fails names the line of its cell, wherever that runs."
  @spec external(:erl_anno.anno(), function() | {module(), atom()}, [term()]) :: term()
  def external(anno, function, args) do
    :elixir.eval_external_handler(anno, function, args)
  catch
    kind, reason ->
      trace = Enum.reject(__STACKTRACE__, &match?({__MODULE__, :external, 3, _}, &1))
      :erlang.raise(kind, reason, placed(trace, :erl_anno.line(anno), :erl_anno.column(anno)))
  end

  # Elixir says that it is the cell which runs, where one does. A trace that became longer could be more than the VM takes.
  defp placed(trace, line, cell) when is_integer(cell) do
    {inner, outer} = Enum.split_while(trace, &(not match?({:elixir, _, _, _}, &1)))
    here = {:elixir_eval, :__FILE__, 1, [file: cell |> CellParser.file() |> String.to_charlist(), line: line]}

    cond do
      Process.get(@eval_env) != nil or outer == [] -> Enum.drop(inner, -1) ++ [here | outer]
      true -> inner ++ [here | Enum.drop(outer, -1)]
    end
  end

  defp placed(trace, _, _), do: trace

  defp works? do
    quoted = Code.string_to_quoted!("x = {y + 1, y}")
    {expanded, _} = expand(quoted, [y: 1], Code.env_for_eval([]), & &1)
    {value, binding, _} = evaluate(expanded)
    value == {2, 1} and Enum.sort(binding) == [x: {2, 1}, y: 1]
  rescue
    _ -> false
  end
end

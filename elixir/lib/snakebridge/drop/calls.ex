defmodule SnakeBridge.Drop.Calls do
  @moduledoc """
  Makes `SnakeBridge.run(~PY"...", options)` the drop itself, with options, instead of a call with the drop's value.

  As `SnakeBridge.Natural.Definitions` it works on functions that are expanded, just before their module is compiled; where
  natural syntax is on, that does it on the way.
  """

  alias SnakeBridge.Natural.Definitions

  @doc false
  @spec before_compile(Macro.Env.t()) :: :ok
  def before_compile(%{module: module, function: {_, _}}) when module != nil do
    if __MODULE__ not in List.wrap(Module.get_attribute(module, :before_compile)) and Module.open?(module),
      do: Module.put_attribute(module, :before_compile, __MODULE__)

    :ok
  end

  def before_compile(_), do: :ok

  @doc false
  defmacro __before_compile__(env) do
    Definitions.rewrite(env, fn body -> Macro.prewalk(body, &call/1) end)
    nil
  end

  @doc "A call of `run` or `run!` with an expanded drop as the drop with the options; any other code as it is."
  @spec call(Macro.t()) :: Macro.t()
  def call({{:., _, [SnakeBridge, name]}, _, [drop | more]} = code)
      when name in [:run, :run!] and length(more) <= 1 do
    {found, rewritten?} = Macro.prewalk(drop, false, &with_options(&1, &2, name, List.first(more) || []))
    if drop?(drop) and rewritten?, do: found, else: code
  end

  def call(code), do: code

  defp drop?({{:., _, [SnakeBridge.Drop, :noted]}, _, [drop]}), do: drop?(drop)
  defp drop?({:__block__, _, [{:=, _, [_, call]}, {:value, _, SnakeBridge.Drop}]}), do: drop?(call)
  defp drop?({{:., _, [SnakeBridge.Drop, name]}, _, _}), do: name in [:value!, :bind!]
  defp drop?(_), do: false

  # The outermost only: what it inserts may have drops of its own.
  defp with_options(
         {{:., _, [SnakeBridge.Drop, name]} = dot, meta, [drop, names, opts | before]},
         false,
         run,
         more
       )
       when name in [:value!, :bind!] do
    opts = if more == [], do: opts, else: {{:., [], [Keyword, :merge]}, [], [opts, more]}

    case run do
      :run! ->
        {{dot, meta, [drop, names, opts | before]}, true}

      :run ->
        kind = if name == :value!, do: :value, else: :bind
        {{{:., [], [SnakeBridge.Drop, :attempt]}, meta, [kind, drop, names, opts, List.first(before)]}, true}
    end
  end

  defp with_options(code, rewritten?, _, _), do: {code, rewritten?}
end

defmodule SnakeBridge.Natural.Definitions do
  @moduledoc """
  Natural syntax in a module's functions: what `use SnakeBridge` sets up.

  Just before a module is compiled, the clauses of its functions, which are expanded by then, are replaced by rewritten
  ones; functions in which nothing changes, and macros, are not touched. Everything else that is known of a function
  (its documentation, specification, defaults, whether it is private, used, overridable) stays, since it is the stored
  definition that changes. `Module.get_definition/2` gives it, but storing it again by `def` would expand it a second
  time, with its warnings and callbacks; so Elixir's own `:elixir_def` is asked, which is the same in 1.15 to 1.20.

  `def` and `defp` are replaced only to let capitalised names and `py.name` through (`SnakeBridge.Natural.spelling/1`,
  `SnakeBridge.Natural.names/1`). Code that other macros turn into functions, such as ExUnit's `test`, is rewritten like
  any other, but a capitalised name must be quoted there, `pd."DataFrame"(x)`, and `py` is a call: `py().len(xs)`.
  """

  alias SnakeBridge.Natural
  alias SnakeBridge.Natural.Rewrite

  import Kernel, except: [def: 1, def: 2, defp: 1, defp: 2]
  require Kernel

  @doc "`Kernel.def/2` that takes capitalised names after a dot."
  defmacro def(call, body \\ nil), do: define(:def, call, body)

  @doc "`Kernel.defp/2` that takes capitalised names after a dot."
  defmacro defp(call, body \\ nil), do: define(:defp, call, body)

  @doc "`SnakeBridge.py/0`. From here, so that a later `import SnakeBridge, except: [..]` means what it says."
  @spec py() :: SnakeBridge.Py.t()
  Kernel.def(py, do: SnakeBridge.py())

  # Built by hand: `quote` would mark the definition as one that a macro made up.
  Kernel.defp define(kind, call, body) do
    definition = if body, do: [call, body], else: [call]
    {{:., [], [Kernel, kind]}, [], definition |> Natural.spelling() |> Natural.names()}
  end

  @doc false
  defmacro __before_compile__(env) do
    unless function_exported?(:elixir_def, :take_definition, 2) and
             function_exported?(:elixir_def, :store_definition, 9) do
      raise CompileError,
        file: env.file,
        line: env.line,
        description:
          "`use SnakeBridge` does not work with Elixir #{System.version()}; write `py do ... end` instead"
    end

    rewrite(env, &Rewrite.expanded/1)
    nil
  end

  @doc false
  # Replaces the bodies of a module's functions, which are expanded by then.
  Kernel.def rewrite(env, function) do
    for definition <- Module.definitions_in(env.module) do
      case Module.get_definition(env.module, definition) do
        {:v1, kind, _, clauses} when kind in [:def, :defp] ->
          rewritten = for {meta, args, guards, body} <- clauses, do: {meta, args, guards, function.(body)}
          if rewritten != clauses, do: replace(env.module, definition, rewritten)

        _ ->
          :ok
      end
    end

    :ok
  end

  Kernel.defp replace(module, {name, arity} = definition, clauses) do
    {{_, kind, meta, file, check, {defaults, _, last_defaults}}, _} =
      :elixir_def.take_definition(module, definition)

    store = &:elixir_def.store_definition(check, kind, meta, name, arity, file, module, &1, &2)
    # A head without a body that held the defaults.
    if defaults != last_defaults, do: store.(defaults, [])
    store.(last_defaults, clauses)
  end
end

defmodule SnakeBridge.Natural.Rewrite do
  @moduledoc """
  Rewrites expanded Elixir code so that field access, calls and operators reach Python when a ref is involved.

  It turns AST into AST, and decides nothing at run time: what the emitted calls mean is in `SnakeBridge.Natural.Runtime`.
  It must see *expanded* code, where macros, imports, pipes, captures and quotes are gone, so that only calls that
  happen at run time are touched. Patterns, guards and quoted code stay as they are.

  | code | becomes |
  |---|---|
  | `a.b`, `a.b(x)`, `f.(x)` | `Runtime.field/2`, `invoke/3`, `call/2` |
  | the same with a literal keyword list at the end | `Runtime.invoke_with/3`, `call_with/2` |
  | two and more of these in a row, also `a[x]` | `Runtime.chain/2` |
  | `&a.b/1` | `Runtime.capture/3` |
  | `&+/2`, `&(&1 + &2)` | `&Runtime.add/2` |
  | `a + b`, `a == b`, `-a`, ... | `Runtime.add/2`, `eq/2`, `neg/1`, ... |
  | a comparison that decides a branch, or that ExUnit asserts | `Runtime.truth/1` around it |
  | `put_in(a[x], b)` and its like | `Runtime.written/1` around what Elixir takes its value from |
  """

  @runtime SnakeBridge.Natural.Runtime

  # The functions that expansion leaves of the operators.
  @binary %{
    {:erlang, :+} => :add,
    {:erlang, :-} => :sub,
    {:erlang, :*} => :mul,
    {:erlang, :/} => :truediv,
    {:erlang, :==} => :eq,
    {:erlang, :"/="} => :ne,
    {:erlang, :<} => :lt,
    {:erlang, :"=<"} => :le,
    {:erlang, :>} => :gt,
    {:erlang, :>=} => :ge,
    {:erlang, :band} => :band,
    {:erlang, :bor} => :bor,
    {:erlang, :bxor} => :bxor,
    {:erlang, :bsl} => :lshift,
    {:erlang, :bsr} => :rshift,
    {Kernel, :**} => :pow
  }
  @unary %{{:erlang, :-} => :neg, {:erlang, :+} => :pos, {:erlang, :bnot} => :invert}

  @comparisons [:==, :"/=", :<, :"=<", :>, :>=]
  @boolean_operators [:andalso, :orelse, :and, :or, :xor]

  @doc "Rewrites expanded code."
  @spec expanded(Macro.t()) :: Macro.t()
  def expanded(ast), do: expr(ast)

  # --- forms with patterns ---

  defp expr({:=, meta, [pattern, value]}), do: {:=, meta, [pattern, expr(value)]}
  defp expr({:fn, meta, clauses}), do: {:fn, meta, clauses(clauses)}

  defp expr({:case, meta, [subject, options]}),
    do: {:case, meta, [subject(subject, options), sections(options)]}

  defp expr({:cond, meta, [[do: clauses]]}) do
    clauses = for {:->, meta, [[test], body]} <- clauses, do: {:->, meta, [[condition(test)], expr(body)]}
    {:cond, meta, [[do: clauses]]}
  end

  defp expr({:receive, meta, [options]}) do
    options =
      for {key, section} <- options do
        case {key, section} do
          {:after, [{:->, meta, [[timeout], body]}]} -> {:after, [{:->, meta, [[expr(timeout)], expr(body)]}]}
          {key, section} -> {key, section(section)}
        end
      end

    {:receive, meta, [options]}
  end

  defp expr({:try, meta, [options]}), do: {:try, meta, [sections(options)]}

  defp expr({form, meta, args}) when form in [:for, :with] and is_list(args) do
    {steps, [options]} = Enum.split(args, -1)
    {form, meta, Enum.map(steps, &step(form, &1)) ++ [sections(options)]}
  end

  defp expr({:<<>>, meta, segments}), do: {:<<>>, meta, Enum.map(segments, &segment/1)}

  # --- forms whose names are not code ---

  # `&(&1 + &2)` is expanded to a capture of the operator's function.
  defp expr({:&, meta, [{:/, slash, [{{:., dot, [base, name]}, call, []}, arity]}]} = capture) do
    case operator(base, name, arity) do
      {:ok, function} -> {:&, meta, [{:/, slash, [{{:., dot, [@runtime, function]}, call, []}, arity]}]}
      :error when is_atom(base) -> capture
      :error -> emit(:capture, meta, [expr(base), name, arity])
    end
  end

  defp expr({:&, _, _} = capture), do: capture
  defp expr({:^, _, _} = pinned), do: pinned
  defp expr({:%, meta, [struct, map]}), do: {:%, meta, [struct, expr(map)]}
  defp expr({:quote, _, _} = quoted), do: quoted

  # --- calls ---

  defp expr({{:., dot, [module, name]}, meta, [left, right]}) when is_map_key(@binary, {module, name}) do
    if untouched?(name, left, right) do
      {{:., dot, [module, name]}, meta, [expr(left), expr(right)]}
    else
      emit(Map.fetch!(@binary, {module, name}), meta, [expr(left), expr(right)])
    end
  end

  defp expr({{:., _, [module, name]}, meta, [operand]} = ast) when is_map_key(@unary, {module, name}) do
    if number?(operand), do: ast, else: emit(Map.fetch!(@unary, {module, name}), meta, [expr(operand)])
  end

  defp expr({{:., dot, [:erlang, name]}, meta, args}) when name in @boolean_operators,
    do: {{:., dot, [:erlang, name]}, meta, Enum.map(args, &condition/1)}

  defp expr({{:., dot, [:erlang, :not]}, meta, [operand]}),
    do: {{:., dot, [:erlang, :not]}, meta, [condition(operand)]}

  # `assert a == b` is expanded to a call that is given the comparison's value.
  defp expr({{:., dot, [ExUnit.Assertions, name]}, meta, [value | rest]}) when name in [:assert, :refute],
    do: {{:., dot, [ExUnit.Assertions, name]}, meta, [condition(value) | expr(rest)]}

  # `put_in(a["x"], 1)`: the compiler warns where the element is not used, as it does for maps, whose change would be
  # lost; to an object of Python it is an assignment.
  defp expr({{:., _, [:erlang, :element]}, meta, [2, {{:., _, [Access, :get_and_update]}, _, _} = update]}),
    do: emit(:written, meta, [expr(update)])

  # Where this is done `run(~PY"...")` is the drop, with options.
  defp expr({{:., _, [SnakeBridge.Drop, :noted]}, _, [drop]}), do: expr(drop)

  defp expr({{:., _, [SnakeBridge, name]}, _, _} = ast) when name in [:run, :run!] do
    case SnakeBridge.Drop.Calls.call(ast) do
      ^ast -> plain_call(ast)
      drop -> expr(drop)
    end
  end

  defp expr({{:., _, _}, _, args} = ast) when is_list(args) do
    case link(ast) do
      {base, step, meta} -> chain(base, [step], meta)
      :none -> plain_call(ast)
    end
  end

  # --- the rest ---

  defp expr({name, meta, args}) when is_list(args), do: {expr(name), meta, expr(args)}
  defp expr({left, right}), do: {expr(left), expr(right)}
  defp expr(list) when is_list(list), do: list(list)
  defp expr(other), do: other

  # Improper lists occur where code was injected as a literal.
  defp list([head | tail]), do: [expr(head) | list(tail)]
  defp list([]), do: []
  defp list(tail), do: expr(tail)

  defp plain_call({{:., dot, dotted}, meta, args}), do: {{:., dot, expr(dotted)}, meta, expr(args)}

  # --- clauses ---

  defp clauses(clauses) do
    for {:->, meta, [head, body]} <- clauses, do: {:->, meta, [head, expr(body)]}
  end

  defp sections(options), do: for({key, section} <- options, do: {key, section(section)})

  defp section([{:->, _, _} | _] = clauses), do: clauses(clauses)
  defp section(body), do: expr(body)

  defp step(_, {:<-, meta, [pattern, source]}) when is_boolean(pattern),
    do: {:<-, meta, [pattern, condition(source)]}

  defp step(_, {:<-, meta, [pattern, source]}), do: {:<-, meta, [pattern, expr(source)]}

  defp step(:for, {:<<>>, meta, parts}) do
    case List.pop_at(parts, -1) do
      {{:<-, arrow, [pattern, source]}, parts} ->
        {:<<>>, meta, parts ++ [{:<-, arrow, [pattern, expr(source)]}]}

      _ ->
        expr({:<<>>, meta, parts})
    end
  end

  defp step(:for, filter), do: condition(filter)
  defp step(:with, other), do: expr(other)

  defp segment({:"::", meta, [value, spec]}), do: {:"::", meta, [expr(value), spec]}
  defp segment(value), do: expr(value)

  defp operator(module, name, 2), do: Map.fetch(@binary, {module, name})
  defp operator(module, name, 1), do: Map.fetch(@unary, {module, name})
  defp operator(_, _, _), do: :error

  # --- conditions ---

  # Expansion turns `if a == b` into a `case` on `true` and `false` alone, since `==` cannot give anything else; with
  # refs it can. There, around `and`, `or`, `not`, `&&`, `||`, and in ExUnit's assertions, Python's own truth is asked for.
  defp condition({{:., _, [:erlang, name]}, meta, [left, right]} = ast) when name in @comparisons do
    if untouched?(name, left, right), do: expr(ast), else: emit(:truth, meta, [expr(ast)])
  end

  # What a condition is made of: `value = a == b` of `assert`, and the `case` that is left of `a == b or a > c`.
  defp condition({:=, meta, [pattern, value]}), do: {:=, meta, [pattern, condition(value)]}

  defp condition({:case, meta, [subject, [do: clauses] = options]}) do
    clauses = for {:->, meta, [head, body]} <- clauses, do: {:->, meta, [head, condition(body)]}
    {:case, meta, [subject(subject, options), [do: clauses]]}
  end

  defp condition({:__block__, meta, [_ | _] = statements}) do
    {before, [last]} = Enum.split(statements, -1)
    {:__block__, meta, expr(before) ++ [condition(last)]}
  end

  defp condition(ast), do: expr(ast)

  defp subject(subject, options) do
    if boolean_clauses?(options) or truthy_clauses?(options), do: condition(subject), else: expr(subject)
  end

  defp boolean_clauses?(do: [_ | _] = clauses) do
    Enum.all?(clauses, &match?({:->, _, [[literal], _]} when is_boolean(literal), &1))
  end

  defp boolean_clauses?(_), do: false

  # `x when x in [false, nil] -> ...; x -> ...`: what `if`, `&&`, `||` and `assert` are, where the value may be anything.
  defp truthy_clauses?(
         do: [{:->, _, [[{:when, _, [{name, _, context}, guard]}], _]}, {:->, _, [[{other, _, _}], _]}]
       )
       when is_atom(other) do
    match?(
      {{:., _, [:erlang, :orelse]}, _,
       [
         {{:., _, [:erlang, :"=:="]}, _, [{^name, _, ^context}, false]},
         {{:., _, [:erlang, :"=:="]}, _, [{^name, _, ^context}, nil]}
       ]},
      guard
    )
  end

  defp truthy_clauses?(_), do: false

  # A ref is never nil, and `x == nil` is what `is_nil/1` expands to.
  defp untouched?(name, left, right) when name in [:==, :"/="] and (left == nil or right == nil), do: true
  defp untouched?(_, left, right), do: number?(left) and number?(right)

  defp number?({{:., _, [:erlang, sign]}, _, [number]}) when sign in [:+, :-], do: is_number(number)
  defp number?(other), do: is_number(other)

  # --- chains ---

  # A link is a call on a base that is computed: what the base is, and what is done with it.
  defp link({{:., _, [base, name]}, meta, []}) when not is_atom(base) and is_atom(name) do
    if meta[:no_parens], do: {base, {:field, name}, meta}, else: {base, {:invoke, name, []}, meta}
  end

  defp link({{:., _, [base, name]}, meta, args}) when not is_atom(base) and is_atom(name) do
    if keywords?(args),
      do: {base, {:invoke_with, name, args}, meta},
      else: {base, {:invoke, name, args}, meta}
  end

  defp link({{:., _, [function]}, meta, args}) do
    if keywords?(args), do: {function, {:call_with, args}, meta}, else: {function, {:call, args}, meta}
  end

  defp link({{:., _, [Access, :get]}, meta, [base, key]}), do: {base, {:item, key}, meta}
  defp link(_), do: :none

  # All arguments of a chain are computed before its first step is taken, so only those of the first may have effects.
  defp chain(base, [first | _] = steps, meta) do
    case link(base) do
      {inner, step, _} ->
        if simple?(arguments(first)), do: chain(inner, [step | steps], meta), else: done(base, steps, meta)

      :none ->
        done(base, steps, meta)
    end
  end

  defp done(base, [{:item, key}], meta), do: {{:., meta, [Access, :get]}, meta, [expr(base), expr(key)]}

  defp done(base, [step], meta) do
    [function | args] = Tuple.to_list(step)
    emit(function, meta, [expr(base) | expr(args)])
  end

  defp done(base, steps, meta) do
    steps = for step <- steps, do: step |> Tuple.to_list() |> Enum.map(&expr/1) |> tuple()
    emit(:chain, meta, [expr(base), steps])
  end

  defp tuple([left, right]), do: {left, right}
  defp tuple(elements), do: {:{}, [], elements}

  defp arguments({:field, _}), do: []
  defp arguments({:item, key}), do: [key]
  defp arguments({_, args}), do: args
  defp arguments({_, _, args}), do: args

  # Code whose evaluation has no effect and cannot fail: literals, variables, functions, and containers of these.
  defp simple?({name, _, context}) when is_atom(name) and is_atom(context), do: true
  defp simple?({form, _, _}) when form in [:fn, :&], do: true
  defp simple?({form, _, args}) when form in [:{}, :%{}], do: simple?(args)
  defp simple?({:%, _, [_, map]}), do: simple?(map)
  defp simple?({:|, _, _}), do: false
  defp simple?({_, _, _} = call), do: number?(call)
  defp simple?({left, right}), do: simple?(left) and simple?(right)
  defp simple?([{:|, _, [head, tail]}]), do: simple?(head) and simple?(tail)
  defp simple?([head | tail]), do: simple?(head) and simple?(tail)
  defp simple?(_), do: true

  defp keywords?(args) do
    case List.last(args) do
      [_ | _] = list -> Enum.all?(list, &match?({key, _} when is_atom(key), &1))
      _ -> false
    end
  end

  defp emit(function, meta, args) do
    meta = Keyword.take(meta, [:line, :column, :file, :keep, :generated])
    {{:., meta, [@runtime, function]}, meta, args}
  end
end

defmodule SnakeBridge.Drop.Expressions do
  @moduledoc """
  The expressions of Python, and parameters: tokens in, a node and the tokens behind it out. See `SnakeBridge.Drop.Parser`,
  which says what the events are.
  """

  import SnakeBridge.Drop.Tokens, only: [fail: 2]

  @binary ~w(+ - * / // % @ & | ^ << >> **)
  @comparing ~w(< > <= >= == !=)
  @not_operands ~w(as assert break class continue def del elif else except finally for from global if import in is nonlocal
                   or and pass raise return try while with async)

  # --- expressions ---
  #
  # A node is a name, which may be read or bound; `{:seq, nodes}`, a tuple or list, likewise; `{:starred, node}`;
  # `{:access, events}`, an attribute or item, which may be bound too; and `{:value, events}`, which may not.

  # With commas, stars and `:=`.
  @doc false
  def expressions([{:keyword, "yield", _} | _] = tokens), do: yield(tokens)

  def expressions(tokens) do
    {first, tokens} = element(tokens)
    if comma?(tokens), do: sequence(tokens, [first]), else: {first, tokens}
  end

  defp sequence([{:op, ",", _} | tokens], done) do
    if operand?(tokens) do
      {next, tokens} = element(tokens)
      sequence(tokens, [next | done])
    else
      {{:seq, Enum.reverse(done)}, tokens}
    end
  end

  defp sequence(tokens, done), do: {{:seq, Enum.reverse(done)}, tokens}

  @doc false
  def element([{:op, "*", _} | tokens]) do
    {value, tokens} = operators(tokens)
    {{:starred, value}, tokens}
  end

  def element(tokens), do: named(tokens)

  @doc false
  def named([{:name, name, at}, {:op, ":=", _} | tokens]) do
    {value, tokens} = expression(tokens)
    {{:value, [events(value), {:walrus, name, at}]}, tokens}
  end

  def named(tokens), do: expression(tokens)

  defp yield([{:keyword, "yield", offset}, {:keyword, "from", _} | tokens]) do
    {value, tokens} = expression(tokens)
    {{:value, [events(value), {:yield, offset}]}, tokens}
  end

  defp yield([{:keyword, "yield", offset} | tokens]) do
    with {[value | event], tokens} <- optional(tokens, {:yield, offset}),
         do: {{:value, [value | event]}, tokens}
  end

  # A ternary, a lambda or less.
  @doc false
  def expression([{:keyword, "lambda", _} | tokens]) do
    {names, defaults, _, tokens} = parameters(tokens, [], [], [], ":")
    {body, tokens} = tokens |> expect(":") |> expression()
    {{:value, [Enum.reverse(defaults), {:function, names, events(body)}]}, tokens}
  end

  def expression(tokens) do
    {value, tokens} = operators(tokens)

    case tokens do
      [{:keyword, "if", _} | tokens] ->
        {test, tokens} = operators(tokens)
        {otherwise, tokens} = tokens |> expect_word("else") |> expression()
        {{:value, [events(test), {:branch, [events(value), events(otherwise)]}]}, tokens}

      _ ->
        {value, tokens}
    end
  end

  # The targets of `for`, in which no `in` is an operator.
  @doc false
  def targets(tokens) do
    {first, tokens} = target_item(tokens)
    if comma?(tokens), do: more_targets(tokens, [first]), else: {first, tokens}
  end

  defp more_targets([{:op, ",", _}, {:keyword, "in", _} = word | tokens], done),
    do: {{:seq, Enum.reverse(done)}, [word | tokens]}

  defp more_targets([{:op, ",", _} | tokens], done) do
    {next, tokens} = target_item(tokens)
    more_targets(tokens, [next | done])
  end

  defp more_targets(tokens, done), do: {{:seq, Enum.reverse(done)}, tokens}

  @doc false
  def target_item([{:op, "*", _} | tokens]) do
    {value, tokens} = primary(tokens)
    {{:starred, value}, tokens}
  end

  def target_item(tokens), do: primary(tokens)

  defp operators(tokens) do
    {left, tokens} = unary(tokens)
    operators(tokens, left, false)
  end

  # `compared?`: what follows a second comparison may be left out, as what follows `and`.
  defp operators([{:keyword, word, _} | tokens], left, _) when word in ["and", "or"] do
    {right, tokens} = operators(tokens)
    {{:value, [events(left), {:branch, [events(right), []]}]}, tokens}
  end

  defp operators([{:op, op, _} | tokens], left, compared?) when op in @binary do
    {right, tokens} = unary(tokens)
    operators(tokens, {:value, [events(left), events(right)]}, compared?)
  end

  defp operators([{:op, op, _} | tokens], left, compared?) when op in @comparing,
    do: compared(tokens, left, compared?)

  defp operators([{:keyword, "in", _} | tokens], left, compared?), do: compared(tokens, left, compared?)

  defp operators([{:keyword, "not", _}, {:keyword, "in", _} | tokens], left, compared?),
    do: compared(tokens, left, compared?)

  defp operators([{:keyword, "is", _}, {:keyword, "not", _} | tokens], left, compared?),
    do: compared(tokens, left, compared?)

  defp operators([{:keyword, "is", _} | tokens], left, compared?), do: compared(tokens, left, compared?)
  defp operators(tokens, left, _), do: {left, tokens}

  defp compared(tokens, left, compared?) do
    {right, tokens} = unary(tokens)
    right = if compared?, do: {:branch, [events(right), []]}, else: events(right)
    operators(tokens, {:value, [events(left), right]}, true)
  end

  defp unary([{:op, op, _} | tokens]) when op in ["-", "+", "~"], do: value(unary(tokens))
  defp unary([{:keyword, word, _} | tokens]) when word in ["not", "await"], do: value(unary(tokens))
  defp unary(tokens), do: primary(tokens)

  defp value({node, tokens}), do: {{:value, events(node)}, tokens}

  defp primary(tokens) do
    {atom, tokens} = atom(tokens)
    trailers(tokens, atom)
  end

  defp trailers([{:op, ".", _}, {:name, _, _} | tokens], base), do: trailers(tokens, {:access, events(base)})

  defp trailers([{:op, "(", _} | tokens], base) do
    {arguments, tokens} = arguments(tokens, [])
    trailers(tokens, {:value, [events(base) | arguments]})
  end

  defp trailers([{:op, "[", _} | tokens], base) do
    {index, tokens} = index(tokens, [])
    trailers(tokens, {:access, [events(base) | index]})
  end

  defp trailers(tokens, base), do: {base, tokens}

  @doc false
  def arguments([{:op, ")", _} | tokens], done), do: {Enum.reverse(done), tokens}

  def arguments(tokens, done) do
    {argument, tokens} =
      case tokens do
        [{:op, op, _} | tokens] when op in ["*", "**"] -> expression(tokens)
        [{:name, _, _}, {:op, "=", _} | tokens] -> expression(tokens)
        _ -> tokens |> named() |> comprehended()
      end

    done = [events(argument) | done]

    case tokens do
      [{:op, ",", _} | tokens] -> arguments(tokens, done)
      [{:op, ")", _} | tokens] -> {Enum.reverse(done), tokens}
      [token | _] -> unexpected(token)
    end
  end

  defp index([{:op, "]", _} | tokens], done), do: {Enum.reverse(done), tokens}
  defp index([{:op, op, _} | tokens], done) when op in [":", ",", "*"], do: index(tokens, done)
  # `[::2]`
  defp index([{:op, ":=", at} | _], _), do: fail("invalid syntax", at)

  defp index(tokens, done) do
    {value, tokens} = named(tokens)

    case tokens do
      [{:op, op, _} | _] when op in [",", ":", "]"] -> index(tokens, [events(value) | done])
      [token | _] -> unexpected(token)
    end
  end

  # --- atoms ---

  defp atom([{:name, name, offset} | tokens]), do: {{:name, name, offset}, tokens}
  defp atom([{:insert, _, _} | tokens]), do: {{:value, []}, tokens}
  defp atom([{:number, _, _} | tokens]), do: {{:value, []}, tokens}
  defp atom([{:string, _, _} | _] = tokens), do: strings(tokens, [])
  defp atom([{:op, "...", _} | tokens]), do: {{:value, []}, tokens}
  defp atom([{:keyword, word, _} | tokens]) when word in ["None", "True", "False"], do: {{:value, []}, tokens}
  defp atom([{:op, "(", _}, {:op, ")", _} | tokens]), do: {{:seq, []}, tokens}
  defp atom([{:op, "[", _}, {:op, "]", _} | tokens]), do: {{:seq, []}, tokens}
  defp atom([{:op, "{", _}, {:op, "}", _} | tokens]), do: {{:value, []}, tokens}

  defp atom([{:op, "(", _} | tokens]) do
    {inner, tokens} = tokens |> expressions() |> comprehended()
    {inner, expect(tokens, ")")}
  end

  defp atom([{:op, "[", _} | tokens]) do
    {inner, tokens} = tokens |> expressions() |> comprehended()
    inner = if match?({:seq, _}, inner) or match?({:value, _}, inner), do: inner, else: {:seq, [inner]}
    {inner, expect(tokens, "]")}
  end

  defp atom([{:op, "{", _} | tokens]) do
    {events, tokens} = display(tokens, [])
    {{:value, events}, tokens}
  end

  defp atom([token | _]), do: unexpected(token)

  # Of a dict or a set.
  defp display([{:op, "}", _} | tokens], done), do: {Enum.reverse(done), tokens}

  defp display([{:op, "**", _} | tokens], done) do
    {value, tokens} = operators(tokens)
    displayed({value, tokens}, done)
  end

  defp display(tokens, done) do
    {key, tokens} = element(tokens)

    case tokens do
      [{:op, ":", _} | tokens] ->
        {value, tokens} = expression(tokens)
        {{:value, [events(key), events(value)]}, tokens} |> comprehended() |> displayed(done)

      _ ->
        {key, tokens} |> comprehended() |> displayed(done)
    end
  end

  defp displayed({value, tokens}, done) do
    done = [events(value) | done]

    case tokens do
      [{:op, ",", _} | tokens] -> display(tokens, done)
      [{:op, "}", _} | tokens] -> {Enum.reverse(done), tokens}
      [token | _] -> unexpected(token)
    end
  end

  @doc false
  def strings([{:string, fields, _} | tokens], done) do
    events = Enum.map(fields, &embedded/1)
    strings(tokens, [events | done])
  end

  def strings(tokens, done), do: {{:value, Enum.reverse(done)}, tokens}

  defp embedded(tokens) do
    case expressions(tokens) do
      {node, [{:end, _, _}]} -> events(node)
      {_, [token | _]} -> unexpected(token)
    end
  end

  # --- comprehensions ---

  # What may be the element of one. Its first iterable belongs to the scope around it.
  defp comprehended({element, [{:keyword, word, _} | _] = tokens}) when word in ["for", "async"] do
    {[first | clauses], tokens} = clauses(tokens, [])
    {target, items, conditions} = first

    inner = [
      target,
      conditions,
      for({target, items, conditions} <- clauses, do: [items, target, conditions]),
      events(element)
    ]

    {{:value, [items, {:comprehension, inner}]}, tokens}
  end

  defp comprehended(found), do: found

  defp clauses([{:keyword, "async", _}, {:keyword, "for", _} = word | tokens], done),
    do: clauses([word | tokens], done)

  defp clauses([{:keyword, "for", _}, {_, _, offset} = token | tokens], done) do
    {target, tokens} = targets([token | tokens])
    {items, tokens} = tokens |> expect_word("in") |> clause_value()
    {conditions, tokens} = conditions(tokens, [])
    clauses(tokens, [{target(target, :store, offset), events(items), conditions} | done])
  end

  defp clauses(tokens, done), do: {Enum.reverse(done), tokens}

  defp conditions([{:keyword, "if", _} | tokens], done) do
    {condition, tokens} = clause_value(tokens)
    conditions(tokens, [events(condition) | done])
  end

  defp conditions(tokens, done), do: {Enum.reverse(done), tokens}

  # `if` behind it is the next condition.
  defp clause_value([{:keyword, "lambda", _} | _] = tokens), do: expression(tokens)

  defp clause_value([{:name, name, at}, {:op, ":=", _} | tokens]) do
    {value, tokens} = operators(tokens)
    {{:value, [events(value), {:walrus, name, at}]}, tokens}
  end

  defp clause_value(tokens), do: operators(tokens)

  # --- parameters ---

  @doc false
  def parameters([{:op, close, _} | _] = tokens, names, defaults, annotations, close),
    do: {names, defaults, annotations, tokens}

  def parameters([{:op, op, _} | tokens], names, defaults, annotations, close)
      when op in ["*", "**", "/", ","],
      do: parameters(tokens, names, defaults, annotations, close)

  def parameters([{:name, name, offset} | tokens], names, defaults, annotations, close) do
    {annotation, tokens} =
      case tokens do
        [{:op, ":", _}, {:op, "*", _} | tokens] when close == ")" -> annotation(tokens)
        [{:op, ":", _} | tokens] when close == ")" -> annotation(tokens)
        _ -> {[], tokens}
      end

    {default, tokens} =
      case tokens do
        [{:op, "=", _} | tokens] ->
          with {default, tokens} <- expression(tokens), do: {events(default), tokens}

        _ ->
          {[], tokens}
      end

    if not match?([{:op, op, _} | _] when op in [",", close], tokens), do: unexpected(hd(tokens))
    parameters(tokens, [{name, offset} | names], [default | defaults], [annotation | annotations], close)
  end

  def parameters([token | _], _, _, _, _), do: unexpected(token)

  defp annotation(tokens), do: with({type, tokens} <- expression(tokens), do: {events(type), tokens})

  # `[T: bound = default, *Ts, **P]`: names, what stands in functions of their own, the rest.
  @doc false
  def type_parameters([{:op, "[", _} | tokens]), do: type_parameters(tokens, [], [])
  def type_parameters(tokens), do: {[], [], tokens}

  def type_parameters([{:op, "]", _} | tokens], names, bounds), do: {names, bounds, tokens}

  def type_parameters([{:op, op, _} | tokens], names, bounds) when op in ["*", "**", ","],
    do: type_parameters(tokens, names, bounds)

  def type_parameters([{:name, name, offset} | tokens], names, bounds) do
    {bound, tokens} = lazy(tokens, ":")
    {default, tokens} = lazy(tokens, "=")
    type_parameters(tokens, [{name, offset} | names], [bound, default | bounds])
  end

  def type_parameters([token | _], _, _), do: unexpected(token)

  defp lazy([{:op, op, _} | tokens], op) do
    {value, tokens} = element(tokens)
    {[{:function, [], events(value)}], tokens}
  end

  defp lazy(tokens, _), do: {[], tokens}

  # --- nodes as events ---

  @doc false
  def events({:name, name, offset}), do: [{:load, name, offset}]
  def events({:seq, nodes}), do: Enum.map(nodes, &events/1)
  def events({:starred, node}), do: events(node)
  def events({_, events}), do: events

  @doc false
  def target({:name, name, offset}, kind, _), do: [{kind, name, offset}]
  def target({:seq, nodes}, kind, offset), do: Enum.map(nodes, &target(&1, kind, offset))
  def target({:starred, node}, kind, offset), do: target(node, kind, offset)
  def target({:access, events}, _, _), do: events

  def target({:value, _}, :del, offset),
    do: fail("cannot delete what is neither a name, an attribute nor an item", offset)

  def target({:value, _}, _, offset),
    do: fail("cannot assign to what is neither a name, an attribute nor an item", offset)

  # --- tokens ---

  @doc false
  def comma?([{:op, ",", _} | _]), do: true
  def comma?(_), do: false

  defp ends?([{kind, _, _} | _]) when kind in [:newline, :end], do: true
  defp ends?([{:op, op, _} | _]), do: op in [";", ")", "]", "}", "=", ":"]
  defp ends?([{:keyword, "from", _} | _]), do: true
  defp ends?(_), do: false

  # Whether an expression begins here.
  @doc false
  def operand?([{kind, _, _} | _]) when kind in [:name, :number, :string, :insert], do: true
  def operand?([{:keyword, word, _} | _]), do: word not in @not_operands
  def operand?([{:op, op, _} | _]), do: op in ["(", "[", "{", "-", "+", "~", "*", "..."]
  def operand?(_), do: false

  @doc false
  def expect([{:op, op, _} | tokens], op), do: tokens
  def expect([{_, _, offset} | _], op), do: fail("expected '#{op}'", offset)

  @doc false
  def expect_word([{:keyword, word, _} | tokens], word), do: tokens
  def expect_word([{_, _, offset} | _], word), do: fail("expected '#{word}'", offset)

  @doc false
  def unexpected({:newline, _, offset}), do: fail("invalid syntax: the line ends too early", offset)
  def unexpected({:end, _, offset}), do: fail("invalid syntax: the source ends too early", offset)
  def unexpected({:indent, _, offset}), do: fail("unexpected indent", offset)
  def unexpected({:dedent, _, offset}), do: fail("expected an indented block", offset)
  def unexpected({_, value, offset}) when is_binary(value), do: fail("invalid syntax at '#{value}'", offset)
  def unexpected({_, _, offset}), do: fail("invalid syntax", offset)

  @doc false
  def optional(tokens, event) do
    if ends?(tokens) do
      {[event], tokens}
    else
      {value, tokens} = expressions(tokens)
      {[events(value), event], tokens}
    end
  end

  @doc false
  def dots([{:op, ".", _}, {:name, _, _} | tokens]), do: dots(tokens)
  def dots(tokens), do: tokens
end

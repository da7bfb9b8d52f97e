defmodule SnakeBridge.Drop.Parser do
  @moduledoc """
  What Python source does to names, in the order in which it does it: tokens in, a tree of events out.

  | event | |
  |---|---|
  | `{:load, name, offset}`, `{:store, ...}`, `{:del, ...}` | a name is read, bound, unbound |
  | `{:declare, name, offset}` | is annotated, and bound nowhere here: `name: int` |
  | `{:walrus, name, offset}` | bound by `:=`, which reaches out of comprehensions |
  | `{:global, name, offset}`, `{:nonlocal, ...}` | a declaration |
  | `{:branch, [events]}` | one of these happens |
  | `{:loop, body, otherwise}`, `{:try, body, handlers, otherwise, finally}` | |
  | `{:stop, kind, offset}` | nothing after this: `:return`, `:raise`, `:break`, `:continue` |
  | `{:function, parameters, body}`, `{:comprehension, body}`, `{:class, name, body}`, `{:types, parameters, body, class}` | a scope |
  | `{:annotation, events}` | what annotations do; nothing where `{:future, :annotations}` stands |
  | `{:star, offset}`, `{:yield, offset}` | `import *`, `yield` |

  All statements and expressions of Python 3.10 to 3.14 are read. It is no check: operators have no precedence here, and what
  is accepted wrongly Python reports when the source runs. What the events mean for scopes is `SnakeBridge.Drop.Scopes`' to say.
  """

  import SnakeBridge.Drop.Tokens, only: [fail: 2]

  @augmented ~w(+= -= *= /= //= %= @= &= |= ^= >>= <<= **=)
  @binary ~w(+ - * / // % @ & | ^ << >> **)
  @comparing ~w(< > <= >= == !=)
  @not_operands ~w(as assert break class continue def del elif else except finally for from global if import in is nonlocal
                   or and pass raise return try while with async)

  @type event :: tuple() | [event()]

  @doc "The events of a source. Throws `{:python, message, offset}` where it is no Python."
  @spec read([SnakeBridge.Drop.Tokens.token()]) :: [event()]
  def read(tokens), do: statements(tokens, [])

  # --- statements ---

  defp statements([{:end, _, _}], done), do: Enum.reverse(done)
  defp statements([{:indent, _, offset} | _], _), do: fail("unexpected indent", offset)

  defp statements(tokens, done) do
    {events, tokens} = statement(tokens)
    statements(tokens, [events | done])
  end

  defp statement([{:keyword, word, offset} | rest] = tokens) do
    case word do
      "if" -> if_statement(rest)
      "while" -> while_statement(rest)
      "for" -> for_statement(rest)
      "try" -> try_statement(rest)
      "with" -> with_statement(rest)
      "def" -> definition(rest, [])
      "class" -> class(rest, [])
      "async" -> async(rest, offset, [])
      _ -> simple_statements(tokens)
    end
  end

  defp statement([{:op, "@", _} | _] = tokens), do: decorated(tokens, [])

  defp statement([{:name, "match", _} | rest] = tokens),
    do: if(matching?(rest, 0), do: match_statement(rest), else: simple_statements(tokens))

  defp statement(tokens), do: simple_statements(tokens)

  defp simple_statements(tokens) do
    {events, tokens} = simple(tokens)

    case tokens do
      [{:newline, _, _} | tokens] ->
        {events, tokens}

      [{:op, ";", _}, {:newline, _, _} | tokens] ->
        {events, tokens}

      [{:op, ";", _} | tokens] ->
        {more, tokens} = simple_statements(tokens)
        {[events | more], tokens}

      [token | _] ->
        unexpected(token)
    end
  end

  defp block([{:op, ":", _}, {:newline, _, _}, {:indent, _, _} | tokens]), do: block(tokens, [])
  defp block([{:op, ":", _}, {:newline, _, offset} | _]), do: fail("expected an indented block", offset)
  defp block([{:op, ":", _} | tokens]), do: simple_statements(tokens)
  defp block([{_, _, offset} | _]), do: fail("expected ':'", offset)

  defp block([{:dedent, _, _} | tokens], done), do: {Enum.reverse(done), tokens}
  defp block([{:indent, _, offset} | _], _), do: fail("unexpected indent", offset)

  defp block(tokens, done) do
    {events, tokens} = statement(tokens)
    block(tokens, [events | done])
  end

  # --- simple statements ---

  defp simple([{:keyword, word, offset} | rest] = tokens) do
    case word do
      "pass" -> {[], rest}
      word when word in ["break", "continue"] -> {[{:stop, String.to_atom(word), offset}], rest}
      "return" -> optional(rest, {:stop, :return, offset})
      "raise" -> raised(rest, offset)
      "import" -> imports(rest, [])
      "from" -> from_import(rest, offset)
      "global" -> declared(rest, :global, [])
      "nonlocal" -> declared(rest, :nonlocal, [])
      "del" -> deleted(rest)
      "assert" -> asserted(rest)
      _ -> assignment(tokens)
    end
  end

  defp simple([{:name, "type", _}, {:name, name, at}, {:op, op, _} = token | rest]) when op in ["=", "["] do
    {parameters, bounds, rest} = type_parameters([token | rest])
    {value, rest} = rest |> expect("=") |> expression()
    {[{:types, parameters, [bounds, {:function, [], events(value)}], nil}, {:store, name, at}], rest}
  end

  defp simple(tokens), do: assignment(tokens)

  defp optional(tokens, event) do
    if ends?(tokens) do
      {[event], tokens}
    else
      {value, tokens} = expressions(tokens)
      {[events(value), event], tokens}
    end
  end

  defp raised(tokens, offset) do
    {[value, event], tokens} =
      with {[event], tokens} <- optional(tokens, {:stop, :raise, offset}), do: {[[], event], tokens}

    case tokens do
      [{:keyword, "from", _} | tokens] ->
        {cause, tokens} = expression(tokens)
        {[value, events(cause), event], tokens}

      _ ->
        {[value, event], tokens}
    end
  end

  defp imports(tokens, done) do
    {first, offset, tokens} = dotted(tokens)
    {name, at, tokens} = as_name(tokens, first, offset)
    done = [{:store, name, at} | done]
    if comma?(tokens), do: imports(tl(tokens), done), else: {Enum.reverse(done), tokens}
  end

  defp from_import(from, offset) do
    tokens = Enum.drop_while(from, &match?({:op, op, _} when op in [".", "..."], &1))

    tokens =
      case tokens do
        [{:keyword, "import", _} | _] -> tokens
        _ -> tokens |> dotted() |> elem(2)
      end

    case tokens do
      [{:keyword, "import", _}, {:op, "*", _} | tokens] ->
        {[{:star, offset}], tokens}

      [{:keyword, "import", _}, {:op, "(", _} | tokens] ->
        {stores, tokens} = imported(tokens, [])
        {[future?(from) | stores], expect(tokens, ")")}

      [{:keyword, "import", _} | tokens] ->
        {stores, tokens} = imported(tokens, [])
        {[future?(from) | stores], tokens}

      [token | _] ->
        unexpected(token)
    end
  end

  defp future?([{:name, "__future__", _}, {:keyword, "import", _} | names]) do
    line = Enum.take_while(names, &(not match?({:newline, _, _}, &1)))
    if List.keymember?(line, "annotations", 1), do: {:future, :annotations}, else: []
  end

  defp future?(_), do: []

  defp imported([{:name, name, offset} | tokens], done) do
    {name, at, tokens} = as_name(tokens, name, offset)
    done = [{:store, name, at} | done]

    case tokens do
      [{:op, ",", _}, {:name, _, _} | _] -> imported(tl(tokens), done)
      [{:op, ",", _} | tokens] -> {Enum.reverse(done), tokens}
      _ -> {Enum.reverse(done), tokens}
    end
  end

  defp imported([token | _], _), do: unexpected(token)

  defp as_name([{:keyword, "as", _}, {:name, name, offset} | tokens], _, _), do: {name, offset, tokens}
  defp as_name(tokens, name, offset), do: {name, offset, tokens}

  defp dotted([{:name, name, offset} | tokens]), do: {name, offset, dots(tokens)}
  defp dotted([token | _]), do: unexpected(token)

  defp dots([{:op, ".", _}, {:name, _, _} | tokens]), do: dots(tokens)
  defp dots(tokens), do: tokens

  defp declared([{:name, name, offset} | tokens], kind, done) do
    done = [{kind, name, offset} | done]
    if comma?(tokens), do: declared(tl(tokens), kind, done), else: {Enum.reverse(done), tokens}
  end

  defp declared([token | _], _, _), do: unexpected(token)

  defp deleted([{_, _, offset} | _] = tokens) do
    {target, tokens} = expressions(tokens)
    {target(target, :del, offset), tokens}
  end

  defp asserted(tokens) do
    {test, tokens} = expression(tokens)

    if comma?(tokens) do
      {message, tokens} = expression(tl(tokens))
      {[events(test), {:branch, [events(message), []]}], tokens}
    else
      {events(test), tokens}
    end
  end

  defp assignment([{_, _, offset} | _] = start) do
    {left, tokens} = expressions(start)

    case tokens do
      [{:op, "=", _} | _] ->
        assigned(tokens, [{left, offset}])

      [{:op, ":", _} | tokens] ->
        {annotation, tokens} = expression(tokens)
        annotated(start, left, {:annotation, events(annotation)}, tokens, offset)

      [{:op, op, _} | tokens] when op in @augmented ->
        {value, tokens} = expressions(tokens)
        {[events(left), events(value), target(left, :store, offset)], tokens}

      _ ->
        {events(left), tokens}
    end
  end

  # `a = b = value`
  defp assigned([{:op, "=", _}, {_, _, offset} = token | tokens], targets) do
    {value, tokens} = expressions([token | tokens])

    case tokens do
      [{:op, "=", _} | _] ->
        assigned(tokens, [{value, offset} | targets])

      _ ->
        stores = for {target, offset} <- Enum.reverse(targets), do: target(target, :store, offset)
        {[events(value) | stores], tokens}
    end
  end

  # A name that is only annotated is local to its function all the same.
  defp annotated(_, left, annotation, [{:op, "=", _} | tokens], offset) do
    {value, tokens} = expressions(tokens)
    {[events(value), annotation, target(left, :store, offset)], tokens}
  end

  defp annotated([{:name, _, _} | _], {:name, name, at}, annotation, tokens, _),
    do: {[annotation, {:declare, name, at}], tokens}

  # `(name): type` declares nothing.
  defp annotated(_, {:name, _, _}, annotation, tokens, _), do: {annotation, tokens}
  defp annotated(_, left, annotation, tokens, _), do: {[events(left), annotation], tokens}

  # --- compound statements ---

  defp if_statement(tokens) do
    {test, tokens} = named(tokens)
    {body, tokens} = block(tokens)

    {otherwise, tokens} =
      case tokens do
        [{:keyword, "elif", _} | tokens] -> if_statement(tokens)
        _ -> otherwise(tokens)
      end

    {[events(test), {:branch, [body, otherwise]}], tokens}
  end

  defp otherwise([{:keyword, "else", _} | tokens]), do: block(tokens)
  defp otherwise(tokens), do: {[], tokens}

  defp while_statement(tokens) do
    {test, tokens} = named(tokens)
    {body, tokens} = block(tokens)
    {otherwise, tokens} = otherwise(tokens)
    {[events(test), {:loop, body, otherwise}], tokens}
  end

  defp for_statement([{_, _, offset} | _] = tokens) do
    {target, tokens} = targets(tokens)
    {items, tokens} = tokens |> expect_word("in") |> expressions()
    {body, tokens} = block(tokens)
    {otherwise, tokens} = otherwise(tokens)
    {[events(items), {:loop, [target(target, :store, offset) | body], otherwise}], tokens}
  end

  defp try_statement(tokens) do
    {body, tokens} = block(tokens)
    {handlers, tokens} = handlers(tokens, [])
    {otherwise, tokens} = otherwise(tokens)

    {finally, tokens} =
      case tokens do
        [{:keyword, "finally", _} | tokens] -> block(tokens)
        [{_, _, offset} | _] when handlers == [] -> fail("expected 'except' or 'finally' block", offset)
        _ -> {[], tokens}
      end

    {[{:try, body, handlers, otherwise, finally}], tokens}
  end

  defp handlers([{:keyword, "except", _} | tokens], done) do
    tokens = with [{:op, "*", _} | tokens] <- tokens, do: tokens

    {class, tokens} =
      case tokens do
        [{:op, ":", _} | _] -> {[], tokens}
        _ -> with {class, tokens} <- expressions(tokens), do: {events(class), tokens}
      end

    {handler, tokens} =
      case tokens do
        [{:keyword, "as", _}, {:name, name, offset} | tokens] ->
          {body, tokens} = block(tokens)
          {[class, {:store, name, offset}, body, {:del, name, offset}], tokens}

        _ ->
          {body, tokens} = block(tokens)
          {[class | body], tokens}
      end

    handlers(tokens, [handler | done])
  end

  defp handlers(tokens, done), do: {Enum.reverse(done), tokens}

  defp with_statement(tokens) do
    {items, tokens} = bracketed_items(tokens) || with_items(tokens, [])
    {body, tokens} = block(tokens)
    # Its managers may end an exception of the body.
    {[items, {:branch, [body, []]}], tokens}
  end

  # `with (a as b, c):`, which is no tuple.
  defp bracketed_items([{:op, "(", _} | tokens]) do
    {items, tokens} = with_items(tokens, [])
    tokens = if comma?(tokens), do: tl(tokens), else: tokens

    with [{:op, ")", _}, {:op, ":", _} = colon | tokens] <- tokens,
         do: {items, [colon | tokens]},
         else: (_ -> nil)
  catch
    {:python, _, _} -> nil
  end

  defp bracketed_items(_), do: nil

  defp with_items([{_, _, offset} | _] = tokens, done) do
    if not operand?(tokens), do: fail("invalid syntax", offset)
    {manager, tokens} = expression(tokens)

    {item, tokens} =
      case tokens do
        [{:keyword, "as", _}, {_, _, offset} = token | tokens] ->
          {target, tokens} = target_item([token | tokens])
          {[events(manager) | target(target, :store, offset)], tokens}

        _ ->
          {events(manager), tokens}
      end

    done = [item | done]

    case tokens do
      [{:op, ",", _}, {:op, ")", _} | _] -> {Enum.reverse(done), tokens}
      [{:op, ",", _} | tokens] -> with_items(tokens, done)
      _ -> {Enum.reverse(done), tokens}
    end
  end

  defp async([{:keyword, word, _} | rest], _, decorators) when word in ["def", "for", "with"] do
    case word do
      "def" -> definition(rest, decorators)
      "for" -> for_statement(rest)
      "with" -> with_statement(rest)
    end
  end

  defp async(_, offset, _), do: fail("invalid syntax: async stands before def, for and with", offset)

  defp decorated([{:op, "@", _} | tokens], done) do
    {decorator, tokens} = named(tokens)

    case tokens do
      [{:newline, _, _}, {:op, "@", _} = next | tokens] ->
        decorated([next | tokens], [events(decorator) | done])

      [{:newline, _, _}, {:keyword, "def", _} | tokens] ->
        definition(tokens, [events(decorator) | done])

      [{:newline, _, _}, {:keyword, "class", _} | tokens] ->
        class(tokens, [events(decorator) | done])

      [{:newline, _, _}, {:keyword, "async", at} | tokens] ->
        async(tokens, at, [events(decorator) | done])

      [token | _] ->
        unexpected(token)
    end
  end

  defp definition([{:name, name, offset} | tokens], decorators) do
    {types, bounds, tokens} = type_parameters(tokens)
    {names, defaults, annotations, tokens} = tokens |> expect("(") |> parameters([], [], [], ")")
    tokens = expect(tokens, ")")

    {returned, tokens} =
      case tokens do
        [{:op, "->", _} | tokens] -> with {type, tokens} <- expressions(tokens), do: {events(type), tokens}
        _ -> {[], tokens}
      end

    {body, tokens} = block(tokens)
    inner = [{:annotation, [Enum.reverse(annotations), returned]}, {:function, names, body}]
    inner = if types == [] and bounds == [], do: inner, else: [{:types, types, [bounds, inner], nil}]
    {[Enum.reverse(decorators), Enum.reverse(defaults), inner, {:store, name, offset}], tokens}
  end

  defp definition([token | _], _), do: unexpected(token)

  defp class([{:name, name, offset} | tokens], decorators) do
    {types, bounds, tokens} = type_parameters(tokens)

    {bases, tokens} =
      case tokens do
        [{:op, "(", _} | tokens] -> arguments(tokens, [])
        _ -> {[], tokens}
      end

    {body, tokens} = block(tokens)
    inner = [bases, {:class, name, body}]
    inner = if types == [] and bounds == [], do: inner, else: [{:types, types, [bounds, inner], name}]
    {[Enum.reverse(decorators), inner, {:store, name, offset}], tokens}
  end

  defp class([token | _], _), do: unexpected(token)

  # --- parameters ---

  defp parameters([{:op, close, _} | _] = tokens, names, defaults, annotations, close),
    do: {names, defaults, annotations, tokens}

  defp parameters([{:op, op, _} | tokens], names, defaults, annotations, close)
       when op in ["*", "**", "/", ","],
       do: parameters(tokens, names, defaults, annotations, close)

  defp parameters([{:name, name, offset} | tokens], names, defaults, annotations, close) do
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

  defp parameters([token | _], _, _, _, _), do: unexpected(token)

  defp annotation(tokens), do: with({type, tokens} <- expression(tokens), do: {events(type), tokens})

  # `[T: bound = default, *Ts, **P]`: names, what stands in functions of their own, the rest.
  defp type_parameters([{:op, "[", _} | tokens]), do: type_parameters(tokens, [], [])
  defp type_parameters(tokens), do: {[], [], tokens}

  defp type_parameters([{:op, "]", _} | tokens], names, bounds), do: {names, bounds, tokens}

  defp type_parameters([{:op, op, _} | tokens], names, bounds) when op in ["*", "**", ","],
    do: type_parameters(tokens, names, bounds)

  defp type_parameters([{:name, name, offset} | tokens], names, bounds) do
    {bound, tokens} = lazy(tokens, ":")
    {default, tokens} = lazy(tokens, "=")
    type_parameters(tokens, [{name, offset} | names], [bound, default | bounds])
  end

  defp type_parameters([token | _], _, _), do: unexpected(token)

  defp lazy([{:op, op, _} | tokens], op) do
    {value, tokens} = element(tokens)
    {[{:function, [], events(value)}], tokens}
  end

  defp lazy(tokens, _), do: {[], tokens}

  # --- match ---

  # A line that ends in a colon, with `case` behind it, can be nothing else.
  defp matching?([{:newline, _, _} | _], _), do: false
  defp matching?([{:end, _, _} | _], _), do: false

  defp matching?([{:op, ":", _}, {:newline, _, _}, {:indent, _, _}, {:name, "case", _} | _], 0), do: true

  defp matching?([{:op, op, _} | tokens], depth) when op in ["(", "[", "{"], do: matching?(tokens, depth + 1)
  defp matching?([{:op, op, _} | tokens], depth) when op in [")", "]", "}"], do: matching?(tokens, depth - 1)
  defp matching?([_ | tokens], depth), do: matching?(tokens, depth)

  defp match_statement(tokens) do
    {subject, tokens} = expressions(tokens)
    [{:op, ":", _}, {:newline, _, _}, {:indent, _, _} | tokens] = tokens
    {cases, tokens} = cases(tokens, [])
    {[events(subject), {:branch, [[] | cases]}], tokens}
  end

  defp cases([{:name, "case", _} | tokens], done) do
    {pattern, tokens} = patterns(tokens, ":")

    {guard, tokens} =
      case tokens do
        [{:keyword, "if", _} | tokens] -> with {test, tokens} <- named(tokens), do: {events(test), tokens}
        _ -> {[], tokens}
      end

    {body, tokens} = block(tokens)
    # What a pattern binds stays bound where it, or its guard, fails later.
    cases(tokens, [[pattern, guard | body] | done])
  end

  defp cases([{:dedent, _, _} | tokens], done), do: {Enum.reverse(done), tokens}
  defp cases([token | _], _), do: unexpected(token)

  # Patterns with commas between them, up to what closes them.
  defp patterns([{_, _, offset} = token | tokens], close) do
    {events, tokens} = patterns([token | tokens], close, [])
    if events == [] and close == ":", do: fail("expected a pattern", offset)
    {events, tokens}
  end

  defp patterns([{:op, close, _} | _] = tokens, close, done), do: {Enum.reverse(done), tokens}
  defp patterns([{:keyword, "if", _} | _] = tokens, ":", done), do: {Enum.reverse(done), tokens}
  defp patterns([{:op, ",", _} | tokens], close, done), do: patterns(tokens, close, done)

  defp patterns([{:op, op, _}, {:name, name, at} | tokens], close, done) when op in ["*", "**"],
    do: patterns(tokens, close, [capture(name, at) | done])

  # `{key: pattern}`, `Class(name=pattern)`
  defp patterns(tokens, close, done) do
    {pattern, tokens} =
      case tokens do
        [{:name, _, _}, {:op, "=", _} | tokens] when close == ")" -> pattern(tokens)
        _ -> pattern(tokens)
      end

    case tokens do
      [{:op, ":", _} | tokens] when close == "}" ->
        {value, tokens} = pattern(tokens)
        patterns(tokens, close, [value, pattern | done])

      [{:op, op, _} | _] when op in [",", close] ->
        patterns(tokens, close, [pattern | done])

      [{:keyword, "if", _} | _] when close == ":" ->
        patterns(tokens, close, [pattern | done])

      [token | _] ->
        unexpected(token)
    end
  end

  defp pattern(tokens) do
    {events, tokens} = closed_pattern(tokens)
    pattern(tokens, events)
  end

  defp pattern([{:op, "|", _} | tokens], events) do
    {more, tokens} = closed_pattern(tokens)
    pattern(tokens, [events, more])
  end

  defp pattern([{:keyword, "as", _}, {:name, name, at} | tokens], events),
    do: {[events, capture(name, at)], tokens}

  # Complex numbers.
  defp pattern([{:op, op, _}, {:number, _, _} | tokens], events) when op in ["+", "-"], do: {events, tokens}
  defp pattern(tokens, events), do: {events, tokens}

  defp closed_pattern([{:op, "-", _}, {:number, _, _} | tokens]), do: {[], tokens}
  defp closed_pattern([{:number, _, _} | tokens]), do: {[], tokens}
  defp closed_pattern([{:keyword, word, _} | tokens]) when word in ["None", "True", "False"], do: {[], tokens}

  defp closed_pattern([{:string, _, _} | _] = tokens) do
    {node, tokens} = strings(tokens, [])
    {events(node), tokens}
  end

  defp closed_pattern([{:insert, _, offset} | _]),
    do:
      fail(
        "a value cannot be inserted as a pattern, which is compared by its form: `case value if value == \#{...}`",
        offset
      )

  defp closed_pattern([{:op, open, _} | tokens]) when open in ["(", "[", "{"] do
    close = %{"(" => ")", "[" => "]", "{" => "}"}[open]
    {events, tokens} = patterns(tokens, close)
    {events, expect(tokens, close)}
  end

  defp closed_pattern([{:name, name, at} | tokens]) do
    dotted? = match?([{:op, ".", _} | _], tokens)

    case dots(tokens) do
      [{:op, "(", _} | tokens] ->
        {events, tokens} = patterns(tokens, ")")
        {[{:load, name, at} | events], expect(tokens, ")")}

      tokens when dotted? ->
        {[{:load, name, at}], tokens}

      tokens ->
        {[capture(name, at)], tokens}
    end
  end

  defp closed_pattern([token | _]), do: unexpected(token)

  defp capture("_", _), do: []
  defp capture(name, at), do: {:store, name, at}

  # --- expressions ---
  #
  # A node is a name, which may be read or bound; `{:seq, nodes}`, a tuple or list, likewise; `{:starred, node}`;
  # `{:access, events}`, an attribute or item, which may be bound too; and `{:value, events}`, which may not.

  # With commas, stars and `:=`.
  defp expressions([{:keyword, "yield", _} | _] = tokens), do: yield(tokens)

  defp expressions(tokens) do
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

  defp element([{:op, "*", _} | tokens]) do
    {value, tokens} = operators(tokens)
    {{:starred, value}, tokens}
  end

  defp element(tokens), do: named(tokens)

  defp named([{:name, name, at}, {:op, ":=", _} | tokens]) do
    {value, tokens} = expression(tokens)
    {{:value, [events(value), {:walrus, name, at}]}, tokens}
  end

  defp named(tokens), do: expression(tokens)

  defp yield([{:keyword, "yield", offset}, {:keyword, "from", _} | tokens]) do
    {value, tokens} = expression(tokens)
    {{:value, [events(value), {:yield, offset}]}, tokens}
  end

  defp yield([{:keyword, "yield", offset} | tokens]) do
    with {[value | event], tokens} <- optional(tokens, {:yield, offset}),
         do: {{:value, [value | event]}, tokens}
  end

  # A ternary, a lambda or less.
  defp expression([{:keyword, "lambda", _} | tokens]) do
    {names, defaults, _, tokens} = parameters(tokens, [], [], [], ":")
    {body, tokens} = tokens |> expect(":") |> expression()
    {{:value, [Enum.reverse(defaults), {:function, names, events(body)}]}, tokens}
  end

  defp expression(tokens) do
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
  defp targets(tokens) do
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

  defp target_item([{:op, "*", _} | tokens]) do
    {value, tokens} = primary(tokens)
    {{:starred, value}, tokens}
  end

  defp target_item(tokens), do: primary(tokens)

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

  defp arguments([{:op, ")", _} | tokens], done), do: {Enum.reverse(done), tokens}

  defp arguments(tokens, done) do
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

  defp strings([{:string, fields, _} | tokens], done) do
    events = Enum.map(fields, &embedded/1)
    strings(tokens, [events | done])
  end

  defp strings(tokens, done), do: {{:value, Enum.reverse(done)}, tokens}

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

  # --- nodes as events ---

  defp events({:name, name, offset}), do: [{:load, name, offset}]
  defp events({:seq, nodes}), do: Enum.map(nodes, &events/1)
  defp events({:starred, node}), do: events(node)
  defp events({_, events}), do: events

  defp target({:name, name, offset}, kind, _), do: [{kind, name, offset}]
  defp target({:seq, nodes}, kind, offset), do: Enum.map(nodes, &target(&1, kind, offset))
  defp target({:starred, node}, kind, offset), do: target(node, kind, offset)
  defp target({:access, events}, _, _), do: events

  defp target({:value, _}, :del, offset),
    do: fail("cannot delete what is neither a name, an attribute nor an item", offset)

  defp target({:value, _}, _, offset),
    do: fail("cannot assign to what is neither a name, an attribute nor an item", offset)

  # --- tokens ---

  defp comma?([{:op, ",", _} | _]), do: true
  defp comma?(_), do: false

  defp ends?([{kind, _, _} | _]) when kind in [:newline, :end], do: true
  defp ends?([{:op, op, _} | _]), do: op in [";", ")", "]", "}", "=", ":"]
  defp ends?([{:keyword, "from", _} | _]), do: true
  defp ends?(_), do: false

  # Whether an expression begins here.
  defp operand?([{kind, _, _} | _]) when kind in [:name, :number, :string, :insert], do: true
  defp operand?([{:keyword, word, _} | _]), do: word not in @not_operands
  defp operand?([{:op, op, _} | _]), do: op in ["(", "[", "{", "-", "+", "~", "*", "..."]
  defp operand?(_), do: false

  defp expect([{:op, op, _} | tokens], op), do: tokens
  defp expect([{_, _, offset} | _], op), do: fail("expected '#{op}'", offset)

  defp expect_word([{:keyword, word, _} | tokens], word), do: tokens
  defp expect_word([{_, _, offset} | _], word), do: fail("expected '#{word}'", offset)

  defp unexpected({:newline, _, offset}), do: fail("invalid syntax: the line ends too early", offset)
  defp unexpected({:end, _, offset}), do: fail("invalid syntax: the source ends too early", offset)
  defp unexpected({:indent, _, offset}), do: fail("unexpected indent", offset)
  defp unexpected({:dedent, _, offset}), do: fail("expected an indented block", offset)
  defp unexpected({_, value, offset}) when is_binary(value), do: fail("invalid syntax at '#{value}'", offset)
  defp unexpected({_, _, offset}), do: fail("invalid syntax", offset)
end

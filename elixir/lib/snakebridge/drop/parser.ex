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

  Here are the statements; expressions are in `SnakeBridge.Drop.Expressions`, patterns of `match` in `SnakeBridge.Drop.Patterns`.
  All of Python 3.10 to 3.14 is read. It is no check: operators have no precedence here, and what
  is accepted wrongly Python reports when the source runs. What the events mean for scopes is `SnakeBridge.Drop.Scopes`' to say.
  """

  import SnakeBridge.Drop.{Expressions, Patterns}
  import SnakeBridge.Drop.Tokens, only: [fail: 2]

  @augmented ~w(+= -= *= /= //= %= @= &= |= ^= >>= <<= **=)

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

  # --- match ---

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
end

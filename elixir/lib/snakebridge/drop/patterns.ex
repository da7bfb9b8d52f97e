defmodule SnakeBridge.Drop.Patterns do
  @moduledoc "The patterns of `case`: tokens in, events and the tokens behind them out. See `SnakeBridge.Drop.Parser`."

  import SnakeBridge.Drop.Expressions
  import SnakeBridge.Drop.Tokens, only: [fail: 2]

  # A line that ends in a colon, with `case` behind it, can be nothing else.
  @doc false
  def matching?([{:newline, _, _} | _], _), do: false
  def matching?([{:end, _, _} | _], _), do: false

  def matching?([{:op, ":", _}, {:newline, _, _}, {:indent, _, _}, {:name, "case", _} | _], 0), do: true

  def matching?([{:op, op, _} | tokens], depth) when op in ["(", "[", "{"], do: matching?(tokens, depth + 1)
  def matching?([{:op, op, _} | tokens], depth) when op in [")", "]", "}"], do: matching?(tokens, depth - 1)
  def matching?([_ | tokens], depth), do: matching?(tokens, depth)

  # Patterns with commas between them, up to what closes them.
  @doc false
  def patterns([{_, _, offset} = token | tokens], close) do
    {events, tokens} = patterns([token | tokens], close, [])
    if events == [] and close == ":", do: fail("expected a pattern", offset)
    {events, tokens}
  end

  def patterns([{:op, close, _} | _] = tokens, close, done), do: {Enum.reverse(done), tokens}
  def patterns([{:keyword, "if", _} | _] = tokens, ":", done), do: {Enum.reverse(done), tokens}
  def patterns([{:op, ",", _} | tokens], close, done), do: patterns(tokens, close, done)

  def patterns([{:op, op, _}, {:name, name, at} | tokens], close, done) when op in ["*", "**"],
    do: patterns(tokens, close, [capture(name, at) | done])

  # `{key: pattern}`, `Class(name=pattern)`
  def patterns(tokens, close, done) do
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
end

defmodule SnakeBridge.Drop.Tokens do
  @moduledoc """
  Python source as tokens, by the rules of 3.10 to 3.14, and what `#{}` in it inserts.

  A token is `{kind, value, offset}`; kinds are `:name`, `:keyword`, `:op`, `:number`, `:string`, `:insert`, and of the
  layout `:newline`, `:indent`, `:dedent`, `:end`. The value of a `:string` is the tokens of each expression that stands in
  it (f-strings and t-strings). Offsets are bytes of the source.

  An insertion is an expression of Elixir. Python gets a name in its place: between other code the name itself, in a string
  literal a replacement field of what thereby becomes an f-string; so it is a value everywhere, and text of the program nowhere.

  It knows words, not grammar: that is `SnakeBridge.Drop.Parser`'s.
  """

  @keywords ~w(False None True and as assert async await break class continue def del elif else except finally for from
               global if import in is lambda nonlocal not or pass raise return try while with yield)
  @operators3 ~w(**= //= >>= <<= ...)
  @operators2 ~w(** // >> << <= >= == != -> += -= *= /= %= @= &= |= ^= :=)
  @number ~r/\A(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|(?:(?:\d(?:_?\d)*)?\.\d(?:_?\d)*|\d(?:_?\d)*\.?)(?:[eE][+-]?\d(?:_?\d)*)?[jJ]?)/

  @typedoc "A place in the source, in bytes."
  @type offset :: non_neg_integer()
  @type token :: {atom(), term(), offset()}
  @typedoc "`{offset, bytes, text}`: what stands there instead in what Python gets."
  @type edit :: {offset(), non_neg_integer(), String.t()}
  @type insertion :: {name :: String.t(), code :: Macro.t(), offset()}

  defstruct [
    :source,
    :prefix,
    mode: :file,
    open: [],
    indents: [{0, 0}],
    tokens: [],
    edits: [],
    insertions: []
  ]

  defguardp is_start(c) when c in ?a..?z or c in ?A..?Z or c == ?_ or c > 127
  defguardp is_part(c) when is_start(c) or c in ?0..?9

  @doc """
  The tokens of a source, its insertions in order, and the edits that put names for them.

  Throws `{:python, message, offset}` where there is no reading it. `insertions: false` reads plain Python, where `#` begins a
  comment whatever follows.
  """
  @spec read(String.t(), keyword()) :: {[token()], [insertion()], [edit()]}
  def read(source, opts \\ []) do
    prefix = if Keyword.get(opts, :insertions, true), do: unused(source, "insert_")
    state = %__MODULE__{source: source, prefix: prefix}
    {rest, offset} = without_mark(source)
    state = line_start(rest, offset, state)
    {Enum.reverse(state.tokens), Enum.reverse(state.insertions), Enum.reverse(state.edits)}
  end

  # The names of insertions are no others'.
  defp unused(source, prefix),
    do: if(String.contains?(source, prefix), do: unused(source, "x" <> prefix), else: prefix)

  defp without_mark(<<0xFEFF::utf8, rest::binary>>), do: {rest, 3}
  defp without_mark(source), do: {source, 0}

  # --- lines ---

  defp line_start(rest, offset, state) do
    {rest, offset, column, other} = indentation(rest, offset, 0, 0)

    case rest do
      <<c, _::binary>> when c in ~c"\r\n" -> lex(rest, offset, %{state | mode: :blank})
      "\#{" <> _ when state.prefix != nil -> lex(rest, offset, indent(state, column, other, offset))
      "#" <> _ -> lex(rest, offset, %{state | mode: :blank})
      "" -> finish(state, offset)
      "\\" <> _ -> lex(rest, offset, indent(state, column, other, offset))
      _ -> lex(rest, offset, indent(state, column, other, offset))
    end
  end

  # With tabs to the next multiple of eight, and of one: what compares otherwise is no indentation that Python takes.
  defp indentation(" " <> rest, offset, column, other),
    do: indentation(rest, offset + 1, column + 1, other + 1)

  defp indentation("\t" <> rest, offset, column, other),
    do: indentation(rest, offset + 1, div(column, 8) * 8 + 8, other + 1)

  defp indentation("\f" <> rest, offset, _, _), do: indentation(rest, offset + 1, 0, 0)
  defp indentation(rest, offset, column, other), do: {rest, offset, column, other}

  defp indent(%{indents: [{column, other} | _]} = state, column, other, _), do: state

  defp indent(%{indents: [{top, top_other} | _] = indents} = state, column, other, offset)
       when column > top and other > top_other,
       do: push(%{state | indents: [{column, other} | indents]}, :indent, nil, offset)

  defp indent(%{indents: [{top, top_other} | below]} = state, column, other, offset)
       when column < top and other < top_other do
    case below do
      [{next, _} | _] when next < column ->
        fail("unindent does not match any outer indentation level", offset)

      _ ->
        indent(push(%{state | indents: below}, :dedent, nil, offset), column, other, offset)
    end
  end

  defp indent(_, _, _, offset), do: fail("inconsistent use of tabs and spaces in indentation", offset)

  defp finish(state, offset) do
    if state.open != [], do: fail("'#{elem(hd(state.open), 0)}' was never closed", elem(hd(state.open), 1))

    state =
      case state.tokens do
        [] -> state
        [{kind, _, _} | _] when kind in [:newline, :dedent] -> state
        _ -> push(state, :newline, nil, offset)
      end

    state = Enum.reduce(tl(state.indents), state, fn _, state -> push(state, :dedent, nil, offset) end)
    push(state, :end, nil, offset)
  end

  # --- tokens ---

  # In a field of an f-string it gives the state and where it ended; in a file the state.
  defp lex("", offset, %{mode: :field}), do: fail("'{' of an f-string was never closed", offset)
  defp lex("", offset, state), do: finish(state, offset)

  defp lex("\r\n" <> rest, offset, state), do: line_end(rest, offset, 2, state)
  defp lex(<<c, rest::binary>>, offset, state) when c in ~c"\r\n", do: line_end(rest, offset, 1, state)
  defp lex(<<c, rest::binary>>, offset, state) when c in ~c" \t\f", do: lex(rest, offset + 1, state)

  defp lex("\\" <> rest, offset, state) do
    case rest do
      "\r\n" <> rest -> lex(rest, offset + 3, state)
      <<c, rest::binary>> when c in ~c"\r\n" -> lex(rest, offset + 2, state)
      _ -> fail("unexpected character after line continuation character", offset + 1)
    end
  end

  defp lex("\#{" <> rest, offset, %{prefix: prefix} = state) when prefix != nil and state.mode != :blank do
    {name, bytes, state} = insertion(rest, offset, state)
    # As many lines as it took, in brackets, which let a line end.
    text = name <> line_ends(state.source, offset, bytes)
    state = %{state | edits: [{offset, bytes, if(text == name, do: name, else: "(#{text})")} | state.edits]}
    lex(from(state.source, offset + bytes), offset + bytes, push(state, :insert, name, offset))
  end

  defp lex("#" <> rest, offset, state) do
    bytes = to_line_end(rest, 0)
    lex(from(rest, bytes), offset + 1 + bytes, state)
  end

  # What ends a field.
  defp lex(<<c, _::binary>> = rest, offset, %{mode: :field, open: []} = state) when c in ~c"}:",
    do: {rest, offset, state}

  defp lex("!" <> next = rest, offset, %{mode: :field, open: []} = state) do
    case next do
      "=" <> after_op -> lex(after_op, offset + 2, push(state, :op, "!=", offset))
      _ -> {rest, offset, state}
    end
  end

  defp lex(<<c, rest::binary>>, offset, state) when c in ~c"([{" do
    state = %{state | open: [{<<c>>, offset} | state.open]}
    lex(rest, offset + 1, push(state, :op, <<c>>, offset))
  end

  defp lex(<<c, rest::binary>>, offset, state) when c in ~c")]}" do
    case state.open do
      [{opening, _} | open] when {opening, c} in [{"(", ?)}, {"[", ?]}, {"{", ?}}] ->
        lex(rest, offset + 1, push(%{state | open: open}, :op, <<c>>, offset))

      _ ->
        fail("unmatched '#{<<c>>}'", offset)
    end
  end

  defp lex(<<quote, _::binary>> = rest, offset, state) when quote in ~c"\"'",
    do: string(rest, offset, offset, "", state)

  defp lex(<<c, d, _::binary>> = rest, offset, state) when c in ?0..?9 or (c == ?. and d in ?0..?9),
    do: number(rest, offset, state)

  defp lex(<<c>> = rest, offset, state) when c in ?0..?9, do: number(rest, offset, state)

  defp lex(<<c, _::binary>> = rest, offset, state) when is_start(c) do
    bytes = name_bytes(rest, 0)
    <<name::binary-size(bytes), rest::binary>> = rest

    case rest do
      <<quote, _::binary>> when quote in ~c"\"'" and bytes <= 2 ->
        prefix = String.downcase(name)

        if prefix in ~w(r u b f t br rb fr rf tr rt),
          do: string(rest, offset + bytes, offset, prefix, state),
          else: lex(rest, offset + bytes, word(state, name, offset))

      _ ->
        lex(rest, offset + bytes, word(state, name, offset))
    end
  end

  for operator <- @operators3 do
    defp lex(unquote(operator) <> rest, offset, state),
      do: lex(rest, offset + 3, push(state, :op, unquote(operator), offset))
  end

  for operator <- @operators2 do
    defp lex(unquote(operator) <> rest, offset, state),
      do: lex(rest, offset + 2, push(state, :op, unquote(operator), offset))
  end

  defp lex(<<c, rest::binary>>, offset, state) when c in ~c"+-*/%@&|^~<>=.,:;",
    do: lex(rest, offset + 1, push(state, :op, <<c>>, offset))

  defp lex(rest, offset, _), do: fail("invalid character '#{String.first(rest)}'", offset)

  defp line_end(rest, offset, bytes, %{mode: :blank} = state),
    do: line_start(rest, offset + bytes, %{state | mode: :file})

  defp line_end(rest, offset, bytes, %{mode: :file, open: []} = state),
    do: line_start(rest, offset + bytes, push(state, :newline, nil, offset))

  defp line_end(rest, offset, bytes, state), do: lex(rest, offset + bytes, state)

  defp word(state, name, offset) do
    cond do
      name in @keywords -> push(state, :keyword, name, offset)
      ascii?(name) -> push(state, :name, name, offset)
      true -> push(state, :name, identifier(name, offset), offset)
    end
  end

  defp identifier(name, offset) do
    normal = if String.valid?(name), do: String.normalize(name, :nfkc), else: ""

    if normal =~ ~r/\A[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}·・]*\z/u,
      do: normal,
      else: fail("invalid character in identifier", offset)
  end

  defp ascii?(<<c, rest::binary>>) when c < 128, do: ascii?(rest)
  defp ascii?(rest), do: rest == ""

  defp name_bytes(<<c, rest::binary>>, bytes) when is_part(c), do: name_bytes(rest, bytes + 1)
  defp name_bytes(_, bytes), do: bytes

  defp number(rest, offset, state) do
    [text] = Regex.run(@number, rest)
    bytes = byte_size(text)
    lex(from(rest, bytes), offset + bytes, push(state, :number, text, offset))
  end

  # --- strings ---

  defp string(rest, offset, start, prefix, state) do
    {quote, rest} =
      case rest do
        ~s(""") <> rest -> {~s("""), rest}
        "'''" <> rest -> {"'''", rest}
        <<c, rest::binary>> -> {<<c>>, rest}
      end

    literal = %{
      quote: quote,
      raw?: String.contains?(prefix, "r"),
      bytes?: String.contains?(prefix, "b"),
      fields?: String.contains?(prefix, ["f", "t"]),
      start: start,
      depth: 0
    }

    {end_offset, {fields, edits, braces, inserted?}, state} =
      text(rest, offset + byte_size(quote), literal, {[], [], [], false}, state)

    edits =
      if inserted? and not literal.fields?,
        do: edits ++ braces ++ [{start, byte_size(prefix), "f" <> String.replace(prefix, "u", "")}],
        else: edits

    # Edits are sorted in the end: those of a string's own are found in another order.
    state = %{state | edits: edits ++ state.edits}
    state = push(state, :string, Enum.reverse(fields), start)
    lex(from(state.source, end_offset), end_offset, state)
  end

  # `found`: tokens of fields, edits, the edits of braces that count only if something is inserted, and whether it is.
  # In the format of a field (`depth` above 0) a closing brace ends the text.
  defp text(rest, offset, %{quote: quote} = literal, {fields, edits, braces, inserted?} = found, state) do
    size = byte_size(quote)

    case rest do
      "" ->
        fail("unterminated string literal", literal.start)

      <<^quote::binary-size(size), _::binary>> ->
        {offset + size, found, state}

      "}" <> _ when literal.depth > 0 ->
        {offset, found, state}

      <<c, _::binary>> when c in ~c"\r\n" and size == 1 ->
        fail("unterminated string literal", literal.start)

      "\\\#{" <> rest
      when state.prefix != nil and not literal.raw? and not literal.bytes? and not literal.fields? ->
        # What is doubled where the string becomes an f-string is the brace.
        found = {fields, [{offset, 1, ""} | edits], [{offset + 2, 1, "{{"} | braces], inserted?}
        text(rest, offset + 3, literal, found, state)

      "\\N{" <> named when not literal.raw? and not literal.bytes? ->
        {_, bytes} = upto(named, ?})
        text(from(named, bytes), offset + 3 + bytes, literal, found, state)

      "\\\r\n" <> rest ->
        text(rest, offset + 3, literal, found, state)

      <<"\\", c::utf8, rest::binary>> when not literal.fields? or c not in ~c"{}" ->
        text(rest, offset + 1 + byte_size(<<c::utf8>>), literal, found, state)

      "\\" <> rest ->
        text(rest, offset + 1, literal, found, state)

      "\#{" <> inside when state.prefix != nil ->
        if literal.bytes?,
          do: fail("a value cannot be inserted into bytes: only text has a place for one", offset)

        {name, bytes, state} = insertion(inside, offset, state)

        if size == 1 and line_ends(state.source, offset, bytes) != "",
          do: fail("what is inserted into a string of one line stands on one line", offset)

        edit = {offset, bytes, "{" <> name <> line_ends(state.source, offset, bytes) <> "}"}
        found = {fields, [edit | edits], braces, true}
        text(from(state.source, offset + bytes), offset + bytes, literal, found, state)

      "{{" <> rest when literal.fields? and literal.depth == 0 ->
        text(rest, offset + 2, literal, found, state)

      "{" <> rest when literal.fields? ->
        {field, end_offset, more, state} = field(rest, offset + 1, literal, state)
        found = {field ++ fields, more ++ edits, braces, inserted?}
        text(from(state.source, end_offset), end_offset, literal, found, state)

      "}}" <> rest when literal.fields? ->
        text(rest, offset + 2, literal, found, state)

      "}" <> _ when literal.fields? ->
        fail("f-string: single '}' is not allowed", offset)

      <<c, rest::binary>> when c in ~c"{}" and not literal.bytes? ->
        text(rest, offset + 1, literal, {fields, edits, [{offset, 1, <<c, c>>} | braces], inserted?}, state)

      <<_, rest::binary>> ->
        text(rest, offset + 1, literal, found, state)
    end
  end

  # An expression in braces: its tokens and those of its format, the place behind it, edits.
  defp field(rest, offset, literal, state) do
    inner = %{state | mode: :field, open: [], tokens: []}
    {rest, at, inner} = lex(rest, offset, inner)
    tokens = inner.tokens |> without_equals() |> Enum.reverse()
    if tokens == [], do: fail("f-string: a valid expression is required before '#{String.first(rest)}'", at)
    tokens = tokens ++ [{:end, nil, at}]
    state = %{inner | mode: state.mode, open: state.open, tokens: state.tokens}
    {rest, at} = conversion(rest, at)

    case rest do
      "}" <> _ ->
        {[tokens], at + 1, [], state}

      ":" <> rest ->
        deeper = %{literal | depth: literal.depth + 1}
        {at, {fields, edits, _, _}, state} = text(rest, at + 1, deeper, {[], [], [], false}, state)
        if not match?("}" <> _, from(state.source, at)), do: fail("f-string: expecting '}'", offset - 1)
        {fields ++ [tokens], at + 1, edits, state}

      _ ->
        fail("f-string: expecting '}'", at)
    end
  end

  # `f"{x = }"`
  defp without_equals([{:op, "=", _} | tokens]), do: tokens
  defp without_equals(tokens), do: tokens

  defp conversion("!" <> rest, at) do
    bytes = name_bytes(rest, 0)
    if bytes == 0, do: fail("f-string: a conversion is !s, !r or !a", at)
    spaces(from(rest, bytes), at + 1 + bytes)
  end

  defp conversion(rest, at), do: {rest, at}

  defp spaces(<<c, rest::binary>>, at) when c in ~c" \t\f\r\n", do: spaces(rest, at + 1)
  defp spaces(rest, at), do: {rest, at}

  # --- insertions ---

  # The shortest text up to a brace that Elixir parses.
  defp insertion(rest, offset, state) do
    case shortest(rest, 0) do
      {:ok, code, bytes} ->
        name = state.prefix <> Integer.to_string(length(state.insertions))
        {name, bytes + 3, %{state | insertions: [{name, code, offset} | state.insertions]}}

      :error ->
        fail("\#{ begins an expression of Elixir, and none ends here", offset)
    end
  end

  defp shortest(rest, from) do
    case :binary.match(rest, "}", scope: {from, byte_size(rest) - from}) do
      {at, 1} ->
        case Code.string_to_quoted(binary_part(rest, 0, at), emit_warnings: false) do
          {:ok, {:__block__, _, []}} -> :error
          {:ok, code} -> {:ok, code, at}
          {:error, _} -> shortest(rest, at + 1)
        end

      :nomatch ->
        :error
    end
  end

  defp line_ends(source, offset, bytes) do
    count = source |> binary_part(offset, bytes) |> :binary.matches("\n") |> length()
    String.duplicate("\n", count)
  end

  # --- helpers ---

  defp push(state, kind, value, offset), do: %{state | tokens: [{kind, value, offset} | state.tokens]}

  defp from(binary, offset), do: binary_part(binary, offset, byte_size(binary) - offset)

  defp to_line_end(<<c, _::binary>>, bytes) when c in ~c"\r\n", do: bytes
  defp to_line_end(<<_, rest::binary>>, bytes), do: to_line_end(rest, bytes + 1)
  defp to_line_end("", bytes), do: bytes

  defp upto(rest, byte) do
    case :binary.match(rest, <<byte>>) do
      {at, 1} -> {binary_part(rest, 0, at), at + 1}
      :nomatch -> {rest, byte_size(rest)}
    end
  end

  @doc "Gives up at a place."
  @spec fail(String.t(), offset()) :: no_return()
  def fail(message, offset), do: throw({:python, message, offset})
end

defmodule SnakeBridge.Natural do
  @moduledoc """
  Natural syntax: `df.columns`, `df.head(3)`, `np.linspace(0, 1, num: 5)`, `a + b` on refs, as in Python.

  | where | how |
  |---|---|
  | a module | `use SnakeBridge` (see `SnakeBridge.Natural.Definitions`) |
  | any other code | `require SnakeBridge` and `SnakeBridge.py do ... end` |
  | IEx | `use SnakeBridge.IEx` in `.iex.exs` (see `SnakeBridge.IEx`) |
  | cells | always on: `spelling/1`, then `SnakeBridge.Natural.Rewrite.expanded/1` on the expanded code |

  What does not involve a ref means what it always meant.
  This module prepares code for `SnakeBridge.Natural.Rewrite` and explains errors; it knows nothing of values.
  """

  alias SnakeBridge.Natural.Rewrite

  @doc """
  Turns capitalised names after a dot, as in `pd.DataFrame.(x)` and `df.T`, into field access.

  Elixir reads them as aliases and would refuse them. Works on code before its expansion, and leaves quoted code alone.

      iex> SnakeBridge.Natural.spelling(quote(do: df.T)) |> Macro.to_string()
      "df.\\"T\\""
  """
  @spec spelling(Macro.t()) :: Macro.t()
  def spelling({:quote, _, args} = quoted) when is_list(args), do: quoted

  def spelling({:__aliases__, meta, [head | names]} = alias) do
    if value?(head) do
      Enum.reduce(names, spelling(head), fn name, base ->
        {{:., meta, [base, name]}, [no_parens: true] ++ Keyword.delete(meta, :last), []}
      end)
    else
      alias
    end
  end

  def spelling({form, meta, args}), do: {spelling(form), meta, spelling(args)}
  def spelling({left, right}), do: {spelling(left), spelling(right)}
  def spelling([head | tail]), do: [spelling(head) | spelling(tail)]
  def spelling(other), do: other

  # What may stand before an alias in Elixir proper: `__MODULE__.Name`, `unquote(name).Name`, `@attribute.Name`.
  defp value?({form, _, _}) when form in [:unquote, :@, :__aliases__], do: false
  defp value?({name, _, _}) when is_atom(name), do: not String.starts_with?(Atom.to_string(name), "__")
  defp value?({_, _, _}), do: true
  defp value?(_), do: false

  @doc """
  Lets `py.name`, `py.name(...)` and `py["name"]` be `SnakeBridge.py/0` in code that has no variable `py`.

  Works on code before its expansion, where a parameter, a pattern or any other use of the variable means that it is
  the code's own, and everything stays.

      iex> SnakeBridge.Natural.names(quote(do: py.len(xs))) |> Macro.to_string()
      "SnakeBridge.py().len(xs)"

      iex> SnakeBridge.Natural.names(quote(do: fn py -> py.len(xs) end)) |> Macro.to_string()
      "fn py -> py.len(xs) end"
  """
  @spec names(Macro.t()) :: Macro.t()
  def names(code) do
    replaced = replace_names(code)
    if variable?(replaced), do: code, else: replaced
  end

  defguardp is_py(term)
            when is_tuple(term) and tuple_size(term) == 3 and elem(term, 0) == :py and is_atom(elem(term, 2))

  defp replace_names({:quote, _, args} = quoted) when is_list(args), do: quoted
  defp replace_names({:., meta, [base, name]}) when is_py(base), do: {:., meta, [py(meta), name]}

  defp replace_names({{:., _, [Access, :get]} = get, meta, [base, key]}) when is_py(base),
    do: {get, meta, [py(meta), replace_names(key)]}

  defp replace_names({form, meta, args}), do: {replace_names(form), meta, replace_names(args)}
  defp replace_names({left, right}), do: {replace_names(left), replace_names(right)}
  defp replace_names([head | tail]), do: [replace_names(head) | replace_names(tail)]
  defp replace_names(other), do: other

  defp py(meta), do: {{:., meta, [SnakeBridge, :py]}, meta, []}

  defp variable?(code) do
    {_, found?} = Macro.prewalk(code, false, &{&1, &2 or is_py(&1)})
    found?
  end

  @doc """
  Expands code and rewrites it: what `py do ... end` does.

  Statements that change the lexical environment (`import`, `alias`, `require`, `use`) come back as they were written,
  so that they work beyond this block.
  """
  @spec rewrite(Macro.t(), Macro.Env.t()) :: Macro.t()
  def rewrite(quoted, env) do
    {_, state} = statement(bitwise(env), {:elixir_env.env_to_ex(env), env})
    statements = quoted |> spelling() |> statements()

    statements =
      if Macro.Env.has_var?(env, {:py, nil}), do: statements, else: names_before_variable(statements)

    {statements, _} = Enum.map_reduce(statements, state, &statement/2)
    {:__block__, [], statements}
  end

  # `a &&& b` and its like are operators of Python too, but nothing that Elixir knows without an import.
  defp bitwise(env) do
    operators = for operator <- operators(), Macro.Env.lookup_import(env, operator) == [], do: operator
    quote do: import(Bitwise, only: unquote(operators))
  end

  @doc "The operators that natural syntax imports from `Bitwise`; Elixir has deprecated `^^^`, so `xor` is `Bitwise.bxor/2`."
  @spec operators() :: keyword(arity())
  def operators, do: [&&&: 2, |||: 2, "~~~": 1, <<<: 2, >>>: 2]

  # Until a statement has a variable `py`.
  defp names_before_variable(statements) do
    {before, others} = Enum.split_while(statements, &(not variable?(replace_names(&1))))
    names(before) ++ others
  end

  defp statements({:__block__, _, statements}), do: Enum.flat_map(statements, &statements/1)
  defp statements(statement), do: [statement]

  defp statement(statement, {state, env}) do
    {expanded, state, new_env} = :elixir_expand.expand(statement, state, env)

    rewritten =
      if lexical(env) == lexical(new_env), do: Rewrite.expanded(expanded), else: statement

    {rewritten, {state, new_env}}
  end

  defp lexical(env), do: Map.take(env, [:aliases, :requires, :functions, :macros, :macro_aliases])

  @doc """
  How to write in Elixir what was written as in Python, for code that Elixir does not parse; nil if there is no saying.

      iex> SnakeBridge.Natural.syntax_hint("df = pd.DataFrame(x)")
      "a capitalised name is called with a dot before the parenthesis: pd.DataFrame.("

      iex> SnakeBridge.Natural.syntax_hint("xs[1:3]")
      "a slice is an inclusive range: xs[1..2]; any other is SnakeBridge.slice(xs, 1, 3)"

      iex> SnakeBridge.Natural.syntax_hint("%%bash\\nls")
      "%%bash is a magic of IPython, for Python cells: a first line `%%python` makes this one"

      iex> SnakeBridge.Natural.syntax_hint("\\n%%python\\nx = 1")
      "`%%python` says the language of a cell only where it is the first line, and alone in it"

      iex> SnakeBridge.Natural.syntax_hint("def f(x): return x")
      "this is how Python is written: a first line `%%python` makes the cell one of Python"
  """
  @spec syntax_hint(String.t(), term()) :: String.t() | nil
  def syntax_hint(source, error \\ nil) do
    magic_hint(source) || operator_hint(line_of(source, error) || source)
  end

  # The compiler stumbles over it later than where it stands, which is first.
  defp magic_hint(source) do
    case Regex.run(~r/\A(?:\s*#.*\n)*\s*(%%?[a-z]\w*)(?![\w{])/u, source) do
      [_, marker] when marker in ["%%python", "%%elixir"] ->
        "`#{marker}` says the language of a cell only where it is the first line, and alone in it"

      [_, magic] ->
        "#{magic} is a magic of IPython, for Python cells: a first line `%%python` makes this one"

      nil ->
        nil
    end
  end

  defp operator_hint(source) do
    Enum.find_value(hints(), fn {pattern, hint} ->
      with [_ | _] = found <- Regex.run(pattern, source), do: hint.(found)
    end)
  end

  @doc """
  How to write what Elixir parses and the compiler refuses, from the compiler's message; nil if there is no saying.
  `variable?` says whether a name is one of the session's.

      iex> SnakeBridge.Natural.compile_hint("undefined function model/1 (there is no such import)", &(&1 == "model"))
      "model is a variable: model.(...) calls what it holds"

      iex> SnakeBridge.Natural.compile_hint("cannot invoke remote function df.a/0 inside a match", &(&1 == "df"))
      "SnakeBridge.put_attr(df, \\"a\\", value) assigns an attribute of an object of Python"
  """
  @spec compile_hint(String.t(), (String.t() -> boolean())) :: String.t() | nil
  def compile_hint(message, variable?) do
    case Regex.run(~r/^undefined function ([^\s\/]+)\/\d+/u, message) do
      [_, name] -> if variable?.(name), do: "#{name} is a variable: #{name}.(...) calls what it holds"
      nil -> assignment_hint(message)
    end
  end

  defp assignment_hint("cannot invoke remote function Access.get/2 inside a match" <> _),
    do: "SnakeBridge.put_item(ref, key, value) assigns an item of an object of Python"

  defp assignment_hint(message) do
    with [_, target, name] <-
           Regex.run(~r/^cannot invoke remote function ([a-z_].*)\.(\w+)\/0 inside a match/u, message) do
      "SnakeBridge.put_attr(#{target}, #{inspect(name)}, value) assigns an attribute of an object of Python"
    end
  end

  defp hints do
    [
      {~r/((?:\b[a-z_]\w*[?!]?\.)(?:\w+\.)*[A-Z]\w*)\(/u,
       fn [_, name] -> "a capitalised name is called with a dot before the parenthesis: #{name}.(" end},
      {~r/(\b[a-z_]\w*)\[\s*(\d+)\s*:\s*(\d+)\s*\]/u,
       fn [_, name, first, stop] ->
         "a slice is an inclusive range: #{name}[#{first}..#{String.to_integer(stop) - 1}]; " <>
           "any other is SnakeBridge.slice(#{name}, #{first}, #{stop})"
       end},
      {~r/(\b[a-z_]\w*)\[[^\[\]"']*:[^\[\]"']*\]/u,
       fn [_, name] ->
         "a slice is SnakeBridge.slice(#{name}, start, stop, step), with nil for what is left out"
       end},
      {~r/\*\*\s*[a-z_]\w*\s*\)/u, fn _ -> "f(*args, **kw) is SnakeBridge.apply(f, args, kw)" end},
      {~r/\blambda\b/, fn _ -> "lambda x: ... is fn x -> ... end" end},
      {~r/^\s*(?:(?:async\s+)?def\s+\w+\s*\(.*\)[^:]*|class\s+\w+[^:]*|for\s+\w.*\sin\s[^:]+):(?:\s|$)/u,
       fn _ -> "this is how Python is written: a first line `%%python` makes the cell one of Python" end}
    ]
  end

  defp line_of(source, %{line: line}) when is_integer(line) and line > 0,
    do: source |> String.split("\n") |> Enum.at(line - 1)

  defp line_of(_, _), do: nil
end

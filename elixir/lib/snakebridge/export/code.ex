defmodule SnakeBridge.Export.Code do
  @moduledoc """
  The text of Elixir cells as functions have it: comments stay, names of Python are variables, what belongs to a module is
  taken out.

  It knows one cell at a time, and evaluates nothing.
  """

  alias SnakeBridge.Natural

  @lexical [:alias, :import, :require, :use]
  @definitions [:defmodule, :defprotocol, :defimpl]

  @typedoc """
  `body`: the text without what the other fields hold. `lexical`: `alias`, `import`, `require`, `use`; `modules`:
  definitions of modules; `params`: names with the text of the literals that they were bound to. `named?`: whether the value
  of the last expression has the name that was asked for. `last`: the name that the last expression binds, if it is one.
  """
  @type t :: %{
          body: String.t(),
          lexical: [String.t()],
          modules: [{String.t(), String.t()}],
          params: %{String.t() => String.t()},
          named?: boolean()
        }

  @doc """
  A cell's text, taken apart. Options: `:variables`, what the names of the session are called; `:result`, a name for the
  value of the last expression; `:params`, names that are parameters.

      iex> cell = SnakeBridge.Export.Code.read("alias Foo.Bar\\n# why\\nk = 2\\npy.X_train |> Bar.f(k)",
      ...>   variables: %{"X_train" => "x_train"}, result: "result_1", params: ["k"])
      iex> {cell.lexical, cell.params, cell.body}
      {["alias Foo.Bar"], %{"k" => "2"}, "# why\\nresult_1 = x_train |> Bar.f(k)"}
  """
  @spec read(String.t(), keyword()) :: t()
  def read(source, opts \\ []) do
    {quoted, comments} = parse(source)
    variables = opts[:variables] || %{}
    statements = quoted |> statements() |> Enum.map(&rename(&1, variables))
    {lexical, statements} = Enum.split_with(statements, &form?(&1, @lexical))
    {modules, statements} = Enum.split_with(statements, &form?(&1, @definitions))
    {params, statements} = params(statements, opts[:params] || [])
    {statements, named?} = named(statements, opts[:result])

    taken = Enum.map(modules, &lines/1)
    own = Enum.reject(comments, fn %{line: line} -> Enum.any?(taken, &(line in &1)) end)

    %{
      body: text({:__block__, [], statements}, own),
      lexical: Enum.map(lexical, &text(&1, [])),
      modules:
        for(
          module <- modules,
          do: {name(module), text(module, Enum.filter(comments, &(&1.line in lines(module))))}
        ),
      params: params,
      named?: named?
    }
  end

  @doc "The texts of a cell's top-level expressions."
  @spec expressions(String.t()) :: [String.t()]
  def expressions(source) do
    {quoted, comments} = parse(source)

    for statement <- statements(quoted),
        do: text(statement, Enum.filter(comments, &(&1.line in lines(statement))))
  end

  @doc "A body that ends with these variables: one, a tuple, or a map of many."
  @spec returning(String.t(), [String.t()]) :: String.t()
  def returning(body, []), do: body

  def returning(body, [variable]) do
    {quoted, comments} = parse(body)

    case quoted |> statements() |> Enum.split(-1) do
      {before, [{:=, _, [{name, _, context}, value]}]} when is_atom(name) and is_atom(context) ->
        if Atom.to_string(name) == variable,
          do: text({:__block__, [], before ++ [value]}, comments),
          else: body <> "\n\n" <> variable

      _ ->
        body <> "\n\n" <> variable
    end
  end

  def returning(body, variables), do: body <> "\n\n" <> group(variables)

  @doc "How several variables are given and taken: a tuple, or a map of more than four."
  @spec group([String.t()]) :: String.t()
  def group([variable]), do: variable
  def group(variables) when length(variables) <= 4, do: "{#{Enum.join(variables, ", ")}}"
  def group(variables), do: "%{#{Enum.map_join(variables, ", ", &"#{&1}: #{&1}")}}"

  @doc "Text of Elixir, formatted; as it is where it is none."
  @spec format(String.t()) :: String.t()
  def format(text) do
    text |> Code.format_string!() |> IO.iodata_to_binary() |> Kernel.<>("\n")
  rescue
    _ -> text
  end

  defp parse(source) do
    Code.string_to_quoted_with_comments!(source,
      literal_encoder: &{:ok, {:__block__, &2, [&1]}},
      token_metadata: true,
      unescape: false,
      emit_warnings: false
    )
  end

  defp statements({:__block__, meta, statements}) do
    # A literal is wrapped in a block of its own.
    if Keyword.has_key?(meta, :line), do: [{:__block__, meta, statements}], else: statements
  end

  defp statements(statement), do: [statement]

  defp text(quoted, comments) do
    quoted
    |> Code.quoted_to_algebra(comments: comments, escape: false)
    |> Inspect.Algebra.format(98)
    |> IO.iodata_to_binary()
    |> String.trim_trailing()
  end

  defp form?({name, _, args}, names) when is_list(args), do: name in names
  defp form?(_, _), do: false

  defp name({_, _, [alias | _]}), do: Macro.to_string(alias)

  defp lines(quoted) do
    {_, lines} =
      Macro.prewalk(quoted, [], fn
        {_, meta, _} = node, lines when is_list(meta) ->
          more = for key <- [:end, :closing, :end_of_expression], place = meta[key], do: place[:line]
          {node, Enum.reject([meta[:line] | more], &is_nil/1) ++ lines}

        node, lines ->
          {node, lines}
      end)

    if lines == [], do: 0..0, else: Enum.min(lines)..Enum.max(lines)
  end

  # `py.X_train` and `v(3)` are variables here.
  defp rename(quoted, variables) do
    Macro.prewalk(quoted, fn
      {{:., _, [{:py, _, context}, name]}, meta, []} = node when is_atom(context) ->
        variable(name, meta, variables, node)

      {:__aliases__, meta, [{:py, _, context}, name]} = node when is_atom(context) ->
        variable(name, meta, variables, node)

      {:v, meta, [{:__block__, _, [number]}]} = node when is_integer(number) ->
        variable("result_#{number}", meta, variables, node)

      node ->
        node
    end)
  end

  defp variable(name, meta, variables, otherwise) do
    case variables[to_string(name)] do
      nil -> otherwise
      variable -> {String.to_atom(variable), Keyword.take(meta, [:line, :column]), nil}
    end
  end

  defp params(statements, names) do
    Enum.reduce(statements, {%{}, []}, fn statement, {params, rest} ->
      with {:=, _, [{name, _, context}, value]} when is_atom(context) <- statement,
           name = Atom.to_string(name),
           true <- name in names and not is_map_key(params, name) and literal?(value) do
        {Map.put(params, name, text(value, [])), rest}
      else
        _ -> {params, [statement | rest]}
      end
    end)
    |> then(fn {params, rest} -> {params, Enum.reverse(rest)} end)
  end

  defp literal?(quoted) do
    {_, plain?} =
      Macro.prewalk(quoted, true, fn
        {form, _, _} = node, plain? ->
          {node, plain? and form in [:__block__, :%{}, :{}, :-, :<<>>, :.., :__aliases__]}

        node, plain? ->
          {node, plain?}
      end)

    plain?
  end

  defp named(statements, nil), do: {statements, false}

  defp named(statements, result) do
    case Enum.split(statements, -1) do
      {_, [{:=, _, _}]} ->
        {statements, false}

      # It was there to be shown.
      {before, [{name, _, context}]} when is_atom(name) and is_atom(context) ->
        {before, false}

      {before, [last]} ->
        meta = Keyword.take(elem(last, 1), [:line])
        {before ++ [{:=, meta, [{String.to_atom(result), meta, nil}, last]}], true}

      _ ->
        {statements, false}
    end
  end

  @doc """
  What a name of the session is called among variables of Elixir, given the names that are taken.

      iex> SnakeBridge.Export.Code.variable("X_train", ["x_train"])
      "x_train_2"
      iex> Enum.map(["total", "end", "_x", "Größe"], &SnakeBridge.Export.Code.variable(&1, []))
      ["total", "end_", "x", "größe"]
  """
  @spec variable(String.t(), Enumerable.t()) :: String.t()
  def variable(name, taken) do
    plain = name |> String.trim_leading("_") |> lower()
    plain = if plain =~ ~r/\A[\p{Ll}\p{Lo}][\p{L}\p{N}_]*\z/u, do: plain, else: "value"

    plain =
      if plain in ~w(do end fn when and or not in true false nil after catch rescue else),
        do: plain <> "_",
        else: plain

    if plain != name and plain in taken, do: unique(plain, taken, 2), else: plain
  end

  @doc "Whether Elixir can spell it as a variable that is used."
  @spec variable?(String.t()) :: boolean()
  def variable?(name), do: variable(name, []) == name

  # `X_train`, but `dfA` is one already.
  defp lower(<<first::utf8, rest::binary>> = name) do
    if String.upcase(<<first::utf8>>) == <<first::utf8>> and
         String.downcase(<<first::utf8>>) != <<first::utf8>>,
       do: String.downcase(name),
       else: <<first::utf8, rest::binary>>
  end

  defp lower(""), do: ""

  defp unique(name, taken, n),
    do: if("#{name}_#{n}" in taken, do: unique(name, taken, n + 1), else: "#{name}_#{n}")

  @doc "A cell's expression as code to evaluate, with natural syntax where that may stand."
  @spec natural(String.t()) :: Macro.t()
  def natural(text) do
    quoted = Code.string_to_quoted!(text, emit_warnings: false)

    if form?(quoted, @lexical ++ @definitions),
      do: quoted,
      else:
        {{:., [], [{:__aliases__, [alias: false], [:SnakeBridge]}, :py]}, [],
         [[do: Natural.spelling(quoted)]]}
  end
end

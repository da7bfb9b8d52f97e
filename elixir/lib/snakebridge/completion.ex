defmodule SnakeBridge.Completion do
  @moduledoc """
  Ways to finish what is being typed in a cell of Elixir.

  It looks at the code before the cursor, at the variables and imports of the session, at modules, and asks Python for
  the members of its objects. It never runs code of the user's.

  An item is a map: `text` (what is inserted), `kind` (one word), `detail` (a signature, a type), `doc` (how the
  documentation begins).
  """

  alias SnakeBridge.{Docs, Keeper}
  alias SnakeBridge.Completion.{Arguments, Modules, Python, Source, Values}

  @type item :: %{text: String.t(), kind: String.t(), detail: String.t(), doc: String.t()}

  @typedoc """
  What is asked: the code before the cursor, its environment, the types of Python that may be evaluated, how many items
  are wanted, where not all are, how to look at the variables (as `SnakeBridge.Keeper.view/1` does it), and how long
  Python may take.
  """
  @type question :: %{
          before: String.t(),
          env: Macro.Env.t(),
          harmless: [String.t()],
          most: pos_integer() | nil,
          patience_ms: pos_integer(),
          view: ((%{atom() => term()}, Macro.Env.t() | nil -> term()) -> term())
        }

  # Nobody waits for a menu longer.
  @patience_ms 250
  # The documentation of modules is in one file each.
  @most_described 12

  @doc "The items, and the bytes of `source` that their text replaces. `harmless`, `most`: see PROTOCOL.md, `complete`."
  @spec complete(String.t(), non_neg_integer(), [String.t()], pos_integer() | nil) :: %{
          from: non_neg_integer(),
          to: non_neg_integer(),
          items: [item()]
        }
  def complete(source, cursor, harmless \\ [], most \\ nil) do
    <<before::binary-size(cursor), rest::binary>> = source
    question = question(before, harmless, most)

    {typed, items, end_of_word} =
      case Source.place(before) do
        :comment ->
          {"", [], ""}

        {:string, start, ending} ->
          {typed, items} = Arguments.in_string(start, ending, rest, question)
          {typed, items, ""}

        :code ->
          {typed, items} = before |> Code.Fragment.cursor_context() |> items(question)
          {typed, items, rest_of_word(typed, rest)}
      end

    %{
      from: cursor - byte_size(typed),
      to: cursor + byte_size(end_of_word),
      items: items |> best(typed) |> Enum.uniq_by(&{&1.text, &1.kind}) |> first(most)
    }
  end

  @doc "A question about the end of some code of a cell."
  @spec question(String.t(), [String.t()], pos_integer() | nil) :: question()
  def question(before, harmless \\ [], most \\ nil) do
    env = Keeper.view(fn _, env -> env end) || Code.env_for_eval([])

    %{
      before: before,
      env: env,
      harmless: harmless,
      most: most,
      patience_ms: @patience_ms,
      view: &Keeper.view/1
    }
  end

  defp first(items, nil), do: items
  defp first(items, most), do: Enum.take(items, most)

  # Those of the best rank that there is.
  defp best(items, typed) do
    ranked = for item <- items, do: {rank(name(item), typed) || 3, item}
    best = ranked |> Enum.map(&elem(&1, 0)) |> Enum.min(fn -> 3 end)
    for {^best, item} <- ranked, do: item
  end

  defp name(%{text: text}), do: text |> String.replace_prefix("py.", "") |> String.replace_suffix("/", "")

  @doc "Makes an item."
  @spec item(String.t(), String.t(), String.t(), String.t() | nil) :: item()
  def item(text, kind, detail \\ "", doc \\ ""), do: %{text: text, kind: kind, detail: detail, doc: doc || ""}

  @doc "The item of a function."
  @spec function_item(Docs.function_info()) :: item()
  def function_item(%{name: name} = info) do
    item(
      Macro.inspect_atom(:remote_call, name),
      Atom.to_string(info.kind),
      Enum.join(info.signatures, ", "),
      Docs.summary(List.first(info.docs))
    )
  end

  # Where the cursor is inside of a word, the whole word is replaced.
  defp rest_of_word("", _), do: ""

  defp rest_of_word(_, rest) do
    [word] = Regex.run(~r/^[\p{L}\p{N}_]*[?!]?/u, rest)
    word
  end

  # --- by what the cursor is at ---

  defp items({:alias, typed}, question), do: typed |> to_string() |> aliases(question)
  defp items({:struct, typed}, question) when is_list(typed), do: typed |> to_string() |> structs(question)
  defp items({:unquoted_atom, typed}, _), do: typed |> to_string() |> erlang_modules()
  defp items({:dot, {:alias, name}, typed}, question) when is_list(name), do: of_module(name, typed, question)

  defp items({:dot_arity, {:alias, name}, typed}, question) when is_list(name),
    do: of_module(name, typed, question)

  defp items({kind, {:unquoted_atom, name}, typed}, _) when kind in [:dot, :dot_arity],
    do: {to_string(typed), name |> to_string() |> Modules.existing() |> module_members(to_string(typed))}

  defp items({:local_arity, typed}, question), do: {to_string(typed), imported(to_string(typed), question)}
  defp items({:local_or_var, typed}, question), do: typed |> to_string() |> names(question)
  defp items({:module_attribute, typed}, question), do: typed |> to_string() |> attributes(question)
  defp items({:sigil, typed}, question), do: typed |> to_string() |> sigils(question)

  defp items({:local_call, name}, question) when name in [~c"import", ~c"use", ~c"require", ~c"alias"],
    do: {"", Modules.aliases("", question.env) ++ Modules.top_level("")}

  defp items({:local_call, _}, question), do: {"", Arguments.items("", question)}
  defp items({:dot_call, _, _}, question), do: {"", Arguments.items("", question)}

  defp items(:expr, question) do
    case braced_parent(question.before) do
      nil ->
        arguments = Arguments.items("", question)
        {"", if(Arguments.only?(arguments), do: arguments, else: arguments ++ Values.variables("", question))}

      _ ->
        aliases("", question)
    end
  end

  # After a dot that stands behind anything else: a variable, a call, an item.
  defp items(_, question) do
    case Source.receiver(question.before) do
      {tree, typed} -> {typed, tree |> Values.resolve(question) |> Values.members(typed, question)}
      nil -> {"", []}
    end
  end

  defp of_module(name, typed, question) do
    {to_string(typed),
     name |> to_string() |> Modules.expand(question.env) |> module_members(to_string(typed))}
  end

  defp names(typed, question) do
    arguments = Arguments.items(typed, question)

    # In a struct or a map update nothing else can stand.
    if Arguments.only?(arguments),
      do: {typed, arguments},
      else:
        {typed,
         arguments ++ Values.variables(typed, question) ++ imported(typed, question) ++ special_forms(typed)}
  end

  # `alias Foo.{B`.
  defp braced_parent(before) do
    with [_, parent] <- Regex.run(~r/\b([A-Z][\w.]*)\.\{[^{}]*\z/u, before), do: parent
  end

  # `Enu`, `Enum.Wi`, `Foo.B` where Foo is an alias.
  defp aliases(typed, %{env: env} = question) do
    case {braced_parent(question.before), split_last(typed)} do
      {nil, {nil, last}} ->
        {last,
         Modules.aliases(last, env) ++ describe(Modules.top_level(last)) ++ python_names(last, question)}

      {outer, {inner, last}} ->
        parent = [outer, inner] |> Enum.reject(&is_nil/1) |> Enum.join(".")
        module = Modules.expand(parent, env)
        # In braces stand modules alone.
        {last,
         if(outer, do: module |> Modules.submodules(last) |> describe(), else: module_members(module, last))}
    end
  end

  # A capitalised name of Python is reached through `py`, but whoever types it must find it.
  defp python_names(typed, question) do
    for item <- Python.names(typed, question), do: %{item | text: "py." <> item.text}
  end

  defp structs(typed, %{env: env}) do
    {parent, last} = split_last(typed)

    modules =
      case parent do
        nil -> Modules.aliases(last, env) ++ Modules.top_level(last)
        parent -> parent |> Modules.expand(env) |> Modules.submodules(last)
      end

    # Of one letter there are too many to load.
    load = String.length(last) > 1
    {last, modules |> best(last) |> Enum.filter(&Modules.leads_to_struct?(&1, load, env))}
  end

  defp split_last(typed) do
    case typed |> String.split(".") |> Enum.split(-1) do
      {[], [last]} -> {nil, last}
      {parent, [last]} -> {Enum.join(parent, "."), last}
    end
  end

  defp erlang_modules(typed), do: {typed, typed |> Modules.erlang() |> describe()}

  defp describe(items) when length(items) <= @most_described, do: Enum.map(items, &Modules.with_doc/1)
  defp describe(items), do: items

  # --- after a dot ---

  @doc "The functions and submodules of a module whose names start with what was typed."
  @spec module_members(module() | nil, String.t()) :: [item()]
  def module_members(nil, _), do: []

  def module_members(module, typed) do
    functions =
      for info <- Docs.functions(module),
          name = Atom.to_string(info.name),
          matches?(name, typed),
          typed != "" or Macro.classify_atom(info.name) == :identifier,
          do: function_item(info)

    functions ++ (module |> Modules.submodules(typed) |> describe())
  end

  @doc "Whether a name is to be shown for what was typed, unless there are better ones: see `rank/2`."
  @spec matches?(String.t(), String.t()) :: boolean()
  def matches?(name, typed), do: rank(name, typed) != nil

  @doc """
  How well a name fits what was typed, the best is 0: it starts so, in any case, it begins with the first letter and has
  the others in this order. Names with an underscore fit only where one was typed. Only the best that there are are
  shown; Python's half has the same rule.

      iex> Enum.map(["reduce", "Reduce", "read_csv", "merge"], &SnakeBridge.Completion.rank(&1, "re"))
      [0, 1, 0, nil]
      iex> SnakeBridge.Completion.rank("read_csv", "rcsv")
      2
  """
  @spec rank(String.t(), String.t()) :: 0..2 | nil
  def rank(name, typed) do
    cond do
      String.starts_with?(name, "_") and not String.starts_with?(typed, "_") -> nil
      String.starts_with?(name, typed) -> 0
      true -> folded_rank(String.downcase(name), String.downcase(typed))
    end
  end

  defp folded_rank(name, typed) do
    cond do
      String.starts_with?(name, typed) -> 1
      String.length(typed) > 1 and in_order?(String.graphemes(name), String.graphemes(typed)) -> 2
      true -> nil
    end
  end

  defp in_order?([letter | name], [letter | typed]), do: then_in_order?(name, typed)
  defp in_order?(_, _), do: false

  defp then_in_order?(_, []), do: true
  defp then_in_order?([letter | name], [letter | typed]), do: then_in_order?(name, typed)
  defp then_in_order?([_ | name], typed), do: then_in_order?(name, typed)
  defp then_in_order?([], _), do: false

  # --- what is in scope ---

  defp imported("", _), do: []

  defp imported(typed, %{env: env}) do
    ranked =
      for {module, names} <- env.functions ++ env.macros,
          {name, _} <- Enum.uniq_by(names, &elem(&1, 0)),
          text = Atom.to_string(name),
          rank = rank(text, typed),
          Macro.classify_atom(name) == :identifier,
          not String.starts_with?(text, "sigil_"),
          do: {rank, module, name}

    best = ranked |> Enum.map(&elem(&1, 0)) |> Enum.min(fn -> 3 end)
    # Documentation is looked up for the best only.
    for {^best, module, name} <- ranked, info = Docs.function(module, name), do: function_item(info)
  end

  defp special_forms(""), do: []

  defp special_forms(typed) do
    for info <- Docs.functions(Kernel.SpecialForms),
        text = Atom.to_string(info.name),
        matches?(text, typed),
        Macro.classify_atom(info.name) == :identifier,
        do: function_item(info)
  end

  defp attributes(typed, question) do
    own =
      for [_, name] <- Regex.scan(~r/^\s*@([\p{Ll}_][\p{L}\p{N}_]*)\s+\S/mu, question.before),
          matches?(name, typed),
          do: item(name, "attribute")

    items =
      for {name, %{doc: doc}} <- Module.reserved_attributes(),
          text = Atom.to_string(name),
          matches?(text, typed),
          do: item(text, "attribute", "", Docs.summary(doc))

    {typed, (own ++ items) |> Enum.uniq_by(& &1.text) |> Enum.sort_by(& &1.text)}
  end

  defp sigils(typed, %{env: env}) do
    items =
      for {module, names} <- env.functions ++ env.macros,
          {name, 2} <- names,
          "sigil_" <> letters <- [Atom.to_string(name)],
          String.starts_with?(letters, typed) do
        doc = with %{docs: [doc | _]} <- Docs.function(module, name), do: doc, else: (_ -> nil)
        item(letters, "sigil", "~#{letters}", Docs.summary(doc))
      end

    {typed, items |> Enum.uniq_by(& &1.text) |> Enum.sort_by(& &1.text)}
  end
end

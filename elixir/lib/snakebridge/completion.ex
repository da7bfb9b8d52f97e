defmodule SnakeBridge.Completion do
  @moduledoc """
  Ways to finish what is being typed in a cell of Elixir.

  It looks at the code before the cursor, at the variables and imports of the session, at modules, and asks Python for
  the members of its objects. It never runs code of the user's.

  An item is a map: `text` (what is inserted), `kind` (one word), `detail` (a signature, a type), `doc` (how the
  documentation begins).
  """

  alias SnakeBridge.{Docs, Keeper}
  alias SnakeBridge.Completion.{Arguments, Modules, Values}

  @type item :: %{text: String.t(), kind: String.t(), detail: String.t(), doc: String.t()}

  # The documentation of modules is in one file each.
  @most_described 12

  @doc "The items, and the bytes of `source` that their text replaces."
  @spec complete(String.t(), non_neg_integer()) :: %{
          from: non_neg_integer(),
          to: non_neg_integer(),
          items: [item()]
        }
  def complete(source, cursor) do
    <<before::binary-size(cursor), rest::binary>> = source
    env = Keeper.view(fn _, env -> env end) || Code.env_for_eval([])

    {typed, items} =
      if comment?(before), do: {"", []}, else: before |> Code.Fragment.cursor_context() |> items(before, env)

    %{
      from: cursor - byte_size(typed),
      to: cursor + byte_size(rest_of_word(typed, rest)),
      items: Enum.uniq_by(items, &{&1.text, &1.kind})
    }
  end

  defp comment?(before), do: before =~ ~r/(^|\n)\s*#[^\n]*\z/u

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

  defp items({:alias, typed}, _, env), do: typed |> to_string() |> aliases(env)
  defp items({:alias, {:local_or_var, name}, typed}, _, _), do: members({:var, name}, to_string(typed), nil)
  defp items({:struct, typed}, _, env) when is_list(typed), do: typed |> to_string() |> structs(env)
  defp items({:unquoted_atom, typed}, _, _), do: typed |> to_string() |> erlang_modules()
  defp items({:dot, path, typed}, _, env), do: members(path, to_string(typed), env)
  defp items({:dot_arity, path, typed}, _, env), do: members(path, to_string(typed), env)
  defp items({:local_arity, typed}, _, env), do: {to_string(typed), imported(to_string(typed), env)}
  defp items({:local_or_var, typed}, before, env), do: typed |> to_string() |> names(before, env)
  defp items({:module_attribute, typed}, _, _), do: typed |> to_string() |> attributes()
  defp items({:sigil, typed}, _, env), do: typed |> to_string() |> sigils(env)
  defp items({:local_call, _}, before, env), do: {"", Arguments.items(before, "", env)}
  defp items({:dot_call, _, _}, before, env), do: {"", Arguments.items(before, "", env)}

  defp items(:expr, before, env) do
    arguments = Arguments.items(before, "", env)
    {"", if(Arguments.only?(arguments), do: arguments, else: arguments ++ Values.variables("", before))}
  end

  defp items(_, _, _), do: {"", []}

  defp names(typed, before, env) do
    arguments = Arguments.items(before, typed, env)

    # In a struct or a map update nothing else can stand.
    if Arguments.only?(arguments),
      do: {typed, arguments},
      else:
        {typed, arguments ++ Values.variables(typed, before) ++ imported(typed, env) ++ special_forms(typed)}
  end

  # `Enu`, `Enum.Wi`, `Foo.B` where Foo is an alias.
  defp aliases(typed, env) do
    case split_last(typed) do
      {nil, last} ->
        {last, Modules.aliases(last, env) ++ describe(Modules.top_level(last)) ++ python_names(last)}

      {parent, last} ->
        {last, parent |> Modules.expand(env) |> Modules.submodules(last) |> describe()}
    end
  end

  # A capitalised name of Python is reached through `py`, but whoever types it must find it.
  defp python_names(""), do: []

  defp python_names(typed) do
    for item <- Values.python_names(typed), do: %{item | text: "py." <> item.text}
  end

  defp structs(typed, env) do
    {parent, last} = split_last(typed)

    modules =
      case parent do
        nil -> Modules.aliases(last, env) ++ Modules.top_level(last)
        parent -> parent |> Modules.expand(env) |> Modules.submodules(last)
      end

    {last, Enum.filter(modules, &Modules.leads_to_struct?(&1, parent, env))}
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

  defp members({:alias, name}, typed, env),
    do: {typed, name |> to_string() |> Modules.expand(env) |> module_members(typed)}

  defp members({:unquoted_atom, name}, typed, _),
    do: {typed, name |> to_string() |> Modules.existing() |> module_members(typed)}

  defp members(path, typed, _) do
    case Values.path(path) do
      nil -> {typed, []}
      names -> {typed, Values.members(names, typed)}
    end
  end

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

  @doc "Whether a name is to be shown for what was typed: names with an underscore only where one was typed."
  @spec matches?(String.t(), String.t()) :: boolean()
  def matches?(name, ""), do: not String.starts_with?(name, "_")
  def matches?(name, typed), do: String.starts_with?(name, typed)

  # --- what is in scope ---

  defp imported("", _), do: []

  defp imported(typed, env) do
    for {module, names} <- env.functions ++ env.macros,
        {name, _} <- Enum.uniq_by(names, &elem(&1, 0)),
        text = Atom.to_string(name),
        matches?(text, typed),
        Macro.classify_atom(name) == :identifier,
        not String.starts_with?(text, "sigil_"),
        info = Docs.function(module, name),
        do: function_item(info)
  end

  defp special_forms(""), do: []

  defp special_forms(typed) do
    for info <- Docs.functions(Kernel.SpecialForms),
        text = Atom.to_string(info.name),
        matches?(text, typed),
        Macro.classify_atom(info.name) == :identifier,
        do: function_item(info)
  end

  defp attributes(typed) do
    items =
      for {name, %{doc: doc}} <- Module.reserved_attributes(),
          text = Atom.to_string(name),
          matches?(text, typed),
          do: item(text, "attribute", "", Docs.summary(doc))

    {typed, Enum.sort_by(items, & &1.text)}
  end

  defp sigils(typed, env) do
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

defmodule SnakeBridge.Inspector do
  @moduledoc """
  What is known of the name at the cursor: documentation, specification, source, or the value of a variable.

  Answers in Markdown and as plain text. It never runs code of the user's.
  """

  alias SnakeBridge.{Completion, Docs, Keeper, Ref}
  alias SnakeBridge.Completion.{Modules, Python, Source, Values}

  @type answer :: %{found: boolean(), data: %{String.t() => String.t()}}

  @doc "Documentation for the name at `cursor` (a byte); with `detail` 1 its source too."
  @spec inspect(String.t(), non_neg_integer(), 0 | 1, [String.t()]) :: answer()
  def inspect(source, cursor, detail, harmless \\ []) do
    <<before::binary-size(cursor), rest::binary>> = source
    question = Completion.question(before, harmless)
    # To the end of the word.
    [word] = Regex.run(~r/^[\p{L}\p{N}_]*[?!]?/u, rest)

    sections =
      receiver(before <> word, question) ||
        source |> context(before) |> Enum.find_value([], &(&1 |> sections(question, detail) |> present()))

    case sections do
      [] ->
        %{found: false, data: %{}}

      sections ->
        %{found: true, data: %{"text/markdown" => markdown(sections), "text/plain" => plain(sections)}}
    end
  end

  # A member of what no module is: a variable, a call, an item.
  defp receiver(before, question) do
    with {tree, typed} when typed != "" <- Source.receiver(before),
         found when found != nil <- Values.resolve(tree, question),
         false <- match?({:module, _}, found) do
      found |> member(typed, Macro.to_string(tree), question) |> present()
    else
      _ -> nil
    end
  end

  defp present([]), do: nil
  defp present(sections), do: sections

  # At the cursor, else the call whose arguments it is in.
  defp context(source, before) do
    lines = String.split(before, "\n")
    place = {length(lines), String.length(List.last(lines)) + 1}

    here =
      case Code.Fragment.surround_context(source, place) do
        %{context: context} -> [context]
        :none -> [Code.Fragment.cursor_context(before)]
      end

    here ++ call_around(before)
  end

  defp call_around(before) do
    with {:ok, quoted} <- Code.Fragment.container_cursor_to_quoted(before),
         [_ | outer] <- Macro.path(quoted, &match?({:__cursor__, _, _}, &1)) do
      for {form, _, args} <- outer, is_list(args), context = call(form), do: context
    else
      _ -> []
    end
  end

  defp call({:., _, [{:__aliases__, _, names}, name]}) when is_atom(name),
    do: {:dot, {:alias, names |> Enum.map_join(".", &to_string/1) |> to_charlist()}, Atom.to_charlist(name)}

  defp call({:., _, [module, name]}) when is_atom(module) and is_atom(name),
    do: {:dot, {:unquoted_atom, Atom.to_charlist(module)}, Atom.to_charlist(name)}

  defp call({:., _, [{variable, _, context}, name]})
       when is_atom(variable) and is_atom(context) and is_atom(name),
       do: {:dot, {:var, Atom.to_charlist(variable)}, Atom.to_charlist(name)}

  # `fun.(`, `pd.DataFrame.(`, `df["a"].mean(`
  defp call({:., _, [{variable, _, context}]}) when is_atom(variable) and is_atom(context),
    do: {:local_or_var, Atom.to_charlist(variable)}

  defp call({:., _, [callee]}), do: {:written, Macro.to_string(callee)}

  defp call({:., _, [_, name]} = callee) when is_atom(name),
    do: {:written, Macro.to_string({callee, [no_parens: true], []})}

  defp call(name) when is_atom(name) and name not in [:__block__, :=, :|>, :%{}, :{}, :->],
    do: {:local_call, Atom.to_charlist(name)}

  defp call(_), do: nil

  # --- what it is ---

  defp sections({:alias, name}, %{env: env}, detail) when is_list(name),
    do: name |> to_string() |> Modules.expand(env) |> module(detail)

  defp sections({:struct, name}, question, detail) when is_list(name),
    do: sections({:alias, name}, question, detail)

  defp sections({:unquoted_atom, name}, _, detail),
    do: name |> to_string() |> Modules.existing() |> module(detail)

  defp sections({kind, path, name}, %{env: env} = question, detail)
       when kind in [:dot, :dot_call, :dot_arity] do
    name = to_string(name)

    case path do
      {:alias, module} when is_list(module) ->
        module |> to_string() |> Modules.expand(env) |> function(name, detail)

      {:unquoted_atom, module} ->
        module |> to_string() |> Modules.existing() |> function(name, detail)

      # The call around the cursor: `object.name(`.
      {:var, variable} ->
        variable = to_string(variable)
        found = Values.resolve({Modules.existing(variable) || :unknown, [], nil}, question)
        member(found, name, variable, question)

      _ ->
        []
    end
  end

  defp sections({kind, name}, %{env: env} = question, detail)
       when kind in [:local_or_var, :local_call, :local_arity, :operator] do
    name = to_string(name)

    with [] <- if(kind == :local_or_var, do: variable(name), else: []),
         [] <- imported(name, env, detail),
         [] <- function(Kernel.SpecialForms, name, detail) do
      python({{:name, name}, []}, name, name, question)
    end
  end

  defp sections({:written, code}, question, _), do: receiver(code, question) || []
  defp sections({:sigil, letters}, %{env: env}, detail), do: imported("sigil_#{letters}", env, detail)

  defp sections({:module_attribute, name}, _, _) do
    case Modules.existing(to_string(name)) && Module.reserved_attributes()[Modules.existing(to_string(name))] do
      %{doc: doc} -> [{:heading, "@#{name}"}, {:text, doc}]
      _ -> []
    end
  end

  defp sections(_, _, _), do: []

  defp module(nil, _), do: []

  defp module(module, detail) do
    if Code.ensure_loaded?(module) do
      doc = Docs.module_doc(module)
      names = module |> Docs.functions() |> Enum.map(&"#{&1.name}/#{Enum.join(&1.arities, ",")}")

      [
        {:heading, Kernel.inspect(module)},
        {:text, if(is_binary(doc), do: doc, else: functions_text(names))},
        source(module, nil, detail)
      ]
    else
      []
    end
  end

  defp functions_text([]), do: ""
  defp functions_text(names), do: "Functions: " <> Enum.join(names, ", ")

  defp function(nil, _, _), do: []

  defp function(module, name, detail) do
    with true <- Code.ensure_loaded?(module),
         atom when atom != nil <- Modules.existing(name),
         %{} = info <- Docs.function(module, atom) do
      headings =
        for signature <- info.signatures, do: {:heading, "#{Kernel.inspect(module)}.#{name}#{signature}"}

      specs = Docs.specs(module, atom)

      headings ++
        [
          {:code, Enum.map_join(specs, "\n", &formatted/1)},
          {:text, Enum.join(info.docs, "\n\n")},
          source(module, atom, detail)
        ]
    else
      _ -> []
    end
  end

  # As wide as a page of 80 columns shows code.
  defp formatted(spec) do
    spec |> Code.format_string!(line_length: 76) |> IO.iodata_to_binary()
  rescue
    _ -> spec
  end

  defp source(module, name, 1), do: {:code, Docs.source(module, name) || ""}
  defp source(_, _, _), do: {:text, ""}

  defp imported(name, env, detail) do
    with atom when atom != nil <- Modules.existing(name),
         {module, _} <-
           Enum.find(env.functions ++ env.macros, fn {_, names} -> List.keymember?(names, atom, 0) end) do
      function(module, name, detail)
    else
      _ -> []
    end
  end

  # The value is shown by what `Kernel.inspect/2` knows itself: an implementation of the user's is not run.
  defp variable(name) do
    Keeper.view(fn variables, _ ->
      case Enum.find(variables, fn {key, _} -> Atom.to_string(key) == name end) do
        {_, value} -> [{:heading, "#{name} :: #{Values.type(value)}"}, {:code, short(value, 2_000)}]
        nil -> []
      end
    end)
  end

  defp member(nil, _, _, _), do: []

  defp member(found, name, owner, question) do
    shown = if owner == "py", do: name, else: "#{owner}.#{name}"

    case found |> Values.attribute(name) |> Values.python(question) do
      nil ->
        item = found |> Values.members(name, question) |> Enum.find(&(&1.text == name))
        if item, do: described(item, shown), else: []

      place ->
        python(place, name, shown, question)
    end
  end

  defp python(place, name, shown, question) do
    case Python.ask(place, :documentation, name, question) do
      [item] -> described(item, shown)
      _ -> []
    end
  end

  # Documentation of Python is Markdown when it comes.
  defp described(%{kind: kind, detail: detail, doc: doc}, name) do
    heading =
      if String.starts_with?(detail, "("),
        do: name <> detail,
        else: "#{name} :: #{if detail == "", do: kind, else: detail}"

    [{:heading, heading}, {:text, doc}]
  end

  @doc "A value as short text. Implementations of `Inspect` that are not Elixir's own are not called."
  @spec short(term(), pos_integer()) :: String.t()
  def short(value, length) do
    text = Kernel.inspect(value, inspect_fun: &safely/2, limit: 20, printable_limit: length, width: 80)
    if String.length(text) > length, do: String.slice(text, 0, length - 1) <> "…", else: text
  end

  defp safely(%Ref{type: type}, _), do: "#Python<#{type}>"

  defp safely(%module{} = struct, opts) do
    cond do
      Application.get_application(module) == :elixir -> Inspect.inspect(struct, opts)
      function_exported?(module, :__struct__, 0) -> Inspect.Any.inspect(struct, opts)
      true -> Inspect.Map.inspect(struct, opts)
    end
  end

  defp safely(value, opts), do: Inspect.inspect(value, opts)

  # --- as text ---

  defp markdown(sections) do
    sections
    |> Enum.map(fn
      {:heading, text} -> "### `#{text}`"
      {:code, ""} -> ""
      {:code, text} -> "```elixir\n#{text}\n```"
      {:text, text} -> String.trim(text)
    end)
    |> joined()
  end

  defp plain(sections) do
    sections
    |> Enum.map(fn
      {:text, text} -> String.trim(text)
      {_, text} -> text
    end)
    |> joined()
  end

  defp joined(parts), do: parts |> Enum.reject(&(&1 == "")) |> Enum.join("\n\n")
end

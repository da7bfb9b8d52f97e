defmodule SnakeBridge.Docs do
  @moduledoc """
  What is known of modules and their functions: names, signatures, documentation, specifications, source.

  It reads what the compiler has left in files and never calls code of the module, other than what describes it.
  Documentation is kept per process once read, since reading it takes milliseconds.
  """

  @kept 40

  @typedoc "A function or macro with all its arities: signatures as `(enumerable, fun)`."
  @type function_info :: %{
          name: atom(),
          kind: :function | :macro,
          arities: [arity()],
          signatures: [String.t()],
          docs: [String.t()]
        }

  @doc "The public functions and macros of a module, those that are not hidden, sorted by name."
  @spec functions(module()) :: [function_info()]
  def functions(module) do
    docs = documented(module)
    functions = for {name, arity} <- exports(module, :functions), do: {name, arity, :function}
    macros = for {name, arity} <- exports(module, :macros), do: {name, arity, :macro}

    (functions ++ macros)
    |> Enum.reject(fn {name, arity, _} -> match?(%{doc: :hidden}, docs[{name, arity}]) end)
    |> Enum.group_by(&elem(&1, 0))
    |> Enum.map(fn {name, entries} -> info(name, Enum.sort(entries), docs) end)
    |> Enum.sort_by(& &1.name)
  end

  @doc "One function of a module, or nil. The special forms are those of `Kernel.SpecialForms`."
  @spec function(module(), atom()) :: function_info() | nil
  def function(module, name), do: Enum.find(functions(module), &(&1.name == name))

  defp info(name, [{_, _, kind} | _] = entries, docs) do
    found = for {_, arity, _} <- entries, entry = docs[{name, arity}], do: entry

    %{
      name: name,
      kind: kind,
      arities: for({_, arity, _} <- entries, do: arity),
      signatures:
        entries
        |> Enum.map(fn {_, arity, _} -> signature(docs[{name, arity}], name, arity) end)
        |> Enum.uniq(),
      docs: for(%{doc: doc} when is_binary(doc) <- found, uniq: true, do: doc)
    }
  end

  # `map(enumerable, fun)`, of which the arguments are told; without documentation there are only numbers.
  defp signature(%{signature: [text | _]}, _, arity) do
    case String.split(text, "(", parts: 2) do
      [_, arguments] -> "(" <> arguments
      _ -> if arity == 0, do: "()", else: "/#{arity}"
    end
  end

  defp signature(_, _, 0), do: "()"
  defp signature(_, _, arity), do: "(#{Enum.map_join(1..arity, ", ", fn _ -> "_" end)})"

  defp exports(module, what) do
    cond do
      function_exported?(module, :__info__, 1) -> module.__info__(what)
      what == :functions -> erlang_exports(module)
      true -> []
    end
  rescue
    _ -> []
  end

  defp erlang_exports(module) do
    module.module_info(:exports) -- [module_info: 0, module_info: 1]
  end

  @doc "The documentation of a module: text, `:hidden`, or nil."
  @spec module_doc(module()) :: String.t() | :hidden | nil
  def module_doc(module) do
    case fetch(module) do
      {:docs_v1, _, _, format, %{} = doc, _, _} -> text(doc, format)
      {:docs_v1, _, _, _, :hidden, _, _} -> :hidden
      _ -> nil
    end
  end

  # Entries by name and arity; an entry with default arguments stands for its lower arities too.
  defp documented(module) do
    case fetch(module) do
      {:docs_v1, _, _, format, _, _, entries} ->
        for {{kind, name, arity}, annotation, signature, doc, meta} <- entries,
            kind in [:function, :macro],
            lower <- (arity - Map.get(meta, :defaults, 0))..arity,
            into: %{} do
          {{name, lower}, %{signature: signature, doc: text(doc, format), line: line(annotation)}}
        end

      _ ->
        %{}
    end
  end

  defp text(:hidden, _), do: :hidden
  defp text(%{"en" => doc}, "text/markdown") when is_binary(doc), do: doc
  defp text(%{"en" => doc}, "application/erlang+html"), do: erlang_text(doc)
  defp text(_, _), do: nil

  # The documentation of Erlang before OTP 27 is a tree.
  defp erlang_text(text) when is_binary(text), do: text

  defp erlang_text({:pre, _, inner}),
    do: ["\n```erlang\n", erlang_text(inner), "\n```\n"] |> IO.iodata_to_binary()

  defp erlang_text({:code, _, inner}), do: "`" <> erlang_text(inner) <> "`"
  defp erlang_text({:li, _, inner}), do: "- " <> erlang_text(inner) <> "\n"

  defp erlang_text({tag, _, inner}) when tag in [:p, :h1, :h2, :h3, :div, :ul, :ol, :dl, :dd, :dt],
    do: erlang_text(inner) <> "\n\n"

  defp erlang_text({_, _, inner}), do: erlang_text(inner)

  defp erlang_text(list) when is_list(list),
    do: list |> Enum.map_join(&erlang_text/1) |> String.replace(~r/\n{3,}/, "\n\n")

  defp erlang_text(_), do: ""

  defp line(annotation) when is_integer(annotation), do: annotation
  defp line(annotation), do: :erl_anno.line(annotation)

  @doc "The specifications of a function, as they are written."
  @spec specs(module(), atom()) :: [String.t()]
  def specs(module, name) do
    # Private, and the same since Elixir 1.7; what it does is no more than to make text of what is in the file.
    with true <- function_exported?(Code.Typespec, :fetch_specs, 1) or Code.ensure_loaded?(Code.Typespec),
         {:ok, specs} <- Code.Typespec.fetch_specs(module) do
      for {{^name, _}, clauses} <- specs, clause <- clauses do
        "@spec " <> (Code.Typespec.spec_to_quoted(name, clause) |> Macro.to_string())
      end
    else
      _ -> []
    end
  rescue
    _ -> []
  end

  @doc "Whether a function is specified to give its module's own type, `t()`."
  @spec returns_own_type?(module(), atom(), arity()) :: boolean()
  def returns_own_type?(module, name, arity) do
    # The same private function as in `specs/2`.
    with true <- Code.ensure_loaded?(Code.Typespec), {:ok, specs} <- Code.Typespec.fetch_specs(module) do
      for({{^name, ^arity}, clauses} <- specs, clause <- clauses, do: clause)
      |> Enum.any?(&own_type?(Code.Typespec.spec_to_quoted(name, &1)))
    else
      _ -> false
    end
  rescue
    _ -> false
  end

  defp own_type?({:when, _, [spec, _]}), do: own_type?(spec)
  defp own_type?({:"::", _, [_, {:t, _, []}]}), do: true
  defp own_type?(_), do: false

  @doc """
  The beginning of a documentation, for a list.

      iex> SnakeBridge.Docs.summary("Adds two\\nnumbers.\\n\\n## Examples")
      "Adds two numbers."
  """
  @spec summary(String.t() | :hidden | nil) :: String.t()
  def summary(doc) when is_binary(doc) do
    doc
    |> String.trim()
    |> String.split(~r/\n\s*\n/, parts: 2)
    |> hd()
    |> String.replace(~r/\s+/, " ")
    |> String.slice(0, 300)
  end

  def summary(_), do: ""

  @doc """
  The options that documentation lists, as a name and what it does.

      iex> SnakeBridge.Docs.options(["Options:\\n\\n  * `:trim` - removes empty strings\\n"])
      [{"trim", "removes empty strings"}]
  """
  @spec options([String.t()]) :: [{String.t(), String.t()}]
  def options(docs) do
    # An item goes on in the lines below it, up to an empty one or the next item.
    item = ~r/^\s*[*-] `:([a-z_0-9]+[?!]?)`(.*(?:\n(?!\s*$|\s*[*-] ).+)*)/mu

    for doc <- docs, [_, name, text] <- Regex.scan(item, doc) do
      {name, text |> String.split() |> Enum.join(" ") |> String.replace(~r/^[-–]\s*/u, "")}
    end
    |> Enum.uniq_by(&elem(&1, 0))
  end

  @doc "The source of a module, or of all clauses of a function of it, where the file is there."
  @spec source(module(), atom() | nil) :: String.t() | nil
  def source(module, name) do
    with path when path != nil <- source_path(module),
         {:ok, text} <- File.read(path),
         {:ok, quoted} <- Code.string_to_quoted(text, token_metadata: true, emit_warnings: false),
         [_ | _] = places <- quoted |> places(module, name) |> Enum.sort() do
      lines = String.split(text, "\n")

      Enum.map_join(places, "\n\n", fn {first, last} ->
        lines |> Enum.slice((first - 1)..(last - 1)) |> Enum.join("\n")
      end)
    else
      _ -> nil
    end
  end

  defp source_path(module) do
    with source when source != nil <- module.module_info(:compile)[:source], do: List.to_string(source)
  rescue
    _ -> nil
  end

  defp places(quoted, module, nil) do
    short = module |> Module.split() |> List.last()

    collect(quoted, fn
      {definition, meta, [{:__aliases__, _, names} | _]} when definition in [:defmodule, :defprotocol] ->
        if to_string(List.last(names)) == short, do: span(meta)

      _ ->
        nil
    end)
  rescue
    _ -> []
  end

  defp places(quoted, _, name) do
    collect(quoted, fn
      {definition, meta, [head | _]} when definition in [:def, :defmacro, :defguard, :defdelegate] ->
        if head_name(head) == name, do: span(meta)

      _ ->
        nil
    end)
  end

  defp head_name({:when, _, [head | _]}), do: head_name(head)
  defp head_name({name, _, _}) when is_atom(name), do: name
  defp head_name(_), do: nil

  defp span(meta) do
    last = get_in(meta, [:end, :line]) || get_in(meta, [:end_of_expression, :line]) || meta[:line]
    {meta[:line], last}
  end

  defp collect(quoted, find) do
    {_, found} =
      Macro.prewalk(quoted, [], fn node, found ->
        {node, if(place = find.(node), do: [place | found], else: found)}
      end)

    found
  end

  # --- what was read ---

  defp fetch(module) do
    key = {module, version(module)}
    kept = Process.get(__MODULE__, [])

    case List.keyfind(kept, key, 0) do
      {_, docs} ->
        docs

      nil ->
        docs = Code.fetch_docs(module)
        Process.put(__MODULE__, Enum.take([{key, docs} | kept], @kept))
        docs
    end
  rescue
    _ -> nil
  end

  defp version(module) do
    if Code.ensure_loaded?(module), do: module.module_info(:md5), else: nil
  rescue
    _ -> nil
  end
end

defmodule SnakeBridge.IEx.Helpers do
  @moduledoc """
  What a prompt tells of Python: imported by `use SnakeBridge.IEx`, and in Livebook by `import SnakeBridge.IEx.Helpers`.

  | | |
  |---|---|
  | `py_info` | the session: which Python, how many objects, memory |
  | `py_info df`, `py_info "numpy"` | what an object or a module is |
  | `py_doc df.groupby`, `py_doc "numpy.linspace"`, `py_doc Numpy.linspace` | signature and documentation |
  | `py_methods df`, `py_methods df, "sort"` | the methods of an object, those with that in their names |
  | `py_modules`, `py_modules "scipy"` | what has been imported, and the generated modules; what a package has |
  | `py_search "lin"`, `py_search "lin", "numpy"` | functions and classes by a part of their names |

  They print, and give nothing. A module of Python may be given by its name, as a ref, or as the module that was
  generated for it. Looking runs no code of the object; a name that is given is imported.
  """

  import SnakeBridge.IEx.Objects, only: [explored: 2, explored: 3, module_name: 1, object: 1]

  alias SnakeBridge.IEx.Objects
  alias SnakeBridge.Session

  # --- documentation ---

  @doc """
  Prints the signature and the documentation of an object of Python, a name, or a function that was generated for one.

      iex> require SnakeBridge.IEx.Helpers
      iex> import ExUnit.CaptureIO
      iex> capture_io(fn -> SnakeBridge.IEx.Helpers.py_doc("math.sqrt") end)
      "math.sqrt(x, /)\\n\\nReturn the square root of x.\\n"
  """
  defmacro py_doc(term) do
    subject = subject(term, __CALLER__) || {:value, term}
    quote(do: SnakeBridge.IEx.Helpers.document(unquote(subject)))
  end

  @doc """
  `h/1` of IEx, which also knows objects of Python: `h df`, `h df.groupby`. It is what `h` is after `use SnakeBridge.IEx`.
  """
  defmacro h(term) do
    documented = quote(do: IEx.Helpers.h(unquote(term)))

    shown =
      case subject(term, __CALLER__) do
        {kind, _} when kind != :value ->
          documented

        nil ->
          documented

        subject ->
          quote do
            subject = unquote(subject)

            if SnakeBridge.IEx.Objects.python?(subject),
              do: SnakeBridge.IEx.Helpers.document(subject),
              else: unquote(documented)
          end
      end

    quote do
      require IEx.Helpers
      unquote(shown)
    end
  end

  # What the term is about, as code: `{:member, owner, name}`, `{:value, value}`, `{:wrapper, {module, function}}`.
  defp subject({{:., _, [{:__aliases__, _, _} = module, name]}, _, []}, _), do: {:wrapper, {module, name}}
  defp subject({:/, _, [{{:., _, [{:__aliases__, _, _}, _]}, _, []} = call, _]}, env), do: subject(call, env)

  defp subject({{:., _, [owner, name]}, _, []}, _) when not is_atom(owner) and is_atom(name),
    do: {:{}, [], [:member, owner, name]}

  defp subject({name, _, context} = variable, env) when is_atom(name) and is_atom(context),
    do: if(Macro.Env.has_var?(env, {name, context}), do: {:value, variable})

  defp subject(_, _), do: nil

  # --- information ---

  @doc "Prints which Python the default session runs, what it keeps for Elixir, and its memory."
  def py_info do
    {version, executable} = SnakeBridge.run!("import sys\n(sys.version.split()[0], sys.executable)")
    {:ok, usage} = Session.usage()
    heading("Python #{version}")

    table([
      {"Interpreter", executable},
      {"Worker", "#{Session.attached()}"},
      {"Objects kept for Elixir", "#{usage.refs}"},
      {"Processes that called", "#{usage.lanes}"},
      {"Memory", "#{div(usage.memory_bytes, 1_048_576)} MB"}
    ])
  end

  @doc "Prints what an object, a module or a name is: kind, type, signature, size, where it is from."
  def py_info(object) do
    with {:ok, about} <- Objects.about(object) do
      heading(about["name"] <> about["signature"])
      object |> Objects.facts(about) |> table()
    else
      {:error, text} -> say(text)
    end
  end

  # --- lists ---

  @doc """
  Prints the public methods of an object, or the functions and classes of a module: those whose names hold the text.

      iex> import ExUnit.CaptureIO
      iex> fraction = SnakeBridge.call!("fractions", "Fraction", [1, 2])
      iex> capture_io(fn -> SnakeBridge.IEx.Helpers.py_methods(fraction, "limit") end)
      "limit_denominator(max_denominator=1000000)\\n  Closest Fraction to self with denominator at most max_denominator.\\n"
  """
  def py_methods(object, text \\ "") do
    with {:ok, ref} <- object(object),
         {:ok, found} <- explored("methods", [ref, text], ref.session) do
      entries(for item <- found, do: {item["text"] <> item["detail"], item["doc"]})
    else
      {:error, text} -> say(text)
    end
  end

  @doc "Prints the packages that have been imported, and the modules that were generated for Python's."
  def py_modules do
    {:ok, loaded} = explored("loaded", [])
    wrappers = Objects.wrappers()
    if loaded == [] and wrappers == [], do: say("Nothing but the standard library has been imported.")
    table(loaded)

    table(
      for module <- wrappers, {:ok, python} <- [Objects.python_name(module)], do: {inspect(module), python}
    )
  end

  @doc "Prints the submodules of a package, which is imported."
  def py_modules(package) do
    with {:ok, name} <- module_name(package),
         {:ok, names} <- explored("submodules", [name]) do
      say(Enum.map_intersperse(names, "\n", &"#{name}.#{&1}"))
    else
      {:error, text} -> say(text)
    end
  end

  @doc """
  Prints the functions, classes and modules whose names hold the text: of the generated modules, and of what has been
  imported, the standard library apart.
  """
  def py_search(text) when is_binary(text) do
    generated =
      for module <- Objects.wrappers(), found <- module.__search__(text), do: found_in_wrapper(module, found)

    {:ok, found} = explored("search", [text])
    entries(generated ++ found_in_python(found))
  end

  @doc "Prints those of one package or module, which is imported."
  def py_search(text, package) when is_binary(text) do
    with {:ok, name} <- module_name(package),
         {:ok, found} <- explored("search", [text, name]) do
      entries(found_in_python(found))
    else
      {:error, text} -> say(text)
    end
  end

  defp found_in_python(found),
    do: for({path, _, signature, doc} <- found, do: {path <> signed(signature), doc})

  defp signed("(" <> _ = signature), do: signature
  defp signed(_), do: ""

  defp found_in_wrapper(module, {name, _, _, summary}), do: {"#{inspect(module)}.#{name}", summary}
  defp found_in_wrapper(_, {class, _, summary}), do: {inspect(class), summary}

  # --- documentation ---

  @doc false
  def document(subject) do
    case Objects.told(subject) do
      {:ok, about} ->
        heading(about["name"] <> about["signature"])
        text = about["documentation"]
        if text == "", do: say("It has no documentation."), else: say(["\n", text])

      {:error, text} ->
        say(text)
    end
  end

  # --- printing ---

  defp heading(text), do: say(IEx.color(:doc_headings, text))

  defp entries(entries) do
    if entries == [], do: say("Nothing was found.")

    for {name, summary} <- entries do
      say(name)
      if summary != "", do: say("  " <> summary)
    end

    IEx.dont_display_result()
  end

  defp table(rows) do
    width = rows |> Enum.map(fn {name, _} -> String.length(name) end) |> Enum.max(fn -> 0 end)
    for {name, text} <- rows, do: say(String.trim_trailing("#{String.pad_trailing(name, width)}  #{text}"))
    IEx.dont_display_result()
  end

  defp say(text) do
    IO.puts(text)
    IEx.dont_display_result()
  end
end

defmodule SnakeBridge.Export.Plain do
  @moduledoc """
  Cells as they are written where no session of ours is around them: in Livebook, and in a script.

  Cells of a session share one namespace, and natural syntax is always on in those of Elixir. Elsewhere

    * a cell of Elixir that uses objects of Python naturally stands in `py do ... end`;
    * a cell of Python is a drop, which takes Elixir's variables and binds them: what it changes in place, and names that no
      variable can have (`X_train`), are handed on by lines that end with `# between cells`.

  Reading the file again takes both off. What cannot be had so is told. It runs nothing, and writes no files.
  """

  alias SnakeBridge.{Export, Json}
  alias SnakeBridge.Export.Handed

  @typedoc "A cell: its number in the notebook, for messages, its language and its source."
  @type cell :: %{number: pos_integer(), language: :elixir | :python, source: String.t()}
  @typedoc "What is told, for people."
  @type note :: String.t()

  @between "  # between cells"

  @doc "For the front end: reads the cells in a file, and prints what becomes of them as a line of JSON."
  @spec run(Path.t()) :: :ok
  def run(path) do
    cells = read(path)
    {sources, notes} = livebook(cells)
    {script, more} = script(cells)
    answer(%{"sources" => sources, "script" => script, "notes" => Enum.uniq(notes ++ more)})
  end

  @doc "For the front end: prints which cells in a file need natural syntax, which another bridge does not have."
  @spec natural(Path.t()) :: :ok
  def natural(path) do
    notes =
      for {%{language: :elixir} = cell, true} <- marked(read(path)),
          do: "cell #{cell.number}: natural syntax on objects of Python does not work there"

    answer(%{"notes" => notes})
  end

  @doc "For the front end: prints the numbers and sources of the cells in a file that its results need."
  @spec needed(Path.t()) :: :ok
  def needed(path) do
    %{"cells" => cells, "results" => names} = path |> File.read!() |> Json.decode!()
    analysis = Export.analyse(cells)

    case Enum.reject(names, &is_map_key(analysis.ends, &1)) do
      [] ->
        sliced = Export.slice(analysis, names)
        answer(%{"cells" => for(cell <- sliced.cells, cell.kept, do: [cell.number, cell.source])})

      unknown ->
        answer(%{"error" => "there is no name #{Enum.join(unknown, ", ")} at the end"})
    end
  end

  defp read(path) do
    %{"cells" => cells} = path |> File.read!() |> Json.decode!()

    for %{"number" => number, "language" => language, "source" => source} <- cells,
        do: %{number: number, language: if(language == "python", do: :python, else: :elixir), source: source}
  end

  defp answer(map), do: map |> Json.encode() |> IO.puts()

  @doc """
  The sources of the cells for Livebook, in order, and what is lost.

      iex> cells = [
      ...>   %{number: 1, language: :python, source: "import math"},
      ...>   %{number: 2, language: :elixir, source: "math.sqrt(2)"}
      ...> ]
      iex> SnakeBridge.Export.Plain.livebook(cells)
      {["import math", "py do\\n  math.sqrt(2)\\nend"], []}
  """
  @spec livebook([cell()]) :: {[String.t()], [note()]}
  def livebook(cells) do
    handed = Handed.plan(cells)

    sources =
      for {cell, natural?} <- marked(cells) do
        case cell.language do
          :python -> Handed.written(cell, handed, @between)
          :elixir -> if natural?, do: wrapped(cell.source), else: cell.source
        end
      end

    {sources, handed.notes}
  end

  @doc "The cells as one script, whose module is named by a NUL for the caller to replace, and what is lost."
  @spec script([cell()]) :: {String.t(), [note()]}
  def script(cells) do
    handed = Handed.plan(cells)
    {modules, others} = Enum.split_with(cells, &(&1.language == :elixir and only_modules?(&1.source)))

    body =
      Enum.map_join(others, "\n\n", fn
        %{language: :python} = cell -> drop(Handed.written(cell, handed, ""))
        %{source: source} -> String.trim(source)
      end)

    version = Application.spec(:snakebridge, :vsn) || "0.1.0"

    text = """
    # With the library around it, as in a Mix project that has it, nothing is installed.
    unless Code.ensure_loaded?(SnakeBridge), do: Mix.install([{:snakebridge, "~> #{version}"}])

    #{Enum.map_join(modules, "\n", &(String.trim(&1.source) <> "\n"))}defmodule \0 do
      use SnakeBridge

      # What the cells have bound.
      def run do
    #{indented(body, "    ")}

        binding()
      end
    end

    \0.run()
    """

    {text, []}
  end

  # --- cells of Elixir ---

  @doc "The source in a block of natural syntax, further in unless that would change a text of it."
  @spec wrapped(String.t()) :: String.t()
  def wrapped(source) do
    moved = moved(source, "  ")

    if same?(source, moved),
      do: "py do\n#{moved}\nend",
      else: "py do # not indented\n#{source}\nend"
  end

  defp indented(source, space) do
    moved = moved(source, space)
    if same?(source, moved), do: moved, else: source
  end

  defp moved(source, space),
    do: source |> String.split("\n") |> Enum.map_join("\n", &if(&1 == "", do: "", else: space <> &1))

  defp same?(source, moved) do
    case {parsed(source), parsed(moved)} do
      {{:ok, one}, {:ok, other}} -> bare(one) == bare(other)
      _ -> true
    end
  end

  defp bare(code), do: Macro.prewalk(code, &Macro.update_meta(&1, fn _ -> [] end))

  defp parsed(source), do: Code.string_to_quoted(source, emit_warnings: false)

  defp only_modules?(source) do
    case parsed(source) do
      {:ok, {:__block__, _, statements}} -> statements != [] and Enum.all?(statements, &module?/1)
      {:ok, statement} -> module?(statement)
      {:error, _} -> false
    end
  end

  defp module?({name, _, [_ | _]}), do: name in [:defmodule, :defprotocol, :defimpl]
  defp module?(_), do: false

  # Each cell, and whether it uses objects of Python naturally. What may be one is followed from name to name: what
  # Python binds, and what is bound by a statement in which such a name occurs.
  defp marked(cells) do
    {marked, _} =
      Enum.map_reduce(cells, MapSet.new(["py"]), fn
        %{language: :python} = cell, names -> {{cell, false}, MapSet.union(names, Handed.binds(cell))}
        cell, names -> marked_elixir(cell, names)
      end)

    marked
  end

  defp marked_elixir(cell, names) do
    case parsed(cell.source) do
      {:ok, code} ->
        {natural?, names} =
          Enum.reduce(statements(code), {false, names}, fn statement, {natural?, names} ->
            objects? = mentions?(statement, names)

            {natural? or (objects? and natural?(statement)),
             if(objects?, do: MapSet.union(names, variables(statement)), else: names)}
          end)

        {{cell, natural?}, names}

      {:error, _} ->
        # It is no Elixir: a capitalised name after a dot is read only by us, and here not even that.
        {{cell, false}, names}
    end
  end

  defp statements({:__block__, _, statements}), do: statements
  defp statements(statement), do: [statement]

  # What names an object, or asks for one.
  defp mentions?(code, names) do
    any?(code, fn
      {name, _, context} when is_atom(name) and is_atom(context) -> Atom.to_string(name) in names
      {:__aliases__, _, [:SnakeBridge | _]} -> true
      # `df.T` is read as an alias.
      {:__aliases__, _, [{name, _, context} | _]} when is_atom(context) -> Atom.to_string(name) in names
      {:sigil_PY, _, _} -> true
      _ -> false
    end)
  end

  defp variables(code) do
    {_, found} =
      Macro.prewalk(code, MapSet.new(), fn
        {name, _, context} = variable, found when is_atom(name) and is_atom(context) ->
          {variable, MapSet.put(found, Atom.to_string(name))}

        {:sigil_PY, _, [{:<<>>, _, [text]}, _]} = drop, found when is_binary(text) ->
          {drop, MapSet.union(found, Handed.binds(%{source: text}))}

        other, found ->
          {other, found}
      end)

    found
  end

  @operators [:+, :-, :*, :/, :**, :==, :!=, :<, :>, :<=, :>=, :&&&, :|||, :"~~~", :<<<, :>>>, :if, :unless]

  # A form that means something else, or nothing, where natural syntax is off.
  defp natural?(code) do
    any?(code, fn
      {{:., _, [Access, :get]}, _, _} -> true
      {{:., _, [base]}, _, _} -> not function?(base)
      {{:., _, [base, _]}, _, _} -> not module_like?(base)
      {:__aliases__, _, [{_, _, _} | _]} -> true
      {operator, _, [_ | _]} when operator in @operators -> true
      {:py, _, context} when is_atom(context) -> true
      _ -> false
    end)
  end

  defp function?({:fn, _, _}), do: true
  defp function?({:&, _, _}), do: true
  defp function?(_), do: false

  defp module_like?({:__aliases__, _, [head | _]}), do: is_atom(head)
  defp module_like?({name, _, _}) when name in [:__MODULE__, :@], do: true
  defp module_like?(base), do: is_atom(base)

  # Of modules and quoted code nothing is rewritten.
  defp any?({name, _, args}, _) when name in [:quote, :defmodule, :defprotocol, :defimpl] and is_list(args),
    do: false

  defp any?(code, test) do
    test.(code) or
      case code do
        {form, _, args} -> any?(form, test) or any?(args, test)
        {left, right} -> any?(left, test) or any?(right, test)
        list when is_list(list) -> Enum.any?(list, &any?(&1, test))
        _ -> false
      end
  end

  # --- cells of Python ---

  @doc ~S'''
  The drop that runs a source of Python.

      iex> SnakeBridge.Export.Plain.drop(~S"x = '#{}'")
      "~PY\"\"\"\nx = '\#{}'\n\"\"\"p"
  '''
  @spec drop(String.t()) :: String.t()
  def drop(source) do
    quotes = [~s("""), "'''"]
    usable = Enum.reject(quotes, &String.contains?(source, "\\" <> &1))
    delimiter = Enum.find(usable, List.first(usable, ~s(""")), &(not (source =~ ~r/^[ \t]*#{&1}/m)))
    text = Regex.replace(~r/^([ \t]*)(#{delimiter})/m, source, "\\1\\\\\\2")
    "~PY#{delimiter}\n#{text}\n#{delimiter}" <> if(String.contains?(source, "\#{"), do: "p", else: "")
  end
end

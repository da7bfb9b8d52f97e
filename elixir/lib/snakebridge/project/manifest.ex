defmodule SnakeBridge.Project.Manifest do
  @moduledoc """
  `snakebridge.manifest`: which wrappers were generated, what they can be called with, and of which contents their files
  are. It is to be committed, with them.

  Text, with one entry to a line, sorted. By it, and without Python, it is seen whether what a project calls is there: by
  the function's name and the numbers of arguments that it takes, whichever of them a call happens to have.

      file math lib/python_wrappers/math.ex sha256:9a0f...
      function Math.isclose 2..4 math.isclose
      library math options:5b1c...
      module math Math math

  Arguments are counted as in Elixir. Space in names of Python and in paths is written as in URLs, `%20`. It knows neither
  Python nor the generator.
  """

  alias SnakeBridge.Project.{Error, Lines}

  @name "snakebridge.manifest"
  @heading "What the wrappers are. Written by SnakeBridge, to be committed."
  # What every module has; no one generates it for being called.
  @always [:t, :module_info, :__info__, :__python__, :__functions__, :__classes__, :__search__]

  @typedoc "Of one library. `modules` are names of Python by modules, `files` hashes by paths."
  @type library :: %{
          options: String.t(),
          modules: %{module() => String.t()},
          functions: %{{module(), String.t()} => {Range.t(), String.t()}},
          files: %{Path.t() => String.t()}
        }
  @type t :: %{String.t() => library()}

  @doc "Where it is."
  @spec path(Path.t()) :: Path.t()
  def path(root), do: Path.join(root, @name)

  @doc "What is in that file; an empty manifest where it is not there."
  @spec read(Path.t()) :: {:ok, t()} | {:error, Error.t()}
  def read(file), do: Lines.read(file, %{}, &parse(&1, file))

  @doc """
  A manifest's text, read.

      iex> text = "function Math.pi 0..1 math.pi\\nmodule math Math math\\nlibrary math options:ab\\n"
      iex> {:ok, manifest} = SnakeBridge.Project.Manifest.parse(text, "snakebridge.manifest")
      iex> SnakeBridge.Project.Manifest.look(manifest, %{module: Math, name: :pi, arity: 0})
      :ok
      iex> SnakeBridge.Project.Manifest.look(manifest, %{module: Math, name: :tau, arity: 0})
      :no_function
  """
  @spec parse(String.t(), Path.t()) :: {:ok, t()} | {:error, Error.t()}
  def parse(text, file) do
    # Functions say their module, and that its library.
    Lines.parse(
      text,
      file,
      %{},
      fn fields, manifest -> fields |> Enum.map(&unescaped/1) |> entry(manifest) end,
      "function"
    )
  end

  # Python's names may be any text.
  defp escaped(field),
    do: Regex.replace(~r/[%\s\p{Z}\p{C}]/u, field, &URI.encode(&1, fn _ -> false end))

  defp unescaped(field), do: if(field =~ ~r/%(?![0-9A-F]{2})/, do: field, else: URI.decode(field))

  defp entry(["library", name, "options:" <> options], manifest),
    do: put(manifest, name, &%{&1 | options: options})

  defp entry(["module", library, module, python], manifest) do
    if module =~ ~r/\A[A-Z][A-Za-z0-9_]*(\.[A-Z][A-Za-z0-9_]*)*\z/,
      do: put(manifest, library, &put_in(&1.modules[Module.concat([module])], python))
  end

  defp entry(["file", library, path, "sha256:" <> hash], manifest),
    do: put(manifest, library, &put_in(&1.files[path], hash))

  defp entry(["function", name, arities, python], manifest) do
    with [_, module, function] <- Regex.run(~r/\A([A-Z][A-Za-z0-9_.]*)\.([^.]+)\z/u, name),
         [_, first, last] <- Regex.run(~r/\A(\d{1,3})\.\.(\d{1,3})\z/, arities),
         module = Module.concat([module]),
         library when library != nil <- library_of(manifest, module) do
      arities = String.to_integer(first)..String.to_integer(last)//1
      put(manifest, library, &put_in(&1.functions[{module, function}], {arities, python}))
    else
      _ -> nil
    end
  end

  defp entry(_, _), do: nil

  defp put(manifest, library, function),
    do: Map.put(manifest, library, function.(manifest[library] || empty()))

  defp empty, do: %{options: "", modules: %{}, functions: %{}, files: %{}}

  defp library_of(manifest, module),
    do: Enum.find_value(manifest, fn {name, %{modules: modules}} -> is_map_key(modules, module) && name end)

  @doc "Its text."
  @spec render(t()) :: String.t()
  def render(manifest) do
    lines =
      for {name, library} <- manifest do
        modules =
          for {module, python} <- library.modules, do: "module #{name} #{inspect(module)} #{escaped(python)}"

        files = for {path, hash} <- library.files, do: "file #{name} #{escaped(path)} sha256:#{hash}"

        functions =
          for {{module, name}, {first..last//_, python}} <- library.functions,
              do: "function #{inspect(module)}.#{name} #{first}..#{last} #{escaped(python)}"

        ["library #{name} options:#{library.options}" | modules ++ files ++ functions]
      end

    Lines.render(@heading, Enum.concat(lines))
  end

  @doc """
  Whether what a use asks for is there: `:ok`, or what is missing.

  `{:arity, range}` says that the function is there and takes other numbers of arguments: to generate it again would bring
  nothing.
  """
  @spec look(t(), map()) :: :ok | :no_module | :no_function | {:arity, Range.t()}
  def look(manifest, %{module: module, name: name, arity: arity}) do
    case library_of(manifest, module) do
      nil -> :no_module
      _ when name == nil or name in @always -> :ok
      library -> look_in(manifest[library].functions[{module, to_string(name)}], arity)
    end
  end

  defp look_in(nil, _), do: :no_function
  defp look_in(_, nil), do: :ok
  defp look_in({arities, _}, arity), do: if(arity in arities, do: :ok, else: {:arity, arities})

  @doc """
  What a library's generated modules come to, with the paths of their files.

      iex> math = %{module: Math, python: "math", source: "..", functions: %{"isclose" => {2..4, "isclose"}}}
      iex> library = SnakeBridge.Project.Manifest.library("ab", [{math, "lib/math.ex"}])
      iex> library.functions
      %{{Math, "isclose"} => {2..4, "math.isclose"}}
  """
  @spec library(String.t(), [{SnakeBridge.Generator.generated(), Path.t()}]) :: library()
  def library(options, generated) do
    functions =
      for {%{module: module, python: python, functions: functions}, _} <- generated,
          {name, {arities, own}} <- functions,
          into: %{},
          do: {{module, name}, {arities, "#{python}.#{own}"}}

    %{
      options: options,
      modules: Map.new(generated, fn {made, _} -> {made.module, made.python} end),
      files: Map.new(generated, fn {made, path} -> {path, hash(made.source)} end),
      functions: functions
    }
  end

  @doc "The entry with these modules alone; their files are in this folder."
  @spec take(library(), [module()], Path.t()) :: library()
  def take(library, modules, folder) do
    %{
      library
      | modules: Map.take(library.modules, modules),
        functions: Map.filter(library.functions, fn {{module, _}, _} -> module in modules end),
        files: Map.take(library.files, Enum.map(modules, &file(&1, folder)))
    }
  end

  @doc """
  The file of a module in a folder of generated ones.

      iex> SnakeBridge.Project.Manifest.file(Sklearn.LinearModel, "lib/python_wrappers")
      "lib/python_wrappers/sklearn/linear_model.ex"
  """
  @spec file(module(), Path.t()) :: Path.t()
  def file(module, folder), do: Path.join(folder, Macro.underscore(module) <> ".ex")

  @doc "Two entries as one; the second knows better."
  @spec merge(library() | nil, library()) :: library()
  def merge(nil, library), do: library

  def merge(one, other) do
    Map.merge(one, other, fn
      :options, _, options -> options
      _, a, b -> Map.merge(a, b)
    end)
  end

  @doc "A hash of contents, as it stands here."
  @spec hash(iodata()) :: String.t()
  def hash(text), do: :crypto.hash(:sha256, text) |> Base.encode16(case: :lower)
end

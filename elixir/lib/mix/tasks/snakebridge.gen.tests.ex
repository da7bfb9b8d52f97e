defmodule Mix.Tasks.Snakebridge.Gen.Tests do
  @shortdoc "Writes tests of the project's wrappers, to begin with"
  @moduledoc """
  Writes tests of the wrappers that the project has, one file for each module, into `test/python_wrappers`.

      mix snakebridge.gen.tests [MODULE...] [--output FOLDER] [--force]

  They run, and pass: functions are there with the numbers of arguments that they take, constants are what Python says, and
  constructors that take nothing give an object (each was tried while this was written). Examples of the documentation
  stand there as comments. A file that is there is left alone without `--force`.
  """

  use Mix.Task

  # In each application of an umbrella.
  @recursive true

  alias Mix.SnakeBridge, as: Helper
  alias SnakeBridge.Generator.Source
  alias SnakeBridge.Project.{Documents, Manifest, Runtime}

  @impl true
  def run(args) do
    {opts, names} = Helper.parse!(args, strict: [output: :string, force: :boolean])
    Mix.Task.run("compile")
    {config, context} = Helper.project!()
    files = Helper.ok!(Manifest.read(Manifest.path(context.root)))
    place = Runtime.place(context.build)
    manifest = place.manifest |> Manifest.read() |> Helper.ok!() |> Map.merge(files)
    folder = opts[:output] || "test/python_wrappers"

    Documents.open(config, [], fn documents ->
      written =
        for library <- config.libraries,
            entry = manifest[library.python],
            {module, source} <- tests(documents, library, entry),
            names == [] or inspect(module) in names,
            path = Path.join(folder, Macro.underscore(module) <> "_test.exs"),
            write(path, source, opts[:force]),
            do: path

      if written == [],
        do: Mix.shell().info("nothing to write: no wrappers are used, or their tests are there already")
    end)
  end

  defp write(path, source, force) do
    if not File.exists?(path) or force do
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, [Code.format_string!(IO.iodata_to_binary(source)), "\n"])
      Mix.shell().info("* #{path}")
      true
    end
  end

  # --- what there is ---

  defp tests(documents, library, entry) do
    made =
      for {module, python} <- entry.modules,
          made?(entry, module, [documents.config.generated_dir, "src"]),
          into: %{},
          do: {python, module}

    modules = for {python, _} <- made, python != library.python, do: python
    document = Helper.ok!(get(documents, library, modules))

    for module <- document["modules"],
        descriptor <- [module | module["classes"]],
        own = made[path(descriptor)] do
      functions = for {{^own, name}, {arities, python}} <- entry.functions, do: {name, arities, python}
      {own, source(own, descriptor, Enum.sort(functions), documents)}
    end
  end

  # One that is only stood in for has no file.
  defp made?(entry, module, folders),
    do: Enum.any?(folders, &is_map_key(entry.files, Manifest.file(module, &1)))

  defp path(%{"path" => path}), do: path
  defp path(%{"name" => name}), do: name

  # Modules of classes are none that could be included.
  defp get(documents, library, modules) do
    case Documents.get(documents, library, []) do
      {:ok, document} ->
        known = MapSet.new(document["modules"], & &1["name"])
        submodules = for module <- document["modules"], name <- module["submodules"], do: name
        more = Enum.filter(modules, &(&1 in submodules and &1 not in known))
        if more == [], do: {:ok, document}, else: Documents.get(documents, library, more)

      error ->
        error
    end
  end

  # --- tests ---

  defp source(module, descriptor, functions, documents) do
    """
    defmodule #{inspect(module)}Test do
      use ExUnit.Case, async: true

      test "functions are there, with the numbers of arguments that they take" do
        assert Code.ensure_loaded?(#{inspect(module)})

        for {name, arity} <- #{presence(functions)} do
          assert function_exported?(#{inspect(module)}, name, arity), "\#{name}/\#{arity}"
        end
      end

      #{constants(module, descriptor, functions)}
      #{constructor(module, descriptor, functions, documents)}
      #{examples(descriptor)}
    end
    """
  end

  defp presence(functions) do
    pairs =
      for {name, first..last//_, _} <- functions,
          arity <- Enum.uniq([first, last]),
          do: {String.to_atom(name), arity}

    inspect(pairs, limit: :infinity)
  end

  defp constants(module, %{"constants" => constants} = descriptor, functions) do
    own = for {name, _, python} <- functions, not String.ends_with?(name, "!"), into: %{}, do: {python, name}

    pairs =
      for %{"name" => name} <- constants,
          here = own["#{descriptor["name"]}.#{name}"],
          do: "{#{inspect(module)}.#{here}(), #{Source.string(name)}}"

    if pairs != [] do
      """

      test "constants are what Python says" do
        for {here, there} <- [#{Enum.join(pairs, ", ")}] do
          assert {:ok, one} = here
          assert {:ok, other} = SnakeBridge.get(#{Source.string(descriptor["name"])}, there)
          assert same?(one, other), there
        end
      end

      defp same?(%SnakeBridge.Ref{} = one, %SnakeBridge.Ref{} = other), do: SnakeBridge.same?(one, other)
      defp same?(one, other), do: one == other
      """
    end
  end

  defp constants(_, _, _), do: nil

  defp constructor(
         module,
         %{"constructor" => %{"parameters" => [], "signature" => signature}} = class,
         functions,
         documents
       )
       when signature != "unknown" do
    if Enum.any?(functions, &match?({"new", 0.._//_, _}, &1)) and tried?(class, documents) do
      """

      test "an object of it can be made" do
        assert {:ok, _} = #{inspect(module)}.new()
      end
      """
    end
  end

  defp constructor(_, _, _, _), do: nil

  defp tried?(class, documents) do
    {front, [name]} = class["path"] |> String.split(".") |> Enum.split(-1)

    with :ok <- Documents.start(documents) do
      match?(
        {:ok, _},
        SnakeBridge.call(Enum.join(front, "."), name, [], [], session: documents.session, timeout: 10_000)
      )
    else
      _ -> false
    end
  end

  # Text of Python: nothing of it may leave its comment.
  defp examples(descriptor) do
    for member <- [descriptor | (descriptor["functions"] || []) ++ (descriptor["methods"] || [])],
        example <- (member["doc"] || %{})["examples"] || [],
        line <- [
          "#{member["name"]}:" | String.split(example, ["\r\n", "\n", "\r", "\u2028", "\u2029", "\v", "\f"])
        ] do
      ["# ", line |> Source.line(100) |> printable(), "\n"]
    end
  end

  defp printable(line),
    do:
      for(<<char::utf8 <- line>>, char >= 32 and String.printable?(<<char::utf8>>),
        into: "",
        do: <<char::utf8>>
      )
end

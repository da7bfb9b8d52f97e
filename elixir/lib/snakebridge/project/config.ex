defmodule SnakeBridge.Project.Config do
  @moduledoc """
  What a Mix project says about its wrappers: `snakebridge.exs` in the project's root, else `config :snakebridge, ...`.

  The file's last expression is a keyword list; `docs/wrappers.md` has the table of keys. It is read, composed and checked
  here, and nothing is generated.

      iex> {:ok, config} = SnakeBridge.Project.Config.new([libraries: [:math, numpy: [depth: 1]]], file: "snakebridge.exs")
      iex> for library <- config.libraries, do: {library.python, library.options[:depth]}
      [{"math", 0}, {"numpy", 1}]

      iex> {:error, error} = SnakeBridge.Project.Config.new([libraries: [numpy: [dept: 1]]], file: "snakebridge.exs")
      iex> Exception.message(error)
      "snakebridge.exs: libraries.numpy: there is no key dept\\nhint: did you mean depth?"

  ## Precedence

  What stands further down wins; keyword lists and maps are merged, key by key, and anything else is replaced. `nil` takes
  a key back to its default.

    1. the defaults
    2. keys of a library at the top level: `bang: true` for all libraries
    3. `extends:`, another library (of a function: another function), as it is composed itself
    4. `mixins:`, by their names in `mixins:` at the top level, in their order
    5. the keys that stand there

  A function's options are its library's, then those of its module in `modules:`, then those in `functions:`.
  """

  alias SnakeBridge.{Nearest, Options}
  alias SnakeBridge.Project.Error

  @enforce_keys [:root, :file]
  defstruct [
    :root,
    :file,
    :mode,
    :python,
    environment: ".venv",
    generated_dir: "lib/python_wrappers",
    store: "_build/snakebridge/store",
    strict: false,
    libraries: [],
    packages: [],
    prefetch: []
  ]

  @type library :: %{python: String.t(), options: keyword()}
  @type t :: %__MODULE__{
          root: Path.t(),
          file: Path.t() | nil,
          mode: :runtime | :compile_time,
          python: String.t() | nil,
          environment: Path.t(),
          generated_dir: Path.t(),
          store: Path.t(),
          strict: boolean(),
          libraries: [library()],
          packages: [String.t()],
          prefetch: [String.t()]
        }

  @file_name "snakebridge.exs"

  # Each key: what it may be.
  @call [
    as: {:option, :as},
    timeout: {:option, :timeout},
    session: {:option, :session},
    tags: :any,
    stream: :boolean,
    result: :function,
    error: :function,
    validate: :boolean
  ]
  @composed [extends: :name, mixins: :names]
  @function [name: :name] ++ @call ++ @composed
  @module [module: :module] ++ @call ++ @composed
  @of_library [
    prefix: :module,
    include: :names,
    exclude: :names,
    depth: :count,
    generate: {:one_of, [:used, :all]},
    private: :boolean,
    bang: :boolean,
    inherited: :boolean,
    max_arity: :count
  ]
  @library [module: :module, modules: {:each, @module}, functions: {:each, @function}] ++
             @of_library ++ @call ++ @composed
  @mixin Keyword.delete(@library, :module)
  @top [
         libraries: {:each, @library},
         mixins: {:each, @mixin},
         packages: :requirements,
         prefetch: :names,
         environment: :path,
         python: :path,
         mode: {:one_of, [:auto, :runtime, :compile_time]},
         generated_dir: :path,
         store: :path,
         strict: :boolean
       ] ++ @of_library ++ @call

  @defaults [depth: 0, generate: :used, bang: false, inherited: true, max_arity: 8, include: [], exclude: []]

  # Keys of `config :snakebridge` that are not about wrappers.
  @application_only [:included_applications, :decoders, :executor, :native, SnakeBridge.Render]

  @doc """
  The configuration of the project in this folder.

  Options: `:env`, the environment of Mix that `mode: :auto` looks at (default: `:dev`).
  """
  @spec load(Path.t(), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def load(root, opts \\ []) do
    file = Path.join(root, @file_name)

    if File.regular?(file) do
      with {:ok, given} <- eval(file), do: new(given, [root: root, file: file] ++ opts)
    else
      given = :snakebridge |> Application.get_all_env() |> Keyword.drop(@application_only)
      new(given, [root: root, file: nil] ++ opts)
    end
  end

  @doc "Like `load/2`, of what is given. Options: `:root`, `:file`, `:env`."
  @spec new(term(), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def new(given, opts \\ []) do
    place = opts[:file]
    given = check_keys(given, @top, [], place)
    libraries = Map.get(given, :libraries, %{})
    mixins = Map.get(given, :mixins, %{})
    common = given |> Map.take(Keyword.keys(@of_library ++ @call)) |> then(&merge(Map.new(@defaults), &1))
    context = %{place: place, mixins: mixins}

    libraries =
      for {name, _} <- Enum.sort(libraries) do
        own = compose(name, libraries, ["libraries"], context, [])
        library(name, merge(common, own), context)
      end

    check_names(libraries, place)

    fields =
      given
      |> Map.take([:python, :environment, :generated_dir, :store, :strict, :packages, :prefetch])
      |> Map.reject(fn {_, value} -> value == nil end)

    config = %__MODULE__{
      root: Path.expand(opts[:root] || File.cwd!()),
      file: place,
      mode: mode(Map.get(given, :mode) || :auto, opts[:env] || :dev),
      libraries: libraries
    }

    {:ok, struct!(config, fields)}
  rescue
    error in Error -> {:error, error}
  end

  @doc "Where something of the project is: a path of the configuration, in full."
  @spec path(t(), Path.t()) :: Path.t()
  def path(%__MODULE__{root: root}, path), do: Path.expand(path, root)

  defp mode(:auto, :prod), do: :compile_time
  defp mode(:auto, _), do: :runtime
  defp mode(mode, _), do: mode

  defp eval(file) do
    {given, _} = Code.eval_file(file)
    {:ok, given}
  rescue
    error in [SyntaxError, TokenMissingError, CompileError] ->
      {:error,
       %Error{
         file: file,
         message: Exception.message(error),
         hint: "the file is Elixir: a keyword list, [libraries: [...]]"
       }}

    error ->
      line = Enum.find_value(__STACKTRACE__, fn {_, _, _, info} -> info[:file] && info[:line] end)
      {:error, %Error{file: file, line: line, message: Exception.message(error)}}
  end

  # --- checking ---

  # A map of checked values; keys of named things are text.
  defp check_keys(given, known, path, place) do
    if not (Keyword.keyword?(given) or atom_map?(given)),
      do: fail(place, path, "a keyword list is expected, got: #{show(given)}", nil)

    for {key, value} <- given, into: %{} do
      case Keyword.fetch(known, key) do
        {:ok, kind} ->
          {key, if(value == nil, do: nil, else: check(kind, value, path ++ [to_string(key)], place))}

        :error ->
          fail(place, path, "there is no key #{key}", nearest(key, Keyword.keys(known)))
      end
    end
  end

  defp atom_map?(given), do: is_map(given) and not is_struct(given) and Enum.all?(Map.keys(given), &is_atom/1)

  defp check({:each, known}, value, path, place) do
    entries = if is_map(value) and not is_struct(value), do: Map.to_list(value), else: value

    if not proper?(entries),
      do:
        fail(place, path, "a list of names, or of names with options, is expected, got: #{show(value)}", nil)

    Enum.reduce(entries, %{}, fn entry, found ->
      {name, options} = named(entry, path, place)

      if Map.has_key?(found, name),
        do: fail(place, path, "#{name} is there twice", "write its options in one place")

      Map.put(found, name, check_keys(options, known, path ++ [name], place))
    end)
  end

  defp check({:one_of, values}, value, path, place) do
    if value in values do
      value
    else
      near = if is_atom(value), do: nearest(value, values)

      fail(
        place,
        path,
        "one of #{Enum.map_join(values, ", ", &inspect/1)} is expected, got: #{show(value)}",
        near
      )
    end
  end

  # As a call takes it.
  defp check({:option, name}, value, path, place) do
    if Options.fits?(name, value),
      do: value,
      else: fail(place, path, "#{Options.expected(name)} is expected, got: #{show(value)}", nil)
  end

  defp check(:names, value, path, place) do
    if proper?(value) and Enum.all?(value, &name?/1),
      do: Enum.map(value, &to_string/1),
      else: fail(place, path, "a list of names is expected, got: #{show(value)}", list_hint(value))
  end

  defp check(:requirements, value, path, place) do
    for requirement <- check(:names, value, path, place) do
      if requirement =~ ~r/\A[A-Za-z0-9][^\r\n]*\z/,
        do: requirement,
        else:
          fail(
            place,
            path,
            "#{requirement} does not begin with a package's name",
            "as numpy>=1.26, or name @ file:///path"
          )
    end
  end

  defp check(kind, value, path, place) do
    if valid?(kind, value),
      do: normal(kind, value),
      else: fail(place, path, "#{expected(kind)} is expected, got: #{show(value)}", hint(kind))
  end

  defp list_hint(value), do: if(name?(value), do: "write [#{inspect(value)}]")

  defp named({name, options}, path, place), do: {named_text(name, path, place), options}
  defp named(name, path, place), do: {named_text(name, path, place), []}

  defp named_text(name, path, place) do
    if name?(name),
      do: to_string(name),
      else:
        fail(
          place,
          path,
          "a name is expected, got: #{show(name)}",
          "a name of Python, as :numpy or \"os.path\""
        )
  end

  defp name?(name),
    do:
      (is_atom(name) and name not in [nil, true, false]) or
        (is_binary(name) and name != "" and String.valid?(name))

  defp proper?(list), do: is_list(list) and not List.improper?(list)

  defp valid?(:boolean, value), do: is_boolean(value)
  defp valid?(:count, value), do: is_integer(value) and value in 0..255
  defp valid?(:name, value), do: name?(value)
  defp valid?(:path, value), do: is_binary(value) and value != ""
  defp valid?(:any, value), do: literal?(value)

  defp valid?(:module, value),
    do:
      is_atom(value) and match?("Elixir." <> <<first, _::binary>> when first in ?A..?Z, Atom.to_string(value))

  defp valid?(:function, value) when is_function(value, 1),
    do: Function.info(value, :type) == {:type, :external}

  defp valid?(:function, {module, name}), do: is_atom(module) and is_atom(name)
  defp valid?(:function, _), do: false

  # It is written into a source file.
  defp literal?(value) when is_list(value), do: not List.improper?(value) and Enum.all?(value, &literal?/1)
  defp literal?(value) when is_tuple(value), do: value |> Tuple.to_list() |> literal?()
  defp literal?(value) when is_map(value) and not is_struct(value), do: value |> Map.to_list() |> literal?()
  defp literal?(value), do: is_atom(value) or is_number(value) or is_binary(value)

  defp normal(:name, value), do: to_string(value)

  defp normal(:function, value) when is_function(value) do
    info = Function.info(value)
    {info[:module], info[:name]}
  end

  defp normal(_, value), do: value

  defp expected(:boolean), do: "true or false"
  defp expected(:count), do: "a number from 0 to 255"
  defp expected(:name), do: "a name"
  defp expected(:path), do: "a path, as text,"
  defp expected(:any), do: "data that can be written as source"
  defp expected(:module), do: "a module's name"
  defp expected(:function), do: "a function of one argument, &Module.name/1 or {Module, :name},"

  defp hint(:function), do: "it is written into the wrapper: an anonymous function cannot be"
  defp hint(:module), do: "as Numpy or My.Python"
  defp hint(_), do: nil

  defp nearest(key, keys) do
    near = Nearest.name(key, keys)

    if near,
      do: "did you mean #{near}?",
      else: "it knows #{Enum.map_join(Enum.sort(keys), ", ", &to_string/1)}"
  end

  defp show(value), do: inspect(value, limit: 5, printable_limit: 60)

  @spec fail(Path.t() | nil, [String.t()], String.t(), String.t() | nil) :: no_return()
  defp fail(place, path, message, hint) do
    {place, path} = if place, do: {place, path}, else: {nil, ["config :snakebridge" | path]}
    where = if path == [], do: "", else: Enum.join(path, ".") <> ": "
    raise %Error{file: place, message: where <> message, hint: hint}
  end

  # --- composing ---

  defp compose(name, siblings, path, context, above) do
    path = path ++ [name]
    chain = above ++ [name]

    if name in above do
      start = Enum.drop_while(chain, &(&1 != name))

      fail(
        context.place,
        path ++ ["extends"],
        "it extends itself: #{Enum.join(start, " -> ")}",
        "take one of them out"
      )
    end

    own = Map.fetch!(siblings, name)

    extended =
      case own[:extends] do
        nil ->
          %{}

        other when is_map_key(siblings, other) ->
          siblings |> compose_of(other, path, context, chain) |> Map.delete(:module)

        other ->
          hint = nearest(other, Map.keys(siblings))
          fail(context.place, path ++ ["extends"], "there is no #{other}", hint)
      end

    extended
    |> merge(mixed(own[:mixins] || [], path, context, []))
    |> merge(Map.drop(own, [:extends, :mixins]))
  end

  defp compose_of(siblings, other, path, context, chain),
    do: compose(other, siblings, Enum.drop(path, -1), context, chain)

  # Later ones win; a mixin's own mixins come before it.
  defp mixed(names, path, context, above) do
    Enum.reduce(names, %{}, fn name, found ->
      chain = above ++ [name]
      place = path ++ ["mixins"]
      if name in above, do: fail(context.place, place, "it mixes itself in: #{Enum.join(chain, " -> ")}", nil)

      case context.mixins do
        %{^name => mixin} ->
          found
          |> merge(mixed(mixin[:mixins] || [], ["mixins", name], context, chain))
          |> merge(Map.drop(mixin, [:mixins, :extends]))

        mixins ->
          hint =
            if mixins == %{},
              do: "mixins are named at the top level: mixins: [#{name}: [...]]",
              else: nearest(name, Map.keys(mixins))

          fail(context.place, place, "there is no mixin #{name}", hint)
      end
    end)
  end

  defp merge(below, above), do: Map.merge(below, above, fn _, a, b -> merge_value(a, b) end)

  defp merge_value(%{} = a, %{} = b), do: merge(a, b)

  defp merge_value([_ | _] = a, [_ | _] = b),
    do: if(Keyword.keyword?(a) and Keyword.keyword?(b), do: Keyword.merge(a, b), else: b)

  defp merge_value(_, b), do: b

  defp library(name, options, context) do
    options =
      for {key, value} <- options, value == nil, reduce: options do
        options -> put_default(options, key, value)
      end

    modules = within(name, options[:modules] || %{}, ["libraries", name, "modules"], context, @module)
    functions = within(name, options[:functions] || %{}, ["libraries", name, "functions"], context, @function)
    options = options |> Map.merge(%{modules: modules, functions: functions}) |> Enum.sort()
    %{python: name, options: options}
  end

  defp put_default(options, key, _) do
    case Keyword.fetch(@defaults, key) do
      {:ok, value} -> Map.put(options, key, value)
      :error -> Map.delete(options, key)
    end
  end

  # The options of what is inside of a library, by its whole path. Mixins may have keys that belong elsewhere. What is nil
  # there stays, for calls: it takes back what the library, or the module, says.
  defp within(library, named, path, context, known) do
    for {name, _} <- named, into: %{} do
      options =
        name
        |> compose(named, path, context, [])
        |> Map.take(Keyword.keys(known))
        |> Enum.reject(fn {key, value} -> value == nil and not Keyword.has_key?(@call, key) end)
        |> Enum.sort()

      full =
        if name == library or String.starts_with?(name, library <> "."), do: name, else: "#{library}.#{name}"

      {full, options}
    end
  end

  defp check_names(libraries, place) do
    for {module, [a, b | _]} <- Enum.group_by(libraries, & &1.options[:module], & &1.python), module != nil do
      fail(
        place,
        ["libraries", b, "module"],
        "#{inspect(module)} is the module of #{a}",
        "give it another name"
      )
    end
  end
end

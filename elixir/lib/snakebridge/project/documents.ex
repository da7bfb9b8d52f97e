defmodule SnakeBridge.Project.Documents do
  @moduledoc """
  The documents of a project's libraries: from the store, where one was made before, else by introspection.

  Introspection is done by a worker of the project's Python, which runs as long as the function given to `open/2` does and
  is started when it is first needed: a project whose documents are all in the store needs no Python.
  """

  alias SnakeBridge.Generator
  alias SnakeBridge.Project.{Config, Error, Packages}
  alias SnakeBridge.{Schema, Session}
  alias SnakeBridge.Schema.{Diff, Store}

  @enforce_keys [:config, :session]
  defstruct [:config, :session, fresh: false, keep: true]

  @typedoc "`fresh`: the store is not asked; `keep`: it is written."
  @type t :: %__MODULE__{
          config: Config.t(),
          session: atom(),
          fresh: boolean(),
          keep: boolean()
        }

  @doc "Calls the function with what `get/3` needs. Options: `:fresh`, `:keep`."
  @spec open(Config.t(), keyword(), (t() -> result)) :: result when result: term()
  def open(%Config{} = config, opts \\ [], function) do
    session = :"snakebridge.introspection.#{System.unique_integer([:positive])}"
    documents = struct!(__MODULE__, [config: config, session: session] ++ opts)

    try do
      function.(documents)
    after
      if pid = Process.whereis(session), do: Session.stop(pid)
      Process.delete({__MODULE__, session})
    end
  end

  @doc """
  The document of a library, with these further modules.

  What came from the library's own Python is kept in the store. Errors name the library, and what to do.
  """
  @spec get(t(), Config.library(), [String.t()]) :: {:ok, map()} | {:error, Exception.t()}
  def get(%__MODULE__{} = documents, library, modules) do
    key = key(library, modules)

    with false <- documents.fresh,
         {:ok, document} <- Store.fetch(store(documents.config), key),
         true <- current?(document, environment(documents)) do
      {:ok, document}
    else
      _ -> introspect(documents, library, modules, key)
    end
  end

  @doc """
  What is installed: asked once, when a document is needed. nil where there is no Python.
  """
  @spec environment(t()) :: Packages.found() | nil
  def environment(%__MODULE__{session: session, config: config} = documents) do
    case Process.get({__MODULE__, session}) do
      nil ->
        found =
          with {:ok, python} <- Packages.python(config),
               {:ok, found} <- Packages.find(config, python),
               do: found,
               else: (_ -> :none)

        Process.put({__MODULE__, session}, found)
        environment(documents)

      :none ->
        nil

      found ->
        found
    end
  end

  # Without Python what is known must do.
  defp current?(_, nil), do: true

  defp current?(document, %{lock: lock}) do
    lock.python == "#{String.downcase(document["implementation"])} #{document["python"]}" and
      case document["package"] do
        %{"name" => name, "version" => version} ->
          installed = lock.packages[name |> String.downcase() |> String.replace(~r/[-_.]+/, "-")]
          installed == nil or installed.version == version

        _ ->
          true
      end
  end

  # --- the store ---

  # The one that was made last; whether it is of what is installed is seen in the document.
  defp key(library, modules), do: Store.key(library.python, questions(library, modules))

  defp store(config), do: Config.path(config, config.store)

  @doc "What has changed in Python between what the store has and this document, which is newer."
  @spec changes(t(), Config.library(), map()) :: [Diff.change()]
  def changes(documents, library, document) do
    modules = for %{"name" => name} <- document["modules"], name != library.python, do: name

    # With the modules that were found to be needed, or as the configuration alone has it.
    Enum.find_value([modules, []], [], fn modules ->
      case Store.fetch(store(documents.config), key(library, modules)) do
        {:ok, before} -> Diff.diff(before, document)
        :error -> nil
      end
    end)
  end

  # --- Python ---

  defp questions(library, modules) do
    options = library.options

    [
      depth: options[:depth] || 0,
      include: Enum.sort(Enum.uniq((options[:include] || []) ++ modules)),
      exclude: options[:exclude] || [],
      private: options[:private] || false
    ]
  end

  defp introspect(documents, library, modules, key) do
    kwargs = questions(library, modules)

    with :ok <- start(documents),
         {:ok, document} <-
           SnakeBridge.call("snakebridge.introspection", "introspect", [library.python], kwargs,
             session: documents.session
           ) do
      document = Schema.check!(document)
      # Where it cannot be written it is asked for again.
      if documents.keep, do: Store.put(store(documents.config), key, document)
      {:ok, document}
    else
      {:error, error} -> {:error, explained(error, library, documents.config)}
    end
  end

  @doc "Starts the worker that introspects, if it is not there."
  @spec start(t()) :: :ok | {:error, Exception.t()}
  def start(documents) do
    if Process.whereis(documents.session) do
      :ok
    else
      with {:ok, python} <- Packages.python(documents.config),
           {:ok, _} <- Application.ensure_all_started(:snakebridge),
           {:ok, _} <-
             Session.start_link(
               name: documents.session,
               python: python,
               cd: documents.config.root,
               prefetch: []
             ) do
        :ok
      end
    end
  end

  defp explained(%{class: class} = error, library, config)
       when class in ["ModuleNotFoundError", "ImportError"] do
    hint =
      if config.packages == [],
        do: "install it, or add it to packages: and run mix snakebridge.install",
        else: "run mix snakebridge.install"

    %Error{message: "#{library.python}: #{error.message}", hint: hint}
  end

  defp explained(%{message: message} = error, library, _),
    do: %Error{message: "#{library.python}: #{message}", hint: Map.get(error, :hint)}

  defp explained(error, library, _), do: %Error{message: "#{library.python}: #{inspect(error)}"}

  @doc "The options of `SnakeBridge.Generator.generate/2` that a library's configuration comes to."
  @spec generator_options(Config.library()) :: keyword()
  def generator_options(library),
    do: Keyword.drop(library.options, [:depth, :include, :exclude, :private, :generate, :extends, :mixins])

  @doc "Says how a library's wrappers are made: a hash of its configuration and of the generator."
  @spec options_hash(Config.library()) :: String.t()
  def options_hash(library) do
    {library.options, Generator.hash(), Schema.version()}
    |> :erlang.term_to_binary([:deterministic])
    |> then(&:crypto.hash(:sha256, &1))
    |> Base.encode16(case: :lower)
  end
end

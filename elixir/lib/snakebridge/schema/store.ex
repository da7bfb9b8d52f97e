defmodule SnakeBridge.Schema.Store do
  @moduledoc """
  Documents of introspection on disk, so that Python is asked only once for what has not changed.

  A document is kept under the hash of its content, and found by a key: what was asked for (root, depth, ..), and of which
  introspection. The key holds a hash of the sources of the introspection and the generator, so that what an older one wrote
  is not taken for the same. Of which package and Python a document is stands in itself, and whoever asks compares that.

      store
      ├── keys/<hash of a key>            names a document
      └── documents/<hash of its content>

  Files are written under another name and renamed, so that readers see a whole one or none, and two that write the same at
  once do no harm. What is read is checked against its name: a damaged file is as good as none, and is written again.

  It asks no Python, and decides nothing about generated files.
  """

  alias SnakeBridge.Files

  @format "snakebridge.store/1"

  @typedoc "The folder of a store."
  @type store :: Path.t()
  @typedoc "Of a document: SHA-256 of its content, in hexadecimal."
  @type hash :: String.t()
  @typedoc "What a document is found by: `key/2`, or any other term."
  @type key :: term()

  @doc """
  The key of what is asked of introspection: of which root, with which options.

      iex> SnakeBridge.Schema.Store.key("numpy", depth: 1) == SnakeBridge.Schema.Store.key("numpy", depth: 1)
      true
      iex> SnakeBridge.Schema.Store.key("numpy", depth: 1) == SnakeBridge.Schema.Store.key("numpy", depth: 2)
      false
  """
  @spec key(String.t(), keyword()) :: key()
  def key(root, options), do: {root, Enum.sort(options), introspection_hash()}

  @doc """
  The document of a key, if there is one and it is whole.

      iex> SnakeBridge.Schema.Store.fetch(Path.join(System.tmp_dir!(), "no-store"), :key)
      :error
  """
  @spec fetch(store(), key()) :: {:ok, map()} | :error
  def fetch(store, key), do: with({:ok, hash} <- named(store, key), do: get(store, hash))

  defp named(store, key) do
    with {:ok, hash} <- File.read(key_path(store, key)), true <- hash =~ ~r/\A[0-9a-f]{64}\z/ do
      {:ok, hash}
    else
      _ -> :error
    end
  end

  @doc "The document with this hash, if it is there and whole."
  @spec get(store(), hash()) :: {:ok, map()} | :error
  def get(store, hash) do
    with {:ok, content} <- File.read(document_path(store, hash)),
         true <- sha256(content) == hash,
         {@format, %{} = document} <- :erlang.binary_to_term(content, [:safe]) do
      {:ok, document}
    else
      _ -> :error
    end
  rescue
    # An atom that this library does not have: none of its documents.
    ArgumentError -> :error
  end

  @doc """
  Keeps a document, and lets a key name it. Gives its hash.

      iex> store = Path.join(System.tmp_dir!(), "snakebridge-store-\#{System.pid()}")
      iex> document = %{"schema" => "snakebridge.introspection/1", "root" => "math", "modules" => []}
      iex> {:ok, hash} = SnakeBridge.Schema.Store.put(store, :key, document)
      iex> {:ok, ^document} = SnakeBridge.Schema.Store.fetch(store, :key)
      iex> {:ok, ^document} = SnakeBridge.Schema.Store.get(store, hash)
      iex> {:ok, _} = File.rm_rf(store)
  """
  @spec put(store(), key(), map()) :: {:ok, hash()} | {:error, File.posix()}
  def put(store, key, document) do
    {hash, content} = content(document)
    with :ok <- write_all(store, key, hash, content), do: {:ok, hash}
  end

  defp content(document) do
    content = :erlang.term_to_binary({@format, document}, [:deterministic, {:compressed, 1}])
    {sha256(content), content}
  end

  defp write_all(store, key, hash, content) do
    with :ok <- keep(document_path(store, hash), content), do: write(key_path(store, key), hash)
  end

  @doc "The hashes of all documents that are kept."
  @spec list(store()) :: [hash()]
  def list(store) do
    case File.ls(Path.join(store, "documents")) do
      {:ok, names} -> names |> Enum.filter(&(&1 =~ ~r/\A[0-9a-f]{64}\z/)) |> Enum.sort()
      {:error, _} -> []
    end
  end

  @doc "Takes away documents that no key names, and what unfinished writing has left."
  @spec sweep(store()) :: :ok
  def sweep(store) do
    named =
      for path <- Files.matching(store, "keys/*"), {:ok, hash} <- [File.read(path)], do: hash

    for path <- Files.matching(store, "documents/*"),
        Path.basename(path) not in named,
        do: File.rm(path)

    for path <- Files.matching(store, "*/.*.part", match_dot: true), do: File.rm(path)
    :ok
  end

  # --- who writes documents ---

  @sources ~w(introspection/**/*.py descriptor.py signatures.py annotations.py docstrings.py restructured.py)

  # Says which introspection and generator these are: a hash of Python's sources and of the generator's modules.
  defp introspection_hash do
    python = Path.join(:code.priv_dir(:snakebridge), "python/snakebridge")

    sources =
      for pattern <- @sources, path <- Files.matching(python, pattern) do
        {Path.relative_to(path, python), File.read!(path)}
      end

    sha256(:erlang.term_to_binary({sources, SnakeBridge.Generator.hash()}, [:deterministic]))
  end

  # --- files ---

  defp key_path(store, key) do
    Path.join([store, "keys", sha256(:erlang.term_to_binary({@format, key}, [:deterministic]))])
  end

  defp document_path(store, hash), do: Path.join([store, "documents", hash])

  defp keep(path, content) do
    if File.read(path) == {:ok, content}, do: :ok, else: write(path, content)
  end

  defp write(path, content) do
    part = Path.join(Path.dirname(path), ".#{System.pid()}-#{System.unique_integer([:positive])}.part")

    with :ok <- File.mkdir_p(Path.dirname(path)), :ok <- File.write(part, content, [:sync]) do
      with {:error, reason} <- File.rename(part, path) do
        File.rm(part)
        {:error, reason}
      end
    end
  end

  defp sha256(content), do: :sha256 |> :crypto.hash(content) |> Base.encode16(case: :lower)
end

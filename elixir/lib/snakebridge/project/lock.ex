defmodule SnakeBridge.Project.Lock do
  @moduledoc """
  `snakebridge.lock`: with which Python, platform, packages and generator the wrappers were made. It is to be committed.

  Text, with one entry to a line, sorted, so that a difference of versions is a difference of lines:

      package numpy 2.1.0 sha256:5f4a...
      platform linux-x86_64
      python cpython 3.11.7

  The hash of a package is that of its files as its installer has recorded them: see `python/snakebridge/packages.py`.
  Nothing is installed or compared with Python here.
  """

  alias SnakeBridge.Project.{Error, Lines}

  @name "snakebridge.lock"
  @heading "What the wrappers were made with. Written by SnakeBridge, to be committed."

  defstruct python: nil, platform: nil, generator: nil, packages: %{}

  @type t :: %__MODULE__{
          python: String.t() | nil,
          platform: String.t() | nil,
          generator: String.t() | nil,
          packages: %{String.t() => %{version: String.t(), hash: String.t()}}
        }

  @doc "Where it is."
  @spec path(Path.t()) :: Path.t()
  def path(root), do: Path.join(root, @name)

  @doc "The lock of the project in this folder; an empty one where there is none."
  @spec read(Path.t()) :: {:ok, t()} | {:error, Error.t()}
  def read(root), do: root |> path() |> Lines.read(%__MODULE__{}, &parse(&1, path(root)))

  @doc """
  A lock's text, read.

      iex> {:ok, lock} = SnakeBridge.Project.Lock.parse("package six 1.17.0 sha256:fc57\\npython cpython 3.11.7\\n", "x.lock")
      iex> {lock.python, lock.packages["six"].version}
      {"cpython 3.11.7", "1.17.0"}
  """
  @spec parse(String.t(), Path.t()) :: {:ok, t()} | {:error, Error.t()}
  def parse(text, file), do: Lines.parse(text, file, %__MODULE__{}, &entry/2)

  defp entry(["python", name, version], lock), do: %{lock | python: "#{name} #{version}"}
  defp entry(["platform", platform], lock), do: %{lock | platform: platform}
  defp entry(["generator", generator], lock), do: %{lock | generator: generator}

  defp entry(["package", name, version, "sha256:" <> hash], lock),
    do: %{lock | packages: Map.put(lock.packages, name, %{version: version, hash: hash})}

  defp entry(_, _), do: nil

  @doc "Its text."
  @spec render(t()) :: String.t()
  def render(%__MODULE__{} = lock) do
    packages =
      for {name, %{version: version, hash: hash}} <- lock.packages,
          do: "package #{name} #{version} sha256:#{hash}"

    others =
      for key <- [:generator, :platform, :python], value = Map.fetch!(lock, key), do: "#{key} #{value}"

    Lines.render(@heading, packages ++ others)
  end

  @doc """
  What differs between two locks, as lines for a reader; in the second is what is there.

      iex> there = %SnakeBridge.Project.Lock{packages: %{"six" => %{version: "1.17.0", hash: "a"}}}
      iex> SnakeBridge.Project.Lock.differences(%SnakeBridge.Project.Lock{}, there)
      ["six 1.17.0 is not in the lock"]
  """
  @spec differences(t(), t()) :: [String.t()]
  def differences(%__MODULE__{} = lock, %__MODULE__{} = there) do
    environment =
      for key <- [:python, :platform],
          {old, new} = {Map.fetch!(lock, key), Map.fetch!(there, key)},
          old != nil and new != nil and old != new,
          do: "#{key} is #{new}, locked is #{old}"

    names = Enum.uniq(Map.keys(lock.packages) ++ Map.keys(there.packages)) |> Enum.sort()
    environment ++ Enum.flat_map(names, &difference(&1, lock.packages[&1], there.packages[&1]))
  end

  defp difference(_, same, same), do: []
  defp difference(name, nil, %{version: version}), do: ["#{name} #{version} is not in the lock"]
  defp difference(name, %{version: version}, nil), do: ["#{name} #{version} is locked, and not installed"]

  defp difference(name, %{version: version}, %{version: version}),
    do: ["#{name} #{version} is installed with other files than the locked ones"]

  defp difference(name, %{version: locked}, %{version: version}),
    do: ["#{name} is #{version}, locked is #{locked}"]
end

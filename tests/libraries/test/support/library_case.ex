defmodule LibraryCase do
  @moduledoc """
  The case of a file of the matrix: one library, a worker of its own, natural syntax and the functions of `SnakeBridge`.

      defmodule NumpyTest do
        use LibraryCase, library: "numpy"

  names the distribution, as in requirements.txt; the file is skipped where Python has not installed it. A file about
  the standard library says `standard_library: "numbers"` instead.

  It installs nothing: that is what scripts/libraries.sh does.
  """

  alias SnakeBridge.{Lane, Session}

  @counted {Lane, :request, 4}

  defmacro __using__(options) do
    {name, tags} = library(options)

    quote do
      use ExUnit.Case, async: false
      use SnakeBridge
      import SnakeBridge, except: [apply: 2, apply: 3, import: 1, import: 2]
      import LibraryCase, only: [since: 1]

      @moduletag [library: unquote(name)] ++ unquote(tags)

      setup_all do
        LibraryCase.fresh_worker()
      end

      setup do
        LibraryCase.count(unquote(name))
      end
    end
  end

  # Asked while the file is compiled, for what is skipped must be known before it runs.
  defp library(standard_library: part) do
    {"#{part} (standard library)", [version: SnakeBridge.call!("platform", "python_version")]}
  end

  defp library(library: name) do
    case SnakeBridge.call("importlib.metadata", "version", [name]) do
      {:ok, version} -> {name, [version: version]}
      {:error, _} -> {name, [version: nil, skip: "#{name} is not installed"]}
    end
  end

  @doc "A tag that skips a test where Python is older: `@tag since({3, 12})`."
  @spec since({pos_integer(), non_neg_integer()}) :: keyword()
  def since({major, minor} = version) do
    {found_major, found_minor} = SnakeBridge.get!("sys", "version_info") |> Enum.take(2) |> List.to_tuple()
    if {found_major, found_minor} < version, do: [skip: "Python is older than #{major}.#{minor}"], else: []
  end

  @doc "Libraries stay apart: what one of them does to its process cannot help or harm the next."
  @spec fresh_worker() :: :ok
  def fresh_worker do
    if Process.whereis(Session), do: Session.stop()
    :ok
  end

  # --- calls ---

  @doc "From now on the BEAM counts the requests to Python, of all processes."
  @spec count_calls() :: :ok
  def count_calls do
    {module, function, arity} = @counted
    Code.ensure_loaded!(module)
    1 = :erlang.trace_pattern({module, function, arity}, true, [:call_count])
    :ets.new(__MODULE__, [:named_table, :public])
    :ok
  end

  @doc "Adds the requests of the test that begins to those of its library."
  @spec count(String.t()) :: :ok
  def count(library) do
    before = requests()

    ExUnit.Callbacks.on_exit(fn ->
      :ets.update_counter(__MODULE__, library, requests() - before, {library, 0})
    end)
  end

  @doc "How many requests the tests of a library have made."
  @spec calls(String.t()) :: non_neg_integer()
  def calls(library) do
    case :ets.lookup(__MODULE__, library) do
      [{^library, count}] -> count
      [] -> 0
    end
  end

  defp requests do
    {:call_count, count} = :erlang.trace_info(@counted, :call_count)
    count
  end
end

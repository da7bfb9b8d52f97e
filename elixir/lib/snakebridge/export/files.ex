defmodule SnakeBridge.Export.Files do
  @moduledoc """
  The files around a project's modules: `mix.exs`, supervision, the test, the packages, the README.

  Only texts are made here; `SnakeBridge.Export` writes them.
  """

  alias SnakeBridge.Export.{Code, Modules, Plan, Replay}
  alias SnakeBridge.Ref

  # What is longer is compared by its shape.
  @longest 2_000

  @doc "Those that any project has. `packages` are requirements, `dependency` the one on this library, as code."
  @spec project(map(), String.t()) :: [{Path.t(), String.t()}]
  def project(input, dependency) do
    %{app: app, module: module} = input

    [
      {"mix.exs",
       """
       defmodule #{module}.MixProject do
         use Mix.Project

         def project do
           [
             app: :#{app},
             version: "0.1.0",
             elixir: "~> 1.15",
             start_permanent: Mix.env() == :prod,
             deps: deps()
           ]
         end

         def application do
           [mod: {#{module}.Application, []}, extra_applications: [:logger]]
         end

         defp deps do
           [#{dependency}]
         end
       end
       """
       |> Code.format()},
      {".formatter.exs",
       ~s([inputs: ["{mix,.formatter}.exs", "{config,lib,test}/**/*.{ex,exs}"]]) |> Code.format()},
      {".gitignore", "/_build/\n/deps/\n/.venv/\n"},
      {"config/runtime.exs",
       """
       import Config

       # The interpreter, or the folder of an environment; else the active one, or the nearest .venv, is taken.
       if python = System.get_env("SNAKEBRIDGE_PYTHON") do
         config :#{app}, python: python
       end
       """},
      {"snakebridge.exs",
       "[\n  packages: #{inspect(input.packages, limit: :infinity)}\n]\n" |> Code.format()},
      {"lib/#{app}/application.ex", application(input)},
      {"test/test_helper.exs", "ExUnit.start()\n"},
      {"README.md", readme(input)}
    ]
  end

  @doc "The supervisor, with a session of Python under it."
  @spec application(map()) :: String.t()
  def application(%{app: app, module: module}) do
    """
    defmodule #{module}.Application do
      @moduledoc false

      use Application

      @impl true
      def start(_type, _args) do
        children = [{SnakeBridge.Session, python: Application.get_env(:#{app}, :python)}]
        Supervisor.start_link(children, strategy: :one_for_one, name: #{module}.Supervisor)
      end
    end
    """
    |> Code.format()
  end

  defp readme(input) do
    packages = if input.packages == [], do: "none", else: Enum.map_join(input.packages, ", ", &"`#{&1}`")

    """
    # #{input.module}

    Made from the session *#{input.name}* of SnakeBridge.

    ```console
    $ mix deps.get
    $ mix snakebridge.install    # the Python packages, into .venv
    $ mix test
    $ iex -S mix
    iex> #{input.module}.run()
    ```

    | | |
    |---|---|
    | Elixir | #{input.elixir || System.version()} in the session |
    | Python | #{input.python || "3.10 or later"} in the session |
    | packages | #{packages} |

    | file | |
    |---|---|
    | `lib/#{input.app}.ex` | `run/1`: what the session did, in its order |
    | `lib/#{input.app}/python.ex` | the Python, as drops |
    | `lib/#{input.app}/steps.ex` | the Elixir |
    | `lib/#{input.app}/application.ex` | Python's process, supervised |
    | `test/#{input.app}_test.exs` | compares with what the session gave |
    #{if input.bridge == "vendor", do: "| `vendor/snakebridge` | the bridge, with its native parts as they were built for #{:erlang.system_info(:system_architecture)} |\n"}
    A release takes the Python of `$SNAKEBRIDGE_PYTHON`, of `$VIRTUAL_ENV`, or `python3`:

    ```console
    $ MIX_ENV=prod mix release
    $ _build/prod/rel/#{input.app}/bin/#{input.app} eval 'Application.ensure_all_started(:#{input.app}); IO.inspect(#{input.module}.run())'
    ```
    #{notes(input.notes)}
    """
    |> String.replace(~r/\n{3,}/, "\n\n")
    |> String.trim_trailing()
    |> Kernel.<>("\n")
  end

  defp notes([]), do: ""
  defp notes(notes), do: "\n## What differs from the session\n\n" <> Enum.map_join(notes, "\n", &"- #{&1}")

  # --- the test ---

  @doc "Compares the results with those of the session; what varies, by its shape."
  @spec test(Plan.t(), Replay.t(), map()) :: String.t()
  def test(plan, replay, %{module: module}) do
    tests = for name <- plan.results, do: result(name, replay)

    skip =
      if plan.missing != [],
        do: "@moduletag skip: \"run/1 wants values for: #{Enum.join(plan.missing, ", ")}\""

    """
    defmodule #{module}Test do
      use ExUnit.Case, async: true

      #{skip}

      setup_all do
        {:ok, results: #{module}.run()}
      end

      #{Enum.join(tests, "\n\n")}
      #{if Enum.any?(tests, &(&1 =~ "close?(")), do: close()}
    end
    """
    |> Code.format()
  end

  defp result(name, replay) do
    actual = "results[#{inspect(Modules.key(name))}]"

    assertion =
      case replay.values do
        %{^name => value} -> assertion(actual, value, MapSet.member?(replay.varying, name))
        _ -> "assert is_map_key(results, #{inspect(Modules.key(name))})"
      end

    "test #{inspect(name)}, %{results: results} do\n#{assertion}\nend"
  end

  defp assertion(actual, value, true), do: "# Differs from run to run.\n" <> shape(actual, value)

  defp assertion(actual, %Ref{} = ref, false) do
    text = Replay.text(ref)
    type = shape(actual, ref)

    if byte_size(text) <= @longest and not (text =~ ~r/0x[0-9a-fA-F]{6}/) and String.printable?(text) and
         not (text =~ "\\") and
         not (text =~ ~s(""")),
       do: "#{type}\nassert inspect(#{actual}) == #{quoted(inspect(ref))}",
       else: type
  rescue
    _ -> shape(actual, ref)
  end

  defp assertion(actual, value, false) when is_float(value),
    do: "assert_in_delta #{actual}, #{inspect(value)}, #{inspect(max(abs(value) * 1.0e-9, 1.0e-12))}"

  defp assertion(actual, nil, false), do: "assert #{actual} == nil"
  defp assertion(actual, bool, false) when is_boolean(bool), do: "assert #{actual} == #{bool}"

  defp assertion(actual, value, false) do
    text = inspect(value, limit: :infinity, printable_limit: :infinity)

    cond do
      not plain?(value) or byte_size(text) > @longest -> shape(actual, value)
      floats?(value) -> "assert close?(#{actual}, #{text})"
      true -> "assert #{actual} == #{text}"
    end
  end

  defp quoted(text), do: inspect(text, printable_limit: :infinity)

  defp shape(actual, %Ref{type: type}), do: "assert %SnakeBridge.Ref{type: #{inspect(type)}} = #{actual}"
  defp shape(actual, value) when is_integer(value), do: "assert is_integer(#{actual})"
  defp shape(actual, value) when is_float(value), do: "assert is_float(#{actual})"
  defp shape(actual, value) when is_binary(value), do: "assert is_binary(#{actual})"
  defp shape(actual, value) when is_list(value), do: "assert is_list(#{actual})"
  defp shape(actual, %module{}), do: "assert %#{inspect(module)}{} = #{actual}"
  defp shape(actual, value) when is_map(value), do: "assert is_map(#{actual})"
  defp shape(actual, value) when is_tuple(value), do: "assert is_tuple(#{actual})"
  defp shape(actual, value) when is_function(value), do: "assert is_function(#{actual})"
  defp shape(actual, value) when is_pid(value), do: "assert is_pid(#{actual})"
  defp shape(actual, value) when is_atom(value), do: "assert is_atom(#{actual})"
  defp shape(actual, _), do: "assert #{actual} != nil"

  # What `inspect/1` writes as code.
  defp plain?(value) when is_number(value) or is_binary(value) or is_atom(value), do: true
  defp plain?(value) when is_list(value), do: not List.improper?(value) and Enum.all?(value, &plain?/1)
  defp plain?(value) when is_tuple(value), do: value |> Tuple.to_list() |> plain?()
  defp plain?(%module{}), do: module in [Date, Time, NaiveDateTime, Range]
  defp plain?(value) when is_map(value), do: Enum.all?(value, fn {k, v} -> plain?(k) and plain?(v) end)
  defp plain?(_), do: false

  defp floats?(value) when is_float(value), do: true
  defp floats?(value) when is_list(value), do: Enum.any?(value, &floats?/1)
  defp floats?(value) when is_tuple(value), do: value |> Tuple.to_list() |> floats?()
  defp floats?(%_{}), do: false
  defp floats?(value) when is_map(value), do: Enum.any?(value, fn {_, v} -> floats?(v) end)
  defp floats?(_), do: false

  defp close do
    """

    # Equal, but for the last digits of floats.
    defp close?(a, b) when is_float(a) and is_float(b), do: abs(a - b) <= 1.0e-9 * max(abs(a), abs(b))
    defp close?([a | as], [b | bs]), do: close?(a, b) and close?(as, bs)
    defp close?(a, b) when is_tuple(a) and is_tuple(b), do: close?(Tuple.to_list(a), Tuple.to_list(b))
    defp close?(%{} = a, %{} = b), do: close?(Enum.sort(Map.to_list(a)), Enum.sort(Map.to_list(b)))
    defp close?(a, b), do: a == b
    """
  end
end

defmodule SnakeBridge.StubProjectTest do
  use ExUnit.Case, async: true

  # What `mix test` of a project needs of the system: no Python is among it.
  @commands ~w(sh bash env dirname basename readlink sed uname expr cat ls stty tr grep awk rm mkdir id) ++
              ~w(erl elixir mix)

  @files %{
    "mix.exs" => """
    defmodule Wine.MixProject do
      use Mix.Project
      def project, do: [app: :wine, version: "0.1.0", prune_code_paths: false]
      def application, do: [mod: {Wine, []}, extra_applications: [:logger, :snakebridge]]
    end
    """,
    "config/config.exs" => """
    import Config
    if config_env() == :test, do: config(:snakebridge, executor: SnakeBridge.Stub)
    """,
    "lib/wine.ex" => """
    defmodule Wine do
      use Application
      use SnakeBridge

      def start(_, _) do
        children = [{SnakeBridge.Session, name: Wine.Python, start: :eager}, {SnakeBridge.Pool, name: Wine.Pool, size: 2}]
        Supervisor.start_link(children, strategy: :one_for_one)
      end

      def mean(path) do
        pd = SnakeBridge.import!("pandas")
        pd.read_csv(path, sep: ";")["quality"].mean()
      end

      def root(session), do: SnakeBridge.call!("math", "sqrt", [16], [], session: session)
    end
    """,
    "test/test_helper.exs" => "ExUnit.start()",
    "test/wine_test.exs" => """
    defmodule WineTest do
      use ExUnit.Case, async: true
      alias SnakeBridge.Stub

      setup :verify
      def verify(_), do: Stub.verify_on_exit!()

      test "there is no Python" do
        assert System.find_executable("python3") == nil
        assert {:error, _} = SnakeBridge.Worker.python()
      end

      test "the default session" do
        column = Stub.object("pandas.Series", methods: %{mean: 5.8})
        frame = Stub.object("pandas.DataFrame", methods: %{__getitem__: fn ["quality"], _ -> column end})
        Stub.expect("pandas.read_csv", fn ["wine.csv"], %{"sep" => ";"} -> frame end)
        assert Wine.mean("wine.csv") == 5.8
      end

      test "sessions and pools of the application" do
        for session <- [Wine.Python, Wine.Pool] do
          Stub.stub("math.sqrt", 4.0, session: session)
          assert Wine.root(session) == 4.0
        end

        assert SnakeBridge.Pool.checkout(Wine.Pool, &Wine.root/1) == 4.0
        assert {:ok, %{size: 1}} = SnakeBridge.Pool.usage(Wine.Pool)
      end

      test "what has no answer" do
        assert_raise Stub.UnexpectedCallError, fn -> Wine.mean("x") end
      end

      test "recordings cannot be made" do
        assert_raise SnakeBridge.BridgeError, ~r/no python3 was found/, fn ->
          Stub.record("x.exs", fn -> Wine.mean("x") end)
        end
      end
    end
    """
  }

  test "a project's tests run where no Python is" do
    folder = Path.join(System.tmp_dir!(), "sbs#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(folder) end)
    bin = Path.join(folder, "bin")
    File.mkdir_p!(bin)
    for name <- @commands, path = System.find_executable(name), do: File.ln_s!(path, Path.join(bin, name))

    for {name, text} <- @files do
      path = Path.join([folder, "wine", name])
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, text)
    end

    ebin = :snakebridge |> :code.lib_dir() |> Path.join("ebin")
    without = for name <- ~w(VIRTUAL_ENV CONDA_PREFIX MIX_ENV MIX_BUILD_PATH ERL_LIBS), do: {name, nil}

    {output, status} =
      System.cmd(System.find_executable("elixir"), ["-pa", ebin, "-S", "mix", "test"],
        cd: Path.join(folder, "wine"),
        env: [{"PATH", bin} | without],
        stderr_to_stdout: true
      )

    assert {status, output =~ "5 tests, 0 failures"} == {0, true}, output
    refute output =~ "warning"
  end
end

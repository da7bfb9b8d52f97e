defmodule SnakeBridge.Project.FreshTest do
  @moduledoc "A new project, from `mix new` on, with real mix."
  use ExUnit.Case, async: true

  import SnakeBridge.MixProject.Fresh

  @moduletag timeout: 600_000

  @source """
  defmodule Fresh do
    alias Pathlib.PurePosixPath, as: P
    alias Xml.{Dom, Etree}

    def root(x), do: Math.sqrt(x)
    def tau, do: Math.tau()
    def name(path), do: P.new(path) |> elem(1) |> P.name()
    def dump(x), do: x |> Json.dumps(sort_keys: true)
    def each(xs), do: Enum.map(xs, &Math.isqrt/1)
    def parse(text), do: Etree.ElementTree.fromstring(text)
    def dom(text), do: Dom.Minidom.parseString(text)
  end
  """

  @test """
  defmodule FreshTest do
    use ExUnit.Case
    test "wrappers" do
      assert Fresh.root(16) == {:ok, 4.0}
      assert Fresh.tau() == {:ok, 6.283185307179586}
      assert Fresh.name("/a/b.c") == {:ok, "b.c"}
      assert Fresh.dump(%{b: 1, a: 2}) == {:ok, ~s|{"a": 2, "b": 1}|}
      assert Fresh.each([4, 9]) == [ok: 2, ok: 3]
      assert {:ok, %SnakeBridge.Ref{type: "xml.etree.ElementTree.Element"}} = Fresh.parse("<a/>")
      assert {:ok, %SnakeBridge.Ref{}} = Fresh.dom("<a/>")
    end
  end
  """

  @config "[libraries: [:math, :json, :pathlib, :statistics, :xml]]\n"

  defp project(more \\ %{}) do
    files = %{"lib/fresh.ex" => @source, "test/fresh_test.exs" => @test, "snakebridge.exs" => @config}
    folder = files |> Map.merge(more) |> new()
    on_exit(fn -> folder |> Path.dirname() |> File.rm_rf!() end)
    folder
  end

  defp run!(folder, arguments, opts \\ []) do
    {text, status} = mix(folder, arguments, opts)
    assert status == 0, text
    text
  end

  defp files(folder),
    do:
      folder
      |> Path.join("lib/**/*.ex")
      |> Path.wildcard()
      |> Enum.map(&Path.relative_to(&1, folder))
      |> Enum.sort()

  defp read(folder, name), do: folder |> Path.join(name) |> File.read!()

  test "while it is developed: modules without files, those that are not used yet, and a change of the configuration" do
    folder = project()
    refute run!(folder, ["compile", "--warnings-as-errors"]) =~ "warning"
    assert run!(folder, ["compile"]) == ""
    assert run!(folder, ["test"], env: "test") =~ "1 test, 0 failures"
    assert files(folder) == ["lib/fresh.ex"]
    refute File.exists?(Path.join(folder, "snakebridge.manifest"))

    # Not in the source: found when they are called; a submodule and a class, too.
    code = """
    IO.inspect({Statistics.mean([1, 2, 6]), Pathlib.PureWindowsPath.new("c:/a"), Json.Decoder.__python__().path})
    :ok = SnakeBridge.Project.load(Xml.Sax.Saxutils)
    IO.inspect({Xml.Sax.Saxutils.escape("<"), Code.fetch_docs(Statistics) |> elem(0)})
    try do Math.nothing(1) rescue error in UndefinedFunctionError -> IO.puts(Exception.message(error)) end
    try do Statistics.nothing(1) rescue error in UndefinedFunctionError -> IO.puts(Exception.message(error)) end
    """

    text = run!(folder, ["run", "-e", code])
    assert text =~ "{{:ok, 3}, {:ok, #Python<PureWindowsPath('c:/a')>}, \"json.decoder\"}"
    assert text =~ ~s|{{:ok, "&lt;"}, :docs_v1}|
    assert text =~ "function Math.nothing/1 is undefined"
    assert text =~ "function Statistics.nothing/1 is undefined"

    # In the running system.
    code = """
    false = Code.ensure_loaded?(Colorsys)
    File.write!("snakebridge.exs", "[libraries: [:colorsys, math: [bang: true]]]")
    :ok = SnakeBridge.Project.reload()
    IO.inspect({Colorsys.rgb_to_hsv(1, 0, 0), Math.sqrt!(4), Code.ensure_loaded?(Statistics)})
    """

    assert run!(folder, ["run", "-e", code]) =~ "{{:ok, {0.0, 1.0, 1}}, 2.0, false}"
  end

  test "a library that is added when it is used already: nothing more is said of its absence" do
    folder = project(%{"lib/more.ex" => "defmodule More do\n  def f, do: Colorsys.rgb_to_hsv(1, 0, 0)\nend"})
    assert run!(folder, ["compile"]) =~ "Colorsys.rgb_to_hsv/3 is undefined"

    # With a function of the project's own, whose module is loaded when the configuration is read.
    write(folder, %{
      "snakebridge.exs" => String.replace(@config, ":xml", ":xml, colorsys: [result: &Fresh.name/1]")
    })

    refute run!(folder, ["compile", "--warnings-as-errors"]) =~ "warning"

    write(folder, %{
      "lib/wrong.ex" => """
      defmodule Wrong do
        def a, do: Pathlib.Paht.new()
        def b, do: Pathlib.path("/")
        def c, do: Pathlib.Path.drvie(1)
      end
      """
    })

    text = run!(folder, ["compile"])
    nothing = "Python has nothing that would be Pathlib"
    assert text =~ "#{nothing}.Paht.new\nhint: did you mean Pathlib.Path?\n  lib/wrong.ex:2"

    assert text =~
             ~s|#{nothing}.path\nhint: what has no wrapper can be called by its name: Pathlib.call("path"|

    assert text =~
             ~s|#{nothing}.Path.drvie\nhint: what has no wrapper is reached by its name: SnakeBridge.method(|

    File.rm!(Path.join(folder, "lib/wrong.ex"))

    write(folder, %{"snakebridge.exs" => @config})
    assert run!(folder, ["compile"]) =~ "Colorsys.rgb_to_hsv/3 is undefined"
  end

  test "in an umbrella each application has its own" do
    folder = new(%{})
    on_exit(fn -> folder |> Path.dirname() |> File.rm_rf!() end)
    File.rm_rf!(Path.join(folder, "lib"))

    app = fn name ->
      mix_exs(~s|build_path: "../../_build", deps_path: "../../deps", lockfile: "../../mix.lock",|)
      |> String.replace("Fresh.MixProject", "#{Macro.camelize(name)}.MixProject")
      |> String.replace(":fresh", ":#{name}")
    end

    write(folder, %{
      "mix.exs" => """
      defmodule Umbrella.MixProject do
        use Mix.Project
        def project, do: [apps_path: "apps", version: "0.1.0"]
      end
      """,
      "apps/one/mix.exs" => app.("one"),
      "apps/one/snakebridge.exs" => "[libraries: [:statistics]]",
      "apps/one/lib/one.ex" => "defmodule One do\n  def f, do: Statistics.mean([1, 3])\nend",
      "apps/two/mix.exs" => app.("two"),
      "apps/two/snakebridge.exs" => "[libraries: [:math]]",
      "apps/two/lib/two.ex" => "defmodule Two do\n  def f, do: Math.sqrt(4)\nend"
    })

    refute run!(folder, ["compile", "--warnings-as-errors"]) =~ "warning"
    assert run!(folder, ["run", "-e", "IO.inspect({One.f(), Two.f()})"]) =~ "{{:ok, 2}, {:ok, 2.0}}"
    assert run!(folder, ["snakebridge.generate"]) =~ "lib/python_wrappers/math.ex"
    assert File.regular?(Path.join(folder, "apps/one/lib/python_wrappers/statistics.ex"))
  end

  test "for production: files, which compile without Python; strictness; what generate would change; tests; clean" do
    folder = project()
    prod = [env: "prod"]
    text = run!(folder, ["compile"], prod)
    assert text =~ ~r/Generated \d+ files of wrappers/
    assert run!(folder, ["compile"], prod) == ""
    generated = files(folder)
    assert "lib/python_wrappers/pathlib/pure_posix_path.ex" in generated
    assert "lib/python_wrappers/xml/etree/element_tree.ex" in generated
    refute Enum.any?(generated, &(&1 =~ "statistics"))
    manifest = read(folder, "snakebridge.manifest")
    assert manifest =~ "function Math.sqrt 1..3 math.sqrt\n"
    assert read(folder, "snakebridge.lock") =~ ~r/^python cpython 3\.\d+\.\d+$/m
    run!(folder, ["format", "--check-formatted" | generated -- ["lib/fresh.ex"]])

    # Where no Python is, and nothing is known of it.
    File.rm_rf!(Path.join(folder, "_build/prod/lib/fresh"))
    File.rm_rf!(Path.join(folder, "_build/snakebridge"))
    without = [python: false] ++ prod
    text = run!(folder, ["compile", "--warnings-as-errors", "--strict"], without)
    refute text =~ "warning"
    assert read(folder, "snakebridge.manifest") == manifest

    # A new use, and another number of arguments of an old one.
    write(folder, %{
      "lib/more.ex" =>
        "defmodule More do\n  def f(x), do: Math.cbrt(x)\n  def g(x), do: Math.sqrt(x, [], timeout: 1000)\nend"
    })

    assert {text, 1} = mix(folder, ["compile", "--strict"], prod)
    assert text =~ "error: there is no wrapper Math.cbrt/1\nhint: run mix snakebridge.generate"
    assert text =~ "lib/more.ex:2"
    refute text =~ "Math.sqrt"
    assert {text, 1} = mix(folder, ["compile"], without)
    assert text =~ "error: there is no wrapper Math.cbrt/1: "
    assert text =~ "lib/more.ex:2"
    assert read(folder, "snakebridge.manifest") == manifest

    # Libraries that have files keep them, while it is developed as well.
    assert run!(folder, ["snakebridge.diff"]) =~ "+ Math.cbrt/1..3"
    assert run!(folder, ["compile"]) =~ "Generated 1 file of wrappers"
    assert run!(folder, ["snakebridge.diff", "--exit-code"]) =~ "nothing would change"
    assert run!(folder, ["compile", "--strict"], without) =~ "Compiling"

    # Less is used, and it stays until it is asked for.
    File.rm!(Path.join(folder, "lib/more.ex"))
    run!(folder, ["compile"], prod)
    assert read(folder, "snakebridge.manifest") =~ "Math.cbrt"
    run!(folder, ["snakebridge.generate"], prod)
    assert read(folder, "snakebridge.manifest") == manifest

    # What was changed by hand is made again.
    file = "lib/python_wrappers/math.ex"
    before = read(folder, file)
    File.write!(Path.join(folder, file), before <> "# by hand\n")
    assert run!(folder, ["snakebridge.doctor"], prod) =~ "#{file} is not as it was generated"
    run!(folder, ["compile"], prod)
    assert read(folder, file) == before

    assert run!(folder, ["snakebridge.gen.tests"], prod) =~ "test/python_wrappers/math_test.exs"
    assert run!(folder, ["test"], env: "test") =~ " 0 failures"
    assert run!(folder, ["snakebridge.diff", "--exit-code"]) =~ "nothing would change"

    run!(folder, ["snakebridge.clean"], prod)
    assert files(folder) == ["lib/fresh.ex"]
    refute File.exists?(Path.join(folder, "snakebridge.manifest"))
    assert File.exists?(Path.join(folder, "snakebridge.lock"))
  end

  test "what is wrong with the configuration is told with its place, and where the fault is Python's, with the call's" do
    folder = project(%{"snakebridge.exs" => "[libraries: [math: [dept: 1]]]"})
    assert {text, 1} = mix(folder, ["compile"])
    assert text =~ "error: libraries.math: there is no key dept\nhint: did you mean depth?\n  snakebridge.exs"
    assert {text, 1} = mix(folder, ["snakebridge.doctor"])
    assert text =~ "FAIL snakebridge.exs: libraries.math: there is no key dept"
    assert {text, 1} = mix(folder, ["snakebridge.generate", "math"])
    assert text =~ "unexpected argument: math\nhint: "

    write(folder, %{
      "snakebridge.exs" =>
        "[mode: :compile_time, libraries: [:math, :not_installed], packages: [\"not-installed>=1\"]]",
      "lib/fresh.ex" =>
        "defmodule Fresh do\n  def f(x), do: Math.sqroot(x)\n\n  def g, do: NotInstalled.f()\nend"
    })

    assert {text, 1} = mix(folder, ["compile"])

    assert text =~
             "warning: Python has nothing that would be Math.sqroot\nhint: did you mean sqrt?\n  lib/fresh.ex:2"

    assert text =~ "No module named 'not_installed'\nhint: run mix snakebridge.install\n  lib/fresh.ex:4"
    assert {text, 1} = mix(folder, ["snakebridge.doctor"])
    assert text =~ "FAIL not-installed>=1 is not installed"

    write(folder, %{
      "snakebridge.exs" => "[libraries: [math: [functions: [sqroot: [as: :ref]], include: [\"nope\"]]]]"
    })

    assert {text, 1} = mix(folder, ["snakebridge.validate"])
    assert text =~ "libraries.math.functions: there is no math.sqroot\nhint: did you mean math.sqrt?"
    assert text =~ "math.nope: included, but there is nothing of that name"
  end

  test "discover: a configuration to begin with, or the whole document" do
    folder = project()
    text = run!(folder, ["snakebridge.discover", "xml", "--depth", "1"])
    assert text =~ ~s|# "xml.dom": |
    run!(folder, ["snakebridge.discover", "math", "-o", "found.exs"])
    assert {[libraries: [:math]], _} = Code.eval_file(Path.join(folder, "found.exs"))
    assert {text, 1} = mix(folder, ["snakebridge.discover", "math", "-o", "found.exs"])
    assert text =~ "found.exs is there already"

    for format <- ["json", "yaml"] do
      run!(folder, ["snakebridge.discover", "math", "--format", format, "--cache", "-o", "found." <> format])
    end

    json = read(folder, "found.json")
    assert SnakeBridge.call!("json", "loads", [json])["root"] == "math"
    assert read(folder, "found.yaml") =~ ~s|"root": "math"|
    assert {text, 1} = mix(folder, ["snakebridge.discover", "not_there_at_all"])
    assert text =~ "No module named 'not_there_at_all'"
  end

  test "a release has its wrappers" do
    folder = project()
    run!(folder, ["compile"], env: "prod")
    run!(folder, ["release", "--quiet"], env: "prod", python: false)
    release = Path.join(folder, "_build/prod/rel/fresh/bin/fresh")

    {text, 0} =
      System.cmd(
        release,
        ["eval", "Application.ensure_all_started(:snakebridge); IO.inspect(Fresh.root(16))"],
        stderr_to_stdout: true
      )

    assert text =~ "{:ok, 4.0}"
  end
end

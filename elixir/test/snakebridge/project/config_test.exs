defmodule SnakeBridge.Project.ConfigTest do
  use ExUnit.Case, async: true

  alias SnakeBridge.Project.{Config, Error}

  doctest Config

  @file_name "snakebridge.exs"

  defp new(given, opts \\ []), do: Config.new(given, [file: @file_name] ++ opts)

  defp options(given, library) do
    {:ok, config} = new(given)
    Enum.find(config.libraries, &(&1.python == library)).options
  end

  defp refused(given) do
    assert {:error, %Error{} = error} = new(given)
    Exception.message(error)
  end

  test "libraries are names, or names with options, as atoms or text" do
    {:ok, config} = new(libraries: [:json, {:numpy, depth: 1}, {"os.path", [module: OsPath]}, "re"])
    assert Enum.map(config.libraries, & &1.python) == ["json", "numpy", "os.path", "re"]
    {:ok, config} = new(libraries: %{"json" => [], "numpy" => %{depth: 1}})
    assert Enum.map(config.libraries, & &1.options[:depth]) == [0, 1]
    assert {:ok, %{libraries: [], mode: :runtime}} = new([])
  end

  test "what wins: defaults, the top level, extends, mixins in their order, what stands there" do
    given = [
      max_arity: 5,
      timeout: 1,
      mixins: [
        a: [timeout: 3, bang: true, tags: %{x: 1, y: 1}],
        b: [timeout: 4, tags: %{y: 2}, mixins: [:c]],
        c: [as: :ref]
      ],
      libraries: [
        base: [depth: 2, timeout: 2, exclude: ["tests"], module: Base1],
        one: [extends: :base],
        two: [extends: :base, mixins: [:a, :b]],
        three: [extends: :two, timeout: 5, depth: nil]
      ]
    ]

    assert %{max_arity: 5, depth: 2, timeout: 2, exclude: ["tests"]} = one = Map.new(options(given, "one"))
    refute is_map_key(one, :module)
    assert %{bang: true, timeout: 4, as: :ref, tags: %{x: 1, y: 2}} = Map.new(options(given, "two"))
    assert %{timeout: 5, depth: 0, bang: true, max_arity: 5} = Map.new(options(given, "three"))
  end

  test "functions and modules: by their whole path, with extends and mixins of their own" do
    given = [
      mixins: [slow: [timeout: 60_000, depth: 3]],
      libraries: [
        numpy: [
          modules: ["numpy.linalg": [module: LA]],
          functions: [
            svd: [as: :ref, name: :decompose],
            "linalg.qr": [extends: :svd, mixins: [:slow], name: nil, result: &List.first/1],
            norm: [timeout: nil]
          ]
        ]
      ]
    ]

    options = options(given, "numpy")
    assert options[:modules] == %{"numpy.linalg" => [module: LA]}
    assert options[:functions]["numpy.svd"] == [as: :ref, name: "decompose"]
    assert options[:functions]["numpy.linalg.qr"] == [as: :ref, result: {List, :first}, timeout: 60_000]
    assert options[:functions]["numpy.norm"] == [timeout: nil]
  end

  test "a mode for each environment, unless it is said" do
    assert {:ok, %{mode: :compile_time}} = new([], env: :prod)
    assert {:ok, %{mode: :runtime}} = new([], env: :test)
    assert {:ok, %{mode: :compile_time}} = new([mode: :compile_time], env: :dev)
  end

  test "what is wrong is named with its file, its key, what is expected, and the nearest key" do
    assert refused(libaries: []) == "snakebridge.exs: there is no key libaries\nhint: did you mean libraries?"

    assert refused(libraries: [numpy: [zzz: 1]]) =~
             "libraries.numpy: there is no key zzz\nhint: it knows as, bang,"

    assert refused(mode: :comptime) =~
             "mode: one of :auto, :runtime, :compile_time is expected, got: :comptime"

    assert refused(libraries: [numpy: [depth: -1]]) =~
             "libraries.numpy.depth: a number from 0 to 255 is expected"

    assert refused(libraries: [numpy: [timeout: "1"]]) =~
             "libraries.numpy.timeout: a whole number of milliseconds"

    assert refused(libraries: [numpy: [exclude: "tests"]]) =~ ~s|hint: write ["tests"]|
    assert refused(libraries: [numpy: [module: "Numpy"]]) =~ "a module's name is expected"

    assert refused(libraries: [numpy: [functions: [a: [result: fn x -> x end]]]]) =~
             "numpy.functions.a.result: a function"

    assert refused(libraries: [numpy: [tags: self()]]) =~ "data that can be written as source"
    assert refused(libraries: [:numpy, numpy: []]) =~ "libraries: numpy is there twice"
    assert refused(libraries: [numpy: [as: :lisd]]) =~ "libraries.numpy.as: one of :auto, :ref"
    assert refused(timeout: -1) =~ "timeout: a whole number"
    assert refused(libraries: [1]) =~ "libraries: a name is expected, got: 1"
    assert refused(:numpy) =~ "a keyword list is expected, got: :numpy"
    assert refused(libraries: [a: [module: X], b: [module: X]]) =~ "libraries.b.module: X is the module of a"
    assert refused(packages: ["./wheel"]) =~ "packages: ./wheel"
  end

  test "what is composed in a circle, or of what is not there" do
    assert refused(libraries: [a: [extends: :b], b: [extends: :a]]) =~ "it extends itself: a -> b -> a"
    assert refused(libraries: [a: [extends: :a]]) =~ "libraries.a.extends: it extends itself: a -> a"

    assert refused(libraries: [pandas: [extends: :nunpy], numpy: []]) =~
             "there is no nunpy\nhint: did you mean numpy?"

    assert refused(libraries: [a: [mixins: [:x]]]) =~
             "hint: mixins are named at the top level: mixins: [x: [...]]"

    assert refused(mixins: [x: [mixins: [:y]], y: [mixins: [:x]]], libraries: [a: [mixins: [:x]]]) =~
             "x -> y -> x"
  end

  test "without snakebridge.exs it is the application's configuration, and its errors say so" do
    assert {:error, error} = Config.new(libraries: 1)
    assert Exception.message(error) =~ "config :snakebridge.libraries: a list of names"
  end

  test "the file is Elixir: where it goes wrong is said" do
    root = Path.join(System.tmp_dir!(), "sbc#{System.unique_integer([:positive])}")
    File.mkdir_p!(root)
    on_exit(fn -> File.rm_rf!(root) end)
    file = Path.join(root, @file_name)
    File.write!(file, "[libraries: [:json]]")
    assert {:ok, %{file: ^file, libraries: [%{python: "json"}]}} = Config.load(root)
    File.write!(file, "x = 1\n[libraries: [json: [depth: x / 0]]]")
    assert {:error, error} = Config.load(root)
    assert Exception.message(error) =~ ~r/snakebridge.exs:2: bad argument in arithmetic/
    File.write!(file, "[libraries: [")
    assert {:error, error} = Config.load(root)
    assert Exception.message(error) =~ "snakebridge.exs:1"
  end
end

defmodule SnakeBridge.Project.ScannerTest do
  use ExUnit.Case, async: true

  alias SnakeBridge.Project.Scanner

  doctest Scanner

  defp scan(source), do: Scanner.scan_source(source, "lib/a.ex", [Numpy, My.Pandas])
  defp calls(source), do: for(use <- scan(source), do: {use.module, use.name, use.arity})

  test "calls, attributes, pipes and captures" do
    assert calls("Numpy.sqrt(4)") == [{Numpy, :sqrt, 1}]
    assert calls("Numpy.pi") == [{Numpy, :pi, 0}]
    assert calls("Numpy.Linalg.svd(a, full_matrices: false)") == [{Numpy.Linalg, :svd, 2}]
    assert calls("a |> Numpy.dot(b) |> Numpy.sum()") == [{Numpy, :dot, 2}, {Numpy, :sum, 1}]
    assert calls("Enum.map(xs, &Numpy.sqrt/1)") == [{Numpy, :sqrt, 1}]
    assert calls("Enum.map(xs, &Numpy.power(&1, 2))") == [{Numpy, :power, 2}]
    assert calls("Numpy.array([Numpy.pi])") == [{Numpy, :array, 1}, {Numpy, :pi, 0}]
    assert calls("Numpy.arange(3)[Numpy.argmax(x)]") == [{Numpy, :arange, 1}, {Numpy, :argmax, 1}]
    assert calls("Numpy.ndarray.reshape(x, 1)") == [{Numpy, :ndarray, 0}]
    assert calls("&My.Pandas.read_csv/2") == [{My.Pandas, :read_csv, 2}]
    assert calls("apply(Numpy, :f, [1, 2])") == [{Numpy, :f, 2}]
    assert calls("apply(Numpy, :f, args)") == [{Numpy, :f, nil}]
    assert calls("defdelegate root(x), to: Numpy, as: :sqrt") == [{Numpy, :sqrt, 1}]
    assert calls("Pandas.read_csv(1); Other.Numpy.x()") == []
  end

  test "aliases hold where they stand" do
    assert calls("alias Numpy.Linalg\nLinalg.svd(a)") == [{Numpy.Linalg, :svd, 1}]
    assert calls("alias Numpy, as: Np\nNp.Linalg.svd(a)") == [{Numpy.Linalg, :svd, 1}]

    assert calls("alias Numpy.{Linalg, Random.Gen}\nLinalg.a(); Gen.b()") == [
             {Numpy.Linalg, :a, 0},
             {Numpy.Random.Gen, :b, 0}
           ]

    assert calls("alias My.Pandas\ndef f, do: Pandas.x()") == [{My.Pandas, :x, 0}]
    assert calls("def f do\nalias Numpy, as: N\nN.a()\nend\ndef g, do: N.b()") == [{Numpy, :a, 0}]
    assert calls("alias Numpy") == []
    assert calls("alias Other, as: Numpy\nNumpy.x()") == []
    assert calls("defmodule My do\nPandas.x()\n__MODULE__.Pandas.y()\nend") == [{My.Pandas, :y, 0}]
    assert calls("defmodule A do\ndefmodule Numpy do\nend\nNumpy.x()\nend") == []
    assert calls("require Numpy, as: N\nN.a()") == [{Numpy, :a, 0}]
  end

  test "code in quotes, in macros and in types" do
    assert calls("defmacro m(x) do\nquote do\nNumpy.sqrt(unquote(x))\nend\nend") == [{Numpy, :sqrt, 1}]
    assert calls("test \"t\", %{x: x} do\nassert Numpy.sum(x) == 1\nend") == [{Numpy, :sum, 1}]
    assert calls("@spec f(Numpy.Ndarray.t()) :: :ok") == [{Numpy.Ndarray, :t, 0}]
    assert calls(~S|"#{Numpy.pi}"|) == [{Numpy, :pi, 0}]
  end

  test "imports: what is named is used, and without names all of the module" do
    assert calls("import Numpy, only: [sqrt: 1]") == [{Numpy, :sqrt, 1}]
    assert calls("import Numpy, except: [dot: 2]\nsqrt(4)") == [{Numpy, nil, nil}]
  end

  test "a module as a value is used as a whole" do
    assert calls("f(Numpy)") == [{Numpy, nil, nil}]
    assert calls("[Numpy.Linalg | xs]") == [{Numpy.Linalg, nil, nil}]
    assert calls("Code.ensure_loaded?(Numpy) and function_exported?(Numpy, :sqrt, 1)") == []
  end

  test "places are given, and what cannot be parsed uses nothing" do
    assert [%{file: "lib/a.ex", line: 3}] = scan("\n\nNumpy.a()")
    assert scan("def (") == []
    assert scan("unquote(x).Numpy.y; %{Numpy.x() => 1, a: [1 | 2]}; fn -> :ok end; <<1::8>>; a.b.c") != nil
  end

  test "all of this library's own source can be walked" do
    for file <- Path.wildcard(Path.expand("../../../lib/**/*.ex", __DIR__)) do
      assert is_list(Scanner.scan_source(File.read!(file), file, [SnakeBridge]))
    end
  end
end

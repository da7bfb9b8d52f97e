defmodule SnakeBridge.CellsTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  doctest SnakeBridge.CellParser
  doctest SnakeBridge.Docs

  setup_all do
    {:ok, host: start()}
  end

  setup %{host: host}, do: own(host)

  describe "results" do
    test "a cell's result is the value of its last expression", %{host: host} do
      cell = run(host, "first = 1\nfirst + 1")
      assert cell.status == :ok
      assert plain(cell.result) == "2"
      assert cell.result =~ "\e["
      assert is_integer(cell.duration_us)
    end

    test "a cell without an expression has none", %{host: host} do
      for source <- ["", "   \n\n", "# only a comment", ~s|:"do not show this result in output"|] do
        assert %{status: :ok, result: nil, error: nil} = run(host, source)
      end
    end

    test "a silent cell shows none and is not remembered", %{host: host} do
      value(host, ":loud")
      assert %{result: nil, stdout: "out"} = run(host, ~s|IO.write("out"); :quiet|, silent: true)
      assert value(host, "v()") == ":loud"
      assert value(host, ":not_stored", store_history: false) == ":not_stored"
      assert value(host, "v()") == ":loud"
    end

    test "earlier results by the number of their cell", %{host: host} do
      cell = begin_cell(host, "{:result, 41}")
      end_cell(cell)
      assert value(host, "v(#{cell})") == "{:result, 41}"
      assert value(host, "v(-2)") == "{:result, 41}"
      assert value(host, "v") == "{:result, 41}"
      assert run(host, "v(1_000_000)").error.message =~ "no result of that cell is kept"
    end

    test "a large value is shown in part, and quickly", %{host: host} do
      cell = run(host, "Enum.to_list(1..1_000_000)")
      assert byte_size(cell.result) < 5_000
      cell = run(host, ~s|String.duplicate("x", 10_000_000)|)
      assert byte_size(cell.result) < 10_000
      cell = run(host, ~s|inspect(1) && String.to_atom(String.duplicate("é", 200))|)
      assert plain(cell.result) =~ "ééé"
      assert value(host, "Integer.pow(7, 1_000_000)") =~ ~r/^an integer of about 845\d\d\d digits$/
      cell = run(host, "for i <- 1..40, do: String.duplicate(to_string(i), 4000)")
      assert byte_size(cell.result) < 300_000
    end

    test "a module is shown without its code", %{host: host} do
      assert value(host, "defmodule Short do\n  def f, do: 1\nend") ==
               "{:module, Short, <<70, 79, 82, 49, 0, 0, ...>>, {:f, 0}}"
    end

    test "an operator at the beginning goes on with the last result", %{host: host} do
      value(host, "[1, 2, 3]")
      assert value(host, "|> Enum.sum()") == "6"
      assert value(host, "\n  * 2") == "12"
    end
  end

  describe "what lasts from cell to cell" do
    test "variables, in any script", %{host: host} do
      run(host, "größe = 2; 变量 = 3")
      assert value(host, "größe * 变量") == "6"
    end

    test "aliases, imports, requires", %{host: host} do
      run(host, "alias String, as: Text\nimport Enum, only: [sum: 1]\nrequire Integer")
      assert value(host, "{Text.upcase(\"a\"), sum([1, 2]), Integer.is_odd(3)}") == ~s|{"A", 3, true}|
    end

    test "modules, structs, macros, protocols, use", %{host: host} do
      run(host, "defmodule Point do\n  defstruct [:x, y: 0]\n  def right(p), do: %{p | x: p.x + 1}\nend")
      assert value(host, "%Point{x: 1} |> Point.right()") == "%Point{x: 2, y: 0}"

      run(host, "defprotocol Size do\n  def size(value)\nend")
      run(host, "defimpl Size, for: Point do\n  def size(p), do: p.x\nend")
      assert value(host, "Size.size(%Point{x: 5})") == "5"

      run(host, """
      defmodule Macros do
        defmacro twice(x), do: quote(do: (hidden = unquote(x); var!(seen) = hidden; hidden * 2))
        defmacro __using__(_), do: quote(do: import(Macros))
      end
      """)

      run(host, "use Macros")
      assert value(host, "doubled = twice(4)\n{doubled, seen}") == "{8, 4}"
      assert run(host, "hidden").error.message =~ ~s|undefined variable "hidden"|
    end

    test "the process, its dictionary and its mailbox", %{host: host} do
      run(host, "me = self(); Process.put(:key, :kept); send(self(), :mail)")
      assert value(host, "{me == self(), Process.get(:key)}") == "{true, :kept}"
      assert value(host, "receive do m -> m end") == ":mail"
      run(host, "send(self(), :flushed)")
      assert run(host, "flush()").stdout |> plain() == ":flushed\n"
    end

    test "what a failing cell did before it failed", %{host: host} do
      cell = run(host, "kept = 1\nalias Enum, as: Kept\n1 / 0\nnever = 2")
      assert cell.status == :error
      assert cell.writes == ["kept"]
      assert value(host, "Kept.sum([kept])") == "1"
      assert run(host, "never").error.message =~ ~s|undefined variable "never"|
    end

    test "two hundred cells", %{host: host} do
      run(host, "counter = 0")
      for _ <- 1..200, do: run(host, "counter = counter + 1")
      assert value(host, "counter") == "200"
    end

    test "large values", %{host: host} do
      run(host, "list = Enum.to_list(1..1_000_000); map = Map.new(1..200_000, &{&1, &1})")
      assert value(host, "{length(list), map_size(map)}") == "{1000000, 200000}"
      cell = run(host, "small = 1")
      # A cell that does not write them does not pay for them.
      assert cell.duration_us < 500_000
    end
  end

  describe "names read and written" do
    test "are those of the session, found exactly", %{host: host} do
      assert %{writes: ["a", "b"], reads: []} = run(host, "a = 1\nb = a\nfn c -> c end")
      assert %{writes: ["a"], reads: ["a"]} = run(host, "a = a + 1")
      assert %{writes: ["a"], reads: ["a"]} = run(host, "a = a")
      assert %{writes: [], reads: ["a", "b"]} = run(host, "for x <- [a], do: x + b")
      assert %{writes: [], reads: []} = run(host, "defmodule NoReads do\n  def f(a), do: a\nend")
      assert %{writes: ["p", "q"], reads: ["b"]} = run(host, "{p, [q | _]} = {b, [b]}")
      assert %{writes: ["p"], reads: ["q"]} = run(host, "p = q\np\n1 / 0")
      assert %{writes: [], reads: []} = run(host, "(fn -> inner = 1; inner end).()")
      assert %{writes: [], reads: ["b"]} = run(host, "match?(^b, 1)")
    end
  end

  describe "errors" do
    test "of the syntax show the line", %{host: host} do
      cell = run(host, "fine = 1\nx = ) 3")
      assert cell.error.class == "SyntaxError"
      assert plain(cell.error.message) == "unexpected token: )"
      text = plain(cell.error.traceback)
      assert text =~ ~r/2 [│|] x = \) 3/u
      assert text =~ "cell #{cell.error.cell}:2:5"
      assert run(host, "fine").error.message =~ "undefined variable"
      assert run(host, "if true do").error.class == "TokenMissingError"
      assert run(host, "[1, 2").error.class == "TokenMissingError"
    end

    test "of the compiler show the line", %{host: host} do
      cell = run(host, "defined = 1\n\n  undefined_name + defined")
      assert cell.error.class == "CompileError"
      assert cell.error.message == ~s|undefined variable "undefined_name"|
      text = plain(cell.error.traceback)
      assert text =~ "3 │   undefined_name + defined\n  │   ^^^^^^^^^^^^^^\n└─ cell #{cell.error.cell}:3:3"
    end

    test "of macros show the line", %{host: host} do
      run(host, """
      defmodule Careful do
        defmacro warn(x) do
          IO.warn("careful", Macro.Env.stacktrace(__CALLER__))
          x
        end
      end
      """)

      cell = run(host, "require Careful\nlist = [Careful.warn(1)]")
      assert plain(cell.result) == "[1]"
      {:result, %{cell: number}} = List.keyfind(cell.events, :result, 0)
      line = "list = [Careful.warn(1)]"
      marked = "warning: careful\n  │\n2 │ #{line}\n  │ #{String.duplicate("~", 24)}\n└─ cell #{number}:2\n\n"
      assert plain(cell.stderr) == marked
    end

    test "of a module show all that is wrong with it", %{host: host} do
      cell =
        run(
          host,
          "defmodule Wrong do\n  def f, do: x\n  def g, do: y\n  def h(unused), do: 1\nend"
        )

      text = plain(cell.error.traceback)
      assert text =~ ~s|undefined variable "x"|
      assert text =~ ~s|undefined variable "y"|
      assert plain(cell.stderr) =~ ~s|variable "unused" is unused|
    end

    test "point at the line of the cell, without frames of what runs it", %{host: host} do
      for {source, class, line} <- [
            {"a = 1\n\n{:x, ^a} = {:y, 1}", "MatchError", 3},
            {"if true do\n  case 1 do\n    2 -> 3\n  end\nend", "CaseClauseError", 2},
            {"String.to_integer(\n  \"x\"\n)", "ArgumentError", 1},
            {"1\nEnum.map([1], fn x ->\n  raise \"x\#{x}\"\nend)", "RuntimeError", 3},
            {"Nowhere.at_all(1)", "UndefinedFunctionError", 1},
            {"\nthrow(:ball)", "throw", 2},
            {"exit(:boom)", "exit", 1},
            {"(fn :a -> 1 end).(:b)", "FunctionClauseError", 1},
            {"defmodule Body do\n  raise \"in the body\"\nend", "RuntimeError", 2},
            {"import Nowhere", "CompileError", 1}
          ] do
        %{error: error, status: :error} = run(host, source)
        assert error.class == class, source
        text = plain(error.traceback)
        assert text =~ "cell #{error.cell}:#{line}", source
        refute text =~ "SnakeBridge", source
        refute text =~ "erl_eval", source
        refute text =~ "ParallelChecker", source
        refute text =~ ":elixir", source
      end
    end

    test "of the functions of a cell's module name the cell that defined it", %{host: host} do
      cell = begin_cell(host, "defmodule Fails do\n  def now(x),\n    do: 1 + x\nend")
      end_cell(cell)
      error = run(host, "Fails.now(:a)").error
      assert plain(error.traceback) =~ "cell #{cell}:3: Fails.now/1"
      assert List.last(error.traceback) |> plain() == "    cell #{error.cell}:1"
    end

    test "name each line of a cell once", %{host: host} do
      error = run(host, "Enum.map([1, 0], fn n ->\n  div(1, n)\nend)").error

      assert [_, "    :erlang.div(1, 0)", "    cell " <> inner, "    cell " <> outer] =
               plain(error.traceback) |> String.split("\n")

      assert {inner, outer} == {"#{error.cell}:2", "#{error.cell}:1"}
      error = run(host, "Enum.map([1, 0], fn n -> div(1, n) end)").error
      assert length(error.traceback) == 3
    end

    test "blame the arguments", %{host: host} do
      text = plain(run(host, "String.upcase(:a)").error.traceback)
      assert text =~ "def upcase(string, :default) when is_binary(string)"
      assert run(host, "String.upcase(:a)").error.message == "no function clause matching in String.upcase/2"
      assert run(host, "Enum.mapp([])").error.message =~ "Did you mean"
    end

    test "in showing the result are errors of the cell", %{host: host} do
      assert %{error: nil} =
               run(
                 host,
                 "defmodule Shy do\n  defstruct []\n  defimpl Inspect do\n    def inspect(_, _), do: exit(:shy)\n  end\nend"
               )

      assert %{status: :error, error: %{class: "exit"}} = run(host, "shy = %Shy{}")
      assert value(host, "is_struct(shy)") == "true"
    end

    test "a cell that takes too much memory is stopped", %{host: host} do
      run(host, """
      defmodule Greedy do
        def collect(n, all), do: collect(n + 1, [n | all])
        def recurse(0), do: 0
        def recurse(n), do: 1 + recurse(n + 1)
      end
      """)

      for call <- ["Greedy.collect(1, [])", "Greedy.recurse(1)"] do
        cell = run(host, "before = 1\nProcess.flag(:max_heap_size, 5_000_000)\n" <> call)
        assert cell.error.class == "EXIT"
        assert cell.error.message =~ "memory"
        assert cell.writes == ["before"]
        assert value(host, "before") == "1"
      end

      # The limit of the session's own.
      assert value(host, "Process.info(self(), :max_heap_size) |> elem(1) |> Map.fetch!(:size) > 5_000_000") ==
               "true"
    end
  end

  describe "helpers of IEx" do
    test "print what they say", %{host: host} do
      for {source, text} <- [
            {"h Enum.map/2", "Returns a list where each element"},
            {"h", "IEx.Helpers"},
            {"b Enumerable", "@callback"},
            {"t Enum", "@type"},
            {"exports Atom", "to_string/1"},
            {"i {1, 2}", "Tuple"},
            {"runtime_info", "Elixir version"},
            {"runtime_info([:memory])", "Memory"},
            {"pwd", "/"},
            {"flush", ""}
          ] do
        cell = run(host, source)
        assert cell.error == nil, source
        assert plain(cell.stdout) =~ text, source
      end

      run(host, "[:the, :last]")
      assert plain(run(host, "i").stdout) =~ "[:the, :last]"
    end

    test "know the modules of cells", %{host: host} do
      source =
        ~s|defmodule Known do\n  @doc "Says it."\n  @spec say(integer) :: :ok\n  def say(_), do: :ok\n  @type t :: atom\nend|

      run(host, source)
      assert plain(run(host, "h Known.say").stdout) =~ "Says it."
      assert plain(run(host, "t Known").stdout) =~ "@type t() :: atom()"
    end

    test "compile files, and load them again", %{host: host} do
      path = Path.join(host.directory, "from_file.ex")
      File.write!(path, "defmodule FromFile do\n  def version, do: 1\nend")
      assert value(host, ~s|c "#{path}"|) == "[FromFile]"
      assert value(host, "FromFile.version()") == "1"
      File.write!(path, "defmodule FromFile do\n  def version, do: 2\nend")
      assert value(host, "r FromFile") =~ "FromFile"
      assert value(host, "FromFile.version()") == "2"
    end

    test "give way to what the user imports" do
      host = start()
      own(host)

      run(
        host,
        "defmodule Mine do\n  def c(x), do: x * 2\n  def i(x), do: x * 3\n  defmacro h(x), do: x\nend\nimport Mine"
      )

      assert value(host, "{c(2), i(2), h(2)}") == "{4, 6, 2}"
      assert value(host, "pwd = 5\npwd") == "5"
    end

    test "and operators are not imported into modules", %{host: host} do
      run(
        host,
        "defmodule Geo do\n  def run, do: t(5)\n  def t(x), do: x * 10\n  def a &&& b, do: {a, b}\nend"
      )

      assert value(host, "Geo.run()") == "50"
      run(host, "if true do\n  defmodule(Inner, do: def(pwd, do: :mine))\nend")
      assert value(host, "Inner.pwd()") == ":mine"
      assert value(host, "defmodule Empty do\nend") =~ ~r/^{:module, Empty, .*, nil}$/

      for {source, name} <- [
            {"defmodule Wrong do\n  def go(x), do: h(x)\nend", "h/1"},
            {"defmodule Wrong do\n  def go(x), do: x ||| 1\nend", "|||/2"}
          ] do
        assert run(host, source).error.message =~ "undefined function #{name}"
      end

      run(
        host,
        "defprotocol Area do\n  def t(shape)\nend\ndefimpl Area, for: Map do\n  def t(x), do: b(x)\n  defp b(x), do: map_size(x)\nend"
      )

      assert value(host, "Area.t(%{a: 1})") == "1"
      assert value(host, "{is_list(h(Geo) && []), 6 ||| 1}") == "{true, 7}"
    end

    test "leave modules what the user imports" do
      host = start()
      own(host)
      run(host, "import Bitwise\nimport Enum, only: [sum: 1]")
      run(host, "defmodule Uses do\n  def go(x), do: {x ||| 1, sum([x])}\nend")
      assert value(host, "Uses.go(2)") == "{3, 2}"
    end
  end

  test "without the compiler's help cells run all the same, without natural syntax" do
    host = start()
    own(host)
    run(host, ":persistent_term.put(SnakeBridge.Expand, false)")
    cell = run(host, "plain = 1\nEnum.map([plain], &(&1 + 1))")
    assert plain(cell.result) == "[2]"
    assert cell.writes == ["plain"]
    assert run(host, "plain + 1\n1 / 0").error.class == "ArithmeticError"
    assert run(host, "no_such_name").error.message =~ "undefined variable"
  end

  test "Mix.install works, and shows what it does", %{host: host} do
    dep = Path.join(host.directory, "small_dep")
    File.mkdir_p!(Path.join(dep, "lib"))

    File.write!(
      Path.join(dep, "mix.exs"),
      "defmodule SmallDep.MixProject do\n  use Mix.Project\n  def project, do: [app: :small_dep, version: \"0.1.0\"]\nend"
    )

    File.write!(Path.join(dep, "lib/small_dep.ex"), "defmodule SmallDep do\n  def hi, do: :hi\nend")
    cell = run(host, ~s|Mix.install([{:small_dep, path: "#{dep}"}])|, timeout: 60_000)
    assert cell.error == nil
    assert cell.stdout =~ "Generated small_dep app"
    assert value(host, "SmallDep.hi()") == ":hi"

    # Protocols can still be implemented.
    run(
      host,
      "defmodule Loud do\n  defstruct []\n  defimpl String.Chars do\n    def to_string(_), do: \"LOUD\"\n  end\nend"
    )

    assert value(host, ~S|"#{%Loud{}}"|) == ~s|"LOUD"|
  end
end

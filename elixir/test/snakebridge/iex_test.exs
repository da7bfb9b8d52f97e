defmodule SnakeBridge.IExTest do
  @moduledoc "IEx in a terminal, after `use SnakeBridge.IEx`."
  use ExUnit.Case, async: true

  import SnakeBridge.Terminal

  # Plain `iex`, with the library on the path.
  defp iex(arguments \\ [], dot_iex \\ "use SnakeBridge.IEx") do
    file = Path.join(System.tmp_dir!(), "sb-iex-#{System.unique_integer([:positive])}.exs")
    File.write!(file, dot_iex)
    on_exit(fn -> File.rm(file) end)
    iex = :elixir |> :code.lib_dir() |> Path.join("../../bin/iex") |> Path.expand()
    ebin = :snakebridge |> :code.lib_dir() |> Path.join("ebin")
    {:ok, python} = SnakeBridge.Worker.python()
    paths = [Path.dirname(iex), System.get_env("PATH")] |> Enum.join(":")
    command = Enum.join(["'#{iex}' -pa '#{ebin}' --dot-iex '#{file}'" | arguments], " ")
    terminal = start(command, [{"PATH", paths}, {"SNAKEBRIDGE_PYTHON", python}])
    await(terminal, "iex(1)>")
    terminal
  end

  defp with_fraction(terminal) do
    enter(terminal, ~s|f = SnakeBridge.import!("fractions").Fraction.(31, 10)|, "#Python<Fraction(31, 10)>")
    terminal
  end

  test "natural syntax, whose names stay, with IEx's own conveniences" do
    terminal = with_fraction(iex())
    enter(terminal, "g = f.limit_denominator(5) + 1", "#Python<Fraction(4, 1)>")
    enter(terminal, "v(1).numerator", "31")
    enter(terminal, "|> Kernel.+(11)", "42")
    enter(terminal, "py.len([1, 2, 7]) * 37", "111")

    enter(terminal, ~S|~PY"total = sum(range(5)); total * 2"|, "20")
    enter(terminal, "total * 37", "370")

    # What goes on in the next line, what is no variable but a helper, what one statement has made for the next.
    enter(terminal, "case g.numerator do", "...(")
    enter(terminal, "  4 -> {:four, f.denominator}", "...(")
    enter(terminal, "end", "{:four, 10}")
    enter(terminal, "pwd", File.cwd!())
    enter(terminal, "defmodule Twice do def twice(x), do: x * 2 end; import Twice; twice(17)", "34")
    enter(terminal, "twice(18)", "36")
    enter(terminal, "alias Twice, as: T; T.twice(19)", "38")
    enter(terminal, "(1 +", "...(")
    enter(terminal, "#iex:break", "incomplete expression")
  end

  test "errors are those of the line, and the shell goes on" do
    terminal = with_fraction(iex())
    enter(terminal, "nowhere + 1", ~r/undefined variable "nowhere".*iex:2/s)
    enter(terminal, "(", "...(2)>")
    enter(terminal, "f.nowhere", "...(2)>")
    enter(terminal, ")", ~r/AttributeError.*iex:3/s)
    enter(terminal, "1 +* 2", "syntax error before: '*'")
    enter(terminal, "f.numerator", "31")
  end

  test "Tab completes names of Python, and all else as before" do
    terminal = with_fraction(iex())
    enter(terminal, "f.limit_d\t(5)", "#Python<Fraction(3, 1)>")
    enter(terminal, ~s|SnakeBridge.import!("fractions").Frac\t1, 4)|, "#Python<Fraction(1, 4)>")
    enter(terminal, "f.limit_denominator(max_d\t7)", "#Python<Fraction(22, 7)>")
    enter(terminal, "py.enumera\t", "#Python<<class 'enumerate'>>")
    enter(terminal, "Enum.map_i\t([1, 2], 0, & &1)", "[1, 0, 2]")
    enter(terminal, "word = %{first: 5, second: 6}", "%{first: 5, second: 6}")
    enter(terminal, "word.sec\t * 111", "666")
    type(terminal, "f.\t")
    await(terminal, ~r/as_integer_ratio.*limit_denominator.*numerator/s)
    type(terminal, "\b\b")
    type(terminal, "f.limit_denominator(\t")
    await(terminal, "max_denominator=1000000")
  end

  test "documentation and information" do
    terminal = with_fraction(iex())
    assert enter(terminal, "h f.limit_denominator", "iex(3)>") =~ "Closest Fraction to self"
    assert enter(terminal, "h f", "iex(4)>") =~ "This class implements rational numbers"
    assert enter(terminal, "h Enum.map/2", "iex(5)>") =~ "Returns a list where each element"
    assert enter(terminal, "h", "iex(6)>") =~ "IEx.Helpers"
    assert enter(terminal, "h py.len", "iex(7)>") =~ "Return the number of items in a container."
    assert enter(terminal, "i f", "iex(8)>") =~ ~r/Type\s+fractions.Fraction/
    assert enter(terminal, ~s|py_doc "statistics.linear_regression"|, "iex(9)>") =~ "Slope and intercept"

    assert enter(terminal, ~s|py_search "linear_r", "statistics"|, "iex(10)>") =~
             "statistics.linear_regression(x, y"

    assert enter(terminal, ~s|py_methods f, "denom"|, "iex(11)>") =~ "limit_denominator(max_denominator"
    assert enter(terminal, "py_info f", "iex(12)>") =~ "fractions.Fraction"
    assert enter(terminal, "py_info", "iex(13)>") =~ "Interpreter"
    assert enter(terminal, ~s|py_modules "xml.dom"|, "iex(14)>") =~ "xml.dom.minidom"
    assert enter(terminal, ~s|py_doc "no.such.thing"|, "iex(15)>") =~ "No module named 'no'"
    assert enter(terminal, "py_doc 7", "iex(16)>") =~ "7 is a value of Elixir"
  end

  test "an evaluation that waits for Python is ended, and the shell is there again" do
    terminal = iex()
    enter(terminal, ~s|seen = SnakeBridge.run!("[]", [], as: :ref)|, "#Python<[]>")
    enter(terminal, ~s|spawn(fn -> Process.sleep(100_000); seen end)|, "#PID")
    enter(terminal, ~s|holder = self(); :persistent_term.put(:seen, seen)|, ":ok")

    loop =
      ~S"import time\ntry:\n  seen.append('runs'); print('star' 'ts')\n  while True: time.sleep(0.01)\nexcept BaseException as e:\n  seen.append(type(e).__name__)"

    type(terminal, ~s|SnakeBridge.run!("#{loop}", seen: seen)\r|)
    await(terminal, ~r/^starts/m)
    # The menu of the terminal: interrupt, connect.
    type(terminal, "\a")
    await(terminal, "-->")
    type(terminal, "i\r")
    await(terminal, "-->")
    type(terminal, "c\r")
    await(terminal, ~r/iex\(\d+\)>/)
    again = "Stream.repeatedly(fn -> Process.sleep(20); Enum.to_list(:persistent_term.get(:seen)) end)"
    enter(terminal, "#{again} |> Enum.find(&(length(&1) == 2))", ~s|["runs", "KeyboardInterrupt"]|)
    # The new evaluator completes as the old one did.
    enter(terminal, "seen = :persistent_term.get(:seen)", "#Python<['runs'")
    enter(terminal, ~s|seen.appe\t(1); py.len(seen) * 10|, "30")
  end

  test "used twice, without parts of it, and in a shell inside of a function" do
    terminal = with_fraction(iex([], "use SnakeBridge.IEx\nuse SnakeBridge.IEx"))
    enter(terminal, "f.limit_d\t(5)", "#Python<Fraction(3, 1)>")

    enter(terminal, "defmodule Inside do require IEx; def stop(f) do IEx.pry(); f end end", "Inside")
    type(terminal, "Inside.stop(f)\r")
    await(terminal, ~r/Break reached.*iex\(\d\)>/s)
    enter(terminal, "f.limit_d\t(5).numerator * 15", "45")
    type(terminal, "respawn()\r")
    await(terminal, ~r/iex\(\d\)>/)

    plain = with_fraction_plainly(iex([], "use SnakeBridge.IEx, syntax: false, completion: false"))
    enter(plain, "f.limit_denominator(5)", "ArgumentError")
    enter(plain, "py do: f.numerator", "31")
  end

  defp with_fraction_plainly(terminal) do
    enter(terminal, ~s|f = SnakeBridge.call!("fractions", "Fraction", [31, 10])|, "#Python<Fraction(31, 10)>")
    terminal
  end

  # --- the helpers, where no terminal is needed ---

  import ExUnit.CaptureIO
  import SnakeBridge.IEx.Helpers

  test "generated modules are known by their names in Elixir and in Python" do
    document = SnakeBridge.call!("snakebridge.introspection", "introspect", ["statistics"])

    for %{source: source} <- SnakeBridge.Generator.generate(document, module: SnakeBridge.IExTest.Statistics),
        do: Code.compile_string(IO.iodata_to_binary(source))

    module = SnakeBridge.IExTest.Statistics
    assert capture_io(fn -> py_modules() end) =~ ~r/SnakeBridge.IExTest.Statistics\s+statistics/
    assert capture_io(fn -> py_search("linear_reg") end) =~ "SnakeBridge.IExTest.Statistics.linear_regression"
    assert capture_io(fn -> py_info(module) end) =~ "statistics.py"
    assert capture_io(fn -> py_methods(module, "harm") end) =~ "harmonic_mean(data, weights=None)"

    assert capture_io(fn -> py_doc(SnakeBridge.IExTest.Statistics.median_low()) end) =~
             "Return the low median"

    assert capture_io(fn -> py_doc(Function.capture(module, :median_low, 1)) end) =~
             "Return the low median"

    assert capture_io(fn -> py_search("harm", module) end) =~ "statistics.harmonic_mean(data"
  end

  test "what cannot be told is said" do
    assert capture_io(fn -> py_doc("no_such_module") end) =~ "No module named 'no_such_module'"
    assert capture_io(fn -> py_modules("no_such_module") end) =~ "No module named 'no_such_module'"
    assert capture_io(fn -> py_info(Enum) end) =~ "Enum is no module that was generated for one of Python"
    assert capture_io(fn -> py_search("there is no such name") end) == "Nothing was found.\n"
    ref = SnakeBridge.run!("object()")
    assert capture_io(fn -> py_doc(ref.no_such_name) end) =~ "has no attribute no_such_name"
  end

  test "looking runs no code of the object" do
    source = """
    class Touchy:
        "It is touchy."
        @property
        def costly(self):
            "What it costs."
            raise AssertionError("it was run")
        def __getattr__(self, name):
            raise AssertionError("it was run")
        def __repr__(self):
            raise AssertionError("it was run")
    Touchy()
    """

    ref = SnakeBridge.run!(source)
    assert capture_io(fn -> py_doc(ref.costly) end) =~ "What it costs."
    assert capture_io(fn -> py_info(ref) end) =~ "It is touchy."
    assert capture_io(fn -> py_methods(ref) end) == "Nothing was found.\n"
  end
end

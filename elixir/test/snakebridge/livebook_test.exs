defmodule SnakeBridge.LivebookTest do
  @moduledoc "Cells of a notebook of Livebook: see test/support/livebook_double.ex for what stands in its place."
  use ExUnit.Case, async: true

  import SnakeBridge.LivebookDouble
  import SnakeBridge.Wait

  alias SnakeBridge.Session

  # Of this test's own worker.
  setup do
    name = :"#{__MODULE__}#{System.unique_integer([:positive])}"
    start_supervised!({Session, name: name})
    %{session: name, evaluator: start()}
  end

  defp text(evaluator, cell, parents, code) do
    assert {:ok, %{type: :text, content: text}} = evaluate(evaluator, cell, parents, code)
    text
  end

  defp thread(evaluator, cell, parents, session) do
    code = ~s|SnakeBridge.call!("threading", "get_ident", [], [], session: #{inspect(session)})|
    text(evaluator, cell, parents, code)
  end

  test "natural syntax in `py do`, whose names later cells see", %{evaluator: evaluator} do
    setup = """
    import SnakeBridge, only: [py: 1]

    py do
      fractions = SnakeBridge.import!("fractions")
      half = fractions.Fraction.(1, 2)
    end
    """

    assert {:ok, _} = evaluate(evaluator, 1, [], setup)

    assert {:ok, _} =
             evaluate(evaluator, 2, [1], "py do: third = half / 3 * 2")

    assert text(evaluator, 3, [2, 1], ~S|"#{third}"|) == ~s|"1/3"|
    assert {:error, message} = evaluate(evaluator, 4, [2, 1], "half.numerator")
    assert message =~ "KeyError"
    assert message =~ "notebook.livemd#cell:4:1"
  end

  test "a drop binds names for later cells", %{evaluator: evaluator} do
    assert {:ok, _} =
             evaluate(evaluator, 1, [], "import SnakeBridge, only: [py: 1, sigil_PY: 2]\nxs = [1, 2, 6]")

    assert text(evaluator, 2, [1], ~s|~PY"""\ntotal = sum(xs)\ntotal / len(xs)\n"""|) == "3.0"
    assert text(evaluator, 3, [2, 1], "total") == "9"
  end

  test "Pythonx's sigil and this library's in one notebook", %{evaluator: evaluator} do
    first = """
    import Pythonx, except: [sigil_PY: 2]
    import SnakeBridge, only: [sigil_PY: 2]
    """

    assert {:ok, _} = evaluate(evaluator, 1, [], first)
    assert text(evaluator, 2, [1], ~s|~PY"1 + 1"|) == "2"

    second = """
    import Pythonx

    defmodule Sigils do
      defmacro sigil_SB(code, modifiers) do
        quote do
          require SnakeBridge
          SnakeBridge.sigil_PY(unquote(code), unquote(modifiers))
        end
      end
    end
    """

    other = start()
    assert {:ok, _} = evaluate(other, 1, [], second)
    # A module cannot be imported in the cell that defines it.
    assert {:ok, _} = evaluate(other, 5, [1], "import Sigils")
    assert text(other, 2, [5, 1], ~s|~PY"1 + 1"|) == ~s|{:pythonx, "1 + 1"}|
    assert text(other, 3, [2, 5, 1], ~s|n = 20\n~SB"m = n + 1; m * 2"|) == "42"
    assert text(other, 4, [3, 2, 5, 1], "m") == "21"
  end

  test "an object is rendered by Kino, as a notebook of Python shows it", %{evaluator: evaluator} do
    code = ~S|SnakeBridge.run!("class Shown:\n  def _repr_html_(self): return '<b>shown</b>'\nShown()")|
    assert {:ok, %{type: :html, content: "<b>shown</b>"}} = evaluate(evaluator, 1, [], code)

    assert text(evaluator, 2, [], ~S|SnakeBridge.call!("fractions", "Fraction", [1, 2])|) =~
             "#Python<Fraction(1, 2)"
  end

  test "what Python prints stands in the cell, in order with what Elixir prints", %{evaluator: evaluator} do
    code = """
    IO.puts("one")
    SnakeBridge.run!("print('twö', 'three', sep='\\\\n')")
    IO.puts("four")
    """

    assert {:ok, _} = evaluate(evaluator, 1, [], code)
    assert output() == "one\ntwö\nthree\nfour\n"
  end

  test "Python's `input` says that there is none", %{evaluator: evaluator} do
    assert {:error, message} = evaluate(evaluator, 1, [], ~S|SnakeBridge.run!("input('name? ')")|)
    assert message =~ "EOFError"
    assert text(evaluator, 2, [], ~S|SnakeBridge.run!("1 + 1")|) == "2"
  end

  test "Stop interrupts Python, and the next evaluation works", %{evaluator: evaluator, session: session} do
    seen = SnakeBridge.run!("seen = []\nseen", [], as: :ref, session: session)

    wait = """
    import time
    seen.append("waits")
    try:
        while True:
            time.sleep(0.01)
    except BaseException as error:
        seen.append(type(error).__name__)
        raise
    """

    assert {:ok, _} = evaluate(evaluator, 1, [], "x = 1")
    begin(evaluator, 2, [1], "SnakeBridge.run!(#{inspect(wait)}, seen: hd(#{hold(seen)}))")
    until(fn -> SnakeBridge.method!(seen, "copy") == ["waits"] end)
    stop(evaluator)
    until(fn -> SnakeBridge.method!(seen, "copy") == ["waits", "KeyboardInterrupt"] end)

    again = start()
    assert text(again, 1, [], "length(SnakeBridge.method!(hd(#{hold(seen)}), \"copy\"))") == "2"

    assert {:ok, %{lanes: 2}} =
             until(fn -> with({:ok, %{lanes: 2}} = usage <- Session.usage(session), do: usage) end)
  end

  # Code that gives what the test holds.
  defp hold(term) do
    key = {__MODULE__, System.unique_integer([:positive])}
    :persistent_term.put(key, [term])
    on_exit(fn -> :persistent_term.erase(key) end)
    ":persistent_term.get(#{inspect(key)})"
  end

  test "cells that are evaluated again go on in the same thread of Python",
       %{evaluator: evaluator, session: session} do
    first = thread(evaluator, 1, [], session)
    assert thread(evaluator, 2, [1], session) == first
    assert thread(evaluator, 3, [2, 1], session) == first

    # With the process dictionary as it was before cell 1, cell 2 and cell 3, one after the other.
    for _ <- 1..3, {cell, parents} <- [{1, []}, {3, [2, 1]}, {2, [1]}] do
      assert thread(evaluator, cell, parents, session) == first
    end

    assert {:ok, %{lanes: 1}} = Session.usage(session)
  end

  test "a cell that failed costs the ones before and after it nothing", %{
    evaluator: evaluator,
    session: session
  } do
    first = thread(evaluator, 1, [], session)
    late = ~s|SnakeBridge.call!("time", "sleep", [60], [], session: #{inspect(session)}, timeout: 50)|
    assert {:error, message} = evaluate(evaluator, 2, [1], late)
    assert message =~ "Python did not answer in time"
    # The dictionary is now the one of cell 1 again, with a lane that was closed.
    second = thread(evaluator, 3, [2, 1], session)
    assert second != first
    assert thread(evaluator, 1, [], session) == second
  end

  test "output that arrives together with an answer is not lost, nor seen twice",
       %{evaluator: evaluator, session: session} do
    code = fn n -> ~s|SnakeBridge.run!("print(#{n}); #{n}", [], session: #{inspect(session)})| end
    for n <- 1..20, do: assert(text(evaluator, n, Enum.to_list((n - 1)..1//-1), code.(n)) == "#{n}")
    for n <- 20..1//-1, do: assert(text(evaluator, n, Enum.to_list((n - 1)..1//-1), code.(n)) == "#{n}")

    assert output() |> String.split() |> Enum.map(&String.to_integer/1) ==
             Enum.to_list(1..20) ++ Enum.to_list(20..1//-1)
  end

  test "a branched section has the names, and a thread of its own", %{evaluator: evaluator, session: session} do
    define = ~s|half = SnakeBridge.call!("fractions", "Fraction", [1, 2], [], session: #{inspect(session)})|
    assert {:ok, _} = evaluate(evaluator, 1, [], define)
    first = thread(evaluator, 2, [1], session)
    branch = branch(evaluator, [2, 1])
    assert text(branch, 3, [], ~S|"#{half}"|) == ~s|"1/2"|
    second = thread(branch, 4, [3], session)
    assert second != first

    # Both at once, and each where it was.
    slow = ~s|SnakeBridge.call!("time", "sleep", [0.3], [], session: #{inspect(session)})|
    waiting = begin(evaluator, 5, [2, 1], slow)
    assert text(branch, 6, [4, 3], ~S|SnakeBridge.attr!(half, "denominator")|) == "2"
    assert_receive {^waiting, {:ok, _}}, 10_000
    assert thread(evaluator, 6, [5, 2, 1], session) == first
    stop(branch)
    assert text(evaluator, 7, [6, 5, 2, 1], ~S|"#{half}"|) == ~s|"1/2"|
  end

  # Compiles the library, as a notebook's setup cell does the first time.
  @tag timeout: 600_000
  test "Mix.install with a path, in a VM and folders of its own" do
    directory = Path.join(System.tmp_dir!(), "sb-install-#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(directory) end)
    File.mkdir_p!(directory)

    File.write!(Path.join(directory, "notebook.exs"), """
    dependencies = [{:snakebridge, path: #{inspect(File.cwd!())}}]
    Mix.install(dependencies)
    IO.inspect(SnakeBridge.call!("math", "sqrt", [16]))

    defmodule Cell do
      use SnakeBridge
      def half, do: SnakeBridge.import!("fractions").Fraction.(1, 2) + py.len("ab")
    end

    IO.inspect(Cell.half())
    Mix.install(dependencies)
    IO.puts("again")
    """)

    env = [
      {"MIX_ENV", nil},
      {"MIX_BUILD_PATH", nil},
      {"MIX_HOME", Path.join(directory, "home")},
      {"MIX_INSTALL_DIR", Path.join(directory, "install")}
    ]

    {text, status} =
      System.cmd("elixir", ["notebook.exs"], cd: directory, env: env, stderr_to_stdout: true)

    assert status == 0, text
    assert text =~ "4.0\n#Python<Fraction(5, 2)>\nagain\n"
  end
end

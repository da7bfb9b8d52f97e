defmodule SnakeBridge.DropTest do
  use ExUnit.Case, async: true
  import SnakeBridge, only: [sigil_PY: 2]
  import ExUnit.CaptureIO

  alias SnakeBridge.{Ref, Unbound}

  @guide Path.expand("../../../../docs/drops.md", __DIR__)
  @external_resource @guide

  doctest_file(@guide)

  test "a drop takes variables, binds names, and is the value of its last expression" do
    x = 41
    assert ~PY"x + 1" == 42

    assert ~PY"""
           y = x * 2
           z = [y, x]
           """ == nil

    assert {y, z} == {82, [82, 41]}
    double = &(&1 * 2)
    assert ~PY"double(x)" == 82
  end

  test "return at the top level" do
    xs = [3, 4]

    value = ~PY"""
    total: int = 0
    for n in xs:
        total += n
        if total > 2:
            return total * 10
    total
    """

    assert {value, total} == {30, 3}
    assert ~PY"return" == nil

    assert ~PY"""
           async def f(): return 5
           return await f()
           """ == 5
  end

  test "what is not bound keeps the caller's value, or is Unbound" do
    kept = "mine"
    flag = false

    ~PY"""
    if flag:
        kept = 1
        fresh = 2
    """

    assert kept == "mine"
    assert fresh == %Unbound{name: "fresh"}

    ~PY"""
    if not flag:
        kept = kept + "!"
    try:
        1 / 0
    except ZeroDivisionError as error:
        gone = str(error)
    """

    assert {kept, gone, error} == {"mine!", "division by zero", %Unbound{name: "error"}}
  end

  test "a variable wins over a builtin of its name" do
    list = [1]
    assert ~PY"list + [2]" == [1, 2]
  end

  test "inserted values are values" do
    evil = ~S|"; import os; {x} ' """ \ #{| <> "\n}"
    assert ~PY"#{evil}" == evil
    assert ~PY"'#{evil}'" == evil
    assert ~PY"f'{1 + 1} #{evil}'" == "2 " <> evil
    assert ~PY"r'\d{2} #{evil}' + u'{#{1 + 1}}'" == ~S"\d{2} " <> evil <> "{2}"
    assert ~PY|'a' '#{evil}' "b"| == "a" <> evil <> "b"

    assert ~PY"""
           '''{
           #{%{a: "}"}.a}
           #{String.upcase(evil)}'''
           """ == "{\n}\n" <> String.upcase(evil)

    assert ~PY"len(#{[1, 2]}) + #{3}  # a comment with #{no_variable}" == 5
    assert ~PY"f'{7:#{4}}|'" == "   7|"
    assert ~PY"'\#{x} {}'" == "\#{x} {}"
    assert ~PY"'\N{BULLET}#{1}'" == "•1"

    assert ~PY"""
           #{1 +
             1} + 1
           """ == 3
  end

  test "modifiers" do
    assert %Ref{type: "builtins.list"} = ~PY"[1, 2]"r
    assert %Ref{} = ~PY"x = 1; (x, x)"r
    assert x == 1
    assert ~PY"(n * n for n in range(3))"l == [0, 1, 4]
    assert ~PY"1 / 3"t == "0.3333333333333333"
    assert ~PY"import fractions; fractions.Fraction(1, 3)"t == "1/3"
    assert %Ref{type: "builtins.module"} = fractions
    assert ~PY"b'ab'"b == "ab"
  end

  test "an exception is raised, and names the file and line" do
    error =
      assert_raise SnakeBridge.Py.ZeroDivisionError, fn ->
        ~PY"""
        def f(n):
            return n / 0

        f(1)
        """
      end

    line = __ENV__.line - 6
    file = __ENV__.file

    assert [%{file: ^file, name: "<module>"}, %{file: ^file, line: ^line, name: "f", source: "return n / 0"}] =
             error.traceback

    assert error.text =~ "return n / 0"
    error = assert_raise SnakeBridge.Py.ValueError, fn -> ~PY"int('x')" end
    assert [%{line: line}] = error.traceback
    assert line == __ENV__.line - 2
  end

  test "run of a drop is the drop" do
    a = 2
    assert SnakeBridge.run(~PY"a + 1") == {:ok, 3}
    assert SnakeBridge.run!(~PY"b = a + 1; 'text'") == "text"
    assert b == 3
    assert {:ok, %Ref{}} = SnakeBridge.run(~PY"c = 4; [c]", as: :ref)
    assert c == 4
    assert {:error, %SnakeBridge.Py.ZeroDivisionError{}} = SnakeBridge.run(~PY"c = 1 / 0")
    assert c == 4

    assert {:error, %SnakeBridge.BridgeError{reason: :timeout}} =
             SnakeBridge.run(~PY"while True: pass", timeout: 100)

    assert_raise ArgumentError, fn -> SnakeBridge.run(~PY"1", timeuot: 1) end
    # Text that a drop gives is no source.
    assert SnakeBridge.run(~PY"'1 + 1'") == {:ok, "1 + 1"}
  end

  test "functions keep their names, runs share none" do
    ~PY"""
    import math
    scale = 3
    def area(r): return scale * math.floor(r)
    """

    assert SnakeBridge.apply!(area, [2.5]) == 6
    assert scale == 3
    assert ~PY"area(1.5)" == 3
    assert ~PY"'scale' in globals()" == false
  end

  test "await, print, many at once" do
    assert ~PY"""
           import asyncio as _asyncio
           await _asyncio.sleep(0, 7)
           """ == 7

    assert ~PY"import asyncio; asyncio.sleep(0, 8)" == 8
    assert is_struct(asyncio, Ref)
    assert capture_io(fn -> ~PY"print('out')" end) == "out\n"

    for n <- 1..20,
        do:
          Task.async(fn -> for(i <- 1..20, do: ~PY"k = n * i; k") end)
          |> Task.await()
          |> Kernel.==(for i <- 1..20, do: n * i)
          |> assert()
  end

  # --- at the compilation ---

  defp compiled(body, head \\ "import SnakeBridge, only: [sigil_PY: 2]") do
    name = "SnakeBridge.DropTest.M#{System.unique_integer([:positive])}"
    code = "defmodule #{name} do\n#{head}\ndef f(x \\\\ 1) do\n_ = x\n#{body}\nend\nend"

    Code.with_diagnostics(fn ->
      try do
        [{module, _} | _] = Code.compile_string(code, "lib/some.ex")
        module
      rescue
        error -> error
      end
    end)
  end

  test "a name that nothing has is a warning, at its place" do
    {_, [warning]} = compiled(~s(~PY"""\n  x\n  y = x + nothing\n  """))
    assert warning.message =~ "undefined name in Python: nothing"
    assert warning.position in [{7, 11}, 7]
    {_, [warning]} = compiled(~S|~PY"X_train.head()"|)
    assert warning.message =~ "no variable of Elixir can have that name"
    {_, [warning]} = compiled(~S|_ = ~PY"1 + nothing"|)
    assert warning.position in [{5, 13}, 5]
    assert {_, []} = compiled(~S|~PY"from math import *; sqrt(4)"|)
    assert {_, []} = compiled(~S|~PY"[y for y in range(3) if (z := y)]; print(z, len, KeyError)"|)
  end

  test "no warnings for what is bound and unused; variables that only a drop reads are used" do
    assert {module, []} = compiled("a = 1\n~PY\"b = a + x; c = b; b\"")
    assert module.f(4) == 5
    assert {_, []} = compiled("a = 1\n~PY\"a = 2; a\"")
    {_, [warning]} = compiled("a = 1\n~PY\"[a for a in range(x)]\"")
    assert warning.message =~ "variable \"a\" is unused"
  end

  test "what is no Python does not compile, with file, line and caret" do
    {error, _} = compiled(~s(~PY"""\n  x = 1\n  y = = 2\n  """))
    assert %CompileError{file: file, line: 7} = error
    assert Path.basename(file) == "some.ex"
    assert Exception.message(error) =~ "    y = = 2\n        ^"

    for source <- [
          "(",
          "'a",
          "if x:",
          "  x\ny",
          "b'\#{x}'",
          "'\#{x'",
          "yield 1",
          "def f(:",
          "x = [1",
          "1 = x",
          "\#{}",
          "f'{'",
          "match x:\n  case \#{x}: 1"
        ] do
      {error, _} = compiled("~PY\"\"\"\n#{source}\n\"\"\"")
      assert %CompileError{} = error, source
    end
  end

  test "with natural syntax" do
    assert {module, []} = compiled(~S|y = ~PY"x + 1"; {y, SnakeBridge.run(~PY"k = x")}|, "use SnakeBridge")
    assert module.f(2) == {3, {:ok, nil}}
  end

  test "evaluated code" do
    {value, binding} =
      Code.eval_string("import SnakeBridge, only: [sigil_PY: 2]; n = 2; ~PY\"m = n + 1; m * 2\"")

    assert value == 6
    assert binding[:m] == 3

    assert_raise ArgumentError, ~r/wants Python source/, fn ->
      Code.eval_string("import SnakeBridge, only: [sigil_PY: 2]; SnakeBridge.run(~PY\"1\")")
    end
  end

  test "text that a drop gives is never run as source" do
    eval = &(("import SnakeBridge, only: [py: 1, sigil_PY: 2]; " <> &1) |> Code.eval_string([]) |> elem(0))
    hostile = ~S|~PY"'1 / 0'"|

    for code <- [
          "SnakeBridge.run(#{hostile})",
          "#{hostile} |> SnakeBridge.run!()",
          "SnakeBridge.run(#{hostile}, timeout: 1_000)",
          "for _ <- [1], do: SnakeBridge.run(#{hostile})",
          "defmodule #{inspect(__MODULE__)}.Body do SnakeBridge.run(#{hostile}) end"
        ],
        do: assert_raise(ArgumentError, ~r/what a drop gave.*hint: .*py do/s, fn -> eval.(code) end)

    assert eval.("py do SnakeBridge.run(#{hostile}, timeout: 1_000) end") == {:ok, "1 / 0"}

    assert eval.("text = #{hostile}; {SnakeBridge.run(\"2\"), ~PY\"eval('2') if text else 0\"}") ==
             {{:ok, 2}, 2}

    # It is about the last one.
    assert eval.("a = ~PY\"'3'\"; ~PY\"4\"; SnakeBridge.run(a)") == {:ok, 3}
  end
end

defmodule SnakeBridge.RunTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureIO
  require SnakeBridge.Py

  test "the value is that of the last expression; without one it is nil" do
    assert SnakeBridge.run("x = 1\nx + 1") == {:ok, 2}
    assert SnakeBridge.run("x = 1") == {:ok, nil}
    assert SnakeBridge.run("") == {:ok, nil}
    assert SnakeBridge.run("1;") == {:ok, 1}
    assert SnakeBridge.run!("[n * n for n in range(3)]") == [0, 1, 4]
  end

  test "bindings are names of the source, and never text of it" do
    assert SnakeBridge.run!("name", name: "'; import os; '") == "'; import os; '"
    assert SnakeBridge.run!("a + b", %{"a" => 1, b: 2}) == 3
    assert SnakeBridge.run!("f(3)", f: &(&1 * 2)) == 6
    list = SnakeBridge.run!("[]", [], as: :ref)
    SnakeBridge.run!("xs.append(1)", xs: list)
    assert SnakeBridge.value!(list) == [1]
    assert {:error, %SnakeBridge.Py.ValueError{}} = SnakeBridge.run("1", "no name": 1)
  end

  test "each run has a namespace of its own, which what it defines keeps" do
    function = SnakeBridge.run!("k = 2\ndef f(x):\n  return x * k\nf")
    assert {:error, %SnakeBridge.Py.NameError{}} = SnakeBridge.run("k")
    assert SnakeBridge.apply!(function, [4]) == 8

    assert SnakeBridge.run!("""
           from dataclasses import dataclass
           @dataclass
           class P:
               x: int
           P(3).x
           """) == 3
  end

  test "await may stand at the top level" do
    assert SnakeBridge.run!("import asyncio\nx = await asyncio.sleep(0.01, 4)\nx + 1") == 5
    assert SnakeBridge.run!("import asyncio\nawait asyncio.sleep(0, 4)") == 4
    assert SnakeBridge.run!("import asyncio\nx = await asyncio.sleep(0, 4)") == nil

    assert SnakeBridge.run!("""
           async def items():
               for i in range(3):
                   yield i
           [i async for i in items()]
           """) == [0, 1, 2]
  end

  test "as: is for the value, also of a source that awaits" do
    for source <- ["[1, 2]", "import asyncio\nawait asyncio.sleep(0, [1, 2])"] do
      ref = SnakeBridge.run!(source, [], as: :ref)
      assert ref.type == "builtins.list"
      assert SnakeBridge.value!(ref) == [1, 2]
    end

    coroutine = SnakeBridge.run!("async def f():\n  return 7\nf()", [], as: :ref)
    assert coroutine == 7 or coroutine.type == "builtins.coroutine"
  end

  test "tracebacks show the source's lines, also of functions called later" do
    source = "def f():\n    return 1 / 0\n\nf"
    function = SnakeBridge.run!(source)
    assert {:error, %SnakeBridge.Py.ZeroDivisionError{} = error} = SnakeBridge.apply(function, [])
    assert error.text =~ "return 1 / 0"
    refute error.text =~ "snakebridge"
    assert [%{file: "run " <> _, line: 2, name: "f"}] = error.traceback

    assert {:error, %SnakeBridge.Py.SyntaxError{} = error} = SnakeBridge.run("x = = 1")
    assert error.text =~ "x = = 1"
  end

  test "timeout, output" do
    assert {:error, %SnakeBridge.BridgeError{reason: :timeout}} =
             SnakeBridge.run("import time\nwhile True: time.sleep(0.01)", [], timeout: 200)

    assert capture_io(fn -> SnakeBridge.run!("print('out')") end) == "out\n"
  end

  test "a source that ends the program raises, and the worker lives" do
    assert {:error, error} = SnakeBridge.run("import sys\nsys.exit(3)")
    assert SnakeBridge.Py.is_kind(error, "SystemExit")
    assert SnakeBridge.run("1") == {:ok, 1}
  end

  defmodule Kept do
    import SnakeBridge, only: [sigil_PY: 2]

    def lists do
      SnakeBridge.run!(~PY"xs, ys = [1], [2]", refs: [:xs])
      {xs, ys}
    end

    def append(xs) do
      ~PY"xs.append(3)"
      xs
    end
  end

  test "what a drop binds may come as refs" do
    {xs, ys} = Kept.lists()
    assert SnakeBridge.ref?(xs) and ys == [2]
    Kept.append(xs)
    assert SnakeBridge.value!(xs) == [1, 3]
  end

  test "a dict of one's own as the names" do
    names = SnakeBridge.call!("builtins", "dict", [], [], as: :ref)
    assert SnakeBridge.run("def f(): return n\nn = 1", [], namespace: names) == {:ok, nil}
    assert SnakeBridge.run("f()", [n: 2], namespace: names) == {:ok, 2}
    assert SnakeBridge.item!(names, "n") == 2
    assert_raise ArgumentError, ~r/a ref of a dict/, fn -> SnakeBridge.run("1", [], namespace: %{}) end
  end

  test "many sources at once" do
    1..8
    |> Enum.map(fn n ->
      Task.async(fn -> for(i <- 1..100, do: SnakeBridge.run!("x + #{rem(i, 20)} - #{rem(i, 20)}", x: n)) end)
    end)
    |> Task.await_many(30_000)
    |> Enum.with_index(1)
    |> Enum.each(fn {values, n} -> assert Enum.uniq(values) == [n] end)
  end
end

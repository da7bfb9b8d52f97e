defmodule SnakeBridge.SpellingTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  # An object that says what was done to it.
  @python """
  class Frame:
      T = 'transposed'
      columns = ['a', 'b']
      def __init__(self, *args, **kwargs):
          self.made = (args, tuple(sorted(kwargs.items())))
          self.items = {}
      def head(self, n=5):
          return f'head {n}'
      def same(self):
          return self
      def __getitem__(self, key):
          return self.items.get(str(key), f'item {key!r}')
      def __setitem__(self, key, value):
          self.items[str(key)] = value
      def __call__(self, *args, **kwargs):
          return f'called {args} {kwargs}'
      def __repr__(self):
          return 'Frame()'
      __hash__ = None

  def operator(name):
      return lambda self, *others: f'{name} ' + ' '.join(type(o).__name__ for o in others)

  for name in ['add', 'radd', 'sub', 'mul', 'truediv', 'gt', 'lt', 'ge', 'le', 'eq', 'ne', 'and', 'or', 'xor',
               'lshift', 'rshift', 'matmul', 'neg', 'invert']:
      setattr(Frame, f'__{name}__', operator(name))

  import types
  lib = types.SimpleNamespace(Frame=Frame, linspace=lambda a, b, num=50: f'{a} {b} {num}')
  df = Frame()
  other = Frame()
  def f(*args, **kwargs):
      return f'f {args} {kwargs}'
  """

  setup_all do
    host = start()
    own(host)
    host = start_python(host)
    %{error: nil} = python(host, @python)
    {:ok, host: host}
  end

  setup %{host: host}, do: own(host)

  defp check(host, cases) do
    for {source, expected} <- cases do
      cell = run(host, source, read: true)
      assert cell.error == nil, "#{source}: #{plain(cell.error && cell.error.traceback)}"
      assert plain(cell.result) == expected, source
    end
  end

  test "attributes and calls", %{host: host} do
    check(host, [
      {"df.columns", ~s|["a", "b"]|},
      {"df.T", ~s|"transposed"|},
      {"df.head(3)", ~s|"head 3"|},
      {"df.head()", ~s|"head 5"|},
      {"df.head(n: 2)", ~s|"head 2"|},
      {"lib.linspace(0, 1, num: 5)", ~s|"0 1 5"|},
      {"lib.Frame.(1, k: 2).made", ~s|{{1}, {{"k", 2}}}|},
      {"f.(1, k: 1)", ~s|"f (1,) {'k': 1}"|},
      {"df.(1)", ~s|"called (1,) {}"|},
      {"df.same().same().head(1)", ~s|"head 1"|},
      {"df.same().T", ~s|"transposed"|},
      {"SnakeBridge.apply!(f, [1, 2], %{\"x\" => 3})", ~s|"f (1, 2) {'x': 3}"|}
    ])
  end

  test "items", %{host: host} do
    check(host, [
      {~s|df["a"]|, ~s|"item 'a'"|},
      {~s|df[{1, 2}]|, ~s|"item (1, 2)"|},
      {~s|df[1..2]|, ~s|"item slice(1, 3, None)"|},
      {~s|SnakeBridge.put_item!(df, "k", 5)\ndf["k"]|, "5"},
      {~s|put_in(df["k"], 6)\ndf["k"]|, "6"},
      {~s|SnakeBridge.put_attr!(df, "note", "hi")\ndf.note|, ~s|"hi"|}
    ])
  end

  test "operators", %{host: host} do
    check(host, [
      {"df + other", ~s|"add Frame"|},
      {"df + 1", ~s|"add int"|},
      {"1 + df", ~s|"radd int"|},
      {"df - 1", ~s|"sub int"|},
      {"df * 2", ~s|"mul int"|},
      {"df / 2", ~s|"truediv int"|},
      {"df > 2", ~s|"gt int"|},
      {"df <= 2", ~s|"le int"|},
      {"df == other", ~s|"eq Frame"|},
      {"df != other", ~s|"ne Frame"|},
      {"df &&& other", ~s|"and Frame"|},
      {"df ||| other", ~s|"or Frame"|},
      {"~~~df", ~s|"invert "|},
      {"-df", ~s|"neg "|},
      {"SnakeBridge.matmul!(df, other)", ~s|"matmul Frame"|},
      {"{SnakeBridge.same?(df, df), SnakeBridge.same?(df, other)}", "{true, false}"}
    ])
  end

  test "ordinary Elixir means what it always meant", %{host: host} do
    check(host, [
      {"map = %{columns: 1, head: fn x -> x end}\n{map.columns, map.head.(2), map[:columns]}", "{1, 2, 1}"},
      {"[3, 1] |> Enum.sort() |> Enum.map(&(&1 + 1))", "[2, 4]"},
      {"case 5 do\n  n when n > 3 and n == 5 -> -n\nend", "-5"},
      {"match?({{:., _, [{:df, _, _}, :columns]}, _, []}, quote(do: df.columns))", "true"},
      {"for x <- [1, 2], x > 1, do: x == 2", "[true]"},
      {"1 + 2 == 3", "true"},
      {"import Bitwise\n5 &&& 4", "4"},
      {"df |> then(& &1.head(9))", ~s|"head 9"|},
      {"Enum.map([1, 2], &df.head/1)", ~s|["head 1", "head 2"]|}
    ])
  end

  test "a capitalised name before a bracket is no Elixir, and the error says what is", %{host: host} do
    cell = run(host, "lib.Frame(1)", read: true)
    assert cell.error.class == "SyntaxError"
    assert cell.error.hint =~ "lib.Frame.("
  end

  test "modules of cells use it where they say so", %{host: host} do
    run(host, "defmodule Uses do\n  use SnakeBridge\n  def top(df), do: df.head(4)\nend")
    check(host, [{"Uses.top(df)", ~s|"head 4"|}])
  end
end

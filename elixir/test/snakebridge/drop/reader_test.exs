defmodule SnakeBridge.Drop.ReaderTest do
  @moduledoc "The reader beside Python's own compiler: over the standard library of each version there is, and over random programs."
  use ExUnit.Case, async: true

  alias SnakeBridge.Drop.Reader

  doctest SnakeBridge.Drop.Reader
  doctest SnakeBridge.Drop.Builtins

  @script Path.expand("../../support/global_names.py", __DIR__)

  defp needs(source) do
    {:ok, found} = Reader.read(source)
    Map.keys(found.needs)
  end

  defp binds(source) do
    {:ok, found} = Reader.read(source)
    Map.keys(found.binds)
  end

  defp error(source) do
    {:error, message, place} = Reader.read(source)
    {message, place}
  end

  test "what may be read before it is bound" do
    assert needs("x = 1\nx") == []
    assert needs("x = x") == ["x"]
    assert needs("x += 1") == ["x"]
    assert needs("if c: x = 1\nx") == ["c", "x"]
    assert needs("if c: x = 1\nelse: x = 2\nx") == ["c"]
    assert needs("if c: x = 1\nelse: raise c\nx") == ["c"]
    assert needs("for i in y: x = i\nx, i") == ["i", "x", "y"]
    assert needs("try: x = 1\nexcept E as e: e; x = 2\nx") == ["E"]
    assert needs("try: x = f()\nfinally: x") == ["f", "x"]
    assert needs("try: pass\nexcept E as e: pass\ne") == ["E", "e"]
    assert needs("with f() as g: x = 1\ng, x") == ["f", "x"]
    assert needs("a and (b := 1)\nb") == ["a", "b"]
    assert needs("def f(p, q=d): return p + q + x + y\nx = 1") == ["d", "x", "y"]
    assert needs("x = 1\ndel x\nx") == ["x"]
    assert needs("while (n := f()): n\nn") == ["f"]
  end

  test "scopes" do
    assert needs("[x for x in xs if x in ys]") == ["xs", "ys"]
    assert needs("class A:\n  a = 1\n  def f(self): return a\n  b = [a for _ in a]") == ["a"]
    assert needs("class A:\n  x = x") == ["x"]
    assert needs("lambda a, *b, c=d, **e: a + b + c + e + f") == ["d", "f"]
    assert needs("def f():\n  def g(): nonlocal x; x = y\n  x = 1") == ["y"]
    assert binds("def f():\n  global g\n  g = 1") == ["f", "g"]
    assert binds("[y := f(x) for x in xs]") == ["y"]
    assert binds("import a.b, c.d as e\nfrom f import g, h as i") == ["a", "e", "g", "i"]

    assert binds("match x:\n  case [1, *a, {'k': b, **c}] | C(d, e=f) as g if g: h = 1\n  case n.m | _: pass") ==
             ~w(a b c d f g h)

    assert binds(
             "type A[T: int] = dict[T, U]\ndef f[*Ts, **P](x: P) -> Ts: pass\nclass B[T = int](C[T]): pass"
           ) == ["A", "B", "f"]

    assert needs("type A[T: X] = dict[T, U]\ndef f[*Ts, **P](x: P) -> Ts: pass\nclass B[T = Y](C[T]): z: T") ==
             ~w(C U X Y dict)

    assert needs("class A:\n  def f(self): return __class__, __x\n") == ["_A__x"]
    assert binds("ﬁ = 1") == ["fi"]
  end

  test "strings" do
    assert needs(~S|f"{a!r:>{b}} {{c}} {d['k']:%Y-{e}} {f=}"|) == ~w(a b d e f)
    assert needs(~S|f'{f"{f'{x}'}"}' rf"\{y}" b"{z}" t"{w:{v}}"|) == ~w(v w x y)
    assert needs(~S|f'''{ # note
      x
    }'''|) == ["x"]
    assert needs(~S|f"{x!=y} {lambda_} \N{BULLET} {'}'}"|) == ["lambda_", "x", "y"]
    assert needs("'a\\\nb' 'c'\\\n  'd'; x") == ["x"]
  end

  test "layout" do
    assert needs("if a:\n\tb\n\tif c:\n\t\td\n# e\n\n\tf\ng") == ~w(a b c d f g)
    assert needs("x = (1,\n  # a\n y)\r\nif z: w; v\r\n") == ~w(v w y z)
    assert {"unexpected indent", {2, 3}} = error("x\n  y")
    assert {"inconsistent use of tabs and spaces" <> _, {3, 2}} = error("if x:\n        y\n\tz")
    assert {"unindent does not match" <> _, _} = error("if x:\n    y\n  z")
    assert {"'(' was never closed", {1, 5}} = error("x = (")
    assert {"unmatched ')'", {1, 2}} = error("x)")
    assert {"unterminated string literal", {1, 1}} = error("'abc\n'")
  end

  test "soft keywords are names" do
    assert needs("match = case = type = _ = 1\nmatch[case](type)\nmatch (x), y\nprint(match, type.x)") ==
             ~w(print x y)

    assert needs("match x:\n case 1: y\n") == ~w(x y)
    assert needs("type(x)\nmatch.a = x\nmatch: int = 1") == ~w(int match type x)
  end

  test "anything at all is read, or is an error with a place" do
    :rand.seed(:exsss, {1, 2, 3})

    words =
      "x y if else for in def class lambda ( ) [ ] { } : := = , * ** ' \" f\" f' \"\"\" \\ \#{ } # 1 . @ not match case"

    pieces = String.split(words) ++ ["\n", "\n  ", " ", "\t", "é", "\0"]

    for _ <- 1..3000 do
      source = Enum.map_join(1..:rand.uniform(12), fn _ -> Enum.random(pieces) <> Enum.random(["", " "]) end)

      case Reader.read(source) do
        {:ok, %{text: text}} -> assert is_binary(text)
        {:error, message, {line, column}} -> assert is_binary(message) and line > 0 and column > 0
      end
    end
  end

  # --- beside Python ---

  defp interpreters do
    {:ok, own} = SnakeBridge.Worker.python()
    others = Path.wildcard(Path.join(System.user_home() || "/", ".pyenv/versions/3.1[0-9].*/bin/python"))

    [own | others]
    |> Enum.map(fn python -> {version(python), python} end)
    |> Enum.uniq_by(&elem(&1, 0))
  end

  defp version(python) do
    {text, 0} = System.cmd(python, ["-c", "import sys; print(*sys.version_info[:2], sep='.')"])
    String.trim(text)
  end

  defp differs(source, binds, reads) do
    case Reader.read(source, insertions: false) do
      {:ok, found} ->
        own_binds = Enum.sort(Enum.uniq(Map.keys(found.binds) ++ Map.keys(found.declares)))
        own_reads = Enum.sort(Map.keys(found.reads) -- ["__class__"])

        if {own_binds, own_reads} != {Enum.sort(String.split(binds)), Enum.sort(String.split(reads))},
          do: {binds, own_binds, reads, own_reads}

      error ->
        error
    end
  end

  # The whole takes a while; without RUN_SLOW_TESTS every twentieth file.
  @tag timeout: 600_000
  test "the standard library's sources" do
    step = if System.get_env("RUN_SLOW_TESTS"), do: 1, else: 20

    for {version, python} <- interpreters() do
      {folder, 0} =
        System.cmd(python, ["-c", "import sysconfig; print(sysconfig.get_path('stdlib'), end='')"])

      {out, 0} = System.cmd(python, [@script, "--every", "#{step}", folder])

      wrong =
        for line <- String.split(out, "\n", trim: true),
            [path, binds, reads] = String.split(line, "\t"),
            source = File.read!(path),
            String.valid?(source),
            difference = differs(source, binds, reads),
            do: {path, difference}

      assert wrong == [], "Python #{version}: #{inspect(wrong)}"
      assert length(String.split(out, "\n")) > 1500 / step
    end
  end

  test "random programs" do
    :rand.seed(:exsss, {4, 5, 6})
    sources = for _ <- 1..400, do: program()

    path = Path.join(System.tmp_dir!(), "snakebridge-programs-#{System.unique_integer([:positive])}")
    File.write!(path, Enum.map_join(sources, "\n", &Base.encode64/1))

    for {version, python} <- interpreters() do
      {out, 0} = System.cmd("sh", ["-c", ~s("$0" "$1" - < "$2"), python, @script, path])
      answers = String.split(out, "\n", trim: true)
      assert length(answers) == length(sources)

      taken =
        for {source, answer} <- Enum.zip(sources, answers),
            ["-", binds, reads] <- [String.split(answer, "\t")] do
          difference = differs(source, binds, reads)
          assert difference == nil, "Python #{version}: #{inspect(difference)}\n#{source}"
        end

      assert length(taken) > 200
    end

    File.rm!(path)
  end

  # Most are valid; Python says which. No test is a constant, for the code, which is asked too, has nothing of what cannot run.
  defp program, do: block(0, 3)
  defp block(depth, most), do: Enum.map_join(1..:rand.uniform(most), fn _ -> statement(depth) end)
  defp name, do: Enum.random(~w(a b c d __p))

  defp statement(depth) do
    pad = String.duplicate("  ", depth)
    inner = fn -> if depth > 3, do: "#{pad}  pass\n", else: block(depth + 1, 2) end

    Enum.random([
      fn -> "#{pad}#{target()} = #{expression(2)}\n" end,
      fn -> "#{pad}#{name()} += #{expression(2)}\n" end,
      fn -> "#{pad}#{expression(3)}\n" end,
      fn -> "#{pad}del #{name()}\n" end,
      fn -> "#{pad}import #{name()}.x, y as #{name()}\n" end,
      fn -> "#{pad}global #{name()}\n" end,
      fn -> "#{pad}#{name()}: #{name()} = #{expression(1)}\n" end,
      fn -> "#{pad}if a(#{expression(2)}):\n#{inner.()}#{pad}else:\n#{inner.()}" end,
      fn -> "#{pad}for #{target()} in #{expression(2)}:\n#{inner.()}" end,
      fn -> "#{pad}while a(#{expression(1)}):\n#{inner.()}" end,
      fn -> "#{pad}with #{expression(1)} as #{name()}, #{name()}:\n#{inner.()}" end,
      fn ->
        "#{pad}try:\n#{inner.()}#{pad}except #{name()} as #{name()}:\n#{inner.()}#{pad}finally:\n#{inner.()}"
      end,
      fn -> "#{pad}def #{name()}(#{Enum.random(["", "a", "*b, c=d", "a: b, /, **c"])}):\n#{inner.()}" end,
      fn -> "#{pad}class #{name()}(#{name()}):\n#{inner.()}" end,
      fn ->
        "#{pad}@#{name()}\n#{pad}async def #{name()}(a=#{expression(1)}):\n#{pad}  await #{name()}\n#{inner.()}"
      end,
      fn ->
        "#{pad}match #{expression(1)}:\n#{pad}  case [#{name()}, *_] if #{name()}:\n#{pad}    pass\n#{pad}  case {1: #{name()}}: pass\n"
      end
    ]).()
  end

  defp target,
    do:
      Enum.random([
        name(),
        "#{name()}, *#{name()}",
        "#{name()}.x",
        "#{name()}[#{name()}]",
        "(#{name()}, [#{name()}])"
      ])

  defp expression(0), do: Enum.random([name(), "1", "'s'", "f'{#{name()}:{#{name()}}}'"])

  defp expression(n) do
    e = fn -> expression(n - 1) end

    Enum.random([
      fn -> "#{e.()} + #{e.()}" end,
      fn -> "(#{e.()} if b(#{e.()}) else #{e.()})" end,
      fn -> "[#{e.()} for #{name()} in #{e.()} if #{e.()}]" end,
      fn -> "{#{e.()}: #{e.()} for #{name()}, #{name()} in #{e.()} for #{name()} in #{e.()}}" end,
      fn -> "sum(#{e.()} for #{name()} in #{e.()})" end,
      fn -> "(lambda #{name()}, *x: #{e.()})" end,
      fn -> "(#{name()} := #{e.()})" end,
      fn -> "#{name()}(#{e.()}, k=#{e.()}, *#{name()})" end,
      fn -> "#{name()}.a[#{e.()}:#{e.()}]" end,
      fn -> "(#{e.()} not in #{e.()} or not #{e.()} < #{e.()})" end,
      fn -> "{#{e.()}, *#{name()}}" end,
      fn -> "f'{#{name()}!r} {{x}}'" end,
      e
    ]).()
  end
end

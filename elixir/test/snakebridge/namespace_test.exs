defmodule SnakeBridge.NamespaceTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  setup_all do
    host = start()
    own(host)
    {:ok, host: start_python(host)}
  end

  setup %{host: host}, do: own(host)

  # A cell of Elixir that may see names of Python.
  defp ex(host, source, options \\ []), do: run(host, source, [read: true] ++ options)
  defp ex_value(host, source), do: value(host, source, read: true)
  defp py(host, source), do: (%{error: nil} = python(host, source)) && :ok
  defp py_value(host, source), do: (%{error: nil} = cell = python(host, source)) && plain(cell.result)

  describe "names of Python in Elixir" do
    test "are values or refs, read fresh", %{host: host} do
      py(host, "number = 41\nimport fractions\nhalf = fractions.Fraction(1, 2)\nitems = [1, 'a', None]")
      cell = ex(host, "number + 1")
      assert plain(cell.result) == "42"
      assert cell.reads == ["number"]
      assert cell.writes == []
      assert ex_value(host, "items") == ~s|[1, "a", nil]|
      assert ex_value(host, "half.denominator") == "2"
      assert ex_value(host, "SnakeBridge.ref?(half + half)") == "true"
      py(host, "number += 1\nitems.append(2)")
      assert ex_value(host, "{number, length(items)}") == "{42, 4}"
    end

    test "are those of drops in cells, too", %{host: host} do
      py(host, "rows = [1, 2]\nclass Row: pass\nrow = Row()\nX_train = [3]")
      ex(host, "offset = 1")
      cell = ex(host, ~S|~PY"sum(rows) + #{offset}"|)
      assert plain(cell.result) == "4"
      assert "rows" in cell.reads
      assert ex_value(host, ~s|~PY"""\nkind = type(row).__name__\n"""\nkind|) == ~s|"Row"|
      assert ex_value(host, ~S|~PY"#{py.X_train}"|) == "[3]"
    end

    test "do not stay in Elixir", %{host: host} do
      py(host, "borrowed = 1")
      assert ex_value(host, "borrowed") == "1"
      py(host, "del borrowed")
      assert ex(host, "borrowed").error.message =~ ~s|undefined variable "borrowed"|
    end

    test "that Elixir binds are Elixir's from then on", %{host: host} do
      py(host, "shared = [1]")
      cell = ex(host, "shared = shared ++ [2]")
      assert cell.reads == ["shared"]
      assert cell.writes == ["shared"]
      assert py_value(host, "shared") == "[1, 2]"
      py(host, "shared.append(3)")
      assert ex_value(host, "shared") == "[1, 2, 3]"
      py(host, "del shared")
      assert ex(host, "shared").status == :error
    end

    test "that Elixir cannot spell are reached through py", %{host: host} do
      py(host, "X_train = [1, 2]\nvalid = 1")
      assert ex_value(host, ~s|{py.X_train, py.len([1, 2, 3]), py["valid"]}|) == "{[1, 2], 3, 1}"
    end

    test "may shadow what Elixir has", %{host: host} do
      py(host, "self = 5\nnode = 'n'")
      assert ex_value(host, "{self, node}") == ~s|{5, "n"}|
      assert ex_value(host, "is_pid(self())") == "true"
      py(host, "del self, node")
    end

    test "too large to be sent come as refs, and say so once", %{host: host} do
      py(host, "huge = list(range(100_001))\nlarge = list(range(100_000))")
      cell = ex(host, "huge |> SnakeBridge.value!() |> length()")
      assert plain(cell.result) == "100001"

      assert cell.stderr ==
               "huge is a Python list of 100,001 items: a ref here. " <>
                 "hint: SnakeBridge.value!(huge) fetches it whole\n"

      assert [%{returns: "list"}] = cell.calls
      assert %{stderr: ""} = cell = ex(host, "{SnakeBridge.ref?(huge), length(large)}")
      assert plain(cell.result) == "{true, 100000}"
      py(host, "large.append(1)")
      assert %{status: :error, stderr: "large is a Python list" <> _} = ex(host, "length(large)")
    end

    test "may begin with an underscore", %{host: host} do
      py(host, "_private = 2")
      assert %{stderr: "", error: nil} = cell = ex(host, "_private + 1")
      assert plain(cell.result) == "3"
    end

    test "are not asked for when there are none", %{host: host} do
      py(host, "hidden = 1")
      assert run(host, "hidden", read: false).status == :error
    end
  end

  describe "names of Elixir in Python" do
    test "are there in the next cell, also inside functions defined earlier", %{host: host} do
      py(host, "def area():\n    return region * 2")
      run(host, "region = 21")
      assert py_value(host, "area()") == "42"
      run(host, "region = 4")
      assert py_value(host, "area()") == "8"
    end

    test "of any size, and any kind", %{host: host} do
      run(
        host,
        "big = Enum.to_list(1..200_000); text = String.duplicate(\"é\", 10_000); map = %{a: 1, b: [2.5, nil]}"
      )

      assert py_value(host, "(len(big), big[-1], len(text), map)") ==
               "(200000, 200000, 10000, {'a': 1, 'b': [2.5, None]})"

      run(
        host,
        "double = fn x -> x * 2 end\npid = self()\nhuge = Integer.pow(2, 200)\nbits = <<1::3>>\nref = make_ref()\nimproper = [1 | 2]"
      )

      assert py_value(host, "double(21)") == "42"
      assert py_value(host, "huge") == Integer.to_string(Integer.pow(2, 200))
      # Opaque objects come back identical, and nothing is lost that Python cannot read.
      py(host, "same = [pid, ref]")
      assert ex_value(host, "same == [self(), ref]") == "true"
      assert ex_value(host, "{bits, improper}") == "{<<1::size(3)>>, [1 | 2]}"
    end

    test "are rebound also by a cell that fails, and by one that is interrupted", %{host: host} do
      run(host, "level = 1\nother = 1")
      run(host, "level = 2\n1 / 0")
      assert py_value(host, "level") == "2"
      cell = begin_cell(host, "level = 3\nIO.puts(\"ready\")\nProcess.sleep(:infinity)\nother = 2")
      assert_receive {:frame, :main, {:ev, :stream, {^cell, :stdout, "ready\n"}}}, 5_000
      assert {:ok, true} = request(host, :control, :interrupt, cell)
      assert %{status: :interrupted, writes: ["level"]} = end_cell(cell)
      assert py_value(host, "(level, other)") == "(3, 1)"
    end

    test "keep what Elixir wrote until Python writes", %{host: host} do
      run(host, "stays = [1, 2]")
      assert py_value(host, "stays") == "[1, 2]"
      assert ex_value(host, "stays") == "[1, 2]"
      py(host, "stays = 'python'")
      assert ex_value(host, "stays") == ~s|"python"|
      run(host, "stays = :elixir")
      assert ex_value(host, "stays") == ":elixir"
      assert py_value(host, "stays") == "'elixir'"
    end

    test "with ? and ! are Elixir's alone", %{host: host} do
      run(host, "valid? = true")
      assert ex_value(host, "valid?") == "true"
    end
  end

  describe "the name py" do
    test "is what a cell makes of it until that cell ends", %{host: host} do
      py(host, "py = 'of Python'\nX = 1")
      cell = ex(host, "py = 2\npy + 1")
      assert plain(cell.result) == "3"
      assert cell.writes == []
      assert cell.stderr =~ ~r/^py is reserved.*\n$/
      assert ex_value(host, "{py.X, py.py}") == ~s|{1, "of Python"}|
      assert py_value(host, "py") == "'of Python'"
      assert %{stderr: "", status: :error} = ex(host, "py = 3\nraise \"no\"")
      assert ex_value(host, "py.X") == "1"
      assert ex_value(host, "Enum.map([1], fn py -> py end)") == "[1]"
    end
  end

  describe "a worker that comes later" do
    test "gets all names" do
      host = start()
      own(host)
      run(host, "early = 7\nlarge = Enum.to_list(1..10_000)")
      host = start_python(host)
      assert py_value(host, "early + len(large)") == "10007"
    end
  end

  describe "the death of the worker" do
    test "ends the call that waits for it, and the next call asks for another" do
      host = start()
      own(host)
      host = start_python(host)
      run(host, "kept = 5")

      py(
        host,
        "import time\ndef forever():\n    print('ready', flush=True)\n    while True: time.sleep(0.01)"
      )

      cell = begin_cell(host, "ref = SnakeBridge.import!(\"os\")\npy.forever()", read: true)
      assert_receive {:frame, :main, {:ev, :stream, {^cell, :stdout, "ready\n"}}}, 5_000
      System.cmd("kill", ["-9", "#{host.python}"])
      detached = %{generation: 1, reason: "killed by signal 9 (SIGKILL)", cell: cell}
      send_frame(host, :control, {:ev, :detach, detached})
      ended = end_cell(cell)
      assert ended.error.class == "SnakeBridge.BridgeError"
      assert ended.error.message =~ "SIGKILL"
      assert ended.error.hint =~ "starts a new worker"

      # What Elixir owns is there; the ref says what has become of its object.
      assert value(host, "kept + 1") == "6"
      assert run(host, "ref.getcwd()").error.message =~ "worker"

      cell = begin_cell(host, "py.len([1, kept])")
      assert_receive {:frame, :control, {:req, id, :worker, nil}}, 5_000
      {host, attach} = start_worker(host, 2)
      send_frame(host, :control, {:ok, id, attach})
      assert plain(end_cell(cell).result) == "2"
      {:ok, true} = request(host, :control, :attach, attach)
      assert py_value(host, "kept") == "5"
    end

    test "that cannot be started again is an error with a hint" do
      host = start()
      own(host)
      cell = begin_cell(host, "py.len([])")
      assert_receive {:frame, :control, {:req, id, :worker, nil}}, 5_000

      send_frame(
        host,
        :control,
        {:error, id, {:bridge, :unavailable, "python was not found", "apt install python3"}}
      )

      error = end_cell(cell).error
      assert error.message =~ "python was not found"
      assert error.hint == "apt install python3"
    end
  end

  describe "calls from a cell" do
    test "are counted by shape", %{host: host} do
      cell = ex(host, ~s|math = SnakeBridge.import!("math"); for x <- [1.0, 4.0], do: math.sqrt(x)|)
      assert plain(cell.result) == "[1.0, 2.0]"
      assert Enum.any?(cell.calls, &match?(%{name: "sqrt", count: 2}, &1))
      assert ex(host, "1").calls == []
    end

    test "print where the cell prints, in order", %{host: host} do
      py(host, "def hello(who):\n    print('hello', who)\n    import sys\n    print('oops', file=sys.stderr)")
      cell = ex(host, ~s|IO.puts("before"); hello.("you"); IO.puts("after")|)
      assert cell.stdout == "before\nhello you\nafter\n"
      assert cell.stderr == "oops\n"
    end

    test "may ask for input", %{host: host} do
      py(host, "def ask():\n    return input('name? ')")
      cell = ex(host, "ask.()", inputs: ["Ada"])
      assert plain(cell.result) == ~s|"Ada"|
      assert {:input, {_, "name? ", false}} = List.keyfind(cell.events, :input, 0)
    end

    test "that fail show Python's traceback and the line of the cell", %{host: host} do
      py(host, "def fail():\n    raise ValueError('no good')")
      cell = ex(host, "ok = 1\nfail.()")
      assert cell.error.class == "ValueError"
      assert cell.error.message == "no good"
      text = plain(cell.error.traceback)
      assert text =~ "raise ValueError('no good')"
      assert text =~ "cell #{cell.error.cell}:2"
      refute text =~ "SnakeBridge"
    end

    test "are ended by an interrupt", %{host: host} do
      py(
        host,
        "import time\ndef forever():\n    print('ready', flush=True)\n    while True: time.sleep(0.01)"
      )

      cell = begin_cell(host, "forever.()", read: true)
      assert_receive {:frame, :main, {:ev, :stream, {^cell, :stdout, "ready\n"}}}, 5_000
      {microseconds, {:ok, true}} = :timer.tc(fn -> request(host, :control, :interrupt, cell) end)
      assert microseconds < 2_000_000
      assert %{status: :interrupted, error: %{class: "Interrupted"}} = end_cell(cell)
      assert py_value(host, "1 + 1") == "2"
      assert ex_value(host, "2 + 2") == "4"
    end

    test "call back into the cell", %{host: host} do
      py(host, "def twice(f, x):\n    return f(f(x))")
      assert ex_value(host, "twice.(fn x -> IO.puts(x); x * 3 end, 2)") == "18"
    end
  end

  describe "what Elixir cannot spell" do
    test "is an error that says how to write it", %{host: host} do
      py(host, "def area(x): return x\nimport types\nobj = types.SimpleNamespace(x=1)")
      run(host, "half = &(&1 / 2)")

      run(host, """
      defmodule Plain do
        def read(obj), do: obj.x
        def call(obj), do: obj.method(1)
        def call_none(obj), do: obj.method()
      end
      """)

      for {source, hint} <- [
            {"half(1)", "half.(...)"},
            {"1 + area(2)", "area.(...)"},
            {"put_in(obj.x, 7)", ~s|SnakeBridge.put_attr(ref, "x", value)|},
            {"%{obj | x: 7}", ~s|SnakeBridge.put_attr(ref, "x", value)|},
            {"obj.x = 7", ~s|SnakeBridge.put_attr(obj, "x", value)|},
            {~s|obj["a"] = 7|, "SnakeBridge.put_item(ref, key, value)"},
            {"Plain.read(obj)", "`use SnakeBridge`"},
            {"Plain.call(obj)", "`use SnakeBridge`"},
            {"Plain.call_none(obj)", "`use SnakeBridge`"}
          ] do
        %{error: %{hint: said}} = ex(host, source)
        assert {source, said} == {source, said || "nothing"}
        assert said =~ hint
      end

      for source <- ["nowhere(1)", "%{a: 1}.b", "String.foo = 1", "apply(1, :f, [])"] do
        assert {source, nil} == {source, ex(host, source).error.hint}
      end
    end
  end

  test "Python calls functions of Elixir between cells of Elixir", %{host: host} do
    run(
      host,
      "defmodule Price do\n  def total(xs), do: Enum.sum(xs)\nend\nloud = fn text -> IO.puts(String.upcase(text)); :ok end"
    )

    assert py_value(host, "ex.Price.total([1, 2, 3])") == "6"
    cell = python(host, "loud('hi')")
    assert cell.error == nil
    assert cell.stdout =~ "HI"
  end
end

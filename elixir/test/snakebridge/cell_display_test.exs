defmodule SnakeBridge.CellDisplayTest do
  @moduledoc "Display in cells, as a front end gets it; what values are shown as is `SnakeBridge.DisplayTest`'s."
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  setup_all do
    host = start(env: [{~c"SNAKEBRIDGE_NOTEBOOK", ~c"1"}])
    {:ok, host: start_python(host)}
  end

  setup %{host: host}, do: own(host)

  defp of(cell, op), do: for({^op, body} <- cell.events, do: body)

  defp late(op) do
    receive do
      {:frame, :control, {:ev, ^op, body}} -> body
    after
      10_000 -> flunk("no late #{op}")
    end
  end

  test "a result has all its forms", %{host: host} do
    cell = run(host, "[%{a: 1}, %{a: 2}]")

    assert [%{data: %{"text/html" => "<table" <> _, "text/plain" => text}, metadata: "{}"}] =
             of(cell, :result)

    assert plain(text) == "[%{a: 1}, %{a: 2}]"
    assert text =~ "\e["

    cell = run(host, "SnakeBridge.Display.png(<<255>>, width: 3)")
    assert [%{data: %{"image/png" => <<255>>}, metadata: ~s({"image/png":{"width":3}})}] = of(cell, :result)
  end

  test "a cell implements the protocol, and does so again", %{host: host} do
    run(host, "defmodule Chart do\n  defstruct []\nend")
    assert run(host, "%Chart{}").result

    for text <- ["one", "two"] do
      run(host, """
      defimpl SnakeBridge.Display, for: Chart do
        def mime_bundle(_), do: SnakeBridge.Display.html("#{text}")
      end
      """)

      assert [%{data: %{"text/html" => ^text}}] = of(run(host, "%Chart{}"), :result)
    end

    run(host, "defimpl SnakeBridge.Display, for: Chart do\n  def mime_bundle(_), do: raise \"broken\"\nend")
    cell = run(host, "%Chart{}")
    assert cell.status == :ok and plain(cell.result) == "%Chart{}"
    assert plain(cell.stderr) =~ "** (RuntimeError) broken\n    cell"
  end

  test "display, update and clear, also late and in processes of the cell", %{host: host} do
    cell = run(host, ~S|IO.write("a"); id = SnakeBridge.display("x", display_id: true)
      SnakeBridge.display("y", display_id: id, update: true)
      Task.await(Task.async(fn -> SnakeBridge.display(1) end)); SnakeBridge.clear_output(wait: true)|)

    assert [
             {:stream, {number, :stdout, "a"}},
             {:display, %{cell: number, display_id: id, update: false}},
             {:display, %{cell: number, display_id: id, update: true}},
             {:display, %{cell: number, display_id: nil, update: false}},
             {:clear, {number, true}},
             {:result, _}
           ] = cell.events

    assert byte_size(id) > 8
    started = begin_cell(host, ~S[spawn(fn ->
      receive do :go -> SnakeBridge.display(:late, display_id: "l"); SnakeBridge.clear_output() end
    end) |> Process.register(:shows_late)])
    end_cell(started)
    run(host, "send(:shows_late, :go)")
    assert %{cell: ^started, display_id: "l"} = late(:display)
    assert late(:clear) == {started, false}
  end

  test "what Python shows for an object, in one call, and not counted as the cell's", %{host: host} do
    python(host, """
    class Rich:
        def _repr_html_(self): return "<i>rich</i>"
        def _repr_png_(self): return b"\\xff", {"width": 2}
        def __repr__(self): return "Rich()"
    class Itself:
        def _ipython_display_(self): display("by itself")
    class Broken:
        def __repr__(self): raise ValueError("no repr")
    rich, itself, broken, numbers = Rich(), Itself(), Broken(), iter([1])
    """)

    cell = run(host, "rich", read: true)
    assert [%{data: data, metadata: ~s({"image/png": {"width": 2}})}] = of(cell, :result)
    assert data == %{"text/html" => "<i>rich</i>", "image/png" => <<255>>, "text/plain" => "#Python<Rich()>"}
    assert cell.calls == []

    cell = run(host, "itself", read: true)
    assert of(cell, :result) == []
    assert [%{data: %{"text/plain" => "'by itself'"}}] = of(cell, :display)

    assert run(host, "broken", read: true).result =~ "Broken"
    assert run(host, "numbers", read: true).result =~ "#Python<<list_iterator"
    assert [%{data: %{"text/html" => _}}] = of(run(host, "SnakeBridge.display(rich)", read: true), :display)
    assert [%{data: %{"text/plain" => "'x'"}}] = of(run(host, ~S|py.display("x")|, read: true), :display)
  end

  test "expressions are evaluated with the cell's names, and change nothing", %{host: host} do
    python(host, "from_python = 5")

    expressions = [
      {"sum", "x + from_python"},
      {"table", "[%{a: x}]"},
      {"binds", "x = 100; y = x"},
      {"fails", "1 / 0"},
      {"half", "1 +"},
      {"none", "unknown_name"}
    ]

    cell = run(host, "x = 1", read: true, expressions: expressions)
    assert cell.status == :ok and cell.writes == ["x"] and plain(cell.result) == "1"
    assert Enum.map(cell.expressions, &elem(&1, 0)) == Enum.map(expressions, &elem(&1, 0))
    assert Enum.map(cell.expressions, &elem(&1, 1)) == ~w(result result result error error error)
    [{_, _, sum}, {_, _, table}, {_, _, binds}, {_, _, fails} | _] = cell.expressions
    assert {plain(sum.data["text/plain"]), plain(binds.data["text/plain"])} == {"6", "100"}
    assert table.data["text/html"] =~ "<table"
    assert fails.class == "ArithmeticError"
    assert value(host, "x") == "1"
    assert run(host, "y").error.message =~ "undefined"

    cell = run(host, "2", silent: true, expressions: [{"a", "x + 1"}])
    assert cell.result == nil
    assert [{"a", "result", _}] = cell.expressions
    refute is_map_key(run(host, "raise \"no\"", expressions: [{"a", "1"}]), :expressions)
  end

  describe "progress in a notebook" do
    test "is one display that is replaced, ten times a second at most", %{host: host} do
      cell =
        run(host, ~S[SnakeBridge.progress(1..100, label: "<n>") |> Enum.each(fn _ -> Process.sleep(5) end)])

      [first | rest] = of(cell, :display)
      assert first.update == false and Enum.all?(rest, &(&1.update and &1.display_id == first.display_id))
      assert first.data["text/html"] =~ ~s(value="0" max="100")
      last = List.last(rest).data
      assert last["text/html"] =~ ~s(value="100" max="100") and last["text/html"] =~ "&lt;n&gt;"
      assert last["text/plain"] =~ ~r"^<n> 100/100, [\d,.]+/s, in [\d.]+ s$"
      # It takes half a second at least, and on a slow machine longer.
      assert length(rest) <= 1 + div(cell.duration_us, 100_000)
    end

    test "says where it stopped, and does not know what nobody knows", %{host: host} do
      cell = run(host, "SnakeBridge.progress(1..10) |> Enum.take(3)")
      assert List.last(of(cell, :display)).data["text/plain"] =~ ~r"^3/10, .*stopped after"

      cell = run(host, ~S|for n <- SnakeBridge.progress([1, 2]), n > 1, do: raise "no"|)
      assert cell.status == :error
      assert List.last(of(cell, :display)).data["text/plain"] =~ ~r"^2/2, .*stopped after"

      cell = run(host, "SnakeBridge.progress(Stream.map(1..3, & &1)) |> Enum.sum()")
      [first | _] = displays = of(cell, :display)
      refute first.data["text/html"] =~ "value="
      assert List.last(displays).data["text/plain"] =~ ~r"^3, .*in "
      assert plain(cell.result) == "6"

      cell = run(host, "SnakeBridge.progress(Stream.map(1..3, & &1), total: 3) |> Enum.sum()")
      assert List.last(of(cell, :display)).data["text/html"] =~ ~s(value="3" max="3")
    end
  end

  describe "progress elsewhere" do
    setup do
      {:ok, elsewhere: start()}
    end

    test "is a line of a terminal, and nothing where there is none", %{elsewhere: host} do
      source = "SnakeBridge.progress(1..4, label: \"all\") |> Enum.sum()"
      assert %{stderr: "", stdout: ""} = cell = run(host, source)
      assert of(cell, :display) == []

      cell = run(host, source, width: 60)
      assert of(cell, :display) == []
      lines = String.split(cell.stderr, "\r", trim: true)
      assert hd(lines) =~ "all [....................] 0/4"
      assert List.last(lines) =~ ~r"^all \[####################\] 4/4, .*in .*\e\[K\n$"
      assert Enum.all?(lines, &(String.length(plain(&1)) < 64))
    end

    test "has a line for each of several", %{elsewhere: host} do
      source = """
      for _ <- SnakeBridge.progress([1, 2], label: "outer"),
          _ <- SnakeBridge.progress([1, 2], label: "inner"),
          do: nil
      """

      written = run(host, source, width: 60).stderr
      # The inner one is drawn below, and left above.
      assert written =~
               ~r"outer [^\n]*0/2[^\n]*\e\[K\n\rinner [^\n]*0/2[^\n]*\e\[K\e\[1A\rinner [^\n]*2/2.*\e\[K\n"

      assert plain(written) =~
               ~r"inner [^\n]*2/2[^\n]*\n\n?\r?.*inner [^\n]*2/2[^\n]*\n\router [^\n]*2/2[^\n]*\n$"s
    end
  end
end

defmodule SnakeBridge.SubshellsTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  setup_all do
    {:ok, host: start() |> start_python() |> open_subshell(1)}
  end

  setup %{host: host}, do: own(host)

  @beside [lane: :subshell]

  test "cells of a subshell run while one of the main shell does", %{host: host} do
    main = begin_cell(host, ~s|IO.puts("ready")\nreceive do: (:go -> :gone)|)
    assert_receive {:frame, :main, {:ev, :stream, {^main, :stdout, "ready" <> _}}}, 5_000
    cell = run(host, ~s|IO.puts("beside")\n1 + 1|, @beside)
    assert {cell.status, cell.stdout, plain(cell.result)} == {:ok, "beside\n", "2"}
    assert run(host, "raise \"no\"", @beside).error.class == "RuntimeError"
    assert %{result: ":fine"} = run(host, ":fine", @beside)
    {:ok, true} = request(host, :control, :interrupt, main)
    assert end_cell(main).status == :interrupted
  end

  test "names, imports and aliases of one are the other's", %{host: host} do
    assert value(host, "in_main = [1]\nimport Bitwise\n:ok") == ":ok"
    assert value(host, "{in_main, band(6, 3)}", @beside) == "{[1], 2}"
    assert value(host, "beside = 2\nin_main = 3\nalias String, as: Text\n:ok", @beside) == ":ok"
    assert value(host, ~s|{in_main, beside, band(6, 3), Text.upcase("a")}|) == ~s|{3, 2, 2, "A"}|
    # Both at once: the last writer of a name wins, and nobody's other names are touched.
    main = begin_cell(host, ~s|mine = 1\nIO.puts("ready")\nreceive(do: (:go -> 1))|)
    assert_receive {:frame, :main, {:ev, :stream, {^main, :stdout, "ready" <> _}}}, 5_000

    assert value(host, "mine = {mine, 2}\nalso = 4\nimport Integer, only: [is_odd: 1]\nmine", @beside) ==
             "{1, 2}"

    {:ok, true} = request(host, :control, :interrupt, main)
    assert end_cell(main).status == :interrupted
    assert value(host, "{mine, also, is_odd(3)}") == "{{1, 2}, 4, true}"
  end

  test "a subshell is interrupted alone, and keeps what it had bound", %{host: host} do
    cell = begin_cell(host, ~s|kept = 5\nIO.puts("ready")\nProcess.sleep(:infinity)|, @beside)
    assert_receive {:frame, :subshell, {:ev, :stream, {^cell, :stdout, "ready" <> _}}}, 5_000
    assert value(host, "kept") == "5"
    {:ok, true} = request(host, :control, :interrupt, cell)
    assert %{status: :interrupted, error: %{class: "Interrupted"}} = end_cell(cell, @beside)
    assert value(host, "kept + 1", @beside) == "6"
    {:ok, false} = request(host, :control, :interrupt, cell)
  end

  test "it asks on its own lane", %{host: host} do
    cell = run(host, ~s|IO.gets("name? ")|, @beside ++ [inputs: ["Ada"]])
    assert plain(cell.result) == ~s|"Ada\\n"|
  end

  test "its calls have a thread of Python of their own", %{host: host} do
    python(host, """
    import threading
    def where(): return threading.current_thread() is threading.main_thread()
    def halt():
        global stop
        stop = True
    """)

    assert value(host, "py.where()", read: true) == "true"
    assert value(host, "py.where()", @beside ++ [read: true]) == "false"
    # While a cell of Python computes.
    busy = begin_cell(host, "stop = False\nprint('ready')\nwhile not stop: pass", python: true)
    assert_receive {:frame, :python_main, {:ev, :stream, {^busy, :stdout, "ready" <> _}}}, 5_000
    value(host, "py.halt()\n:ok", @beside ++ [read: true])
    assert end_cell(busy).status == :ok
  end

  test "what a closed subshell ran is over, and what it had bound stays" do
    host = start() |> open_subshell(7)

    begin_cell(
      host,
      ~s|left = self()\nspawned = spawn(fn -> Process.sleep(300); IO.puts("late") end)\n| <>
        ~s|IO.puts("ready")\nProcess.sleep(:infinity)|,
      @beside
    )

    assert_receive {:frame, :subshell, {:ev, :stream, {cell, :stdout, "ready" <> _}}}, 5_000
    SnakeBridge.Socket.close(host.subshell.socket)
    assert_receive {:frame, :control, {:ev, :stream, {^cell, :stdout, "late\n"}}}, 5_000
    assert value(host, "{Process.alive?(left), is_pid(spawned)}") == "{false, true}"
    host = open_subshell(host, 8)
    assert value(host, "is_pid(left)", @beside) == "true"
  end
end

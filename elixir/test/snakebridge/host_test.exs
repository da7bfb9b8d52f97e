defmodule SnakeBridge.HostTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  alias SnakeBridge.Socket

  defp started(options \\ []) do
    host = start(options)
    own(host)
    host
  end

  defp assert_ends(host, within_ms \\ 2_000) do
    assert_receive {_, {:exit_status, status}}, within_ms
    refute File.exists?("/proc/#{host.control.hello.pid}")
    status
  end

  defp close(host, name), do: :gen_tcp.shutdown(Map.fetch!(host, name).socket.port, :read_write)

  test "the hellos say who it is" do
    host = started()
    hello = host.control.hello

    assert %{peer: :beam, role: :control, generation: 3, pid: pid, versions: %{elixir: elixir, otp: otp}} =
             hello

    assert is_integer(pid) and is_binary(otp)
    assert elixir == System.version()
    assert File.exists?(hello.executable)
    assert %{peer: :beam, role: :lane, thread: :main, pid: ^pid, generation: 3} = host.main.hello
    assert %{peer: :beam, role: :lane, thread: :own, pid: ^pid, generation: 3} = host.own.hello
  end

  test "a front end that refuses, or is not there, ends the VM with the reason" do
    directory = Path.join(System.tmp_dir!(), "sbr#{System.unique_integer([:positive])}")
    File.mkdir_p!(directory)
    on_exit(fn -> File.rm_rf!(directory) end)
    path = Path.join(directory, "host.sock")
    {:ok, listener} = Socket.listen(path)

    task =
      Task.async(fn ->
        System.cmd("elixir", arguments(), env: [{"SNAKEBRIDGE_HOST", path}], stderr_to_stdout: true)
      end)

    {:ok, socket} = Socket.accept(listener, 10_000)
    {:ok, {:hello, 1, _}, socket} = Socket.recv(socket, 10_000)
    :ok = Socket.send(socket, {:error, 0, {:bridge, :version, "speaks version 2", nil}})
    assert {text, 1} = Task.await(task, 10_000)
    assert text =~ "snakebridge: cannot reach the front end at #{path}: speaks version 2"

    :gen_tcp.close(listener)
    File.rm!(path)

    assert {text, 1} =
             System.cmd("elixir", arguments(), env: [{"SNAKEBRIDGE_HOST", path}], stderr_to_stdout: true)

    assert text =~ "no such file or directory"

    assert {text, 1} =
             System.cmd("elixir", arguments(), env: [{"SNAKEBRIDGE_HOST", nil}], stderr_to_stdout: true)

    assert text =~ "hint:"
  end

  test "the VM ends when the front end has gone" do
    host = started()
    close(host, :control)
    assert_ends(host)
  end

  test "the VM ends when the front end has gone while every scheduler is busy" do
    host = started()

    begin_cell(host, """
    for _ <- 1..(System.schedulers_online() * 2), do: spawn(fn -> f = fn f -> f.(f) end; f.(f) end)
    for _ <- 1..2, do: spawn(fn -> Enum.each(Stream.cycle([1]), fn _ -> :binary.copy("x", 1_000_000) end) end)
    IO.puts("busy")
    f = fn f -> f.(f) end
    f.(f)
    """)

    assert_receive {:frame, :main, {:ev, :stream, {_, :stdout, "busy\n"}}}, 20_000
    close(host, :control)
    assert_ends(host, 5_000)
  end

  test "shutdown ends the VM" do
    host = started()
    assert {:ok, true} = request(host, :control, :shutdown, nil)
    assert assert_ends(host) == 0
  end

  test "ping gives the term back, also while a cell runs" do
    host = started()
    begin_cell(host, "f = fn f -> f.(f) end; f.(f)")
    term = %{"a" => [1, 2.5, {:x, "y"}]}
    assert {:ok, ^term} = request(host, :control, :ping, term)
  end

  test "what is no request of the protocol is answered or reported, and everything goes on" do
    host = started()

    for name <- [:control, :main, :own] do
      assert {:error, {:bridge, :unknown_op, text, _}} = request(host, name, :no_such_op, nil)
      assert text =~ "no_such_op"
      send_frame(host, name, {:nonsense, 1})
      assert_receive {:frame, :control, {:ev, :fault, text}}, 5_000
      assert text =~ "nonsense"
      port = Map.fetch!(host, name).socket.port
      :ok = :gen_tcp.send(port, <<3::32, 1, 2, 3>>)
      assert_receive {:frame, :control, {:ev, :fault, text}}, 5_000
      assert text =~ "3 bytes"
    end

    for {name, op, body} <- [
          {:control, :interrupt, "one"},
          {:control, :attach, %{}},
          {:main, :execute, nil},
          {:main, :execute, %{cell: 0, source: "1"}},
          {:main, :execute, %{cell: 5, source: :no_text}},
          {:own, :complete, nil},
          {:own, :complete, %{source: "x", cursor: 50}},
          {:own, :is_complete, %{}},
          {:own, :inspect, %{source: "x"}}
        ] do
      assert {:error, {:bridge, :bad_message, _, _}} = request(host, name, op, body), inspect({op, body})
    end

    assert value(host, "1 + 1") == "2"
  end

  test "the malformed frames of the golden files are reported, answered, or close the connection" do
    directory = Path.expand("../../../tests/golden/frames", __DIR__)
    manifest = File.read!(Path.join(directory, "manifest.json"))

    cases =
      Regex.scan(~r/"file": "(bad_[a-z_]+\.frame)", "reaction": "(\w+)"/, manifest, capture: :all_but_first)

    assert length(cases) > 5
    host = started()

    for name <- [:control, :main, :own], [file, reaction] <- cases, reaction != "close" do
      :ok = :gen_tcp.send(Map.fetch!(host, name).socket.port, File.read!(Path.join(directory, file)))

      if reaction == "report" do
        assert_receive {:frame, :control, {:ev, :fault, text}}, 5_000, "#{file} on #{name}"
        assert is_binary(text)
      else
        # An operation of another connection is none here.
        assert_receive {:frame, ^name, {:error, id, {:bridge, reason, _, _}}}, 5_000, "#{file} on #{name}"
        assert id in 21..29 and reason in [:unknown_op, :bad_message]
      end
    end

    assert {:ok, :still} = request(host, :control, :ping, :still)
    assert value(host, "1") == "1"

    for [file, "close"] <- cases do
      host = started()
      port = host.own.socket.port
      :ok = :gen_tcp.send(port, File.read!(Path.join(directory, file)))
      :gen_tcp.shutdown(port, :write)
      assert_receive {:closed, :own, {:error, :closed}}, 5_000
      assert value(host, "2") == "2"
    end
  end

  test "a second cell at the same time is refused" do
    host = started()
    first = begin_cell(host, "Process.sleep(300); :first")
    second = begin_cell(host, ":second")
    assert_receive {:frame, :main, {:error, ^second, {:bridge, :bad_message, text, _}}}, 5_000
    assert text =~ "cell #{first} is still running"
    assert plain(end_cell(first).result) == ":first"
  end

  test "a cell whose source is no text of Unicode is an error of the cell" do
    host = started()
    assert %{status: :error, error: %{class: "UnicodeConversionError"}} = run(host, <<"x = ", 255>>)
    assert %{status: :error, error: %{class: class}} = run(host, "x = \u200E1")
    assert class =~ "Error"
  end

  test "width and colours are the front end's" do
    host = started(info: %{width: 40, colors: false})

    assert run(host, "Enum.to_list(1..20)").result ==
             "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,\n 13, 14, 15, 16, 17, 18, 19, 20]"

    refute run(host, "1 / 0").error.traceback |> Enum.join() =~ "\e["
    refute run(host, "h Enum.map/2").stdout =~ "\e["
    cell = run(host, "Enum.to_list(1..20)", width: 100, colors: true)
    assert cell.result =~ "\e["
    refute cell.result =~ "\n"
    assert value(host, "{:io.columns(), IO.ANSI.enabled?()}") == "{{:ok, 100}, true}"
  end

  test "in a terminal rows are tables, and errors show the lines of the cell" do
    host = started(info: %{width: 40, colors: false})
    rows = "for i <- 1..30, do: %{n: i * 10, word: String.duplicate(\"日\", i), more: :yes, other: 1.5}"
    lines = run(host, rows).result |> String.split("\n")
    assert Enum.at(lines, 0) == "more    n  other"
    assert Enum.at(lines, 2) == "yes    10    1.5"
    assert List.last(lines) == "… 10 more rows, 1 more column"
    assert run(host, "[%{a: 1}]").result == "[%{a: 1}]"
    assert run(host, "[%{a: 1}, 2]").result == "[%{a: 1}, 2]"

    error = run(host, "x = 0\n\nfor n <- [1] do\n  div(n, x)\nend\n:never").error

    assert error.traceback == [
             "** (ArithmeticError) bad argument in arithmetic expression: div(1, 0)",
             "    :erlang.div(1, 0)",
             "    cell #{error.cell}:4",
             "        3 │ for n <- [1] do",
             "      → 4 │   div(n, x)",
             "        5 │ end",
             "        6 │ :never",
             "    cell #{error.cell}:3"
           ]
  end

  test "NO_COLOR is heeded" do
    host = started(env: [{~c"NO_COLOR", ~c"1"}])
    assert run(host, "{:a, 1}").result == "{:a, 1}"
  end
end

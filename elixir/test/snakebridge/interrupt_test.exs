defmodule SnakeBridge.InterruptTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  setup_all do
    {:ok, host: start()}
  end

  setup %{host: host}, do: own(host)

  # Begins a cell that prints when it has got to the point, interrupts it there, and gives how it ended.
  defp interrupted(host, source, options \\ []) do
    cell = begin_cell(host, source, options)
    assert_receive {:frame, :main, {:ev, :stream, {^cell, :stdout, "ready" <> _}}}, 5_000
    {microseconds, {:ok, true}} = :timer.tc(fn -> request(host, :control, :interrupt, cell) end)
    # Generous: the promise is 200 ms, and the machine may be busy.
    assert microseconds < 2_000_000
    end_cell(cell, [host: host] ++ options)
  end

  defp assert_interrupted(cell) do
    assert cell.status == :interrupted
    assert cell.error.class == "Interrupted"
    cell
  end

  for {name, source} <- [
        loop: "Stream.repeatedly(fn -> 1 end) |> Stream.run()",
        receive: "receive do :never -> 1 end",
        sleep: "Process.sleep(:infinity)",
        busy: "f = fn f -> f.(f) end; f.(f)",
        trapping: "Process.flag(:trap_exit, true); Process.sleep(:infinity)",
        catching: "try do Process.sleep(:infinity) catch _, _ -> Process.sleep(:infinity) end",
        in_module: "defmodule Endless do\n def f, do: f()\nend\nEndless.f()",
        compiling: "defmodule Endless2 do\n Process.sleep(:infinity)\nend",
        task: "Task.async(fn -> Process.sleep(:infinity) end) |> Task.await(:infinity)",
        inspecting:
          "defmodule Slow do\n defstruct []\n defimpl Inspect do\n def inspect(_, _), do: Process.sleep(:infinity)\n end\nend\n%Slow{}"
      ] do
    test "stops a cell: #{name}", %{host: host} do
      host
      |> interrupted("kept = #{inspect(unquote(name))}\nIO.puts(\"ready\")\n" <> unquote(source))
      |> assert_interrupted()

      assert value(host, "kept") == inspect(unquote(name))
    end
  end

  test "stops a cell that waits for input, and what is typed later is lost", %{host: host} do
    cell = begin_cell(host, ~s|IO.gets("name? ")|)
    assert_receive {:frame, :main, {:req, id, :input, {^cell, "name? ", false}}}, 5_000
    assert {:ok, true} = request(host, :control, :interrupt, cell)
    assert_interrupted(end_cell(cell))
    send_frame(host, :main, {:ok, id, "too late"})
    assert value(host, "1 + 1") == "2"
  end

  test "an interrupt that comes too late hits nothing", %{host: host} do
    cell = begin_cell(host, "before = 1")
    assert %{status: :ok} = end_cell(cell)
    assert {:ok, false} = request(host, :control, :interrupt, cell)
    next = begin_cell(host, "IO.puts(\"ready\")\nProcess.sleep(50)\n:done")
    assert {:ok, false} = request(host, :control, :interrupt, cell)
    assert %{status: :ok} = end_cell(next)
  end

  test "lists what went with the process, and keeps the rest", %{host: host} do
    source = """
    mine = self()
    :ets.new(:lost_table, [:named_table])
    Agent.start_link(fn -> 1 end, name: :lost_agent)
    spawn_link(fn -> Process.flag(:trap_exit, true); Process.register(self(), :surviving); Process.sleep(:infinity) end)
    Process.sleep(50)
    {:ok, free} = Agent.start(fn -> 2 end)
    send(self(), :lost_message)
    IO.puts("ready")
    Process.sleep(:infinity)
    """

    cell = interrupted(host, source)
    assert_interrupted(cell)
    assert cell.error.message =~ ":lost_table"
    assert cell.error.message =~ ":lost_agent"
    assert cell.error.message =~ "1 message"
    refute cell.error.message =~ "surviving"
    assert value(host, "Agent.get(free, & &1)") == "2"
    assert value(host, "mine == self()") == "false"
    assert value(host, "Process.whereis(:lost_agent)") == "nil"
  end

  test "stops an endless loop of output, also when nobody reads it", %{host: host} do
    cell =
      begin_cell(host, ~s|Stream.repeatedly(fn -> IO.puts(String.duplicate("x", 1000)) end) \|> Stream.run()|)

    assert_receive {:frame, :main, {:ev, :stream, {^cell, :stdout, _}}}, 5_000
    pause(host, :main)
    before = kilobytes(host)
    Process.sleep(300)
    assert {:ok, :alive} = request(host, :control, :ping, :alive)
    assert kilobytes(host) - before < 50_000

    assert {:ok, true} = request(host, :control, :interrupt, cell)
    resume(host, :main)
    assert_interrupted(end_cell(cell))
  end

  defp kilobytes(host) do
    status = File.read!("/proc/#{host.control.hello.pid}/status")
    [kilobytes] = Regex.run(~r/VmRSS:\s+(\d+)/, status, capture: :all_but_first)
    String.to_integer(kilobytes)
  end

  test "a cell that ends its own process is reported, and the names are kept", %{host: host} do
    for {source, reason} <- [
          {"Process.exit(self(), :kill)", "killed"},
          {"Process.exit(self(), :normal)", "normal"},
          {"spawn_link(fn -> exit(:partner) end); Process.sleep(:infinity)", ":partner"}
        ] do
      cell = run(host, "still = 7\n" <> source)
      assert cell.status == :error
      assert cell.error.class == "EXIT"
      assert cell.error.message =~ reason
      assert value(host, "still") == "7"
    end
  end

  test "a process that dies between two cells is reported on the control connection", %{host: host} do
    assert value(host, "spawn_link(fn -> Process.sleep(100); exit(:later) end); still = 8; :ok") == ":ok"
    assert_receive {:frame, :control, {:ev, :stream, {nil, :stderr, text}}}, 5_000
    assert text =~ ":later"
    assert value(host, "still") == "8"
  end
end

Code.require_file("../support/host_double.ex", __DIR__)

defmodule SnakeBridge.CellsTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  setup_all do
    {:ok, host: start()}
  end

  setup %{host: host}, do: own(host)

  test "a cell's result is the value of its last expression", %{host: host} do
    cell = run(host, "first = 1\nfirst + 1")
    assert cell.status == :ok
    assert cell.writes == ["first"]
    assert plain(cell.result) == "2"
    assert value(host, "first * 5") == "5"
  end

  test "a failing cell keeps what its earlier expressions bound", %{host: host} do
    cell = run(host, "kept = 1\n1 / 0\nnever = 2")
    assert cell.status == :error
    assert cell.error.class == "ArithmeticError"
    assert plain(cell.error.traceback) =~ "cell #{cell.error.cell}:2: (file)"
    assert value(host, "kept") == "1"
    assert run(host, "never").error.message =~ ~s(undefined variable "never")
  end
end

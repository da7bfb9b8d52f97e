defmodule SnakeBridge.SessionPrefetchTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog
  import SnakeBridge.Wait, only: [until: 1]

  alias SnakeBridge.Session

  defp imported?(session, module),
    do: SnakeBridge.run!("import sys\nname in sys.modules", [name: module], session: session)

  test "modules are imported by each worker that starts, without a call of them" do
    start_supervised!({Session, name: :prefetching, prefetch: ["colorsys", "wave"]})
    until(fn -> imported?(:prefetching, "colorsys") and imported?(:prefetching, "wave") end)
    refute imported?(:prefetching, "sndhdr_or_another")
  end

  test "one that cannot be imported is logged, and the others are" do
    log =
      capture_log(fn ->
        start_supervised!({Session, name: :prefetching_wrong, prefetch: ["not_there_at_all", "wave"]})
        until(fn -> imported?(:prefetching_wrong, "wave") end)
      end)

    assert log =~ "prefetch of not_there_at_all: "
    assert log =~ "No module named 'not_there_at_all'"
  end

  test "what is no list of names is refused" do
    assert_raise ArgumentError, ~r/prefetch: must be a list of modules' names/, fn ->
      Session.start_link(prefetch: "numpy")
    end
  end
end

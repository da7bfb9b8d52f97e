defmodule SnakeBridge.LookerTest do
  @moduledoc "What only looks at an object of Python costs its caller nothing."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Session, Wait}

  # Objects whose `repr` waits until it is told to go on.
  @source """
  import threading
  go = threading.Event()
  class Slow:
      def __repr__(self):
          go.wait(60)
          return "<seen>"
  class Managed:
      def __enter__(self):
          return threading.get_ident()
      def __exit__(self, *triple):
          self.left = (threading.get_ident(), triple[0])
  [Slow(), go.set, Managed()]
  """

  setup context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    start_supervised!({Session, name: session, kill_after: 1})
    [slow, go, manager] = SnakeBridge.run!(@source, [], session: session)
    %{session: session, slow: slow, go: go, manager: manager}
  end

  test "a slow one inside of a context leaves the context, and the worker, alone", context do
    worker = Session.attached(context.session)

    block = fn thread ->
      assert inspect(context.slow) =~ ~r/^#Python<.*Slow>$/
      assert SnakeBridge.call!("threading", "get_ident", [], [], session: context.session) == thread
      thread
    end

    assert {:ok, thread} = SnakeBridge.with_python(context.manager, block)
    assert {^thread, nil} = SnakeBridge.attr!(context.manager, "left")
    assert Session.attached(context.session) == worker
    assert {:ok, %{abandoned: 0}} = Session.usage(context.session)
    SnakeBridge.apply!(context.go, [])
    assert inspect(context.slow) == "#Python<<seen>>"
  end

  test "a slow one in a callback leaves the call alone", context do
    look = fn x -> {inspect(context.slow) =~ "Slow>", x} end
    map = SnakeBridge.call!("builtins", "map", [look, [1]], [], session: context.session)
    assert Enum.to_list(map) == [{true, 1}]
  end

  test "while all hands are at slow ones it is the name of the type at once", context do
    lookers = for _ <- 1..6, do: Task.async(fn -> inspect(context.slow) end)
    assert [text] = lookers |> Task.await_many(30_000) |> Enum.uniq()
    assert text =~ ~r/^#Python<.*Slow>$/
    hands = fn -> :sys.get_state(Session.looker(context.session)).hands end
    assert map_size(hands.()) == 4
    assert inspect(context.manager) == "#Python<__main__.Managed>"
    SnakeBridge.apply!(context.go, [])
    Wait.until(fn -> Enum.all?(hands.(), &match?({_, nil}, &1)) end)
    assert inspect(context.manager) =~ "Managed object at"
  end

  test "ends with its session, and sees the next worker", context do
    assert inspect(context.manager) =~ "Managed object at"
    looker = Session.looker(context.session)
    hands = Map.keys(:sys.get_state(looker).hands)
    SnakeBridge.call("os", "_exit", [3], [], session: context.session)
    assert inspect(context.manager) == "#Python<__main__.Managed>"
    object = SnakeBridge.call!("fractions", "Fraction", [1, 3], [], session: context.session)
    assert inspect(object) == "#Python<Fraction(1, 3)>"
    assert inspect(context.manager) =~ "of worker #{context.manager.worker} that has ended"
    monitors = for pid <- [looker | hands], do: Process.monitor(pid)
    Session.stop(context.session)
    for monitor <- monitors, do: assert_receive({:DOWN, ^monitor, _, _, _}, 5_000)
    assert inspect(object) =~ "#Python<fractions.Fraction"
    assert {:error, %BridgeError{}} = SnakeBridge.attr(object, "numerator")
  end

  test "holds nothing of what it has looked at", context do
    refs = fn -> elem(Session.usage(context.session), 1).refs end
    before = refs.()

    Task.await(
      Task.async(fn ->
        for n <- 1..20,
            do: inspect(SnakeBridge.call!("fractions", "Fraction", [1, n + 1], [], session: context.session))
      end)
    )

    if SnakeBridge.Native.loaded?(), do: Wait.until(fn -> refs.() <= before end)
  end
end

defmodule SnakeBridge.HintsTest do
  @moduledoc "What errors say about what to do, where the first idea of a newcomer does not work."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Py, Ref}

  test "asynchronous code where no loop runs" do
    asleep = fn -> SnakeBridge.call!("asyncio", "sleep", [0, 7], [], as: :ref) end

    for {name, args} <- [{"gather", [asleep.()]}, {"create_task", [asleep.()]}, {"get_running_loop", []}] do
      assert {:error, %Py.RuntimeError{hint: "" <> hint}} = SnakeBridge.call("asyncio", name, args)
      assert hint =~ "SnakeBridge.run(source), with `await`"
    end

    # What it says works.
    source =
      "import asyncio\nawait asyncio.gather(asyncio.create_task(asyncio.sleep(0, 7)), asyncio.sleep(0, 8))"

    assert SnakeBridge.run(source) == {:ok, [7, 8]}
  end

  test "value/2 speaks of an option only where it was given" do
    object = SnakeBridge.call!("builtins", "object")
    assert {:error, %BridgeError{hint: hint}} = SnakeBridge.value(object)
    assert hint =~ "`as: :text`" and not (hint =~ "`as: :value`")
    assert {:error, %BridgeError{hint: "leave `as: :value` out" <> _}} = SnakeBridge.value(object, as: :value)
    assert {:ok, [%Ref{}]} = SnakeBridge.call("builtins", "list", [[object]], [], as: :list)
  end

  test "Ref.compare orders as Python does, and not what Python does not" do
    [one, two] = for n <- [1, 2], do: SnakeBridge.call!("decimal", "Decimal", [n], [], as: :ref)
    assert Enum.sort([two, 3, one], Ref) == [one, two, 3]
    assert Enum.sort([one, two], {:desc, Ref}) == [two, one]
    assert Enum.max([one, two], Ref) == two
    assert Enum.min_by([{two, 1}, {one, 2}], &elem(&1, 0), Ref) == {one, 2}
    assert Ref.compare(one, 1) == :eq

    [a, b] = for _ <- 1..2, do: SnakeBridge.call!("builtins", "object")
    assert_raise Py.TypeError, fn -> Ref.compare(a, b) end
    [a, b] = for n <- 1..2, do: SnakeBridge.call!("builtins", "set", [[n]], [], as: :ref)
    assert_raise ArgumentError, ~r/neither equal nor in order\nhint: /, fn -> Ref.compare(a, b) end

    [a, b] = for n <- 1..2, do: SnakeBridge.call!("array", "array", ["d", [n]])
    assert Ref.compare(a, b) == :lt
  end
end

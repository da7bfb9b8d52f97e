defmodule SnakeBridge.DefaultSessionTest do
  @moduledoc "The session that nobody has started. By itself, for other tests use it too."
  use ExUnit.Case, async: false

  alias SnakeBridge.Session

  test "it may be stopped as often as one likes: the next call starts it" do
    workers =
      for _ <- 1..6 do
        worker = SnakeBridge.call!("os", "getpid")
        Session.stop()
        worker
      end

    assert length(Enum.uniq(workers)) == 6
    assert SnakeBridge.call("math", "sqrt", [16]) == {:ok, 4.0}
  end
end

defmodule SnakeBridge.TelemetryTest do
  @moduledoc "Events of calls, with a stand-in for the library `:telemetry`, as there are no dependencies."
  # The stand-in is the whole VM's.
  use ExUnit.Case, async: false

  alias SnakeBridge.{BridgeError, Py, Session, Telemetry}

  @moduletag :capture_log

  # Sends the events of a test's calls, which it knows by their tags, to whom the tags name.
  @stand_in (quote do
               def execute(event, measurements, %{tags: {pid, _}} = metadata) when is_pid(pid),
                 do: send(pid, {event, measurements, metadata})

               def execute(_, _, _), do: :ok
             end)

  setup_all do
    refute Telemetry.loaded?()
    Module.create(:telemetry, @stand_in, Macro.Env.location(__ENV__))

    on_exit(fn ->
      :code.purge(:telemetry)
      :code.delete(:telemetry)
    end)
  end

  defp tags(text \\ "t"), do: [tags: {self(), text}]

  defp events(found \\ []) do
    receive do
      {[:snakebridge, :call, event], measurements, metadata} ->
        events([{event, measurements, metadata} | found])
    after
      0 -> Enum.reverse(found)
    end
  end

  test "a wrapper's call is one as well, with tags of its configuration and of the call" do
    alias SnakeBridge.Wrapper

    assert Wrapper.call("math", "sqrt", [16], [], [], tags: {self(), "own"}) == {:ok, 4.0}
    assert [{:start, _, start}, {:stop, _, _}] = events()
    assert {start.target, start.name, start.arity, start.tags} == {"math", "sqrt", 1, {self(), "own"}}

    assert {:error, _} =
             Wrapper.call("math", "sqrt", [-1], [], [tags: {self(), "call"}], tags: {self(), "own"})

    assert [{:start, _, _}, {:exception, _, %{tags: {_, "call"}}}] = events()
  end

  test "a call has a start and a stop" do
    assert SnakeBridge.call("math", "hypot", [3, 4], [], tags("mine")) == {:ok, 5.0}

    assert [{:start, %{system_time: time}, start}, {:stop, %{duration: duration}, stop}] = events()
    assert abs(System.system_time() - time) < System.convert_time_unit(60, :second, :native)
    assert duration > 0 and duration < System.convert_time_unit(60, :second, :native)
    assert start == stop

    assert start == %{
             session: Session,
             target: "math",
             name: "hypot",
             arity: 2,
             tags: {self(), "mine"}
           }
  end

  test "an error is an exception, with the exception" do
    assert {:error, error} = SnakeBridge.call("math", "sqrt", [-1], [], tags())
    assert [{:start, _, _}, {:exception, %{duration: _}, metadata}] = events()
    assert %{kind: :error, reason: ^error, stacktrace: [], name: "sqrt"} = metadata
    assert_raise Py.ValueError, fn -> SnakeBridge.call!("math", "sqrt", [-1], [], tags()) end
    assert [{:start, _, _}, {:exception, _, _}] = events()
  end

  test "names and arities, by what is called" do
    text = SnakeBridge.call!("builtins", "str", ["abc"], [], as: :ref)

    for {call, target, name, arity} <- [
          {&SnakeBridge.get("string", "digits", &1), "string", "digits", nil},
          {&SnakeBridge.call("datetime", "date.fromisoformat", ["2024-02-29"], [], &1), "datetime",
           "date.fromisoformat", 1},
          {&SnakeBridge.call("builtins", "sorted", [[1]], [reverse: true], &1), "builtins", "sorted", 2},
          {&SnakeBridge.import("math", &1), "math", nil, nil},
          {&SnakeBridge.method(text, "upper", [], [], &1), "builtins.str", "upper", 0},
          {&SnakeBridge.item(text, 0, &1), "builtins.str", nil, nil},
          {&SnakeBridge.steps({:value, [1]}, [{:fun, :len}], &1), "list", "len", 1}
        ] do
      assert {:ok, _} = call.(tags())
      assert [{:start, _, metadata}, {:stop, _, _}] = events()
      assert %{target: ^target, name: ^name, arity: ^arity} = metadata
    end
  end

  test "a call of several steps is one, and so is one that is sent again after the worker's death" do
    session = __MODULE__.Again
    start_supervised!({Session, name: session})
    opts = [session: session] ++ tags()
    assert SnakeBridge.steps({:value, "a,b"}, [{:method, "split", [","], []}, {:item, 1}], opts) == {:ok, "b"}
    assert [{:start, _, _}, {:stop, _, _}] = events()

    pid = SnakeBridge.call!("os", "getpid", [], [], session: session)
    SnakeBridge.Wait.kill(pid)
    SnakeBridge.Wait.until(fn -> Session.attached(session) == nil end)
    assert SnakeBridge.call("math", "sqrt", [4], [], opts) == {:ok, 2.0}
    assert [{:start, _, _}, {:stop, _, _}] = events()

    assert {:error, %BridgeError{}} = SnakeBridge.call("os", "_exit", [1], [], opts)
    assert [{:start, _, _}, {:exception, _, %{reason: %BridgeError{reason: :worker_died}}}] = events()
  end

  test "calls of a callback are their own, inside of the one around" do
    key = fn x -> SnakeBridge.call!("math", "sqrt", [x], [], tags("inner")) end
    assert SnakeBridge.call!("builtins", "max", [[4, 9]], [key: key], tags("outer")) == 9

    assert for({event, _, %{tags: {_, tag}}} <- events(), do: {event, tag}) == [
             {:start, "outer"},
             {:start, "inner"},
             {:stop, "inner"},
             {:start, "inner"},
             {:stop, "inner"},
             {:stop, "outer"}
           ]
  end

  test "what leaves a call otherwise is told" do
    left = fn -> Telemetry.span(SnakeBridge.Session, {:module, "math"}, [], tags(), fn -> exit(:left) end) end
    assert catch_exit(left.()) == :left
    assert [{:start, _, _}, {:exception, _, %{kind: :exit, reason: :left, stacktrace: [_ | _]}}] = events()
  end
end

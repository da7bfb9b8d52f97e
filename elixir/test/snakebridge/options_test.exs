defmodule SnakeBridge.OptionsTest do
  @moduledoc "Options that are wrong are refused where they were written, and nobody else is any the worse."
  use ExUnit.Case, async: true

  alias SnakeBridge.{Options, Pool, Session, Wait}

  defp sqrt(opts), do: SnakeBridge.call("math", "sqrt", [16], [], opts)
  defp refused(function), do: Exception.message(assert_raise(ArgumentError, function))

  test "right ones go through" do
    assert sqrt(as: :value, timeout: 60_000, session: Session, tags: {:any, "thing"}) == {:ok, 4.0}
    assert sqrt(timeout: :infinity) == {:ok, 4.0}
    assert sqrt(session: Process.whereis(Session)) == {:ok, 4.0}
  end

  calls = [
    {[tiemout: 3], "a call knows no option tiemout: (given: 3); it knows as:, timeout:, session:, tags:"},
    {[tiemout: 3], "did you mean timeout:?"},
    {[indent: 2], "keyword arguments of Python are an argument of their own, before the bridge's options"},
    {[timeout: "x"],
     ~s(timeout: must be a whole number of milliseconds from 0 to 4294967295, or :infinity, got: "x")},
    {[timeout: nil], "got: nil"},
    {[timeout: -1], "got: -1"},
    {[timeout: 1.0e3], "got: 1000.0"},
    {[timeout: 0x100000000], "got: 4294967296"},
    {[session: "x"], ~s(session: must be the name of a session or pool, or a session's pid, got: "x")},
    {[session: nil], "got: nil"},
    {[as: "ref"], ~s(as: must be one of :auto, :ref, :value,)},
    {[as: :foo], "got: :foo"},
    {[1], "the options of a call are a keyword list, got: [1]"},
    {[{"indent", 2}], "keyword arguments of Python are an argument of their own"},
    {%{as: :ref}, "a keyword list, got: %{as: :ref}"}
  ]

  for {opts, text} <- calls do
    test "of a call: #{inspect(opts)}: #{text}" do
      opts = unquote(Macro.escape(opts))
      ref = SnakeBridge.import!("math")

      for function <- [
            fn -> sqrt(opts) end,
            fn -> SnakeBridge.call!("math", "sqrt", [16], [], opts) end,
            fn -> SnakeBridge.import("math", opts) end,
            fn -> SnakeBridge.put_attr(ref, "x", 1, opts) end,
            fn -> SnakeBridge.value(ref, opts) end,
            fn -> SnakeBridge.value(1, opts) end,
            fn -> SnakeBridge.run("1", [], opts) end,
            fn -> SnakeBridge.batch([{"math", "sqrt", [16]}], opts) end,
            fn -> SnakeBridge.operator(1, :add, 2, opts) end
          ] do
        assert refused(function) =~ unquote(text)
      end

      # The lane is none the worse.
      assert sqrt([]) == {:ok, 4.0}
    end
  end

  test "of streams and contexts" do
    ref = SnakeBridge.run!("[1, 2]", [], as: :ref)
    lock = SnakeBridge.call!("threading", "Lock")

    assert refused(fn -> SnakeBridge.stream(ref, chunk: 0) end) =~ "chunk: must be a positive number, got: 0"
    assert refused(fn -> SnakeBridge.stream(ref, timeout: -1) end) =~ "timeout: must be"

    assert refused(fn -> SnakeBridge.stream("itertools", "count", [], [], chnk: 1) end) =~
             "did you mean chunk:?"

    assert refused(fn -> SnakeBridge.with_python(lock, & &1, as: :ref) end) =~
             "with_python knows no option as:"

    assert refused(fn -> SnakeBridge.with_python(lock, & &1, timeout: 1.5) end) =~ "timeout: must be"
    refute SnakeBridge.method!(lock, "locked")
  end

  test "of sessions" do
    for {opts, text} <- [
          {[strat: :eager], "a session knows no option strat: (given: :eager)"},
          {[strat: :eager], "did you mean start:?"},
          {[start: :eagre], "start: must be :lazy or :eager, got: :eagre"},
          {[kill_after: "x"], ~s(kill_after: must be a whole number of milliseconds)},
          {[backoff: {5, 1}], "backoff: must be {shortest, longest} in ms"},
          {[env: "PATH"], "env: must be a map or list"},
          {[python: :python3], "python: must be a path, got: :python3"},
          {[name: "x"], ~s(name: must be an atom, got: "x")}
        ] do
      assert refused(fn -> Session.start_link(opts) end) =~ text
    end
  end

  test "of pools" do
    for {opts, text} <- [
          {[size: 0, name: __MODULE__.P], "size: must be a positive number, got: 0"},
          {[queue: -1, name: __MODULE__.P], "queue: must be a number, 0 or more"},
          {[queue_timeout: :never, name: __MODULE__.P],
           "queue_timeout: must be a whole number of milliseconds"},
          {[kill_after: -1, name: __MODULE__.P], "kill_after: must be"},
          {[sise: 2, name: __MODULE__.P], "did you mean size:?"},
          {[size: 1], "a pool needs a name"}
        ] do
      assert refused(fn -> Pool.start_link(opts) end) =~ text
    end
  end

  test "of a checkout: one caller's bad timeout is no end of the pool" do
    pool = __MODULE__.Pool
    start_supervised!({Pool, name: pool, size: 1})
    queue = Process.whereis(pool)
    test = self()

    holder =
      Task.async(fn ->
        Pool.checkout(pool, fn _ ->
          send(test, :held)
          receive do: (:end -> :ok)
        end)
      end)

    assert_receive :held, 10_000
    waiting = Task.async(fn -> sqrt(session: pool) end)
    Wait.until(fn -> match?({:ok, %{waiting: 1}}, Pool.usage(pool)) end)

    for timeout <- [-1, 1.5, nil, "x", 0x100000000] do
      assert refused(fn -> Pool.checkout(pool, & &1, timeout: timeout) end) =~ "timeout: must be"
      assert refused(fn -> Pool.hold(pool, timeout, & &1) end) =~ "timeout: must be"
      assert refused(fn -> sqrt(session: pool, timeout: timeout) end) =~ "timeout: must be"
    end

    assert refused(fn -> Pool.checkout(pool, & &1, as: :ref) end) =~ "checkout knows no option as:"
    send(holder.pid, :end)
    assert Task.await(holder) == :ok
    assert Task.await(waiting) == {:ok, 4.0}
    assert Process.whereis(pool) == queue
  end

  test "what is no option, and no ref, call or name either" do
    assert refused(fn -> SnakeBridge.with_python(5, & &1) end) =~
             "with_python wants a ref or a list of refs, got: 5"

    assert refused(fn -> SnakeBridge.with_python([5], & &1) end) =~ "got: [5]"
    assert refused(fn -> SnakeBridge.release(5) end) =~ "release wants a ref or a list of refs, got: 5"

    assert refused(fn -> SnakeBridge.batch([{"math"}]) end) =~
             ~s(a call of a batch is {module_or_ref, name, args})

    assert refused(fn -> SnakeBridge.batch(5) end) =~ "a batch is a list of calls, got: 5"
    assert refused(fn -> SnakeBridge.call("math", 5) end) =~ "a name of Python is text or an atom, got: 5"
    assert refused(fn -> SnakeBridge.call(nil, "sqrt") end) =~ "got: nil"
  end

  test "a message holds no more of an option than people read" do
    ref = SnakeBridge.import!("math")
    assert refused(fn -> sqrt(timeout: ref) end) =~ "got: a builtins.module of Python"
    assert byte_size(refused(fn -> sqrt(as: String.duplicate("x", 10_000)) end)) < 400
  end

  test "none cost next to nothing" do
    assert Options.check!(:call, []) == []
  end
end

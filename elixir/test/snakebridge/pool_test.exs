defmodule SnakeBridge.PoolTest do
  @moduledoc "Pools of real workers: who gets which, who waits, who dies."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Pool, Ref, Session, Wait}

  @moduletag :capture_log

  doctest SnakeBridge.Pool

  defp pool(context, opts) do
    pool = Module.concat(__MODULE__, "P#{:erlang.phash2(context.test)}")
    start_supervised!({Pool, [name: pool] ++ opts})
    size = Keyword.fetch!(opts, :size)
    Wait.until(fn -> match?({:ok, %{up: ^size}}, Pool.usage(pool)) end, 30_000)
    pool
  end

  defp pid(pool, opts \\ []), do: SnakeBridge.call!("os", "getpid", [], [], [session: pool] ++ opts)

  # Holds a member until told to end.
  defp holder(pool) do
    me = self()

    task =
      Task.async(fn ->
        Pool.checkout(pool, fn member ->
          send(me, {:holds, self(), member})
          receive do: (:end -> member)
        end)
      end)

    assert_receive {:holds, pid, member} when pid == task.pid, 10_000
    {task, member}
  end

  defp release({task, member}) do
    send(task.pid, :end)
    assert Task.await(task) == member
  end

  test "calls run at the same time in workers of their own, which were started before", context do
    pool = pool(context, size: 3)
    holders = for _ <- 1..3, do: holder(pool)
    members = for {_, member} <- holders, do: member
    assert length(Enum.uniq(members)) == 3
    pids = for member <- members, do: pid(member)
    assert length(Enum.uniq(pids)) == 3
    assert {:ok, %{size: 3, busy: 3, waiting: 0, members: usages}} = Pool.usage(pool)
    assert Enum.all?(members, &match?(%{refs: _, lanes: _}, usages[&1]))
    Enum.each(holders, &release/1)
  end

  test "a pool whose own processes are killed is there again, and says so meanwhile", context do
    pool = pool(context, size: 2)
    supervisor = Process.whereis(Module.concat(pool, "Supervisor"))
    held = [holder(pool), holder(pool)]
    waiting = Task.async(fn -> SnakeBridge.call("os", "getpid", [], [], session: pool) end)
    Wait.until(fn -> match?({:ok, %{waiting: 1}}, Pool.usage(pool)) end)
    Process.exit(Process.whereis(pool), :kill)
    assert {:error, %BridgeError{reason: :unavailable, message: message}} = Task.await(waiting, 10_000)
    assert message =~ "is being restarted"
    Enum.each(held, &release/1)
    Wait.until(fn -> match?({:ok, %{up: 2}}, Pool.usage(pool)) end, 30_000)

    {_, members, _, _} = supervisor |> Supervisor.which_children() |> List.keyfind(:members, 0)
    Process.exit(members, :kill)
    Wait.until(fn -> not Process.alive?(members) end)
    Wait.until(fn -> match?({:ok, %{up: 2}}, Pool.usage(pool)) end, 30_000)
    assert Process.whereis(Module.concat(pool, "Supervisor")) == supervisor
    assert is_integer(pid(pool))
  end

  test "a process comes back to its member, and the pool's name stands everywhere", context do
    pool = pool(context, size: 2)
    assert pid(pool) == pid(pool)
    assert SnakeBridge.get!("math", "pi", session: pool) > 3
    assert %Ref{session: member} = math = SnakeBridge.import!("math", session: pool)
    assert Pool.member?(pool, member) and Pool.pool?(pool)
    refute Pool.pool?(member)
    assert SnakeBridge.method!(math, "sqrt", [4]) == 2.0
    assert SnakeBridge.steps!({:value, "a,b"}, [{:method, "split", [","], []}], session: pool) == ["a", "b"]
    py = %SnakeBridge.Py{session: pool}
    assert SnakeBridge.method!(py, "len", [[1, 2]]) == 2
    assert {:error, %BridgeError{reason: :unavailable} = error} = Session.usage(pool)
    assert Exception.message(error) =~ "SnakeBridge.Pool.usage/1"
  end

  test "a call with a ref goes to the ref's member, also as an argument, and also while that is held",
       context do
    pool = pool(context, size: 2)
    first = holder(pool)
    {_, member} = first
    list = SnakeBridge.call!("builtins", "list", [[1, 2, 3]], [], session: member, as: :ref)
    assert SnakeBridge.method!(list, "__len__") == 3
    assert SnakeBridge.call!("builtins", "len", [list]) == 3
    assert SnakeBridge.call!("builtins", "len", [list], [], session: pool) == 3
    assert Enum.to_list(list) == [1, 2, 3]
    release(first)
  end

  test "those who wait are served in their order", context do
    pool = pool(context, size: 1)
    held = holder(pool)
    me = self()

    tasks =
      for n <- 1..5 do
        task = Task.async(fn -> Pool.checkout(pool, fn _ -> send(me, {:served, n}) end) end)
        Wait.until(fn -> match?({:ok, %{waiting: ^n}}, Pool.usage(pool)) end)
        task
      end

    release(held)
    Task.await_many(tasks)
    assert for(_ <- 1..5, do: receive(do: ({:served, n} -> n))) == [1, 2, 3, 4, 5]
  end

  test "the queue is bounded in length and time, and a call's own timeout counts", context do
    pool = pool(context, size: 1, queue: 1, queue_timeout: 300)
    held = holder(pool)
    waiting = Task.async(fn -> SnakeBridge.call("math", "sqrt", [4], [], session: pool) end)
    Wait.until(fn -> match?({:ok, %{waiting: 1}}, Pool.usage(pool)) end)

    assert {:error, %BridgeError{reason: :unavailable} = full} =
             SnakeBridge.call("math", "sqrt", [4], [], session: pool)

    assert full.message =~ "is busy: its 1 members are at work, and 1 calls wait already"
    assert {:error, %BridgeError{reason: :timeout} = late} = Task.await(waiting)
    assert late.message =~ "no member free within the 300 ms of `queue_timeout:`"

    assert {:error, %BridgeError{reason: :timeout} = late} =
             SnakeBridge.call("math", "sqrt", [4], [], session: pool, timeout: 20)

    assert late.message =~ "no member free within the 20 ms of `timeout:`"
    assert_raise BridgeError, ~r/20 ms/, fn -> Pool.checkout(pool, & &1, timeout: 20) end
    release(held)
    assert SnakeBridge.call!("math", "sqrt", [4], [], session: pool) == 2.0
  end

  test "a caller that dies, waiting or holding, leaves nothing behind", context do
    pool = pool(context, size: 1)
    {holding, _} = holder(pool)
    waiting = spawn(fn -> SnakeBridge.call("math", "sqrt", [4], [], session: pool) end)
    Wait.until(fn -> match?({:ok, %{waiting: 1}}, Pool.usage(pool)) end)
    Process.exit(waiting, :kill)
    Wait.until(fn -> match?({:ok, %{waiting: 0}}, Pool.usage(pool)) end)
    Process.unlink(holding.pid)
    Process.exit(holding.pid, :kill)
    Wait.until(fn -> match?({:ok, %{busy: 0}}, Pool.usage(pool)) end)
    assert SnakeBridge.call!("math", "sqrt", [4], [], session: pool) == 2.0
  end

  test "what raises in checkout gives its member back, and checkouts nest", context do
    pool = pool(context, size: 1)
    assert_raise RuntimeError, fn -> Pool.checkout(pool, fn _ -> raise "no" end) end
    assert catch_throw(Pool.checkout(pool, fn _ -> throw(:ball) end)) == :ball
    assert Pool.checkout(pool, fn a -> Pool.checkout(pool, fn b -> a == b and pid(pool) == pid(a) end) end)
    assert {:ok, %{busy: 0}} = Pool.usage(pool)
  end

  test "a callback's calls go where the call went, so one member is enough", context do
    pool = pool(context, size: 1, queue_timeout: 2_000)
    back = fn x -> SnakeBridge.call!("math", "sqrt", [x], [], session: pool) end
    assert SnakeBridge.call!("builtins", "list", [[4]], [], session: pool) == [4]
    map = fn -> SnakeBridge.call!("builtins", "map", [back, [4, 9]], [], session: pool) end
    assert Enum.to_list(map.()) == [2.0, 3.0]
    assert SnakeBridge.call!("builtins", "max", [[4, 9]], [key: back], session: pool) == 9

    # The same from a thread of Python, which has an Elixir process of its own.
    source = """
    import concurrent.futures
    def in_thread(f):
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            return threads.submit(f, 16).result(20)
    """

    names = SnakeBridge.call!("builtins", "dict", [], [], session: pool, as: :ref)
    SnakeBridge.call!("builtins", "exec", [source, names])
    in_thread = SnakeBridge.item!(names, "in_thread")

    assert Pool.checkout(pool, fn _ -> SnakeBridge.apply!(in_thread, [back]) end) == 4.0
  end

  test "a callback of a call that went to its ref's member goes there too, whoever holds it", context do
    pool = pool(context, size: 2, queue_timeout: 2_000)
    {:ok, %{members: members}} = Pool.usage(pool)

    for {member, _} <- members do
      apply = SnakeBridge.run!("lambda f: f()", [], session: member)
      assert SnakeBridge.apply!(apply, [fn -> pid(pool) end]) == pid(member)
    end

    apply = SnakeBridge.run!("lambda f: f()", [], session: pool)
    held = for _ <- members, do: holder(pool)
    assert SnakeBridge.apply!(apply, [fn -> pid(pool) end]) == pid(apply.session)
    for holder <- held, do: release(holder)

    assert Pool.checkout(pool, fn _ -> SnakeBridge.apply!(apply, [fn -> pid(pool) end]) end) ==
             pid(apply.session)
  end

  test "members that are killed under load come back, and no other call fails", context do
    pool = pool(context, size: 3, backoff: {1, 50}, queue_timeout: 30_000)
    stop = :atomics.new(1, [])

    callers =
      for _ <- 1..12 do
        Task.async(fn ->
          Stream.repeatedly(fn ->
            SnakeBridge.call("math", "sqrt", [16], [], session: pool, timeout: 30_000)
          end)
          |> Enum.reduce_while({0, 0}, fn result, {values, deaths} ->
            counts =
              case result do
                {:ok, 4.0} -> {values + 1, deaths}
                {:error, %BridgeError{reason: :worker_died}} -> {values, deaths + 1}
              end

            {if(:atomics.get(stop, 1) == 1, do: :halt, else: :cont), counts}
          end)
        end)
      end

    for _ <- 1..9 do
      # What is asked of a member that was just killed fails.
      case SnakeBridge.call("os", "getpid", [], [], session: pool) do
        {:ok, pid} -> Wait.kill(pid)
        {:error, %BridgeError{reason: :worker_died}} -> :ok
      end
    end

    Wait.until(fn -> match?({:ok, %{up: 3}}, Pool.usage(pool)) end, 30_000)
    :atomics.put(stop, 1, 1)
    counts = Task.await_many(callers, 60_000)
    assert Enum.all?(counts, fn {values, _} -> values > 0 end)
    assert {:ok, %{busy: 0, waiting: 0}} = Pool.usage(pool)
    for _ <- 1..100, do: assert(SnakeBridge.call!("math", "sqrt", [16], [], session: pool) == 4.0)
  end

  test "a member that crashes is started again", context do
    pool = pool(context, size: 2)
    {:ok, %{members: members}} = Pool.usage(pool)
    before = for {member, _} <- members, do: Process.whereis(member)
    for pid <- before, do: Process.exit(pid, :kill)

    Wait.until(
      fn ->
        {:ok, %{up: up, members: members}} = Pool.usage(pool)

        up == 2 and
          Enum.all?(members, fn {member, usage} -> usage && Process.whereis(member) not in before end)
      end,
      30_000
    )

    assert SnakeBridge.call!("math", "sqrt", [16], [], session: pool) == 4.0
  end

  test "where no member can start a worker, calls hear why", context do
    pool = Module.concat(__MODULE__, "P#{:erlang.phash2(context.test)}")
    start_supervised!({Pool, name: pool, size: 2, python: "/no/such/python", backoff: {5_000, 5_000}})

    for _ <- 1..6 do
      assert {:error, %BridgeError{reason: :unavailable} = error} =
               SnakeBridge.call("math", "sqrt", [4], [], session: pool, timeout: 2_000)

      assert Exception.message(error) =~ "/no/such/python does not start"
    end
  end

  test "ends with its workers; then its name is nobody's", context do
    pool = Module.concat(__MODULE__, "P#{:erlang.phash2(context.test)}")
    {:ok, _} = Pool.start_link(name: pool, size: 2)
    Wait.until(fn -> match?({:ok, %{up: 2}}, Pool.usage(pool)) end, 30_000)
    pids = for {member, _} <- elem(Pool.usage(pool), 1).members, do: pid(member)
    sleeper = Task.async(fn -> SnakeBridge.call("time", "sleep", [60], [], session: pool) end)
    Wait.until(fn -> match?({:ok, %{busy: 1}}, Pool.usage(pool)) end)
    Pool.stop(pool)
    refute Enum.any?(pids, &Wait.alive?/1)
    assert {:error, %BridgeError{}} = Task.await(sleeper)
    refute Pool.pool?(pool)

    assert {:error, %BridgeError{reason: :unavailable}} =
             SnakeBridge.call("math", "sqrt", [4], [], session: pool)
  end
end

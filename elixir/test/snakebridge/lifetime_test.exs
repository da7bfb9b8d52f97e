defmodule SnakeBridge.LifetimeTest do
  @moduledoc "Objects of Python live as long as a term of the BEAM holds their refs, and no longer."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Lane, Native, Pinned, Pins, Probe, Ref, Session, Wait}

  setup context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    start_supervised!({Session, name: session})
    # What the session itself needs is there before anything is counted.
    SnakeBridge.call!("builtins", "abs", [1], [], session: session)
    %{session: session}
  end

  defp object(session), do: SnakeBridge.call!("builtins", "object", [], [], session: session)

  defp function(session, source, name),
    do: source |> Probe.run(session: session) |> SnakeBridge.item!(name)

  defp held(session) do
    {:ok, %{refs: count}} = Session.usage(session)
    count
  end

  # Waits until the worker holds so many objects.
  defp assert_held(session, count, deadline \\ System.monotonic_time(:millisecond) + 10_000) do
    :erlang.garbage_collect()

    case held(session) do
      ^count ->
        :ok

      other ->
        if System.monotonic_time(:millisecond) > deadline,
          do: flunk("#{other} objects are held, and not #{count}")

        Process.sleep(10)
        assert_held(session, count, deadline)
    end
  end

  # In a process whose end leaves nothing of it behind.
  defp elsewhere(function, timeout \\ 10_000), do: function |> Task.async() |> Task.await(timeout)

  test "the native library is there" do
    assert Native.loaded?()
  end

  describe "a ref" do
    test "that nothing holds any more is released", %{session: session} do
      elsewhere(fn -> for(_ <- 1..100, do: object(session)) && :ok end)
      assert_held(session, 0)
    end

    test "lives while this process holds it, and is released when it does not", %{session: session} do
      ref = object(session)
      elsewhere(fn -> object(session) && :ok end)
      assert_held(session, 1)
      assert is_integer(SnakeBridge.method!(ref, "__hash__"))
      assert_held(session, 0)
    end

    test "of a task lives when the task has ended", %{session: session} do
      ref = elsewhere(fn -> object(session) end)
      assert_held(session, 1)
      assert SnakeBridge.ref?(ref)
      assert inspect(ref) =~ "<object object"
    end

    test "lives in another process, and ends with it", %{session: session} do
      holder = spawn(fn -> receive(do: ({:keep, _ref} = kept -> hold(kept))) end)
      elsewhere(fn -> send(holder, {:keep, object(session)}) && :ok end)
      assert_held(session, 1)
      send(holder, :stop)
      assert_held(session, 0)
    end

    defp hold(kept) do
      receive(do: (:stop -> kept))
    end

    test "lives in an ETS table", %{session: session} do
      table = :ets.new(:kept, [:public])
      elsewhere(fn -> :ets.insert(table, {:ref, object(session)}) end)
      assert_held(session, 1)
      [{:ref, ref}] = :ets.lookup(table, :ref)
      assert inspect(ref) =~ "<object object"
      :ets.delete(table)
      assert_held(session, 0)
    end

    test "lives while a call is on its way that nothing else holds", %{session: session} do
      slow = function(session, "import time\ndef slow(x):\n    time.sleep(0.3)\n    return x\n", "slow")
      pid = self()

      Task.async(fn ->
        send(pid, :calling)
        SnakeBridge.apply!(slow, [[object(session)]], [], as: :ref)
      end)
      |> then(fn task ->
        assert_receive :calling
        for _ <- 1..20, do: :erlang.garbage_collect(task.pid) && Process.sleep(10)
        assert SnakeBridge.ref?(Task.await(task))
      end)
    end

    test "can be released, and is released once more without harm", %{session: session} do
      ref = object(session)
      other = object(session)
      SnakeBridge.release(ref)
      SnakeBridge.release(ref)
      assert_held(session, 1)
      assert {:error, %BridgeError{reason: :ref_gone}} = SnakeBridge.method(ref, "__hash__")
      assert_held(session, 1)
      assert is_integer(SnakeBridge.method!(other, "__hash__"))
    end

    test "of an answer that was never received is released", %{session: session} do
      source = """
      import threading
      started, go = threading.Event(), threading.Event()
      def make():
          started.set()
          go.wait(20)
          return [object(), object()]
      """

      names = Probe.run(source, session: session)
      make = SnakeBridge.item!(names, "make")
      {caller, monitor} = spawn_monitor(fn -> SnakeBridge.apply!(make, []) end)
      SnakeBridge.method!(SnakeBridge.item!(names, "started"), "wait", [20])
      Process.exit(caller, :kill)
      assert_receive {:DOWN, ^monitor, _, _, :killed}
      SnakeBridge.method!(SnakeBridge.item!(names, "go"), "set")
      # `names`, and nothing of the answer.
      make = nil
      assert make == nil
      assert_held(session, 1)
      assert SnakeBridge.ref?(names)
    end
  end

  describe "a ref inside of a term that Python keeps" do
    setup %{session: session} do
      source = """
      kept = []
      def keep(x):
          kept.append(x)
      def call(*args):
          return kept[-1](*args)
      def give():
          return kept[-1]
      def drop():
          kept.clear()
      def through(f):
          x = f()
          return repr(x)
      def take(f):
          keep(f())
      def fails(f):
          try:
              f()
          except Exception as error:
              keep(error)
      def again():
          raise kept[-1]
      """

      names = Probe.run(source, session: session)
      %{f: fn name, args -> SnakeBridge.apply!(SnakeBridge.item!(names, name), args) end}
    end

    # A function that has captured an object.
    defp closure(session) do
      ref = object(session)
      fn -> SnakeBridge.method!(ref, "__hash__") end
    end

    test "of a function lives until Python drops the function", %{session: session, f: f} do
      elsewhere(fn -> f.("keep", [closure(session)]) end)
      assert_held(session, 2)
      assert is_integer(f.("call", []))
      assert is_integer(elsewhere(fn -> f.("give", []).() end))
      assert_held(session, 2)
      f.("drop", [])
      assert_held(session, 1)
      f.("drop", [])
    end

    test "of a function that Python never keeps is released", %{session: session, f: f} do
      elsewhere(fn -> f.("through", [fn -> closure(session) end]) end)
      assert_held(session, 1)
      f.("drop", [])
    end

    test "of a struct comes back with it", %{session: session, f: f} do
      elsewhere(fn -> f.("keep", [%URI{path: "p", query: object(session)}]) end)
      assert_held(session, 2)
      assert %URI{path: "p", query: %Ref{} = ref} = f.("give", [])
      f.("drop", [])
      assert_held(session, 2)
      assert is_integer(SnakeBridge.method!(ref, "__hash__"))
      assert_held(session, 1)
      f.("drop", [])
    end

    test "of an answer of a callback arrives", %{session: session, f: f} do
      for _ <- 1..50 do
        answer = fn -> Enum.map(1..20, fn _ -> object(session) end) end
        assert f.("through", [answer]) =~ "object object"
      end

      elsewhere(fn -> f.("take", [fn -> %URI{query: object(session)} end]) end)
      assert_held(session, 2)
      assert %URI{query: %Ref{} = ref} = f.("give", [])
      assert inspect(ref) =~ "<object object"
      f.("drop", [])
    end

    test "of an exception comes back with it", %{session: session, f: f} do
      elsewhere(fn -> f.("fails", [fn -> raise %KeyError{key: object(session), term: %{}} end]) end)
      assert_held(session, 2)
      assert %KeyError{key: %Ref{} = ref} = catch_error(f.("again", []))
      assert inspect(ref) =~ "<object object"
      f.("drop", [])
      assert_held(session, 1)
      assert inspect(ref) =~ "<object object"
    end

    test "of a request that failed before it was read is released", %{session: session, f: f} do
      elsewhere(fn ->
        function = closure(session)
        assert {:error, _} = SnakeBridge.call("no_such_module", "f", [function], [], session: session)
      end)

      assert_held(session, 1)
      f.("drop", [])
    end
  end

  describe "scope" do
    test "releases what it does not give", %{session: session} do
      {kept, ended, all} =
        SnakeBridge.scope(fn ->
          [kept | ended] = all = for _ <- 1..4, do: object(session)
          assert held(session) == 4
          # The others go by their ids, for here they are still held.
          {kept, Enum.map(ended, & &1.id), length(all)}
        end)

      assert {length(ended), all} == {3, 4}
      assert_held(session, 1)
      assert inspect(kept) =~ "<object object"
    end

    test "ends refs that are still held", %{session: session} do
      me = self()
      SnakeBridge.scope(fn -> send(me, object(session)) && :ok end)
      assert_receive %Ref{} = ref
      assert {:error, %BridgeError{reason: :ref_gone}} = SnakeBridge.method(ref, "__hash__")
    end

    test "hands what an inner one gives to the outer", %{session: session} do
      me = self()

      SnakeBridge.scope(fn ->
        {inner, f} =
          SnakeBridge.scope(fn ->
            ref = object(session)
            {object(session), fn -> SnakeBridge.method!(ref, "__hash__") end}
          end)

        assert held(session) == 2
        assert is_integer(f.())
        send(me, inner)
        :ok
      end)

      assert_receive %Ref{} = ref
      assert {:error, %BridgeError{reason: :ref_gone}} = SnakeBridge.method(ref, "__hash__")
      assert_held(session, 0)
    end

    test "keeps what is in an exception, and raises it", %{session: session} do
      error =
        catch_error(
          SnakeBridge.scope(fn ->
            object(session)
            raise %KeyError{key: object(session), term: %{}}
          end)
        )

      assert %KeyError{key: %Ref{} = ref} = error
      assert_held(session, 1)
      assert inspect(ref) =~ "<object object"
      assert catch_throw(SnakeBridge.scope(fn -> throw(:ball) end)) == :ball
      assert Process.get(SnakeBridge.Scope) == nil
    end
  end

  describe "many refs" do
    test "have the processes that hold them as garbage asked to collect", %{session: session} do
      # The calling process goes on without ever collecting by itself what is old.
      task =
        Task.async(fn ->
          for _ <- 1..30, do: length(objects(session, 1_000))
          send(self(), :idle)
          receive(do: (:stop -> :ok))
        end)

      deadline = System.monotonic_time(:millisecond) + 20_000
      assert wait_for(fn -> held(session) < 12_000 end, deadline)
      send(task.pid, :stop)
      Task.await(task)
    end

    @tag timeout: 120_000
    test "leave no memory behind, and do not slow the others", %{session: session} do
      source = """
      class Thing:
          __slots__ = ()
      def make(n):
          return [Thing() for _ in range(n)]
      """

      make = function(session, source, "make")
      many = fn times -> for _ <- 1..times, do: SnakeBridge.apply!(make, [1_000]) end
      elsewhere(fn -> many.(10) && :ok end)
      assert_held(session, 1)
      before = memory(session)

      elsewhere(
        fn ->
          refs = many.(1_000)
          assert held(session) == 1_000_001
          length(refs)
        end,
        50_000
      )

      deadline = System.monotonic_time(:millisecond) + 30_000
      assert_held(session, 1, deadline)
      assert wait_for(fn -> memory(session) < before * 1.05 end, deadline)
      assert SnakeBridge.ref?(make)
    end

    defp memory(session) do
      {:ok, %{memory_bytes: bytes}} = Session.usage(session)
      bytes
    end

    defp objects(session, count) do
      SnakeBridge.call!("builtins", "list", [range_of_objects(session, count)], [], session: session)
    end

    defp range_of_objects(session, count) do
      SnakeBridge.call!("builtins", "eval", ["[object() for _ in range(#{count})]"], [],
        session: session,
        as: :ref
      )
    end

    defp wait_for(condition, deadline) do
      cond do
        condition.() -> true
        System.monotonic_time(:millisecond) > deadline -> false
        true -> Process.sleep(20) && wait_for(condition, deadline)
      end
    end
  end

  test "a term without refs is not pinned", %{session: session} do
    assert Pins.pin({1, "a"}, []) == {{1, "a"}, []}
    ref = object(session)
    assert {%Pinned{term: [^ref]}, [_]} = Pins.pin([ref], [ref])
  end

  describe "the collector" do
    defp collector(session), do: Native.owner(Process.get({Lane, session}).bin)
    # Nothing that was sent to it before is still to come.
    defp state(session), do: :sys.get_state(collector(session))

    test "holds nothing for a request that is not sent", %{session: session} do
      ref = object(session)
      function = fn -> ref end
      stranger = SnakeBridge.call!("builtins", "object")

      assert {:error, %BridgeError{reason: :not_convertible}} =
               SnakeBridge.call("builtins", "print", [function, stranger])

      assert {:error, %BridgeError{reason: :not_convertible}} =
               SnakeBridge.call("builtins", "print", [function, %SnakeBridge.Encoded.Failing{}])

      assert state(session).pins == %{}
    end

    test "holds nothing for a request that a full pool refuses" do
      pool = __MODULE__.Pool
      start_supervised!({SnakeBridge.Pool, name: pool, size: 1, queue: 0})
      session = Module.concat(pool, Member1)
      test = self()

      holder =
        Task.async(fn ->
          SnakeBridge.Pool.checkout(pool, fn _ ->
            send(test, :held)
            receive do: (:end -> :ok)
          end)
        end)

      assert_receive :held, 10_000
      ref = object(session)
      {_, _, pins} = SnakeBridge.Marshal.encode([fn -> ref end])
      assert [_] = pins
      assert {:error, %BridgeError{}} = Lane.request(pool, :do, nil, pins: pins)
      assert state(session).pins == %{}
      send(holder.pid, :end)
      Task.await(holder)
    end

    test "drops what could not be sent", %{session: session} do
      ref = object(session)
      {term, _, pins} = SnakeBridge.Marshal.encode(fn -> ref end)
      # A binary is not copied, however often it is there.
      large = List.duplicate(:binary.copy(<<0>>, 1_048_576), 2_048)

      assert {:error, %BridgeError{reason: :not_convertible, message: "a message is longer than 2 GB"}} =
               Lane.request(session, :do, {term, large}, pins: pins)

      assert state(session).pins == %{}
    end

    test "watches a process once, however many lanes it opens", %{session: session} do
      for _ <- 1..3 do
        Lane.close(session)
        SnakeBridge.call!("builtins", "abs", [1], [], session: session)
      end

      assert Map.keys(state(session).watched) == [self()]
    end

    @tag :capture_log
    test "that ends costs its worker", %{session: session} do
      first = Session.attached(session)
      Process.exit(collector(session), :kill)
      Wait.until(fn -> Session.attached(session) != first end)
      assert SnakeBridge.call!("builtins", "abs", [1], [], session: session) == 1
      assert Session.attached(session) > first
    end
  end

  test "without the native library all else works" do
    script = """
    alias SnakeBridge.{Native, Session}
    false = Native.loaded?()
    held = fn -> {:ok, %{refs: count}} = Session.usage(); count end
    object = fn -> SnakeBridge.call!("builtins", "object") end
    %{resource: nil} = ref = object.()
    apply = SnakeBridge.call!("builtins", "eval", ["lambda f: f()"])
    hash = SnakeBridge.method!(ref, "__hash__")
    ^hash = SnakeBridge.apply!(apply, [fn -> SnakeBridge.method!(ref, "__hash__") end])
    ^hash = SnakeBridge.method!(SnakeBridge.apply!(apply, [fn -> ref end], [], as: :ref), "__hash__")
    before = held.()
    SnakeBridge.scope(fn -> for(_ <- 1..10, do: object.()) && :ok end)
    ^before = held.()
    for _ <- 1..10, do: object.()
    :erlang.garbage_collect()
    true = held.() == before + 10
    SnakeBridge.release(ref)
    {:ok, nil} = Session.ping()
    {:error, %{reason: :ref_gone}} = SnakeBridge.method(ref, "__hash__")
    {pid, monitor} = spawn_monitor(fn -> SnakeBridge.call("time", "sleep", [20]) end)
    Process.exit(pid, :kill)
    receive do {:DOWN, ^monitor, _, _, _} -> :ok end
    IO.write("works")
    """

    assert {"works", 0} =
             System.cmd("elixir", ["-pa", Application.app_dir(:snakebridge, "ebin"), "-e", script],
               env: [{"SNAKEBRIDGE_NATIVE", "off"}],
               stderr_to_stdout: true
             )
  end
end

defmodule SnakeBridge.FuzzTest do
  @moduledoc "Hostile frames for both ends, over real sockets: nobody dies of them, hangs, or keeps what they made."
  use ExUnit.Case, async: false

  alias SnakeBridge.{
    BridgeError,
    Callback,
    FakeWorker,
    Fault,
    Fuzz,
    Lane,
    Marshal,
    Session,
    Socket,
    Wait,
    Worker
  }

  @moduletag :fuzz
  @moduletag :capture_log
  @moduletag timeout: :infinity

  setup do
    Fuzz.seed()
    folder = Path.join(System.tmp_dir!(), "sb-fuzz-#{System.unique_integer([:positive])}")
    File.mkdir!(folder)
    File.chmod!(folder, 0o700)
    on_exit(fn -> File.rm_rf!(folder) end)
    %{folder: folder}
  end

  # --- the worker ---

  @batch 200

  test "the worker answers after them, with as many files open and as much memory as before", %{
    folder: folder
  } do
    frames = Fuzz.frames(4_000)
    worker = start_worker(folder)
    bodies = for {op, body} <- requests(), do: :erlang.term_to_binary({:req, 1, op, body})
    controls = for op <- [:ping, :usage, :interrupt, :release, :bind], do: control(op)

    # What Python imports and keeps at the first error is no leak.
    for _ <- 1..3, do: {storm(worker, bodies, :lane, 400), storm(worker, controls, :control, 100)}
    settle(worker)
    {files, memory} = {files(worker), usage(worker).memory_bytes}

    for _ <- 1..max(div(frames, 5 * @batch), 1) do
      for _ <- 1..4, do: storm(worker, bodies, :lane, @batch)
      storm(worker, controls, :control, @batch)
      assert Wait.alive?(worker.pid)
    end

    settle(worker)
    Wait.until(fn -> files(worker) <= files end)
    grown = usage(worker).memory_bytes - memory
    IO.puts("the worker took #{frames} frames and grew by #{div(grown, 1024)} KB")
    assert grown < 32_000_000 + frames * 40
    assert {:ok, 4.0} = ask(worker, :lane, :do, {{:module, "math"}, [{:method, "sqrt", [16], []}], %{}})
  end

  # No operator, and nothing that waits: a changed number must not become hours of work.
  defp requests do
    sqrt = {{:module, "math"}, [{:method, "sqrt", [16], []}], %{}}

    [
      do: sqrt,
      do: {{:value, "a,b"}, [{:method, "split", [","], []}, {:item, 1}], %{as: :ref}},
      do: {{:value, [1, {2.5, nil}, %{"k" => MapSet.new([1, 2])}]}, [{:fun, :repr}], %{as: :text}},
      do: {{:value, ~D[2024-02-29]}, [{:attr, "year"}], %{cell: 3}},
      do: {{:value, &String.length/1}, [{:fun, :arity}], %{}},
      do: {{:value, %SnakeBridge.Bytes{data: "abc"}}, [{:slice, 0, 2, nil}], %{as: :bytes}},
      do: {{:name, "len"}, [{:call, [[1, 2, 3]], [{"key", 1}]}], %{}},
      do: {{:value, %SnakeBridge.Ref{session: :s, worker: 1, id: 7}}, [{:is, 1}], %{}},
      do: {{:value, %SnakeBridge.Make{path: "fractions.Fraction", args: [1, 2], kwargs: []}}, [], %{}},
      batch: [sqrt, {{:module, "math"}, [{:attr, "pi"}], %{}}],
      read: ["x", "len"],
      members: {{:module, "math"}, [], %{what: :attributes, prefix: "s"}},
      calls: 1,
      ping: [1, {:two, "three"}]
    ]
  end

  defp control(op) do
    body =
      case op do
        :interrupt -> 1
        :release -> [1_000_001, 1_000_002]
        :bind -> [{"name", {:value, 1}}, {"other", :lazy}]
        _ -> nil
      end

    :erlang.term_to_binary({:req, 1, op, body})
  end

  # Sends frames without waiting for answers, which are thrown away; the connection may end any time.
  defp storm(worker, bodies, role, count) do
    {:ok, socket} = connect(worker, role)
    :inet.setopts(socket.port, active: true)

    frames = for _ <- 1..count, body = Fuzz.mutate(bodies), do: [<<byte_size(body)::32>>, body]
    :gen_tcp.send(socket.port, frames)

    # One in a while lies about its length, and then hangs up.
    if :rand.uniform(20) == 1 do
      :gen_tcp.send(socket.port, <<:rand.uniform(0xFFFFFFFF)::32, "part">>)
    else
      :gen_tcp.send(socket.port, FakeWorker.frame({:req, 77, :ping, :over}))
      drain(socket.port)
    end

    Socket.close(socket)
  end

  # Until the last answer, or the end. Whatever comes is for nobody.
  defp drain(port) do
    receive do
      {:tcp, ^port, bytes} -> if :binary.match(bytes, "over") == :nomatch, do: drain(port)
      {:tcp_closed, ^port} -> :ok
    after
      60_000 -> flunk("the worker does not answer any more")
    end
  end

  defp settle(worker) do
    # What the frames left in the table of refs is released as Elixir would.
    {:ok, true} = ask(worker, :control, :release, Enum.to_list(1..2_000_000))
    Wait.until(fn -> usage(worker).lanes == 0 end, 60_000)
    Wait.until(fn -> match?(%{refs: 0, abandoned: 0}, usage(worker)) end, 60_000)
  end

  defp usage(worker), do: worker |> ask(:control, :usage, nil) |> elem(1)
  defp files(worker), do: length(File.ls!("/proc/#{worker.pid}/fd"))

  defp ask(worker, role, op, body) do
    {:ok, socket} = connect(worker, role)
    :ok = Socket.send(socket, {:req, 1, op, body})
    answer = answer(socket)
    Socket.close(socket)
    answer
  end

  defp answer(socket) do
    case Socket.recv(socket, 60_000) do
      {:ok, {:ok, 1, value}, _} -> {:ok, value}
      {:ok, {:error, 1, error}, _} -> {:error, error}
      {:ok, _, socket} -> answer(socket)
    end
  end

  defp connect(worker, role) do
    {:ok, socket} = Socket.connect(worker.socket)
    {:ok, _, socket} = Socket.hello(socket, %{peer: :beam, role: role, thread: :own, pid: 1})
    {:ok, socket}
  end

  # A worker whose host only listens: what it reports of the frames would fill the screen.
  defp start_worker(folder) do
    {:ok, python} = Worker.python()
    {:ok, listener} = Socket.listen(Path.join(folder, "host.sock"))
    package = Path.expand("../../../python", __DIR__)
    path = Path.join(folder, "worker.1.sock")

    args = ["--host", Path.join(folder, "host.sock"), "--listen", path, "--generation", "1"]

    port =
      Port.open({:spawn_executable, python}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args: [Path.join(package, "snakebridge/worker.py") | args],
        cd: folder
      ])

    {:os_pid, pid} = Port.info(port, :os_pid)
    on_exit(fn -> Wait.kill(pid) end)
    {:ok, control} = Socket.accept(listener, 30_000)
    {:ok, _, control} = Socket.answer_hello(control, %{peer: :host, role: :control, pid: 1})
    sink = spawn_link(fn -> receive do: (:go -> sink(control)) end)
    :ok = Socket.controlling_process(control, sink)
    send(sink, :go)
    %{pid: pid, socket: path}
  end

  defp sink(%{port: port} = socket), do: with({:ok, _} <- :gen_tcp.recv(port, 0), do: sink(socket))

  # --- the BEAM ---

  @answers [["worker_lane", "worker_control", "elixir_lane"], ["worker"]]

  test "this VM reads them as values, errors, messages or none, and learns no atom", %{folder: folder} do
    frames = Fuzz.frames(30_000)
    {:ok, listener} = Socket.listen(Path.join(folder, "s"))
    bodies = apply(Fuzz, :golden, @answers)
    assert length(bodies) > 20
    # What the frames themselves need is loaded.
    for body <- bodies, do: read({:ok, :erlang.binary_to_term(body)})
    take(folder, listener, bodies, 3_000)
    atoms = :erlang.system_info(:atom_count)

    counts = take(folder, listener, bodies, frames)
    IO.puts("this VM took #{frames} frames: #{inspect(counts)}")
    # A module that is loaded late brings its own; a worker that could make atoms would make thousands.
    assert :erlang.system_info(:atom_count) - atoms < 50 + div(frames, 10_000)
  end

  defp take(folder, listener, bodies, frames) do
    Enum.reduce(1..max(div(frames, 1_000), 1), %{}, fn _, counts ->
      {near, far} = pair(folder, listener)
      stream = for _ <- 1..1_000, body = Fuzz.mutate(bodies), do: [<<byte_size(body)::32>>, body]
      spawn_link(fn -> :gen_tcp.send(near.port, stream) end)
      counts = read_all(%{far | known_atoms: true}, 1_000, counts)
      Socket.close(near)
      Socket.close(far)
      counts
    end)
  end

  defp pair(folder, listener) do
    {:ok, near} = Socket.connect(Path.join(folder, "s"))
    {:ok, far} = Socket.accept(listener, 5_000)
    {near, far}
  end

  defp read_all(_, 0, counts), do: counts

  defp read_all(socket, left, counts) do
    {kind, socket} =
      case Socket.recv(socket, 10_000) do
        {:ok, term, socket} -> {read({:ok, term}), socket}
        {:malformed, _, socket} -> {:malformed, socket}
      end

    read_all(socket, left - 1, Map.update(counts, kind, 1, &(&1 + 1)))
  end

  # As a lane does. What raises here raises there, and is caught there.
  defp read({:ok, {:ok, _, value}}), do: tried(:value, fn -> Marshal.decode(value, home()) end)

  defp read({:ok, {:error, _, error}}),
    do: tried(:error, fn -> %{__exception__: true} = Fault.exception(error, home()) end)

  defp read({:ok, {:req, _, op, body}}) when op in [:apply, :mfa, :read, :exports] do
    lane = %Lane{socket: nil, session: NoSuchSession, generation: 1, names: fn _ -> %{} end}
    # Whatever it is, it is answered.
    {kind, _, _} = Callback.run(op, body, lane)
    {:request, kind}
  end

  defp read(_), do: :other

  defp tried(kind, function) do
    function.()
    kind
  rescue
    _ -> {:no, kind}
  end

  defp home, do: %{session: NoSuchSession, generation: 1, bin: nil}

  test "a session goes through workers that send them, and its callers always hear something" do
    # Each is a call, and nearly each costs a worker.
    calls = Fuzz.frames(30_000) |> div(100) |> max(1)
    bodies = apply(Fuzz, :golden, @answers)
    session = __MODULE__.Session
    seed = :rand.uniform(1_000_000)

    behaviour = fn
      generation, :lane, {:req, id, :do, _} ->
        # The connection's process is new, and has chances of its own, which follow from the seed.
        if Process.put(:seeded, true) == nil, do: :rand.seed(:exsss, {seed, generation, 1})
        wrong = for _ <- 1..3, do: {:send, FakeWorker.frame_of(Fuzz.mutate(bodies))}
        wrong ++ [{:send, FakeWorker.frame({:ok, id, 4.0})}]

      _, _, message ->
        FakeWorker.good(message)
    end

    start_supervised!(
      {Session, [name: session, group_leader: silent()] ++ FakeWorker.start(behaviour, own: true)}
    )

    server = Process.whereis(session)
    Process.group_leader(self(), silent())

    results =
      for _ <- 1..calls do
        case SnakeBridge.call("math", "sqrt", [16], [], session: session, timeout: 20_000) do
          {:ok, _} -> :ok
          {:error, %BridgeError{reason: reason}} -> reason
          {:error, %{__exception__: true}} -> :error
        end
      end

    refute :timeout in results
    assert Process.whereis(session) == server
    assert map_size(:sys.get_state(session).deaths) <= 32
  end

  defp silent do
    {:ok, device} = StringIO.open("")
    device
  end
end

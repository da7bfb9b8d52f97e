defmodule SnakeBridge.Lane do
  @moduledoc """
  The calling process's own connection to the worker: one thread of Python serves it alone.

  It is opened at the first call and kept in the process dictionary, so a call needs no other process: the caller sends
  and receives itself. It ends with the process.
  While the process waits for an answer it serves what Python asks of it on the same lane, and calls that it makes
  meanwhile travel there too; so all requests are nested. Their numbers are never used twice: an answer that comes too
  late is seen to be none. Whoever leaves a wait without its answer, however that is, closes the lane.

  The process dictionary may be another one than it was: Livebook puts back that of an earlier cell before it evaluates
  one, and gives a copy to the processes of branched sections. So a lane says whose it is, what must not go back is in
  `marks`, which all copies share, and the session knows a lane that its process has forgotten.
  """

  alias SnakeBridge.{
    BridgeError,
    Callback,
    CallbackLane,
    Collector,
    Fault,
    Marshal,
    Output,
    Pins,
    Pool,
    Session,
    Socket,
    Stub
  }

  # A call without `timeout:` waits so long for a worker to take its lane.
  @hello_ms 5_000

  @enforce_keys [:socket, :session, :generation]
  defstruct [
    :socket,
    :session,
    :generation,
    :names,
    :bin,
    :pool,
    :feeder,
    :owner,
    :marks,
    unread: 0,
    serving: []
  ]

  # What `marks` holds: how many requests were made, and the `unread` of the newest copy.
  @requests 1
  @unread 2

  @typep t :: %__MODULE__{
           socket: Socket.t(),
           session: Session.t(),
           generation: pos_integer(),
           names: ([String.t()] -> %{String.t() => term()}),
           bin: SnakeBridge.Native.bin(),
           # The pool that the session is a member of.
           pool: nil | Pool.t(),
           # For a lane that another process reads: see `SnakeBridge.CallbackLane`.
           feeder: nil | {pid(), reference()},
           owner: pid(),
           marks: :atomics.atomics_ref(),
           # A number for what is left in the socket's buffer; 0 where that is nothing.
           unread: non_neg_integer(),
           # Ids of the requests of Python that this process is serving, the innermost first.
           serving: [integer()]
         }

  @doc """
  Says which thread of Python serves this process: `:own`, or `:main`, where cells run too.

  Takes effect when the lane is opened.
  """
  @spec put_thread(Session.t(), :main | :own) :: :ok
  def put_thread(session, thread) when thread in [:main, :own] do
    Process.put({__MODULE__, :thread, session}, thread)
    :ok
  end

  @doc """
  Asks the worker and waits for the answer.

  `timeout:` is in milliseconds; after it the lane is closed.
  `ref:` is a ref whose worker is to be asked, and no other: where that one has ended, no new one is started.
  `pins:` is what of the body is to be held from when it is sent: see `SnakeBridge.Pins`.
  """
  @spec request(Session.t(), atom(), term(), keyword()) :: {:ok, term()} | {:error, Exception.t()}
  def request(session, op, body, opts \\ []) do
    deadline = deadline(opts)
    lane = mine(session)

    cond do
      lane != nil -> request(lane, session, op, body, opts, deadline)
      Pool.pool?(session) -> request_of_pool(session, op, body, opts, deadline)
      Stub.stub?(session) -> Stub.request(session, op, body, opts)
      true -> request(nil, session, op, body, opts, deadline)
    end
  end

  defp request_of_pool(pool, op, body, opts, deadline) do
    call = fn member ->
      request(mine(member), member, op, body, opts, deadline)
    end

    with {:ok, answer} <- Pool.hold(pool, left(deadline), call), do: answer
  end

  defp request(lane, session, op, body, opts, deadline) do
    with {:ok, lane} <- lane(lane, session, opts[:ref], deadline) do
      id = :atomics.add_get(lane.marks, @requests, 1)
      Pins.hold(opts[:pins])

      case Socket.send(lane.socket, {:req, id, op, body}, left(deadline)) do
        :ok ->
          answer = lane |> await_or_close(id, deadline) |> decoded(op, lane)
          Pins.keep(body)
          answer

        {:error, :emsgsize} ->
          Pins.drop(opts[:pins])
          {:error, %BridgeError{reason: :not_convertible, message: Socket.describe(:emsgsize)}}

        {:error, :timeout} ->
          Pins.drop(opts[:pins])
          close_this(lane)
          late(lane.session, lane)

        # The worker died since the last call, so it has seen nothing of this one: the next worker gets it.
        {:error, reason} ->
          Pins.drop(opts[:pins])

          if lane.serving == [] and lane.feeder == nil and opts[:again] == nil do
            close(session)
            request(nil, session, op, body, [{:again, true} | opts], deadline)
          else
            lost(lane, reason)
          end
      end
    end
  end

  @doc "What Python says of these names: its value, that Elixir's stands, or that there is none."
  @spec read(Session.t(), [String.t()]) ::
          {:ok, %{String.t() => {:value, term()} | :elixir | :unbound}} | {:error, Exception.t()}
  def read(session, names) do
    with {:ok, answers} <- request(session, :read, names) do
      home = Process.get({__MODULE__, session})

      {:ok,
       Map.new(answers, fn
         {name, {:value, value}} -> {name, {:value, Marshal.decode(value, home)}}
         other -> other
       end)}
    end
  rescue
    error in BridgeError -> {:error, error}
  end

  @doc "Closes the lane of this process, if it has one; the next call opens another."
  @spec close(Session.t()) :: :ok
  def close(session) do
    case Process.delete({__MODULE__, session}) do
      nil -> :ok
      %{owner: owner} when owner != self() -> :ok
      %{feeder: nil, socket: socket} -> Socket.close(socket)
      %{feeder: {reader, reference}} -> CallbackLane.hang_up(reader, reference)
    end
  end

  # This one, and none that was opened since.
  defp close_this(%{session: session, socket: %{port: port}}) do
    case Process.get({__MODULE__, session}) do
      %{socket: %{port: ^port}} -> close(session)
      _ -> :ok
    end
  end

  @doc "The generation of the worker that this process has a lane to."
  @spec generation(Session.t()) :: pos_integer() | nil
  def generation(session) do
    with %{generation: generation} <- mine(session), do: generation
  end

  @doc "How many requests this process has made on its lane."
  @spec requests(Session.t()) :: non_neg_integer()
  def requests(session) do
    case mine(session) do
      nil -> 0
      lane -> :atomics.get(lane.marks, @requests)
    end
  end

  @doc false
  @spec put(t()) :: :ok
  def put(%__MODULE__{} = lane) do
    keep(%{lane | owner: self(), marks: marks()})
    :ok
  end

  defp marks, do: :atomics.new(2, signed: false)

  # A copy of another process's lane is none, and in an older copy of this one's something may be that was read since.
  defp mine(session) do
    case Process.get({__MODULE__, session}) do
      %{owner: owner, unread: unread} = lane when owner == self() ->
        case :atomics.get(lane.marks, @unread) do
          ^unread -> lane
          0 -> keep(%{lane | unread: 0, socket: %{lane.socket | buffer: <<>>}})
          _ -> close_this(lane) && nil
        end

      _ ->
        nil
    end
  end

  # --- opening ---

  defp lane(lane, session, ref, deadline) do
    case {lane, ref} do
      {nil, nil} -> open(session, deadline)
      {%{} = lane, nil} -> {:ok, lane}
      {%{generation: same} = lane, %{worker: same}} -> {:ok, lane}
      {_, ref} -> lane_to(session, ref, deadline)
    end
  end

  # A lane may be older than the ref: of a worker that has died meanwhile.
  defp lane_to(session, ref, deadline) do
    if Session.attached(session) == ref.worker do
      close(session)
      open(session, deadline)
    else
      {:error, Session.gone(ref)}
    end
  end

  defp open(session, deadline, tries \\ 3) do
    thread = Process.get({__MODULE__, :thread, session}, :own)

    with {:ok, worker} <- Session.open_lane(session, left(deadline)) do
      case {connect_own(worker, %{peer: :beam, role: :lane, thread: thread}, left(deadline)), left(deadline)} do
        {{:ok, socket, marks}, _} -> {:ok, opened(session, worker, socket, marks)}
        # A worker that does not even greet is looked at like one that does not answer.
        {{:error, _}, 0} -> late(session, worker)
        {{:error, error}, _} -> open_again(session, worker, error, deadline, tries - 1)
      end
    end
  end

  # The one that this process has forgotten, if it can still be used.
  defp connect_own(%{lane: {%{port: port} = socket, marks}} = worker, info, timeout) when marks != nil do
    if is_port(port) and Port.info(port, :connected) == {:connected, self()} and
         :atomics.get(marks, @unread) == 0 do
      {:ok, socket, marks}
    else
      Socket.close(socket)
      connect_own(%{worker | lane: nil}, info, timeout)
    end
  end

  defp connect_own(worker, info, timeout) do
    with {:ok, socket} <- connect(worker, info, timeout), do: {:ok, socket, marks()}
  end

  defp opened(session, worker, socket, marks) do
    lane = %__MODULE__{
      socket: socket,
      session: worker.session,
      generation: worker.generation,
      names: worker.names,
      bin: worker.bin,
      pool: worker.pool,
      owner: self(),
      marks: marks
    }

    Session.opened(session, worker.generation, socket, marks)
    Collector.watch(worker.bin)
    keep(lane)
  end

  # The worker may have just died: nothing was asked of it, so the next one may be.
  defp open_again(session, worker, error, deadline, tries) do
    _ = Session.lost(session, worker.generation, :closed)

    if tries > 0 and Session.attached(session) != worker.generation,
      do: open(session, deadline, tries),
      else: {:error, error}
  end

  @doc false
  @spec connect(map(), map(), timeout()) :: {:ok, Socket.t()} | {:error, Exception.t()}
  def connect(worker, info, timeout \\ :infinity) do
    timeout = if timeout == :infinity, do: @hello_ms, else: timeout

    case Socket.connect(worker.socket, timeout) do
      {:ok, socket} ->
        greet(socket, worker, info, timeout)

      {:error, reason} ->
        {:error, %BridgeError{reason: :unavailable, message: unreachable(worker, reason)}}
    end
  end

  defp greet(socket, worker, info, timeout) do
    known = Map.get(worker, :known_atoms, false)

    case Socket.hello(%{socket | known_atoms: known}, Map.put(info, :pid, Session.os_pid()), timeout) do
      {:ok, _, socket} ->
        {:ok, socket}

      {:error, error} ->
        Socket.close(socket)
        {:error, error}
    end
  end

  defp unreachable(worker, reason),
    do: "Python worker #{worker.generation} cannot be reached: #{Socket.describe(reason)}"

  # --- waiting ---

  defp deadline(opts) do
    case Keyword.get(opts, :timeout, :infinity) do
      :infinity -> :infinity
      timeout -> now() + timeout
    end
  end

  defp left(:infinity), do: :infinity
  defp left(deadline), do: max(deadline - now(), 0)

  # Without its answer nobody leaves: it would come to a later request.
  defp await_or_close(lane, id, deadline) do
    await(lane, id, deadline)
  catch
    kind, reason ->
      Session.abandoned(lane.session, lane.generation)
      close_this(lane)
      :erlang.raise(kind, reason, __STACKTRACE__)
  end

  defp await(lane, id, deadline) do
    case receive_frame(lane, deadline) do
      {:ok, {kind, ^id, value}, socket} when kind in [:ok, :error] ->
        keep(lane, socket)
        {:answer, kind, value}

      {:ok, {:ev, :cancel, cancelled}, socket} ->
        lane = keep(lane, socket)

        # Answered already, unless what asks here runs for it: then Python may have given up what this process waits for.
        if cancelled in lane.serving,
          do: give_up(lane, :interrupted, "Python was interrupted while this ran for it"),
          else: await(lane, id, deadline)

      {:ok, {:ev, _, _} = message, socket} ->
        lane |> keep(socket) |> serve(message) |> await_more(lane, id, deadline)

      {:ok, {:req, _, _, _} = message, socket} ->
        lane |> keep(socket) |> serve(message) |> await_more(lane, id, deadline)

      {:ok, {kind, other, _}, _} when kind in [:ok, :error] ->
        wrong(lane, "it answered request #{inspect(other, limit: 5)} instead of #{id}")

      {:ok, other, _} ->
        wrong(lane, "it sent what is no message: #{inspect(other, limit: 10)}")

      # It may have been the answer. If it was not, that one shall not be taken for a later request's.
      {:malformed, text, _} ->
        wrong(lane, "it sent " <> text)

      {:error, :timeout} ->
        close_this(lane)
        late(lane.session, lane)

      {:error, reason} when reason == :silent when elem(reason, 0) == :too_long ->
        wrong(lane, Socket.describe(reason))

      {:error, reason} ->
        lost(lane, reason)
    end
  end

  defp decoded({:answer, kind, value}, op, lane) do
    result(kind, value, op, lane)
  rescue
    _ -> wrong(lane, "its answer holds no #{if kind == :ok, do: "value", else: "error"} of the protocol")
  end

  defp decoded({:error, _} = error, _, _), do: error

  defp result(:error, error, _, lane), do: {:error, Fault.exception(error, lane)}

  # Each of a batch is a value or an error by itself.
  defp result(:ok, results, :batch, lane),
    do: {:ok, Enum.map(results, fn {kind, value} -> result(kind, value, :do, lane) end)}

  defp result(:ok, value, _, lane), do: Marshal.decode_answer(value, lane)

  # What comes next on this connection cannot be trusted, nor the worker.
  defp wrong(lane, text) do
    close_this(lane)
    Session.broken(lane.session, lane.generation, "on a lane " <> text)
    message = "Python worker #{lane.generation} answered wrongly: #{text}"
    {:error, %BridgeError{reason: :bad_message, message: message, hint: "the next call has a new worker"}}
  end

  defp late(session, worker) do
    Session.abandoned(session, worker.generation)
    {:error, %BridgeError{reason: :timeout, message: "Python did not answer in time"}}
  end

  defp give_up(lane, reason, message) do
    close_this(lane)
    {:error, %BridgeError{reason: reason, message: message}}
  end

  # What was served may have closed the lane, by a call that it did not wait for; or have seen that the worker died.
  defp await_more(:ok, lane, id, deadline) do
    case Process.get({__MODULE__, lane.session}) do
      %{socket: %{port: port}} = current when port == lane.socket.port ->
        await(keep(%{current | serving: lane.serving}), id, deadline)

      _ ->
        if Session.attached(lane.session) == lane.generation,
          do: {:error, %BridgeError{reason: :interrupted, message: interrupted(), hint: interrupted_hint()}},
          else: lost(lane, :closed)
    end
  end

  defp interrupted,
    do: "the lane to Python was closed: a call that a callback of this one made was given up"

  defp interrupted_hint, do: "in a callback, let another process make the calls that have a `timeout:`"

  defp receive_frame(%{feeder: nil, socket: socket}, :infinity), do: Socket.recv(socket)
  defp receive_frame(%{feeder: nil, socket: socket}, deadline), do: Socket.recv(socket, left(deadline))

  defp receive_frame(%{feeder: {_, reference}, socket: socket}, deadline) do
    timeout = left(deadline)

    receive do
      {^reference, {:ok, message}} -> {:ok, message, socket}
      {^reference, {:malformed, text}} -> {:malformed, text, socket}
    after
      timeout -> {:error, :timeout}
    end
  end

  # The process dictionary is written only where something changed.
  defp keep(%{socket: %{buffer: same}} = lane, %{buffer: same}), do: lane

  defp keep(lane, socket) do
    unread = if socket.buffer == <<>>, do: 0, else: :erlang.unique_integer([:positive])
    :atomics.put(lane.marks, @unread, unread)
    keep(%{lane | socket: socket, unread: unread})
  end

  defp keep(lane) do
    Process.put({__MODULE__, lane.session}, lane)
    lane
  end

  defp lost(lane, reason) do
    close_this(lane)
    {:error, Session.lost(lane.session, lane.generation, reason)}
  end

  # --- serving ---

  defp serve(_, {:ev, op, body}) do
    Output.event(op, body)
    :ok
  end

  defp serve(lane, {:req, id, :input, {_, prompt, _} = body}) when is_binary(prompt) do
    answer =
      case Output.input(body) do
        {:ok, text} -> {:ok, id, text}
        :eof -> {:error, id, {:bridge, :eof, "there is no more input", nil}}
      end

    reply(lane, answer)
    :ok
  end

  # What the callback asks of the pool is asked of the member that waits for it.
  defp serve(lane, {:req, id, _, _} = request) do
    keep(%{lane | serving: [id | lane.serving]})
    Pool.within(lane.pool, lane.session, fn -> answer(lane, request) end)
  end

  @doc false
  @spec answer(t(), tuple()) :: :ok
  def answer(lane, {:req, id, op, body}) do
    {kind, answer, pins} = Callback.run(op, body, lane)
    Pins.hold(pins)

    with {:error, reason} <- reply(lane, {kind, id, answer}) do
      Pins.drop(pins)
      text = Socket.describe(:emsgsize)
      if reason == :emsgsize, do: reply(lane, {:error, id, {:bridge, :not_convertible, text, nil}})
    end

    :ok
  end

  # A lane's reader is told first: Python's next request comes after it.
  defp reply(%{feeder: feeder, socket: socket}, {_, id, _} = message) do
    with {reader, _} <- feeder, do: CallbackLane.answered(reader, id)
    Socket.send(socket, message)
  end

  defp now, do: System.monotonic_time(:millisecond)
end

defmodule SnakeBridge.Lane do
  @moduledoc """
  The calling process's own connection to the worker: one thread of Python serves it alone.

  It is opened at the first call and kept in the process dictionary, so a call needs no other process: the caller sends
  and receives itself. It ends with the process.
  While the process waits for an answer it serves what Python asks of it on the same lane, and calls that it makes
  meanwhile travel there too; so all requests are nested, and the depth tells them apart.
  """

  alias SnakeBridge.{BridgeError, Callback, Collector, Fault, Marshal, Output, Pins, Pool, Session, Socket}

  @enforce_keys [:socket, :session, :generation]
  defstruct [:socket, :session, :generation, :names, :bin, :feeder, depth: 1, serving: []]

  @typep t :: %__MODULE__{
           socket: Socket.t(),
           session: Session.t(),
           generation: pos_integer(),
           names: ([String.t()] -> %{String.t() => term()}),
           bin: SnakeBridge.Native.bin(),
           # For a lane that another process reads: see `SnakeBridge.CallbackLane`.
           feeder: nil | {pid(), reference()},
           depth: pos_integer(),
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
  """
  @spec request(Session.t(), atom(), term(), keyword()) :: {:ok, term()} | {:error, Exception.t()}
  def request(session, op, body, opts \\ []) do
    deadline = deadline(opts)
    lane = Process.get({__MODULE__, session})

    if lane == nil and Pool.pool?(session),
      do: request_of_pool(session, op, body, opts, deadline),
      else: request(lane, session, op, body, opts, deadline)
  end

  defp request_of_pool(pool, op, body, opts, deadline) do
    call = fn member ->
      request(Process.get({__MODULE__, member}), member, op, body, opts, deadline)
    end

    with {:ok, answer} <- Pool.hold(pool, left(deadline), call), do: answer
  end

  defp request(lane, session, op, body, opts, deadline) do
    with {:ok, lane} <- lane(lane, session, opts[:ref], deadline) do
      case Socket.send(lane.socket, {:req, lane.depth, op, body}) do
        :ok ->
          answer = await(lane, lane.depth, deadline)
          Pins.keep(body)
          if op == :batch, do: results(lane, answer), else: answer

        {:error, :emsgsize} ->
          {:error, %BridgeError{reason: :not_convertible, message: Socket.describe(:emsgsize)}}

        # The worker died since the last call, so it has seen nothing of this one: the next worker gets it.
        {:error, reason} ->
          if lane.depth == 1 and lane.feeder == nil and opts[:again] == nil do
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
      lane -> Socket.close(lane.socket)
    end
  end

  @doc "The generation of the worker that this process has a lane to."
  @spec generation(Session.t()) :: pos_integer() | nil
  def generation(session) do
    with %{generation: generation} <- Process.get({__MODULE__, session}), do: generation
  end

  @doc false
  @spec put(t()) :: :ok
  def put(%__MODULE__{} = lane) do
    Process.put({__MODULE__, lane.session}, lane)
    :ok
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
      case connect(worker, %{peer: :beam, role: :lane, thread: thread}) do
        {:ok, socket} -> {:ok, opened(session, worker, socket)}
        {:error, error} -> open_again(session, worker, error, deadline, tries - 1)
      end
    end
  end

  defp opened(session, worker, socket) do
    lane = %__MODULE__{
      socket: socket,
      session: worker.session,
      generation: worker.generation,
      names: worker.names,
      bin: worker.bin
    }

    Session.opened(session, worker.generation, socket)
    Collector.watch(worker.bin)
    Process.put({__MODULE__, session}, lane)
    lane
  end

  # The worker may have just died: nothing was asked of it, so the next one may be.
  defp open_again(session, worker, error, deadline, tries) do
    _ = Session.lost(session, worker.generation, :closed)

    if tries > 0 and Session.attached(session) != worker.generation,
      do: open(session, deadline, tries),
      else: {:error, error}
  end

  @doc false
  @spec connect(map(), map()) :: {:ok, Socket.t()} | {:error, Exception.t()}
  def connect(worker, info) do
    with {:ok, socket} <- Socket.connect(worker.socket),
         {:ok, _, socket} <-
           Socket.hello(
             %{socket | known_atoms: Map.get(worker, :known_atoms, false)},
             Map.put(info, :pid, Session.os_pid())
           ) do
      {:ok, socket}
    else
      {:error, %{__exception__: true} = error} -> {:error, error}
      {:error, reason} -> {:error, %BridgeError{reason: :unavailable, message: unreachable(worker, reason)}}
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

  defp await(lane, id, deadline) do
    case receive_frame(lane, deadline) do
      {:ok, {:ok, ^id, value}, socket} ->
        keep(lane, socket)
        decoded(lane, value)

      {:ok, {:error, ^id, error}, socket} ->
        keep(lane, socket)
        failed(lane, error)

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
        Session.abandoned(lane.session, lane.generation)
        give_up(lane, :timeout, "Python did not answer in time")

      {:error, reason} when reason == :silent when elem(reason, 0) == :too_long ->
        wrong(lane, Socket.describe(reason))

      {:error, reason} ->
        lost(lane, reason)
    end
  end

  defp decoded(lane, value) do
    Marshal.decode_answer(value, lane)
  rescue
    _ -> wrong(lane, "its answer holds no value of the protocol")
  end

  # Each of a batch is a value or an error by itself.
  defp results(lane, {:ok, results}) do
    {:ok,
     Enum.map(results, fn
       {:ok, value} -> {:ok, Marshal.decode(value, lane)}
       {:error, error} -> {:error, Fault.exception(error, {lane.session, lane.generation})}
     end)}
  rescue
    _ -> wrong(lane, "its answer to a batch holds no results")
  end

  defp results(_, error), do: error

  defp failed(lane, error) do
    {:error, Fault.exception(error, lane)}
  rescue
    _ -> wrong(lane, "its answer holds no error of the protocol")
  end

  # What comes next on this connection cannot be trusted, nor the worker.
  defp wrong(lane, text) do
    close(lane.session)
    Session.broken(lane.session, lane.generation, "on a lane " <> text)
    message = "Python worker #{lane.generation} answered wrongly: #{text}"
    {:error, %BridgeError{reason: :bad_message, message: message, hint: "the next call has a new worker"}}
  end

  defp give_up(lane, reason, message) do
    close(lane.session)
    {:error, %BridgeError{reason: reason, message: message}}
  end

  # What was served may have closed the lane, or seen it closed.
  defp await_more(:ok, lane, id, deadline) do
    case Process.get({__MODULE__, lane.session}) do
      %{socket: %{port: port}} = current when port == lane.socket.port ->
        await(keep(%{current | depth: lane.depth, serving: lane.serving}), id, deadline)

      _ ->
        lost(lane, :closed)
    end
  end

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
  defp keep(lane, socket), do: keep(%{lane | socket: socket})

  defp keep(lane) do
    Process.put({__MODULE__, lane.session}, lane)
    lane
  end

  defp lost(lane, reason) do
    close(lane.session)
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

    Socket.send(lane.socket, answer)
    :ok
  end

  defp serve(lane, {:req, id, _, _} = request) do
    keep(%{lane | depth: lane.depth + 1, serving: [id | lane.serving]})
    answer(lane, request)
  end

  @doc false
  @spec answer(t(), tuple()) :: :ok
  def answer(lane, {:req, id, op, body}) do
    message =
      case Callback.run(op, body, lane) do
        {:ok, value} -> {:ok, id, value}
        {:error, error} -> {:error, id, error}
      end

    with {:error, :emsgsize} <- Socket.send(lane.socket, message),
         do:
           Socket.send(
             lane.socket,
             {:error, id, {:bridge, :not_convertible, Socket.describe(:emsgsize), nil}}
           )

    :ok
  end

  defp now, do: System.monotonic_time(:millisecond)
end

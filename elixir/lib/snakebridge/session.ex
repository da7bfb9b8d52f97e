defmodule SnakeBridge.Session do
  @moduledoc """
  One worker at a time, and the Elixir processes that call it.

  A session owns the control connection to the worker and knows all lanes, so that the death of a worker ends every call
  that waits for it. It takes no part in calls: see `SnakeBridge.Lane`.

  Where the worker comes from is said at its start: by default the session starts `python3` itself, at the first call
  and again after its death; under a front end the worker belongs to that.

      children = [{SnakeBridge.Session, name: MyApp.Python, python: "/opt/venv/bin/python"}]

  Options:

    * `:name` - of the process, default `SnakeBridge.Session`: the session that calls use unless they say otherwise
    * `:python`, `:cd`, `:env` - see `SnakeBridge.Worker`
    * `:worker` - a function that gives `{:ok, %{generation: n, socket: path}}` or an error, instead
    * `:names` - a function from a list of names to a map of values: names that `bind/2` called lazy
    * `:group_leader` - where output goes that belongs to no call; default: that of the starter
  """

  use GenServer

  alias SnakeBridge.{BridgeError, CallbackLane, Collector, Fault, Native, Output, Socket}

  @type t :: atom() | pid()

  # How long a call that lost its worker waits to hear why.
  @reason_ms 300

  # --- for users ---

  @doc "Starts a session; the options are above."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(opts \\ []) do
    {name, opts} = Keyword.pop(opts, :name, __MODULE__)
    opts = Keyword.put_new(opts, :group_leader, Process.group_leader())
    GenServer.start_link(__MODULE__, {name, opts}, if(name, do: [name: name], else: []))
  end

  @doc false
  def child_spec(opts) do
    %{id: Keyword.get(opts, :name, __MODULE__), start: {__MODULE__, :start_link, [opts]}, shutdown: 5_000}
  end

  @doc "Ends the session and its worker."
  @spec stop(t()) :: :ok
  def stop(session \\ __MODULE__), do: GenServer.stop(session)

  @doc "The generation of the worker that is there, or nil. Starts none."
  @spec attached(t()) :: pos_integer() | nil
  def attached(session \\ __MODULE__), do: ask(session, :attached, nil)

  @doc "Refs, lanes and memory of the worker."
  @spec usage(t()) :: {:ok, map()} | {:error, Exception.t()}
  def usage(session \\ __MODULE__), do: control(session, :usage, nil)

  @doc "Sends a term through the worker and back, past whatever it is doing."
  @spec ping(t(), term()) :: {:ok, term()} | {:error, Exception.t()}
  def ping(session \\ __MODULE__, term \\ nil), do: control(session, :ping, term)

  @doc "Lets objects of this worker go, by the ids of their refs. Does not wait."
  @spec release(t(), pos_integer(), [integer()]) :: :ok
  def release(session, generation, ids) do
    if pid = whereis(session), do: GenServer.cast(pid, {:release, generation, ids})
    :ok
  end

  @doc "Like `release/3`, and waits until the worker has taken them out, or is gone."
  @spec release_now(t(), pos_integer(), [integer()]) :: :ok
  def release_now(session, generation, ids) do
    ask(session, {:release, generation, ids}, :ok)
    :ok
  end

  # --- for the front end's side ---

  @doc "Uses this worker from now on."
  @spec attach(t(), pos_integer(), Path.t()) :: :ok | {:error, Exception.t()}
  def attach(session, generation, socket),
    do: GenServer.call(session, {:attach, generation, socket}, :infinity)

  @doc "Says that this worker has died: whoever waits for it gets an error."
  @spec detach(t(), pos_integer(), String.t() | nil, integer() | nil) :: :ok
  def detach(session, generation, reason, cell \\ nil),
    do: GenServer.call(session, {:detach, generation, reason, cell}, :infinity)

  @doc "Tells the worker of names that Elixir has written. Without a worker there is nobody to tell."
  @spec bind(t(), [{String.t(), {:value, term()} | :lazy}]) :: :ok | {:error, Exception.t()}
  def bind(session, names) do
    case control(session, :bind, names) do
      {:ok, _} -> :ok
      {:error, %BridgeError{reason: :unavailable}} -> :ok
      error -> error
    end
  end

  # --- for lanes ---

  @doc "What a process needs to open a lane. Starts the worker if there is none, and the default session likewise."
  @spec open_lane(t()) :: {:ok, map()} | {:error, Exception.t()}
  def open_lane(session) do
    with {:ok, pid} <- ensure(session) do
      if pid == self(),
        do: {:error, unavailable(session, "a session cannot call itself")},
        else: GenServer.call(pid, :open_lane, :infinity)
    end
  catch
    :exit, _ -> {:error, unavailable(session, "it ended")}
  end

  @doc "Says that the calling process has opened a lane, which is closed when its worker dies."
  @spec opened(t(), pos_integer(), Socket.t()) :: :ok
  def opened(session, generation, socket), do: GenServer.cast(session, {:opened, self(), generation, socket})

  @doc "Why the worker of this generation cannot answer any more."
  @spec lost(t(), pos_integer(), term()) :: Exception.t()
  def lost(session, generation, reason) do
    case ask(session, {:why, generation}, nil) do
      nil ->
        text = "the connection to Python worker #{generation} is lost: #{Socket.describe(reason)}"
        %BridgeError{reason: :worker_died, message: text}

      why ->
        %BridgeError{
          reason: :worker_died,
          message: death(generation, why),
          hint: "the next call starts a new worker"
        }
    end
  end

  @doc "The error of using a ref whose worker is not there any more."
  @spec gone(SnakeBridge.Ref.t()) :: Exception.t()
  def gone(ref) do
    message =
      case ask(ref.session, {:why, ref.worker}, nil) do
        nil -> "a #{ref.type} of Python worker #{ref.worker}, which is not there any more"
        why -> "a #{ref.type} is gone with its worker: #{death(ref.worker, why)}"
      end

    %BridgeError{reason: :ref_gone, message: message, hint: "make the object again in the new worker"}
  end

  defp death(generation, %{reason: reason, cell: cell}) do
    where = if cell, do: " in cell #{cell}", else: ""
    what = if reason in [nil, ""], do: "", else: " (#{reason})"
    "Python worker #{generation} died#{where}#{what}"
  end

  @doc false
  def os_pid, do: String.to_integer(System.pid())

  defp ask(session, request, otherwise) do
    case whereis(session) do
      pid when is_pid(pid) and pid != self() -> GenServer.call(pid, request, :infinity)
      _ -> otherwise
    end
  catch
    :exit, _ -> otherwise
  end

  defp control(session, op, body) do
    case ask(session, {:control, op, body}, :none) do
      :none -> {:error, unavailable(session, "it is not running")}
      answer -> answer
    end
  end

  defp whereis(session) when is_pid(session), do: session
  defp whereis(session) when is_atom(session), do: Process.whereis(session)

  defp ensure(session) do
    case whereis(session) do
      nil when session == __MODULE__ -> start_default()
      nil -> {:error, unavailable(session, "it is not running")}
      pid -> {:ok, pid}
    end
  end

  defp start_default do
    with {:ok, _} <- Application.ensure_all_started(:snakebridge) do
      spec = {__MODULE__, name: __MODULE__, group_leader: Process.group_leader()}

      case DynamicSupervisor.start_child(SnakeBridge.Sessions, spec) do
        {:ok, pid} -> {:ok, pid}
        {:error, {:already_started, pid}} -> {:ok, pid}
        {:error, reason} -> {:error, unavailable(__MODULE__, inspect(reason))}
      end
    else
      {:error, reason} ->
        {:error, unavailable(__MODULE__, "the application did not start: #{inspect(reason)}")}
    end
  end

  defp unavailable(session, why) do
    %BridgeError{
      reason: :unavailable,
      message: "the session #{inspect(session)} cannot be used: #{why}",
      hint: if(is_atom(session), do: "start it: {SnakeBridge.Session, name: #{inspect(session)}}")
    }
  end

  # --- the process ---

  defmodule Attached do
    @moduledoc false
    # The worker that is there.
    @enforce_keys [:generation, :socket, :control, :bin]
    defstruct [:generation, :socket, :control, :bin, next_id: 1, asked: %{}]
  end

  @impl true
  def init({name, opts}) do
    Process.flag(:trap_exit, true)

    {:ok,
     %{
       name: name || self(),
       start: opts[:worker] || library(name || self(), opts),
       names: opts[:names] || fn _ -> %{} end,
       group_leader: opts[:group_leader],
       worker: nil,
       # The task that gets a worker, and who waits for it.
       starting: nil,
       waiting: [],
       # Monitor of the lane's process => {generation, socket}.
       lanes: %{},
       # Generation => why; and who asked for a reason that is not known yet.
       deaths: %{},
       wondering: []
     }}
  end

  # Library mode: the worker is a process of this session, and ends with it.
  defp library(session, opts) do
    opts = Keyword.take(opts, [:python, :cd, :env, :group_leader])
    owner = self()

    fn -> SnakeBridge.Worker.run(Keyword.merge(opts, session: session, owner: owner)) end
  end

  @impl true
  def handle_call(:attached, _, state), do: {:reply, state.worker && state.worker.generation, state}
  def handle_call(:open_lane, _, %{worker: %Attached{}} = state), do: {:reply, {:ok, info(state)}, state}

  def handle_call(:open_lane, from, state),
    do: {:noreply, start_worker(%{state | waiting: [from | state.waiting]})}

  def handle_call({:attach, generation, socket}, _, state) do
    case take(generation, socket, state) do
      {:ok, state} -> {:reply, :ok, answer_waiting({:ok, info(state)}, state)}
      {:error, error, state} -> {:reply, {:error, error}, state}
    end
  end

  def handle_call({:detach, generation, reason, cell}, _, state),
    do: {:reply, :ok, died(generation, %{reason: reason, cell: cell}, state)}

  def handle_call({:why, generation}, from, state) do
    case state do
      %{deaths: %{^generation => %{reason: reason} = why}} when reason != nil -> {:reply, why, state}
      _ -> {:noreply, wait_for_reason(generation, from, state)}
    end
  end

  def handle_call({:control, _, _}, _, %{worker: nil} = state),
    do: {:reply, {:error, unavailable(state.name, "it has no worker")}, state}

  def handle_call({:control, op, body}, from, state), do: {:noreply, request(op, body, from, state)}

  def handle_call({:release, generation, ids}, from, %{worker: %{generation: generation}} = state),
    do: {:noreply, request(:release, ids, from, state)}

  def handle_call({:release, _, _}, _, state), do: {:reply, :ok, state}

  @impl true
  def handle_cast({:opened, pid, generation, socket}, state) do
    if state.worker && state.worker.generation == generation do
      {:noreply, put_in(state.lanes[Process.monitor(pid)], {generation, socket})}
    else
      Socket.close(socket)
      {:noreply, state}
    end
  end

  def handle_cast({:release, generation, ids}, %{worker: %{generation: generation}} = state),
    do: {:noreply, request(:release, ids, nil, state)}

  def handle_cast({:release, _, _}, state), do: {:noreply, state}

  @impl true
  def handle_info({:DOWN, reference, _, _, _}, state) when is_map_key(state.lanes, reference),
    do: {:noreply, %{state | lanes: Map.delete(state.lanes, reference)}}

  def handle_info({:started, pid, result}, %{starting: pid} = state) do
    with {:ok, %{generation: generation, socket: socket}} <- result,
         {:ok, state} <- take(generation, socket, state) do
      {:noreply, answer_waiting({:ok, info(state)}, %{state | starting: nil})}
    else
      {:error, error} -> {:noreply, answer_waiting({:error, error}, %{state | starting: nil})}
      {:error, error, state} -> {:noreply, answer_waiting({:error, error}, %{state | starting: nil})}
    end
  end

  def handle_info({:EXIT, pid, reason}, %{starting: pid} = state) when reason != :normal do
    error = unavailable(state.name, "its worker did not start: #{Exception.format_exit(reason)}")
    {:noreply, answer_waiting({:error, error}, %{state | starting: nil})}
  end

  def handle_info({:EXIT, _, _}, state), do: {:noreply, state}

  def handle_info({:no_reason, from}, state) do
    {asked, wondering} = Enum.split_with(state.wondering, &match?({_, ^from}, &1))
    for {generation, from} <- asked, do: GenServer.reply(from, state.deaths[generation])
    {:noreply, %{state | wondering: wondering}}
  end

  def handle_info(message, %{worker: %Attached{} = worker} = state) do
    case Socket.message(worker.control, message) do
      {:ok, frames, control} ->
        {:noreply, Enum.reduce(frames, put_in(state.worker.control, control), &frame/2)}

      {:closed, _} ->
        {:noreply, died(worker.generation, %{reason: nil, cell: nil}, state)}

      :unknown ->
        {:noreply, state}
    end
  end

  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_, state) do
    if state.worker, do: Socket.close(state.worker.control)
  end

  # --- getting a worker ---

  defp start_worker(%{starting: nil} = state) do
    session = self()
    start = state.start
    pid = spawn_link(fn -> send(session, {:started, self(), start.()}) end)
    %{state | starting: pid}
  end

  defp start_worker(state), do: state

  defp take(generation, _, %{worker: %{generation: generation}} = state), do: {:ok, state}

  defp take(generation, socket, state) do
    state =
      if state.worker, do: died(state.worker.generation, %{reason: "replaced", cell: nil}, state), else: state

    info = %{
      peer: :beam,
      role: :control,
      pid: os_pid(),
      versions: versions(),
      collects: Native.loaded?()
    }

    with {:ok, control} <- Socket.connect(socket),
         {:ok, _, control} <- Socket.hello(control, info),
         :ok <- Socket.active(control) do
      bin = Collector.start(generation)
      {:ok, %{state | worker: %Attached{generation: generation, socket: socket, control: control, bin: bin}}}
    else
      {:error, %BridgeError{} = error} ->
        {:error, error, state}

      {:error, reason} ->
        text = "Python worker #{generation} cannot be reached: #{Socket.describe(reason)}"
        {:error, %BridgeError{reason: :unavailable, message: text}, state}
    end
  end

  defp versions do
    %{elixir: System.version(), otp: List.to_string(:erlang.system_info(:otp_release))}
  end

  defp answer_waiting(answer, state) do
    for from <- state.waiting, do: GenServer.reply(from, answer)
    %{state | waiting: []}
  end

  defp info(%{worker: worker} = state) do
    %{
      session: state.name,
      generation: worker.generation,
      socket: worker.socket,
      names: state.names,
      bin: worker.bin,
      group_leader: state.group_leader
    }
  end

  # --- losing it ---

  # Also called when the worker has died already and more becomes known.
  defp died(generation, why, state) do
    known = state.deaths[generation]
    why = if known && known.reason, do: known, else: why
    state = %{state | deaths: Map.put(state.deaths, generation, why)}
    state = generation |> close_lanes(state) |> tell_reason(generation, why)

    if state.worker && state.worker.generation == generation do
      Socket.close(state.worker.control)
      Collector.stop(state.worker.bin)

      for {_, from} <- state.worker.asked, from != nil do
        GenServer.reply(from, {:error, %BridgeError{reason: :worker_died, message: death(generation, why)}})
      end

      %{state | worker: nil}
    else
      state
    end
  end

  # A forked child of the worker may hold the other ends open, so that no end of file would come.
  defp close_lanes(generation, state) do
    {dead, lanes} = Map.split_with(state.lanes, fn {_, {lane, _}} -> lane == generation end)

    for {reference, {_, socket}} <- dead do
      Process.demonitor(reference, [:flush])
      Socket.close(socket)
    end

    %{state | lanes: lanes}
  end

  # The lanes' end is often seen before the reason is known.
  defp wait_for_reason(generation, from, state) do
    Process.send_after(self(), {:no_reason, from}, @reason_ms)
    %{state | wondering: [{generation, from} | state.wondering]}
  end

  defp tell_reason(state, _, %{reason: nil}), do: state

  defp tell_reason(state, generation, why) do
    {asked, wondering} = Enum.split_with(state.wondering, &match?({^generation, _}, &1))
    for {_, from} <- asked, do: GenServer.reply(from, why)
    %{state | wondering: wondering}
  end

  # --- the control connection ---

  defp request(op, body, from, %{worker: worker} = state) do
    id = worker.next_id
    Socket.send(worker.control, {:req, id, op, body})
    %{state | worker: %{worker | next_id: id + 1, asked: Map.put(worker.asked, id, from)}}
  end

  defp frame({:ok, {:ok, id, value}}, state), do: answered(id, {:ok, value}, state)
  defp frame({:ok, {:error, id, error}}, state), do: answered(id, {:error, Fault.exception(error)}, state)

  defp frame({:ok, {:ev, :open_lane, token}}, state) do
    CallbackLane.start(info(state), token)
    state
  end

  defp frame({:ok, {:ev, op, ids}}, state) when op in [:unpin, :strays] do
    Collector.event(state.worker.bin, op, ids)
    state
  end

  defp frame({:ok, {:ev, op, body}}, state) do
    Output.event(op, body, state.group_leader)
    state
  end

  defp frame({:ok, {:req, id, :ping, term}}, state), do: reply({:ok, id, term}, state)

  defp frame({:ok, {:req, id, op, _}}, state),
    do: reply({:error, id, {:bridge, :unknown_op, "a session knows no operation #{inspect(op)}", nil}}, state)

  defp frame({:ok, other}, state), do: reply({:ev, :fault, "no message: #{inspect(other, limit: 10)}"}, state)
  defp frame({:malformed, text}, state), do: reply({:ev, :fault, text}, state)

  defp reply(message, state) do
    Socket.send(state.worker.control, message)
    state
  end

  defp answered(id, answer, state) do
    {from, state} = pop_in(state.worker.asked[id])
    if from, do: GenServer.reply(from, answer)
    state
  end
end

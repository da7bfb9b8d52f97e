defmodule SnakeBridge.Session do
  @moduledoc """
  One worker at a time, and the Elixir processes that call it.

  A session owns the control connection to the worker and knows all lanes, so that the death of a worker ends every call
  that waits for it. It takes no part in calls: see `SnakeBridge.Lane`. This module is what
  others call; the process itself is `SnakeBridge.Session.Server`.

  Where the worker comes from is said at its start: by default the session starts `python3` itself, and again after its
  death; under a front end the worker belongs to that.

      children = [{SnakeBridge.Session, name: MyApp.Python, python: "/opt/venv/bin/python", start: :eager}]

  Options:

    * `:name` - of the process, default `SnakeBridge.Session`: the session that calls use unless they say otherwise
    * `:python`, `:cd`, `:env` - see `SnakeBridge.Worker`
    * `:start` - `:lazy` (default): the first call starts the worker, and the first after its death another.
      `:eager`: the session does so by itself, without anybody waiting for it
    * `:prefetch` - modules that each worker imports when it starts, as `["numpy"]`, while calls go on; default: what
      `config :snakebridge, prefetch: [...]` says
    * `:backoff` - `{shortest, longest}` in ms, default `{100, 10_000}`: how long a start waits after starts that failed,
      or workers that died within 5 s, in a row. The second start is made at once, the third waits for the shortest time,
      each further one twice as long as the one before, up to the longest. A call waits too, as long as its `timeout:`
      allows; where that is too short it fails at once and says when the next attempt is
    * `:kill_after` - in ms, default `:infinity`. A call whose `timeout:` is over, or whose process ends, is interrupted.
      Code in C may not notice; a worker that still runs such a call after so long is killed, and with it all that others
      do there. Their refs are gone then
    * `:group_leader` - where output goes that belongs to no call; default: that of the starter

  The death of a worker is logged as a warning, and so is, once for all attempts in a row, that an eager session gets none.
  A worker that does not keep to the protocol is not used any more: this is logged, whoever waits for it gets an error,
  and another takes its place.

  Calls of many processes run at the same time, as threads do in Python: one at a time runs Python code, and those that
  wait for files, sockets or C code let the others run.
  """

  alias SnakeBridge.{BridgeError, Options, Socket, Stub}
  alias SnakeBridge.Session.Server

  @type t :: atom() | pid()

  # --- for users ---

  @doc "Starts a session; the options are above. With `config :snakebridge, executor: SnakeBridge.Stub` it is a stub."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(opts \\ []) do
    # A worker that somebody else starts is no choice of the configuration's.
    if opts[:worker] == nil and Stub.executor() == Stub, do: Stub.start_link(opts), else: start_python(opts)
  end

  @doc false
  # Python itself, whatever the configuration says.
  @spec start_python(keyword()) :: GenServer.on_start()
  def start_python(opts) do
    {name, opts} = :session |> Options.check!(opts) |> Keyword.pop(:name, __MODULE__)
    opts = Keyword.put_new(opts, :group_leader, Process.group_leader())
    GenServer.start_link(Server, {name, opts}, if(name, do: [name: name], else: []))
  end

  @doc false
  def child_spec(opts) do
    %{id: Keyword.get(opts, :name, __MODULE__), start: {__MODULE__, :start_link, [opts]}, shutdown: 5_000}
  end

  @doc "Ends the session and its worker; both have ended when it returns. Calls that wait get an error."
  @spec stop(t()) :: :ok
  def stop(session \\ __MODULE__), do: GenServer.stop(session)

  @doc "The generation of the worker that is there, or nil. Starts none."
  @spec attached(t()) :: pos_integer() | nil
  def attached(session \\ __MODULE__), do: ask(session, :attached, nil)

  @doc """
  What the worker holds: `refs` (objects kept for Elixir), `lanes` (processes that called and still live), `abandoned`
  (calls that still run though nobody waits for them) and for how many milliseconds the oldest has been so
  (`abandoned_ms`), `memory_bytes`.

  Answered also while Python code runs. `{:error, %SnakeBridge.BridgeError{reason: :unavailable}}` without a worker.
  """
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

  @doc "Tells the worker, if there is one, which objects have a decoder."
  @spec put_decoders(t(), [{String.t(), String.t()}]) :: :ok | {:error, Exception.t()}
  def put_decoders(session, pairs) do
    case control(session, :decoders, pairs) do
      {:ok, _} -> :ok
      # The next worker is told all of them when it starts.
      {:error, %BridgeError{reason: reason}} when reason in [:unavailable, :worker_died] -> :ok
      error -> error
    end
  end

  # --- for lanes ---

  @doc """
  What a process needs to open a lane. Starts the worker if there is none, and the default session likewise.

  Waits so long for a worker, in ms.
  """
  @spec open_lane(t(), timeout()) :: {:ok, map()} | {:error, Exception.t()}
  def open_lane(session, timeout \\ :infinity) do
    with {:ok, pid} <- ensure(session) do
      if pid == self(),
        do: {:error, unavailable(session, "a session cannot call itself")},
        else: GenServer.call(pid, {:open_lane, timeout}, timeout)
    end
  catch
    :exit, {:timeout, _} ->
      {:error, %BridgeError{reason: :timeout, message: "the Python worker did not start in time"}}

    :exit, _ ->
      {:error, unavailable(session, "it ended")}
  end

  @doc """
  Says that the calling process has opened a lane, which is closed when its worker dies. With `marks`, whose meaning is
  the lane's business, `open_lane/2` gives both, as `lane`, to the process should that have forgotten it.
  """
  @spec opened(t(), pos_integer(), Socket.t(), :atomics.atomics_ref() | nil) :: :ok
  def opened(session, generation, socket, marks \\ nil),
    do: GenServer.cast(session, {:opened, self(), generation, {socket, marks}})

  @doc "The session's `SnakeBridge.Looker`, or nil where the session does not run."
  @spec looker(t()) :: pid() | nil
  def looker(session), do: ask(session, :looker, nil)

  @doc "Says that this worker has sent what makes no sense: it is replaced."
  @spec broken(t(), pos_integer(), String.t()) :: :ok
  def broken(session, generation, text), do: GenServer.cast(session, {:broken, generation, text})

  @doc "Says that a call was given up which this worker may still run: see `kill_after:`."
  @spec abandoned(t(), pos_integer()) :: :ok
  def abandoned(session, generation), do: GenServer.cast(session, {:abandoned, generation})

  @doc "Why the worker of this generation cannot answer any more."
  @spec lost(t(), pos_integer(), term()) :: Exception.t()
  def lost(session, generation, reason) do
    case ask(session, {:why, generation}, nil) do
      nil ->
        # The end of a worker that dies. One that lives on has sent half a message.
        if reason == :cut, do: broken(session, generation, Socket.describe(reason))
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

  @doc false
  def death(generation, %{reason: reason, cell: cell}) do
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
      :none -> {:error, unavailable(session, absent(session))}
      answer -> answer
    end
  end

  # A process that is no session must not be asked: most end when they are. A pool's says what it is.
  defp whereis(session) do
    pid = if is_atom(session), do: Process.whereis(session), else: session
    if module(pid) in [Server, SnakeBridge.Pool.Queue, Stub.Server], do: pid
  end

  @doc "The module whose process this is, without asking it: of those that OTP starts, and that are on this node."
  @spec module(pid() | nil) :: module() | nil
  def module(pid) when is_pid(pid) and node(pid) == node() do
    with {:dictionary, dictionary} <- Process.info(pid, :dictionary),
         {_, {module, _, _}} <- List.keyfind(dictionary, :"$initial_call", 0),
         do: module,
         else: (_ -> nil)
  end

  def module(_), do: nil

  defp running?(session) when is_pid(session), do: node(session) != node() or Process.alive?(session)
  defp running?(session), do: is_atom(session) and Process.whereis(session) != nil

  defp ensure(session) do
    case whereis(session) do
      nil when session == __MODULE__ ->
        if(running?(session), do: {:error, unavailable(session, absent(session))}, else: start_default())

      nil ->
        {:error, unavailable(session, absent(session))}

      pid ->
        {:ok, pid}
    end
  end

  @doc false
  # The default session is there after it, or cannot be.
  def ensure_default, do: ensure(__MODULE__)

  defp start_default do
    with {:ok, _} <- Application.ensure_all_started(:snakebridge) do
      session = {__MODULE__, name: __MODULE__, group_leader: Process.group_leader()}
      # The next call starts it again: a supervisor that did would give up after some stops.
      spec = Supervisor.child_spec(session, restart: :temporary)

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

  @doc false
  def unavailable(session, why) do
    %BridgeError{
      reason: :unavailable,
      message: "the session #{inspect(session)} cannot be used: #{why}",
      hint:
        if(is_atom(session) and not running?(session),
          do: "start it: {SnakeBridge.Session, name: #{inspect(session)}}"
        )
    }
  end

  defp absent(session),
    do: if(running?(session), do: "it is another process, and no session", else: "it is not running")
end

defmodule SnakeBridge.Pool do
  @moduledoc """
  Several sessions behind one name, so that Python code runs on as many cores.

      children = [{SnakeBridge.Pool, name: MyApp.Python, size: 4}]

      SnakeBridge.call("math", "sqrt", [16], [], session: MyApp.Python)

  The name stands wherever a session's does: `session: MyApp.Python`. Each call goes to a member that does nothing else;
  where all are at work it waits its turn. A process comes back to the member that it used last, if that is free. What
  follows from one another belongs to one member:

    * a call with a ref goes to the ref's member, whatever that does just now
    * calls that a call's own callbacks make go where it went
    * all calls within `checkout/3` go to one member

  So only what each member has for itself may be relied on between calls: a global that one call sets is there for the
  next only within `checkout/3`. A process that calls a member has a thread of Python there, as with a session, and keeps
  it until it ends.

  The members start with the pool, all at the same time. One whose worker dies gets no calls until it has another; the
  calls that it was at fail with `%SnakeBridge.BridgeError{reason: :worker_died}`, and all others go on.

  Options:

    * `:name` - required
    * `:size` - how many members, default: as many as there are schedulers
    * `:queue` - how many calls may wait for a member, default 1,000. A call beyond that fails at once, with
      `reason: :unavailable`
    * `:queue_timeout` - in ms, default 5,000: a call that has waited so long fails, with `reason: :timeout`. The call's own
      `timeout:` counts from its beginning, waiting included
    * those of `SnakeBridge.Session`, for each member. Here `start:` is always `:eager`, and `kill_after:` is 5,000: an
      abandoned call that Python cannot interrupt costs its worker, and not the pool a member

  A pool is for work that takes the interpreter. Calls that wait (for the network, a database, C code that lets others
  run) run at the same time within one session.
  """

  use Supervisor

  alias SnakeBridge.{BridgeError, Options, Session, Stub}
  alias SnakeBridge.Pool.Queue

  @type t :: atom() | pid()

  # A session ends its worker within this time.
  @end_ms 5_000

  @own [:name, :size, :queue, :queue_timeout]

  # --- for users ---

  @doc "Starts a pool; the options are above. Does not wait for its members' workers."
  @spec start_link(keyword()) :: Supervisor.on_start()
  def start_link(opts) do
    name = :pool |> Options.check!(opts) |> Keyword.get(:name)
    if name == nil, do: raise(ArgumentError, "a pool needs a name: {SnakeBridge.Pool, name: MyApp.Python}")

    if Stub.executor() == Stub,
      do: Stub.start_link(Keyword.drop(opts, @own -- [:name])),
      else: Supervisor.start_link(__MODULE__, opts, name: Module.concat(name, "Supervisor"))
  end

  @doc false
  def child_spec(opts) do
    %{
      id: Keyword.get(opts, :name, __MODULE__),
      start: {__MODULE__, :start_link, [opts]},
      type: :supervisor,
      shutdown: :infinity
    }
  end

  @doc "Ends the pool with its members and their workers. Calls that wait get an error."
  @spec stop(t()) :: :ok
  def stop(pool) do
    if Stub.stub?(pool),
      do: Session.stop(pool),
      else: pool |> named() |> Module.concat("Supervisor") |> Supervisor.stop()
  end

  @doc """
  Has a member for the calling process alone while the function runs: it gets the member's name, a session, and also all
  its calls with `session: pool` go there.

  Gives what the function gives. Raises `SnakeBridge.BridgeError` where no member comes free, as a call fails then.
  Option: `timeout:` in ms, how long to wait for a member at most; `queue_timeout:` of the pool may end it sooner.

      iex> start_supervised!({SnakeBridge.Pool, name: MyPool, size: 2})
      iex> SnakeBridge.Pool.checkout(MyPool, fn session ->
      ...>   SnakeBridge.call!("builtins", "setattr", [SnakeBridge.import!("builtins", session: session), "seen", 1])
      ...>   SnakeBridge.get!("builtins", "seen", session: MyPool)
      ...> end)
      1
  """
  @spec checkout(t(), (Session.t() -> result), keyword()) :: result when result: term()
  def checkout(pool, function, opts \\ []) when is_function(function, 1) do
    timeout = :checkout |> Options.check!(opts) |> Keyword.get(:timeout, :infinity)

    case pool |> named() |> hold(timeout, function) do
      {:ok, result} -> result
      {:error, error} -> raise error
    end
  end

  @doc """
  What the pool is at: `size`, `up` (members with a worker), `busy`, `waiting` (calls), and `members`, a map from a
  member's name to its `SnakeBridge.Session.usage/1`, or nil where it has no worker.
  """
  @spec usage(t()) :: {:ok, map()} | {:error, Exception.t()}
  def usage(pool) do
    pool = named(pool)

    if Stub.stub?(pool),
      do: {:ok, %{size: 1, up: 1, busy: 0, waiting: 0, members: %{pool => usage_of(pool)}}},
      else: usage_of_queue(pool)
  end

  defp usage_of_queue(pool) do
    with {:ok, counts} <- Queue.usage(pool) do
      members =
        counts.members
        |> Task.async_stream(&{&1, usage_of(&1)}, max_concurrency: counts.size, timeout: :infinity)
        |> Map.new(fn {:ok, usage} -> usage end)

      {:ok, %{counts | members: members}}
    end
  end

  defp usage_of(member) do
    case Session.usage(member) do
      {:ok, usage} -> usage
      {:error, _} -> nil
    end
  end

  # --- for calls ---

  @doc "The name of a pool whose pid this is; anything else is what it was."
  @spec named(session) :: session when session: term()
  def named(pid) when is_pid(pid), do: :persistent_term.get({__MODULE__, pid}, pid)
  def named(name), do: name

  @doc "Whether a session's name is a pool's. Takes no message."
  @spec pool?(term()) :: boolean()
  def pool?(name), do: is_atom(name) and :persistent_term.get({__MODULE__, name}, nil) != nil

  @doc "Whether a session is a member of a pool. Takes no message."
  @spec member?(term(), Session.t()) :: boolean()
  def member?(name, session), do: session in :persistent_term.get({__MODULE__, name}, [])

  @doc """
  Runs a function with a member: the one that this process holds already, else one that it holds for so long.

  Waits for it so many ms.
  """
  @spec hold(t(), timeout(), (Session.t() -> result)) :: {:ok, result} | {:error, Exception.t()}
        when result: term()
  def hold(pool, timeout, function) do
    case Process.get({__MODULE__, pool}) do
      {:holds, member} -> {:ok, function.(member)}
      nil -> if Stub.stub?(pool), do: {:ok, function.(pool)}, else: hold_free(pool, nil, timeout, function)
      before -> hold_free(pool, before, timeout, function)
    end
  end

  defp hold_free(pool, before, timeout, function) do
    with {:ok, member, ticket} <- Queue.checkout(pool, before, timeout) do
      Process.put({__MODULE__, pool}, {:holds, member})

      try do
        {:ok, function.(member)}
      after
        # It is asked for again next time: there is a thread of Python for this process.
        Process.put({__MODULE__, pool}, member)
        Queue.checkin(pool, ticket)
      end
    end
  end

  @doc "Runs a function that is part of a call which this member is at: its own calls go there."
  @spec within(t() | nil, Session.t(), (-> result)) :: result when result: term()
  def within(nil, _, function), do: function.()

  def within(pool, member, function) do
    before = Process.put({__MODULE__, pool}, {:holds, member})

    try do
      function.()
    after
      if before,
        do: Process.put({__MODULE__, pool}, before),
        else: Process.delete({__MODULE__, pool})
    end
  end

  # --- the supervisor ---

  @impl true
  def init(opts) do
    {own, session} = Keyword.split(opts, @own)
    name = own[:name]
    size = Keyword.get(own, :size, System.schedulers_online())
    members = for number <- 1..size, do: Module.concat(name, "Member#{number}")

    session =
      [kill_after: 5_000]
      |> Keyword.merge(session)
      |> Keyword.put(:start, :eager)
      |> Keyword.put_new(:group_leader, Process.group_leader())

    sessions = for member <- members, do: {Session, [name: member, pool: name] ++ session}

    children = [
      {Queue, Keyword.put(own, :members, members)},
      # A member that crashes is no reason to end the others.
      %{
        id: :members,
        type: :supervisor,
        start: {__MODULE__, :start_members, [members, sessions]}
      }
    ]

    await_gone([name | members])

    Supervisor.init(children, strategy: :rest_for_one)
  end

  @doc false
  def start_members(names, sessions) do
    await_gone(names)
    restarts = [max_restarts: 10 * length(names), max_seconds: 5]
    Supervisor.start_link(sessions, [strategy: :one_for_one] ++ restarts)
  end

  # Where a supervisor was killed its children may be at their end still, and have their names.
  defp await_gone(names) do
    monitors = for name <- names, pid = Process.whereis(name), do: Process.monitor(pid)
    for monitor <- monitors, do: receive(do: ({:DOWN, ^monitor, _, _, _} -> :ok), after: (@end_ms -> :ok))
  end

  @doc false
  def busy(pool, text, hint), do: %BridgeError{reason: :unavailable, message: message(pool, text), hint: hint}

  @doc false
  def late(pool, text), do: %BridgeError{reason: :timeout, message: message(pool, text)}

  defp message(pool, text), do: "the pool #{inspect(pool)} #{text}"
end

defmodule SnakeBridge.Host do
  @moduledoc """
  The connection of this BEAM to the front end that started it.

  `connect/0` opens the control connection and takes over this VM's output; `start/0` also opens the two lanes on which
  cells are run and questions (completion, documentation) are answered.
  The end of the control connection is the end of the VM: a BEAM whose front end has gone has nobody to serve.

  This module evaluates nothing: see `SnakeBridge.Host.Cells` and `SnakeBridge.Host.Questions`.
  """

  alias SnakeBridge.{BridgeError, Device, Ebin, Host, IOServer, Keeper, LogHandler, Render, Session, Socket}

  @variable "SNAKEBRIDGE_HOST"
  @generation "SNAKEBRIDGE_GENERATION"
  @notebook "SNAKEBRIDGE_NOTEBOOK"
  @stop_ms 1_000
  @broken_ms 5_000
  @own_applications [:kernel, :stdlib, :compiler, :elixir, :logger, :iex, :mix, :eex, :snakebridge]

  @doc """
  Connects to the front end, if that has not happened yet, and opens the lanes: from here on cells are served.

  Returns at once; the VM must be kept alive (`--no-halt`).
  """
  @spec start() :: :ok
  def start do
    path = path!()
    ensure_connected(path)
    Ebin.keep_modules(Path.dirname(path))
    prepare_helpers()
    LogHandler.install()
    spawn_service(fn -> Host.Cells.run(path) end)
    spawn_service(fn -> Host.Questions.run(path) end)
    spawn(&Ebin.load_own/0)
    :ok
  end

  @doc """
  Opens the control connection, and from then on shows all output of this VM in the front end.

  With `-S mix` this comes before Mix starts, so that the project's compilation is seen.
  """
  @spec connect() :: :ok
  def connect do
    ensure_connected(path!())
    Ebin.load_own()
  end

  defp ensure_connected(path) do
    if not connected?() do
      caller = self()
      reference = make_ref()
      spawn_service(fn -> control(path, caller, reference) end)

      receive do
        ^reference -> :ok
      end
    end
  end

  @doc "Whether there is a front end, and it is a notebook, which shows HTML."
  @spec notebook?() :: boolean()
  def notebook?, do: connected?() and System.get_env(@notebook) == "1"

  @doc "Whether this VM serves a front end."
  @spec connected?() :: boolean()
  def connected?, do: Process.whereis(Host) != nil

  @doc "Opens a connection to the front end and says hello on it. The VM ends if that fails."
  @spec open(Path.t(), map()) :: {Socket.t(), map()}
  def open(path, info) do
    with {:ok, socket} <- Socket.connect(path),
         {:ok, answer, socket} <- Socket.hello(socket, Map.merge(myself(), info)) do
      {socket, answer}
    else
      {:error, reason} -> stop("cannot reach the front end at #{path}: #{Socket.describe(reason)}")
    end
  end

  @doc "Sends an event on the control connection, in the calling process, which waits while the front end is slow."
  @spec event(atom(), term()) :: :ok
  def event(op, body) do
    case :persistent_term.get(Host, nil) do
      nil -> :ok
      socket -> with {:error, _} <- Socket.send(socket, {:ev, op, body}), do: :ok
    end
  end

  @doc "Reports that something arrived on a connection that is no message of the protocol."
  @spec no_message(term()) :: :ok
  def no_message(term), do: event(:fault, "not a message of the protocol: #{describe(term)}")

  @doc "Closes a lane that cannot be read any more, and reports it. The end of the front end is seen elsewhere."
  @spec lane_lost(Socket.t(), term()) :: no_return()
  def lane_lost(socket, reason) do
    Socket.close(socket)
    event(:fault, "a lane of the BEAM is closed: #{Socket.describe(reason)}")
    Process.sleep(:infinity)
  end

  @doc "Answers a request that came on the control connection. Never waits."
  @spec answer(integer(), {:ok, term()} | {:error, term()}) :: :ok
  def answer(id, answer) do
    send(Host.Writer, {:answer, id, answer})
    :ok
  end

  @doc "Asks the front end for something on the control connection: its answer, or `{:error, error}` of the protocol."
  @spec request(atom(), term(), timeout()) :: {:ok, term()} | {:error, term()}
  def request(op, body, timeout \\ :infinity) do
    reference = make_ref()
    send(Host.Writer, {:request, op, body, self(), reference})

    receive do
      {^reference, answer} -> answer
    after
      timeout -> {:error, {:bridge, :unavailable, "the front end did not answer `#{op}` in time", nil}}
    end
  end

  @doc "Ends the VM at once with a line that the front end finds in its log."
  @spec stop(String.t()) :: no_return()
  def stop(message) do
    :io.put_chars(:erlang.group_leader(), "snakebridge: #{message}\n")
    :erlang.halt(1)
  end

  # --- the control connection ---

  defp control(path, caller, reference) do
    Process.register(self(), Host)
    Process.put(:path, path)

    # Above everything else, so that interrupts arrive, and the end of the front end is seen, while all schedulers are
    # busy with user code.
    Process.flag(:priority, :max)

    info = %{role: :control, versions: versions(), executable: executable()}
    {socket, answer} = open(path, info)
    :persistent_term.put(Host, socket)
    writer = spawn_service(fn -> writer(socket, 1, %{}) end)
    Process.register(writer, Host.Writer)

    start_services(answer)
    send(caller, reference)
    control_loop(socket)
  end

  defp start_services(answer) do
    Render.configure(answer)
    Host.Cells.prepare()
    background = IOServer.start_background()
    {:ok, keeper} = Keeper.start()
    {:ok, names} = Host.Names.start()
    devices = Device.install()
    spawn_service(fn -> watch([background, keeper, names | devices]) end)

    {:ok, _} = Application.ensure_all_started(:snakebridge)
    session = {Session, worker: &worker/0, broken: &broken/2, names: &Keeper.read/1, group_leader: background}
    {:ok, _} = DynamicSupervisor.start_child(SnakeBridge.Sessions, session)
  end

  defp watch(pids) do
    for pid <- pids, do: Process.monitor(pid)

    receive do
      {:DOWN, _, :process, pid, reason} -> stop("#{inspect(pid)} has ended: #{Exception.format_exit(reason)}")
    end
  end

  defp control_loop(socket) do
    case Socket.recv(socket) do
      {:ok, message, socket} ->
        control_message(message)
        control_loop(socket)

      {:malformed, text, socket} ->
        event(:fault, text)
        control_loop(socket)

      {:error, _} ->
        :erlang.halt(0, flush: false)
    end
  end

  defp control_message({:req, id, _, _} = request) when not is_integer(id), do: no_message(request)

  defp control_message({:req, id, :interrupt, cell}) when is_integer(cell), do: Host.Cells.interrupt(cell, id)

  defp control_message({:req, id, :shutdown, _}) do
    answer(id, {:ok, true})
    send(Host.Writer, :stop)
  end

  defp control_message({:req, id, :ping, term}), do: answer(id, {:ok, term})

  defp control_message({:req, id, :attach, %{generation: generation, socket: path}})
       when is_integer(generation) and is_binary(path) do
    # Binding every name in the worker takes as long as the names are large.
    spawn(fn -> answer(id, attach(generation, path)) end)
  end

  defp control_message({:req, id, op, _}) when op in [:interrupt, :attach],
    do: refuse(id, :bad_message, "`#{op}` has a body of another shape")

  defp control_message({:req, id, op, _}),
    do: refuse(id, :unknown_op, "the BEAM serves no `#{describe(op)}` on its control connection")

  defp control_message({kind, id, answer}) when kind in [:ok, :error],
    do: send(Host.Writer, {:answered, id, {kind, answer}})

  defp control_message({:ev, :open_lane, token}) when is_integer(token) do
    path = Process.get(:path)
    spawn(fn -> Host.Cells.run(path, token) end)
  end

  defp control_message({:ev, :detach, %{generation: generation, reason: reason} = body}) do
    spawn(fn -> Session.detach(Session, generation, reason, body[:cell]) end)
  end

  defp control_message(other), do: no_message(other)

  defp refuse(id, reason, message), do: answer(id, {:error, {:bridge, reason, message, nil}})

  defp attach(generation, path) do
    case Host.Names.attach(generation, path) do
      :ok -> {:ok, true}
      {:error, exception} -> {:error, {:bridge, :unavailable, Exception.message(exception), nil}}
    end
  catch
    :exit, reason -> {:error, {:bridge, :unavailable, Exception.format_exit(reason), nil}}
  end

  # The only process that waits for the front end to read answers, so that the one that reads never waits.
  defp writer(socket, next, waiting) do
    receive do
      {:answer, id, {kind, value}} ->
        Socket.send(socket, {kind, id, value})
        writer(socket, next, waiting)

      {:request, op, body, from, reference} ->
        Socket.send(socket, {:req, next, op, body})
        writer(socket, next + 1, Map.put(waiting, next, {from, reference}))

      {:answered, id, answer} ->
        {asker, waiting} = Map.pop(waiting, id)
        with {from, reference} <- asker, do: send(from, {reference, answer})
        writer(socket, next, waiting)

      :stop ->
        {pid, monitor} = spawn_monitor(&stop_applications/0)

        receive do
          {:DOWN, ^monitor, :process, ^pid, _} -> :ok
        after
          @stop_ms -> :ok
        end

        :erlang.halt(0, flush: false)
    end
  end

  defp worker do
    case request(:worker, nil) do
      {:ok, worker} ->
        {:ok, worker}

      {:error, {:bridge, reason, message, hint}} ->
        {:error, %BridgeError{reason: reason, message: message, hint: hint}}

      {:error, other} ->
        {:error, %BridgeError{reason: :unavailable, message: describe(other)}}
    end
  end

  # The worker is the front end's; its end is told as any other's.
  defp broken(generation, reason), do: request(:broken, {generation, reason}, @broken_ms)

  # Those of a project end in order, if they do not take long. `System.stop/1` would take a second, whatever there is.
  defp stop_applications do
    :logger.set_primary_config(:level, :error)

    for {app, _, _} <- Application.started_applications(),
        app not in @own_applications,
        do: Application.stop(app)
  end

  # The helpers of IEx (`h`, `i`, `r`, ..) read their configuration from the application.
  defp prepare_helpers do
    {:ok, _} = Application.ensure_all_started(:iex)
    Render.configure_iex()
  end

  # A process of ours that ends takes the VM with it: better than half a session that hangs.
  defp spawn_service(function) do
    spawn(fn ->
      try do
        function.()
      catch
        kind, reason -> stop(Exception.format(kind, reason, __STACKTRACE__))
      end
    end)
  end

  defp path! do
    System.get_env(@variable) ||
      stop("#{@variable} is not set\nhint: this entry point is for the `snakebridge` command, which sets it")
  end

  # The generation tells the host apart from what an earlier BEAM may have left in the socket's queue.
  defp myself, do: %{peer: :beam, pid: os_pid(), generation: generation()}

  defp generation do
    with text when text != nil <- System.get_env(@generation),
         {number, ""} <- Integer.parse(text) do
      number
    else
      _ -> nil
    end
  end

  defp versions, do: %{elixir: System.version(), otp: System.otp_release()}
  defp executable, do: System.find_executable("elixir") || System.find_executable("erl") || "elixir"
  defp os_pid, do: String.to_integer(System.pid())

  defp describe(text) when is_binary(text), do: text
  defp describe(exception) when is_exception(exception), do: Exception.message(exception)
  defp describe(term), do: inspect(term, limit: 10, printable_limit: 200)
end

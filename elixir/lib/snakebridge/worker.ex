defmodule SnakeBridge.Worker do
  @moduledoc """
  The operating system's process of a worker that this BEAM starts itself: library mode, without a front end.

  It is the worker's host: finds the interpreter, starts it, holds the connection whose end would end the worker, and
  says why it died. It makes no calls; `SnakeBridge.Session` connects to the worker like to any other.

  Options (given to the session):

    * `:python` - the interpreter: a path, a command in `PATH`, or the folder of an environment. Default: what
      `config :snakebridge, python: ...` says, that of `$VIRTUAL_ENV`, of `$CONDA_PREFIX`, of the nearest `.venv` upward,
      else `python3`. Where such a variable names none there is an error, and no other is taken
    * `:cd` - the folder that it starts in
    * `:env` - further environment variables, a map or list of texts
  """

  use GenServer, restart: :temporary

  alias SnakeBridge.{BridgeError, Output, Session, Socket}

  @start_ms 30_000
  @stop_ms 1_000
  @prefix "snakebridge-ex-"
  # A folder may be so young that its sockets are still to come.
  @young_s 60
  @package Path.expand("../../../python", __DIR__)

  @doc "Starts a worker and waits until it is there. It ends with the process `:owner`."
  @spec run(keyword()) ::
          {:ok, %{generation: pos_integer(), socket: Path.t(), process: pid()}} | {:error, Exception.t()}
  def run(opts) do
    with {:ok, pid} <- GenServer.start(__MODULE__, opts) do
      GenServer.call(pid, :ready, :infinity)
    end
  catch
    :exit, reason -> {:error, failed("it ended: #{Exception.format_exit(reason)}")}
  end

  @doc "Ends a worker in order, at the latest after a second; returns when it has ended."
  @spec stop(pid()) :: :ok
  def stop(worker) do
    GenServer.stop(worker, :normal, 2 * @stop_ms)
  catch
    :exit, _ -> :ok
  end

  @doc "Ends a worker at once: one that cannot be trusted to end itself."
  @spec kill(pid()) :: :ok
  def kill(worker), do: GenServer.cast(worker, :kill)

  @doc "The interpreter that a worker would use."
  @spec python() :: {:ok, Path.t()} | {:error, Exception.t()}
  def python do
    case Application.get_env(:snakebridge, :python) do
      nil -> found()
      python -> given(python)
    end
  end

  defp found do
    active = Enum.find(["VIRTUAL_ENV", "CONDA_PREFIX"], &(System.get_env(&1) not in [nil, ""]))

    cond do
      # What is named is never passed over.
      active != nil ->
        named(active, System.get_env(active))

      path = nearest_venv(File.cwd!()) || System.find_executable("python3") ->
        {:ok, path}

      true ->
        {:error, failed("no python3 was found", "install Python 3.10 or later, or say which: python: PATH")}
    end
  end

  # An environment, or its interpreter.
  defp named(variable, name) do
    path = Path.expand(name)

    if found = (executable?(path) && path) || interpreter(path) do
      {:ok, found}
    else
      problem =
        cond do
          File.dir?(path) -> "has no bin/python3"
          File.exists?(path) -> "cannot be executed"
          true -> "does not exist"
        end

      hint = "unset #{variable}, let it name an environment that is there, or say which Python: python: PATH"
      {:error, failed("$#{variable} names #{name}, which #{problem}", hint)}
    end
  end

  # A command is looked up as a shell would, and an environment has its own.
  @doc false
  def given(python) do
    cond do
      not String.contains?(python, "/") and not File.exists?(python) ->
        if found = System.find_executable(python),
          do: {:ok, found},
          else: {:error, failed("#{python} was not found in PATH", "say which Python to use: python: PATH")}

      File.dir?(python) ->
        if found = interpreter(Path.expand(python)),
          do: {:ok, found},
          else:
            {:error, failed("#{python} has no bin/python3", "python: names an interpreter or an environment")}

      true ->
        {:ok, python}
    end
  end

  defp folder_to_start_in(folder) do
    if folder == nil or File.dir?(folder),
      do: :ok,
      else: {:error, failed("cd: names #{folder}, which is no folder", "make it, or name another")}
  end

  defp nearest_venv(folder) do
    cond do
      path = interpreter(Path.join(folder, ".venv")) -> path
      Path.dirname(folder) == folder -> nil
      true -> nearest_venv(Path.dirname(folder))
    end
  end

  defp interpreter(prefix) do
    Enum.find([Path.join(prefix, "bin/python3"), Path.join(prefix, "bin/python")], &executable?/1)
  end

  defp executable?(path) do
    match?({:ok, %{type: :regular, mode: mode}} when Bitwise.band(mode, 0o111) != 0, File.stat(path))
  end

  # --- the process ---

  @impl true
  def init(opts) do
    Process.monitor(opts[:owner])
    Process.flag(:trap_exit, true)
    # Unique in this BEAM, so that a ref that strays into another session is refused there.
    generation = System.unique_integer([:positive, :monotonic])

    state = %{
      session: opts[:session],
      generation: generation,
      group_leader: opts[:group_leader] || Process.group_leader(),
      folder: nil,
      port: nil,
      control: nil,
      socket: nil,
      said: "",
      error: nil
    }

    {:ok, state, {:continue, {:start, opts}}}
  end

  @impl true
  def handle_continue({:start, opts}, state) do
    with {:ok, listener, state} <- open(opts, state),
         {:ok, control, state} <- accept(listener, System.monotonic_time(:millisecond) + @start_ms, state),
         :gen_tcp.close(listener),
         {:ok, state} <- greet(control, state) do
      {:noreply, state}
    else
      {:error, error, state} -> {:noreply, %{state | error: error}}
    end
  end

  @impl true
  def handle_call(:ready, _, %{error: nil} = state),
    do: {:reply, {:ok, %{generation: state.generation, socket: state.socket, process: self()}}, state}

  def handle_call(:ready, _, state), do: {:stop, :normal, {:error, state.error}, state}

  @impl true
  def handle_cast(:kill, state) do
    if state.port, do: kill_process(state.port)
    {:noreply, state}
  end

  @impl true
  def handle_info({:DOWN, _, :process, _, _}, state), do: {:stop, :normal, state}

  def handle_info({port, {:exit_status, status}}, %{port: port} = state) do
    reason = describe(status)
    spawn(fn -> Session.detach(state.session, state.generation, reason) end)
    {:stop, :normal, %{state | port: nil}}
  end

  def handle_info({port, {:data, text}}, %{port: port} = state) do
    Output.event(:stream, {nil, :stderr, text}, state.group_leader)
    {:noreply, state}
  end

  def handle_info({:EXIT, _, _}, state), do: {:noreply, state}

  def handle_info(message, %{control: %Socket{}} = state) do
    case Socket.message(state.control, message) do
      {:ok, frames, control} -> {:noreply, Enum.reduce(frames, %{state | control: control}, &frame/2)}
      # The exit status tells more, and comes next.
      {:closed, _} -> {:noreply, %{state | control: nil}}
      :unknown -> {:noreply, state}
    end
  end

  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_, state) do
    if state.control do
      Socket.send(state.control, {:req, 0, :shutdown, nil})
      Socket.close(state.control)
    end

    if state.port, do: wait_for_end(state.port)
    if state.folder, do: File.rm_rf(state.folder)
  end

  # --- starting ---

  defp open(opts, state) do
    with :ok <- folder_to_start_in(opts[:cd]),
         {:ok, python} <- if(opts[:python], do: given(opts[:python]), else: python()),
         {:ok, package} <- package(),
         {:ok, folder} <- folder() do
      open(python, package, opts, %{state | folder: folder})
    else
      {:error, %BridgeError{} = error} -> {:error, error, state}
      {:error, reason} -> {:error, failed("no folder for its socket: #{Socket.describe(reason)}"), state}
    end
  end

  defp open(python, package, opts, state) do
    with {:ok, listener} <- Socket.listen(Path.join(state.folder, "host.sock")),
         {:ok, port} <- spawn_python(python, package, opts, state) do
      {:ok, listener, %{state | port: port}}
    else
      {:error, %BridgeError{} = error} -> {:error, error, state}
      {:error, reason} -> {:error, failed("its socket: #{Socket.describe(reason)}"), state}
    end
  end

  # A short path: macOS allows 104 bytes for that of a socket.
  defp folder do
    base = Enum.find([System.tmp_dir(), "/tmp"], &(&1 && byte_size(&1) < 60))
    remove_stale(base)
    folder = Path.join(base, @prefix <> Base.encode32(:rand.bytes(5), case: :lower))
    with :ok <- File.mkdir(folder), :ok <- File.chmod(folder, 0o700), do: {:ok, folder}
  end

  # What VMs that were halted or killed left behind: folders in which nobody listens any more.
  defp remove_stale(base) do
    for folder <- Path.wildcard(Path.join(base, @prefix <> "*")),
        {:ok, %{mtime: mtime}} <- [File.stat(folder, time: :posix)],
        System.os_time(:second) - mtime > @young_s,
        folder |> Path.join("*.sock") |> Path.wildcard() |> Enum.all?(&deserted?/1),
        do: File.rm_rf(folder)
  end

  defp deserted?(path) do
    case Socket.connect(path, 1_000) do
      {:ok, socket} -> Socket.close(socket) && false
      {:error, reason} -> reason == :econnrefused
    end
  end

  # Where the worker's Python package is.
  @doc false
  def package do
    candidates =
      [
        with(home when home != nil <- System.get_env("SNAKEBRIDGE_HOME"), do: Path.join(home, "python")),
        with(path when is_list(path) <- :code.priv_dir(:snakebridge), do: Path.join(path, "python")),
        @package
      ]

    case Enum.find(candidates, &(is_binary(&1) and File.exists?(Path.join(&1, "snakebridge/worker.py")))) do
      nil ->
        {:error,
         failed(
           "the worker's Python package was not found",
           "set SNAKEBRIDGE_HOME to where SnakeBridge is installed"
         )}

      path ->
        {:ok, path}
    end
  end

  defp spawn_python(python, package, opts, state) do
    args = [
      # The file and not the module: a folder `snakebridge` where the user works would come before ours.
      Path.join(package, "snakebridge/worker.py"),
      "--host",
      Path.join(state.folder, "host.sock"),
      "--listen",
      Path.join(state.folder, "worker.#{state.generation}.sock"),
      "--generation",
      Integer.to_string(state.generation)
    ]

    options = [
      :binary,
      :exit_status,
      :stderr_to_stdout,
      :hide,
      args: args,
      env: environment(opts[:env] || [])
    ]

    options = if opts[:cd], do: [{:cd, opts[:cd]} | options], else: options
    {:ok, Port.open({:spawn_executable, python}, options)}
  rescue
    error in [ErlangError, ArgumentError] ->
      {:error,
       failed(
         "#{python} does not start: #{Exception.message(error)}",
         "say which Python to use: python: PATH"
       )}
  end

  defp environment(env) do
    for {key, value} <- env do
      {to_charlist(to_string(key)), if(value, do: to_charlist(to_string(value)), else: false)}
    end
  end

  # The port's messages are looked at in between: an interpreter that ends at once says why.
  defp accept(listener, deadline, %{port: port} = state) do
    case Socket.accept(listener, 50) do
      {:ok, control} ->
        {:ok, control, state}

      {:error, :timeout} ->
        receive do
          {^port, {:data, text}} ->
            accept(listener, deadline, %{state | said: state.said <> text})

          {^port, {:exit_status, status}} ->
            {:error, failed("it ended with #{describe(status)}#{said(state.said)}"), %{state | port: nil}}

          # Nobody will ask whether it is ready.
          {:DOWN, _, :process, _, _} = down ->
            send(self(), down)
            {:error, failed("its session ended"), state}
        after
          0 ->
            if System.monotonic_time(:millisecond) < deadline,
              do: accept(listener, deadline, state),
              else:
                {:error, failed("it did not connect within #{div(@start_ms, 1000)} s#{said(state.said)}"),
                 state}
        end

      {:error, reason} ->
        {:error, failed(Socket.describe(reason)), state}
    end
  end

  defp greet(control, state) do
    with {:ok, info, control} <-
           Socket.answer_hello(%{control | known_atoms: true}, %{
             peer: :host,
             role: :control,
             pid: Session.os_pid()
           }),
         :ok <- Socket.send(control, {:ev, :elixir, :up}),
         :ok <- Socket.active(control) do
      {:ok, %{state | control: control, socket: info.socket}}
    else
      {:error, %BridgeError{} = error} -> {:error, error, state}
      {:error, reason} -> {:error, failed(Socket.describe(reason)), state}
    end
  end

  defp said(""), do: ""
  defp said(text), do: ":\n" <> String.trim_trailing(text)

  defp failed(why, hint \\ nil),
    do: %BridgeError{reason: :unavailable, message: "the Python worker cannot be started: #{why}", hint: hint}

  # --- running and ending ---

  # Output of threads and processes that belongs to no call.
  defp frame({:ok, {:ev, op, body}}, state) do
    Output.event(op, body, state.group_leader)
    state
  end

  defp frame({:ok, {:req, id, :ping, term}}, state) do
    Socket.send(state.control, {:ok, id, term})
    state
  end

  # The host's connection is the worker's life: what makes no sense here ends it.
  defp frame(other, state) do
    what = with {:ok, message} <- other, do: {:message, inspect(message, limit: 10)}
    Session.broken(state.session, state.generation, "to its host it sent #{elem(what, 1)}")
    state
  end

  defp describe(status) when status > 128, do: "signal #{status - 128}#{signal(status - 128)}"
  defp describe(status), do: "exit status #{status}"

  defp signal(number) do
    names = %{
      2 => "SIGINT",
      6 => "SIGABRT",
      7 => "SIGBUS",
      8 => "SIGFPE",
      9 => "SIGKILL",
      11 => "SIGSEGV",
      15 => "SIGTERM"
    }

    if name = names[number], do: ", #{name}", else: ""
  end

  # The worker ends itself and its children when its host hangs up, also while Python code runs.
  # Only one that cannot (a stopped process) is killed. Its process group is not: some `kill` programs take a negative
  # number for signals or for another process.
  defp wait_for_end(port) do
    receive do
      {^port, {:exit_status, _}} -> :ok
    after
      @stop_ms -> kill_process(port)
    end
  end

  defp kill_process(port) do
    with {:os_pid, pid} <- Port.info(port, :os_pid),
         do: System.cmd("kill", ["-KILL", "#{pid}"], stderr_to_stdout: true)
  end
end

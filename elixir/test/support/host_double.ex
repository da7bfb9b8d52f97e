defmodule SnakeBridge.HostDouble do
  @moduledoc """
  A front end for tests: listens on a Unix socket, starts a BEAM as the real one does, speaks the protocol with it.

  Frames that nobody has waited for are kept in their order, so a test can say what it expects of each connection.
  """

  alias SnakeBridge.Socket

  defstruct [:directory, :listener, :port, :os_pid, :relay, :cells, :control, :main, :own] ++
              [:python, :python_control, :python_main, :python_own, :subshell]

  @timeout 15_000

  @doc "Starts a BEAM and waits until its three connections stand. Options: `command`, `info` (of our hello), `env`."
  def start(options \\ []) do
    directory =
      Path.join(System.tmp_dir!(), "sb#{System.unique_integer([:positive])}#{:rand.uniform(100_000)}")

    File.mkdir_p!(directory)
    File.chmod!(directory, 0o700)
    path = Path.join(directory, "host.sock")
    {:ok, listener} = Socket.listen(path)

    arguments = Keyword.get_lazy(options, :arguments, &arguments/0)

    port =
      Port.open({:spawn_executable, System.find_executable("elixir")}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args: arguments,
        cd: options[:cd] || directory,
        env:
          [{~c"SNAKEBRIDGE_HOST", String.to_charlist(path)}, {~c"SNAKEBRIDGE_GENERATION", ~c"3"}] ++
            Keyword.get(options, :env, [])
      ])

    {:os_pid, os_pid} = Port.info(port, :os_pid)
    host = %__MODULE__{directory: directory, listener: listener, port: port, os_pid: os_pid}
    host = %{host | relay: start_relay(), cells: :counters.new(1, [])}
    ExUnit.Callbacks.on_exit(fn -> stop(host) end)
    info = Map.merge(%{peer: :host, role: :control, pid: 1}, Keyword.get(options, :info, %{}))

    Enum.reduce(Keyword.get(options, :connections, 1..3), host, fn _, host -> accept(host, listener, info) end)
  end

  @doc "The arguments with which the front end starts `elixir`."
  def arguments do
    ebin = :snakebridge |> :code.lib_dir() |> Path.join("ebin")
    ["--no-halt", "--erl", "+Bi -noinput", "-pa", ebin, "-e", "SnakeBridge.Host.start()"]
  end

  def accept(host, listener, info) do
    {:ok, socket} = Socket.accept(listener, @timeout)
    {:ok, hello, socket} = Socket.answer_hello(socket, info, @timeout)
    name = connection(hello)
    pid = spawn_link(fn -> reader(host.relay, name) end)
    :ok = Socket.controlling_process(socket, pid)
    send(pid, socket)
    Map.put(host, name, %{socket: socket, hello: hello, reader: pid})
  end

  defp connection(%{peer: :beam, role: :control}), do: :control
  defp connection(%{peer: :beam, token: token}) when token != nil, do: :subshell
  defp connection(%{peer: :beam, thread: thread}), do: thread
  defp connection(%{peer: :worker, role: :control}), do: :python_control
  defp connection(%{peer: :worker, thread: :main}), do: :python_main
  defp connection(%{peer: :worker, thread: :own}), do: :python_own

  @doc "Has the BEAM open a lane for a subshell: cells go there with the option `lane: :subshell`."
  def open_subshell(host, token) do
    send_frame(host, :control, {:ev, :open_lane, token})
    host = accept(host, host.listener, %{peer: :host, role: :lane, pid: 1})
    %{token: ^token, thread: :own} = host.subshell.hello
    host
  end

  @doc "Starts a worker, and has the BEAM attach to it."
  def start_python(host, generation \\ 1) do
    {host, attach} = start_worker(host, generation)
    {:ok, true} = request(host, :control, :attach, attach)
    host
  end

  @doc "Starts a worker; gives also what the BEAM must know of it."
  def start_worker(host, generation) do
    {:ok, python} = SnakeBridge.Worker.python()
    listen = Path.join(host.directory, "worker.#{generation}.sock")
    path = Path.join(host.directory, "host.sock")
    package = Path.expand("../../../python", __DIR__)

    port =
      Port.open({:spawn_executable, python}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args:
          ["-m", "snakebridge.worker", "--host", path, "--listen", listen] ++
            ["--generation", "#{generation}", "--cells"],
        cd: host.directory,
        env: [{~c"PYTHONPATH", String.to_charlist(package)}]
      ])

    {:os_pid, os_pid} = Port.info(port, :os_pid)
    ExUnit.Callbacks.on_exit(fn -> System.cmd("kill", ["-9", "#{os_pid}"], stderr_to_stdout: true) end)
    info = %{peer: :host, role: :control, pid: 1}
    host = Enum.reduce(1..3, %{host | python: os_pid}, fn _, host -> accept(host, host.listener, info) end)
    {host, %{generation: generation, socket: listen}}
  end

  # One BEAM may serve the tests of a module: what it sends goes to the test that runs.
  defp start_relay do
    owner = self()
    spawn_link(fn -> relay(owner) end)
  end

  defp relay(owner) do
    receive do
      {:owner, owner} ->
        relay(owner)

      message ->
        send(owner, message)
        relay(owner)
    end
  end

  @doc "From now on the frames come to the calling process."
  def own(host) do
    send(host.relay, {:owner, self()})
    :ok
  end

  defp reader(owner, name) do
    receive do
      socket -> read(owner, name, socket)
    end
  end

  defp read(owner, name, socket) do
    receive do
      :pause ->
        receive do
          :resume -> :ok
        end
    after
      0 -> :ok
    end

    case Socket.recv(socket) do
      {:ok, term, socket} ->
        send(owner, {:frame, name, term})
        read(owner, name, socket)

      other ->
        send(owner, {:closed, name, other})
    end
  end

  def stop(host) do
    System.cmd("kill", ["-9", "#{host.os_pid}"], stderr_to_stdout: true)
    File.rm_rf!(host.directory)
  end

  @doc "Reads no more of a connection until `resume/2`: a front end that is slow."
  def pause(host, name), do: send(Map.fetch!(host, name).reader, :pause)
  def resume(host, name), do: send(Map.fetch!(host, name).reader, :resume)

  def send_frame(host, name, term), do: :ok = Socket.send(Map.fetch!(host, name).socket, term)

  @doc "Sends a request and waits for its answer."
  def request(host, name, op, body, timeout \\ @timeout) do
    id = System.unique_integer([:positive])
    send_frame(host, name, {:req, id, op, body})

    receive do
      {:frame, ^name, {:ok, ^id, value}} -> {:ok, value}
      {:frame, ^name, {:error, ^id, error}} -> {:error, error}
    after
      timeout ->
        raise "no answer to #{op} on #{name}; mailbox: #{inspect(Process.info(self(), :messages), limit: 30)}"
    end
  end

  @doc "Begins a cell: gives its number. `python: true` for one of Python, `lane:` for another lane than the main one."
  def begin_cell(host, source, options \\ []) do
    {python?, options} = Keyword.pop(options, :python, false)
    {lane, options} = Keyword.pop(options, :lane, if(python?, do: :python_main, else: :main))
    :counters.add(host.cells, 1, 1)
    cell = :counters.get(host.cells, 1)

    body =
      Map.merge(
        %{cell: cell, source: source, store_history: true, silent: false, read: false},
        Map.new(options)
      )

    send_frame(host, lane, {:req, cell, :execute, body})
    cell
  end

  @doc """
  Waits for the end of a cell: a map with its answer's fields and `stdout`, `stderr`, `result` (its text/plain),
  `error` (the body) and `events` (all of them, in their order). `inputs` are the answers to what it asks for.
  """
  def end_cell(cell, options \\ []) do
    collect(
      options[:host],
      Map.from_keys(List.wrap(options[:lane] || [:main, :python_main]), true),
      cell,
      Keyword.get(options, :inputs, []),
      [],
      Keyword.get(options, :timeout, @timeout)
    )
  end

  defp collect(host, lanes, cell, inputs, events, timeout) do
    receive do
      {:frame, lane, {:ok, ^cell, answer}} when is_map_key(lanes, lane) ->
        summary(Enum.reverse(events), answer)

      {:frame, lane, {:error, ^cell, error}} when is_map_key(lanes, lane) ->
        %{refused: error}

      {:frame, lane, {:ev, op, body}} when is_map_key(lanes, lane) ->
        collect(host, lanes, cell, inputs, [{op, body} | events], timeout)

      {:frame, lane, {:req, id, :input, body}} when is_map_key(lanes, lane) ->
        {answer, inputs} = List.pop_at(inputs, 0, :eof)
        send_frame(host, lane, input_answer(id, answer))
        collect(host, lanes, cell, inputs, [{:input, body} | events], timeout)
    after
      timeout ->
        raise "cell #{cell} did not end; events: #{inspect(Enum.reverse(events), limit: 50)}, " <>
                "mailbox: #{inspect(Process.info(self(), :messages), limit: 30)}"
    end
  end

  defp input_answer(id, :eof), do: {:error, id, {:bridge, :eof, "end of input", nil}}
  defp input_answer(id, text), do: {:ok, id, text}

  defp summary(events, answer) do
    text = fn name -> for({:stream, {_, ^name, text}} <- events, into: "", do: text) end

    Map.merge(answer, %{
      events: events,
      stdout: text.(:stdout),
      stderr: text.(:stderr),
      result: Enum.find_value(events, fn {op, body} -> op == :result && body.data["text/plain"] end),
      error: Enum.find_value(events, fn {op, body} -> op == :error && body end)
    })
  end

  @doc "Runs a cell to its end."
  def run(host, source, options \\ []) do
    {ending, beginning} = Keyword.split(options, [:inputs, :timeout])
    ending = Keyword.take(options, [:lane]) ++ ending
    host |> begin_cell(source, beginning) |> end_cell([host: host] ++ ending)
  end

  @doc "Runs a cell of Python."
  def python(host, source, options \\ []), do: run(host, source, [python: true] ++ options)

  @doc "Text without colours."
  def plain(nil), do: nil
  def plain(text) when is_binary(text), do: String.replace(text, ~r/\e\[[0-9;]*m/, "")
  def plain(lines) when is_list(lines), do: lines |> Enum.join("\n") |> plain()

  @doc "The result of a cell that must not fail, without colours."
  def value(host, source, options \\ []) do
    cell = run(host, source, options)
    if cell.error, do: raise("the cell failed: #{plain(cell.error.traceback)}")
    plain(cell.result)
  end
end

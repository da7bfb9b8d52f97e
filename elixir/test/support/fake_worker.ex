defmodule SnakeBridge.FakeWorker do
  @moduledoc """
  A worker for tests that listens as the real one does and then answers as it is told, also with what is no answer.

  `start/1` gives the options with which a session uses it: each start of the session's is a worker of the next generation,
  and what the session says of a broken one comes to the calling process as `{:broken, generation, text}`.
  """

  alias SnakeBridge.Socket

  @doc """
  `behaviour` is called with the generation, the role (`:control` or `:lane`) and each message, and gives what is done:
  `{:send, bytes}`, `:close`, or a list of such. With `own: true` the session takes it for one that it has started itself.
  """
  def start(behaviour, opts \\ []) do
    folder = Path.join(System.tmp_dir!(), "sb-fake-#{System.unique_integer([:positive])}")
    File.mkdir!(folder)
    ExUnit.Callbacks.on_exit(fn -> File.rm_rf!(folder) end)
    test = self()
    generations = :counters.new(1, [])

    [
      worker: fn ->
        :counters.add(generations, 1, 1)
        generation = :counters.get(generations, 1)
        path = Path.join(folder, "#{generation}.sock")
        {:ok, listener} = Socket.listen(path)
        # Not linked: who starts it is gone soon.
        pid = spawn(fn -> listen(listener, generation, behaviour) end)
        :ok = :gen_tcp.controlling_process(listener, pid)
        worker = %{generation: generation, socket: path}
        {:ok, if(opts[:own], do: Map.put(worker, :process, spawn(&process/0)), else: worker)}
      end,
      broken: fn generation, text -> send(test, {:broken, generation, text}) end
    ]
  end

  # Ends when it is told anything: to end, that is.
  defp process, do: receive(do: (_ -> :ok))

  @doc "A frame with this term."
  def frame(term), do: frame_of(:erlang.term_to_binary(term))

  @doc "A frame with these bytes."
  def frame_of(bytes), do: <<byte_size(bytes)::32, bytes::binary>>

  @doc "What a well-behaved worker does: answers `math.sqrt` of 16, and what control connections ask."
  def good({:req, id, :do, _}), do: {:send, frame({:ok, id, 4.0})}
  def good({:req, id, :usage, _}), do: {:send, frame({:ok, id, usage(0, 0)})}
  def good({:req, id, :ping, term}), do: {:send, frame({:ok, id, term})}
  def good({:req, id, _, _}), do: {:send, frame({:ok, id, true})}
  def good(_), do: []

  def usage(abandoned, ms), do: %{refs: 0, lanes: 1, abandoned: abandoned, abandoned_ms: ms, memory_bytes: 1}

  defp listen(listener, generation, behaviour) do
    case Socket.accept(listener, 60_000) do
      {:ok, socket} ->
        pid = spawn(fn -> receive do: (:go -> serve(socket, generation, behaviour)) end)
        :ok = Socket.controlling_process(socket, pid)
        send(pid, :go)
        listen(listener, generation, behaviour)

      {:error, _} ->
        :ok
    end
  end

  defp serve(socket, generation, behaviour) do
    case Socket.answer_hello(socket, %{peer: :worker, role: :control, pid: 1}) do
      {:ok, %{role: role}, socket} -> loop(socket, generation, role, behaviour)
      {:error, _} -> :ok
    end
  end

  defp loop(socket, generation, role, behaviour) do
    case Socket.recv(socket) do
      {:ok, message, socket} ->
        for action <- List.wrap(behaviour.(generation, role, message)), do: act(socket, action)
        loop(socket, generation, role, behaviour)

      _ ->
        Socket.close(socket)
    end
  end

  defp act(socket, {:send, bytes}), do: :gen_tcp.send(socket.port, bytes)
  defp act(socket, :close), do: Socket.close(socket)
end

defmodule SnakeBridge.Session.Control do
  @moduledoc """
  A session's control connection to the worker that it is attached to, and the requests on it that wait for an answer.

  It reads what it is given and sends; what the messages mean for the session is the session's.
  """

  alias SnakeBridge.{BridgeError, Collector, Decoder, Native, Session, Socket}

  @enforce_keys [:generation, :path, :socket]
  defstruct [:generation, :path, :socket, :bin, :process, :since, next_id: 1, asked: %{}]

  @type asker :: GenServer.from() | atom() | nil
  @type t :: %__MODULE__{
          generation: pos_integer(),
          # Where the worker listens for lanes.
          path: Path.t(),
          socket: Socket.t(),
          # Where refs go that no term holds any more.
          bin: Native.bin(),
          # The process that holds the worker, in library mode.
          process: pid() | nil,
          since: integer(),
          next_id: pos_integer(),
          asked: %{pos_integer() => asker()}
        }

  @doc "Connects to a worker: `generation`, `socket` (its path), and `process` in library mode."
  @spec open(map()) :: {:ok, t()} | {:error, Exception.t()}
  def open(%{generation: generation, socket: path} = worker) do
    info = %{
      peer: :beam,
      role: :control,
      pid: Session.os_pid(),
      versions: versions(),
      collects: Native.loaded?()
    }

    with {:ok, socket} <- Socket.connect(path),
         {:ok, _, socket} <- Socket.hello(%{socket | known_atoms: worker[:process] != nil}, info),
         :ok <- Socket.active(socket) do
      control = %__MODULE__{
        generation: generation,
        path: path,
        socket: socket,
        bin: Collector.start(generation),
        process: worker[:process],
        since: System.monotonic_time(:millisecond)
      }

      # The worker reads this before it serves any lane that is opened later.
      {_, control} = request(control, :decoders, Decoder.pairs(), nil)
      {:ok, control}
    else
      {:error, %BridgeError{} = error} ->
        {:error, error}

      {:error, reason} ->
        text = "Python worker #{generation} cannot be reached: #{Socket.describe(reason)}"
        {:error, %BridgeError{reason: :unavailable, message: text}}
    end
  end

  defp versions do
    %{elixir: System.version(), otp: List.to_string(:erlang.system_info(:otp_release))}
  end

  @doc "Asks the worker; the answer is found by the id with `answered/2`."
  @spec request(t(), atom(), term(), asker()) :: {pos_integer(), t()}
  def request(%__MODULE__{next_id: id} = control, op, body, asker) do
    Socket.send(control.socket, {:req, id, op, body})
    {id, %{control | next_id: id + 1, asked: Map.put(control.asked, id, asker)}}
  end

  @doc "Who asked what is answered now; `:error` where nobody did."
  @spec answered(t(), term()) :: {:ok, asker(), t()} | :error
  def answered(%__MODULE__{asked: asked} = control, id) do
    with {:ok, asker} <- Map.fetch(asked, id), do: {:ok, asker, %{control | asked: Map.delete(asked, id)}}
  end
end

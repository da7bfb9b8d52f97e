defmodule SnakeBridge.Socket do
  @moduledoc """
  A Unix socket that carries frames: a big-endian `u32` length, then that many bytes of External Term Format.

  It knows bytes and terms, and of the protocol only the hello; what the messages mean is known to its users.
  A value of this type holds the bytes that were read and not used yet, so the newest one must be used for reading.
  Any process may send.

  The framing is done here, over a raw `:gen_tcp` socket, since `packet: 4` ends at 64 MB, and `:socket` takes seconds
  for a frame of 100 MB.
  """

  import Kernel, except: [send: 2]

  @version 1
  @limit 0x7FFFFFFF
  # So much of a frame that is still to come is asked for at once, and then no more than has arrived already: memory
  # follows what arrives. The largest is what `:gen_tcp` takes.
  @first_chunk 1_048_576
  @last_chunk 60_000_000
  # Of a frame as long as this a binary at the end is not copied, if it begins so near to the start.
  @large 65_536
  @longest_head 512
  @binary_ext 109
  # Closing does not wait for what the other side does not read.
  @options [:binary, active: false, packet: :raw, buffer: 65_536, linger: {true, 0}]
  # Whoever sends a frame has all of it: more than this between two of its parts is no delay.
  @silence_ms 10_000

  @enforce_keys [:port]
  defstruct [:port, buffer: <<>>, silence: @silence_ms, known_atoms: false]

  @typedoc """
  `silence`: how long the rest of a frame may not come, in ms. `known_atoms`: whether a frame with an atom that this VM
  does not know is malformed, as it is from a worker that this VM has started.
  """
  @type t :: %__MODULE__{
          port: :gen_tcp.socket(),
          buffer: iodata() | {non_neg_integer(), iodata()},
          silence: timeout(),
          known_atoms: boolean()
        }
  @type listener :: :gen_tcp.socket()
  @type frame :: {:ok, term()} | {:malformed, String.t()}

  @doc "Connects to a listening socket."
  @spec connect(Path.t(), timeout()) :: {:ok, t()} | {:error, term()}
  def connect(path, timeout \\ 5_000) do
    with {:ok, port} <- :gen_tcp.connect({:local, path}, 0, @options, timeout),
         do: {:ok, %__MODULE__{port: port}}
  end

  @doc "Listens on a path, which must not exist yet."
  @spec listen(Path.t()) :: {:ok, listener()} | {:error, term()}
  def listen(path), do: :gen_tcp.listen(0, [{:ifaddr, {:local, path}} | @options])

  @doc "Takes a connection on a listening socket; one of another user is refused."
  @spec accept(listener(), timeout()) :: {:ok, t()} | {:error, term()}
  def accept(listener, timeout) do
    with {:ok, port} <- :gen_tcp.accept(listener, timeout) do
      if same_user?(port) do
        {:ok, %__MODULE__{port: port}}
      else
        :gen_tcp.close(port)
        {:error, :eacces}
      end
    end
  end

  @doc """
  Sends `{:hello, version, info}` and waits for the other side's.

  Gives what the other side said of itself.
  """
  @spec hello(t(), map(), timeout()) :: {:ok, map(), t()} | {:error, Exception.t()}
  def hello(socket, info, timeout \\ 5_000) do
    with :ok <- send(socket, {:hello, @version, info}),
         {:ok, message, socket} <- recv(socket, timeout) do
      greeted(message, socket)
    else
      {:malformed, text, _} -> {:error, bridge(:bad_message, "the other side's hello: #{text}")}
      {:error, reason} -> {:error, bridge(:unavailable, "the other side gave no hello: #{describe(reason)}")}
    end
  end

  @doc "Waits for a hello and answers it with `info`: the side of `hello/3` that accepts."
  @spec answer_hello(t(), map(), timeout()) :: {:ok, map(), t()} | {:error, Exception.t()}
  def answer_hello(socket, info, timeout \\ 5_000) do
    with {:ok, message, socket} <- recv(socket, timeout),
         {:ok, peer, socket} <- greeted(message, socket),
         :ok <- send(socket, {:hello, @version, info}) do
      {:ok, peer, socket}
    else
      {:error, %{__exception__: true, reason: reason, message: message, hint: hint} = error} ->
        send(socket, {:error, 0, {:bridge, reason, message, hint}})
        {:error, error}

      {:malformed, text, _} ->
        {:error, bridge(:bad_message, "the other side's hello: #{text}")}

      {:error, reason} ->
        {:error, bridge(:unavailable, "the other side gave no hello: #{describe(reason)}")}
    end
  end

  defp greeted({:hello, @version, %{} = info}, socket), do: {:ok, info, socket}

  defp greeted({:hello, version, _}, _) do
    text = "the other side speaks version #{inspect(version)} of the protocol, this one version #{@version}"
    {:error, bridge(:version, text, "reinstall SnakeBridge: its parts are of different releases")}
  end

  defp greeted({:error, _, {:bridge, reason, message, hint}}, _), do: {:error, bridge(reason, message, hint)}

  defp greeted(other, _),
    do: {:error, bridge(:bad_message, "expected a hello, got #{inspect(other, limit: 5)}")}

  @doc """
  Sends a term.

  After `{:error, :timeout}` the connection must be closed: a part may have been sent.
  """
  @spec send(t(), term(), timeout()) :: :ok | {:error, term()}
  def send(%__MODULE__{port: port}, term, timeout \\ :infinity) do
    # Large binaries stay where they are.
    body = :erlang.term_to_iovec(term)
    size = :erlang.iolist_size(body)

    cond do
      size > @limit -> {:error, :emsgsize}
      # What is short finds room on its way, whether or not it is read.
      timeout == :infinity or size < @large -> :gen_tcp.send(port, [<<size::32>> | body])
      true -> send_within(port, [<<size::32>> | body], timeout)
    end
  end

  defp send_within(port, frame, timeout) do
    :inet.setopts(port, send_timeout: timeout)
    with :ok <- :gen_tcp.send(port, frame), do: :inet.setopts(port, send_timeout: :infinity)
  end

  @doc """
  Waits for a frame.

  `{:malformed, text, socket}` is a frame that holds no term; the connection goes on.
  After an error it does not.
  """
  @spec recv(t(), timeout()) :: {:ok, term(), t()} | {:malformed, String.t(), t()} | {:error, term()}
  def recv(socket, timeout \\ :infinity)

  def recv(%__MODULE__{port: port, buffer: <<>>} = socket, timeout) do
    case :gen_tcp.recv(port, 0, timeout) do
      {:ok, <<size::32, body::binary-size(size)>>} when size <= @limit -> decoded(body, socket)
      {:ok, bytes} -> assemble(socket, bytes, timeout)
      {:error, _} = error -> error
    end
  end

  def recv(%__MODULE__{buffer: buffer} = socket, timeout), do: assemble(socket, buffer, timeout)

  defp assemble(socket, <<size::32, _::binary>>, _) when size > @limit,
    do: {:error, {:too_long, close(socket, size)}}

  defp assemble(socket, <<size::32, body::binary-size(size), rest::binary>>, _),
    do: decoded(body, %{socket | buffer: rest})

  defp assemble(socket, <<size::32, start::binary>>, timeout) do
    case collect(socket, size - byte_size(start), byte_size(start), until(timeout), [start]) do
      {:ok, body} -> decoded(body, %{socket | buffer: <<>>})
      {:error, _} = error -> error
    end
  end

  defp assemble(socket, bytes, timeout) do
    with {:ok, more} <- rest(socket, 0, until(timeout)), do: assemble(socket, bytes <> more, timeout)
  end

  defp collect(_, 0, _, _, parts), do: {:ok, parts |> Enum.reverse() |> IO.iodata_to_binary()}

  defp collect(socket, missing, got, until, parts) do
    chunk = got |> max(@first_chunk) |> min(@last_chunk) |> min(missing)

    with {:ok, bytes} <- rest(socket, chunk, until),
         do: collect(socket, missing - chunk, got + chunk, until, [bytes | parts])
  end

  # More of a frame that has begun.
  defp rest(%{port: port, silence: silence}, count, until) do
    left = if until == :infinity, do: :infinity, else: max(until - now(), 0)

    case :gen_tcp.recv(port, count, min(left, silence)) do
      {:error, :timeout} when left > silence -> {:error, :silent}
      {:error, :closed} -> {:error, :cut}
      result -> result
    end
  end

  defp until(:infinity), do: :infinity
  defp until(timeout), do: now() + timeout

  defp now, do: System.monotonic_time(:millisecond)

  defp decoded(body, socket) do
    {:ok, decode(body, socket.known_atoms), socket}
  rescue
    ArgumentError -> {:malformed, malformed(body), socket}
  end

  # What is compressed may be a thousand times as long as what has come; nobody sends such.
  defp decode(<<131, 80, _::binary>>, _), do: raise(ArgumentError)
  defp decode(body, known) when byte_size(body) < @large, do: binary_to_term(body, known)

  # `binary_to_term/1` copies every binary. A large one at the end of nested tuples, as bytes and arrays are sent, is a
  # part of the frame instead: the rest is decoded with an empty one in its place.
  defp decode(body, known) do
    with {head, binary} <- split_last(body, 1),
         {:ok, term} <- term(<<head::binary, @binary_ext, 0::32>>, known),
         {:ok, term} <- put_last(term, binary) do
      term
    else
      _ -> binary_to_term(body, known)
    end
  end

  # At the first place where a binary that reaches to the end can begin. Should that be inside of other data, then what
  # is before it is no term, or none that ends with the empty binary.
  defp split_last(_, at) when at > @longest_head, do: nil

  defp split_last(body, at) do
    rest = byte_size(body) - at - 5

    case body do
      <<head::binary-size(at), @binary_ext, ^rest::32, binary::binary>> -> {head, binary}
      _ -> split_last(body, at + 1)
    end
  end

  defp put_last(<<>>, binary), do: {:ok, binary}

  defp put_last(tuple, binary) when is_tuple(tuple) and tuple_size(tuple) > 0 do
    last = tuple_size(tuple) - 1
    with {:ok, value} <- put_last(elem(tuple, last), binary), do: {:ok, put_elem(tuple, last, value)}
  end

  defp put_last(_, _), do: :error

  defp term(bytes, known) do
    {:ok, binary_to_term(bytes, known)}
  rescue
    ArgumentError -> :error
  end

  defp binary_to_term(body, false), do: :erlang.binary_to_term(body)
  defp binary_to_term(body, true), do: :erlang.binary_to_term(body, [:safe])

  @doc """
  Asks for what arrives to be sent to the controlling process as messages, which `message/2` understands.

  For a process that waits for other messages too. Must not be mixed with `recv/2`.
  """
  @spec active(t()) :: :ok | {:error, term()}
  def active(%__MODULE__{port: port, buffer: buffer}) do
    # What came together with the hello is here already, and nothing else may follow for a long time.
    if buffer != <<>>, do: Kernel.send(self(), {:tcp, port, <<>>})
    :inet.setopts(port, active: :once)
  end

  @doc "Takes a message that may be of this socket: gives the frames that it completes."
  @spec message(t(), term()) :: {:ok, [frame()], t()} | {:closed, term()} | :unknown
  def message(%__MODULE__{port: port} = socket, {:tcp, port, bytes}) do
    case split(socket.buffer, bytes, [], socket.known_atoms) do
      {:ok, frames, buffer} ->
        :inet.setopts(port, active: :once)
        {:ok, frames, %{socket | buffer: buffer}}

      {:too_long, size} ->
        {:closed, {:too_long, close(socket, size)}}
    end
  end

  def message(%__MODULE__{port: port}, {:tcp_closed, port}), do: {:closed, :closed}
  def message(%__MODULE__{port: port}, {:tcp_error, port, reason}), do: {:closed, reason}
  def message(_, _), do: :unknown

  # The buffer of an unfinished frame is a list of parts, newest first, with the number of bytes that are missing:
  # a large frame would otherwise be copied for each of its parts.
  defp split({missing, parts}, bytes, frames, _) when byte_size(bytes) < missing,
    do: {:ok, Enum.reverse(frames), {missing - byte_size(bytes), [bytes | parts]}}

  defp split({_, parts}, bytes, frames, known),
    do: split([bytes | parts] |> Enum.reverse() |> IO.iodata_to_binary(), frames, known)

  defp split(<<>>, bytes, frames, known), do: split(bytes, frames, known)
  defp split(buffer, bytes, frames, known), do: split(buffer <> bytes, frames, known)

  defp split(<<size::32, _::binary>>, _, _) when size > @limit, do: {:too_long, size}

  defp split(<<size::32, body::binary-size(size), rest::binary>>, frames, known),
    do: split(rest, [frame(body, known) | frames], known)

  defp split(<<size::32, start::binary>> = bytes, frames, _),
    do: {:ok, Enum.reverse(frames), {size - byte_size(start), [bytes]}}

  defp split(bytes, frames, _), do: {:ok, Enum.reverse(frames), bytes}

  defp frame(body, known) do
    {:ok, decode(body, known)}
  rescue
    ArgumentError -> {:malformed, malformed(body)}
  end

  # Every atom that a worker sends, so that this VM knows them all: its module must be loaded for it to receive anything.
  @atoms ~w(ok error ev req hello python elixir bridge nil true false nan infinity neg_infinity)a ++
           ~w($tagged $ref $function $term $set $range $complex $date $time $naive $aware $timedelta $array $arrow)a ++
           ~w($custom stream display clear result input cancel fault open_lane unpin strays stdout stderr)a ++
           ~w(apply mfa exports read ping bad_message unknown_op version not_convertible too_deep ref_gone)a ++
           ~w(interrupted eof unavailable worker_died timeout beam worker host control lane main own peer role)a ++
           ~w(thread pid token cell generation socket versions ipython executable collects refs lanes abandoned)a ++
           ~w(abandoned_ms memory_bytes value unbound class module message mro traceback text notes cause context)a ++
           ~w(group step ref file line name source data metadata display_id update wait kind detail doc args)a ++
           ~w(returns count calls throw exit from to items found hint size type inspect)a ++
           ~w(s8 s16 s32 s64 u8 u16 u32 u64 f16 bf16 f32 f64 c64 c128 bool)a

  @doc false
  def atoms, do: @atoms

  @doc "Hands the socket to another process: it lives as long as that one."
  @spec controlling_process(t(), pid()) :: :ok | {:error, term()}
  def controlling_process(%__MODULE__{port: port}, pid), do: :gen_tcp.controlling_process(port, pid)

  @doc "Closes a socket of this process; who waits for it gets `{:error, :closed}`."
  @spec close(t()) :: :ok
  def close(%__MODULE__{port: port}), do: :gen_tcp.close(port)

  @doc """
  Ends the connection of a socket that belongs to another process: who waits for it gets `{:error, :closed}`.

  `close/1` would send the exit of its port to an owner that traps exits. So the owner closes it, or ends.
  """
  @spec shutdown(t()) :: :ok
  def shutdown(%__MODULE__{port: port}) do
    _ = :gen_tcp.shutdown(port, :read_write)
    :ok
  end

  @doc "What a reason of `recv/2`, `send/2` or `connect/2` means, for people."
  @spec describe(term()) :: String.t()
  def describe(:closed), do: "the connection was closed"
  def describe(:timeout), do: "no answer in time"
  def describe(:emsgsize), do: "a message is longer than 2 GB"
  def describe(:cut), do: "the connection ended inside a message"
  def describe(:silent), do: "a message began, and its rest did not come"
  def describe({:too_long, size}), do: "a frame claims #{size} bytes, more than the limit of 2 GB"
  def describe(reason) when is_atom(reason), do: List.to_string(:inet.format_error(reason))
  def describe(%{__exception__: true} = error), do: Exception.message(error)
  def describe(reason), do: inspect(reason)

  defp close(socket, result) do
    close(socket)
    result
  end

  defp malformed(body) do
    "a frame of #{byte_size(body)} bytes that holds no term of the protocol: #{inspect(body, limit: 16)}"
  end

  defp bridge(reason, message, hint \\ nil),
    do: %SnakeBridge.BridgeError{reason: reason, message: message, hint: hint}

  # Linux tells who connected. Elsewhere the directory of the socket, which is open to its owner alone, keeps others out.
  defp same_user?(port) do
    with {:unix, :linux} <- :os.type(),
         {:ok, [{:raw, 1, 17, <<_pid::native-32, uid::native-32, _gid::native-32>>}]} <-
           :inet.getopts(port, [{:raw, 1, 17, 12}]),
         {:ok, %{uid: own}} <- File.stat("/proc/self") do
      uid == own
    else
      _ -> true
    end
  end
end

defmodule SnakeBridge.IOServer do
  @moduledoc """
  The group leader of one cell: an Erlang I/O device whose output becomes `stream` events of that cell.

  Processes that the cell starts inherit it, so what they print later still belongs to the cell: while the cell runs its
  output travels on the lane on which the cell was asked for, afterwards on the control connection.

  It asks the front end for input, and never reads a terminal.
  """

  alias SnakeBridge.{Host, Render, Socket}

  # Output waits for company for at most this long, and only when some was sent just before.
  @flush_ms 5
  @flush_bytes 32 * 1024

  @typedoc "Where the output goes: the lane of the running cell, or the control connection."
  @type sink :: {:lane, Socket.t()} | :control

  defstruct [
    :cell,
    sink: :control,
    stream: :stdout,
    buffer: [],
    bytes: 0,
    flushed_at: nil,
    timer: nil,
    failed: false,
    # The beginning of a character of which the rest has not been printed, and on which stream.
    cut: nil,
    # The text that was typed and not read yet, and the requests that wait for more.
    typed: [],
    waiting: :queue.new(),
    asked: nil
  ]

  # --- for the host ---

  @doc """
  Makes the table that knows all devices, and the device for output of no cell.
  Whoever calls this must live as long as the VM.
  """
  @spec start_background() :: pid()
  def start_background do
    :ets.new(__MODULE__, [:named_table, :public, read_concurrency: true])
    pid = start(nil)
    :ets.insert(__MODULE__, [{:background, pid}, {:current, pid}])
    pid
  end

  @doc "Starts the device of a cell (`nil`: of what no cell prints)."
  @spec start(pos_integer() | nil, sink()) :: pid()
  def start(cell, sink \\ :control) do
    pid =
      spawn(fn ->
        Process.flag(:message_queue_data, :off_heap)
        # What is printed first goes at once: code may end the VM with its next words.
        loop(%__MODULE__{cell: cell, sink: sink, flushed_at: now() - @flush_ms})
      end)

    :ets.insert(__MODULE__, {pid})
    pid
  end

  @doc "Whether the process is a device of a cell."
  @spec device?(pid()) :: boolean()
  def device?(pid), do: :ets.member(__MODULE__, pid)

  @doc "The device for output that names none: that of the running cell, else the one of no cell."
  @spec current() :: pid()
  def current, do: :ets.lookup_element(__MODULE__, :current, 2)

  @doc "Says which device `current/0` is."
  @spec put_current(pid()) :: :ok
  def put_current(pid) do
    :ets.insert(__MODULE__, {:current, pid})
    :ok
  end

  @doc "The device for output of no cell."
  @spec background() :: pid()
  def background, do: :ets.lookup_element(__MODULE__, :background, 2)

  @doc "The device of a process: its group leader where that is one, else the current one."
  @spec of(pid()) :: pid()
  def of(pid) do
    with true <- node(pid) == node(),
         {:group_leader, leader} <- Process.info(pid, :group_leader),
         true <- device?(leader) do
      leader
    else
      _ -> current()
    end
  end

  @doc "Sends an event of the cell, after all that was printed before it."
  @spec emit(pid(), atom(), term()) :: :ok
  def emit(device, op, body), do: call(device, {:emit, op, body})

  @doc "Prints as if it had come by an I/O request."
  @spec print(pid(), :stdout | :stderr, iodata()) :: :ok
  def print(device, stream, text), do: call(device, {:print, stream, IO.iodata_to_binary(text)})

  @doc "Hands over what the front end answered to a request for input."
  @spec input(pid(), integer(), {:ok, String.t()} | {:error, term()}) :: :ok
  def input(device, id, answer) do
    send(device, {:input, id, answer})
    :ok
  end

  @doc "Fails all requests for input."
  @spec interrupt(pid()) :: :ok
  def interrupt(device) do
    send(device, :interrupt)
    :ok
  end

  @doc """
  Ends the cell: sends all its output on the lane, then `{:flushed, device}` to the caller.
  Later output goes to the control connection.
  """
  @spec finish(pid()) :: :ok
  def finish(device) do
    send(device, {:finish, self()})
    :ok
  end

  defp call(device, request) do
    reference = Process.monitor(device)
    send(device, {:call, self(), reference, request})

    receive do
      {^reference, answer} ->
        Process.demonitor(reference, [:flush])
        answer

      {:DOWN, ^reference, _, _, _} ->
        :ok
    end
  end

  # --- the process ---

  defp loop(state) do
    receive do
      message -> message |> handle(state) |> loop()
    end
  end

  defp handle({:io_request, from, reply_as, request}, state),
    do: io_request(from, reply_as, request, :stdout, state)

  # From `SnakeBridge.Device`: the same, asked of `:standard_error`.
  defp handle({:error_request, from, reply_as, request}, state),
    do: io_request(from, reply_as, request, :stderr, state)

  defp handle({:call, from, reference, request}, state) do
    state = call_request(request, state)
    send(from, {reference, :ok})
    state
  end

  defp handle({:flush, timer}, %{timer: timer} = state), do: flush(%{state | timer: nil})

  defp handle({:input, id, answer}, %{asked: id} = state) do
    case answer do
      {:ok, text} when is_binary(text) ->
        serve_waiting(%{state | asked: nil}, String.to_charlist(text <> "\n"))

      {:error, {:bridge, :eof, _, _}} ->
        serve_waiting(%{state | asked: nil}, :eof)

      _ ->
        fail_waiting(state, {:error, :interrupted})
    end
  end

  defp handle({:finish, from}, state) do
    state = state |> fail_waiting(:eof) |> put_cut() |> flush()
    send(from, {:flushed, self()})
    %{state | sink: :control}
  end

  defp handle(:interrupt, state), do: fail_waiting(state, {:error, :interrupted})
  defp handle(_, state), do: state

  # A cell has one error. One that is interrupted while it winds up has told its own.
  defp call_request({:emit, :error, _}, %{failed: true} = state), do: state

  defp call_request({:emit, :error, body}, state),
    do: send_event(flush(%{state | failed: true}), :error, body)

  defp call_request({:emit, op, body}, state), do: state |> flush() |> send_event(op, body)
  defp call_request({:print, stream, text}, state), do: put(state, stream, text)

  defp io_request(from, reply_as, request, stream, state) do
    case request(request, stream, state) do
      {:reply, answer, state} ->
        send(from, {:io_reply, reply_as, answer})
        state

      {:wait, prompt, password, collect, state} ->
        waiting = %{from: from, reply_as: reply_as, prompt: prompt, password: password, collect: collect}
        serve_waiting(%{state | waiting: :queue.in(waiting, state.waiting)}, nil)
    end
  end

  # --- requests of the I/O protocol ---

  defp request({:put_chars, encoding, chars}, stream, state), do: put_chars(encoding, chars, stream, state)

  defp request({:put_chars, encoding, module, function, args}, stream, state) do
    put_chars(encoding, apply(module, function, args), stream, state)
  rescue
    _ -> {:reply, {:error, :put_chars}, state}
  end

  defp request({:put_chars, chars}, stream, state), do: put_chars(:latin1, chars, stream, state)

  defp request({:put_chars, module, function, args}, stream, state),
    do: request({:put_chars, :latin1, module, function, args}, stream, state)

  defp request({:get_line, _, prompt}, _, state), do: wait(prompt, {:collect_line, []}, state)
  defp request({:get_line, prompt}, _, state), do: wait(prompt, {:collect_line, []}, state)
  defp request({:get_chars, _, prompt, n}, _, state), do: wait(prompt, {:collect_chars, n}, state)
  defp request({:get_chars, prompt, n}, _, state), do: wait(prompt, {:collect_chars, n}, state)
  defp request({:get_until, _, prompt, m, f, a}, _, state), do: wait(prompt, {:get_until, {m, f, a}}, state)
  defp request({:get_until, prompt, m, f, a}, _, state), do: wait(prompt, {:get_until, {m, f, a}}, state)
  defp request({:get_password, _}, _, state), do: {:wait, "", true, {:collect_line, []}, state}
  defp request({:get_geometry, :columns}, _, state), do: {:reply, Render.width(), state}
  defp request({:get_geometry, _}, _, state), do: {:reply, {:error, :enotsup}, state}
  defp request(:getopts, _, state), do: {:reply, [binary: true, encoding: :unicode], state}
  defp request({:setopts, _}, _, state), do: {:reply, :ok, state}

  defp request({:requests, requests}, stream, state) when is_list(requests),
    do: requests(requests, stream, state)

  # What Python prints and asks for in a call of the cell.
  defp request({:snakebridge, :stream, {_, name, text}}, _, state)
       when name in [:stdout, :stderr] and is_binary(text),
       do: {:reply, :ok, put(state, name, text)}

  defp request({:snakebridge, op, %{} = body}, _, state) when op in [:display, :comm] do
    body = Map.put(body, :cell, Map.get(body, :cell) || state.cell)
    {:reply, :ok, state |> flush() |> send_event(op, body)}
  end

  defp request({:snakebridge, :clear, {_, wait}}, _, state),
    do: {:reply, :ok, state |> flush() |> send_event(:clear, {state.cell, wait})}

  defp request({:snakebridge, :input, {_, prompt, password}}, _, state) when is_binary(prompt),
    do: {:wait, prompt, password, :line, state}

  defp request(_, _, state), do: {:reply, {:error, :request}, state}

  defp requests([request], stream, state), do: request(request, stream, state)
  defp requests([], _, state), do: {:reply, :ok, state}

  defp requests([request | rest], stream, state) do
    case request(request, stream, state) do
      {:reply, :ok, state} -> requests(rest, stream, state)
      {:reply, error, state} -> {:reply, error, state}
      # Reading in the middle of several requests: nothing in OTP or Elixir asks so.
      {:wait, _, _, _, state} -> {:reply, {:error, :request}, state}
    end
  end

  # --- output ---

  # What a port sends may end inside of a character: `into: IO.stream()` prints it as it comes.
  defp put_chars(encoding, chars, stream, %{cut: {stream, cut}} = state) when is_binary(chars) do
    state = %{state | cut: nil}

    case chars do
      <<byte, _::binary>> when byte in 0x80..0xBF -> put_chars(encoding, cut <> chars, stream, state)
      _ -> put_chars(encoding, chars, stream, put_cut(state, stream, cut))
    end
  end

  defp put_chars(encoding, chars, stream, %{cut: nil} = state) when is_binary(chars) do
    case cut_bytes(chars) do
      0 ->
        put_text(encoding, chars, stream, state)

      count ->
        {whole, cut} = :erlang.split_binary(chars, byte_size(chars) - count)
        put_text(encoding, whole, stream, %{state | cut: {stream, cut}})
    end
  end

  defp put_chars(encoding, chars, stream, %{cut: nil} = state), do: put_text(encoding, chars, stream, state)
  defp put_chars(encoding, chars, stream, state), do: put_chars(encoding, chars, stream, put_cut(state))

  # Nothing came that would make it a character.
  defp put_cut(%{cut: nil} = state), do: state
  defp put_cut(%{cut: {stream, cut}} = state), do: put_cut(%{state | cut: nil}, stream, cut)
  defp put_cut(state, stream, cut), do: put(state, stream, Render.valid(cut))

  # How many bytes at the end begin a character.
  defp cut_bytes(binary) do
    size = byte_size(binary)
    Enum.find(1..min(3, size)//1, 0, &begins_character?(binary_part(binary, size, -&1)))
  end

  defp begins_character?(<<byte>>), do: byte in 0xC2..0xF4
  defp begins_character?(<<byte, next>>), do: byte in 0xE0..0xF4 and next in 0x80..0xBF

  defp begins_character?(<<byte, next, last>>),
    do: byte in 0xF0..0xF4 and next in 0x80..0xBF and last in 0x80..0xBF

  defp put_text(encoding, chars, stream, state) do
    case to_text(encoding, chars) do
      {:ok, text} when stream == :stderr ->
        {:reply, :ok, put(state, stream, Render.without_own_frames(text, state.cell))}

      {:ok, text} ->
        {:reply, :ok, put(state, stream, text)}

      :error ->
        {:reply, {:error, :put_chars}, state}
    end
  end

  defp to_text(:latin1, chars) do
    binary = IO.iodata_to_binary(chars)
    # Bytes that are UTF-8 were meant as text (`IO.binwrite/2`); any others are characters of Latin-1.
    case :unicode.characters_to_binary(binary) do
      text when is_binary(text) -> {:ok, text}
      _ -> {:ok, :unicode.characters_to_binary(binary, :latin1)}
    end
  rescue
    ArgumentError -> to_text(:unicode, chars)
  end

  defp to_text(_, binary) when is_binary(binary), do: {:ok, Render.valid(binary)}

  defp to_text(_, chars) do
    case :unicode.characters_to_binary(chars) do
      binary when is_binary(binary) -> {:ok, binary}
      _ -> {:ok, chars |> bytes() |> IO.iodata_to_binary() |> Render.valid()}
    end
  rescue
    ArgumentError -> :error
  end

  # Characters as UTF-8; what is no character becomes a byte that is no UTF-8 either.
  defp bytes([head | tail]), do: [bytes(head) | bytes(tail)]
  defp bytes(char) when char in 0..0xD7FF or char in 0xE000..0x10FFFF, do: <<char::utf8>>
  defp bytes(char) when is_integer(char), do: <<255>>
  defp bytes(other), do: other

  defp put(state, _, ""), do: state

  defp put(%{stream: other, bytes: bytes} = state, stream, text) when stream != other and bytes > 0,
    do: state |> flush() |> put(stream, text)

  # As it is: joining it with other text would copy it.
  defp put(state, stream, text) when byte_size(text) >= @flush_bytes,
    do: %{state | stream: stream} |> flush() |> send_event(:stream, {state.cell, stream, text})

  defp put(state, stream, text) do
    state = %{state | stream: stream, buffer: [state.buffer | text], bytes: state.bytes + byte_size(text)}

    cond do
      state.bytes >= @flush_bytes -> flush(state)
      state.timer != nil -> state
      now() - state.flushed_at >= @flush_ms -> flush(state)
      true -> start_timer(state)
    end
  end

  defp start_timer(state) do
    timer = make_ref()
    Process.send_after(self(), {:flush, timer}, @flush_ms)
    %{state | timer: timer}
  end

  defp flush(%{bytes: 0} = state), do: state

  defp flush(state) do
    text = IO.iodata_to_binary(state.buffer)
    state = send_event(state, :stream, {state.cell, state.stream, text})
    %{state | buffer: [], bytes: 0, timer: nil, flushed_at: now()}
  end

  # Waits while the front end is slow, and with it everybody who prints: this bounds the memory of what is on its way.
  defp send_event(%{sink: {:lane, socket}} = state, op, body) do
    Socket.send(socket, {:ev, op, body})
    state
  end

  defp send_event(%{sink: :control} = state, op, body) do
    Host.event(op, body)
    state
  end

  # --- input ---

  defp wait(prompt, collect, state), do: {:wait, prompt_text(prompt), false, collect, state}

  defp prompt_text(prompt) do
    case prompt |> :io_lib.format_prompt(:unicode) |> :unicode.characters_to_binary() do
      text when is_binary(text) -> text
      _ -> ""
    end
  rescue
    _ -> ""
  end

  # Serves the first request that waits with what was typed, and asks for more where that is not enough.
  # `more`: what has just come, or nil.
  defp serve_waiting(%{asked: asked} = state, nil) when asked != nil, do: state

  defp serve_waiting(state, more) do
    case :queue.peek(state.waiting) do
      :empty when is_list(more) -> %{state | typed: state.typed ++ more}
      :empty -> state
      {:value, %{collect: :line} = waiting} -> serve_line(waiting, state, more)
      {:value, waiting} -> collect(waiting, state, more)
    end
  end

  defp collect(waiting, %{typed: []} = state, nil), do: ask(state, waiting)

  defp collect(waiting, state, more) do
    data = if is_list(more), do: state.typed ++ more, else: typed_or(state.typed, more)
    state = %{state | typed: []}

    case continue(waiting, data) do
      {:done, answer, rest} -> answered(state, waiting, answer, rest)
      {:more, waiting} when more == :eof and data != :eof -> collect(waiting, state, :eof)
      {:more, waiting} -> state |> put_first(waiting) |> ask(%{waiting | prompt: ""})
    end
  end

  defp typed_or([], more), do: more
  defp typed_or(typed, _), do: typed

  defp continue(%{collect: {function, argument}} = waiting, data) do
    case apply(:io_lib, function, [Map.get(waiting, :continuation, :start), data, :unicode, argument]) do
      {:stop, answer, rest} -> {:done, answer, rest}
      continuation -> {:more, Map.put(waiting, :continuation, continuation)}
    end
  rescue
    _ -> {:done, {:error, :request}, []}
  end

  # Python's `input` takes one line, never the rest of another.
  defp serve_line(waiting, state, nil), do: ask(state, waiting)
  defp serve_line(waiting, state, :eof), do: answered(state, waiting, :eof, state.typed)

  defp serve_line(waiting, state, line) do
    text = line |> List.to_string() |> String.trim_trailing("\n")
    answered(state, waiting, {:ok, text}, state.typed)
  end

  defp answered(state, waiting, answer, rest) do
    send(waiting.from, {:io_reply, waiting.reply_as, to_answer(waiting.collect, answer)})
    typed = if is_list(rest), do: rest, else: []
    serve_waiting(%{state | waiting: :queue.drop(state.waiting), typed: typed}, nil)
  end

  # What `get_until` collects is a term of its caller's; lines and characters are text.
  defp to_answer({collect, _}, [_ | _] = chars) when collect != :get_until,
    do: :unicode.characters_to_binary(chars)

  defp to_answer(_, answer), do: answer

  defp put_first(state, waiting), do: %{state | waiting: :queue.in_r(waiting, :queue.drop(state.waiting))}

  # Nobody can be asked for a cell that has ended.
  defp ask(%{sink: :control} = state, _), do: fail_waiting(state, :eof)

  defp ask(%{sink: {:lane, socket}} = state, waiting) do
    state = flush(state)
    id = System.unique_integer([:positive])
    Socket.send(socket, {:req, id, :input, {state.cell, waiting.prompt, waiting.password}})
    %{state | asked: id}
  end

  defp fail_waiting(state, answer) do
    for waiting <- :queue.to_list(state.waiting),
        do: send(waiting.from, {:io_reply, waiting.reply_as, answer})

    %{state | waiting: :queue.new(), asked: nil}
  end

  defp now, do: System.monotonic_time(:millisecond)
end

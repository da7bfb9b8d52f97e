defmodule SnakeBridge.SocketTest do
  @moduledoc "Frames over real sockets; the golden files of the protocol."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Socket, TestJSON}

  @golden Path.expand("../../../tests/golden/frames", __DIR__)

  setup do
    folder = Path.join(System.tmp_dir!(), "sb-test-#{System.unique_integer([:positive])}")
    File.mkdir!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    path = Path.join(folder, "s")
    {:ok, listener} = Socket.listen(path)
    {:ok, near} = Socket.connect(path)
    {:ok, far} = Socket.accept(listener, 1_000)
    %{near: near, far: far}
  end

  defp bytes(%{port: port}, bytes), do: :ok = :gen_tcp.send(port, bytes)

  defp manifest, do: @golden |> Path.join("manifest.json") |> File.read!() |> TestJSON.decode!()

  # The notation of the manifest.
  defp term(%{"atom" => name}), do: String.to_atom(name)
  defp term(%{"int" => digits}), do: String.to_integer(digits)
  defp term(%{"float" => number}), do: number / 1
  defp term(%{"bytes" => hex}), do: Base.decode16!(hex, case: :lower)
  defp term(%{"tuple" => items}), do: items |> term() |> List.to_tuple()
  defp term(%{"map" => pairs}), do: Map.new(pairs, fn [key, value] -> {term(key), term(value)} end)
  defp term(%{"opaque" => hex}), do: :erlang.binary_to_term(<<131>> <> Base.decode16!(hex, case: :lower))
  defp term(list) when is_list(list), do: Enum.map(list, &term/1)
  defp term(other), do: other

  test "every golden frame is read as the manifest says, and written so that it is read the same", context do
    messages = manifest()["messages"]
    assert length(messages) > 50

    Enum.reduce(messages, {context.near, context.far}, fn message, {near, far} ->
      expected = term(message["term"])
      bytes(near, File.read!(Path.join(@golden, message["file"])))
      assert {:ok, ^expected, far} = Socket.recv(far, 1_000)
      :ok = Socket.send(far, expected)
      assert {:ok, ^expected, near} = Socket.recv(near, 1_000)
      {near, far}
    end)
  end

  test "malformed golden frames are reported, or end the connection", %{near: near, far: far} do
    for %{"reaction" => reaction, "file" => file} <- manifest()["malformed"],
        file != "bad_end_inside.frame",
        reduce: far do
      far ->
        bytes(near, File.read!(Path.join(@golden, file)))

        case reaction do
          "close" ->
            assert {:error, {:too_long, _}} = Socket.recv(far, 1_000)
            far

          # What is wrong with an answerable request is for those who know the messages.
          "answer" ->
            assert {kind, _, far} = Socket.recv(far, 1_000)
            assert kind in [:ok, :malformed]
            far

          "report" ->
            assert {kind, _, far} = Socket.recv(far, 1_000)
            assert kind in [:ok, :malformed]
            far
        end
    end
  end

  test "frames arrive whole, however they are cut", %{near: near, far: far} do
    frames = for term <- [:a, {1, "two"}, Enum.to_list(1..500)], do: :erlang.term_to_binary(term)
    stream = for(body <- frames, into: <<>>, do: <<byte_size(body)::32, body::binary>>)

    for size <- [1, 3, 5, 100, byte_size(stream)], reduce: far do
      far ->
        # By one process, so that they come in their order.
        spawn_link(fn -> for part <- chunks(stream, size), do: bytes(near, part) end)
        assert {:ok, :a, far} = Socket.recv(far, 10_000)
        assert {:ok, {1, "two"}, far} = Socket.recv(far, 10_000)
        assert {:ok, [1 | _], far} = Socket.recv(far, 10_000)
        far
    end
  end

  test "the same as messages", %{near: near, far: far} do
    body = :erlang.term_to_binary(%{text: String.duplicate("x", 300_000)})
    stream = for(_ <- 1..3, into: <<>>, do: <<byte_size(body)::32, body::binary>>)
    :ok = Socket.active(far)
    spawn_link(fn -> for part <- chunks(stream, 70_001), do: bytes(near, part) end)
    assert {frames, far} = collect(far, 3, [])
    assert [{:ok, %{text: text}}, _, _] = frames
    assert byte_size(text) == 300_000
    bytes(near, <<5::32, "junk!">>)
    assert {[{:malformed, _}], far} = collect(far, 1, [])
    Socket.close(near)
    assert_receive {:tcp_closed, _} = message
    assert Socket.message(far, message) == {:closed, :closed}
    assert Socket.message(far, :other) == :unknown
  end

  defp chunks(<<>>, _), do: []
  defp chunks(bytes, size) when byte_size(bytes) <= size, do: [bytes]

  defp chunks(bytes, size),
    do: [binary_part(bytes, 0, size) | chunks(binary_part(bytes, size, byte_size(bytes) - size), size)]

  defp collect(socket, wanted, frames) when length(frames) >= wanted, do: {frames, socket}

  defp collect(socket, wanted, frames) do
    receive do
      message ->
        assert {:ok, more, socket} = Socket.message(socket, message)
        collect(socket, wanted, frames ++ more)
    after
      2_000 -> flunk("only #{length(frames)} frames came")
    end
  end

  test "a frame of more than 64 MB passes", %{near: near, far: far} do
    big = :binary.copy("x", 70_000_000)
    spawn_link(fn -> :ok = Socket.send(near, {:big, big}) end)
    assert {:ok, {:big, got}, _} = Socket.recv(far, 20_000)
    assert byte_size(got) == 70_000_000
  end

  test "a large binary at the end of a frame is not mistaken, and what only looks like one neither" do
    data = :binary.copy(<<0, 1, 2, 109>>, 50_000)
    size = byte_size(data)

    # What could pass for the head of a binary that reaches to the end, in other data.
    decoy = fn left -> <<109, left::32>> end

    terms = [
      data,
      {:ok, 1, data},
      {:ok, 1, {:"$tagged", {:"$array", :u8, {size}, data}}},
      {:ok, "", data},
      {data, <<>>},
      {data, data},
      [data],
      {:ok, [data]},
      %{"a" => data},
      {:ok, %{a: data}},
      {decoy.(size + 10) <> data, 1.0},
      {decoy.(size) <> data},
      {:ok, decoy.(size + 5), data},
      {:ok, decoy.(size + 5) <> <<0::40>>, data},
      {binary_part(decoy.(0), 0, 3), [], data},
      {1.0e300, 2 ** 600, data}
    ]

    for term <- terms, active? <- [false, true] do
      {near, far} = pair()
      send_all = Task.async(fn -> Socket.send(near, term) end)

      assert ^term =
               if(active?, do: first_message(far), else: far |> Socket.recv(5_000) |> elem(1))

      assert Task.await(send_all) == :ok
    end

    # Bytes that are no term are still none.
    {near, far} = pair()
    bytes(near, <<size + 9::32, 131, 104, 2, 200, decoy.(size)::binary, data::binary>>)
    assert {:malformed, _, _} = Socket.recv(far, 5_000)
  end

  defp first_message(socket) do
    Socket.active(socket)
    receive_one(socket)
  end

  defp receive_one(socket) do
    assert_receive {:tcp, _, _} = message, 5_000

    case Socket.message(socket, message) do
      {:ok, [{:ok, term}], _} -> term
      {:ok, [], socket} -> receive_one(socket)
    end
  end

  test "the end inside a frame, and a close from elsewhere, end the wait", %{near: near, far: far} do
    waiting = Task.async(fn -> Socket.recv(far) end)
    bytes(near, <<100::32, "part">>)
    Socket.close(near)
    assert {:error, :cut} = Task.await(waiting)

    {near, far} = pair()
    waiting = Task.async(fn -> Socket.recv(far) end)
    Process.sleep(20)
    Socket.close(far)
    assert {:error, _} = Task.await(waiting, 1_000)
    assert {:error, _} = Socket.send(far, :x)
    _ = near
  end

  test "the rest of a frame that does not come is not waited for, however long the answer may take",
       context do
    %{near: near, far: far} = context
    bytes(near, <<100::32, "part">>)
    assert {:error, :silent} = Socket.recv(%{far | silence: 20})
    {near, far} = pair()
    bytes(near, <<0, 0>>)
    assert {:error, :silent} = Socket.recv(%{far | silence: 20}, 5_000)
    {near, far} = pair()
    bytes(near, <<100::32, "part">>)
    # The caller has less time than that.
    assert {:error, :timeout} = Socket.recv(far, 20)
  end

  test "an atom that this VM does not know is none, where the worker is its own", %{near: near, far: far} do
    far = %{far | known_atoms: true}
    name = "no_such_atom_#{System.unique_integer([:positive])}"
    frame = <<131, 119, byte_size(name), name::binary>>
    bytes(near, <<byte_size(frame)::32, frame::binary>>)
    assert {:malformed, text, far} = Socket.recv(far)
    assert text =~ "holds no term of the protocol"
    assert_raise ArgumentError, fn -> String.to_existing_atom(name) end

    # All that a worker sends is known, whatever else is loaded.
    known = MapSet.new(Socket.atoms())

    for message <- manifest()["messages"],
        message["from"] == "worker" and message["connection"] not in ["host_main", "host_own"],
        message["name"] != "pong",
        atom <- atoms(message["term"]) do
      assert String.to_atom(atom) in known, "#{atom} in #{message["name"]}"
    end

    _ = far
  end

  @exceptions Path.expand("../../../bridge-core/src/exception.rs", __DIR__)

  test "the dtypes and reasons that a worker may send are known, whatever else is loaded" do
    [_, reasons] = Regex.run(~r/const REASONS: .*? = \[(.*?)\]/s, File.read!(@exceptions))

    reasons =
      for [name] <- Regex.scan(~r/"(\w+)"/, reasons, capture: :all_but_first), do: String.to_atom(name)

    assert :ref_gone in reasons
    assert (SnakeBridge.Array.dtypes() ++ reasons) -- Socket.atoms() == []
    assert Enum.uniq(Socket.atoms()) == Socket.atoms()
  end

  # Those of a term in the notation of the manifest, but for what is data of Elixir's.
  defp atoms(%{"atom" => name}), do: [name]
  defp atoms(%{"tuple" => [%{"atom" => "$term"} | _]}), do: []
  defp atoms(%{"tuple" => items}), do: atoms(items)
  defp atoms(%{"map" => pairs}), do: pairs |> List.flatten() |> atoms()
  defp atoms(list) when is_list(list), do: Enum.flat_map(list, &atoms/1)
  defp atoms(_), do: []

  defp pair do
    path = Path.join(System.tmp_dir!(), "sb-pair-#{System.unique_integer([:positive])}")
    {:ok, listener} = Socket.listen(path)
    {:ok, near} = Socket.connect(path)
    {:ok, far} = Socket.accept(listener, 1_000)
    File.rm!(path)
    {near, far}
  end

  test "hello: the same version, another one, nonsense", %{near: near, far: far} do
    accept = Task.async(fn -> Socket.answer_hello(far, %{peer: :host}) end)
    assert {:ok, %{peer: :host}, near} = Socket.hello(near, %{peer: :beam})
    assert {:ok, %{peer: :beam}, far} = Task.await(accept)

    accept = Task.async(fn -> Socket.answer_hello(far, %{peer: :host}) end)
    :ok = Socket.send(near, {:hello, 99, %{}})
    assert {:error, %BridgeError{reason: :version} = error} = Task.await(accept)
    assert Exception.message(error) =~ "hint: reinstall"
    assert {:ok, {:error, 0, {:bridge, :version, _, _}}, near} = Socket.recv(near)

    :ok = Socket.send(far, {:error, 0, {:bridge, :version, "no", "hint"}})
    assert {:error, %BridgeError{message: "no", hint: "hint"}} = Socket.hello(near, %{})
  end
end

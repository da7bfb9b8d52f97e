defmodule SnakeBridge.AccessTest do
  @moduledoc "Who may reach a worker: this user alone."
  use ExUnit.Case, async: true

  import Bitwise, only: [&&&: 2]

  alias SnakeBridge.{Session, Socket, Worker}

  @moduletag :capture_log

  # Only root can be somebody else. On Linux alone are peers asked who they are.
  @root match?({:unix, :linux}, :os.type()) and match?({:ok, %{uid: 0}}, File.stat("/proc/self"))
  @nobody 65_534

  setup context do
    session = Module.concat(__MODULE__, "S#{:erlang.phash2(context.test)}")
    start_supervised!({Session, name: session})
    assert SnakeBridge.call!("math", "sqrt", [16], [], session: session) == 4.0
    %{session: session, path: :sys.get_state(session).worker.path}
  end

  defp mode(path), do: File.stat!(path).mode &&& 0o777

  test "the folder of a worker's sockets is open to its user alone, and so is the socket", %{path: path} do
    assert mode(Path.dirname(path)) == 0o700
    assert mode(path) == 0o600
  end

  # As another user: connects, and says what comes.
  defp visit(path) do
    {:ok, python} = Worker.python()

    source = """
    import os, socket, sys
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    os.setgid(#{@nobody}); os.setuid(#{@nobody})
    try:
        peer.connect(sys.argv[1])
        print(len(peer.recv(100)), "bytes")
    except OSError as error:
        print(type(error).__name__)
    """

    {text, 0} = System.cmd(python, ["-I", "-c", source, path], cd: "/")
    String.trim(text)
  end

  @tag skip: not @root
  test "another user is kept out by the folder, and past it by who he is", %{session: session, path: path} do
    assert visit(path) == "PermissionError"
    File.chmod!(Path.dirname(path), 0o711)
    File.chmod!(path, 0o666)
    # Hung up on, without a word.
    assert visit(path) in ["0 bytes", "ConnectionResetError"]
    assert SnakeBridge.call!("math", "sqrt", [16], [], session: session) == 4.0
  end

  @tag skip: not @root
  test "another user is no worker either" do
    folder = Path.join("/tmp", "sb-access-#{System.unique_integer([:positive])}")
    File.mkdir!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    path = Path.join(folder, "s")
    {:ok, listener} = Socket.listen(path)
    File.chmod!(path, 0o666)
    accepting = Task.async(fn -> Socket.accept(listener, 10_000) end)
    assert visit(path) in ["0 bytes", "ConnectionResetError"]
    assert Task.await(accepting) == {:error, :eacces}
  end
end

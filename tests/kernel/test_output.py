"""Output: joined but prompt, whole characters, in order, of the right cell, lossless, and within bounded memory."""

import contextlib
import os
import re
import statistics
import threading
import time

import pytest
import zmq
from jupyter_client import BlockingKernelClient

pytestmark = pytest.mark.row(5)


def children(pid):
    """All processes below that one."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as file:
            found += [int(child) for child in file.read().split()]
    return found + [below for child in found for below in children(child)]


def memory(pid):
    """The resident memory of a kernel and of all below it, in MB."""
    total = 0
    for process in [pid, *children(pid)]:
        with contextlib.suppress(OSError), open(f"/proc/{process}/statm") as file:
            total += int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total / 1e6


def second_client(own):
    """Another client of the same kernel."""
    client = BlockingKernelClient(connection_file=own.manager.connection_file)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    return client


def streams(messages, name="stdout"):
    """All text on a stream."""
    return "".join(
        content["text"] for kind, content, *_ in messages if kind == "stream" and content["name"] == name
    )


@pytest.mark.row(4)
@pytest.mark.parametrize(
    "code",
    [
        "%%python\nimport time\nfor i in range(200):\n    print(time.time()); time.sleep(0.005)",
        "for _ <- 1..200 do\n  IO.puts(System.os_time(:microsecond) / 1.0e6)\n  Process.sleep(5)\nend; :ok",
    ],
)
def test_lines_are_joined_and_come_soon(elixir, code):
    elixir.run("1")
    elixir.run("%%python\n1")
    delays, texts = [], []

    def hook(message):
        if message["msg_type"] == "stream":
            text = message["content"]["text"]
            texts.append(text)
            delays.extend(time.time() - float(line) for line in text.split())

    elixir.client.execute_interactive(code, output_hook=hook, timeout=60)
    assert len(delays) == 200
    assert all(text.endswith("\n") for text in texts)
    # Not a message for each line, nor all at the end; the times are the test's as well, on a machine that is busy.
    assert 10 < len(texts) <= 200
    assert statistics.median(delays) < 0.1


@pytest.mark.row(4)
@pytest.mark.parametrize(
    "write",
    [
        "sys.stdout.buffer.write(byte); sys.stdout.buffer.flush()",
        "os.write(1, byte)",
        "libc.write(1, byte, 1)",
        "libc.printf(b'%c', byte[0]); libc.fflush(None)",
        "child.stdin.write(byte); child.stdin.flush()",
    ],
)
def test_no_character_is_cut(python, write):
    _, messages = python.run(
        "import sys, os, ctypes, time, subprocess\nlibc = ctypes.CDLL(None)\n"
        "child = subprocess.Popen(['cat'], stdin=subprocess.PIPE)\n"
        "for n, byte in enumerate('añ日𝄞'.encode() * 100):\n"
        f"    byte = bytes([byte]); {write}\n    time.sleep(0.04 if n % 97 == 1 else 0)\n"
        "child.stdin.close(); child.wait()"
    )
    assert streams(messages) == "añ日𝄞" * 100


@pytest.mark.row(4)
def test_no_character_of_a_port_is_cut(elixir):
    _, messages = elixir.run(
        r"""System.cmd("sh", ["-c", "printf 'd\\303'; sleep 0.1; printf '\\251ja vu\\n'"], into: IO.stream())"""
    )
    assert streams(messages) == "déja vu\n"


@pytest.mark.row(4)
def test_streams_displays_and_results_keep_their_order(python):
    _, messages = python.run(
        "import sys\nfrom IPython.display import display\n"
        "for i in range(50):\n"
        "    print('o', i); print('e', i, file=sys.stderr); display(i)\n"
        "'end'"
    )
    seen = []
    for kind, content, _ in messages:
        if kind == "stream":
            seen += [line + " " + content["name"] for line in content["text"].splitlines()]
        else:
            seen.append(kind)
    expected = []
    for i in range(50):
        expected += [f"o {i} stdout", f"e {i} stderr", "display_data"]
    assert seen == [*expected, "execute_result"]


@pytest.mark.row(6)
@pytest.mark.parametrize(
    "code",
    [
        "%%python\nimport threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.5), print('late'))).start()",
        "%%python\nimport asyncio\nasync def later():\n    await asyncio.sleep(0.5); print('late')\n"
        "task = asyncio.ensure_future(later())",
        "%%python\nimport asyncio\n"
        "handle = asyncio.get_running_loop().call_later(0.5, lambda: print('late'))",
        "%%python\nfrom concurrent.futures import ThreadPoolExecutor\nimport time\n"
        "pool = ThreadPoolExecutor(1)\nf = pool.submit(lambda: (time.sleep(0.5), print('late')))",
        '_ = Task.async(fn -> Process.sleep(500); IO.puts("late") end)',
        '_ = spawn(fn -> Process.sleep(500); IO.puts("late") end)',
        '_ = spawn(fn -> Process.sleep(500); SnakeBridge.call("builtins", "print", ["late"]) end)',
    ],
)
def test_what_comes_late_belongs_to_the_cell_that_started_it(elixir, code):
    request = elixir.client.execute(code)
    elixir.iopub(request)
    elixir.shell()
    for other in ("IO.puts(1)", "%%python\nprint(2)"):
        elixir.run(other)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message = elixir.client.get_iopub_msg(timeout=20)
        if message["msg_type"] == "stream" and "late" in message["content"]["text"]:
            assert message["parent_header"]["msg_id"] == request
            return
    raise AssertionError("it did not come")


FLOODS = [
    "%%python\nwhile True: print('x' * 100)",
    'Stream.repeatedly(fn -> IO.puts("xxxx") end) |> Stream.run()',
]


@pytest.mark.row(3)
@pytest.mark.parametrize("reading", ["all", "slowly", "nothing"])
@pytest.mark.parametrize("code", FLOODS)
def test_an_endless_print_is_bounded_and_can_be_interrupted(own, code, reading):
    own.run("%%python\nkept = 1")
    own.run("1")
    pid = own.manager.provisioner.process.pid
    before = memory(pid)
    request = own.client.execute(code)
    own.iopub(request, until="busy")
    seconds = float(os.environ.get("FLOOD_SECONDS", "4"))
    deadline = time.monotonic() + seconds
    most = before
    while time.monotonic() < deadline:
        if reading == "nothing":
            time.sleep(0.1)
        else:
            with contextlib.suppress(Exception):
                own.client.get_iopub_msg(timeout=0.1)
            time.sleep(0.05 if reading == "slowly" else 0)
        most = max(most, memory(pid))
    assert most - before < 150
    # A client whose output waits gets answers all the same.
    own.client.kernel_info()
    assert own.shell(timeout=10)["content"]["status"] == "ok"
    own.manager.interrupt_kernel()
    # The cell's answer comes behind its output: for a client that has read nothing, when it reads.
    messages = own.iopub(request, timeout=30)
    reply = own.shell()
    assert reply["content"]["status"] == "error"
    assert [kind for kind, _ in messages if kind == "error"] == ["error"]
    assert own.text("kept + 1")[1] == "2"


class Stalled:
    """A client that subscribes and never reads."""

    def __init__(self, own):
        info = own.client.get_connection_info()
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, 1)
        self.socket.setsockopt(zmq.RCVBUF, 4096)
        self.socket.subscribe(b"")
        self.socket.connect(f"tcp://{info['ip']}:{info['iopub_port']}")
        # Its subscription has taken effect.
        assert self.socket.poll(10_000)

    def close(self):
        self.socket.close(0)
        self.context.term()


@pytest.mark.row(3)
def test_a_client_that_stalls_is_given_up_and_the_others_get_all(own):
    stalled = Stalled(own)
    pid = own.manager.provisioner.process.pid
    before = memory(pid)
    _, messages = own.run("%%python\nfor i in range(30): print(str(i % 10) * 1_000_000)")
    assert streams(messages) == "".join(str(i % 10) * 1_000_000 + "\n" for i in range(30))
    assert memory(pid) - before < 150
    # It is not waited for again.
    begun = time.monotonic()
    _, messages = own.run("%%python\nfor i in range(30): print(str(i % 10) * 1_000_000)")
    assert len(streams(messages)) == 30_000_030
    assert time.monotonic() - begun < 8
    # What it had not read yet, and then a new connection's welcome.
    deadline = time.monotonic() + 30
    welcomes = 0
    while welcomes < 2 and time.monotonic() < deadline:
        if stalled.socket.poll(5000):
            welcomes += any(b"iopub_welcome" in frame for frame in stalled.socket.recv_multipart())
    assert welcomes == 2
    stalled.close()


@pytest.mark.row(3)
def test_a_client_that_goes_in_the_midst_of_a_flood_changes_nothing(own):
    stalled = Stalled(own)
    timer = threading.Timer(1.0, stalled.close)
    timer.start()
    _, messages = own.run("%%python\nfor i in range(300_000): print(i, 'x' * 90)")
    assert len(streams(messages).splitlines()) == 300_000
    timer.join()


@pytest.mark.row(2)
def test_clients_that_come_late_are_welcomed_and_see_what_comes(own):
    own.run("1")
    late = second_client(own)
    request = own.client.execute('IO.puts("both")')
    for client in (own.client, late):
        texts = []
        while True:
            message = client.get_iopub_msg(timeout=20)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "stream":
                texts.append(message["content"]["text"])
            if message["content"].get("execution_state") == "idle":
                break
        assert texts == ["both\n"]
    late.stop_channels()


@pytest.mark.row(7)
def test_each_of_several_clients_gets_its_own_answers(own):
    clients = [own.client, *(second_client(own) for _ in range(3))]
    failures = []

    def use(number, client):
        try:
            for turn in range(15):
                language = "%%python\n" if turn % 2 else ""
                request = client.execute(f"{language}{number} * 1000 + {turn}")
                reply = client.get_shell_msg(timeout=60)
                assert reply["parent_header"]["msg_id"] == request
                assert reply["content"]["status"] == "ok"
                result = None
                while True:
                    message = client.get_iopub_msg(timeout=60)
                    if message["parent_header"].get("msg_id") != request:
                        continue
                    if message["msg_type"] == "execute_result":
                        result = message["content"]["data"]["text/plain"]
                    if message["content"].get("execution_state") == "idle":
                        break
                assert re.sub(r"\x1b\[[0-9;]*m", "", result) == str(number * 1000 + turn)
        except BaseException as failure:
            failures.append((number, failure))

    threads = [threading.Thread(target=use, args=pair) for pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for client in clients[1:]:
        client.stop_channels()


@pytest.mark.row(3)
@pytest.mark.parametrize(
    "code",
    ["%%python\nprint('0123456789' * 5_000_000)", 'IO.puts(String.duplicate("0123456789", 5_000_000))'],
)
def test_fifty_megabytes_arrive(elixir, code):
    _, messages = elixir.run(code)
    assert streams(messages) == "0123456789" * 5_000_000 + "\n"


@pytest.mark.row(5)
def test_no_line_of_elixir_is_lost(elixir):
    _, messages = elixir.run("for i <- 1..100_000, do: IO.puts(i); :ok")
    assert streams(messages).split() == [str(i) for i in range(1, 100_001)]


@pytest.mark.row(3)
def test_large_displays_arrive_within_bounded_memory(own):
    own.run("%%python\n1")
    pid = own.manager.provisioner.process.pid
    before, most, count = memory(pid), 0, 0

    def hook(message):
        nonlocal most, count
        if message["msg_type"] == "display_data":
            assert len(message["content"]["data"]["text/html"]) == 1_000_000
            count += 1
            if count % 20 == 0:
                most = max(most, memory(pid))

    own.client.execute_interactive(
        "%%python\nfrom IPython.display import display\n"
        "for i in range(300): display({'text/html': 'x' * 1_000_000}, raw=True)",
        output_hook=hook,
        timeout=120,
    )
    assert count == 300
    assert most - before < 150


def test_sockets_may_be_files(installed):
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="test-python", transport="ipc")
    for _ in range(2):
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        assert client.execute_interactive("1", timeout=30)["content"]["status"] == "ok"
        client.stop_channels()
        # Killed, it leaves its files; the next one listens at the same paths.
        process = manager.provisioner.process
        process.kill()
        process.wait()
    manager.cleanup_resources()

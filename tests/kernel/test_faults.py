"""Faults: processes that are killed, languages that are missing, messages that are none."""

import contextlib
import json
import os
import random
import signal
import socket
import struct
import time
from pathlib import Path

import pytest
from conftest import Client
from jupyter_client.manager import KernelManager
from test_restart import below, wait_for_the_end

TYPES = [
    *("execute_request", "complete_request", "inspect_request", "is_complete_request", "history_request"),
    *("comm_info_request", "kernel_info_request", "comm_open", "comm_msg", "comm_close", "usage_request"),
    *(
        "interrupt_request",
        "debug_request",
        "connect_request",
        "create_subshell_request",
        "list_subshell_request",
    ),
    *("delete_subshell_request", "input_reply", "unheard_of_request", "unheard_of", ""),
]


def looked_up(pid, name):
    """The process of that name below a kernel, if it is there."""
    for process in below(pid):
        with contextlib.suppress(OSError):
            if name in Path(f"/proc/{process}/comm").read_text():
                return process
    return None


def named(pid, name):
    """The process of that name below a kernel."""
    process = looked_up(pid, name)
    assert process is not None, f"no {name} below {pid}"
    return process


RUNNING = {
    "idle": None,
    "computing": {
        "python": "%%python\nimport time; time.sleep(60)",
        "beam": "Process.sleep(60_000)",
    },
    "printing": {
        "python": "%%python\nwhile True: print('x' * 100)",
        "beam": 'Stream.repeatedly(fn -> IO.puts("xxxx") end) |> Stream.run()',
    },
}


@pytest.mark.row(22)
@pytest.mark.parametrize("victim", ["python", "beam"])
@pytest.mark.parametrize("running", RUNNING)
def test_a_killed_process_ends_its_cell_alone(own, victim, running):
    own.run("of_elixir = 1")
    own.run("%%python\nof_python = 1")
    pid = own.manager.provisioner.process.pid
    request = None
    if RUNNING[running]:
        request = own.client.execute(RUNNING[running][victim])
        own.iopub(request, until="busy")
        time.sleep(0.5)
    os.kill(named(pid, victim), signal.SIGKILL)
    lost = f"of_{'python' if victim == 'python' else 'elixir'}"
    if request:
        messages = own.iopub(request)
        reply = own.shell()["content"]
        assert reply["status"] == "error"
        assert "killed by signal 9 (SIGKILL)" in reply["evalue"]
        # Front ends show these lines alone.
        assert reply["traceback"][0] == f"{reply['ename']}: {reply['evalue']}"
        assert "hint: " in reply["traceback"][-1]
        said = "".join(content["text"] for kind, content in messages[-200:] if kind == "stream")
        assert f"Names lost: {lost}" in said
    else:
        deadline = time.monotonic() + 20
        while True:
            assert time.monotonic() < deadline
            message = own.client.get_iopub_msg(timeout=20)
            if message["msg_type"] == "stream" and f"Names lost: {lost}" in message["content"]["text"]:
                break
    assert own.text("1 + 1")[1] == "2"
    assert own.text("%%python\nprint(2)")[0] == "2\n"
    kept = ("%%python\nprint(of_python)", "1\n") if victim == "beam" else ("IO.puts(of_elixir)", "1\n")
    assert own.text(kept[0])[0] == kept[1]


@pytest.mark.row(22)
def test_without_its_guard_a_kernel_goes_on(own):
    own.run("1")
    pid = own.manager.provisioner.process.pid
    os.kill(named(pid, "sh"), signal.SIGKILL)
    assert own.run("%%python\nimport os; os._exit(1)")[0]["status"] == "error"
    assert own.text("%%python\nprint(1)")[0] == "1\n"


@pytest.mark.row(24)
@pytest.mark.parametrize("running", [None, *RUNNING["computing"].values(), *RUNNING["printing"].values()])
def test_nothing_is_left_of_a_kernel_that_was_killed(own, running):
    own.run("1")
    own.run("%%python\nimport subprocess; child = subprocess.Popen(['sleep', '1000'])")
    process = own.manager.provisioner.process
    if running:
        own.iopub(own.client.execute(running), until="busy")
        time.sleep(0.3)
    everybody = below(process.pid)
    assert len(everybody) >= 4
    process.kill()
    process.wait()
    wait_for_the_end(everybody)
    places = ["/tmp", os.environ.get("XDG_RUNTIME_DIR", "/tmp")]
    deadline = time.monotonic() + 10
    while [left for place in places for left in Path(place).glob(f"snakebridge-{process.pid}-*")]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.row(22)
@pytest.mark.parametrize("victim", ["python", "beam", "sh"])
@pytest.mark.parametrize("later", [0, 0.1, 0.3])
def test_a_process_that_is_killed_while_it_starts(installed, victim, later):
    manager = KernelManager(kernel_name="test-elixir")
    manager.start_kernel()
    pid = manager.provisioner.process.pid
    deadline = time.monotonic() + 20
    while (found := looked_up(pid, victim)) is None:
        assert time.monotonic() < deadline
    time.sleep(later)
    os.kill(found, signal.SIGKILL)
    client = Client.of(manager)
    try:
        for code in ("1 + 1", "%%python\n1 + 1"):
            if client.run(code)[0]["status"] == "error":
                # It was that one's start which failed; the next use starts another.
                assert client.run(code)[0]["status"] == "ok"
            assert client.text(code)[1] == "2"
    finally:
        client.stop()


@pytest.mark.row(24)
def test_nothing_is_left_of_a_kernel_that_is_killed_while_it_starts(installed):
    manager = KernelManager(kernel_name="test-elixir")
    manager.start_kernel()
    process = manager.provisioner.process
    deadline = time.monotonic() + 20
    while looked_up(process.pid, "beam") is None:
        assert time.monotonic() < deadline
    everybody = below(process.pid)
    process.kill()
    process.wait()
    wait_for_the_end(everybody)
    manager.cleanup_resources()


@pytest.mark.row(22)
@pytest.mark.parametrize("missing", ["python", "elixir"])
def test_one_language_does_without_the_other(installed, missing):
    spec = installed / "kernels" / f"without-{missing}"
    kernel = json.loads((installed / "kernels/test-elixir/kernel.json").read_text())
    kernel["argv"][3:3] = [f"--{missing}", f"/nowhere/{missing}"]
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps(kernel))
    client = Client(spec.name)
    codes = {"python": "%%python\n1 + 1", "elixir": "%%elixir\n1 + 1"}
    reply, messages = client.run(codes[missing])
    assert reply["status"] == "error"
    assert "hint: " in reply["traceback"][-1]
    assert [kind for kind, _, _ in messages] == ["error"]
    (other,) = {"python", "elixir"} - {missing}
    assert client.text(codes[other])[1] == "2"
    client.stop()


CONTENTS = [
    None,
    [],
    {},
    1,
    "text",
    {"code": None},
    {"code": 7, "silent": "x", "store_history": [], "user_expressions": 3},
    {"code": "1", "cursor_pos": -1},
    {"code": "1", "cursor_pos": 10**30, "detail_level": "x"},
    {"comm_id": 1, "target_name": {}, "data": 3},
    {"comm_id": "c", "target_name": "t", "data": [[]]},
    {"hist_access_type": "x", "n": -5, "session": "y", "start": [], "stop": {}},
    {"value": {"a": 1}},
    {"subshell_id": 5},
]


@pytest.mark.row(25)
def test_a_thousand_messages_that_make_no_sense(own):
    client, chance = own.client, random.Random(7)
    own.run("%%python\nkept = 1")
    channels = [client.shell_channel.socket, client.control_channel.socket, client.stdin_channel.socket]
    deep = b'{"code": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    sent = 0
    for socket_ in channels:
        for msg_type in TYPES:
            for content in CONTENTS:
                message = client.session.msg(msg_type, {})
                message["content"] = json.dumps(content)
                if chance.random() < 0.3:
                    message["metadata"] = chance.choice([None, [], 3])
                client.session.send(socket_, message)
                sent += 1
        for _ in range(60):
            frames = [
                chance.randbytes(chance.choice([0, 1, 20, 70_000])) for _ in range(chance.randrange(1, 12))
            ]
            socket_.send_multipart(frames)
            frames.insert(chance.randrange(len(frames) + 1), b"<IDS|MSG>")
            socket_.send_multipart(frames)
            sent += 2
        header = json.dumps(client.session.msg_header("execute_request"), default=str).encode()
        for content in (deep, b"\xff\xfe{", b'{"code": "\xc3\x28"}', b"{" * 10, b""):
            parts = [header, b"{}", b"{}", content]
            socket_.send_multipart([b"<IDS|MSG>", client.session.sign(parts), *parts])
            sent += 1
    message = client.session.msg("execute_request", {"code": "1"})
    frames = client.session.serialize(message)
    for _ in range(20):
        client.shell_channel.socket.send_multipart(frames)
    assert sent > 1000
    deadline = time.monotonic() + 120
    while True:
        request = client.execute("%%python\nprint(kept + 1)")
        found = [content for kind, content in own.iopub(request, timeout=120) if kind == "stream"]
        if "".join(content["text"] for content in found) == "2\n":
            break
        # What was sent before had it called off, or restarted nothing.
        assert time.monotonic() < deadline
    client.hb_channel.unpause()
    time.sleep(1.5)
    assert client.hb_channel.is_beating()


def greeting(kind):
    """How a peer of ZeroMQ begins."""
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    begin = bytearray(64)
    begin[0], begin[9], begin[10], begin[12:16] = 0xFF, 0x7F, 3, b"NULL"
    return bytes(begin) + bytes([4, len(body)]) + body


@pytest.mark.row(25)
def test_bytes_that_are_no_zeromq_end_their_connection_alone(own):
    info, chance = own.client.get_connection_info(), random.Random(3)
    ports = {"shell": b"DEALER", "control": b"DEALER", "stdin": b"DEALER", "iopub": b"SUB", "hb": b"REQ"}
    for name, kind in ports.items():
        for evil in [
            b"",
            b"GET / HTTP/1.1\r\n\r\n",
            chance.randbytes(500),
            greeting(b"PAIR"),
            *(greeting(kind) + b"\x02" + struct.pack(">Q", 1 << size) for size in (31, 40, 50, 62, 63)),
            *(greeting(kind) + chance.randbytes(300) for _ in range(10)),
        ]:
            with socket.create_connection((info["ip"], info[f"{name}_port"])) as connection:
                connection.sendall(evil)
                connection.settimeout(0.02)
                with contextlib.suppress(OSError):
                    connection.recv(1000)
        assert own.text("1 + 1")[1] == "2"
    assert own.text("%%python\nprint(1)")[0] == "1\n"

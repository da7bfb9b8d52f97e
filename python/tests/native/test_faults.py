"""What must not take the worker down, and what must end it."""

import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

import etf
import pytest
from etf import Atom
from session import (
    PACKAGE,
    PATIENCE,
    Connection,
    EndedError,
    ProtocolError,
    Session,
    call,
    method,
    module,
    name,
    step,
    text_of,
    value,
)


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if sys.platform == "linux":
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    return True


# --- hostile frames ---

JUNK = [
    b"",
    b"\x83",
    b"junk",
    b"\x83a\1",
    b"\x83h\3w\2evw\4what",
    b"\x83l\xff\xff\xff\xff",
    b"\x83m\xff\xff\xff\xffx",
    b"\x83t\xff\xff\xff\xff",
    b"\x83i\xff\xff\xff\xff",
    b"\x83o\xff\xff\xff\xff\0",
    b"\x83P\xff\xff\xff\xff" + b"x" * 20,
    b"\x83" + b"h\1" * 100_000 + b"j",
    b"\x83" + b"l\0\0\0\1" * 100_000,
    etf.encode((Atom("req"), 1 << 70, Atom("do"), None)),
    etf.encode((Atom("req"), "x", Atom("do"), None)),
    etf.encode((Atom("ok"), 1, 2)),
    etf.encode((Atom("error"), 1, 2)),
    etf.encode((Atom("hello"), 1, {})),
    etf.encode([Atom("req"), 1]),
]


@pytest.mark.parametrize("where", ["lane", "main lane", "beam", "control", "cells", "questions"])
def test_frames_that_are_no_messages(session, where):
    connection = {
        "lane": session.lane,
        "main lane": lambda: session.lane("main"),
        "beam": session.beam,
        "control": lambda: session.control,
        "cells": lambda: session.main,
        "questions": lambda: session.own,
    }[where]()
    for junk in JUNK:
        connection.send_bytes(junk)
    connection.send((Atom("req"), 7, 8, 9))
    while True:
        message = connection.recv()
        if message[0] == "error":
            break
        assert message[:2] == ("ev", "fault")
    assert message[1] == 7 and message[2][:2] == ("bridge", "bad_message")
    with pytest.raises(ProtocolError) as error:
        connection.request("fly", None)
    assert error.value.reason == "unknown_op"
    assert session.run("print(1)")[0][Atom("status")] == "ok"


def test_random_bytes_in_requests(session):
    lane = session.lane()
    generator = random.Random(7)
    good = etf.encode(
        (Atom("req"), 1, Atom("do"), (module("math"), [method("sqrt", 16), step("op", "add", [1])], {}))
    )
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(generator.randrange(1, 6)):
            data[generator.randrange(1, len(data))] = generator.randrange(256)
        lane.send_bytes(bytes(data))
        lane.send((Atom("req"), 10**6, Atom("ping"), None))
        while lane.recv()[:2] != ("ok", 10**6):
            pass
    assert lane.do(value(1)) == 1


def test_lengths_that_are_too_large(session):
    for connect in (session.lane, lambda: session.lane("main"), session.beam):
        connection = connect()
        connection.sock.sendall(struct.pack(">I", 0xFFFF_FFFF) + b"x" * 100)
        with pytest.raises(EndedError):
            connection.recv()
    assert session.run("print(1)")[0][Atom("status")] == "ok"


def test_an_announced_length_takes_no_memory(session):
    before = session.control.request("usage", None)[Atom("memory_bytes")]
    lanes = [session.lane() for _ in range(4)]
    for lane in lanes:
        lane.sock.sendall(struct.pack(">I", 0x7FFF_FFFF) + b"\x83")
    time.sleep(0.2)
    assert session.control.request("usage", None)[Atom("memory_bytes")] - before < 50 << 20


def test_hellos_that_are_none(session):
    for hello in (
        etf.encode(
            (Atom("hello"), 2, {Atom("peer"): Atom("beam"), Atom("role"): Atom("control"), Atom("pid"): 1})
        ),
        etf.encode((Atom("hello"), 1, {})),
        etf.encode((Atom("req"), 1, Atom("ping"), None)),
        b"junk",
        b"x" * 100_000,
    ):
        connection = Connection(socket.socket(socket.AF_UNIX))
        connection.sock.connect(f"{session.directory}/worker.1.sock")
        connection.send_bytes(hello)
        assert connection.recv()[:2] == ("error", 0)
        with pytest.raises(EndedError):
            connection.recv()
        connection.close()
    # One that says nothing disturbs nobody.
    silent = socket.socket(socket.AF_UNIX)
    silent.connect(f"{session.directory}/worker.1.sock")
    assert session.lane().do(value(1)) == 1
    silent.close()


def test_sockets_are_for_this_user_alone(session):
    assert os.stat(f"{session.directory}/worker.1.sock").st_mode & 0o777 == 0o600
    assert session.run("import os\nold = os.umask(0o22); os.umask(old); print(old)")[1]


# --- the end of the host ---


@pytest.mark.parametrize(
    "source",
    [
        "pass",
        "import time\ntime.sleep(60)",
        "while True: pass",
        "import ctypes\nctypes.PyDLL(None).sleep(60)",
        "print('x' * 10**8)",
        "import signal\nfor s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
    ],
)
def test_the_worker_ends_with_its_host(session, source):
    session.start_cell(
        "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nprint(child.pid)\n" + source
    )
    message = session.main.recv()
    assert message[:2] == ("ev", "stream")
    child = int(message[2][2].split()[0])
    time.sleep(0.2)
    began = time.monotonic()
    for connection in session.open:
        connection.close()
    session.process.wait(PATIENCE)
    print(f"ended after {(time.monotonic() - began) * 1000:.0f} ms")
    # What it has started ends with it.
    wait_until(lambda: not is_alive(child))


def test_the_end_of_the_host_is_seen_though_a_child_lives(session):
    """Forked children do not keep our connections open, so the worker's end is seen at once."""
    source = "import os, time\npid = os.fork()\nif pid == 0:\n    time.sleep(60)\n    os._exit(0)\nprint(pid)"
    _, events = session.run(source)
    child = int(text_of(events))
    lane = session.lane()
    lane.do(value(1))
    os.kill(session.process.pid, signal.SIGKILL)
    began = time.monotonic()
    for connection in (session.control, session.main, session.own, lane):
        with pytest.raises(EndedError):
            connection.recv()
    assert time.monotonic() - began < 10
    os.kill(child, signal.SIGKILL)


# --- forks ---


def test_forks(session):
    source = """
import os, sys
for n in range(3):
    pid = os.fork()
    if pid == 0:
        print('child', n)
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)
print('parent')
"""
    _, events = session.run(source)
    assert sorted(text_of(events).splitlines()) == ["child 0", "child 1", "child 2", "parent"]
    # A child that comes to the end of the cell ends there, and says nothing to the host.
    source = "pid = os.fork()\nprint('both')\nif pid: os.waitpid(pid, 0)"
    answer, events = session.run(source)
    assert answer[Atom("status")] == "ok"
    assert text_of(events) == "both\nboth\n"
    assert session.run("print(1)")[0][Atom("status")] == "ok"


def test_forks_in_calls(session):
    lane = session.lane()
    events = []
    source = "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint('both')"
    lane.do(name("exec"), call(source), events=events)
    assert text_of(events) == "both\nboth\n"
    main = session.lane("main")
    events = []
    main.do(name("exec"), call(source), events=events)
    assert text_of(events) == "both\nboth\n"
    assert lane.do(value(1)) == main.do(value(1)) == 1


def test_a_forked_child_cannot_call_elixir(session):
    session.beam()
    source = """
import os, sys
pid = os.fork()
if pid == 0:
    try: ex.Enum.sum([1])
    except Exception as error: print(error)
    try: input()
    except Exception as error: print(type(error).__name__)
    sys.stdout.flush(); os._exit(0)
os.waitpid(pid, 0)
"""
    _, events = session.run(source)
    assert "forked" in text_of(events)


@pytest.mark.parametrize("method_", ["fork", "spawn", "forkserver"])
def test_multiprocessing(session, method_):
    source = f"""
import multiprocessing
context = multiprocessing.get_context({method_!r})
with context.Pool(2) as pool:
    print(pool.map(abs, [-1, -2, -3]))
process = context.Process(target=print, args=('from the child',))
process.start(); process.join()
"""
    answer, events = session.run(source)
    assert answer[Atom("status")] == "ok", events
    assert sorted(text_of(events).splitlines()) == ["[1, 2, 3]", "from the child"]


def test_process_pools_and_subprocesses(session):
    source = """
import asyncio, concurrent.futures, subprocess, sys
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    print(list(pool.map(abs, [-1, 2])))
print(subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, text=True).stdout)
process = await asyncio.create_subprocess_exec('echo', 'x', stdout=subprocess.PIPE)
print(await process.communicate())
"""
    answer, events = session.run(source)
    assert answer[Atom("status")] == "ok", events
    assert text_of(events) == "[1, 2]\n1\n\n(b'x\\n', None)\n"


def test_children_do_not_inherit_our_descriptors(session):
    source = """
import os, subprocess
print(subprocess.run(['ls', '-l', '/proc/self/fd'], capture_output=True, text=True, close_fds=False).stdout)
"""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    session.lane()
    _, events = session.run(source)
    assert "socket:" not in text_of(events)


# --- the process itself ---


def test_crashes_are_told_in_the_log(session):
    session.start_cell("import ctypes\nctypes.string_at(0)")
    assert session.process.wait(PATIENCE) == -signal.SIGSEGV
    assert "Segmentation fault" in session.output()


def test_no_host():
    result = subprocess.run(
        [sys.executable, "-m", "snakebridge.worker", "--host", "/nowhere/host.sock"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert "no connection to the host" in result.stderr


def test_a_group_of_its_own(session):
    _, events = session.run("import os\nprint(os.getpgrp() == os.getpid())")
    assert text_of(events) == "True\n"


def test_many_lanes(session):
    lanes = [session.lane() for _ in range(100)]
    for lane in lanes:
        lane.start("do", (module("time"), [method("sleep", 0.05)], {}))
    for lane in lanes:
        assert lane.answer(1) is None
    with contextlib.suppress(OSError):
        for lane in lanes:
            lane.close()
    wait_until(lambda: session.control.request("usage", None)[Atom("lanes")] <= 2)


def test_everything_at_once():
    """Lanes come and go in the middle of calls while cells run and print."""
    generator = random.Random(3)
    with contextlib.closing(Session()) as session:
        lanes = []
        for round_ in range(60):
            lane = session.lane(generator.choice(["own", "main"]))
            lane.start("do", (name("exec"), [call("for i in range(2000): print(i)")], {}))
            lanes.append(lane)
            if len(lanes) > 5:
                lanes.pop(generator.randrange(5)).close()
            if round_ % 5 == 0:
                _answer, events = session.run(f"print({round_})")
                assert text_of(events) == f"{round_}\n"
        assert session.lane().do(value(1)) == 1


def test_no_descriptor(session):
    source = "import snakebridge._native as native\ntry: native.poll(-1, None)\nexcept ValueError as error: print(error)"
    assert text_of(session.run(source)[1]) == "-1 is no file descriptor\n"


def test_a_destructor_that_hangs_holds_up_no_lane(session):
    session.run("""
import threading
may_go, went = threading.Event(), threading.Event()
class Slow:
    def __del__(self): may_go.wait(); went.set()
""")
    beam = session.beam()
    lane = session.lane()
    _, (_, ident, _) = lane.do(name("Slow"), call())
    beam.request("release", [ident])
    other = session.lane()
    assert other.do(name("went"), method("is_set")) is False
    other.do(name("may_go"), method("set"))
    assert other.do(name("went"), method("wait", 10)) is True

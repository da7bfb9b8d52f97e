"""What code prints: by Python, by C, by child processes; whose it is, in which order, and how much of it waits."""

import sys
import time

import pytest
from etf import Atom
from session import ProtocolError, call, method, module, name, text_of, value


def late(session, count=1):
    """So many late events, from the control connection."""
    return [session.control.recv()[1:] for _ in range(count)]


def test_streams(session):
    _, events = session.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('more')")
    streams = [(body[0], str(body[1]), body[2]) for op, body in events if op == "stream"]
    assert streams == [(1, "stdout", b"out\n"), (1, "stderr", b"err\n"), (1, "stdout", b"more\n")]


def test_everything_written_to_descriptors(session):
    source = """
import ctypes, os, subprocess, sys
print('1 python')
libc = ctypes.CDLL(None)
libc.printf(b'2 c %d\\n', 42)
os.write(1, b'3 os\\n')
subprocess.run(['sh', '-c', 'echo 4 shell; echo error >&2'])
sys.stdout.buffer.write(b'5 buffer\\n')
os.write(1, b'6 no newline')
libc.printf(b' 7 c too');
"""
    _, events = session.run(source)
    assert text_of(events, "stderr") == "error\n"
    assert text_of(events).splitlines() == [
        "1 python",
        "2 c 42",
        "3 os",
        "4 shell",
        "5 buffer",
        "6 no newline 7 c too",
    ]
    assert {body[0] for _, body in events} == {1}


def test_order_of_python_c_and_child_processes(session):
    source = """
import ctypes, os
libc = ctypes.CDLL(None)
for i in range(30):
    print('python', i)
    os.system(f'echo child {i}')
    print('python again', i)
    libc.printf(b'c %d\\n', i)
"""
    _, events = session.run(source)
    lines = [line for i in range(30) for line in (f"python {i}", f"child {i}", f"python again {i}", f"c {i}")]
    assert text_of(events).splitlines() == lines


def test_characters_are_never_cut(session):
    source = """
import os, sys, time
text = 'é€𝄞' * 50_000
sys.stdout.write(text)
for byte in '€𝄞'.encode():
    os.write(1, bytes([byte])); time.sleep(0.005)
for byte in '€𝄞'.encode():
    sys.stdout.buffer.write(bytes([byte]))
sys.stdout.flush()
os.write(1, b'\\xff|\\xe2\\x82|')
print('\\ud800')
"""
    _, events = session.run(source)
    for _, body in events:
        body[2].decode()
    assert sorted(text_of(events)) == sorted("é€𝄞" * 50_000 + "€𝄞" * 2 + "\ufffd|\ufffd|" + "\\ud800\n")


def test_order_of_output_and_displays(session):
    source = "import os\nprint('a')\nos.write(1, b'b\\n')\ndisplay(1)\nprint('c')\n2"
    _, events = session.run(source)
    ops = [str(op) for op, _ in events]
    assert ops.index("display") > 0
    before = text_of(events[: ops.index("display")])
    assert before == "a\nb\n"
    assert text_of(events[ops.index("display") :]) == "c\n"
    assert ops[-1] == "result"


def test_carriage_returns_are_left_alone(session):
    _, events = session.run("for i in range(3): print(f'\\r{i}', end='')")
    assert text_of(events) == "\r0\r1\r2"


def test_output_comes_soon(session):
    request = session.start_cell("import time\nprint('now')\ntime.sleep(20)")
    began = time.monotonic()
    assert session.main.recv()[2][2] == b"now\n"
    assert time.monotonic() - began < 10
    assert session.control.request("interrupt", 1) is True
    assert session.main.answer(request, [])[Atom("status")] == "interrupted"


def test_output_after_the_end_of_a_cell(session):
    source = """
import asyncio, os, subprocess, threading
go = threading.Event()
def work():
    print('running')
    go.wait()
    print('late thread')
    threading.Thread(target=lambda: print('its child')).start()
async def task():
    while not go.is_set(): await asyncio.sleep(0.01)
    print('late task')
thread = threading.Thread(target=work); thread.start()
t = asyncio.get_running_loop().create_task(task())
"""
    _, events = session.run(source)
    # A later cell's output is its own.
    _, events = session.run("print('second')\ngo.set(); thread.join(); await t\nprint('third')")
    assert text_of(events) == "second\nthird\n"
    assert {body[0] for op, body in events if op == "stream"} == {2}
    seen = ""
    while len(seen) < len("late thread\nits child\nlate task\n"):
        [(op, body)] = late(session)
        assert (op, body[0], body[1]) == ("stream", 1, "stdout")
        seen += body[2].decode()
    assert sorted(seen.splitlines()) == ["its child", "late task", "late thread"]
    # A child process that outlives its cell.
    session.run("child = subprocess.Popen(['sh', '-c', 'sleep 0.2; echo late child'])")
    assert late(session) == [("stream", (3, "stdout", b"late child\n"))]


def test_output_of_a_call_goes_to_the_caller(session):
    first, second = session.lane(), session.lane("main")
    for lane in (first, second):
        events = []
        source = "print('hello'); import os, sys; os.write(1, b'c'); sys.stderr.write('e')"
        lane.do(name("exec"), call(source), events=events)
        assert text_of(events) == "hello\nc"
        assert text_of(events, "stderr") == "e"
        assert {body[0] for _, body in events} == {None}
    lane = session.lane(cell=7)
    events = []
    lane.do(name("print"), call("x"), events=events)
    assert events == [("stream", (7, "stdout", b"x\n"))]
    lane.do(name("display"), call(1), events=events)
    assert events[-1][0] == "display"
    assert events[-1][1][Atom("cell")] == 7


def test_output_of_calls_at_the_same_time(session):
    lanes = [session.lane() for _ in range(4)]
    for number, lane in enumerate(lanes):
        source = f"import time\nfor i in range(50): print({number}); time.sleep(0.001)"
        lane.start("do", (name("exec"), [call(source)], {}))
    for number, lane in enumerate(lanes):
        events = []
        lane.answer(1, events)
        assert text_of(events) == f"{number}\n" * 50


def test_input(session):
    asked = []

    def serve(op, body):
        asked.append((op, body))
        return "Ada"

    source = "import getpass, sys\nprint('before')\nname = input('name? ')\nsecret = getpass.getpass()\nline = sys.stdin.readline()\nprint(name, secret, repr(line))"
    _, events = session.run(source, serve=serve)
    assert asked == [
        ("input", (1, b"name? ", False)),
        ("input", (1, b"Password: ", True)),
        ("input", (1, b"", False)),
    ]
    assert text_of(events) == "before\nAda Ada 'Ada\\n'\n"

    def end(op, body):
        raise ProtocolError((Atom("bridge"), Atom("eof"), "no more", None))

    _answer, events = session.run("input()", serve=end)
    assert [body[Atom("class")] for op, body in events if op == "error"] == [b"EOFError"]
    lane = session.lane()
    assert lane.do(name("input"), call("n? "), serve=serve) == b"Ada"
    assert asked[-1] == ("input", (None, b"n? ", False))


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "source",
    [
        "while True: print('x' * 100)",
        "import os\nwhile True: os.write(1, b'x' * 1000)",
        "print('x' * 10, flush=True)\nwhile True: print('x' * 10_000_000)",
        "import subprocess\nsubprocess.run(['yes'])",
        "while True: display('x' * 1000)",
    ],
)
def test_a_reader_that_does_not_read_holds_the_writer_back(session, source):
    session.run("pass")
    request = session.start_cell(source)
    assert session.main.recv()[0] == "ev"
    before = resident_bytes(session.process.pid)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        time.sleep(0.1)
        assert resident_bytes(session.process.pid) - before < 80 << 20
    # Still there for everybody else, and still to be stopped.
    assert session.control.request("ping", 1) == 1
    began = time.monotonic()
    assert session.control.request("interrupt", 2) is True
    events = []
    answer = session.main.answer(request, events)
    assert answer[Atom("status")] == "interrupted"
    assert time.monotonic() - began < 20
    assert session.run("print('on')")[0][Atom("status")] == "ok"


def test_nothing_is_lost_in_a_lot(session):
    _, events = session.run("for i in range(100_000): print(i)")
    assert text_of(events) == "".join(f"{i}\n" for i in range(100_000))
    _, events = session.run("print('é' * 25_000_000)")
    assert len(text_of(events)) == 25_000_001


def test_a_lane_whose_peer_does_not_read(session):
    lane = session.lane()
    lane.start("do", (name("exec"), [call("import sys\nfor i in range(10**6): print('x' * 100)")], {}))
    lane.recv()
    time.sleep(0.3)
    other = session.lane()
    assert other.do(value(1)) == 1
    lane.close()
    # Its thread ends; the others live.
    deadline = time.monotonic() + 10
    while session.control.request("usage", None)[Atom("lanes")] > 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert other.do(module("math"), method("sqrt", 4)) == 2


def test_the_stream_object(session):
    source = """
import contextlib, io, sys
assert sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
assert not sys.stdout.isatty() and sys.stdout.encoding == 'utf-8' and sys.stdout.writable()
assert sys.stdout.write('é\\n') == 2
sys.stdout.writelines(['a', 'b\\n'])
print(123, flush=True)
try: sys.stdout.write(b'x')
except TypeError as e: print(e)
with contextlib.redirect_stdout(io.StringIO()) as s: print('hidden')
assert s.getvalue() == 'hidden\\n'
import logging; logging.warning('logged')
import warnings; warnings.warn('warned')
"""
    answer, events = session.run(source)
    assert answer[Atom("status")] == "ok", events
    assert text_of(events) == "é\nab\n123\nwrite() argument must be str, not bytes\n"
    assert "logged" in text_of(events, "stderr") and "warned" in text_of(events, "stderr")


@pytest.mark.parametrize("write", ["sys.stdout.buffer.write", "(lambda data: os.write(1, data))"])
def test_half_a_character_belongs_to_its_cell(session, write):
    _, events = session.run(f"import os, sys\nprint('a', end='')\n{write}(b'\\xe2\\x82')")
    assert text_of(events) == "a\ufffd"
    _, events = session.run("print('b')")
    assert text_of(events) == "b\n"
    # Halves that come one after the other are one character still.
    _, events = session.run(f"for half in (b'\\xe2', b'\\x82\\xac'): {write}(half)")
    assert text_of(events) == "€"


def test_half_a_character_is_not_a_forked_childs(session):
    source = """
import os, sys
sys.stdout.buffer.write(b'\\xc3')
if os.fork() == 0:
    print('child', flush=True)
    os._exit(0)
os.wait()
sys.stdout.buffer.write(b'\\xa9')
"""
    _, events = session.run(source)
    assert sorted(text_of(events)) == sorted("child\né")


def test_only_bytes_are_written_as_bytes(session):
    source = """
import sys
for wrong in (5, 'text', [65]):
    try: sys.stdout.buffer.write(wrong)
    except TypeError: print('refused')
print(sys.stdout.buffer.write(memoryview(b'ab')), sys.stdout.buffer.write(bytearray(b'c')))
"""
    _, events = session.run(source)
    assert text_of(events) == "refused\nrefused\nrefused\nabc2 1\n"

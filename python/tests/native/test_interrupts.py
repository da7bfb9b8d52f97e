"""Interrupts: what is stopped, how fast, and what is not hit."""

import os
import pathlib
import select
import signal
import time

import etf
import pytest
from etf import Atom
from session import ProtocolError, call, method, module, name, ref, text_of, value

# Promised are 200 ms. The machine that tests may be busy, so a test fails only when something hangs.
SOON = 10.0


def interrupt(session, request, delay=0.3):
    """Interrupts the cell that runs; returns its answer and events."""
    time.sleep(delay)
    began = time.monotonic()
    assert session.control.request("interrupt", session.cell) is True
    events = []
    answer = session.main.answer(request, events, timeout=SOON)
    print(f"stopped after {(time.monotonic() - began) * 1000:.0f} ms")
    return answer, events


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import time\ntime.sleep(60)",
        "import asyncio\nawait asyncio.sleep(60)",
        "import threading\nthreading.Event().wait(60)",
        "import subprocess\nsubprocess.run(['sleep', '60'])",
        "import socket\na, b = socket.socketpair()\na.recv(1)",
        "try:\n    n = 1\n    while True: abs(n)\nfinally:\n    print('clean')",
        "input('? ')",
        "ex.Enum.sum([1])",
    ],
)
def test_a_cell_is_stopped(session, source):
    session.run("x = 1")
    request = session.start_cell("y = 2\n" + source)
    if source.startswith("input"):
        assert session.main.recv()[2] == "input"
    answer, events = interrupt(session, request)
    assert answer[Atom("status")] == "interrupted"
    if "clean" in source:
        assert text_of(events) == "clean\n"
    _, events = session.run("print(x, y)")
    assert text_of(events) == "1 2\n"


def test_a_cell_that_waits_for_elixir_is_stopped(session):
    beam = session.beam()
    request = session.start_cell("ex.Enum.sum([1])")
    lane = session.callback_lane(beam)
    _, ident, _, _ = lane.recv()
    answer, _ = interrupt(session, request)
    assert answer[Atom("status")] == "interrupted"
    assert lane.recv() == ("ev", "cancel", ident)
    # A late answer harms nobody; the next call has a lane of its own.
    lane.send((Atom("ok"), ident, 1))
    request = session.start_cell("print(ex.Enum.sum([1]))")
    lane = session.callback_lane(beam)
    lane.send((Atom("ok"), lane.recv()[1], 5))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "5\n"


def test_what_is_pinned_in_an_answer_that_was_given_up_is_let_go(session):
    session.run("def ask(f): return f()")
    beam = session.beam()
    lane = session.lane(thread="main")
    request = lane.start("do", (name("ask"), [call(etf.export("Elixir.Enum", "map", 2))], {}))
    _, ident, _, _ = lane.recv()
    # Again where it came before the wait.
    deadline = time.monotonic() + SOON
    while not select.select([lane.sock], [], [], 0.5)[0] and time.monotonic() < deadline:
        os.kill(session.process.pid, signal.SIGINT)
    assert lane.recv() == ("ev", "cancel", ident)
    with pytest.raises(ProtocolError, match="KeyboardInterrupt"):
        lane.answer(request)
    # It was on its way already.
    lane.send((Atom("ok"), ident, etf.struct_map("SnakeBridge.Pinned", id=77, term=1)))
    assert beam.recv() == ("ev", "unpin", [77])
    assert lane.do(name("len"), call([1])) == 1
    assert session.control.request("ping", 5) == 5


def test_a_late_interrupt_hits_nothing(session):
    session.run("x = 1")
    assert session.control.request("interrupt", 1) is False
    assert session.control.request("interrupt", 99) is False
    assert session.control.request("interrupt", -1) is False
    request = session.start_cell("import time\ntime.sleep(0.4)\nprint('whole')")
    time.sleep(0.1)
    assert session.control.request("interrupt", 1) is False
    events = []
    assert session.main.answer(request, events)[Atom("status")] == "ok"
    assert text_of(events) == "whole\n"


def test_many_interrupts_at_all_moments(session):
    """Each hits its own cell or nothing, whatever the moment."""
    for round_ in range(60):
        request = session.start_cell("for i in range(3000): pass")
        time.sleep(round_ % 7 / 3000)
        hit = session.control.request("interrupt", session.cell)
        status = session.main.answer(request, [])[Atom("status")]
        assert status == "interrupted" or status == "ok"
        assert hit or status == "ok"
        assert session.run("x = 1")[0][Atom("status")] == "ok"


def test_the_end_of_a_caller_stops_its_call_on_the_main_thread(session):
    session.run("import time\ndef nap():\n    try: time.sleep(60)\n    finally: woke.append(1)\nwoke = []")
    lane = session.lane("main")
    lane.start("do", (name("nap"), [call()], {}))
    time.sleep(0.2)
    lane.close()
    answer, events = session.run("print(woke)", timeout=SOON)
    assert (answer[Atom("status")], text_of(events)) == ("ok", "[1]\n")


def test_the_end_of_a_caller_stops_its_thread(session):
    # Python 3.11 passes over the handlers of a loop that is the first thing in its `try`.
    session.run(
        "woke = []\ndef spin():\n    try:\n        n = 1\n        while True: abs(n)\n    finally: woke.append(1)"
    )
    lane = session.lane()
    lane.start("do", (name("spin"), [call()], {}))
    time.sleep(0.2)
    lane.close()
    deadline = time.monotonic() + SOON
    other = session.lane()
    while other.do(name("woke")) != [1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # The other threads do not notice.
    assert other.do(module("math"), method("sqrt", 4)) == 2


def test_the_end_of_a_caller_stops_what_waits_for_it(session):
    session.run("woke = []\ndef ask(f):\n    try: f()\n    finally: woke.append(1)")
    lane = session.lane()
    lane.start("do", (name("ask"), [call(etf.export("Elixir.Enum", "map", 2))], {}))
    lane.recv()
    lane.close()
    deadline = time.monotonic() + SOON
    other = session.lane()
    while other.do(name("woke")) != [1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_signals_are_the_main_threads(session):
    lane = session.lane()
    source = "__import__('signal').pthread_sigmask(0, [])"
    signals = lane.do(name("str"), call(value_of(lane, source)))
    assert b"SIGINT" in signals
    _, events = session.run("import signal\nprint(signal.SIGINT in signal.pthread_sigmask(0, []))")
    assert text_of(events) == "False\n"


def value_of(lane, source):
    return ref(lane.do(name("eval"), call(source), **{"as": "ref"}))


def test_a_cell_may_take_the_signal_for_itself(session):
    source = """
import os, signal
hits = []
signal.signal(signal.SIGINT, lambda *a: hits.append(1))
os.kill(os.getpid(), signal.SIGINT)
print(hits)
"""
    _, events = session.run(source)
    assert text_of(events) == "[1]\n"
    answer, _ = interrupt(session, session.start_cell("while True: pass"))
    assert answer[Atom("status")] == "interrupted"


def test_shutdown(session):
    path = f"{session.directory}/bye"
    session.run(f"import atexit, pathlib\natexit.register(lambda: pathlib.Path({path!r}).write_text('bye'))")
    assert session.control.request("shutdown", None) is True
    assert session.process.wait(5) == 0
    assert pathlib.Path(path).read_text() == "bye"


@pytest.mark.parametrize(
    "source", ["while True: pass", "import time\ntime.sleep(60)", "await __import__('asyncio').sleep(60)"]
)
def test_shutdown_while_a_cell_runs(session, source):
    session.start_cell(source)
    time.sleep(0.3)
    assert session.control.request("shutdown", None) is True
    session.process.wait(5)


def test_shutdown_while_c_code_runs(session):
    session.start_cell("import ctypes\nctypes.PyDLL(None).sleep(60)")
    time.sleep(0.5)
    assert session.control.request("shutdown", None) is True
    session.process.wait(5)


def test_interrupted_calls_tell_so(session):
    """Ctrl-C in Python code that an Elixir cell has called, without the caller's end: the signal of a terminal."""
    lane = session.lane("main")
    with pytest.raises(ProtocolError) as error:
        lane.do(
            name("exec"), call("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)")
        )
    assert error.value.python[Atom("class")] == b"KeyboardInterrupt"
    assert lane.do(value(1)) == 1


def test_shutdown_while_a_lane_runs_python(session):
    lanes = [session.lane() for _ in range(3)]
    for lane in lanes:
        lane.start("do", (name("exec"), [call("while True: abs(1)")], {}))
    time.sleep(0.3)
    assert session.control.request("shutdown", None) is True
    assert session.process.wait(5) == 0
    assert session.output() == ""


def test_shutdown_lets_threads_finish(session):
    path = f"{session.directory}/done"
    session.run(f"""
import pathlib, threading, time
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
pool.submit(abs, 1)
def work():
    time.sleep(0.3)
    pathlib.Path({path!r}).write_text('done')
threading.Thread(target=work).start()
""")
    assert session.control.request("shutdown", None) is True
    assert session.process.wait(5) == 0
    assert pathlib.Path(path).read_text() == "done"


def test_the_end_of_a_caller_stops_a_call_that_went_on_after_a_nested_one(session):
    session.run("""
woke = []
def ask(f):
    f()
    try:
        n = 1
        while True: abs(n)
    finally: woke.append(1)
""")
    lane = session.lane()
    lane.start("do", (name("ask"), [call(etf.export("Elixir.Enum", "map", 2))], {}))
    _, ident, _, _ = lane.recv()
    assert lane.do(value(1)) == 1
    lane.send((Atom("ok"), ident, None))
    time.sleep(0.2)
    lane.close()
    deadline = time.monotonic() + SOON
    other = session.lane()
    while other.do(name("woke")) != [1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_interrupted_question_leaves_nothing_behind(session):
    request = session.start_cell("input('? ')")
    _, ident, op, _ = session.main.recv()
    assert op == "input"
    answer, events = interrupt(session, request)
    assert answer[Atom("status")] == "interrupted"
    assert [op for op, _ in events] == ["error"]
    # The line comes all the same: the user had just typed it.
    session.main.send((Atom("ok"), ident, "late"))
    assert session.run("print(1)")[0][Atom("status")] == "ok"
    reports = []
    session.control.request("ping", None, reports)
    assert reports == []


def test_a_cell_that_fetches_names_is_stopped(session):
    beam = session.beam()
    beam.request("bind", [("big", Atom("lazy")), ("small", (Atom("value"), 1))])
    request = session.start_cell("print(big)")
    lane = session.callback_lane(beam)
    assert lane.recv()[2:] == ("read", [b"big"])
    answer, events = interrupt(session, request)
    assert answer[Atom("status")] == "interrupted"
    [error] = [body for op, body in events if op == "error"]
    assert error[Atom("class")] == b"KeyboardInterrupt"
    # The next cell tries again.
    request = session.start_cell("print(big, small)")
    lane = session.callback_lane(beam)
    lane.send((Atom("ok"), lane.recv()[1], {"big": 2}))
    events = []
    assert session.main.answer(request, events)[Atom("status")] == "ok"
    assert text_of(events) == "2 1\n"


def test_a_signal_handler_that_raises_between_cells(session):
    session.run("""
import signal
def rung(*_): raise ValueError('rung')
signal.signal(signal.SIGALRM, rung)
signal.setitimer(signal.ITIMER_REAL, 0.2)
""")
    _, op, (_, stream, text) = session.control.recv(SOON)
    assert (op, stream) == ("stream", "stderr")
    assert b"ValueError: rung" in text
    _, events = session.run("print(1)")
    assert text_of(events) == "1\n"

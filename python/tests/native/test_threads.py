"""One lane, one thread: what belongs to a thread stays as long as its lane."""

import time

from etf import Atom
from session import call, method, module, name, ref, step, text_of, value


def test_a_lane_keeps_its_thread(session):
    session.run(
        "import contextvars, decimal, sqlite3, threading\nlocal = threading.local(); var = contextvars.ContextVar('var', default=0)"
    )
    first, second = session.lane(), session.lane()
    assert lane_ident(first) == lane_ident(first) != lane_ident(second)
    first.do(name("local"), step("set_attr", "x", 1))
    assert first.do(name("local"), step("attr", "x")) == 1
    assert second.do(name("hasattr"), call(local_ref(second), "x")) is False
    first.do(name("var"), method("set", 5))
    assert first.do(name("var"), method("get")) == 5
    assert second.do(name("var"), method("get")) == 0
    first.do(name("exec"), call("decimal.getcontext().prec = 5", session_globals(first)))
    assert first.do(name("str"), call(held(first, "decimal.Decimal(1) / 3"))) == b"0.33333"
    # sqlite3 refuses another thread than the one that connected.
    connection = first.do(module("sqlite3"), method("connect", ":memory:"))
    connection = ref(connection)
    first.do(value(connection), method("execute", "create table t (x)"))
    assert first.do(
        value(connection),
        method("execute", "select count(*) from t"),
        method("fetchone"),
    ) == (0,)


def lane_ident(lane):
    return lane.do(module("threading"), method("get_ident"))


def local_ref(lane):
    return ref(lane.do(name("local")))


def session_globals(lane):
    return ref(lane.do(module("__main__"), step("attr", "__dict__"), **{"as": "ref"}))


def held(lane, source):
    return ref(lane.do(name("eval"), call(source, session_globals(lane))))


def test_a_thread_ends_with_its_lane(session):
    session.run("pass")
    lane = session.lane()
    before = lane.do(module("threading"), method("active_count"))
    others = [session.lane() for _ in range(5)]
    for other in others:
        other.do(value(1))
    assert lane.do(module("threading"), method("active_count")) == before + 5
    assert session.control.request("usage", None)[Atom("lanes")] >= 6
    for other in others:
        other.close()
    deadline = time.monotonic() + 10
    while lane.do(module("threading"), method("active_count")) != before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_cells_and_calls_of_the_evaluator_share_the_main_thread(session):
    _, events = session.run("import threading\nprint(threading.get_ident() == threading.main_thread().ident)")
    assert text_of(events) == "True\n"
    lane = session.lane("main")
    main = session.lane().do(module("threading"), method("main_thread"), step("attr", "ident"))
    assert lane_ident(lane) == main


def test_the_loop_runs_between_cells(session):
    session.run(
        "import asyncio\nticks = 0\nasync def tick():\n    global ticks\n    while True:\n        ticks += 1\n        await asyncio.sleep(0.01)\nt = asyncio.create_task(tick())"
    )
    lane = session.lane("main")
    first = lane.do(name("ticks"))
    deadline = time.monotonic() + 10
    while lane.do(name("ticks")) < first + 5:
        assert time.monotonic() < deadline
    _answer, events = session.run("await asyncio.sleep(0.05)\nprint(ticks > 5)")
    assert text_of(events) == "True\n"


def test_calls_during_a_cell_that_waits(session):
    """A cell that waits in `await` does not hold up calls on the main thread."""
    request = session.start_cell(
        "import asyncio\nf = asyncio.get_running_loop().create_future()\nprint(await f)"
    )
    lane = session.lane("main")
    deadline = time.monotonic() + 10
    while lane.request("read", ["f"])[b"f"] == "unbound":
        assert time.monotonic() < deadline
    lane.do(name("f"), method("set_result", 7))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "7\n"


def test_imports_in_two_threads_at_once(session):
    import pathlib
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "slow_module.py").write_text("import time\ntime.sleep(0.3)\nready = 1\n")
        session.run(f"import sys; sys.path.insert(0, {folder!r})")
        lanes = [session.lane() for _ in range(3)]
        requests = [lane.start("do", (module("slow_module"), [step("attr", "ready")], {})) for lane in lanes]
        assert [lane.answer(ident) for lane, ident in zip(lanes, requests, strict=False)] == [1, 1, 1]

"""Cells of subshells: on threads of their own, beside those of the main thread."""

import time

import pytest
from etf import Atom
from session import EndedError, text_of


class Subshell:
    """A subshell of a session, as the host sees it."""

    def __init__(self, session, token):
        self.session = session
        session.control.send((Atom("ev"), Atom("open_lane"), token))
        self.lane, hello = session.accept()
        assert hello[Atom("token")] == token
        assert (hello[Atom("role")], hello[Atom("thread")]) == ("lane", "own")

    def start(self, source, **options):
        """Starts a cell; gives its number and its request."""
        self.session.cell += 1
        body = {
            "cell": self.session.cell,
            "source": source,
            "store_history": True,
            "silent": False,
            **options,
        }
        return self.session.cell, self.lane.start(
            "execute", {Atom(key): value for key, value in body.items()}
        )

    def run(self, source, **options):
        """Runs a cell; gives its answer, and what it printed."""
        events = []
        _, request = self.start(source, **options)
        answer = self.lane.answer(request, events)
        return answer, text_of(events)

    def begin(self, source):
        """Starts a cell and waits until it has printed something; gives its number and its request."""
        cell, request = self.start("print('begun')\n" + source)
        text = b""
        while text != b"begun\n":
            _, op, (of, _, more) = self.lane.recv()
            assert (op, of) == ("stream", cell)
            text += more
        return cell, request


@pytest.fixture
def subshell(session):
    return Subshell(session, 5)


def interrupt(session, cell):
    """Interrupts a cell, which runs."""
    assert session.control.request("interrupt", cell) is True


def test_a_cell_runs_while_the_main_thread_computes(session, subshell):
    session.run("stop = False")
    main = session.start_cell("while not stop: pass")
    answer, text = subshell.run("import threading\nprint(threading.current_thread().name)\nstop = True")
    assert answer["status"] == "ok"
    assert text.startswith("snakebridge-subshell-")
    assert session.main.answer(main)["status"] == "ok"


def test_what_two_print_at_once_comes_on_their_own_lanes(session, subshell):
    code = "for n in range(2000): print('{}', n)"
    _, request = subshell.start(code.format("beside"))
    _, events = session.run(code.format("main"))
    beside = []
    subshell.lane.answer(request, beside)
    assert text_of(events) == "".join(f"main {n}\n" for n in range(2000))
    assert text_of(beside) == "".join(f"beside {n}\n" for n in range(2000))


def test_tasks_go_on_between_cells(session, subshell):
    subshell.run(
        "import asyncio\nseen = []\nasync def go():\n    await asyncio.sleep(0.01)\n    seen.append(1)"
    )
    subshell.run("task = asyncio.create_task(go())")
    deadline = time.monotonic() + 10
    while session.run("print(seen)")[1][0][1][2] != b"[1]\n":
        assert time.monotonic() < deadline
    assert subshell.run("task is not None and await task\nprint(task.done())")[1] == "True\n"


def test_what_the_other_wrote_is_not_the_cell_s(session, subshell):
    beam = session.beam()
    session.run("stop = False")
    main = session.start_cell("import time\nwhile not stop: time.sleep(0.001)")
    beam.request("bind", [("of_elixir", (Atom("value"), 7))])
    answer, text = subshell.run("print(of_elixir)\nmine = 1\nstop = True")
    assert (text, {b"mine", b"stop"} - set(answer["writes"])) == ("7\n", set())
    assert b"of_elixir" not in answer["writes"]
    assert b"of_elixir" not in session.main.answer(main)["writes"]


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time\ntime.sleep(60)",
        "import time\nwhile True: time.sleep(0.001)",
        "import asyncio\nawait asyncio.sleep(60)",
        "import asyncio, time\nasync def hold():\n    while True: time.sleep(0.01)\n"
        "task = asyncio.create_task(hold())\nawait asyncio.sleep(60)",
    ],
)
def test_an_interrupt_stops_the_cell_and_nothing_after_it(session, subshell, code):
    cell, request = subshell.begin(code)
    interrupt(session, cell)
    assert subshell.lane.answer(request, [])["status"] == "interrupted"
    assert session.control.request("interrupt", cell) is False
    for _ in range(3):
        assert subshell.run("print(sum(range(10)))")[1] == "45\n"
    assert session.run("print(1)")[0]["status"] == "ok"


def test_an_interrupt_stops_a_question(session, subshell):
    cell, request = subshell.begin("input('name? ')")
    asked = subshell.lane.recv()
    assert asked[2:] == ("input", (cell, b"name? ", False))
    interrupt(session, cell)
    assert subshell.lane.answer(request, [])["status"] == "interrupted"
    _, request = subshell.begin("print('got', input())")
    asked = subshell.lane.recv()
    subshell.lane.send((Atom("ok"), asked[1], "Ada"))
    events = []
    subshell.lane.answer(request, events)
    assert text_of(events) == "got Ada\n"


def test_who_takes_an_interrupt_is_not_interrupted_again(session, subshell):
    for wait in ("while True: len([])", "input()", "time.sleep(60)"):
        # A statement first: in some versions of Python the jump to the very beginning of `try` is not in it.
        cell, request = subshell.begin(
            f"import time\ntry:\n    n = 0\n    {wait}\nexcept KeyboardInterrupt:\n    time.sleep(0.3)\n    print('tidied')"
        )
        if wait == "input()":
            subshell.lane.recv()
        interrupt(session, cell)
        events = []
        answer = subshell.lane.answer(request, events)
        assert (answer["status"], text_of(events)) == ("ok", "tidied\n"), (wait, events)


def test_interrupts_at_any_moment_hit_their_cell_or_nothing(session, subshell):
    for delay in range(40):
        cell, request = subshell.start("x = sum(range(30_000))")
        time.sleep(delay / 10_000)
        session.control.request("interrupt", cell)
        events = []
        assert subshell.lane.answer(request, events)["status"] in ("ok", "interrupted"), events
    assert subshell.run("print('on')")[1] == "on\n"


def test_a_subshell_ends_with_its_lane(session, subshell):
    alive = "import threading\nprint(len([t for t in threading.enumerate() if 'subshell' in t.name]))"
    other = Subshell(session, 6)
    other.run("import contextlib\nkept = 1")
    assert session.run(alive)[1][0][1][2] == b"2\n"
    subshell.begin("import time\nwhile True: time.sleep(0.01)")
    subshell.lane.close()
    deadline = time.monotonic() + 10
    while session.run(alive)[1][0][1][2] != b"1\n":
        assert time.monotonic() < deadline
    assert other.run("print(kept)")[1] == "1\n"


def test_what_a_subshell_does_after_its_cell_is_late(session, subshell):
    cell, request = subshell.begin(
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()"
    )
    subshell.lane.answer(request, [])
    assert session.control.recv()[1:] == ("stream", (cell, "stdout", b"late\n"))


def test_nonsense_on_the_lane_is_answered(session, subshell):
    with pytest.raises(Exception, match="unknown_op"):
        subshell.lane.request("juggle", None)
    with pytest.raises(Exception, match="bad_message"):
        subshell.lane.request("execute", {Atom("source"): "1"})
    assert subshell.run("print(1)")[1] == "1\n"
    session.control.send((Atom("ev"), Atom("open_lane"), Atom("no_token")))
    assert session.control.recv()[:2] == ("ev", "fault")


def test_the_worker_ends_with_subshells_that_run(session, subshell):
    subshell.begin("while True: pass")
    session.control.request("shutdown", None)
    with pytest.raises(EndedError):
        while True:
            session.control.recv()

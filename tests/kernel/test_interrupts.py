"""Interrupts: of code, of calls that wait, of questions; by request, by signal, to all processes; and none when idle."""

import os
import signal
import time

import pytest
from test_restart import below

pytestmark = pytest.mark.row(8)

WAITING = {
    "python loops": "%%python\nwhile True: pass",
    "python sleeps": "%%python\nimport time; time.sleep(60)",
    "python reads a socket": "%%python\nimport socket\na, b = socket.socketpair()\na.recv(1)",
    "python runs a program": "%%python\nimport subprocess; subprocess.run(['sleep', '60'])",
    "python waits for a lock": "%%python\nimport threading\nlock = threading.Lock(); lock.acquire(); lock.acquire()",
    "python awaits": "%%python\nimport asyncio\nawait asyncio.sleep(60)",
    "elixir loops": "Stream.iterate(0, & &1 + 1) |> Stream.run()",
    "elixir sleeps": "Process.sleep(60_000)",
    "elixir calls a server": "{:ok, agent} = Agent.start(fn -> 0 end)\n"
    "Agent.get(agent, fn _ -> Process.sleep(60_000) end, :infinity)",
    "elixir waits for python": 'SnakeBridge.call!("time", "sleep", [60])',
    "python waits for elixir": "%%python\nnap(60_000)",
}

QUESTIONS = {
    "input": "%%python\ninput('?')",
    "getpass": "%%python\nimport getpass; getpass.getpass('?')",
    "IO.gets": 'IO.gets("?")',
}


def stopped(client, request, seconds=10):
    """The error with which an interrupted cell ends."""
    reply = client.shell(timeout=seconds)
    assert reply["parent_header"]["msg_id"] == request
    assert reply["content"]["status"] == "error"
    errors = [content for kind, content in client.iopub(request) if kind == "error"]
    assert len(errors) == 1
    assert errors[0]["ename"] == reply["content"]["ename"]
    return errors[0]


def start(client, code):
    """Starts a cell that will wait."""
    client.run("kept = 1\nnap = &Process.sleep/1")
    request = client.client.execute(code)
    client.iopub(request, until="busy")
    time.sleep(0.3)
    return request


@pytest.mark.parametrize("code", WAITING.values(), ids=WAITING)
def test_what_runs_or_waits_is_stopped_and_keeps_its_process(elixir, code):
    request = start(elixir, code)
    elixir.manager.interrupt_kernel()
    error = stopped(elixir, request)
    assert error["ename"] in ("KeyboardInterrupt", "Interrupted")
    assert "killed" not in error["evalue"]
    assert elixir.text("kept + 1")[1] == "2"
    assert elixir.text("%%python\nprint(kept)")[0] == "1\n"


@pytest.mark.parametrize("code", QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_is_interrupted(elixir, code):
    request = start(elixir, code)
    elixir.client.get_stdin_msg(timeout=10)
    elixir.manager.interrupt_kernel()
    stopped(elixir, request)
    # What is answered late is for nobody.
    elixir.client.input("late")
    assert elixir.text("kept + 1")[1] == "2"
    assert elixir.text("%%python\nprint(input())", answers=["mine"])[0] == "mine\n"


@pytest.mark.parametrize("whom", ["kernel", pytest.param("all", marks=pytest.mark.row(9))])
@pytest.mark.parametrize(
    "kind", ["python loops", "python sleeps", "elixir sleeps", "elixir waits for python"]
)
def test_a_signal_does_what_a_request_does(own, kind, whom):
    request = start(own, WAITING[kind])
    pid = own.manager.provisioner.process.pid
    # As VS Code does it: those below first.
    for process in [*(below(pid)[::-1] if whom == "all" else []), pid]:
        os.kill(process, signal.SIGINT)
    stopped(own, request)
    assert own.text("kept + 1")[1] == "2"
    assert own.text("%%python\nprint(kept)")[0] == "1\n"


def answered_interrupt(client):
    """An interrupt that has been seen to: what is sent after it comes on another connection, and may overtake it."""
    interrupt(client)
    assert client.client.get_control_msg(timeout=20)["msg_type"] == "interrupt_reply"


def test_an_interrupt_when_nothing_runs_hits_nothing(elixir):
    elixir.run("kept = 1")
    for _ in range(3):
        answered_interrupt(elixir)
        assert elixir.text("%%python\nprint(kept)")[0] == "1\n"
        answered_interrupt(elixir)
        assert elixir.text("kept + 1")[1] == "2"
    pid = elixir.manager.provisioner.process.pid
    for process in [*below(pid), pid]:
        os.kill(process, signal.SIGINT)
    time.sleep(0.3)
    assert elixir.text("kept + 1")[1] == "2"
    assert elixir.text("%%python\nprint(kept)")[0] == "1\n"


@pytest.mark.parametrize("kind", ["python sleeps", "elixir sleeps"])
def test_two_interrupts_in_a_row_stop_two_cells(elixir, kind):
    for _ in range(2):
        request = start(elixir, WAITING[kind])
        elixir.manager.interrupt_kernel()
        stopped(elixir, request)
    assert elixir.text("kept + 1")[1] == "2"


def test_a_burst_of_interrupts_ends_the_cell_and_not_the_kernel(own):
    for kind in ("python sleeps", "elixir sleeps"):
        request = start(own, WAITING[kind])
        for _ in range(10):
            own.client.control_channel.send(own.client.session.msg("interrupt_request", {}))
        stopped(own, request, seconds=20)
        for _ in range(10):
            # One that is still on its way would stop the next cell.
            assert own.client.get_control_msg(timeout=20)["msg_type"] == "interrupt_reply"
        assert own.text("1 + 1")[1] == "2"
        assert own.text("%%python\nprint(2)")[0] == "2\n"


def test_native_code_that_does_not_listen_costs_its_process_alone(own):
    own.run("kept = 1")
    process = own.text("%%python\nimport os\ngone = 1\nprint(os.getpid())")[0]
    # A wait in C that holds the interpreter, without which nobody takes a signal; the wait itself would end at one.
    request = own.client.execute(
        "%%python\nimport ctypes\nnative = ctypes.PyDLL(None)\nnative.signal(2, 1)\n"
        "native.dprintf(1, b'begun')\nnative.sleep(60)"
    )
    own.iopub(request, until="busy")
    while own.client.get_iopub_msg(timeout=20)["msg_type"] != "stream":
        pass
    own.manager.interrupt_kernel()
    error = stopped(own, request, seconds=30)
    assert error["ename"] == "Interrupted"
    assert "did not stop within 3 s, and was killed" in error["evalue"]
    assert own.text("kept + 1")[1] == "2"
    assert own.text("%%python\nimport os\nprint(os.getpid())")[0] not in ("", process)
    assert own.run("%%python\ngone")[0]["ename"] == "NameError"


def test_front_ends_are_shown_a_keyboard_interrupt(elixir):
    request = start(elixir, WAITING["python sleeps"])
    elixir.manager.interrupt_kernel()
    error = stopped(elixir, request)
    assert error["ename"] == "KeyboardInterrupt"
    assert any("KeyboardInterrupt" in line for line in error["traceback"])


def interrupt(client):
    """As a front end's button does it."""
    client.client.control_channel.send(client.client.session.msg("interrupt_request", {}))


def printed(client, request, text, seconds=15):
    """Waits until a cell has printed that."""
    seen, until = "", time.monotonic() + seconds
    while text not in seen:
        assert time.monotonic() < until, seen
        message = client.client.get_iopub_msg(timeout=seconds)
        if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == request:
            seen += message["content"]["text"]
    return seen


@pytest.mark.parametrize("kind", ["python loops", "python sleeps", "elixir sleeps"])
def test_a_button_that_is_pressed_twice_costs_no_names(elixir, kind):
    elixir.run("%%python\nprecious = 1")
    request = start(elixir, WAITING[kind])
    for _ in range(5):
        interrupt(elixir)
    stopped(elixir, request)
    assert elixir.text("%%python\nprint(precious, kept)")[0] == "1 1\n"


SAVES = """%%python
import time
precious = 1
try:
    print("go", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("saving", flush=True)
    for part in range(10):
        time.sleep(0.5)
    print("saved")
"""


def test_code_that_saves_what_it_has_is_given_the_time(own):
    request = own.client.execute(SAVES)
    printed(own, request, "go")
    interrupt(own)
    said = printed(own, request, "saved")
    # After the grace time the user is told what another interrupt does.
    assert "has been interrupted and is still running" in said
    assert own.shell()["content"]["status"] == "ok"
    assert own.text("precious")[1] == "1"


def test_another_interrupt_reaches_what_cleans_up(own):
    own.run("%%python\nprecious = 1")
    # Leaving the block waits for the threads; as long as they sleep.
    request = own.client.execute(
        "%%python\nimport time\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor() as pool:\n    running = [pool.submit(time.sleep, 30) for _ in range(2)]\n"
        "    print('go', flush=True)\n    [task.result() for task in running]"
    )
    printed(own, request, "go")
    interrupt(own)
    printed(own, request, "is still running")
    interrupt(own)
    error = stopped(own, request)
    assert error["ename"] == "KeyboardInterrupt"
    assert own.text("precious")[1] == "1"


def test_code_that_stops_at_no_interrupt_is_ended_by_the_second(own):
    own.run("kept = 1")
    request = own.client.execute(
        "%%python\nimport time\nwhile True:\n    try:\n        print('go', flush=True)\n        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        pass"
    )
    printed(own, request, "go")
    interrupt(own)
    printed(own, request, "is still running")
    interrupt(own)
    assert stopped(own, request)["ename"] == "Interrupted"
    assert own.text("kept + 1")[1] == "2"
    assert own.text("%%python\nprint(2)")[0] == "2\n"

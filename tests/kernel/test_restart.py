"""Starting again: one language alone, both, and the whole kernel; and the kernel's end."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import Client


def below(pid):
    """All processes below that one."""
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(child) for child in file.read().split()]
    return found + [one for child in found for one in below(child)]


def is_alive(pid):
    """Whether a process runs; what nobody has reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for_the_end(pids, seconds=10):
    """Waits until none of these processes is there."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


def output(messages):
    """All text on stdout."""
    return "".join(c["text"] for kind, c, _ in messages if kind == "stream" and c["name"] == "stdout")


@pytest.mark.row(22)
@pytest.mark.parametrize("marker", ["", "%%python\n", "%%elixir\n"])
def test_a_language_is_restarted_alone_and_tells_what_is_lost(elixir, marker):
    elixir.run("kept = 1")
    elixir.run("%%python\nimport os\ngone, df = 2, object()\npid = os.getpid()")
    before = elixir.text("%%python\nprint(os.getpid())")[0]
    reply, messages = elixir.run(marker + "%restart python")
    assert reply["status"] == "ok"
    assert "Python was restarted. Names lost: " in output(messages)
    for name in ("df", "gone", "os", "pid"):
        assert name in output(messages)
    assert elixir.text("kept")[1] == "1"
    assert elixir.text("%%python\nimport os\nprint(os.getpid())")[0] != before
    assert elixir.run("%%python\ngone")[0]["ename"] == "NameError"
    assert elixir.text("%%python\nprint(kept)")[0] == "1\n"

    reply, messages = elixir.run(marker + "%restart elixir")
    assert "Elixir was restarted. Names lost: kept" in output(messages)
    assert elixir.run("%%elixir\nkept")[0]["status"] == "error"
    reply, messages = elixir.run(marker + "%restart all")
    assert [line.split()[0] for line in output(messages).splitlines()] == ["Python", "Elixir"]
    assert elixir.text("%%elixir\n1 + 1")[1] == "2"


@pytest.mark.row(20)
@pytest.mark.parametrize("code", ["%%bash\nls", "%matplotlib inline", "%%timeit\n1 + 1"])
def test_a_magic_in_an_elixir_cell_says_where_it_works(elixir, code):
    reply, _ = elixir.run("%%elixir\n" + code)
    assert reply["status"] == "error"
    assert "is a magic of IPython" in reply["traceback"][-1]


@pytest.mark.row(22)
def test_refs_that_are_lost_are_counted(elixir):
    elixir.run("%%python\nclass Thing: pass\nthing = Thing()")
    elixir.run("other = thing")
    _, messages = elixir.run("%restart python")
    assert "ref lost" in output(messages) or "refs lost" in output(messages)


@pytest.mark.row(22)
@pytest.mark.parametrize(
    "code", ["%restart", "%restart ruby", "%restart python\n1 + 1", "%%python\n%restart x"]
)
def test_a_restart_that_makes_no_sense_says_what_would(elixir, code):
    reply, messages = elixir.run(code)
    assert (reply["status"], reply["ename"]) == ("error", "UsageError")
    assert "hint: a cell of this line alone: `%restart python`" in reply["traceback"][-1]
    assert [kind for kind, _, _ in messages] == ["error"]


@pytest.mark.row(22)
def test_a_language_that_is_starting_or_dead_is_restarted_too():
    client = Client("test-elixir")
    assert client.run("%restart all")[0]["status"] == "ok"
    reply, _ = client.run("%%python\nimport os; os._exit(1)")
    assert reply["status"] == "error"
    assert client.run("%restart python")[0]["status"] == "ok"
    assert client.text("%%python\nprint(1)")[0] == "1\n"
    client.stop()


@pytest.mark.row(24)
def test_the_kernel_is_restarted_again_and_again_on_the_same_ports(own):
    own.run("%%python\n1")
    process = own.manager.provisioner.process
    old = [process.pid, *below(process.pid)]
    for turn in range(10):
        own.manager.restart_kernel(now=turn % 3 == 2)
        own.client.wait_for_ready(timeout=60)
        if turn % 4 == 1:
            assert own.text("%%python\nprint(1)")[0] == "1\n"
    wait_for_the_end(old)
    assert own.text("1 + 1")[1] == "2"


@pytest.mark.row(24)
@pytest.mark.parametrize(
    "code",
    [
        None,
        "%%python\nimport time; time.sleep(60)",
        "Process.sleep(60_000)",
        "%%python\ninput()",
        'IO.gets("")',
        "%%python\nwhile True: print('x' * 100)",
        'Stream.repeatedly(fn -> IO.puts("xxxx") end) |> Stream.run()',
    ],
)
@pytest.mark.parametrize("how", ["request", "signal"])
def test_the_end_comes_soon_and_leaves_nobody(own, code, how):
    own.run("1")
    own.run("%%python\n1")
    if code is not None:
        own.iopub(own.client.execute(code, allow_stdin=True), until="busy")
        time.sleep(0.3)
    process = own.manager.provisioner.process
    everybody = below(process.pid)
    assert len(everybody) >= 3
    if how == "request":
        request = own.client.session.msg("shutdown_request", {"restart": False})
        own.client.control_channel.send(request)
        reply = own.client.get_control_msg(timeout=10)
        assert reply["content"] == {"status": "ok", "restart": False}
    else:
        process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert process.wait(timeout=10) == 0
    took = time.monotonic() - begun
    wait_for_the_end(everybody)
    assert took < 5
    if os.environ.get("TIMES"):
        with open(os.environ["TIMES"], "a") as file:
            file.write(f"{how} {code!r}: {took:.2f} s\n")


@pytest.mark.row(24)
def test_a_kernel_whose_parent_is_gone_ends(installed):
    code = (
        "from jupyter_client.manager import start_new_kernel\nimport os\n"
        "manager, client = start_new_kernel(kernel_name='test-python')\n"
        "print(manager.provisioner.process.pid, flush=True)\nos._exit(0)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    kernel = int(parent.stdout.readline())
    # It has not been waited for yet.
    wait_for_the_end([kernel])
    parent.communicate(timeout=10)

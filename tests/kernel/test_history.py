"""History: what was run in this session, in earlier ones and in one that is continued."""

import json

import pytest
from conftest import Client

pytestmark = pytest.mark.row(15)


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A place of its own for records."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "snakebridge/sessions"


@pytest.fixture
def kernel(state):
    client = Client("test-elixir")
    yield client
    client.stop()


def history(kernel, access="tail", **wanted):
    message = kernel.client.session.msg("history_request", {"hist_access_type": access, **wanted})
    kernel.client.shell_channel.send(message)
    while True:
        reply = kernel.shell()
        if reply["parent_header"]["msg_id"] == message["header"]["msg_id"]:
            assert reply["content"]["status"] == "ok", reply["content"]
            return [tuple(entry) for entry in reply["content"]["history"]]


def sources(entries):
    return [source for _, _, source in entries]


def begun(state):
    """The records' names in the order in which they were begun."""
    records = sorted(state.glob("*.jsonl"), key=lambda path: json.loads(path.open().readline())["at"])
    return [path.stem for path in records]


def test_earlier_sessions_are_there_after_a_restart(kernel, state):
    kernel.run("a = 1")
    kernel.run("%%python\nb = 2\nb")
    kernel.run("never", store_history=False)
    kernel.run("nor_this", silent=True)
    assert sources(history(kernel, n=10)) == ["a = 1", "%%python\nb = 2\nb"]
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    kernel.run("c = 3")
    kernel.run("a = 1")

    assert history(kernel, n=10) == [
        (1, 1, "a = 1"),
        (1, 2, "%%python\nb = 2\nb"),
        (0, 1, "c = 3"),
        (0, 2, "a = 1"),
    ]
    assert sources(history(kernel, n=2)) == ["c = 3", "a = 1"]
    assert sources(history(kernel, n=10, unique=True)) == ["%%python\nb = 2\nb", "c = 3", "a = 1"]
    with_output = history(kernel, n=3, output=True)
    assert with_output[0][2][1].endswith("2")
    assert with_output[0][:2] == (1, 2)


def test_ranges_of_sessions(kernel, state):
    for code in ("1", "2", "3"):
        kernel.run(code)
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    for code in ("4", "5"):
        kernel.run(code)
    assert len(begun(state)) == 2
    for session, expected in ((0, ["4", "5"]), (-1, ["1", "2", "3"]), (1, ["1", "2", "3"]), (2, ["4", "5"])):
        assert sources(history(kernel, "range", session=session)) == expected, session
    for session in (-2, 3, 10**15, -(10**15)):
        assert history(kernel, "range", session=session) == []
    assert history(kernel, "range", session=-1, start=2, stop=3) == [(1, 2, "2")]
    assert history(kernel, "range", session=0, start=2) == [(0, 2, "5")]
    # As IPython counts: from start, up to but without stop.
    assert history(kernel, "range", session=0, start=1, stop=1) == []


def test_searches(kernel, state):
    for code in ("xs = [1]", "ys = [22]", "zs = [1]", "xs = [1]"):
        kernel.run(code)

    def found(pattern, **wanted):
        return sources(history(kernel, "search", pattern=pattern, **wanted))

    assert found("*1*") == ["xs = [1]", "zs = [1]", "xs = [1]"]
    assert found("*1*", n=2) == ["zs = [1]", "xs = [1]"]
    assert found("*1*", unique=True) == ["zs = [1]", "xs = [1]"]
    assert found("?s = *22*") == ["ys = [22]"]
    assert found("?s") == []
    assert found("s = *") == []
    assert len(found(None)) == 4


def test_a_named_session_is_continued(state, monkeypatch, installed):
    from conftest import PROGRAM
    from jupyter_client.kernelspec import KernelSpecManager

    manager = KernelSpecManager()
    spec = manager.get_kernel_spec("test-elixir").to_dict()
    spec["argv"] = [PROGRAM, "kernel", "run", "--session", "kept", "-f", "{connection_file}"]
    folder = installed / "kernels/test-named"
    folder.mkdir(exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    first = Client("test-named")
    first.run("before = 1")
    first.stop()
    second = Client("test-named")
    try:
        second.run("after = 2")
        assert history(second, n=5) == [(0, 1, "before = 1"), (0, 2, "after = 2")]
        assert history(second, "range", session=0, stop=2) == [(0, 1, "before = 1")]
    finally:
        second.stop()


def test_a_long_history(kernel, state):
    """100,000 cells of an earlier session: its end, a search through all of it, and all of it once."""
    lines = [
        {"type": "session", "version": 1, "session": "long", "at": "2020-01-01T00:00:00Z", "directory": "/"}
    ]
    for n in range(1, 100_001):
        lines.append({"type": "started", "cell": n, "language": "python", "source": f"x{n} = {n % 1000}"})
        lines.append({"type": "finished", "cell": n, "status": "ok", "duration_us": 1, "events": []})
    # As the program writes them: without spaces.
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    (state / "long.jsonl").write_text(text + "\n{damaged\n")
    tail = history(kernel, n=1000)
    assert len(tail) == 1000 and tail[-1] == (1, 100_000, "%%python\nx100000 = 0")
    assert len(history(kernel, "search", pattern="*= 7")) == 100
    assert len(history(kernel, unique=True)) == 100_000

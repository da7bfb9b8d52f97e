"""What particular clients send, in their order: qtconsole, VS Code, jupyter_server's restarter."""

import os
import re
import signal
import socket
import subprocess
import time
import uuid

import pytest
import zmq
from conftest import PROGRAM, plain
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session

PATIENCE = 60


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


class TestQtconsole:
    """The requests of its widget, which has no Qt of its own to need here."""

    def ask(self, kernel, kind, content):
        message = kernel.client.session.msg(kind, content)
        kernel.client.shell_channel.send(message)
        reply = kernel.shell()
        assert reply["parent_header"]["msg_id"] == message["header"]["msg_id"]
        shown = kernel.iopub(message["header"]["msg_id"])
        return reply["content"], [(kind, told) for kind, told in shown if kind != "status"]

    def execute(self, kernel, code, silent=False, **content):
        return self.ask(
            kernel,
            "execute_request",
            {
                "code": code,
                "silent": silent,
                "store_history": not silent,
                "user_expressions": {},
                "allow_stdin": True,
                "stop_on_error": True,
                **content,
            },
        )

    @pytest.mark.parametrize("language", ["elixir", "python"])
    def test_its_start(self, request, language):
        kernel = request.getfixturevalue(language)
        # Both are sent before either is answered.
        first = kernel.client.session.msg("kernel_info_request", {})
        second = kernel.client.session.msg(
            "history_request", {"raw": True, "output": False, "hist_access_type": "tail", "n": 1000}
        )
        for message in (first, second):
            kernel.client.shell_channel.send(message)
        replies = {}
        while len(replies) < 2:
            reply = kernel.shell()
            replies[reply["parent_header"]["msg_id"]] = reply["content"]
        assert replies[first["header"]["msg_id"]]["banner"].startswith("SnakeBridge")
        assert isinstance(replies[second["header"]["msg_id"]]["history"], list)
        # The number of its next prompt.
        count, shown = self.execute(kernel, "", silent=True)
        assert count["status"] == "ok" and shown == []
        ran, _ = self.execute(kernel, "1")
        assert ran["execution_count"] == count["execution_count"] + 1

    def test_expressions_without_code(self, python):
        names = [str(uuid.uuid1()) for _ in range(3)]
        expressions = dict(
            zip(names, ["40 + 2", "get_ipython().run_line_magic('who_ls', '')", "1 / 0"], strict=True)
        )
        content, shown = self.execute(python, "", silent=True, user_expressions=expressions)
        assert shown == [] and content["status"] == "ok"
        values = [content["user_expressions"][name] for name in names]
        assert [value["status"] for value in values] == ["ok", "ok", "error"]
        assert values[0]["data"]["text/plain"] == "42"
        assert values[2]["ename"] == "ZeroDivisionError"

    def test_its_reference(self, python):
        """`%guiref` and `%quickref` are pages."""
        for magic in ("%quickref", "len?"):
            content, shown = self.execute(python, magic)
            assert [page["source"] for page in content["payload"]] == ["page"] and content["payload"][0][
                "data"
            ]["text/plain"]
            assert [kind for kind, _ in shown if kind != "execute_input"] == []

    @pytest.mark.row(13)
    @pytest.mark.parametrize(
        ("language", "code", "match"), [("elixir", "Enum.map_jo", "map_join"), ("python", "pri", "print")]
    )
    def test_its_questions(self, request, language, code, match):
        kernel = request.getfixturevalue(language)
        found, _ = self.ask(kernel, "complete_request", {"code": code, "cursor_pos": len(code)})
        assert match in found["matches"] and found["cursor_end"] == len(code)
        assert isinstance(found["metadata"], dict)
        whole = code[: found["cursor_start"]] + match
        told, _ = self.ask(
            kernel, "inspect_request", {"code": whole, "cursor_pos": len(whole), "detail_level": 0}
        )
        assert told["found"] and told["data"]["text/plain"]
        complete, _ = self.ask(kernel, "is_complete_request", {"code": "(1,"})
        assert complete["status"] == "incomplete" and re.fullmatch(" *", complete["indent"])


class VsCode:
    """A client with sockets of its own, as VS Code has: one routing id on three of them, and no heartbeat."""

    def __init__(self, folder):
        self.path, self.info = write_connection_file(
            str(folder / "connection.json"), key=uuid.uuid4().hex.encode()
        )
        self.session = Session(key=self.info["key"].encode())
        self.identity = uuid.uuid4().hex.encode()
        self.process = subprocess.Popen([PROGRAM, "kernel", "run", "--no-record", "-f", self.path])
        self.context = zmq.Context()
        self.sockets = {}

    def listening(self):
        ports = [self.info[f"{name}_port"] for name in ("shell", "control", "stdin", "iopub", "hb")]
        with_all = []
        for port in ports:
            with socket.socket() as probe:
                with_all.append(probe.connect_ex(("127.0.0.1", port)) == 0)
        return all(with_all)

    def connect(self, name):
        if name in self.sockets:
            self.sockets.pop(name).close(0)
        kind = zmq.SUB if name == "iopub" else zmq.DEALER
        opened = self.context.socket(kind)
        if kind == zmq.SUB:
            opened.subscribe(b"")
        else:
            opened.routing_id = self.identity
        opened.connect(f"tcp://127.0.0.1:{self.info[f'{name}_port']}")
        self.sockets[name] = opened

    def send(self, name, kind, content, metadata=None):
        message = self.session.msg(kind, content, metadata=metadata or {})
        self.session.send(self.sockets[name], message)
        return message["header"]["msg_id"]

    def receive(self, name, timeout=PATIENCE):
        if not self.sockets[name].poll(timeout * 1000):
            return None
        _, message = self.session.recv(self.sockets[name], copy=True)
        return message

    def started(self):
        """Asks on both channels each half second, until both have answered and a request was seen to be done."""
        for name in ("shell", "control", "stdin"):
            self.connect(name)
        asked, answered, idle = set(), set(), False
        end = time.monotonic() + PATIENCE
        while not (idle and answered == {"shell", "control"}):
            assert time.monotonic() < end, (answered, idle)
            for name in ("control", "shell"):
                asked.add(self.send(name, "kernel_info_request", {}))
            # It subscribes later than it asks.
            if "iopub" not in self.sockets:
                self.connect("iopub")
            later = time.monotonic() + 0.5
            while time.monotonic() < later:
                for name in ("shell", "control"):
                    if (message := self.receive(name, 0.02)) is not None:
                        assert message["header"]["msg_type"] == "kernel_info_reply"
                        answered.add(name)
                if (message := self.receive("iopub", 0.02)) is not None:
                    idle |= (
                        message["content"].get("execution_state") == "idle"
                        and message["parent_header"]["msg_id"] in asked
                    )
        # What is still under way.
        for name in ("shell", "control"):
            while self.receive(name, 0.3):
                pass

    def execute(self, code, language=None):
        metadata = {"cellId": f"vscode-notebook-cell:/n.ipynb#{uuid.uuid4().hex}"}
        if language:
            metadata["vscode"] = {"languageId": language}
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": False,
        }
        return self.send("shell", "execute_request", content, metadata)

    def shown(self, request):
        """What comes for a request until its idle."""
        shown = []
        while True:
            message = self.receive("iopub")
            assert message is not None
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["content"].get("execution_state") == "idle":
                return shown
            shown.append((message["header"]["msg_type"], message["content"]))

    def result(self, request):
        results = [content for kind, content in self.shown(request) if kind == "execute_result"]
        return plain(results[0]["data"]["text/plain"])

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.context.destroy(0)


@pytest.fixture
def vscode(tmp_path):
    client = VsCode(tmp_path)
    yield client
    client.close()


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # Ended, and not yet waited for.
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.mark.row(2)
@pytest.mark.row(20)
@pytest.mark.row(24)
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_vs_codes_order_of_messages(vscode):
    until("the ports listen", vscode.listening)
    vscode.started()

    assert vscode.result(vscode.execute("System.pid()")).strip('"').isdigit()
    assert vscode.receive("shell")["content"]["status"] == "ok"
    beam = int(vscode.result(vscode.execute("System.pid()")).strip('"'))
    vscode.receive("shell")
    worker = int(vscode.result(vscode.execute("import os\nos.getpid()", "python")))
    vscode.receive("shell")

    # A failing cell calls off nothing.
    failing, after = vscode.execute('raise "boo"'), vscode.execute("1 + 1")
    assert "error" in dict(vscode.shown(failing))
    assert vscode.result(after) == "2"
    assert [vscode.receive("shell")["content"]["status"] for _ in range(2)] == ["error", "ok"]

    # A question comes on the third socket of the same identity.
    asking = vscode.execute("input('who? ')", "python")
    question = vscode.receive("stdin")
    assert question["content"] == {"prompt": "who? ", "password": False}
    vscode.send("stdin", "input_reply", {"value": "Ada"})
    assert vscode.result(asking) == "'Ada'"
    vscode.receive("shell")

    # Sockets are opened anew under the same identity, also while a cell runs: its reply comes to the new one.
    running = vscode.execute("Process.sleep(1500)\n:slept")
    assert vscode.receive("iopub")
    for name in ("shell", "control", "stdin"):
        vscode.connect(name)
    assert vscode.result(running) == ":slept"
    reply = vscode.receive("shell")
    assert reply is not None and reply["parent_header"]["msg_id"] == running
    again = vscode.execute("2 + 2")
    assert vscode.result(again) == "4"
    assert vscode.receive("shell")["parent_header"]["msg_id"] == again
    vscode.send("control", "kernel_info_request", {})
    assert vscode.receive("control")["header"]["msg_type"] == "kernel_info_reply"

    # It ends by a signal, with nothing asked before, and takes along what it has started.
    vscode.process.send_signal(signal.SIGTERM)
    assert vscode.process.wait(timeout=PATIENCE) == 0
    until("the children end", lambda: gone(beam) and gone(worker))


@pytest.mark.row(24)
def test_a_kernel_that_died_is_restarted_on_its_ports(own):
    """As jupyter_server does: its restarter polls, and starts the kernel again with the same connection file."""
    from jupyter_client.restarter import KernelRestarter

    own.run("before = 1")
    restarter = KernelRestarter(kernel_manager=own.manager, random_ports_until_alive=False)
    told = []
    restarter.add_callback(lambda: told.append("restart"))
    restarter.poll()
    assert told == []
    old = own.manager.provisioner.process.pid
    os.kill(old, signal.SIGKILL)
    until("it is dead", lambda: not own.manager.is_alive())
    restarter.poll()
    assert told == ["restart"] and own.manager.provisioner.process.pid != old
    # Asked on both channels, as the server does.
    own.client.wait_for_ready(timeout=PATIENCE)
    own.client.kernel_info()
    message = own.client.session.msg("kernel_info_request", {})
    own.client.control_channel.send(message)
    assert own.shell()["content"]["status"] == "ok"
    assert own.client.get_control_msg(timeout=PATIENCE)["content"]["status"] == "ok"
    assert own.run("before")[0]["status"] == "error"
    assert own.text("1 + 1") == ("", "2")


@pytest.mark.row(27)
def test_fields_of_the_future_come_back(python):
    """A header's unknown fields, in the parent header of all that is sent for it, on every channel."""
    session = python.client.session
    for channel, kind, content in (
        ("shell", "execute_request", {"code": "print('x')\n1", "silent": False, "of_the_future": [1]}),
        ("control", "kernel_info_request", {"of_the_future": None}),
    ):
        message = session.msg(kind, content)
        message["header"]["of_the_future"] = {"deep": [1, None, "ä"], "big": 2**60}
        getattr(python.client, f"{channel}_channel").send(message)
        get = python.client.get_control_msg if channel == "control" else python.shell
        reply = get(timeout=PATIENCE)
        assert reply["content"]["status"] == "ok"
        parents = [reply["parent_header"]]
        state = None
        while state != "idle":
            told = python.client.get_iopub_msg(timeout=PATIENCE)
            if told["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                parents.append(told["parent_header"])
                state = told["content"].get("execution_state")
        assert len(parents) > 2
        assert all(parent["of_the_future"] == message["header"]["of_the_future"] for parent in parents)

"""The debugger of Python cells, by a scripted client: as JupyterLab does it, request by request."""

import os
import subprocess
import time
import venv

import pytest
from conftest import PROGRAM, Client

pytestmark = pytest.mark.row(18)

CODE = "def f(n):\n    twice = n * 2\n    return twice + 1\nf(20)"


class Debugger:
    """Debug requests on the control channel, and the events on IOPub."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.seq = 0

    def ask(self, command, timeout=40, **arguments):
        """The response."""
        self.seq += 1
        session, channel = self.kernel.client.session, self.kernel.client.control_channel
        request = {"type": "request", "seq": self.seq, "command": command, "arguments": arguments}
        message = session.msg("debug_request", request)
        channel.send(message)
        reply = self.kernel.client.get_control_msg(timeout=timeout)
        assert reply["parent_header"]["msg_id"] == message["header"]["msg_id"]
        assert reply["msg_type"] == "debug_reply"
        response = reply["content"]
        assert (response["type"], response["command"], response["request_seq"]) == (
            "response",
            command,
            self.seq,
        )
        return response

    def body(self, command, **arguments):
        """The body of a response that must be a success."""
        response = self.ask(command, **arguments)
        assert response["success"], response
        return response.get("body")

    def event(self, name, timeout=30):
        """The next event of that name."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.kernel.client.get_iopub_msg(timeout=timeout)
            if message["msg_type"] == "debug_event" and message["content"]["event"] == name:
                return message["content"]
        raise AssertionError(f"no event {name}")

    def attach(self):
        self.body("initialize", clientID="test", adapterID="", pathFormat="path", linesStartAt1=True)
        self.body("attach")

    def stop_at(self, line, code=CODE):
        """Runs a cell that stops there: (its request, the thread, the frames)."""
        path = self.body("dumpCell", code=code)["sourcePath"]
        body = self.body("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
        assert [point["verified"] for point in body["breakpoints"]] == [True]
        self.body("configurationDone")
        request = self.kernel.client.execute(code)
        stopped = self.event("stopped")["body"]
        assert stopped["reason"] == "breakpoint"
        frames = self.body("stackTrace", threadId=stopped["threadId"])["stackFrames"]
        assert frames[0]["source"]["path"] == path
        return request, stopped["threadId"], frames

    def variables(self, frame):
        scopes = self.body("scopes", frameId=frame["id"])["scopes"]
        found = self.body("variables", variablesReference=scopes[0]["variablesReference"])["variables"]
        return {variable["name"]: variable["value"] for variable in found}


@pytest.fixture
def debugger():
    kernel = Client("test-python")
    yield Debugger(kernel)
    if kernel.manager.is_alive():
        kernel.stop()


def result(kernel, request):
    shown = [
        content["data"]["text/plain"] for kind, content in kernel.iopub(request) if kind == "execute_result"
    ]
    assert kernel.shell()["parent_header"]["msg_id"] == request
    return shown


@pytest.mark.needs("debugpy")
@pytest.mark.parametrize("marker", ["", "%%python\n"])
def test_a_cell_stops_is_looked_at_and_goes_on(debugger, marker):
    debugger.attach()
    first = 2 if marker else 1
    request, thread, frames = debugger.stop_at(first + 2, marker + CODE)
    # What runs the cells is no part of the stack.
    assert [(frame["name"], frame["line"]) for frame in frames] == [("f", first + 2), ("<module>", first + 3)]
    assert debugger.variables(frames[0]) == {"n": "20", "twice": "40"}
    rich = debugger.body("richInspectVariables", variableName="twice", frameId=frames[0]["id"])
    assert rich["data"]["text/plain"] == "40"
    info = debugger.body("debugInfo")
    assert info["isStarted"]
    assert info["stoppedThreads"] == [thread]
    assert [point["breakpoints"] for point in info["breakpoints"]] == [[{"line": first + 2}]]
    debugger.body("next", threadId=thread)
    assert debugger.event("stopped")["body"]["reason"] == "step"
    debugger.body("continue", threadId=thread)
    assert result(debugger.kernel, request) == ["41"]
    assert debugger.body("debugInfo")["stoppedThreads"] == []


@pytest.mark.needs("debugpy")
def test_values_are_changed_and_copied(debugger):
    debugger.attach()
    request, thread, frames = debugger.stop_at(3)
    scopes = debugger.body("scopes", frameId=frames[0]["id"])["scopes"]
    reference = scopes[0]["variablesReference"]
    debugger.body("setVariable", variablesReference=reference, name="twice", value="100")
    debugger.body(
        "copyToGlobals", srcVariableName="twice", dstVariableName="copied", srcFrameId=frames[0]["id"]
    )
    debugger.body("continue", threadId=thread)
    assert result(debugger.kernel, request) == ["101"]
    assert debugger.kernel.text("copied")[1] == "100"


@pytest.mark.needs("debugpy")
def test_cells_run_as_ever_after_a_disconnect(debugger):
    debugger.attach()
    request, _, _ = debugger.stop_at(3)
    debugger.body("disconnect", restart=False, terminateDebuggee=False)
    assert result(debugger.kernel, request) == ["41"]
    assert not debugger.body("debugInfo")["isStarted"]
    assert debugger.kernel.text(CODE)[1] == "41"
    debugger.attach()
    _, thread, _ = debugger.stop_at(2)
    debugger.body("continue", threadId=thread)


def test_what_needs_no_debugger(debugger):
    info = debugger.body("debugInfo")
    assert (info["isStarted"], info["hashMethod"]) == (False, "Murmur2")
    path = debugger.body("dumpCell", code=CODE)["sourcePath"]
    assert path.startswith(info["tmpFilePrefix"])
    assert path.endswith(info["tmpFileSuffix"])
    assert debugger.body("source", source={"path": path})["content"] == CODE
    debugger.kernel.run("seen = [1, 2]")
    found = debugger.body("inspectVariables")["variables"]
    assert [(v["name"], v["type"]) for v in found if v["name"] == "seen"] == [("seen", "list")]
    assert debugger.body("richInspectVariables", variableName="seen")["data"]["text/plain"] == "[1, 2]"
    assert not debugger.ask("stackTrace", threadId=1)["success"]
    debugger.kernel.stop()
    assert not os.path.exists(path)


@pytest.mark.needs("debugpy")
def test_two_clients_start_it_at_once(debugger):
    session, control = debugger.kernel.client.session, debugger.kernel.client.control_channel
    client = {"clientID": "test", "adapterID": "", "pathFormat": "path", "linesStartAt1": True}
    for command, arguments in (("initialize", client), ("attach", {})):
        asked = []
        for seq in (1, 2, 3):
            request = {"type": "request", "seq": seq, "command": command, "arguments": arguments}
            asked.append(session.msg("debug_request", request))
            control.send(asked[-1])
        found = [debugger.kernel.client.get_control_msg(timeout=40)["content"] for _ in asked]
        assert [response["success"] for response in found] == [True] * 3, found
    assert debugger.body("debugInfo")["isStarted"]
    _, thread, _ = debugger.stop_at(3)
    debugger.body("continue", threadId=thread)
    assert debugger.kernel.shell(timeout=30)["content"]["status"] == "ok"


def test_without_debugpy(installed, tmp_path):
    venv.create(tmp_path / "bare", symlinks=True)
    install = [PROGRAM, "kernel", "install", "--language", "python", "--name", "test-no-debugpy"]
    subprocess.run(
        [*install, "--python", tmp_path / "bare/bin/python"], check=True, stdout=subprocess.DEVNULL
    )
    client = Client("test-no-debugpy")
    try:
        response = Debugger(client).ask("initialize")
        assert not response["success"]
        assert "%pip install debugpy" in response["message"]
        assert client.text("1 + 1")[1] == "2"
    finally:
        client.stop()


@pytest.mark.row(8)
@pytest.mark.needs("debugpy")
def test_a_cell_that_stands_is_interrupted(debugger):
    debugger.kernel.run("kept = 1")
    debugger.attach()
    debugger.stop_at(3)
    debugger.kernel.manager.interrupt_kernel()
    assert debugger.kernel.shell(timeout=30)["content"]["status"] == "error"
    assert debugger.kernel.text("1 + 1")[1] == "2"

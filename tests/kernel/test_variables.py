"""The session's variables, as the kernel tells them over comms of the target snakebridge.variables."""

import time
import uuid

import pytest

TARGET = "snakebridge.variables"


class Panel:
    """A comm to the kernel, and what it has told."""

    def __init__(self, kernel, **header):
        self.kernel, self.client, self.id, self.header = kernel, kernel.client, uuid.uuid4().hex, header
        self.told = []
        self.send("comm_open", target_name=TARGET)

    def send(self, kind, **content):
        message = self.client.session.msg(kind, {"comm_id": self.id, "data": {}, **content})
        message["header"].update(self.header)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def wait(self, is_there, timeout=30):
        """Reads on until what was told last is as wanted; the variables by name."""
        deadline = time.monotonic() + timeout
        while not (self.told and is_there(self.names())):
            left = deadline - time.monotonic()
            assert left > 0, f"told {len(self.told)} times, last {self.told[-1:]}"
            self.take(self.client.get_iopub_msg(timeout=left))
        return self.names()

    def take(self, message):
        content = message["content"]
        if message["msg_type"] == "comm_msg" and content["comm_id"] == self.id:
            self.told.append(content["data"])

    def names(self):
        return {variable["name"]: variable for variable in self.told[-1]["variables"]}

    def drain(self, parent):
        """Takes all that came up to the end of that request."""
        while True:
            message = self.client.get_iopub_msg(timeout=30)
            self.take(message)
            if (
                message["parent_header"].get("msg_id") == parent
                and message["msg_type"] == "status"
                and message["content"]["execution_state"] == "idle"
            ):
                return


@pytest.fixture
def panel(own):
    own.run("1 + 1")
    own.run("%%python\n1 + 1")
    return Panel(own)


@pytest.mark.row(17)
def test_names_of_both_languages_come_when_it_is_opened_and_after_cells(own):
    own.run("xs = [1, 2, 3]")
    own.run("%%python\nimport array\ntext = 'abc'")
    panel = Panel(own)
    names = panel.wait(lambda names: {"xs", "text", "array"} <= set(names))
    assert names["xs"] == {
        "name": "xs",
        "language": "elixir",
        "type": "list",
        "size": "3",
        "value": "[1, 2, 3]",
    }
    assert names["text"] == {
        "name": "text",
        "language": "python",
        "type": "str",
        "size": "3",
        "value": "'abc'",
    }
    assert names["array"]["type"] == "module"
    assert panel.told[-1]["more"] is False

    own.client.execute("%%python\nxs = (1,); del text")
    names = panel.wait(lambda names: "text" not in names)
    # Python has written it last.
    assert (names["xs"]["language"], names["xs"]["value"]) == ("python", "(1,)")


def test_what_has_not_changed_is_not_told_again_unless_asked(panel):
    panel.wait(lambda names: True)
    for _ in range(5):
        panel.client.execute("1 + 1")
    panel.client.execute("done = 1")
    panel.wait(lambda names: "done" in names)
    first = len(panel.told)
    assert first <= 2
    panel.send("comm_msg")
    panel.wait(lambda names: len(panel.told) > first)
    assert panel.told[-1] == panel.told[-2]


def test_many_cells_make_few_messages(panel):
    panel.wait(lambda names: True)
    started = time.monotonic()
    for n in range(200):
        panel.client.execute(f"%%python\nn = {n}")
    panel.wait(lambda names: names.get("n", {}).get("value") == "199", timeout=60)
    # One in a tenth of a second at most.
    assert len(panel.told) <= (time.monotonic() - started) / 0.1 + 3


def test_it_is_served_while_a_cell_runs(own):
    own.run("ready = true")
    own.run("%%python\nimport time; started = 1")
    cell = own.client.execute("%%python\ntime.sleep(600)")
    panel = Panel(own)
    names = panel.wait(lambda names: {"ready", "started"} <= set(names), timeout=10)
    assert names["started"]["value"] == "1"
    own.manager.interrupt_kernel()
    panel.drain(cell)


def test_it_runs_none_of_the_users_code(own):
    own.run("defmodule Loud do\n  defstruct [:x]\nend")
    own.run(
        "defimpl Inspect, for: Loud do\n  def inspect(_, _), do: Process.sleep(600_000)\nend\nloud = %{__struct__: Loud, x: 1}; nil"
    )
    own.run(
        "%%python\nclass Loud:\n"
        "    def __repr__(self): import time; time.sleep(600)\n"
        "    __str__ = __len__ = __getattr__ = __repr__\n"
        "shape = Loud(); None"
    )
    names = Panel(own).wait(lambda names: {"loud", "shape"} <= set(names), timeout=20)
    assert names["shape"]["type"] == "Loud"
    assert "Loud" in names["loud"]["type"]


def test_many_clients_each_until_it_closes(panel):
    second = Panel(panel.kernel)
    both = [panel, second]

    def wait(name, *panels):
        panels = panels or both
        deadline = time.monotonic() + 30
        while not all(one.told and name in one.names() for one in panels):
            message = panel.client.get_iopub_msg(timeout=deadline - time.monotonic())
            for one in both:
                one.take(message)

    panel.client.execute("a = 1")
    wait("a")
    second.send("comm_close")
    told = len(second.told)
    panel.client.execute("b = 1")
    wait("b", panel)
    # What it had been told of b would have come before.
    panel.client.execute("c = 1")
    wait("c", panel)
    assert len(second.told) == told

    request = panel.client.comm_info(TARGET)
    while (reply := panel.kernel.shell())["parent_header"]["msg_id"] != request:
        pass
    assert list(reply["content"]["comms"]) == [panel.id]


def test_comms_that_nobody_closes_are_closed(panel):
    panels = [panel, *(Panel(panel.kernel) for _ in range(70))]
    last = panels[-1]
    panel.client.execute("x = 1")
    closed = []
    deadline = time.monotonic() + 30
    while len(closed) < 7 or not (last.told and "x" in last.names()):
        message = panel.client.get_iopub_msg(timeout=deadline - time.monotonic())
        last.take(message)
        if message["msg_type"] == "comm_close":
            closed.append(message["content"]["comm_id"])
    assert set(closed) == {one.id for one in panels[:7]}


def test_what_is_told_is_bounded(panel):
    code = "for n in range(30_000): globals()[f'name_{n:05}'] = 'x' * 100_000 * (n == 7)"
    panel.client.execute(f"%%python\n{code}")
    panel.wait(lambda names: panel.told[-1]["more"])
    assert len(panel.told[-1]["variables"]) == 2000
    assert max(len(variable["value"]) for variable in panel.told[-1]["variables"]) <= 120


@pytest.mark.row(22)
def test_names_of_a_language_that_died_are_gone(panel):
    panel.client.execute("kept = 1")
    panel.client.execute("%%python\nlost = 1")
    panel.wait(lambda names: {"kept", "lost"} <= set(names))
    panel.client.execute("%%python\nimport os; os._exit(3)")
    names = panel.wait(lambda names: "lost" not in names)
    assert "kept" in names


def test_other_comms_are_pythons(own):
    own.run(
        "%%python\nfrom comm import get_comm_manager\n"
        "heard = []\n"
        "get_comm_manager().register_target('mine', lambda comm, message: heard.append(message['content']['data']))"
    )
    panel = Panel(own)
    panel.wait(lambda names: "heard" in names)
    message = own.client.session.msg("comm_open", {"comm_id": "c", "target_name": "mine", "data": {"a": 1}})
    own.client.shell_channel.send(message)
    # What a comm's message does is news too.
    names = panel.wait(lambda names: names["heard"]["size"] == "1")
    assert names["heard"]["value"] == "[{'a': 1}]"


@pytest.mark.row(12)
def test_a_comm_of_a_subshell_is_served_while_all_shells_compute(own):
    own.run("%%python\nimport time; ready = 1")
    client = own.client
    request = client.session.msg("create_subshell_request", {})
    client.control_channel.send(request)
    subshell = client.get_control_msg(timeout=30)["content"]["subshell_id"]
    cells = []
    for header in ({}, {"subshell_id": subshell}):
        cell = client.session.msg("execute_request", {"code": "%%python\ntime.sleep(600)", "silent": False})
        cell["header"].update(header)
        client.shell_channel.send(cell)
        cells.append(cell["header"]["msg_id"])
    # As JupyterLab opens comms: in a subshell for each target.
    names = Panel(own, subshell_id=subshell).wait(lambda names: "ready" in names, timeout=20)
    assert names["ready"]["value"] == "1"
    own.manager.interrupt_kernel()

"""What jupyter_kernel_test leaves out, by a real client: questions to the user, interrupts, comms, floods, order."""

import json
import os
import signal
import time
from pathlib import Path

import pytest


@pytest.mark.row(21)
def test_names_are_shared(elixir):
    elixir.run("%%python\nxs = [1, 2, 3]")
    assert elixir.text("Enum.sum(xs)") == ("", "6")
    elixir.run('name = "Ada"')
    assert elixir.text("%%python\nprint(name.upper())") == ("ADA\n", None)


@pytest.mark.parametrize("key", ["snakebridge", "vscode"])
@pytest.mark.row(20)
def test_a_cells_language_is_in_its_metadata(elixir, key):
    metadata = (
        {"snakebridge": {"language": "python"}}
        if key == "snakebridge"
        else {"vscode": {"languageId": "python"}}
    )
    client = elixir.client
    request = client.session.msg(
        "execute_request", {"code": "'py'.upper()", "silent": False}, metadata=metadata
    )
    client.shell_channel.send(request)
    results = dict(elixir.iopub(request["header"]["msg_id"]))
    assert elixir.shell()["content"]["status"] == "ok"
    assert results["execute_result"]["data"]["text/plain"] == "'PY'"


def test_counts_and_silence(python):
    first = python.run("1")[0]["execution_count"]
    reply, messages = python.run("print('x'); 2", silent=True)
    assert reply["execution_count"] == first
    assert [kind for kind, _, _ in messages if kind == "execute_result"] == []
    assert python.run("3")[0]["execution_count"] == first + 1


def test_user_expressions(python):
    reply, _ = python.run("x = 20", user_expressions={"good": "x + 1", "bad": "1 / 0"})
    assert reply["user_expressions"]["good"]["data"]["text/plain"] == "21"
    assert reply["user_expressions"]["bad"]["ename"] == "ZeroDivisionError"


@pytest.mark.row(11)
def test_a_failing_cell_calls_off_those_that_wait(elixir):
    ids = [elixir.client.execute(code) for code in ('raise "no"', "1", "2")]
    replies = {}
    while set(replies) != set(ids):
        message = elixir.shell()
        replies[message["parent_header"]["msg_id"]] = message["content"]["status"]
    assert [replies[one] for one in ids] == ["error", "aborted", "aborted"]
    assert elixir.text("3")[1] == "3"


@pytest.mark.row(11)
def test_it_calls_off_what_was_sent_before_anybody_knew(own):
    own.run("1")
    kernel = own.manager.provisioner.process.pid
    failing = f"%%python\nimport os, signal\nos.kill({kernel}, signal.SIGSTOP)\n1 / 0"
    ids = [own.client.execute(failing)]
    # While the kernel hears of nothing, the cell fails, and its client sends others.
    deadline = time.monotonic() + 20
    while (state := Path(f"/proc/{kernel}/stat").read_text().rsplit(")")[-1].split()[0]) != "T":
        assert time.monotonic() < deadline, state
    ids += [own.client.execute("1" + " " * 10_000) for _ in range(100)]
    time.sleep(0.5)
    os.kill(kernel, signal.SIGCONT)
    replies = {}
    while set(replies) != set(ids):
        message = own.shell()
        replies[message["parent_header"]["msg_id"]] = message["content"]["status"]
    assert [replies[one] for one in ids] == ["error"] + ["aborted"] * 100
    assert own.text("3")[1] == "3"


def test_they_run_where_the_client_wants_that(elixir):
    ids = [elixir.client.execute(code, stop_on_error=False) for code in ('raise "no"', "1")]
    replies = {}
    while set(replies) != set(ids):
        message = elixir.shell()
        replies[message["parent_header"]["msg_id"]] = message["content"]["status"]
    assert [replies[one] for one in ids] == ["error", "ok"]


@pytest.mark.row(10)
def test_questions_to_the_user(elixir):
    assert elixir.text('IO.gets("name? ")', answers=["Ada"]) == ("", '"Ada\\n"')
    assert (
        elixir.text("%%python\nimport getpass\nprint(input('a'), getpass.getpass('b'))", answers=["1", "2"])[
            0
        ]
        == "1 2\n"
    )
    reply, _ = elixir.run("%%python\ninput()", allow_stdin=False)
    assert reply["ename"] == "EOFError"


@pytest.mark.parametrize(
    "code", ["%%python\nwhile True: pass", "%%python\nimport time; time.sleep(60)", "Process.sleep(60_000)"]
)
@pytest.mark.row(8)
def test_interrupts(elixir, code):
    elixir.run("%%python\nkept = 1")
    request = elixir.client.execute(code)
    elixir.iopub(request, until="busy")
    time.sleep(0.3)
    elixir.manager.interrupt_kernel()
    assert elixir.shell(timeout=10)["content"]["status"] == "error"
    elixir.iopub(request)
    assert elixir.text("kept + 1")[1] == "2"


@pytest.mark.row(13)
def test_questions_are_answered_while_a_cell_runs(python):
    request = python.client.execute("import time; time.sleep(1.5)")
    python.iopub(request, until="busy")
    complete = python.client.complete("zi", 2)
    reply = python.shell(timeout=5)
    assert reply["parent_header"]["msg_id"] == complete
    assert "zip" in reply["content"]["matches"]
    assert python.shell()["parent_header"]["msg_id"] == request


def test_cursors_count_code_points(python):
    python.run("añbд = 'text'")
    code = "'𝄞𝄞' + añbд.upp"
    python.client.complete(code, len(code))
    content = python.shell()["content"]
    assert (content["cursor_start"], content["cursor_end"]) == (len(code) - 3, len(code))
    assert content["metadata"]["_jupyter_types_experimental"][0]["start"] == content["cursor_start"]


@pytest.mark.row(16)
def test_displays_are_replaced(python):
    _, messages = python.run(
        "from IPython.display import display\nd = display('a', display_id='d')\nd.update('b')"
    )
    assert [(kind, content["transient"]["display_id"]) for kind, content, _ in messages] == [
        ("display_data", "d"),
        ("update_display_data", "d"),
    ]


@pytest.mark.row(5)
def test_no_line_is_lost_and_all_come_before_idle(python):
    _, messages = python.run("for i in range(100_000): print(i)")
    text = "".join(content["text"] for kind, content, _ in messages if kind == "stream")
    assert text.split() == [str(i) for i in range(100_000)]


@pytest.mark.row(6)
def test_late_output_goes_to_the_cell_that_started_it(python):
    request = python.client.execute(
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(1), print('late'))).start()"
    )
    python.iopub(request)
    python.shell()
    python.run("1")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message = python.client.get_iopub_msg(timeout=20)
        if message["msg_type"] == "stream":
            assert message["content"]["text"] == "late\n"
            assert message["parent_header"]["msg_id"] == request
            return
    raise AssertionError("it did not come")


@pytest.mark.row(17)
def test_a_widget_talks_to_python_and_elixir(python):
    pytest.importorskip("ipywidgets")
    python.run("%%elixir\nshout = &String.upcase/1")
    _, messages = python.run(
        "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\n"
        "slider.observe(lambda change: print(change['new'], shout('new')), 'value')\nslider"
    )
    opened = [content for kind, content, _ in messages if kind == "comm_open"]
    model = next(c["comm_id"] for c in opened if "IntSliderModel" in json.dumps(c["data"]))
    client = python.client
    client.comm_info()
    assert model in python.shell()["content"]["comms"]
    data = {"method": "update", "state": {"value": 7}, "buffer_paths": []}
    message = client.session.msg("comm_msg", {"comm_id": model, "data": data})
    client.shell_channel.send(message)
    printed = [
        content["text"] for kind, content in python.iopub(message["header"]["msg_id"]) if kind == "stream"
    ]
    assert "".join(printed) == "7 NEW\n"
    assert python.text("slider.value")[1] == "7"


def test_a_comm_that_nobody_takes_is_closed(python):
    message = python.client.session.msg("comm_open", {"comm_id": "c", "target_name": "nobody", "data": {}})
    python.client.shell_channel.send(message)
    closed = [content for kind, content in python.iopub(message["header"]["msg_id"]) if kind == "comm_close"]
    assert [content["comm_id"] for content in closed] == ["c"]


def test_libraries_know_a_notebook(python):
    assert python.text("get_ipython().__class__.__name__")[1] == "'ZMQInteractiveShell'"
    assert python.text("'IPKernelApp' in get_ipython().config")[1] == "True"
    assert python.text("get_ipython().kernel.get_parent()['header']['msg_type']")[1] == "'execute_request'"


def test_figures_are_shown_without_being_asked_for(python):
    pytest.importorskip("matplotlib")
    _, messages = python.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    assert [kind for kind, content, _ in messages if "image/png" in content.get("data", {})] == [
        "display_data"
    ]


@pytest.mark.row(25)
def test_unknown_and_malformed_messages_change_nothing(own):
    client = own.client
    for n in range(300):
        message = client.session.msg("execute_request", {"code": n} if n % 3 else {})
        if n % 3 == 1:
            message["header"]["msg_type"] = "unheard_of"
        client.shell_channel.send(message)
        client.shell_channel.socket.send_multipart([b"<IDS|MSG>"] + [b"x"] * (n % 7))
        client.control_channel.socket.send_multipart(
            [b"a", b"<IDS|MSG>", b"0" * 64, b"{}", b"{}", b"{}", b"{"]
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        request = client.execute("40 + 2")
        messages = dict(own.iopub(request))
        if "execute_result" in messages:
            return
    raise AssertionError("the kernel does not answer any more")


@pytest.mark.row(25)
def test_a_wrong_signature_is_refused(own):
    client = own.client
    right, client.session.key = client.session.key, b"wrong"
    client.execute("send(self(), :never)")
    client.session.key = right
    request = client.execute(":fine")
    assert dict(own.iopub(request))["execute_result"]
    assert own.shell()["parent_header"]["msg_id"] == request


@pytest.mark.row(24)
def test_a_kernel_ends_when_it_is_told_to(own):
    own.run("%%python\n1")
    process = own.manager.provisioner.process
    own.client.shutdown()
    assert process.wait(timeout=10) == 0


@pytest.mark.row(19)
def test_usage_is_of_all_processes(elixir):
    client = elixir.client
    request = client.session.msg("usage_request", {})
    client.control_channel.send(request)
    content = client.get_control_msg(timeout=20)["content"]
    # A BEAM and a Python are in it.
    assert content["kernel_memory"] > 60_000_000

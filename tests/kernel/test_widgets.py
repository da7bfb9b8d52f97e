"""Widgets beyond one slider: what they do when a view speaks to them, with bytes both ways."""

import pytest

pytestmark = [pytest.mark.row(17), pytest.mark.needs("ipywidgets")]


def send(kernel, code, content, buffers=None):
    """Sends to the comm whose id the expression gives what a view would send; what comes of it: (type, content)."""
    comm = kernel.text(code)[1].strip("'")
    message = kernel.client.session.msg("comm_msg", {"comm_id": comm, "data": content})
    kernel.client.session.send(kernel.client.shell_channel.socket, message, buffers=buffers)
    return kernel.iopub(message["header"]["msg_id"])


def printed(messages):
    return "".join(content["text"] for kind, content in messages if kind == "stream")


def test_a_button_is_clicked(python):
    python.run("import ipywidgets as w\nb = w.Button()\nb.on_click(lambda b: print('clicked'))")
    click = {"method": "custom", "content": {"event": "click"}}
    assert printed(send(python, "b.comm.comm_id", click)) == "clicked\n"


def test_a_failing_callback_is_told(python):
    python.run("import ipywidgets as w\nb = w.Button()\nb.on_click(lambda b: 1/0)")
    click = {"method": "custom", "content": {"event": "click"}}
    messages = send(python, "b.comm.comm_id", click)
    assert "ZeroDivisionError" in str(messages)
    assert python.text("1 + 1")[1] == "2"


def test_interact_runs_again_in_its_own_output(python):
    _, messages = python.run("import ipywidgets as w\nw.interact(lambda a: print('a is', a), a=(0, 3));")
    assert "a is 1\n" in [c["text"] for kind, c, _ in messages if kind == "stream"]
    python.run("i = w.interactive(lambda a: print('now', a), a=(0, 3))")
    update = {"method": "update", "state": {"value": 3}, "buffer_paths": []}
    messages = send(python, "i.children[0].comm.comm_id", update)
    assert printed(messages) == "now 3\n"
    kinds = [kind for kind, _ in messages]
    states = [c["data"].get("state", {}) for kind, c in messages if kind == "comm_msg"]
    # The view of the output takes what comes between these two.
    opened = next(n for n, state in enumerate(states) if state.get("msg_id"))
    assert states[opened + 1 :][-1] == {"msg_id": ""}
    assert "clear_output" in kinds


def test_output_as_context_and_as_decorator(python):
    python.run(
        "import ipywidgets as w\nout = w.Output()\n@out.capture(clear_output=True)\ndef f(): print('captured')"
    )
    for code in ("with out: print('captured')", "f()"):
        _, messages = python.run(code)
        kinds = [
            (kind, content["data"]["state"]["msg_id"] != "") if kind == "comm_msg" else (kind, None)
            for kind, content, _ in messages
        ]
        stream = kinds.index(("stream", None))
        assert kinds[stream - 1] == ("comm_msg", True)
        assert kinds[stream + 1] == ("comm_msg", False)
    reply, messages = python.run("with out: 1/0\nprint('went on')")
    assert reply["status"] == "ok"
    assert "ZeroDivisionError" in str(messages)


def test_bytes_go_both_ways(python):
    data = bytes(range(256))
    _, messages = python.run("import ipywidgets as w\npicture = w.Image(value=bytes(range(256)))")
    opened = [(content, buffers) for kind, content, buffers in messages if kind == "comm_open" and buffers]
    assert [bytes(buffer) for buffer in opened[0][1]] == [data]
    assert opened[0][0]["data"]["buffer_paths"] == [["value"]]
    update = {"method": "update", "state": {}, "buffer_paths": [["value"]]}
    send(python, "picture.comm.comm_id", update, [data[::-1]])
    assert python.text("picture.value == bytes(range(256))[::-1]")[1] == "True"


@pytest.mark.parametrize("data", [b"plain text", b"\xff\x00", "é".encode()])
def test_uploaded_files(python, data):
    python.run("import ipywidgets as w\nupload = w.FileUpload()")
    file = {"name": "f", "type": "", "size": len(data), "last_modified": 0}
    update = {"method": "update", "state": {"value": [file]}, "buffer_paths": [["value", 0, "content"]]}
    send(python, "upload.comm.comm_id", update, [data])
    assert python.text("bytes(upload.value[0].content)")[1] == repr(data)


@pytest.mark.needs("ipykernel")
def test_ipykernels_comms_are_ours(python):
    reply, messages = python.run(
        "from ipykernel.comm import Comm\nimport ipykernel.ipkernel, comm\n"
        "Comm(target_name='one')\ncomm.create_comm(target_name='two')\n"
        "assert comm.get_comm_manager() is get_ipython().kernel.comm_manager\n"
        "from ipykernel.zmqshell import ZMQDisplayPublisher, ZMQInteractiveShell\n"
        "assert isinstance(get_ipython(), ZMQInteractiveShell)"
    )
    assert reply["status"] == "ok"
    assert [c["target_name"] for kind, c, _ in messages if kind == "comm_open"] == ["one", "two"]


def test_a_target_of_the_user(python):
    python.run(
        "def opened(comm, message):\n    comm.on_msg(lambda m: comm.send({'got': m['content']['data']}))\n"
        "get_ipython().kernel.comm_manager.register_target('mine', opened)"
    )
    session, channel = python.client.session, python.client.shell_channel
    message = session.msg("comm_open", {"comm_id": "m", "target_name": "mine", "data": {}})
    channel.send(message)
    python.iopub(message["header"]["msg_id"])
    message = session.msg("comm_msg", {"comm_id": "m", "data": {"x": 1}})
    channel.send(message)
    answers = [c["data"] for kind, c in python.iopub(message["header"]["msg_id"]) if kind == "comm_msg"]
    assert answers == [{"got": {"x": 1}}]


@pytest.mark.parametrize("end", ["%restart python", "import os; os._exit(1)"])
def test_comms_end_with_the_python_that_has_them(own, end):
    def known():
        request = own.client.comm_info()
        while True:
            reply = own.shell()
            if reply["parent_header"]["msg_id"] == request:
                return set(reply["content"]["comms"])

    _, messages = own.run("%%python\nimport ipywidgets as w\nslider = w.IntSlider()\nslider.comm.comm_id")
    opened = {content["comm_id"] for kind, content, _ in messages if kind == "comm_open"}
    assert opened == known() != set()
    request = own.client.execute(f"%%python\n{end}")
    closed = set()
    while closed != opened:
        message = own.client.get_iopub_msg(timeout=30)
        if message["msg_type"] == "comm_close":
            closed.add(message["content"]["comm_id"])
    # What came before it would be called off, where it fails.
    assert own.shell()["parent_header"]["msg_id"] == request
    assert known() == set()
    # Those of the next Python are there.
    own.run("%%python\nimport ipywidgets as w\nslider = w.IntSlider()")
    assert known() & opened == set() != known()


def test_a_widget_of_an_elixir_cell(elixir):
    _, messages = elixir.run('w = SnakeBridge.import!("ipywidgets")\nslider = w.IntSlider.(value: 3)')
    opened = {c["comm_id"]: c["data"]["state"] for kind, c, _ in messages if kind == "comm_open"}
    shown = next(c["data"] for kind, c, _ in messages if kind == "execute_result")
    model = shown["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert opened[model]["value"] == 3

    _, messages = elixir.run('SnakeBridge.put_attr(slider, "value", 8)')
    assert [c["data"]["state"] for kind, c, _ in messages if kind == "comm_msg"] == [{"value": 8}]
    update = {"method": "update", "state": {"value": 5}, "buffer_paths": []}
    send(elixir, "%%python\nslider.comm.comm_id", update)
    assert elixir.text("slider.value")[1] == "5"


def test_widgets_of_the_first_thing_that_a_new_python_does(elixir):
    """Libraries ask once whether they are in a notebook."""
    elixir.run('w = SnakeBridge.import!("ipywidgets")')
    for _ in range(5):
        elixir.run("%restart python")
        _, messages = elixir.run('SnakeBridge.import!("ipywidgets").Label.(value: "there")')
        assert "there" in [c["data"]["state"].get("value") for kind, c, _ in messages if kind == "comm_open"]

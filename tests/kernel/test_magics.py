"""IPython's magics and commands in Python cells, and what is a kernel's own of them."""

import json
import subprocess
import time
import venv

import pytest
from conftest import PROGRAM, Client, lacks, plain

pytestmark = pytest.mark.needs("IPython")


@pytest.mark.row(23)
def test_without_ipython(installed, tmp_path):
    venv.create(tmp_path / "bare", symlinks=True)
    install = [PROGRAM, "kernel", "install", "--language", "python", "--name", "test-bare"]
    subprocess.run(
        [*install, "--python", tmp_path / "bare/bin/python"], check=True, stdout=subprocess.DEVNULL
    )
    client = Client("test-bare")
    try:
        printed, value = client.text("import asyncio\nawait asyncio.sleep(0, 6) * 7")
        assert (value, "pip install --upgrade ipython" in printed) == ("42", True)
        _, messages = client.run("class R:\n    def _repr_html_(self): return '<i>r</i>'\ndisplay(R())\nR()")
        assert [data["text/html"] for data in shown(messages)] == ["<i>r</i>", "<i>r</i>"]
        reply, messages = client.run("%time 1")
        assert reply["ename"] == "SyntaxError"
        assert "magics (%name) and commands (!command) need IPython" in plain("\n".join(reply["traceback"]))
        assert client.text("import sys; input('? ')", answers=["x"])[1] == "'x'"
    finally:
        client.stop()


def shown(messages):
    return [content["data"] for kind, content, _ in messages if kind in ("display_data", "execute_result")]


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("!echo one; echo two >&2", "one\r\ntwo\r\n"),
        ("%%bash\necho one", "one\n"),
        ("%%sh\necho one", "one\n"),
        ("%%script bash\necho one", "one\n"),
        ("%%script python3\nprint('one', 'kept' in globals())", "one False\n"),
        ("%%time\n1", "Wall time"),
        ("%timeit -n1 -r1 1", "per loop"),
        ("%%timeit -n1 -r1\n1", "per loop"),
        ("%env SNAKEBRIDGE_TEST=5\n!echo $SNAKEBRIDGE_TEST", "5\r\n"),
        ("%cd -q .\n%alias hi echo hello\n%hi", "hello\r\n"),
        ("%history -n 1-1", ""),
        ("kept = 1\n%who", "kept"),
        ("%%capture out\nprint('hidden')", ""),
    ],
)
def test_what_magics_print(python, code, printed):
    reply, messages = python.run(code)
    assert reply["status"] == "ok"
    text = "".join(content["text"] for kind, content, _ in messages if kind == "stream")
    assert printed in text if printed else text == "" or "history" in code


@pytest.mark.row(16)
@pytest.mark.parametrize(
    ("code", "mime", "data"),
    [
        ("%%html\n<b>x</b>", "text/html", "<b>x</b>\n"),
        ("%%markdown\n# x", "text/markdown", "# x\n"),
        ("%%latex\n$x$", "text/latex", "$x$\n"),
        ("%%javascript\nalert(1)", "application/javascript", "alert(1)\n"),
        ("%%svg\n<svg/>", "image/svg+xml", "<svg/>"),
    ],
)
def test_what_magics_show(python, code, mime, data):
    _, messages = python.run(code)
    assert [data_[mime] for data_ in shown(messages)] == [data]


@pytest.mark.row(20)
def test_a_marker_stands_before_a_cell_magic(elixir):
    assert elixir.text("%%python\n%%capture out\nprint('x')")[0] == ""
    assert elixir.text("%%python\nout.stdout")[1] == "'x\\n'"
    assert "x" in elixir.text("%%python\n%%script python3\nprint('x')")[0]


def test_files(python, tmp_path):
    file = tmp_path / "file.py"
    python.run(f"%%writefile {file}\nfrom_file = 5\nprint('runs')")
    assert file.read_text() == "from_file = 5\nprint('runs')\n"
    assert python.text(f"%run {file}")[0] == "runs\n"
    assert python.text("from_file")[1] == "5"
    reply, _ = python.run(f"%load {file}")
    assert reply["payload"][0]["source"] == "set_next_input"
    assert "from_file = 5" in reply["payload"][0]["text"]
    for magic in ("%less", "%more", "%pycat"):
        reply, _ = python.run(f"{magic} {file}")
        assert "from_file" in plain(reply["payload"][0]["data"]["text/plain"])


def test_what_needs_a_terminal_says_so(python):
    reply, _ = python.run("%edit")
    assert reply["status"] == "error"
    assert "terminal" in reply["evalue"]


@pytest.mark.needs("matplotlib")
@pytest.mark.skipif(not lacks("ipympl"), reason="ipympl is installed")
def test_figures_as_widgets_want_a_package(python):
    reply, _ = python.run("%matplotlib widget")
    assert "%pip install ipympl" in plain("\n".join(reply["traceback"]))


def test_autoreload(python, tmp_path):
    module = tmp_path / "reloaded_module.py"
    module.write_text("def f(): return 1\n")
    python.run(
        f"%load_ext autoreload\n%autoreload 2\nimport sys; sys.path.insert(0, {str(tmp_path)!r})\nimport reloaded_module"
    )
    assert python.text("reloaded_module.f()")[1] == "1"
    module.write_text("def f(): return 22\n")
    assert python.text("reloaded_module.f()")[1] == "22"


def test_store_is_for_the_next_kernel_too(own, tmp_path):
    own.run(f"%%python\nimport os; os.environ['IPYTHONDIR'] = {str(tmp_path)!r}")
    own.run("%%python\nvalue = [1, 2]\n%store value")
    assert "value" in own.text("%%python\n%store")[0]
    own.run("%%python\ndel value\n%store -r value")
    assert own.text("%%python\nvalue")[1] == "[1, 2]"
    assert (tmp_path / "profile_default" / "db").is_dir()


@pytest.mark.row(21)
def test_reset_takes_the_names_and_leaves_the_session(own):
    own.run("theirs = 1")
    own.run("%%python\nours = 2\n%reset -f")
    assert own.run("%%python\nours")[0]["ename"] == "NameError"
    own.run("%%python\nagain = 3")
    assert own.text("again + 1")[1] == "4"
    own.run("theirs = 5")
    assert own.text("%%python\ntheirs")[1] == "5"


@pytest.mark.parametrize("code", ["exit", "quit()", "get_ipython().ask_exit()"])
def test_exit_lets_consoles_go_and_the_kernel_stay(python, code):
    reply, messages = python.run(code)
    assert reply["status"] == "ok"
    assert reply["payload"] == [{"source": "ask_exit", "keepkernel": False}]
    assert "kernel goes on" in "".join(content["text"] for kind, content, _ in messages if kind == "stream")
    reply, _ = python.run("import sys; sys.exit(3)")
    assert (reply["ename"], reply["evalue"]) == ("SystemExit", "3")
    assert python.text("1 + 1")[1] == "2"


def test_pip_is_that_of_the_kernels_python(python):
    printed, _ = python.text("%pip --version")
    prefix = python.text("import sys; sys.prefix")[1].strip("'")
    assert prefix in printed


@pytest.mark.row(8)
@pytest.mark.parametrize("code", ["!sleep 60", "%%bash\nsleep 60", "!cat", "%system sleep 60"])
def test_commands_are_interrupted(own, code):
    own.run("%%python\nkept = 1")
    request = own.client.execute("%%python\n" + code)
    own.iopub(request, until="busy")
    time.sleep(0.5)
    own.manager.interrupt_kernel()
    own.shell(timeout=20)
    assert own.text("%%python\nkept + 1")[1] == "2"


def test_a_commands_output_comes_while_it_runs(python):
    request = python.client.execute("!echo first; sleep 2; echo second")
    python.iopub(request, until="busy")
    while (message := python.client.get_iopub_msg(timeout=20))["msg_type"] != "stream":
        pass
    assert message["content"]["text"] == "first\r\n"
    assert "second" in json.dumps(python.iopub(request))
    python.shell()


@pytest.mark.row(10)
@pytest.mark.parametrize(
    ("code", "answers", "printed"),
    [
        ("def f():\n    v = 41\n    breakpoint()\n    return v\nf()", ["p v + 1", "c"], "42"),
        ("import pdb\ndef g():\n    w = 41\n    pdb.set_trace()\n    return w\ng()", ["p w + 1", "q"], "42"),
        (
            "from IPython.core.debugger import set_trace\ndef h():\n    u = 41\n    set_trace()\n    return u\nh()",
            ["p u + 1", "c"],
            "42",
        ),
    ],
)
def test_pythons_debugger_asks_the_client(python, code, answers, printed):
    _, messages = python.run(code, answers=answers)
    assert printed in "".join(content["text"] for kind, content, _ in messages if kind == "stream")
    assert python.text("1 + 1")[1] == "2"


@pytest.mark.row(10)
def test_debug_after_an_error(python):
    python.run("def failing():\n    inner = 41\n    1 / 0\nfailing()")
    _, messages = python.run("%debug", answers=["p inner + 1", "q"])
    assert "42" in "".join(content["text"] for kind, content, _ in messages if kind == "stream")


def test_magics_and_events_of_the_user(python):
    python.run(
        "ip = get_ipython()\nip.register_magic_function(lambda line: print('mine', line), 'line', 'mine')\n"
        "seen = []\nnote = lambda result: seen.append(result.success)\nip.events.register('post_run_cell', note)"
    )
    assert python.text("%mine x")[0] == "mine x\n"
    python.run("1/0")
    assert python.text("ip.events.unregister('post_run_cell', note)\nseen[-2:]")[1] == "[True, False]"


def test_what_libraries_ask_the_shell(python):
    code = (
        "import sys, json\nip = get_ipython()\nkernel = ip.kernel\nfrom ipykernel.kernelapp import IPKernelApp\n"
        "from ipykernel.zmqshell import ZMQInteractiveShell\n"
        "print(str(type(ip)), 'ipykernel.zmqshell' in sys.modules, isinstance(ip, ZMQInteractiveShell))\n"
        "print('IPKernelApp' in ip.config, IPKernelApp.initialized(), IPKernelApp.instance().kernel is kernel)\n"
        "print(kernel.shell is ip, bool(kernel.session.session), ip.get_parent() == kernel.get_parent())\n"
        "print(kernel.get_parent()['header']['msg_type'])"
    )
    assert python.text(code)[0].split("\n") == [
        "<class 'ipykernel.zmqshell.ZMQInteractiveShell'> True True",
        "True True True",
        "True True True",
        "execute_request",
        "",
    ]


def test_what_libraries_send_by_themselves(python):
    _, messages = python.run(
        "k = get_ipython().kernel\n"
        "k.send_response(k.iopub_socket, 'stream', {'name': 'stdout', 'text': 'sent'})\n"
        "k.send_response(k.iopub_socket, 'display_data', {'data': {'text/plain': 'shown'}, 'metadata': {}})\n"
        "k.session.send(k.iopub_socket, 'clear_output', {'wait': True})"
    )
    assert [kind for kind, _, _ in messages] == ["stream", "display_data", "clear_output"]


@pytest.mark.row(16)
def test_bytes_and_types_that_nobody_knows(python):
    _, messages = python.run(
        "from IPython.display import publish_display_data\n"
        "publish_display_data({'image/png': b'\\x89PNG', 'application/x-own': b'\\xff', 'application/x-text': 'a b!',\n"
        "    'application/vnd.own.v1.json': {'a': [1]}})"
    )
    assert shown(messages)[0] == {
        "image/png": "iVBORw==",
        "application/x-own": "/w==",
        "application/x-text": "a b!",
        "application/vnd.own.v1.json": {"a": [1]},
    }

"""Questions to the user: from both languages, without anybody who answers, and from where nobody can be asked."""

import pytest
from jupyter_client import BlockingKernelClient

pytestmark = pytest.mark.row(10)


def another(own):
    """A client of its own, with another session."""
    client = BlockingKernelClient(connection_file=own.manager.connection_file)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    return client


@pytest.mark.parametrize(
    ("code", "answers", "printed"),
    [
        ("%%python\nprint(input('a'))", ["é日𝄞"], "é日𝄞\n"),
        ("%%python\nimport getpass\nprint(getpass.getpass('a'))", ["secret"], "secret\n"),
        ("%%python\nimport sys\nprint(sys.stdin.readline())", ["line"], "line\n\n"),
        ('IO.puts(IO.gets("a"))', ["é日𝄞"], "é日𝄞\n\n"),
        ("IO.puts(IO.read(:line))", ["line"], "line\n\n"),
        ('IO.inspect(SnakeBridge.call!("builtins", "input", []))', [""], '""\n'),
        ('IO.inspect(SnakeBridge.call!("builtins", "input", ["a"]))', ["over"], '"over"\n'),
    ],
)
def test_answers_arrive(elixir, code, answers, printed):
    reply, messages = elixir.run(code, answers=answers)
    assert reply["status"] == "ok"
    assert "".join(c["text"] for kind, c, _ in messages if kind == "stream").endswith(printed)


@pytest.mark.parametrize(
    ("code", "ends"),
    [("%%python\ninput()", "EOFError"), ("%%python\nimport getpass; getpass.getpass()", "EOFError")],
)
def test_an_end_of_file(elixir, code, ends):
    assert elixir.run(code, answers=["\x04"])[0]["ename"] == ends
    assert elixir.run(code, allow_stdin=False)[0]["ename"] == ends


def test_an_end_of_file_in_elixir(elixir):
    assert elixir.text('IO.inspect(IO.gets("a"))', answers=["\x04"])[0] == ":eof\n"
    assert elixir.text('IO.inspect(IO.gets("a"))', allow_stdin=False)[0] == ":eof\n"


def test_a_password_is_asked_for_as_one(elixir):
    request = elixir.client.execute("%%python\nimport getpass; x = getpass.getpass('secret: ')")
    question = elixir.client.get_stdin_msg(timeout=20)
    assert question["content"] == {"prompt": "secret: ", "password": True}
    assert question["parent_header"]["msg_id"] == request
    elixir.client.input("s")
    elixir.iopub(request)
    assert elixir.shell()["content"]["status"] == "ok"


def test_a_client_that_goes_without_an_answer_is_interrupted_by_another(own):
    own.run("kept = 1")
    gone = another(own)
    request = gone.execute("%%python\ninput('who? ')")
    assert gone.get_stdin_msg(timeout=20)["content"]["prompt"] == "who? "
    gone.stop_channels()
    own.manager.interrupt_kernel()
    own.iopub(request)
    assert own.text("kept + 1")[1] == "2"


@pytest.mark.parametrize(
    "code",
    [
        "%%python\nimport threading\nfound = []\ndef ask():\n    try: input('?')\n"
        "    except Exception as error: found.append(error)\n"
        "import time\nthread = threading.Thread(target=lambda: (time.sleep(0.5), ask()))\nthread.start()",
    ],
)
def test_a_thread_cannot_ask_when_its_cell_is_over(elixir, code):
    assert elixir.run(code)[0]["status"] == "ok"
    assert "input() works where a cell" in elixir.text("%%python\nthread.join(); print(found)")[0]

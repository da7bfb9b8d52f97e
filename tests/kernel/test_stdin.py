"""Questions to the user: from both languages, without anybody who answers, and from where nobody can be asked."""

import pytest
from jupyter_client import BlockingKernelClient
from test_subshells import Shells

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


def test_only_who_was_asked_answers(own):
    other = another(own)
    request = own.client.execute("%%python\nprint(input('who? '))")
    own.client.get_stdin_msg(timeout=20)
    other.input("somebody else")
    # It has arrived when what was sent after it is answered.
    other.kernel_info(reply=True, timeout=20)
    own.client.input("me")
    printed = [content["text"] for kind, content in own.iopub(request) if kind == "stream"]
    assert "".join(printed).endswith("me\n")
    assert "somebody" not in "".join(printed)
    other.stop_channels()


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("%%python\nprint(input('?'))", "beside\n"),
        ('%%elixir\nIO.puts(IO.gets("?"))', "beside\n\n"),
        ("%%python\nprint(ask())", "beside\n"),
    ],
)
def test_a_subshell_asks_beside_a_cell_that_asks(own, code, printed):
    shells = Shells(own)
    shells.run('%%elixir\nask = fn -> IO.gets("?") |> String.trim() end')
    subshell = shells.create()
    main = shells.submit("%%python\nprint(input('main?'))", allow_stdin=True)
    first = own.client.get_stdin_msg(timeout=20)
    beside = shells.submit(code, subshell, allow_stdin=True)
    second = own.client.get_stdin_msg(timeout=20)
    questions = {message["parent_header"]["msg_id"]: message for message in (first, second)}
    for request, text in ((beside, "beside"), (main, "main")):
        answer = own.client.session.msg("input_reply", {"value": text}, parent=questions[request])
        own.client.stdin_channel.send(answer)
        assert shells.end(request)["status"] == "ok"
    assert shells.text(beside).endswith(printed)
    assert shells.text(main).endswith("main\n")


def test_mix_asks(elixir):
    elixir.run("Mix.start()")
    assert elixir.text('Mix.shell().yes?("sure?")', answers=["y"])[1] == "true"
    assert elixir.text('Mix.shell().prompt("name?")', answers=["Ada"])[1] == '"Ada\\n"'


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

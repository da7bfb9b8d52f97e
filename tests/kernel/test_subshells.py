"""Subshells (JEP 91): cells and comms that run beside the main shell's."""

import time

import pytest

pytestmark = pytest.mark.row(12)


class Shells:
    """The subshells of a kernel, and what goes to and comes from each."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.client = kernel.client
        self.replies = {}
        self.messages = []

    def control(self, msg_type, subshell=None, **content):
        """A request on control; its reply's content."""
        message = self.client.session.msg(msg_type, content)
        message["header"]["subshell_id"] = subshell
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=30)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                assert reply["msg_type"] == msg_type.replace("request", "reply")
                return reply["content"]

    def create(self):
        reply = self.control("create_subshell_request")
        assert reply["status"] == "ok"
        return reply["subshell_id"]

    def send(self, msg_type, subshell, content, **options):
        """Sends a request to a subshell; gives its id."""
        message = self.client.session.msg(msg_type, content, **options)
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def submit(self, code, subshell=None, **options):
        """Hands a cell in; gives its request's id."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": True, **options}
        return self.send("execute_request", subshell, content)

    def reply(self, request):
        """The content of the reply to a request."""
        deadline = time.monotonic() + 60
        while request not in self.replies:
            message = self.client.get_shell_msg(timeout=max(0.1, deadline - time.monotonic()))
            self.replies[message["parent_header"]["msg_id"]] = message["content"]
        return self.replies[request]

    def until(self, wanted):
        """Waits for a message of IOPub that is wanted."""
        deadline = time.monotonic() + 60
        for message in self.messages:
            if wanted(message):
                return message
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            self.messages.append(message)
            if wanted(message):
                return message

    def printed(self, request, text):
        """Waits until a cell has printed a text."""
        self.until(lambda message: text in self.text(request))

    def of(self, request):
        """What has come on IOPub for a request."""
        return [message for message in self.messages if message["parent_header"].get("msg_id") == request]

    def text(self, request):
        """What it has printed."""
        return "".join(m["content"]["text"] for m in self.of(request) if m["msg_type"] == "stream")

    def end(self, request):
        """The end of a cell: its reply's content; all that came on IOPub is kept."""
        content = self.reply(request)

        def is_idle(message):
            mine = message["parent_header"].get("msg_id") == request
            return mine and message["content"].get("execution_state") == "idle"

        self.until(is_idle)
        return content

    def run(self, code, subshell=None, **options):
        """Runs a cell: its reply's content, and what it printed."""
        request = self.submit(code, subshell, **options)
        content = self.end(request)
        return content, self.text(request)

    def result(self, code, subshell=None):
        """The text of a cell's result."""
        request = self.submit(code, subshell)
        content = self.end(request)
        assert content["status"] == "ok", content
        [result] = [m for m in self.of(request) if m["msg_type"] == "execute_result"]
        from conftest import plain

        return plain(result["content"]["data"]["text/plain"])


@pytest.fixture
def shells(own):
    return Shells(own)


LANGUAGES = {
    "python": ("%%python\n", "print('{}')", "import time\nwhile True: time.sleep(0.01)"),
    "elixir": ("%%elixir\n", 'IO.puts("{}")', "Process.sleep(:infinity)"),
}


def test_subshells_are_created_listed_and_deleted(shells):
    info = shells.control("kernel_info_request")
    assert info["supported_features"] == ["debugger", "kernel subshells"]
    one, other = shells.create(), shells.create()
    assert one != other
    assert sorted(shells.control("list_subshell_request")["subshell_id"]) == sorted([one, other])
    assert shells.control("delete_subshell_request", subshell_id=one) == {"status": "ok"}
    assert shells.control("list_subshell_request")["subshell_id"] == [other]
    for content in ({"subshell_id": one}, {"subshell_id": "nobody"}):
        reply = shells.control("delete_subshell_request", **content)
        assert (reply["status"], reply["ename"]) == ("error", "UnknownSubshell")
    assert shells.control("delete_subshell_request")["ename"] == "InvalidRequest"
    for msg_type in ("execute_request", "complete_request", "kernel_info_request"):
        request = shells.send(msg_type, one, {"code": "1", "cursor_pos": 1})
        assert shells.reply(request)["ename"] == "UnknownSubshell"
    # A comm message has no reply; its client waits for the idle.
    request = shells.send("comm_msg", one, {"comm_id": "x", "data": {}})
    shells.until(
        lambda m: m["parent_header"].get("msg_id") == request and m["content"] == {"execution_state": "idle"}
    )
    assert shells.control("interrupt_request", subshell=one)["ename"] == "UnknownSubshell"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_subshell_runs_while_the_main_shell_computes(shells, language):
    marker, prints, forever = LANGUAGES[language]
    main = shells.submit(marker + prints.format("begun") + "\n" + forever)
    shells.printed(main, "begun")
    subshell = shells.create()
    assert shells.run("%%python\nprint('beside')", subshell)[1] == "beside\n"
    assert shells.run('%%elixir\nIO.puts("beside")', subshell)[1] == "beside\n"
    assert shells.result("%%python\n6 * 7", subshell) == "42"
    assert shells.result("%%elixir\n6 * 7", subshell) == "42"
    # The kernel's last word is what the main shell does.
    last = [m for m in shells.messages if m["msg_type"] == "status"][-1]
    shells.until(lambda m: m["parent_header"].get("msg_id") == main and m["msg_type"] == "status")
    assert last["content"]["execution_state"] in ("busy", "idle")
    assert shells.control("interrupt_request")["status"] == "ok"
    assert shells.end(main)["status"] == "error"


def test_names_are_the_same_everywhere(shells):
    one, other = shells.create(), shells.create()
    assert shells.result("%%python\na = [1]\nimport math\n1", one) == "1"
    assert shells.result("%%elixir\nb = %{k: 2}\nimport Bitwise\n1", other) == "1"
    assert shells.result("%%python\n(a, b, math.floor(2.5))", other) == "([1], {'k': 2}, 2)"
    assert shells.result("%%elixir\n{a, b.k, band(6, 3)}", one) == "{[1], 2, 2}"
    assert shells.result("%%elixir\n{a, b.k, band(6, 3)}") == "{[1], 2, 2}"
    # In, Out and the numbers of cells are the session's.
    content, _ = shells.run("%%python\n'kept'", one)
    number = content["execution_count"]
    assert (
        shells.result(f"%%python\n(Out[{number}], In[{number}].splitlines()[-1])") == "('kept', \"'kept'\")"
    )


def test_an_interrupt_stops_one_subshell_or_all(shells):
    one, other = shells.create(), shells.create()
    places = [(None, "python"), (one, "python"), (other, "elixir")]
    for stops_all in (False, True):
        cells = []
        for subshell, language in places:
            marker, prints, forever = LANGUAGES[language]
            cells.append(shells.submit(marker + prints.format("begun") + "\n" + forever, subshell))
            shells.printed(cells[-1], "begun")
        if not stops_all:
            for cell, subshell in zip(cells[1:], (one, other), strict=True):
                assert shells.control("interrupt_request", subshell=subshell) == {"status": "ok"}
                assert shells.end(cell)["status"] == "error"
            assert shells.result("%%python\n1 + 1", one) == "2"
            assert cells[0] not in shells.replies
        assert shells.control("interrupt_request") == {"status": "ok"}
        for cell in cells:
            assert shells.end(cell)["status"] == "error"
    assert shells.end(cells[1])["ename"] == "KeyboardInterrupt"
    # Code of Python that waits: in the loop, for Elixir.
    for code in (
        "import asyncio\nprint('begun')\nawait asyncio.sleep(60)",
        "print('begun')\nex.Process.sleep(60_000)",
    ):
        cell = shells.submit("%%python\n" + code, one, allow_stdin=True)
        shells.printed(cell, "begun")
        # It should have begun to wait.
        time.sleep(0.1)
        began = time.monotonic()
        shells.control("interrupt_request", subshell=one)
        assert shells.end(cell)["ename"] == "KeyboardInterrupt"
        assert time.monotonic() - began < 2.5
    assert shells.result("%%python\n1 + 1", one) == "2"


def test_what_does_not_stop_is_left_behind_and_costs_nobody_else(shells):
    shells.run("%%python\nkept = 1")
    subshell = shells.create()
    # A system call, in which Python does not hear of interrupts.
    code = "%%python\nimport select, time\nprint('begun')\nselect.select([], [], [], 30)"
    cell = shells.submit(code, subshell)
    shells.printed(cell, "begun")
    shells.control("interrupt_request", subshell=subshell)
    content = shells.end(cell)
    assert (content["status"], content["ename"]) == ("error", "Interrupted")
    assert shells.result("%%python\nkept", subshell) == "1"


def test_a_failing_cell_calls_off_those_of_its_own_subshell(shells):
    subshell = shells.create()
    shells.run("%%python\nimport time", subshell)
    main = [shells.submit(f"%%python\ntime.sleep(0.3)\n{number}") for number in range(3)]
    beside = [shells.submit("%%python\ntime.sleep(0.3)\n1 / 0", subshell)]
    beside += [shells.submit("%%python\n1", subshell) for _ in range(2)]
    assert [shells.end(cell)["status"] for cell in beside] == ["error", "aborted", "aborted"]
    assert [shells.end(cell)["status"] for cell in main] == ["ok"] * 3


def test_output_that_comes_late_goes_to_the_cell_that_started_it(shells):
    subshell = shells.create()
    late = shells.submit(
        "%%python\nimport threading, time\n"
        "def later():\n    time.sleep(0.5)\n    print('late')\n"
        "threading.Thread(target=later).start()",
        subshell,
    )
    task = shells.submit(
        "%%python\nimport asyncio\nasync def tick():\n    await asyncio.sleep(0.5)\n    print('ticked')\n"
        "task = asyncio.create_task(tick())",
        subshell,
    )
    process = shells.submit('%%elixir\nspawn(fn -> Process.sleep(500); IO.puts("spoken") end)', subshell)
    main = shells.submit("%%python\ntime.sleep(1.5)")
    for cell in (late, task, process):
        assert shells.end(cell)["status"] == "ok"
    shells.printed(late, "late\n")
    shells.printed(task, "ticked\n")
    shells.printed(process, "spoken\n")
    shells.end(main)
    assert shells.text(main) == ""


def test_questions_of_several_cells_are_answered_apart(shells):
    subshell = shells.create()
    ask = {
        "python": "%%python\nprint('got', input('{}'))",
        "elixir": '%%elixir\nIO.puts("got " <> IO.gets("{}"))',
    }
    cells = {
        "one": shells.submit(ask["python"].format("one"), allow_stdin=True),
        "other": shells.submit(ask["elixir"].format("other"), subshell, allow_stdin=True),
    }
    questions = {}
    while len(questions) < 2:
        question = shells.client.get_stdin_msg(timeout=30)
        questions[question["content"]["prompt"]] = question
    # The last first, and each by the question that it answers, as JupyterLab does.
    for name in ("other", "one"):
        answer = shells.client.session.msg("input_reply", {"value": f"to {name}"}, parent=questions[name])
        shells.client.stdin_channel.send(answer)
    for name, cell in cells.items():
        assert shells.end(cell)["status"] == "ok"
        assert shells.text(cell).strip() == f"got to {name}"


def test_a_deleted_subshell_stops_what_it_runs(shells):
    for language, (marker, prints, forever) in LANGUAGES.items():
        subshell = shells.create()
        running = shells.submit(marker + prints.format(language) + "\n" + forever, subshell)
        waiting = shells.submit(marker + "1", subshell, stop_on_error=False)
        shells.printed(running, language)
        assert shells.control("delete_subshell_request", subshell_id=subshell) == {"status": "ok"}
        assert shells.end(running)["status"] == "error"
        assert shells.end(waiting)["status"] in ("error", "aborted")
    # Its threads end with it.
    code = "%%python\nimport threading\n[t.name for t in threading.enumerate() if 'subshell' in t.name]"
    deadline = time.monotonic() + 10
    while (names := shells.result(code)) != "[]":
        assert time.monotonic() < deadline, names


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_that_dies_ends_the_cells_of_all_subshells(shells, language):
    marker, prints, forever = LANGUAGES[language]
    die = {"python": "%%python\nimport os\nos._exit(3)", "elixir": "%%elixir\n:erlang.halt(3, flush: false)"}[
        language
    ]
    one, other = shells.create(), shells.create()
    cells = []
    for subshell in (None, one):
        cells.append(shells.submit(marker + prints.format("begun") + "\n" + forever, subshell))
        shells.printed(cells[-1], "begun")
    shells.submit(die, other)
    for cell in cells:
        assert shells.end(cell)["ename"] in ("WorkerDied", "BeamDied")
    for subshell in (None, one, other):
        assert shells.run(marker + prints.format("again"), subshell)[1] == "again\n"


def test_many_subshells_at_once_lose_nothing(shells):
    count, lines = 20, 200
    python = (
        f"%%python\nfor n in range({lines}):\n    print('python {{0}}', n)\n    if n % 50 == 0: time.sleep(0.01)\n"
        "py_{0} = {0}\n{0}"
    )
    elixir = (
        f'%%elixir\nfor n <- 0..{lines - 1}, do: IO.puts("elixir {{0}} #{{{{n}}}}")\nex_{{0}} = {{0}}\n{{0}}'
    )
    shells.run("%%python\nimport time")
    subshells = [shells.create() for _ in range(count)]
    cells = {}
    for number, subshell in enumerate(subshells):
        for name, code in (("python", python), ("elixir", elixir)):
            cells[name, number] = shells.submit(code.format(number), subshell)
    for (name, number), cell in cells.items():
        assert shells.end(cell)["status"] == "ok", shells.end(cell)
        wanted = "".join(f"{name} {number} {n}\n" for n in range(lines))
        assert shells.text(cell) == wanted
        results = [
            m["content"]["data"]["text/plain"] for m in shells.of(cell) if m["msg_type"] == "execute_result"
        ]
        assert len(results) == 1 and str(number) in results[0]
    total = "+".join(f"py_{number}" for number in range(count))
    assert shells.result(f"%%python\n{total}") == str(sum(range(count)))
    total = "+".join(f"ex_{number}" for number in range(count))
    assert shells.result(f"%%elixir\n{total}", subshells[0]) == str(sum(range(count)))


def test_a_widget_s_callback_runs_while_the_main_shell_computes(shells):
    pytest.importorskip("ipywidgets")
    shells.run(
        "%%python\nimport ipywidgets, time\nslider = ipywidgets.IntSlider()\nstop = False\n"
        "def moved(change):\n    global stop\n    print('moved to', change['new'])\n    stop = True\n"
        "slider.observe(moved, 'value')"
    )
    comm = shells.result("%%python\nslider.comm.comm_id").strip("'")
    main = shells.submit("%%python\nprint('begun')\nwhile not stop: time.sleep(0.001)\nslider.value")
    shells.printed(main, "begun")
    subshell = shells.create()
    data = {"method": "update", "state": {"value": 7}, "buffer_paths": []}
    moved = shells.send("comm_msg", subshell, {"comm_id": comm, "data": data})
    assert shells.end(main)["status"] == "ok"
    [result] = [m for m in shells.of(main) if m["msg_type"] == "execute_result"]
    assert result["content"]["data"]["text/plain"] == "7"
    shells.printed(moved, "moved to 7\n")


def test_a_callback_leaves_the_main_shell_s_figures_alone(shells):
    pytest.importorskip("ipywidgets")
    pytest.importorskip("matplotlib")
    shells.run(
        "%%python\nimport ipywidgets, time\nimport matplotlib.pyplot as plt\nslider = ipywidgets.IntSlider()\n"
        "stop = False\ndef moved(change):\n    global stop\n    stop = True\nslider.observe(moved, 'value')"
    )
    comm = shells.result("%%python\nslider.comm.comm_id").strip("'")
    main = shells.submit("%%python\nplt.plot([1, 2])\nprint('begun')\nwhile not stop: time.sleep(0.001)")
    shells.printed(main, "begun")
    data = {"method": "update", "state": {"value": 7}, "buffer_paths": []}
    moved = shells.send("comm_msg", shells.create(), {"comm_id": comm, "data": data})
    assert shells.end(main)["status"] == "ok"
    pictures = [m for m in shells.messages if "image/png" in m["content"].get("data", {})]
    assert [m["parent_header"]["msg_id"] for m in pictures] == [main], moved


def test_errors_of_many_at_once_have_their_own_tracebacks(shells):
    subshells = [shells.create() for _ in range(8)]
    cells = {}
    for round_ in range(5):
        for number, subshell in enumerate(subshells):
            code = (
                f"%%python\ndef fails_{number}(): raise ValueError('no {number} {round_}')\nfails_{number}()"
            )
            cells[number, round_] = shells.submit(code, subshell, stop_on_error=False)
    for (number, round_), cell in cells.items():
        content = shells.end(cell)
        assert content["evalue"] == f"no {number} {round_}"
        text = "\n".join(content["traceback"])
        assert f"fails_{number}" in text
        assert not [other for other in range(8) if other != number and f"fails_{other}" in text]


def test_the_kernel_ends_with_subshells_open(shells):
    subshell = shells.create()
    for marker, prints, forever in LANGUAGES.values():
        cell = shells.submit(marker + prints.format("begun") + "\n" + forever, shells.create())
        shells.printed(cell, "begun")
    shells.submit("%%python\nwhile True: pass", subshell)
    began = time.monotonic()
    shells.client.stop_channels()
    shells.kernel.manager.shutdown_kernel()
    assert time.monotonic() - began < 10

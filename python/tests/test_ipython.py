"""Cells in a real worker with IPython: what only IPython has, and what it must not do."""

import contextlib
import os
import time

import pytest
import worker as workers

pytestmark = pytest.mark.skipif(not workers.has_ipython(), reason="IPython is not installed here")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The home of a user who has used IPython before, and wants its files left alone."""
    home = tmp_path_factory.mktemp("home")
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "first.py").write_text("started = True")
    (startup.parent / "ipython_config.py").write_text("raise SystemExit('read')")
    return home


@pytest.fixture(scope="module")
def worker(home, tmp_path_factory):
    """A worker with IPython."""
    with contextlib.closing(
        workers.Worker("ipython", tmp_path_factory.mktemp("worker"), HOME=str(home))
    ) as found:
        yield found


def test_line_magics(worker):
    outcome = worker.execute("%time x = 2 + 3")
    assert "Wall time" in outcome.stdout
    assert outcome.answer["writes"] == ["x"]
    assert worker.execute("x").result == "5"
    assert worker.execute("y = %env HOME\ntype(y).__name__").result == "'str'"
    assert "%lsmagic" not in worker.execute("%lsmagic").stderr


def test_cell_magics(worker):
    outcome = worker.execute("%%time\nz = 7\nz")
    assert outcome.result == "7"
    assert worker.execute("z").result == "7"
    assert worker.execute("%%html\n<b>x</b>").displays[0]["data"]["text/html"] == b"<b>x</b>\n"
    assert worker.execute("%%capture captured\nprint('hidden')\ndisplay(5)").events == []
    assert worker.execute("captured.stdout").result == "'hidden\\n'"


def test_magics_read_names(worker):
    worker.execute("base = 4")
    assert "base" in worker.execute("%time base + 1").answer["reads"]
    assert "base" in worker.execute("%%time\nbase + 1").answer["reads"]


def test_commands(worker):
    outcome = worker.execute("!echo out; echo err >&2")
    assert "out" in outcome.stdout
    assert "err" in outcome.stdout + outcome.stderr
    assert worker.execute("files = !echo one two\nfiles").result == "['one two']"
    assert worker.execute("word = 'given'\n!echo {word}").stdout.strip() == "given"
    assert worker.execute("!exit 3").status == "ok"
    assert "_exit_code" not in worker.execute("!true").answer["writes"]


def test_a_command_can_be_interrupted(worker):
    identity = worker.start_cell("print('go')\n!sleep 60")
    assert worker.main.recv()[1] == "stream"
    time.sleep(0.3)
    started = time.monotonic()
    worker.control.request("interrupt", worker.cell)
    worker.main.answer(identity, [])
    assert time.monotonic() - started < 20


def test_former_inputs_and_outputs_go_by_the_cells_numbers(worker):
    worker.cell += 3  # cells of Elixir
    worker.execute("'remembered'")
    number = worker.cell
    assert worker.execute(f"In[{number}], Out[{number}], _{number}, _i{number}").result == str(
        ("'remembered'", "remembered", "remembered", "'remembered'")
    )
    assert worker.execute("_i").result == repr(f"In[{number}], Out[{number}], _{number}, _i{number}")


def test_a_cell_that_is_not_to_be_stored(worker):
    worker.execute("'stored'")
    stored = worker.cell
    worker.execute("'unstored'", store_history=False)
    assert worker.execute(f"In[{stored}]").result == "\"'stored'\""
    assert "unstored" not in worker.execute("str(In)").result


def test_wrong_use_of_magics(worker):
    outcome = worker.execute("%no_such_magic")
    assert outcome.status == "error"
    assert outcome.error["class"] == "UsageError"
    assert "no_such_magic" in outcome.error["message"]
    assert worker.execute("%%no_such_magic\n1").status == "error"
    assert worker.execute("%%time\n1/0").status == "error"
    assert worker.execute("%run /no/such/file.py").status == "error"


def test_tracebacks_on_request(worker):
    worker.execute("def fail(): raise ValueError('shown again')\nfail()")
    outcome = worker.execute("%tb")
    assert outcome.status == "ok"
    assert "shown again" in outcome.stderr
    worker.execute("%xmode Plain")
    assert "ValueError: plainly" in worker.execute("raise ValueError('plainly')").traceback
    worker.execute("%xmode Context")


def test_pages_are_shown_in_place(worker):
    for source in ("len?", "?len", "%pinfo len"):
        outcome = worker.execute(source)
        assert b"Return the number of items" in outcome.displays[0]["data"]["text/plain"]
        assert outcome.displays[0]["metadata"] == {"snakebridge": {"page": True}}
    worker.execute("import json")
    assert b"dumps" in worker.execute("json.dumps??").displays[0]["data"]["text/plain"]


def test_clear_output_and_updates(worker):
    worker.execute("from IPython.display import clear_output, display, update_display, HTML, Image")
    outcome = worker.execute("print('a')\nclear_output(wait=True)\nprint('b')")
    assert [op for op, _ in outcome.events] == ["stream", "clear", "stream"]
    assert outcome.events[1][1] == (worker.cell, True)
    outcome = worker.execute("update_display('new', display_id='place')")
    assert (outcome.displays[0]["display_id"], outcome.displays[0]["update"]) == ("place", True)
    outcome = worker.execute("Image(data=b'\\x89PNG\\r\\n\\x1a\\n', format='png')")
    assert outcome.results[0]["data"]["image/png"] == b"\x89PNG\r\n\x1a\n"


def test_results_that_ipython_formats(worker):
    assert (
        worker.execute(
            "get_ipython().display_formatter.formatters['text/plain'].for_type(complex, lambda o, p, c: p.text('!'))\n1j"
        ).result
        == "!"
    )
    outcome = worker.execute("%precision 2\n3.14159")
    assert outcome.result == "3.14"
    worker.execute("%precision")
    worker.execute("get_ipython().ast_node_interactivity = 'all'")
    assert len(worker.execute("1\n2").results) == 2
    worker.execute("get_ipython().ast_node_interactivity = 'last_expr'")


def test_a_data_frame(worker):
    pytest.importorskip("pandas")
    data = worker.execute("import pandas as pd\npd.DataFrame({'a': [1, 2]})", timeout=60).results[0]["data"]
    assert b"<table" in data["text/html"]
    assert b"a" in data["text/plain"]


def test_matplotlib_as_ipython_does_it(worker):
    pytest.importorskip("matplotlib_inline")
    pytest.importorskip("matplotlib")
    assert (
        len(
            worker.execute(
                "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1]);", timeout=60
            ).displays
        )
        == 1
    )
    worker.execute("%config InlineBackend.figure_formats = ['svg']")
    assert b"<svg" in worker.execute("plt.plot([1]);").displays[0]["data"]["image/svg+xml"]
    worker.execute("%config InlineBackend.figure_formats = ['png']")
    data = worker.execute("figure, _axes = plt.subplots(); plt.close(figure); figure").results[0]["data"]
    assert data["image/png"].startswith(b"\x89PNG")


def test_callbacks_of_the_user(worker):
    worker.execute(
        "ran = []\ndef after(): ran.append(1)\nget_ipython().events.register('post_execute', after)"
    )
    assert worker.execute("len(ran)").result == "1"
    worker.execute("get_ipython().events.unregister('post_execute', after)")


def test_a_transformation_that_fails(tmp_path):
    with contextlib.closing(workers.Worker("ipython", tmp_path)) as worker:
        worker.execute(
            "def broken(lines):\n    if 'anything' in str(lines): raise SyntaxError('cannot be')\n    return lines\n"
            "get_ipython().input_transformers_cleanup.append(broken)"
        )
        outcome = worker.execute("anything")
        assert outcome.status == "error"
        assert "cannot be" in outcome.error["message"]
        assert worker.execute("5").result == "5"
        assert worker.ask("is_complete", source="anything")["status"] == "complete"


def test_extensions_and_own_magics(tmp_path):
    with contextlib.closing(workers.Worker("ipython", tmp_path)) as worker:
        worker.execute(
            "from IPython.core.magic import register_line_magic\n@register_line_magic\ndef greet(line): return 'hi ' + line"
        )
        assert worker.execute("%greet you").result == "'hi you'"
        assert {"%greet"} == {i["text"] for i in worker.ask("complete", source="%gree", cursor=5)["items"]}
        assert worker.execute("%load_ext autoreload\n%autoreload 2").status == "ok"
        outcome = worker.execute("%load_ext no_such_extension")
        assert outcome.status == "error"
        data = worker.ask("inspect", source="%timeit", cursor=7, detail=0)["data"]
        assert "Time execution" in data["text/plain"]


def test_is_complete_knows_magics(worker):
    for source, status in [
        ("%time 1", "complete"),
        ("!ls", "complete"),
        ("%%time\n", "incomplete"),
        ("for x in y:", "incomplete"),
        ("x = $", "invalid"),
    ]:
        assert worker.ask("is_complete", source=source)["status"] == status, source
    assert worker.ask("is_complete", source="def f():")["indent"] == "    "


def test_the_users_files_are_left_alone(worker, home):
    assert worker.execute("'started' in globals()").result == "False"
    found = sorted(str(p.relative_to(home)) for p in home.rglob("*") if "matplotlib" not in str(p))
    assert [name for name in found if not name.startswith((".cache", ".config"))] == [
        ".ipython",
        ".ipython/profile_default",
        ".ipython/profile_default/ipython_config.py",
        ".ipython/profile_default/startup",
        ".ipython/profile_default/startup/first.py",
    ]
    assert worker.execute("import sys\n'readline' in sys.modules").result in ("False", "True")
    assert worker.execute("get_ipython().history_manager.enabled").result == "False"
    assert (
        worker.execute(
            "import threading\n[t.name for t in threading.enumerate() if 'History' in type(t).__name__]"
        ).result
        == "[]"
    )
    assert (
        os.path.commonpath(
            [eval(worker.execute("get_ipython().profile_dir.location").result), worker.directory]
        )
        == worker.directory
    )


def test_programs_do_not_wait_in_a_pager(worker):
    assert (
        worker.execute("import os\nos.environ['PAGER'], os.environ['GIT_PAGER']").result == "('cat', 'cat')"
    )


def test_a_proposal_for_the_next_cell(worker, tmp_path):
    (tmp_path / "code.py").write_text("loaded = 1\n")
    outcome = worker.execute(f"%load {tmp_path}/code.py")
    assert outcome.displays[0]["metadata"]["snakebridge"]["next_input"] is True
    assert b"loaded = 1" in outcome.displays[0]["data"]["text/plain"]


def test_debugging_after_an_error(worker):
    worker.execute("def fail():\n    inner = 'seen here'\n    raise ValueError\nfail()")
    outcome = worker.execute("%debug", inputs=["p inner", "q"])
    assert "seen here" in outcome.stdout


def test_nested_cells(worker):
    assert worker.execute("get_ipython().run_cell('nested = 1')").status == "ok"
    assert worker.execute("nested").result == "1"

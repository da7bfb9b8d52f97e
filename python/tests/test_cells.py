"""Cells in a real worker, with IPython and without: what they show and how they end."""

import json
import time

import pytest
from etf import Atom
from worker import VERSION


def test_the_value_of_the_last_expression(worker):
    assert worker.execute("x = 20\nx + 1").result == "21"
    assert worker.execute("x = 20").result is None
    assert worker.execute("None").result is None
    assert worker.execute("x + 1;").result is None
    assert worker.execute("x + 1  ;  # quiet").result is None
    assert worker.execute("';'").result == "';'"
    assert worker.execute("'a'\n'b'").result == "'b'"
    assert worker.execute("for i in [1]:\n    i").result is None
    assert worker.execute("").status == worker.execute("# nothing").status == "ok"


def test_silent_cells_show_no_value(worker):
    outcome = worker.execute("silent_name = 1; 5", silent=True)
    assert (outcome.status, outcome.results) == ("ok", [])
    assert worker.execute("silent_name").result == "1"


def test_former_values(worker):
    worker.execute("111")
    worker.execute("222")
    assert worker.execute("_ + 1").result == "223"
    assert worker.execute("__").result == "222"
    worker.execute("'kept'")
    assert worker.execute(f"Out[{worker.cell}]").result == "'kept'"


def test_names_of_former_values_are_no_names_of_the_session(worker):
    outcome = worker.execute("5")
    assert outcome.answer["writes"] == []
    assert worker.execute("_ + len(Out)").answer["reads"] == []


def test_output_and_order(worker):
    outcome = worker.execute("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\n'd'")
    assert (outcome.stdout, outcome.stderr, outcome.result) == ("a\nc\n", "b\n", "'d'")
    assert [op for op, _ in outcome.events] == ["stream", "stream", "stream", "result"]


def test_effects(worker):
    worker.execute("seen = 1; gone = 2; kept = 3")
    answer = worker.execute("made = seen\ndel gone\nkept = kept").answer
    assert answer["reads"] == ["kept", "seen"]
    assert answer["writes"] == ["kept", "made"]
    assert answer["deletes"] == ["gone"]
    assert answer["duration_us"] > 0


def test_an_error(worker):
    outcome = worker.execute("def fail():\n    return 1 / 0\nfail()")
    assert outcome.status == "error"
    assert outcome.error["class"] == "ZeroDivisionError"
    assert outcome.error["message"] == "division by zero"
    assert "return 1 / 0" in outcome.traceback
    assert "snakebridge" not in outcome.traceback
    assert outcome.traceback.endswith("ZeroDivisionError: division by zero")
    assert worker.execute("1").status == "ok"


def test_an_error_keeps_what_was_bound_before(worker):
    outcome = worker.execute("early = 1\nraise ValueError('late')\nlate = 2")
    assert outcome.answer["writes"] == ["early"]
    assert worker.execute("early, 'late' in globals()").result == "(1, False)"


def test_source_lines_of_an_earlier_cell(worker):
    worker.execute("def earlier():\n    raise KeyError('marker')  # this line")
    number = worker.cell
    outcome = worker.execute("earlier()")
    assert "raise KeyError('marker')" in outcome.traceback
    assert f"ell {number}" in outcome.traceback


def test_syntax_errors_point_at_the_line(worker):
    outcome = worker.execute("x = 1\nif x\n    pass")
    assert (outcome.status, outcome.error["class"]) == ("error", "SyntaxError")
    assert "if x" in outcome.traceback
    assert "line 2" in outcome.traceback
    assert "Traceback" not in outcome.traceback
    assert worker.execute("x = (\n  1,\n\tx y)").status == "error"
    assert (
        worker.execute("  indented").error["class"] in ("IndentationError", "SyntaxError")
        or worker.engine == "ipython"
    )
    assert worker.execute("a\0b").status == "error"
    assert worker.execute("x = ﬁ = 1; x").result == "1"


def test_deep_sources(worker):
    assert worker.execute("(" * 300 + ")" * 300).status == "error"
    assert worker.execute("-" * 20000 + "1").status in ("ok", "error")
    assert worker.execute("1").status == "ok"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "E"),
        ("class E(Exception):\n    def __repr__(self): raise ValueError\nraise E", "E"),
        ("class E(Exception):\n    def __str__(self): return 5\nraise E", "E"),
        ("class E(Exception):\n    def __getattr__(self, name): raise ValueError(name)\nraise E('x')", "E"),
        ("class E(Exception):\n    __module__ = 5\nraise E('x')", "E"),
        ("def f(): f()\nf()", "RecursionError"),
        ("def f(): g()\ndef g(): f()\nf()", "RecursionError"),
        ("raise ValueError('x' * 5_000_000)", "ValueError"),
        ("raise ValueError('\\ud800')", "ValueError"),
        ("raise ValueError('line\\n' * 10000)", "ValueError"),
        ("e = ValueError(1)\ne.__cause__ = e\nraise e", "ValueError"),
        ("try:\n    1/0\nexcept Exception as e:\n    raise KeyError('k') from e", "KeyError"),
        ("raise 5", "TypeError"),
        ("raise MemoryError", "MemoryError"),
        ("import asyncio\nraise asyncio.CancelledError", "CancelledError"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise BaseException('base')", "BaseException"),
        ("eval('1 +')", "SyntaxError"),
        ("exec('def f():\\n  raise IndexError\\nf()')", "IndexError"),
        ("assert 1 == 2, 'no'", "AssertionError"),
    ],
)
def test_errors_of_all_kinds_are_told(worker, source, name):
    outcome = worker.execute(source)
    assert outcome.status == "error"
    assert outcome.error["class"] == name
    assert len(b"\n".join(outcome.error["traceback"])) < 2_000_000
    assert outcome.error["traceback"]
    assert worker.execute("1 + 1").result == "2"


@pytest.mark.skipif(VERSION < (3, 11), reason="groups came with 3.11")
def test_exception_groups(worker):
    outcome = worker.execute("raise ExceptionGroup('several', [ValueError(1), TypeError('two')])")
    assert outcome.error["class"] == "ExceptionGroup"
    assert "ValueError: 1" in outcome.traceback
    assert "TypeError: two" in outcome.traceback
    assert outcome.stderr == ""


@pytest.mark.skipif(VERSION < (3, 11), reason="notes came with 3.11")
def test_notes_of_exceptions(worker):
    outcome = worker.execute("e = ValueError('x')\ne.add_note('look here')\nraise e")
    assert "look here" in outcome.traceback


def test_leaving_is_an_error_and_the_worker_goes_on(worker):
    for source in ("exit()", "quit()", "import sys; sys.exit(3)", "raise SystemExit('bye')"):
        outcome = worker.execute(source)
        assert outcome.status == "error"
        assert outcome.error["class"] == "SystemExit"
        assert "session goes on" in outcome.error["hint"]
        assert outcome.stderr == ""
    assert worker.execute("1").result == "1"


def test_hints(worker):
    assert (
        worker.execute("import no_such_module_here").error["hint"].endswith("pip install no_such_module_here")
    )
    assert worker.execute("import sklearn_nonexistent.part").error["hint"].endswith(" sklearn_nonexistent")
    hint = worker.execute(
        "import asyncio\nc = asyncio.sleep(0)\ntry:\n    asyncio.run(c)\nfinally:\n    c.close()"
    ).error["hint"]
    assert "await" in hint
    assert worker.execute("1/0").error["hint"] is None
    # A variable that hides a function; what was never one has no such excuse.
    worker.execute("list, total = [1], [2]")
    assert "`del list`" in worker.execute("list('ab')").error["hint"]
    worker.execute("del list")
    assert worker.execute("total('ab')").error["hint"] is None


def test_await_at_the_top_level(worker):
    worker.execute("import asyncio\nasync def soon(x):\n    await asyncio.sleep(0.01)\n    return x")
    assert worker.execute("await soon(5)").result == "5"
    assert worker.execute("y = await soon(6)\ny").result == "6"
    assert worker.execute("[await soon(i) for i in range(2)]").result == "[0, 1]"
    assert worker.execute("async with asyncio.Lock() as _lock:\n    z = 7\nz").result == "7"
    assert worker.execute("await asyncio.gather(soon(1), soon(2))").result == "[1, 2]"


def test_tasks_go_on_between_cells(worker):
    worker.execute(
        "import asyncio\nticks = []\n"
        "async def tick():\n    while True:\n        ticks.append(1)\n        await asyncio.sleep(0.005)\n"
        "ticking = asyncio.create_task(tick())"
    )
    deadline = time.monotonic() + 20
    while int(worker.execute("len(ticks)").result) < 5:
        assert time.monotonic() < deadline
    assert worker.execute("ticking.cancel()").result == "True"


def test_context_variables_persist(worker):
    worker.execute(
        "import contextvars, decimal\nvariable = contextvars.ContextVar('variable')\ntoken = variable.set(5)"
    )
    worker.execute("decimal.getcontext().prec = 7")
    assert worker.execute("variable.get(), decimal.getcontext().prec").result == "(5, 7)"
    assert worker.execute("variable.reset(token)").status == "ok"


def test_future_statements_persist(fresh):
    fresh.execute("from __future__ import annotations")
    assert fresh.execute("def f(x: no_such_name): pass\nf.__annotations__").result == "{'x': 'no_such_name'}"


def test_rich_representations(worker):
    outcome = worker.execute(
        "class Rich:\n"
        "    def __repr__(self): return 'plain'\n"
        "    def _repr_html_(self): return '<b>rich</b>'\n"
        "    def _repr_png_(self): return b'\\x89PNG\\r\\n'\n"
        "    def _repr_json_(self): return {'a': [1, None]}\n"
        "    def _repr_latex_(self): return '$x$', {'size': 3}\n"
        "    def _repr_markdown_(self): return None\n"
        "Rich()"
    )
    data = outcome.results[0]["data"]
    assert data["text/plain"] == b"plain"
    assert data["text/html"] == b"<b>rich</b>"
    assert data["image/png"] == b"\x89PNG\r\n"
    assert json.loads(data["application/json"]) == {"a": [1, None]}
    assert outcome.results[0]["metadata"]["text/latex"] == {"size": 3}
    assert "text/markdown" not in data


def test_mime_bundles(worker):
    outcome = worker.execute(
        "class Bundle:\n"
        "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': 'p', 'application/x-own+json': {'v': 1}, 'image/gif': b'GIF'}, {'m': 1}\n"
        "Bundle()"
    )
    data = outcome.results[0]["data"]
    assert data["text/plain"] == b"p"
    assert json.loads(data["application/x-own+json"]) == {"v": 1}
    assert data["image/gif"] == b"GIF"
    assert outcome.results[0]["metadata"] == {"m": 1}


def test_a_failing_representation_does_not_take_the_others_along(worker):
    outcome = worker.execute(
        "class Half:\n    def __repr__(self): return 'half'\n    def _repr_html_(self): raise ValueError('no html')\nHalf()"
    )
    assert outcome.result == "half"
    assert "no html" in outcome.stderr + outcome.stdout


def test_objects_that_answer_to_every_name(worker):
    outcome = worker.execute(
        "class Yes:\n    def __getattr__(self, name): return lambda *a, **k: 'yes ' + name\n    def __repr__(self): return 'Yes'\nYes()"
    )
    assert outcome.results[0]["data"] == {"text/plain": b"Yes"}


def test_a_failing_repr_is_an_error_or_shows_nothing(worker):
    outcome = worker.execute("class Bad:\n    def __repr__(self): raise ValueError('bad repr')\nBad()")
    shown = outcome.stdout + outcome.stderr + "".join(error["message"] for error in outcome.errors)
    assert "bad repr" in shown
    assert worker.execute("1").result == "1"


def test_a_huge_result_is_cut(worker):
    outcome = worker.execute("'x' * 3_000_000")
    data = outcome.results[0]["data"]["text/plain"]
    assert len(data) < 1_100_000
    assert b"more characters" in data


def test_text_that_is_no_unicode(worker):
    assert worker.execute("'\\ud800'").result == "'\\ud800'"
    outcome = worker.execute(
        "class Odd:\n    def _repr_html_(self): return 'a\\ud800b'\n    def __repr__(self): return '\\udcff'\nOdd()"
    )
    assert outcome.results[0]["data"]["text/html"] == b"a\\ud800b"
    assert outcome.status == "ok"


def test_display(worker):
    outcome = worker.execute("display(1, 'two')")
    assert [d["data"]["text/plain"] for d in outcome.displays] == [b"1", b"'two'"]
    outcome = worker.execute("handle = display('first', display_id='here')\nhandle.update('second')")
    assert [(d["display_id"], bool(d["update"])) for d in outcome.displays] == [
        ("here", False),
        ("here", True),
    ]
    outcome = worker.execute("handle = display(1, display_id=True)\nhandle.display_id")
    assert outcome.displays[0]["display_id"] == eval(outcome.result)
    outcome = worker.execute(
        "display({'text/html': '<i>raw</i>', 'text/plain': 'raw'}, raw=True, metadata={'k': 'v'})"
    )
    assert outcome.displays[0]["data"] == {"text/html": b"<i>raw</i>", "text/plain": b"raw"}
    assert outcome.displays[0]["metadata"] == {"k": "v"}


def test_objects_that_display_themselves(worker):
    outcome = worker.execute("class Own:\n    def _ipython_display_(self): print('myself')\ndisplay(Own())")
    assert (outcome.stdout, outcome.displays) == ("myself\n", [])
    outcome = worker.execute("Own()")
    assert (outcome.stdout, outcome.results) == ("myself\n", [])


def test_displays_come_in_the_order_of_the_output(worker):
    outcome = worker.execute("print('before')\ndisplay(1)\nprint('after')")
    assert [op for op, _ in outcome.events] == ["stream", "display", "stream"]


def test_input(worker):
    outcome = worker.execute("print('q', end='')\nname = input('name? ')\nname", inputs=["José"])
    assert outcome.result == "'José'"
    assert outcome.asked[0][1][1:] == (b"name? ", False)
    outcome = worker.execute("import getpass\ngetpass.getpass('secret: ')", inputs=["s3cret"])
    assert outcome.asked[0][1][1:] == (b"secret: ", True)
    assert outcome.result == "'s3cret'"
    assert worker.execute("input()").error["class"] == "EOFError"
    outcome = worker.execute(
        "import sys\nsys.stdin.readline(), sys.stdin.read(1), sys.stdin.readline()", inputs=["one", "two"]
    )
    assert outcome.result == "('one\\n', 't', 'wo\\n')"
    assert worker.execute("list(sys.stdin)", inputs=["a", "b"]).result == "['a\\n', 'b\\n']"
    assert worker.execute("sys.stdin.isatty(), sys.stdout.isatty()").result == "(False, False)"


def test_breakpoints_can_be_used(worker):
    outcome = worker.execute(
        "def f():\n    inner = 5\n    breakpoint()\n    return inner\nf()", inputs=["p inner * 2", "c"]
    )
    assert "10" in outcome.stdout
    assert outcome.result == "5"


def test_interrupting_python_code(worker):
    outcome = interrupted(worker, "import time\nreached = 1\nwhile True: pass")
    assert outcome.status == "interrupted"
    assert outcome.error["class"] == "KeyboardInterrupt"
    assert "while True: pass" in outcome.traceback
    assert "snakebridge" not in outcome.traceback
    assert worker.execute("reached").result == "1"


def test_interrupting_a_wait(worker):
    worker.execute("import asyncio, time")
    for source in ("time.sleep(60)", "await asyncio.sleep(60)", "await asyncio.Event().wait()"):
        started = time.monotonic()
        outcome = interrupted(worker, source)
        assert outcome.status == "interrupted", source
        assert outcome.error["class"] == "KeyboardInterrupt"
        assert time.monotonic() - started < 20
    assert worker.execute("await asyncio.sleep(0.01)\n'still'").result == "'still'"
    source = "async with asyncio.timeout(5): pass" if VERSION >= (3, 11) else "await asyncio.sleep(0)"
    assert worker.execute(source).status == "ok"


def test_interrupting_input(worker):
    identity = worker.start_cell("input('? ')")
    while True:
        message = worker.main.recv()
        if message[0] == "req":
            break
    assert worker.control.request("interrupt", worker.cell) is True
    events = []
    outcome = worker.outcome(worker.main.answer(identity, events), events)
    assert outcome.status == "interrupted"
    assert worker.execute("1").result == "1"


def test_interrupting_what_holds_up_the_loop(worker):
    """The cell waits, but another task never does."""
    outcome = interrupted(
        worker,
        "import asyncio\nasync def hog():\n    while True: pass\nhogging = asyncio.create_task(hog())\nawait asyncio.sleep(60)",
    )
    assert outcome.status == "interrupted"
    assert worker.execute("hogging.done()").result == "True"


def test_a_cell_may_clean_up_when_it_is_interrupted(worker):
    outcome = interrupted(
        worker, "import time\ntry:\n    time.sleep(60)\nfinally:\n    print('cleaned')\n    cleaned = True"
    )
    assert (outcome.status, outcome.stdout) == ("interrupted", "cleaned\n")
    outcome = interrupted(
        worker, "try:\n    await asyncio.sleep(60)\nexcept asyncio.CancelledError:\n    print('kept')"
    )
    assert (outcome.status, outcome.stdout) == ("ok", "kept\n")
    assert worker.execute("await asyncio.sleep(0.01)").status == "ok"


def test_a_late_interrupt_hits_nothing(worker):
    worker.execute("1")
    assert worker.control.request("interrupt", worker.cell) is False
    assert worker.execute("2").result == "2"


def test_cells_may_install_handlers_of_their_own(worker):
    worker.execute("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert interrupted(worker, "import time\nfor _ in range(600): time.sleep(0.1)").status == "interrupted"


def interrupted(worker, source):
    """The outcome of a cell that is interrupted once it runs."""
    identity = worker.start_cell(f"print('running')\n{source}")
    events = []
    while not any(op == "stream" for op, _ in events):
        message = worker.main.recv()
        assert message[0] == "ev", message
        events.append(message[1:])
    # The line may be on its way before the cell has come to what follows it.
    time.sleep(0.05)
    assert worker.control.request("interrupt", worker.cell) is True
    outcome = worker.outcome(worker.main.answer(identity, events), events)
    outcome.stdout = outcome.stdout.removeprefix("running\n")
    return outcome


def test_cancelling_the_own_task_ends_the_cell_only(worker):
    worker.execute("import asyncio")
    assert worker.execute("asyncio.current_task().cancel()").status == "ok"
    assert worker.execute("await asyncio.sleep(0.01)\n3").result == "3"


def test_the_loop_survives_what_cells_do_to_it(worker):
    for source in ("asyncio.get_running_loop().stop()", "asyncio.get_running_loop().call_soon(exit)"):
        worker.execute("import asyncio")
        worker.execute(source)
        assert worker.execute("await asyncio.sleep(0.01)\n4").result == "4"


def test_main_is_the_session(worker):
    worker.execute("import __main__, sys, pickle\nclass Picked:\n    pass\npicked = Picked()\npicked.x = 5")
    assert (
        worker.execute("__name__, __main__.picked is picked, Picked.__module__").result
        == "('__main__', True, '__main__')"
    )
    assert worker.execute("pickle.loads(pickle.dumps(picked)).x").result == "5"
    assert (
        worker.execute("hasattr(__main__, '__file__'), __main__.__spec__, sys.argv").result
        == "(False, None, [''])"
    )


def test_processes_of_the_user(worker, tmp_path):
    worker.execute(f"import os, sys, subprocess\nos.chdir({str(tmp_path)!r})")
    (tmp_path / "beside.py").write_text("value = 42")
    assert worker.execute("import beside\nbeside.value").result == "42"
    assert (
        worker.execute(
            "[p for p in sys.path if os.path.exists(os.path.join(p or '.', 'snakebridge'))]"
        ).result
        == "[]"
    )
    code = "try:\n    import snakebridge\nexcept ImportError:\n    print('none')"
    assert (
        worker.execute(f"subprocess.run([sys.executable, '-c', {code!r}], capture_output=True).stdout").result
        == "b'none\\n'"
    )
    worker.execute("import multiprocessing\ndef double(x): return 2 * x")
    assert (
        worker.execute(
            "with multiprocessing.get_context('fork').Pool(2) as pool:\n    found = pool.map(double, [1, 2])\nfound"
        ).result
        == "[2, 4]"
    )
    outcome = worker.execute(
        "import time\nprocess = multiprocessing.get_context('spawn').Process(target=time.sleep, args=(0,))\nprocess.start(); process.join(); process.exitcode"
    )
    assert outcome.result == "0"


def test_threads_print_into_the_cell_that_started_them(worker):
    outcome = worker.execute(
        "import threading\nclass Own(threading.Thread):\n    def run(self): print('from', self.name)\n"
        "t = Own(name='own'); t.start(); t.join()\n"
        "u = threading.Thread(target=print, args=('plain',)); u.start(); u.join()\nu.is_alive()"
    )
    assert outcome.stdout == "from own\nplain\n"
    assert outcome.result == "False"
    outcome = worker.execute("v = threading.Thread(target=lambda: 1 / 0); v.start(); v.join()")
    assert "ZeroDivisionError" in outcome.stderr
    assert "snakebridge" not in outcome.stderr


def test_warnings_show_the_line_and_come_again(worker):
    source = "import warnings\nwarnings.warn('careful')"
    assert "warnings.warn('careful')" in worker.execute(source).stderr
    assert "careful" in worker.execute(source).stderr


def test_matplotlib_is_shown_without_being_asked(fresh):
    pytest.importorskip("matplotlib")
    assert fresh.execute("import sys\n'matplotlib' in sys.modules").result == "False"
    outcome = fresh.execute(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nprint('plotted')", timeout=60
    )
    pictures = [d for d in outcome.displays if "image/png" in d["data"]]
    assert len(pictures) == 1
    assert pictures[0]["data"]["image/png"].startswith(b"\x89PNG")
    assert fresh.execute("plt.get_fignums()").result == "[]"
    assert len(fresh.execute("plt.figure(); plt.figure(); plt.show(); print('shown')").displays) == 2
    value = fresh.execute("figure, _axes = plt.subplots(); plt.close(); figure").results[0]
    assert value["data"]["image/png"].startswith(b"\x89PNG")
    assert fresh.execute("import os\n'MPLBACKEND' in os.environ").result == "False"
    outcome = fresh.execute("plt.plot([1]); 1/0")
    assert outcome.status == "error"
    assert fresh.execute("1").displays == []


def test_a_backend_that_the_user_has_chosen_is_kept(fresh):
    pytest.importorskip("matplotlib")
    fresh.execute("import os; os.environ['MPLBACKEND'] = 'agg'\nimport matplotlib", timeout=60)
    assert fresh.execute("matplotlib.get_backend().lower()").result == "'agg'"
    assert fresh.execute("import matplotlib.pyplot as plt\nplt.plot([1]);").displays == []


def test_matplotlib_may_come_later(fresh, tmp_path):
    """Not installed at first; what is installed then is a stand-in, for what matters is who sets its backend."""
    code = "import sys\nsys.path[:] = [p for p in sys.path if 'site-packages' not in p]\nimport matplotlib"
    assert fresh.execute(code).error["class"] == "ModuleNotFoundError"
    (tmp_path / "matplotlib.py").write_text("rcParams = {}")
    fresh.execute(f"sys.path.append({str(tmp_path)!r})\nimport matplotlib")
    assert "module://" in fresh.execute("matplotlib.rcParams['backend']").result


def test_the_answer_of_an_unfinished_library(worker):
    """An import that fails halfway leaves the session usable."""
    assert worker.execute("import this_is_not_there").status == "error"
    assert worker.execute("'ok'").result == "'ok'"


def test_every_cell_gets_exactly_one_answer(worker):
    for number in range(50):
        assert worker.execute(f"x = {number}\nx").result == str(number)


def test_questions_are_answered_while_a_cell_runs(worker):
    worker.execute("import math")
    identity = worker.start_cell("while True: pass")
    answer = worker.ask("complete", source="math.sq", cursor=7)
    assert [item["text"] for item in answer["items"]] == ["sqrt"]
    assert worker.ask("is_complete", source="if x:")["status"] == "incomplete"
    assert worker.ask("inspect", source="math.sqrt", cursor=9, detail=0)["found"] is True
    assert any(item["name"] == "math" for item in worker.ask("names"))
    assert worker.control.request("interrupt", worker.cell) is True
    assert str(worker.main.answer(identity, [])[Atom("status")]) == "interrupted"

"""The worker as a process: how it ends, and how it serves an application that runs no cells."""

import contextlib
import shutil
import subprocess
import sys

import pytest
import session as harness
import worker as workers
from session import call, method, module, step


def end(session):
    """Asks the worker to end; returns its exit status."""
    assert session.control.request("shutdown", None) is True
    return session.process.wait(harness.PATIENCE)


def test_an_ending_process_cleans_up(fresh, tmp_path):
    marks = tmp_path / "marks"
    fresh.execute(
        "import asyncio, atexit\n"
        f"def mark(text):\n    with open({str(marks)!r}, 'a') as file: file.write(text)\n"
        "atexit.register(mark, 'atexit ')\n"
        "async def waiting():\n"
        "    try:\n        await asyncio.sleep(600)\n    finally:\n        mark('task ')\n"
        "task = asyncio.create_task(waiting())\nawait asyncio.sleep(0)"
    )
    assert end(fresh) == 0
    assert marks.read_text() == "task atexit "


def test_a_stubborn_task_does_not_hold_up_the_end(fresh):
    fresh.execute(
        "import asyncio\n"
        "async def stubborn():\n"
        "    while True:\n"
        "        try:\n            await asyncio.sleep(600)\n        except asyncio.CancelledError:\n            pass\n"
        "task = asyncio.create_task(stubborn())\nawait asyncio.sleep(0)"
    )
    end(fresh)


def test_ending_while_a_cell_runs(fresh):
    fresh.start_cell("import time\nprint('running')\nwhile True: time.sleep(0.01)")
    assert fresh.main.recv()[1] == "stream"
    end(fresh)


def test_ending_before_the_engine_is_loaded(tmp_path):
    for engine in ["ipython", "plain"] if workers.has_ipython() else ["plain"]:
        with contextlib.closing(workers.Worker(engine, tmp_path)) as worker:
            assert end(worker) == 0


@pytest.fixture(scope="module")
def library():
    """A worker as an application starts it."""
    with contextlib.closing(harness.Session(cells=False)) as session:
        yield session


def test_a_worker_without_cells_imports_no_ipython(library):
    lane = library.lane("main")
    for name in ("IPython", "snakebridge.shell", "matplotlib"):
        assert lane.do(module("sys"), step("attr", "modules"), method("__contains__", name)) is False


def test_a_worker_without_cells_serves_calls_on_its_main_thread(library):
    lane = library.lane("main")
    name = lane.do(module("threading"), step("attr", "current_thread"), call(), step("attr", "name"))
    assert name == b"MainThread"
    assert lane.do(module("asyncio"), step("attr", "get_event_loop"), call(), method("is_running")) is True
    assert lane.do(module("sys"), step("attr", "argv")) == [b""]
    assert lane.do(module("__main__"), step("attr", "__name__")) == b"__main__"


def test_what_calls_show_goes_to_the_caller(library):
    lane = library.lane("main")
    events = []
    lane.do(module("builtins"), step("attr", "display"), call({"a": 1}), events=events)
    assert [op for op, _ in events] == ["display"]


def test_a_native_module_that_is_missing_is_explained(tmp_path):
    """A copy of the package without the extension."""
    shutil.copytree(
        harness.PACKAGE / "snakebridge",
        tmp_path / "snakebridge",
        ignore=shutil.ignore_patterns("*.so", "__pycache__"),
    )
    command = [sys.executable, "-m", "snakebridge.worker", "--host", "h"]
    environment = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "extension module cannot be loaded" in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_run_as_a_file_it_is_not_misled_by_the_current_folder(tmp_path):
    for name in ("snakebridge", "asyncio", "selectors"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('misled')")
    command = [sys.executable, str(harness.PACKAGE / "snakebridge" / "worker.py"), "--host", "/no/such/host"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "cannot reach its host at /no/such/host" in done.stderr

"""The worker's beginning: which Pythons it takes, its command line, and what it leaves of itself in the process."""

import os
import subprocess
import sys

import pytest

from snakebridge import engines, worker


def test_this_python_will_do():
    assert worker.refusal() is None


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 15), (4, 0)])
def test_other_versions_are_refused(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    text = worker.refusal()
    assert f"cpython {version[0]}.{version[1]}" in text
    assert "3.10 to 3.14" in text
    assert "hint: " in text


def test_other_builds_are_refused(monkeypatch):
    monkeypatch.setattr(sys, "abiflags", "t", raising=False)
    assert "free-threaded" in worker.refusal()
    monkeypatch.setattr(sys, "abiflags", "")
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    assert "CPython" in worker.refusal()


def test_the_command_line():
    assert worker.parse(["--host", "h", "--listen", "l", "--generation", "3", "--cells"]) == {
        "host": "h",
        "listen": "l",
        "generation": 3,
        "cells": True,
        "notebook": False,
    }
    for wrong in (["--host"], [], ["--host", "h", "--generation", "x"], ["--what"], ["what"]):
        with pytest.raises(SystemExit) as ended:
            worker.parse(wrong)
        assert str(ended.value).startswith("snakebridge: ")


def test_a_host_that_is_not_there():
    path = os.path.dirname(os.path.dirname(os.path.abspath(worker.__file__)))
    command = [
        sys.executable,
        "-m",
        "snakebridge.worker",
        "--host",
        "/no/such/host.sock",
        "--listen",
        "/tmp/no/w.sock",
    ]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "/no/such/host.sock" in done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{root}", None),
        ("{root}:/elsewhere", "/elsewhere"),
        ("/first:{root}:/elsewhere", "/first:/elsewhere"),
        ("{root}:{root}", "{root}"),
    ],
)
def test_the_path_of_our_own_is_taken_away(monkeypatch, before, after):
    root = os.path.dirname(os.path.dirname(os.path.abspath(worker.__file__)))
    monkeypatch.setenv("PYTHONPATH", before.format(root=root))
    monkeypatch.setattr(sys, "path", ["/here", root, "/lib"])
    monkeypatch.setattr(sys, "argv", ["worker.py", "--host"])
    worker.leave_no_trace()
    assert os.environ.get("PYTHONPATH") == (after and after.format(root=root))
    safe = getattr(sys.flags, "safe_path", False)
    assert sys.path == (["/here", "/lib"] if safe else ["", "/lib"])
    assert sys.argv == [""]


def test_the_version_of_ipython_is_read_and_not_imported(tmp_path, monkeypatch):
    core = tmp_path / "IPython" / "core"
    core.mkdir(parents=True)
    (core.parent / "__init__.py").write_text("raise AssertionError")
    (core / "release.py").write_text("_version_major = 12\n_version_minor = 3\n_version_patch = 4\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert engines.ipython_version() == "12.3.4"
    (core / "release.py").unlink()
    assert engines.ipython_version() is None

"""The benchmark of the kernel runs and has all its rows. What they say is no test's business."""

import json
import subprocess
import sys

import pytest
from conftest import PROGRAM, ROOT

ROWS = [
    "start to ready",
    "start to the first kernel_info reply",
    "start to the first result, Python",
    "start to the first result, Elixir",
    *(["memory at rest"] if sys.platform == "linux" else []),
    "1 + 1 in a cell of Python",
    "1 + 1 in a cell of Elixir",
    "completion of np., median",
    "completion of np. while a cell computes",
    "prints",
    "IO.puts",
    "one print of",
    "interrupt to answer, Python",
    "interrupt to answer, Elixir",
    "a slider's callback",
]


@pytest.mark.row(29)
def test_the_benchmark_has_all_its_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("SNAKEBRIDGE", PROGRAM)
    command = [sys.executable, ROOT / "bench/kernel.py", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    assert [name for name in ROWS if not any(name in row["what"] for row in rows)] == []
    assert all(row["ours"] > 0 for row in rows)

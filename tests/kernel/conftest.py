"""Kernels for the tests: installed into a folder of their own, started by a real client."""

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SNAKEBRIDGE") or str(
    Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/snakebridge"
)


# The Python that the kernels run, where it is not the tests' own.
PYTHON = os.environ.get("SNAKEBRIDGE_KERNEL_PYTHON")


def pytest_configure(config):
    config.addinivalue_line("markers", "row(number): the row of test_rows.py that a test is about")
    config.addinivalue_line(
        "markers", "needs(module...): skipped where the kernels' Python lacks one of them"
    )


@functools.cache
def lacks(module):
    """Whether the Python of the kernels has no such module."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    return subprocess.run([PYTHON or sys.executable, "-I", "-c", code, module]).returncode != 0


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        for module in filter(lacks, mark.args):
            pytest.skip(f"{module} is not installed")


@pytest.fixture(scope="session", autouse=True)
def installed():
    """One kernelspec for each language that cells without another word have."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_DATA_DIR"] = folder
        # Records too: the user's own history is none of the tests' business.
        os.environ["XDG_STATE_HOME"] = folder
        for language in ("elixir", "python"):
            command = [PROGRAM, "kernel", "install", "--language", language, "--name", f"test-{language}"]
            command += ["--python", PYTHON] if PYTHON else []
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield Path(folder)


class Client:
    """A kernel and a client of it."""

    def __init__(self, name):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(kernel_name=name, startup_timeout=60)

    @classmethod
    def of(cls, manager):
        """The client of a kernel that is starting."""
        it = cls.__new__(cls)
        it.manager, it.client = manager, manager.client()
        it.client.start_channels()
        it.client.wait_for_ready(timeout=60)
        return it

    def run(self, code, answers=(), **options):
        """Runs a cell; its reply's content, and what came on IOPub: (type, content, buffers)."""
        messages, answers = [], list(answers)

        def hook(message):
            if message["msg_type"] not in ("status", "execute_input"):
                messages.append((message["msg_type"], message["content"], message["buffers"]))

        def stdin_hook(message):
            self.client.input(answers.pop(0))

        if answers:
            options["stdin_hook"] = stdin_hook
        reply = self.client.execute_interactive(code, output_hook=hook, timeout=60, **options)
        return reply["content"], messages

    def text(self, code, **options):
        """What a cell prints, and its result as text."""
        _, messages = self.run(code, **options)
        streams = "".join(content["text"] for kind, content, _ in messages if kind == "stream")
        results = [content["data"]["text/plain"] for kind, content, _ in messages if kind == "execute_result"]
        return streams, plain(results[0]) if results else None

    def shell(self, timeout=30):
        """The next reply on the shell channel."""
        return self.client.get_shell_msg(timeout=timeout)

    def iopub(self, parent, until="idle", timeout=30):
        """What comes for a request until it is idle."""
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != parent:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == until:
                return messages
            messages.append((message["msg_type"], message["content"]))

    def stop(self):
        """Ends the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()


def plain(text):
    """Text without colours."""
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture(scope="module")
def elixir():
    """A kernel whose cells are Elixir, unless they say otherwise."""
    client = Client("test-elixir")
    yield client
    client.stop()


@pytest.fixture(scope="module")
def python():
    """A kernel whose cells are Python, unless they say otherwise."""
    client = Client("test-python")
    yield client
    client.stop()


@pytest.fixture
def own():
    """A kernel for one test, which may end it."""
    client = Client("test-elixir")
    yield client
    if client.manager.is_alive():
        client.stop()

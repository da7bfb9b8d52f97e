"""`jupyter console` in a terminal, with kernels of both languages."""

import re
import sys
import time

import pytest

pexpect = pytest.importorskip("pexpect")
pytest.importorskip("jupyter_console")

# What moves the cursor, sets colours and modes, or names the window.
CONTROL = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07|[=>])|\r")
INTERRUPT, END_OF_FILE, UP = "\x03", "\x04", "\x1b[A"


class Console:
    """A console, what it is told and what it has shown since."""

    def __init__(self, kernel):
        command = ["-m", "jupyter_console", "--kernel", kernel]
        # It asks but once whether a kernel knows that question, and not for long.
        command += ["--ZMQTerminalInteractiveShell.kernel_is_complete_timeout=30"]
        self.process = pexpect.spawn(sys.executable, command, dimensions=(50, 120), encoding="utf-8")
        self.shown = ""

    def wait(self, text):
        """Until it has shown what the regular expression says."""
        end = time.monotonic() + 60
        while not re.search(text, CONTROL.sub("", self.shown)):
            assert time.monotonic() < end, f"no {text!r} in {CONTROL.sub('', self.shown)!r}"
            try:
                self.shown += self.process.read_nonblocking(4096, timeout=1)
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                assert re.search(text, CONTROL.sub("", self.shown)), CONTROL.sub("", self.shown)

    def type(self, keys, text):
        """Types, and waits for what that is to show."""
        self.shown = ""
        self.process.send(keys)
        self.wait(text)

    def ended(self):
        self.process.expect(pexpect.EOF, timeout=60)
        self.process.close()
        return self.process.exitstatus


@pytest.fixture
def console():
    consoles = []

    def start(kernel):
        consoles.append(Console(kernel))
        consoles[0].wait(r"(?s)SnakeBridge .*In \[1\]: ")
        return consoles[0]

    yield start
    for one in consoles:
        one.process.close(force=True)


@pytest.mark.row(14)
def test_elixir_in_the_console(console):
    it = console("test-elixir")
    assert re.search(r"Elixir 1\.\d+.* and Python 3\.\d+", CONTROL.sub("", it.shown))
    it.type("defmodule Seven do\r", r"\.\.\.: ")
    it.type("def times(n), do: 7 * n\r", r"n\s+\.\.\.: ")
    it.type("end\r", r"Out\[1\]: \{:module, Seven")
    it.wait(r"In \[2\]: ")
    it.type("Seven.times(6)\r", r"Out\[2\]: 42")
    it.wait(r"In \[3\]: ")
    it.type("%%python\r", r"\.\.\.: ")
    it.type("'py'.upper()\r", r"Out\[3\]: 'PY'")
    it.wait(r"In \[4\]: ")
    it.type("Enum.map_jo\t", r"Enum\.map_join")
    it.type('([1, 2], "-", & &1)\r', r'Out\[4\]: "1-2"')
    it.wait(r"In \[5\]: ")
    # Up to the last cell, and run it again.
    it.type(UP, r"Enum\.map_join")
    it.type("\r", r'Out\[5\]: "1-2"')
    it.wait(r"In \[6\]: ")
    it.type('IO.puts("runs"); Process.sleep(:infinity)\r', r"\nruns")
    it.type(INTERRUPT, r"Interrupted")
    it.wait(r"In \[7\]: ")
    it.type('IO.gets("who? ")\r', r"\nwho\? ")
    it.type("Ada\r", r'Out\[7\]: "Ada\\n"')
    it.wait(r"In \[8\]: ")
    it.type(END_OF_FILE, r"really want to exit")
    it.process.send("y\r")
    assert it.ended() == 0


@pytest.mark.row(14)
def test_python_in_the_console(console):
    it = console("test-python")
    it.type("def double(x):\r", r"\.\.\.: ")
    it.type("return 2 * x\r", r"\* x\s+\.\.\.: ")
    it.type("\r", r"In \[2\]: ")
    it.type("double(21)\r", r"Out\[2\]: 42")
    it.wait(r"In \[3\]: ")
    it.type("%%elixir\r", r"\.\.\.: ")
    it.type("Enum.sum([20, 22])\r", r"Out\[3\]: 42")
    it.wait(r"In \[4\]: ")
    it.type("doub\t", r"double")
    it.type("(2)\r", r"Out\[4\]: 4")
    it.wait(r"In \[5\]: ")
    it.type("print('runs'); import time; time.sleep(600)\r", r"\nruns")
    it.type(INTERRUPT, r"KeyboardInterrupt")
    it.wait(r"In \[6\]: ")
    it.type("exit\r", r"Shutting down kernel")
    assert it.ended() == 0


@pytest.mark.row(15)
def test_the_console_remembers_earlier_sessions(console, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    it = console("test-elixir")
    it.type("remembered = 42\r", r"Out\[1\]: 42")
    it.wait(r"In \[2\]: ")
    it.type(END_OF_FILE, r"really want to exit")
    it.process.send("y\r")
    assert it.ended() == 0
    again = Console("test-elixir")
    try:
        again.wait(r"(?s)SnakeBridge .*In \[1\]: ")
        again.type(UP, r"remembered = 42")
    finally:
        again.process.close(force=True)

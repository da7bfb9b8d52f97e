"""Times the prompt through a pseudo-terminal, beside `iex` and `ipython` where they are installed.

Prints one JSON list of rows, of which `bench/run.py` makes the table. `--quick` does everything a few times, to see
that it runs. Times of keys are from a byte written to the last byte that the terminal gets for it.
"""

import argparse
import importlib.util
import json
import os
import pty
import re
import select
import shutil
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from fcntl import ioctl
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

# How often, or how much.
FULL = {"starts": 11, "lines": 500, "keys": 400, "completions": 20, "attributes": 10_000}
QUICK = {"starts": 1, "lines": 30, "keys": 5, "completions": 2, "attributes": 100}

# Nothing for so long, in seconds: the program has painted. The editor looks around every 30 ms.
QUIET = 0.06


class Terminal:
    """A program on a pseudo-terminal that answers when it is asked for the cursor."""

    def __init__(self, command, rows=50, columns=200):
        state = tempfile.mkdtemp(prefix="bench-repl-")
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "XDG_STATE_HOME": state,
            "XDG_CONFIG_HOME": state,
        }
        self.begun = time.perf_counter()
        self.process, self.fd = pty.fork()
        if self.process == 0:
            os.execvpe(command[0], command, environment)
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.seen = b""

    def read(self, timeout):
        """What comes within that time; empty when nothing does."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return b""
        data = os.read(self.fd, 1 << 16)
        for _ in range(data.count(b"\x1b[6n")):
            os.write(self.fd, b"\x1b[1;1R")
        self.seen += data
        return data

    def until(self, pattern, timeout=60):
        """When something that reads so has come since the last key, in seconds."""
        deadline = time.perf_counter() + timeout
        while not re.search(pattern, self.seen):
            left = deadline - time.perf_counter()
            if left <= 0:
                raise TimeoutError(f"{pattern!r} did not come: {self.seen[-500:]!r}")
            self.read(left)
        return time.perf_counter()

    def send(self, data):
        self.seen = b""
        while data:
            data = data[os.write(self.fd, data[:4096]) :]
            self.read(0)

    def key(self, data):
        """Presses a key; how long until the last byte of the paint that follows, in milliseconds."""
        self.seen = b""
        begun = painted = time.perf_counter()
        os.write(self.fd, data)
        # The first paint, whenever it comes; then what follows it at once.
        wait = 5
        while self.read(wait):
            painted = time.perf_counter()
            wait = QUIET
        return (painted - begun) * 1000

    def close(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.fd)


def spread(times):
    times = sorted(times)
    return {"p50": statistics.median(times), "p99": times[min(len(times) - 1, int(len(times) * 0.99))]}


def start_ms(command, prompt, starts):
    """From the start of a program to its prompt on the screen, median."""
    times = []
    for _ in range(starts):
        terminal = Terminal(command)
        times.append((terminal.until(prompt) - terminal.begun) * 1000)
        terminal.close()
    return statistics.median(times)


def memory_mb(program):
    """What the front end holds while nothing happens: its own share of pages that several processes have."""
    terminal = Terminal([program])
    terminal.until(rb"elixir")
    # Both languages are up.
    terminal.send(b":py 20 + 22\r")
    terminal.until(rb"elixir\(2\)")
    terminal.send(b"20 + 23\r")
    terminal.until(rb"elixir\(3\)")
    while terminal.read(1):
        pass
    rollup = Path(f"/proc/{terminal.process}/smaps_rollup").read_text()
    terminal.close()
    return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1]) / 1000


def keys_in_a_long_cell(program, language, lines, keys):
    """Keys typed into the middle of a cell of many lines."""
    terminal = Terminal([program])
    terminal.until(rb"elixir")
    if language == "python":
        terminal.send(b":py\r")
        terminal.until(rb"python")
        body = "\n".join(
            f"value_{n} = [item * {n} for item in range({n}) if 'x' in f'{{item}}']" for n in range(lines)
        )
    else:
        body = "\n".join(
            f'value_{n} = Enum.map(1..{n}, fn item -> "x#{{item * {n}}}" end)' for n in range(lines)
        )
    terminal.send(b"\x1b[200~" + body.encode() + b"\x1b[201~")
    while terminal.read(2):
        pass
    for _ in range(20):
        terminal.key(b"\x1b[A")
    times = [terminal.key(b"abcdefghij"[n % 10 : n % 10 + 1]) for n in range(keys)]
    terminal.close()
    return spread(times)


def completion(program, times, attributes):
    """From Tab to the menu, of a module and of an object with ten thousand attributes."""
    terminal = Terminal([program])
    terminal.until(rb"elixir")
    terminal.send(b":py\r")
    terminal.until(rb"python")
    terminal.send(
        b"class Many: pass\r\rmany = Many(); many.__dict__.update({f'name_{n}': n for n in range(%d)})\r"
        % attributes
    )
    module = "numpy as np" if importlib.util.find_spec("numpy") else "math as np"
    terminal.send(f"import {module}; print('re' + 'ady')\r".encode())
    terminal.until(rb"ready")
    found = {}
    for what, text in [("module", b"np."), ("many", b"many.")]:
        taken = []
        for _ in range(times):
            for byte in text:
                terminal.key(bytes([byte]))
            # An answer to the same question holds for a second.
            while terminal.read(1.2):
                pass
            terminal.seen = b""
            begun = time.perf_counter()
            os.write(terminal.fd, b"\t")
            taken.append((terminal.until(rb"\b1 of \d+") - begun) * 1000)
            terminal.key(b"\x1b")
            terminal.key(b"\x03")
        found[what] = spread(taken)
    terminal.close()
    return found


def rows(program, often):
    def row(what, ours, unit="ms", peer="", theirs=None, bar=""):
        found.append({"what": what, "ours": ours, "unit": unit, "peer": peer, "theirs": theirs, "bar": bar})

    found = []
    ours = start_ms([program], rb"elixir\(1\)", often["starts"])
    peers = [
        ("iex", [shutil.which("iex") or str(ROOT / ".tools/elixir/bin/iex")], rb"iex\(1\)"),
        ("ipython", [sys.executable, "-m", "IPython"], rb"In \["),
    ]
    what = "start to the prompt on the screen"
    for name, command, prompt in peers:
        there = Path(command[0]).exists() and (name == "iex" or importlib.util.find_spec("IPython"))
        theirs = start_ms(command, prompt, often["starts"]) if there else None
        row(what, ours, peer=name if there else "", theirs=theirs, bar="< 1")
    for language in ("elixir", "python"):
        keys = keys_in_a_long_cell(program, language, often["lines"], often["keys"])
        what = f"a key in a cell of {often['lines']} lines of {language.title()} to the screen"
        row(f"{what}, median", keys["p50"])
        row(f"{what}, p99", keys["p99"], bar="< 16 ms")
    menus = completion(program, often["completions"], often["attributes"])
    row("Tab after np. to the menu, median", menus["module"]["p50"], bar="< 20 ms")
    what = f"Tab after an object of {often['attributes']:,} attributes to the menu, median"
    row(what, menus["many"]["p50"], bar="< 20 ms")
    if sys.platform == "linux":
        row("memory of the prompt at rest", memory_mb(program), "MB")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="everything a few times")
    parser.add_argument("program", nargs="?", default=str(TARGET / "release/snakebridge"))
    options = parser.parse_args()
    print(json.dumps(rows(options.program, QUICK if options.quick else FULL)))


if __name__ == "__main__":
    main()

"""How long the prompt takes, measured through a pseudo-terminal: `python3 bench/repl.py [PROGRAM]` prints JSON.

Times are from a byte written to the last byte that the terminal gets for it, in milliseconds.
"""

import json
import os
import pty
import re
import select
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


def keys_in_a_long_cell(program, language, lines=500, keys=400):
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


def completion(program):
    """From Tab to the menu, of a module and of an object with ten thousand attributes."""
    terminal = Terminal([program])
    terminal.until(rb"elixir")
    terminal.send(b":py\r")
    terminal.until(rb"python")
    terminal.send(
        b"class Many: pass\r\rmany = Many(); many.__dict__.update({f'name_{n}': n for n in range(10_000)})\r"
    )
    terminal.send(b"import string; print('re' + 'ady')\r")
    terminal.until(rb"ready")
    found = {}
    for what, text, first in [("module", b"string.", rb"ascii_letters"), ("many", b"many.", rb"name_0")]:
        times = []
        for _ in range(20):
            for byte in text:
                terminal.key(bytes([byte]))
            terminal.seen = b""
            begun = time.perf_counter()
            os.write(terminal.fd, b"\t")
            times.append((terminal.until(first) - begun) * 1000)
            terminal.key(b"\x1b")
            terminal.key(b"\x03")
        found[what] = spread(times)
    terminal.close()
    return found


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(TARGET / "release/snakebridge")
    measured = {
        "key_ms": {language: keys_in_a_long_cell(program, language) for language in ("elixir", "python")},
        "completion_ms": completion(program),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()

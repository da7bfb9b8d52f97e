"""A host and a BEAM made of sockets, and a real worker between them."""

import contextlib
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import etf
from etf import Atom

PACKAGE = pathlib.Path(__file__).resolve().parents[2]

# The worker's interpreter, where it is not the one that runs the tests.
PYTHON = os.environ.get("SNAKEBRIDGE_TEST_PYTHON", sys.executable)

# The number of the cell that runs before a test's own. Not larger: at its end IPython counts up to it.
WARM_UP = 10_000

# Nothing here takes so long; a wait of that length is a hang.
PATIENCE = 30.0


class ProtocolError(Exception):
    """An error answer."""

    def __init__(self, error):
        super().__init__(error)
        self.error = error

    @property
    def python(self):
        """The exception's map, its keys as text."""
        tag, exception = self.error
        assert tag == "python", self.error
        return exception

    @property
    def reason(self):
        """Why the bridge refuses."""
        assert self.error[0] == "bridge", self.error
        return self.error[1]


class EndedError(Exception):
    """The connection is over."""


class Connection:
    """One socket that carries frames."""

    def __init__(self, sock):
        self.sock = sock
        self._next = 0
        self._rest = b""

    def send(self, term):
        """Sends a term as a frame."""
        self.send_bytes(etf.encode(term))

    def send_bytes(self, data):
        """Sends bytes as a frame."""
        self.sock.sendall(struct.pack(">I", len(data)) + data)

    def recv(self, timeout=PATIENCE):
        """The next message."""
        return etf.decode(self.recv_bytes(timeout))

    def recv_bytes(self, timeout=PATIENCE):
        """The next frame."""
        deadline = time.monotonic() + timeout
        size = struct.unpack(">I", self._take(4, deadline))[0]
        return self._take(size, deadline)

    def _take(self, size, deadline):
        parts = [self._rest]
        have = len(self._rest)
        while have < size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                self._rest = b"".join(parts)
                raise TimeoutError(f"nothing came; so far {self._rest[:200]!r}")
            try:
                part = self.sock.recv(1 << 20)
            except ConnectionResetError:
                part = b""
            if not part:
                raise EndedError
            parts.append(part)
            have += len(part)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]

    def start(self, op, body):
        """Sends a request; returns its id."""
        self._next += 1
        self.send((Atom("req"), self._next, Atom(op), body))
        return self._next

    def answer(self, ident, events=None, serve=None, timeout=PATIENCE):
        """The answer to a request. Events go to the list; requests are answered by `serve(op, body)`."""
        while True:
            message = self.recv(timeout)
            if message[0] == "ok" and message[1] == ident:
                return message[2]
            if message[0] == "error" and message[1] == ident:
                raise ProtocolError(message[2])
            if message[0] == "ev":
                if events is not None:
                    events.append(message[1:])
            elif message[0] == "req" and serve is not None:
                _, number, op, body = message
                try:
                    self.send((Atom("ok"), number, serve(str(op), body)))
                except ProtocolError as error:
                    self.send((Atom("error"), number, error.error))
            else:
                raise AssertionError(f"unexpected {message!r}")

    def request(self, op, body, events=None, serve=None, timeout=PATIENCE):
        """Makes a request and waits for its answer."""
        return self.answer(self.start(op, body), events, serve, timeout)

    def do(self, target, *steps, events=None, serve=None, **options):
        """A call, as Elixir makes it."""
        options = {
            Atom(key): Atom(value) if isinstance(value, str) else value for key, value in options.items()
        }
        return self.request("do", (target, list(steps), options), events, serve)

    def close(self):
        """Hangs up."""
        self.sock.close()


def module(name):
    """A target: a module."""
    return (Atom("module"), name)


def name(text):
    """A target: a name of the session."""
    return (Atom("name"), text)


def value(term):
    """A target: a value."""
    return (Atom("value"), term)


def call(*args, **kwargs):
    """A step: a call."""
    return (Atom("call"), list(args), list(kwargs.items()))


def method(text, *args, **kwargs):
    """A step: a call of a method."""
    return (Atom("method"), text, list(args), list(kwargs.items()))


def step(kind, *parts):
    """Any other step; operators and functions are atoms."""
    if kind in ("op", "rop", "unary", "fun"):
        parts = (Atom(parts[0]), *parts[1:])
    return (Atom(kind), *parts)


def ref(tagged, worker=1):
    """The struct that Elixir makes of a ref."""
    tag, (kind, ident, type_name, *_arity) = tagged
    assert tag == "$tagged" and kind in ("$ref", "$function"), tagged
    return etf.struct_map("SnakeBridge.Ref", session=None, worker=worker, id=ident, type=type_name)


def text_of(events, stream="stdout"):
    """What was printed."""
    return b"".join(body[2] for op, body in events if op == "stream" and body[1] == stream).decode()


class Session:
    """A worker with the host's connections; `lane()` and `beam()` add those of the BEAM."""

    def __init__(self, cells=True, python=PYTHON, env=None, host_peer="host"):
        self.directory = tempfile.mkdtemp(prefix="sb")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{self.directory}/host.sock")
        self.listener.listen()
        self.log = open(f"{self.directory}/log", "w+")  # noqa: SIM115 - closed with the session
        command = [python, "-m", "snakebridge.worker", "--host", f"{self.directory}/host.sock"]
        command += ["--listen", f"{self.directory}/worker.1.sock", "--generation", "1"] + ["--cells"] * cells
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE), **(env or {})}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=environment,
            start_new_session=True,
        )
        self.peer = host_peer
        self.open = []
        self.cell = 0
        for _ in range(3 if cells else 1):
            connection, hello = self.accept()
            if hello[Atom("role")] == "control":
                self.control = connection
                self.hello = hello
            elif hello[Atom("thread")] == "main":
                self.main = connection
            else:
                self.own = connection
        if cells:
            # What is said once, and done once, is behind us then: a worker without IPython has a note for the user.
            self.run("pass", cell=WARM_UP)

    def accept(self):
        """The next connection of the worker, and its hello."""
        deadline = time.monotonic() + PATIENCE
        while not select.select([self.listener], [], [], 0.1)[0]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the worker did not connect: {self.output()}")
        sock, _ = self.listener.accept()
        connection = Connection(sock)
        tag, version, hello = connection.recv()
        assert (tag, version) == ("hello", 1)
        answer = {Atom("peer"): Atom(self.peer), Atom("pid"): os.getpid()}
        answer.update((key, hello[key]) for key in (Atom("role"), Atom("thread")) if key in hello)
        connection.send((Atom("hello"), 1, answer))
        self.open.append(connection)
        return connection, hello

    def connect(self, role="lane", thread="own", **info):
        """A connection of the BEAM."""
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(f"{self.directory}/worker.1.sock")
        connection = Connection(sock)
        hello = {"peer": Atom("beam"), "role": Atom(role), "thread": Atom(thread), "pid": os.getpid(), **info}
        connection.send((Atom("hello"), 1, {Atom(key): value for key, value in hello.items()}))
        answer = connection.recv()
        assert answer[:2] == ("hello", 1), answer
        self.open.append(connection)
        return connection

    def lane(self, thread="own", **info):
        """A lane of an Elixir process."""
        return self.connect(thread=thread, **info)

    def beam(self):
        """The BEAM's control connection, once the worker uses it."""
        beam = self.connect(role="control")
        beam.request("ping", None)
        return beam

    def callback_lane(self, beam):
        """The lane that the worker asks for next."""
        _, op, token = beam.recv()
        assert op == "open_lane", op
        return self.lane(token=token)

    def start_cell(self, source, **options):
        """Starts a cell; returns its request."""
        if "cell" not in options:
            self.cell += 1
        body = {"cell": self.cell, "source": source, "store_history": True, "silent": False, **options}
        return self.main.start("execute", {Atom(key): value for key, value in body.items()})

    def run(self, source, serve=None, timeout=PATIENCE, **options):
        """Runs a cell; returns its answer and its events."""
        events = []
        answer = self.main.answer(self.start_cell(source, **options), events, serve, timeout)
        return answer, events

    def output(self):
        """What the process has written where nobody captures it."""
        self.log.flush()
        return pathlib.Path(f"{self.directory}/log").read_text()

    def close(self):
        """Ends everything."""
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.close()
        self.listener.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"the worker outlived its host: {self.output()}") from None
        finally:
            self.log.close()
            shutil.rmtree(self.directory, ignore_errors=True)


def evaluate(lane, source, **options):
    """The value of an expression."""
    return lane.do(module("builtins"), method("eval", source), **options)


def repr_of(lane, term):
    """How Python sees a term of Elixir."""
    return lane.do(value(term), step("fun", "repr")).decode()

"""The process's streams as user code sees them: standard output and error, `input`, `getpass`, and whose output it is.

What becomes of the text, and of what is written to the file descriptors, is the extension module's business.
"""

import builtins
import functools
import getpass
import io
import sys
import threading


def install(native):
    """Puts the session's streams in the place of the process's own."""
    sys.stdout = native.TextStream("stdout")
    sys.stderr = native.TextStream("stderr")
    sys.stdin = Input(native)
    builtins.input = _input(native)
    builtins.exit = builtins.quit = Exit()
    getpass.getpass = _getpass(native)
    _let_threads_inherit(native)


class Input(io.TextIOBase):
    """Standard input: each line is asked for when it is read."""

    encoding = "utf-8"
    errors = "strict"
    name = "<stdin>"

    def __init__(self, native):
        super().__init__()
        self._native = native
        self._rest = ""

    def readable(self):
        """As in the base class."""
        return True

    def isatty(self):
        """As in the base class: what asks for a terminal (a full-screen program, a password) gets none."""
        return False

    def fileno(self):
        """The process's own standard input, which is empty."""
        return 0

    def readline(self, size=-1):
        """A line with its end; nothing when there are no more."""
        line = self._rest or self._next()
        if size is None or size < 0:
            self._rest = ""
            return line
        self._rest = line[size:]
        return line[:size]

    def read(self, size=-1):
        """All that comes until the end, or so many characters at most."""
        if size is not None and size >= 0:
            return self.readline(size)
        return "".join(iter(self.readline, ""))

    def _next(self):
        try:
            return self._native.input("", False) + "\n"
        except EOFError:
            return ""


class Exit:
    """`exit` and `quit`: a cell cannot end the session that it is part of. The standard ones would close its input."""

    def __call__(self, code=None):
        raise SystemExit(code)

    def __repr__(self):
        return "The session is ended from the prompt (:quit or Ctrl-D) or the notebook's menu."


def _input(native):
    def input(prompt="", /):
        """Asks whoever runs the cell for a line of text. EOFError when nobody can answer."""
        return native.input(str(prompt), False)

    return input


def _getpass(native):
    # As in the standard library; the name of a stream or of an echo character means nothing here.
    def getpass(prompt="Password: ", stream=None, **_options):
        """Asks whoever runs the cell for a text that is not shown and not recorded."""
        return native.input(str(prompt), True)

    return getpass


def _let_threads_inherit(native):
    """What a thread prints belongs to the cell that started it."""
    start = threading.Thread.start

    @functools.wraps(start)
    def start_in_cell(self):
        cell = native.current_cell()
        # Around what calls `run`: a frame of ours inside would show in the tracebacks of threads.
        bootstrap = getattr(self, "_bootstrap_inner", None)
        if cell is not None and bootstrap is not None:

            def bootstrap_in_cell():
                native.set_cell(cell)
                self.__dict__.pop("_bootstrap_inner", None)
                bootstrap()

            self._bootstrap_inner = bootstrap_in_cell
        start(self)

    threading.Thread.start = start_in_cell

"""What the extension module calls: the session's Python half as one object.

Each question is answered by the module that knows; this one only joins them.
"""

import builtins
import sys

from snakebridge import fitting, hints, leftovers, streams, tracebacks
from snakebridge.display import Display, Publisher
from snakebridge.namespace import Namespace

# How long a question waits for what is to run the cells.
_LOADING_SECONDS = 0.5


class Hooks:
    """A session's Python half."""

    def __init__(self, native, main_module, directory, notebook=False):
        self._native = native
        self._directory = directory
        self._notebook = notebook
        self._namespace = Namespace(main_module)
        self._publisher = Publisher(native)
        self._cells = None
        self._loop = None
        self._awaits = None
        self._over = False
        self._assistant = None
        self._subshells = {}

    @property
    def globals(self):
        """The dict that cells run in."""
        return self._namespace.globals

    def own_names(self):
        """Names in it that are not the user's, with the values that make them so."""
        return self._namespace.own

    def prepare(self):
        """Makes the process ready for user code."""
        # Here and not above: the host has our greeting by now.
        from snakebridge import loop
        from snakebridge.awaiting import Awaits
        from snakebridge.cells import MainCells

        native = self._native
        streams.install(native)
        builtins.display = Display(self._publisher).display
        if hasattr(native, "ex"):
            # Not a global: `except Error as ex` would take it away.
            builtins.ex = native.ex
        sys.ps1, sys.ps2 = ">>> ", "... "
        self._loop, selector = loop.make(native)
        self._awaits = Awaits(self._loop)
        self._cells = MainCells(
            native, self._namespace, self._publisher, self._awaits, selector, self._directory, self._notebook
        )

    def run(self, cells):
        """Runs the loop until `shutdown`; `cells`: whether cells will come."""
        from snakebridge import loop

        if cells:
            self._cells.open()
        loop.run(self._loop, lambda: self._over)

    # --- called on the main thread, from inside `_native.poll` ---

    def execute(self, body, done, trouble=None):
        """Queues a cell; `done(answer)` is called when it has run. `trouble`: an exception that came before it."""
        if body.get("width"):
            # The real terminal is another process's.
            fitting.fit(body["width"])
        self._cells.execute(body, done, trouble)

    def shutdown(self):
        """Ends the session: `run` returns."""
        self._over = True
        if self._loop is not None:
            self._cells.close()
            self._loop.stop()

    # --- subshells ---

    def subshell(self, lane):
        """Runs the cells of a subshell until its lane ends. Called on a thread of its own."""
        from snakebridge.subshells import Subshell

        subshell = Subshell(self._native, lane, self._namespace, self._publisher, self._cells)
        self._subshells[lane.number] = subshell
        try:
            subshell.run()
        finally:
            del self._subshells[lane.number]

    def interrupt_subshell(self, number, cell):
        """Stops a cell of a subshell: see there. Called on another thread."""
        subshell = self._subshells.get(number)
        return False if subshell is None else subshell.interrupt(cell)

    # --- called on the lane of their own, while a cell may be running; never runs user code ---

    def complete(self, body):
        """Ways to finish the name at the cursor."""
        harmless = body.get("harmless") or ()
        return self._help.complete(body["source"], body["cursor"], harmless, body.get("most"))

    def inspect(self, body):
        """What is known of the name at the cursor."""
        harmless = body.get("harmless") or ()
        return self._help.inspect(body["source"], body["cursor"], body.get("detail") or 0, harmless)

    def is_complete(self, body):
        """Whether a source can be run as it stands."""
        return self._help.is_complete(body["source"])

    def names(self):
        """The names that Python owns."""
        return self._help.names()

    # --- called on the thread that serves a caller ---

    def await_here(self, awaitable, caller):
        """Waits for what comes of an awaitable."""
        return self._awaits.here(awaitable, caller)

    def await_aside(self, awaitable, caller):
        """The same on the main thread, whose loop cannot turn meanwhile."""
        return self._awaits.aside(awaitable, caller)

    def await_later(self, awaitable, caller):
        """Has `caller.finish` called when an awaitable is done; on the main thread."""
        self._awaits.later(awaitable, caller)

    def lane_ended(self, lane):
        """Closes what the caller of a lane has left open."""
        leftovers.close(lane, self._loop)

    # --- called on any thread ---

    def members(self, value, steps, asked):
        """What may follow after what steps from an object lead to: its members, keys, keyword arguments."""
        return self._help.members(value, steps, asked)

    def traceback(self, error):
        """The traceback as text, its frames, and what to do about the error."""
        text = "\n".join(tracebacks.lines(error)) + "\n"
        return text, tracebacks.frames(error), hints.for_elixir(error, f"{sys.executable} -m pip install")

    @property
    def _help(self):
        if self._assistant is None:
            from snakebridge.assistant import Assistant

            self._assistant = Assistant(self._native, self._namespace, self._engine)
        return self._assistant

    def _engine(self):
        if self._cells is None:
            return None
        # Clients ask as soon as they can, and only the engine knows its magics. Whoever asks has little patience.
        self._cells.loaded.wait(_LOADING_SECONDS)
        return self._cells.engine


def versions():
    """What the greeting says of this process."""
    from snakebridge import engines

    found = {"python": sys.version.split()[0]}
    ipython = engines.ipython_version()
    if ipython is not None:
        found["ipython"] = ipython
    return found

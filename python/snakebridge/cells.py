"""Cells, one after the other: what one did, how it ended, and how those of the main shell are interrupted.

How a cell's source becomes effects is the engine's business (`shell` with IPython, `plain` without).
All cells run in one long-lived task, so that context variables set in one are there in the next.
"""

import _thread
import asyncio
import signal
import sys
import threading
import time

from snakebridge import analysis, display, engines, tracebacks

# How long user code that holds up the loop may go on before the interrupt is raised in it.
_PATIENCE_SECONDS = 0.1


class Cell:
    """One execution of a cell."""

    def __init__(self, body):
        self.number = body["cell"]
        self.source = body["source"]
        self.silent = bool(body.get("silent"))
        self.store_history = bool(body.get("store_history", True))
        # A message of a comm is delivered as a cell of its own: so what it prints, raises and holds up is treated alike.
        self.comm = body.get("comm")
        self.parent = body.get("parent")
        self.expressions = body.get("expressions") or []
        self.cancelled = False
        # An interrupt was raised in the thread of a subshell.
        self.raised = False
        self.filename = None if self.comm else tracebacks.remember(self.number, self.source)
        debugger = sys.modules.get("snakebridge.debugger")
        if debugger is not None and not self.comm:
            self.filename = debugger.filename(self.source) or self.filename

    def meant(self, error):
        """The error as the user should see it: a cell that was interrupted while it waited was cancelled by us."""
        if self.cancelled and isinstance(error, asyncio.CancelledError):
            return KeyboardInterrupt().with_traceback(error.__traceback__)
        return error


class Cells:
    """The cells of one shell. Everything here happens on the thread of its loop."""

    def __init__(self, native, namespace, publisher, loop):
        self._native = native
        self._namespace = namespace
        self._publisher = publisher
        self._loop = loop
        self._queue = asyncio.Queue()
        self._running = None
        self._closing = False
        self.engine = None
        self._task = None

    def open(self):
        """Prepares for cells, and takes them from now on. A worker without cells never imports IPython."""
        self._task = self._loop.create_task(self._serve())

    def execute(self, body, done, trouble):
        """Queues a cell; `done(answer)` is called when it has run. `trouble`: an exception that came before it, or None."""
        self._queue.put_nowait((body, done, trouble))

    def close(self):
        """No cell will come any more."""
        self._closing = True

    async def _load(self):
        """What is to run the cells."""
        raise NotImplementedError

    def _begin(self):
        """A cell is about to run."""

    async def _serve(self):
        self.engine = await self._load()
        while True:
            try:
                body, done, trouble = await self._queue.get()
            except asyncio.CancelledError:
                if self._closing:
                    raise
                # A cell has cancelled its own task and ended before it waited.
                _uncancel()
                continue
            done(await self._run(body, trouble))

    async def _run(self, body, trouble):
        started = time.perf_counter_ns()
        cell = Cell(body)
        self._native.set_cell(cell.number)
        self._begin()
        # Else a warning would be shown once for a line number, not once for a line.
        self._namespace.globals.pop("__warningregistry__", None)
        observed = analysis.Observation(self._namespace, self.engine.transform, cell.source)
        status = await self._guarded(cell, trouble)
        if cell.cancelled:
            _uncancel()
        effects = observed.effects(status, self._native.is_of_elixir)
        duration = (time.perf_counter_ns() - started) // 1000
        answer = {"status": status, "duration_us": duration, **effects}
        if status == "ok" and cell.expressions:
            answer["expressions"] = [self._expression(name, source) for name, source in cell.expressions]
        return answer

    def _expression(self, name, source):
        """What an expression comes to, as the event that a cell would have sent."""
        try:
            value = eval(source, self._namespace.globals)
            data, metadata = self.engine.format(value)
            body = {"cell": None, "data": display.encode(data), "metadata": display.to_json(metadata)}
            return name, "result", body
        except Exception as error:
            lines = tracebacks.lines(error)
            body = {"class": type(error).__name__, "message": tracebacks.message(error), "traceback": lines}
            return name, "error", {"cell": None, "hint": None, **body}

    async def _guarded(self, cell, trouble):
        """Runs the cell; whatever it raises ends here."""
        try:
            self._running = cell
            try:
                if trouble is not None:
                    raise trouble
                return await self.engine.run(cell)
            except BaseException as error:
                if self._closing:
                    raise
                return self.fail(cell, error)
        except BaseException as error:
            if self._closing:
                raise
            # An interrupt while the error was being told.
            self._running = None
            return self.fail(cell, error)
        finally:
            self._running = None

    def fail(self, cell, error):
        """Tells the error of a cell; returns the cell's status."""
        error = cell.meant(error)
        self._publisher.error(error, self.engine.hint(cell, error))
        return "interrupted" if isinstance(error, KeyboardInterrupt) else "error"


class MainCells(Cells):
    """The cells of the main shell, on the main thread, which signals interrupt."""

    def __init__(self, native, namespace, publisher, awaits, selector, directory, notebook):
        super().__init__(native, namespace, publisher, awaits.loop)
        self._awaits = awaits
        self._selector = selector
        self._directory = directory
        self._notebook = notebook
        self._reminded = False
        self._reminding = None
        self._interrupts = []
        self._is_interrupting = False
        # Set when the engine is there, for who waits on another thread.
        self.loaded = threading.Event()
        self._begin()

    def open(self):
        """As in the base class. In a notebook nobody is served before the engine is there: see `engines`."""
        self._selector.serving = not self._notebook
        super().open()

    async def _load(self):
        try:
            engine = await engines.load(self._namespace, self._publisher, self._directory, self._notebook)
        finally:
            self._selector.serving = True
        display.use(engine)
        self.loaded.set()
        return engine

    def _begin(self):
        """Cells may have installed a handler of their own; each starts with ours."""
        signal.signal(signal.SIGINT, self.on_interrupt)

    def on_interrupt(self, _signal=None, _frame=None):
        """The handler of SIGINT: between two bytecodes of the main thread, or inside `_native.poll`."""
        self._interrupts += self._native.take_interrupt()
        # Another one may come while this one is looked at; it is left to this one.
        here = False
        while self._interrupts and not self._is_interrupting:
            self._is_interrupting = True
            while self._interrupts:
                kind, number = self._interrupts.pop(0)
                stop = {"cell": self._interrupt, "task": self._awaits.interrupt, "request": bool}[kind]
                here = stop(number) or here
            self._is_interrupting = False
        if here:
            raise KeyboardInterrupt

    def _interrupt(self, number):
        """Stops a cell. True: it is to be raised in what runs right now."""
        reminded, self._reminded = self._reminded, False
        cell = self._running
        if cell is None or cell.number != number:
            return False
        in_cell = asyncio.current_task(self._loop) is self._task
        if reminded:
            if not in_cell and not self._selector.waiting:
                return True
            # The loop is free: the cell is on its way out, and what it does there should not be disturbed.
            self._reminding = None
            self._native.heard_interrupt(number)
            return False
        if in_cell:
            self._native.heard_interrupt(number)
            return True
        cell.cancelled = True
        self._task.cancel()
        # The cell waits; another task, or a callback, may hold up the loop.
        # Not threading.Thread: the code that was interrupted may hold that module's locks.
        self._reminding = cell
        _thread.start_new_thread(self._remind, (cell,))
        return False

    def _remind(self, cell):
        """Signals again until the loop turns: in a thread of its own."""
        time.sleep(_PATIENCE_SECONDS)
        while self._running is cell and self._reminding is cell:
            self._reminded = True
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(_PATIENCE_SECONDS)


def _uncancel():
    """Takes back the cancellations of the current task, where Python counts them (from 3.11)."""
    task = asyncio.current_task()
    while getattr(task, "cancelling", int)():
        task.uncancel()

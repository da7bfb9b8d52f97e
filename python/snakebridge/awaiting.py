"""Awaitables that calls of Elixir wait for: each becomes a task of the main thread's loop.

The caller's context variables are those of the task, and what the task sets in them the caller finds set, as behind
`await`. What starts and answers the calls is the extension module, whose `Awaiting` (here: `caller`) says whose call it is.
"""

import _thread
import asyncio
import contextvars
import threading

# How long a task may take to end after an exception was raised in it from outside.
_GRACE_SECONDS = 1.0


class Awaits:
    """The awaitables of a session that are waited for."""

    def __init__(self, loop):
        self.loop = loop
        self._waiting = {}

    def here(self, awaitable, caller):
        """Waits for what comes of an awaitable, on a thread that is not the loop's."""
        done = _thread.allocate_lock()
        done.acquire()
        waiting = self._add(awaitable, caller, done.release)
        self.loop.call_soon_threadsafe(waiting.start)
        # What ends the wait early is an interrupt, and that cancels the task.
        done.acquire()
        return waiting.outcome()

    def later(self, awaitable, caller):
        """Starts to wait; `caller.finish` gets what gives the outcome."""
        self._add(awaitable, caller, lambda: None).start()

    def aside(self, awaitable, caller):
        """Waits on the loop's own thread, in the middle of something that the loop runs: another loop turns for it."""
        waiting = self._add(awaitable, caller, lambda: None)

        async def wait():
            waiting.start()
            if waiting.task is not None:
                await asyncio.wait([waiting.task])

        thread = threading.Thread(target=asyncio.run, args=(wait(),), name="snakebridge-await", daemon=True)
        thread.start()
        try:
            thread.join()
        except BaseException:
            waiting.cancel()
            raise
        return waiting.outcome()

    def interrupt(self, serial):
        """Stops a task whose caller is gone or gives up. True: it is what runs right now, so it is to be raised in.

        Called by the signal's handler.
        """
        waiting = self._waiting.get(serial)
        if waiting is None:
            return False
        if waiting.caller.is_current():
            # What is raised in a destructor or in a callback of the collector is lost.
            waiting.cancel(after=_GRACE_SECONDS)
            return True
        waiting.cancel()
        return False

    def _add(self, awaitable, caller, wake):
        def finished():
            self._waiting.pop(caller.serial, None)
            wake()

        waiting = self._waiting[caller.serial] = _Waiting(awaitable, caller, finished)
        if caller.is_gone():
            # An interrupt that came before found nothing here.
            waiting.cancel()
        return waiting


class _Waiting:
    """One awaitable on its way."""

    def __init__(self, awaitable, caller, finished):
        self.caller = caller
        self.task = None
        self.error = None
        self._awaitable = awaitable
        self._finished = finished
        self._cancelled = False
        self._context = contextvars.copy_context()
        self._before = dict(self._context.items())
        self._changed = {}

    def start(self):
        """Makes the task. On the thread of its loop."""
        if not self._cancelled:
            self._context.run(self.caller.enter)
            self.task = self._context.run(asyncio.get_running_loop().create_task, self._run())
        # A signal's handler may have come in between, and found no task.
        if not self._cancelled:
            self.task.add_done_callback(self._done)
            return
        if self.task is not None:
            self.task.cancel()
        if asyncio.iscoroutine(self._awaitable):
            self._awaitable.close()

    async def _run(self):
        mine = dict(contextvars.copy_context().items())
        try:
            return await self._awaitable
        finally:
            now = contextvars.copy_context().items()
            self._changed = {name: value for name, value in now if mine.get(name, self) is not value}

    def _done(self, task):
        if not task.cancelled():
            # Whoever waited may be gone; the loop is not to complain of an exception that nobody took.
            task.exception()
        self.caller.finish(self.outcome)
        self._finished()

    def cancel(self, after=0):
        """Cancels the task, or has it never start. On any thread, and in the handler of a signal."""
        task = self.task
        if task is not None:
            if not task.done():
                loop = task.get_loop()
                loop.call_soon_threadsafe(loop.call_later, after, task.cancel)
        elif not self._cancelled:
            self._cancelled = True
            self.error = KeyboardInterrupt()
            self._finished()

    def outcome(self):
        """What came of it: the result, or raises. On the caller's thread."""
        if self.error is not None:
            raise self.error
        for name, value in self._changed.items():
            name.set(value)
        return self.task.result()

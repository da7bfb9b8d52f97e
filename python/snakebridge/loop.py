"""The main thread's asyncio loop: it runs during cells and between them, and waits in the extension module.

The loop does not know cells; the extension serves requests on the main lanes from inside `select`.
"""

import asyncio
import os
import selectors
import sys

from snakebridge import tracebacks

_ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep


class Selector(selectors.DefaultSelector):
    """A selector that waits in `_native.poll`, for its own descriptors and for the lanes at once."""

    def __init__(self, native):
        super().__init__()
        self._native = native
        self.waiting = False
        # False while nobody is to be served yet, in which time the loop never waits.
        self.serving = True

    def select(self, timeout=None):
        """As in the base class."""
        if not self.serving:
            return super().select(0)
        self.waiting = True
        try:
            ready = self._native.poll(self.fileno(), timeout)
        finally:
            self.waiting = False
        return super().select(0) if ready else []


def make(native):
    """The loop and its selector, the loop being the thread's current one."""
    selector = Selector(native)
    loop = asyncio.SelectorEventLoop(selector)
    asyncio.set_event_loop(loop)
    return loop, selector


def run(loop, is_over):
    """Runs the loop until `is_over()`, whatever user code does to it."""
    while not is_over():
        try:
            loop.run_forever()
        except (KeyboardInterrupt, SystemExit):
            # Of a task or callback of the user; its task keeps the exception. The session goes on.
            continue
        except Exception as error:
            # Of a handler of a signal that came between cells. What the loop itself raises would come again for ever.
            if loop.is_closed() or _is_the_loops_own(error):
                raise
            sys.stderr.write("\n".join(tracebacks.lines(error)) + "\n")
    _finish(loop)


def _is_the_loops_own(error):
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_code.co_filename
    return tracebacks.is_ours(name) or name == selectors.__file__ or name.startswith(_ASYNCIO)


def _finish(loop):
    """Ends the tasks that still run, as `asyncio.run` does, but waits only briefly for stubborn ones."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    try:
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=0.5))
        loop.run_until_complete(asyncio.wait_for(loop.shutdown_asyncgens(), 0.5))
    except BaseException:
        return

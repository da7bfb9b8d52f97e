"""The cells of a subshell: beside those of the main shell, on a thread and an asyncio loop of their own.

They have the main shell's names, and the engine that runs its cells. The thread and the lane are the extension module's.
"""

import asyncio

from snakebridge import loop
from snakebridge.cells import Cells

_INTERRUPTED = {"status": "interrupted", "duration_us": 0, "reads": [], "writes": [], "deletes": []}


class Subshell(Cells):
    """One subshell. Made, and run, on its thread."""

    def __init__(self, native, lane, namespace, publisher, main):
        super().__init__(native, namespace, publisher, asyncio.new_event_loop())
        self._lane = lane
        self._main = main
        self._over = False

    def run(self):
        """Runs cells until the lane ends."""
        asyncio.set_event_loop(self._loop)
        self.open()
        self._listen()
        loop.run(self._loop, self._is_over)
        self._loop.close()

    async def _load(self):
        # In pieces, for the sake of interrupts: they reach a thread only in between.
        while not self._main.loaded.wait(0.05):
            pass
        self._main.engine.share()
        return self._main.engine

    # --- what arrives ---

    def execute(self, body, done, trouble=None):
        """Queues the cell that has arrived. Until it is done, what comes on the lane is the answer to what it asks."""
        self._loop.remove_reader(self._lane.fileno())

        def answer(outcome):
            done(outcome)
            self._listen()

        super().execute(body, answer, trouble)

    def _listen(self):
        self._loop.add_reader(self._lane.fileno(), self._receive)
        # What came together with something else is not told by the socket.
        self._loop.call_soon(self._receive)

    def _receive(self):
        if self._running is not None or self._queue.qsize() > 0 or self._over:
            return
        try:
            self._lane.receive(self)
        except EOFError:
            self._loop.remove_reader(self._lane.fileno())
            self._over = True
            self.close()
            self._loop.stop()

    # --- interrupts ---

    async def _run(self, body, trouble):
        try:
            answer = await super()._run(body, trouble)
            self._lane.settle()
            return answer
        except KeyboardInterrupt:
            # It came when the cell had run and was being looked at.
            self._lane.settle()
            return dict(_INTERRUPTED)

    def interrupt(self, number):
        """Stops a cell; called on another thread. True: a KeyboardInterrupt is to be raised in this subshell's thread.
        None: ask again."""
        cell = self._running
        if cell is None or cell.number != number:
            return None
        current = asyncio.current_task(self._loop)
        if current is self._task or (cell.cancelled and current is not None):
            cell.raised = True
            # If it begins to wait just now, it does not wait long: see `_is_over`.
            self._loop.call_soon_threadsafe(bool)
            return True
        if not cell.cancelled:
            cell.cancelled = True
            self._loop.call_soon_threadsafe(self._task.cancel)
        # Another task may hold up the loop; a loop that waits needs nothing more.
        return False if current is None else None

    def _is_over(self):
        # After an interrupt that came when the cell had just begun to wait: it has hit the loop.
        cell = self._running
        if cell is not None and cell.raised:
            cell.raised, cell.cancelled = False, True
            self._task.cancel()
        return self._over

"""What callers have open in Python: iterations and contexts. It is closed when the caller's lane ends.

Each has a number, by which its caller names it in later calls.
"""

import asyncio
import itertools
import sys

from snakebridge import _native, tracebacks

_numbers = itertools.count(1)
# Number: (lane, thing).
_open = {}
# Lane: the numbers of what was opened there, in that order. A lane keeps its entry to its end: things are removed by other
# threads as well, and one that took an empty entry away could take a number with it that has just come.
_lanes = {}


def add(thing):
    """Keeps a thing, whose `abandon()` is called at the end of the lane; returns its number.

    Where the caller is gone already it raises.
    """
    number, lane = next(_numbers), _native.current_lane()
    if lane is None:
        raise ConnectionError("the caller is gone")
    _open[number] = (lane, thing)
    _lanes.setdefault(lane, {})[number] = None
    return number


def get(number):
    """The thing of this number, or None."""
    return _open.get(number, (None, None))[1]


def is_mine(number):
    """Whether the thing is there and was opened on the lane that this is asked on."""
    return number in _open and _open[number][0] == _native.current_lane()


def remove(number):
    """Forgets a thing; returns it, or None if it is not there any more."""
    lane, thing = _open.pop(number, (None, None))
    if thing is not None:
        _lanes[lane].pop(number, None)
    return thing


def close(lane, loop):
    """Closes what was opened on a lane, the last first. On the thread that has served it."""
    while numbers := list(_lanes.get(lane, ())):
        thing = remove(numbers[-1])
        # Another thread may have taken it away just now.
        if thing is None:
            _lanes[lane].pop(numbers[-1], None)
            continue
        try:
            coroutine = thing.abandon()
            if asyncio.iscoroutine(coroutine):
                if asyncio._get_running_loop() is loop:
                    # The others come behind it.
                    loop.create_task(_close_later(coroutine, lane, loop))
                    return
                asyncio.run_coroutine_threadsafe(coroutine, loop).result()
        except BaseException as error:
            _tell(error)
    _lanes.pop(lane, None)


async def _close_later(coroutine, lane, loop):
    try:
        await coroutine
    except BaseException as error:
        _tell(error)
    close(lane, loop)


def _tell(error):
    """Nobody is left who could be told but the session."""
    sys.stderr.write("\n".join(tracebacks.lines(error)) + "\n")

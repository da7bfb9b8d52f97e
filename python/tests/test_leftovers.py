"""What callers have left open, while threads open and close at the same time."""

import asyncio
import sys
import threading

import pytest

from snakebridge import leftovers

LANE = object()


class Thing:
    def __init__(self):
        self.abandoned = False

    def abandon(self):
        self.abandoned = True


@pytest.fixture
def lane(monkeypatch):
    """A lane that this process serves, which is no worker."""
    monkeypatch.setattr(leftovers._native, "current_lane", lambda: LANE)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield LANE
    sys.setswitchinterval(interval)


def test_what_is_opened_while_another_thread_closes_is_not_lost(lane):
    left, errors = [], []

    def work():
        try:
            for turn in range(5_000):
                thing = Thing()
                number = leftovers.add(thing)
                if turn % 1_000 == 999:
                    left.append(thing)
                else:
                    assert leftovers.remove(number) is thing
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(left) == 20
    leftovers.close(lane, None)
    assert all(thing.abandoned for thing in left)


def test_all_that_is_open_is_closed_with_the_lane_the_last_first(lane):
    closed = []
    things = [Thing() for _ in range(3)]
    for number, thing in enumerate(things):
        thing.abandon = lambda number=number: closed.append(number)
        leftovers.add(thing)
    loop = asyncio.new_event_loop()
    leftovers.close(lane, loop)
    loop.close()
    assert closed == [2, 1, 0]
    assert lane not in leftovers._lanes

"""Iteration for a consumer in another process: items in chunks, exceptions in their place. And what else Elixir's
`Enumerable` and `Collectable` need of containers.

It knows nothing of how items travel.
"""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import (
    AsyncGenerator,
    Generator,
    Mapping,
    MutableMapping,
    Reversible,
    Sequence,
    Set,
    Sized,
    ValuesView,
)
from datetime import date, datetime, time, timedelta
from numbers import Number
from time import monotonic

from snakebridge import leftovers

# How many items a chunk has: of what may compute or wait for its items, one at first, then 8, then twice as many each.
_FEW = 8
_MANY = 512

# A chunk that has taken so long is handed over as it is.
_SECONDS = 0.02

# Chunks grow until they take so many bytes.
_BYTES = 1 << 20

# What is a value on the other side, whatever its iterator does next.
_VALUES = frozenset(
    {type(None), bool, int, float, complex, str, bytes, tuple, list, dict, date, time, datetime, timedelta}
)


def _is_value(item):
    """Whether an item stays what it is while its iterator goes on. An object may not: a group of `itertools.groupby` is
    used up then, an open image shows its next frame."""
    kind = type(item)
    if kind is tuple:
        return all(type(part) in _VALUES or isinstance(part, Number) for part in item)
    return kind in _VALUES or isinstance(item, Number)


class _Size:
    """How many items the next chunk has."""

    def __init__(self, most, is_container):
        self._most = most
        self._is_container = is_container
        self.next = min(_MANY if is_container else 1, most)

    def ends_with(self, item):
        """Whether a chunk ends with this item, however few it has."""
        return not self._is_container and not _is_value(item)

    def grow(self, items):
        """Sees a chunk."""
        if sys.getsizeof(items[-1]) * len(items) <= _BYTES:
            self.next = min(max(_FEW, self.next * 2), self._most)


class Chunks:
    """An iterator that is taken from in chunks."""

    def __init__(self, iterable, most=_MANY):
        self._iterator = iter(iterable)
        self._size = _Size(most, isinstance(iterable, Reversible) and isinstance(iterable, Sized))
        self._error = None

    def take(self):
        """Whether there may be more, and the next items.

        What is raised after the first items comes with the next chunk, so that no item is lost.
        """
        if self._error is not None:
            raise self._error
        items = []
        count = self._size.next
        clock = monotonic
        until = clock() + _SECONDS
        add, ends_with = items.append, self._size.ends_with
        try:
            for item in itertools.islice(self._iterator, count):
                add(item)
                if ends_with(item) or clock() > until:
                    break
            else:
                if len(items) < count:
                    return False, items
        except Exception as error:
            if not items:
                raise
            self._error = error
            return True, items
        self._size.grow(items)
        return True, items

    def close(self):
        """Ends the iteration; a generator runs its `finally`."""
        # Only a generator: a file has a close of another kind, and whoever opened one closes it.
        if isinstance(self._iterator, Generator):
            self._iterator.close()

    abandon = close


class AsyncChunks:
    """An asynchronous iterator that is taken from in chunks. One task walks through it from start to end: what it opens
    on the way it can close again.
    """

    def __init__(self, iterable, most=_MANY):
        self._iterator = aiter(iterable)
        self._size = _Size(most, False)
        self._items = []
        self._error = None
        self._is_over = False
        self._is_closing = False
        self._task = None
        # Items are wanted; one is there; as many as are wanted are there, or all.
        self._wanted, self._some, self._enough = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def take(self):
        """As of `Chunks`."""
        if not self._is_over:
            self._some.clear()
            self._enough.clear()
            self._wanted.set()
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._walk())
            if not self._items:
                await self._some.wait()
            if not self._enough.is_set():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._enough.wait(), _SECONDS)
        items, self._items = self._items, []
        if self._error is not None and not items:
            raise self._error
        if items:
            self._size.grow(items)
        return not self._is_over or self._error is not None, items

    async def _walk(self):
        try:
            await self._wanted.wait()
            async for item in self._iterator:
                self._items.append(item)
                self._some.set()
                if len(self._items) >= self._size.next or self._size.ends_with(item):
                    self._wanted.clear()
                    self._enough.set()
                    await self._wanted.wait()
        except BaseException as error:
            if not self._is_closing:
                self._error = error
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise
        finally:
            self._is_over = True
            self._some.set()
            self._enough.set()
            if self._is_closing and isinstance(self._iterator, AsyncGenerator):
                await self._iterator.aclose()

    def stop(self):
        """Has it end."""
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()

    async def close(self):
        """Ends the iteration; a generator runs its `finally`."""
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled() and self._task.exception() is not None:
                raise self._task.exception()

    abandon = close


def begin(iterable, most=_MANY):
    """Starts an iteration: its number, or None if it is over already, and the first items."""
    is_async = not hasattr(type(iterable), "__iter__") and hasattr(type(iterable), "__aiter__")
    chunks = (AsyncChunks if is_async else Chunks)(iterable, most)
    number = leftovers.add(chunks)
    if is_async:
        return _begin_async(number, chunks)
    return _taken(number, *_guarded(number, chunks.take))


async def _begin_async(number, chunks):
    return _taken(number, *await _guarded_async(number, chunks.take))


def take(number):
    """Goes on with an iteration, likewise."""
    chunks = leftovers.get(number)
    if chunks is None:
        raise RuntimeError(
            "the iteration is over: the process that began it has ended, or its call timed out"
        )
    if isinstance(chunks, AsyncChunks):
        return _begin_async(number, chunks)
    return _taken(number, *_guarded(number, chunks.take))


def close(number):
    """Ends an iteration before it is over. Of an asynchronous one, a coroutine."""
    chunks = leftovers.remove(number)
    return chunks.close() if chunks is not None else None


def _guarded(number, function):
    try:
        return function()
    except BaseException:
        chunks = leftovers.remove(number)
        if chunks is not None:
            chunks.close()
        raise


async def _guarded_async(number, function):
    try:
        return await function()
    except BaseException:
        chunks = leftovers.remove(number)
        if chunks is not None:
            chunks.stop()
        raise


def _taken(number, more, items):
    if not more:
        leftovers.remove(number)
        number = None
    return number, items


def has(container, value):
    """Whether Elixir would find the value among the items: equal, and of the same class where that can differ.

    None where `in` may ask for something else than the items, as of a data frame's column.
    """
    plain = value is None or isinstance(value, (str, bytes, bool, int, float))
    if plain and not isinstance(container, (Sequence, Mapping, Set, ValuesView)):
        return None
    if type(value) is str:
        if isinstance(container, str):
            return len(value) == 1 and value in container
        return value in container or value.encode() in container
    if value not in container:
        return False
    if type(value) in (bool, int, float):
        return any(type(item) is type(value) and item == value for item in container)
    return True


def part(sequence, start, count, step):
    """`count` items of a sequence from `start` on, each `step` behind the one before."""
    return list(sequence[start : start + count * step : step])


def put(container, items):
    """Adds items to a container, by the method that its class has for many at once."""
    if isinstance(container, MutableMapping):
        container.update(items)
    elif hasattr(container, "extend"):
        container.extend(items)
    elif hasattr(container, "update"):
        container.update(items)
    else:
        class_name = type(container).__qualname__
        raise TypeError(f"items cannot be collected into a {class_name}: it has neither extend nor update")

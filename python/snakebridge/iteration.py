"""Iteration for a consumer in another process: items in chunks, exceptions in their place.

Elixir's `Enumerable` of refs is made of this; it knows nothing of how items travel.
"""


class Chunks:
    """An iterator that is taken from in chunks."""

    def __init__(self, iterable):
        self._iterator = iter(iterable)
        self._error = None

    def take(self, count):
        """Up to `count` items, and whether there may be more.

        What is raised after the first items comes with the next chunk, so that no item is lost.
        """
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        items = []
        try:
            while len(items) < count:
                items.append(next(self._iterator))
        except StopIteration:
            return items, False
        except Exception as error:
            if not items:
                raise
            self._error = error
        return items, True

    def close(self):
        """Ends the iteration; a generator runs its `finally`."""
        close = getattr(self._iterator, "close", None)
        # Files have a close of another kind: whoever opened one closes it.
        if close is not None and hasattr(self._iterator, "gi_frame"):
            close()

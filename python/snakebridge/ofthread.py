"""Attributes of the engine that each subshell has its own of: the cell that runs is one, and what has been told of it.

Threads that a cell starts see the main shell's, as they always have.
"""

import threading

_here = threading.local()


def separate():
    """From now on the calling thread has values of its own."""
    _here.values = {}


def is_separate():
    """Whether the calling thread has them."""
    return hasattr(_here, "values")


class OfThread:
    """Such an attribute, of an object that there is one of."""

    def __init__(self, default):
        self._default = default
        self._main = {}

    def __get__(self, owner, kind=None):
        if owner is None:
            return self
        return getattr(_here, "values", self._main).get(self, self._default)

    def __set__(self, owner, value):
        getattr(_here, "values", self._main)[self] = value

"""Context managers around code of Elixir: entered by one call and left by another, of the same caller.

With the end of the caller's lane its contexts are left, the last first.
"""

from snakebridge import _native, leftovers

# Of these the manager may go on to write into the very object: a copy would miss it.
_WRITTEN_INTO = (list, dict, set, bytearray)


class _Entered:
    """A context that was entered."""

    def __init__(self, manager):
        self._manager = manager
        self.value = None
        # As `with` does it: looked up on the class, and both before either is called.
        cls = type(manager)
        self._is_async = not (hasattr(cls, "__enter__") and hasattr(cls, "__exit__")) and hasattr(
            cls, "__aexit__"
        )
        names = ("__aenter__", "__aexit__") if self._is_async else ("__enter__", "__exit__")
        for name in names:
            if not hasattr(cls, name):
                raise TypeError(
                    f"'{cls.__qualname__}' object does not support the context manager protocol (missed {name})"
                )
        self._enter, self._exit = (getattr(cls, name) for name in names)

    def enter(self):
        """The answer of `enter`; of an asynchronous one, a coroutine."""
        if self._is_async:
            return self._enter_async()
        return self._entered(self._enter(self._manager))

    async def _enter_async(self):
        value = await self._enter(self._manager)
        try:
            return self._entered(value)
        except ConnectionError:
            await self.abandon()
            raise

    def _entered(self, value):
        number = leftovers.add(self)
        _native.hold_errors(True)
        if type(value) in _WRITTEN_INTO:
            self.value = value
            return (number,)
        return number, value

    def leave(self, error):
        """Whether the context wants the error to end here; of an asynchronous one, a coroutine."""
        _native.hold_errors(False)
        triple = (None, None, None) if error is None else (type(error), error, error.__traceback__)
        if self._is_async:
            return self._leave_async(triple)
        return bool(self._exit(self._manager, *triple))

    async def _leave_async(self, triple):
        return bool(await self._exit(self._manager, *triple))

    def abandon(self):
        """Leaves it because the caller is gone."""
        error = _native.ElixirError("the Elixir process ended inside of with_python")
        error.kind, error.reason = "exit", "killed"
        return self.leave(error)


def enter(manager):
    """Enters a context: a number to leave it by, and what `with .. as` binds, where `entered` is not to be asked for it.

    Of an asynchronous one, a coroutine.
    """
    return _Entered(manager).enter()


def entered(number):
    """What `with .. as` binds, for a caller that wants the object itself."""
    return leftovers.get(number).value


def leave(number, raised=None):
    """Leaves a context; `raised` is the error that ended the block. Whether the context wants it to end there.

    None where the caller has lost the lane: the context is left with that lane, or was.
    """
    if not leftovers.is_mine(number):
        return None
    return leftovers.remove(number).leave(raised and _native.exception(raised))

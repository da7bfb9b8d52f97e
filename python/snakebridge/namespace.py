"""The session's names as they are in this process: the globals of `__main__`.

Which of them Elixir owns is known to the extension module; what a cell did to them is found in `analysis`.
"""

from snakebridge import _native

# What an interactive Python keeps for itself: `_`, `__`, `_3`, `_i`, `_ih`, `In`, ... are hidden by value, in `own`.
_HIDDEN = {"_exit_code"}
_ABSENT = object()


class Namespace:
    """The globals that cells run in. A plain dict: a cleverer one would make every lookup slower."""

    def __init__(self, module):
        self.module = module
        self.globals = module.__dict__
        # Names that we, not the user, have put there, with the value that makes them ours.
        self.own = {}

    def snapshot(self):
        """The names of the session and their values, at this moment."""
        return {
            name: value
            for name, value in list(self.globals.items())
            if is_name(name) and self._is_users(name, value)
        }

    def bindings(self):
        """The names of the session at this moment, to see later which have changed; holds no values."""
        return _native.Bindings(self.globals, self.own)

    def holds(self, name):
        """Whether this name of the session is bound."""
        # Not two looks at the globals: a thread may take the name away between them.
        value = self.globals.get(name, _ABSENT)
        return value is not _ABSENT and is_name(name) and self._is_users(name, value)

    def _is_users(self, name, value):
        return self.own.get(name, _ABSENT) is not value

    def put(self, **names):
        """Binds names that are not the user's."""
        self.own.update(names)
        self.globals.update(names)


def is_name(name):
    """Whether a key of the globals is a name of the session."""
    if type(name) is not str or name in _HIDDEN:
        return False
    return not (name.startswith("__") and name.endswith("__") and len(name) > 4)

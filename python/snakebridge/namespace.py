"""The session's names as they are in this process: the globals of `__main__`.

Which of them Elixir owns is known to the extension module; what a cell did to them is found in `analysis`.
"""

# What an interactive Python keeps for itself: `_`, `__`, `_3`, `_i`, `_ih`, `In`, ... are hidden by value, in `own`.
_HIDDEN = {"_exit_code"}


class Namespace:
    """The globals that cells run in. A plain dict: a cleverer one would make every lookup slower."""

    def __init__(self, module):
        self.module = module
        self.globals = module.__dict__
        # Names that we, not the user, have put there, with the value that makes them ours.
        self.own = {}

    def snapshot(self):
        """The names of the session and their values, at this moment."""
        own = self.own
        return {
            name: value
            for name, value in list(self.globals.items())
            if type(name) is str
            and name not in _HIDDEN
            and not (name.startswith("__") and name.endswith("__") and len(name) > 4)
            and (name not in own or own[name] is not value)
        }

    def put(self, **names):
        """Binds names that are not the user's."""
        self.own.update(names)
        self.globals.update(names)

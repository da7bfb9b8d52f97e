"""Questions about the session that may come at any time, from other threads: the modules that answer, wired together."""

from snakebridge import completeness, descriptor
from snakebridge.completion import Completion
from snakebridge.inspection import Inspection

# A session may have more names than anybody reads.
_MOST_NAMES = 3000


class Assistant:
    """Answers for one session. `engine()` gives what runs the cells, or None while that is being loaded."""

    def __init__(self, native, namespace, engine):
        self._native = native
        self._namespace = namespace
        self._engine = engine
        self._completion = Completion(native, namespace, self._magics, self._magic)
        self._inspection = Inspection(native, self._completion, self._magic)
        self.complete = self._completion.complete
        self.members = self._completion.members
        self.inspect = self._inspection.inspect

    def is_complete(self, source):
        """Whether a source can be run as it stands."""
        engine = self._engine()
        status, indent = completeness.check(source) if engine is None else engine.is_complete(source)
        return {
            "status": status if status in ("complete", "incomplete", "invalid") else "complete",
            "indent": indent,
        }

    def names(self):
        """The names that Python owns, in order, with what can be told of their values at a glance."""
        of_elixir = set(getattr(self._native, "elixir_names", list)())
        own = self._namespace.snapshot()
        return [_at_a_glance(name, own[name]) for name in sorted(own.keys() - of_elixir)[:_MOST_NAMES]]

    def _magics(self):
        engine = self._engine()
        return ([], []) if engine is None else engine.magics()

    def _magic(self, name):
        engine = self._engine()
        return None if engine is None else engine.magic(name)


def _at_a_glance(name, value):
    """What can be told of a name without running the user's code."""
    type_name = descriptor.type_name(value)
    return {
        "name": name,
        "type": "module" if descriptor.kind(value) == "module" else type_name,
        "size": descriptor.size(value),
        "value": descriptor.short_value(value) or f"<{type_name}>",
    }

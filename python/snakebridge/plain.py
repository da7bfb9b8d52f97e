"""Runs cells where the user's environment has no IPython: Python alone, and what Python's own prompt does.

The last expression is shown, `await` works at the top level, `_` and `Out` hold former values.
Magics, `!commands` and IPython's tracebacks are not imitated.
"""

import __future__

import ast
import inspect
import sys

from snakebridge import completeness, display, figures, hints, ofthread
from snakebridge.ofthread import OfThread

_FUTURES = [getattr(__future__, name).compiler_flag for name in __future__.all_feature_names]


class Plain:
    """The engine without IPython."""

    _cell = OfThread(None)

    def __init__(self, namespace, publisher, remedy):
        self._namespace = namespace
        self._publisher = publisher
        self._remedy = remedy
        self._told = False
        self._flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._outputs = {}
        namespace.put(Out=self._outputs, _=None, __=None, ___=None)
        sys.displayhook = self._display_hook

    async def run(self, cell):
        """Runs a cell; what it raises is the caller's to tell."""
        if cell.comm:
            # Widgets need IPython.
            return "ok"
        self._tell_once()
        self._cell = cell
        names = self._namespace.globals
        body, last = self._compile(cell)
        try:
            for code in (body, last):
                if code is None:
                    continue
                value = eval(code, names)
                if code.co_flags & inspect.CO_COROUTINE:
                    value = await value
                if code is last and not cell.silent:
                    sys.displayhook(value)
        finally:
            figures.flush()
        return "ok"

    def share(self):
        """Makes ready for cells of a subshell, on its thread."""
        ofthread.separate()

    def format(self, value):
        """The mime bundle of a value, and its metadata."""
        return display.format_object(value)

    def show(self, value):
        """The same, for what is shown now: nothing of what shows itself."""
        if display.shows_itself(value):
            value._ipython_display_()
            return {}, {}
        return self.format(value)

    def transform(self, source):
        """The Python that a source stands for: itself."""
        return source

    def magics(self):
        """Names of magics, for completion: (line magics, cell magics)."""
        return [], []

    def magic(self, _name):
        """The function behind a magic: there are none."""
        return

    def is_complete(self, source):
        """(status, indent) of a source."""
        return completeness.check(source)

    def hint(self, cell, error):
        """What the user can do about an error, or None."""
        of_cell = isinstance(error, SyntaxError) and error.filename == cell.filename
        if of_cell and any(line.lstrip().startswith(("%", "!")) for line in cell.source.splitlines()):
            return f"magics (%name) and commands (!command) need IPython: {self._remedy}"
        return hints.of(error, f"{sys.executable} -m pip install")

    def _tell_once(self):
        if not self._told:
            self._told = True
            print(  # noqa: T201 - said to the user
                "note: cells run without IPython: no magics (%name), commands (!command) or rich tracebacks\n"
                f"hint: {self._remedy}",
                file=sys.stderr,
            )

    def _compile(self, cell):
        """The cell's statements, and its last expression where it ends with one that is to be shown."""
        source, filename = cell.source, cell.filename
        tree = compile(source, filename, "exec", self._flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not ends_quietly(source, tree.body[-1]):
            last = ast.Expression(tree.body.pop().value)
        body = self._code(tree, filename, "exec") if tree.body else None
        return body, last and self._code(last, filename, "eval")

    def _code(self, tree, filename, mode):
        code = compile(tree, filename, mode, self._flags, dont_inherit=True)
        for flag in _FUTURES:
            # `from __future__ import` holds for the cells that follow, too.
            self._flags |= code.co_flags & flag
        return code

    def _display_hook(self, value):
        """What Python calls for the value of an expression typed at the prompt."""
        if value is None or self._cell is None:
            return
        data, metadata = self.show(value)
        if data:
            self._publisher.result(data, metadata)
        if value is not self._outputs:
            self._remember(value)

    def _remember(self, value):
        self._outputs[self._cell.number] = value
        names, own = self._namespace.globals, self._namespace.own
        # As soon as the user has a `_` of their own, it is theirs.
        if all(name not in names or names[name] is own[name] for name in ("_", "__", "___")):
            self._namespace.put(_=value, __=names.get("_"), ___=names.get("__"))


def ends_quietly(source, statement):
    """Whether a semicolon after the last expression says that its value is not to be shown."""
    lines = source.splitlines(keepends=True)[statement.end_lineno - 1 :]
    rest = lines[0].encode()[statement.end_col_offset :].decode() + "".join(lines[1:])
    return rest.lstrip().startswith(";")

"""Python source that comes as text from Elixir code: run in a namespace of its own, its value that of its last expression.

It is no cell: it belongs to no session's names, and nothing is shown.
"""

import ast
import builtins
import collections
import inspect
import linecache
import threading

# So many sources are kept compiled, and their lines for tracebacks.
_MOST = 500

_compiled = collections.OrderedDict()
_lock = threading.Lock()
_count = 0


class _Ready:
    """A value that is there already, for what awaits in any case."""

    def __init__(self, value):
        self._value = value

    def __await__(self):
        return self._value
        yield


def run(source, names, is_awaited=False):
    """The value of the source's last expression, or None. Of a source that awaits, a coroutine.

    `is_awaited`: what comes back is to be awaited in any case.
    """
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{name!r} cannot be a name in Python")
    body, last = _compile(source)
    namespace = {"__name__": "__main__", "__builtins__": builtins, **names}
    if any(code is not None and code.co_flags & inspect.CO_COROUTINE for code in (body, last)):
        return _run_async(body, last, namespace)
    if body is not None:
        exec(body, namespace)
    value = None if last is None else eval(last, namespace)
    return _Ready(value) if is_awaited else value


async def _run_async(body, last, namespace):
    value = None
    for code in (body, last):
        if code is not None:
            value = eval(code, namespace)
            if code.co_flags & inspect.CO_COROUTINE:
                value = await value
    return None if last is None else value


def _compile(source):
    """The code of all but the last expression, and that of the last expression; None for what there is not."""
    global _count
    with _lock:
        found = _compiled.get(source)
        if found is not None:
            _compiled.move_to_end(source)
            return found[1:]
        _count += 1
        name = f"run {_count}"
    tree = ast.parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = _code(ast.Expression(tree.body.pop().value), name, "eval")
    body = _code(tree, name, "exec") if tree.body else None
    with _lock:
        # Without a time stamp it is never checked against a file.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        _compiled[source] = (name, body, last)
        if len(_compiled) > _MOST:
            _, (oldest, *_) = _compiled.popitem(last=False)
            linecache.cache.pop(oldest, None)
    return body, last


def _code(tree, name, mode):
    return compile(tree, name, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)

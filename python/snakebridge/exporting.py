"""Texts of Python cells as an export wants them, and what running them again shows.

What cells do to names is `effects`' to say; the project's files are made in Elixir (`SnakeBridge.Export`).
"""

import ast
import datetime
import json
import types

_EXACT = (int, float, complex, bool, str, type(None), datetime.date, datetime.time, datetime.timedelta)
_OTHERS = (bytes, bytearray, memoryview, frozenset, range, datetime.datetime)
# What is larger stays in Python: it would only be copied.
_MOST_ITEMS = 10_000


def load(path):
    """The session that a front end has written down, as JSON."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def prepare(cells):
    """For each of `cells` (source, name for its value or None, names of parameters): its text, in which the value of the
    last expression has that name; the name of that value, or None; the parameters with the literals that it gave them,
    which are not in the text any more; and the names of modules, functions and classes that it binds."""
    return [_prepared(*cell) for cell in cells]


def _prepared(source, result, names):
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source, None, {}, []
    lines = source.split("\n")
    given, gone = {}, []
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if (
            isinstance(target, ast.Name)
            and target.id in names
            and target.id not in given
            and _alone(node, tree)
        ):
            try:
                given[target.id] = ast.literal_eval(node.value)
            except (ValueError, TypeError, SyntaxError, RecursionError):
                continue
            gone.append(node)
    last = tree.body[-1] if tree.body else None
    named = (
        result is not None
        and isinstance(last, ast.Expr)
        and not isinstance(last.value, ast.Name)
        and not source.rstrip().endswith(";")
    )
    if named:
        at = lines[last.lineno - 1].encode()
        lines[last.lineno - 1] = (
            at[: last.col_offset] + f"{result} = ".encode() + at[last.col_offset :]
        ).decode()
    shown = result if named else last.value.id if result and _is_name(last) else None
    if _is_name(last) and _alone(last, tree):
        # It was there to be shown.
        gone.append(last)
    for node in reversed(gone):
        del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip("\n"), shown, given, sorted(_definitions(tree))


def _is_name(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Name)


def _definitions(tree):
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


def _alone(node, tree):
    return all(
        other is node or other.end_lineno < node.lineno or other.lineno > node.end_lineno
        for other in tree.body
    )


def part(namespace, source, names):
    """Runs the statements of a cell that is known to fail, one by one: the text of those that went well; that of the one
    that failed, if it may have changed what these names stand for on its way, else none; and what it raised, or None."""
    tree = ast.parse(source)
    for number, node in enumerate(tree.body):
        before = _pictures(namespace, names)
        try:
            exec(compile(ast.Module([node], []), "<export>", "exec", dont_inherit=True), namespace)
        except Exception as error:
            after = _pictures(namespace, names)
            unchanged = not _does(node) or (before is not None and before == after)
            failing = "" if unchanged else _text(source, [node])
            return _text(source, tree.body[:number]), failing, type(error).__name__
    return source, "", None


def _does(node):
    """Whether a statement that fails may have done anything before."""
    for part in ast.walk(node):
        if isinstance(part, (ast.Call, ast.AugAssign, ast.Delete, ast.NamedExpr)):
            return True
        if isinstance(part, ast.stmt) and not isinstance(part, (ast.Expr, ast.Assign, ast.Assert, ast.Raise)):
            return True
        if isinstance(part, (ast.Subscript, ast.Attribute)) and not isinstance(part.ctx, ast.Load):
            return True
    return False


def _pictures(namespace, names):
    """What the names stand for, as text; None where that would not show a change."""
    fixed = (types.FunctionType, types.ModuleType)
    known = [name for name in names if name in namespace and type(namespace[name]) not in fixed]
    if any(crossing(namespace[name]) not in ("exact", "container", "other") for name in known):
        return None
    return {name: repr(namespace[name]) for name in known}


def _text(source, nodes):
    if not nodes:
        return ""
    lines = source.split("\n")
    first = min(
        [node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))] for node in nodes[:1]
    )[0]
    return "\n".join(lines[first - 1 : nodes[-1].end_lineno])


def crossings(namespace, names):
    """How each of the names would come back from Elixir: `exact`; `container`, as a copy; `object`, the same; or `other`, as
    something else, or at great cost."""
    return {name: crossing(namespace[name]) for name in names if name in namespace}


def crossing(value):
    """That of one value."""
    left = [_MOST_ITEMS]
    return _crossing(value, left, 0)


def _crossing(value, left, depth):
    left[0] -= 1
    if left[0] < 0 or depth > 20:
        return "other"
    kind = type(value)
    if kind in _EXACT or (kind is datetime.datetime and value.tzinfo is None):
        return "exact"
    if kind is tuple:
        found = {_crossing(item, left, depth + 1) for item in value}
        return (
            "exact"
            if found <= {"exact"}
            else "container"
            if found <= {"exact", "container", "object"}
            else "other"
        )
    if kind in (list, set):
        found = {_crossing(item, left, depth + 1) for item in value}
    elif kind is dict:
        if {_crossing(key, left, depth + 1) for key in value} - {"exact"}:
            return "other"
        found = {_crossing(item, left, depth + 1) for item in value.values()}
    elif kind in _OTHERS or (kind.__module__ in ("numpy", "uuid", "decimal") and kind.__name__ != "ndarray"):
        return "other"
    else:
        return "object"
    return "container" if found <= {"exact", "container", "object"} else "other"


def text(value):
    """What a cell shows of a value as plain text: as IPython does where it is there."""
    try:
        from IPython.lib.pretty import pretty
    except ImportError:
        return repr(value)
    return pretty(value)

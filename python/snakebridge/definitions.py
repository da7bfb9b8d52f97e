"""Where functions, classes and modules are defined: their source text, out of the files and cells that hold it.

It looks into objects by `descriptor` alone, and so runs none of their code either.
"""

import ast
import inspect
import linecache
import sys
import types

from snakebridge.descriptor import (
    CLASS_MODULE,
    CLASS_QUALNAME,
    class_dict,
    instance_dict,
    is_instance,
    unwrapped,
)
from snakebridge.signatures import function_of


def source(value):
    """The source of a function, class or module as (file, first line, text), or None."""
    function, _ = (None, False) if is_instance(value, type) else function_of(value)
    if type(function) is types.FunctionType:
        function = _innermost(function)
        code = function.__code__
        lines = linecache.getlines(code.co_filename)
        if not lines:
            return None
        start = code.co_firstlineno
        return code.co_filename, start, _block(lines[start - 1 :])
    if is_instance(value, types.ModuleType):
        file = instance_dict(value).get("__file__")
        lines = linecache.getlines(file) if type(file) is str and file.endswith(".py") else []
        return (file, 1, "".join(lines)) if lines else None
    if is_instance(value, type):
        return _class_source(value)
    return None


def _innermost(function):
    """What decorators wrap: their own lines say nothing of it."""
    for _ in range(32):
        wrapped = instance_dict(function).get("__wrapped__")
        if type(wrapped) is not types.FunctionType:
            break
        function = wrapped
    return function


def _block(lines):
    try:
        return "".join(inspect.getblock(lines))
    except Exception:
        return lines[0] if lines else ""


def _class_source(cls):
    path = CLASS_QUALNAME.__get__(cls).split(".")
    for file in _class_files(cls):
        lines = linecache.getlines(file)
        try:
            nodes = ast.parse("".join(lines)).body
        except (SyntaxError, ValueError):
            continue
        node = None
        for name in path:
            node = next((n for n in nodes if isinstance(n, ast.ClassDef) and n.name == name), None)
            nodes = node.body if node is not None else []
        if node is not None:
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return file, start, "".join(lines[start - 1 : node.end_lineno])
    return None


def _class_files(cls):
    """Files in which a class may stand: its module's, and those of its methods (a cell is a file, too)."""
    module = sys.modules.get(CLASS_MODULE.__get__(cls))
    file = instance_dict(module).get("__file__") if module is not None else None
    files = [file] if type(file) is str and file.endswith(".py") else []
    for found in class_dict(cls).values():
        if type(unwrapped(found)) is types.FunctionType:
            files.append(unwrapped(found).__code__.co_filename)
    return dict.fromkeys(files)

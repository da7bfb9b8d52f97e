"""Python source that comes from Elixir code, as text or as a drop: run in a namespace of its own, its value that of its last
expression or of a `return` at its top level.

A source is compiled once and kept under a key, so that it travels once. It is no cell: it belongs to no session's names,
and nothing is shown.
"""

import __future__

import ast
import builtins
import collections
import inspect
import linecache
import threading

# So many sources are kept compiled, and their lines for tracebacks.
_MOST = 500

_ALLOWED = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
_OWN = (
    "__name__",
    "__builtins__",
    "__file__",
    "__annotations__",
    "__annotate__",
    "__conditional_annotations__",
)
# What a source with `return` is a function of this name in.
_WRAPPER = "<module>"

_compiled = collections.OrderedDict()
_lock = threading.Lock()
_count = 0


class UnknownError(LookupError):
    """The worker does not have the source of a key (any more): it is to be sent along."""


class Kept:
    """A value that stays here, to be asked for by itself."""

    def __init__(self, value):
        self.value = value


class _Ready:
    """A value that is there already, for what awaits in any case."""

    def __init__(self, value):
        self._value = value

    def __await__(self):
        return self._value
        yield


class _Source:
    """A compiled source."""

    def __init__(self, text, filename, line):
        tree = ast.parse(text if line == 1 else "\n" * (line - 1) + text, filename)
        self.filename = filename
        if any(isinstance(node, ast.Return) for node in _own(tree.body)):
            self._parts = [(_function(tree, filename), True)]
            return
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        body = compile(tree, filename, "exec", _ALLOWED, dont_inherit=True)
        self._parts = [(body, False)] if tree.body else []
        if last is not None:
            flags = _ALLOWED | (body.co_flags & _FUTURES)
            self._parts.append((compile(last, filename, "eval", flags, dont_inherit=True), True))

    @property
    def is_async(self):
        return any(code.co_flags & inspect.CO_COROUTINE for code, _ in self._parts)

    def run(self, namespace):
        value = None
        for code, gives in self._parts:
            found = eval(code, namespace)
            value = found if gives else None
        return value

    async def run_async(self, namespace):
        value = None
        for code, gives in self._parts:
            found = eval(code, namespace)
            if code.co_flags & inspect.CO_COROUTINE:
                found = await found
            value = found if gives else None
        return value


def run(key, names, wanted=(), is_awaited=False, is_kept=False, source=None, namespace=None, refs=()):
    """Runs the source of a key, which is known from before or given as (text, file or None, first line).

    `names` is what it starts with. Gives the value; where names are `wanted`, (those of them that are not bound or None,
    the value, what they are bound to); where all are (None), (None, the value, what the source has bound). Of a source
    that awaits a coroutine; `is_awaited`: what comes back is to be awaited in any case. `is_kept`: the value comes as a
    `Kept`; so do the wanted names that are among `refs`. `namespace`: a dict to run in, instead of one of its own.
    """
    code = _known(key) if source is None else _add(key, *source)
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{name!r} cannot be a name in Python")
    namespace = {} if namespace is None else namespace
    namespace.setdefault("__name__", "__main__")
    namespace.setdefault("__builtins__", builtins)
    namespace.update(names)
    if code.filename.endswith(".py"):
        namespace["__file__"] = code.filename
    if code.is_async:
        return _run_async(code, namespace, names, wanted, is_kept, refs)
    value = code.run(namespace)
    if wanted != () and inspect.iscoroutine(value) and not is_kept:
        return _settled(value, namespace, names, wanted, refs)
    answer = _answer(value, namespace, names, wanted, is_kept, refs)
    return _Ready(answer) if is_awaited else answer


async def _run_async(code, namespace, names, wanted, is_kept, refs):
    value = await code.run_async(namespace)
    return _answer(value, namespace, names, wanted, is_kept, refs)


async def _settled(value, namespace, names, wanted, refs):
    return _answer(await value, namespace, names, wanted, False, refs)


def _answer(value, namespace, names, wanted, is_kept, refs):
    value = Kept(value) if is_kept else value
    if wanted is None:
        bound = {
            name: found
            for name, found in namespace.items()
            if name not in _OWN and (name not in names or names[name] is not found)
        }
        return None, value, bound
    if wanted == ():
        return value
    missing = [name for name in wanted if name not in namespace]
    found = [(name, namespace.get(name)) for name in wanted]
    return missing or None, value, *[Kept(each) if name in refs else each for name, each in found]


# --- sources ---


def _known(key):
    with _lock:
        code = _compiled.get(key)
        if code is None:
            raise UnknownError(key)
        _compiled.move_to_end(key)
        return code


def _add(key, text, filename, line):
    global _count
    with _lock:
        _count += 1
        filename = filename or f"run {_count}"
    try:
        code = _Source(text, filename, line)
    finally:
        # Also for a syntax error to show its line.
        _show_lines(filename, text, line)
    with _lock:
        _compiled[key] = code
        if len(_compiled) > _MOST:
            _, oldest = _compiled.popitem(last=False)
            if all(other.filename != oldest.filename for other in _compiled.values()):
                linecache.cache.pop(oldest.filename, None)
    return code


def _show_lines(filename, text, line):
    """Gives the lines to tracebacks, beside those of other sources in the file: as they were compiled, whatever has become
    of the file since, and where there is none."""
    if isinstance(text, bytes):
        return
    with _lock:
        lines = list(linecache.cache[filename][2]) if line > 1 and filename in linecache.cache else []
        own = text.splitlines(keepends=True)
        lines += ["\n"] * (line - 1 + len(own) - len(lines))
        lines[line - 1 : line - 1 + len(own)] = own
        # Without a time stamp it is never checked against a file.
        linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)


# --- `return` at the top level ---


def _own(statements):
    """The nodes of a source itself, not those of functions and classes in it."""
    waiting = list(statements)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _function(tree, filename):
    """The code of a source in which `return` stands at the top level: a function's, whose names are all global."""
    futures = []
    while tree.body and isinstance(tree.body[0], ast.ImportFrom) and tree.body[0].module == "__future__":
        futures.append(tree.body.pop(0))
    body = [_Unannotated().visit(statement) for statement in tree.body]
    if body and isinstance(body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
    is_async = any(isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)) for node in _own(body))

    def compiled(body):
        kind = ast.AsyncFunctionDef if is_async else ast.FunctionDef
        arguments = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        function = kind(name="drop", args=arguments, body=body, decorator_list=[], type_params=[])
        module = ast.fix_missing_locations(ast.Module([*futures, function], []))
        code = compile(module, filename, "exec", dont_inherit=True)
        return next(c for c in code.co_consts if isinstance(c, type(code)) and c.co_name == "drop")

    code = compiled(body)
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        raise SyntaxError("'yield' outside function", (filename, 1, 1, None))
    # What the compiler takes for the function's own.
    local = [*code.co_varnames, *code.co_cellvars]
    code = compiled([ast.Global(local), *body]) if local else code
    return code.replace(co_name=_WRAPPER)


class _Unannotated(ast.NodeTransformer):
    """Makes `name: type = value` of the source itself an assignment: a global name takes no annotation in a function."""

    def visit_AnnAssign(self, node):
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def generic_visit(self, node):
        inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        return node if isinstance(node, inner) else super().generic_visit(node)

"""Stubs: what `.pyi` files say of the functions of a module, read as sources and never run.

They are looked for where type checkers look: in `X-stubs` packages, beside the module, and for Python's own modules in
the copies of typeshed that checkers bring with them (mypy, pyright, jedi).
"""

import ast
import functools
import os
import platform
import sys

from snakebridge import descriptor, modules
from snakebridge.descriptor import NOTHING
from snakebridge.introspection import trees, values

_TYPESHEDS = (
    "mypy/typeshed/stdlib",
    "basedpyright/dist/dist/typeshed-fallback/stdlib",
    "pyright/dist/dist/typeshed-fallback/stdlib",
    "jedi/third_party/typeshed/stdlib",
)
_DEEPEST = 12
MOST_OVERLOADS = 12


class Stubs:
    """The stubs of this interpreter's modules. Each file is parsed once, and only those that are asked for."""

    def __init__(self):
        self._files = {}

    def functions(self, module, path):
        """The definitions of a function as [(node, file)], several where it has overloads: `path` is `f` or `C.m`."""
        found, file = self._find(module, path.split("."), 0)
        nodes = found if type(found) is list else []
        return [(n, file) for n in nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))][
            :MOST_OVERLOADS
        ]

    def has(self, module):
        """Whether a module has a stub."""
        return self.file(module) is not None

    def file(self, module):
        """What the stub of a module says, or None."""
        if module not in self._files:
            path = _path(module)
            tree = None if path is None else _parsed(path, os.stat(path).st_mtime_ns)
            self._files[module] = None if tree is None else File(self, module, path, tree)
        return self._files[module]

    def _find(self, module, path, depth):
        """What stands under a path: a list of definitions, a class, another node, or None; and its file."""
        file = self.file(module)
        if file is None or depth > _DEEPEST:
            return None, None
        found = file.names.get(path[0])
        if found is None:
            for other in file.stars:
                found, where = self._find(other, path, depth + 1)
                if found is not None:
                    return found, where
            return None, None
        if type(found) is str:
            # Imported from elsewhere: `module:name`.
            other, _, name = found.partition(":")
            return (
                self._find(other, [name, *path[1:]] if name else path[1:], depth + 1)
                if name or path[1:]
                else (None, None)
            )
        for name in path[1:]:
            if not isinstance(found, ast.ClassDef):
                return None, None
            found, file = self._member(found, file, name, depth)
            if found is None:
                return None, None
        if isinstance(found, (ast.Name, ast.Attribute)) and len(path) == 1:
            # `abs = absolute`.
            other = trees.dotted(found)
            return (
                self._find(module, other.split("."), depth + 1)
                if other and other != path[0]
                else (None, None)
            )
        return found, file

    def _member(self, cls, file, name, depth):
        """A class's member; of the class alone, since its bases are asked for by their own names."""
        found = file.members(cls).get(name)
        if isinstance(found, ast.Name):
            found = file.members(cls).get(found.id)
        return found, file


@functools.lru_cache(32)
def _parsed(path, _changed):
    return modules.parsed_file(path)


class File:
    """A stub: the names that it binds, and what those mean. It is the scope of the annotations in it."""

    def __init__(self, stubs, module, path, tree):
        self._stubs = stubs
        self._module = module
        self._is_package = os.path.basename(path) == "__init__.pyi"
        self._members = {}
        self.names = {}
        # Modules all of whose names are imported.
        self.stars = []
        self._bind(tree.body, self.names)

    def members(self, cls):
        """The names that a class's body binds."""
        found = self._members.get(id(cls))
        if found is None:
            found = self._members[id(cls)] = {}
            self._bind(cls.body, found)
        return found

    def resolve(self, path):
        """A dotted name as (its full name, the class or the node that it stands for)."""
        return self._resolve(path, 0)

    def _resolve(self, path, depth):
        if not path or depth > _DEEPEST:
            return path, NOTHING
        first, _, rest = path.partition(".")
        found = self.names.get(first)
        if found is None:
            for other in self.stars:
                file = self._stubs.file(other)
                if file is not None and first in file.names:
                    return file._resolve(path, depth + 1)
            found = _object(f"builtins.{path}")
            # A parameter of a type, as `def f[T]`, is written nowhere else.
            return (path if found is not NOTHING else ""), found
        if type(found) is str:
            module, _, name = found.partition(":")
            inside = ".".join(part for part in (name, rest) if part)
            if module in ("typing", "typing_extensions", "collections.abc", "types", "builtins"):
                full = f"{module}.{inside}"
                return full, _object(full) if module in ("builtins", "types") else NOTHING
            if module == "_typeshed" or self._stubs.has(module):
                file = self._stubs.file(module)
                if file is not None and inside:
                    return file._resolve(inside, depth + 1)
                if file is None:
                    return _OF_TYPESHED.get(inside, ""), NOTHING
            full = f"{module}.{inside}".rstrip(".")
            return _loaded(full)
        if isinstance(found, ast.ClassDef):
            full = f"{self._module}.{path}"
            return full, _object(full)
        if isinstance(found, (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.Call)) and not rest:
            found = trees.Alias(found, self)
        return ("", found) if isinstance(found, trees.Alias) and not rest else ("", NOTHING)

    # --- reading ---

    def _bind(self, statements, names):
        for node in statements:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                before = names.get(node.name)
                # Also a property and its setter: what is asked for are functions.
                names[node.name] = [*before, node] if type(before) is list else [node]
            elif isinstance(node, ast.ClassDef):
                names[node.name] = node
            elif isinstance(node, ast.ImportFrom):
                self._bind_import(node, names)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    names[alias.asname or alias.name.partition(".")[0]] = (
                        f"{alias.name}:" if alias.asname else f"{alias.name.partition('.')[0]}:"
                    )
            elif (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                names.setdefault(node.targets[0].id, node.value)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                if node.value is not None and _is_alias(node.annotation):
                    names[node.target.id] = trees.Alias(node.value, self)
                else:
                    names.setdefault(node.target.id, node)
            elif type(node).__name__ == "TypeAlias":
                names[node.name.id] = trees.Alias(node.value, self)
            elif isinstance(node, ast.If):
                holds = _holds(node.test)
                if holds is not False:
                    self._bind(node.body, names)
                if holds is not True:
                    self._bind(node.orelse, names)
            elif isinstance(node, ast.Try):
                self._bind(node.body, names)

    def _bind_import(self, node, names):
        module = node.module or ""
        if node.level:
            parts = self._module.split(".")
            parts = parts[: len(parts) - node.level + (1 if self._is_package else 0)]
            module = ".".join([*parts, module] if module else parts)
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                is_module = not self._stubs_name(module, alias.name)
                names[alias.asname or alias.name] = (
                    f"{module}.{alias.name}:" if is_module else f"{module}:{alias.name}"
                )

    def _stubs_name(self, module, name):
        """Whether `from module import name` gives a name of the module, and no submodule."""
        loaded = sys.modules.get(f"{module}.{name}")
        holder = sys.modules.get(module)
        if loaded is None or holder is None:
            return True
        return descriptor.attribute(holder, name) is not loaded


# What typeshed has for stubs alone.
_OF_TYPESHED = {
    "Incomplete": "typing.Any",
    "Unused": "object",
    "Self": "typing.Self",
    "StrPath": "os.PathLike",
    "SupportsIndex": "int",
}


def _is_alias(annotation):
    return trees.dotted(annotation).rpartition(".")[2] == "TypeAlias"


def _loaded(path):
    """What a dotted name stands for that no stub has: a class, another name of one, or an alias of many types."""
    found = _value(path)
    if found is NOTHING or descriptor.is_instance(found, type):
        return path, found
    origin = getattr(found, "__origin__", NOTHING) if trees.is_of_typing(found) else NOTHING
    if descriptor.is_instance(origin, type):
        return descriptor.class_name(origin), origin
    return path, trees.Opaque(path)


def _object(path):
    """The class of a dotted name, in what is imported already."""
    found = _value(path)
    return found if descriptor.is_instance(found, type) else NOTHING


def _value(path):
    parts = path.split(".")
    for i in range(len(parts) - 1, 0, -1):
        found = sys.modules.get(".".join(parts[:i]))
        if found is None:
            continue
        for part in parts[i:]:
            found = NOTHING if found is NOTHING else descriptor.attribute(found, part)
        return found
    return NOTHING


def _holds(test):
    """Whether a condition on the version or platform is so; None where it is about something else."""
    if isinstance(test, ast.BoolOp):
        parts = [_holds(part) for part in test.values]
        if isinstance(test.op, ast.And):
            return False if False in parts else None if None in parts else True
        return True if True in parts else None if None in parts else False
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _holds(test.operand)
        return None if inner is None else not inner
    if isinstance(test, (ast.Name, ast.Attribute)) and trees.dotted(test).endswith("TYPE_CHECKING"):
        return True
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    left = test.left
    try:
        right = ast.literal_eval(test.comparators[0])
    except (ValueError, SyntaxError):
        return None
    known = {
        "sys.version_info": tuple(sys.version_info[:3]),
        "sys.platform": sys.platform,
        "sys.implementation.name": sys.implementation.name,
        "platform.machine": platform.machine(),
    }
    if isinstance(left, ast.Subscript) and trees.dotted(left.value) == "sys.version_info":
        try:
            found = sys.version_info[ast.literal_eval(left.slice)]
        except (ValueError, SyntaxError, TypeError, IndexError):
            return None
    else:
        found = known.get(trees.dotted(left))
    if found is None or (type(found) is not type(right)):
        return None
    op = type(test.ops[0])
    compared = {
        ast.GtE: lambda: found >= right,
        ast.Gt: lambda: found > right,
        ast.LtE: lambda: found <= right,
        ast.Lt: lambda: found < right,
        ast.Eq: lambda: found == right,
        ast.NotEq: lambda: found != right,
    }.get(op)
    return None if compared is None else compared()


# --- where they are ---


def _path(module):
    """The stub file of a module, or None."""
    parts = module.split(".")
    for folder in sys.path:
        found = _in(os.path.join(folder or os.curdir, f"{parts[0]}-stubs"), parts[1:])
        if found:
            return found
    loaded = sys.modules.get(module)
    file = None if loaded is None else descriptor.attribute(loaded, "__file__")
    if type(file) is str:
        folder, name = os.path.split(file)
        beside = os.path.join(folder, f"{name.partition('.')[0]}.pyi")
        if os.path.isfile(beside):
            return beside
    elif parts[0] not in sys.stdlib_module_names:
        for folder in sys.path:
            found = _in(os.path.join(folder or os.curdir, parts[0]), parts[1:])
            if found:
                return found
    if parts[0] in sys.stdlib_module_names or module == "_typeshed" or module.startswith("_typeshed."):
        for folder in sys.path:
            for typeshed in _TYPESHEDS:
                found = _in(os.path.join(folder, typeshed), parts)
                if found:
                    return found
    return None


def _in(folder, parts):
    base = os.path.join(folder, *parts)
    for path in (f"{base}.pyi", os.path.join(base, "__init__.pyi")):
        if os.path.isfile(path):
            return path
    return None


# --- definitions as parameters ---

_DEFAULTS = {"repr": "..."}


def parameters(node, bound):
    """The parameters of a definition as [(name, kind, annotation, default)]; `bound`: without the first."""
    arguments = node.args
    listed = [(a, "positional_only") for a in arguments.posonlyargs]
    listed += [(a, "positional_or_keyword") for a in arguments.args]
    defaults = [None] * (len(listed) - len(arguments.defaults)) + list(arguments.defaults)
    found = []
    for (argument, kind), default in zip(listed, defaults, strict=True):
        if (
            kind == "positional_or_keyword"
            and argument.arg.startswith("__")
            and not argument.arg.endswith("__")
        ):
            # How positional-only ones were written before there was a `/`.
            kind = "positional_only"
        found.append((argument.arg, kind, argument.annotation, _default(default)))
    if bound:
        found = found[1:]
    if arguments.vararg:
        found.append((arguments.vararg.arg, "var_positional", arguments.vararg.annotation, None))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append((argument.arg, "keyword_only", argument.annotation, _default(default)))
    if arguments.kwarg:
        found.append((arguments.kwarg.arg, "var_keyword", arguments.kwarg.annotation, None))
    return found


def _default(node):
    if node is None:
        return None
    if isinstance(node, ast.Constant) and node.value is Ellipsis:
        return dict(_DEFAULTS)
    try:
        return values.literal(ast.literal_eval(node))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        try:
            return {"repr": values.clean(ast.unparse(node)[: values.LONGEST_TEXT])}
        except (ValueError, RecursionError):
            return dict(_DEFAULTS)


def deprecated(node):
    """What `@deprecated("..")` says of a definition, or None."""
    for decorator in node.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and trees.dotted(decorator.func).rpartition(".")[2] == "deprecated"
        ):
            if (
                decorator.args
                and isinstance(decorator.args[0], ast.Constant)
                and type(decorator.args[0].value) is str
            ):
                return values.clean(decorator.args[0].value)
            return "deprecated"
    return None

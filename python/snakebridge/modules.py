"""Completion in import statements: what could be imported, found on disk and in what is imported already.

Nothing is imported for it: importing runs code.
"""

import ast
import importlib.machinery
import os
import pkgutil
import sys
import types
import warnings

from snakebridge import descriptor

_LARGEST_SOURCE_BYTES = 2_000_000
_kept = {}


def candidates(tokens):
    """What may stand after the tokens of a statement, each name with its kind; None where it is no import."""
    texts = [token.text for token in tokens if token.kind != "newline"]
    if not texts or texts[0] not in ("import", "from"):
        return None
    if texts[0] == "import":
        # import a.b as c, d.
        part = _after_last(texts[1:], ",")
        return {} if "as" in part else _modules(part)
    if "import" not in texts:
        part = texts[1:]
        return _modules(part) if not part or part[-1] == "." else {"import": "keyword"}
    split = texts.index("import")
    part = [text for text in _after_last(texts[split + 1 :], ",") if text != "("]
    return {} if part else contents("".join(texts[1:split]))


def _after_last(texts, separator):
    while separator in texts:
        texts = texts[texts.index(separator) + 1 :]
    return texts


def _modules(part):
    if part and part[0] == ".":
        return {}
    names = submodules("".join(part)[:-1]) if part else top_level()
    return dict.fromkeys(names, "module")


def contents(name):
    """What `from name import` can take."""
    if name.startswith("."):
        return {}
    module = sys.modules.get(name)
    if module is not None and descriptor.is_instance(module, types.ModuleType):
        own = {n: descriptor.member_kind(module, n)[0] for n in descriptor.member_names(module)}
    else:
        own = dict.fromkeys(_defined(name), "variable")
    return {**dict.fromkeys(submodules(name), "module"), **own}


def top_level():
    """The names of all modules that can be imported, as far as folders tell."""
    found = (
        set(sys.builtin_module_names)
        | set(sys.stdlib_module_names)
        | {n for n in list(sys.modules) if "." not in n}
    )
    for path in sys.path:
        found |= _in_folder(path or os.getcwd())
    return found


def submodules(name):
    """The names of a package's modules."""
    found = {n[len(name) + 1 :] for n in list(sys.modules) if n.startswith(name + ".")}
    found = {n for n in found if "." not in n}
    for path in _folders(name):
        found |= _in_folder(path)
    return found


def _folders(name):
    """The folders of a package, which is not imported for it."""
    module = sys.modules.get(name)
    if module is not None:
        path = (
            descriptor.instance_dict(module).get("__path__")
            if descriptor.is_instance(module, types.ModuleType)
            else ()
        )
        return [p for p in (path or ()) if type(p) is str]
    spec = _spec(name)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def _spec(name):
    """Where a module would be found on sys.path; finders that others have installed are not asked."""
    path, spec = None, None
    parts = name.split(".")
    for i in range(len(parts)):
        try:
            spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: i + 1]), path)
        except Exception:
            return None
        if spec is None:
            return None
        path = spec.submodule_search_locations
        if path is None:
            return spec if i == len(parts) - 1 else None
    return spec


def _in_folder(path):
    """The modules in a folder or archive, kept until it changes."""
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError:
        return set()
    kept = _kept.get(path)
    if kept is None or kept[0] != changed:
        try:
            names = {module.name for module in pkgutil.iter_modules([path])}
        except Exception:
            names = set()
        kept = _kept[path] = (changed, {name for name in names if name.isidentifier()})
    return kept[1]


def _defined(name):
    """The names that a module's source binds at its top level, read and not run."""
    spec = _spec(name)
    tree = None if spec is None or not spec.origin else parsed_file(spec.origin)
    return set() if tree is None else _bound(tree.body)


def parsed_file(path):
    """The tree of a source file, or None where it is none that can be read."""
    if not path.endswith((".py", ".pyi")):
        return None
    try:
        if os.path.getsize(path) > _LARGEST_SOURCE_BYTES:
            return None
        with open(path, "rb") as file, warnings.catch_warnings():
            # A source's own, as of a backslash in a string, are not the asker's.
            warnings.simplefilter("ignore")
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def imported_from_elsewhere(path, package):
    """The names that a source binds by imports from other packages than its own."""
    tree = parsed_file(path)
    return set() if tree is None else _imported(tree.body, package)


def _imported(statements, package):
    found = set()
    for node in statements:
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            if (node.module or "").partition(".")[0] != package:
                found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            found |= _imported(node.body, package) | _imported(getattr(node, "orelse", []), package)
            for handler in getattr(node, "handlers", []):
                found |= _imported(handler.body, package)
    return found


def _bound(statements):
    found = set()
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {
                (alias.asname or alias.name).partition(".")[0] for alias in node.names if alias.name != "*"
            }
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            found |= {
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            found |= _bound(node.body) | _bound(getattr(node, "orelse", []))
    return found

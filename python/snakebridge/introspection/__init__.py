"""What a library has, as one document: modules, classes, functions and constants, their signatures, types and documentation.

The document is plain data (docs/introspection.md describes it), the same bytes on each run. What is imported is what was
asked for: the root, its submodules to a depth, and what is included by name. Objects are looked at by
`snakebridge.descriptor`, which runs none of their code. Generators, the store of schemas and completion in Elixir read
these documents; there is no other introspection.
"""

import fnmatch
import functools
import importlib.metadata
import os
import platform
import sys
import types

from snakebridge import descriptor, modules
from snakebridge.descriptor import NOTHING
from snakebridge.introspection import functions, loading, trees, values
from snakebridge.introspection.classes import Classes

SCHEMA = "snakebridge.introspection/1"


def introspect(root, *, depth=0, include=(), exclude=(), private=False, import_seconds=None):
    """The document of a module.

    `depth`: how many levels of submodules are imported and described, too. `include`: names below the root that are
    wanted whatever the depth: submodules, or names that are private. `exclude`: names below the root, or patterns
    (`*.tests`), that are not. `private`: also what begins with an underscore. `import_seconds`: how long the import of a
    module may take; only where this runs on the main thread, since no other can be interrupted from within.

    Raises `ModuleNotFoundError` where the root does not exist, `ImportError` where it cannot be imported; submodules that
    cannot be are told of in the document's `warnings`.
    """
    walk = _Walk(str(root), int(depth), [str(n) for n in include], [str(n) for n in exclude], bool(private))
    with loading.limited(import_seconds):
        return walk.document()


class _Walk:
    def __init__(self, root, depth, include, exclude, private):
        self._root = root
        self._depth = depth
        self._include = {self._full(name) for name in include}
        self._exclude = [self._full(name) for name in exclude]
        self._private = private
        self._warnings = []
        self._loaded = {}
        # The classes and functions of the document: id to (path, object).
        self._listed = {}
        self._functions = functions.Functions(self._publicly)
        self._classes = Classes(self._functions, self._publicly, self._listed, self._is_wanted)

    def document(self):
        root = loading.load(self._root)
        self._load(self._root, root, 0)
        self._load_included()
        members = {name: self._members(name, module) for name, module in sorted(self._loaded.items())}
        self._choose(members)
        described = [self._module(name, found) for name, found in members.items()]
        self._warn_of_included(members)
        return {
            "schema": SCHEMA,
            "root": self._root,
            "package": _package(self._root, root),
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "platform": f"{sys.platform}-{platform.machine()}",
            "modules": described,
            "warnings": sorted(self._warnings, key=lambda warning: (warning["path"], warning["message"])),
        }

    # --- which modules ---

    def _full(self, name):
        return (
            name if name == self._root or name.startswith((f"{self._root}.", "*")) else f"{self._root}.{name}"
        )

    def _is_excluded(self, path):
        return any(
            fnmatch.fnmatchcase(path, pattern) or path.startswith(f"{pattern}.") for pattern in self._exclude
        )

    def _load(self, name, module, level):
        self._loaded[name] = module
        if level >= self._depth:
            return
        for child in self._children(name):
            if child in self._loaded:
                continue
            found = self._try(child)
            if found is not None:
                self._load(child, found, level + 1)

    def _children(self, name):
        found = []
        for child in loading.submodules(name):
            full = f"{name}.{child}"
            is_wanted = full in self._include or self._private or loading.is_for_users(full)
            if is_wanted and not self._is_excluded(full):
                found.append(full)
        return found

    def _load_included(self):
        for name in sorted(self._include):
            parent, _, last = name.rpartition(".")
            if name in self._loaded or not parent or self._is_excluded(name):
                continue
            if self._is_module(name):
                found = self._try(name)
                if found is not None:
                    self._load(name, found, self._depth)
            elif parent not in self._loaded and self._is_module(parent) and last:
                # A function of a submodule: its module is asked for with it.
                found = self._try(parent)
                if found is not None:
                    self._load(parent, found, self._depth)

    def _is_module(self, name):
        """Whether there is a module of that name; the packages around it are imported for it."""
        parent, _, last = name.rpartition(".")
        if name in sys.modules:
            return True
        if not parent or (
            parent not in sys.modules and (not self._is_module(parent) or not self._try(parent))
        ):
            return False
        return last in modules.submodules(parent)

    def _try(self, name):
        try:
            return loading.load(name)
        except ImportError as error:
            self._warn(name, loading.reason(error) if type(error) is not loading.LoadError else str(error))
            return None

    def _warn(self, path, message):
        self._warnings.append({"path": values.clean(path), "message": values.clean(message)})

    def _warn_of_included(self, members):
        for name in self._include:
            parent, _, last = name.rpartition(".")
            if name in self._loaded or any(w["path"] == name for w in self._warnings):
                continue
            if last not in members.get(parent, {}):
                self._warn(name, "included, but there is nothing of that name")

    # --- which names ---

    def _is_wanted(self, path, name):
        if path in self._include:
            return True
        if name.startswith("_") and name != "__call__" and not self._private:
            return False
        return not self._is_excluded(path)

    def _members(self, name, module):
        """The names that a module has for users, with their objects."""
        own = descriptor.instance_dict(module)
        explicit = _explicit(module)
        names = explicit if explicit is not None else [n for n in list(own) if type(n) is str]
        names = {n for n in names if f"{name}.{n}" in self._include or not n.startswith("_") or self._private}
        if explicit is not None:
            names |= {n for n in explicit if not self._is_excluded(f"{name}.{n}")}
        names |= {n.rpartition(".")[2] for n in self._include if n.rpartition(".")[0] == name}
        children = set(loading.submodules(name))
        foreign = _foreign(module, self._root) if explicit is None else ()
        found = {}
        for member in sorted(names):
            path = f"{name}.{member}"
            value = own.get(member, NOTHING)
            if self._is_excluded(path) or (
                member.startswith("__")
                and member.endswith("__")
                and path not in self._include
                and explicit is None
            ):
                continue
            if value is NOTHING:
                if member in children or explicit is None or member not in explicit:
                    continue
                try:
                    value = loading.announced(module, member)
                except loading.LoadError as error:
                    self._warn(path, str(error))
                    continue
            if (
                explicit is None
                and path not in self._include
                and (member in foreign or not self._is_of_root(value, module))
            ):
                continue
            found[member] = value
        return found

    def _is_of_root(self, value, module):
        """Whether what a module without `__all__` has is this library's own."""
        if descriptor.is_instance(value, types.ModuleType):
            return False
        try:
            origin = _origin(value)
        except Exception:
            # Described, or warned of, later on.
            return True
        if type(origin) is not str:
            return True
        own_name = descriptor.instance_dict(module).get("__name__")
        roots = {_top(self._root), _top(own_name) if type(own_name) is str else ""}
        return _top(origin).lstrip("_") in {top.lstrip("_") for top in roots}

    # --- where each is ---

    def _choose(self, members):
        """Gives each class and function the one place where it is described; elsewhere it is an alias."""
        places = {}
        for module, found in members.items():
            for name, value in list(found.items()):
                try:
                    if not _is_described(value):
                        continue
                except Exception as error:
                    # A metaclass that says of itself what is not so.
                    self._warn(f"{module}.{name}", f"cannot be described: {loading.reason(error)}")
                    del found[name]
                    continue
                real = _real_name(value)
                rank = (module.count("."), name != real, name.startswith("_"), module, name)
                if id(value) not in places or rank < places[id(value)][0]:
                    places[id(value)] = (rank, f"{module}.{name}", value)
        self._listed.update({key: (path, value) for key, (_, path, value) in places.items()})

    def _publicly(self, cls):
        """The name of a class by which users find it."""
        found = self._listed.get(id(cls))
        return values.clean(found[0] if found is not None else descriptor.class_name(cls))

    # --- what is said of them ---

    def _module(self, name, found):
        module = self._loaded[name]
        parts = {"functions": [], "classes": [], "constants": [], "aliases": []}
        for member, value in found.items():
            path = f"{name}.{member}"
            try:
                self._describe(parts, member, path, value)
            except Exception as error:
                # Of one strange object, not of the whole library.
                self._warn(path, f"cannot be described: {loading.reason(error)}")
        own = descriptor.instance_dict(module)
        return {
            "name": values.clean(name),
            "doc": self._functions.doc(module),
            "is_package": "__path__" in own,
            "explicit": _explicit(module) is not None,
            **parts,
            "submodules": self._children(name),
        }

    def _describe(self, parts, member, path, value):
        if descriptor.is_instance(value, types.ModuleType):
            target = descriptor.instance_dict(value).get("__name__")
            if type(target) is str and target != path:
                parts["aliases"].append({"name": values.clean(member), "target": values.clean(target)})
            return
        listed = self._listed.get(id(value))
        if listed is not None and listed[0] != path:
            parts["aliases"].append({"name": values.clean(member), "target": values.clean(listed[0])})
        elif descriptor.is_instance(value, type):
            parts["classes"].append(self._classes.describe(value, member, path))
        elif functions.is_function(value):
            is_python = type(value) not in descriptor.FUNCTIONS or type(value) is types.FunctionType
            word = "function" if is_python and not functions.is_cython(value) else "builtin"
            parts["functions"].append(
                self._functions.describe(
                    value,
                    member,
                    path,
                    word,
                    origins=_origins(value, path),
                    bound=type(value) is types.MethodType,
                )
            )
        elif functions.is_callable(value):
            parts["functions"].append(
                self._functions.describe(value, member, path, "callable", origins=_origins(value, path))
            )
        else:
            parts["constants"].append(
                {
                    "name": values.clean(member),
                    "path": values.clean(path),
                    "type": trees.of_value(value, self._publicly),
                    **values.constant(value),
                }
            )


def _is_described(value):
    return (
        descriptor.is_instance(value, type)
        or functions.is_function(value)
        or (functions.is_callable(value) and not descriptor.is_instance(value, types.ModuleType))
    )


def _origin(value):
    """The module in which a class or function was made; None of all else."""
    if descriptor.is_instance(value, type):
        return descriptor.CLASS_MODULE.__get__(value)
    if descriptor.type_name(value) == "__future__._Feature":
        return "__future__"
    if functions.is_function(value) and type(value) is not functools.partial:
        return getattr(value, "__module__", None)
    return None


def _origins(value, path):
    """Where a stub may have a function: where it is found, and where it says that it is from."""
    module, _, name = path.rpartition(".")
    found = [(module, name)]
    if functions.is_function(value):
        origin, inside = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if type(origin) is str and type(inside) is str and origin != module:
            found.append((origin, inside))
    return found


def _real_name(value):
    if descriptor.is_instance(value, type):
        return descriptor.CLASS_QUALNAME.__get__(value)
    if functions.is_function(value):
        found = getattr(value, "__name__", None)
    else:
        found = descriptor.instance_dict(value).get("__name__") or descriptor.attribute(value, "__name__")
    return found if type(found) is str else None


def _explicit(module):
    """The names of a module's `__all__`, or None."""
    found = descriptor.instance_dict(module).get("__all__")
    if type(found) not in (list, tuple):
        return None
    return [name for name in found if type(name) is str]


def _foreign(module, root):
    """The names that a module's source imports from other packages."""
    file = descriptor.instance_dict(module).get("__file__")
    return modules.imported_from_elsewhere(file, _top(root)) if type(file) is str else ()


def _top(name):
    return name.partition(".")[0]


def _package(root, module):
    """The distribution that a module comes with, or None for Python's own and for loose files."""
    top = _top(root)
    if top in sys.stdlib_module_names:
        return None
    file = descriptor.instance_dict(sys.modules.get(top, module)).get("__file__")
    found = _distribution(top, file if type(file) is str else "")
    if found is not None:
        return found
    version = descriptor.instance_dict(sys.modules.get(top, module)).get("__version__")
    return {"name": top, "version": version} if type(version) is str else None


def _distribution(top, file):
    """The distribution that installed a package, by its name or else by the files it lists."""
    folder = os.path.dirname(
        os.path.dirname(file) if os.path.basename(file).startswith("__init__.") else file
    )
    try:
        try:
            one = importlib.metadata.distribution(top)
        except importlib.metadata.PackageNotFoundError:
            listed = importlib.metadata.distributions(path=[folder]) if folder else ()
            one = min((d for d in listed if _has(d, top)), key=lambda d: d.metadata["Name"], default=None)
        return None if one is None else {"name": one.metadata["Name"], "version": one.version}
    except Exception:
        # Half-removed or hand-made metadata.
        return None


def _has(distribution, top):
    names = distribution.read_text("top_level.txt")
    if names is not None:
        return top in names.split()
    record = distribution.read_text("RECORD") or ""
    return any(line.startswith((f"{top}/", f"{top}.")) for line in record.splitlines())

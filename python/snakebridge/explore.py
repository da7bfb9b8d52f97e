"""What people ask of objects and modules at a prompt of Elixir: what this is, what it has, where a name is found.

Everything is found as completion finds it, without running user code; nothing is imported but what is named.
It is called as any function of Python is, from `SnakeBridge.IEx.Helpers`.
"""

import importlib
import pkgutil
import sys
import types

from snakebridge import descriptor, items, modules

_CALLABLE = ("function", "method", "class")
_MOST_FOUND = 60
_OURS = ("snakebridge", "__main__", "__mp_main__")


def named(name):
    """The object that a dotted name stands for, importing what it has to; a builtin where there is no dot."""
    if "." not in name and name not in sys.modules and hasattr(sys.modules["builtins"], name):
        return getattr(sys.modules["builtins"], name)
    return pkgutil.resolve_name(name)


def about(value, name=""):
    """What can be said of an object: its kind, type, signature and documentation, where it is defined, its size."""
    name = name or _name(value)
    found = items.of_value(name, value, longest=None)
    is_module = found["kind"] == "module"
    facts = {
        "name": name,
        "kind": "object" if found["kind"] == "variable" else found["kind"],
        "type": descriptor.type_name(value),
        "signature": found["detail"] if found["kind"] in _CALLABLE else "",
        "size": descriptor.size(value) or "",
        "documentation": descriptor.documentation(value),
    }
    place = descriptor.instance_dict(value).get("__file__") if is_module else None
    version = descriptor.instance_dict(value).get("__version__") if is_module else None
    return facts | {
        "file": place if type(place) is str else "",
        "version": version if type(version) is str else "",
    }


def member(owner, name):
    """What can be said of an object's attribute, of which only the class is looked at where it is computed."""
    kind, value = descriptor.member_kind(owner, name)
    if value is descriptor.NOTHING:
        cls = owner if descriptor.is_instance(owner, type) else descriptor.class_of(owner)
        value, _ = descriptor.class_attribute(cls, name)
        if value is descriptor.NOTHING:
            raise AttributeError(
                f"{descriptor.type_name(owner)} has no attribute {name} that is known without asking it"
            )
    facts = about(value, name)
    if facts["signature"]:
        facts["signature"] = items.of_value(
            name, value, kind, descriptor.takes_itself(owner, name), longest=None
        )["detail"]
    return facts | {"kind": kind if kind != "variable" else facts["kind"]}


def _name(value):
    found = descriptor.attribute(value, "__qualname__")
    if type(found) is not str:
        found = descriptor.attribute(value, "__name__")
    return found if type(found) is str else descriptor.type_name(value)


def methods(value, text=""):
    """The public functions, methods and classes among an object's members, whose names hold the text: each with its
    signature and what its documentation begins with."""
    folded = text.lower()
    names = sorted(
        name for name in descriptor.member_names(value) if not name.startswith("_") and folded in name.lower()
    )
    found = (items.member(value, name) for name in names)
    return [item for item in found if item["kind"] in _CALLABLE]


def loaded():
    """The packages that have been imported, but for the standard library's: their names and versions."""
    found = []
    for name, module in sorted(sys.modules.items()):
        if _is_library(name) and "." not in name and descriptor.is_instance(module, types.ModuleType):
            version = descriptor.instance_dict(module).get("__version__")
            found.append((name, version if type(version) is str else ""))
    return found


def _is_library(name):
    top = name.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in _OURS and "_" not in (top[0], top[-1])


def submodules(name):
    """The public submodules of a package, whether or not they have been imported. The package is."""
    importlib.import_module(name)
    return sorted(n for n in modules.submodules(name) if not n.startswith("_"))


def search(text, root=""):
    """The public functions, classes and modules whose names hold the text, as (path, kind, signature, documentation):
    in what has been imported of a package, or of all that are not the standard library's. The nearest names first."""
    folded = text.lower()
    if root:
        importlib.import_module(root)
    found = {}
    for name, module in sorted(sys.modules.items(), key=lambda entry: entry[0].count(".")):
        within = name == root or name.startswith(root + ".") if root else _is_library(name)
        private = any(part.startswith("_") for part in name.split("."))
        if not within or private or not descriptor.is_instance(module, types.ModuleType):
            continue
        for member, value in list(descriptor.instance_dict(module).items()):
            if type(member) is str and not member.startswith("_") and folded in member.lower():
                # The first path to an object is the shortest.
                found.setdefault(id(value), (f"{name}.{member}", member, value))
    shown = [(path, items.of_value(member, value)) for path, member, value in found.values()]
    shown = [(path, item) for path, item in shown if item["kind"] in (*_CALLABLE, "module")]
    shown.sort(key=lambda one: (_distance(one[1]["text"], text), one[0].count("."), one[0]))
    return [(path, i["kind"], i["detail"], i["doc"]) for path, i in shown[:_MOST_FOUND]]


def _distance(name, text):
    if name.startswith(text):
        return 0 if name == text else 1
    return 2 if name.lower().startswith(text.lower()) else 3

"""What calling a function gives, by what is written about it: annotations, the documentation's `Returns`, and for
Python's own methods a table.

Nothing is called or evaluated for it. An answer is an object that is there already (a class, for `type[X]`), an
`Instance` of a class, or NOTHING.
"""

import ast
import builtins
import collections.abc
import functools
import re
import sys
import types
import typing

from snakebridge import descriptor, signatures
from snakebridge.descriptor import CLASS_MODULE, NOTHING, Instance

# What Python's own methods give; they are not annotated.
_BUILTIN_RESULTS = {
    str: {
        str: "capitalize casefold center expandtabs format join ljust lower lstrip removeprefix removesuffix replace "
        "rjust rstrip strip swapcase title translate upper zfill __add__ __mod__ __mul__",
        list: "split splitlines rsplit",
        tuple: "partition rpartition",
        bytes: "encode",
        int: "count find index rfind rindex",
        bool: "endswith startswith isalnum isalpha isascii isdigit isidentifier islower isnumeric isspace isupper",
    },
    bytes: {str: "decode hex", bytes: "lower upper strip replace join", list: "split splitlines"},
    list: {list: "copy", int: "count index"},
    tuple: {int: "count index"},
    dict: {dict: "copy", type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"},
    set: {set: "copy union intersection difference symmetric_difference"},
    int: {int: "bit_length conjugate", bytes: "to_bytes"},
    float: {str: "hex", tuple: "as_integer_ratio", bool: "is_integer"},
}
_FUNCTION_RESULTS = {
    "sorted": list,
    "len": int,
    "repr": str,
    "ascii": str,
    "chr": str,
    "ord": int,
    "input": str,
    "format": str,
    "hash": int,
    "id": int,
    "dir": list,
    "vars": dict,
    "globals": dict,
    "locals": dict,
    "isinstance": bool,
    "issubclass": bool,
    "callable": bool,
    "hasattr": bool,
    "divmod": tuple,
}
_DEEPEST = 10
_LONGEST = 1000
# Whose one part is what they give when they are gone through.
ITERABLES = (
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
)


def result(function, receiver=NOTHING):
    """What a call of a function gives. `receiver`: the object whose method it is."""
    inner, _ = signatures.function_of(function)
    if type(inner) is functools.partial:
        return result(inner.func)
    if inner is None:
        return NOTHING
    return _annotated(inner, receiver) or _documented(inner, receiver) or _of_builtin(inner)


def of_property(found, receiver):
    """What reading a property gives; also of those that libraries make of a function."""
    function = found.fget if type(found) is property else NOTHING
    if type(found) is functools.cached_property:
        function = found.func
    elif CLASS_MODULE.__get__(type(found)) == "pandas._libs.properties":
        function = getattr(found, "func", NOTHING)
    return _annotated(function, receiver) if type(function) is types.FunctionType else NOTHING


def of_field(annotation, owner, receiver):
    """What an attribute holds that a class only annotates."""
    return _meaning(annotation, Scope(names_around(owner)), receiver)


def names_around(cls):
    """The names of the module in which a class is defined."""
    module = CLASS_MODULE.__get__(cls)
    module = sys.modules.get(module) if type(module) is str else None
    return {} if module is None else descriptor.instance_dict(module)


def meaning(node, scope, receiver=NOTHING):
    """What an annotation stands for that is part of a source; `scope` gives the values of names."""
    return NOTHING if node is None else _written(node, scope, receiver, 0)


def _annotated(function, receiver):
    if type(function) is not types.FunctionType:
        return NOTHING
    found = descriptor.annotations(function)
    if "return" not in found:
        return NOTHING
    scope = Scope(function.__globals__)
    annotation = found["return"]
    names = function.__code__.co_varnames
    if receiver is not NOTHING and names and _is_same(found.get(names[0], NOTHING), annotation):
        # `def head(self: T) -> T`.
        return _again(receiver)
    value = _meaning(annotation, scope, receiver)
    if function.__code__.co_flags & _IS_COROUTINE:
        return Instance(types.CoroutineType, (value,))
    return value


_IS_COROUTINE = 0x80


def _is_same(one, other):
    if type(one) is str or type(other) is str:
        return type(one) is type(other) and str.__eq__(one, other)
    return one is other and type(one) is typing.TypeVar


def _again(receiver):
    """Another object like the receiver: of its class, or of a class itself."""
    if descriptor.is_instance(receiver, type):
        return Instance(receiver)
    return Instance(descriptor.class_of(receiver))


class Scope:
    """The names that an annotation may use: those of its module, builtins, and what is imported for checkers alone."""

    def __init__(self, names):
        self._names = names if type(names) is dict else {}

    def __getitem__(self, name):
        found = self._names.get(name, NOTHING)
        if found is NOTHING:
            found = vars(builtins).get(name, NOTHING)
        if found is NOTHING:
            file = self._names.get("__file__")
            found = _of_checkers(file if type(file) is str else "", name)
        return found


def _of_checkers(file, name):
    module, _, attribute = _imports_of_checkers(file).get(name, "").partition(":")
    loaded = sys.modules.get(module)
    if loaded is None:
        return NOTHING
    return descriptor.attribute(loaded, attribute) if attribute else loaded


@functools.lru_cache(200)
def _imports_of_checkers(file):
    """What a module imports in `if TYPE_CHECKING:`, each name as `module:attribute`. Only these lines are parsed."""
    if not file.endswith(".py"):
        return {}
    try:
        with open(file, encoding="utf-8") as source:
            text = source.read()
    except (OSError, ValueError):
        return {}
    found = {}
    for block in re.findall(
        r"^if (?:typing\.|t\.)?TYPE_CHECKING:[^\n]*\n((?:[ \t]+[^\n]*\n|[ \t]*\n|\)\n)+)", text, re.M
    ):
        try:
            tree = ast.parse("if True:\n" + block)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                found.update({a.asname or a.name: f"{node.module}:{a.name}" for a in node.names})
            elif isinstance(node, ast.Import):
                found.update({a.asname or a.name: a.name for a in node.names})
    return found


def _meaning(annotation, scope, receiver, depth=0):
    """What an annotation stands for, whatever it is: a text, a class, something of `typing`."""
    if depth > _DEEPEST or annotation is NOTHING or annotation is None:
        return NOTHING
    if type(annotation) is str:
        if len(annotation) > _LONGEST:
            return NOTHING
        try:
            node = ast.parse(annotation.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return NOTHING
        return _written(node, scope, receiver, depth + 1)
    if _is_name(annotation, "Self"):
        return NOTHING if receiver is NOTHING else _again(receiver)
    if type(annotation) is typing.ForwardRef:
        return _meaning(annotation.__forward_arg__, scope, receiver, depth + 1)
    if type(annotation) is types.GenericAlias or _is_of_typing(annotation):
        own = annotation if type(annotation) is not typing.TypeVar else None
        origin = NOTHING if own is None else getattr(own, "__origin__", NOTHING)
        arguments = () if own is None else getattr(own, "__args__", ())
        if type(annotation) is types.UnionType or origin is typing.Union:
            return _first(_meaning(part, scope, receiver, depth + 1) for part in arguments)
        return _generic(origin, arguments, lambda part: _meaning(part, scope, receiver, depth + 1))
    if descriptor.is_instance(annotation, type):
        return NOTHING if annotation in (object, type(None)) else Instance(annotation)
    return NOTHING


def _is_of_typing(annotation):
    return CLASS_MODULE.__get__(type(annotation)) in ("typing", "types") and not (
        descriptor.is_instance(annotation, type)
    )


def _is_name(annotation, name):
    return _is_of_typing(annotation) and getattr(annotation, "_name", None) == name


def _first(found):
    return next((value for value in found if value is not NOTHING), NOTHING)


def _generic(origin, arguments, meaning):
    """`X[A, B]`, given what X and the arguments are."""
    if origin is typing.Union or _is_name(origin, "Optional") or _is_name(origin, "Union"):
        return _first(map(meaning, arguments))
    if origin is type:
        found = meaning(arguments[0]) if arguments else NOTHING
        return found.cls if type(found) is Instance else NOTHING
    if _is_name(origin, "Annotated") or _is_name(origin, "ClassVar") or _is_name(origin, "Final"):
        return meaning(arguments[0]) if arguments else NOTHING
    if _is_of_typing(origin):
        # List, Iterator and the like stand for classes.
        origin = getattr(origin, "__origin__", NOTHING)
    if not descriptor.is_instance(origin, type):
        return NOTHING
    parts = tuple(meaning(part) for part in arguments if part is not Ellipsis)
    if origin is collections.abc.Coroutine:
        return Instance(types.CoroutineType, parts[-1:])
    return Instance(origin, parts)


def _written(node, scope, receiver, depth):
    """What an annotation stands for that was written as a text."""
    if depth > _DEEPEST:
        return NOTHING
    if isinstance(node, ast.Constant):
        return _meaning(node.value, scope, receiver, depth + 1) if type(node.value) is str else NOTHING
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _first(_written(part, scope, receiver, depth + 1) for part in (node.left, node.right))
    if isinstance(node, ast.Subscript):
        inner = node.slice
        arguments = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        origin = _named(node.value, scope)
        if _is_name(origin, "Literal"):
            constant = next((a.value for a in arguments if isinstance(a, ast.Constant)), None)
            return NOTHING if constant is None else Instance(type(constant))
        arguments = [a for a in arguments if not (isinstance(a, ast.Constant) and a.value is Ellipsis)]
        return _generic(origin, arguments, lambda part: _written(part, scope, receiver, depth + 1))
    found = _named(node, scope)
    if (
        found is NOTHING
        and receiver is not NOTHING
        and "Self" in (getattr(node, "id", ""), getattr(node, "attr", ""))
    ):
        # Imported for checkers alone, or newer than this Python.
        return _again(receiver)
    return NOTHING if type(found) is str else _meaning(found, scope, receiver, depth + 1)


def _named(node, scope):
    if isinstance(node, ast.Name):
        return scope[node.id]
    if isinstance(node, ast.Attribute):
        owner = _named(node.value, scope)
        return NOTHING if owner is NOTHING else descriptor.attribute(owner, node.attr)
    return NOTHING


# --- documentation ---

_RETURNS = re.compile(r"^Returns[ \t]*\n-{3,}[ \t]*\n[ \t]*(?:[\w*, ]+ : ?)?([^\n]+)", re.M)
_CLASS = re.compile(r"`?~?([A-Za-z_][\w.]*)")


def _documented(function, receiver):
    """What the section `Returns` of a documentation in numpy's style names."""
    found = _RETURNS.search(descriptor.documentation(function))
    if found is None:
        return NOTHING
    text = found[1]
    if "type of caller" in text or "type as caller" in text:
        return NOTHING if receiver is NOTHING else _again(receiver)
    name = _CLASS.search(text.replace(":class:", ""))
    return NOTHING if name is None else class_named(name[1], module_name(function))


def module_name(function):
    if type(function) is types.FunctionType:
        module = function.__globals__.get("__name__")
    else:
        module = getattr(function, "__module__", None)
        if module is None:
            owner = getattr(function, "__objclass__", None) or type(getattr(function, "__self__", None))
            module = CLASS_MODULE.__get__(owner)
    return module if type(module) is str else ""


def class_named(name, module):
    """The class that documentation means by a name: of the module, of the packages around it, or a builtin."""
    name = "ndarray" if name in ("array", "array_like") else name
    while True:
        loaded = sys.modules.get(module)
        value = NOTHING if loaded is None else loaded
        for part in name.split("."):
            value = NOTHING if value is NOTHING else descriptor.attribute(value, part)
        if descriptor.is_instance(value, type):
            return Instance(value)
        if "." not in module:
            break
        module = module.rpartition(".")[0]
    found = vars(builtins).get(name.rpartition(".")[2], NOTHING)
    return Instance(found) if descriptor.is_instance(found, type) else NOTHING


def _of_builtin(function):
    if type(function) not in (types.BuiltinFunctionType, types.MethodDescriptorType):
        return NOTHING
    name = function.__name__
    if type(function) is types.MethodDescriptorType:
        owner = function.__objclass__
        for cls, names in _BUILTIN_RESULTS.get(owner, {}).items():
            if name in names.split():
                return (
                    Instance(cls, (Instance(owner),))
                    if cls is list and owner in (str, bytes)
                    else Instance(cls)
                )
    elif function is open:
        return Instance(sys.modules["io"].TextIOWrapper)
    elif vars(builtins).get(name) is function and name in _FUNCTION_RESULTS:
        return Instance(_FUNCTION_RESULTS[name])
    return NOTHING

"""Types as trees: what an annotation says, as plain data.

An annotation may be an object, a text, or a node of a source (a stub). Texts and nodes are parsed and their names looked
up; nothing is evaluated, so `typing.get_type_hints` is not used: it would run what is written there. What cannot be read
is `unknown`, never an error.
"""

import ast
import types
import typing

from snakebridge import descriptor
from snakebridge.annotations import Scope
from snakebridge.descriptor import NOTHING
from snakebridge.introspection import values

DEEPEST = 8
_LONGEST = 4000
# Of one annotation; stubs have aliases of aliases of unions.
_MOST_NODES = 80
_MOST_CONSTRAINTS = 4
_MOST_PARTS = 64

_KINDS = {
    "int": "int",
    "float": "float",
    "complex": "complex",
    "bool": "bool",
    "str": "str",
    "bytes": "bytes",
    "bytearray": "bytes",
    "NoneType": "none",
    "types.NoneType": "none",
    "list": "list",
    "dict": "dict",
    "set": "set",
    "frozenset": "frozenset",
    "tuple": "tuple",
    "type": "type",
    "object": "any",
    "typing.Any": "any",
    "typing.List": "list",
    "typing.Dict": "dict",
    "typing.Set": "set",
    "typing.FrozenSet": "frozenset",
    "typing.Tuple": "tuple",
    "typing.Type": "type",
    "typing.Text": "str",
    "typing.LiteralString": "str",
    "typing.TypeGuard": "bool",
    "typing.TypeIs": "bool",
    "typing.Callable": "callable",
    "collections.abc.Callable": "callable",
    "function": "callable",
    "types.FunctionType": "callable",
    "typing.SupportsIndex": "int",
    "typing.SupportsInt": "int",
    "typing.SupportsFloat": "float",
    "typing.SupportsComplex": "complex",
    "typing.Buffer": "bytes",
    "collections.abc.Buffer": "bytes",
    "collections.abc.Set": "set",
    "collections.abc.MutableSet": "set",
    "typing.AbstractSet": "set",
    "typing.MutableSet": "set",
}
for _abc, _kind in {
    "Iterable": "iterable",
    "Collection": "iterable",
    "Sequence": "iterable",
    "MutableSequence": "iterable",
    "Reversible": "iterable",
    "AsyncIterable": "iterable",
    "KeysView": "iterable",
    "ValuesView": "iterable",
    "Iterator": "iterator",
    "AsyncIterator": "iterator",
    "Generator": "generator",
    "AsyncGenerator": "generator",
    "Awaitable": "awaitable",
    "Coroutine": "awaitable",
    "Mapping": "dict",
    "MutableMapping": "dict",
}.items():
    _KINDS[f"collections.abc.{_abc}"] = _KINDS[f"typing.{_abc}"] = _kind
# Those that are exactly what the kind says; of all others the tree has the name, too.
_EXACT = {
    *("int", "float", "complex", "bool", "str", "bytes", "list", "dict", "set", "frozenset", "tuple", "type"),
    *("NoneType", "types.NoneType", "object", "typing.Any", "typing.List", "typing.Dict", "typing.Set"),
    *("typing.FrozenSet", "typing.Tuple", "typing.Type", "typing.Text", "typing.Callable"),
    *("typing.TypeGuard", "typing.TypeIs", "typing.LiteralString", "function"),
    *(f"{m}.{n}" for m in ("typing", "collections.abc") for n in ("Iterable", "Iterator", "Generator")),
    *(f"{m}.{n}" for m in ("typing", "collections.abc") for n in ("Awaitable", "Callable")),
}
# What only says something more about the type inside.
_WRAPPERS = {
    f"typing.{name}"
    for name in ("Annotated", "ClassVar", "Final", "Required", "NotRequired", "ReadOnly", "Unpack")
} | {"dataclasses.InitVar"}
_ANONYMOUS = {
    "typing.ParamSpec",
    "typing.TypeVarTuple",
    "typing.Generic",
    "typing.Protocol",
    "typing.TypedDict",
}


def unknown():
    """The type of what nothing is said about."""
    return {"kind": "unknown", "confidence": "low"}


def plain(kind, confidence="high", of=None, **more):
    """A tree of a kind."""
    tree = {"kind": kind}
    if of:
        tree["of"] = of
    return {**tree, **more, "confidence": confidence}


def union(parts, confidence="high"):
    """A union without what is there twice; of one part, that part."""
    kept = []
    for part in parts:
        kept += [
            p for p in (part["of"] if part["kind"] == "union" and "of" in part else [part]) if p not in kept
        ]
    literals = [p for p in kept if p["kind"] == "literal"]
    if len(literals) > 1:
        listed = []
        for part in literals:
            listed += [value for value in part["values"] if not _is_in(value, listed)]
        kept[kept.index(literals[0])] = {**literals[0], "values": listed}
        kept = [p for p in kept if p["kind"] != "literal" or p["values"] is listed]
    if not kept:
        return unknown()
    if len(kept) == 1:
        return kept[0]
    return plain("union", confidence, kept[:_MOST_PARTS])


def _is_in(value, listed):
    """Whether a literal is in a list; `1` is not `True`."""
    return any(type(other) is type(value) and other == value for other in listed)


def of_value(value, publicly):
    """The type of a value that is there."""
    cls = type(value)
    if cls is type(None):
        return plain("none")
    name = descriptor.class_name(cls)
    if name in _KINDS and name in _EXACT and cls.__module__ == "builtins":
        return plain(_KINDS[name])
    if descriptor.is_instance(value, type):
        return plain("type", of=[plain("class", name=publicly(value))])
    return plain("class", name=publicly(cls))


class Alias:
    """Another name for a type: a node, and the scope in which it is written."""

    __slots__ = ("node", "scope")

    def __init__(self, node, scope):
        self.node = node
        self.scope = scope


class Opaque:
    """A name that stands for more types than are worth telling: it is told by itself."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name


class Reader:
    """Reads annotations that stand in one place: `names` are that module's, `own` the class around it.

    `publicly` gives the name of a class by which users find it.
    """

    def __init__(self, names, publicly, own=None, confidence="high"):
        self._scope = names if hasattr(names, "resolve") else _Objects(names)
        self._publicly = publicly
        self._own = own
        self._confidence = confidence
        self._left = 0

    def read(self, annotation):
        """The tree of an annotation; `unknown` where there is none."""
        self._left = _MOST_NODES
        try:
            return self._any(annotation, 0)
        except RecursionError:
            return unknown()

    # --- objects ---

    def _any(self, annotation, depth):
        self._left -= 1
        if annotation is NOTHING or depth > DEEPEST or self._left < 0:
            return unknown()
        if isinstance(annotation, ast.AST):
            return self._node(annotation, depth)
        cls = type(annotation)
        if annotation is None or annotation is type(None):
            return plain("none", self._confidence)
        if cls is str:
            return self._text(annotation, depth)
        if cls is typing.ForwardRef:
            return self._text(annotation.__forward_arg__, depth)
        if cls is types.GenericAlias or cls is types.UnionType or is_of_typing(annotation):
            return self._of_typing(annotation, depth)
        if descriptor.is_instance(annotation, type):
            return self._class(annotation, (), depth)
        if descriptor.class_name(cls) == "dataclasses.InitVar":
            return self._any(descriptor.attribute(annotation, "type"), depth + 1)
        return unknown()

    def _of_typing(self, annotation, depth):
        cls = type(annotation)
        if cls is typing.TypeVar:
            bounds = [annotation.__bound__] if _is_read(annotation) and annotation.__bound__ else []
            if _is_read(annotation) and len(annotation.__constraints__) <= _MOST_CONSTRAINTS:
                bounds += annotation.__constraints__
            return plain(
                "type_var",
                self._confidence,
                [self._any(bound, depth + 1) for bound in bounds],
                name=annotation.__name__,
            )
        if hasattr(typing, "NewType") and cls is typing.NewType:
            return self._any(annotation.__supertype__, depth + 1)
        name = _name_of_typing(annotation)
        arguments = getattr(annotation, "__args__", ())
        if type(arguments) is not tuple:
            arguments = ()
        origin = getattr(annotation, "__origin__", None)
        if cls is types.UnionType or origin is typing.Union:
            return union([self._any(part, depth + 1) for part in arguments], self._confidence)
        if name == "typing.Literal":
            return self._literal(arguments)
        if (
            origin is not None
            and descriptor.is_instance(origin, type)
            and name not in _KINDS
            and name not in _WRAPPERS
        ):
            return self._class(origin, arguments, depth)
        if name in ("typing.Callable", "collections.abc.Callable") and arguments:
            *parameters, result = arguments
            listed = None if parameters[:1] == [Ellipsis] or not _are_types(parameters) else parameters
            return self._callable(listed, result, depth)
        return self._named(name, arguments, NOTHING, depth)

    def _class(self, cls, arguments, depth):
        name = descriptor.class_name(cls)
        if name == "collections.abc.Callable" and arguments:
            *parameters, result = arguments
            listed = None if parameters[:1] == [Ellipsis] or not _are_types(parameters) else parameters
            return self._callable(listed, result, depth)
        return self._named(name, arguments, cls, depth)

    # --- texts and nodes ---

    def _text(self, text, depth):
        if len(text) > _LONGEST:
            return unknown()
        try:
            node = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return unknown()
        return self._node(node, depth + 1)

    def _node(self, node, depth):
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            return unknown()
        if isinstance(node, ast.Constant):
            if node.value is None:
                return plain("none", self._confidence)
            return self._text(node.value, depth) if type(node.value) is str else unknown()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return union(
                [self._node(part, depth + 1) for part in _or_parts(node)],
                self._confidence,
            )
        if isinstance(node, ast.Starred):
            return self._node(node.value, depth + 1)
        if isinstance(node, ast.Subscript):
            inner = node.slice
            arguments = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
            return self._subscript(node.value, arguments, depth)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._symbol(node, (), depth)
        if isinstance(node, ast.Call):
            return self._made(node, depth)
        return unknown()

    def _made(self, node, depth):
        """`TypeVar("T", bound=int)` and its like, as stubs have them."""
        word = dotted(node.func).rpartition(".")[2]
        if word == "NewType" and len(node.args) == 2:
            return self._node(node.args[1], depth + 1)
        if word != "TypeVar" or not node.args:
            return unknown()
        constraints = node.args[1:] if len(node.args) <= _MOST_CONSTRAINTS + 1 else []
        bounds = [k.value for k in node.keywords if k.arg == "bound"] + constraints
        name = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
        return plain("type_var", self._confidence, [self._any(b, depth + 1) for b in bounds], name=str(name))

    def _subscript(self, base, arguments, depth):
        name, _ = self._scope.resolve(dotted(base))
        name = _canonical(name)
        if name == "typing.Literal":
            return self._literal([_constant(a) for a in arguments])
        if name == "typing.Optional":
            return union(
                [self._node(arguments[0], depth + 1), plain("none", self._confidence)], self._confidence
            )
        if name == "typing.Union":
            return union([self._node(a, depth + 1) for a in arguments], self._confidence)
        if name in ("typing.Callable", "collections.abc.Callable") and len(arguments) == 2:
            listed = arguments[0].elts if isinstance(arguments[0], ast.List) else None
            return self._callable(listed, arguments[1], depth)
        return self._symbol(base, arguments, depth)

    def _symbol(self, node, arguments, depth):
        name, found = self._scope.resolve(dotted(node))
        if isinstance(found, Alias):
            outer, self._scope = self._scope, found.scope
            try:
                return self._node(found.node, depth + 1)
            finally:
                self._scope = outer
        if isinstance(found, Opaque):
            return plain("any", "low", name=found.name)
        if found is not NOTHING and not arguments and type(found) is not str:
            if found is None:
                return plain("none", self._confidence)
            return self._any(found, depth + 1)
        if descriptor.is_instance(found, type):
            return self._class(found, arguments, depth)
        return self._named(_canonical(name), arguments, NOTHING, depth)

    # --- what both come to ---

    def _named(self, name, arguments, cls, depth):
        """`name[arguments]`; `cls`: the class of that name, where there is one."""
        name = _canonical(name)
        if name in _WRAPPERS:
            return self._any(arguments[0], depth + 1) if arguments else unknown()
        if name == "typing.Self":
            return plain("class", self._confidence, name=self._own) if self._own else unknown()
        if name in ("typing.NoReturn", "typing.Never"):
            return plain("class", self._confidence, name="typing.NoReturn")
        if name in _ANONYMOUS or not name:
            return unknown()
        kind = _KINDS.get(name)
        more = {} if name in _EXACT or kind in ("bool", "none", "any") else {"name": name}
        if kind == "tuple":
            if len(arguments) == 2 and _is_ellipsis(arguments[1]):
                return plain("tuple", self._confidence, [self._any(arguments[0], depth + 1)], variadic=True)
            if len(arguments) == 1 and isinstance(arguments[0], ast.Tuple) and not arguments[0].elts:
                arguments = ()
        elif kind == "awaitable" and arguments:
            arguments = arguments[-1:]
        elif kind == "bool":
            arguments = ()
        if kind is None:
            return self._of_class(name, arguments, cls, depth)
        parts = [self._any(a, depth + 1) for a in arguments if not _is_ellipsis(a)]
        return plain(kind, self._confidence, parts, **more)

    def _of_class(self, name, arguments, cls, depth):
        kind, more = "class", {}
        confidence = self._confidence
        if cls is NOTHING:
            # Said by name only.
            confidence = "medium" if confidence == "high" else confidence
        else:
            name = self._publicly(cls)
            own = descriptor.class_dict(cls)
            if is_typed_dict(cls):
                kind = "typed_dict"
                if depth < 3:
                    found = descriptor.annotations(cls)
                    more["fields"] = {
                        field: self._any(found[field], depth + 1) for field in found if type(field) is str
                    }
            elif own.get("_is_protocol") is True:
                kind = "protocol"
        parts = [self._any(a, depth + 1) for a in arguments if not _is_ellipsis(a)]
        return plain(kind, confidence, parts, name=name, **more)

    def _callable(self, parameters, result, depth):
        result = self._any(result, depth + 1)
        if parameters is None:
            return plain("callable", self._confidence, [result], variadic=True)
        return plain("callable", self._confidence, [*(self._any(p, depth + 1) for p in parameters), result])

    def _literal(self, found):
        listed = []
        for value in found:
            # Members of enums, and what no JSON has, by their text.
            plainly = values.literal(value)
            listed.append(plainly["literal"] if "literal" in plainly else plainly["repr"])
        return plain("literal", self._confidence, values=listed[:_MOST_PARTS])


class _Objects:
    """Names that stand for objects: those of a module, and Python's own."""

    def __init__(self, names):
        self._names = Scope(names)

    def resolve(self, path):
        """A dotted name and the object that it stands for."""
        if not path:
            return "", NOTHING
        first, *rest = path.split(".")
        found = self._names[first]
        for part in rest:
            found = NOTHING if found is NOTHING else descriptor.attribute(found, part)
        if found is NOTHING:
            return path, NOTHING
        if is_of_typing(found):
            return _name_of_typing(found), found
        return (descriptor.class_name(found) if descriptor.is_instance(found, type) else path), found


def is_typed_dict(cls):
    """Whether a class was made by `TypedDict`."""
    own = descriptor.class_dict(cls)
    return "__total__" in own and "__required_keys__" in own and descriptor.is_subclass(cls, dict)


def dotted(node):
    """`a.b.c` of a node; empty where it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _or_parts(node):
    """The parts of `a | b | c`, which the parser nests."""
    parts = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def _constant(node):
    try:
        return ast.literal_eval(node)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        try:
            return ast.unparse(node)
        except (ValueError, RecursionError):
            return "..."


def _canonical(name):
    if name.startswith("typing_extensions."):
        return "typing." + name.partition(".")[2]
    if name.startswith("builtins."):
        return name.partition(".")[2]
    if name.startswith("_collections_abc."):
        return "collections.abc." + name.partition(".")[2]
    return name


def _is_ellipsis(argument):
    return argument is Ellipsis or (isinstance(argument, ast.Constant) and argument.value is Ellipsis)


def _are_types(parameters):
    return not any(type(p) in (typing.ParamSpec,) or _is_concatenate(p) for p in parameters)


def _is_concatenate(parameter):
    return is_of_typing(parameter) and getattr(parameter, "__origin__", None) is typing.Concatenate


def _is_read(type_var):
    """Whether the bound of a type variable is a value, and not code that would run for it (Python 3.12's syntax)."""
    evaluate = getattr(type_var, "evaluate_bound", None), getattr(type_var, "evaluate_constraints", None)
    return type(type_var) is typing.TypeVar and evaluate == (None, None) and _has_no_code(type_var)


def _has_no_code(type_var):
    # Python 3.12 and 3.13 evaluate lazily, and do not tell: only those of `TypeVar(...)` know their module.
    return getattr(type_var, "__infer_variance__", False) is not True


def is_of_typing(annotation):
    """Whether something is one of the objects of `typing`, as `List[int]`, and no class."""
    module = descriptor.CLASS_MODULE.__get__(type(annotation))
    return module in ("typing", "types", "typing_extensions") and not descriptor.is_instance(annotation, type)


def _name_of_typing(annotation):
    """`typing.List`; for an alias of a class, that class's."""
    origin = getattr(annotation, "__origin__", None)
    if type(annotation) is types.GenericAlias and descriptor.is_instance(origin, type):
        return descriptor.class_name(origin)
    if is_of_typing(origin) and getattr(origin, "_name", None):
        return f"typing.{origin._name}"
    if "__metadata__" in descriptor.instance_dict(annotation):
        return "typing.Annotated"
    if descriptor.is_instance(origin, type):
        name = descriptor.class_name(origin)
        return (
            name if name in _KINDS or not getattr(annotation, "_name", None) else f"typing.{annotation._name}"
        )
    name = getattr(annotation, "_name", None) or getattr(annotation, "__name__", None)
    return f"typing.{name}" if type(name) is str else ""

"""Classes as descriptors: constructor, methods, properties, attributes. No property is run, and no metaclass asked."""

import dataclasses
import functools
import inspect
import types

from snakebridge import annotations, descriptor, signatures
from snakebridge.descriptor import NOTHING
from snakebridge.introspection import functions, trees, values

_ABSTRACT = inspect.TPFLAGS_IS_ABSTRACT
_FLAGS = type.__dict__["__flags__"]
_C_PROPERTIES = (types.GetSetDescriptorType, types.MemberDescriptorType)
_NO_METHODS = (types.ModuleType, property, functools.cached_property)


class Classes:
    """Makes the descriptors of classes. `listed`: the classes of the document, by id; `wanted`: whether a path is."""

    def __init__(self, described, publicly, listed, wanted):
        self._functions = described
        self._publicly = publicly
        self._listed = listed
        self._wanted = wanted

    def describe(self, cls, name, path):
        """The descriptor of a class."""
        doc = self._functions.doc_of(_own_documentation(cls))
        members = self._members(cls, path)
        return {
            "name": values.clean(name),
            "path": values.clean(path),
            "defined": values.clean(descriptor.class_name(cls)),
            "kind": kind(cls),
            "bases": [self._publicly(base) for base in _bases(cls)],
            "mro": [self._publicly(base) for base in descriptor.mro(cls)],
            "constructor": self._constructor(cls, name, path, doc),
            **members,
            "abstract": bool(_FLAGS.__get__(cls) & _ABSTRACT),
            "deprecated": functions.deprecation(cls, doc),
            "doc": doc,
        }

    def _constructor(self, cls, name, path, doc):
        module, _, _ = path.rpartition(".")
        places = [(module, name), *(_origin(owner) for owner in descriptor.mro(cls) if owner is not object)]
        origins = [
            (where, f"{inside}.{method}") for where, inside in places for method in ("__init__", "__new__")
        ]
        found = self._functions.describe(cls, name, path, "function", origins=origins, bound=True, own=path)
        # Its documentation is the class's, said once; what `__init__` says is its own.
        init, owner = descriptor.class_attribute(cls, "__init__")
        own = owner is cls and type(init) is types.FunctionType
        found["doc"] = self._functions.doc(init) if own else None
        found["deprecated"] = None
        found["returns"] = trees.plain("class", name=values.clean(path))
        if kind(cls) == "typed_dict":
            reader = self._reader(cls, path)
            required = descriptor.class_dict(cls).get("__required_keys__", ())
            found["signature"] = "known"
            found["parameters"] = [
                functions.parameter(
                    field,
                    "keyword_only",
                    reader.read(said),
                    None if field in required else {"repr": "<absent>"},
                )
                for field, said in descriptor.annotations(cls).items()
                if type(field) is str
            ]
        return found

    def _members(self, cls, path):
        found = {"methods": [], "properties": [], "attributes": []}
        for name in sorted(self._names(cls)):
            member, owner = descriptor.class_attribute(cls, name)
            if not self._wanted(f"{path}.{name}", name):
                continue
            inherited = {} if owner is cls or owner is None else {"from": self._publicly(owner)}
            place, described = self._member(cls, owner, member, name, path)
            if described is not None:
                found[place].append({**described, **inherited})
        return found

    def _names(self, cls):
        names = set()
        fields = {}
        for owner in descriptor.mro(cls):
            if owner is object or (owner is not cls and id(owner) in self._listed):
                continue
            names.update(name for name in list(descriptor.class_dict(owner)) if type(name) is str)
            fields.update(descriptor.annotations(owner))
        names.update(name for name in fields if type(name) is str)
        # Of the special ones only what a call of the object does has a name of its own in Python, and a signature.
        return {n for n in names if n == "__call__" or not (n.startswith("__") and n.endswith("__"))}

    def _member(self, cls, owner, member, name, path):
        """(the list it belongs to, its descriptor or None)."""
        full = f"{path}.{name}"
        if member is NOTHING:
            return "attributes", self._field(cls, name, full, path)
        form = type(member)
        where, inside = _origin(owner)
        origins = [(where, f"{inside}.{name}")]
        if owner is cls:
            module, _, last = path.rpartition(".")
            origins.insert(0, (module, f"{last}.{name}"))
        if form in (staticmethod, classmethod, types.ClassMethodDescriptorType):
            word = "staticmethod" if form is staticmethod else "classmethod"
            inner = descriptor.unwrapped(member)
            if not functions.is_function(inner):
                # A descriptor inside of another: only reading it would tell.
                return "methods", self._unread(name, full, word)
            bound = word == "classmethod"
            return "methods", self._functions.describe(
                inner, name, full, word, origins=origins, bound=bound, own=path
            )
        if form is types.BuiltinFunctionType:
            # `__new__` and its like are static already.
            return "methods", self._functions.describe(
                member, name, full, "staticmethod", origins=origins, own=path
            )
        if form is functools.partialmethod:
            return "methods", self._unread(name, full, "method")
        if functions.is_function(member):
            return "methods", self._functions.describe(
                member, name, full, "method", origins=origins, bound=True, own=path
            )
        if form in _NO_METHODS or form in _C_PROPERTIES or _is_property(member):
            return "properties", self._property(owner, member, name, path)
        enum_member = _enum_member(cls, name)
        if enum_member is not NOTHING:
            value = descriptor.instance_dict(enum_member).get("_value_")
            return "attributes", {
                **_constant(name, full, trees.plain("class", name=path)),
                **values.constant(value),
            }
        if descriptor.is_instance(member, type):
            tree = trees.plain("type", of=[trees.plain("class", name=self._publicly(member))])
            return "attributes", {**_constant(name, full, tree), "repr": values.text(member)}
        if functions.is_callable(member):
            return "methods", self._functions.describe(member, name, full, "callable", own=path)
        said = descriptor.annotations(owner).get(name, NOTHING)
        tree = trees.of_value(member, self._publicly)
        if said is not NOTHING:
            tree = self._reader(owner, path).read(said)
        found = {**_constant(name, full, tree), **values.constant(member)}
        if said is not NOTHING and name in _fields_of_dataclass(owner):
            # The class has the default.
            found["of_instance"] = True
        return "attributes", found

    def _unread(self, name, path, word):
        found = self._functions.describe(None, name, path, word)
        return {**found, "doc": None}

    def _field(self, cls, name, full, path):
        """What a class only annotates: its objects have it."""
        for owner in descriptor.mro(cls):
            said = descriptor.annotations(owner).get(name, NOTHING)
            if said is not NOTHING:
                tree = self._reader(owner, path).read(said)
                return {**_constant(name, full, tree), "value": None, "repr": None, "of_instance": True}
        return None

    def _property(self, owner, member, name, path):
        function = functions.of_property(member)
        tree = trees.unknown()
        doc = self._functions.doc(member)
        if function is not NOTHING:
            found = descriptor.annotations(function).get("return", NOTHING)
            tree = self._functions.reader(function, path).read(found)
            doc = doc or self._functions.doc(function)
        elif descriptor.class_name(type(member)).endswith("_tuplegetter"):
            tree = self._reader(owner, path).read(descriptor.annotations(owner).get(name, NOTHING))
        # A slot, too; what C gives may or may not be.
        is_slot = type(member) is types.MemberDescriptorType and "__slots__" in descriptor.class_dict(owner)
        settable = type(member) is functools.cached_property or is_slot
        if type(member) is property:
            settable = member.fset is not None
        return {
            "name": values.clean(name),
            "type": tree,
            "settable": settable,
            "deprecated": functions.deprecation(member, doc),
            "doc": doc,
        }

    def _reader(self, cls, path):
        return trees.Reader(annotations.names_around(cls), self._publicly, path)


def _constant(name, path, tree):
    return {"name": values.clean(name), "path": values.clean(path), "type": tree}


def kind(cls):
    """One word for what a class is."""
    own = descriptor.class_dict(cls)
    if trees.is_typed_dict(cls):
        return "typed_dict"
    if descriptor.is_subclass(cls, BaseException):
        return "exception"
    if type(own.get("_member_map_")) is dict:
        return "enum"
    if descriptor.is_subclass(cls, tuple) and type(descriptor.class_attribute(cls, "_fields")[0]) is tuple:
        return "named_tuple"
    if own.get("_is_protocol") is True:
        return "protocol"
    if type(own.get("__dataclass_fields__")) is dict:
        return "dataclass"
    return "class"


def _fields_of_dataclass(cls):
    fields = descriptor.class_dict(cls).get("__dataclass_fields__")
    if type(fields) is not dict:
        return ()
    found = [(name, field) for name, field in fields.items() if type(field) is dataclasses.Field]
    # What is annotated with `ClassVar` is the class's alone.
    return [name for name, field in found if field._field_type is dataclasses._FIELD]


def _origin(cls):
    """Where a class is defined: its module, and its path inside."""
    module = descriptor.CLASS_MODULE.__get__(cls)
    return (module if type(module) is str else ""), descriptor.CLASS_QUALNAME.__get__(cls)


def _bases(cls):
    return type.__dict__["__bases__"].__get__(cls)


def _own_documentation(cls):
    """A class's documentation; that of a base is the base's."""
    text = descriptor.documentation(cls)
    if not text or "__doc__" not in descriptor.class_dict(cls):
        return "" if not descriptor.is_builtin(cls) else text
    return text if descriptor.class_dict(cls)["__doc__"] is not None else ""


def _is_property(member):
    """Whether reading an attribute of an object would run code, and calling it is not what it is for."""
    found, _ = descriptor.class_attribute(type(member), "__get__")
    return found is not NOTHING and signatures.function_of(member)[0] is None


def _enum_member(cls, name):
    members = descriptor.class_dict(cls).get("_member_map_")
    return members.get(name, NOTHING) if type(members) is dict else NOTHING

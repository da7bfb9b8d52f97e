"""What can be said of an object without running its code: the one place that looks into objects.

`inspect.getattr_static` is the model: instance dicts and class dicts are read, but no property, no `__getattr__`, no
`__repr__` and no metaclass of the user runs. What cannot be known that way is not said.
"""

import dis
import inspect
import itertools
import re
import sys
import types

_CLASS_DICT = type.__dict__["__dict__"]
_CLASS_MRO = type.__dict__["__mro__"]
CLASS_MODULE = type.__dict__["__module__"]
CLASS_QUALNAME = type.__dict__["__qualname__"]
_MODULE_DICT = types.ModuleType.__dict__["__dict__"]

# Classes written in C by people who are known: reading their attributes computes nothing that could fail or wait.
_TRUSTED_MODULES = {
    "builtins",
    "datetime",
    "decimal",
    "fractions",
    "numpy",
    "array",
    "collections",
    "_io",
    "re",
}

# How extensions written in C begin a docstring, for the signature's sake.
_SIGNATURE_IN_TEXT = re.compile(r"\A\w+\(.*?\)\n--\n\n", re.DOTALL)
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)

FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)

LONGEST_VALUE = 200
LONGEST_PARAGRAPH = 300


class _Nothing:
    """Stands for what is not there, or would be known only by running code."""

    def __bool__(self):
        return False


NOTHING = _Nothing()


class Instance:
    """Some object of a class: which one is not known. `parts`: what is inside it, as far as that is known (`list[int]`);
    `pairs`: what a dict as it is written in a source has under its keys."""

    __slots__ = ("cls", "pairs", "parts")

    def __init__(self, cls, parts=(), pairs=None):
        self.cls = cls
        self.parts = parts
        self.pairs = pairs


def class_of(value):
    """The class of an object, and of what is known by its class alone."""
    return value.cls if type(value) is Instance else type(value)


# --- looking without touching ---


def mro(cls):
    """The classes of a class, nearest first."""
    return _CLASS_MRO.__get__(cls)


def is_instance(value, cls):
    """`isinstance` by the real type: the builtin one asks `value.__class__`, which may be a property."""
    return is_subclass(type(value), cls)


def is_subclass(cls, base):
    """`issubclass` by the real bases; `in` would ask a metaclass whether they are equal."""
    for one in mro(cls):  # noqa: SIM110 - a generator would cost more than the answer
        if one is base:
            return True
    return False


def class_dict(cls):
    """A class's own attributes."""
    return _CLASS_DICT.__get__(cls)


def instance_dict(value):
    """An object's own attributes; empty where it has none, or hides them."""
    if type(value) is Instance:
        return {}
    if is_instance(value, types.ModuleType):
        return _MODULE_DICT.__get__(value)
    if is_instance(value, type):
        return class_dict(value)
    for cls in mro(type(value)):
        found = class_dict(cls).get("__dict__")
        if found is None:
            continue
        if type(found) is not types.GetSetDescriptorType:
            return {}
        own = found.__get__(value)
        return own if type(own) is dict else {}
    return {}


def type_name(value):
    """`module.qualname` of an object's type; builtin types by their name alone."""
    return class_name(class_of(value))


def class_name(cls):
    """`module.qualname` of a class; a builtin one by its name alone."""
    name = CLASS_QUALNAME.__get__(cls)
    module = CLASS_MODULE.__get__(cls)
    if type(module) is not str or module in ("builtins", "__main__"):
        return name
    return f"{module}.{name}"


def class_attribute(cls, name):
    """What a class's attribute is, descriptors not asked: (value, the class that has it)."""
    for owner in mro(cls):
        attributes = class_dict(owner)
        if name in attributes:
            return attributes[name], owner
    return NOTHING, None


def attribute(value, name):
    """The object that `value.name` gives; NOTHING where only running code would tell."""
    if is_instance(value, types.ModuleType):
        own = instance_dict(value)
        if name in own:
            return own[name]
        submodule = sys.modules.get(f"{own.get('__name__')}.{name}")
        return NOTHING if submodule is None else submodule
    if is_instance(value, type):
        found, _ = class_attribute(value, name)
        if found is not NOTHING:
            return unwrapped(found)
        found, _ = class_attribute(type(value), name)
        return unwrapped(found)
    found, owner = class_attribute(class_of(value), name)
    own = instance_dict(value)
    if name in own and not _is_data_descriptor(found):
        return own[name]
    return _got(found, owner, value)


def _got(found, owner, value):
    """What reading a class's attribute through an instance gives."""
    kind = type(found)
    if type(value) is Instance and kind in _DESCRIPTORS:
        return NOTHING
    if kind is types.MemberDescriptorType or (
        kind is types.GetSetDescriptorType and CLASS_MODULE.__get__(owner) in _TRUSTED_MODULES
    ):
        try:
            return found.__get__(value)
        except Exception:
            # An empty slot.
            return NOTHING
    if kind in (types.GetSetDescriptorType, property) or _is_data_descriptor(found) or _computes(found):
        return NOTHING
    return unwrapped(found)


def _computes(found):
    """Whether a class's attribute is no function and gives what its code makes of the object."""
    if type(found) in FUNCTIONS or type(found) in (staticmethod, classmethod) or found is NOTHING:
        return False
    return class_attribute(type(found), "__get__")[0] is not NOTHING and not _is_like_function(found)


def unwrapped(found):
    return found.__func__ if type(found) in (staticmethod, classmethod) else found


def _is_data_descriptor(found):
    return found is not NOTHING and any("__set__" in class_dict(cls) for cls in mro(type(found)))


def item(value, key):
    """The object that `value[key]` gives, for containers of Python's own; NOTHING elsewhere."""
    try:
        if is_instance(value, dict) and class_attribute(type(value), "__getitem__")[1] is dict:
            return _under(value, key)
        if type(value) in (list, tuple, str, bytes) and type(key) in (int, slice):
            return value[key]
    except Exception:
        return NOTHING
    return NOTHING


def _under(mapping, key):
    """What a dict has under a key of a plain type. Looking it up could ask another key whether it is equal."""
    if len(mapping) > _MOST_KEYS or type(key) not in _KEYS:
        return NOTHING
    for other, value in list(dict.items(mapping)):
        if type(other) is type(key) and other == key:
            return value
    return NOTHING


_MOST_KEYS = 100_000
_KEYS = (str, int, float, bytes, bool)


# --- members ---


def member_names(value):
    """The names of an object's attributes, in no order. Never fails: what cannot be looked at is left out."""
    names = set(_names(instance_dict(value)))
    if is_instance(value, types.ModuleType):
        # Names that a module gives out when asked for the first time are listed there.
        announced = instance_dict(value).get("__all__")
        if type(announced) in (list, tuple):
            names.update(name for name in list(announced) if type(name) is str)
        return names
    classes = mro(value) if is_instance(value, type) else mro(class_of(value))
    for cls in classes:
        names.update(_names(class_dict(cls)))
    if type(value) is Instance:
        names.update(fields(value.cls))
    if is_instance(value, type):
        names.update(name for name in _names(class_dict(type)) if name.startswith("__") or name == "mro")
    names.update(name for name in columns(value) if name.isidentifier())
    return names


def fields(cls):
    """What the objects of a class have for themselves, by what the class says: name to annotation, which is NOTHING for
    what only its `__init__` tells."""
    found = {}
    for owner in reversed(mro(cls)):
        own = class_dict(owner)
        init = own.get("__init__")
        if type(init) is types.FunctionType and init.__code__.co_argcount:
            found.update(dict.fromkeys(_assigned(init.__code__), NOTHING))
        found.update(annotations(owner))
    return found


def _assigned(code):
    """The attributes that a method sets, of whatever: mostly of the object."""
    instructions = dis.get_instructions(code)
    return [i.argval for i in instructions if i.opname == "STORE_ATTR" and type(i.argval) is str]


def annotations(value):
    """The annotations of a class or function; as texts where only running code would give more."""
    if sys.version_info >= (3, 14):
        import annotationlib

        try:
            return annotationlib.get_annotations(value, format=annotationlib.Format.STRING)
        except Exception:
            return {}
    own = class_dict(value) if is_instance(value, type) else {"__annotations__": value.__annotations__}
    found = own.get("__annotations__")
    return found if type(found) is dict else {}


def _names(attributes):
    return [name for name in list(attributes) if type(name) is str]


def columns(value):
    """The names of a data frame's columns; empty for all other objects."""
    if type(value) is Instance:
        return []
    for module, name in (("pandas", "DataFrame"), ("polars", "DataFrame")):
        cls = _class_of_module(module, name)
        if cls is not None and is_instance(value, cls):
            try:
                # The library's own property, also for a subclass that has another.
                found = class_attribute(cls, "columns")[0].__get__(value, cls)
                return [name for name in list(found[:_MOST_COLUMNS]) if type(name) is str]
            except Exception:
                return []
    return []


_MOST_COLUMNS = 2000


def _class_of_module(module, name):
    """A class of a module that the user has imported."""
    module = sys.modules.get(module)
    cls = None if module is None else instance_dict(module).get(name)
    return cls if is_instance(cls, type) else None


def keys(value):
    """The keys that `value[...]` takes, for dicts and data frames: texts, numbers and the like only."""
    if type(value) is Instance:
        return [key for key in value.pairs or () if type(key) in _KEYS]
    if is_instance(value, dict):
        found = list(dict.keys(value))[:_MOST_COLUMNS]
        return [key for key in found if type(key) in _KEYS]
    return columns(value)


# --- what kind of thing it is ---


def kind(value):
    """One word for people: module, class, function, method, property, or variable for all else."""
    cls = type(value)
    if cls is types.FunctionType or cls is types.BuiltinFunctionType:
        return "function"
    if cls in FUNCTIONS or cls is types.MethodType:
        return "method"
    if is_instance(value, type):
        return "class"
    if is_instance(value, types.ModuleType):
        return "module"
    return "function" if _is_like_function(value) else "variable"


def _is_like_function(value):
    """Objects of C that are called and have a name: numpy's functions, Cython's, cached ones."""
    call, owner = class_attribute(type(value), "__call__")
    if call is NOTHING or type(call) is types.FunctionType or owner is object:
        return False
    return "__name__" in instance_dict(value) or "__name__" in class_dict(owner)


def member_kind(owner, name):
    """The kind of an attribute, and its object where that is known."""
    value = attribute(owner, name)
    if value is NOTHING:
        found = NOTHING
        if not is_instance(owner, types.ModuleType):
            found, _ = class_attribute(owner if is_instance(owner, type) else class_of(owner), name)
        return ("property" if found is not NOTHING else "variable"), NOTHING
    if type(value) in (property, types.GetSetDescriptorType, types.MemberDescriptorType):
        return "property", value
    word = kind(value)
    if word == "function" and not is_instance(owner, types.ModuleType) and name not in instance_only(owner):
        word = "method"
    return word, value


def member_kinds(owner, names):
    """The kinds of many attributes, by a shorter look than `member_kind`'s."""
    found = {}
    for cls in reversed(mro(owner) if is_instance(owner, type) else mro(class_of(owner))):
        found.update(class_dict(cls))
    own = instance_only(owner)
    is_module = is_instance(owner, types.ModuleType)
    known, kinds = {}, {}
    for name in names:
        is_own = name in own
        value = own[name] if is_own else found.get(name, NOTHING)
        cls = type(value)
        word = known.get(cls)
        if word is None:
            if cls in (property, *_DESCRIPTORS) or _computes(value):
                word = "property"
            else:
                word = "variable" if value is NOTHING else kind(unwrapped(value))
            # Of a class of classes, each object says what it is.
            if cls not in (staticmethod, classmethod):
                known[cls] = word
        kinds[name] = "method" if word == "function" and not is_own and not is_module else word
    return kinds


def takes_itself(owner, name):
    """Whether `owner.name` is a method whose first parameter is given by that: of an object, or a class's own."""
    if is_instance(owner, types.ModuleType) or name in instance_only(owner):
        return False
    is_class = is_instance(owner, type)
    found, _ = class_attribute(owner if is_class else class_of(owner), name)
    if type(found) in (classmethod, types.ClassMethodDescriptorType):
        return True
    return not is_class and type(found) in (
        types.FunctionType,
        types.MethodDescriptorType,
        types.WrapperDescriptorType,
    )


def instance_only(value):
    """The own attributes of an object that is no class."""
    return {} if is_instance(value, type) else instance_dict(value)


# --- documentation ---


def documentation(value):
    """An object's docstring, indentation removed; that of its type where it has none of its own; else empty."""
    if type(value) in FUNCTIONS or type(value) in (types.MethodType, property):
        text = value.__doc__
    elif is_instance(value, types.ModuleType):
        text = instance_dict(value).get("__doc__")
    elif is_instance(value, type):
        text = _class_documentation(value)
    else:
        text = attribute(value, "__doc__")
        if type(text) is not str:
            text = _class_documentation(type(value))
    return inspect.cleandoc(text) if type(text) is str else ""


def is_builtin(cls):
    return CLASS_MODULE.__get__(cls) == "builtins"


def _class_documentation(cls):
    for owner in mro(cls):
        text = class_dict(owner).get("__doc__")
        if type(text) is types.GetSetDescriptorType:
            text = None
        if text is None and is_builtin(owner):
            text = type.__dict__["__doc__"].__get__(owner)
        if type(text) is str and (owner is cls or owner is not object):
            return _SIGNATURE_IN_TEXT.sub("", text, count=1)
    return None


def first_paragraph(text):
    """The first paragraph, in one line."""
    return " ".join(text.strip().partition("\n\n")[0].split())[:LONGEST_PARAGRAPH]


# --- values, for people ---


def size(value):
    """A length or a shape as text, or None."""
    if type(value) in (str, bytes, bytearray, list, tuple, dict, set, frozenset, range):
        return str(len(value))
    shape = _shape(value)
    return None if shape is None else " x ".join(map(str, shape))


def _shape(value):
    for module, names in (("numpy", ("ndarray",)), ("pandas", ("DataFrame", "Series"))):
        for name in names:
            cls = _class_of_module(module, name)
            if cls is not None and type(value) is cls:
                try:
                    return tuple(value.shape)
                except Exception:
                    return None
    return None


def is_plain(value):
    """Whether a value is of one of Python's own types for data."""
    return value is None or type(value) in _PLAIN


def short_value(value, longest=LONGEST_VALUE):
    """A short text of a value: of Python's own plain types only, since any other would write it with its own code."""
    text = _short(value, longest, depth=3)
    return "" if text is None else text


def _short(value, longest, depth):
    cls = type(value)
    if value is None or cls in (bool, float, complex, range) or value is Ellipsis:
        return repr(value)
    if cls is int:
        # Python refuses to write very long ones, and takes long for long ones.
        return repr(value) if value.bit_length() < 2000 else f"<int of {value.bit_length()} bits>"
    if cls in (str, bytes):
        cut = value[:longest]
        text = repr(cut)
        return text if len(value) <= longest and len(text) <= longest else text[:longest] + "..."
    if cls in _BRACKETS:
        return _short_container(value, longest, depth)
    if is_instance(value, type):
        return f"<class {class_name(value)}>"
    if is_instance(value, types.ModuleType):
        return f"<module {instance_dict(value).get('__name__')}>"
    if cls in FUNCTIONS or cls is types.MethodType:
        return f"<{kind(value)} {value.__name__}>"
    return None


_PLAIN = {bool, int, float, complex, str, bytes, bytearray, range, list, tuple, dict, set, frozenset}
_BRACKETS = {list: "[]", tuple: "()", set: "{}", dict: "{}", frozenset: ("frozenset({", "})")}


def _fitting(texts, longest):
    kept, length = [], 0
    for text in texts:
        length += len(text) + 2
        if length > longest:
            return [*kept, "..."]
        kept.append(text)
    return kept


_MOST_SORTED = 1000


def _short_container(value, longest, depth):
    opening, closing = _BRACKETS[type(value)]
    if not value:
        return {set: "set()", frozenset: "frozenset()"}.get(type(value), opening + closing)
    if depth == 0:
        return f"{opening}...{closing}"
    if type(value) in (set, frozenset):
        # In an order that is the same in each process.
        if len(value) > _MOST_SORTED:
            return f"{opening}...{closing}"
        texts = sorted(_short(part, longest, depth - 1) or f"<{type_name(part)}>" for part in list(value))
        return opening + ", ".join(_fitting(texts, longest)) + closing
    texts, length = [], 0
    try:
        for part in itertools.islice(value.items() if type(value) is dict else value, 50):
            if type(value) is dict:
                text = ": ".join(_short(x, longest, depth - 1) or f"<{type_name(x)}>" for x in part)
            else:
                text = _short(part, longest, depth - 1) or f"<{type_name(part)}>"
            if length + len(text) > longest:
                break
            texts.append(text)
            length += len(text) + 2
    except RuntimeError:
        # A set or dict that another thread changes.
        return f"{opening}...{closing}"
    if len(texts) < len(value):
        texts.append("...")
    elif type(value) is tuple and len(texts) == 1:
        return f"({texts[0]},)"
    return opening + ", ".join(texts) + closing

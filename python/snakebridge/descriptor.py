"""What can be said of an object without running its code: the one place that looks into objects.

`inspect.getattr_static` is the model: instance dicts and class dicts are read, but no property, no `__getattr__`, no
`__repr__` and no metaclass of the user runs. What cannot be known that way is not said.
"""

import inspect
import itertools
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

_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)

LONGEST_VALUE = 200


class _Nothing:
    """Stands for what is not there, or would be known only by running code."""

    def __bool__(self):
        return False


NOTHING = _Nothing()


# --- looking without touching ---


def mro(cls):
    """The classes of a class, nearest first."""
    return _CLASS_MRO.__get__(cls)


def is_instance(value, cls):
    """`isinstance` by the real type: the builtin one asks `value.__class__`, which may be a property."""
    return cls in mro(type(value))


def class_dict(cls):
    """A class's own attributes."""
    return _CLASS_DICT.__get__(cls)


def instance_dict(value):
    """An object's own attributes; empty where it has none, or hides them."""
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
    return class_name(type(value))


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
    found, owner = class_attribute(type(value), name)
    own = instance_dict(value)
    if name in own and not _is_data_descriptor(found):
        return own[name]
    return _got(found, owner, value)


def _got(found, owner, value):
    """What reading a class's attribute through an instance gives."""
    kind = type(found)
    if kind is types.MemberDescriptorType or (
        kind is types.GetSetDescriptorType and CLASS_MODULE.__get__(owner) in _TRUSTED_MODULES
    ):
        try:
            return found.__get__(value)
        except Exception:
            # An empty slot.
            return NOTHING
    if kind in (types.GetSetDescriptorType, property) or _is_data_descriptor(found):
        return NOTHING
    return unwrapped(found)


def unwrapped(found):
    return found.__func__ if type(found) in (staticmethod, classmethod) else found


def _is_data_descriptor(found):
    return found is not NOTHING and any("__set__" in class_dict(cls) for cls in mro(type(found)))


def item(value, key):
    """The object that `value[key]` gives, for containers of Python's own; NOTHING elsewhere."""
    try:
        if is_instance(value, dict) and class_attribute(type(value), "__getitem__")[1] is dict:
            return dict.get(value, key, NOTHING)
        if type(value) in (list, tuple, str, bytes) and type(key) is int:
            return value[key]
    except Exception:
        return NOTHING
    return NOTHING


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
    classes = mro(value) if is_instance(value, type) else mro(type(value))
    for cls in classes:
        names.update(_names(class_dict(cls)))
    if is_instance(value, type):
        names.update(name for name in _names(class_dict(type)) if name.startswith("__") or name == "mro")
    names.update(name for name in columns(value) if name.isidentifier())
    return names


def _names(attributes):
    return [name for name in list(attributes) if type(name) is str]


def columns(value):
    """The names of a data frame's columns; empty for all other objects."""
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
    if is_instance(value, dict):
        found = list(dict.keys(value))[:_MOST_COLUMNS]
        return [key for key in found if type(key) in (str, int, float, bytes, bool)]
    return columns(value)


# --- what kind of thing it is ---


def kind(value):
    """One word for people: module, class, function, method, property, or variable for all else."""
    cls = type(value)
    if cls is types.FunctionType or cls is types.BuiltinFunctionType:
        return "function"
    if cls in _FUNCTIONS or cls is types.MethodType:
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
            found, _ = class_attribute(owner if is_instance(owner, type) else type(owner), name)
        return ("property" if found is not NOTHING else "variable"), NOTHING
    if type(value) in (property, types.GetSetDescriptorType, types.MemberDescriptorType):
        return "property", value
    word = kind(value)
    if word == "function" and not is_instance(owner, types.ModuleType) and name not in instance_only(owner):
        word = "method"
    return word, value


def takes_itself(owner, name):
    """Whether `owner.name` is a method whose first parameter is given by that: of an object, or a class's own."""
    if is_instance(owner, types.ModuleType) or name in instance_only(owner):
        return False
    is_class = is_instance(owner, type)
    found, _ = class_attribute(owner if is_class else type(owner), name)
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


# --- signatures ---


def signature(value, bound=False):
    """The signature as `inspect.Signature`, or None. `bound`: the first parameter is taken already."""
    function, skip = function_of(value)
    if function is None:
        return inspect.Signature() if is_instance(value, type) and _takes_nothing(value) else None
    try:
        if sys.version_info >= (3, 14):
            import annotationlib

            found = inspect.signature(function, annotation_format=annotationlib.Format.STRING)
        else:
            found = inspect.signature(function)
    except Exception:
        return None
    parameters = list(found.parameters.values())
    if (skip or bound) and parameters and parameters[0].kind in _POSITIONAL:
        parameters = parameters[1:]
    try:
        return found.replace(parameters=parameters)
    except ValueError:
        return found


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def function_of(value):
    """The function that runs when an object is called, and whether its first parameter is the object itself."""
    cls = type(value)
    if cls is types.MethodType:
        return value.__func__, True
    if cls in _FUNCTIONS:
        return _innermost(value), False
    if cls in (staticmethod, classmethod):
        return value.__func__, cls is classmethod
    if is_instance(value, type):
        for name in ("__init__", "__new__"):
            found, owner = class_attribute(value, name)
            if type(unwrapped(found)) is types.FunctionType and owner is not object:
                return _innermost(unwrapped(found)), True
        return (
            (value, False)
            if "__text_signature__" in class_dict(value) or _is_builtin(value)
            else (None, False)
        )
    wrapped = instance_dict(value).get("__wrapped__")
    if type(wrapped) is types.FunctionType:
        return _innermost(wrapped), False
    found, _ = class_attribute(cls, "__call__")
    if type(found) is types.FunctionType:
        return found, True
    return None, False


def _takes_nothing(cls):
    """Whether a class leaves its making to `object`."""
    return all(class_attribute(cls, name)[1] is object for name in ("__init__", "__new__"))


def _innermost(function):
    """What decorators wrap, so long as it is functions all the way."""
    for _ in range(32):
        if type(function) is not types.FunctionType:
            return function
        if "__signature__" in function.__dict__:
            # A text or a computed object of the user's.
            if type(function.__dict__["__signature__"]) is inspect.Signature:
                return function
            return None
        wrapped = function.__dict__.get("__wrapped__")
        if type(wrapped) is not types.FunctionType:
            return function if wrapped is None else None
        function = wrapped
    return function


def _is_builtin(cls):
    return CLASS_MODULE.__get__(cls) == "builtins"


def signature_text(value, bound=False):
    """`(a, b=1, *args)`; empty where it is not known."""
    found = signature(value, bound)
    return "" if found is None else _parameters_text(found)


def _parameters_text(found):
    texts, slash, star = [], False, False
    for parameter in found.parameters.values():
        if slash and parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
            texts.append("/")
            slash = False
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            slash = True
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            star = True
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            texts.append("*")
            star = True
        texts.append(_parameter_text(parameter))
    if slash:
        texts.append("/")
    result = _annotation_text(found.return_annotation)
    return f"({', '.join(texts)})" + (f" -> {result}" if result else "")


_STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def _parameter_text(parameter):
    text = _STARS.get(parameter.kind, "") + parameter.name
    annotation = _annotation_text(parameter.annotation)
    if annotation:
        text += f": {annotation}"
    if parameter.default is not inspect.Parameter.empty:
        equals = " = " if annotation else "="
        text += equals + _default_text(parameter.default)
    return text


def _default_text(value):
    if is_instance(value, type):
        return class_name(value)
    if kind(value) == "function":
        return value.__name__
    return short_value(value, longest=40) or "..."


def _annotation_text(annotation):
    """An annotation's text; empty where only the user's code could write it."""
    if annotation is inspect.Parameter.empty:
        return ""
    if annotation is None:
        return "None"
    if type(annotation) is str:
        return annotation
    if is_instance(annotation, type) and type(annotation) is not types.GenericAlias:
        return class_name(annotation)
    if CLASS_MODULE.__get__(type(annotation)) in ("typing", "types"):
        try:
            return repr(annotation).replace("typing.", "")
        except Exception:
            return ""
    return ""


# --- documentation ---


def documentation(value):
    """An object's docstring, indentation removed; that of its type where it has none of its own; else empty."""
    if type(value) in _FUNCTIONS or type(value) in (types.MethodType, property):
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


def _class_documentation(cls):
    for owner in mro(cls):
        text = class_dict(owner).get("__doc__")
        if type(text) is types.GetSetDescriptorType:
            text = None
        if text is None and _is_builtin(owner):
            text = type.__dict__["__doc__"].__get__(owner)
        if type(text) is str and (owner is cls or owner is not object):
            return text
    return None


def first_line(text):
    """The first line that says something."""
    for line in text.split("\n"):
        if line.strip():
            return line.strip()[:LONGEST_VALUE]
    return ""


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
    if cls in _FUNCTIONS or cls is types.MethodType:
        return f"<{kind(value)} {value.__name__}>"
    return None


_PLAIN = {bool, int, float, complex, str, bytes, bytearray, range, list, tuple, dict, set, frozenset}
_BRACKETS = {list: "[]", tuple: "()", set: "{}", dict: "{}", frozenset: ("frozenset({", "})")}


def _short_container(value, longest, depth):
    opening, closing = _BRACKETS[type(value)]
    if not value:
        return {set: "set()", frozenset: "frozenset()"}.get(type(value), opening + closing)
    if depth == 0:
        return f"{opening}...{closing}"
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

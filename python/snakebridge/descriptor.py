"""What can be said of an object without running its code: the one place that looks into objects.

`inspect.getattr_static` is the model: instance dicts and class dicts are read, but no property, no `__getattr__`, no
`__repr__` and no metaclass of the user runs. What cannot be known that way is not said.
"""

_CLASS_DICT = type.__dict__["__dict__"]
_CLASS_MRO = type.__dict__["__mro__"]


class Unknown:
    """Stands for a value that only running code would give."""


UNKNOWN = Unknown()


# --- looking without touching ---


def is_instance(value, cls):
    """`isinstance` by the real type: the builtin one asks `value.__class__`, which may be a property."""
    return cls in mro(type(value))


def mro(cls):
    """The classes of a class, nearest first."""
    return _CLASS_MRO.__get__(cls)


def class_dict(cls):
    """A class's own attributes."""
    return _CLASS_DICT.__get__(cls)

"""Reading attributes and items of objects whose own code is known to do no harm, and a thread to do it on.

Everything else is looked at by `descriptor`, which runs nothing. Here library code runs: for objects whose exact type
is numpy's, pandas', polars', or one of those that the user names. It may be slow, so nobody waits for it longer than
`PATIENCE`.
"""

import sys
import threading
import types

from snakebridge import descriptor
from snakebridge.descriptor import CLASS_MODULE, NOTHING

LIBRARIES = ("numpy", "pandas", "polars")
# What costs next to nothing to read, and tells more than its annotation.
CHEAP = {"at", "columns", "iat", "iloc", "index", "loc"}
# How long a look may take, in seconds.
PATIENCE = 0.05
_MOST_LABELS = 10_000
_LABELS = (str, bytes, int, float, bool, type(None), tuple)


def attribute(value, name, types_of_user=()):
    """`value.name` where that is harmless; NOTHING elsewhere, and where there is none."""
    if not _may_read(value, name, types_of_user):
        return NOTHING
    try:
        return getattr(value, name)
    except Exception:
        return NOTHING


def item(value, key, types_of_user=()):
    """`value[key]` where that is harmless."""
    if _is_of_user(value, types_of_user) or (_is_of_library(type(value)) and _has_plain_labels(value)):
        try:
            return value[key]
        except Exception:
            return NOTHING
    return NOTHING


def is_harmless(value, types_of_user=()):
    """Whether something of the object may be evaluated at all."""
    return _is_of_user(value, types_of_user) or _is_of_library(type(value))


def _is_of_user(value, types_of_user):
    return bool(types_of_user) and descriptor.type_name(value) in types_of_user


def _is_of_library(cls):
    """Whether a class is one of the libraries': by where it is, not only by what it says."""
    module, name = CLASS_MODULE.__get__(cls), descriptor.CLASS_QUALNAME.__get__(cls)
    if type(module) is not str or module.partition(".")[0] not in LIBRARIES:
        return False
    loaded = sys.modules.get(module)
    return loaded is not None and descriptor.instance_dict(loaded).get(name) is cls


def _may_read(value, name, types_of_user):
    if _is_of_user(value, types_of_user):
        return True
    if not _is_of_library(type(value)):
        return False
    found, _ = descriptor.class_attribute(type(value), name)
    if found is NOTHING:
        # A column of a frame.
        found, _ = descriptor.class_attribute(type(value), "__getattr__")
        return type(found) is types.FunctionType and _is_of_libraries_code(found) and _has_plain_labels(value)
    if type(found) is property:
        return type(found.fget) is types.FunctionType and _is_of_libraries_code(found.fget)
    accessor = descriptor.instance_dict(found).get("_accessor")
    if accessor is not None:
        # `df.geo`: who has registered it may be anybody.
        return descriptor.is_instance(accessor, type) and _is_of_library(accessor)
    return type(found) is types.GetSetDescriptorType or _is_of_library(type(found))


def _is_of_libraries_code(function):
    module = function.__globals__.get("__name__")
    return type(module) is str and module.partition(".")[0] in LIBRARIES


def _has_plain_labels(value):
    """Whether the labels of a frame are Python's own: of others, the library would ask whether they are equal."""
    frame = getattr(value, "obj", value) if type(value).__name__.endswith("Indexer") else value
    axes = getattr(frame, "axes", ())
    if type(axes) is not list:
        return True
    labels = axes[1:] or axes if frame is value else axes
    return all(_is_plain(level) for axis in labels for level in getattr(axis, "levels", None) or [axis])


def _is_plain(axis):
    if getattr(getattr(axis, "dtype", None), "kind", "") != "O":
        return True
    return len(axis) <= _MOST_LABELS and all(type(label) in _LABELS for label in axis)


class Looker:
    """Does one thing at a time on a thread, and gives up what takes too long: that thread goes on alone."""

    def __init__(self):
        self._thread = None

    def look(self, function):
        """What the function gives; NOTHING where it fails or takes too long, or an earlier look still goes on."""
        if self._thread is not None and self._thread.is_alive():
            return NOTHING
        found = []

        def run():
            try:
                found.append(function())
            except BaseException:
                # Also what a library raises to end the process: here it ends nothing.
                found.append(NOTHING)

        self._thread = threading.Thread(target=run, name="snakebridge looker", daemon=True)
        self._thread.start()
        self._thread.join(PATIENCE)
        return found[0] if found else NOTHING

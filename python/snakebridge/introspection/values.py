"""Values as plain data: a literal where JSON has it, else a bounded text that is the same in each process."""

import math
import types

from snakebridge import descriptor
from snakebridge.descriptor import NOTHING

LONGEST_TEXT = 200
_MOST_PARTS = 20
_MOST_BITS = 256


def literal(value):
    """`{"literal": value}` or `{"repr": text}`."""
    found = _plain(value, 3)
    return {"repr": text(value)} if found is NOTHING else {"literal": found}


def constant(value):
    """The value and the text of a constant: `{"value": .., "repr": ..}`."""
    found = _plain(value, 3)
    return {"value": None if found is NOTHING else found, "repr": text(value)}


def text(value):
    """A short text of a value; of what is not Python's own, its class alone."""
    if type(value) is str and not _is_unicode(value):
        return clean(ascii(value))[:LONGEST_TEXT]
    if descriptor.is_instance(value, type):
        return clean(f"<class {descriptor.class_name(value)}>")
    member = _enum_member(value)
    if member:
        return clean(member)
    if descriptor.is_plain(value):
        return clean(descriptor.short_value(value, LONGEST_TEXT) or "...")
    if type(value) in descriptor.FUNCTIONS or descriptor.is_instance(value, types.ModuleType):
        return clean(descriptor.short_value(value) or "...")
    if value is Ellipsis:
        return "..."
    return clean(f"<{descriptor.type_name(value)}>")


def clean(found):
    """A text that every reader of JSON takes: no halves of surrogate pairs, no zeros."""
    if found.isascii() or _is_unicode(found):
        return found
    return found.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_unicode(found):
    try:
        found.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _plain(value, depth):
    cls = type(value)
    if value is None or cls is bool:
        return value
    if cls is int:
        return value if value.bit_length() <= _MOST_BITS else NOTHING
    if cls is float:
        return value if math.isfinite(value) else NOTHING
    if cls is str:
        return value if len(value) <= LONGEST_TEXT and _is_unicode(value) else NOTHING
    if cls is list and depth and len(value) <= _MOST_PARTS:
        parts = [_plain(part, depth - 1) for part in list(value)]
        return NOTHING if any(part is NOTHING for part in parts) else parts
    if cls is dict and depth and len(value) <= _MOST_PARTS:
        found = dict(value)
        if not all(type(key) is str and _is_unicode(key) for key in found):
            return NOTHING
        parts = {key: _plain(part, depth - 1) for key, part in found.items()}
        return NOTHING if any(part is NOTHING for part in parts.values()) else parts
    return NOTHING


def _enum_member(value):
    """`Color.RED`, where a value is a member of an enumeration."""
    members = descriptor.class_dict(type(value)).get("_member_map_")
    name = descriptor.instance_dict(value).get("_name_") if type(members) is dict else None
    if type(name) is not str or members.get(name) is not value:
        return None
    return f"{descriptor.CLASS_QUALNAME.__get__(type(value))}.{name}"

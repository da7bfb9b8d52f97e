"""The items of a completion: which names match what was typed, and what a line can say of each.

The one place for the order and the rule of matching, which `SnakeBridge.Completion` in Elixir has too.
"""

import re

from snakebridge import descriptor, signatures
from snakebridge.descriptor import NOTHING

# Signatures take time, and nobody reads them in a long list.
MOST_DESCRIBED = 60
_LONGEST_DETAIL = 120


def item(text, kind, detail="", doc=""):
    """An item as the protocol has it."""
    return {"text": text, "kind": kind, "detail": detail, "doc": doc}


def matching(names, word):
    """The names that a word may stand for: those that start with it; if there are none, those that do in any case; if
    there are none either, those that begin with its first letter and have the others in this order. Private ones come
    last, and only when asked for."""
    if not word:
        return [name for name in names if not name.startswith("_")]
    found = [name for name in names if name.startswith(word)]
    folded = word.lower()
    if not found:
        found = [name for name in names if name.lower().startswith(folded)]
    if not found and len(word) > 1:
        in_order = re.compile(".*".join(map(re.escape, word)), re.IGNORECASE | re.DOTALL)
        found = [name for name in names if in_order.match(name)]
    if not word.startswith("_"):
        return [name for name in found if not name.startswith("_")]
    return sorted(found, key=lambda name: name.startswith("__"))


def members(value, word, most=None):
    """The members of an object that match, so many at most."""
    names = matching(sorted(descriptor.member_names(value)), word)[:most]
    columns = set(descriptor.columns(value))
    if len(names) > MOST_DESCRIBED:
        kinds = descriptor.member_kinds(value, names)
        return [item(name, "column" if name in columns else kinds[name]) for name in names]
    return [member(value, name, columns) for name in names]


def member(owner, name, columns=()):
    """One member of an object that has these columns."""
    try:
        return _member(owner, name, columns)
    except Exception:
        return item(name, "variable")


def _member(owner, name, columns):
    if name in columns:
        return item(name, "column")
    kind, value = descriptor.member_kind(owner, name)
    if value is NOTHING:
        return item(name, kind)
    return of_value(name, value, kind, descriptor.takes_itself(owner, name))


def of_value(name, value, kind=None, bound=False, longest=_LONGEST_DETAIL):
    """An item with what a line, of at most so many characters, can say of the object."""
    try:
        kind = kind or descriptor.kind(value)
        if kind in ("function", "method", "class"):
            detail = signatures.signature_text(value, bound)
            doc = descriptor.first_paragraph(descriptor.documentation(value))
        elif kind == "module":
            detail, doc = "", descriptor.first_paragraph(descriptor.documentation(value))
        else:
            detail, doc = descriptor.type_name(value), ""
    except Exception:
        return item(name, kind or "variable")
    return item(name, kind, detail[:longest], doc)


def arguments(signature, given, positional=0):
    """The keyword arguments that a signature takes and that are not given yet, be it by name or by place."""
    takes = [
        p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    taken = {p.name for p in takes[:positional]} | set(given)
    return [
        item(f"{p.name}=", "argument", signatures.argument_text(p))
        for p in signature.parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in taken
    ]

"""What is known of the name under the cursor: signature, documentation, source, as text.

Like completion it may be asked while a cell runs, and runs nothing of the user's.
"""

import ast

from snakebridge import definitions, descriptor, signatures, sources
from snakebridge.descriptor import NOTHING
from snakebridge.inference import Unloaded

_LONGEST_SOURCE = 100_000


class Inspection:
    """Answers questions about names. `completion` is who finds the objects; `magic` gives a magic's function."""

    def __init__(self, completion, magic):
        self._completion = completion
        self._magic = magic

    def inspect(self, source, cursor, detail, harmless=()):
        """The protocol's answer. `harmless`: see `Completion.complete`."""
        name, value, bound = self._at(source, sources.to_characters(source, cursor), harmless)
        if value is NOTHING:
            return {"found": False, "data": {}}
        return {"found": True, "data": {"text/plain": describe(name, value, bound, detail)}}

    def _at(self, source, at, harmless):
        """(name, object, whether its first parameter is taken) at a place: the name there, else the call around it."""
        while at < len(source) and (source[at].isalnum() or source[at] == "_"):
            at += 1
        magic = self._magic_at(source[:at])
        if magic is not None:
            return magic
        scan = sources.scan(source[:at])
        tokens = sources.statement(scan.tokens)
        lookup = self._completion.lookup(source[:at], scan.tokens, harmless)
        if scan.string is None and tokens and tokens[-1].kind == "name":
            found = _resolved(lookup, tokens, len(tokens))
            if found[1] is not NOTHING:
                return found
        while (call := sources.open_call(tokens)) is not None:
            found = _resolved(lookup, tokens, call[0])
            if found[1] is not NOTHING:
                return found
            tokens = tokens[: call[0]]
        return "", NOTHING, False

    def _magic_at(self, text):
        word = text[text.rfind("\n") + 1 :].strip()
        if not word.startswith("%") or " " in word:
            return None
        function = self._magic(word)
        return None if function is None else (word, function, True)


def _resolved(lookup, tokens, end):
    tree = lookup.before(tokens, end)
    value = lookup.value(tree)
    if value is NOTHING or type(value) is Unloaded:
        return "", NOTHING, False
    return ast.unparse(tree), value, lookup.is_bound(tree)


def describe(name, value, bound=False, detail=0):
    """A text about an object: a heading, the documentation, and with `detail` the source."""
    kind = descriptor.kind(value)
    parts = []
    if kind in ("function", "method", "class"):
        signature = signatures.signature_text(value, bound) or "(...)"
        parts.append(f"{'class ' if kind == 'class' else ''}{name}{signature}")
    else:
        text = descriptor.short_value(value)
        size = descriptor.size(value)
        heading = f"{name}: {descriptor.type_name(value)}"
        heading += f" ({size})" if size is not None else ""
        parts.append(f"{heading} = {text}" if text and kind != "module" else heading)
        signature = signatures.signature_text(value)
        if signature and kind != "module":
            parts.append(f"called as {name}{signature}")
    # What a dict is in general is not what is asked of a dict.
    documentation = "" if descriptor.is_plain(value) else descriptor.documentation(value)
    if documentation:
        parts.append(documentation)
    if detail:
        found = definitions.source(value)
        if found is not None:
            file, line, text = found
            parts.append(f"{file}:{line}\n{text[:_LONGEST_SOURCE].rstrip()}")
    return "\n\n".join(parts)

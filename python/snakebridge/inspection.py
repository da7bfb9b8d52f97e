"""What is known of the name under the cursor: signature, documentation, source, as text and as Markdown.

Like completion it may be asked while a cell runs, and runs nothing of the user's.
"""

import ast

from snakebridge import definitions, descriptor, docstrings, signatures, sources
from snakebridge.descriptor import NOTHING
from snakebridge.inference import Unloaded

_LONGEST_SOURCE = 100_000

# A signature that is longer is laid out.
_LINE = 88


class Inspection:
    """Answers questions about names. `completion` is who finds the objects; `magic` gives a magic's function."""

    def __init__(self, native, completion, magic):
        self._native = native
        self._completion = completion
        self._magic = magic

    def inspect(self, source, cursor, detail, harmless=()):
        """The protocol's answer. `harmless`: see `Completion.complete`."""
        name, value, bound = self._at(source, sources.to_characters(source, cursor), harmless)
        written = self._written(name, value)
        if value is NOTHING or written:
            found = self._of_elixir(written, detail)
            if found or value is NOTHING:
                return {"found": bool(found), "data": found}
        return {"found": True, "data": _data(name, value, bound, detail)}

    def _written(self, name, value):
        """How Elixir writes what it knows more of than Python does: a name that it owns, a module or a function of its
        own under any name, and what Python has no value of."""
        if value is NOTHING:
            return name.removeprefix("ex.")
        if name.isidentifier() and name in getattr(self._native, "elixir_names", list)():
            return name
        return getattr(self._native, "written", _nothing)(value)

    def _of_elixir(self, name, detail):
        """What Elixir knows of a name: a mime bundle, empty where it does not."""
        if not name or not hasattr(self._native, "inspect"):
            return {}
        try:
            found = self._native.inspect(name, 1 if detail else 0)
        except Exception:
            # It has gone meanwhile.
            return {}
        return found if type(found) is dict else {}

    def _at(self, source, at, harmless):
        """(name, object, whether its first parameter is taken) at a place: the name there, else the call around it."""
        while at < len(source) and (source[at].isalnum() or source[at] == "_"):
            at += 1
        unknown = ""
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
            unknown = found[0]
        while (call := sources.open_call(tokens)) is not None:
            found = _resolved(lookup, tokens, call[0])
            if found[1] is not NOTHING:
                return found
            unknown = unknown or found[0]
            tokens = tokens[: call[0]]
        return unknown, NOTHING, False

    def _magic_at(self, text):
        word = text[text.rfind("\n") + 1 :].strip()
        if not word.startswith("%") or " " in word:
            return None
        function = self._magic(word)
        return None if function is None else (word, function, True)


def _nothing(_value):
    return None


def _resolved(lookup, tokens, end):
    tree = lookup.before(tokens, end)
    value = lookup.value(tree)
    name = ast.unparse(tree) if isinstance(tree, ast.AST) else ""
    if value is NOTHING or type(value) is Unloaded:
        return name, NOTHING, False
    return name, value, lookup.is_bound(tree)


def _data(name, value, bound, detail):
    return {
        "text/plain": describe(name, value, bound, detail),
        "text/markdown": describe_as_markdown(name, value, bound, detail),
    }


def describe(name, value, bound=False, detail=0):
    """A text about an object: a heading, the documentation, and with `detail` the source."""
    parts = [*_headings(name, value, bound), _documentation(value)]
    if detail and (found := definitions.source(value)) is not None:
        file, line, text = found
        parts.append(f"{file}:{line}\n{text[:_LONGEST_SOURCE].rstrip()}")
    return "\n\n".join(part for part in parts if part)


def describe_as_markdown(name, value, bound=False, detail=0):
    """The same as Markdown. With `detail` the source stands in the place of the documentation, which it contains."""
    headings = _headings(name, value, bound)
    found = definitions.source(value) if detail else None
    parts = [_code("\n".join(headings))]
    if found is None:
        parts.append(documentation(value))
    else:
        file, line, text = found
        parts += [f"`{file}:{line}`", _code(text[:_LONGEST_SOURCE].rstrip())]
    return "\n\n".join(part for part in parts if part)


def _code(text):
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}python\n{text}\n{fence}"


def _headings(name, value, bound):
    """What it is: a signature, or a type and a value."""
    kind = descriptor.kind(value)
    if kind in ("function", "method", "class"):
        signature = signatures.signature_text(value, bound) or "(...)"
        return [_wrapped(f"{'class ' if kind == 'class' else ''}{name}", signature)]
    text = descriptor.short_value(value)
    size = descriptor.size(value)
    heading = f"{name}: {descriptor.type_name(value)}"
    heading += f" ({size})" if size is not None else ""
    headings = [f"{heading} = {text}" if text and kind != "module" else heading]
    signature = signatures.signature_text(value)
    if signature and kind != "module":
        headings.append(f"called as {name}{signature}")
    return headings


def documentation(value):
    """What an object's docstring says, as Markdown."""
    text = _documentation(value)
    return docstrings.to_markdown(text) if text else ""


def _documentation(value):
    # What a dict is in general is not what is asked of a dict.
    return "" if descriptor.is_plain(value) else descriptor.documentation(value)


def _wrapped(name, signature):
    """A signature on one line, or where that is long with a line for each parameter."""
    if len(name) + len(signature) <= _LINE or not signature.startswith("("):
        return name + signature
    parts, depth, quote = [""], 0, None
    for at, c in enumerate(signature):
        if quote:
            quote = None if c == quote and signature[at - 1] != "\\" else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                inner = "".join(f"    {part.strip()},\n" for part in parts if part.strip())
                return f"{name}(\n{inner}){signature[at + 1 :]}"
        if c == "," and depth == 1 and not quote:
            parts.append("")
        elif at:
            parts[-1] += c
    return name + signature

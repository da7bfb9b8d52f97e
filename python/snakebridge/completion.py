"""Ways to finish what is being typed, from what is there now: names, members, keyword arguments, keys, modules.

Runs while a cell may be running, so it never runs the user's code, never imports, and survives any object.
Looking into objects is `descriptor`'s, into sources `sources`', into folders of modules `modules`'.
"""

import builtins
import itertools
import keyword

from snakebridge import descriptor, modules, sources
from snakebridge.descriptor import NOTHING

# Signatures take time, and nobody reads them in a long list.
_MOST_DESCRIBED = 60
_LONGEST_DETAIL = 120


class Completion:
    """Completes sources against a namespace."""

    def __init__(self, native, namespace, magics):
        self._native = native
        self._namespace = namespace
        self._magics = magics

    def complete(self, source, cursor):
        """The protocol's answer: what `text` of each item replaces, and the items."""
        at = sources.to_characters(source, cursor)
        text = source[:at]
        start, items = self._items(text, source[at:])
        return {"from": sources.to_bytes(source, start), "to": sources.to_bytes(source, at), "items": items}

    def _items(self, text, rest):
        """(where the completed word starts, items)."""
        magic = self._magic(text)
        if magic is not None:
            return magic
        scan = sources.scan(text)
        if scan.in_comment:
            return len(text), []
        tokens = sources.statement(scan.tokens)
        if scan.string is not None:
            return self._string_keys(text, rest, tokens, scan.string)
        word = ""
        if tokens and tokens[-1].kind == "name" and tokens[-1].end == len(text):
            word = tokens.pop().text
        elif tokens and tokens[-1].kind == "number" and tokens[-1].end == len(text):
            return len(text), []
        start = len(text) - len(word)
        importable = modules.candidates(tokens)
        if importable is not None:
            found = [_item(name, importable[name]) for name in _matching(sorted(importable), word)]
        elif tokens and tokens[-1].text == "." and tokens[-1].kind == "op":
            found = self._attributes(tokens, word)
        else:
            spoken = _names_in(scan.tokens[:-1] if word else scan.tokens)
            found = self._bracket_keys(tokens, word) + self._names(spoken, tokens, word)
        return start, found

    # --- after a dot ---

    def _attributes(self, tokens, word):
        chain = sources.chain_before(tokens, len(tokens) - 1)
        if chain is None:
            return []
        value = self.resolve(chain)
        return [] if value is NOTHING else self._members(value, word)

    def resolve(self, chain):
        """The object that a chain of names stands for, found without running code."""
        value = NOTHING
        for what, key in chain:
            if what == "literal":
                value = key
            elif what == "name":
                value = self._global(key)
            elif value is NOTHING:
                return NOTHING
            elif what == "item":
                value = descriptor.item(value, key)
            else:
                value = self._attribute(value, key)
        return value

    def _global(self, name):
        value = self._namespace.globals.get(name, NOTHING)
        return vars(builtins).get(name, NOTHING) if value is NOTHING else value

    def _attribute(self, value, name):
        if self._is_elixir(value):
            # Ours, not the user's: it makes a path of names and asks nobody.
            try:
                return getattr(value, name)
            except Exception:
                return NOTHING
        return descriptor.attribute(value, name)

    def _is_elixir(self, value):
        return type(value) is getattr(self._native, "ElixirModule", NOTHING)

    def members(self, value, prefix):
        """The members of an object whose names start with the prefix, which may be a path: `linalg.no`."""
        *path, word = prefix.split(".")
        for name in path:
            value = NOTHING if value is NOTHING else self._attribute(value, name)
        return [] if value is NOTHING else self._members(value, word)

    def _members(self, value, word):
        if self._is_elixir(value):
            return self._exports(value, word)
        names = _matching(sorted(descriptor.member_names(value)), word)
        described = len(names) <= _MOST_DESCRIBED
        columns = set(descriptor.columns(value))
        items = []
        for name in names:
            try:
                items.append(_member(value, name, columns, described))
            except Exception:
                items.append(_item(name, "variable"))
        return items

    def _exports(self, module, word):
        """What Elixir says of one of its modules."""
        try:
            names = self._native.exports(module)
        except Exception:
            # Elixir is not there, or has gone meanwhile.
            return []
        is_root = module is self._native.ex
        return [
            _item(name, "module" if is_root or name[0].isupper() else "function")
            for name in sorted(names)
            # `valid?` is spelt getattr(ex.Keyword, "valid?").
            if name.startswith(word) and name.isidentifier()
        ]

    # --- keys ---

    def _string_keys(self, text, rest, tokens, string):
        content, quote, prefix = string
        start = len(text) if content > len(text) else content
        # The open string is no token: what ends the tokens is what stands before it.
        if prefix.lower() not in ("", "r", "u") or not tokens or tokens[-1].text != "[":
            return len(text), []
        word = text[start:]
        ending = "" if rest.startswith(quote) else quote
        keys = [key for key in self._keys_of(tokens) if type(key) is str]
        return start, [
            _item(_escaped(key, quote) + ending, "key")
            for key in keys
            if _escaped(key, quote).startswith(word)
        ]

    def _bracket_keys(self, tokens, word):
        if not tokens or tokens[-1].text != "[" or tokens[-1].kind != "op" or word:
            return []
        return [_item(repr(key), "key") for key in self._keys_of(tokens)]

    def _keys_of(self, tokens):
        chain = sources.chain_before(tokens, len(tokens) - 1)
        value = NOTHING if chain is None else self.resolve(chain)
        return [] if value is NOTHING else descriptor.keys(value)

    # --- names ---

    def _names(self, spoken, tokens, word):
        """Keyword arguments, names of the session, names that the source speaks of, builtins, keywords: in this order."""
        own = self._namespace.snapshot()
        found = dict.fromkeys(self._keyword_arguments(tokens), ("argument", NOTHING))
        for name in sorted(own):
            found.setdefault(name, (None, own[name]))
        for name in spoken:
            found.setdefault(name, ("variable", NOTHING))
        for name, value in sorted(vars(builtins).items()):
            found.setdefault(name, (None, value))
        for name in [*keyword.kwlist, *keyword.softkwlist]:
            found.setdefault(name, ("keyword", NOTHING))
        names = _matching(found, word)
        described = len(names) <= _MOST_DESCRIBED
        items = []
        for name in names:
            kind, value = found[name]
            if value is NOTHING or not described:
                items.append(_item(name, kind or descriptor.kind(value)))
            else:
                items.append(_described(name, value))
        return items

    def _keyword_arguments(self, tokens):
        call = sources.open_call(tokens)
        if call is None:
            return []
        bracket, arguments = call
        # Where a value is expected, no argument begins.
        if arguments and arguments[-1].text not in ("(", ",", "newline") and arguments[-1].kind != "newline":
            return []
        chain = sources.chain_before(tokens, bracket)
        value = NOTHING if chain is None else self.resolve(chain)
        signature = None if value is NOTHING else descriptor.signature(value, self.is_bound(chain))
        if signature is None:
            return []
        given = {a.text for a, b in itertools.pairwise(arguments) if b.text == "="}
        return [
            f"{p.name}="
            for p in signature.parameters.values()
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in given
        ]

    def is_bound(self, chain):
        """Whether a chain ends in a method of an object, whose first parameter is taken."""
        if len(chain) < 2 or chain[-1][0] != "attribute":
            return False
        owner, name = self.resolve(chain[:-1]), chain[-1][1]
        return owner is not NOTHING and descriptor.takes_itself(owner, name)

    # --- magics ---

    def _magic(self, text):
        line = text[text.rfind("\n") + 1 :]
        stripped = line.lstrip()
        if not stripped.startswith("%") or any(c.isspace() for c in stripped):
            return None
        line_magics, cell_magics = self._magics()
        is_first = not text[: len(text) - len(line)].strip()
        names = ["%" + name for name in line_magics]
        names += ["%%" + name for name in cell_magics] if is_first else []
        start = len(text) - len(stripped)
        items = [_item(name, "magic") for name in sorted(names) if name.startswith(stripped)]
        return (start, items) if line_magics else None


def _item(text, kind, detail="", doc=""):
    return {"text": text, "kind": kind, "detail": detail, "doc": doc}


def _member(owner, name, columns, described):
    if name in columns:
        return _item(name, "column")
    kind, value = descriptor.member_kind(owner, name)
    if value is NOTHING or not described:
        return _item(name, kind)
    return _described(name, value, kind, descriptor.takes_itself(owner, name))


def _described(name, value, kind=None, bound=False):
    """An item with what a line can say of the object."""
    try:
        kind = kind or descriptor.kind(value)
        if kind in ("function", "method", "class"):
            detail = descriptor.signature_text(value, bound)
            doc = descriptor.first_line(descriptor.documentation(value))
        elif kind == "module":
            detail, doc = "", descriptor.first_line(descriptor.documentation(value))
        else:
            detail, doc = descriptor.type_name(value), ""
    except Exception:
        return _item(name, kind or "variable")
    return _item(name, kind, detail[:_LONGEST_DETAIL], doc)


def _matching(names, word):
    """The names that start with a word, whatever the case if none does otherwise; private ones only when asked for."""
    found = [name for name in names if name.startswith(word)]
    if not found and word:
        found = [name for name in names if name.lower().startswith(word.lower())]
    if not word.startswith("_"):
        found = [name for name in found if not name.startswith("_")]
    return found


def _names_in(tokens):
    """Names that the source itself speaks of, in their order."""
    found = {}
    before = None
    for token in tokens:
        if token.kind == "name" and not keyword.iskeyword(token.text) and not (before and before.text == "."):
            found.setdefault(token.text)
        before = token
    return found


def _escaped(key, quote):
    """A key as it is written between quotes of that kind."""
    text = repr(key)[1:-1]
    if quote[0] == '"' and repr(key)[0] == "'":
        return text.replace('"', '\\"').replace("\\'", "'")
    if quote[0] == "'" and repr(key)[0] == '"':
        return text.replace("'", "\\'")
    return text

"""Ways to finish what is being typed, from what is there now: names, members, keyword arguments, keys, modules, files.

Runs while a cell may be running, so it never runs the user's code, never imports, and survives any object.
What an expression stands for is `inference`'s, looking into objects `descriptor`'s, into sources `sources`', into
folders `modules`' and `paths`'. Which names match, and how they are described, is `items`'.
"""

import ast
import builtins
import itertools
import keyword
import re
import types

from snakebridge import descriptor, modules, paths, signatures, sources
from snakebridge.descriptor import NOTHING
from snakebridge.harmless import Looker
from snakebridge.inference import Lookup, Unloaded
from snakebridge.inspection import documentation
from snakebridge.items import MOST_DESCRIBED, arguments, item, matching, members, of_value

# What may stand inside an expression; all others begin a statement.
_IN_EXPRESSIONS = {
    "and",
    "await",
    "else",
    "for",
    "if",
    "in",
    "is",
    "lambda",
    "not",
    "or",
    "yield",
    "async",
} | {
    "True",
    "False",
    "None",
}
# Methods of dicts that take a key, and functions that take an attribute's name.
_TAKES_KEY = {"get", "pop", "setdefault"}
_TAKES_NAME = {"getattr", "hasattr", "setattr", "delattr"}
_OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)")


class Completion:
    """Completes sources against a namespace. `magics()` gives the names of magics, `magic(name)` one's function."""

    def __init__(self, native, namespace, magics, magic):
        self._native = native
        self._namespace = namespace
        self._magics = magics
        self._magic = magic
        self._looker = Looker()

    def complete(self, source, cursor, harmless=(), most=None):
        """The protocol's answer: what `text` of each item replaces, and the items, so many at most. `harmless`: types of
        the user's whose attributes and items may be evaluated."""
        at = sources.to_characters(source, cursor)
        text = source[:at]
        start, items = self._items(text, source[at:], harmless, most)
        items = items[:most]
        return {"from": sources.to_bytes(source, start), "to": sources.to_bytes(source, at), "items": items}

    def lookup(self, text="", tokens=(), harmless=()):
        """What finds the values of the expressions in a text."""
        return Lookup(self._global, self._is_elixir, self._looker, text, tokens, harmless)

    def members(self, value, steps, asked):
        """What is known of what steps lead to, from an object on: its members (`what` is `attributes`), the keys of its
        items (`keys`), the keyword arguments that it takes (`arguments`), its whole documentation (`documentation`), or
        the modules that there are (`modules`). Elixir cells ask so."""
        if asked.get("what") == "modules":
            parent, dot, last = (asked.get("prefix") or "").rpartition(".")
            names = modules.submodules(parent) if dot else modules.top_level()
            return [item(name, "module") for name in matching(sorted(names), last)]
        lookup = self.lookup(harmless=asked.get("harmless") or ())
        walked = lookup.looked(steps, lambda inference: inference.walk(value, steps))
        if walked is NOTHING and asked.get("what") == "documentation" and steps:
            return self._documented_property(lookup, value, steps)
        if walked is NOTHING:
            return []
        found, bound = walked
        word, what = asked.get("prefix") or "", asked.get("what") or "attributes"
        if what == "keys":
            # A method of a frame takes columns; what others take is not known.
            keys = descriptor.columns(found) if asked.get("frames") else descriptor.keys(found)
            return [item(key, "key") for key in matching([k for k in keys if type(k) is str], word)]
        if what == "arguments":
            return self._arguments_of(found, bound, word, positional=asked.get("positional") or 0)
        if what == "documentation":
            if type(found) is Unloaded or self._is_elixir(found):
                return []
            whole = of_value(word, found, bound=bound, longest=None)
            return [whole | {"doc": documentation(found)}]
        return self._members(found, word, asked.get("most"))

    def _documented_property(self, lookup, value, steps):
        """What is said of an attribute that only running code would give."""
        owner = lookup.looked(None, lambda inference: inference.walk(value, steps[:-1]))
        what, *key = steps[-1]
        if owner is NOTHING or what != "attr":
            return []
        found, _ = descriptor.class_attribute(descriptor.class_of(owner[0]), key[0])
        return [] if found is NOTHING else [item(key[0], "property", doc=documentation(found))]

    # --- by place ---

    def _items(self, text, rest, harmless, most):
        """(where the completed word starts, items)."""
        line = self._magic_line(text)
        if line is not None:
            return line
        scan = sources.scan(text)
        if scan.in_comment:
            return len(text), []
        tokens = sources.statement(scan.tokens)
        lookup = self.lookup(text, scan.tokens, harmless)
        if scan.string is not None:
            return self._in_string(text, rest, tokens, scan.string, lookup)
        word = ""
        if tokens and tokens[-1].kind == "name" and tokens[-1].end == len(text):
            word = tokens.pop().text
        elif tokens and tokens[-1].kind == "number" and tokens[-1].end == len(text):
            return len(text), []
        start = len(text) - len(word)
        importable = modules.candidates(tokens)
        if importable is not None:
            found = [item(name, importable[name]) for name in matching(sorted(importable), word)]
        elif tokens and tokens[-1].text == "." and tokens[-1].kind == "op":
            tree = lookup.before(tokens, len(tokens) - 1)
            found = self._members(lookup.value(tree), word, most)
        else:
            spoken = _names_in(scan.tokens[:-1] if word else scan.tokens)
            found = self._bracket_keys(tokens, word, lookup) + self._names(spoken, tokens, word, lookup)
        return start, found

    def _global(self, name):
        value = self._namespace.globals.get(name, NOTHING)
        return vars(builtins).get(name, NOTHING) if value is NOTHING else value

    # --- after a dot ---

    def _is_elixir(self, value):
        return type(value) is getattr(self._native, "ElixirModule", NOTHING)

    def _members(self, value, word, most=None):
        if value is NOTHING:
            return []
        if type(value) is Unloaded:
            found = modules.contents(value.name)
            return [item(name, found[name]) for name in matching(sorted(found), word)]
        return self._exports(value, word) if self._is_elixir(value) else members(value, word, most)

    def _exports(self, module, word):
        """What Elixir says of one of its modules."""
        try:
            names = self._native.exports(module)
        except Exception:
            # Elixir is not there, or has gone meanwhile.
            return []
        is_root = module is self._native.ex
        # `valid?` is spelt getattr(ex.Keyword, "valid?").
        names = [name for name in sorted(names) if name.isidentifier()]
        return [
            item(name, "module" if is_root or name[0].isupper() else "function")
            for name in matching(names, word)
        ]

    # --- in strings ---

    def _in_string(self, text, rest, tokens, string, lookup):
        content, quote, prefix = string
        start = min(content, len(text))
        word = text[start:]
        if "b" in prefix.lower():
            return len(text), []
        # The open string is no token: what ends the tokens is what stands before it.
        keys = self._keys_at(tokens, lookup)
        if keys is not None:
            ending = "" if rest.startswith(quote) else quote
            written = {_escaped(key, quote): kind for key, kind in keys if type(key) is str}
            found = [name for name in written if name.startswith(word)] or matching(list(written), word)
            if found:
                return start, [item(name + ending, written[name]) for name in found]
        if not word and sources.open_call(tokens) is None:
            return len(text), []
        if "\n" in word or "\\" in word:
            return len(text), []
        length, found = paths.candidates(word)
        return len(text) - length, found

    def _keys_at(self, tokens, lookup):
        """The (key, kind) that a string may be where it stands, or None where it is no key."""
        bracket = sources.open_bracket(tokens)
        if bracket is None:
            return None
        if tokens[bracket].text == "[":
            if not sources.ends_operand(tokens, bracket):
                # A list: of columns, if what is around it takes some.
                return self._keys_at(tokens[:bracket], lookup)
            return self._keys_of(lookup.before(tokens, bracket), tokens[bracket + 1 :], lookup)
        if tokens[bracket].text == "(" and sources.ends_operand(tokens, bracket):
            return self._keys_for_call(lookup.before(tokens, bracket), tokens[bracket + 1 :], lookup)
        return None

    def _keys_of(self, tree, inside, lookup):
        """The keys for `x[`, given what stands in the bracket so far."""
        if isinstance(tree, ast.Attribute) and tree.attr in ("loc", "at"):
            # Rows first, then columns.
            frame = lookup.value(tree.value)
            return [(c, "column") for c in descriptor.columns(frame)] if len(_places(inside)) > 1 else None
        if inside and not all(token.text in ("[", ",") or token.kind == "string" for token in inside):
            return None
        value = lookup.value(tree)
        return None if value is NOTHING else [(key, "key") for key in descriptor.keys(value)]

    def _keys_for_call(self, tree, inside, lookup):
        if isinstance(tree, ast.Name) and tree.id in _TAKES_NAME and len(_places(inside)) > 1:
            first = _places(inside)[0]
            value = lookup.value(lookup.before(first, len(first)))
            return [] if value is NOTHING else [(m["text"], m["kind"]) for m in self._members(value, "")]
        if isinstance(tree, ast.Attribute):
            owner = lookup.value(tree.value)
            columns = descriptor.columns(owner)
            if columns and not tree.attr.startswith(("to_", "write_")):
                return [(column, "column") for column in columns]
            if tree.attr in _TAKES_KEY and not inside:
                return [(key, "key") for key in descriptor.keys(owner)]
        return None

    def _bracket_keys(self, tokens, word, lookup):
        if word or not tokens or tokens[-1].text != "[" or tokens[-1].kind != "op":
            return []
        keys = self._keys_of(lookup.before(tokens, len(tokens) - 1), [], lookup) or []
        return [item(repr(key), kind) for key, kind in keys]

    # --- names ---

    def _names(self, spoken, tokens, word, lookup):
        """Keyword arguments, names of the session, names that the source speaks of, builtins, keywords: in this order."""
        own = self._namespace.snapshot()
        given = {argument["text"]: argument for argument in self._keyword_arguments(tokens, lookup)}
        found = dict.fromkeys(given, ("argument", NOTHING))
        for name in sorted(own):
            found.setdefault(name, (None, own[name]))
        for name in [*sorted(filter(str.isidentifier, self._native.names_to_come())), *spoken]:
            found.setdefault(name, ("variable", NOTHING))
        for name, value in sorted(vars(builtins).items()):
            found.setdefault(name, (None, value))
        at_start = not tokens or tokens[-1].text == ":"
        for name in [*keyword.kwlist, *keyword.softkwlist]:
            if at_start or name in _IN_EXPRESSIONS:
                found.setdefault(name, ("keyword", NOTHING))
        names = matching(_wanted_first(found, tokens), word)
        described = len(names) <= MOST_DESCRIBED
        items = []
        for name in names:
            kind, value = found[name]
            if name in given:
                items.append(given[name])
            elif value is NOTHING or not described:
                items.append(item(name, kind or descriptor.kind(value)))
            else:
                items.append(of_value(name, value))
        return items

    def _keyword_arguments(self, tokens, lookup):
        call = sources.open_call(tokens)
        if call is None:
            return []
        bracket, given = call
        # Where a value is expected, no argument begins.
        if given and given[-1].text != ",":
            return []
        tree = lookup.before(tokens, bracket)
        value = lookup.value(tree)
        taken = {a.text for a, b in itertools.pairwise(given) if b.text == "="}
        return self._arguments_of(value, lookup.is_bound(tree), "", taken, _positional(given))

    def _arguments_of(self, value, bound, word, taken=(), positional=0):
        signature = (
            None if value is NOTHING or type(value) is Unloaded else signatures.signature(value, bound)
        )
        if signature is None:
            return []
        found = {argument["text"]: argument for argument in arguments(signature, taken, positional)}
        return [found[text] for text in matching(list(found), word)] if word else list(found.values())

    # --- magics, and commands of the system ---

    def _magic_line(self, text):
        line = text[text.rfind("\n") + 1 :]
        stripped = line.lstrip()
        if not stripped.startswith(("%", "!")):
            return None
        line_magics, cell_magics = self._magics()
        if not line_magics:
            return None
        name, space, rest = stripped.partition(" ")
        if stripped.startswith("!"):
            return _path_at(text) if space else None
        if space:
            return self._after_magic(name, rest, text)
        is_first = not text[: len(text) - len(line)].strip()
        names = ["%" + name for name in line_magics]
        names += ["%%" + name for name in cell_magics] if is_first else []
        start = len(text) - len(stripped)
        return start, [item(name, "magic") for name in sorted(names) if name.startswith(stripped)]

    def _after_magic(self, name, rest, text):
        """What follows after a magic's name; None where that is Python."""
        word = rest.rpartition(" ")[2]
        if word.startswith("-"):
            function = self._magic(name)
            text = "" if function is None else descriptor.documentation(function)
            options = dict.fromkeys(_OPTION.findall(text))
            return len(text) - len(word), [item(o, "option") for o in options if o.startswith(word)]
        if name in ("%load_ext", "%reload_ext", "%unload_ext", "%aimport"):
            parent, dot, last = word.rpartition(".")
            found = modules.submodules(parent) if dot else modules.top_level()
            return len(text) - len(last), [item(n, "module") for n in matching(sorted(found), last)]
        if name == "%run":
            return _path_at(text, (".py", ".ipy", ".ipynb"))
        if name == "%cd":
            return _path_at(text, ())
        if name in ("%load", "%%writefile", "%edit", "%pycat", "%ls", "%cat"):
            return _path_at(text)
        return None


def _path_at(text, suffixes=None):
    length, found = paths.candidates(re.split(r"[\s=\"'<>|;]", text)[-1], suffixes)
    return len(text) - length, found


def _places(tokens):
    """What stands in a bracket so far, split at its commas."""
    depth, places = 0, [[]]
    for token in tokens:
        if token.kind == "op":
            depth += token.text in "([{"
            depth -= token.text in ")]}"
            if token.text == "," and depth == 0:
                places.append([])
                continue
        places[-1].append(token)
    return places


def _positional(tokens):
    """How many arguments are given by their place."""
    done = _places(tokens)[:-1]
    return sum(bool(p) and p[0].text not in ("*", "**") and "=" not in [t.text for t in p[1:2]] for p in done)


def _wanted_first(found, tokens):
    """The names in the order in which a place wants them: exceptions after `raise`, what can be called after `@`."""
    first = tokens[0].text if tokens else ""
    if first in ("raise", "except") and tokens[-1].text in (first, "(", ",", "|", "*"):
        return sorted(found, key=lambda name: not _is_exception(found[name][1]))
    if first == "@" and len(tokens) == 1:
        return sorted(found, key=lambda name: not _is_decorator(found[name][1]))
    return found


def _is_exception(value):
    return descriptor.is_instance(value, type) and BaseException in descriptor.mro(value)


def _is_decorator(value):
    return (
        value in (property, staticmethod, classmethod)
        if descriptor.is_instance(value, type)
        else (
            descriptor.kind(value) in ("function", "method") and type(value) is not types.BuiltinFunctionType
        )
    )


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

"""What documentation says where code says nothing: signatures on a docstring's first lines, types in its lists.

People wrote them for people, so what is read here has a low confidence, and what is not understood is left unknown.
"""

import ast
import re

from snakebridge import annotations
from snakebridge.descriptor import NOTHING
from snakebridge.introspection import trees, values

_MOST_LINES = 24
_LONGEST = 4000
_PAIRS = {"(": ")", "{": "}", "[": "]"}


def signatures(text, name):
    """The signatures that a docstring begins with, as [([(name, kind, required, default)], text after ->)]."""
    found = []
    lines = text[:_LONGEST].split("\n")[:_MOST_LINES]
    i = 0
    while i < len(lines):
        start = _call(lines[i], name)
        if start is None:
            if lines[i].strip() and not (found and lines[i][:1].isspace()):
                break
            i += 1
            continue
        rest = "\n".join(lines[i:])[start:]
        end = _closing(rest)
        if end is None:
            break
        parameters = _parameters(rest[1:end])
        if parameters is None:
            break
        after = rest[end + 1 :].split("\n", 1)[0]
        if not re.match(r"\s*($|->|:|--|\.)", after):
            break
        result = re.match(r"\s*->\s*(.*)$", after)
        found.append((parameters, result[1] if result else ""))
        i += rest[:end].count("\n") + 1
    return found


def _call(line, name):
    """Where the bracket of `name(` stands that a line begins with."""
    match = re.match(rf"(?:[A-Za-z_][\w.]*\.)?{re.escape(name)}\(", line.strip())
    return None if match is None else line.index("(")


def _closing(text):
    """Where the bracket closes that a text begins with."""
    depth, quote = 0, None
    for i, character in enumerate(text):
        if quote:
            quote = None if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0:
                return i
    return None


def _parameters(text):
    """What is between a signature's brackets, also in the old way of writing: `a[, b[, c]]`."""
    found, kind = [], "positional_or_keyword"
    for item, is_optional in _items(text):
        if item == "/":
            found = [(n, "positional_only", r, d) for n, _, r, d in found]
        elif item == "*":
            kind = "keyword_only"
        elif item == "...":
            found.append(("args", "var_positional", False, None))
            kind = "keyword_only"
        elif match := re.match(r"^(\*{1,2})([^\W\d]\w*)(?:\s*:.*)?$", item, re.DOTALL):
            if match[1] == "*":
                kind = "keyword_only"
                found.append((match[2], "var_positional", False, None))
            else:
                found.append((match[2], "var_keyword", False, None))
        elif match := re.match(r"^([^\W\d]\w*)(?:\s*:[^=]*)?(?:\s*=\s*(.*))?$", item, re.DOTALL):
            default = None if match[2] is None else _default(match[2])
            found.append((match[1], kind, default is None and not is_optional, default))
        else:
            return None
    names = [name for name, *_ in found]
    if len(set(names)) != len(names) or names[:1] == ["self"]:
        found = found[1:] if names[:1] == ["self"] else None
    return None if found is None else _ordered(found)


def _ordered(found):
    """Without what no signature may have: what is required behind what is not."""
    listed, optional = [], False
    for name, kind, required, default in found:
        if kind in ("positional_only", "positional_or_keyword"):
            optional = optional or not required
            required = required and not optional
        listed.append((name, kind, required, default))
    return listed


def _items(text):
    """The items between commas, and whether they stand in brackets that mean `may be left out`."""
    items, current, stack, optional, quote = [], "", [], 0, None

    def end():
        nonlocal current
        if current.strip():
            items.append((" ".join(current.split()), bool(optional)))
        current = ""

    for i, character in enumerate(text):
        if quote:
            quote = None if character == quote else quote
            current += character
        elif character in "'\"":
            quote = character
            current += character
        elif (
            character == "["
            and not stack
            and (_starts_item(current) or text[i + 1 :].lstrip().startswith(","))
        ):
            end()
            optional += 1
        elif character == "]" and not stack and optional:
            end()
            optional -= 1
        elif character in _PAIRS:
            stack.append(_PAIRS[character])
            current += character
        elif stack and character == stack[-1]:
            stack.pop()
            current += character
        elif character == "," and not stack:
            end()
        else:
            current += character
    end()
    return items


def _starts_item(current):
    """Whether no default or annotation has begun, to which a bracket would belong."""
    return "=" not in current and ":" not in current


def _default(text):
    try:
        return values.literal(ast.literal_eval(text.strip()))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return {"repr": values.clean(text.strip()[: values.LONGEST_TEXT])}


# --- types ---

_WORDS = {
    "int": "int",
    "ints": "int",
    "integer": "int",
    "integers": "int",
    "float": "float",
    "floats": "float",
    "complex": "complex",
    "bool": "bool",
    "bools": "bool",
    "boolean": "bool",
    "booleans": "bool",
    "str": "str",
    "strs": "str",
    "string": "str",
    "strings": "str",
    "bytes": "bytes",
    "dict": "dict",
    "dictionary": "dict",
    "list": "list",
    "lists": "list",
    "tuple": "tuple",
    "tuples": "tuple",
    "set": "set",
    "frozenset": "frozenset",
    "callable": "callable",
    "function": "callable",
    "iterable": "iterable",
    "sequence": "iterable",
    "iterator": "iterator",
    "generator": "generator",
    "none": "none",
    "object": "any",
    "any": "any",
}
_NAMED = {
    "array_like": ("iterable", "array_like"),
    "array-like": ("iterable", "array_like"),
    "list-like": ("iterable", "list_like"),
    "dict-like": ("dict", "dict_like"),
    "mapping": ("dict", "mapping"),
    "path-like": ("class", "os.PathLike"),
}
_NOISE = re.compile(
    r"\(?,?\s*\b(optional|keyword[- ]only|default(?:s to)?\b.*|shape\b.*|of shape\b.*|of length\b.*)\)?$|\(\.\.\.\)$",
    re.I | re.S,
)


class Prose:
    """Reads types that people wrote, for the functions of one module."""

    def __init__(self, module, publicly):
        self._module = module
        self._publicly = publicly

    def read(self, text):
        """The tree of such a type; `unknown` unless all of it is understood."""
        text = " ".join(text.replace("`", "").replace(":class:", "").replace(":obj:", "").split()).strip(" .")
        for _ in range(4):
            shorter = _NOISE.sub("", text).strip(" ,.;")
            if shorter == text:
                break
            text = shorter
        if not text or len(text) > 200:
            return trees.unknown()
        parts = [self._one(part.strip()) for part in _alternatives(text)]
        if not parts or any(part is None for part in parts):
            return trees.unknown()
        return trees.union(parts, "low")

    def _one(self, text):
        lowered = text.lower()
        literal = re.fullmatch(r"\{(.*)\}", text)
        if literal:
            return self._literal(literal[1])
        if re.fullmatch(r"'[^']*'|\"[^\"]*\"|True|False|-?\d+", text):
            return self._literal(text)
        if lowered in _WORDS:
            return trees.plain(_WORDS[lowered], "low")
        if lowered in _NAMED:
            kind, name = _NAMED[lowered]
            return trees.plain(kind, "low", name=name)
        inner = re.fullmatch(
            r"(list|tuple|set|frozenset|iterable|sequence|iterator|array_like|array-like)\s+of\s+(.+)",
            text,
            re.I,
        )
        if inner:
            kind = _WORDS.get(inner[1].lower(), "iterable")
            of = self._one(inner[2].strip())
            of = [of] if of is not None else None
            return trees.plain(kind, "low", of, **({"variadic": True} if kind == "tuple" and of else {}))
        if "[" in text:
            try:
                node = ast.parse(text, mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
            read = trees.Reader({}, self._publicly, confidence="low").read(node)
            return None if read["kind"] == "unknown" else read
        if re.fullmatch(r"[A-Za-z_][\w.]*", text):
            found = annotations.class_named(text, self._module)
            if found is not NOTHING:
                return trees.plain("class", "low", name=self._publicly(found.cls))
        return None

    def _literal(self, text):
        try:
            found = ast.literal_eval(f"[{text}]")
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
        listed = [values.literal(value).get("literal", NOTHING) for value in found]
        if not listed or any(value is NOTHING for value in listed):
            return None
        return trees.plain("literal", "low", values=listed)


def _alternatives(text):
    """The parts of `a, b or c`, but for what is in brackets or quotes."""
    parts, current, depth, quote = [], "", 0, None
    for piece in re.findall(r"\s+or\s+|\s+\|\s+|\s*\|\s*|,\s*(?:or\s+)?|.", text, re.S):
        is_bracket = len(piece) == 1
        if quote:
            quote = None if piece == quote else quote
            current += piece
        elif is_bracket and piece in "'\"":
            quote = piece
            current += piece
        elif is_bracket and piece in "([{":
            depth += 1
            current += piece
        elif is_bracket and piece in ")]}":
            depth -= 1
            current += piece
        elif depth == 0 and (len(piece) > 1 or piece in ",|") and piece.strip():
            parts.append(current)
            current = ""
        else:
            current += piece
    return [part for part in [*parts, current] if part.strip()]

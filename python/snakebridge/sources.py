"""A Python source as it is being typed: where the cursor stands, and in what.

The source is rarely complete, so this is a scanner that never fails, not a parser.
It knows nothing of values; `completion` and `inspection` look those up.
"""

import ast
import keyword
import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
      (?P<comment> \#[^\n]* )
    | (?P<newline> \n )
    | (?P<space> [^\S\n]+ | \\\n )
    | (?P<string> (?P<prefix> [rRbBuUfFtT]{0,2} ) (?P<quote> \"\"\" | ''' | \" | ' ) )
    | (?P<number> (?: \d[\w.]* | \.\d[\w.]* ) )
    | (?P<name> \w+ )
    | (?P<op> \*\* | // | -> | := | == | != | <= | >= | \.\.\. | . )
    """,
    re.VERBOSE,
)
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(slots=True)
class Token:
    """A token: its kind, text, and where it starts and ends."""

    kind: str
    text: str
    start: int
    end: int


@dataclass
class Scan:
    """A source up to the cursor: its tokens, and the string or comment that the cursor stands in."""

    tokens: list = field(default_factory=list)
    # Where the open string's content starts, its quote and prefix; None outside strings.
    string: tuple | None = None
    in_comment: bool = False


def scan(text):
    """The tokens of a text; those of an open f-string's open braces stand for the whole."""
    found = Scan()
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        kind, end = match.lastgroup, match.end()
        if match["quote"]:
            content = end
            end = _string_end(text, content, match["quote"])
            if end is None:
                inner = _open_brace(text, content, match["prefix"])
                if inner is None:
                    found.string = (content, match["quote"], match["prefix"])
                    return found
                # An expression inside an f-string: what counts is what is typed there.
                nested = scan(text[inner:])
                found.tokens = [Token(t.kind, t.text, t.start + inner, t.end + inner) for t in nested.tokens]
                if nested.string is not None:
                    found.string = (nested.string[0] + inner, *nested.string[1:])
                return found
            kind = "string"
        elif kind == "comment":
            found.in_comment = end == len(text)
        if kind not in ("space", "comment"):
            found.tokens.append(Token(kind, text[position:end], position, end))
        position = end
    return found


# What matters inside a string: an escape, its quote, and for a short one the line's end.
_STRING_PARTS = {
    quote: re.compile(rf"\\.|(?P<end>{quote})" + ("" if len(quote) == 3 else r"|(?P<line>\n)"), re.DOTALL)
    for quote in ("'", '"', "'''", '"""')
}


def _string_end(text, position, quote):
    """Where a string ends, or None if it does not. A line's end closes a short one: that is how it looks when typed."""
    for match in _STRING_PARTS[quote].finditer(text, position):
        if match["end"]:
            return match.end()
        if match.lastgroup == "line":
            return match.start()
    return None


def _open_brace(text, position, prefix):
    """Where the expression starts that an open f-string ends in, or None."""
    if "f" not in prefix.lower():
        return None
    opened = []
    while position < len(text):
        if text[position] == "{":
            if not opened and text.startswith("{{", position):
                position += 2
                continue
            opened.append(position + 1)
        elif text[position] == "}" and opened:
            opened.pop()
        position += 1
    return opened[-1] if opened else None


def statement(tokens):
    """The tokens of the statement that the last one belongs to, without line ends."""
    return [token for token in tokens[statement_starts(tokens)[-1] :] if token.kind != "newline"]


def statement_starts(tokens):
    """Where statements start: after line ends and semicolons outside brackets. Indices of tokens, the first is 0."""
    depth, starts = 0, [0]
    for i, token in enumerate(tokens):
        if token.kind == "op":
            if token.text in _OPEN:
                depth += 1
            elif token.text in _CLOSE:
                depth = max(0, depth - 1)
            elif depth == 0 and token.text == ";":
                starts.append(i + 1)
        elif depth == 0 and token.kind == "newline":
            starts.append(i + 1)
    return starts


def expression_before(tokens, end):
    """Where the expression starts that ends just before token `end` and could be followed by a dot: a name, a literal
    or a display with its attributes, calls and subscripts. An index, or None where there is none.
    """
    i = end - 1
    while i >= 0:
        token = tokens[i]
        if token.kind == "op" and token.text in _CLOSE:
            i = _opening(tokens, i)
            if i is None:
                return None
            if token.text != "}" and i > 0 and _ends_operand(tokens[i - 1]):
                # A call or a subscript.
                i -= 1
                continue
            return i
        if token.kind == "string":
            # "a" "b" is one.
            while i > 0 and tokens[i - 1].kind == "string":
                i -= 1
            return i
        if token.kind == "number":
            return i
        if token.kind != "name" or token.text in _KEYWORDS:
            return None
        if i >= 2 and tokens[i - 1].text == "." and tokens[i - 1].kind == "op":
            i -= 2
            continue
        return i
    return None


_KEYWORDS = frozenset(keyword.kwlist) - {"True", "False", "None"}


def ends_operand(tokens, end):
    """Whether an operand ends just before token `end`, so that a bracket there is a call or a subscript."""
    return end > 0 and _ends_operand(tokens[end - 1])


def _ends_operand(token):
    if token.kind == "name":
        return token.text not in _KEYWORDS
    return token.kind == "string" or (token.kind == "op" and token.text in _CLOSE)


def _opening(tokens, i):
    """The index of the bracket that the one at `i` closes, or None."""
    depth = 0
    for j in range(i, -1, -1):
        if tokens[j].kind != "op":
            continue
        if tokens[j].text in _CLOSE:
            depth += 1
        elif tokens[j].text in _OPEN:
            depth -= 1
            if depth == 0:
                return j
    return None


def parsed(text):
    """A text as an expression's tree, or None."""
    if len(text) > _LONGEST_EXPRESSION:
        return None
    try:
        # In brackets it may go over several lines.
        return ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


_LONGEST_EXPRESSION = 10_000


def open_bracket(tokens):
    """The index of the innermost bracket that is open at the end, or None."""
    depth = 0
    for i in range(len(tokens) - 1, -1, -1):
        if tokens[i].kind != "op":
            continue
        if tokens[i].text in _CLOSE:
            depth += 1
        elif tokens[i].text in _OPEN:
            if depth == 0:
                return i
            depth -= 1
    return None


def open_call(tokens):
    """The call whose brackets are open: (index of the bracket, its tokens so far), or None."""
    i = open_bracket(tokens)
    if i is None or i == 0 or tokens[i].text != "(":
        return None
    is_call = tokens[i - 1].kind == "name" or tokens[i - 1].text in (")", "]")
    return (i, tokens[i + 1 :]) if is_call else None


def to_characters(source, offset):
    """The index of the character at a byte of the source's UTF-8."""
    return len(source.encode(errors="surrogatepass")[: max(offset, 0)].decode(errors="ignore"))


def to_bytes(source, index):
    """The byte of the source's UTF-8 at which a character starts."""
    return len(source[:index].encode(errors="surrogatepass"))

"""Docstrings as Markdown: numpydoc, Google's style, reStructuredText.

The sections of all three become the same: Parameters, Returns, Raises, Examples, .. as headings with lists.
A docstring that is none of these stays as it is. Nothing here looks at objects; and nothing fails: what is not
understood is text.
"""

import re

from snakebridge import restructured

# Longer than any that people have written; what generates docstrings may go further.
_LONGEST = 100_000

_NUMPY_SECTIONS = {
    "parameters": "Parameters",
    "other parameters": "Other parameters",
    "receives": "Receives",
    "returns": "Returns",
    "yields": "Yields",
    "raises": "Raises",
    "warns": "Warns",
    "warnings": "Warnings",
    "attributes": "Attributes",
    "methods": "Methods",
    "see also": "See also",
    "notes": "Notes",
    "references": "References",
    "examples": "Examples",
    "example": "Examples",
}
# Those whose body is a list of names with what they mean.
_LISTS = {
    "Parameters",
    "Other parameters",
    "Receives",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "Attributes",
    "Methods",
    "See also",
}
# Those whose entries are types where there is no colon.
_OF_TYPES = {"Returns", "Yields", "Receives", "Raises", "Warns"}

_GOOGLE_SECTIONS = {
    "args": "Parameters",
    "arguments": "Parameters",
    "params": "Parameters",
    "parameters": "Parameters",
    "keyword args": "Other parameters",
    "keyword arguments": "Other parameters",
    "other parameters": "Other parameters",
    "returns": "Returns",
    "return": "Returns",
    "yields": "Yields",
    "yield": "Yields",
    "raises": "Raises",
    "warns": "Warns",
    "attributes": "Attributes",
    "methods": "Methods",
    "see also": "See also",
    "note": "Notes",
    "notes": "Notes",
    "todo": "Notes",
    "references": "References",
    "example": "Examples",
    "examples": "Examples",
    "usage": "Examples",
}

_FIELD = re.compile(r"^:(?P<kind>\w+)(?:\s+(?P<argument>[^:]*?))?:(?:\s+(?P<text>.*))?$")
_FIELD_SECTIONS = {
    "param": "Parameters",
    "parameter": "Parameters",
    "arg": "Parameters",
    "argument": "Parameters",
    "key": "Other parameters",
    "keyword": "Other parameters",
    "kwarg": "Other parameters",
    "returns": "Returns",
    "return": "Returns",
    "yields": "Yields",
    "yield": "Yields",
    "raises": "Raises",
    "raise": "Raises",
    "except": "Raises",
    "exception": "Raises",
    "ivar": "Attributes",
    "cvar": "Attributes",
    "var": "Attributes",
}
_FIELD_ORDER = ("Parameters", "Other parameters", "Attributes", "Returns", "Yields", "Raises")
_FIELD_TYPES = {"type", "rtype", "vartype"}


def to_markdown(text):
    """A docstring as Markdown. Its indentation must be taken away already, as `inspect.cleandoc` does.

    >>> print(to_markdown('''Add.
    ...
    ... Args:
    ...     x (int): a ``number``
    ... '''))
    Add.
    <BLANKLINE>
    ## Parameters
    <BLANKLINE>
    - **x** (`int`): a `number`
    """
    return _read(text)[0]


def parsed(text):
    """What a docstring says, as plain data; `markdown` is the whole, as `to_markdown` gives it.

    >>> found = parsed("Add.\\n\\n:param x: a number\\n:type x: int")
    >>> found["style"], found["summary"], found["parameters"]
    ('rest', 'Add.', [{'name': 'x', 'type': 'int', 'text': 'a number'}])
    """
    markdown, style, entries, lines = _read(text)
    found = {"parameters": [], "returns": [], "raises": []}
    for title, name, kind, body in entries:
        entry = {"name": name, "type": kind, "text": "\n".join(restructured.tidy(body)).strip()}
        part = _PARTS.get(title)
        if part == "parameters":
            # `x, y : int` are two.
            found[part] += [{**entry, "name": one} for one in _names(name)]
        elif part == "raises":
            found[part].append({"type": name or kind, "text": entry["text"]})
        elif part is not None:
            found[part].append(entry)
    return {
        "summary": _summary(lines),
        "text": text,
        "markdown": markdown,
        "style": style,
        **found,
        "examples": _examples(lines),
    }


# What is told of by part; all other sections are in the Markdown alone.
_PARTS = {
    "Parameters": "parameters",
    "Other parameters": "parameters",
    "Returns": "returns",
    "Yields": "returns",
    "Raises": "raises",
}


def _names(text):
    return [
        name for part in text.split(",") if (name := part.strip().replace("\\", "").lstrip("*").strip("`"))
    ]


def _summary(lines):
    """The first paragraph, in one line; a signature before it is none."""
    lines = _without_signature(lines)
    start = next((i for i, line in enumerate(lines) if line.strip()), 0)
    end = next((i for i in range(start, len(lines)) if not lines[i].strip()), len(lines))
    if end - start > 1 and restructured.underlined(lines, start):
        # A title, as modules have it: what it says is enough.
        end = start + 1
    return " ".join(" ".join(lines[start:end]).split())[:_LONGEST_SUMMARY]


_LONGEST_SUMMARY = 500


def _examples(lines):
    """What can be typed at Python's prompt, block by block."""
    found, i = [], 0
    while i < len(lines):
        if not lines[i].lstrip().startswith(">>>"):
            i += 1
            continue
        end = next((k for k in range(i, len(lines)) if not lines[k].strip()), len(lines))
        found.append("\n".join(restructured.dedented(lines[i:end])))
        i = end
    return found


def _read(text):
    """(Markdown, style, entries, lines) of a docstring; an entry is (section, name, type, lines of Markdown)."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}\n\n... ({len(text) - _LONGEST:,} more characters)"
    lines = text.replace("\x00", "").expandtabs().split("\n")
    for style, read in (("numpydoc", _numpy), ("google", _google), ("rest", _fields)):
        entries = []
        sections = read(lines, entries)
        if sections is not None:
            return _document(sections), style, entries, lines
    if restructured.has_markup(lines):
        return "\n".join(restructured.markdown(lines)).strip(), "rest", [], lines
    return restructured.plain(lines), "plain", [], lines


def _document(sections):
    parts = []
    for title, lines in sections:
        body = "\n".join(lines).strip("\n")
        if not body.strip():
            continue
        parts.append(f"## {title}\n\n{body}" if title else body)
    return "\n\n".join(parts).strip()


# --- numpydoc ---


def _numpy(lines, entries):
    """[(title or None, lines of Markdown)], or None where there are no sections underlined as numpydoc has them."""
    starts = []
    for i, line in enumerate(lines[:-1]):
        under = lines[i + 1].strip()
        if len(under) >= 3 and set(under) <= {"-", "="} and line.strip().lower() in _NUMPY_SECTIONS:
            starts.append(i)
    if not starts:
        return None
    sections = [(None, restructured.markdown(_without_signature(lines[: starts[0]])))]
    for i, start in enumerate(starts):
        end = starts[i + 1] if i + 1 < len(starts) else len(lines)
        title = _NUMPY_SECTIONS[lines[start].strip().lower()]
        body = lines[start + 2 : end]
        sections.append(
            (title, _numpy_list(title, body, entries) if title in _LISTS else restructured.markdown(body))
        )
    return sections


def _without_signature(lines):
    """C functions begin with their signature, which is shown above anyway."""
    end = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    first = " ".join(line.strip() for line in lines[:end])
    return lines[end:] if re.match(r"^\w[\w.]*\([^()]*\)(\s*->.*)?$", first) else lines


def _numpy_list(title, lines, told):
    lines = restructured.dedented(lines)
    entries = []
    for line in lines:
        if line and not line[0].isspace():
            entries.append((line.strip(), []))
        elif entries:
            entries[-1][1].append(line)
    if not entries:
        return restructured.markdown(lines)
    out = []
    for head, body in entries:
        # `name : type`, or in See also `name : what it does`.
        name, colon, rest = re.match(r"^(.*?)(\s:\s|\s:$|:\s|:$|$)(.*)$", head).groups()
        body = restructured.dedented(body) if body else []
        if title == "See also":
            text = " ".join([rest, *body]).strip()
            names = ", ".join(f"`{part.strip()}`" for part in _inline_names(name).split(",") if part.strip())
            out += _item(names, restructured.markdown([text]) if text else [])
        elif not colon and title in _OF_TYPES:
            body = restructured.markdown(body)
            told.append((title, name if title == "Raises" else "", name, body))
            out += _item(_type(name), body)
        elif not colon and " " in name and "," not in name and not body:
            # A sentence where a name should be.
            out += restructured.markdown([name])
        else:
            what = ", ".join(
                f"**{restructured.escape(part.strip())}**" for part in name.split(",") if part.strip()
            )
            body = restructured.markdown(body)
            told.append((title, name.strip(), rest.strip(), body))
            out += _item(f"{what} ({_type(rest)})" if rest else what, body)
    return out


def _inline_names(text):
    return re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("`", "")


# --- Google ---


def _google(lines, entries):
    """The same for sections of Google's style: a word and a colon, and what is indented below."""
    sections, current, i = [], [], 0
    found = False
    while i < len(lines):
        line = lines[i]
        match = re.match(r"^([A-Z][\w ]*):\s*$", line)
        title = _GOOGLE_SECTIONS.get(match[1].lower()) if match else None
        end = i + 1
        while title is not None and end < len(lines) and (not lines[end].strip() or lines[end][0].isspace()):
            end += 1
        body = lines[i + 1 : end]
        if title is None or not any(part.strip() for part in body):
            current.append(line)
            i += 1
            continue
        found = True
        sections.append((None, restructured.markdown(current)))
        current = []
        body = restructured.dedented(body)
        sections.append(
            (title, _google_list(title, body, entries) if title in _LISTS else restructured.markdown(body))
        )
        i = end
    sections.append((None, restructured.markdown(current)))
    return sections if found else None


def _google_list(title, lines, told):
    entries = []
    for line in lines:
        if line and not line[0].isspace():
            entries.append([line])
        elif entries:
            entries[-1].append(line)
    pattern = re.compile(r"^(\*{0,2}[\w.]+)\s*(?:\(([^)]*(?:\([^)]*\))?[^)]*)\))?\s*:(?:\s+(.*))?$")
    if title in ("Returns", "Yields"):
        # `type: what it is`, once; what goes on is not another entry.
        match = re.match(r"^([\w.\[\], |]+):\s+(.*)$", lines[0])
        if match is None:
            body = restructured.markdown(lines)
            told.append((title, "", "", body))
            return body
        body = restructured.markdown([match[2], *restructured.dedented(lines[1:])])
        told.append((title, "", match[1].strip(), body))
        return _item(_type(match[1]), body)
    if not entries or not all(pattern.match(entry[0]) for entry in entries[:1]):
        return restructured.markdown(lines)
    out = []
    for entry in entries:
        match = pattern.match(entry[0])
        if match is None:
            out += restructured.markdown([part.strip() for part in entry])
            continue
        name, kind, text = match.groups()
        head = _type(name) if title == "Raises" else f"**{restructured.escape(name)}**"
        head += f" ({_type(kind)})" if kind else ""
        body = restructured.markdown([text or "", *restructured.dedented(entry[1:])])
        told.append((title, name, kind or "", body))
        out += _item(head, body)
    return out


# --- reStructuredText's fields ---


def _fields(lines, entries):
    """The same for `:param x:` and its like, wherever they stand."""
    rest, fields, i = [], [], 0
    while i < len(lines):
        match = _FIELD.match(lines[i])
        if match is None or (match["kind"] not in _FIELD_SECTIONS and match["kind"] not in _FIELD_TYPES):
            rest.append(lines[i])
            i += 1
            continue
        end = i + 1
        while end < len(lines) and lines[end][:1].isspace() and lines[end].strip():
            end += 1
        text = [match["text"] or "", *restructured.dedented(lines[i + 1 : end])]
        fields.append((match["kind"], (match["argument"] or "").strip(), [t for t in text if t.strip()]))
        i = end
    if not fields:
        return None
    types = {(kind, name): " ".join(text) for kind, name, text in fields if kind in _FIELD_TYPES}
    sections = {}
    for kind, argument, text in fields:
        title = _FIELD_SECTIONS.get(kind)
        if title is None:
            continue
        *before, name = argument.split() or [""]
        of = ""
        if title == "Raises":
            head = _type(name) if name else ""
        elif title in ("Returns", "Yields"):
            name, of = "", types.get(("rtype", ""), "")
            head = _type(of)
        else:
            of = " ".join(before) or types.get(("type", name)) or types.get(("vartype", name)) or ""
            head = f"**{restructured.escape(name)}**" + (f" ({_type(of)})" if of else "")
        body = restructured.markdown(text)
        entries.append((title, name, of, body))
        sections.setdefault(title, []).extend(_item(head, body) if head else body)
    if ("rtype", "") in types and "Returns" not in sections:
        entries.append(("Returns", "", types[("rtype", "")], []))
        sections["Returns"] = [f"- {_type(types[('rtype', '')])}"]
    return [
        (None, restructured.markdown(rest)),
        *((title, sections[title]) for title in _FIELD_ORDER if title in sections),
    ]


# --- text ---


def _item(head, body):
    """An item of a list: its body follows on the same line, and goes on indented."""
    while body and not body[0].strip():
        body = body[1:]
    while body and not body[-1].strip():
        body = body[:-1]
    if not body:
        return [f"- {head}"]
    if body[0].startswith(("```", "- ", "* ", "> ", "#", "|")):
        return [f"- {head}", "", *[f"  {line}".rstrip() for line in body], ""]
    joined = [f"- {head}: {body[0]}", *[f"  {line}".rstrip() for line in body[1:]]]
    return [*joined, ""] if any(not line.strip() for line in body) else joined


def _type(text):
    text = _inline_names(text.strip())
    return f"`{text}`" if text else ""

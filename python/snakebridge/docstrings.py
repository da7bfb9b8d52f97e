"""Docstrings as Markdown: numpydoc, Google's style, reStructuredText.

The sections of all three become the same: Parameters, Returns, Raises, Examples, .. as headings with lists.
A docstring that is none of these stays as it is. Nothing here looks at objects; and nothing fails: what is not
understood is text.
"""

import re

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

_DIRECTIVE = re.compile(r"^\.\.\s+(?P<name>[\w:.-]+?)::(?:\s+(?P<rest>.*))?$")
_ADMONITIONS = {
    "note",
    "warning",
    "tip",
    "hint",
    "important",
    "caution",
    "danger",
    "error",
    "attention",
    "seealso",
}
_VERSIONS = {"versionadded": "Since", "versionchanged": "Changed in", "deprecated": "Deprecated since"}
_CODE = {"code", "code-block", "sourcecode", "ipython", "doctest", "testcode", "plot", "parsed-literal"}
_ADORNMENTS = "=-~^\"'`#*+:.<>_"


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
        entry = {"name": name, "type": kind, "text": "\n".join(_tidy(body)).strip()}
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
    if end - start > 1 and _underlined(lines, start):
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
        found.append("\n".join(_dedented(lines[i:end])))
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
    if _has_markup(lines):
        return "\n".join(_body(lines)).strip(), "rest", [], lines
    return _plain(lines), "plain", [], lines


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
    sections = [(None, _body(_without_signature(lines[: starts[0]])))]
    for i, start in enumerate(starts):
        end = starts[i + 1] if i + 1 < len(starts) else len(lines)
        title = _NUMPY_SECTIONS[lines[start].strip().lower()]
        body = lines[start + 2 : end]
        sections.append((title, _numpy_list(title, body, entries) if title in _LISTS else _body(body)))
    return sections


def _without_signature(lines):
    """C functions begin with their signature, which is shown above anyway."""
    end = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    first = " ".join(line.strip() for line in lines[:end])
    return lines[end:] if re.match(r"^\w[\w.]*\([^()]*\)(\s*->.*)?$", first) else lines


def _numpy_list(title, lines, told):
    lines = _dedented(lines)
    entries = []
    for line in lines:
        if line and not line[0].isspace():
            entries.append((line.strip(), []))
        elif entries:
            entries[-1][1].append(line)
    if not entries:
        return _body(lines)
    out = []
    for head, body in entries:
        # `name : type`, or in See also `name : what it does`.
        name, colon, rest = re.match(r"^(.*?)(\s:\s|\s:$|:\s|:$|$)(.*)$", head).groups()
        body = _dedented(body) if body else []
        if title == "See also":
            text = " ".join([rest, *body]).strip()
            names = ", ".join(f"`{part.strip()}`" for part in _inline_names(name).split(",") if part.strip())
            out += _item(names, _body([text]) if text else [])
        elif not colon and title in _OF_TYPES:
            body = _body(body)
            told.append((title, name if title == "Raises" else "", name, body))
            out += _item(_type(name), body)
        elif not colon and " " in name and "," not in name and not body:
            # A sentence where a name should be.
            out += _body([name])
        else:
            what = ", ".join(f"**{_escape(part.strip())}**" for part in name.split(",") if part.strip())
            body = _body(body)
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
        sections.append((None, _body(current)))
        current = []
        body = _dedented(body)
        sections.append((title, _google_list(title, body, entries) if title in _LISTS else _body(body)))
        i = end
    sections.append((None, _body(current)))
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
            body = _body(lines)
            told.append((title, "", "", body))
            return body
        body = _body([match[2], *_dedented(lines[1:])])
        told.append((title, "", match[1].strip(), body))
        return _item(_type(match[1]), body)
    if not entries or not all(pattern.match(entry[0]) for entry in entries[:1]):
        return _body(lines)
    out = []
    for entry in entries:
        match = pattern.match(entry[0])
        if match is None:
            out += _body([part.strip() for part in entry])
            continue
        name, kind, text = match.groups()
        head = _type(name) if title == "Raises" else f"**{_escape(name)}**"
        head += f" ({_type(kind)})" if kind else ""
        body = _body([text or "", *_dedented(entry[1:])])
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
        text = [match["text"] or "", *_dedented(lines[i + 1 : end])]
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
            head = f"**{_escape(name)}**" + (f" ({_type(of)})" if of else "")
        body = _body(text)
        entries.append((title, name, of, body))
        sections.setdefault(title, []).extend(_item(head, body) if head else body)
    if ("rtype", "") in types and "Returns" not in sections:
        entries.append(("Returns", "", types[("rtype", "")], []))
        sections["Returns"] = [f"- {_type(types[('rtype', '')])}"]
    return [(None, _body(rest)), *((title, sections[title]) for title in _FIELD_ORDER if title in sections)]


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


def _escape(text):
    return re.sub(r"([\\*`<#|\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def _has_markup(lines):
    """Whether text is reStructuredText more than by accident."""
    text = "\n".join(lines)
    return bool(
        re.search(r"``[^`]+``|:\w+:`[^`]+`|^\.\. [\w-]+::|`[^`<>]+ <[^>]+>`_|::\n\n\s", text, re.MULTILINE)
        or re.search(r"^>>> ", text, re.MULTILINE)
        or any(_underlined(lines, i) for i in range(len(lines) - 1))
    )


def _underlined(lines, i):
    under, title = lines[i + 1].rstrip(), lines[i].strip()
    return (
        len(under) >= 3
        and under[0] in _ADORNMENTS
        and set(under) == {under[0]}
        and bool(title)
        and not lines[i][0].isspace()
        and len(under) >= len(title)
        and not title.startswith(("|", "+"))
    )


def _plain(lines):
    """What is no markup: prose may be wrapped anew, anything that is laid out stays."""
    prose = all(
        not line[:1].isspace() and not re.match(r"^([-*+|]|\d+[.)])\s|^$", line) for line in lines if line
    )
    short = [line for line in lines if line.strip()]
    # Lines that end early are ends of sentences, or a layout.
    filled = all(len(line) > 45 or re.search(r"[.:!?]$", line.rstrip()) for line in short)
    if prose and filled:
        return "\n".join(_escape_prose(line) for line in lines).strip()
    fence = _fence(lines)
    return "\n".join([f"{fence}text", *lines, fence])


def _escape_prose(line):
    return re.sub(r"([\\*`<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", re.sub(r"^(\s*)([#>|+-])", r"\1\\\2", line))


def _fence(lines):
    longest = max((len(found) for found in re.findall(r"`{3,}", "\n".join(lines))), default=2)
    return "`" * (longest + 1)


def _body(lines):
    """Lines of reStructuredText as lines of Markdown."""
    out, i = [], 0
    while i < len(lines):
        line = lines[i]
        stripped = line.strip()
        if stripped.startswith(">>>"):
            end = i
            while end < len(lines) and lines[end].strip():
                end += 1
            out += _fenced("pycon", _dedented(lines[i:end]))
            i = end
            continue
        if line.lstrip().startswith("```"):
            # Markdown already.
            end = next((k for k in range(i + 1, len(lines)) if lines[k].strip() == "```"), len(lines) - 1)
            out += lines[i : end + 1]
            i = end + 1
            continue
        match = _DIRECTIVE.match(stripped)
        if match is not None:
            end = _indented_end(lines, i)
            out += _directive(match["name"].lower(), match["rest"] or "", _dedented(lines[i + 1 : end]))
            i = end
            continue
        if re.match(r"^\.\.\s+(\[|_)", stripped):
            # A footnote, or where a link leads.
            footnote = re.match(r"^\.\.\s+\[([^\]]+)\]\s+(.*)$", stripped)
            end = _indented_end(lines, i)
            if footnote:
                rest = " ".join(part.strip() for part in [footnote[2], *lines[i + 1 : end]]).strip()
                out += [f"\\[{footnote[1]}\\] {_inline(rest)}", ""]
            i = end
            continue
        if i + 1 < len(lines) and _underlined(lines, i):
            out += ["", f"### {_inline(stripped)}", ""]
            i += 2
            continue
        if stripped.endswith("::") and _has_literal(lines, i):
            text = stripped[:-2].rstrip()
            out += ([_inline(text) + ":"] if text else []) + [""]
            end = _indented_end(lines, i)
            out += _fenced("python", _dedented(lines[i + 1 : end]))
            i = end
            continue
        if re.match(r"^=+(\s+=+)+\s*$", stripped) or re.match(r"^\+[-=]+\+", stripped):
            # A table that is drawn.
            end = i
            while end < len(lines) and lines[end].strip():
                end += 1
            out += _fenced("text", lines[i:end])
            i = end
            continue
        end = i + 1
        while end < len(lines) and _goes_on(lines, end):
            end += 1
        # Four spaces would make code of it.
        text = "\n".join(" " * min(_indent(part), 2) + part.strip() for part in lines[i:end])
        bullet = re.match(r"^(\s*)[*+•-]\s+(?=\S)", text)
        out += ((f"{bullet[1]}- " + _inline(text[bullet.end() :])) if bullet else _inline(text)).split("\n")
        i = end
    return _tidy(out)


def _goes_on(lines, i):
    """Whether a line belongs to the paragraph of the one before: what is marked may go over its end."""
    line = lines[i].strip()
    return bool(line) and not (
        line.startswith((">>>", "```", ".. "))
        or line.endswith("::")
        or re.match(r"^([*+•-]|\d+[.)])\s|^=+(\s+=+)+$|^\+[-=]+\+", line)
        or (i + 1 < len(lines) and _underlined(lines, i))
    )


def _tidy(lines):
    """The lines without empty ones that follow each other, but for code."""
    kept, fence = [], None
    for line in lines:
        mark = re.match(r"^\s*(`{3,})", line)
        if mark and fence is None:
            fence = mark[1]
        elif mark and line.strip() == fence:
            fence = None
        elif fence is None and not line.strip() and (not kept or not kept[-1].strip()):
            continue
        kept.append(line)
    return kept


def _has_literal(lines, i):
    following = next((k for k in range(i + 1, len(lines)) if lines[k].strip()), None)
    return following is not None and _indent(lines[following]) > _indent(lines[i])


def _indent(line):
    return len(line) - len(line.lstrip())


def _indented_end(lines, i):
    """Where what is indented below line i ends."""
    depth, end = _indent(lines[i]), i + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > depth):
        end += 1
    while end > i + 1 and not lines[end - 1].strip():
        end -= 1
    return end


def _dedented(lines):
    kept = [line for line in lines if line.strip()]
    margin = min((_indent(line) for line in kept), default=0)
    lines = [line[margin:].rstrip() for line in lines]
    while lines and not lines[0]:
        lines = lines[1:]
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def _fenced(language, lines):
    fence = _fence(lines)
    return ["", f"{fence}{language}", *lines, fence, ""]


def _directive(name, rest, body):
    options = [line for line in body if re.match(r"^:[\w-]+:", line)]
    if name in _CODE:
        language = (
            "pycon"
            if body and body[-1:] and any(line.startswith(">>>") for line in body)
            else rest or "python"
        )
        return _fenced(language, [line for line in body if line not in options])
    if name == "math":
        return _fenced("text", ([rest] if rest else []) + [line for line in body if line not in options])
    if name in _VERSIONS:
        version, _, more = rest.partition(" ")
        text = " ".join([more, *(line.strip() for line in body)]).strip()
        return ["", f"*{_VERSIONS[name]} {version}.*" + (f" {_inline(text)}" if text else ""), ""]
    if name in _ADMONITIONS:
        word = "See also" if name == "seealso" else name.capitalize()
        text = _body(([rest] if rest else []) + body)
        while text and not text[0].strip():
            text = text[1:]
        return ["", f"> **{word}**", ">", *[f"> {line}".rstrip() for line in text], ""]
    if name in ("index", "image", "figure", "currentmodule", "autosummary", "toctree", "only"):
        return []
    return _body(([rest] if rest else []) + body)


_INLINE = re.compile(
    r"``(?P<code>.+?)``"
    r"|:(?:[\w-]+:)?[\w-]+:`(?P<role>[^`]+)`"
    r"|`(?P<text>[^`<>]+?)\s*<(?P<link>[^>`]+)>`__?"
    r"|`(?P<named>[^`]+)`_\b"
    r"|`(?P<single>[^`]+)`"
    r"|(?P<foot>\[[\w#*]+\])_(?!\w)"
    r"|(?P<strong>\*\*[^*\s](?:[^*]*[^*\s])?\*\*)"
    r"|(?<![\w*])(?P<emphasis>\*[^*\s](?:[^*]*[^*\s])?\*)(?![\w*])"
    r"|(?P<escape>\\.)"
    r"|(?P<other>[*<]|(?<!\w)_|_(?!\w))",
    re.DOTALL,
)


def _inline(text):
    """Inline markup of reStructuredText as that of Markdown; what means nothing there is made to mean nothing here."""
    return _INLINE.sub(_inline_part, text)


def _inline_part(match):
    kind, found = match.lastgroup, match[match.lastgroup]
    if kind == "link":
        return f"[{match['text']}]({''.join(found.split())})"
    if kind in ("code", "single"):
        return f"`` {found} ``" if "`" in found else f"`{found}`"
    if kind == "role":
        # `~package.name` is shown by its last name; `text <target>` by its text.
        name = re.sub(r"\s*<[^>]*>$", "", found)
        return f"`{name.lstrip('~!').rpartition('.')[2] if name.startswith('~') else name.lstrip('!')}`"
    if kind == "named":
        return found
    if kind == "foot":
        return f"\\{found[:-1]}\\]"
    if kind in ("strong", "emphasis"):
        return found
    if kind == "escape":
        return found if found[1] in "*_`\\<>[]" else found[1]
    return f"\\{found}"

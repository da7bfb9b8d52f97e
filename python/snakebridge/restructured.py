"""reStructuredText as Markdown, as far as docstrings have it: titles, lists, directives, roles, examples, tables.

It knows nothing of docstrings' sections (`snakebridge.docstrings`), and never fails: what is not understood is text.
"""

import re

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


def escape(text):
    """Text that stays what it is in Markdown."""
    return re.sub(r"([\\*`<#|\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def has_markup(lines):
    """Whether text is reStructuredText more than by accident."""
    text = "\n".join(lines)
    return bool(
        re.search(r"``[^`]+``|:\w+:`[^`]+`|^\.\. [\w-]+::|`[^`<>]+ <[^>]+>`_|::\n\n\s", text, re.MULTILINE)
        or re.search(r"^>>> ", text, re.MULTILINE)
        or any(underlined(lines, i) for i in range(len(lines) - 1))
    )


def underlined(lines, i):
    """Whether a line is a title, by the line below it."""
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


def plain(lines):
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


def markdown(lines):
    """Lines of reStructuredText as lines of Markdown."""
    out, i = [], 0
    while i < len(lines):
        line = lines[i]
        stripped = line.strip()
        if stripped.startswith(">>>"):
            end = i
            while end < len(lines) and lines[end].strip():
                end += 1
            out += _fenced("pycon", dedented(lines[i:end]))
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
            out += _directive(match["name"].lower(), match["rest"] or "", dedented(lines[i + 1 : end]))
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
        if i + 1 < len(lines) and underlined(lines, i):
            out += ["", f"### {_inline(stripped)}", ""]
            i += 2
            continue
        if stripped.endswith("::") and _has_literal(lines, i):
            text = stripped[:-2].rstrip()
            out += ([_inline(text) + ":"] if text else []) + [""]
            end = _indented_end(lines, i)
            out += _fenced("python", dedented(lines[i + 1 : end]))
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
    return tidy(out)


def _goes_on(lines, i):
    """Whether a line belongs to the paragraph of the one before: what is marked may go over its end."""
    line = lines[i].strip()
    return bool(line) and not (
        line.startswith((">>>", "```", ".. "))
        or line.endswith("::")
        or re.match(r"^([*+•-]|\d+[.)])\s|^=+(\s+=+)+$|^\+[-=]+\+", line)
        or (i + 1 < len(lines) and underlined(lines, i))
    )


def tidy(lines):
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


def dedented(lines):
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
        text = markdown(([rest] if rest else []) + body)
        while text and not text[0].strip():
            text = text[1:]
        return ["", f"> **{word}**", ">", *[f"> {line}".rstrip() for line in text], ""]
    if name in ("index", "image", "figure", "currentmodule", "autosummary", "toctree", "only"):
        return []
    return markdown(([rest] if rest else []) + body)


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

"""Exceptions as text: what Python would print, with the cells' source and without the bridge's own frames.

It only renders. What an exception does to a cell is decided in `cells`.
"""

import linecache
import os
import traceback
import types

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep

# The frame that calls of Elixir are made from.
_CALLER = "<elixir>"

# More lines than this say nothing more; the middle is left out.
_MOST_LINES = 400
_FIRST_LINES = 120
_LONGEST_LINE = 10_000
_MOST_FRAMES = 1_000
_FIRST_FRAMES = 300


def remember(number, source):
    """Gives the source of a cell to everything that shows source lines; returns the cell's file name."""
    name = f"cell {number}"
    lines = source.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    # An entry without a time stamp is never checked against a file, and so never dropped.
    linecache.cache[name] = (len(source), None, lines, name)
    return name


def is_ours(filename):
    """Whether a frame is the bridge's own."""
    return filename == _CALLER or filename.startswith(_PACKAGE)


def without_ours(trace):
    """A traceback without the bridge's own frames, for what renders it by itself."""
    kept = []
    while trace is not None:
        if not is_ours(trace.tb_frame.f_code.co_filename):
            kept.append(trace)
        trace = trace.tb_next
    for part in reversed(kept):
        trace = types.TracebackType(trace, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return trace


def message(error):
    """`str(error)`, whatever that does."""
    try:
        text = str(error)
    except Exception:
        return f"<{type(error).__name__}: its message cannot be shown>"
    return clean(text)


def clean(text):
    """The text without what UTF-8 cannot carry (lone surrogates)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def lines(error):
    """The traceback as Python prints it, as a list of lines without their ends."""
    try:
        told = _told(error)
        text = "".join(told.format() if _has_frames(told) else told.format_exception_only())
        text += _notes(error)
    except Exception as failure:
        text = f"{type(error).__name__}: {message(error)}\n(no traceback: {type(failure).__name__} while rendering it)"
    return shorten(clean(text).rstrip("\n").split("\n"))


def _notes(error):
    """What Python before 3.11 does not print itself: where in Elixir an error comes from, say."""
    if hasattr(BaseException, "add_note"):
        return ""
    return "".join(f"{note}\n" for note in getattr(error, "__notes__", ()) if type(note) is str)


def shorten(lines):
    """A bounded number of bounded lines."""
    if len(lines) > _MOST_LINES:
        left_out = len(lines) - _MOST_LINES
        last = lines[-(_MOST_LINES - _FIRST_LINES) :]
        lines = [*lines[:_FIRST_LINES], f"  ... {left_out} lines left out ...", *last]
    return [line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + " ..." for line in lines]


def frames(error):
    """The frames of the traceback, outermost first, as the protocol has them."""
    try:
        stack = traceback.extract_tb(_bounded(error.__traceback__))
        return [
            {"file": clean(f.filename), "line": f.lineno or 0, "name": clean(f.name), "source": _source(f)}
            for f in stack
            if not is_ours(f.filename)
        ]
    except Exception:
        return []


def _source(frame):
    line = clean(frame.line or "")
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + " ..."


def _bounded(trace):
    """A traceback of a bounded number of frames; the middle ones are left out."""
    parts = []
    part = trace
    while part is not None:
        parts.append(part)
        part = part.tb_next
    if len(parts) <= _MOST_FRAMES:
        return trace
    bounded = parts[-(_MOST_FRAMES - _FIRST_FRAMES)]
    for part in reversed(parts[:_FIRST_FRAMES]):
        bounded = types.TracebackType(bounded, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return bounded


def _told(error):
    told = traceback.TracebackException(type(error), error, _bounded(error.__traceback__), compact=True)
    _hide(told, set())
    return told


def _hide(told, seen):
    """Takes our frames out of an exception and of all that it is made of."""
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    told.stack[:] = [frame for frame in told.stack if not is_ours(frame.filename)]
    _hide(told.__cause__, seen)
    _hide(told.__context__, seen)
    for part in getattr(told, "exceptions", None) or ():
        _hide(part, seen)


def _has_frames(told):
    """A syntax error of the cell itself has no frames, and Python prints no heading for it."""
    return bool(told.stack or told.__cause__ or told.__context__ or getattr(told, "exceptions", None))

"""Whether a source is finished, could go on, or is wrong, as Python's own prompt would judge it.

Compiles and runs nothing. Where IPython is there, its judgement counts, which knows magics (`shell`).
"""

import ast
import codeop
import warnings

from snakebridge import sources

_STEP = 4
# After these a block goes on only further out.
_LEAVING = {"return", "pass", "raise", "break", "continue"}


def check(source):
    """(status, indent): `complete`, `incomplete` or `invalid`, and the indentation that the next line should get."""
    if not source.strip():
        return "complete", ""
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compiler(source, "<input>", "exec")
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return "invalid", ""
    if code is None or _in_block(source):
        return "incomplete", " " * _indent_after(source)
    return "complete", ""


def _in_block(source):
    """Whether the last line belongs to a block: an empty line closes it, as at Python's prompt."""
    last = source.rsplit("\n", 1)[-1]
    return last[:1] in (" ", "\t") and bool(last.strip()) and "\n" in source


def _indent_after(source):
    tokens = sources.scan(source).tokens
    opening = sources.open_bracket(tokens)
    if opening is not None:
        return _indent_of(source, tokens[opening].start) + _STEP
    while tokens and tokens[-1].kind == "newline":
        tokens.pop()
    if not tokens:
        return 0
    indent = _indent_of(source, tokens[-1].start)
    if tokens[-1].text == ":":
        return indent + _STEP
    line = sources.statement(tokens)
    if line[0].text in _LEAVING:
        return max(0, indent - _STEP)
    return indent


def _indent_of(source, position):
    line = source[source.rfind("\n", 0, position) + 1 :].expandtabs()
    return len(line) - len(line.lstrip())

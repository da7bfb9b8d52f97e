"""What a source binds names to above the cursor, statement by statement; read, and not run.

The source need not be complete, so each statement is parsed by itself, and only those that mention the name.
Blocks and scopes are not told apart: the nearest statement above is the one that counts.
"""

import ast
import textwrap
from dataclasses import dataclass

from snakebridge import sources

_LONGEST = 10_000
# Lines at the end of a class that do not have to make sense yet.
_MOST_UNFINISHED = 20
_CLAUSES = {"elif": "if", "else": "if", "except": "try", "finally": "try", "case": "match"}


@dataclass
class Binding:
    """How a name is bound. `how`: "value" (the value of `node`), "each" (what going through it gives), "enter" (what a
    `with` gives), "annotation", "exception", "function" and "class" (`node` is the definition), "self" (`node` is the class
    whose method has that first parameter), "module" and "member" (`name` is what is imported). `path`: the places in a tuple that is taken apart. `at`: the statement's number."""

    how: str
    node: object
    at: int
    name: str = ""
    path: tuple = ()


class Bindings:
    """The statements of a source up to the cursor, the unfinished last one too."""

    def __init__(self, text, tokens):
        self._text = text
        self._tokens = tokens
        self._cut = None

    def of(self, name, before=None):
        """How a name is bound by the nearest statement above that one (the cursor, where none is given), or None."""
        for i in reversed(range(len(self._starts) if before is None else before)):
            tokens = self._of(i)
            # A look at the text spares most of the parsing.
            if tokens and name in self._text[tokens[0].start : tokens[-1].end]:
                found = self._bound(i, name)
                if found is not None:
                    return found
        return None

    @property
    def _starts(self):
        if self._cut is None:
            self._cut = sources.statement_starts(self._tokens)
        return self._cut

    def _of(self, i):
        end = self._starts[i + 1] if i + 1 < len(self._starts) else len(self._tokens)
        return self._tokens[self._starts[i] : end]

    def _bound(self, i, name):
        tokens = [token for token in self._of(i) if token.kind != "newline"]
        # `with open(x) as f: f.`: the head is a statement of its own.
        head = _head(tokens)
        if head is not None and (i < len(self._starts) - 1 or tokens[-1] is not tokens[head]):
            tree = self._tree(tokens, tokens[head].end)
            if isinstance(tree, ast.ClassDef) and tree.name == name:
                return Binding("class", self._block(tokens[0].start) or tree, i)
            found = _search(tree, name, i)
            if found is None and _is_first_parameter(tree, name):
                around, decorator = self._around(i, tokens[0].start), self._decorator(i)
                if around is not None and decorator != "@staticmethod":
                    found = Binding("class" if decorator == "@classmethod" else "self", around, i)
            rest = tokens[head + 1 :]
            inner = _search(self._tree(rest), name, i) if rest and i < len(self._starts) - 1 else None
            return inner or found
        return _search(self._tree(tokens), name, i) if i < len(self._starts) - 1 else None

    def _block(self, start):
        """The class whose definition starts there, as far as it is written."""
        lines = self._text[self._text.rfind("\n", 0, start) + 1 :].split("\n")
        column = _indentation(lines[0])
        end = 1
        while end < len(lines) and (not lines[end].strip() or _indentation(lines[end]) > column):
            end += 1
        # What is being typed is no statement yet: `pass` stands for it.
        for last in range(end, max(end - _MOST_UNFINISHED, 0), -1):
            unfinished = lines[last] if last < end else ""
            text = "\n".join(lines[:last])
            if len(text) > _LONGEST or "\0" in text:
                return None
            rest = " " * _indentation(unfinished) + "pass" if unfinished.strip() else ""
            try:
                return ast.parse(textwrap.dedent(f"{text}\n{rest}")).body[0]
            except (SyntaxError, ValueError, RecursionError, MemoryError, IndexError):
                continue
        return None

    def _around(self, i, start):
        """The class in whose block a statement stands, if that is the innermost block around it."""
        column = self._column(start)
        for j in reversed(range(i)):
            tokens = self._of(j)
            if tokens and tokens[0].kind != "newline" and self._column(tokens[0].start) < column:
                return self._block(tokens[0].start) if tokens[0].text == "class" else None
        return None

    def _decorator(self, i):
        """The line above a statement, if that is a decorator."""
        above = self._of(i - 1) if i else []
        text = self._text[above[0].start : above[-1].end].strip() if above else ""
        return text if text.startswith("@") else ""

    def _column(self, at):
        return at - self._text.rfind("\n", 0, at) - 1

    def _tree(self, tokens, end=None):
        if not tokens:
            return None
        text = self._text[tokens[0].start : end or tokens[-1].end]
        if len(text) > _LONGEST or "\0" in text:
            return None
        first = tokens[0].text
        if first in ("elif", "else", "finally", "case"):
            return None
        if end is not None:
            text = f"try: pass\n{text} pass" if first == "except" else f"{text} pass"
            text += "\nexcept: pass" if first == "try" else ""
        try:
            return ast.parse(text).body[-1]
        except (SyntaxError, ValueError, RecursionError, MemoryError, IndexError):
            return None


def _indentation(line):
    return len(line) - len(line.lstrip())


def _is_first_parameter(tree, name):
    if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    places = [*tree.args.posonlyargs, *tree.args.args]
    return bool(places) and places[0].arg == name


def _head(tokens):
    """The index of the colon that ends the head of a compound statement, or None."""
    words = ("async", "class", "def", "except", "for", "if", "try", "while", "with")
    if not tokens or tokens[0].text not in words:
        return None
    depth = lambdas = 0
    for i, token in enumerate(tokens):
        if token.kind == "op":
            depth += token.text in "([{"
            depth -= token.text in ")]}"
            if token.text == ":" and depth <= 0:
                if not lambdas:
                    return i
                lambdas -= 1
        elif token.text == "lambda" and depth <= 0:
            lambdas += 1
    return None


def _search(tree, name, at):
    """The last binding of a name in a statement's tree."""
    if tree is None:
        return None
    found = None
    for how, target, node in _targets(tree):
        if isinstance(target, str):
            if target == name:
                found = Binding(*((how, None, at, node) if isinstance(node, str) else (how, node, at)))
            continue
        path = _path(target, name)
        if path is not None:
            found = Binding(how, node, at, path=path)
    return found


def _targets(tree):
    if isinstance(tree, ast.Assign):
        for target in tree.targets:
            yield "value", target, tree.value
    elif isinstance(tree, ast.AnnAssign):
        yield "annotation", tree.target, tree.annotation
    elif isinstance(tree, (ast.For, ast.AsyncFor)):
        yield "each", tree.target, tree.iter
    elif isinstance(tree, (ast.With, ast.AsyncWith)):
        for item in tree.items:
            if item.optional_vars is not None:
                yield "enter", item.optional_vars, item.context_expr
    elif isinstance(tree, ast.Import):
        for alias in tree.names:
            bound = alias.asname or alias.name.partition(".")[0]
            yield "module", bound, alias.name if alias.asname else bound
    elif isinstance(tree, ast.ImportFrom) and tree.module and not tree.level:
        for alias in tree.names:
            yield "member", alias.asname or alias.name, f"{tree.module}:{alias.name}"
    elif isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield "function", tree.name, tree
        arguments = tree.args
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            if argument.annotation is not None:
                yield "annotation", argument.arg, argument.annotation
    elif isinstance(tree, ast.Try):
        for handler in tree.handlers:
            if handler.name and handler.type is not None:
                yield "exception", handler.name, handler.type
    for node in ast.walk(tree):
        if isinstance(node, ast.NamedExpr):
            yield "value", node.target, node.value


def _path(target, name):
    """Where a name stands in what is assigned to: () by itself, (1,) the second of a tuple; None where it does not."""
    if isinstance(target, ast.Name):
        return () if target.id == name else None
    if isinstance(target, (ast.Tuple, ast.List)):
        for i, part in enumerate(target.elts):
            inner = _path(part, name)
            if inner is not None:
                return (i, *inner)
    return None

"""What cells may do to what names stand for, read off their sources: which they read, bind, unbind, and *change in place*.

`analysis` sees what a cell did to names when it ran; that it appended to a list nobody sees who looks at names alone. Here
the source is judged, by rules that err on one side: what may be a change counts as one. Nothing is run or imported.

Names that may stand for the same object, or for one inside the other, change together: `b = a`, `b = a[0]`, `b = [a]`,
`for b in a`, `a.append(b)`, `b = f(a)`. What a function reads and changes, the cells do that read its name.
"""

import ast
import builtins
import contextlib
import re
import warnings

from snakebridge import analysis, kinds

# What is outside of the session, as one thing: files, the environment, databases.
WORLD = "*world*"

_MAGIC = re.compile(r"^(\s*)([%!?].*|\S.*\?)$")
_CELL_MAGIC = re.compile(r"^\s*%%(\w+).*\n?")
# Cell magics around plain Python.
_AROUND = {"time", "timeit", "capture", "prun"}
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def plain(source):
    """Source without what only IPython knows, and the lines that were left out; what is already plain stays as it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
        return source, []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    left_out = []
    head = _CELL_MAGIC.match(source)
    if head:
        left_out.append(head[0].strip())
        if head[1] not in _AROUND:
            return "", left_out
        source = source[head.end() :]
    lines = []
    for line in source.split("\n"):
        magic = _MAGIC.match(line)
        if magic:
            left_out.append(line.strip())
            line = f"{magic[1]}pass" if magic[1] else ""
        lines.append(line)
    return "\n".join(lines).strip("\n"), left_out


def session(cells):
    """The effects of each cell of a session, in order (`cells`), and the names at its end, each with the number of what it
    stands for, or None where nothing can change that (`ends`).

    A cell is a dict: `language`, `source`, `status`; `reads`, `writes`, `deletes` as recorded, or None; for one of Elixir
    `own`, what its source does: `reads`, `writes`, `certain`, `changes`, `consumes` (what it goes through), and `objects`, whether it may keep objects of
    Python; `kinds`: of names after it, where they are known.

    Gives for each: `reads`, `writes`, `certain` (those bound in any case), `deletes`; `changes`, the names through which it
    may change something; `seen` and `touched`, numbers of what it reads and changes, alike for names that may stand for
    parts of the same; `made`, these numbers of
    what it has bound; `behind`, names that what it binds reads when it is called; `error` (why the source cannot be judged, or None), `left_out` (lines that only IPython knows),
    `source` without them.
    """
    known = _Names()
    found = [_cell(cell, known) for cell in cells]
    for effects in found:
        for key in ("seen", "touched"):
            effects[key] = sorted({known.root(node) for node in effects[key]})
        effects["made"] = {name: known.root(node) for name, node in effects["made"].items()}
    return {"cells": found, "ends": known.ends()}


def pure_methods():
    """Names of methods that change nothing, whatever of builtins, numpy, pandas and polars they are called on."""
    return sorted(kinds.PURE_METHODS - kinds.MUTATORS)


class _Names:
    """What is known of the session's names between two cells."""

    def __init__(self):
        self.kinds = {}
        # For each name what it may do when it is called or used: names read, names changed.
        self.behind = {}
        # What each name stands for, as a number; those that may share parts have the same root.
        self._nodes = {}
        self._parents = []

    def bind(self, name, kind, shared=(), behind=(frozenset(), frozenset()), is_certain=True):
        """A name is bound anew, to what may share parts with what those names stand for. Where that is not certain, it may
        stand for what it stood for, too."""
        nodes = [self._nodes[other] for other in shared if other in self._nodes]
        if not is_certain and name in self.kinds:
            kind = kind if kind == self.kinds[name] else None
            nodes += [self._nodes[name]] if name in self._nodes else []
            before = self.behind.get(name, (frozenset(), frozenset()))
            behind = (before[0] | behind[0], before[1] | behind[1])
        self.unbind(name)
        self.kinds[name] = kind
        if behind[0] or behind[1]:
            self.behind[name] = behind
        if not kinds.is_immutable(kind):
            self._join([self._node(name), *nodes])

    def unbind(self, name):
        """A name stands for nothing that was there."""
        self.kinds.pop(name, None)
        self.behind.pop(name, None)
        self._nodes.pop(name, None)

    def join(self, names):
        """These may share parts from now on."""
        self._join([self._node(name) for name in names if not kinds.is_immutable(self.kinds.get(name))])

    def gain(self, name, reads, changes):
        """What a name stands for does this, too, from now on."""
        before = self.behind.get(name, (frozenset(), frozenset()))
        if reads or changes:
            self.behind[name] = (before[0] | reads, before[1] | changes)

    def nodes(self, names):
        """The numbers of what these stand for now."""
        return {self._node(name) for name in names if not kinds.is_immutable(self.kinds.get(name))}

    def numbered(self, names):
        """Those of the names that something can change, with their numbers."""
        return {name: self._nodes[name] for name in names if name in self._nodes}

    def ends(self):
        """All names, with their numbers."""
        nodes = {name: self._nodes.get(name) for name in self.kinds}
        return {name: node if node is None else self.root(node) for name, node in nodes.items()}

    def used(self, names):
        """What reading these names may read and change beside them: what functions behind them do, and so on."""
        reads, changes, waiting = set(), set(), list(names)
        while waiting:
            name = waiting.pop()
            if name in self.behind:
                more, changed = self.behind[name]
                waiting += more - reads
                reads |= more
                changes |= changed
        return reads, changes

    def root(self, node):
        """The number of all that may share parts with this."""
        while self._parents[node] != node:
            self._parents[node] = self._parents[self._parents[node]]
            node = self._parents[node]
        return node

    def _node(self, name):
        if name not in self._nodes:
            self._nodes[name] = len(self._parents)
            self._parents.append(len(self._parents))
        return self._nodes[name]

    def _join(self, nodes):
        roots = sorted({self.root(node) for node in nodes})
        for root in roots[1:]:
            self._parents[root] = roots[0]


def _cell(cell, known):
    found = (_python if cell["language"] == "python" else _elixir)(cell, known)
    for name, kind in (cell.get("kinds") or {}).items():
        known.kinds[name] = kind
    found["made"] = known.numbered(found["writes"])
    return found


def _elixir(cell, known):
    own = cell["own"]
    reads = {name for name in own["reads"] if name in known.kinds} | {*(cell.get("reads") or ())}
    keeps = own["objects"] or any(not kinds.is_term(known.kinds.get(name)) for name in reads)
    more, changed = known.used(reads)
    consumed = {name for name in own["consumes"] if kinds.may_be_used_up(known.kinds.get(name))}
    changes = {*own["changes"], *changed, *consumed} - {WORLD}
    changes = {name for name in changes if not kinds.is_term(known.kinds.get(name))}
    seen, touched = known.nodes(reads | more), known.nodes(changes)
    writes = {*_recorded(cell, own["writes"])}
    if cell.get("status", "ok") == "ok":
        # Of modules the compiler tells nothing.
        writes |= {name for name in own["writes"] if name.startswith("module ")}
    shared = [name for name in reads if name in known.kinds] if keeps else []
    known.join([name for name in changes if name in known.kinds])
    for name in writes:
        known.bind(name, None if keeps else "term", shared)
    touched |= known.nodes(writes & changes)
    return {
        "reads": sorted(reads | more),
        "writes": sorted(writes),
        "certain": sorted(set(own["certain"]) & writes),
        "deletes": sorted(cell.get("deletes") or ()),
        "changes": sorted(changes | ({WORLD} & {*own["changes"]})),
        "seen": seen,
        "touched": touched,
        "behind": [],
        "error": own.get("error"),
        "left_out": [],
        "source": cell["source"],
    }


def _python(cell, known):
    source, left_out = plain(cell["source"])
    uses, error, seen = analysis.Uses(), None, set()
    walk = _Walk(known, is_certain=cell.get("status", "ok") == "ok")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            analysis.analyse(source, uses)
            seen = known.nodes(name for name in uses.reads if not _is_builtin(name, known))
            walk.body(tree.body)
    except SyntaxError as failure:
        error = f"line {failure.lineno}: {failure.msg}"
    except (ValueError, RecursionError, MemoryError) as failure:
        error = f"{type(failure).__name__}: {failure}"
    reads = {name for name in uses.reads if not _is_builtin(name, known)}
    reads |= {*walk.unbound, *(cell.get("reads") or ())}
    more, changed = known.used(reads | walk.called)
    reads |= more - uses.certain
    changes = walk.changes | changed
    if error is not None:
        changes |= reads
    touched = walk.touched | known.nodes(changes - {WORLD})
    writes = {*_recorded(cell, uses.binds)}
    if cell.get("status", "ok") == "ok":
        writes |= uses.certain
    deletes = {*(cell.get("deletes") or ()), *(walk.unbound - uses.certain)}
    for name in writes:
        if name not in known.kinds:
            known.bind(name, None)
    for name in deletes:
        known.unbind(name)
    return {
        "reads": sorted(reads),
        "writes": sorted(writes),
        "certain": sorted((uses.certain & writes) - deletes),
        "deletes": sorted(deletes),
        "changes": sorted(changes),
        "seen": seen | known.nodes(more),
        "touched": touched,
        "behind": sorted(walk.later),
        "error": error,
        "left_out": left_out,
        "source": source,
    }


def _recorded(cell, may):
    recorded = cell.get("writes")
    return recorded if recorded is not None else may


class _Walk:
    """Goes through statements as they run, and notes what is changed, bound to what, and called."""

    def __init__(self, known, inside=None, is_certain=True):
        self.known = known
        # Whether what comes runs in any case, and to its end.
        self.is_certain = is_certain
        self.changes = set()
        self.touched = set()
        self.called = set()
        self.unbound = set()
        self.later = set()
        # Names of the function that is looked into.
        self.inside = inside

    # --- statements ---

    def body(self, statements):
        for statement in statements:
            self.statement(statement)

    def maybe(self, statements):
        before, self.is_certain = self.is_certain, False
        self.body(statements)
        self.is_certain = before

    def statement(self, node):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.function(node)
        elif isinstance(node, ast.ClassDef):
            self.klass(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imported(node)
        elif isinstance(node, ast.Assign):
            self.value(node.value)
            for target in node.targets:
                self.assign(target, node.value)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.value(node.value)
                self.assign(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            self.value(node.value)
            self.augmented(node)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                self.delete(target)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self.value(node.iter)
            self.consumed(node.iter)
            before, self.is_certain = self.is_certain, False
            self.assign(node.target, node.iter, is_part=True)
            self.is_certain = before
            # What comes later in a loop's body comes before, too.
            self.maybe([*node.body, *node.body, *node.orelse])
        elif isinstance(node, ast.While):
            self.value(node.test)
            self.maybe([*node.body, *node.body, *node.orelse])
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                self.value(item.context_expr)
                self.change(_shared(item.context_expr, self))
                if item.optional_vars is not None:
                    self.assign(item.optional_vars, item.context_expr, is_part=True)
            self.maybe(node.body)
        else:
            self.other(node)

    def other(self, node, subject=None):
        if isinstance(node, ast.Match):
            subject = _shared(node.subject, self)
        for field in ast.iter_child_nodes(node):
            if isinstance(field, ast.stmt):
                self.maybe([field])
            elif isinstance(field, ast.expr):
                self.value(field)
            elif isinstance(field, (ast.ExceptHandler, ast.match_case)):
                self.other(field, subject)
            elif isinstance(field, ast.pattern):
                for part in ast.walk(field):
                    name = getattr(part, "name", None) or getattr(part, "rest", None)
                    if name:
                        self.bind(name, None, subject or ())
        if isinstance(node, ast.ExceptHandler) and node.name:
            self.bind(node.name, None)

    def function(self, node):
        arguments = node.args
        defaults = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
        for value in [*node.decorator_list, *defaults]:
            self.value(value)
        behind = self.inner(node, _locals(node), node.body)
        if self.inside is not None:
            # Who runs what is around it may run it.
            self.changes |= behind[1]
        shared = {name for value in [*node.decorator_list, *defaults] for name in _shared(value, self)}
        is_plain = not node.decorator_list and all(isinstance(value, ast.Constant) for value in defaults)
        self.bind(node.name, "function" if is_plain else None, shared, behind)

    def klass(self, node):
        for value in [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]:
            self.value(value)
        reads, changes = set(), set()
        own = _bound(node.body)
        for statement in node.body:
            more, changed = self.inner(statement, own, [statement])
            reads |= more
            changes |= changed
        bases = {name for base in node.bases for name in _names(base)}
        self.bind(node.name, "class", bases, (frozenset(reads | bases), frozenset(changes)))

    def inner(self, node, local, statements):
        """What code that runs later reads and changes of the names outside."""
        walk = _Walk(_Local(self.known), local)
        with contextlib.suppress(RecursionError):
            walk.body(statements if isinstance(statements, list) else [ast.Expr(statements)])
        declared = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
        reads = {
            part.id
            for part in ast.walk(node)
            if isinstance(part, ast.Name) and part.id not in local and not _is_builtin(part.id, self.known)
        }
        changes = {name for name in walk.changes if name not in local} | declared
        # A name of its own may stand for anything that it reads.
        if any(name in local for name in walk.changes):
            changes |= {name for name in reads if not kinds.is_fixed(self.known.kinds.get(name))}
        return frozenset(reads | declared), frozenset(changes)

    def imported(self, node):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            if isinstance(node, ast.Import):
                module = alias.name if alias.asname else name
                self.bind(name, f"module {module}")
            elif name != "*":
                self.bind(name, kinds.imported(node.module or "", alias.name))

    def assign(self, target, value, is_part=False):
        if isinstance(target, ast.Name):
            kind = None if is_part else kinds.of(value, self.known.kinds)
            if is_part and isinstance(value, ast.Call) and getattr(value.func, "id", None) == "range":
                kind = "immutable"
            self.bind(target.id, kind, _shared(value, self), self.behind_of(value))
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value.elts if isinstance(value, (ast.Tuple, ast.List)) and not is_part else None
            starred = any(isinstance(part, ast.Starred) for part in [*target.elts, *(values or ())])
            if values is None or starred or len(values) != len(target.elts):
                for part in target.elts:
                    self.assign(part, value, is_part=True)
            else:
                for part, its in zip(target.elts, values, strict=True):
                    self.assign(part, its)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value, is_part=True)
        elif isinstance(target, (ast.Attribute, ast.Subscript)):
            self.value(target.value)
            if isinstance(target, ast.Subscript):
                self.value(target.slice)
            roots = _shared(target.value, self)
            self.certainly_change(roots)
            self.known.join([*roots, *_shared(value, self)])
            for root in roots:
                self.gain(root, value)

    def augmented(self, node):
        roots = _shared(node.target, self)
        self.change(roots)
        if isinstance(node.target, ast.Name):
            name = node.target.id
            kind = self.known.kinds.get(name)
            if not kinds.is_immutable(kind):
                # In place or not: what shared parts with it still may.
                self.known.join([name, *_shared(node.value, self)])
        else:
            self.value(node.target.value)
            self.known.join([*roots, *_shared(node.value, self)])

    def delete(self, target):
        if isinstance(target, ast.Name):
            self.unbound.add(target.id)
            if self.inside is None and self.is_certain:
                self.known.unbind(target.id)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                self.delete(part)
        else:
            self.certainly_change(_shared(target.value, self))

    def bind(self, name, kind, shared=(), behind=(frozenset(), frozenset())):
        self.later |= behind[0]
        shared = [other for other in shared if other != name or not self.is_certain]
        self.known.bind(name, kind, shared, behind, self.is_certain)

    def gain(self, name, value):
        behind = self.behind_of(value)
        self.later |= behind[0]
        self.known.gain(name, *behind)

    def behind_of(self, value):
        reads, changes = set(), set()
        for node in ast.walk(value):
            if isinstance(node, ast.Name) and node.id in self.known.behind:
                more, changed = self.known.behind[node.id]
                reads |= more | {node.id}
                changes |= changed
            elif isinstance(node, ast.GeneratorExp):
                reads |= {name for name in _names(node) if not _is_builtin(name, self.known)}
            elif isinstance(node, _INNER):
                more, changed = self.inner(node, _locals(node), node.body)
                reads |= more
                changes |= changed
        return frozenset(reads), frozenset(changes)

    # --- expressions ---

    def value(self, node):
        if isinstance(node, ast.Call):
            self.call(node)
        elif isinstance(node, ast.NamedExpr):
            self.value(node.value)
            self.assign(node.target, node.value)
            return
        elif isinstance(node, ast.Lambda):
            return
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            for part in node.generators:
                self.consumed(part.iter)
                # Its targets are its own, but stand for parts of what it goes through.
                roots = _shared(part.iter, self)
                inner = [
                    each
                    for each in (getattr(node, "elt", None), getattr(node, "value", None), *part.ifs)
                    if each
                ]
                if roots and any(_may_change(each, self.known.kinds) for each in inner):
                    self.change(roots)
        elif isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await, ast.Starred)) and node.value is not None:
            self.consumed(node.value)
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.value(part)
            elif isinstance(part, ast.comprehension):
                for each in (part.iter, *part.ifs):
                    self.value(each)
            elif isinstance(part, ast.keyword):
                self.value(part.value)

    def call(self, node):
        effect = kinds.call(node, self.known.kinds, self.inside or ())
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        self.called |= _names(node.func)
        if effect.touches_world:
            self.changes.add(WORLD)
        roots = (
            _shared(node.func.value, self)
            if isinstance(node.func, ast.Attribute)
            else _shared(node.func, self)
        )
        given = {name for argument in arguments for name in _shared(argument, self)}
        if effect.changes_target:
            self.certainly_change(roots)
        if effect.changes_arguments:
            self.change(given)
        elif effect.consumes:
            for argument in arguments:
                self.consumed(argument)
        if effect.changes_target:
            self.known.join([*roots, *given])
            for root in roots:
                for argument in arguments:
                    self.gain(root, argument)

    def consumed(self, node):
        """What is gone through is another thing afterwards, if it is an iterator."""
        self.change(
            {name for name in _shared(node, self) if kinds.may_be_used_up(self.known.kinds.get(name))}
        )

    def change(self, names):
        names = {
            name
            for name in names
            if name in (self.inside or ()) or not kinds.is_fixed(self.known.kinds.get(name))
        }
        self.certainly_change(names)

    def certainly_change(self, names):
        self.changes |= names
        self.touched |= self.known.nodes(names)


class _Local:
    """The names as the code inside a function finds them: it binds none of the session's."""

    def __init__(self, known):
        self.kinds = known.kinds
        self.behind = known.behind

    def bind(self, *_):
        pass

    unbind = join = gain = bind

    def nodes(self, _):
        return set()


def _shared(node, walk):
    """The names that the value of an expression may share parts with."""
    if isinstance(node, ast.Name):
        return set() if kinds.is_immutable(walk.known.kinds.get(node.id)) else {node.id}
    if isinstance(node, (ast.Constant, ast.JoinedStr, ast.Compare)):
        return set()
    if isinstance(node, ast.Lambda):
        return _names(node.body)
    if isinstance(node, ast.Call) and kinds.gives_new(node, walk.known.kinds):
        return set()
    names, own = set(), set()
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.expr):
            names |= _shared(part, walk)
        elif isinstance(part, ast.comprehension):
            names |= _shared(part.iter, walk)
            own |= _names(part.target)
        elif isinstance(part, ast.keyword):
            names |= _shared(part.value, walk)
    return names - own


def _names(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _may_change(node, known):
    return any(
        isinstance(part, ast.Call)
        and (lambda effect: effect.changes_target or effect.changes_arguments)(kinds.call(part, known, ()))
        for part in ast.walk(node)
    )


def _is_builtin(name, known):
    return hasattr(builtins, name) and name not in known.kinds


def _locals(node):
    """The names of a function's own."""
    arguments = node.args
    own = {
        each.arg
        for each in [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            *filter(None, (arguments.vararg, arguments.kwarg)),
        ]
    }
    if isinstance(node, ast.Lambda):
        return own
    declared = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
    return (own | _bound(node.body)) - declared


def _bound(statements):
    names = set()
    for statement in statements:
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                names.add(part.id)
            elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.add(part.name)
            elif isinstance(part, (ast.Import, ast.ImportFrom)):
                names |= {alias.asname or alias.name.partition(".")[0] for alias in part.names}
            elif isinstance(part, ast.ExceptHandler) and part.name:
                names.add(part.name)
    return names

"""What a cell did to the session's names: which it read, bound and unbound.

Two views are joined. What is bound after the cell and was not before, or was another object, is *seen*: so `exec`,
`import *`, `global` and threads need no special care. What cannot be seen, reading a name and binding it to the very
object that it had, is *read off the compiled code* before it runs, which knows every rule of scoping.
"""

import ast
import bisect
import contextlib
import dis
import functools
import heapq
import types
import warnings

from snakebridge.descriptor import class_dict, is_instance, mro
from snakebridge.namespace import is_name

_JUMPS = {*dis.hasjrel, *dis.hasjabs}
# After these the next instruction is not reached. Names that a version does not have never occur.
_ENDS = {
    "RETURN_VALUE",
    "RETURN_CONST",
    "RAISE_VARARGS",
    "RERAISE",
    "JUMP_FORWARD",
    "JUMP_ABSOLUTE",
    "JUMP_BACKWARD",
    "JUMP_BACKWARD_NO_INTERRUPT",
    "INTERPRETER_EXIT",
}
_OPTIMIZED = 0x1
_LruCache = type(functools.lru_cache(len))
# An end to following functions through functions.
_MOST_VALUES = 10_000
_global_reads_kept = {}
# Their arguments after the name are Python, in most magics.
_MAGIC_CALLS = {"run_line_magic", "run_cell_magic"}


class Observation:
    """A cell from the moment before it runs. Holds no value of the session: a cell may want to free what it replaces."""

    def __init__(self, namespace, transform, source):
        self._namespace = namespace
        self._before = namespace.bindings()
        uses = Uses()
        # What is no Python, or too deep for Python's compiler, tells nothing; what is seen afterwards still holds.
        with contextlib.suppress(Exception), warnings.catch_warnings():
            # The engine compiles the cell once more; to be warned once is enough.
            warnings.simplefilter("ignore")
            analyse(transform(source), uses)
        self._binds = uses.binds
        reads = set()
        for name, bound in uses.reads.items():
            if namespace.holds(name):
                behind = _names_behind(namespace.globals.get(name), namespace.globals)
                reads |= {name} | {other for other in behind if not bound & uses.bit(other)}
        self._reads = sorted(filter(namespace.holds, reads))

    def effects(self, status, is_of_elixir):
        """The names as the protocol's answer has them, now that the cell has run. Others may have run meanwhile, and
        Elixir's names been taken in for them: `is_of_elixir(name)` tells those."""
        changed, gone = (
            [name for name in names if not is_of_elixir(name)] for names in self._before.changes()
        )
        # After a failure nobody knows how far the cell came.
        bound = {*changed, *self._binds} if status == "ok" else changed
        return {
            "reads": self._reads,
            "writes": sorted(filter(self._namespace.holds, bound)),
            "deletes": sorted(filter(is_name, gone)),
        }


class Uses:
    """What a source may do with global names. Sets of names are integers here, a bit for each: there are many of them.

    `reads`: the names that it reads before it has certainly bound them itself, each with the names that it has bound
    whenever it does so. `binds`: the names that it may bind; `certain`: those that it has bound when it went well.
    """

    def __init__(self):
        self.reads = {}
        self.binds = set()
        self.certain = set()
        self._bits = {}

    def bit(self, name):
        """The set of one name."""
        return self._bits.setdefault(name, 1 << len(self._bits))

    def read(self, name, bound):
        """A name is read, where those are bound."""
        if not bound & self.bit(name):
            self.reads[name] = self.reads.get(name, -1) & bound

    def end(self, bound):
        """What is bound at the end of the whole source."""
        self.certain |= {name for name, bit in self._bits.items() if bound & bit}


def analyse(source, uses):
    """Notes what a source of plain Python does. Raises what the compiler raises."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    _module(compile(source, "<cell>", "exec", flags, dont_inherit=True), uses)
    if any(name in source for name in _MAGIC_CALLS):
        tree = compile(source, "<cell>", "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        for text in _magic_texts(tree):
            with contextlib.suppress(SyntaxError, ValueError):
                analyse(text, uses)


def _magic_texts(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in _MAGIC_CALLS:
            for argument in node.args[1:]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def _module(code, uses, is_module=True):
    later = []
    at_end = _body(code, 0, uses, later, is_module)
    if is_module:
        uses.end(at_end)
    # Functions run when they are called: what the module has bound by its end is there.
    while later:
        _body(later.pop(), at_end, uses, later)


def _body(code, bound, uses, later, is_module=False):
    """Notes what a code object reads and binds, given the names that are certainly bound at its start; code that runs
    when it is called goes to `later`. Returns what is certainly bound at its end."""
    if not code.co_names and not any(isinstance(value, types.CodeType) for value in code.co_consts):
        return bound
    instructions = list(dis.get_instructions(code))
    entries = _certainly_bound(code, instructions, bound, uses)
    at_end = None
    for instruction, here in zip(instructions, entries, strict=True):
        if here is None:
            continue
        name, value = instruction.opname, instruction.argval
        if name.startswith("RETURN"):
            at_end = here if at_end is None else at_end & here
        if name in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"):
            uses.read(value, here)
        elif name in ("STORE_NAME", "STORE_GLOBAL"):
            if is_module:
                uses.binds.add(value)
        elif isinstance(value, types.CodeType):
            if _runs_at_once(value):
                _body(value, here, uses, later)
            else:
                later.append(value)
    return at_end if at_end is not None else bound


def _runs_at_once(code):
    """Class bodies and comprehensions, but not functions."""
    if not code.co_flags & _OPTIMIZED:
        return True
    return code.co_name.startswith("<") and code.co_name != "<lambda>"


def _certainly_bound(code, instructions, bound, uses):
    """For each instruction the names that are bound whenever it is reached; None where it is not reached.

    A forward analysis over all ways through the code: what every way has bound is certain.
    In a class body, bound names are the class's own, but hide the globals all the same.
    """
    index = {instruction.offset: i for i, instruction in enumerate(instructions)}
    handlers = _handlers(code, index)
    entries = [None] * len(instructions)
    entries[0] = bound
    waiting = [0]
    while waiting:
        # The earliest first: what comes before it is known by then, except around loops.
        i = heapq.heappop(waiting)
        instruction, here = instructions[i], entries[i]
        after = here
        name = instruction.opname
        if name in ("STORE_NAME", "STORE_GLOBAL"):
            after = here | uses.bit(instruction.argval)
        elif name in ("DELETE_NAME", "DELETE_GLOBAL"):
            after = here & ~uses.bit(instruction.argval)
        ways = []
        if name not in _ENDS and i + 1 < len(instructions):
            ways.append((i + 1, after))
        if instruction.opcode in _JUMPS and instruction.argval in index:
            ways.append((index[instruction.argval], after))
        # An exception may come before the instruction has done anything.
        ways += [(handler, here & after) for handler in handlers.get(i, ())]
        for way, state in ways:
            merged = state if entries[way] is None else entries[way] & state
            if merged != entries[way]:
                entries[way] = merged
                heapq.heappush(waiting, way)
    return entries


def _handlers(code, index):
    """For each instruction the handlers that an exception in it leads to. Before 3.11, they are jumps."""
    offsets = list(index)
    found = {}
    for entry in getattr(dis.Bytecode(code), "exception_entries", None) or ():
        for i in range(bisect.bisect_left(offsets, entry.start), bisect.bisect_left(offsets, entry.end)):
            found.setdefault(i, []).append(index[entry.target])
    return found


def _names_behind(value, session_globals):
    """The session's names that the functions behind a value read when they are called: through other functions, too."""
    names, seen, waiting = set(), set(), [value]
    while waiting and len(seen) < _MOST_VALUES:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) is types.FunctionType:
            waiting.append(value.__dict__.get("__wrapped__"))
            if value.__globals__ is session_globals:
                reads = _global_reads(value.__code__) - names
                names |= reads
                waiting += [session_globals.get(name) for name in reads]
        elif is_instance(value, type):
            attributes = class_dict(value)
            if attributes.get("__module__") == session_globals.get("__name__"):
                waiting += attributes.values()
                waiting += mro(value)[1:]
        else:
            waiting += _parts(value)
            waiting.append(type(value))
    return names


def _parts(value):
    """The functions that a wrapper of Python's own holds."""
    if type(value) in (types.MethodType, staticmethod, classmethod):
        return [value.__func__]
    if type(value) is property:
        return [value.fget, value.fset, value.fdel]
    if type(value) is functools.partial:
        return [value.func]
    if type(value) is _LruCache:
        return [value.__dict__.get("__wrapped__")]
    return []


def _global_reads(code):
    """The global names that a function's code, and functions inside it, load."""
    kept = _global_reads_kept.get(id(code))
    if kept is not None:
        return kept[1]
    found = Uses()
    _module(code, found, is_module=False)
    reads = frozenset(found.reads)
    if len(_global_reads_kept) >= _MOST_VALUES:
        _global_reads_kept.clear()
    # Keeping the code keeps its id from being given to another.
    _global_reads_kept[id(code)] = (code, reads)
    return reads

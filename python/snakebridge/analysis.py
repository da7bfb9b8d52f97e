"""What a cell did to the session's names: which it read, bound and unbound.

Two views are joined. What is bound after the cell and was not before, or was another object, is *seen*: so `exec`,
`import *`, `global` and threads need no special care. What cannot be seen, reading a name and binding it to the very
object that it had, is *read off the compiled code*, which knows every rule of scoping.
"""

import ast
import bisect
import contextlib
import dis
import functools
import types

from snakebridge.descriptor import class_dict, is_instance, mro

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


def effects(namespace, before, cell, status, transform):
    """The names as the protocol's answer has them. `before`: the namespace's snapshot; `transform`: source to Python."""
    after = namespace.snapshot()
    changed = {name for name, value in after.items() if name not in before or before[name] is not value}
    uses = Uses()
    # What is no Python, or too deep for Python's compiler, tells nothing; what was seen still holds.
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        _analyse(transform(cell.source), uses)
    if status == "ok":
        # After a failure nobody knows how far the cell came.
        changed |= uses.binds & after.keys()
    reads = set()
    for name, bound in uses.reads:
        if name in before:
            reads.add(name)
            reads |= _names_behind(before[name], namespace.globals) - bound
    return {
        "reads": sorted(reads & before.keys()),
        "writes": sorted(changed),
        "deletes": sorted(before.keys() - after.keys()),
    }


class Uses:
    """What a source may do: `reads`, pairs of a global name and of what the source itself had certainly bound by then;
    `binds`, global names."""

    def __init__(self):
        self.reads = set()
        self.binds = set()


def uses(source):
    """The uses of a source that is Python."""
    found = Uses()
    _analyse(source, found)
    return found


def _analyse(source, uses):
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, "<cell>", "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    _module(compile(tree, "<cell>", "exec", flags, dont_inherit=True), uses)
    for text in _magic_texts(tree):
        try:
            _analyse(text, uses)
        except (SyntaxError, ValueError):
            continue


def _magic_texts(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in _MAGIC_CALLS:
            for argument in node.args[1:]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def _module(code, uses, is_module=True):
    later = []
    at_end = _body(code, frozenset(), uses, later, is_module)
    # Functions run when they are called: what the module has bound by its end is there.
    while later:
        _body(later.pop(), at_end, uses, later)


def _body(code, bound, uses, later, is_module=False):
    """Notes what a code object reads and binds, given the names that are certainly bound at its start; code that runs
    when it is called goes to `later`. Returns what is certainly bound at its end."""
    instructions = list(dis.get_instructions(code))
    entries = _certainly_bound(code, instructions, bound)
    at_end = None
    for instruction, here in zip(instructions, entries, strict=True):
        if here is None:
            continue
        name, value = instruction.opname, instruction.argval
        if name.startswith("RETURN"):
            at_end = here if at_end is None else at_end & here
        if name in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"):
            if value not in here:
                uses.reads.add((value, here))
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


def _certainly_bound(code, instructions, bound):
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
        i = waiting.pop()
        instruction, here = instructions[i], entries[i]
        after = here
        name = instruction.opname
        if name in ("STORE_NAME", "STORE_GLOBAL"):
            after = here | {instruction.argval}
        elif name in ("DELETE_NAME", "DELETE_GLOBAL"):
            after = here - {instruction.argval}
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
                waiting.append(way)
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
    reads = frozenset(name for name, _ in found.reads)
    if len(_global_reads_kept) >= _MOST_VALUES:
        _global_reads_kept.clear()
    # Keeping the code keeps its id from being given to another.
    _global_reads_kept[id(code)] = (code, reads)
    return reads

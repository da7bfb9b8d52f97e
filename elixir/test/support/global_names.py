"""What Python's own compiler says of the top level of sources.

`global_names.py --every N FOLDER...` takes each Nth file, `global_names.py -` sources on the input, in base64, one in a
line. For each it prints a line: its path, what it binds, the global names that it reads, with tabs between them. What is no
Python is left out, or said of `-` to be none.
"""

import base64
import dis
import os
import symtable
import sys
import tokenize
import warnings

_GLOBAL = (symtable.GLOBAL_IMPLICIT, symtable.GLOBAL_EXPLICIT)
_OF_THE_COMPILER = ("__doc__", "__annotations__", "__conditional_annotations__", "__annotate__")
_COMPREHENSION_TARGET = 2 << 8


def names(source):
    binds, reads = set(), set()
    _visit(symtable.symtable(source, "<source>", "exec")._table, True, binds, reads)
    _used(compile(source, "<source>", "exec", dont_inherit=True), True, binds, reads)
    # `super` is noted as a use of it, in whatever function it stands.
    return sorted(binds), sorted(reads - {"__class__"})


def _visit(table, is_top, binds, reads):
    # The flags, since `Symbol.is_global` takes a function named `top` for the module.
    for name, flags in table.symbols.items():
        # From 3.12 the targets of comprehensions stand in the tables of what is around them, too.
        if is_top and flags & _COMPREHENSION_TARGET and sys.version_info >= (3, 12):
            continue
        if is_top or (flags >> symtable.SCOPE_OFF) & symtable.SCOPE_MASK in _GLOBAL:
            if flags & (symtable.DEF_LOCAL | symtable.DEF_IMPORT):
                binds.add(name)
            if flags & symtable.USE:
                reads.add(name)
    for child in table.children:
        _visit(child, False, binds, reads)


def _used(code, is_module, binds, reads):
    """The tables do not say that `x += 1` reads x, nor, from 3.12, what is read in list, dict and set comprehensions of
    names that have an entry, or bound there; the code does."""
    for instruction in dis.get_instructions(code):
        kind, _, where = instruction.opname.partition("_")
        is_global = where == "GLOBAL" or (where == "NAME" and is_module)
        if kind in ("LOAD", "STORE") and is_global and instruction.argval not in _OF_THE_COMPILER:
            (binds if kind == "STORE" else reads).add(instruction.argval)
    for inner in code.co_consts:
        if isinstance(inner, type(code)):
            _used(inner, False, binds, reads)


def files(folders):
    for folder in folders:
        for path, directories, found in os.walk(folder):
            directories[:] = sorted(d for d in directories if d not in ("site-packages", "__pycache__"))
            for name in sorted(found):
                if name.endswith(".py"):
                    yield os.path.join(path, name)


def main():
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(10_000)
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogatepass")
    if sys.argv[1] == "-":
        for line in sys.stdin:
            try:
                # What has begun to compile may be no Python all the same.
                tell("-", *names(base64.b64decode(line).decode()))
            except (SyntaxError, ValueError) as error:
                reason = str(error).replace("\n", " ")
                sys.stdout.write(f"error\t{reason}\n")
        return
    every = int(sys.argv[2])
    for path in list(files(sys.argv[3:]))[::every]:
        try:
            with tokenize.open(path) as file:
                source = file.read()
            found = names(source)
        except (SyntaxError, ValueError, UnicodeError, RecursionError, MemoryError):
            continue
        tell(path, *found)


def tell(path, binds, reads):
    fields = [path, " ".join(binds), " ".join(reads)]
    sys.stdout.write("\t".join(fields) + "\n")


if __name__ == "__main__":
    main()

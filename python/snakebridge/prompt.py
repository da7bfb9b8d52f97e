"""What the commands of the terminal's prompt ask Python: sizes, timings, where a command of the shell is to run.

Each is run by a cell that is no cell of the user's, and prints one line of JSON last. Nothing is bound.
"""

import collections
import gc
import json
import os
import sys
import timeit as timing

from snakebridge import _native
from snakebridge.descriptor import CLASS_MODULE, CLASS_QUALNAME
from snakebridge.namespace import is_name

MEASUREMENTS = 5
# Nothing that a size is made of is followed further.
_MOST_OBJECTS = 200_000
# IPython's own, and Python's prompt's.
_NOT_THE_USERS = {"In", "Out", "exit", "quit", "get_ipython", "open", "display"}
_CONTAINERS = (list, tuple, set, frozenset, collections.deque)


def timeit(source, names):
    """Times code in those names: loops of a fifth of a second, five of them."""
    # An error of syntax is told as that of any cell.
    compile(source, "cell", "exec", dont_inherit=True)
    timer = timing.Timer(source, globals=names)
    try:
        loops, _ = timer.autorange()
        runs = [taken / loops * 1e9 for taken in timer.repeat(MEASUREMENTS, loops)]
    except BaseException as error:
        # From the code on.
        frames = error.__traceback__
        while frames.tb_next and frames.tb_frame.f_code.co_filename != timing.dummy_src_name:
            frames = frames.tb_next
        raise error.with_traceback(frames) from None
    _tell({"loops": loops, "runs": runs})


def place(command):
    """How a command of the shell is to run so that it runs as if Python had started it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        # `$name` and `{expression}` stand for what they are in Python.
        command = shell.var_expand(command, depth=0)
    # It has a terminal of its own to ask for its size.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    _tell({"command": command, "directory": os.getcwd(), "environment": environment})


def sizes(names):
    """What the names of Python reach, in bytes, the largest first."""
    of_elixir = set(_native.elixir_names())
    found = []
    for name, value in list(names.items()):
        if not is_name(name) or name.startswith("_") or name in of_elixir or name in _NOT_THE_USERS:
            continue
        if isinstance(value, (type, type(sys), type(sizes))):
            continue
        size, more = _size(value)
        found.append({"name": name, "bytes": size, "more": more})
    found.sort(key=lambda sized: -sized["bytes"])
    _tell(found[:20])


def refs():
    """How many objects Elixir holds, by type."""
    gc.collect()
    types = collections.Counter()
    for cls in _native.held():
        module, name = CLASS_MODULE.__get__(cls), CLASS_QUALNAME.__get__(cls)
        types[name if module == "builtins" else f"{module}.{name}"] += 1
    _tell(types)


def _size(value):
    """Bytes of an object and all that it reaches, each object once; and whether that is not all."""
    seen, waiting, total = set(), [value], 0
    while waiting:
        if len(seen) >= _MOST_OBJECTS:
            return total, True
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        total += _own_size(value)
        if type(value) is dict:
            waiting.extend(value)
            waiting.extend(value.values())
        elif type(value) in _CONTAINERS:
            waiting.extend(value)
        elif type(value).__sizeof__ is object.__sizeof__:
            attributes = getattr(value, "__dict__", None)
            if type(attributes) is dict:
                waiting.append(attributes)
    return total, False


def _own_size(value):
    try:
        size = sys.getsizeof(value)
    except Exception:
        return 0
    # Data that somebody else allocated: tensors, buffers.
    try:
        data = value.nbytes if hasattr(type(value), "nbytes") else 0
    except Exception:
        data = 0
    return max(size, data) if isinstance(data, int) else size


def _tell(value):
    sys.stdout.write(f"\n{json.dumps(value)}\n")

"""The worker's entry: `python -m snakebridge.worker --host H --listen W --generation N [--cells] [--notebook]`, or this file's path.

It prepares the process, connects, and runs the loop until the session ends; what cells do is elsewhere.
Every Python 3 must be able to read this file: it is what tells an old one that it is too old.
"""

import os
import sys

OLDEST = (3, 10)
NEWEST = (3, 14)

# How long threads of the user may go on after the session's end.
_THREADS_SECONDS = 1.0


def refusal():
    """Why this interpreter cannot run the worker, or None."""
    name = sys.implementation.name if hasattr(sys, "implementation") else "python"
    version = tuple(sys.version_info[:2])
    found = name + " " + ".".join(map(str, version)) + " (" + str(sys.executable) + ")"
    hint = "\nhint: choose another interpreter with --python PATH"
    if not OLDEST <= version <= NEWEST:
        return "this Python is " + found + "; the worker needs 3.10 to 3.14" + hint
    if name != "cpython":
        return "this Python is " + found + "; the worker needs CPython" + hint
    if "t" in getattr(sys, "abiflags", ""):
        return "this is a free-threaded build, " + found + "; the worker needs a standard build" + hint
    return None


def parse(argv):
    """The command line as a dict. Written by hand: argparse would cost milliseconds at every start."""
    arguments = {"host": None, "listen": None, "generation": 1, "cells": False, "notebook": False}
    words = iter(argv)
    for word in words:
        name = word[2:] if word.startswith("--") else None
        if name in ("cells", "notebook"):
            arguments[name] = True
        elif name in arguments:
            arguments[name] = next(words, None)
        else:
            sys.exit("snakebridge: the worker does not know the argument " + word)
    try:
        arguments["generation"] = int(arguments["generation"])
    except (TypeError, ValueError):
        sys.exit("snakebridge: --generation needs a number")
    if not arguments["host"]:
        sys.exit("snakebridge: the worker needs --host SOCKET")
    return arguments


def leave_no_trace():
    """Makes the process look to user code as if `python` had been started in this folder.

    The path that leads to this package is for us alone: neither cells nor programs that they start should find what lies
    beside it. What is imported already stays, and a package finds its own submodules without sys.path.
    """
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

    def others(paths):
        kept = list(paths)
        for path in kept:
            if path and os.path.realpath(path) == os.path.realpath(root):
                kept.remove(path)
                break
        return kept

    if "PYTHONPATH" in os.environ:
        kept = others(os.environ["PYTHONPATH"].split(os.pathsep))
        if kept:
            os.environ["PYTHONPATH"] = os.pathsep.join(kept)
        else:
            del os.environ["PYTHONPATH"]
    safe_path = getattr(sys.flags, "safe_path", False)
    sys.path[:] = others(sys.path if safe_path else sys.path[1:])
    if not safe_path:
        sys.path.insert(0, "")
    sys.argv[:] = [""]


def fresh_main():
    """A `__main__` for the session's names, as an interactive Python has it: without file and spec."""
    module = type(sys)("__main__", None)
    module.__builtins__ = sys.modules["builtins"]
    sys.modules["__main__"] = module
    return module


def load_native():
    """The extension module; ends the process with a hint where it cannot be had."""
    try:
        from snakebridge import _native
    except ImportError as error:
        folder = os.path.dirname(os.path.abspath(__file__))
        sys.exit(
            "snakebridge: the worker's extension module cannot be loaded: "
            + str(error)
            + "\nhint: `make build` in SnakeBridge's sources puts it into "
            + folder
            + "; `snakebridge doctor` says which installation is used"
        )
    return _native


def end(native):
    """Ends the process as Python would, but does not tear the interpreter down: threads of lanes may still run in it."""
    import atexit
    import signal
    import threading

    signal.signal(signal.SIGINT, lambda *_: None)
    # Threads that compute would keep this one waiting at every step.
    sys.setswitchinterval(0.0001)

    def wait_for_threads():
        # Pools tell their threads here that no work will come.
        for function in reversed(getattr(threading, "_threading_atexits", [])):
            function()
        for thread in threading.enumerate():
            if not thread.daemon and thread is not threading.main_thread():
                thread.join()

    waiting = threading.Thread(target=wait_for_threads, daemon=True)
    waiting.start()
    waiting.join(_THREADS_SECONDS)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # User code may have put anything there.
            continue
    native.drain()
    os._exit(0)


def main(argv):
    """Runs the worker; does not return."""
    problem = refusal()
    if problem is not None:
        sys.exit("snakebridge: " + problem)
    arguments = parse(argv)
    native = load_native()
    import faulthandler

    from snakebridge import hooks

    # A crash of C code is told where the process was started, not into the capture that dies with it.
    faulthandler.enable(os.dup(2))
    notebook = arguments.pop("notebook")
    session = hooks.Hooks(native, fresh_main(), os.path.dirname(arguments["host"]), notebook)
    # Connect first: what takes longer (asyncio, IPython) is imported while the host already knows that we are here.
    try:
        native.start(globals=session.globals, hooks=session, versions=hooks.versions(), **arguments)
    except OSError as error:
        sys.exit("snakebridge: the worker cannot reach its host at " + arguments["host"] + ": " + str(error))
    session.prepare()
    leave_no_trace()
    session.run(cells=arguments["cells"])
    end(native)


if __name__ == "__main__":
    if globals().get("__spec__") is None:
        # Run as a file: no folder that is called like this package, or like what it imports, can come in between.
        if not getattr(sys.flags, "safe_path", False):
            del sys.path[0]
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # Not the code of this module object: user code gets a `__main__` of its own, and this one would be a twin.
    from snakebridge import worker

    worker.main(sys.argv[1:])

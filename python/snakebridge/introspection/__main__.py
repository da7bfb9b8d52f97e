"""`snakebridge introspect MODULE`: the document as JSON, on standard output or in a file.

Also `python -m snakebridge.introspection`, or this file's path: then nothing of ours is on the path of the modules that
are looked at. What the library prints while it is imported goes to standard error, so that standard output holds the
document alone.
"""

import argparse
import contextlib
import json
import os
import sys


def main(argv=None):
    """Runs the command; the process's status is what it gives."""
    parser = argparse.ArgumentParser(
        prog="snakebridge introspect", description="What a Python library has, as JSON."
    )
    parser.add_argument("module", help="the name of the module")
    parser.add_argument("--depth", type=int, default=0, help="how many levels of submodules, too")
    parser.add_argument("--include", action="append", default=[], metavar="NAME")
    parser.add_argument("--exclude", action="append", default=[], metavar="NAME")
    parser.add_argument("--private", action="store_true", help="also names that begin with an underscore")
    parser.add_argument("--import-seconds", type=float, default=120, help="how long each import may take")
    parser.add_argument("--indent", type=int, default=None, help="spaces for each level; one line without")
    parser.add_argument("-o", "--output", metavar="FILE")
    arguments = parser.parse_args(argv)

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _find_package()
    from snakebridge.worker import refusal

    why = refusal()
    if why:
        return _failed(why)
    from snakebridge import introspection

    try:
        document = introspection.introspect(
            arguments.module,
            depth=arguments.depth,
            include=arguments.include,
            exclude=arguments.exclude,
            private=arguments.private,
            import_seconds=arguments.import_seconds,
        )
    except ModuleNotFoundError as error:
        return _failed(
            f"{error}\nhint: install it for this Python ({sys.executable}), or choose another with --python PATH"
        )
    except ImportError as error:
        return _failed(f"{error}\nhint: import it in {sys.executable} to see where that comes from")
    text = json.dumps(document, ensure_ascii=False, indent=arguments.indent, allow_nan=False) + "\n"
    try:
        if arguments.output:
            with open(arguments.output, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            with out:
                out.write(text.encode())
    except BrokenPipeError:
        # A reader that has gone is no error.
        return 0
    except OSError as error:
        return _failed(f"{arguments.output or 'standard output'} cannot be written: {error.strerror}")
    return 0


def _find_package():
    """Makes our package known where this file was started by its path, and the user's folder what is searched first."""
    if __package__:
        return
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    import snakebridge  # noqa: F401 - a package finds its own submodules without sys.path

    sys.path[0] = ""


def _failed(message):
    sys.stderr.write(f"snakebridge: {message}\n")
    return 1


if __name__ == "__main__":
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    # A thread of the library's must not keep the process.
    os._exit(status)

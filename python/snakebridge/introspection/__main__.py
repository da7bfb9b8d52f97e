"""`python -m snakebridge.introspection MODULE`: the document as JSON, on standard output or in a file.

What the library prints while it is imported goes to standard error, so that standard output holds the document alone.
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
    sys.path.insert(0, "")
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
    except ImportError as error:
        hint = (
            f"install it for this Python ({sys.executable}), or choose another with --python PATH"
            if type(error) is ModuleNotFoundError
            else "the error is the module's own: `import` it in this Python to see all of it"
        )
        sys.stderr.write(f"error: {error}\nhint: {hint}\n")
        return 1
    text = json.dumps(document, ensure_ascii=False, indent=arguments.indent, allow_nan=False) + "\n"
    try:
        if arguments.output:
            with open(arguments.output, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            with out:
                out.write(text.encode())
    except BrokenPipeError:
        return 1
    except OSError as error:
        sys.stderr.write(f"error: {arguments.output} cannot be written: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    # A thread of the library's must not keep the process.
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)

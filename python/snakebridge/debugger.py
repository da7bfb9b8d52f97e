"""The debugger's half in the worker: starts debugpy, and knows which files stand for cells.

debugpy is the user's own, and is imported when a client first asks for it. Everything else is between it and the kernel.
"""

import json
import os
import sys

_folder = None
_port = None


def start(folder):
    """Has debugpy listen; the port. `folder` is where the kernel writes cells that are to stop."""
    global _folder, _port
    _folder = folder
    if _port is None:
        # Ours: which code is compiled under a file's name changes from cell to cell.
        os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        # Breakpoints in code that is compiled later are missed by the other way of tracing.
        os.environ.setdefault("PYDEVD_USE_SYS_MONITORING", "0")
        try:
            import debugpy
        except ImportError:
            raise RuntimeError(
                f"debugging needs debugpy in {sys.executable}: run `%pip install debugpy` in a Python cell"
            ) from None
        _, _port = debugpy.listen(("127.0.0.1", 0))
    return _port


def filename(source):
    """The file that the kernel has written for a cell, or None."""
    try:
        with os.scandir(_folder) as files:
            for file in files:
                with open(file.path, encoding="utf-8", newline="") as text:
                    if text.read() == source:
                        return file.path
    except OSError:
        # It went with its kernel.
        return None
    return None


def rich(value):
    """A value as a cell would show it, for a client that looks at a frame: JSON in hexadecimal digits."""
    from IPython import get_ipython

    shell = get_ipython()
    data, metadata = shell.display_formatter.format(value) if shell else ({"text/plain": repr(value)}, {})
    return json.dumps({"data": data, "metadata": metadata}, default=str).encode().hex()

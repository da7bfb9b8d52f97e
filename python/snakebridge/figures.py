"""Shows matplotlib's figures without being asked: those that are open when a cell ends.

Where IPython and matplotlib-inline are there, theirs is the backend; else it is `inline`.
matplotlib is not imported before the user does it, and programs that the user starts are not told of the backend.
"""

import importlib.abc
import importlib.util
import os
import sys

from snakebridge import tracebacks

BACKEND = "module://snakebridge.inline"

# The backends that show figures at a cell's end: ours, and matplotlib-inline by its two names.
_INLINE = (BACKEND, "inline", "module://matplotlib_inline.backend_inline")

_publisher = None


def install(publisher, backend=BACKEND):
    """From now on, matplotlib draws for cells."""
    global _publisher
    _publisher = publisher
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None:
        sys.meta_path.insert(0, _Hook(backend))
    elif not os.environ.get("MPLBACKEND"):
        # A cell of Elixir was faster than what prepares cells of Python.
        matplotlib.use(backend)


class _Hook(importlib.abc.MetaPathFinder):
    """Sees matplotlib being imported for the first time, and sets its backend once that is done."""

    def __init__(self, backend):
        self._backend = backend

    def find_spec(self, name, path=None, target=None):
        """As the import system asks. All other names are left to the finders after this one."""
        if name != "matplotlib":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            # It may be installed later in the session.
            sys.meta_path.insert(0, self)
            return spec
        spec.loader = _Loader(spec.loader, self._backend)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader, backend):
        self._loader = loader
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        if not os.environ.get("MPLBACKEND"):
            module.rcParams["backend"] = self._backend


def publish(data):
    """Shows a picture."""
    _publisher.display(data)


def end_cell(value=None):
    """At the end of a cell of Elixir: shows the open figures, as after one of Python.

    A figure that was the cell's value has been seen.
    """
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    import matplotlib
    from matplotlib.figure import Figure

    if isinstance(value, Figure) and matplotlib.get_backend() in _INLINE:
        pyplot.close(value)
    ipythons = sys.modules.get("matplotlib_inline.backend_inline")
    if ipythons is not None:
        ipythons.flush_figures()
    flush()


def flush():
    """At a cell's end: shows the open figures, and closes them. Does nothing where our backend is not in use."""
    inline = sys.modules.get("snakebridge.inline")
    if inline is None:
        return
    import matplotlib

    if matplotlib.get_backend() != BACKEND:
        return
    try:
        inline.show()
    except Exception as error:
        print("\n".join(tracebacks.lines(error)), file=sys.stderr)  # noqa: T201 - said to the user

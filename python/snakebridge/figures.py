"""Shows matplotlib's figures without being asked: those that are open when a cell ends.

Where IPython and matplotlib-inline are there, theirs is used; else this module is matplotlib's backend.
matplotlib is not imported before the user does it, and programs that the user starts are not told of the backend.
"""

import importlib.abc
import importlib.util
import os
import sys

BACKEND = f"module://{__name__}"

_publisher = None


def install(publisher, backend=BACKEND):
    """From now on, matplotlib draws for cells."""
    global _publisher
    _publisher = publisher
    if not os.environ.get("MPLBACKEND"):
        sys.meta_path.insert(0, _Hook(backend))


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
        if spec is not None and spec.loader is not None:
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
        module.rcParams["backend"] = self._backend


def flush():
    """At a cell's end: shows the open figures, and closes them. Does nothing where this backend is not in use."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or _publisher is None or not _is_used():
        return
    show()


def _is_used():
    import matplotlib

    # Reading rcParams["backend"] would choose one where none is chosen yet.
    return dict.get(matplotlib.rcParams, "backend") == BACKEND


def png(figure):
    """The figure as PNG."""
    import io

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def is_figure(value):
    """Whether an object is one of matplotlib's figures."""
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


# --- matplotlib's interface of a backend; `show` is also what `plt.show()` calls ---


def show(*_arguments, **_options):
    """Shows the open figures, and closes them."""
    from matplotlib import _pylab_helpers, pyplot

    try:
        for manager in _pylab_helpers.Gcf.get_all_fig_managers():
            figure = manager.canvas.figure
            _publisher.display({"text/plain": repr(figure), "image/png": png(figure)})
    finally:
        pyplot.close("all")


def __getattr__(name):
    if name in ("FigureCanvas", "FigureManager"):
        from matplotlib.backends import backend_agg

        return {"FigureCanvas": backend_agg.FigureCanvasAgg, "FigureManager": backend_agg.FigureManagerBase}[
            name
        ]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

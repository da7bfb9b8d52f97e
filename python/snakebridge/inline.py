"""matplotlib's backend where matplotlib-inline cannot be used: draws with Agg, and shows figures in place.

Only matplotlib imports this module. When figures are shown is decided in `figures`.
"""

import io

from matplotlib import _pylab_helpers, pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
from matplotlib.backends.backend_agg import FigureManagerBase as FigureManager
from matplotlib.figure import Figure

from snakebridge import figures

__all__ = ["FigureCanvas", "FigureManager", "show"]


def show(*_arguments, **_options):
    """Shows the open figures, and closes them: `plt.show()`."""
    try:
        for manager in _pylab_helpers.Gcf.get_all_fig_managers():
            figure = manager.canvas.figure
            figures.publish({"text/plain": repr(figure), "image/png": _png(figure)})
    finally:
        pyplot.close("all")


def _png(figure):
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")
    return picture.getvalue()


# A figure that is a cell's value is shown as what it is, too.
Figure._repr_png_ = _png

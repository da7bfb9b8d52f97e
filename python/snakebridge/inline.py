"""matplotlib's backend where matplotlib-inline cannot be used: draws with Agg, and shows figures in place.

Only matplotlib imports this module. When figures are shown is decided in `figures`.
"""

import io

from matplotlib import _pylab_helpers, pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
from matplotlib.backends.backend_agg import FigureManagerBase as FigureManager

from snakebridge import figures

__all__ = ["FigureCanvas", "FigureManager", "show"]


def show(*_arguments, **_options):
    """Shows the open figures, and closes them: `plt.show()`."""
    try:
        for manager in _pylab_helpers.Gcf.get_all_fig_managers():
            figure = manager.canvas.figure
            picture = io.BytesIO()
            figure.savefig(picture, format="png", bbox_inches="tight")
            figures.publish({"text/plain": repr(figure), "image/png": picture.getvalue()})
    finally:
        pyplot.close("all")

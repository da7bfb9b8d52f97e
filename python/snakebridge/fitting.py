"""How wide libraries may write their tables: as wide as the terminal that shows them.

It changes what nobody has set: an option that is not as the library, or this, left it is the user's.
"""

import os
import sys

_told = {}


def fit(width):
    """From now on, texts may have so many columns."""
    os.environ["COLUMNS"] = str(width)
    # Some (tqdm) believe the one only beside the other.
    os.environ.setdefault("LINES", "24")
    _environment("POLARS_TABLE_WIDTH", str(width))
    try:
        _fit_libraries(width)
    except Exception:
        # One that is being imported, or is another than we know.
        return


def _fit_libraries(width):
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "set_printoptions"):
        before = numpy.get_printoptions().get("linewidth")
        if before in (75, _told.get("numpy")):
            numpy.set_printoptions(linewidth=width)
            _told["numpy"] = width
    pandas = sys.modules.get("pandas")
    if pandas is not None and hasattr(pandas, "set_option"):
        if pandas.get_option("display.width") in (80, _told.get("pandas")):
            pandas.set_option("display.width", width)
            _told["pandas"] = width
        # What pandas does in a terminal: as many as fit.
        if pandas.get_option("display.max_columns") == 20 and "columns" not in _told:
            pandas.set_option("display.max_columns", 0)
            _told["columns"] = True


def _environment(name, value):
    # Libraries look there for the width of what they print.
    if os.environ.get(name) in (None, _told.get(name)):
        os.environ[name] = _told[name] = value

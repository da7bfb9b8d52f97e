"""What libraries do that look for a notebook: by what comes on IOPub, not by what they ask for.

Here runs what the environment of the kernels has. `make test-libraries` runs all of it.
"""

import re

import pytest
from conftest import plain

needs = pytest.mark.needs
WIDGET, VEGA, PLOTLY = (
    "application/vnd.jupyter.widget-view+json",
    "application/vnd.vegalite.v",
    "application/vnd.plotly.v1+json",
)


def shown(messages, *kinds):
    """The mime bundles among the messages."""
    kinds = kinds or ("display_data", "execute_result", "update_display_data")
    return [content["data"] for kind, content, _ in messages if kind in kinds]


def streams(messages, name):
    return "".join(
        content["text"] for kind, content, _ in messages if kind == "stream" and content["name"] == name
    )


def states(messages):
    """What widgets tell their views, in order."""
    return [
        content["data"].get("state", {}) for kind, content, _ in messages if kind in ("comm_open", "comm_msg")
    ]


def ok(kernel, code):
    """Runs a cell that must go well; what it shows."""
    reply, messages = kernel.run(code)
    assert reply["status"] == "ok", plain("\n".join(reply["traceback"]))
    return messages


# A name, what must be installed, a cell, and what it must show: a mime type's beginning, and a text in it.
SHOWN = [
    (
        "altair",
        "altair pandas",
        "import altair as alt, pandas as pd\nalt.Chart(pd.DataFrame({'a': [1, 2]})).mark_bar().encode(x='a')",
        "text/html",
        "vega-embed",
    ),
    (
        "altair-mimetype",
        "altair pandas",
        "import altair as alt, pandas as pd\n"
        "with alt.renderers.enable('mimetype'):\n"
        "    display(alt.Chart(pd.DataFrame({'a': [1, 2]})).mark_bar().encode(x='a'))",
        VEGA,
        "mark",
    ),
    (
        "plotly",
        "plotly nbformat",
        "import plotly.graph_objects as go\ngo.Figure(data=go.Bar(y=[1, 2]))",
        PLOTLY,
        "bar",
    ),
    (
        "plotly-show",
        "plotly nbformat",
        "import plotly.graph_objects as go\ngo.Figure(data=go.Bar(y=[1, 2])).show()",
        PLOTLY,
        "bar",
    ),
    (
        "bokeh",
        "bokeh",
        "from bokeh.plotting import figure, show\nfrom bokeh.io import output_notebook\n"
        "output_notebook(); p = figure(); p.line([1, 2], [1, 2]); show(p)",
        "application/vnd.bokehjs_exec.v0+json",
        "",
    ),
    (
        "holoviews",
        "holoviews",
        "import holoviews as hv\nhv.extension('bokeh')\nhv.Curve([1, 2])",
        "application/vnd.holoviews_exec.v0+json",
        "",
    ),
    (
        "pandas",
        "pandas",
        "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
        "text/html",
        "dataframe",
    ),
    (
        "pandas-style",
        "pandas jinja2",
        "import pandas as pd\npd.DataFrame({'a': [1, 2]}).style.highlight_max()",
        "text/html",
        "background-color",
    ),
    (
        "pandas-plot",
        "pandas matplotlib",
        "import pandas as pd\npd.Series([1, 2]).plot();",
        "image/png",
        "",
    ),
    (
        "polars",
        "polars",
        "import polars as pl\npl.DataFrame({'a': [1, 2]})",
        "text/html",
        "dataframe",
    ),
    ("pillow", "PIL", "from PIL import Image\nImage.new('RGB', (4, 4))", "image/png", "iVBOR"),
    (
        "sympy",
        "sympy",
        "import sympy\nsympy.init_printing(use_latex='mathjax')\nsympy.Symbol('x') ** 2",
        "text/latex",
        "x^{2}",
    ),
    (
        "networkx",
        "networkx matplotlib",
        "import networkx as nx\nnx.draw(nx.path_graph(3))",
        "image/png",
        "",
    ),
    (
        "seaborn",
        "seaborn",
        "import seaborn as sns\nsns.lineplot(x=[1, 2], y=[1, 2]);",
        "image/png",
        "",
    ),
    (
        "scikit-learn",
        "sklearn",
        "from sklearn.linear_model import LinearRegression\nLinearRegression()",
        "text/html",
        "sk-estimator",
    ),
    (
        "rich-table",
        "rich",
        "from rich.table import Table\nt = Table('a'); t.add_row('1'); t",
        "text/html",
        "<pre",
    ),
    (
        "rich-print",
        "rich",
        "import rich\nrich.print('[bold]hi[/]')",
        "text/html",
        "font-weight: bold",
    ),
    ("rich-inspect", "rich", "import rich\nrich.inspect([])", "text/plain", "mutable sequence"),
    (
        "anywidget",
        "anywidget",
        "import anywidget, traitlets\nclass W(anywidget.AnyWidget):\n"
        "    _esm = 'export default {render(){}}'\n    n = traitlets.Int(1).tag(sync=True)\nW()",
        WIDGET,
        "model_id",
    ),
    (
        "itables",
        "itables pandas",
        "import itables, pandas as pd\nitables.init_notebook_mode()\npd.DataFrame({'a': [1]})",
        "text/html",
        "itables",
    ),
]


@pytest.mark.row(16)
@pytest.mark.parametrize(
    ("code", "mime", "text"),
    [
        pytest.param(code, mime, text, marks=needs(*modules.split()), id=name)
        for name, modules, code, mime, text in SHOWN
    ],
)
def test_what_is_shown(python, code, mime, text):
    found = [
        str(value)
        for data in shown(ok(python, code))
        for kind, value in data.items()
        if kind.startswith(mime)
    ]
    assert any(text in value for value in found)


@pytest.mark.row(17)
@needs("tqdm", "ipywidgets")
def test_tqdm_is_a_widget(python):
    messages = ok(
        python,
        "from tqdm.auto import tqdm\n"
        "for i in tqdm(range(2)):\n    for j in tqdm(range(3), leave=False): pass",
    )
    assert len([data for data in shown(messages) if WIDGET in data]) == 3
    assert [state["value"] for state in states(messages) if state.get("value") in (2.0, 3.0)] == [
        3.0,
        3.0,
        2.0,
    ]
    # Those inside do not stay.
    assert len([kind for kind, _, _ in messages if kind == "comm_close"]) >= 2
    assert streams(messages, "stderr") == ""


@needs("tqdm", "ipywidgets")
def test_tqdm_waits_for_coroutines(python):
    messages = ok(
        python,
        "import asyncio\nfrom tqdm.auto import tqdm\nawait tqdm.gather(*[asyncio.sleep(0) for _ in range(3)])",
    )
    assert "[None, None, None]" in [data["text/plain"] for data in shown(messages, "execute_result")]


@needs("tqdm")
def test_tqdm_is_text_where_there_are_no_widgets(python):
    messages = ok(python, "from tqdm.std import tqdm\nfor i in tqdm(range(3)): pass")
    assert re.search(r"\r100%.*3/3", streams(messages, "stderr"))


@pytest.mark.row(17)
@needs("rich", "ipywidgets")
def test_richs_progress_shows_in_its_place(python):
    messages = ok(python, "from rich.progress import track\nfor i in track(range(3)): pass")
    assert any("100%" in data.get("text/plain", "") for data in shown(messages))
    assert any(kind == "clear_output" for kind, _, _ in messages)


@needs("rich")
def test_an_error_is_shown_once_where_rich_shows_it(own):
    own.run("%%python\nimport rich.traceback\nrich.traceback.install()")
    reply, messages = own.run("%%python\n1/0")
    assert "ZeroDivisionError" in shown(messages)[0]["text/plain"]
    errors = [content["traceback"] for kind, content, _ in messages if kind == "error"]
    assert [plain(line) for line in errors[0]] == ["ZeroDivisionError: division by zero"]
    assert (reply["status"], reply["ename"]) == ("error", "ZeroDivisionError")


@pytest.mark.row(17)
@needs("bokeh")
def test_bokeh_pushes_to_a_plot_that_is_shown(python):
    messages = ok(
        python,
        "from bokeh.plotting import figure, show\nfrom bokeh.io import output_notebook, push_notebook\n"
        "output_notebook(); p = figure(); line = p.line([1, 2], [1, 2]); h = show(p, notebook_handle=True)\n"
        "line.glyph.line_width = 5\npush_notebook(handle=h)",
    )
    assert any(kind == "comm_msg" for kind, _, _ in messages)


# --- matplotlib ---


@pytest.mark.row(16)
@needs("matplotlib")
@pytest.mark.parametrize(
    ("code", "pictures"),
    [
        ("plt.plot([1, 2]);", 1),
        ("plt.figure(); plt.plot([1]); plt.figure(); plt.plot([2]);", 2),
        ("plt.plot([1]); plt.show(); plt.plot([2]); plt.show()", 2),
        ("plt.plot([1]); plt.close()", 0),
        ("fig, ax = plt.subplots(); plt.close(); fig", 1),
        ("plt.ion(); plt.plot([1]);", 1),
        ("%matplotlib inline\nplt.plot([1]);", 1),
        ("def f():\n    plt.plot([1])\nf()", 1),
    ],
)
def test_figures(python, code, pictures):
    python.run("import matplotlib.pyplot as plt")
    messages = ok(python, code)
    assert len([data for data in shown(messages) if "image/png" in data]) == pictures
    # Nobody asked for the text of a figure.
    assert not [
        data
        for data in shown(messages)
        if data.get("text/plain", "").startswith("<Figure") and len(data) == 1
    ]


@needs("matplotlib")
def test_a_figure_is_shown_beside_the_error_of_its_cell(python):
    reply, messages = python.run("import matplotlib.pyplot as plt\nplt.plot([1]); 1/0")
    assert reply["status"] == "error"
    assert any("image/png" in data for data in shown(messages))


@needs("matplotlib", "matplotlib_inline")
def test_formats_of_figures(own):
    own.run("%%python\nimport matplotlib.pyplot as plt")
    own.run("%%python\n%config InlineBackend.figure_formats = ['svg', 'retina']")
    _, messages = own.run("%%python\nplt.plot([1]);")
    data, metadata = next((c["data"], c["metadata"]) for kind, c, _ in messages if kind == "display_data")
    assert data["image/svg+xml"].startswith("<?xml")
    assert metadata["image/png"]["width"] > 100


@needs("matplotlib")
def test_an_animation_by_clearing(python):
    messages = ok(
        python,
        "import matplotlib.pyplot as plt\nfrom IPython.display import clear_output\n"
        "for i in range(3):\n    clear_output(wait=True); plt.plot([i]); plt.show()",
    )
    assert [kind for kind, _, _ in messages] == ["clear_output", "display_data"] * 3


@pytest.mark.row(17)
@needs("ipympl", "ipywidgets")
def test_figures_as_widgets(own):
    messages = ok(
        own, "%%python\n%matplotlib widget\nimport matplotlib.pyplot as plt\nplt.plot([1]); plt.show()"
    )
    assert any(WIDGET in data for data in shown(messages))


# --- what runs beside ---


@needs("joblib")
def test_joblib(python):
    assert (
        python.text("from joblib import Parallel, delayed\nParallel(2)(delayed(abs)(i) for i in (-1, -2))")[1]
        == "[1, 2]"
    )


@needs("nest_asyncio")
def test_nested_loops(own):
    code = "%%python\nimport asyncio, nest_asyncio\nnest_asyncio.apply()\nasyncio.run(asyncio.sleep(0.01, 'inner'))"
    assert own.text(code)[1] == "'inner'"
    assert own.text("%%python\nawait asyncio.sleep(0.01, 'outer')")[1] == "'outer'"


@pytest.mark.parametrize("kind", ["ThreadPoolExecutor", "ProcessPoolExecutor"])
def test_pools_print_into_their_cell(python, kind):
    printed, _ = python.text(
        f"from concurrent.futures import {kind} as Pool\ndef work(n):\n    print('work', n)\n    return n * n\n"
        "with Pool(2) as pool: print(sum(pool.map(work, [1, 2])))"
    )
    assert sorted(printed.split("\n")) == ["", "5", "work 1", "work 2"]


def test_a_task_goes_on_after_its_cell(python):
    python.run(
        "import asyncio\nasync def later():\n    await asyncio.sleep(0.05)\n    return 7\ntask = asyncio.create_task(later())"
    )
    assert python.text("await task")[1] == "7"


def test_logging_and_warnings_go_to_stderr(python):
    messages = ok(python, "import logging, warnings\nlogging.warning('logged')\nwarnings.warn('careful')")
    assert "logged" in streams(messages, "stderr")
    assert "UserWarning: careful" in streams(messages, "stderr")

"""The pictures in the README: what they show works, and `--pictures` writes them anew into docs/."""

import nbformat
import pytest
from conftest import ROOT
from playwright.sync_api import expect

SIZE = {"width": 1100, "height": 700}
LARGEST_BYTES = 150_000


def cell(language, code):
    metadata = {"snakebridge": {"language": language}}
    return nbformat.v4.new_code_cell(code, metadata=metadata)


@pytest.fixture
def picture(request):
    """Takes the picture of a page, where pictures are wanted."""

    def take(page, name):
        if not request.config.getoption("pictures"):
            return
        page.save()
        expect(page.page.get_by_text("Saving completed")).to_have_count(0)
        # Neither a cursor nor a button that is pointed at.
        page.select(0)
        page.page.mouse.move(SIZE["width"] / 2, SIZE["height"] - 60)
        picture = page.page.screenshot(animations="disabled", caret="hide")
        assert len(picture) < LARGEST_BYTES
        (ROOT / "docs" / name).write_bytes(picture)

    return take


def open_for_a_picture(notebook, name, *cells):
    page = notebook(*cells, name=name)
    page.page.set_viewport_size(SIZE)
    page.press("Control+b")
    expect(page.page.locator("#jp-left-stack")).to_be_hidden()
    return page


def test_a_frame_and_a_figure_of_both_languages(notebook, picture):
    page = open_for_a_picture(
        notebook,
        "wine.ipynb",
        cell(
            "python",
            "import pandas as pd\n"
            "wines = pd.DataFrame({'country': ['Italy', 'France', 'Spain', 'Chile'],\n"
            "                      'bottles': [120, 95, 60, 30], 'price': [14.5, 18.0, 9.9, 8.2]})",
        ),
        cell(
            "elixir",
            'cheap = wines[wines["price"] < 15].sort_values("price")\n'
            'title = "Cheapest in #{cheap["country"].iloc[0] |> String.upcase()}"\n'
            "cheap",
        ),
        cell(
            "python",
            "axes = cheap.plot.bar(x='country', y='bottles', rot=0, figsize=(7, 1.8), legend=False)\n"
            "axes.set(title=title, xlabel='', ylabel='bottles');",
        ),
    )
    page.run(0, 1)
    expect(page.output(1).locator("table.dataframe")).to_contain_text("Spain")
    expect(page.run(2).locator("img")).to_be_visible()
    picture(page, "jupyter-cells.png")


def test_variables_and_a_widget(notebook, picture):
    page = open_for_a_picture(
        notebook,
        "tides.ipynb",
        cell(
            "elixir",
            'harbour = "Ostend"\n'
            "describe = fn\n"
            '  level when level > 6 -> "#{harbour}: flood at #{level} m"\n'
            '  level -> "#{harbour}: calm at #{level} m"\n'
            "end",
        ),
        cell(
            "python",
            "import ipywidgets as widgets\nimport numpy as np, matplotlib.pyplot as plt\n"
            "hours = np.linspace(0, 24, 200)\n\n"
            "@widgets.interact(level=(1, 10))\n"
            "def tide(level=4):\n"
            "    plt.figure(figsize=(5, 1.8))\n"
            "    plt.plot(hours, level * np.sin(hours / 2))\n"
            "    plt.title(describe(level))",
        ),
    )
    page.show_variables()
    page.run(0, 1)
    page.move_slider(1, "ArrowRight", "ArrowRight", "ArrowRight")
    expect(page.output(1).locator(".widget-readout")).to_have_text("7")
    expect(page.output(1).locator("img")).to_have_count(1)
    for name in ("describe", "harbour", "hours"):
        expect(page.variable(name)).to_be_visible()
    page.idle()
    picture(page, "jupyter-variables.png")

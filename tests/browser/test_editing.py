"""What helps while a cell is written: completion and documentation, in the language of the cell."""

import pytest
from playwright.sync_api import expect


def test_completion(notebook):
    page = notebook("%%python\ntext = 'abc'", "")
    page.run(0)

    page.write(1, "Enum.ma")
    page.press("Tab")
    expect(page.completions.filter(has_text="map_every")).to_be_visible()
    page.press("Escape")

    page.write(1, "%%python\ntext.is")
    page.press("Tab")
    expect(page.completions.filter(has_text="isdigit")).to_be_visible()
    page.press("Enter")
    expect(page.editor(1)).to_contain_text("text.isalnum")


def test_completion_while_a_cell_runs(notebook):
    page = notebook("%%python\nimport time\nwhile True: time.sleep(0.01)", "")
    page.start(0)
    page.runs(0)
    for code, item in [("Enum.ma", "map_every"), ("%%python\n'x'.is", "isdigit")]:
        page.write(1, code)
        page.press("Tab")
        expect(page.completions.filter(has_text=item)).to_be_visible()
        page.press("Escape")
    page.button("interrupt").click()
    page.ended(0)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("Enum.map_every", "Returns a list of results of invoking"),
        ("%%python\nsorted", "Return a new list containing all items"),
    ],
    ids=["elixir", "python"],
)
def test_documentation(notebook, code, says):
    page = notebook("1", "")
    page.write(1, code)
    page.press("Shift+Tab")
    expect(page.page.locator(".jp-Tooltip")).to_contain_text(says)

"""The JupyterLab extension: each cell's language, shown, switched and kept; the highlighting of both; the variables."""

from playwright.sync_api import expect

FOR_EVER = "%%python\nprint('begun')\nwhile True: pass"


def test_a_cells_language_is_switched_and_kept(notebook):
    page = notebook("x = [1, 2]", "len(x)")
    expect(page.language(1)).to_have_value("elixir")
    page.run(0)
    expect(page.error(1)).to_have_count(0)
    page.run(1)
    expect(page.error(1)).to_contain_text("undefined function len/1")

    page.language(1).select_option("python")
    expect(page.run(1)).to_contain_text("2")
    metadata = [cell["metadata"] for cell in page.save()["cells"]]
    assert metadata[1]["snakebridge"] == {"language": "python"}
    assert "snakebridge" not in metadata[0]

    page = notebook.again(page.file.name)
    expect(page.language(0)).to_have_value("elixir")
    expect(page.language(1)).to_have_value("python")
    # By its key.
    page.select(1)
    page.press("e")
    expect(page.language(1)).to_have_value("elixir")


def test_a_marker_is_rewritten(notebook):
    page = notebook("%%python\n1 + 1")
    expect(page.language(0)).to_have_value("python")
    page.language(0).select_option("elixir")
    expect(page.editor(0).locator(".cm-line").first).to_have_text("%%elixir")
    expect(page.run(0)).to_contain_text("2")


def test_highlighting(notebook):
    """What is a keyword in one language is none in the other."""
    page = notebook("def f(x):\n    return None", "defmodule M do\n  def f(x), do: nil\nend")
    page.language(0).select_option("python")
    for index, keywords in enumerate([["def", "return"], ["defmodule", "do", "end"]]):
        for keyword in keywords:
            token = page.token(index, keyword)
            expect(token).to_be_visible()
            assert token.evaluate("t => getComputedStyle(t).color") != page.editor(index).evaluate(
                "t => getComputedStyle(t).color"
            )
    page.language(0).select_option("elixir")
    expect(page.token(0, "return")).to_have_count(0)


def test_completion_and_documentation_follow_the_cell(notebook):
    page = notebook("1", "")
    page.language(1).select_option("python")
    page.write(1, "'x'.is")
    page.press("Tab")
    expect(page.completions.filter(has_text="isdigit")).to_be_visible()
    page.press("Escape")
    page.write(1, "sorted")
    page.press("Shift+Tab")
    expect(page.page.locator(".jp-Tooltip")).to_contain_text("Return a new list containing all items")


def test_a_new_cell_has_the_language_of_the_one_before(notebook):
    page = notebook("1")
    page.language(0).select_option("python")
    page.select(0)
    page.press("b")
    expect(page.language(1)).to_have_value("python")
    page.page.get_by_text("Click to add a cell").click()
    expect(page.language(2)).to_have_value("python")


def test_variables(notebook):
    page = notebook(
        'region = "north"\ntotals = [1, 2, 3]',
        "%%python\nimport pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})",
        "%%python\ntotals = totals + [4]\ndel df",
        FOR_EVER,
    )
    page.show_variables()
    expect(page.variable("region")).to_have_count(0)
    page.run(0)
    expect(page.variable("region")).to_contain_text("north")
    expect(page.variable("totals")).to_have_attribute("data-language", "elixir")
    page.run(1)
    expect(page.variable("df")).to_have_attribute("data-language", "python")
    expect(page.variable("df")).to_contain_text("DataFrame")
    page.run(2)
    expect(page.variable("df")).to_have_count(0)
    expect(page.variable("totals")).to_have_attribute("data-language", "python")
    expect(page.variable("totals")).to_contain_text("4")
    # A cell that runs holds nothing up, and a new kernel has none of them.
    page.start(3)
    expect(page.output(3)).to_contain_text("begun")
    expect(page.variable("region")).to_be_visible()
    page.restart()
    expect(page.variable("region")).to_have_count(0)
    page.run(0)
    expect(page.variable("totals")).to_have_attribute("data-language", "elixir")

"""JupyterLab's debugger in a notebook of both languages: offered, stopped at a line, looked at, gone on."""

from playwright.sync_api import expect

CODE = "%%python\ndef scaled(n):\n    twice = n * factor\n    return twice + 1\nprint(scaled(20))"


def test_a_cell_stops_at_a_breakpoint(notebook):
    page = notebook("factor = 2", CODE, "Enum.sum([1, 2])")
    page.run(0)
    page.page.locator(".jp-DebuggerBugButton").click()
    side = page.page.locator("#jp-debugger-sidebar")
    expect(side).to_be_visible()

    # The place beside line 4, where a breakpoint's dot will be.
    numbers = page.cell(1).locator(".cm-lineNumbers .cm-gutterElement", has_text="4")
    expect(numbers).to_be_visible()
    line = numbers.bounding_box()
    gutter = page.cell(1).locator(".cm-gutter.cm-breakpoint-gutter").bounding_box()
    page.page.mouse.click(gutter["x"] + gutter["width"] / 2, line["y"] + line["height"] / 2)
    expect(side.locator(".jp-DebuggerBreakpoints")).to_contain_text("4")

    page.start(1)
    expect(side.locator(".jp-DebuggerCallstack")).to_contain_text("scaled")
    expect(side.locator(".jp-DebuggerVariables")).to_contain_text("twice")
    side.get_by_title("Continue").click()
    page.ended(1)
    expect(page.output(1)).to_contain_text("41")
    # A cell of Elixir runs as ever.
    expect(page.run(2)).to_contain_text("3")

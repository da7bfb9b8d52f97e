"""What is done to a kernel from the page: interrupts, restarts, two pages on one notebook, a page that is closed."""

import re

import pytest
from playwright.sync_api import expect

FOR_EVER = [
    "%%python\nimport itertools\nprint('begun')\nfor _ in itertools.count(): pass",
    'IO.puts("begun")\nProcess.sleep(:infinity)',
]


def test_interrupts_by_the_button_and_by_keys(notebook):
    page = notebook("%%python\nkept = 20", *FOR_EVER, "kept + 1")
    page.run(0)
    page.start(1)
    expect(page.output(1)).to_contain_text("begun")
    page.button("interrupt").click()
    page.ended(1)
    expect(page.output(1)).to_contain_text("KeyboardInterrupt")

    page.start(2)
    expect(page.output(2)).to_contain_text("begun")
    page.press("Escape", "i", "i")
    page.ended(2)
    expect(page.output(2)).to_contain_text(re.compile("interrupt", re.IGNORECASE))
    expect(page.run(3)).to_contain_text("21")


def test_a_question_is_interrupted(notebook):
    page = notebook("%%python\ninput('well? ')", "1 + 1")
    page.start(0)
    expect(page.question(0)).to_be_visible()
    page.button("interrupt").click()
    page.ended(0)
    expect(page.output(0)).to_contain_text("KeyboardInterrupt")
    expect(page.run(1)).to_contain_text("2")


def test_restarts(notebook):
    page = notebook("x = 5", "%%python\nprint('x' in globals())", "%%python\nx + 1")
    page.run(0)
    expect(page.run(1)).to_contain_text("True")
    page.restart()
    expect(page.run(1)).to_contain_text("False")
    expect(page.prompt(1)).to_have_text("[1]:")

    page.restart("restart-and-run")
    expect(page.prompt(2)).to_have_text("[3]:")
    expect(page.output(1)).to_contain_text("True")
    expect(page.output(2)).to_contain_text("6")


def test_a_restart_ends_a_cell_that_runs(notebook):
    page = notebook(FOR_EVER[0], "1 + 1")
    page.start(0)
    expect(page.output(0)).to_contain_text("begun")
    page.restart()
    expect(page.run(1)).to_contain_text("2")


def test_two_pages_on_one_notebook(notebook):
    first = notebook("x = 1", "%%python\nx + 1")
    first.run(0)
    second = notebook.again(first.file.name)
    expect(second.run(1)).to_contain_text("2")
    expect(first.run(1)).to_contain_text("2")
    # Both see whether the kernel works.
    second.write(0, "Process.sleep(:infinity)")
    second.start(0)
    first.state("busy")
    first.button("interrupt").click()
    second.ended(0)
    second.idle()
    first.idle()


def test_a_page_is_closed_and_opened_again_while_a_cell_runs(notebook, server):
    page = notebook(
        "%%python\nimport os, time\nwhile not os.path.exists('go-on'): time.sleep(0.01)\ndone = 41",
        "done + 1",
    )
    page.start(0)
    page.runs(0)
    page.page.close(run_before_unload=False)
    page = notebook.again(page.file.name, state="busy")
    (server.notebooks / "go-on").touch()
    page.idle()
    expect(page.run(1)).to_contain_text("42")


@pytest.mark.parametrize("language", ["elixir", "python"])
def test_a_kernel_that_is_killed_comes_back(notebook, server, language):
    """JupyterLab starts it anew and says so."""
    page = notebook("x = 1", "1 + 1", language=language)
    page.run(0)
    code = {
        "elixir": 'System.cmd("kill", ["-9", "#{System.pid()}"])',
        "python": "import os; os.kill(os.getpid(), 9)",
    }
    page.write(0, code[language])
    page.run(0)
    expect(page.run(1)).to_contain_text("2")

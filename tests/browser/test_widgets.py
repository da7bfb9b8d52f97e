"""ipywidgets in JupyterLab: moved by keys as a user moves them, their callbacks run in Python and call Elixir."""

import pytest
from playwright.sync_api import expect

SLIDER = """%%python
import ipywidgets as widgets
from IPython.display import display
slider = widgets.IntSlider(value=3, max=10)
label = widgets.Label('not moved')
def moved(change):
    label.value = {}
slider.observe(moved, 'value')
display(slider, label)"""


def test_a_slider_runs_its_callback(notebook):
    page = notebook(SLIDER.format("f'twice {change.new * 2}'"), "%%python\nprint(slider.value, label.value)")
    label = page.run(0).locator(".widget-label").last
    expect(label).to_have_text("not moved")
    page.move_slider(0, "ArrowRight")
    expect(label).to_have_text("twice 8")
    page.move_slider(0, "ArrowRight", "ArrowRight")
    expect(label).to_have_text("twice 12")
    expect(page.run(1)).to_contain_text("6 twice 12")


def test_a_callback_calls_elixir(notebook):
    page = notebook(
        'describe = fn n -> "#{n} is #{if rem(n, 2) == 0, do: "even", else: "odd"}" end',
        SLIDER.format("describe(change.new) + ', ' + ex.Integer.to_string(change.new, 2)"),
    )
    page.run(0)
    label = page.run(1).locator(".widget-label").last
    page.move_slider(1, "ArrowRight")
    expect(label).to_have_text("4 is even, 100")
    page.move_slider(1, "ArrowRight")
    expect(label).to_have_text("5 is odd, 101")


def test_interact(notebook):
    page = notebook(
        "%%python\nfrom ipywidgets import interact\n"
        "@interact(n=(0, 10))\ndef square(n=2):\n    print('square', n * n)"
    )
    shown = page.run(0)
    expect(shown).to_contain_text("square 4")
    page.move_slider(0, "ArrowRight")
    expect(shown).to_contain_text("square 9")
    expect(shown).not_to_contain_text("square 4")


def test_an_output_widget_takes_what_is_printed(notebook):
    page = notebook(
        "%%python\nimport ipywidgets as widgets\nout = widgets.Output()\n"
        "button = widgets.Button(description='Press')\n"
        "@button.on_click\ndef _(_):\n    with out:\n        print('pressed')\n"
        "widgets.VBox([button, out])",
        "%%python\nwith out:\n    print('from a cell')\nprint('outside')",
    )
    shown = page.run(0)
    shown.get_by_role("button", name="Press").click()
    expect(shown).to_contain_text("pressed")
    expect(page.run(1)).to_contain_text("outside")
    expect(page.output(1)).not_to_contain_text("from a cell")
    expect(shown).to_contain_text("from a cell")


def test_widgets_are_there_after_a_reload(notebook):
    page = notebook(SLIDER.format("f'at {change.new}'"))
    page.run(0)
    page.move_slider(0, "ArrowRight")
    expect(page.output(0).locator(".widget-label").last).to_have_text("at 4")
    page.save()
    page = notebook.again(page.file.name)
    page.move_slider(0, "ArrowRight")
    expect(page.output(0).locator(".widget-label").last).to_have_text("at 5")


def test_a_cell_waits_for_a_slider(notebook):
    """Callbacks run beside the cell."""
    page = notebook(
        SLIDER.format("f'at {change.new}'"),
        "%%python\nimport time\nprint('waiting')\nwhile slider.value < 5: time.sleep(0.01)\nprint('seen')",
    )
    page.run(0)
    page.start(1)
    expect(page.output(1)).to_contain_text("waiting")
    page.move_slider(0, "ArrowRight")
    expect(page.output(0).locator(".widget-label").last).to_have_text("at 4")
    page.move_slider(0, "ArrowRight")
    page.ended(1)
    expect(page.output(1)).to_contain_text("seen")


@pytest.mark.parametrize("language", ["elixir", "python"])
def test_a_callback_calls_elixir_while_a_cell_computes(notebook, language):
    endless = {
        "elixir": 'IO.puts("begun")\nStream.cycle([1]) |> Stream.run()',
        "python": "%%python\nprint('begun')\nwhile True: pass",
    }
    page = notebook(
        "twice = fn n -> n * 2 end",
        SLIDER.format("f'twice {twice(change.new)}'"),
        endless[language],
    )
    label = page.run(0, 1).locator(".widget-label").last
    page.start(2)
    expect(page.output(2)).to_contain_text("begun")
    page.move_slider(1, "ArrowRight")
    expect(label).to_have_text("twice 8")
    page.move_slider(1, "ArrowRight")
    expect(label).to_have_text("twice 10")
    page.state("busy")
    page.button("interrupt").click()
    page.ended(2)

"""A notebook that is open in JupyterLab, as its user sees it: cells, keys, what they show. Knows the page's own words
(its classes and titles), so that the tests need not."""

import json
import re

from playwright.sync_api import expect


class Notebook:
    """The notebook in a page."""

    def __init__(self, page, file):
        self.page, self.file = page, file
        self.panel = page.locator(".jp-NotebookPanel:visible")
        expect(self.cell(0)).to_be_visible()

    def idle(self):
        """Waits until the kernel has nothing to do."""
        self.state("idle")

    def state(self, state):
        """Waits until the page says that the kernel is in this state."""
        expect(self.panel.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", state)

    def cell(self, index):
        """A cell."""
        return self.panel.locator(".jp-Cell").nth(index)

    def editor(self, index):
        """What a cell's code is written in."""
        return self.cell(index).locator(".cm-content")

    def output(self, index):
        """All that a cell has shown."""
        return self.cell(index).locator(".jp-OutputArea").first

    def error(self, index):
        """What a cell has failed with."""
        return self.output(index).locator('[data-mime-type="application/vnd.jupyter.stderr"]')

    def language(self, index):
        """Where a cell's language is shown and chosen."""
        return self.cell(index).get_by_role("combobox", name="Language of the cell")

    def token(self, index, text):
        """A word of a cell that is highlighted."""
        return self.editor(index).locator("span", has_text=re.compile(rf"^{re.escape(text)}$")).first

    def prompt(self, index):
        """What stands beside a cell: its number, or a star while it runs."""
        return self.cell(index).locator(".jp-InputArea-prompt")

    def press(self, *keys):
        """Presses keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def select(self, index):
        """Makes a cell the active one, with the keys of the command mode."""
        self.editor(index).click()
        self.press("Escape")

    def start(self, index):
        """Runs a cell, and does not wait for it."""
        self.editor(index).click()
        self.press("Control+Enter")

    def run(self, *indices):
        """Runs cells, each to its end, and gives what the last one has shown."""
        for index in indices:
            before = self.prompt(index).inner_text()
            self.start(index)
            expect(self.prompt(index)).not_to_have_text(before)
            self.ended(index)
        return self.output(indices[-1])

    def ended(self, index):
        """Waits until a cell has run."""
        expect(self.prompt(index)).to_have_text(re.compile(r"\[\d+\]:"))

    def runs(self, index):
        """Waits until a cell runs."""
        expect(self.prompt(index)).to_have_text("[*]:")
        self.state("busy")

    def question(self, index):
        """Where a running cell's question is answered."""
        return self.cell(index).locator("input.jp-Stdin-input").last

    def answer(self, index, text):
        """Answers a running cell's question."""
        self.question(index).fill(text)
        self.question(index).press("Enter")

    def move_slider(self, index, *keys):
        """Moves the slider that a cell shows."""
        handle = self.output(index).locator(".noUi-handle")
        for key in keys:
            handle.press(key)

    def write(self, index, code):
        """Writes a cell anew, and leaves the cursor at its end."""
        self.editor(index).click()
        self.press("Control+a", "Delete")
        self.page.keyboard.insert_text(code)

    def button(self, title):
        """A button of the notebook's toolbar."""
        return self.panel.locator(f'.jp-Toolbar [data-jp-item-name="{title}"]')

    @property
    def completions(self):
        """What the menu of completions holds."""
        return self.page.locator(".jp-Completer:visible .jp-Completer-item")

    def show_variables(self):
        """Opens the panel of variables."""
        self.page.get_by_role("tab", name="Variables", exact=True).click()
        expect(self.page.locator("#snakebridge-variables")).to_be_visible()

    def variable(self, name):
        """What the panel says of a name."""
        return self.page.locator(f'#snakebridge-variables tr[data-name="{name}"]')

    def restart(self, title="restart"):
        """Presses the button, says yes to what the page asks then, and waits until the kernel has started anew."""
        self.button(title).click()
        with self.page.expect_response(re.compile("/api/kernels/[^/]+/restart")):
            self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def save(self):
        """Saves, and gives what is in the file then."""
        self.button("save").click()
        expect(self.page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(0)
        return json.loads(self.file.read_text())

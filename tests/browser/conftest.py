"""JupyterLab with the built kernel, in a real browser: a server of its own, and a notebook for each test.

What is done in the page is in `notebook.py`. Nothing here waits for a time: what is expected has a deadline.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from notebook import Notebook
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = os.environ.get("SNAKEBRIDGE") or str(TARGET / "debug/snakebridge")
# Where pictures of failures and the server's log stay.
KEPT = TARGET / "browser"

# In seconds: what a slow machine may take for what takes a fast one a blink.
DEADLINE = 40
expect.set_options(timeout=DEADLINE * 1000)

# Without a display, root's rights or anything that the browser would do on its own account.
BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# What the page would do by itself, and what would be in the way.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
    # Of a machine that is busy it would take no answer of the kernel's.
    "completer-extension/manager": {"providerTimeout": 30_000},
}


def pytest_addoption(parser):
    parser.addoption("--pictures", action="store_true", help="write the pictures in docs/ anew")


class Server:
    """A JupyterLab server with folders of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY_"))
        }
        places = {
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTER_CONFIG_DIR": "config",
        }
        places |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
        # Records too: the user's own history is none of the tests' business.
        places |= {"IPYTHONDIR": "ipython", "MPLCONFIGDIR": "matplotlib", "XDG_STATE_HOME": "state"}
        self.env |= {name: str(folder / place) for name, place in places.items()}
        for language in ("elixir", "python"):
            command = [PROGRAM, "kernel", "install", "--language", language, "--python", sys.executable]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=self.env)
        for plugin, settings in SETTINGS.items():
            file = folder / f"settings/@jupyterlab/{plugin}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        self.process = None

    def start(self, log):
        """Starts it, and waits until it says where it is."""
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"]
        command += ["--LabApp.extension_manager=readonly"]
        self.process = subprocess.Popen(
            command, cwd=self.notebooks, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        # Its first start compiles all of its modules, on a machine that may be busy.
        deadline = time.monotonic() + 5 * DEADLINE
        while time.monotonic() < deadline and self.process.poll() is None:
            for file in (self.folder / "runtime").glob("jpserver-*.json"):
                said = json.loads(file.read_text())
                self.url, self.token = said["url"].rstrip("/"), said["token"]
                return
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab does not start: see {KEPT / 'server.log'}")

    def ask(self, path, method="GET"):
        """What the server's API says."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method, headers=headers)
        # The machine's proxy, if it has one, is not for this.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=DEADLINE) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def wait_for_kernel(self, notebook, pages):
        """Waits until a notebook's pages are connected to its kernel: earlier they call it idle, too."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            for session in self.ask("sessions"):
                if session["path"] == notebook and session["kernel"]["connections"] >= pages:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"{notebook} has no kernel")

    def stop(self):
        """Ends it, and the kernels with it."""
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    KEPT.mkdir(parents=True, exist_ok=True)
    server = Server(tmp_path_factory.mktemp("jupyter"))
    with open(KEPT / "server.log", "w") as log:
        server.start(log)
        yield server
        server.stop()


@pytest.fixture(scope="session")
def browser():
    """One for all tests: what it has fetched of JupyterLab's script it keeps."""
    executable = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    assert executable, "no browser was found: scripts/setup.sh browser gets one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=BROWSER)
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        context.set_default_timeout(DEADLINE * 1000)
        yield context
        browser.close()


@pytest.fixture
def notebook(server, browser, request):
    """Makes a notebook of cells and opens it: `notebook("1 + 1", language="python")`. Its kernels end with the test."""
    opened = []

    def make(*cells, language="elixir", name=None):
        name = name or re.sub(r"\W+", "-", request.node.name).strip("-") + ".ipynb"
        kernel = {"elixir": "snakebridge", "python": "snakebridge-python"}[language]
        file = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": kernel, "display_name": kernel}})
        file.cells = [cell if isinstance(cell, dict) else nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(file, server.notebooks / name)
        return open_page(name)

    def open_page(name, state="idle"):
        # A workspace for each page, so that none opens what another has left.
        workspace = f"{Path(name).stem}-{len(opened)}"
        page = browser.new_page()
        opened.append(page)
        page.goto(f"{server.url}/lab/workspaces/{workspace}/tree/{name}?reset&token={server.token}")
        server.wait_for_kernel(name, pages=sum(not page.is_closed() for page in opened))
        notebook = Notebook(page, server.notebooks / name)
        notebook.state(state)
        return notebook

    make.again = open_page
    request.node.pages = opened
    yield make
    for page in opened:
        page.close()
    for session in server.ask("sessions"):
        server.ask(f"sessions/{session['id']}", "DELETE")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        lines = [f"the server's log: {KEPT / 'server.log'}"]
        for number, page in enumerate(getattr(item, "pages", [])):
            picture = KEPT / f"{re.sub(r'[^A-Za-z0-9]+', '-', item.name)}-{number}.png"
            try:
                page.screenshot(path=picture)
                lines.append(f"the page: {picture}")
            except Exception as problem:
                lines.append(f"the page could not be photographed: {problem}")
        report.sections.append(("what is kept", "\n".join(lines)))
    return report

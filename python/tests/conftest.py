"""What the tests of the Python package share."""

import contextlib
import pathlib
import sys
import types

import pytest

# The client of the protocol, which the extension's own tests use too.
sys.path.insert(0, str(pathlib.Path(__file__).parent / "native"))

import worker as workers

from snakebridge.assistant import Assistant
from snakebridge.namespace import Namespace


class Session:
    """A namespace, and the questions that can be asked about it; no process around it."""

    def __init__(self):
        self.namespace = Namespace(types.ModuleType("__main__"))
        self.names_of_elixir = []
        # All that these answers want of the extension module.
        native = types.SimpleNamespace(elixir_names=lambda: self.names_of_elixir, names_to_come=list)
        self.assistant = Assistant(native, self.namespace, lambda: None)

    def run(self, source):
        """Runs code in the namespace."""
        exec(compile(source, "cell 1", "exec"), self.namespace.globals)
        return self

    def complete(self, source, cursor=None):
        """The completion's answer at a character (the end, where none is given)."""
        before = source if cursor is None else source[:cursor]
        return self.assistant.complete(source, len(before.encode()))

    def texts(self, source, cursor=None):
        """The texts of the completion's items."""
        return [item["text"] for item in self.complete(source, cursor)["items"]]


@pytest.fixture
def session():
    """An empty session without a process."""
    return Session()


# Both ways to run cells, where both are there.
ENGINES = ["ipython", "plain"] if workers.has_ipython() else ["plain"]


@pytest.fixture(scope="module", params=ENGINES)
def worker(request, tmp_path_factory):
    """A worker that a module's tests share, with each engine."""
    with contextlib.closing(workers.Worker(request.param, tmp_path_factory.mktemp("worker"))) as found:
        yield found


@pytest.fixture(params=ENGINES)
def fresh(request, tmp_path):
    """A worker of the test's own, with each engine."""
    with contextlib.closing(workers.Worker(request.param, tmp_path)) as found:
        yield found

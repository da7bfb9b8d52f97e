"""A real worker and what its cells do, as tests want to see it."""

import json
import os
import re
import sys
from dataclasses import dataclass, field

import session as harness
from etf import Atom

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Outcome:
    """What one cell did."""

    answer: dict
    events: list
    stdout: str = ""
    stderr: str = ""
    results: list = field(default_factory=list)
    displays: list = field(default_factory=list)
    errors: list = field(default_factory=list)

    @property
    def status(self):
        """How it ended."""
        return str(self.answer["status"])

    @property
    def result(self):
        """The text of its only result, or None."""
        assert len(self.results) <= 1
        return self.results[0]["data"]["text/plain"].decode() if self.results else None

    @property
    def error(self):
        """Its only error."""
        assert len(self.errors) == 1, self.errors
        return self.errors[0]

    @property
    def traceback(self):
        """The lines of its error, without colours."""
        return _COLOUR.sub("", "\n".join(line.decode() for line in self.error["traceback"]))


def _plainly(body):
    """A body with texts for keys; binaries of fields that are always text become texts."""
    found = {str(key): value for key, value in body.items()}
    for key in ("class", "message", "hint", "display_id"):
        if isinstance(found.get(key), bytes):
            found[key] = found[key].decode()
    if "metadata" in found:
        found["metadata"] = json.loads(found["metadata"])
    if "data" in found:
        found["data"] = {
            key.decode() if isinstance(key, bytes) else str(key): v for key, v in found["data"].items()
        }
    return found


class Worker(harness.Session):
    """A worker, and short ways to use it. `environment`: what it finds beside what the tests find."""

    def __init__(self, engine, folder, **environment):
        paths = [str(harness.PACKAGE)]
        if engine == "plain":
            paths.append(_folder_with_old_ipython(folder))
        super().__init__(env={"PYTHONPATH": os.pathsep.join(paths), **environment})
        self.engine = engine

    def run(self, source, *arguments, **options):
        """As in the base class, whose cell before the first one is left out here: the first one is tested, too."""
        if options.get("cell") == harness.WARM_UP:
            return None
        return super().run(source, *arguments, **options)

    def execute(self, source, inputs=(), timeout=harness.PATIENCE, **options):
        """Runs a cell and waits for its end."""
        inputs = iter(inputs)
        asked = []

        def serve(op, body):
            asked.append((op, body))
            answer = next(inputs, None)
            if answer is None:
                raise harness.ProtocolError((Atom("bridge"), Atom("eof"), "nobody can answer", None))
            return answer

        answer, events = self.run(source, serve, timeout, **options)
        outcome = self.outcome(answer, events)
        outcome.asked = asked
        return outcome

    def outcome(self, answer, events):
        """An answer and its events, sorted."""
        answer = {str(key): value for key, value in answer.items()}
        for key in ("reads", "writes", "deletes"):
            answer[key] = [name.decode() for name in answer[key]]
        outcome = Outcome(answer, events)
        for op, body in events:
            if op == "stream":
                name = str(body[1])
                setattr(outcome, name, getattr(outcome, name) + body[2].decode())
            elif op in ("result", "display", "error"):
                getattr(outcome, op + "s").append(_plainly(body))
        return outcome

    def ask(self, op, **body):
        """A question on the lane for questions; the answer with texts."""
        return _texts(self.own.request(op, {Atom(key): value for key, value in body.items()} or None))


def _texts(term):
    if isinstance(term, bytes):
        return term.decode()
    if isinstance(term, dict):
        return {str(_texts(key)): _texts(value) for key, value in term.items()}
    return [_texts(part) for part in term] if isinstance(term, list) else term


def _folder_with_old_ipython(folder):
    """An IPython that is too old to be used: the worker does without."""
    core = folder / "old" / "IPython" / "core"
    core.mkdir(parents=True, exist_ok=True)
    (core.parent / "__init__.py").write_text("raise AssertionError('imported')")
    (core / "release.py").write_text("_version_major = 7\n_version_minor = 34\n_version_patch = 0\n")
    return str(folder / "old")


def has_ipython():
    """Whether this environment has an IPython."""
    from importlib.util import find_spec

    return find_spec("IPython") is not None


VERSION = sys.version_info[:2]

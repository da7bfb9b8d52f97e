"""Runs cells through IPython: magics, `!commands`, top-level await, rich display, IPython's tracebacks.

IPython works on our loop, shows through our events, and keeps its hands off the user's profile, history and terminal.
This module is imported only where IPython is there.
"""

import builtins
import json
import os
import sys
import threading
import warnings

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.history import HistoryManager
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir
from traitlets import Any, Type
from traitlets.config import Config

from snakebridge import figures, hints, ofthread, tracebacks
from snakebridge.ofthread import OfThread

_Group = getattr(builtins, "BaseExceptionGroup", None)


def make(namespace, publisher, directory, notebook):
    """The engine with IPython. What IPython wants to keep in files goes into `directory`, which ends with the session."""
    kind, config = Shell, Config()
    if notebook:
        from snakebridge.notebook import Kernel, ZMQInteractiveShell
        from snakebridge.notebook import config as notebook_config

        kind, config = ZMQInteractiveShell, notebook_config()
    home = os.path.join(directory, f"ipython-{os.getpid()}")
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    shell = kind.instance(
        config=config,
        ipython_dir=home,
        profile_dir=ProfileDir(location=home),
        user_module=namespace.module,
        user_ns=namespace.globals,
        publisher=publisher,
    )
    shell.user_ns_hidden.update(namespace.own, _="", __="", ___="")
    namespace.own = shell.user_ns_hidden
    if notebook:
        shell.kernel = Kernel(shell)
    # IPython says this after a SystemExit; our error says what is true here.
    warnings.filterwarnings("ignore", message="To exit: use 'exit'")
    return Engine(shell)


class Engine:
    """The engine with IPython."""

    _transformed = OfThread(("", ""))

    def __init__(self, shell):
        self._shell = shell

    async def run(self, cell):
        """Runs a cell and tells its error; returns its status."""
        shell = self._shell
        shell.begin(cell)
        if cell.comm:
            return self._receive(cell)
        try:
            transformed, failure = self.transform(cell.source), None
        except Exception as error:
            transformed, failure = cell.source, sys.exc_info()
            shell.failure = error
        # The same source may mean something else next time: by then there may be another alias.
        self._transformed = ("", "")
        result = await shell.run_cell_async(
            cell.source,
            store_history=cell.store_history,
            silent=cell.silent,
            transformed_cell=transformed,
            preprocessing_exc_tuple=failure,
        )
        shell.events.trigger("post_execute")
        if not cell.silent:
            shell.events.trigger("post_run_cell", result)
        figures.flush()
        error = result.error_before_exec or result.error_in_exec
        if error is not None and shell.told is None:
            shell.tell_shown(error)
        if shell.told is None:
            return "ok"
        return "interrupted" if isinstance(shell.told, KeyboardInterrupt) else "error"

    def _receive(self, cell):
        from snakebridge import _native, notebook

        shell = self._shell
        if shell.kernel is None:
            # Nobody here has opened a comm.
            return "ok"
        if ofthread.is_separate() and _native.main_runs():
            # The figures that are open are those of the cell that runs there, and so is what else hooks would end.
            notebook.receive(shell, cell.comm)
            return "ok"
        shell.events.trigger("pre_execute")
        try:
            notebook.receive(shell, cell.comm)
        finally:
            shell.events.trigger("post_execute")
            figures.flush()
        return "ok"

    def format(self, value):
        """The mime bundle of a value, and its metadata."""
        return self._shell.display_formatter.format(value)

    # IPython's formatters let an object show itself.
    show = format

    def transform(self, source):
        """The Python that a source with magics stands for. Kept for `run`, which comes next."""
        if self._transformed[0] != source:
            self._transformed = (source, self._shell.transform_cell(source))
        return self._transformed[1]

    def share(self):
        """Makes ready for cells of a subshell, on its thread."""
        ofthread.separate()
        # Where cells overlap, the first to end would else take these away from the others.
        self._shell.builtin_trap.__enter__()
        self._shell.display_trap.__enter__()

    def hint(self, cell, error):
        """What the user can do about an error, or None."""
        return hints.of(error, "%pip install")

    def magics(self):
        """Names of magics, for completion: (line magics, cell magics)."""
        found = self._shell.magics_manager.magics
        return list(found["line"]), list(found["cell"])

    def magic(self, name):
        """The function behind a magic, or None."""
        return self._shell.find_magic(name.lstrip("%"), "cell" if name.startswith("%%") else "line")

    def is_complete(self, source):
        """(status, indent) of a source, magics and commands understood."""
        # Not the shell's own: this is asked from another thread, and users may have put transformations into that one.
        status, indent = TransformerManager().check_complete(source)
        return status, " " * (indent or 0)


class _Compiler(CachingCompiler):
    """Names the code of cells as everything else here does: `cell N`."""

    cell = OfThread(None)

    def get_code_name(self, raw_code, transformed_code, number):
        """As in the base class."""
        if self.cell is not None and raw_code == self.cell.source:
            return self.cell.filename
        return super().get_code_name(raw_code, transformed_code, number)

    def format_code_name(self, name):
        """As in the base class."""
        word, _, number = name.partition(" ")
        if word == "cell" and number.isdigit():
            return "Cell", number
        return super().format_code_name(name)


class _History(HistoryManager):
    """Keeps inputs by the numbers of their cells, which may come in another order where there are subshells."""

    _lock = threading.Lock()

    def store_inputs(self, line_num, source, source_raw=None):
        """As in the base class."""
        with self._lock:
            lists = (self.input_hist_parsed, self.input_hist_raw)
            lengths = [len(inputs) for inputs in lists]
            super().store_inputs(line_num, source, source_raw)
            for inputs, length in zip(lists, lengths, strict=True):
                if len(inputs) > length:
                    last = inputs.pop()
                    inputs.extend([""] * (line_num + 1 - length))
                    inputs[line_num] = last


class _DisplayHook(DisplayHook):
    """Sends the value of a cell as its result."""

    exec_result = OfThread(None)

    @property
    def prompt_count(self):
        """The cell's number: `Out` and `_N` go by it."""
        cell = self.shell.cell
        return 0 if cell is None else cell.number

    def quiet(self):
        """Whether the running cell ends with a semicolon."""
        cell = self.shell.cell
        if cell is None or ";" not in cell.source:
            return False
        try:
            return self.semicolon_at_end_of_expression(cell.source)
        except Exception:
            # A source with magics is no Python.
            return False

    def write_output_prompt(self):
        """Whoever shows the result writes the prompt."""

    def write_format_data(self, format_dict, md_dict=None):
        """Sends the result."""
        self.shell.publisher.result(format_dict, md_dict)

    def log_output(self, format_dict):
        """The session's record keeps outputs; IPython would keep each image in memory."""

    def finish_displayhook(self):
        """Nothing is written, so nothing is to be finished."""
        self._is_active = False


class _DisplayPublisher(DisplayPublisher):
    """Sends what `display` shows."""

    def publish(self, data, metadata=None, *_arguments, transient=None, update=False, **_options):
        """As in the base class."""
        display_id = (transient or {}).get("display_id")
        self.shell.publisher.display(data, metadata, display_id, update)

    def clear_output(self, wait=False):
        """As in the base class."""
        self.shell.publisher.clear(wait)


class Shell(InteractiveShell):
    """IPython's shell, without a terminal and without files."""

    displayhook_class = Type(_DisplayHook)
    display_pub_class = Type(_DisplayPublisher)
    compiler_class = Type(_Compiler)

    publisher = Any()
    cell = OfThread(None)
    execution_count = OfThread(1)
    # The error of the running cell, once the user has been told.
    told = OfThread(None)
    # The error of turning the cell into Python, if that failed.
    failure = OfThread(None)
    # What libraries ask for in a notebook: see `notebook`.
    kernel = None
    # The header of the message that the cell came with, where the front end has one.
    parent_header = OfThread(None)
    _ends_cell = OfThread(True)
    _shown = OfThread(0)

    def begin(self, cell):
        """Makes ready for a cell."""
        self.cell = self.compile.cell = cell
        self.told = self.failure = None
        self.parent_header = None if cell.parent is None else json.loads(cell.parent)
        if cell.silent:
            return
        # IPython counts, the session numbers; `In` and `Out` go by the session's numbers.
        self.execution_count = cell.number

    def tell(self, error, lines=None):
        """Sends an error as the running cell's."""
        self.told = error
        self.publisher.error(error, hints.of(error, "%pip install"), lines)

    def tell_shown(self, error):
        """The same for one that a library (rich, a handler of the user) has shown in its own way: only what it was."""
        self.tell(error, [f"{type(error).__name__}: {tracebacks.message(error)}"])

    # --- errors ---

    def showtraceback(self, exc_tuple=None, *arguments, **options):
        """As in the base class, where it ends in `_showtraceback`; here also for what that cannot render."""
        try:
            _, error, trace = self._get_exc_info(exc_tuple)
        except ValueError:
            return super().showtraceback(exc_tuple, *arguments, **options)
        # Who names an error, or has none at hand (`%tb`), only wants it shown: a failing formatter, for example.
        self._ends_cell = error is self.failure or (exc_tuple is None and sys.exc_info()[1] is not None)
        meant = error if self.cell is None else self.cell.meant(error)
        exc_tuple = (type(meant), meant, tracebacks.without_ours(trace))
        before, failed = self._shown, _is_group(meant)
        if not failed:
            try:
                super().showtraceback(exc_tuple, *arguments, **options)
            except Exception:
                failed = True
        if failed:
            self._show_error(meant, tracebacks.lines(meant))
        elif self._shown == before and self._ends_cell:
            self.tell_shown(meant)
        return None

    def _showtraceback(self, etype, evalue, stb):
        text = ("" if all(line.endswith("\n") for line in stb[:-1]) else "\n").join(stb).rstrip("\n")
        self._show_error(evalue, tracebacks.clean(text).split("\n"))

    def _show_error(self, error, lines):
        self._shown += 1
        if self._ends_cell:
            self.tell(error, lines)
        else:
            print("\n".join(lines), file=sys.stderr)  # noqa: T201 - said to the user

    def show_usage_error(self, exc):
        """A magic was called wrongly."""
        self._show_error(exc, [f"UsageError: {tracebacks.message(exc)}"])

    def _format_exception_for_storage(self, exception, *_arguments, **_options):
        return {"ename": type(exception).__name__, "evalue": tracebacks.message(exception), "traceback": []}

    # --- what IPython would do to the process and to the user's files ---

    def init_history(self):
        """`In` is filled by the session's numbers."""
        self.history_manager = _History(shell=self, parent=self)
        self.configurables.append(self.history_manager)

    def init_virtualenv(self):
        """The interpreter is the user's choice; no other environment is mixed in."""

    def init_environment(self):
        """`!git log` should not wait for keys that nobody can press."""
        os.environ.setdefault("PAGER", "cat")
        os.environ.setdefault("GIT_PAGER", "cat")

    def init_hooks(self):
        """Help is shown where everything is shown."""
        super().init_hooks()
        self.set_hook("show_in_pager", self._show_page, 99)

    def _show_page(self, _shell, data, *_arguments, **_options):
        data = data if isinstance(data, dict) else {"text/plain": data}
        self.publisher.display(data, {"snakebridge": {"page": True}})

    def set_next_input(self, text, replace=False):
        """What `%load` and `%recall` propose as the next cell."""
        self.publisher.display(
            {"text/plain": text}, {"snakebridge": {"next_input": True, "replace": replace}}
        )

    def enable_gui(self, gui=None):
        """No window system's loop runs here."""
        if gui not in (None, "inline", "agg", "asyncio"):
            print(f"note: there is no event loop for {gui} here; figures are shown in place", file=sys.stderr)  # noqa: T201

    def ask_exit(self):
        """A cell cannot end the session that it is part of."""
        raise SystemExit


def _is_group(error):
    """Whether an error is a group, or came while one was handled: Python's own rendering knows them, IPython's does not."""
    seen = set()
    while error is not None and id(error) not in seen:
        if _Group is not None and isinstance(error, _Group):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False

"""Magics that are not IPython's own but a kernel's, and those of IPython that would wait for a terminal."""

import contextlib
import os
import sys

from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.extensions.storemagic import StoreMagics
from IPython.paths import get_ipython_dir


@magics_class
class NotebookMagics(Magics):
    """What shows a text shows it in the client's pager."""

    @line_magic
    def less(self, name):
        """Shows a file: `%less FILE`."""
        if not name.strip():
            raise UsageError("which file? as in: %less FILE")
        with open(os.path.expanduser(name.strip()), encoding="utf-8", errors="replace") as file:
            page.page(file.read())

    more = line_magic("more")(less)

    @line_magic
    def man(self, name):
        """Shows a manual page: `%man NAME`."""
        page.page(self.shell.getoutput(f"man {name} | col -b", split=False))

    @line_magic
    def autosave(self, _seconds):
        """Notebooks are saved by the client."""
        print("note: how often a notebook is saved is set in the client", file=sys.stderr)  # noqa: T201 - said to the user

    @line_magic
    def edit(self, _name):
        """Editors need a terminal."""
        raise UsageError(
            "there is no terminal for an editor here: %load FILE puts a file into a cell, %%writefile FILE saves one"
        )


@magics_class
class Store(StoreMagics):
    """`%store` keeps values in the user's IPython profile, where other kernels look for them too.

    All else that IPython stores there ends with the session.
    """

    @line_magic
    def store(self, parameter_s=""):
        """As IPython's."""
        with self._of_user():
            super().store(parameter_s)

    @contextlib.contextmanager
    def _of_user(self):
        of_session = self.shell.db
        # Not before it is asked for: this makes the folder.
        self.shell.db = type(of_session)(os.path.join(get_ipython_dir(), "profile_default", "db"))
        try:
            yield
        finally:
            self.shell.db = of_session


def install(shell):
    """Registers them, over IPython's of the same names."""
    shell.register_magics(NotebookMagics(shell), Store(shell))

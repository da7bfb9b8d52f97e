"""Importing what was asked for, and finding what else there is without importing it.

An import runs the module's code: whatever that does, raising, leaving by `SystemExit` or warning, ends here as an error
with a reason.
"""

import contextlib
import importlib
import signal
import sys
import threading
import types
import warnings

from snakebridge import descriptor, modules
from snakebridge.descriptor import NOTHING

# Modules that are there for a package's own developers, and do things when they are imported.
NOT_FOR_USERS = frozenset({"tests", "test", "conftest", "setup"})


# How long each import may take, in seconds, where that is limited.
_patience = None


@contextlib.contextmanager
def limited(seconds):
    """Ends imports that take longer, by a signal: only on the main thread."""
    global _patience
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(_number, _frame):
        raise TimeoutError(f"its import takes longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    _patience = seconds
    try:
        yield
    finally:
        _patience = None
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _on_the_clock():
    if _patience is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, _patience)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class LoadError(ImportError):
    """A module that cannot be imported, and why."""


def load(name):
    """The module of a name, imported where it is not yet.

    Raises `ModuleNotFoundError` where there is none of that name, else `LoadError` with the reason.
    """
    found = sys.modules.get(name)
    if found is not None and descriptor.is_instance(found, types.ModuleType):
        return found
    try:
        with warnings.catch_warnings(), _on_the_clock():
            warnings.simplefilter("ignore")
            found = importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name) from None
        raise LoadError(f"{name} cannot be imported: {reason(error)}", name=name) from error
    except BaseException as error:
        raise LoadError(f"{name} cannot be imported: {reason(error)}", name=name) from error
    if not descriptor.is_instance(found, types.ModuleType):
        raise LoadError(
            f"{name} is no module: it put a {descriptor.type_name(found)} in its place", name=name
        )
    return found


def announced(module, name):
    """What a module gives for a name of its `__all__` that it makes when it is asked for it; NOTHING or an error."""
    try:
        with warnings.catch_warnings(), _on_the_clock():
            warnings.simplefilter("ignore")
            return getattr(module, name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise LoadError(f"__all__ has {name!r}, but it cannot be had: {reason(error)}") from error


def reason(error):
    """An error in one line; its text is the user's code to write, and may fail, too."""
    try:
        text = str(error)
    except Exception:
        text = ""
    text = " ".join(text.split())[:300]
    name = descriptor.CLASS_QUALNAME.__get__(type(error))
    return f"{name}: {text}" if text else name


def submodules(name):
    """The names of a package's modules for users, sorted; none is imported."""
    found = modules.submodules(name)
    parent = sys.modules.get(name)
    is_package = parent is not None and descriptor.attribute(parent, "__path__") is not NOTHING
    kept = []
    for child in sorted(found):
        full = f"{name}.{child}"
        if not is_package and full in sys.modules and descriptor.attribute(parent, child) is NOTHING:
            continue
        kept.append(child)
    return kept


def is_for_users(name):
    """Whether a module's last name is public."""
    last = name.rpartition(".")[2]
    return not last.startswith("_") and last not in NOT_FOR_USERS

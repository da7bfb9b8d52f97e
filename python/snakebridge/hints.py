"""What a user can do about an error: one sentence, or nothing."""

import builtins
import contextlib
import difflib
import pkgutil
import re
import sys

from snakebridge import descriptor

# Where the name to install is not the name to import.
_PACKAGES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}

# Names that many packages share: none of these packages is called so, or it is not the one that is meant.
_SHARED = {"azure", "backports", "google", "jaraco", "opentelemetry", "ruamel", "sphinxcontrib", "zope"}

# What Python, its library, and extensions say of a str where bytes should be.
_WANTS_BYTES = re.compile(
    r"bytes.*(\bnot '?str\b|, str found|but got 'str')|concat str to bytes|bytes pattern on a string-like"
    r"|convert 'str' object to bytes|must be encoded before|string argument without an encoding"
    r"|\bmust be bytes\b|'str' object .*'(Py)?[Bb]ytes'|'str'>\" instance to a buffer"
)

# What asyncio, and libraries on it, say outside of coroutines.
_NO_LOOP = re.compile(r"no (running|current) event loop")
# What Python and extensions say of a keyword that a function does not take.
_REFUSED = re.compile(
    r"unexpected keyword argument:? '?(\w+)|'(\w+)' is an invalid keyword argument|invalid keyword argument '?(\w+)"
)

# What Python says of a call of what is no function.
_NOT_CALLABLE = re.compile(r"^'([\w.]+)' object is not callable$")

# What users of Elixir may have meant for the bridge.
_OPTIONS = {"as", "session", "tags", "timeout"}


def of(error, install):
    """A hint for an error. `install`: the command that installs a package, without the package."""
    if isinstance(error, SystemExit):
        return "the session goes on; it is ended from the prompt (:quit or Ctrl-D) or the notebook's menu"
    hint = missing(error, install)
    if hint is not None:
        return hint
    if isinstance(error, RuntimeError) and "cannot be called from a running event loop" in _text(error):
        return "cells run inside an event loop: write `await ...` instead of `asyncio.run(...)`"
    if isinstance(error, RuntimeError) and "'widget' is not a recognised GUI loop" in _text(error):
        return f"figures as widgets come with ipympl: {install} ipympl"
    if isinstance(error, TypeError) and (name := _hidden(_text(error))):
        return f"{name} is a variable of the session now, and hides Python's own {name}: give it another name, or `del {name}`"
    return None


def _hidden(text):
    """The function of Python that a variable hides, of either language (`list = [1]` is usual in Elixir), if it may be
    what an error says is not callable."""
    found = _NOT_CALLABLE.match(text)
    own = vars(sys.modules["__main__"])
    for name in vars(builtins) if found else ():
        if name in own and descriptor.type_name(own[name]).rpartition(".")[2] == found[1].rpartition(".")[2]:
            return name
    return None


def missing(error, install):
    """How to get the module that an error says is missing, or None."""
    name = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if not isinstance(name, str) or not name or "." in name:
        return None
    if name in _PACKAGES:
        return f"{install} {_PACKAGES[name]}"
    if name in _SHARED:
        return f"{name} is a name that many packages share: install the one that has what is imported"
    near = _near(name)
    if near is not None:
        return f"did you mean {near}?"
    return f"if a package of that name is the one you mean: {install} {name}"


def _near(name):
    """The module that the name may be a misspelling of: one of Python's library or an installed one."""
    found = {*sys.stdlib_module_names, *sys.builtin_module_names, *_installed()}
    folded = {known.lower(): known for known in found if not known.startswith("_")}
    near = difflib.get_close_matches(name.lower(), folded, 1, 0.8)
    return folded[near[0]] if near else None


def _installed():
    """The top-level names of the installed packages."""
    # What describes packages may be broken, and is asked for while another error is told.
    with contextlib.suppress(Exception):
        return {module.name for module in pkgutil.iter_modules()} | set(_PACKAGES)
    return set()


def _text(error):
    return error.args[0] if error.args and isinstance(error.args[0], str) else ""


def for_elixir(error, install):
    """A hint for who called from Elixir."""
    if isinstance(error, TypeError) and _WANTS_BYTES.search(_text(error)):
        return "a binary that is UTF-8 goes to Python as str: SnakeBridge.bytes(data) sends it as bytes"
    if isinstance(error, RuntimeError) and _NO_LOOP.search(_text(error)):
        return "call it where the loop runs: SnakeBridge.run(source), with `await` in the source"
    refused = _REFUSED.search(_text(error)) if isinstance(error, TypeError) else None
    name = refused and next(filter(None, refused.groups()))
    if name in _OPTIONS:
        return f"options of the bridge come after the keyword arguments: call(module, name, args, [], {name}: ...)"
    if isinstance(error, TypeError) and _text(error).endswith("takes no keyword arguments"):
        return "as:, timeout:, session: and tags: come after the keyword arguments: call(module, name, args, [], as: ...)"
    return missing(error, install)

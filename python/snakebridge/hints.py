"""What a user can do about an error: one sentence, or nothing."""

import re

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

# What Python, its library, and extensions say of a str where bytes should be.
_WANTS_BYTES = re.compile(
    r"bytes.*(\bnot '?str\b|, str found|but got 'str')|concat str to bytes|bytes pattern on a string-like"
    r"|convert 'str' object to bytes|must be encoded before|string argument without an encoding"
    r"|\bmust be bytes\b|'str' object .*'(Py)?[Bb]ytes'|'str'>\" instance to a buffer"
)

# What asyncio, and libraries on it, say outside of coroutines.
_NO_LOOP = re.compile(r"no (running|current) event loop")


def of(error, install):
    """A hint for an error. `install`: the command that installs a package, without the package."""
    if isinstance(error, SystemExit):
        return "the session goes on; it is ended from the prompt (:quit or Ctrl-D)"
    hint = missing(error, install)
    if hint is not None:
        return hint
    if isinstance(error, RuntimeError) and "cannot be called from a running event loop" in _text(error):
        return "cells run inside an event loop: write `await ...` instead of `asyncio.run(...)`"
    return None


def missing(error, install):
    """How to get the module that an error says is missing, or None."""
    name = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if not isinstance(name, str) or not name or "." in name:
        return None
    return f"{install} {_PACKAGES.get(name, name)}"


def _text(error):
    return error.args[0] if error.args and isinstance(error.args[0], str) else ""


def for_elixir(error, install):
    """A hint for who called from Elixir."""
    if isinstance(error, TypeError) and _WANTS_BYTES.search(_text(error)):
        return "a binary that is UTF-8 goes to Python as str: SnakeBridge.bytes(data) sends it as bytes"
    if isinstance(error, RuntimeError) and _NO_LOOP.search(_text(error)):
        return "call it where the loop runs: SnakeBridge.run(source), with `await` in the source"
    return missing(error, install)

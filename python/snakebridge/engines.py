"""Chooses what runs cells: IPython where the user's environment has a usable one, else the plain engine."""

import asyncio
import importlib
import importlib.util
import os
import re
import sys

from snakebridge import figures

OLDEST_IPYTHON = 8

# Imported one by one, so that calls of Elixir are served in between. Not in a notebook: a library that looks for it
# does so once, and one that was imported too early would have no widgets, in all of the session.
_STEPS = ("traitlets.config", "IPython.core.magic", "IPython.core.interactiveshell", "snakebridge.shell")


def ipython_version():
    """The installed IPython's version as text, or None. Reads its release file: importing it is for later."""
    try:
        spec = importlib.util.find_spec("IPython")
        if spec is None or not spec.submodule_search_locations:
            return None
        path = os.path.join(spec.submodule_search_locations[0], "core", "release.py")
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (ImportError, OSError, ValueError):
        return None
    parts = [
        re.search(rf"^_version_{part} = (\d+)", text, re.MULTILINE) for part in ("major", "minor", "patch")
    ]
    return ".".join(part.group(1) for part in parts if part) or None


async def load(namespace, publisher, directory, notebook):
    """The engine, ready to run cells."""
    version = ipython_version()
    remedy = f"{sys.executable} -m pip install --upgrade ipython"
    if version is None:
        return _plain(namespace, publisher, remedy)
    if int(version.partition(".")[0]) < OLDEST_IPYTHON:
        return _plain(
            namespace, publisher, f"{remedy}  (found {version}, needed is {OLDEST_IPYTHON} or newer)"
        )
    try:
        for step in _STEPS:
            importlib.import_module(step)
            if not notebook:
                await asyncio.sleep(0)
        from snakebridge import shell

        engine = shell.make(namespace, publisher, directory, notebook)
        figures.install(publisher, _inline_backend())
        return engine
    except Exception as error:
        return _plain(namespace, publisher, f"{remedy}  ({version} fails: {type(error).__name__}: {error})")


def _inline_backend():
    """matplotlib's backend where IPython runs the cells: `%config InlineBackend` and its like belong to this one."""
    if importlib.util.find_spec("matplotlib_inline") is None:
        return figures.BACKEND
    return "module://matplotlib_inline.backend_inline"


def _plain(namespace, publisher, remedy):
    from snakebridge import plain

    figures.install(publisher)
    return plain.Plain(namespace, publisher, remedy)

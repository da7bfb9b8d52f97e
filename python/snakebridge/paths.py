"""File paths inside strings and after magics: what is in one folder."""

import os

from snakebridge.items import item

# A folder may hold any number of files.
_MOST = 1000


def candidates(typed, suffixes=None):
    """(how many of the last characters are replaced, items) for the beginning of a path. `suffixes`: the files that
    count, where not all do."""
    folder, slash, name = typed.rpartition("/")
    if name == "~" and not slash:
        return 1, [item("~/", "folder")]
    if "\0" in typed:
        return 0, []
    place = os.path.expanduser(folder + slash) or "."
    found = {}
    try:
        with os.scandir(place) as entries:
            for count, entry in enumerate(entries):
                if count > 10 * _MOST:
                    break
                if entry.name.startswith(".") and not name.startswith("."):
                    continue
                found[entry.name] = _is_folder(entry)
    except (OSError, ValueError):
        return 0, []
    names = [n for n in sorted(found) if found[n] or suffixes is None or n.endswith(suffixes)]
    shown = [n for n in names if n.startswith(name)] or [
        n for n in names if n.lower().startswith(name.lower())
    ]
    return len(name), [item(n + "/", "folder") if found[n] else item(n, "file") for n in shown[:_MOST]]


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:
        return False

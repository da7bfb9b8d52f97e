"""What a user can do about an error: one sentence, or nothing."""

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


def of(error, install):
    """A hint for an error. `install`: the command that installs a package, without the package."""
    if isinstance(error, SystemExit):
        return "the session goes on; it is ended from the prompt (:quit or Ctrl-D)"
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name.partition(".")[0]
        if name == error.name:
            return f"{install} {_PACKAGES.get(name, name)}"
    if isinstance(error, RuntimeError) and "cannot be called from a running event loop" in _text(error):
        return "cells run inside an event loop: write `await ...` instead of `asyncio.run(...)`"
    return None


def _text(error):
    return error.args[0] if error.args and isinstance(error.args[0], str) else ""

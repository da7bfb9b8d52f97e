"""What libraries look for to learn that they run in a notebook, and comms, by which widgets talk to their views.

Imported only where the front end is a notebook and IPython runs the cells. Showing things is `display`'s work.
"""

import importlib
import json
import os
import sys
import types

from traitlets.config import Config

from snakebridge import _native, display
from snakebridge.shell import Shell


class ZMQInteractiveShell(Shell):
    """IPython's shell under the name by which libraries know notebooks."""


def _stand_in_for_ipykernel():
    """A module by whose presence libraries (tqdm) know notebooks. The real one, which takes a while to import and need
    not be installed, is fetched when somebody wants of it what is not here."""
    name = "ipykernel.zmqshell"
    module = types.ModuleType(name)
    module.ZMQInteractiveShell = ZMQInteractiveShell

    def fetch(attribute):
        # Who looks through all modules asks for these.
        if not attribute.startswith("__"):
            sys.modules.pop(name, None)
            try:
                return getattr(importlib.import_module(name), attribute)
            except ImportError:
                sys.modules[name] = module
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}")

    module.__getattr__ = fetch
    sys.modules.setdefault(name, module)


def config():
    """What libraries read off the shell's configuration."""
    config = Config()
    config.IPKernelApp.parent_appname = "snakebridge"
    return config


class Kernel:
    """What libraries ask `get_ipython().kernel` for."""

    implementation = "snakebridge"

    def __init__(self, shell):
        self.shell = shell
        self.session = _Session()
        self.comm_manager = _comm_manager(self)
        _stand_in_for_ipykernel()

    def get_parent(self, _channel=None):
        """The message that the running cell came with, as a dict whose `header` is known."""
        header = self.shell.parent_header or {}
        return {"header": header, "msg_id": header.get("msg_id"), "metadata": {}, "content": {}}

    @property
    def _parent_header(self):
        return self.get_parent()

    def do_one_iteration(self):
        """There is nothing to pump: messages are taken in by themselves."""


class _Session:
    """Stands for ipykernel's session, of which libraries read the id."""

    def __init__(self):
        self.session = f"{os.getpid():x}"


def _comm_manager(kernel):
    try:
        import comm
        from comm.base_comm import BaseComm, CommManager
    except ImportError:
        # Nobody who uses comms is installed then.
        return None

    class Comm(BaseComm):
        """A comm whose messages go to the front end."""

        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            """As in the base class."""
            _native.emit(
                "comm",
                {
                    "cell": None,
                    "kind": {"comm_open": "open", "comm_close": "close"}.get(msg_type, "message"),
                    "id": self.comm_id,
                    "target": keys.get("target_name"),
                    "data": display.to_json(data or {}),
                    "metadata": display.to_json(metadata or {}),
                    "buffers": [bytes(buffer) for buffer in buffers or []],
                },
            )

    # Where ipykernel was imported it has put its own here, which speak to sockets that are not there.
    manager = CommManager()
    comm.create_comm = Comm
    comm.get_comm_manager = lambda: manager
    Comm.kernel = kernel
    return manager


def receive(shell, message):
    """Delivers a message of a comm to the object that it is for."""
    manager = shell.kernel.comm_manager
    content = {"comm_id": message["id"], "data": json.loads(message["data"])}
    if message.get("target"):
        content["target_name"] = message["target"]
    buffers = message.get("buffers") or []
    whole = {
        "header": shell.parent_header or {},
        "metadata": json.loads(message["metadata"]),
        "content": content,
        # Bytes that are UTF-8 have come as text.
        "buffers": [memoryview(b.encode() if isinstance(b, str) else b) for b in buffers],
    }
    # JupyterLab asks for widgets before any cell has imported them: that is no error to write about.
    known = manager is not None and (message.get("target") in manager.targets or message["id"] in manager.comms)
    if not known:
        if message["kind"] == "open":
            refuse(message["id"])
        return
    deliver = {"open": manager.comm_open, "message": manager.comm_msg, "close": manager.comm_close}
    deliver[message["kind"]](None, None, whole)


def refuse(comm_id):
    """Closes a comm that nobody takes."""
    body = {"kind": "close", "id": comm_id, "target": None, "data": "{}", "metadata": "{}", "buffers": []}
    _native.emit("comm", {"cell": None, **body})

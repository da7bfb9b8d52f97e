"""What libraries look for to learn that they run in a notebook, and comms, by which widgets talk to their views.

Imported only where the front end is a notebook and IPython runs the cells. Showing things is `display`'s work.
"""

import json
import os
import sys

from traitlets.config import Config

from snakebridge import _native, display, magics, standins
from snakebridge.shell import Shell


class ZMQInteractiveShell(Shell):
    """IPython's shell under the name by which libraries know notebooks."""

    # Libraries compare the class's whole name, too.
    __module__ = "ipykernel.zmqshell"

    def init_magics(self):
        """IPython's, and a kernel's."""
        super().init_magics()
        magics.install(self)

    def get_parent(self):
        """The message that the running cell came with, as far as it is known."""
        return self.kernel.get_parent()

    def ask_exit(self):
        """`exit`: consoles go; a notebook's kernel is ended from its menu."""
        self.publisher.display({"text/plain": ""}, {"snakebridge": {"ask_exit": True}})
        print("note: the kernel goes on; it is shut down from the client's menu", file=sys.stderr)  # noqa: T201


def config():
    """What libraries read off the shell's configuration."""
    config = Config()
    config.IPKernelApp.parent_appname = "snakebridge"
    return config


class Kernel:
    """What libraries ask `get_ipython().kernel` for."""

    implementation = "snakebridge"
    # Sockets are the front end's. What is sent on this one is shown.
    iopub_socket = None

    def __init__(self, shell):
        self.shell = shell
        self.session = _Session(shell)
        comm_class, self.comm_manager = _comms(self)
        standins.install(self, type(shell), comm_class, self.comm_manager)

    def send_response(self, _socket, msg_type, content=None, **options):
        """Shows what a library would send to the clients by itself."""
        self.session.send(None, msg_type, content, **options)

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
    """Stands for ipykernel's session, of which libraries read the id, and by which some show things."""

    def __init__(self, shell):
        self._shell = shell
        self.session = f"{os.getpid():x}"

    def send(self, _socket, msg_type, content=None, **_options):
        """Shows what a message to the clients would show; others are nobody's business but the kernel's."""
        content, publisher = content or {}, self._shell.publisher
        if msg_type == "stream":
            print(content.get("text", ""), end="", file=getattr(sys, content.get("name", "stdout")))
        elif msg_type in ("display_data", "update_display_data", "execute_result"):
            update = msg_type == "update_display_data"
            display_id = (content.get("transient") or {}).get("display_id")
            publisher.display(content.get("data") or {}, content.get("metadata"), display_id, update)
        elif msg_type == "clear_output":
            publisher.clear(content.get("wait", False))


def _comms(kernel):
    """The class of comms and their manager; (None, None) where nobody who uses comms is installed."""
    try:
        import comm
        from comm.base_comm import BaseComm, CommManager
    except ImportError:
        return None, None

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

    manager = CommManager()
    comm.create_comm = Comm
    comm.get_comm_manager = lambda: manager
    Comm.kernel = kernel
    return Comm, manager


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
    known = manager is not None and (
        message.get("target") in manager.targets or message["id"] in manager.comms
    )
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

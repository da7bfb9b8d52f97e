"""Stands in for the modules of ipykernel that libraries look for, or import, to learn of the notebook that they run in.

tqdm looks for `ipykernel.zmqshell` among the imported modules, bokeh and panel import `ipykernel.comm`, others ask
`ipykernel.kernelapp`. The real modules would speak to sockets that this process does not have. All other modules of
ipykernel are the real ones, where it is installed.
"""

import importlib
import sys
import types


def install(kernel, shell_class, comm_class, manager):
    """Puts the stand-ins where they are found; `comm_class` and `manager` are None where nobody can use comms."""
    _put("ipykernel.zmqshell", ZMQInteractiveShell=shell_class)
    _put("ipykernel.kernelapp", IPKernelApp=_application(kernel))
    if comm_class is None:
        return

    class CommManager(type(manager)):
        """The one manager of comms, whoever makes another."""

        def __new__(cls, *_arguments, **_options):
            """As in the base class."""
            return manager

    names = {"Comm": comm_class, "BaseComm": comm_class, "CommManager": CommManager}
    package = _put("ipykernel.comm", **names)
    package.__path__ = []
    package.comm = _put("ipykernel.comm.comm", **names)
    package.manager = _put("ipykernel.comm.manager", **names)


def _put(name, **members):
    module = types.ModuleType(name, "Stands in for ipykernel's module: see snakebridge.standins.")

    def fetch(attribute):
        """What is not here is had of the real module, which takes a while to import and need not be installed."""
        # Who looks through all modules asks for these.
        if not attribute.startswith("__"):
            sys.modules.pop(name, None)
            try:
                return getattr(importlib.import_module(name), attribute)
            except ImportError:
                pass
            finally:
                sys.modules[name] = module
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}")

    vars(module).update(members, __getattr__=fetch)
    sys.modules[name] = module
    return module


def _application(kernel):
    class IPKernelApp:
        """The application that runs a kernel, of which libraries ask whether there is one."""

        def __init__(self):
            self.kernel = kernel
            self.shell = kernel.shell
            self.parent = None

        @classmethod
        def initialized(cls):
            """Whether there is one: yes."""
            return True

        @classmethod
        def instance(cls, *_arguments, **_options):
            """The one that there is."""
            return application

    application = IPKernelApp()
    return IPKernelApp

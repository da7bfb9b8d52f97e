"""Times the Jupyter kernel beside ipykernel: the same client, the same Python, the same IPython, in turns.

Prints one JSON list of rows, of which `bench/run.py` makes the table. `--quick` does everything a few times, to see
that it runs.

ipykernel is taken from the environment that `--python` names, in which the cells of both kernels run; where it is not
installed there, the rows stand alone. A third kernel (`floor.py`) runs nothing: what its round trips take is the
client's own share, below which no kernel gets.
"""

import argparse
import contextlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parent.parent
ELIXIR = "%%elixir\n"
PATIENCE = 120

# How often, or how much.
FULL = {
    "starts": 10,
    "cells": 1000,
    "completions": 200,
    "lines": 20_000,
    "megabytes": 50,
    "outputs": 5,
    "interrupts": 10,
    "slides": 200,
}
QUICK = dict.fromkeys(FULL, 1) | {"cells": 5, "completions": 3, "lines": 500}

SLIDER = """
import ipywidgets
slider, shown = ipywidgets.IntSlider(), ipywidgets.IntText()
slider.observe(lambda change: setattr(shown, "value", change["new"] * 2), "value")
print(slider.model_id, end="")
"""
ENDLESS = "print('begun')\nwhile True: pass"
SECOND = "import time\nend = time.time() + 1\nprint('begun')\nwhile time.time() < end: pass"


class Kernel:
    """A kernel that runs, and its client."""

    def __init__(self, name):
        self.name = name
        self.began = time.perf_counter()
        self.manager = KernelManager(kernel_name=name)
        # What it says besides its messages is nobody's here.
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()

    def age(self):
        """Seconds since its start was begun."""
        return time.perf_counter() - self.began

    def reply(self, request):
        """The content of a request's answer."""
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def until(self, request, done):
        """What IOPub says of a request, up to the message that is `done(type, content)`."""
        said = []
        while not said or not done(*said[-1]):
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == request:
                said.append((message["msg_type"], message["content"]))
        return said

    def run(self, code):
        """Seconds until a cell is both answered and idle."""
        begin = time.perf_counter()
        self.said(code)
        return time.perf_counter() - begin

    def said(self, code):
        """Runs a cell; what IOPub says of it."""
        request = self.client.execute(code)
        # IOPub first: who does not read it holds up a cell that prints.
        said = self.until(request, is_idle)
        reply = self.reply(request)
        if reply["status"] != "ok":
            sys.exit(f"bench: the kernel {self.name} failed at {code!r}: {reply.get('evalue')}")
        return said

    def print(self, code, expected):
        """Seconds until all that a cell prints is there. A kernel that loses any of it has no place in the table."""
        begin = time.perf_counter()
        said = self.said(code)
        taken = time.perf_counter() - begin
        text = streamed(said)
        if text != expected:
            lost = len(expected) - len(text)
            sys.exit(f"bench: the kernel {self.name} lost {lost:,} bytes of: {code}")
        return taken

    def complete(self, code):
        """Seconds until a completion is there."""
        begin = time.perf_counter()
        content = self.reply(self.client.complete(code, len(code)))
        taken = time.perf_counter() - begin
        if not content["matches"]:
            sys.exit(f"bench: the kernel {self.name} has no completion of {code!r}")
        return taken

    def begin(self, code):
        """Starts a cell that prints when it has begun; gives its request."""
        request = self.client.execute(code)
        self.until(request, lambda kind, _content: kind == "stream")
        return request

    def interrupt(self, request):
        """Seconds from an interrupt to the answer of the cell that runs."""
        begin = time.perf_counter()
        self.manager.interrupt_kernel()
        self.reply(request)
        taken = time.perf_counter() - begin
        self.until(request, is_idle)
        return taken

    def slide(self, model, value):
        """Seconds until a slider's callback has changed what another widget shows."""
        data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        message = self.client.session.msg("comm_msg", {"comm_id": model, "data": data})
        begin = time.perf_counter()
        self.client.shell_channel.send(message)
        said = self.until(message["header"]["msg_id"], is_idle)
        taken = time.perf_counter() - begin
        states = [content["data"].get("state", {}) for kind, content in said if kind == "comm_msg"]
        if value * 2 not in [state.get("value") for state in states]:
            sys.exit(f"bench: the slider's callback has not run in the kernel {self.name}")
        return taken

    def memory(self):
        """Bytes that each of its processes holds, by name and each with its share of what several hold."""
        found = {}
        waiting = [self.manager.provisioner.pid]
        while waiting:
            process = Path("/proc", str(waiting.pop()))
            for task in (process / "task").iterdir():
                waiting += (task / "children").read_text().split()
            name = (process / "comm").read_text().strip()
            share = re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.M)
            found[name] = found.get(name, 0) + int(share[1]) * 1024
        return found

    def stop(self):
        """Ends it, and waits for that."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=self.name == "floor")


def streamed(said):
    return "".join(content["text"] for kind, content in said if kind == "stream")


def is_idle(kind, content):
    return kind == "status" and content["execution_state"] == "idle"


def install(folder, python):
    """Writes the kernels' specs into a folder where this process's client looks; gives those to compare: ours, and ipykernel if it is there."""
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "XDG_STATE_HOME"):
        os.environ[name] = folder
    program = os.environ.get("SNAKEBRIDGE") or str(
        Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/snakebridge"
    )
    command = [program, "kernel", "install", "--name", "ours", "--language", "python", "--python", python]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    launches = {
        "floor": [sys.executable, str(ROOT / "bench/floor.py"), "{connection_file}"],
        "ipykernel": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    }
    for name, argv in launches.items():
        spec = Path(folder, "kernels", name, "kernel.json")
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps({"argv": argv, "display_name": name, "language": "python"}))
    there = subprocess.run([python, "-c", "import ipykernel"], capture_output=True)
    if there.returncode != 0:
        print(f"bench: {python} has no ipykernel to compare with", file=sys.stderr)
        return ["ours"]
    return ["ours", "ipykernel"]


def each(kernels, measure):
    """For `turns`: a measure of each of the kernels, by their names."""
    return {name: lambda kernel=kernel: measure(kernel) for name, kernel in kernels.items()}


def turns(times, measures):
    """What each of the measures gives, by its name: in turns, so that what disturbs one disturbs all."""
    taken = {name: [] for name in measures}
    for _ in range(times):
        for name, measure in measures.items():
            taken[name].append(measure())
    return taken


def median(seconds):
    return statistics.median(seconds)


def p99(seconds):
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]


class Table:
    """The rows, as they come."""

    def __init__(self):
        self.rows = []

    def add(self, what, ours, theirs=None, unit="ms", bar="", peer="ipykernel"):
        """Adds a row of seconds, shown in that unit, or of bytes; `theirs` is None where there is no peer."""
        scale = {"ms": 1e3, "us": 1e6, "MB": 1e-6}[unit]
        theirs = None if theirs is None else theirs * scale
        peer = "" if theirs is None else peer
        row = {"what": what, "ours": ours * scale, "unit": unit, "peer": peer, "theirs": theirs, "bar": bar}
        self.rows.append(row)

    def compare(self, what, figure, taken, name="ours", unit="ms", bar=""):
        """Adds a row of what `turns` has taken, that of this name beside ipykernel's."""
        theirs = figure(taken["ipykernel"]) if "ipykernel" in taken else None
        self.add(what, figure(taken[name]), theirs, unit, bar)


def starts(table, names, times):
    """From the start of the process to what a client sees, each time in a new kernel."""

    def fresh(wait):
        def measure(name):
            kernel = Kernel(name)
            try:
                wait(kernel)
                return kernel.age()
            finally:
                kernel.stop()

        return measure

    def result(code):
        return fresh(lambda kernel: kernel.reply(kernel.client.execute(code)))

    of = dict(zip(names, names, strict=True))
    ready = each(of, fresh(lambda kernel: kernel.client.wait_for_ready(timeout=PATIENCE)))
    known = each(of, fresh(lambda kernel: kernel.reply(kernel.client.kernel_info())))
    first = each(of, result("1 + 1")) | each({"elixir": "ours"}, result(ELIXIR + "1 + 1"))
    table.compare("Jupyter kernel: start to ready", median, turns(times, ready), bar="<= 0.5")
    table.compare("start to the first kernel_info reply", median, turns(times, known))
    taken = turns(times, first)
    table.compare("start to the first result, Python cell", median, taken)
    table.compare("start to the first result, Elixir cell", median, taken, "elixir")


def memory(table, kernels):
    """What the kernels hold once they have run a cell or two."""
    time.sleep(1)
    try:
        held = {name: kernel.memory() for name, kernel in kernels.items()}
    except OSError as error:
        print(f"bench: no memory is measured here: {error}", file=sys.stderr)
        return
    ours, theirs = (held.get(name) and sum(held[name].values()) for name in ("ours", "ipykernel"))
    beam = sum(size for name, size in held["ours"].items() if name.startswith(("beam", "erl")))
    table.add("memory at rest, with the BEAM", ours, theirs, "MB")
    table.add("memory at rest, but for the BEAM", ours - beam, theirs, "MB")


def cells(table, kernels, times):
    """The round trip of a small cell: answered, and idle."""
    floor = Kernel("floor")
    try:
        floor.client.wait_for_ready(timeout=PATIENCE)
        measures = each(kernels | {"floor": floor}, lambda kernel: kernel.run("1 + 1"))
        measures |= each({"elixir": kernels["ours"]}, lambda kernel: kernel.run(ELIXIR + "1 + 1"))
        turns(3, measures)
        taken = turns(times, measures)
    finally:
        floor.stop()
    for language, name in {"Python": "ours", "Elixir": "elixir"}.items():
        table.compare(f"1 + 1 in a cell of {language}, median", median, taken, name, "us", "<= 0.3")
        table.compare("the same, p99", p99, taken, name, "us")
    table.compare("the client's own share of it, median", median, taken, "floor", "us")


def completions(table, kernels, times):
    """Completion of a module's names, at rest and while a cell computes."""
    turns(1, each(kernels, lambda kernel: kernel.run("import numpy as np")))
    measures = each(kernels, lambda kernel: kernel.complete("np."))
    turns(2, measures)
    table.compare("completion of np., median", median, turns(times, measures), bar="<= 0.1")

    ours, peer = kernels["ours"], kernels.get("ipykernel")
    endless = ours.begin(ENDLESS)
    taken = turns(times, {"ours": measures["ours"]})["ours"]
    ours.interrupt(endless)
    theirs = None
    if peer:
        # It answers when the cell has ended.
        second = peer.begin(SECOND)
        theirs = peer.complete("np.")
        peer.until(second, is_idle)
    waits = "ipykernel, in a cell of 1 s"
    table.add("completion of np. while a cell computes, median", median(taken), theirs, peer=waits)
    table.add("the same, p99", p99(taken), theirs, bar="< 100 ms", peer=waits)


def outputs(table, kernels, lines, megabytes, times):
    """Many lines, and a long one: until the cell is idle, with nothing lost."""
    numbers = "".join(f"{i}\n" for i in range(lines))
    measures = each(kernels, lambda kernel: kernel.print(f"for i in range({lines}): print(i)", numbers))
    code = f"{ELIXIR}for i <- 0..{lines - 1}, do: IO.puts(i)\n:ok"
    measures |= each({"elixir": kernels["ours"]}, lambda kernel: kernel.print(code, numbers))
    taken = turns(times, measures)
    table.compare(f"{lines:,} prints", median, taken, bar="<= 0.5")
    table.compare(f"{lines:,} IO.puts", median, taken, "elixir")
    size = megabytes * 1_000_000
    measures = each(kernels, lambda kernel: kernel.print(f"print('x' * {size})", "x" * size + "\n"))
    table.compare(f"one print of {megabytes} MB", median, turns(times, measures), bar="<= 0.5")


def interrupts(table, kernels, times):
    """From the interrupt of an endless cell to the cell's answer."""
    measures = each(kernels, lambda kernel: kernel.interrupt(kernel.begin(ENDLESS)))
    code = ELIXIR + 'IO.puts("begun")\nStream.run(Stream.cycle([1]))'
    measures |= each({"elixir": kernels["ours"]}, lambda kernel: kernel.interrupt(kernel.begin(code)))
    taken = turns(times, measures)
    table.compare("interrupt to answer, Python cell", median, taken)
    table.compare("interrupt to answer, Elixir cell", median, taken, "elixir")


def widgets(table, kernels, times):
    """From a slider that is moved to the end of the callback that changes another widget."""
    models = {kernel: streamed(kernel.said(SLIDER)) for kernel in kernels.values()}
    value = iter(range(1, 1_000_000))
    measures = each(kernels, lambda kernel: kernel.slide(models[kernel], next(value) % 100))
    table.compare("a slider's callback, median", median, turns(times, measures))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="everything a few times")
    # Where set-up puts ipykernel.
    python = ROOT / ".tools/bench/bin/python"
    python = str(python) if python.exists() else sys.executable
    parser.add_argument("--python", default=python, help="the Python of both kernels' cells")
    options = parser.parse_args()
    count = QUICK if options.quick else FULL
    table = Table()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        names = install(folder, options.python)
        starts(table, names, count["starts"])
        kernels = {}
        for name in names:
            kernels[name] = Kernel(name)
            running.callback(kernels[name].stop)
            kernels[name].client.wait_for_ready(timeout=PATIENCE)
            kernels[name].run("1 + 1")
        kernels["ours"].run(ELIXIR + "1 + 1")
        memory(table, kernels)
        cells(table, kernels, count["cells"])
        completions(table, kernels, count["completions"])
        outputs(table, kernels, count["lines"], count["megabytes"], count["outputs"])
        interrupts(table, kernels, count["interrupts"])
        widgets(table, kernels, count["slides"])
    print(json.dumps(table.rows))


if __name__ == "__main__":
    main()

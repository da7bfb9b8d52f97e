"""Runs the benchmarks, ours beside what is installed here, and prints the table.

    make bench                    all of them; the table is also written to bench/RESULTS.md with --write

Numbers are of this machine in this minute; the ratios are what lasts. No test reads them.
"""

import argparse
import array
import datetime
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
EBIN = ROOT / "elixir/_build/prod/lib/snakebridge/ebin"


def build():
    command = ["cargo", "build", "--release", "-q", "--example", "bench-echo", "--example", "bench-session"]
    subprocess.run(command, cwd=ROOT, check=True)


def json_of(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options)
    return json.loads(done.stdout.strip().splitlines()[-1])


def command_ms(*command, times=5):
    """Wall time of a whole command, median."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)


def table(calls, many, bulk, session, peers, kernels, prompt, wrappers):
    """Rows of (what, peer, peer's figure, ours, ratio, bar)."""
    rows = []

    def row(what, ours, unit, peer="", theirs=None, bar=""):
        shown = f"{theirs:,.1f} {unit}" if theirs is not None else ""
        ratio = f"{ours / theirs:.2f}" if theirs else ""
        rows.append((what, peer, shown, f"{ours:,.1f} {unit}", ratio, bar))

    call, echo = calls["call_us"], calls["echo_us"]
    row("math.sqrt(16) from Elixir, median", call["p50"], "us", "socket echo", echo["p50"], "<= 1.3")
    row("math.sqrt(16) from Elixir, p99", call["p99"], "us", "socket echo", echo["p99"])
    callback = calls["callback_us"]
    row("Python calls an Elixir function, in a call", callback["own"], "us", "socket echo", echo["p50"])
    row("the same from 8 threads, each call's share", callback["threads"], "us", "socket echo", echo["p50"])
    alone = many["processes"]["1"]
    for count in ("10", "100"):
        of = many["processes"][count]
        row(f"math.sqrt(16) of {count} processes at once, median", of["p50"], "us", "one alone", alone["p50"])
        row("the same, p99", of["p99"], "us", "one alone", alone["p99"])
        rate = of["per_second"] / 1000
        row("the same, thousand calls a second", rate, "k/s", "one alone", alone["per_second"] / 1000)
    row("math.sqrt(16) through a pool, median", many["pool"]["1"]["p50"], "us", "a session", alone["p50"])
    few = many["refs"]["10"]["p50"]
    for count in ("1000", "100000", "1000000"):
        what = f"math.sqrt(16) while {int(count):,} refs live, median"
        row(what, many["refs"][count]["p50"], "us", "10 refs", few)
    shapes = calls["shape_us"]
    row("ten steps in one request", shapes["chain"], "us", "one step", shapes["one"], "<= 1.5")
    row("the same", shapes["chain"], "us", "ten requests", shapes["ten"])
    row("batch of ten calls", shapes["batch"], "us", "ten calls", shapes["ten_sqrts"])
    items = calls["item_ns"]
    row(
        "one item of a Python generator of 1M",
        items["elixir"],
        "ns",
        "Python's own loop",
        items["python"],
        "<= +1,000 ns",
    )
    million = calls["million"]
    floor = million["term_to_binary_ms"] + peers["build_list_ms"]
    row(
        "1M integers to Python",
        million["to_python_ms"],
        "ms",
        "term_to_binary + building the list",
        floor,
        "<= 2",
    )
    floor = million["binary_to_term_ms"] + peers["walk_list_ms"]
    row(
        "1M integers from Python",
        million["from_python_ms"],
        "ms",
        "walking the list + binary_to_term",
        floor,
        "<= 2",
    )
    for what in ("binary", "array"):
        for way in ("to", "from"):
            ours, copy = bulk[f"{what}_{way}_python_ms"], bulk[f"copy_{way}_python_ms"]
            kind = {"binary": "binary", "array": "array of floats"}[what]
            row(f"100 MB {kind} {way} Python", ours, "ms", "plain copy over a socket", copy)
    row(
        "100 MB of text to Python",
        bulk["text_to_python_ms"],
        "ms",
        "plain copy over a socket",
        bulk["copy_to_python_ms"],
    )
    first = session["first_result_ms"]
    row(
        "start to first result, Python cell", first["python"], "ms", "ipython -c 1+1", peers.get("ipython_ms")
    )
    row("start to first result, Elixir cell", first["elixir"], "ms", "elixir -e 1+1", peers.get("elixir_ms"))
    for language in ("python", "elixir"):
        empty = session["empty_cell_us"][language]
        row(f"empty {language.title()} cell, median", empty["p50"], "us")
        row(f"empty {language.title()} cell, p99", empty["p99"], "us")
    prints = session["print_ns"]
    row("one print in a Python cell", prints["python"], "ns", "print to a pipe", peers["print_ns"])
    row("one IO.puts in an Elixir cell", prints["elixir"], "ns", "IO.puts to a pipe", peers.get("io_puts_ns"))
    syntax = session["syntax_us"]
    row("f.(i) in an Elixir cell", syntax["natural"], "us", "SnakeBridge.apply!", syntax["written_out"])
    for measured in kernels + prompt + wrapper_rows(wrappers):
        row(**measured)
    return rows


def wrapper_rows(wrappers):
    """Generated modules: a call through one, and whole libraries."""
    call = wrappers["call_us"]
    rows = [
        {
            "what": "Math.sqrt(16), a wrapper, median",
            "ours": call["wrapped"],
            "unit": "us",
            "peer": 'SnakeBridge.call("math", "sqrt", [16])',
            "theirs": call["dynamic"],
            "bar": "<= 1.05",
        },
        {
            "what": '~PY"math.sqrt(x)", a drop, median',
            "ours": call["drop"],
            "unit": "us",
            "peer": 'SnakeBridge.call("math", "sqrt", [16])',
            "theirs": call["dynamic"],
        },
    ]
    for name in ("numpy", "pandas"):
        of = wrappers["libraries"][name]
        if not of:
            continue
        first = of["introspect_ms"] + of["generate_ms"]
        size = f"{of['modules']} modules, {of['source_bytes'] / 1e6:.1f} MB"
        rows += [
            {"what": f"{name} whole, introspected", "ours": of["introspect_ms"], "unit": "ms"},
            {"what": f"{name} whole, generated: {size}", "ours": of["generate_ms"], "unit": "ms"},
            {"what": "the same, functions a second", "ours": of["functions"] / first * 1000, "unit": "/s"},
            {"what": f"{name} whole, compiled by Elixir", "ours": of["compile_ms"], "unit": "ms"},
            {
                "what": f"{name} again, nothing changed",
                "ours": of["again_ms"],
                "unit": "ms",
                "bar": "< 1,000 ms",
            },
        ]
    return rows


PRINTS = 100_000


def measure_peers(elixir):
    peers = {}
    numbers = list(range(1, 1_000_001))
    packed = b"".join(n.to_bytes(4, "big") for n in numbers)
    begin = time.perf_counter()
    # What any decoder in C must do at least: make the integers and put them into a list.
    memoryview(packed).cast("i").tolist()
    peers["build_list_ms"] = (time.perf_counter() - begin) * 1000
    begin = time.perf_counter()
    array.array("i", numbers).tobytes()
    peers["walk_list_ms"] = (time.perf_counter() - begin) * 1000
    if importlib.util.find_spec("IPython"):
        peers["ipython_ms"] = command_ms(sys.executable, "-m", "IPython", "-c", "1+1")
    if elixir:
        peers["elixir_ms"] = command_ms(elixir, "-e", "1+1")
        empty = command_ms(elixir, "-e", ":ok")
        code = f'for _ <- 1..{PRINTS}, do: IO.puts("a line of text")'
        peers["io_puts_ns"] = (command_ms(elixir, "-e", code) - empty) * 1e6 / PRINTS
    empty = command_ms(sys.executable, "-c", "")
    code = f"import sys\nfor _ in range({PRINTS}): print('a line of text'); sys.stdout.flush()"
    peers["print_ns"] = (command_ms(sys.executable, "-c", code) - empty) * 1e6 / PRINTS
    return peers


def render(rows):
    head = ("what", "beside", "it takes", "ours", "ratio", "bar")
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(head), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(line, rows)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write bench/RESULTS.md too")
    options = parser.parse_args()
    elixir = os.environ.get("SNAKEBRIDGE_ELIXIR") or shutil.which("elixir")
    if not elixir:
        sys.exit("bench: elixir was not found\nhint: `make setup` gets it")
    print("building...", file=sys.stderr)
    build()
    print("calls...", file=sys.stderr)
    echo = TARGET / "release/examples/bench-echo"
    calls = json_of(elixir, "-pa", EBIN, ROOT / "bench/calls.exs", echo)
    many = json_of(elixir, "-pa", EBIN, ROOT / "bench/many.exs")
    bulk = json_of(elixir, "-pa", EBIN, ROOT / "bench/bulk.exs")
    print("sessions...", file=sys.stderr)
    session = json_of(TARGET / "release/examples/bench-session", cwd=ROOT)
    print("kernels...", file=sys.stderr)
    kernels = json_of(sys.executable, ROOT / "bench/kernel.py")
    print("the prompt...", file=sys.stderr)
    prompt = json_of(sys.executable, ROOT / "bench/repl.py")
    print("wrappers...", file=sys.stderr)
    with_libraries = {**os.environ, "VIRTUAL_ENV": str(ROOT / ".tools/bench")}
    wrappers = json_of(elixir, "-pa", EBIN, ROOT / "bench/wrappers.exs", env=with_libraries)
    print("peers...", file=sys.stderr)
    text = render(table(calls, many, bulk, session, measure_peers(elixir), kernels, prompt, wrappers))
    print(text)
    if options.write:
        cpu = platform.processor()
        if os.path.exists("/proc/cpuinfo"):
            lines = Path("/proc/cpuinfo").read_text().splitlines()
            cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), cpu)
        head = (
            "# Results\n\nThe last run of `make bench ARGS=--write`. Ratios are ours divided by the peer's, in the same run: lower is better.\n\n"
            f"{datetime.date.today()}, {os.cpu_count()} cores of {cpu}, {platform.system()} {platform.release()}, "
            f"Python {platform.python_version()}.\n\n"
        )
        (ROOT / "bench/RESULTS.md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()

"""What a kernel ought to do, in 29 rows, and that each has a test: one that is marked `@pytest.mark.row(number)`."""

from pathlib import Path

import pytest

ROWS = {
    1: "start: sockets bound and kernel_info answered before the languages are up",
    2: "IOPub: a welcome for each subscription, and nothing published before the first is lost",
    3: "IOPub: nothing is dropped; who prints waits",
    4: "streams are joined for a few milliseconds and never cut inside a character",
    5: "all output of a cell comes before its idle",
    6: "output of threads and processes goes to the cell that started them",
    7: "control is served while a cell runs",
    8: "interrupt: by message and by signal, of code, of blocked calls, of questions; bindings kept",
    9: "a SIGINT to all descendants does what an interrupt does",
    10: "questions to the user: input, getpass, IO.gets, end of file",
    11: "a failing cell calls off the execute requests that wait, and nothing else",
    12: "subshells: cells beside a running one, with interrupts and comms",
    13: "completion and inspection while a cell runs, in both languages, in code points",
    14: "is_complete, with indent, in both languages",
    15: "history: tail, range, search, unique, output; kept over restarts",
    16: "display: results, updates, clearing, tables, charts, figures",
    17: "comms with buffers, and widgets",
    18: "debugger",
    19: "usage summed over all processes",
    20: "a cell's language: marker, metadata, default; never guessed",
    21: "names shared in both directions",
    22: "a language that dies takes nothing else along, and is restarted alone",
    23: "any Python environment",
    24: "the end: by request, by signal, with the parent",
    25: "no message ends the kernel; wrong and repeated signatures are refused",
    26: "notebook tools: nbclient, nbconvert, papermill",
    27: "unknown fields of headers come back",
    28: "jupyter_kernel_test with every attribute, in both languages",
    29: "numbers: see bench/",
}


def test_every_row_has_a_test(request):
    files = {item.path for item in request.session.items}
    if request.config.option.keyword or files < set(Path(__file__).parent.glob("test_*.py")):
        pytest.skip("only some of the tests were chosen")
    tested = {mark.args[0] for item in request.session.items for mark in item.iter_markers("row")}
    assert {row: text for row, text in ROWS.items() if row not in tested} == {}

#!/usr/bin/env python3
"""Draws docs/repl.svg: a session in the terminal, as it looks.

    scripts/picture.py [PROGRAM]

Takes tmux, and a Python (the active environment's) with rich, pandas and scikit-learn.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, ROWS = 92, 30
TMUX = ["tmux", "-L", f"picture-{os.getpid()}", "-f", "/dev/null"]
DARK = TerminalTheme(
    (30, 30, 30),
    (220, 223, 228),
    [
        (40, 44, 52), (224, 108, 117), (152, 195, 121), (229, 192, 123),
        (97, 175, 239), (198, 120, 221), (86, 182, 194), (220, 223, 228),
    ],
)  # fmt: skip

# What is typed, and what is on the screen then. Tab at an empty prompt switches the language.
STEPS = [
    ('region = "north"\r', '"north"'),
    ("\t", "python(2)>"),
    ("from sklearn.datasets import load_wine\r", "python(3)>"),
    ("df = load_wine(as_frame=True).frame\r", "python(4)>"),
    ("\t", "elixir(4)>"),
    ('df.groupby("target").mean(numeric_only: true).shape\r', "{3, 13}"),
    ("totals = for {k, v} <- [a: 1, b: 2], into: %{}, do: {k, v * 10}\r", "elixir(6)>"),
    ("\t", "python(6)>"),
    ("print(region, totals, len(df), ex.String.upcase(region))\r", "NORTH"),
    ("1 / 0\r", "python(8)>"),
    ("\t", "elixir(8)>"),
    ("df.al\t", "alcalinity_of_ash"),
]


def tmux(*words):
    return subprocess.run([*TMUX, *words], check=True, capture_output=True, text=True).stdout


def wait_for(text):
    deadline = time.monotonic() + 60
    while text not in tmux("capture-pane", "-p"):
        if time.monotonic() > deadline:
            sys.exit(f"{text!r} did not come:\n{tmux('capture-pane', '-p')}")
        time.sleep(0.05)
    # What follows is painted with it.
    time.sleep(0.5)


def session(program, state):
    environment = [f"{name}={state}" for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")]
    # A terminal that says that it is dark, and shows all colours.
    environment += ["COLORFGBG=15;0", "COLORTERM=truecolor"]
    size = ["-x", str(COLUMNS), "-y", str(ROWS)]
    tmux("new-session", "-d", *size, "env", *environment, program)
    wait_for("elixir(1)>")
    for typed, shown in STEPS:
        tmux("send-keys", "-l", typed)
        wait_for(shown)
    return tmux("capture-pane", "-p", "-e")


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/snakebridge")
    with tempfile.TemporaryDirectory() as state:
        try:
            screen = session(program, state)
        finally:
            subprocess.run([*TMUX, "kill-server"], capture_output=True)
    # Where it was found on this machine is nobody's business.
    first, rest = screen.split("\n", 1)
    first = first.partition(" in /")[0]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"{first}\n{rest.rstrip()}"))
    drawn = console.export_svg(title="snakebridge", theme=DARK, unique_id="t")
    # Nothing is fetched for it.
    drawn = re.sub(r"<!--.*?-->\s*|@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    (ROOT / "docs/repl.svg").write_text(drawn.replace("Fira Code, ", ""))


if __name__ == "__main__":
    main()

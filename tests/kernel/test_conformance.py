"""jupyter_kernel_test, every attribute filled, once for each language that cells without another word have."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import jupyter_kernel_test

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SNAKEBRIDGE", str(ROOT / "target/debug/snakebridge"))
_data = tempfile.TemporaryDirectory()


def setUpModule():
    os.environ["JUPYTER_DATA_DIR"] = _data.name
    os.environ["XDG_STATE_HOME"] = _data.name
    for language in ("elixir", "python"):
        subprocess.run(
            [PROGRAM, "kernel", "install", "--language", language, "--name", f"test-{language}"],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def tearDownModule():
    _data.cleanup()


class _Both(jupyter_kernel_test.KernelTests):
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "1*"


class ElixirTests(_Both):
    kernel_name = "test-elixir"
    language_name = "elixir"
    file_extension = ".exs"
    code_hello_world = 'IO.puts("hello, world")'
    code_stderr = 'IO.puts(:stderr, "test")'
    completion_samples = [{"text": "Enum.map_j", "matches": {"map_join"}}]
    complete_code_samples = ["1", 'IO.puts("x")', "defmodule A do\nend"]
    incomplete_code_samples = ["fn x ->", "defmodule A do", "[1,"]
    invalid_code_samples = ["1 +* 2)", "end"]
    code_generate_error = 'raise "boo"'
    code_execute_result = [{"code": "1 + 2", "result": "\x1b[33m3\x1b[0m"}]
    code_display_data = [{"code": "%%python\nfrom IPython.display import HTML, display; display(HTML('<b>t</b>'))", "mime": "text/html"}]
    code_inspect_sample = "Enum.map"
    code_clear_output = "%%python\nfrom IPython.display import clear_output; clear_output()"


class PythonTests(_Both):
    kernel_name = "test-python"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('x')"
    code_execute_result = [{"code": "1 + 2", "result": "3"}, {"code": "'a'", "result": "'a'"}]
    code_display_data = [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>t</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('x'))", "mime": "text/latex"},
    ]
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


class ElixirWelcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "test-elixir"
    support_iopub_welcome = True


del _Both

if __name__ == "__main__":
    unittest.main()

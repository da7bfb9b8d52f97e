"""jupyter_kernel_test with every attribute filled, once for each language that cells without another word have."""

import jupyter_kernel_test
import pytest

_HTML = "from IPython.display import HTML, display; display(HTML('<b>t</b>'))"
_CLEAR = "from IPython.display import clear_output; clear_output()"


@pytest.mark.row(28)
class TestElixir(jupyter_kernel_test.KernelTests):
    """Cells of Elixir."""

    kernel_name = "test-elixir"
    language_name = "elixir"
    file_extension = ".exs"
    code_hello_world = 'IO.puts("hello, world")'
    code_stderr = 'IO.puts(:stderr, "test")'
    completion_samples = ({"text": "Enum.map_j", "matches": {"map_join"}},)
    complete_code_samples = (
        "1",
        'IO.puts("x")',
        "defmodule A do\nend",
    )
    incomplete_code_samples = (
        "fn x ->",
        "defmodule A do",
        "[1,",
    )
    invalid_code_samples = (
        "1 +* 2)",
        "end",
    )
    code_page_something = 'SnakeBridge.call!("IPython.core.page", "page", ["text"])'
    code_generate_error = 'raise "boo"'
    code_execute_result = ({"code": "1 + 2", "result": "\x1b[35m3\x1b[0m"},)
    code_display_data = (
        {"code": 'SnakeBridge.display(SnakeBridge.Display.html("<b>t</b>"))', "mime": "text/html"},
        {"code": "SnakeBridge.display([%{a: 1}, %{a: 2}])", "mime": "text/html"},
        {"code": 'SnakeBridge.display(SnakeBridge.Display.latex("x"))', "mime": "text/latex"},
        {"code": "%%python\n" + _HTML, "mime": "text/html"},
    )
    code_inspect_sample = "Enum.map"
    code_clear_output = "SnakeBridge.clear_output()"
    supported_history_operations = ("tail", "range", "search")
    # Earlier sessions are searched too: nothing else that the tests run begins so.
    code_history_pattern = "1 + 2*"


@pytest.mark.row(28)
class TestPython(jupyter_kernel_test.KernelTests):
    """Cells of Python."""

    kernel_name = "test-python"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = ({"text": "zi", "matches": {"zip"}},)
    complete_code_samples = (
        "1",
        "print('hello, world')",
        "def f(x):\n  return x*2\n\n\n",
    )
    incomplete_code_samples = (
        "print('''hello",
        "def f(x):\n  x*2",
    )
    invalid_code_samples = ("import = 7q",)
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('x')"
    code_execute_result = (
        {"code": "1 + 2", "result": "3"},
        {"code": "'a'", "result": "'a'"},
    )
    code_display_data = (
        {"code": _HTML, "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('x'))", "mime": "text/latex"},
    )
    code_inspect_sample = "zip"
    code_clear_output = _CLEAR
    supported_history_operations = ("tail", "range", "search")
    # Earlier sessions are searched too: nothing else that the tests run begins so.
    code_history_pattern = "1 + 2*"


@pytest.mark.row(2)
class TestWelcome(jupyter_kernel_test.IopubWelcomeTests):
    """The first message on IOPub."""

    kernel_name = "test-elixir"
    support_iopub_welcome = True

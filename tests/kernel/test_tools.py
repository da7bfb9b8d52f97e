"""Tools that run notebooks: nbclient, nbconvert, papermill, `jupyter run`. None of them sends a cell's metadata."""

import re
import subprocess
import sys
from itertools import groupby

import nbformat
import pytest
from conftest import PROGRAM, ROOT, plain
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytestmark = pytest.mark.row(26)

GUIDE = (ROOT / "docs/jupyter.md").read_text()


def notebook(*sources, kernel="test-elixir", **metadata):
    cells = [new_code_cell(source) for source in sources]
    kernelspec = {"name": kernel, "display_name": kernel, "language": "snakebridge"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernelspec, **metadata})


def write(path, *sources, **options):
    nbformat.write(notebook(*sources, **options), path)
    return path


def tool(*arguments, **options):
    """Runs a command of the environment that the tests run in."""
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def text_of(cell):
    """What a cell printed, its result as text, and its error's name."""
    told = []
    for output in cell.outputs:
        if output.output_type == "stream":
            told.append(output.text)
        elif output.output_type == "error":
            told.append(output.ename)
        else:
            told.append(output.data["text/plain"])
    return plain("".join(told))


MIXED = ("xs = [1, 2, 3]", "%%python\ntotal = sum(xs)\nprint(total)", "total * 2")


class TestNbclient:
    """The library that the others are made of."""

    def run(self, *sources, kernel="test-elixir", **options):
        from nbclient import NotebookClient

        document = notebook(*sources, kernel=kernel)
        NotebookClient(document, **{"timeout": 60, **options}).execute()
        return document

    def test_cells_of_both_languages(self):
        document = self.run(*MIXED)
        assert [text_of(cell) for cell in document.cells] == ["[1, 2, 3]", "6\n", "12"]
        assert [cell.execution_count for cell in document.cells] == [1, 2, 3]
        assert document.metadata.language_info["name"] == "elixir"
        nbformat.validate(document)

    @pytest.mark.parametrize(
        ("failing", "name", "message"),
        [
            ('raise "boo"', "RuntimeError", "boo"),
            ("%%python\nimport json\njson.loads('{')", "JSONDecodeError", "Expecting property name"),
            ("%%python\nSB = 1\nSB.nothing", "AttributeError", "no attribute 'nothing'"),
        ],
    )
    def test_an_error_is_the_one_that_people_know(self, failing, name, message):
        from nbclient.exceptions import CellExecutionError

        with pytest.raises(CellExecutionError) as raised:
            self.run("1", failing, ":never")
        assert raised.value.ename == name
        assert message in raised.value.evalue
        told = plain(str(raised.value))
        # The cell's source, the traceback and the error.
        assert "An error occurred while executing the following cell" in told
        assert failing.splitlines()[-1] in told
        assert name in told and message in told

    def test_errors_that_are_allowed(self):
        document = self.run('raise "boo"', ":after", allow_errors=True)
        assert [text_of(cell) for cell in document.cells] == ["RuntimeError", ":after"]

    def test_errors_that_one_cell_may_have(self):
        from nbclient import NotebookClient

        document = notebook('raise "boo"', ":after")
        document.cells[0].metadata["tags"] = ["raises-exception"]
        NotebookClient(document, timeout=60).execute()
        assert text_of(document.cells[1]) == ":after"

    def test_a_cell_that_takes_too_long_is_interrupted(self):
        from nbclient.exceptions import CellTimeoutError

        with pytest.raises(CellTimeoutError):
            self.run("Process.sleep(:infinity)", timeout=2)

    def test_a_question_to_the_user_is_an_end_of_file(self):
        assert text_of(self.run('IO.gets("name? ")').cells[0]) == ":eof"

    @pytest.mark.row(17)
    def test_the_state_of_widgets_is_stored(self):
        pytest.importorskip("ipywidgets")
        document = self.run(
            "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\nslider",
            "slider.value = 8",
            "out = ipywidgets.Output()\nwith out:\n    print('inside')\nout",
            kernel="test-python",
        )
        state = document.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
        models = {model["model_name"]: model["state"] for model in state}
        assert models["IntSliderModel"]["value"] == 8
        view = document.cells[0].outputs[0].data["application/vnd.jupyter.widget-view+json"]
        assert (
            view["model_id"]
            in document.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
        )
        # nbclient takes the place of the widget's view: what is printed into it is in its state, or in the cell.
        shown = models["OutputModel"]["outputs"] or document.cells[2].outputs
        assert any(output.get("text") == "inside\n" for output in shown)

    def test_displays_are_updated_in_place(self):
        document = self.run(
            "%%python\nfrom IPython.display import display\nhandle = display('one', display_id='d')",
            "%%python\nhandle.update('two')",
        )
        assert text_of(document.cells[0]) == "'two'"

    def test_outputs_are_cleared(self):
        document = self.run(
            "%%python\nfrom IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('here')"
        )
        assert text_of(document.cells[0]) == "here\n"


# Keywords, in Pygments' classes of them.
FN, LAMBDA = r'<span class="k\w?">fn</span>', r'<span class="k\w?">lambda</span>'


class TestNbconvert:
    """`jupyter nbconvert`."""

    def convert(self, path, *arguments, **options):
        return tool("nbconvert", *arguments, path, **options)

    def test_to_a_notebook(self, tmp_path):
        path = write(tmp_path / "a notebook.ipynb", *MIXED)
        done = self.convert(path, "--execute", "--to", "notebook", "--output", "done.ipynb")
        assert done.returncode == 0, done.stderr
        document = nbformat.read(tmp_path / "done.ipynb", as_version=4)
        assert text_of(document.cells[2]) == "12"

    @pytest.mark.parametrize("kernel", ["test-elixir", "test-python"])
    def test_to_html(self, tmp_path, kernel):
        """One language is highlighted, the kernel's; where that is Python, Elixir can be too, as docs/jupyter.md says."""
        cells = ('%%elixir\nIO.puts("told")\nfn x -> x end', "%%python\nlambda x: None")
        path = write(tmp_path / "n.ipynb", *cells, kernel=kernel)
        # It highlights as the notebook says before it is executed.
        assert self.convert(path, "--execute", "--inplace").returncode == 0
        markers = '--HighlightMagicsPreprocessor.languages={"%%elixir": "elixir"}'
        for option in ((), (markers,)):
            done = self.convert(path, "--execute", "--to", "html", *option)
            assert done.returncode == 0, done.stderr
            html = (tmp_path / "n.html").read_text()
            assert "told" in html
            highlighted = [bool(re.search(keyword, html)) for keyword in (FN, LAMBDA)]
            assert highlighted == [kernel == "test-elixir" or bool(option), kernel == "test-python"]

    def test_an_error_ends_it_or_is_allowed(self, tmp_path):
        path = write(tmp_path / "n.ipynb", 'raise "boo"', ":after")
        done = self.convert(path, "--execute", "--to", "html")
        assert done.returncode != 0
        assert "CellExecutionError" in done.stderr and "boo" in done.stderr
        done = self.convert(path, "--execute", "--to", "html", "--allow-errors")
        assert done.returncode == 0, done.stderr
        assert "after" in (tmp_path / "n.html").read_text()

    def test_a_script_of_it_runs(self, tmp_path):
        """A script has no borders of cells but the markers, so each cell needs one."""
        marked = [source if source.startswith("%%") else "%%elixir\n" + source for source in MIXED]
        path = write(tmp_path / "n.ipynb", *marked, "%%elixir\nIO.puts(total)")
        assert self.convert(path, "--execute", "--inplace").returncode == 0
        done = self.convert(path, "--to", "script")
        assert done.returncode == 0, done.stderr
        done = subprocess.run(
            [PROGRAM, "run", tmp_path / "n.exs"], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert plain(done.stdout).splitlines()[-3:] == ["12", "6", ":ok"]


class TestPapermill:
    """Parameters are a cell of Python before the others, so they want a kernel whose cells are Python."""

    def run(self, path, *arguments):
        done = tool("papermill", path, path.with_suffix(".out.ipynb"), "--no-progress-bar", *arguments)
        assert done.returncode == 0, done.stderr
        return nbformat.read(path.with_suffix(".out.ipynb"), as_version=4)

    SOURCES = (
        "alpha = 0.1\nnames = []\noptions = None",
        "%%elixir\n{alpha * 2, Enum.map(names, &String.upcase/1), options}",
        "print(alpha, names, options)",
    )
    PARAMETERS = ("-p", "alpha", "0.5", "-y", "{names: [ada, 'b\"#{1}'], options: {deep: true, none: null}}")

    def check(self, document):
        injected = document.cells[1]
        assert injected.metadata.tags == ["injected-parameters"]
        assert "alpha = 0.5" in injected.source
        assert text_of(document.cells[2]) == (
            '{1.0, ["ADA", "B\\"\\#{1}"], %{"deep" => true, "none" => nil}}'
        )
        assert text_of(document.cells[3]) == "0.5 ['ada', 'b\"#{1}'] {'deep': True, 'none': None}\n"

    def parametrised(self, path, **metadata):
        document = notebook(*self.SOURCES, kernel="test-python", **metadata)
        document.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(document, path)
        return path

    def test_a_notebook_that_was_saved_by_the_kernel(self, tmp_path):
        path = self.parametrised(tmp_path / "n.ipynb", language_info={"name": "python"})
        self.check(self.run(path, *self.PARAMETERS))

    def test_where_cells_are_elixir_a_script_of_the_guide_marks_the_parameters(self, tmp_path):
        (guide,) = [part for part in GUIDE.split("```") if "papermill_translators" in part]
        script = guide.removeprefix("python\n").replace('"snakebridge"', '"test-elixir"')
        document = notebook("limit = 1", "limit + 1", kernel="test-elixir")
        document.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(document, tmp_path / "report.ipynb")
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        cells = nbformat.read(tmp_path / "done.ipynb", as_version=4).cells
        assert text_of(cells[-1]) == "42"

    def test_a_notebook_that_was_never_run(self, tmp_path):
        path = self.parametrised(tmp_path / "n.ipynb")
        self.check(self.run(path, "-l", "python", *self.PARAMETERS))

    def test_from_python(self, tmp_path):
        import papermill

        path = self.parametrised(tmp_path / "n.ipynb")
        parameters = {"alpha": 0.5, "names": ["ada", 'b"#{1}'], "options": {"deep": True, "none": None}}
        out = papermill.execute_notebook(
            str(path), None, parameters, language="python", progress_bar=False, cwd=str(tmp_path)
        )
        self.check(out)

    def test_a_notebook_of_elixir_with_marked_cells_takes_parameters_too(self, tmp_path):
        """Run by the kernel whose cells are Python, where each of its cells says that it is Elixir."""
        path = write(tmp_path / "n.ipynb", "%%elixir\nIO.inspect(limit + 1)\n:ok")
        document = self.run(path, "-k", "test-python", "-l", "python", "-p", "limit", "41")
        assert text_of(document.cells[1]) == "42\n:ok"

    def test_an_error_is_kept_in_the_notebook(self, tmp_path):
        path = write(tmp_path / "n.ipynb", 'raise "boo"', ":after")
        done = tool("papermill", path, tmp_path / "out.ipynb", "--no-progress-bar")
        assert done.returncode != 0
        assert "RuntimeError" in done.stderr and "boo" in done.stderr
        document = nbformat.read(tmp_path / "out.ipynb", as_version=4)
        assert any(text_of(cell) == "RuntimeError" for cell in document.cells if cell.cell_type == "code")


def test_jupyter_run(tmp_path):
    script = tmp_path / "cell.txt"
    script.write_text("%%python\nx = 20 + 1\nprint('py', x)\n")
    done = tool("jupyter_client.runapp", "--kernel=test-elixir", script)
    assert "py 21" in done.stdout, done.stderr
    script.write_text('IO.puts("ex #{2 * 21}")\n')
    done = tool("jupyter_client.runapp", "--kernel=test-elixir", script)
    assert "ex 42" in done.stdout, done.stderr


UNMODIFIED = [
    "%matplotlib inline\n%config InlineBackend.figure_format = 'png'\nimport os, sys\n%cd -q /",
    "import numpy as np, pandas as pd\nimport matplotlib.pyplot as plt\npd.set_option('display.precision', 2)",
    "frame = pd.DataFrame({'x': np.arange(5), 'y': np.arange(5) ** 2}, index=list('abcde'))\nframe.head(2)",
    "frame.style.highlight_max()",
    "fig, ax = plt.subplots()\nframe.plot(x='x', y='y', ax=ax)\nplt.show()",
    "plt.plot([1, 2, 3])\nplt.title('implicit');",
    "from IPython.display import HTML, Markdown, display\ndisplay(Markdown('**bold**'), HTML('<i>i</i>'))",
    "%%time\ntotal = sum(range(1000))",
    "%timeit -n1 -r1 -q 1 + 1\ntotal",
    "%%bash\necho from bash",
    "!echo from the shell\nlisted = !echo one two\nlisted",
    "%%writefile /dev/null\nanything",
    "%%capture captured\nprint('captured')",
    "captured.stdout, _11 == listed, In[-2][:9]",
    "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 'awaited'\nawait f()",
    "import logging\nlogging.warning('careful')",
    "for i in range(3):\n    print(i, end=' ', flush=True)\nsys.stderr.write('err\\n');",
    "%who_ls DataFrame",
    "get_ipython().__class__.__name__, '__file__' in globals(), __name__",
    "frame.nothing",
]


def kind_of(output):
    return output.get("name") or output.output_type.removeprefix("execute_").removesuffix("_data")


@pytest.mark.row(16)
def test_an_ordinary_notebook_of_ipykernel_runs_unmodified():
    """Magics, shell, tables, figures, await, captured output: what is shown is of the kinds that ipykernel shows."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    from nbclient import NotebookClient

    document = notebook(*UNMODIFIED, kernel="test-python")
    document.cells.insert(0, new_markdown_cell("# A notebook"))
    NotebookClient(document, timeout=120, allow_errors=True).execute()
    cells = document.cells[1:]
    kinds = [[kind for kind, _ in groupby(map(kind_of, cell.outputs))] for cell in cells]
    expected = (
        "- - result result display display display stdout result stdout stdout,result stdout - "
        "result result stderr stdout,stderr result result error"
    )
    assert [",".join(kind) or "-" for kind in kinds] == expected.split()
    assert "text/html" in cells[2].outputs[0].data and "text/html" in cells[3].outputs[0].data
    assert "image/png" in cells[4].outputs[0].data and "image/png" in cells[5].outputs[0].data
    assert "Wall time" in text_of(cells[7])
    assert text_of(cells[8]) == "499500"
    assert text_of(cells[9]) == "from bash\n"
    # A terminal's line ends: ipykernel runs commands in one too.
    assert text_of(cells[10]).replace("\r", "") == "from the shell\n['one two']"
    assert text_of(cells[13]) == "('captured\\n', True, 'get_ipyth')"
    assert text_of(cells[14]) == "'awaited'"
    assert text_of(cells[15]) == "WARNING:root:careful\n"
    assert text_of(cells[17]) == "['frame']"
    assert text_of(cells[18]) == "('ZMQInteractiveShell', False, '__main__')"
    assert text_of(cells[19]) == "AttributeError"


# What a notebook of the repository shows, where it is the same everywhere: (cell of code, text).
SHOWN = {
    "desk": [
        (2, "48000"),
        (5, "{3: 0.867, 4: 0.406, 5: 0.091, 6: 0.014, 7: 0.002, 8: 0.001}"),
        (6, "6 agents: 1.4 % wait for more than 5 minutes.\n:ok"),
    ],
    "wine": [
        (0, "%{seed: 7, test_size: 0.25, trees: 60}"),
        (3, "{'Grignolino': 71, 'Barolo': 59, 'Barbera': 48}"),
        (9, "strongest on average: Barolo / BAROLO\n"),
        (10, "(133, 45)"),
        (15, "{45, 45}"),
    ],
}


# What is not among the packages of these tests.
NEEDED = {"algebra": "sympy", "routes": "networkx"}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")))
def test_the_repositorys_notebooks_run(name):
    pytest.importorskip(NEEDED.get(name, "sklearn"))
    from nbclient import NotebookClient

    document = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)
    NotebookClient(document, timeout=120, kernel_name="test-elixir").execute()
    code = [cell for cell in document.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    shown = SHOWN.get(name, [])
    assert [(at, text_of(code[at])) for at, _ in shown] == shown

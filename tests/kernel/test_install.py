"""Kernelspecs: in environments, under odd paths, with Jupyter's own commands; and what `doctor` says of them."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROGRAM, ROOT

pytestmark = pytest.mark.row(23)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A user with no kernels, in a folder of no environment."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snakebridge(*arguments, program=PROGRAM, **env):
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60, env={**os.environ, **env}
    )


def installed(*arguments, **options):
    done = snakebridge("kernel", "install", "--no-labextension", *arguments, **options)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[0].removeprefix("installed the kernel in "))
    return folder, json.loads((folder / "kernel.json").read_text())


def option(spec, name):
    return spec["argv"][spec["argv"].index(name) + 1] if name in spec["argv"] else None


def environment(folder, python=None):
    """The layout that venv, uv and conda share; `python` stands for its interpreter."""
    program = folder / "bin/python"
    program.parent.mkdir(parents=True)
    if python is None:
        program.symlink_to(sys.executable)
        (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
    else:
        program.write_text(f"#!/bin/sh\n{python}\n")
        program.chmod(0o755)
    return program


def test_into_an_environment_with_its_python(place):
    python = environment(place / "an env")
    folder, spec = installed("--sys-prefix", VIRTUAL_ENV=str(place / "an env"))
    assert folder == place / "an env/share/jupyter/kernels/snakebridge"
    assert option(spec, "--python") == str(python)
    # Without it each start takes the environment in use.
    _, spec = installed("--prefix", place / "other")
    assert option(spec, "--python") is None


def test_into_an_environment_of_conda(place):
    python = environment(place / "conda", python=f"printf %s '{place}/conda'")
    folder, spec = installed("--sys-prefix", "--language", "python", CONDA_PREFIX=str(place / "conda"))
    assert folder == place / "conda/share/jupyter/kernels/snakebridge-python"
    assert option(spec, "--python") == str(python)


def test_where_python_says_its_prefix_is(place):
    """The program of a version manager stands for one elsewhere."""
    environment(place / "shims", python=f"printf %s '{place}/real'")
    folder, _ = installed("--sys-prefix", "--python", place / "shims/bin/python")
    assert folder.is_relative_to(place / "real")


def test_a_python_by_its_bare_name_or_folder(place):
    python = environment(place / "env")
    _, spec = installed("--python", "python", PATH=f"{python.parent}:{os.environ['PATH']}")
    assert option(spec, "--python") == str(python)
    _, spec = installed("--python", "env")
    assert option(spec, "--python") == str(python)
    refused = snakebridge("kernel", "install", "--python", "nowhere")
    assert refused.returncode != 0 and "nowhere" in refused.stderr and "hint:" in refused.stderr


def test_jupyters_commands_know_it(place):
    installed("--name", "MyKernel", "--display-name", "Mine", "--env", "A=b=c", "--env", "SPACED=x y")

    def kernelspec(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_client.kernelspecapp", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    found = json.loads(kernelspec("list", "--json"))["kernelspecs"]["mykernel"]
    assert found["spec"]["display_name"] == "Mine"
    assert found["spec"]["env"] == {"A": "b=c", "SPACED": "x y"}
    assert found["spec"]["interrupt_mode"] == "message"
    assert sorted(path.name for path in Path(found["resource_dir"]).glob("logo-*")) == [
        "logo-32x32.png",
        "logo-64x64.png",
        "logo-svg.svg",
    ]
    kernelspec("remove", "-f", "mykernel")
    assert "no kernel is installed" in snakebridge("kernel", "list").stdout
    installed("--name", "MyKernel")
    assert snakebridge("kernel", "uninstall", "MyKernel").returncode == 0
    assert "no kernel is installed" in snakebridge("kernel", "list").stdout


def test_kernels_of_others_and_places_that_cannot_be_written_to(place):
    folder = place / "data/kernels/python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text('{"argv": ["python"], "display_name": "P", "language": "python"}')
    taken = snakebridge("kernel", "install", "--name", "python3")
    assert taken.returncode != 0 and "--name" in taken.stderr
    (place / "file").write_text("")
    nowhere = snakebridge("kernel", "install", "--prefix", place / "file")
    assert nowhere.returncode != 0 and str(place / "file") in nowhere.stderr and "--user" in nowhere.stderr
    odd = snakebridge("kernel", "install", "--name", "a b")
    assert odd.returncode != 0 and "a b" in odd.stderr


def test_a_program_that_moved_is_told_and_installed_again(place):
    old, new = place / "old place/bin/snakebridge", place / "new/bin/snakebridge"
    for program in (old, new):
        program.parent.mkdir(parents=True)
    try:
        os.link(PROGRAM, old)
    except OSError:
        shutil.copy(PROGRAM, old)
    _, spec = installed("--language", "python", program=old, SNAKEBRIDGE_HOME=str(ROOT))
    assert spec["argv"][0] == str(old)
    assert "gone" not in snakebridge("kernel", "list").stdout
    old.rename(new)
    assert f"{old} is gone: install it again" in snakebridge("kernel", "list").stdout
    doctor = snakebridge("doctor").stdout
    assert f"needs {old}, which is gone" in doctor
    assert "kernel install --name snakebridge-python --language python" in doctor
    _, spec = installed("--language", "python", program=new, SNAKEBRIDGE_HOME=str(ROOT))
    assert spec["argv"][0] == str(new)
    assert "gone" not in snakebridge("kernel", "list").stdout


def test_the_doctor_looks_at_kernels(place):
    assert "hint: snakebridge kernel install" in snakebridge("doctor").stdout
    fine = environment(place / "fine")
    installed("--name", "fine", "--python", fine)
    old = environment(place / "old", python="echo 3.8.10")
    installed("--name", "old", "--python", old)
    told = snakebridge("doctor", "--python", fine).stdout
    lines = [line for line in told.splitlines() if line.startswith("kernel")]
    assert "ok" in lines[0] and "elixir cells" in lines[0]
    assert "would not start: 3.8.10" in lines[1]
    shutil.rmtree(place / "fine")
    assert f"needs {fine}, which is gone" in snakebridge("doctor").stdout


@pytest.mark.row(26)
def test_a_kernel_under_a_path_with_spaces_runs(place):
    """Python's, and the folder of the notebook."""
    import nbformat
    from nbclient import NotebookClient

    python = environment(place / "py env")
    installed("--name", "spaced", "--python", python)
    document = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("%%python\nimport sys, os\n[sys.prefix, os.getcwd()]")]
    )
    folder = place / "my notebooks"
    folder.mkdir()
    client = NotebookClient(
        document, kernel_name="spaced", timeout=60, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    (output,) = document.cells[0].outputs
    assert ast.literal_eval(output.data["text/plain"]) == [str(place / "py env"), str(folder)]

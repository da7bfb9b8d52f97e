"""kernel_info: what clients are told, at once and when the languages are up."""

import json

import pytest
from conftest import plain


def info(kernel, channel):
    message = kernel.client.session.msg("kernel_info_request", {})
    getattr(kernel.client, f"{channel}_channel").send(message)
    get = kernel.client.get_control_msg if channel == "control" else kernel.shell
    reply = get(timeout=30)
    assert reply["parent_header"]["msg_id"] == message["header"]["msg_id"]
    return reply


@pytest.mark.row(26)
@pytest.mark.parametrize("language", ["elixir", "python"])
def test_all_that_tools_read_is_there(request, language):
    kernel = request.getfixturevalue(language)
    version = {
        "elixir": plain(kernel.text("%%elixir\nSystem.version()")[1]).strip('"'),
        "python": kernel.text("%%python\nimport platform; platform.python_version()")[1].strip("'"),
    }
    on_shell, on_control = info(kernel, "shell"), info(kernel, "control")
    content = on_shell["content"]
    assert content == on_control["content"]
    assert content["status"] == "ok"
    # What is claimed is what is spoken.
    assert content["protocol_version"] == on_shell["header"]["version"]
    assert content["implementation"] == "snakebridge"
    language_info = content["language_info"]
    assert language_info["name"] == language
    assert language_info["version"] == version[language]
    expected = {
        "elixir": (".exs", "text/x-elixir", "elixir", "elixir", "script"),
        "python": (".py", "text/x-python", "ipython3", {"name": "ipython", "version": 3}, "python"),
    }[language]
    keys = ("file_extension", "mimetype", "pygments_lexer", "codemirror_mode", "nbconvert_exporter")
    assert tuple(language_info[key] for key in keys) == expected
    assert all(number in content["banner"] for number in version.values())
    assert all(link["url"].startswith("https://") for link in content["help_links"])
    minor = ".".join(version["python"].split(".")[:2])
    assert f"https://docs.python.org/{minor}/" in [link["url"] for link in content["help_links"]]


@pytest.mark.row(1)
def test_it_is_answered_before_the_languages_are_up(tmp_path, installed):
    """Interpreters that start and never say a word: the kernel answers, with the versions that their files tell."""
    from jupyter_client.manager import KernelManager

    python = tmp_path / "venv/bin/python"
    elixir = tmp_path / "elixir/bin/elixir"
    for program in (python, elixir):
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\nexec sleep 600\n")
        program.chmod(0o755)
    (tmp_path / "venv/pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.34\n")
    app = tmp_path / "elixir/lib/elixir/ebin/elixir.app"
    app.parent.mkdir(parents=True)
    app.write_text('{application,elixir,[{vsn,"1.17.56"}]}.\n')
    folder = installed / "kernels/test-silent"
    folder.mkdir(exist_ok=True)
    spec = json.loads((installed / "kernels/test-elixir/kernel.json").read_text())
    options = ["--python", str(python), "--elixir", str(elixir)]
    spec["argv"] = [spec["argv"][0], "kernel", "run", *options, "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps(spec))

    manager = KernelManager(kernel_name="test-silent")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.kernel_info()
        content = client.get_shell_msg(timeout=20)["content"]
        assert content["language_info"]["version"] == "1.17.56"
        assert "Python 3.12.34" in content["banner"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
